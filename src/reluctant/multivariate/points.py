"""The data of a problem in R^d: distinct rows and bands, powers of two, and what counts as met."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError
from reluctant.model.network import ReLUNetwork

INTERPOLATES = 1e-9
"""Largest error, relative to max|y|, of what counts as an interpolant."""
WIDEST = 1e100
"""Sizes of X and y up to which products of weights and data stay within float64."""


def homogeneous(X: ArrayLike) -> Array:
    """X̄ = (X, 1), shape (N, d + 1)."""
    rows = np.asarray(X, dtype=np.float64)
    return np.column_stack([rows, np.ones(len(rows))])


def check_range(X: Array, y: Array) -> None:
    """Raise a ValueError naming the argument whose sizes would leave float64 in products."""
    for name, a in (("X", X), ("y", y)):
        largest = np.abs(a).max(axis=0)
        if ((largest > WIDEST) | ((largest > 0) & (largest < 1 / WIDEST))).any():
            raise ValueError(f"{name} has a column whose largest entry is beyond {WIDEST:g}^±1; rescale it")


def distinct_rows(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """X (N, d) and y (N,) or (N, m) without the repeats of a row.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    _, first, copy_of = np.unique(X, axis=0, return_index=True, return_inverse=True)
    differs = (y != y[first][copy_of]).reshape(len(y), -1).any(axis=1)
    if differs.any():
        i = int(np.argmax(differs))
        j = int(first[copy_of[i]])
        raise InfeasibleError(
            f"rows {j} and {i} of X are equal but have y = {y[j]!s} and y = {y[i]!s}; merge them or allow a tolerance"
        )
    kept = np.sort(first)
    return X[kept], y[kept]


def distinct_bands(X: Array, y: Array, half_width: Array) -> tuple[Array, Array, Array]:
    """X (N, d), middles and half-widths, shaped like y, of the bands y ± half_width, those of equal rows intersected.

    Raises
    ------
    InfeasibleError
        If the bands of equal rows have no value in common.
    """
    rows, copy_of = np.unique(X, axis=0, return_inverse=True)
    if len(rows) == len(X):
        return X, y, half_width
    low, high = (np.full((len(rows), *y.shape[1:]), side) for side in (-np.inf, np.inf))
    np.maximum.at(low, copy_of, y - half_width)
    np.minimum.at(high, copy_of, y + half_width)
    if (low > high).any():
        row, *output = np.argwhere(low > high)[0]
        of_row, values = np.flatnonzero(copy_of == row), y[:, *output]
        i, j = sorted((int(of_row[np.argmin(values[of_row])]), int(of_row[np.argmax(values[of_row])])))
        where = f" in output {output[0]}" if output else ""
        raise InfeasibleError(
            f"rows {i} and {j} of X are equal but y = {values[i]!s} and y = {values[j]!s}{where} differ by more than "
            f"the tolerances allow; a tolerance of {abs(values[i] - values[j]) / 2:g} at both would do"
        )
    return rows, 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low


def check_bounds_meet(X: Array, lo: Array, hi: Array) -> None:
    """Raise an InfeasibleError that names two equal rows of X and bounds of theirs with no value between them."""
    _, copy_of = np.unique(X, axis=0, return_inverse=True)
    shape = (int(copy_of.max()) + 1, *lo.shape[1:])
    low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
    np.maximum.at(low, copy_of, lo)
    np.minimum.at(high, copy_of, hi)
    for row, *output in np.argwhere(low > high)[:1].tolist():
        of_row = np.flatnonzero(copy_of == row)
        i, j = int(of_row[np.argmax(lo[of_row, *output])]), int(of_row[np.argmin(hi[of_row, *output])])
        where = f" of output {output[0]}" if output else ""
        raise InfeasibleError(
            f"rows {min(i, j)} and {max(i, j)} of X are equal, but the lower bound {lo[i, *output]!s}{where} at row "
            f"{i} and the upper bound {hi[j, *output]!s} at row {j} have no value between them; widen one of them by "
            f"{lo[i, *output] - hi[j, *output]:g}"
        )


def closest_rows(rows: Array) -> float:
    """Smallest distance of two rows, relative to the largest entry of each column."""
    scaled = rows / np.maximum(np.abs(rows).max(axis=0), np.finfo(np.float64).tiny)
    gaps = np.abs(scaled[:, None, :] - scaled[None, :, :]).max(axis=2, initial=0.0)
    return float(np.min(gaps + np.where(np.eye(len(rows)) > 0, np.inf, 0.0), initial=np.inf))


def power_of_two(size: Array) -> Array:
    """The largest power of two that is at most `size`, so that scaling by it is exact; 1 where size is zero."""
    return 2.0 ** np.where(size > 0, np.frexp(size)[1] - 1, 0)


def max_error_of(network: ReLUNetwork, X: Array, y: Array, tolerance: Array | None = None) -> float:
    """max|f(x_i) − y_i|, over the targets of finite tolerance or scale if there is one; 0 for none."""
    counts = True if tolerance is None else np.isfinite(tolerance)
    return float(np.max(np.abs(network(X) - y), where=counts, initial=0.0))


def label_size(y: Array) -> Array:
    """max|y| of each output, shape () or (m,); of all of them for an output that is zero."""
    size = np.max(np.abs(y), axis=0)
    return np.where(size > 0.0, size, np.max(size))


def interpolates(network: ReLUNetwork, X: Array, y: Array) -> bool:
    """Whether it meets the labels of every output within 1e-9 max|y|."""
    return bool((np.abs(network(X) - y) <= INTERPOLATES * label_size(y)).all())
