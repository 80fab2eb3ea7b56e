"""Activation patterns 1[X̄u ≥ 0] of a data set, enumerated in exact arithmetic.

The points cut the space of hinges u into open cells. Every pattern is the pattern of a cell: the last column
of X̄ is one, so raising the bias of u moves all points on its hinge to the active side and leaves the others
where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from reluctant.arrays import Array

Row = tuple[int, ...]
Cell = tuple[Row, Row]  # signs on the rows, a vector inside


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
