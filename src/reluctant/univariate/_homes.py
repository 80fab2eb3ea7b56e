"""Hot loops for networks without an affine part: where the neurons may face away from, and what that costs.

Without an affine part the weights of the neurons that face left sum to minus the slope at −∞. That holds where all on
one side of a flat stretch face away from it. The stretch may be a link, a kink that is split into both its
orientations, or a link through one point (or none) that the knots beside it leave free.
"""

from __future__ import annotations

import numpy as np

from reluctant.compiling import SMALL, njit
from reluctant.univariate._kernels import TIE


@njit(cache=True, inline="always")
def _cost(c, p):
    """|c|^p, and 0 for c = 0."""
    if c == 0.0:
        return 0.0
    if p == 0.0:
        return 1.0
    return abs(c) if p == 1.0 else abs(c) ** p


@njit(cache=True)
def can_merge(c, solid, j):
    """Whether the jumps j and j + 1 may share a knot."""
    alike = (c[j] > 0.0 and c[j + 1] > 0.0) or (c[j] < 0.0 and c[j + 1] < 0.0)
    return alike and not (len(solid) > 0 and solid[j])


@njit(cache=True, inline="always")
def _is_between(a, b, c):
    """Whether b is strictly between a and c."""
    return a < b < c or a > b > c


@njit(cache=True, interpreted_below=SMALL)
def least_on_both_sides(c, solid, p):
    """Least Σ|c|^p of the jumps 1 … i, and of the jumps i + 1 … n − 2, for every chord i of n points."""
    n = len(c)
    before, after = np.zeros(n - 1), np.zeros(n - 1)
    for i in range(1, n - 1):
        before[i] = before[i - 1] + _cost(c[i], p)
        if i > 1 and can_merge(c, solid, i - 1):
            before[i] = min(before[i], before[i - 2] + _cost(c[i - 1] + c[i], p))
    for i in range(n - 3, -1, -1):
        after[i] = after[i + 1] + _cost(c[i + 1], p)
        if i < n - 3 and can_merge(c, solid, i + 1):
            after[i] = min(after[i], after[i + 2] + _cost(c[i + 1] + c[i + 2], p))
    return before, after


@njit(cache=True, interpreted_below=SMALL)
def best_home(s, c, solid, p, values, counts):
    """The flat stretch with the least Σ|c|^p: (left, right, pivot), the chords beside it and a point on it.

    `values` and `counts` are what `least_on_both_sides` returns for p and for 0. There is no chord −1 and no chord
    n − 1; left = right is a flat chord, pivot = −1 the crossing of the two chords. Ties go to fewer neurons, or for
    p = 0 to less total variation.
    """
    n = len(s) + 1
    best = (-1, 0, 0)
    least, second = np.inf, np.inf
    for left in range(-1, n - 1):
        for right in range(max(left, 0), min(left + 3, n - 1) + 1):
            pivot = _pivot(s, c, solid, left, right)
            if pivot < -1:
                continue
            value, count, kinks, excess = 0.0, 0.0, 0.0, 0.0
            if left >= 0:
                value, count = values[0][left] + _cost(s[left], p), counts[0][left] + _cost(s[left], 0.0)
                kinks += abs(s[left])
            if right < n - 1:
                value, count = value + values[1][right], count + counts[1][right]
                if right > left:
                    value, count = value + _cost(s[right], p), count + _cost(s[right], 0.0)
                    kinks += abs(s[right])
            if p == 0.0:
                excess = kinks - (abs(s[right] - s[left]) if left >= 0 and right < n - 1 else 0.0)
            tied = excess if p == 0.0 else count
            if value < least * (1.0 - TIE) or (value <= least * (1.0 + TIE) and tied < second):
                best, least, second = (left, right, pivot), value, tied
    return best


@njit(cache=True, inline="always")
def _pivot(s, c, solid, left, right):
    """A point on the flat stretch between two chords, −1 for the crossing of the two, −2 for no such stretch."""
    n = len(s) + 1
    step = right - left
    if step == 0:
        return left if s[left] == 0.0 else -2
    if step == 1:  # a kink at a point, or outside
        return right
    if len(solid) > 0:
        for i in range(left + 1, right):
            if solid[i]:
                return -2
    if step == 2:
        middle = s[left + 1]
        if left >= 0 and _is_between(s[left], middle, 0.0):
            return left + 2
        if right < n - 1 and _is_between(0.0, middle, s[right]):
            return left + 1
        return -1 if left >= 0 and right < n - 1 and can_merge(c, solid, left + 1) else -2
    if left < 0 or right == n - 1:
        return -2
    through = _is_between(s[left], s[left + 1], 0.0) and _is_between(0.0, s[left + 2], s[right])
    return left + 2 if through else -2
