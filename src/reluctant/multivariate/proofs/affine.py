"""Columns that span the affine functions of the data, and what they leave of the labels."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.multivariate.points import power_of_two

ROUNDOFF = float(np.finfo(float).eps)


def less_affine_part(X: Array, Y: Array, within: Array) -> tuple[Array, Array]:
    """The least squares residual R of Y, and ρ: if Y_c is affine up to a norm of within_c, |R_c| ≤ within_c + ρ_c.

    Let σ be the smallest singular value of the columns as computed, and η how far they are from the true ones. Then
    the projections on their spans differ by at most η / σ [Stewart 1977], and R_c by η / σ |Y_c|. If an output of a
    network is affine, its coefficients have |b| ≤ (|Y_c| + within_c) / (σ − η), and its sums are right to η |b|.
    """
    D, size = centred(X)
    nothing = np.zeros_like(Y), np.zeros(Y.shape[1])
    if len(D) <= D.shape[1]:
        return nothing
    Q, R = np.linalg.qr(D)
    # For the rounding of D, of its factorisation, and of w · x + b in a network, whose terms are of this size.
    eta = len(D) * ROUNDOFF * size
    smallest = np.linalg.svd(R, compute_uv=False)[-1]
    if smallest <= 2.0 * eta:
        return nothing
    return Y - Q @ (Q.T @ Y), 2.0 * eta * (np.linalg.norm(Y, axis=0) + within) / (smallest - eta)


def centred(X: Array) -> tuple[Array, float]:
    """Columns that span the affine functions of X, centred and of size one, and the norm of them before centring.

    A centre is any float and a unit a power of two, so that an entry is right to one unit roundoff of its own. Copies
    of columns and constant ones are left out.
    """
    X = np.unique(X, axis=1)
    low, high = X.min(axis=0), X.max(axis=0)
    X, low, high = (a[..., low < high] for a in (X, low, high))
    centre = 0.5 * low + 0.5 * high
    centred = X - centre
    unit = power_of_two(np.abs(centred).max(axis=0))
    ones = np.ones(len(X))
    return np.column_stack([centred / unit, ones]), float(np.linalg.norm(np.column_stack([X / unit, ones])))
