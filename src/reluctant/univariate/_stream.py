"""The sweep of `_sweep` with its state kept between calls, so that rows may come in pieces; for bands of every kind.

All that the rows of the current link say about its future stands in two hulls, the upper one of the lower bounds and
the lower one of the upper bounds, and in the supports of the two extremal lines. That is true of the restart as well.
When the steepest line is the link, the rows from its last support b on are entered again with their upper bounds only;
their lower hull is b and the part of the old hull right of it, because the line through b touches the hull of the upper
bounds there. So no row is walked twice, and none needs to be kept that is on no hull.

An infinite bound is on no hull. Where the band holds along the straight lines between the bounds, a link ends where its
line leaves the band, at a point e on the edge before the bound that it cannot reach: the next link has crossed it by
then, which makes e one more bound of the next link (Imai and Iri 1986).
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.univariate._predicates import turn
from reluctant.univariate._sweep import (
    NO_LINE,
    SHALLOWEST,
    STEEPEST,
    _line_at,
    _line_of,
    _turn,
    _way_out,
    beginning,
    last_line,
)

LOW_HEAD, LOW_SIZE, HIGH_HEAD, HIGH_SIZE, HAS_STEEPEST, HAS_SHALLOWEST, LAST_KIND = range(7)
"""Where the counters are: hulls are in use from their head, the left support of an extremal line, up to their size. The
kind is that of the line that was ended last, 0 before there is one."""
STEEPEST_LINE, SHALLOWEST_LINE, LAST_BOUNDS, LAST_ENDED = range(4)
"""What the supports are: (x_a, lo_a, x_b, hi_b), (x_a, hi_a, x_b, lo_b), the last lo and hi that were finite, and the
line that was ended last, as `beginning` takes it."""


def nothing_yet():
    """Counters and supports before the first row."""
    return np.zeros(LAST_KIND + 1, np.int64), np.full((LAST_ENDED + 1, 4), math.nan)


@njit(cache=True, error_model="numpy")
def advance(x, lo, hi, along_lines, counters, supports, lows, highs):
    """Enter rows; returns anchors and slopes (3, n) of the links that they end, and the knots at which these begin.

    `lows` and `highs` (2, capacity) are the points of the hulls, with room for all rows. The first link of all begins
    nowhere, which is NaN.
    """
    n = len(x)
    lines, knots, links = np.empty((3, n)), np.empty(n), 0
    low_head, low_size, high_head, high_size = counters[0], counters[1], counters[2], counters[3]
    has_max, has_min = counters[4] == 1, counters[5] == 1
    kind = counters[6]
    steepest, shallowest, last = _support(supports, 0), _support(supports, 1), _support(supports, 2)
    ended = _support(supports, 3)
    max_line, min_line = _line_of(steepest), _line_of(shallowest)
    # The last edges of both hulls, kept beside them.
    j, k = max(low_size - 2, 0), max(low_size - 1, 0)
    under_low, low = (lows[0, j], lows[1, j]), (lows[0, k], lows[1, k])
    j, k = max(high_size - 2, 0), max(high_size - 1, 0)
    under_high, high = (highs[0, j], highs[1, j]), (highs[0, k], highs[1, k])
    for i in range(n):
        xi, lo_i, hi_i = x[i], lo[i], hi[i]
        has_lo, has_hi = lo_i > -math.inf, hi_i < math.inf
        steep, steep_margin = _line_at(xi, max_line)
        shallow, shallow_margin = _line_at(xi, min_line)
        # Turned round so that a line too steep for floats, which is NaN here, is left to the exact turn.
        above = has_lo and has_max and not lo_i <= steep - steep_margin
        above = above and (lo_i > steep + steep_margin or _turn(steepest, xi, lo_i) > 0.0)
        below = has_hi and has_min and not hi_i >= shallow + shallow_margin
        below = below and (hi_i < shallow - shallow_margin or _turn(shallowest, xi, hi_i) < 0.0)
        if above or below:
            line, support = (max_line, steepest) if above else (min_line, shallowest)
            lines[0, links], lines[1, links] = line[0], line[1]
            knots[links], lines[2, links] = beginning(line, ended, kind)
            kind = STEEPEST if above else SHALLOWEST
            taken_over = xi
            steepest, shallowest, low_head, high_head = NO_LINE, NO_LINE, 0, 0
            if above:
                low_size, high_size = 0, _keep_from(highs, high_size, support[2], support[3])
            else:
                low_size, high_size = _keep_from(lows, low_size, support[2], support[3]), 0
            if along_lines:
                edge = (last[0], last[1], xi, lo_i) if above else (last[2], last[3], xi, hi_i)
                at, side = ((steep, steep_margin), 1.0) if above else ((shallow, shallow_margin), -1.0)
                x_e, y_e = _way_out(line, support[2], edge, at, side)
                taken_over = x_e
                if x_e < xi and above:
                    lows[0, 0], lows[1, 0], low_size = x_e, y_e, 1
                    high_head, shallowest, steepest = _lines_through(highs, high_size, x_e, y_e, 1.0)
                elif x_e < xi:
                    highs[0, 0], highs[1, 0], high_size = x_e, y_e, 1
                    low_head, steepest, shallowest = _lines_through(lows, low_size, x_e, y_e, -1.0)
                max_line, min_line = _line_of(steepest), _line_of(shallowest)
                steep, steep_margin = _line_at(xi, max_line)
                shallow, shallow_margin = _line_at(xi, min_line)
            has_max, has_min = not math.isnan(steepest[0]), not math.isnan(shallowest[0])
            # The last edges of both hulls, kept beside them.
            j, k = max(low_size - 2, 0), max(low_size - 1, 0)
            under_low, low = (lows[0, j], lows[1, j]), (lows[0, k], lows[1, k])
            j, k = max(high_size - 2, 0), max(high_size - 1, 0)
            under_high, high = (highs[0, j], highs[1, j]), (highs[0, k], highs[1, k])
            ended = (support[2], support[3], taken_over, lines[2, links])
            links += 1
        if has_hi and low_size > low_head and (not has_max or not hi_i >= steep + steep_margin):
            if not has_max or hi_i < steep - steep_margin or _turn(steepest, xi, hi_i) < 0.0:
                while low_head + 1 < low_size:
                    j, k = low_head, low_head + 1
                    if turn(lows[0, j], lows[1, j], lows[0, k], lows[1, k], xi, hi_i) > 0.0:
                        break
                    low_head += 1
                steepest, has_max = (lows[0, low_head], lows[1, low_head], xi, hi_i), True
                max_line = _line_of(steepest)
        if has_lo and high_size > high_head and (not has_min or not lo_i <= shallow - shallow_margin):
            if not has_min or lo_i > shallow + shallow_margin or _turn(shallowest, xi, lo_i) > 0.0:
                while high_head + 1 < high_size:
                    j, k = high_head, high_head + 1
                    if turn(highs[0, j], highs[1, j], highs[0, k], highs[1, k], xi, lo_i) < 0.0:
                        break
                    high_head += 1
                shallowest, has_min = (highs[0, high_head], highs[1, high_head], xi, lo_i), True
                min_line = _line_of(shallowest)
        if has_lo:
            while low_size - low_head >= 2 and not turn(under_low[0], under_low[1], low[0], low[1], xi, lo_i) < 0.0:
                low_size -= 1
                low, below = under_low, max(low_size - 2, 0)
                under_low = lows[0, below], lows[1, below]
            under_low, low = low, (xi, lo_i)
            lows[0, low_size], lows[1, low_size] = xi, lo_i
            low_size += 1
            last = (xi, lo_i, last[2], last[3])
        if has_hi:
            while (
                high_size - high_head >= 2 and not turn(under_high[0], under_high[1], high[0], high[1], xi, hi_i) > 0.0
            ):
                high_size -= 1
                high, below = under_high, max(high_size - 2, 0)
                under_high = highs[0, below], highs[1, below]
            under_high, high = high, (xi, hi_i)
            highs[0, high_size], highs[1, high_size] = xi, hi_i
            high_size += 1
            last = (last[0], last[1], xi, hi_i)
    _keep(counters, (low_head, low_size, high_head, high_size, int(has_max), int(has_min), kind))
    for k, support in enumerate((steepest, shallowest, last, ended)):
        _keep(supports[k], support)
    return lines[:, :links].copy(), knots[:links].copy()


@njit(cache=True)
def _keep(state, values):
    for k, value in enumerate(values):
        state[k] = value


@njit(cache=True, inline="always")
def _support(supports, k):
    return supports[k, 0], supports[k, 1], supports[k, 2], supports[k, 3]


@njit(cache=True)
def _lines_through(hull, size, x, y, side):
    """Extremal lines through a point beside a hull: where their left support is on it, from the left, to the right.

    The hull is that of the upper bounds for side 1, of the lower ones for −1.
    """
    head = 0
    while head + 1 < size and hull[0, head + 1] < x:
        if side * turn(hull[0, head], hull[1, head], hull[0, head + 1], hull[1, head + 1], x, y) < 0.0:
            break
        head += 1
    from_left = (hull[0, head], hull[1, head], x, y) if hull[0, head] < x else NO_LINE
    right = head
    while right < size and hull[0, right] <= x:
        right += 1
    if right == size:
        return head, from_left, NO_LINE
    while right + 1 < size:
        if side * turn(x, y, hull[0, right], hull[1, right], hull[0, right + 1], hull[1, right + 1]) > 0.0:
            break
        right += 1
    return head, from_left, (x, y, hull[0, right], hull[1, right])


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


def last_line_of(counters, supports, middle, low, high):
    """`last_line` of what is kept."""
    steepest, shallowest, _, ended = (tuple(support.tolist()) for support in supports)
    return last_line(int(counters[LAST_KIND]), ended, steepest, shallowest, middle, low, high)
