"""Wide tables: the inputs that alone explain most of the targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.regression.model import Rows

KNOTS = (0.25, 0.5, 0.75)
"""Quantiles of an input at which its own function may bend."""
AT_A_TIME = 50
"""Inputs scored at a time."""
REGULAR = 1e-9
"""Relative ridge that settles inputs of few values, whose features are dependent."""


def most_explaining(rows: Rows, n_kept: int) -> NDArray:
    """Indices of the inputs whose own piecewise-linear functions explain most of some target, rising.

    Each input x_j is scored by the share of a target's variance that 1, x_j and (x_j − q)_+ at its quartiles q explain
    by weighted least squares, the greatest over the targets. What acts only together with others is missed.
    """
    return best_of(explained(rows), n_kept)


def best_of(scores: Array, n_kept: int) -> NDArray:
    """Indices of the greatest scores, rising."""
    return np.sort(np.argsort(-scores, kind="stable")[:n_kept])


def explained(rows: Rows) -> Array:
    """The score of every input."""
    d = rows.n_inputs
    return np.concatenate(
        [_explained(rows.inputs[:, start : min(start + AT_A_TIME, d)], rows) for start in range(0, d, AT_A_TIME)]
    )


def _explained(columns: Array, rows: Rows) -> Array:
    """Largest share of a target's variance explained by a piecewise-linear function of each of some columns."""
    w = rows.weights / rows.total_weight
    features = np.stack([columns, *(np.maximum(columns - q, 0.0) for q in np.quantile(columns, KNOTS, axis=0))])
    features = (features - (features.transpose(0, 2, 1) @ w)[:, None, :]) * np.sqrt(w)[:, None]
    targets = (rows.targets - w @ rows.targets) * np.sqrt(w)[:, None]
    features = features.transpose(2, 0, 1)
    gram = features @ features.transpose(0, 2, 1)
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None]
    pull = features @ targets
    regular = gram + (REGULAR * size + (size == 0.0)) * np.eye(gram.shape[1])
    explained = np.sum(pull * np.linalg.solve(regular, pull), axis=1)
    total = np.sum(targets**2, axis=0)
    return np.max(np.divide(explained, total, out=np.zeros_like(explained), where=total > 0.0), axis=1)
