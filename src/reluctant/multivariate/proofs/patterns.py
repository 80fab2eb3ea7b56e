"""Activation patterns 1[X̄u ≥ 0] of a data set, enumerated in exact arithmetic.

The points cut the space of hinges u into open cells. Every pattern is the pattern of a cell: the last column
of X̄ is one, so raising the bias of u moves all points on its hinge to the active side and leaves the others
where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, gcd

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Mask
from reluctant.multivariate.points import homogeneous

Row = tuple[int, ...]
Cell = tuple[Row, Row]  # signs on the rows, a vector inside


def pattern_count(n_points: int, n_inputs: int) -> int:
    """2 Σ_{k ≤ d} C(N − 1, k): patterns of N points in general position in R^d (Cover 1965), a bound for all others.

    Examples
    --------
    >>> pattern_count(4, 2)
    14
    """
    return 2 * sum(comb(n_points - 1, k) for k in range(n_inputs + 1))


def enumerate_patterns(X: ArrayLike) -> tuple[Mask, Array]:
    """All activation patterns 1[X̄u ≥ 0] of the rows of X.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Inputs; repeated, collinear and otherwise degenerate rows are welcome.

    Returns
    -------
    patterns : ndarray of bool, shape (J, N)
        Distinct patterns in lexicographic order, the all-false and the all-true one among them.
    representatives : ndarray, shape (J, d + 1)
        A hinge u inside the cell of every pattern, largest entry one, rounded to float64; the rounding
        matters only where a cell is narrower than float64 resolves.

    Raises
    ------
    ValueError
        If X is not a finite table.

    Notes
    -----
    A row h added to an arrangement splits exactly the cells that its hyperplane h·u = 0 meets, and these are the
    cells of the arrangement the earlier rows induce on that hyperplane, one dimension lower. The recursion runs on
    integers (every float64 is one, scaled), so nothing is decided by rounding.

    Examples
    --------
    >>> patterns, u = enumerate_patterns([[0.0], [1.0], [1.0]])
    >>> patterns.astype(int)
    array([[0, 0, 0],
           [0, 1, 1],
           [1, 0, 0],
           [1, 1, 1]])
    """
    cells = sorted(arrangement_cells(integer_rows(homogeneous(X))))
    patterns = np.array([[s > 0 for s in signs] for signs, _ in cells])
    return patterns, np.array([_direction(u) for _, u in cells])


def neighbours(patterns: Mask, X: ArrayLike) -> list[tuple[int, int, int]]:
    """Pairs of patterns whose cells share a facet: they differ at one data point and its copies.

    Parameters
    ----------
    patterns : ndarray of bool, shape (J, N)
        All patterns of X.
    X : array_like, shape (N, d)

    Returns
    -------
    list of (j, k, i)
        Crossing the hinge of point i (the first of its copies) switches it on and leads from pattern j to
        pattern k.

    Examples
    --------
    >>> X = [[0.0], [1.0]]
    >>> neighbours(enumerate_patterns(X)[0], X)
    [(0, 2, 0), (0, 1, 1), (1, 3, 0), (2, 3, 1)]
    """
    _, first, copy_of = np.unique(homogeneous(X), axis=0, return_index=True, return_inverse=True)
    copies = [(int(i), copy_of == copy_of[i]) for i in np.sort(first)]
    index = {pattern.tobytes(): j for j, pattern in enumerate(patterns)}
    found = []
    for j, pattern in enumerate(patterns):
        for i, same in copies:
            if not pattern[i]:
                k = index.get((pattern | same).tobytes())
                if k is not None:
                    found.append((j, k, i))
    return found


def integer_rows(rows: Array) -> list[Row]:
    """Every row times a power of two that makes it integral; signs of row · u are unchanged."""
    return [_integral(row) for row in rows.tolist()]


def arrangement_cells(rows: Sequence[Row]) -> list[Cell]:
    """Signs on `rows` (0 on zero rows, else ±1) and an inner vector for every cell of the hyperplanes row · u = 0."""
    lines: list[Row] = []
    which: list[
        tuple[int, int]
    ] = []  # every row is `sign` times (a positive multiple of) a line; sign 0 for a zero row
    for row in rows:
        line, sign = _line(row)
        if sign and line not in lines:
            lines.append(line)
        which.append((lines.index(line), sign) if sign else (0, 0))
    return [
        (tuple(sign * signs[k] if sign else 0 for k, sign in which), u)
        for signs, u in _cells_of_lines(lines, len(rows[0]) if rows else 0)
    ]


def _cells_of_lines(lines: Sequence[Row], n: int) -> list[Cell]:
    """Cells of hyperplanes in R^n whose normals are nonzero and pairwise independent."""
    cells: list[Cell] = [((), (0,) * n)]
    for k, h in enumerate(lines):
        restricted = arrangement_cells([_restrict(row, h) for row in lines[:k]]) if k else [((), (0,) * (n - 1))]
        cut = {signs: _lift(v, h) for signs, v in restricted}
        grown = []
        for signs, u in cells:
            if signs in cut:
                on_hinge = cut[signs]
                grown.append(((*signs, 1), _step(on_hinge, h, lines[:k])))
                grown.append(((*signs, -1), _step(on_hinge, tuple(-a for a in h), lines[:k])))
            else:
                grown.append(((*signs, 1 if _dot(h, u) > 0 else -1), u))
        cells = grown
    return cells


def _restrict(row: Row, h: Row) -> Row:
    """Coefficients of row · u on the hyperplane h · u = 0 in the coordinates of `_lift`."""
    q = _pivot(h)
    size, sign = abs(h[q]), 1 if h[q] > 0 else -1
    return tuple(size * a - sign * row[q] * b for j, (a, b) in enumerate(zip(row, h)) if j != q)


def _lift(v: Row, h: Row) -> Row:
    """Point of the hyperplane h · u = 0 whose coordinates other than the pivot are |h_q| v."""
    q = _pivot(h)
    size, sign = abs(h[q]), 1 if h[q] > 0 else -1
    rest = h[:q] + h[q + 1 :]
    u = [size * a for a in v]
    return (*u[:q], -sign * _dot(rest, v), *u[q:])


def _step(u: Row, h: Row, others: Sequence[Row]) -> Row:
    """A positive multiple of u + 2^k h with 2^k so small that no other sign changes, yet not much smaller."""
    reaches = [(abs(_dot(row, u)), 2 * abs(_dot(row, h))) for row in others]
    reaches.append((max(map(abs, u)), max(map(abs, h))))
    k = min((_log2(there) - _log2(speed) - 1 for there, speed in reaches if there and speed), default=0)
    return _primitive(tuple((a << max(-k, 0)) + (b << max(k, 0)) for a, b in zip(u, h)))


def _log2(a: int) -> int:
    return a.bit_length() - 1


def _pivot(h: Row) -> int:
    return next(j for j, a in enumerate(h) if a)


def _line(row: Row) -> tuple[Row, int]:
    """The row as a primitive vector with positive first nonzero entry, and the sign taken out (0 for a zero row)."""
    line = _primitive(row)
    leading = next((a for a in line if a), 0)
    return (line, 1) if leading > 0 else (tuple(-a for a in line), -1 if leading else 0)


def _primitive(row: Row) -> Row:
    divisor = gcd(*row)
    return tuple(a // divisor for a in row) if divisor > 1 else row


def _dot(a: Row, b: Row) -> int:
    return sum(x * y for x, y in zip(a, b))


def _integral(row: list[float]) -> Row:
    ratios = [a.as_integer_ratio() for a in row]
    denominator = max(q for _, q in ratios)  # powers of two: the largest is a multiple of all
    return tuple(p * (denominator // q) for p, q in ratios)


def _direction(u: Row) -> list[float]:
    largest = max(map(abs, u))
    return [a / largest for a in u]
