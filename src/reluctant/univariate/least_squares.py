"""Least squares with a price per knot, or with at most K knots, exact for knots at data points.

A functional dynamic programme takes the points from left to right [CPOP]. A good solution, found with knots on ever
finer grids near those of the last one, and lower bounds of what is still to come leave few candidates (ours).

References
----------
[CPOP] Fearnhead, Maidstone, Letchford, Detecting changes in slope with an L0 penalty, JCGS 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.effort import Clock
from reluctant.univariate import _knot_programme
from reluctant.univariate._bounds_from_right import (
    WORK,
    Data,
    Ends,
    Indices,
    corners_of,
    inner_points,
    knots_of,
    narrowed,
)
from reluctant.univariate._knot_fit import fit_at
from reluctant.univariate._open_links import MU

FREE = -1  # in the place of the most knots: as many as pay
RELATIVE, ABSOLUTE = 2.0**-34, 2.0**-47  # rounding of an objective, and of the residuals in units of `Rows`
SMALL = 200  # so few points need no bounds
_COARSE = 200  # knots in the first search for a good solution
_FINER = 4
_BESIDE = 1.5  # how far from its knots, in steps of its grid, the next search looks


class Optimum(NamedTuple):
    """The best knots found, what they cost, and what every other choice costs at least."""

    knots: Indices
    loss: float
    bound: float  # of loss + price · knots; of the loss where their number is given
    price: float = 0.0
    most_open: int = 0  # links at a time, in the exact programme

    def cost(self, price: float) -> float:
        """Loss and price."""
        return self.loss + price * len(self.knots)


def quickly_placed(data: Data, most_knots: int) -> Optimum:
    """A good function with so many knots, in few fits: what there is where no time is left.

    Rounds give links a knot each, where a tent on the link has the largest product with the residuals for its size,
    until there are twice as many as asked for; then rounds take those whose tents are smallest.
    """
    knots, most = np.empty(0, np.int64), min(2 * most_knots, len(data.x) - 2)
    while len(knots) < most:
        corners = corners_of(data, knots)
        residual = data.w * (data.y - fit_at(data.x, data.y, data.w, corners)[1])
        beyond = np.cumsum(residual[::-1])[::-1]  # of each point and those on its right
        product = np.abs(np.append(np.cumsum((beyond[1:] * data.h[1:])[::-1])[::-1], 0.0))
        link = np.searchsorted(corners, np.arange(len(data.x)), side="right") - 1
        left, right = (np.append(data.x[ends], data.x[-1])[link] for ends in (corners[:-1], corners[1:]))
        height = (data.x - left) * (right - data.x)
        score = np.divide(product * np.sqrt(right - left), height, out=np.full(len(height), -1.0), where=height > 0.0)
        best = [first + int(np.argmax(score[first:last])) for first, last in pairwise(corners)]
        best.sort(key=lambda at: -score[at])
        new = [at for at in best if score[at] > 0.0][: most - len(knots)]
        if not new:
            break
        knots = np.sort(np.append(knots, new))
    while len(knots) > most_knots:
        corners = corners_of(data, knots)
        gaps = np.diff(data.x[corners])
        slopes = np.diff(fit_at(data.x, data.y, data.w, corners)[0]) / gaps
        tent = np.abs(np.diff(slopes)) * gaps[:-1] * gaps[1:] / np.sqrt(gaps[:-1] + gaps[1:])
        surplus = len(knots) - most_knots
        knots = np.delete(knots, np.argsort(tent)[: -(-surplus // 4)])
    return fitted(data, knots)


class Outcome(NamedTuple):
    """What a run of the programme found."""

    knots: Indices | None  # None where nothing below the ceiling was found
    bound: float
    most: int
    finished: bool


def rounded_down(objective: float, rounding: float = ABSOLUTE) -> float:
    """An objective less what rounding may have added, where residuals err by `rounding` at most."""
    return max(0.0, objective * (1.0 - RELATIVE) - rounding * math.sqrt(2.0 * max(objective, 0.0)) - rounding**2)


def rounded_up(objective: float) -> float:
    """A ceiling that rounding does not lift the cost of an equal solution above."""
    return objective * (1.0 + RELATIVE / 16) + ABSOLUTE * math.sqrt(2.0 * objective) + ABSOLUTE**2


def fitted(data: Data, knots: Indices) -> Optimum:
    """These knots and their loss, with no bound."""
    return Optimum(knots, fit_at(data.x, data.y, data.w, corners_of(data, knots))[2], 0.0)


def line_of(data: Data) -> Optimum:
    """The line, which is optimal where a knot costs its loss."""
    line = fitted(data, np.empty(0, np.int64))
    return line._replace(bound=line.loss, price=line.loss)


def run_programme(
    data: Data,
    price: float,
    most_knots: int,
    ceiling: float,
    rest: Array,
    allowed: Mask,
    clock: Clock,
    ends: Ends | None = None,
) -> Outcome:
    """The programme to its end, or to that of the clock; costs here are loss + price · (knots, or the most of them)."""
    state = _knot_programme.first_links(data.h, data.y, data.w)
    ends = Ends.none(len(data.x)) if ends is None else ends
    most = 0
    while True:
        arguments = (price, most_knots, ceiling, rest, allowed, ends.first, ends.table)
        state, alive = _knot_programme.programme(*data[1:], *arguments, state, WORK)
        links, origin, level, n, _, knot, parent, _, t = state
        most = max(most, alive)
        if t == len(data.y) or clock.expired():
            break
    costs = links[MU, :n]
    if t < len(data.y):
        return Outcome(None, float(min(ceiling, np.min(costs, initial=np.inf) + rest[t - 1])), most, False)
    if n == 0:
        return Outcome(None, ceiling, most, True)
    if most_knots != FREE:
        costs = costs + price * (most_knots - level[:n])
    best = int(np.argmin(costs))
    return Outcome(knots_of(origin[best], knot, parent), float(min(ceiling, costs[best])), most, True)


def improved(data: Data, price: float, most_knots: int, knots: list[Indices], clock: Clock) -> Optimum:
    """The optimum, or the best of these and other solutions where the clock ends the search.

    Costs are loss + price · knots, or price · `most_knots` where these are the most.
    """
    n = len(data.x)

    def ceiling_of(knots: Indices) -> float:
        if len(knots) > most_knots != FREE:
            return math.inf
        return rounded_up(fitted(data, knots).loss + price * (len(knots) if most_knots == FREE else most_knots))

    if n <= SMALL:
        best = min(knots, key=ceiling_of)
        found = run_programme(data, price, most_knots, ceiling_of(best), np.zeros(n), inner_points(n), clock)
    else:
        known, best = narrowed(data, price, ceiling_of, knots, clock.expired)
        ceiling = ceiling_of(best)
        found = run_programme(data, price, most_knots, ceiling, known.rest, known.allowed, clock, known.ends)
        found = found._replace(bound=max(known.lower, found.bound))
    known_knots = [best] if found.knots is None else [best, found.knots]
    optimum = fitted(data, min(known_knots, key=ceiling_of))
    return optimum._replace(bound=found.bound, price=price, most_open=found.most)


def good_solution(data: Data, price: float, starts: Sequence[Optimum], clock: Clock) -> Optimum:
    """The best of the starts or, without them, of searches on a coarse grid and on finer ones near its knots."""
    n = len(data.x)
    nothing = np.zeros(n)

    def better(best: Optimum, allowed: Mask) -> Optimum:
        allowed[[0, -1]] = False
        found = run_programme(data, price, FREE, np.inf, nothing, allowed, clock).knots
        return best if found is None else min(best, fitted(data, found), key=lambda o: o.cost(price))

    best = min([fitted(data, np.empty(0, np.int64)), *starts], key=lambda o: o.cost(price))
    if starts:
        return best
    step = max(1, n // _COARSE)
    allowed = np.zeros(n, bool)
    allowed[::step] = True
    best = better(best, allowed)
    while step > 1 and not clock.expired():
        finer = max(1, step // _FINER)
        allowed[:] = False
        reach = int(_BESIDE * step)
        for knot in best.knots:
            allowed[max(0, knot - reach) : knot + reach + 1 : finer] = True
            allowed[knot] = True
        best, step = better(best, allowed), finer
    return best


def least_cost(data: Data, price: float, clock: Clock, starts: Sequence[Optimum] = ()) -> Optimum:
    """Minimise loss + price · knots.

    `starts` are solutions near which the optimum is expected; without them it is searched for. When the clock ends
    the search, the bound is that of the candidates still open.
    """
    n = len(data.x)
    if n <= 2 or not np.isfinite(price):
        return line_of(data)._replace(price=price)
    best = good_solution(data, price, starts, clock)
    knots = [best.knots, *(start.knots for start in starts)]
    best = improved(data, price, FREE, knots, clock)
    return best._replace(bound=min(best.bound, best.cost(price)))
