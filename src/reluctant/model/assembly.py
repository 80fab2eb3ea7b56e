"""From a piecewise-linear function to a network whose float64 parameters reproduce it.

With w_k = 1 and b_k = −t_k, rounding the kink t_k of a steep neuron shifts everything to its right by
|v_k| ulp(t_k) / 2, and half a million such shifts add up. So the neurons are set left to right with error
feedback: the line that the parameters so far give is known in double-double arithmetic, each neuron steers it back
onto the next link, and where one rounding is too coarse w_k = 1 + j 2^-52 with the j for which w_k t_k is
nearly a float.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.compiling import SMALL, njit
from reluctant.errors import TooSteepError
from reluctant.model._compiled_sums import add, two_product, two_sum
from reluctant.model.links import Links
from reluctant.model.network import ReLUNetwork

_GOAL = 1e-12  # a neuron's own error, relative to max|y|, with which the search is content
_BITS = 42  # fractions of a unit in the last place are counted in 2^-42
_LARGEST_STEP = 1 << 20
_CLOSE = 2.0**-18  # a slope change below this share of its slopes is taken as given, not from their difference
_WRONG = 1e-3  # an error, relative to max|y|, with which a network is another function
_TOO_STEEP = (
    "the function is too steep, or its kinks too far from x = 0, for the parameters of a network in float64; "
    "use `function` or `predict`, which hold it, or rescale x or y"
)
_DIGITS = 80
_LEAST = -1 << 30  # below the sum of any two exponents
_PLAIN = 200  # exponents up to this leave room for products


class Line(NamedTuple):
    """S x + B with coefficients in double-double: what the parameters so far amount to."""

    slope: tuple[float, float]
    value: tuple[float, float]


ZERO = Line((0.0, 0.0), (0.0, 0.0))


def network_of(f: Links) -> ReLUNetwork:
    """The network with an affine part and one right-facing neuron for each knot of `f`."""
    f, ex, ey = _in_safe_units(f, 0.0)
    largest = _largest_value(f)
    # Where all points of the links and all knots are zeros, what the lines are at x = 0 gives the size.
    goal = _GOAL * (largest or float(np.max(np.abs(f.slopes * f.anchors[0]))))
    a, c = _affine_through(f.slopes[0], f.anchors[0, 0], f.anchors[1, 0], goal)
    v, w, b, error = _following(f.knots, f.anchors, f.slopes, _changes(f), Line((a, 0.0), (c, 0.0)), goal)
    _check(error, f, largest)
    return _network(v, w, b, a, c, ex, ey)


def network_without_affine_part(f: Links, low: float, high: float) -> tuple[ReLUNetwork, int]:
    """A network without affine part that equals `f` on [low, high], and how many neurons it has beyond the knots.

    The neurons face away from one link. If `f` vanishes on that link none is added. A line that has no zero inside
    (low, high) is one neuron with its kink outside; any other line is two. Those are the first neurons of the network.
    """
    ends = np.array([low, high])
    expected = f.at(ends)
    f, ex, ey = _in_safe_units(f, float(np.max(np.abs(ends))))
    low, high = np.ldexp(ends, -ex).tolist()
    with np.errstate(over="ignore", invalid="ignore"):
        at_ends = float(np.max(np.abs(f.at(np.array([low, high])))))
    largest = max(_largest_value(f), at_ends if at_ends < math.inf else 0.0)
    goal = _GOAL * largest
    home, extra = _home_link(f, low, high, goal)
    v, w, b = (np.array(column) for column in zip(*extra)) if extra else (np.empty(0),) * 3
    line = _line_of(v, w, b)
    changes = _changes(f)
    right = _following(f.knots[home:], f.anchors[:, home:], f.slopes[home:], changes[home:], line, goal)
    mirrored = Line((-line.slope[0], -line.slope[1]), line.value)
    anchors = f.anchors[:, home::-1] * np.array([[-1.0], [1.0]])
    left = _following(-f.knots[:home][::-1], anchors, -f.slopes[home::-1], changes[:home][::-1].copy(), mirrored, goal)
    v = np.concatenate([v, left[0], right[0]])
    w = np.concatenate([w, -left[1], right[1]])
    b = np.concatenate([b, left[2], right[2]])
    _check(max(left[3], right[3]), f, largest)
    network = _network(v, w, b, 0.0, 0.0, ex, ey)
    with np.errstate(all="ignore"):
        missed = np.max(np.abs(network(ends) - expected))
    if not missed <= _WRONG * max(np.ldexp(_largest_value(f), ey), np.max(np.abs(expected))):
        raise TooSteepError(_TOO_STEEP)
    return network, len(extra)


def _home_link(f: Links, low: float, high: float, goal: float) -> tuple[int, list[tuple[float, float, float]]]:
    """The link from which the neurons face away, and the neurons (v, w, b) that make its line."""
    zero = (f.slopes == 0) & (f.anchors[1] == 0)
    if zero.any():
        return int(np.argmax(zero)), []
    flat = f.slopes == 0
    if flat.any():
        home = int(np.argmax(flat))
        return home, [(float(f.anchors[1, home]), 0.0, 1.0)]
    root = f.anchors[0] - f.anchors[1] / f.slopes
    outside = (root <= low) | (root >= high)
    home = int(np.argmax(outside))
    X, Y, M = float(f.anchors[0, home]), float(f.anchors[1, home]), float(f.slopes[home])
    if outside[home]:
        if root[home] <= low:
            return home, [_neuron(ZERO, X, Y, M, low, high, goal)[:3]]
        v, w, b, _ = _neuron(ZERO, -X, Y, -M, -high, -low, goal)
        return home, [(v, -w, b)]
    margin = max(high - low, abs(low) * 2.0**-20)
    start = low - margin
    return home, [(M, 1.0, -start), (Y - M * (X - start), 0.0, 1.0)]


def _changes(f: Links) -> Array:
    """The slope changes that are given, empty where they are the differences of the slopes."""
    return np.empty(0) if f.changes is None else np.array(f.changes)


def _following(
    knots: Array, anchors: Array, slopes: Array, changes: Array, line: Line, goal: float
) -> tuple[Array, Array, Array, float]:
    """`_neurons` with arrays of one type, for which it is compiled once."""
    parts = [part.view() for part in (knots, *anchors, slopes, changes)]
    for part in parts:
        part.flags.writeable = False
    v, w, b, error = _neurons(*parts, line, goal)
    return v, w, b, error


def _line_of(v: Array, w: Array, b: Array) -> Line:
    slope, value = ZERO
    for k in range(len(v)):
        slope = add(*slope, *two_product(float(v[k]), float(w[k])))
        value = add(*value, *two_product(float(v[k]), float(b[k])))
    return Line(slope, value)


def _in_safe_units(f: Links, farthest: float) -> tuple[Links, int, int]:
    """The function in units, powers of two, in which products cannot overflow; plain ones where they serve.

    The unit of y holds the values and what the lines are at x = 0; that of x makes the largest x and the largest slope
    alike. Slopes that carry a line to more than 2^80 times the unit of y leave sums in double-double no digits.
    """
    X, Y, M = *f.anchors, f.slopes
    largest_x = max(np.max(np.abs(X)), np.max(np.abs(f.knots), initial=0.0), farthest)
    largest_y, steepest = _largest_value(f), np.max(np.abs(M))
    lifts = (np.frexp(M)[1] + np.frexp(X)[1])[(M != 0) & (X != 0)]
    reach = _exponent(largest_y) if largest_y > 0 else _LEAST
    ey = int(np.max(lifts, initial=reach)) if len(lifts) or largest_y > 0 else 0
    x = _exponent(largest_x) if largest_x > 0 else ey - _exponent(steepest)
    m = _exponent(steepest) if steepest > 0 else ey - x
    if len(f.knots) and x + m - ey > _DIGITS:
        raise TooSteepError(_TOO_STEEP)
    if max(abs(x), abs(m), abs(ey)) <= _PLAIN:
        return f, 0, 0
    ex = (x - m + ey) // 2
    anchors, knots = np.stack([np.ldexp(X, -ex), np.ldexp(Y, -ey)]), np.ldexp(f.knots, -ex)
    if not (knots[1:] > knots[:-1]).all():
        raise TooSteepError(_TOO_STEEP)
    changes = None if f.changes is None else np.ldexp(f.changes, ex - ey)
    return Links(knots, anchors, np.ldexp(M, ex - ey), changes), ex, ey


def _largest_value(f: Links) -> float:
    """The largest |f| at the points of the links and at the knots, each of which belongs to the link on its right."""
    at_knots = f.knots - f.anchors[0, 1:]
    at_knots *= f.slopes[1:]
    at_knots += f.anchors[1, 1:]
    return float(max(np.max(np.abs(f.anchors[1])), np.max(np.abs(at_knots), initial=0.0)))


def _check(error: float, f: Links, largest: float) -> None:
    """Raise a TooSteepError if neurons miss the links, whose largest value is given, by so much."""
    if not (error <= _WRONG * largest or error <= _WRONG * np.max(np.abs(f.slopes * f.anchors[0]))):
        raise TooSteepError(_TOO_STEEP)


def _exponent(largest: float) -> int:
    return math.frexp(largest)[1]


def _network(v: Array, w: Array, b: Array, a: float, c: float, ex: int, ey: int) -> ReLUNetwork:
    with np.errstate(over="ignore"):
        w, v = np.ldexp(w, -ex), np.ldexp(v, ey)
        slope, intercept = np.ldexp(a, ey - ex), np.ldexp(c, ey)
    if not all(np.isfinite(part).all() for part in (w, b, v, slope, intercept)):
        raise TooSteepError(_TOO_STEEP)
    return ReLUNetwork(w[:, None], b, v[:, None], slope[None, None], intercept[None])


@njit(cache=True, interpreted_below=SMALL)
def _affine_through(slope, x, y, goal):
    """Floats (a, c) with a ≈ slope and a x + c ≈ y to within `goal` where a small change of `a` can do it."""
    a, c, error = _affine_trial(slope, x, y)
    unit = _ulp(c)
    if abs(error) > goal and slope != 0.0:
        step = _smallest_step(_ulp(slope) * x / unit, error / unit, goal / unit)
        nudged_a, nudged_c, nudged_error = _affine_trial(slope + step * _ulp(slope), x, y)
        if abs(nudged_error) < abs(error):
            return nudged_a, nudged_c
    return a, c


@njit(cache=True)
def _affine_trial(a, x, y):
    """(a, c, a x + c − y) with c the float nearest to y − a x."""
    product = two_product(a, x)
    c = (y - product[0]) - product[1]
    here = two_sum(product[0], c)
    return a, c, (here[0] - y) + (here[1] + product[1])


@njit(cache=True, interpreted_below=SMALL)
def _neuron(line, x, y, slope, left, right, goal):
    """(v, w, b, error) that turn `line` into the line of `slope` through (x, y), which matters on [left, right]."""
    product = two_product(line.slope[0], x)
    here = add(product[0], product[1] + line.slope[1] * x, line.value[0], line.value[1])
    rise = add(y, 0.0, -here[0], -here[1])
    turn = add(slope, 0.0, -line.slope[0], -line.slope[1])
    reach = max(abs(x - left), abs(right - x))
    v, w, b, error, offset = _neuron_trial(1.0, x, rise, turn, reach)
    if goal < error < math.inf:
        unit = _ulp(b)
        step = _smallest_step(2.0**-52 * -b / unit, offset / unit, 0.5 * goal / abs(v) / unit)
        nudged = _neuron_trial(1.0 + step * 2.0**-52, x, rise, turn, reach)
        if nudged[3] < error:
            return nudged[0], nudged[1], nudged[2], nudged[3]
    return v, w, b, error


@njit(cache=True)
def _neuron_trial(w, x, rise, turn, reach):
    """(v, w, b, error, offset): the neuron of weight w that adds `turn` to the slope and `rise` at x.

    `error` bounds what it misses within `reach` of x; `offset` is how far its kink −b / w lies left of the right one.
    """
    v = turn[0] / w
    if v == 0.0:  # the slopes of the two links are one in float64
        return v, w, -x, math.inf, 0.0
    wx = two_product(w, x)
    b = (rise[0] / v - wx[0]) - wx[1]
    height = two_sum(wx[0], b)
    rest = height[1] + wx[1]
    lifted = two_product(v, height[0])
    turned = two_product(v, w)
    value_error = (lifted[0] - rise[0]) + (lifted[1] + v * rest - rise[1])
    slope_error = (turned[0] - turn[0]) + (turned[1] - turn[1])
    return v, w, b, abs(value_error) + abs(slope_error) * reach, value_error / v


@njit(cache=True, inline="always")
def _ulp(a):
    return math.ldexp(1.0, max(math.frexp(a)[1] - 53, -1074))


@njit(cache=True)
def _smallest_step(rate, offset, tolerance):
    """Smallest j ≥ 0 for which offset + j · rate is within `tolerance` of an integer.

    The tolerance is widened fourfold until there is one below the largest step.
    """
    m = 1 << _BITS
    a = np.int64(round((rate - math.floor(rate)) * m)) % m
    shift = np.int64(round((offset - math.floor(offset)) * m)) % m
    r = np.int64(max(min(tolerance, 0.25) * m, 1.0))
    while r < m // 2:
        low, high = (-shift - r) % m, (-shift + r) % m
        if low > high:
            return 0  # the offset itself is within reach
        j = _first_in_range(a, m, low, high)
        if 0 <= j <= _LARGEST_STEP:
            return j
        r *= 4
    return 0


@njit(cache=True)
def _first_in_range(a, m, low, high):
    """Smallest j ≥ 0 with low ≤ a j mod m ≤ high, by Euclid's algorithm; −1 for none within the largest step."""
    steps = np.empty((_BITS + 2, 3), np.int64)  # (a, m, low) of the problems that are reduced
    depth = 0
    while True:
        if low == 0:
            j = np.int64(0)
            break
        if 2 * a > m:
            a, low, high = m - a, m - high, m - low
        if a == 0:
            return np.int64(-1)
        j = (low + a - 1) // a
        if a * j <= high:
            break
        steps[depth, 0], steps[depth, 1], steps[depth, 2] = a, m, low
        depth += 1
        a, m, low, high = m % a, a, (-high) % a, (-low) % a
    while depth > 0:
        if j > _LARGEST_STEP:
            return np.int64(-1)
        depth -= 1
        a, m, low = steps[depth, 0], steps[depth, 1], steps[depth, 2]
        j = (low + m * j + a - 1) // a
    return j


@njit(cache=True)
def _neuron_of_change(line, x, y, slope, left, right, change):
    """(v, w, b, error) of the neuron that turns `line` at `left` by exactly `change`, not steering."""
    product = two_product(change, left)
    turned = add(line.slope[0], line.slope[1], change, 0.0)
    value = add(line.value[0], line.value[1], -product[0], -product[1])
    product = two_product(turned[0], x)
    here = add(product[0], product[1] + turned[1] * x, value[0], value[1])
    rise = add(y, 0.0, -here[0], -here[1])
    turn = add(slope, 0.0, -turned[0], -turned[1])
    return change, 1.0, -left, abs(rise[0]) + abs(turn[0]) * max(abs(x - left), abs(right - x))


@njit(cache=True, interpreted_below=SMALL)
def _neurons(knots, X, Y, slopes, changes, line, goal):
    """Right-facing neurons (v, w, b) that follow the links from the first, which `line` already is; largest error.

    A given change that is a tiny share of its slopes is kept, for steering would drown it in the rounding of these,
    unless errors have added up.
    """
    n = len(knots)
    worst = 0.0
    v, w, b = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        left = knots[k]
        right = knots[k + 1] if k + 1 < n else max(X[k + 1], left + (left - min(X[0], knots[0])))
        x, y, slope = X[k + 1], Y[k + 1], slopes[k + 1]
        error = math.inf
        if len(changes) > 0 and abs(changes[k]) < _CLOSE * (abs(slopes[k]) + abs(slope)):
            v[k], w[k], b[k], error = _neuron_of_change(line, x, y, slope, left, right, changes[k])
        if not error <= goal:
            steered = _neuron(line, x, y, slope, left, right, goal)
            if not error <= steered[3]:
                v[k], w[k], b[k], error = steered
        if not error <= worst:  # a NaN is the worst
            worst = error
        turned = two_product(v[k], w[k])
        lifted = two_product(v[k], b[k])
        line = Line(
            add(line.slope[0], line.slope[1], turned[0], turned[1]),
            add(line.value[0], line.value[1], lifted[0], lifted[1]),
        )
    return v, w, b, worst
