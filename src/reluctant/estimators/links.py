"""Losses whose network is the logarithm of a mean: exposures, the mean itself, and the deviance that it explains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length

from reluctant.arrays import Array
from reluctant.regression.losses import LOSSES
from reluctant.regression.protocol import Link, Loss
from reluctant.validation import as_floats, check_weights

LINKED = ("poisson", "gamma")


def link_of(loss: Any) -> Link:
    """The link of the loss of a name, or of a loss; that of what is no loss is the identity."""
    kind = LOSSES.get(loss) if isinstance(loss, str) else loss
    return getattr(kind, "link", "identity")


def checked_exposure(exposure: Any, n_rows: int, link: Link) -> Array | None:
    """The exposure (N,) of each row, finite and positive; None where none was given.

    Raises
    ------
    ValueError
        If the loss has no log link, or an exposure is no positive number; the message names the row.
    """
    if exposure is None:
        return None
    if link != "log":
        raise ValueError(f"exposure multiplies a mean and wants a log link: loss={' or '.join(map(repr, LINKED))}")
    floats = as_floats(exposure, "exposure")
    if floats.shape != (n_rows,):
        raise ValueError(f"exposure must hold {n_rows} numbers, one for each row, got shape {floats.shape}")
    wrong = floats <= 0.0
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"exposure must be positive, got {floats[row]:g} at row {row}; leave rows without any out")
    return floats


def per_exposure(targets: Array, weights: Array, exposure: Array | None, loss: Loss) -> tuple[Array, Array]:
    """Targets (N, m) and weights with which a network without exposures is the one that exposures e ask for.

    A loss of degree k has loss(f + log e, y) = e^k loss(f, y / e): e is an offset of log e beside the network.
    """
    if exposure is None:
        return targets, weights
    with np.errstate(over="ignore"):
        targets, weights = targets / exposure[:, None], weights * exposure**loss.degree
    loss.check(targets)
    return targets, check_weights(weights, len(weights), least=1)


def check_not_all_zero(targets: Array, weights: Array) -> None:
    """Raise a ValueError where a column of targets has no logarithm of its mean."""
    empty = (targets[weights > 0.0] == 0.0).all(axis=0)
    if empty.any():
        named = f"column {int(np.argmax(empty))} of y" if targets.shape[1] > 1 else "y"
        raise ValueError(f"{named} is 0 in every row, whose mean has no logarithm; give rows with events")


def means(f: Array, exposure: Array | None) -> Array:
    """e^f, times the exposure.

    Raises
    ------
    ValueError
        If one is beyond float64; the message names the row.
    """
    with np.errstate(over="ignore"):
        mean = np.exp(f) if exposure is None else np.exp(f) * exposure[:, None]
    beyond = ~np.isfinite(mean).all(axis=1)
    if beyond.any():
        row = int(np.argmax(beyond))
        raise ValueError(f"the mean at row {row} of X is exp({f[row].max():.4g}), beyond float64; replace that row")
    return mean


def explained_deviance(f: Array, y: ArrayLike, weights: Array, exposure: Array | None, loss: Loss) -> float:
    """D² = 1 − deviance of the network / deviance of the best constant, all outputs together.

    1 where both are zero, and 0 where that of the constant alone is.
    """
    targets = as_floats(y, "y")
    check_consistent_length(f, targets)
    targets = targets.reshape(len(f), -1)
    loss.check(targets)
    targets, weights = per_exposure(targets, weights, exposure, loss)
    mean = np.average(targets, axis=0, weights=weights)
    constant = np.log(np.maximum(mean, np.finfo(float).tiny))
    left = float(np.average(loss.values(f, targets), weights=weights))
    whole = float(np.average(loss.values(np.broadcast_to(constant, f.shape), targets), weights=weights))
    if whole > 0.0:
        return 1.0 - left / whole
    return 1.0 if left <= 0.0 else 0.0
