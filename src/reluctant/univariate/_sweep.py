"""The sweep behind `approximate`: greedy longest links through a band, with exact turns.

For the current link two extremal lines are kept: the steepest feasible one, through lo_a and hi_b with a < b, and
the shallowest, through hi_a and lo_b. Their left supports move right along two hulls: the upper hull of the lower
bounds and the lower hull of the upper bounds. When a lower bound lies above the steepest line (or an upper bound
below the shallowest), that line is the link, and the next one starts at its last support b: points b … i − 1 are
entered again with one bound only, because the new link crosses the old one in [x_b, x_i] and on either side of the
crossing the other bound holds by itself. Where the band holds along the straight lines between the bounds, the line is
ended where it leaves the band, and that point is one more bound of the next link (Imai and Iri 1986).

A point whose bound every line that is left keeps goes on no hull: right of all points the shallowest line is the lowest
one left, so a lower bound below it can be the support of none, and likewise above the steepest. What walks the hulls is
inlined, and compiled without the counting of references to arrays (`_nrt=False`), which would cost as much as the work.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Index
from reluctant.compiling import SMALL, njit
from reluctant.model.links import Links
from reluctant.univariate._kernels import rounding_tolerance
from reluctant.univariate._predicates import turn

STEEPEST, SHALLOWEST = 1, -1

Support = tuple[float, float, float, float]
"""Two points that a line goes through; or a line that was ended, see `beginning`."""

ROUNDING = 2.0**-50
"""What evaluating a link may add to a residual, relative to the values."""


def band(
    x: Array, y: Array, tolerance: Array, slack: float, rtol: float, x_max: float, y_max: float, out: tuple[Array, ...]
) -> None:
    """Write bounds y_i ± max(ε_i (1 + slack), ε_i + min(τ_i, 2^-50 max|y|), τ_i), x sorted, and the room beyond them.

    τ_i is the rounding tolerance. In rough data the part of x in it is far more than rounding: beside a tolerance it
    counts up to as much as that of y. The room is for rounding in the solution: as much slack again, and
    ROUNDING max|y| where τ_i decides.
    """
    least = float(tolerance.min())
    if least > max(2.0**-31, rtol) * y_max and least * slack > 4.0 * ROUNDING * y_max:  # no τ_i comes near the slack
        _band_of_slack(y, tolerance, slack, *out)
    else:
        _band(x, y, tolerance, slack, rtol, x_max, y_max, *out)


@njit(cache=True, interpreted_below=SMALL)
def _band_of_slack(y, tolerance, slack, lo, hi, room):
    for i in range(len(y)):
        half, room[i] = tolerance[i] * (1.0 + slack), tolerance[i] * slack
        lo[i], hi[i] = y[i] - half, y[i] + half


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def _band(x, y, tolerance, slack, rtol, x_max, y_max, lo, hi, room):
    for i in range(len(x)):
        half, room[i] = _widened(tolerance[i], slack, _rounding_at(x, y, i, rtol, x_max, y_max), y_max)
        lo[i], hi[i] = y[i] - half, y[i] + half


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def widened(x, lo, hi, centre, slack, rtol, x_max, y_max, wider_lo, wider_hi, room):
    """Write bounds as far out as `band` takes y_i ± half their distance, and the room beyond them.

    A bound without another one moves by min(τ_i, 2^-50 max|y|). The centre of a row is their mean, or the finite one.
    """
    for i in range(len(x)):
        tau = _rounding_at(x, centre, i, rtol, x_max, y_max)
        half = 0.5 * hi[i] - 0.5 * lo[i]
        if half < math.inf:
            wide, room[i] = _widened(half, slack, tau, y_max)
            extra = wide - half
        else:
            extra, room[i] = min(tau, ROUNDING * y_max), ROUNDING * y_max if rtol > 0.0 else 0.0
        wider_lo[i], wider_hi[i] = lo[i] - extra, hi[i] + extra


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


def largest_known(y: Array, tolerance: Array) -> float:
    """The largest |y_i| that its own tolerance does not leave open."""
    largest = max(float(y.max()), -float(y.min()))
    return largest if largest > tolerance.max() else _largest_known(y, tolerance)


@njit(cache=True, interpreted_below=SMALL)
def _largest_known(y, tolerance):
    largest = 0.0
    for i in range(len(y)):
        known = abs(y[i]) if abs(y[i]) > tolerance[i] else 0.0
        largest = known if known > largest else largest
    return largest


class Ended(NamedTuple):
    """The links that a sweep ended: link k is an extremal line, through bounds of points first[k] < last[k].

    The steepest one was ended by the lower bound of point failed[k], the shallowest by an upper one.
    """

    first: Index
    last: NDArray[np.int32]
    kind: NDArray[np.int8]
    failed: NDArray[np.int32]


def sweep(x: Array, lo: Array, hi: Array) -> Ended:
    """Fewest links within the band lo ≤ f ≤ hi; all but the last one, which nothing ends."""
    return sweep_until(x, lo, hi, len(x))


def sweep_until(x: Array, lo: Array, hi: Array, most: int) -> Ended:
    """The same, or the first `most` of them where that is not enough."""
    rows, kinds, left = np.empty((2, len(x)), np.int32), np.empty(len(x), np.int8), np.empty(len(x))
    ended, _, _ = extend(x, lo, hi, most, False, _NO_LINES, (rows, kinds, left), _hulls(len(x)))
    return Ended(np.searchsorted(x, left[:ended]), rows[0, :ended].copy(), kinds[:ended].copy(), rows[1, :ended].copy())


def links_within(x: Array, lo: Array, hi: Array, along_lines: bool) -> Links:
    """The function of fewest links within the band lo ≤ f ≤ hi; its bounds are finite."""
    n = len(x)
    anchors, slopes, knots = np.empty((2, n)), np.empty(n), np.empty(n)
    out = anchors, slopes, knots
    ended, kind, (before, steepest, shallowest) = extend(x, lo, hi, n, along_lines, out, _NO_TRIPLES, _hulls(n))
    low, high = (float(lo.max()), float(hi.min())) if ended == 0 else (-math.inf, math.inf)
    line, knot = last_line(kind, before, steepest, shallowest, float(x[n // 2]), low, high)
    anchors[:, ended], slopes[ended], knots[ended] = line[:2], line[2], knot
    return Links(_leading(knots, ended + 1)[1:], _leading(anchors, ended + 1), _leading(slopes, ended + 1))


def _leading(a: Array, size: int) -> Array:
    """The leading columns, in the same memory where they are most of it."""
    if 2 * size < a.shape[-1]:
        return a[..., :size].copy()
    if a.ndim == 1:
        return a[:size]
    flat = a.reshape(-1)
    for k in range(1, len(a)):
        flat[k * size : (k + 1) * size] = a[k, :size]  # to the left, which numpy does without a copy in between
    return flat[: len(a) * size].reshape(len(a), size)


def _hulls(n: int) -> tuple[Array, Array]:
    """Room for the points of both hulls of so many rows."""
    return np.empty((2, n + 1)), np.empty((2, n + 1))


_NO_LINES = np.empty((2, 0)), np.empty(0), np.empty(0)
_NO_TRIPLES = np.empty((2, 0), np.int32), np.empty(0, np.int8), np.empty(0)
NO_LINE = (math.nan, math.nan, math.nan, math.nan)


@njit(cache=True, error_model="numpy", _nrt=False, interpreted_below=SMALL)
def extend(x, lo, hi, most, along_lines, lines, triples, hulls):
    """Extend each link as far as any can reach, until `most` are ended; writes what they are, where there is room.

    `lines` takes anchors (2, n), slopes, and the knots at which links begin, NaN for the first; `triples` the last
    support of each and the point that ended it (2, n), its kind, and the x of its first support. Returns how many were
    ended; the kind of the last of them, 0 for none; what `beginning` needs of it, and the supports of the steepest and
    of the shallowest line that is left. `hulls` is room for their points.
    """
    anchors, slopes, knots = lines
    (rows, kinds, left), (lows, highs) = triples, hulls
    n = len(x)
    links = kind = i = after = low_head = low_size = high_head = high_size = 0
    ended = steepest = shallowest = NO_LINE
    way = (0.0, 0.0)
    last_low = last_high = (way, way)  # the last two points of each hull
    while True:
        has_max, max_line, after_max = steepest[0] == steepest[0], _line_of(steepest), i
        has_min, min_line, after_min = shallowest[0] == shallowest[0], _line_of(shallowest), i
        end = 0
        while i < n:
            xi, lo_i, hi_i = x[i], lo[i], hi[i]
            steep, steep_margin = _line_at(xi, max_line)
            shallow, shallow_margin = _line_at(xi, min_line)
            # Turned round so that a line too steep for floats, which is NaN here, is left to the exact turn.
            if has_max and not lo_i <= steep - steep_margin:
                if lo_i > steep + steep_margin or _turn(steepest, xi, lo_i) > 0.0:
                    end = STEEPEST
                    break
            if has_min and not hi_i >= shallow + shallow_margin:
                if hi_i < shallow - shallow_margin or _turn(shallowest, xi, hi_i) < 0.0:
                    end = SHALLOWEST
                    break
            # Right of all points the shallowest line is the lowest one left: a bound below it is kept by all of them.
            touches_lo = not has_min or not lo_i <= shallow - shallow_margin
            touches_hi = not has_max or not hi_i >= steep + steep_margin
            if touches_hi and low_size > 0:
                if not has_max or hi_i < steep - steep_margin or _turn(steepest, xi, hi_i) < 0.0:
                    low_head = support_on(lows, low_head, low_size, xi, hi_i, 1.0)
                    steepest, has_max, after_max = (lows[0, low_head], lows[1, low_head], xi, hi_i), True, i + 1
                    max_line = _line_of(steepest)
            if touches_lo and high_size > 0:
                if not has_min or lo_i > shallow + shallow_margin or _turn(shallowest, xi, lo_i) > 0.0:
                    high_head = support_on(highs, high_head, high_size, xi, lo_i, -1.0)
                    shallowest, has_min, after_min = (highs[0, high_head], highs[1, high_head], xi, lo_i), True, i + 1
                    min_line = _line_of(shallowest)
            if touches_lo:
                low_size, last_low = entered(lows, low_head, low_size, last_low, (xi, lo_i), -1.0)
            if touches_hi:
                high_size, last_high = entered(highs, high_head, high_size, last_high, (xi, hi_i), 1.0)
            i += 1
        if end == 0:
            break
        line, support, after = (max_line, steepest, after_max) if end == STEEPEST else (min_line, shallowest, after_min)
        knot, slope = beginning(line, ended, kind)
        if links < len(slopes):
            anchors[0, links], anchors[1, links], slopes[links], knots[links] = line[0], line[1], slope, knot
        if links < len(kinds):
            rows[0, links], rows[1, links], kinds[links], left[links] = after - 1, i, end, support[0]
        way = (x[i], 0.0)
        if along_lines and end == STEEPEST:
            way = _way_out(line, support[2], (x[i - 1], lo[i - 1], x[i], lo[i]), (steep, steep_margin), 1.0)
        elif along_lines:
            way = _way_out(line, support[2], (x[i - 1], hi[i - 1], x[i], hi[i]), (shallow, shallow_margin), -1.0)
        kind, ended = end, (support[2], support[3], way[0], slope)
        links += 1
        if links == most:
            break
        if end == STEEPEST:
            high_size, last_high = _entered_again(highs, ended, x, hi, after, i, 1.0)
            high_head, shallowest, low_size = _beside(lows, highs, high_size, way, along_lines and way[0] < x[i], 1.0)
            low_head, steepest, last_low = 0, NO_LINE, (way, way)
        else:
            low_size, last_low = _entered_again(lows, ended, x, lo, after, i, -1.0)
            low_head, steepest, high_size = _beside(highs, lows, low_size, way, along_lines and way[0] < x[i], -1.0)
            high_head, shallowest, last_high = 0, NO_LINE, (way, way)
    return links, kind, (ended, steepest, shallowest)


@njit(cache=True, inline="always")
def support_on(hull, head, size, x, y, side):
    """Where on a hull left of a point its extremal line touches: that of the lower bounds for side 1."""
    while head + 1 < size:
        if side * turn(hull[0, head], hull[1, head], hull[0, head + 1], hull[1, head + 1], x, y) > 0.0:
            break
        head += 1
    return head


@njit(cache=True, inline="always")
def entered(hull, head, size, last, point, side):
    """A point entered into a hull from its head on: its size, and its last two points, given those before.

    The hull is that of the upper bounds for side 1, of the lower ones for −1.
    """
    under, top = last
    while size - head >= 2 and not side * turn(under[0], under[1], top[0], top[1], point[0], point[1]) > 0.0:
        size -= 1
        top, below = under, max(size - 2, 0)
        under = hull[0, below], hull[1, below]
    hull[0, size], hull[1, size] = point
    return size + 1, (top, point)


@njit(cache=True, _nrt=False, inline="always")
def _entered_again(hull, ended, x, bounds, after, until, side):
    """The hull of the bounds from the last support of an ended link on, rows `after` … until − 1, as `entered`."""
    hull[0, 0], hull[1, 0] = top = ended[0], ended[1]
    size, last = 1, (top, top)
    for j in range(after, until):
        size, last = entered(hull, 0, size, last, (x[j], bounds[j]), side)
    return size, last


@njit(cache=True, _nrt=False, inline="always")
def _beside(other, hull, size, way, is_left, side):
    """Where the band was left as a bound of the other side, if it was: the head of the hull, a line, and its size.

    The way out is the support of an extremal line at once, from the hull to its left.
    """
    head = 0
    if not is_left:
        return head, NO_LINE, 0
    other[0, 0], other[1, 0] = way
    while head + 1 < size and hull[0, head + 1] < way[0]:
        if side * turn(hull[0, head], hull[1, head], hull[0, head + 1], hull[1, head + 1], way[0], way[1]) < 0.0:
            break
        head += 1
    return head, (hull[0, head], hull[1, head], way[0], way[1]) if hull[0, head] < way[0] else NO_LINE, 1


@njit(cache=True, inline="always", interpreted_below=SMALL)
def beginning(line, before, kind):
    """Where a line takes over from the one that was ended before it, and its slope.

    Of that one its pivot (x, y) is given, which is its last support, the x by which the next one has taken over, and
    its slope. Slopes that floats cannot tell apart are set apart.
    """
    x, y, taken_over, slope = before
    own = line[2]
    if kind == 0:
        return math.nan, own
    if own == slope:
        own = np.nextafter(slope, math.inf if kind == STEEPEST else -math.inf)
    gap = y - (line[1] + own * (x - line[0]))
    return min(max(x + gap / (own - slope), x), taken_over), own


@njit(cache=True, inline="always")
def _line_of(support):
    return _line(support[0], support[1], support[2], support[3])


@njit(cache=True, inline="always")
def _turn(support, x, y):
    """How the line through two points turns towards a third one right of them."""
    return turn(support[0], support[1], support[2], support[3], x, y)


@njit(cache=True, interpreted_below=SMALL)
def _way_out(line, pivot, edge, at, side):
    """Where a line leaves the band through an edge, and a bound for all lines that have crossed it by then.

    The edge is that of the lower bounds for side 1, of the upper ones for −1; `at` is the value of the line at its end,
    with a bound on its error. Both are rounded to the safe side: x_e is not left of the crossing and y_e not beyond
    the line at x_e, so that every function in the band keeps the bound.
    """
    left, y_left, right, y_right = edge
    at_left, margin_left = _line_at(left, line)
    at_right, margin_right = at
    before = max(side * (at_left - y_left) + margin_left, 0.0)
    after = side * (y_right - at_right) - margin_right
    if not after > 0.0:  # NaN too: there is no edge before the first bound, or the line is too steep for floats
        return right, y_right
    share = before / (before + after) * (1.0 + 2.0**-50)
    x_e = left + share * (right - left)
    x_e = max(x_e + 2.0**-52 * abs(x_e), pivot)
    if not x_e < right:
        return right, y_right
    at_e, margin = _line_at(x_e, line)
    return x_e, at_e - side * margin


def last_line(
    kind: int, ended: Support, steepest: Support, shallowest: Support, middle: float, low: float, high: float
) -> tuple[Array, float]:
    """(X, Y, M) of the line that is left when the rows end, and the knot at which it begins, NaN for the only one.

    `low` is the highest lower bound and `high` the lowest upper one. After a failure upwards the shallowest line turns
    least, and conversely. The only line of a band is the mean of both at `middle`, or the one that there is; where
    their slopes are beyond float64, or vanish in it, or there is none, a constant takes their place if one fits.
    """
    if kind != 0:
        line = _line(*(steepest if kind == SHALLOWEST else shallowest))
        knot, slope = beginning(line, ended, kind)
        return np.array([line[0], line[1], slope]), knot
    lines = np.array([_line(*one) for one in (steepest, shallowest) if not math.isnan(one[0])]).reshape(-1, 3)
    slope = float(np.max(np.abs(lines[:, 2]), initial=0.0))
    if low <= high and not 0.0 < slope < math.inf:
        ends = [end for end in (low, high) if math.isfinite(end)]
        return np.array([middle, sum(end / len(ends) for end in ends), 0.0]), math.nan
    values = lines[:, 1] + lines[:, 2] * (middle - lines[:, 0])
    return np.array([middle, np.sum(values / len(lines)), np.sum(lines[:, 2] / len(lines))]), math.nan


@njit(cache=True, inline="always")
def _line_at(x, line):
    """Value at x of the line (X, Y, M) in floats, and a bound on its error: beyond it no exact turn is needed.

    The slope has a relative error of at most 3 u, so the value one of 5 u |M (x − X)| + u |value|, u = 2^-53.
    """
    rise = line[2] * (x - line[0])
    value = line[1] + rise
    return value, 2.0**-50 * (abs(rise) + abs(value)) + 1e-290


@njit(cache=True, inline="always", interpreted_below=SMALL)
def _line(xa, ya, xb, yb):
    """(X, Y, M) of the line through two points, anchored at the smaller |Y|."""
    slope = (yb - ya) / (xb - xa)
    return (xa, ya, slope) if abs(ya) <= abs(yb) else (xb, yb, slope)
