"""Hot loops of the line: slope jumps, collinear groups, the matching and the table it gives."""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.univariate._predicates import slope_jump, turn

TIE = 1e-12  # merging gains that differ by less than this share count as equal
CLOSE = 2.0**-18
"""A slope change below this share of its slopes is not their difference in float64, to 1e-10 of itself."""


@njit(cache=True)
def steepest(x, lo, hi):
    """The largest slope that every function in the band has from one point to the next, and the index of the first."""
    worst, at = 0.0, 0
    for i in range(len(x) - 1):
        slope = max(lo[i + 1] - hi[i], lo[i] - hi[i + 1]) / (x[i + 1] - x[i])
        if slope > worst:
            worst, at = slope, i
    return worst, at


@njit(cache=True)
def slope_jumps(x, y):
    """Signed jumps c_i = s_i − s_{i−1} at the inner points; zero at both ends. Signs are exact."""
    n = len(x)
    c = np.zeros(n)
    for i in range(1, n - 1):
        c[i] = slope_jump(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1])
    return c


@njit(cache=True)
def count_collinear(x, y, rtol, x_max, y_max):
    """How many inner points lie within their rounding tolerance of the chord of their neighbours."""
    count = 0
    for i in range(1, len(x) - 1):
        if _is_collinear(x, y, i - 1, i, i + 1, rtol, x_max, y_max):
            count += 1
    return count


@njit(cache=True, inline="always")
def rounding_tolerance(s, rtol, x_max, y_max):
    """τ = rtol (max|y| + |s| max|x|): what rounding of the data can move a point off a chord of slope s.

    At most 2^-31 max|y|, or rtol max|y| if that is more, so that a function through the remaining points still
    interpolates all of them.
    """
    return min(rtol * (y_max + abs(s) * x_max), max(2.0**-31, rtol) * y_max)


@njit(cache=True, inline="always")
def _is_collinear(x, y, i, j, k, rtol, x_max, y_max):
    s = (y[k] - y[i]) / (x[k] - x[i])
    # From the nearer end, so that the rounding of the chord stays below its own ulp.
    if x[j] - x[i] < x[k] - x[j]:
        distance = (y[j] - y[i]) - s * (x[j] - x[i])
    else:
        distance = (y[j] - y[k]) - s * (x[j] - x[k])
    return abs(distance) <= rounding_tolerance(s, rtol, x_max, y_max)


@njit(cache=True)
def corners(x, y, rtol, x_max, y_max):
    """Indices of the points that remain when collinear groups are drawn as one chord each.

    A maximal group of consecutive inner points that pass the collinearity test is dropped when every one of
    them is within its tolerance of the chord that replaces it. Otherwise the group is cut, greedily, into
    the longest chords between data points that are.
    """
    n = len(x)
    kept = np.empty(n, np.int64)
    kept[0] = 0
    size = 1
    i = 1
    while i < n - 1:
        if not _is_collinear(x, y, i - 1, i, i + 1, rtol, x_max, y_max):
            kept[size] = i
            size += 1
            i += 1
            continue
        stop = i + 1  # the group is i .. stop − 1
        while stop < n - 1 and _is_collinear(x, y, stop - 1, stop, stop + 1, rtol, x_max, y_max):
            stop += 1
        a = i - 1
        while a < stop:
            b = _longest_chord(x, y, a, stop, rtol, x_max, y_max)
            if b < stop:
                kept[size] = b
                size += 1
            a = b
        i = stop
    if n > 1:
        kept[size] = n - 1
        size += 1
    return kept[:size].copy()


@njit(cache=True)
def _longest_chord(x, y, a, stop, rtol, x_max, y_max):
    """Last b ≤ stop such that the chord from a to b passes every point between within its tolerance.

    A cone of slopes is narrowed point by point; after 64 chords outside it in a row the search ends, which keeps
    the whole pass linear.
    """
    low, high = -math.inf, math.inf
    best = a + 1
    for b in range(a + 1, stop + 1):
        dx = x[b] - x[a]
        s = (y[b] - y[a]) / dx
        if low <= s <= high:
            best = b
        elif b - best > 64:
            break
        band = rounding_tolerance(s, rtol, x_max, y_max) / dx
        low = max(low, s - band)
        high = min(high, s + band)
        if low > high:
            break
    return best


@njit(cache=True)
def ends_turn_as_data(x, y, kept, jumps):
    """Whether the corners at the ends of links that leave points out turn to the side to which all the points turn."""
    for k in range(1, len(kept) - 1):
        i = kept[k]
        if jumps[k] != 0.0 and (kept[k - 1] < i - 1 or kept[k + 1] > i + 1):
            if not jumps[k] * turn(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1]) > 0.0:
                return False
    return True


@njit(cache=True, inline="always")
def run_end(c, solid, start):
    """One past the last jump of the run of equal curvature that begins at `start`.

    A link with data points inside it (`solid`; an empty array for none) is part of the solution and ends the run.
    """
    stop = start + 1
    while stop < len(c) and c[stop] != 0.0 and (c[stop] > 0.0) == (c[start] > 0.0):
        if len(solid) and solid[stop - 1]:
            break
        stop += 1
    return stop


@njit(cache=True)
def match_runs(c, solid, p):
    """Maximum-weight matching of every run of equal curvature; merged[j] says that jumps j and j + 1 share a knot.

    Global minimum of Σ|c|^p for 0 < p < 1; for p = 0 the p → 0+ limit: fewest knots, then smallest Σ log|c|.
    """
    n = len(c)
    merged = np.zeros(n, np.bool_)
    gain = np.empty(1)
    i = 1
    while i < n - 1:
        if c[i] == 0.0:
            i += 1
            continue
        stop = run_end(c, solid, i)
        length = stop - i
        if length == 2:
            merged[i] = True
        elif length == 3:
            # The middle jump joins its larger neighbour, for every p.
            merged[i if abs(c[i]) >= abs(c[i + 2]) * (1.0 - TIE) else i + 1] = True
        elif length > 3:
            if p == 0.0 or p == 1.0:
                _match_most_pairs(c, i, stop, merged)
            else:
                if len(gain) < length:
                    gain = np.empty(max(length, 2 * len(gain)))
                _match_heaviest(c, i, stop, p, gain, merged)
        i = stop
    return merged


@njit(cache=True)
def _match_most_pairs(c, start, stop, merged):
    """⌊n/2⌋ pairs; an odd run leaves single the jump (at an even place) with the smallest product of slope changes."""
    single = stop
    if (stop - start) % 2 == 1:
        single = start
        # The product for `single = j` over the smallest so far is ratio · 2^(512 overflow).
        ratio, overflow = 1.0, 0
        for j in range(start, stop - 2, 2):
            a, b, d = abs(c[j]), abs(c[j + 1]), abs(c[j + 2])
            ratio *= (1.0 + b / a) / (1.0 + b / d)
            if ratio > 2.0**512:
                ratio *= 2.0**-512
                overflow += 1
            elif overflow > 0 and ratio < 1.0:
                ratio *= 2.0**512
                overflow -= 1
            if overflow == 0 and ratio <= 1.0 + TIE:
                single = j + 2
                ratio = max(ratio, 1.0)
    j = start
    while j < stop - 1:
        if j == single:
            j += 1
        merged[j] = j < stop - 1
        j += 2


@njit(cache=True)
def _match_heaviest(c, start, stop, p, gain, merged):
    """M_j = max(M_{j+1}, w_j + M_{j+2}), kept as the differences D_j = M_j − M_{j+1} = max(0, w_j − D_{j+1}).

    The differences do not lose digits in long runs as the sums M would.
    """
    largest = 0.0
    for j in range(start, stop):
        largest = max(largest, abs(c[j]))
    difference = 0.0
    for j in range(stop - 2, start - 1, -1):
        w = merging_gain(abs(c[j]) / largest, abs(c[j + 1]) / largest, p)
        gain[j - start] = (w - difference) + TIE * w  # ties go to the leftmost pairs
        difference = max(0.0, w - difference)
    j = start
    while j < stop - 1:
        if gain[j - start] >= 0.0:
            merged[j] = True
            j += 2
        else:
            j += 1


@njit(cache=True)
def merging_gain(a, b, p):
    """Weight a^p + b^p − (a + b)^p > 0, by what the objective falls when two jumps share a knot."""
    if p == 0.5:
        return math.sqrt(a) + math.sqrt(b) - math.sqrt(a + b)
    if p <= 0.9:
        return a**p + b**p - (a + b) ** p
    # Near p = 1 the terms cancel: S^p [t (t^(p−1) − 1) + (1−t) ((1−t)^(p−1) − 1)] with t = a / S.
    s = a + b
    if a == 0.0 or b == 0.0:
        return 0.0
    q = p - 1.0
    return s**p * (a / s * math.expm1(-q * math.log1p(b / a)) + b / s * math.expm1(-q * math.log1p(a / b)))


@njit(cache=True)
def links_of_matching(x, y, c, merged):
    """Knots, anchors and slopes of the links, from a matching, and the slope change at every knot.

    A single jump is a knot at its data point. A merged pair (j, j + 1) is one knot between its two points,
    where the chord that ends at x_j meets the chord that starts at x_{j+1}. Also returns the smallest jump, whether
    some change is so small a share of its slopes that it is not their difference, and the largest distance of a knot
    from the chord of its two points.
    """
    n = len(x)
    k = 0
    i = 1
    while i < n - 1:
        if c[i] != 0.0:
            k += 1
        i += 2 if merged[i] else 1
    knots = np.empty(k)
    changes = np.empty(k)
    anchors = np.empty((2, k + 1))
    slopes = np.empty(k + 1)
    k = 0
    smallest, close, farthest = math.inf, False, 0.0
    _set_link(x, y, 0, k, anchors, slopes)
    i = 1
    while i < n - 1:
        if c[i] != 0.0:
            if merged[i]:
                knots[k] = _meeting_point(x[i], x[i + 1], abs(c[i]), abs(c[i + 1]))
                farthest = max(farthest, abs(c[i]) * (knots[k] - x[i]))
                changes[k] = c[i] + c[i + 1]
                smallest = min(smallest, abs(c[i]), abs(c[i + 1]))
                i += 1
            else:
                knots[k] = x[i]
                changes[k] = c[i]
                smallest = min(smallest, abs(c[i]))
            k += 1
            _set_link(x, y, i, k, anchors, slopes)
            close |= abs(changes[k - 1]) < CLOSE * (abs(slopes[k - 1]) + abs(slopes[k]))
        i += 1
    return knots, anchors, slopes, changes, smallest, close, farthest


@njit(cache=True)
def value_of_matching(c, merged, p):
    """Number of slope changes that a matching leaves, Σ|c|^p over them, and the smallest jump."""
    count, total, smallest = 0, 0.0, math.inf
    i = 1
    while i < len(c) - 1:
        change = c[i]
        if change != 0.0:
            smallest = min(smallest, abs(change))
            if merged[i]:
                i += 1
                smallest = min(smallest, abs(c[i]))
                change += c[i]
            count += 1
            total += math.sqrt(abs(change)) if p == 0.5 else abs(change) ** p
        i += 1
    return count, total, smallest


@njit(cache=True, inline="always")
def _set_link(x, y, i, k, anchors, slopes):
    """The chord from point i to point i + 1, anchored at its end of smaller |y|."""
    slopes[k] = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
    at = i if abs(y[i]) <= abs(y[i + 1]) else i + 1
    anchors[0, k] = x[at]
    anchors[1, k] = y[at]


@njit(cache=True)
def _meeting_point(left, right, a, b):
    """Kink of a merged pair: left + (right − left) b / (a + b), kept in (left, right]."""
    dx = right - left
    if a >= b:
        t = left + dx * ((b / a) / (1.0 + b / a))
    else:
        t = right - dx * ((a / b) / (1.0 + a / b))
    return min(max(t, np.nextafter(left, math.inf)), right)


@njit(cache=True)
def largest_residual(x, y, knots, anchors, slopes):
    """max_i |f(x_i) − y_i| of a link-local table, for sorted x."""
    worst = 0.0
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            k += 1
        residual = abs(anchors[1, k] + slopes[k] * (x[i] - anchors[0, k]) - y[i])
        if not residual <= worst:  # a NaN is the worst
            worst = residual
    return worst


@njit(cache=True)
def largest_distances(x, y, knots, anchors, slopes):
    """max_i |f(x_i) − y_i| for sorted x, and the largest distance of f from the polyline through the points.

    The difference is piecewise linear, so between the points it is largest at a knot.
    """
    at_points, at_knots = 0.0, 0.0
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            t = knots[k]
            k += 1
            if i > 0 and x[i] > t > x[i - 1]:
                chord = y[i] + (y[i] - y[i - 1]) / (x[i] - x[i - 1]) * (t - x[i])
                at_knots = max(at_knots, abs(anchors[1, k] + slopes[k] * (t - anchors[0, k]) - chord))
        residual = abs(anchors[1, k] + slopes[k] * (x[i] - anchors[0, k]) - y[i])
        if not residual <= at_points:  # a NaN is the worst
            at_points = residual
    return at_points, max(at_points, at_knots)


@njit(cache=True)
def objective_value(changes, p):
    """V_p = Σ|c|^p; the number of knots for p = 0."""
    total = 0.0
    if p == 0.0:
        return float(len(changes))
    if p == 1.0:
        for k in range(len(changes)):
            total += abs(changes[k])
    elif p == 0.5:
        for k in range(len(changes)):
            total += math.sqrt(abs(changes[k]))
    else:
        for k in range(len(changes)):
            total += abs(changes[k]) ** p
    return total
