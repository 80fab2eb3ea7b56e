"""The sweep of `_sweep` with its state kept between calls, so that rows may come in pieces; for bands of every kind.

All that the rows of the current link say about its future stands in two hulls, the upper one of the lower bounds and
the lower one of the upper bounds, and in the supports of the two extremal lines. That is true of the restart as well.
When the steepest line is the link, the rows from its last support b on are entered again with their upper bounds only;
their lower hull is b and the part of the old hull right of it, because the line through b touches the hull of the upper
bounds there. So none needs to be kept that is on no hull.

An infinite bound is on no hull. Where the band holds along the straight lines between the bounds, a link ends where its
line leaves the band, at a point e on the edge before the bound that it cannot reach: the next link has crossed it by
then, which makes e one more bound of the next link (Imai and Iri 1986).
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.arrays import Array, Index
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
    entered,
    last_line,
    support_on,
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


def advance(
    x: Array, lo: Array, hi: Array, along_lines: bool, counters: Index, supports: Array, lows: Array, highs: Array
) -> tuple[Array, Array]:
    """Enter rows; returns anchors and slopes (3, n) of the links that they end, and the knots at which these begin.

    `lows` and `highs` (2, capacity) are the points of the hulls, with room for all rows. The first link of all begins
    nowhere, which is NaN.
    """
    lines, knots = np.empty((3, len(x))), np.empty(len(x))
    links = enter(x, lo, hi, along_lines, (counters, supports), (lows, highs), (lines, knots))
    return lines[:, :links].copy(), knots[:links].copy()


@njit(cache=True, error_model="numpy", _nrt=False)
def enter(x, lo, hi, along_lines, state, hulls, out):
    """What `advance` does with given arrays; how many links the rows end."""
    (counters, supports), (lows, highs), (lines, knots) = state, hulls, out
    low_head, low_size, high_head, high_size = counters[0], counters[1], counters[2], counters[3]
    kind, links = counters[6], 0
    steepest, shallowest, last = _support(supports, 0), _support(supports, 1), _support(supports, 2)
    ended = _support(supports, 3)
    has_max, has_min = counters[4] == 1, counters[5] == 1
    max_line, min_line = _line_of(steepest), _line_of(shallowest)
    last_low, last_high = _last_edge(lows, low_size), _last_edge(highs, high_size)
    after_max = after_min = 0  # the rows of this call behind the last support of each line
    for i in range(len(x)):
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
            knots[links], slope = beginning(line, ended, kind)
            lines[0, links], lines[1, links], lines[2, links] = line[0], line[1], slope
            links += 1
            way = (xi, 0.0)
            if along_lines and above:
                way = _way_out(line, support[2], (last[0], last[1], xi, lo_i), (steep, steep_margin), 1.0)
            elif along_lines:
                way = _way_out(line, support[2], (last[2], last[3], xi, hi_i), (shallow, shallow_margin), -1.0)
            ended = (support[2], support[3], way[0], slope)
            if above:
                kind = STEEPEST
                _, high_size = _completed(highs, high_head, high_size, x, hi, after_max, i, 1.0)
                sizes, high_head, (shallowest, steepest) = _restarted(highs, high_size, lows, ended, way, xi, 1.0)
                high_size, low_size = sizes
                low_head = 0
            else:
                kind = SHALLOWEST
                _, low_size = _completed(lows, low_head, low_size, x, lo, after_min, i, -1.0)
                sizes, low_head, (steepest, shallowest) = _restarted(lows, low_size, highs, ended, way, xi, -1.0)
                low_size, high_size = sizes
                high_head = 0
            has_max, has_min, after_max, after_min = steepest[0] == steepest[0], shallowest[0] == shallowest[0], i, i
            max_line, min_line = _line_of(steepest), _line_of(shallowest)
            steep, steep_margin = _line_at(xi, max_line)
            shallow, shallow_margin = _line_at(xi, min_line)
            last_low, last_high = _last_edge(lows, low_size), _last_edge(highs, high_size)
        # What no line that is left can touch waits until a line is ended, or the rows are.
        touches_lo = has_lo and (not has_min or not lo_i <= shallow - shallow_margin)
        touches_hi = has_hi and (not has_max or not hi_i >= steep + steep_margin)
        if touches_hi and low_size > low_head:
            if not has_max or hi_i < steep - steep_margin or _turn(steepest, xi, hi_i) < 0.0:
                low_head = support_on(lows, low_head, low_size, xi, hi_i, 1.0)
                steepest, has_max, after_max = (lows[0, low_head], lows[1, low_head], xi, hi_i), True, i + 1
                max_line = _line_of(steepest)
        if touches_lo and high_size > high_head:
            if not has_min or lo_i > shallow + shallow_margin or _turn(shallowest, xi, lo_i) > 0.0:
                high_head = support_on(highs, high_head, high_size, xi, lo_i, -1.0)
                shallowest, has_min, after_min = (highs[0, high_head], highs[1, high_head], xi, lo_i), True, i + 1
                min_line = _line_of(shallowest)
        if touches_lo:
            low_size, last_low = entered(lows, low_head, low_size, last_low, (xi, lo_i), -1.0)
        if touches_hi:
            high_size, last_high = entered(highs, high_head, high_size, last_high, (xi, hi_i), 1.0)
        if has_lo:
            last = (xi, lo_i, last[2], last[3])
        if has_hi:
            last = (last[0], last[1], xi, hi_i)
    low_head, low_size = _completed(lows, low_head, low_size, x, lo, after_min, len(x), -1.0)
    high_head, high_size = _completed(highs, high_head, high_size, x, hi, after_max, len(x), 1.0)
    _keep(counters, (low_head, low_size, high_head, high_size, int(has_max), int(has_min), kind))
    for k, support in enumerate((steepest, shallowest, last, ended)):
        _keep(supports[k], support)
    return links


@njit(cache=True, _nrt=False)
def _keep(kept, values):
    for k, value in enumerate(values):
        kept[k] = value


@njit(cache=True, inline="always")
def _support(supports, k):
    return supports[k, 0], supports[k, 1], supports[k, 2], supports[k, 3]


@njit(cache=True, inline="always")
def _last_edge(hull, size):
    """The last two points of a hull, kept beside it; the last one twice where there is one alone."""
    j, k = max(size - 2, 0), max(size - 1, 0)
    return (hull[0, j], hull[1, j]), (hull[0, k], hull[1, k])


@njit(cache=True, _nrt=False)
def _completed(hull, head, size, x, bounds, first, until, side):
    """A hull with every bound of the rows first … until − 1, some of which are in it: its head and size.

    The head, a support, is a vertex of both.
    """
    if first >= until:
        return head, size
    x_head = hull[0, head] if head < size else math.nan
    while size > 0 and hull[0, size - 1] >= x[first]:
        size -= 1
    head = head if head < size else 0
    last = _last_edge(hull, size)
    for j in range(first, until):
        if math.isfinite(bounds[j]):
            size, last = entered(hull, head, size, last, (x[j], bounds[j]), side)
            head = size - 1 if x[j] == x_head else head
    return head, size


@njit(cache=True, _nrt=False)
def _restarted(hull, size, other, ended, way, x, side):
    """The hulls for the link that follows an ended one: their sizes, the head of the first, and lines through the way.

    The hull keeps its points from the support of the ended line on. Where the band was left before x, the way out is
    the one point of the other hull, and the support of lines from its left and to its right.
    """
    size = _keep_from(hull, size, ended[0], ended[1])
    if not way[0] < x:
        return (size, 0), 0, (NO_LINE, NO_LINE)
    other[0, 0], other[1, 0] = way
    head, left, right = _lines_through(hull, size, way[0], way[1], side)
    return (size, 1), head, (left, right)


@njit(cache=True, _nrt=False)
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


@njit(cache=True, _nrt=False)
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
