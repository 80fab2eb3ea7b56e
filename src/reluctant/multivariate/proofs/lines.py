"""Bounds from rows on one line: what a network does along it is a function of one variable (ours).

On a line a + t b a network with K neurons is piecewise linear in t with at most K knots, as the hyperplane of a hinge
meets the line at most once; an affine part and hinges parallel to the line add none, and several outputs share the
knots. So the fewest knots that the rows of any line need, which the sweep of the line finds exactly, is a bound on
neurons. A knot at t costs one parameter only where its hinge is x_j = 0, a single weight without a bias, and two
elsewhere: with D such places between the first and the last row, k knots take at least 2 k − min(k, D) parameters.
Bounds of several lines are not added, as one hinge may cut them all. Rows count as collinear in rationals only: what
is nearly on a line proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Index
from reluctant.multivariate.aim import Count
from reluctant.multivariate.proofs.bounds import NOTHING, Bound
from reluctant.solution import counted
from reluctant.univariate import _sweep

MOST_PAIRED = 300
"""Up to so many rows all pairs are looked at for lines in any direction; beyond, lines along one input alone."""
MOST_LINES = 2_000
"""So many lines are swept at most, those of the most rows first."""

_SMALLEST = 2.0**-500
"""Numbers nearer to zero would leave the range in which the turns of the sweep are exact."""
_GRID = 2.0**26 / 1.0754877
"""Directions and places of pairs are compared in steps of this part of one; what differs less is decided exactly."""


@dataclass(frozen=True)
class RowsOnLine:
    """Rows of X, three or more, in the order in which they lie on one line, and an input that grows along it."""

    rows: Index
    along: int
    n_zeros: int  # places strictly between the ends where an input that changes is zero

    def count(self, quantity: Count, knots: int) -> int:
        """Neurons, or parameters, that so many knots take at least."""
        return knots if quantity == "neurons" else 2 * knots - min(knots, self.n_zeros)

    def in_words(self, X: Array) -> str:
        """Which rows these are."""
        first, last = X[self.rows[0]], X[self.rows[-1]]
        fixed = np.flatnonzero(first == last)
        if len(fixed) == len(first) - 1:
            where = "with " + " and ".join(f"x{j} = {first[j]:g}" for j in fixed[:3])
            where += ", …" if len(fixed) > 3 else ""
        else:
            ends = (
                "(" + ", ".join(f"{a:g}" for a in end[:4]) + (", …)" if len(end) > 4 else ")") for end in (first, last)
            )
            where = "on the line from {} to {}".format(*ends)
        return f"the {len(self.rows)} rows {where}"


def bound_on_lines(quantity: Count, X: Array, lo: Array, hi: Array) -> Bound:
    """The largest bound that rows on one line prove.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : ndarray, shape (N, d)
        Distinct rows.
    lo, hi : ndarray, shape (N,) or (N, m)
        Bounds lo_i ≤ f(x_i) ≤ hi_i that a network is to meet in exact arithmetic; infinite ones count for nothing.

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 5.0]])
    >>> y = np.array([0.0, 1.0, 0.0, 1.0, 7.0])
    >>> bound_on_lines("neurons", X, y, y).reason
    'the 4 rows with x1 = 1 need 2 knots along their line, and each neuron adds at most one'
    """
    best, line, knots = 0, None, 0
    lo, hi = (a.reshape(len(X), -1) for a in _outward(lo, hi))
    per_knot = 1 if quantity == "neurons" else 2
    for candidate in rows_on_lines(X):
        if per_knot * (len(candidate.rows) - 2) <= best:
            break  # no more knots than inner rows, and those that follow have no more of these
        k = _fewest_knots(X, lo, hi, candidate)
        if candidate.count(quantity, k) > best:
            best, line, knots = candidate.count(quantity, k), candidate, k
    if line is None:
        return NOTHING
    need = f"{line.in_words(X)} need {counted(knots, 'knots')} along their line, and each neuron adds at most one"
    if quantity == "neurons":
        return Bound(best, need)
    cheap = min(knots, line.n_zeros)
    but = f" but for {cheap} that may lie where an input is zero" if cheap else ""
    return Bound(best, f"{need}, of two parameters{but}")


def rows_on_lines(X: Array) -> Iterator[RowsOnLine]:
    """Lines through three rows or more, those of the most rows first, no more than `MOST_LINES`."""
    groups = list(_along_one_input(X))
    if len(X) <= MOST_PAIRED and X.shape[1] > 1:
        groups += _in_any_direction(X)
    groups.sort(key=len, reverse=True)
    columns: dict[int, list[int]] = {}
    for rows in groups[:MOST_LINES]:
        line = _exactly_on_line(X, rows, columns)
        if line is not None:
            yield line


def _along_one_input(X: Array) -> Iterator[Index]:
    """Groups of three rows or more that differ in one input alone, as hashes of the other inputs have it."""
    codes = np.column_stack([np.unique(column, return_inverse=True)[1] for column in X.T]).astype(np.uint64)
    repeats = np.array([np.bincount(column.astype(np.int64)).max() >= 3 for column in codes.T])
    weighted = codes * _odd_numbers(X.shape[1])
    for j in range(X.shape[1]):
        if np.delete(repeats, j).all():
            yield from _equal(np.delete(weighted, j, axis=1).sum(axis=1, dtype=np.uint64))


def _in_any_direction(X: Array) -> list[Index]:
    """Groups of three rows or more that are nearly collinear and differ in more than one input."""
    scaled = X / np.maximum(np.abs(X).max(axis=0), np.finfo(np.float64).tiny)
    i, j = np.triu_indices(len(X), 1)
    direction = scaled[j] - scaled[i]
    oblique = np.count_nonzero(X[j] != X[i], axis=1) > 1
    i, j, direction = i[oblique], j[oblique], direction[oblique]
    if not len(i):
        return []
    largest = np.argmax(np.abs(direction) > 0.5 * np.abs(direction).max(axis=1)[:, None], axis=1)
    pairs = np.arange(len(i))
    direction = direction / direction[pairs, largest][:, None]
    place = scaled[i] - scaled[i, largest][:, None] * direction
    keys = np.rint(np.column_stack([direction, place]) * _GRID).astype(np.int64).view(np.uint64)
    hashes = (keys * _odd_numbers(keys.shape[1])).sum(axis=1, dtype=np.uint64)
    return [np.unique(np.concatenate([i[group], j[group]])) for group in _equal(hashes)]


def _equal(hashes: NDArray[np.uint64]) -> Iterator[Index]:
    """Groups of three or more indices with the same hash."""
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(hashes[order]) != 0, [True]]))
    for at in np.flatnonzero(np.diff(starts) >= 3):
        yield np.sort(order[starts[at] : starts[at + 1]])


def _odd_numbers(n: int) -> NDArray[np.uint64]:
    """Odd multipliers of a hash; equal hashes of different rows are told apart later, exactly."""
    return np.random.default_rng(0).integers(1, 1 << 63, n, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _exactly_on_line(X: Array, rows: Index, columns: dict[int, list[int]]) -> RowsOnLine | None:
    """Those of the rows that lie on the line through the first two of them, in rationals; None for fewer than three.

    `columns` keeps the columns of X as integers; each may have a unit of its own.
    """
    changing = [j for j in range(X.shape[1]) if (X[rows, j] != X[rows[0], j]).any()]
    for j in changing:
        if j not in columns:
            columns[j] = _integers(X[:, j])
    points = [[columns[j][r] for j in changing] for r in rows.tolist()]
    base = points[0]
    direction = [b - a for a, b in zip(base, points[1])]
    pivot = next((q for q, b in enumerate(direction) if b), None)
    if pivot is None:
        return None
    step = direction[pivot]
    kept = [
        k
        for k, point in enumerate(points)
        if all((a - c) * step == (point[pivot] - base[pivot]) * b for a, c, b in zip(point, base, direction))
    ]
    if len(kept) < 3:
        return None
    kept.sort(key=lambda k: points[k][pivot])
    first, last = points[kept[0]], points[kept[-1]]
    zeros = {Fraction(a, a - b) for a, b in zip(first, last) if a < 0 < b or b < 0 < a}
    return RowsOnLine(rows[kept], changing[pivot], len(zeros))


def _integers(column: Array) -> list[int]:
    """The column times a power of two that makes it integral."""
    ratios = [a.as_integer_ratio() for a in column.tolist()]
    unit = max(q for _, q in ratios)
    return [p * (unit // q) for p, q in ratios]


def _outward(lo: Array, hi: Array) -> tuple[Array, Array]:
    """Bounds with those next to zero moved outward to zero or to the smallest numbers that the sweep takes."""
    lo = np.where(np.abs(lo) < _SMALLEST, np.where(lo < 0.0, -_SMALLEST, 0.0), lo)
    hi = np.where(np.abs(hi) < _SMALLEST, np.where(hi > 0.0, _SMALLEST, 0.0), hi)
    return lo, hi


def _fewest_knots(X: Array, lo: Array, hi: Array, line: RowsOnLine) -> int:
    """Knots that the output in most need of them needs along a line, exactly; 0 where the sweep is not sure to be."""
    x = X[line.rows, line.along]
    if (np.abs(x[x != 0.0]) < _SMALLEST).any():
        return 0
    most = 0
    for low, high in zip(lo[line.rows].T, hi[line.rows].T):
        counts = np.isfinite(low) & np.isfinite(high)
        if np.count_nonzero(counts) > 2:
            first, *_ = _sweep.sweep(*(np.ascontiguousarray(a[counts]) for a in (x, low, high)))
            most = max(most, len(first))
    return most
