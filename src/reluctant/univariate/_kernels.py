"""Hot loops of the line: collinear groups, the matching and the table it gives."""

from __future__ import annotations

import math

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.compiling import SMALL, njit
from reluctant.univariate._predicates import slope_jump, turn

TIE = 1e-12  # merging gains that differ by less than this share count as equal
CLOSE = 2.0**-18
"""A slope change below this share of its slopes is not their difference in float64, to 1e-10 of itself."""


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def collinear(x, y, rtol, x_max, y_max):
    """Which inner points lie within their rounding tolerance of the chord of their neighbours, and how many.

    2 for those that do with the rounding of y alone, 1 for others that do with that of x too. The two numbers are of
    all that do, and of those with 2.
    """
    count, without_x = 0, 0
    passes = np.zeros(len(x), np.uint8)
    of_y = rounding_tolerance(0.0, rtol, 0.0, y_max)
    for i in range(1, len(x) - 1):
        distance, s = _off_chord(x, y, i - 1, i, i + 1)
        either, alone = distance <= rounding_tolerance(s, rtol, x_max, y_max), distance <= of_y
        passes[i] = np.uint8(either) + np.uint8(alone)
        count += either
        without_x += alone
    return passes, count, without_x


@njit(cache=True, inline="always")
def rounding_tolerance(s, rtol, x_max, y_max):
    """τ = rtol (max|y| + |s| max|x|): what rounding of the data can move a point off a chord of slope s.

    At most 2^-31 max|y|, or rtol max|y| if that is more, so that a function through the remaining points still
    interpolates all of them.
    """
    return min(rtol * (y_max + abs(s) * x_max), max(2.0**-31, rtol) * y_max)


@njit(cache=True, inline="always")
def _off_chord(x, y, i, j, k):
    """The vertical distance of point j from the chord of points i and k, and the slope of that."""
    s = (y[k] - y[i]) / (x[k] - x[i])
    # From the nearer end, so that the rounding of the chord stays below its own ulp; chosen without a branch.
    before, after = x[j] - x[i], x[j] - x[k]
    nearer = before < -after
    return abs((y[j] - (y[i] if nearer else y[k])) - s * (before if nearer else after)), s


@njit(cache=True, interpreted_below=SMALL)
def corners(x, y, passes, least, rtol, x_max, y_max):
    """Indices of the points that remain when collinear groups are drawn as one chord each.

    A maximal group of consecutive inner points that pass the collinearity test, with `least` or more, is dropped when
    every one of them is within its tolerance of the chord that replaces it. Otherwise the group is cut, greedily, into
    the longest chords between data points that are.
    """
    n = len(x)
    kept = np.empty(n, np.int64)
    kept[0] = 0
    size = 1
    i = 1
    while i < n - 1:
        if passes[i] < least:
            kept[size] = i
            size += 1
            i += 1
            continue
        stop = i + 1  # the group is i .. stop − 1
        while stop < n - 1 and passes[stop] >= least:
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


def jumps_of_all(x: Array, y: Array, kept: Index, jumps: Array) -> Array:
    """What `slope_jumps` gives for all points, from the jumps of those kept."""
    _write_jumps_of_all(x, y, kept, jumps, c := np.empty(len(x)))
    return c


@njit(cache=True, interpreted_below=SMALL)
def _write_jumps_of_all(x, y, kept, jumps, c):
    c[0] = c[len(x) - 1] = 0.0
    for k in range(1, len(kept)):
        same, stop = _has_same_jump(kept, k)
        for i in range(kept[k - 1] + 1, stop):
            c[i] = jumps[k] if same else slope_jump(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1])


@njit(cache=True, interpreted_below=SMALL)
def fewest_knots_of_all(x, y, kept, jumps):
    """`fewest_knots` for all points, from the jumps of those kept."""
    count, alone, last = 0, False, 0.0
    for k in range(1, len(kept)):
        same, stop = _has_same_jump(kept, k)
        for i in range(kept[k - 1] + 1, stop):
            c = jumps[k] if same else slope_jump(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1])
            alone = _is_first_of_pair(last, c, alone)
            count += alone
            last = c
    return count


@njit(cache=True, inline="always")
def _has_same_jump(kept, k):
    """Whether a kept point has the neighbours that it has among all points; and one past the inner points up to it."""
    inner = k < len(kept) - 1
    return inner and kept[k - 1] + 1 == kept[k] == kept[k + 1] - 1, kept[k] + inner


@njit(cache=True, inline="always")
def _is_first_of_pair(last, c, alone):
    """Whether a jump is the first, third, … of its run, given the jump before it and whether that was."""
    in_run = ((last > 0.0) & (c > 0.0)) | ((last < 0.0) & (c < 0.0))
    return (c != 0.0) & (not (in_run & alone))


@njit(cache=True, interpreted_below=SMALL)
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


@njit(cache=True, interpreted_below=SMALL)
def match_runs(c, solid, p):
    """Maximum-weight matching of every run of equal curvature; merged[j] says that jumps j and j + 1 share a knot.

    Global minimum of Σ|c|^p for 0 < p < 1; for p = 0 the p → 0+ limit: fewest knots, then smallest Σ log|c|.
    Runs of one to three jumps, which rough data have in no order that a processor could guess, take no branch.
    """
    n = len(c)
    merged = np.zeros(n, np.bool_)
    in_run = _in_run_with_next(c, solid)
    gain = np.empty(1)
    i = np.int64(1)  # called with a literal, loops are compiled twice
    while i < n - 1:
        two = in_run[i]
        three = two & in_run[i + 1]
        if three & in_run[i + 2]:
            stop = i + 4
            while in_run[stop - 1]:
                stop += 1
            if p == 0.0 or p == 1.0:
                _match_most_pairs(c, i, stop, merged)
            else:
                if len(gain) < stop - i:
                    gain = np.empty(max(stop - i, 2 * len(gain)))
                _match_heaviest(c, i, stop, p, gain, merged)
            i = stop
            continue
        # Of three jumps the middle one joins its larger neighbour, for every p.
        leftmost = abs(c[i]) >= abs(c[min(i + 2, n - 1)]) * (1.0 - TIE)
        merged[i] = two & (leftmost | (not three))
        merged[i + 1] = three & (not leftmost)
        i += 1 + two + three
    return merged


@njit(cache=True, inline="always")
def _in_run_with_next(c, solid):
    """Whether a jump is in one run with the next one, for every jump; two entries more, which are not."""
    n = len(c)
    in_run = np.zeros(n + 2, np.bool_)
    for i in range(1, n - 1):
        in_run[i] = ((c[i] > 0.0) & (c[i + 1] > 0.0)) | ((c[i] < 0.0) & (c[i + 1] < 0.0))
    if len(solid):
        for i in range(1, n - 1):
            in_run[i] &= not solid[i]
    return in_run


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
    # Near p = 1 the terms of a gain cancel; below, the power of a jump serves its two gains.
    by_terms = p <= 0.9
    b = abs(c[stop - 1]) / largest
    power_b = _power(b, p) if by_terms else 0.0
    for j in range(stop - 2, start - 1, -1):
        a = abs(c[j]) / largest
        power_a = _power(a, p) if by_terms else 0.0
        w = power_a + power_b - _power(a + b, p) if by_terms else merging_gain(a, b, p)
        gain[j - start] = (w - difference) + TIE * w  # ties go to the leftmost pairs
        difference = max(0.0, w - difference)
        b, power_b = a, power_a
    j = start
    while j < stop - 1:
        if gain[j - start] >= 0.0:
            merged[j] = True
            j += 2
        else:
            j += 1


@njit(cache=True, inline="always")
def _power(a, p):
    return math.sqrt(a) if p == 0.5 else a**p


@njit(cache=True)
def merging_gain(a, b, p):
    """Weight a^p + b^p − (a + b)^p > 0, by what the objective falls when two jumps share a knot."""
    if p <= 0.9:
        return _power(a, p) + _power(b, p) - _power(a + b, p)
    # Near p = 1 the terms cancel: S^p [t (t^(p−1) − 1) + (1−t) ((1−t)^(p−1) − 1)] with t = a / S.
    s = a + b
    if a == 0.0 or b == 0.0:
        return 0.0
    q = p - 1.0
    return s**p * (a / s * math.expm1(-q * math.log1p(b / a)) + b / s * math.expm1(-q * math.log1p(a / b)))


def links_of_matching(x: Array, y: Array, c: Array, merged: Mask) -> tuple[Array, Array, Array, bool, float]:
    """Knots, anchors and slopes of the links, from a matching.

    A single jump is a knot at its data point. A merged pair (j, j + 1) is one knot between its two points,
    where the chord that ends at x_j meets the chord that starts at x_{j+1}. Also returns whether some slope change is
    so small a share of its slopes that it is not their difference, and the largest distance of a knot from the chord
    of its two points.
    """
    K = count_knots(c, merged)
    links = np.empty(K), np.empty((2, K + 1)), np.empty(K + 1)
    return *links, *_write_links(x, y, c, merged, *links)


@njit(cache=True, interpreted_below=SMALL)
def _write_links(x, y, c, merged, knots, anchors, slopes):
    n = len(x)
    k = 0
    close, farthest = False, 0.0
    _set_link(x, y, 0, k, anchors, slopes)
    i = 1
    while i < n - 1:
        if c[i] == 0.0:
            i += 1
            continue
        # Pairs and single jumps come in no order that a processor could guess: one formula without a branch for both.
        pair = np.int64(merged[i])
        a, b = abs(c[i]), abs(c[i + 1]) if pair else 0.0
        knot = _meeting_point(x[i], x[i + 1], a, b)
        far = a * (knot - x[i])
        farthest = far if far > farthest else farthest
        change = c[i] + (c[i + 1] if pair else 0.0)
        i += pair
        knots[k] = knot
        k += 1
        _set_link(x, y, i, k, anchors, slopes)
        close |= abs(change) < CLOSE * (abs(slopes[k - 1]) + abs(slopes[k]))
        i += 1
    return close, farthest


@njit(cache=True, interpreted_below=SMALL)
def count_knots(c, merged):
    """Number of slope changes that a matching leaves."""
    count = 0
    for i in range(1, len(c) - 1):
        count += np.int64(c[i] != 0.0) - np.int64(merged[i])
    return count


@njit(cache=True, interpreted_below=SMALL)
def fewest_knots(c, solid):
    """How many slope changes the matchings with most pairs leave."""
    count, alone = 0, False
    for i in range(1, len(c) - 1):
        if len(solid) and solid[i - 1]:
            alone = False
        alone = _is_first_of_pair(c[i - 1], c[i], alone)
        count += alone
    return count


@njit(cache=True, interpreted_below=SMALL)
def changes_of_matching(c, merged):
    """The slope changes that a matching leaves."""
    changes = np.empty(count_knots(c, merged))
    k = 0
    for i in range(1, len(c) - 1):
        if c[i] != 0.0 and not merged[i - 1]:
            changes[k] = c[i] + (c[i + 1] if merged[i] else 0.0)
            k += 1
    return changes


@njit(cache=True, interpreted_below=SMALL)
def value_of_matching(c, merged, p):
    """Σ|c|^p over the slope changes that a matching leaves, their number for p = 0, and the smallest jump."""
    total, smallest = 0.0, math.inf
    if p == 0.0:
        return float(count_knots(c, merged)), smallest
    i = 1
    while i < len(c) - 1:
        if c[i] == 0.0:
            i += 1
            continue
        pair = np.int64(merged[i])
        a, b = abs(c[i]), abs(c[i + 1]) if pair else math.inf
        smallest = min(smallest, min(a, b))
        change = abs(c[i] + (c[i + 1] if pair else 0.0))
        total += change if p == 1.0 else _power(change, p)
        i += 1 + pair
    return total, smallest


@njit(cache=True, inline="always")
def _set_link(x, y, i, k, anchors, slopes):
    """The chord from point i to point i + 1, anchored at its end of smaller |y|."""
    slopes[k] = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
    at = i if abs(y[i]) <= abs(y[i + 1]) else i + 1
    anchors[0, k] = x[at]
    anchors[1, k] = y[at]


@njit(cache=True, inline="always")
def _meeting_point(left, right, a, b):
    """Kink of a merged pair: left + (right − left) b / (a + b), kept in (left, right]; left where b = 0."""
    larger = a >= b
    share = (b if larger else a) / (a if larger else b)
    part = (right - left) * (share / (1.0 + share))
    knot = left + part if larger else right - part
    if b > 0.0 and not knot > left:
        knot = np.nextafter(left, math.inf)
    return knot if knot < right else right


@njit(cache=True, interpreted_below=SMALL)
def objective_value(changes, p):
    """V_p = Σ|c|^p; the number of knots for p = 0."""
    total = 0.0 if p > 0.0 else float(len(changes))
    for k in range(len(changes) if p > 0.0 else 0):
        total += abs(changes[k]) if p == 1.0 else _power(abs(changes[k]), p)
    return total
