"""Wide tables: the inputs that alone explain most of the targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.regression.model import Rows

Array = NDArray[np.float64]

KNOTS = (0.25, 0.5, 0.75)
"""Quantiles of an input at which its own function may bend."""


def most_explaining(rows: Rows, n_kept: int) -> NDArray:
    """Indices of the inputs whose own piecewise-linear functions explain most of some target, rising.

    Each input x_j is scored by the share of a target's variance that 1, x_j and (x_j − q)_+ at its quartiles q explain
    by weighted least squares, the greatest over the targets. What acts only together with others is missed.
    """
    scores = np.array([_explained(rows.inputs[:, j], rows) for j in range(rows.n_inputs)])
    return np.sort(np.argsort(-scores, kind="stable")[:n_kept])


def _explained(x: Array, rows: Rows) -> float:
    """Largest share of a target's variance explained by a piecewise-linear function of x."""
    root = np.sqrt(rows.weights)[:, None]
    features = np.column_stack([np.ones_like(x), x, *(np.maximum(x - q, 0.0) for q in np.quantile(x, KNOTS))])
    centred = (rows.targets - np.average(rows.targets, axis=0, weights=rows.weights)) * root
    basis, triangle = np.linalg.qr(features * root)
    basis = basis[:, np.abs(np.diag(triangle)) > 1e-9 * np.abs(triangle).max(initial=1e-300)]
    total = np.sum(centred**2, axis=0)
    explained = np.sum((basis.T @ centred) ** 2, axis=0)
    return float(np.max(np.divide(explained, total, out=np.zeros_like(total), where=total > 0.0)))
