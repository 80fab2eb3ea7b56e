"""Rows that a fit keeps back, and the intervals that they calibrate."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.regression.conformal import MOST_ROWS, Calibration
from reluctant.regression.protocol import Loss
from reluctant.validation import check_level

LEAST_ROWS = 2


def kept_back(weights: Array, share: float, seed: int) -> Mask:
    """Which rows (N,) are kept back: a random share of those of positive weight, `MOST_ROWS` at most.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1, or leaves fewer than two rows on a side.
    """
    share = check_level(share, "calibration_share")
    counted: Index = np.flatnonzero(weights > 0.0)
    n_back = min(round(share * counted.size), MOST_ROWS)
    if not LEAST_ROWS <= n_back <= counted.size - LEAST_ROWS:
        raise ValueError(
            f"calibration_share = {share:g} keeps back {n_back} of {counted.size} rows; two must be kept back and two "
            "left to fit to"
        )
    back = np.zeros(len(weights), dtype=bool)
    back[np.random.default_rng([seed, 1]).choice(counted, n_back, replace=False)] = True
    return back


def calibrated(targets: Array, predicted: Array, loss: Loss) -> Calibration:
    """The calibration by targets and predictions (n, m); with a log link in units of mean^(1 − degree / 2)."""
    return Calibration.of(targets, predicted, 1.0 - 0.5 * loss.degree if loss.link == "log" else 0.0)
