"""What the points to come cost at least: relaxed programmes from both ends, in turns, each pruned by the one before.

Near the knots of a good solution knots are as in the exact programme. Elsewhere the points are cut into cells within
which the function may jump at a knot, so that a cell costs one candidate instead of one a point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.univariate import _knot_programme
from reluctant.univariate._knot_fit import fit_at

Indices = NDArray[np.int64]

WORK = 5e6  # comparisons between two looks at the clock
_FIRST_CELLS, _CELLS = 2000, 8000  # in the first two passes, and in the others
_SMALLEST_CELL = 4
_PASSES = 12  # at most
_BESIDE = 1000  # share of the points that become continuous on both sides of a jump
_CLOSE = 0.1  # of the price: where bound and solution are as close as this,
_FEWER = 0.7  # and a pass leaves more than this share of the places for knots, no other pass follows
_NEAR = 2.0  # of the price: with a larger gap, what is to come at a value rules nothing out
_DEBT = 0.01  # of the price: what a link is lowered by at most when it stands for others
_CROWD = 64  # so many links are not thinned
_SAMPLE = 20  # rows on both sides from which the weight per x is taken
_ROUNDED = 2.0**-40  # by which the bounds are lowered, of themselves


class Data(NamedTuple):
    """Distinct rows as the programme takes them: x and y in units of `Rows`, h[t] = x[t] − x[t − 1]."""

    x: Array
    h: Array
    y: Array
    w: Array

    def flipped(self) -> Data:
        """From right to left."""
        h = np.concatenate([[0.0], self.h[:0:-1]])
        return Data(-_flip(self.x), h, _flip(self.y), _flip(self.w))


class Ends(NamedTuple):
    """What a pass recorded: lower bounds of what is beyond a point, as functions of the value there.

    Quadratics first[t] … first[t + 1] − 1, rows cost, value and curvature of `table`, are those of its point t, from
    the side where it began.
    """

    first: Indices
    table: Array
    recorded: Mask

    @classmethod
    def none(cls, n: int) -> Ends:
        """Nothing recorded."""
        return cls(np.zeros(n + 1, np.int64), np.empty((3, 0)), np.zeros(n, bool))

    @property
    def impossible(self) -> Mask:
        """Points at which no solution below the ceiling has a knot."""
        return self.recorded & (np.diff(self.first) == 0)


class Passed(NamedTuple):
    """What a pass found."""

    costs: Array  # costs[t]: what points 0 … t cost at least
    ends: Ends
    knots: Indices  # of the solution that costs least where jumps are allowed, jumps among them


class Narrowed(NamedTuple):
    """What is known of all solutions that cost no more than a ceiling."""

    rest: Array  # rest[t]: what the points after t cost at least
    ends: Ends  # the same as a function of the value at t, from right to left
    allowed: Mask  # where there may be knots
    lower: float  # what all points cost at least


def _flip(a: NDArray[Any]) -> Any:
    return np.ascontiguousarray(a[::-1])


def corners_of(data: Data, knots: Indices) -> Indices:
    """Knots with both ends of the data."""
    return np.concatenate([[0], knots, [len(data.x) - 1]]).astype(np.int64)


def inner_points(n: int) -> Mask:
    """All points but the first and the last."""
    inner = np.ones(n, bool)
    inner[[0, -1]] = False
    return inner


def windows(data: Data, price: float, knots: Indices, width: float) -> Mask:
    """Points as near to a knot as a knot can be moved for a loss of about width · price: ρ d² L³ / 24 over L."""
    n = len(data.x)
    near = np.zeros(n, bool)
    if len(knots) == 0:
        return near
    corners = corners_of(data, knots)
    heights = fit_at(data.x, data.y, data.w, corners)[0]
    changes = np.diff(np.diff(heights) / np.diff(data.x[corners]))
    total = np.concatenate([[0.0], np.cumsum(data.w)])
    a, b = np.maximum(0, knots - _SAMPLE), np.minimum(n - 1, knots + _SAMPLE)
    density = (total[b + 1] - total[a]) / (data.x[b] - data.x[a])
    with np.errstate(divide="ignore", over="ignore"):
        reach = np.cbrt(width * price / (density * changes**2))
    first = np.searchsorted(data.x, data.x[knots] - reach)
    last = np.searchsorted(data.x, data.x[knots] + reach)
    first = np.maximum(np.minimum(first, knots - 3), np.maximum(1, knots - n // 10))
    last = np.minimum(np.maximum(last, knots + 3), np.minimum(n - 2, knots + n // 10))
    for i, j in zip(first, last, strict=True):
        near[i : j + 1] = True
    return near


def pass_over(
    data: Data,
    price: float,
    ceiling: float,
    known: Narrowed,
    continuous: Mask,
    cell_size: int,
    record: Mask,
    stop: Callable[[], bool],
    crowd: int = _CROWD,
    debt: float = _DEBT,
) -> Passed | None:
    """Lower bounds of the cost of points 0 … t for every t, and where `record` of those before t by the value at t.

    None where `stop` ended the pass.
    """
    state = _knot_programme.first_bounds(data.h, data.y, data.w)
    recorded = record & known.allowed
    limits = price, ceiling, known.rest, known.allowed, continuous, cell_size, debt * price, crowd, *known.ends[:2]
    while True:
        state, _ = _knot_programme.bounds(*data[1:], *limits, recorded, state, WORK)
        (*_, knot, parent, _, t), costs, _, _, _, _, via, first, table = state
        if t == len(data.y):
            break
        if stop():
            return None
    table = np.ascontiguousarray(table[:, : first[-1]])
    table[0] -= _ROUNDED * np.abs(table[0])
    return Passed(costs - _ROUNDED * np.abs(costs), Ends(first, table, recorded), knots_of(via[-1], knot, parent))


def knots_of(node: int, knot: Indices, parent: Indices) -> Indices:
    """The knots on the way from a node of the tree to its root, from left to right."""
    found = []
    while node > 0:
        found.append(knot[node])
        node = parent[node]
    return np.array(found[::-1], np.int64)


def narrowed(
    data: Data, price: float, ceiling_of: Callable[[Indices], float], knots: list[Indices], stop: Callable[[], bool]
) -> tuple[Narrowed, Indices]:
    """What is known of all solutions up to the ceiling after passes in turns, until they leave few places for knots.

    `knots` are those of good solutions, near which the function is continuous; so it is near the jumps that paid in a
    pass from the next one on, and in the end wherever knots are possible. The ceiling is the least of those of the
    solutions with these knots, or with those of a pass; the best knots are returned too.
    """
    best = min(knots, key=ceiling_of)
    ceiling = ceiling_of(best)
    n = len(data.x)
    sides = (data, data.flipped())
    costs, ends = [np.zeros(n), np.zeros(n)], [Ends.none(n), Ends.none(n)]  # of passes from left and right
    allowed, jumped = inner_points(n), np.zeros(n, bool)
    gap = np.inf
    for number in range(_PASSES):
        side = 1 - number % 2  # the first pass is from the right
        turned = _flip if side else np.asarray
        width = 0.0 if number < 2 else 2.0 ** (number - 2)
        continuous = jumped | np.logical_or.reduce([windows(data, price, solution, width) for solution in knots])
        places = int(allowed.sum())
        if places < continuous.sum():
            continuous |= allowed
        size = max(_SMALLEST_CELL, n // (_FIRST_CELLS if number < 2 else _CELLS))
        record = continuous & (gap < _NEAR)
        known = Narrowed(np.append(_flip(costs[1 - side])[1:], 0.0), ends[1 - side], turned(allowed), 0.0)
        found = pass_over(sides[side], price, ceiling, known, turned(continuous), size, turned(record), stop)
        if found is None:
            break
        costs[side], ends[side] = found.costs, found.ends
        left, rest = costs[0], np.append(_flip(costs[1])[1:], 0.0)
        tried = n - 1 - found.knots[::-1] if side else found.knots
        if ceiling_of(tried) < ceiling:
            best, ceiling = tried, ceiling_of(tried)
        if number > 0:
            allowed &= ~turned(found.ends.impossible) & (left + price + rest <= ceiling)
        if number > 1:
            beside = max(_SMALLEST_CELL, n // _BESIDE) * 2 ** (number - 2)
            for jump in tried[~continuous[tried]]:
                jumped[max(1, jump - beside) : min(n - 1, jump + beside + 1)] = True
        gap = (ceiling - found.costs[-1]) / price
        if number > 0 and gap < _CLOSE and allowed.sum() > _FEWER * places:
            break
    rest = np.append(_flip(costs[1])[1:], 0.0)
    return Narrowed(rest, ends[1], allowed, float(min(ceiling, np.max(costs[0] + rest)))), best
