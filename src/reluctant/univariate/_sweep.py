"""The sweep behind `approximate`: greedy longest links through a band, with exact turns.

For the current link two extremal lines are kept: the steepest feasible one, through lo_a and hi_b with a < b, and the
shallowest, through hi_a and lo_b. Their left supports move right along two hulls: the upper hull of the lower
bounds and the lower hull of the upper bounds. When a lower bound lies above the steepest line (or an upper bound below
the shallowest), that line is the link, and the next one starts at its last support b: points b … i − 1 are entered again
with one bound only, because the new link crosses the old one in [x_b, x_i] and on either side of the
crossing the other bound holds by itself.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reluctant.univariate._kernels import rounding_tolerance
from reluctant.univariate._predicates import turn

STEEPEST, SHALLOWEST = 1, -1


@njit(cache=True)
def band(x, y, tolerance, slack, rtol, x_max, y_max):  # type: ignore[no-untyped-def]
    """Bounds y_i ± max(ε_i (1 + slack), τ_i) for sorted x, with τ_i the rounding tolerance of the collinearity test."""
    n = len(x)
    lo, hi = np.empty(n), np.empty(n)
    for i in range(n):
        left, right = max(i - 1, 0), min(i + 1, n - 1)
        dx = x[right] - x[left]
        s = (y[right] - y[left]) / dx if dx > 0.0 else 0.0
        half = tolerance[i] * (1.0 + slack)
        if rtol > 0.0:
            half = max(half, rounding_tolerance(s, rtol, x_max, y_max))
        lo[i], hi[i] = y[i] - half, y[i] + half
    return lo, hi


@njit(cache=True)
def sweep(x, lo, hi):  # type: ignore[no-untyped-def]
    """Fewest links within the band lo ≤ f ≤ hi.

    Returns (first, last, kind, failed, steepest, shallowest). Link k is the extremal line `kind[k]` through bounds of
    points first[k] < last[k], for every link but the last; link k + 1 was begun because of point failed[k]. For
    the last link the supports of both extremal lines are given, (−1, −1) for one that does not exist.
    """
    n = len(x)
    first, last, failed = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    kind = np.empty(n, np.int8)
    lows, highs = np.empty(n, np.int32), np.empty(n, np.int32)
    links = 0
    i = one_sided_until = 0
    side = 0
    while True:
        # A new link; points before `one_sided_until` carry the bound of `side` only.
        low_head = low_size = high_head = high_size = 0
        max_a = max_b = min_a = min_b = -1
        kind[links] = 0
        while i < n:
            has_lo = i >= one_sided_until or side == SHALLOWEST
            has_hi = i >= one_sided_until or side == STEEPEST
            if has_lo and max_b >= 0 and turn(x[max_a], lo[max_a], x[max_b], hi[max_b], x[i], lo[i]) > 0.0:
                kind[links] = STEEPEST
                break
            if has_hi and min_b >= 0 and turn(x[min_a], hi[min_a], x[min_b], lo[min_b], x[i], hi[i]) < 0.0:
                kind[links] = SHALLOWEST
                break
            if has_hi and low_size > low_head:
                if max_b < 0 or turn(x[max_a], lo[max_a], x[max_b], hi[max_b], x[i], hi[i]) < 0.0:
                    low_head = _tangent(x, lo, lows, low_head, low_size, x[i], hi[i], -1.0)
                    max_a, max_b = lows[low_head], i
            if has_lo and high_size > high_head:
                if min_b < 0 or turn(x[min_a], hi[min_a], x[min_b], lo[min_b], x[i], lo[i]) > 0.0:
                    high_head = _tangent(x, hi, highs, high_head, high_size, x[i], lo[i], 1.0)
                    min_a, min_b = highs[high_head], i
            if has_lo:
                low_size = _push(x, lo, lows, low_head, low_size, i, 1.0)
            if has_hi:
                high_size = _push(x, hi, highs, high_head, high_size, i, -1.0)
            i += 1
        if i == n:
            break
        side = kind[links]
        first[links], last[links] = (max_a, max_b) if side == STEEPEST else (min_a, min_b)
        failed[links] = i
        one_sided_until = i
        i = np.int64(last[links])
        links += 1
    return (
        first[:links].copy(),
        last[:links].copy(),
        kind[:links].copy(),
        failed[:links].copy(),
        (max_a, max_b),
        (min_a, min_b),
    )


@njit(cache=True, inline="always")
def _tangent(x, bound, hull, head, size, px, py, sign):  # type: ignore[no-untyped-def]
    """Position in the hull from which the line to (px, py), right of it, is extremal."""
    while head + 1 < size:
        j, k = hull[head], hull[head + 1]
        if sign * turn(x[j], bound[j], x[k], bound[k], px, py) < 0.0:
            break
        head += 1
    return head


@njit(cache=True, inline="always")
def _push(x, bound, hull, head, size, i, sign):  # type: ignore[no-untyped-def]
    """Append point i to an upper (sign 1) or lower (sign −1) hull; returns the new size."""
    while size - head >= 2:
        j, k = hull[size - 2], hull[size - 1]
        if sign * turn(x[j], bound[j], x[k], bound[k], x[i], bound[i]) < 0.0:
            break
        size -= 1
    hull[size] = i
    return size + 1


@njit(cache=True)
def links_of_sweep(x, lo, hi, first, last, kind, failed, steepest, shallowest):  # type: ignore[no-untyped-def]
    """Knots, anchors and slopes of the function that a sweep found."""
    k = len(first)
    knots = np.empty(k)
    anchors = np.empty((2, k + 1))
    slopes = np.empty(k + 1)
    for j in range(k):
        anchors[0, j], anchors[1, j], slopes[j] = _extremal_line(x, lo, hi, first[j], last[j], kind[j])
    if k == 0:
        anchors[0, 0], anchors[1, 0], slopes[0] = _middle_line(x, lo, hi, steepest, shallowest)
        return knots, anchors, slopes
    # After a failure upwards the shallowest feasible line turns least, and conversely.
    a, b = shallowest if kind[k - 1] == STEEPEST else steepest
    anchors[0, k], anchors[1, k], slopes[k] = _extremal_line(x, lo, hi, a, b, -kind[k - 1])
    for j in range(k):
        b = last[j]
        pivot = hi[b] if kind[j] == STEEPEST else lo[b]
        gap = pivot - (anchors[1, j + 1] + slopes[j + 1] * (x[b] - anchors[0, j + 1]))
        knots[j] = min(max(x[b] + gap / (slopes[j + 1] - slopes[j]), x[b]), x[failed[j]])
    return knots, anchors, slopes


@njit(cache=True, inline="always")
def _extremal_line(x, lo, hi, a, b, kind):  # type: ignore[no-untyped-def]
    """(X, Y, M) of the line through the bounds of points a < b, anchored at the smaller |Y|."""
    ya, yb = (lo[a], hi[b]) if kind == STEEPEST else (hi[a], lo[b])
    slope = (yb - ya) / (x[b] - x[a])
    if abs(ya) <= abs(yb):
        return x[a], ya, slope
    return x[b], yb, slope


@njit(cache=True)
def _middle_line(x, lo, hi, steepest, shallowest):  # type: ignore[no-untyped-def]
    """Mean of the extremal lines of a band that one line crosses, anchored near its middle."""
    if len(x) == 1:
        return x[0], 0.5 * lo[0] + 0.5 * hi[0], 0.0
    x1, y1, m1 = _extremal_line(x, lo, hi, steepest[0], steepest[1], STEEPEST)
    x2, y2, m2 = _extremal_line(x, lo, hi, shallowest[0], shallowest[1], SHALLOWEST)
    middle = x[len(x) // 2]
    y = 0.5 * (y1 + m1 * (middle - x1)) + 0.5 * (y2 + m2 * (middle - x2))
    return middle, y, 0.5 * m1 + 0.5 * m2


@njit(cache=True)
def largest_excess(x, lo, hi, knots, anchors, slopes):  # type: ignore[no-untyped-def]
    """By how much the function leaves the band at worst; at most zero inside."""
    worst = -math.inf
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            k += 1
        y = anchors[1, k] + slopes[k] * (x[i] - anchors[0, k])
        worst = max(worst, lo[i] - y, y - hi[i])
    return worst
