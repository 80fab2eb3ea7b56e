"""Bounds for one ε, and the ε at which a failing triple of rows stops to fail, to the last bit.

The bounds of row i are y_i ± ε s_i rounded to float64, which only grow with ε; rows of one x share theirs. So whether a
triple fails is a question that ε answers in one direction only, and the smallest float for which it does not fail is
found on the bit patterns of floats, whose order is that of the numbers.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import SMALL, njit
from reluctant.univariate._predicates import turn
from reluctant.univariate._sweep import STEEPEST


@njit(cache=True, interpreted_below=SMALL)
def bounds(y, scale, starts, eps, lo, hi):
    """Write the bounds at every x; returns whether each x has a value between its bounds."""
    feasible = True
    for g in range(len(lo)):
        lo[g], hi[g] = _bounds_at(g, y, scale, starts, eps)
        feasible &= lo[g] <= hi[g]
    return feasible


@njit(cache=True, inline="always")
def _bounds_at(g, y, scale, starts, eps):
    low, high = -math.inf, math.inf
    for i in range(starts[g], starts[g + 1]):
        half = eps * scale[i]
        low, high = max(low, y[i] - half), min(high, y[i] + half)
    return low, high


@njit(cache=True, interpreted_below=SMALL)
def deciding_rows(y, scale, starts, eps, at, side):
    """The rows whose lower (side 1) or upper (side −1) bounds are those of the points `at`."""
    rows = np.empty(len(at), np.int64)
    for j in range(len(at)):
        g, up = at[j], side[j]
        best = -math.inf
        for i in range(starts[g], starts[g + 1]):
            bound = up * y[i] - eps * scale[i]
            if bound > best or i == starts[g]:
                best, rows[j] = bound, i
    return rows


@njit(cache=True, interpreted_below=SMALL)
def critical_values(x, y, scale, rows, kind):
    """About the ε from which on triples of rows do not fail: a hint, and no bound.

    A triple (a, b, c) fails while the middle bound is on the wrong side of the chord of the outer ones.
    """
    values = np.empty(rows.shape[1])
    for j in range(len(values)):
        a, b, c = rows[0, j], rows[1, j], rows[2, j]
        share = (x[c] - x[b]) / (x[c] - x[a])
        height = share * (y[a] - y[b]) + (1.0 - share) * (y[c] - y[b])
        width = share * scale[a] + (1.0 - share) * scale[c] + scale[b]
        values[j] = kind[j] * height / width
    return values


@njit(cache=True, interpreted_below=SMALL)
def critical_float(x, y, scale, starts, a, b, c, kind, fails, hint, holds):
    """The smallest float above `fails` for which the triple of points does not fail, or `holds` if none is smaller."""
    pattern = np.empty(3)
    bits = pattern.view(np.int64)
    pattern[0], pattern[1], pattern[2] = fails, holds, hint
    low, high, guess = bits[0], bits[1], bits[2]
    step = 1 if fails < hint < holds else high - low
    while high - low > 1:
        # Away from the hint in growing steps, until the two sides of the answer are known.
        bits[2] = guess if low < guess < high and step < high - low else low + (high - low) // 2
        if _fails(x, y, scale, starts, a, b, c, kind, pattern[2]):
            low = bits[2]
            guess = low + step
        else:
            high = bits[2]
            guess = high - step
        step = min(4 * step, high - low)
    bits[2] = high
    return pattern[2]


@njit(cache=True)
def _fails(x, y, scale, starts, a, b, c, kind, eps):
    low_a, high_a = _bounds_at(a, y, scale, starts, eps)
    low_b, high_b = _bounds_at(b, y, scale, starts, eps)
    low_c, high_c = _bounds_at(c, y, scale, starts, eps)
    if kind == STEEPEST:
        return turn(x[a], low_a, x[b], high_b, x[c], low_c) > 0.0
    return turn(x[a], high_a, x[b], low_b, x[c], high_c) < 0.0
