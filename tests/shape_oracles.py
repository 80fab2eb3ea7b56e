"""Slow, plain answers about functions of a shape within a band; nothing in the library imports it.

A shape is a pair (slope, bend) of signs, 0 where any will do. All but the linear programs is exact rational arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np

from oracles import exact, exact_sweep

SHAPES = {
    ("increasing",): (1, 0),
    ("decreasing",): (-1, 0),
    ("convex",): (0, 1),
    ("concave",): (0, -1),
    ("increasing", "convex"): (1, 1),
    ("decreasing", "convex"): (-1, 1),
    ("concave", "increasing"): (1, -1),
    ("concave", "decreasing"): (-1, -1),
}


def upright(lo: Iterable, hi: Iterable, bend: int) -> tuple[list[Fraction], list[Fraction]]:
    """The bounds of f, or of −f where f is to be concave."""
    lo, hi = exact(lo), exact(hi)
    return (lo, hi) if bend >= 0 else ([-v for v in hi], [-v for v in lo])


def forbidding_pair(lo: Iterable, hi: Iterable, slope: int) -> tuple[int, int] | None:
    """Two rows of which no function with slopes of that sign keeps the bounds, from all pairs."""
    lo, hi = upright(lo, hi, slope)
    return next(((i, j) for i, j in combinations(range(len(lo)), 2) if slope and lo[i] > hi[j]), None)


def forbidding_triple(x: Iterable, lo: Iterable, hi: Iterable, bend: int) -> tuple[int, int, int] | None:
    """Three rows of which no function with bends of that sign keeps the bounds, from all triples."""
    x, (lo, hi) = exact(x), upright(lo, hi, bend)
    for a, b, c in combinations(range(len(x)), 3):
        if bend and lo[b] * (x[c] - x[a]) > hi[a] * (x[c] - x[b]) + hi[c] * (x[b] - x[a]):
            return a, b, c
    return None


def is_possible(x: Iterable, lo: Iterable, hi: Iterable, shape: tuple[int, int]) -> bool:
    """Whether no rows forbid the shape."""
    x, lo, hi = list(x), list(lo), list(hi)
    return forbidding_pair(lo, hi, shape[0]) is None and forbidding_triple(x, lo, hi, shape[1]) is None


def fewest_knots_of_shape(x: Iterable, lo: Iterable, hi: Iterable, shape: tuple[int, int]) -> int:
    """Fewest knots of a function of that shape within the band, at least one of which there is, exactly.

    Without a bend: the sweep from all pairs of points, between the bounds made monotone. With a bend: greedy blocks of
    rows for each of which there is a line that is beyond no bound of the one side at any row, and meets the other
    bounds in the block; whether there is one follows from all pairs of bounds, by eliminating the intercept.
    """
    slope, bend = shape
    if bend == 0:
        lo, hi = upright(lo, hi, slope)
        return exact_sweep(x, [max(lo[: i + 1]) for i in range(len(lo))], [min(hi[i:]) for i in range(len(hi))])
    x, (lo, hi) = exact(x), upright(lo, hi, bend)
    slope *= bend
    blocks, i = 0, 0
    while i < len(x):
        stop = i + 1
        while stop < len(x) and has_line(x, lo, hi, range(i, stop + 1), slope):
            stop += 1
        blocks, i = blocks + 1, stop
    return blocks - 1


def has_line(x: Sequence, lo: Sequence, hi: Sequence, block: Iterable[int], slope: int) -> bool:
    """Whether a line with a slope of that sign is ≥ lo in the block and ≤ hi everywhere."""
    steepest = [Fraction(0)] if slope < 0 else []
    shallowest = [Fraction(0)] if slope > 0 else []
    for a in block:
        if lo[a] > hi[a]:
            return False
        steepest += [Fraction(hi[b] - lo[a]) / (x[b] - x[a]) for b in range(a + 1, len(x))]
        shallowest += [Fraction(lo[a] - hi[b]) / (x[a] - x[b]) for b in range(a)]
    return not steepest or not shallowest or min(steepest) >= max(shallowest)


def least_excess_lp(x: Sequence, lo: Sequence, hi: Sequence, shape: tuple[int, int], n_knots: int) -> float:
    """By how much the best function of that shape with so many knots, anywhere, leaves the band; for few rows.

    Lines l_0 … l_K on consecutive groups of rows; between the groups l_j and l_{j+1} cross, so that their difference
    has one sign at the last row of one and the other at the first row of the next. All breaks and all signs that the
    bend allows are tried. Fewer knots are among them, as neighbouring lines may be equal.
    """
    from scipy.optimize import linprog

    (slope, bend), n, best = shape, len(x), math.inf
    n_columns = 2 * n_knots + 3
    for breaks in combinations(range(n - 1), n_knots):
        line_of = np.searchsorted(breaks, np.arange(n), side="left")
        rows, limits = [], []
        for i in range(n):
            for sign, limit in ((1.0, hi[i]), (-1.0, -lo[i])):
                row = np.zeros(n_columns)
                row[2 * line_of[i] : 2 * line_of[i] + 2] = sign, sign * x[i]
                row[-1] = -1.0
                rows.append(row)
                limits.append(limit)
        for k in range(n_knots + 1 if slope else 0):
            row = np.zeros(n_columns)
            row[2 * k + 1] = -slope
            rows.append(row)
            limits.append(0.0)
        for signs in product([-bend] if bend else [1, -1], repeat=n_knots):
            crossings = []
            for k, (end, sign) in enumerate(zip(breaks, signs)):
                for at, side in ((x[end], sign), (x[end + 1], -sign)):
                    row = np.zeros(n_columns)
                    row[2 * k : 2 * k + 4] = side, side * at, -side, -side * at
                    crossings.append(row)
            objective = np.append(np.zeros(n_columns - 1), 1.0)
            free = [(None, None)] * (n_columns - 1) + [(0.0, None)]
            found = linprog(objective, np.array(rows + crossings), limits + [0.0] * len(crossings), bounds=free)
            best = min(best, found.fun if found.status == 0 else math.inf)
    return best


Corners = list[tuple[Fraction, Fraction]]


def levelled(f: Corners, x: Sequence[Fraction], hi: Sequence[Fraction]) -> Corners:
    """The increasing function that the proof of "increasing costs no knot" makes of any f with f ≤ hi at the rows.

    It follows f while that rises and is not above the upper bounds of all later rows. Else it stays level, until the
    last row of the bound that stopped it is passed and f rises above the level. f and the result are polylines from the
    first row to the last, given by their corners.
    """
    points = [(t, value_at(f, t)) for t in sorted({t for t, _ in f} | set(x))]
    level = until = None
    if points[0][1] > min(hi):
        level, until = min(hi), last_of(min(hi), x, hi, x[0] - 1)
    g = [(points[0][0], points[0][1] if level is None else level)]
    for (a, f_a), (b, f_b) in pairwise(points):
        if level is not None:
            if a < until or f_b <= level:
                continue
            a, f_a = a + (level - f_a) * (b - a) / (f_b - f_a), level
            g.append((a, level))
            level = None
        bound = min(h for t, h in zip(x, hi) if t >= b)
        if f_b < f_a:
            level, until = f_a, a
        elif f_b > bound:
            level, until = bound, last_of(bound, x, hi, a)
            a += (bound - f_a) * (b - a) / (f_b - f_a)
        else:
            a = b
        g.append((a, f_b if level is None else level))
    return g if level is None else [*g, (points[-1][0], level)]


def value_at(f: Corners, t: Fraction) -> Fraction:
    """The value of a polyline."""
    for (a, f_a), (b, f_b) in pairwise(f):
        if a <= t <= b and a < b:
            return f_a + (f_b - f_a) * (t - a) / (b - a)
    raise ValueError(f"{t} is outside")


def last_of(bound: Fraction, x: Sequence[Fraction], hi: Sequence[Fraction], after: Fraction) -> Fraction:
    """The last x right of a point that has this upper bound."""
    return max(t for t, h in zip(x, hi) if t > after and h == bound)


def n_kinks(f: Corners) -> int:
    """How often the slope of a polyline changes."""
    slopes = [(f_b - f_a) / (b - a) for (a, f_a), (b, f_b) in pairwise(f) if b > a]
    return sum(s != t for s, t in pairwise(slopes))
