"""What is kept of one method on one fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOLDS = 5


@dataclass(frozen=True)
class Outcome:
    """One method on one fold. `score` is R² or accuracy; times are CPU seconds and microseconds a row.

    `calibration_gaps` holds, for each bin of confidence, right answers minus summed confidence, over `n_rows` rows, and
    `calibration_variances` what their variances would be were every confidence right; older files are without.
    """

    score: float
    n_rows: int
    log_loss: float | None
    calibration_gaps: list[float] | None
    n_parameters: int
    n_neurons: int | None
    fit_seconds: float
    predict_microseconds: float
    weight_decay: float | None
    calibration_variances: list[float] | None = None


def calibration(y: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> tuple[list[float], list[float]]:
    """Right answers minus confidence c of each bin, and Σ c (1 − c)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    summed = [np.bincount(bin_of, of_row, bins) for of_row in (right - confidence, confidence * (1 - confidence))]
    return summed[0].tolist(), summed[1].tolist()
