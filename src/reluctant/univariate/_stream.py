"""The sweep of `_sweep` with its state kept between calls, so that rows may come in pieces.

All that the rows of the current link say about its future stands in two hulls, the upper one of the lower bounds and
the lower one of the upper bounds, and in the supports of the two extremal lines. That is true of the restart as well.
When the steepest line is the link, the rows from its last support b on are entered again with their upper bounds only;
their lower hull is b and the part of the old hull right of it, because the line through b touches the hull of the upper
bounds there. So no row is walked twice, and none needs to be kept that is on no hull.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reluctant.univariate._predicates import turn
from reluctant.univariate._sweep import SHALLOWEST, STEEPEST, _line, _line_at

LOW_HEAD, LOW_SIZE, HIGH_HEAD, HIGH_SIZE, HAS_STEEPEST, HAS_SHALLOWEST = range(6)
"""Where the counters are: hulls are in use from their head, the left support of an extremal line, up to their size."""
N_COUNTERS = 6


@njit(cache=True)
def advance(x, lo, hi, counters, supports, lows, highs):
    """Enter rows; returns (anchors and slopes (3, n), pivots (2, n), ends (2, n), kinds) of the links that they end.

    supports[0] is (x_a, lo_a, x_b, hi_b) of the steepest line, supports[1] is (x_a, hi_a, x_b, lo_b) of the shallowest.
    `lows` and `highs` (2, capacity) are the points of the hulls, with room for all rows. Link k turns up or down at its
    pivot, a bound that the next link passes through or not at all, and somewhere in ends[:, k] the next one takes over.
    """
    n = len(x)
    lines, pivots, ends = np.empty((3, n)), np.empty((2, n)), np.empty((2, n))
    kinds = np.empty(n, np.int8)
    links = 0
    low_head, low_size, high_head, high_size = counters[0], counters[1], counters[2], counters[3]
    has_max, has_min = counters[4] == 1, counters[5] == 1
    ax, ay, bx, by = supports[0, 0], supports[0, 1], supports[0, 2], supports[0, 3]
    cx, cy, dx, dy = supports[1, 0], supports[1, 1], supports[1, 2], supports[1, 3]
    max_line = _line(ax, ay, bx, by) if has_max else (0.0, 0.0, 0.0)
    min_line = _line(cx, cy, dx, dy) if has_min else (0.0, 0.0, 0.0)
    for i in range(n):
        xi, lo_i, hi_i = x[i], lo[i], hi[i]
        steep, steep_margin = _line_at(xi, max_line)
        shallow, shallow_margin = _line_at(xi, min_line)
        # Turned round so that a line too steep for floats, which is NaN here, is left to the exact turn.
        above = has_max and not lo_i <= steep - steep_margin and turn(ax, ay, bx, by, xi, lo_i) > 0.0
        below = has_min and not above and not hi_i >= shallow + shallow_margin
        if below:
            below = turn(cx, cy, dx, dy, xi, hi_i) < 0.0
        if above or below:
            line = max_line if above else min_line
            lines[0, links], lines[1, links], lines[2, links] = line
            pivots[0, links], pivots[1, links] = (bx, by) if above else (dx, dy)
            ends[0, links], ends[1, links] = bx if above else dx, xi
            kinds[links] = STEEPEST if above else SHALLOWEST
            links += 1
            if above:
                high_size = _keep_from(highs, high_size, bx, by)
                low_size = 0
            else:
                low_size = _keep_from(lows, low_size, dx, dy)
                high_size = 0
            low_head = high_head = 0
            has_max = has_min = False
        if low_size > low_head and (not has_max or not hi_i >= steep + steep_margin):
            if not has_max or turn(ax, ay, bx, by, xi, hi_i) < 0.0:
                while low_head + 1 < low_size:
                    j, k = low_head, low_head + 1
                    if turn(lows[0, j], lows[1, j], lows[0, k], lows[1, k], xi, hi_i) > 0.0:
                        break
                    low_head += 1
                ax, ay, bx, by = lows[0, low_head], lows[1, low_head], xi, hi_i
                max_line = _line(ax, ay, bx, by)
                has_max = True
        if high_size > high_head and (not has_min or not lo_i <= shallow - shallow_margin):
            if not has_min or turn(cx, cy, dx, dy, xi, lo_i) > 0.0:
                while high_head + 1 < high_size:
                    j, k = high_head, high_head + 1
                    if turn(highs[0, j], highs[1, j], highs[0, k], highs[1, k], xi, lo_i) < 0.0:
                        break
                    high_head += 1
                cx, cy, dx, dy = highs[0, high_head], highs[1, high_head], xi, lo_i
                min_line = _line(cx, cy, dx, dy)
                has_min = True
        while low_size - low_head >= 2:
            j, k = low_size - 2, low_size - 1
            if turn(lows[0, j], lows[1, j], lows[0, k], lows[1, k], xi, lo_i) < 0.0:
                break
            low_size -= 1
        lows[0, low_size], lows[1, low_size] = xi, lo_i
        low_size += 1
        while high_size - high_head >= 2:
            j, k = high_size - 2, high_size - 1
            if turn(highs[0, j], highs[1, j], highs[0, k], highs[1, k], xi, hi_i) > 0.0:
                break
            high_size -= 1
        highs[0, high_size], highs[1, high_size] = xi, hi_i
        high_size += 1
    counters[0], counters[1], counters[2], counters[3] = low_head, low_size, high_head, high_size
    counters[4], counters[5] = has_max, has_min
    supports[0, 0], supports[0, 1], supports[0, 2], supports[0, 3] = ax, ay, bx, by
    supports[1, 0], supports[1, 1], supports[1, 2], supports[1, 3] = cx, cy, dx, dy
    return lines[:, :links].copy(), pivots[:, :links].copy(), ends[:, :links].copy(), kinds[:links].copy()


@njit(cache=True)
def _keep_from(hull, size, x, y):
    """Leave (x, y), which may have been on an edge of the hull, and the points right of it; returns their number."""
    first = size
    while first > 0 and hull[0, first - 1] > x:
        first -= 1
    kept = size - first
    shift = first - 1
    # The point itself is on the hull or was dropped in favour of one to its right, so there is room before them.
    if shift > 0:
        for k in range(kept):
            hull[0, k + 1], hull[1, k + 1] = hull[0, first + k], hull[1, first + k]
    elif shift < 0:
        for k in range(kept - 1, -1, -1):
            hull[0, k + 1], hull[1, k + 1] = hull[0, k], hull[1, k]
    hull[0, 0], hull[1, 0] = x, y
    return kept + 1


@njit(cache=True)
def forget(counters, supports, lows, highs):
    """Drop the points of the hulls that no link to come can need: those left of both a head and the other support b."""
    for which in range(2):
        hull = lows if which == 0 else highs
        head, size = counters[2 * which], counters[2 * which + 1]
        has_line, b = (counters[5], supports[1, 2]) if which == 0 else (counters[4], supports[0, 2])
        if has_line == 0:
            continue
        # At most the head; further right than b only points that follow it count.
        drop = 0
        while drop < head and hull[0, drop + 1] <= b:
            drop += 1
        for k in range(drop, size):
            hull[0, k - drop], hull[1, k - drop] = hull[0, k], hull[1, k]
        counters[2 * which], counters[2 * which + 1] = head - drop, size - drop


@njit(cache=True)
def knots_between(lines, pivots, ends, kinds):
    """Knots between consecutive lines (3, n), n − 1 of them; slopes that floats cannot tell apart are set apart."""
    n = lines.shape[1]
    knots = np.empty(max(n - 1, 0))
    for j in range(n - 1):
        if lines[2, j + 1] == lines[2, j]:
            lines[2, j + 1] = np.nextafter(lines[2, j], math.inf if kinds[j] == STEEPEST else -math.inf)
        gap = pivots[1, j] - (lines[1, j + 1] + lines[2, j + 1] * (pivots[0, j] - lines[0, j + 1]))
        knot = pivots[0, j] + gap / (lines[2, j + 1] - lines[2, j])
        knots[j] = min(max(knot, ends[0, j]), ends[1, j])
    return knots
