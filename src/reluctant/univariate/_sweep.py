"""The sweep behind `approximate`: greedy longest links through a band, with exact turns.

For the current link two extremal lines are kept: the steepest feasible one, through lo_a and hi_b with a < b, and
the shallowest, through hi_a and lo_b. Their left supports move right along two hulls: the upper hull of the lower
bounds and the lower hull of the upper bounds. When a lower bound lies above the steepest line (or an upper bound
below the shallowest), that line is the link, and the next one starts at its last support b: points b … i − 1 are
entered again with one bound only, because the new link crosses the old one in [x_b, x_i] and on either side of the
crossing the other bound holds by itself.

The hulls are walked in place: handing their arrays to a function costs several times the work itself.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.univariate._kernels import rounding_tolerance
from reluctant.univariate._predicates import turn

STEEPEST, SHALLOWEST = 1, -1

ROUNDING = 2.0**-50
"""What evaluating a link may add to a residual, relative to the values."""


@njit(cache=True)
def band(x, y, tolerance, slack, rtol, x_max, y_max):
    """Bounds y_i ± max(ε_i (1 + slack), ε_i + min(τ_i, 2^-50 max|y|), τ_i) for sorted x, and the room beyond them.

    τ_i is the rounding tolerance. In rough data the part of x in it is far more than rounding: beside a tolerance it
    counts up to as much as that of y. The room is for rounding in the solution: as much slack again, and
    ROUNDING max|y| where τ_i decides.
    """
    n = len(x)
    lo, hi, room = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        tau = _rounding_at(x, y, i, rtol, x_max, y_max)
        half, room[i] = _widened(tolerance[i], slack, tau, y_max)
        lo[i], hi[i] = y[i] - half, y[i] + half
    return lo, hi, room


@njit(cache=True)
def widened(x, lo, hi, centre, slack, rtol, x_max, y_max):
    """Bounds as far out as `band` takes y_i ± half their distance, and the room beyond them.

    A bound without another one moves by min(τ_i, 2^-50 max|y|). The centre of a row is their mean, or the finite one.
    """
    n = len(x)
    wider_lo, wider_hi, room = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        tau = _rounding_at(x, centre, i, rtol, x_max, y_max)
        half = 0.5 * hi[i] - 0.5 * lo[i]
        if half < math.inf:
            wide, room[i] = _widened(half, slack, tau, y_max)
            extra = wide - half
        else:
            extra, room[i] = min(tau, ROUNDING * y_max), ROUNDING * y_max if rtol > 0.0 else 0.0
        wider_lo[i], wider_hi[i] = lo[i] - extra, hi[i] + extra
    return wider_lo, wider_hi, room


@njit(cache=True, inline="always")
def _rounding_at(x, y, i, rtol, x_max, y_max):
    """τ_i for the slope from the row before to the row after; 0 without rounding of the data."""
    if rtol == 0.0:
        return 0.0
    left, right = max(i - 1, 0), min(i + 1, len(x) - 1)
    dx = x[right] - x[left]
    return rounding_tolerance((y[right] - y[left]) / dx if dx > 0.0 else 0.0, rtol, x_max, y_max)


@njit(cache=True, inline="always")
def _widened(half, slack, tau, y_max):
    """Half the width of a band with slack or the rounding of the data, whichever is more, and the room beyond it."""
    rounded = max(half + min(tau, ROUNDING * y_max), tau)
    if tau > 0.0 and rounded >= half * (1.0 + slack):
        return rounded, ROUNDING * y_max
    return half * (1.0 + slack), half * slack


@njit(cache=True)
def largest_known(y, tolerance):
    """The largest |y_i| that its own tolerance does not leave open."""
    largest = 0.0
    for i in range(len(y)):
        known = abs(y[i]) if abs(y[i]) > tolerance[i] else 0.0
        largest = known if known > largest else largest
    return largest


def sweep(x, lo, hi):
    """Fewest links within the band lo ≤ f ≤ hi; returns what `sweep_until` does."""
    return sweep_until(x, lo, hi, len(x))


@njit(cache=True)
def sweep_until(x, lo, hi, most):
    """Fewest links within the band lo ≤ f ≤ hi, or the first `most` of them where that is not enough.

    Returns (first, last, kind, failed, steepest, shallowest). Link k is the extremal line `kind[k]` through bounds of
    points first[k] < last[k], for every link but the last; link k + 1 was begun because of point failed[k]. For
    the last link the supports of both extremal lines are given, (−1, −1) for one that does not exist.
    """
    n = len(x)
    first, last, failed = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    kind = np.empty(n, np.int8)
    lows, highs = np.empty(n, np.int32), np.empty(n, np.int32)
    links = side = i = one_sided_until = 0
    while True:
        # A new link; points before `one_sided_until` carry the bound of `side` only.
        low_head = low_size = high_head = high_size = 0
        max_a = max_b = min_a = min_b = -1
        max_line = min_line = (0.0, 0.0, 0.0)
        kind[links] = 0
        while i < n:
            has_lo = i >= one_sided_until or side == SHALLOWEST
            has_hi = i >= one_sided_until or side == STEEPEST
            xi, lo_i, hi_i = x[i], lo[i], hi[i]
            steep, steep_margin = _line_at(xi, max_line)
            shallow, shallow_margin = _line_at(xi, min_line)
            # Turned round so that a line too steep for floats, which is NaN here, is left to the exact turn.
            if has_lo and max_b >= 0 and not lo_i <= steep - steep_margin:
                if turn(x[max_a], lo[max_a], x[max_b], hi[max_b], xi, lo_i) > 0.0:
                    kind[links] = STEEPEST
                    break
            if has_hi and min_b >= 0 and not hi_i >= shallow + shallow_margin:
                if turn(x[min_a], hi[min_a], x[min_b], lo[min_b], xi, hi_i) < 0.0:
                    kind[links] = SHALLOWEST
                    break
            if has_hi and low_size > low_head and (max_b < 0 or not hi_i >= steep + steep_margin):
                if max_b < 0 or turn(x[max_a], lo[max_a], x[max_b], hi[max_b], xi, hi_i) < 0.0:
                    while low_head + 1 < low_size:
                        j, k = lows[low_head], lows[low_head + 1]
                        if turn(x[j], lo[j], x[k], lo[k], xi, hi_i) > 0.0:
                            break
                        low_head += 1
                    max_a, max_b = lows[low_head], i
                    max_line = _line(x[max_a], lo[max_a], xi, hi_i)
            if has_lo and high_size > high_head and (min_b < 0 or not lo_i <= shallow - shallow_margin):
                if min_b < 0 or turn(x[min_a], hi[min_a], x[min_b], lo[min_b], xi, lo_i) > 0.0:
                    while high_head + 1 < high_size:
                        j, k = highs[high_head], highs[high_head + 1]
                        if turn(x[j], hi[j], x[k], hi[k], xi, lo_i) < 0.0:
                            break
                        high_head += 1
                    min_a, min_b = highs[high_head], i
                    min_line = _line(x[min_a], hi[min_a], xi, lo_i)
            if has_lo:
                while low_size - low_head >= 2:
                    j, k = lows[low_size - 2], lows[low_size - 1]
                    if turn(x[j], lo[j], x[k], lo[k], xi, lo_i) < 0.0:
                        break
                    low_size -= 1
                lows[low_size] = i
                low_size += 1
            if has_hi:
                while high_size - high_head >= 2:
                    j, k = highs[high_size - 2], highs[high_size - 1]
                    if turn(x[j], hi[j], x[k], hi[k], xi, hi_i) > 0.0:
                        break
                    high_size -= 1
                highs[high_size] = i
                high_size += 1
            i += 1
        if i == n:
            break
        side = kind[links]
        first[links], last[links] = (max_a, max_b) if side == STEEPEST else (min_a, min_b)
        failed[links] = i
        one_sided_until = i
        i = np.int64(last[links])
        links += 1
        if links == most:
            break
    return (
        first[:links].copy(),
        last[:links].copy(),
        kind[:links].copy(),
        failed[:links].copy(),
        (max_a, max_b),
        (min_a, min_b),
    )


@njit(cache=True, inline="always")
def _line_at(x, line):
    """Value at x of the line (X, Y, M) in floats, and a bound on its error: beyond it no exact turn is needed.

    The slope has a relative error of at most 3 u, so the value one of 5 u |M (x − X)| + u |value|, u = 2^-53.
    """
    rise = line[2] * (x - line[0])
    value = line[1] + rise
    return value, 2.0**-50 * (abs(rise) + abs(value)) + 1e-290


@njit(cache=True)
def links_of_sweep(x, lo, hi, first, last, kind, failed, steepest, shallowest):
    """Knots, anchors and slopes of the function that a sweep found."""
    k = len(first)
    knots = np.empty(k)
    anchors = np.empty((2, k + 1))
    slopes = np.empty(k + 1)
    for j in range(k + 1):
        if j < k:
            a, b, up = first[j], last[j], kind[j] == STEEPEST
        elif k > 0:
            # After a failure upwards the shallowest feasible line turns least, and conversely.
            up = kind[k - 1] == SHALLOWEST
            a, b = steepest if up else shallowest
        else:
            anchors[0, 0], anchors[1, 0], slopes[0] = _middle_line(x, lo, hi, steepest, shallowest)
            break
        anchors[0, j], anchors[1, j], slopes[j] = _line(x[a], lo[a] if up else hi[a], x[b], hi[b] if up else lo[b])
    for j in range(k):
        if slopes[j + 1] == slopes[j]:
            # Tied bounds that floats cannot tell apart: the lines coincide, up to rounding.
            slopes[j + 1] = np.nextafter(slopes[j], math.inf if kind[j] == STEEPEST else -math.inf)
        b = last[j]
        pivot = hi[b] if kind[j] == STEEPEST else lo[b]
        gap = pivot - (anchors[1, j + 1] + slopes[j + 1] * (x[b] - anchors[0, j + 1]))
        knots[j] = min(max(x[b] + gap / (slopes[j + 1] - slopes[j]), x[b]), x[failed[j]])
    return knots, anchors, slopes


@njit(cache=True, inline="always")
def _line(xa, ya, xb, yb):
    """(X, Y, M) of the line through two points, anchored at the smaller |Y|."""
    slope = (yb - ya) / (xb - xa)
    return (xa, ya, slope) if abs(ya) <= abs(yb) else (xb, yb, slope)


@njit(cache=True)
def _middle_line(x, lo, hi, steepest, shallowest):
    """Mean of the extremal lines of a band that one line crosses, anchored near its middle.

    Where their slopes are beyond float64, or vanish in it, a constant takes their place if one fits.
    """
    if len(x) == 1:
        return x[0], 0.5 * lo[0] + 0.5 * hi[0], 0.0
    (a, b), (c, d) = steepest, shallowest
    x1, y1, m1 = _line(x[a], lo[a], x[b], hi[b])
    x2, y2, m2 = _line(x[c], hi[c], x[d], lo[d])
    if not 0.0 < max(abs(m1), abs(m2)) < math.inf:
        low, high = lo.max(), hi.min()
        if low <= high:
            return x[len(x) // 2], 0.5 * low + 0.5 * high, 0.0
    middle = x[len(x) // 2]
    y = 0.5 * (y1 + m1 * (middle - x1)) + 0.5 * (y2 + m2 * (middle - x2))
    return middle, y, 0.5 * m1 + 0.5 * m2


@njit(cache=True)
def largest_excess(x, lo, hi, room, knots, anchors, slopes):
    """By how much the function leaves the band, at worst, beyond the room of a row; at most zero where it does not."""
    worst = -math.inf
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            k += 1
        y = anchors[1, k] + slopes[k] * (x[i] - anchors[0, k])
        excess = max(lo[i] - y, y - hi[i]) - room[i]
        if not excess <= worst:  # a NaN is the worst
            worst = excess
    return worst


@njit(cache=True)
def excess_at_knots(lower, upper, knots, anchors, slopes, left):
    """By how much the function leaves the polylines through bounds at its knots, as `largest_excess` does at rows.

    Each side is (x, bounds, room) of its finite bounds. Both links count at a knot, where they meet up to rounding
    only. Returns the excess as it is reckoned, what it is at most, and what is left of it beyond `left` times what
    rounding of the knot and of values there amounts to.
    """
    x_lo, lo, room_lo = lower
    x_hi, hi, room_hi = upper
    worst = at_most = beyond = -math.inf
    after_lo = after_hi = 0
    for k in range(len(knots)):
        t = knots[k]
        here = _line_at(t, (anchors[0, k], anchors[1, k], slopes[k]))
        there = _line_at(t, (anchors[0, k + 1], anchors[1, k + 1], slopes[k + 1]))
        after_lo, after_hi = _first_after(x_lo, t, after_lo), _first_after(x_hi, t, after_hi)
        for excess, rounded in (
            _excess_of_edge(x_lo, lo, room_lo, after_lo, 1.0, t, here, there, slopes[k], slopes[k + 1]),
            _excess_of_edge(x_hi, hi, room_hi, after_hi, -1.0, t, here, there, slopes[k], slopes[k + 1]),
        ):
            if not excess <= worst:
                worst = excess
            if not excess + rounded <= at_most:
                at_most = excess + rounded
            if not excess - left * rounded <= beyond:
                beyond = excess - left * rounded
    return worst, at_most, beyond


@njit(cache=True, inline="always")
def _excess_of_edge(x, bound, room, after, side, t, here, there, slope, next_slope):
    """By how much the farther of two values at t leaves the edge before `after`, and how much of that may be rounding.

    The values come with bounds on their errors; the larger bound counts for both.
    """
    before = after - 1
    if before < 0 or after == len(x) or x[before] == t:
        return -math.inf, 0.0
    edge = _line(x[before], bound[before], x[after], bound[after])
    at, margin = _line_at(t, edge)
    bend = max(abs(slope - edge[2]), abs(next_slope - edge[2]))
    excess, other = side * (at - here[0]), side * (at - there[0])
    if other > excess or math.isnan(other):  # a NaN is the worst
        excess = other
    return excess - min(room[before], room[after]), margin + max(here[1], there[1]) + 2.0**-52 * abs(t) * bend


@njit(cache=True, inline="always")
def _first_after(x, t, low):
    """The index of the first x above t, at `low` or later; found in steps that grow and then halve."""
    if low == len(x) or x[low] > t:
        return low
    step = 1
    while low + step < len(x) and x[low + step] <= t:
        low += step
        step *= 2
    high = min(low + step, len(x))
    while high - low > 1:
        middle = (low + high) // 2
        if x[middle] <= t:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True)
def first_crossing(x, lo, hi):
    """The first point whose only bound is beyond the other polyline, and the ends of the edge there; −1 for none."""
    last_lo = last_hi = -1
    next_lo = next_hi = 0
    n = len(x)
    for i in range(n):
        while next_lo < n and (next_lo <= i or math.isinf(lo[next_lo])):
            next_lo += 1
        while next_hi < n and (next_hi <= i or math.isinf(hi[next_hi])):
            next_hi += 1
        if math.isinf(hi[i]) and not math.isinf(lo[i]) and last_hi >= 0 and next_hi < n:
            if turn(x[last_hi], hi[last_hi], x[i], lo[i], x[next_hi], hi[next_hi]) < 0.0:
                return i, last_hi, next_hi
        if math.isinf(lo[i]) and not math.isinf(hi[i]) and last_lo >= 0 and next_lo < n:
            if turn(x[last_lo], lo[last_lo], x[i], hi[i], x[next_lo], lo[next_lo]) > 0.0:
                return i, last_lo, next_lo
        if not math.isinf(lo[i]):
            last_lo = i
        if not math.isinf(hi[i]):
            last_hi = i
    return -1, -1, -1
