"""By how much a function leaves a band: at rows, and at its knots along the lines between bounds."""

from __future__ import annotations

import math

from reluctant.compiling import SMALL, njit
from reluctant.univariate._evaluation import worse
from reluctant.univariate._predicates import turn
from reluctant.univariate._sweep import _line, _line_at


@njit(cache=True, interpreted_below=SMALL)
def largest_excess(x, lo, hi, room, knots, anchors, slopes):
    """By how much the function leaves the band, at worst, beyond the room of a row; at most zero where it does not."""
    worst = -math.inf
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            k += 1
        y = anchors[1, k] + slopes[k] * (x[i] - anchors[0, k])
        worst = worse(worst, max(lo[i] - y, y - hi[i]) - room[i])
    return worst


@njit(cache=True, interpreted_below=SMALL)
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
            worst, at_most = worse(worst, excess), worse(at_most, excess + rounded)
            beyond = worse(beyond, excess - left * rounded)
    return worst, at_most, beyond


@njit(cache=True, inline="always")
def _excess_of_edge(x, bound, room, after, side, t, here, there, slope, next_slope):
    """`_beyond` for the edge before `after`, less the room there; −inf where there is none around t."""
    before = after - 1
    if before < 0 or after == len(x) or x[before] == t:
        return -math.inf, 0.0
    edge = _line(x[before], bound[before], x[after], bound[after])
    excess, rounded = _beyond(edge, side, t, here, there, slope, next_slope)
    return excess - min(room[before], room[after]), rounded


@njit(cache=True, inline="always")
def _beyond(edge, side, t, here, there, slope, next_slope):
    """By how much the farther of two values at t is beyond an edge, and how much of that may be rounding.

    The values come with bounds on their errors; the larger bound counts for both.
    """
    at, margin = _line_at(t, edge)
    bend = max(abs(slope - edge[2]), abs(next_slope - edge[2]))
    excess = worse(side * (at - here[0]), side * (at - there[0]))
    return excess, margin + max(here[1], there[1]) + 2.0**-52 * abs(t) * bend


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def figures_within(x, lo, hi, room, y, along_lines, knots, anchors, slopes, left):
    """What `largest_excess`, `excess_at_knots` and `largest_distances` find, in one pass over a band without gaps.

    Returns the excess at the rows; the three figures at the knots, −inf if the band does not hold along lines; the
    largest distance from y at the rows, and from the polyline through them.
    """
    at_rows = worst = at_most = beyond = -math.inf
    error = error_between = 0.0
    k = 0
    X, Y, M = anchors[0, 0], anchors[1, 0], slopes[0]
    for i in range(len(x)):
        xi = x[i]
        while k < len(knots) and xi >= knots[k]:
            t = knots[k]
            k += 1
            before = X, Y, M
            X, Y, M = anchors[0, k], anchors[1, k], slopes[k]
            if i > 0 and xi > t > x[i - 1]:
                x_before, free = x[i - 1], min(room[i - 1], room[i])
                there = _line_at(t, (X, Y, M))
                chord = y[i] + (y[i] - y[i - 1]) / (xi - x_before) * (t - xi)
                error_between = worse(error_between, abs(there[0] - chord))
                if not along_lines:
                    continue
                here = _line_at(t, before)
                lower, upper = _line(x_before, lo[i - 1], xi, lo[i]), _line(x_before, hi[i - 1], xi, hi[i])
                below, rounded_below = _beyond(lower, 1.0, t, here, there, before[2], M)
                above, rounded_above = _beyond(upper, -1.0, t, here, there, before[2], M)
                worst = worse(worse(worst, below - free), above - free)
                at_most = worse(worse(at_most, below - free + rounded_below), above - free + rounded_above)
                below, above = below - free - left * rounded_below, above - free - left * rounded_above
                beyond = worse(worse(beyond, below), above)
        value = Y + M * (xi - X)
        at_rows = worse(at_rows, max(lo[i] - value, value - hi[i]) - room[i])
        error = worse(error, abs(value - y[i]))
    return at_rows, worst, at_most, beyond, error, worse(error, error_between)


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


@njit(cache=True, interpreted_below=SMALL)
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
