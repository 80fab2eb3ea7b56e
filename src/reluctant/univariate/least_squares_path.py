"""Least squares for every price of a knot, and for a given number of knots, exact for knots at data points.

The least cost is concave and piecewise linear in the price; its vertices are found by solving at the price at which two
neighbours tie [CROPS]. A number of knots between two vertices has a programme of its own that counts knots.

References
----------
[CROPS] Haynes, Eckley, Fearnhead, Computationally efficient changepoint detection for a range of penalties, JCGS 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.univariate._bounds_from_right import Data, Ends, Indices, Narrowed, pass_over
from reluctant.univariate.least_squares import (
    Optimum,
    fitted,
    good_solution,
    improved,
    least_cost,
    line_of,
    quickly_placed,
    rounded_up,
)

_TIE = 1e-10  # relative: what costs no less than this below the line of two vertices is no vertex between them
_FAINTEST = 2.0**-60  # of the loss of the line: at lower prices a sketch would follow rounding
_STEP = 4.0  # by which the price falls from one solve to the next
_TRIALS = 5  # prices tried for a good solution with a number of knots
_PRUNED = 2  # solutions with so many times the knots wanted are cut down to them
_LEAST = 2.0**-60  # of the loss of the line: at this price, knots at all points are not distinguished from fewer


@dataclass
class Hull:
    """Vertices found so far, by rising number of knots, and the bounds that were proved on the way."""

    data: Data
    clock: Clock
    vertices: list[Optimum]
    proved: list[tuple[float, float]] = field(default_factory=list)  # (price, lower bound of loss + price · knots)
    found: list[Optimum] = field(default_factory=list)  # whatever was solved, to its end or not
    reached: float = np.inf  # the vertices are complete for prices from here on

    @classmethod
    def of(cls, data: Data, clock: Clock) -> Hull:
        """Only the line, which is optimal where knots cost more than its loss."""
        line = line_of(data)
        return cls(data, clock, [line], [(line.loss, line.loss)], reached=line.loss)

    def solve(self, price: float, *starts: Optimum) -> Optimum:
        """The optimum at a price, whose bound is kept."""
        found = least_cost(self.data, price, self.clock, starts)
        self.proved.append((price, found.bound))
        self.found.append(found)
        return found

    def bound(self, n_knots: float) -> float:
        """A lower bound of the loss with so many knots at data points, from every price that was solved."""
        return max(0.0, max(bound - price * n_knots for price, bound in self.proved))

    def grow(self, most_knots: int, least_price: float) -> bool:
        """Add vertices until one has `most_knots` or more; whether the clock left time for that."""
        last = self.vertices[-1]
        price = last.loss / 2
        floor = max(least_price, _LEAST * last.loss)
        while len(last.knots) < most_knots and price > 0:
            price = max(price / _STEP, floor)
            found = (
                self.solve(price)
                if len(last.knots) == 0
                else self.solve(price, last, good_solution(self.data, price, (), self.clock))
            )
            if self.clock.expired():
                return False
            if len(found.knots) > len(last.knots):
                if not self._between(price, last, found):
                    return False
                self.vertices.append(found)
                last = found
            self.reached = price
            if price <= floor:
                break
        return True

    def _between(self, price: float, left: Optimum, right: Optimum) -> bool:
        """Append the vertices strictly between two."""
        if len(right.knots) - len(left.knots) <= 1:
            return True
        tie = (left.loss - right.loss) / (len(right.knots) - len(left.knots))
        found = self.solve(tie, left, right, good_solution(self.data, tie, (), self.clock))
        if self.clock.expired():
            return False
        between = len(left.knots) < len(found.knots) < len(right.knots)
        if not between or found.cost(tie) >= left.cost(tie) * (1.0 - _TIE):
            return True
        if not self._between(tie, left, found):
            return False
        self.vertices.append(found)
        return self._between(price, found, right)


def sketch(x: Array, y: Array, w: Array, most_knots: int, clock: Clock) -> list[Indices]:
    """Good knots at falling prices, from few to many, with no proof; weights sum to 1, and x rise."""
    data = Data(x, np.diff(x, prepend=x[0]), y, w)
    line = line_of(data)
    found: list[Indices] = []
    price = line.loss
    while price > _FAINTEST * line.loss and not clock.expired():
        price /= 2.0
        knots = good_solution(data, price, (), clock).knots
        if len(knots) > most_knots:
            break
        if len(knots) > (len(found[-1]) if found else 0):
            found.append(knots)
    return found


def good_of_size(data: Data, most_knots: int, clock: Clock) -> Optimum:
    """A good solution with at most so many knots, for prices that halve the bracket of the right one; no proof.

    It is never worse than knots that are evenly spread, nor than those that are quickly placed.
    """
    n = len(data.x)
    spread = fitted(data, np.unique(np.linspace(0, n - 1, most_knots + 2).astype(np.int64))[1:-1])
    best = min(spread, quickly_placed(data, most_knots), key=lambda o: o.loss)
    price, low, high = 2.0 * best.loss * math.log(n) / n, 0.0, math.inf
    for _ in range(_TRIALS):
        if clock.expired() or not price > 0.0:
            break
        found = good_solution(data, price, (), clock)
        if len(found.knots) == most_knots:
            return min(best, found, key=lambda o: o.loss)
        if len(found.knots) < most_knots:
            high = price
        else:
            low = price
        if len(found.knots) <= _PRUNED * most_knots:
            found = _pruned(data, found, most_knots, clock)
            if len(found.knots) <= most_knots and found.loss < best.loss:
                best = found
        price = high / _STEP if low == 0.0 else low * _STEP if high == math.inf else math.sqrt(low * high)
    return best


def _pruned(data: Data, found: Optimum, most_knots: int, clock: Clock) -> Optimum:
    """So many of its knots, or more where the clock ends it: less each time the one without which the loss is least."""
    while len(found.knots) > most_knots and not clock.expired():
        fewer = (fitted(data, np.delete(found.knots, k)) for k in range(len(found.knots)))
        found = min(fewer, key=lambda o: o.loss)
    return found


def best_of_size(hull: Hull, most_knots: int) -> tuple[Optimum, float]:
    """The least loss with at most so many knots at data points, and a bound of that with knots anywhere.

    A knot between two data points can be replaced by knots at both, and by a jump, without a change at the data.
    So the loss is at least that of twice as many knots at data points, and that of as many jumps.
    """
    data, clock = hull.data, hull.clock
    n = len(data.x)
    if most_knots >= n - 2:
        return fitted(data, np.arange(1, n - 1)), 0.0
    start = hull.vertices[0]
    if most_knots > 0 and not any(len(o.knots) == most_knots for o in hull.vertices):
        start = good_of_size(data, most_knots, clock)
        hull.grow(most_knots, 0.0)
    fewer = [o for o in hull.vertices if len(o.knots) <= most_knots]
    more = [o for o in hull.vertices if len(o.knots) > most_knots]
    best = fewer[-1]
    if len(best.knots) == most_knots:
        best = best._replace(bound=min(best.loss, hull.bound(most_knots)))
    elif more and not clock.expired():
        best = _between_vertices(data, most_knots, start, (best, more[0]), hull)
    else:
        known = [start, best, *(o for o in hull.found if len(o.knots) <= most_knots)]
        best = min(known, key=lambda o: o.loss)
        best = best._replace(bound=min(best.loss, hull.bound(most_knots)))
    return best, min(best.bound, _bound_anywhere(hull, most_knots, best))


def _bound_anywhere(hull: Hull, most_knots: int, best: Optimum) -> float:
    """The larger of the bounds with twice as many knots at data points, and with as many jumps.

    Both are looked for at a price like that of a knot that fits noise, σ² log N, where few more knots pay than do here.
    """
    price = 2.0 * best.loss * math.log(len(hull.data.x)) / len(hull.data.x)
    if not price > 0.0 or hull.clock.expired():
        return hull.bound(2 * most_knots)
    hull_prices = [p for p, _ in hull.proved if p > price]
    hull.solve(price, *hull.vertices[-2:], best)
    jumps = max(
        _bound_with_jumps(hull.data, most_knots, best.loss, p, hull.clock) for p in (price, 4.0 * price, *hull_prices)
    )
    return max(hull.bound(2 * most_knots), jumps)


def _between_vertices(
    data: Data, most_knots: int, start: Optimum, vertices: tuple[Optimum, Optimum], hull: Hull
) -> Optimum:
    """The least loss for a number of knots that is optimal at no price."""
    left, right = vertices
    price = (left.loss - right.loss) / (len(right.knots) - len(left.knots))
    best = improved(data, price, most_knots, [start.knots, left.knots, right.knots], hull.clock)
    bound = max(hull.bound(most_knots), best.bound - price * most_knots)
    return best._replace(bound=min(bound, best.loss))


def _bound_with_jumps(data: Data, most_knots: int, loss: float, price: float, clock: Clock) -> float:
    """A lower bound of the loss with so many jumps: every cell of the relaxed programme is a point."""
    n = len(data.x)
    if price == 0.0 or clock.expired():
        return 0.0
    ceiling = rounded_up(loss + price * most_knots)
    allowed = np.ones(n, bool)
    allowed[-1] = False
    nowhere = np.zeros(n, bool)
    known = Narrowed(np.zeros(n), Ends.none(n), allowed, 0.0)
    found = pass_over(data, price, ceiling, known, nowhere, 1, nowhere, clock.expired)
    return 0.0 if found is None else float(min(found[0][-1], ceiling)) - price * most_knots
