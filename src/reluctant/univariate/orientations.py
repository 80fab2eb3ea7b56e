"""Which kinks of a function face left, so that it needs no affine part: subsets of its slope changes.

The changes of the kinks that face left must sum to minus the first slope. With the first slope as a change at −∞, which
faces left, and minus the last slope as one at +∞, which faces right, those on the left sum to zero. What is missing is
made good by turning a link about a point of it, between two kinks that face different sides, by splitting a kink, or by
a hinge outside the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.model.orientation import Orientation
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate import _jumps

MOST_ENUMERATED = 12
"""Kinks up to which every subset is tried."""
MOST_EXACT = 20
"""Kinks up to which sums of subsets are compared in rationals."""
_TIE = 1e-12
_ROUNDING = 2.0**-48


class Turn(NamedTuple):
    """A link between two neighbouring points whose slope may change by `low` to `high` about the point `pivot`."""

    link: int
    pivot: int
    low: float
    high: float


class Choice(NamedTuple):
    """A function with a side for every kink, and what it costs beyond the function that was given."""

    cost: float
    n_more: int
    function: PiecewiseLinear
    orientation: Orientation


def turns_of(f: PiecewiseLinear, x: Array, y: Array) -> Iterator[Turn]:
    """The links of an interpolant of the points that may turn while it interpolates, its knots in the same order.

    The knot beside a point that is not the pivot goes into the link, so it must be at that point; the one beside the
    pivot stays there, or between the points between which it is. A link of three points turns about the middle one.
    """
    knots, n = f.knots, f.n_knots
    starts = np.concatenate([[0], np.searchsorted(x, knots, side="left")])
    ends = np.concatenate([np.searchsorted(x, knots, side="right") - 1, [len(x) - 1]])
    for link in np.flatnonzero((ends == starts + 1) | (ends == starts + 2)).tolist():
        start, end = int(starts[link]), int(ends[link])
        for pivot in range(start, end + 1) if end == start + 1 else (start + 1,):
            low, high = -math.inf, math.inf
            for side, knot, point in ((-1, link - 1, start), (1, link, end)):
                inside = 0 <= knot < n
                if point != pivot:
                    if not inside or knots[knot] != x[point]:
                        low, high = 0.0, 0.0
                    elif f.slopes[link + side] > f.slopes[link]:
                        high = min(high, 0.0)
                    else:
                        low = max(low, 0.0)
                elif inside and knots[knot] != x[pivot]:
                    chord = (y[pivot] - y[pivot + side]) / (x[pivot] - x[pivot + side])
                    if f.slopes[link + side] < chord:
                        low = max(low, float(chord - f.slopes[link]))
                    else:
                        high = min(high, float(chord - f.slopes[link]))
            if low < high:
                yield Turn(link, pivot, low, high)


def turn_of(f: PiecewiseLinear, x: Array, y: Array, turn: Turn, by: float) -> PiecewiseLinear | None:
    """The function with a link turned; None where float64 does not hold its knots in order."""
    slopes, knots, anchors = f.slopes.copy(), f.knots.copy(), f.anchors.copy()
    u = slopes[turn.link] + by
    slopes[turn.link] = u
    anchors[:, turn.link] = x[turn.pivot], y[turn.pivot]
    for knot in (turn.link - 1, turn.link):
        if 0 <= knot < len(knots) and knots[knot] != x[turn.pivot]:
            left = knot < turn.link
            beyond = knot if left else knot + 1
            a, b = np.searchsorted(x, knots[knot], side="left"), np.searchsorted(x, knots[knot], side="right") - 1
            at = a if a == b else (b if left else a)  # the point on the other link that is nearest
            gap = y[turn.pivot] + u * (x[at] - x[turn.pivot]) - y[at]
            knots[knot] = x[at] + gap / (slopes[beyond] - u)
    if not (np.isfinite(knots).all() and (knots[1:] > knots[:-1]).all()):
        return None
    return PiecewiseLinear(knots, anchors, slopes)


def best_choice(
    f: PiecewiseLinear, x: Array, y: Array, p: float, turns: Sequence[Turn], negligible: float
) -> Choice | None:
    """The cheapest choice for Σ|c|^p over all subsets of few kinks; None where float64 does not hold it.

    A slope is missing where it is more than `negligible`. Ties go to fewer neurons, then to less total variation.
    """
    c, K = f.slope_changes, f.n_knots
    sums = np.zeros(1)
    for change in c:
        sums = np.concatenate([sums, sums + change])
    faces_left = (np.arange(len(sums))[:, None] >> np.arange(K)) % 2 == 1
    missing = -f.slopes[0] - sums
    rounding = _ROUNDING * (abs(f.slopes[0]) + np.abs(c).sum())
    missing[np.abs(missing) <= max(negligible, rounding)] = 0.0
    sides = np.column_stack([np.ones(len(sums), bool), faces_left, np.zeros(len(sums), bool)])
    costs = [_costs(c, faces_left, missing, sides, turns, q) for q in (p, 1.0)]
    more = np.concatenate([[0] * len(turns), np.ones(K + 1, int)])[None] * (missing != 0)[:, None]
    with np.errstate(invalid="ignore"):
        scale = float(np.sum(np.abs(c) ** p)) + 1e-300
        tied = costs[0] <= costs[0].min() + _TIE * scale
        tied &= more == more[tied].min()
    subset, option = np.unravel_index(np.argmin(np.where(tied, costs[1], np.inf)), tied.shape)
    left, rest = faces_left[subset], float(missing[subset])
    cost, n_more = float(costs[0][subset, option]), int(more[subset, option])
    if rest == 0.0:
        return Choice(cost, 0, f, Orientation(left, _last(left)))
    if option < len(turns):
        turn = turns[int(option)]
        by = rest if sides[subset, turn.link] else -rest
        turned = turn_of(f, x, y, turn, by)
        return None if turned is None else Choice(cost, 0, turned, Orientation(left, _last(left)))
    return Choice(cost, n_more, f, Orientation(left, int(option) - len(turns) - 1))


def _last(faces_left: Mask) -> int:
    """The last kink that faces left, which takes up rounding; −1 for none."""
    return int(np.flatnonzero(faces_left).max(initial=-1))


def _costs(c: Array, faces_left: Mask, missing: Array, sides: Mask, turns: Sequence[Turn], p: float) -> Array:
    """What each way (columns: turns, a hinge, a split of each kink) adds to Σ|c|^p for each subset (rows)."""

    def size(a: Array) -> Array:
        return np.where(a == 0.0, 0.0, np.abs(a) ** p)

    whole = np.concatenate([[0.0], size(c), [0.0]])  # changes at infinity cost nothing
    ends = np.concatenate([[0.0], c, [0.0]])
    is_kink = np.concatenate([[0.0], np.ones(len(c)), [0.0]])
    columns = []
    for turn in turns:
        before, after = sides[:, turn.link], sides[:, turn.link + 1]
        by = np.where(before, missing, -missing)
        fits = (before != after) & (turn.low <= by) & (by <= turn.high)
        parts = is_kink[turn.link] * size(ends[turn.link] + by) + is_kink[turn.link + 1] * size(
            ends[turn.link + 1] - by
        )
        columns.append(np.where(fits, parts - whole[turn.link] - whole[turn.link + 1], np.inf))
    columns.append(size(missing))
    for k in range(len(c)):
        rest = np.where(faces_left[:, k], c[k] + missing, c[k] - missing)
        columns.append(size(missing) + size(rest) - whole[k + 1])
    return np.where((missing == 0.0)[:, None], 0.0, np.column_stack(columns))


def needs_one_more(x: Array, y: Array) -> int | None:
    """Fewest knots of the points, where one neuron more is needed without an affine part.

    That is so where the interpolant with so few is one alone, as all runs of jumps have an even number of points, and
    no subset of its changes sums to minus its first slope. None where it is not so, or there are more than `MOST_EXACT`
    knots. All signs and sums are exact.
    """
    jumps = _jumps.slope_jumps(x, y)
    signs = np.sign(jumps)
    at = np.flatnonzero(signs)
    if len(at) > 2 * MOST_EXACT:
        return None
    if len(x) == 1:
        return None
    cuts = np.flatnonzero((np.diff(at) > 1) | (np.diff(signs[at]) != 0)) + 1
    runs = np.split(at, cuts) if len(at) else []
    if any(len(run) % 2 for run in runs):
        return None

    def slope(i: int) -> Fraction:
        rise = Fraction(float(y[i + 1])) - Fraction(float(y[i]))
        return rise / (Fraction(float(x[i + 1])) - Fraction(float(x[i])))

    changes = [slope(int(j) + 1) - slope(int(j) - 1) for run in runs for j in run[::2]]
    return None if _has_subset(changes, -slope(0)) else len(changes)


def _has_subset(numbers: Sequence[Fraction], total: Fraction) -> bool:
    """Whether some of the numbers sum to the total, the empty sum included: both halves' sums meet."""
    unit = math.lcm(total.denominator, *(v.denominator for v in numbers))
    whole = [int(v * unit) for v in numbers]
    halves = []
    for half in (whole[::2], whole[1::2]):
        sums = {0}
        for v in half:
            sums |= {s + v for s in sums}
        halves.append(sums)
    return any(int(total * unit) - s in halves[1] for s in halves[0])
