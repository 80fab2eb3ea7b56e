"""The generic bound: what almost every choice of labels needs, and of which labels at hand that speaks (ours)."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index, Mask
from reluctant.multivariate.aim import Count
from reluctant.multivariate.points import INTERPOLATES, homogeneous, label_size
from reluctant.multivariate.proofs.affine import ROUNDOFF, centred

_FITS = 200
"""Weighted fits on the way to an affine function that meets as many labels as it can; each is a small problem."""
_ROWS_LEFT_OUT = 2000
"""Up to so many rows each is left out of a fit once; it takes the square of their number."""
_SETTLED = 0.01
"""They end when the rest changes by less than this part of the tolerance."""


def generic_bound(
    quantity: Count, X: ArrayLike, y: ArrayLike | None = None, *, n_outputs: int = 1, affine: bool = False
) -> int:
    """Fewest parameters or neurons that meet exactly almost every choice of labels at rows of X.

    For one output and a set R of rows, almost every choice of labels at R needs |R| parameters; with a free affine
    part |R| − rank X̄_R. The labels of all the outputs' sets together need the sum. Neurons have at most rank X̄ + m − 1
    parameters that matter. Without labels y, R is all rows. With them it is a largest set that the tolerance of an
    interpolant, τ = 1e-9 max|y| of each output, tells from zero and from one another: |y_i| > τ and |y_i − y_j| > 2 τ.
    The labels left out may be replaced by zeros or copies of others, which often saves parameters, and the theorem
    without them is true all the same. With an affine part R holds rows whose labels less an affine function are told
    apart, that of about the least Σ|y_i − a(x_i)| or one that leaves a row out, and beside them as many independent
    others as there are.

    Proof. There are finitely many sets of patterns and supports. With c parameters each reaches, at the rows R of
    every output, labels in a set of dimension at most c, plus Σ rank X̄_R with a free affine part. A finite union of
    sets of lower dimension has volume zero.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : array_like, shape (N, d)
        Repeated rows count once; rank X̄ is that of the columns centred and brought to size one.
    y : array_like, shape (N,) or (N, m), optional
        Equal at equal rows.
    n_outputs : int
        m, where there is no y.
    affine : bool
        Whether a free affine part is added.

    Examples
    --------
    >>> X = np.arange(20.0).reshape(10, 2) ** 2
    >>> generic_bound("parameters", X), generic_bound("neurons", X), generic_bound("parameters", X, affine=True)
    (10, 4, 7)

    One label of 1e12 hides labels of size one, which an interpolant may miss by 1000:

    >>> generic_bound("parameters", X, [1e12, 1.0, -3.0, 2.0, 5.0, 0.3, 0.1, 7.0, -2.0, 4.0])
    1
    """
    if quantity not in ("parameters", "neurons"):
        raise ValueError(f"quantity must be 'parameters' or 'neurons', got {quantity!r}")
    rows, first = np.unique(homogeneous(X), axis=0, return_index=True)
    columns = centred(rows[:, :-1])[0]
    if y is None:
        needed = n_outputs * [len(rows) - (_rank(columns) if affine else 0)]
    else:
        needed = [_needed(columns, labels, band, affine) for labels, band in _outputs(y, first)]
    parameters, outputs = sum(needed), sum(n > 0 for n in needed)
    return parameters if quantity == "parameters" else ceil(parameters / max(_rank(columns) + outputs - 1, 1))


def _outputs(y: ArrayLike, first: Index) -> list[tuple[Array, float]]:
    """Labels at distinct rows and tolerance of every output."""
    labels = np.asarray(y, dtype=np.float64)
    labels = labels.reshape(len(labels), -1)
    return list(zip(labels[first].T, INTERPOLATES * label_size(labels)))


def _needed(columns: Array, labels: Array, band: float, affine: bool) -> int:
    """Parameters that the labels of one output need generically, where they are told apart."""
    if not affine:
        return int(np.count_nonzero(_told_apart(labels, band)))
    rests = _robust_rest(columns, labels, band), _rest_without_a_row(columns, labels)
    apart = min((_told_apart(rest, band) for rest in rests), key=np.count_nonzero)
    # With R the rows told apart and B independent others, R and B have the rank of all rows.
    return int(np.count_nonzero(apart)) + _rank(columns[~apart]) - _rank(columns)


def _told_apart(labels: Array, band: float) -> Mask:
    """A largest set of labels further than `band` from zero and than twice that from one another."""
    chosen = np.zeros(len(labels), bool)
    last = -np.inf
    for i in np.argsort(labels):
        if abs(labels[i]) > band and labels[i] - last > 2 * band:
            chosen[i], last = True, labels[i]
    return chosen


def _robust_rest(columns: Array, labels: Array, band: float) -> Array:
    """Labels less an affine function of about the least absolute error, by least squares with weights 1 / |rest|.

    Every fit corrects the one before, so that the rounding of a badly weighted one does not stay.
    """
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    Q = left[:, singular > len(labels) * ROUNDOFF * singular[0]]
    rest = labels - Q @ (Q.T @ labels)
    for _ in range(_FITS):
        size = np.maximum(np.abs(rest), max(band, np.finfo(float).tiny))
        weighted = Q / (size / size.max())[:, None]
        change = Q @ np.linalg.solve(Q.T @ weighted, weighted.T @ rest)
        rest = rest - change
        if np.abs(change).max() <= _SETTLED * band:
            break
    return rest


def _rest_without_a_row(columns: Array, labels: Array) -> Array:
    """Labels less the least-squares function of all rows but the one whose absence leaves the least absolute error.

    One label far above the others, at a row of high leverage, bends the function of least absolute error too.
    """
    if len(labels) > _ROWS_LEFT_OUT:
        return labels
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    Q = left[:, singular > len(labels) * ROUNDOFF * singular[0]]
    hat = Q @ Q.T
    rest, own = labels - hat @ labels, 1.0 - np.diag(hat)
    share = np.divide(rest, own, out=np.zeros_like(rest), where=own > len(labels) * ROUNDOFF)
    rests = rest + (hat * share).T  # row i: without row i
    best = np.argmin(np.abs(rests).sum(axis=1) - np.abs(np.diag(rests)))
    without = np.arange(len(labels)) != best
    change = np.linalg.lstsq(Q[without], rests[best][without], rcond=None)[0]  # what rounding left
    return np.asarray(rests[best] - Q @ change)


def _rank(columns: Array) -> int:
    return int(np.linalg.matrix_rank(columns)) if columns.size else 0
