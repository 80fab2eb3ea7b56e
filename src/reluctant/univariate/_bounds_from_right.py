"""What the points to come cost at least: relaxed programmes from both ends, in turns, each pruned by the one before.

Near the knots of a good solution knots are as in the exact programme. Elsewhere the points are cut into cells within
which the function may jump at a knot, so that a cell costs one candidate instead of one a point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.univariate import _knot_programme
from reluctant.univariate._knot_fit import fit_at

Indices = NDArray[np.int64]

WORK = 5e6  # comparisons between two looks at the clock
_FIRST_CELLS, _CELLS = 2000, 8000  # in the first pass, and in the others
_SMALLEST_CELL = 4
_WIDTHS = (0.0, 0.0, 1.0, 4.0, 16.0, 64.0, 256.0)  # of the windows, in units of the price: one a pass
_CLOSE = 0.3  # of the price: where bound and solution are as close as this the exact programme is fast
_SLOW = 0.9  # no more passes where one has left more of the gap than this
_SAMPLE = 20  # rows on both sides from which the weight per x is taken
_ROUNDED = 1.0 - 2.0**-40  # by which the bounds are lowered


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


class Narrowed(NamedTuple):
    """What is known of all solutions that cost no more than a ceiling."""

    rest: Array  # rest[t]: what the points after t cost at least
    allowed: Mask  # where there may be knots
    lower: float  # what all points cost at least
    last: bool  # whether nothing more will be found


def _flip(a: NDArray[Any]) -> Any:
    return np.ascontiguousarray(a[::-1])


def corners_of(data: Data, knots: Indices) -> Indices:
    """Knots with both ends of the data."""
    return np.concatenate([[0], knots, [len(data.x) - 1]]).astype(np.int64)


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
    rest: Array,
    allowed: Mask,
    continuous: Mask,
    cell_size: int,
    stop: Callable[[], bool],
) -> Array | None:
    """Lower bounds of the cost of points 0 … t for every t; None where `stop` ended the pass."""
    state = _knot_programme.first_bounds(data.h, data.y, data.w)
    while True:
        state, _ = _knot_programme.bounds(*data[1:], price, ceiling, rest, allowed, continuous, cell_size, state, WORK)
        if state[0][-1] == len(data.y):
            costs: Array = state[1]
            return costs * _ROUNDED
        if stop():
            return None


def narrowing(
    data: Data, price: float, ceiling: float, knots: list[Indices], stop: Callable[[], bool]
) -> Iterator[Narrowed]:
    """What is known of all solutions up to the ceiling, after every pass but the first.

    `knots` are those of good solutions. The first passes are those of jumps almost everywhere, which cost next to
    nothing and suffice for few knots; windows are wider from pass to pass.
    """
    n = len(data.x)
    backwards = data.flipped()
    left, right = np.zeros(n), np.zeros(n)  # of points up to t, and after t
    allowed = np.ones(n, bool)
    allowed[[0, -1]] = False
    gap = np.inf
    for number, width in enumerate(_WIDTHS):
        continuous = np.zeros(n, bool)
        for solution in knots:
            continuous |= windows(data, price, solution, width)
        size = max(_SMALLEST_CELL, n // (_FIRST_CELLS if number < 2 else _CELLS))
        from_right = number % 2 == 0
        if from_right:
            known = np.concatenate([_flip(left)[1:], [0.0]])
            mirrored = _flip(allowed), _flip(continuous)
            costs = pass_over(backwards, price, ceiling, known, mirrored[0], mirrored[1], size, stop)
            if costs is not None:
                right = np.concatenate([_flip(costs)[1:], [0.0]])
        else:
            costs = pass_over(data, price, ceiling, right, allowed, continuous, size, stop)
            if costs is not None:
                left = costs
        if costs is not None and number > 0:
            allowed &= left + price + right <= ceiling
        before, gap = gap, -np.inf if costs is None else (ceiling - costs[-1]) / price
        enough = from_right and number > 0 and (gap < _CLOSE or (number > 2 and gap > _SLOW * before))
        last = enough or costs is None or number == len(_WIDTHS) - 1
        if number > 0 or last:
            yield Narrowed(right, allowed, float(min(ceiling, np.max(left + right))), last)
        if last:
            return
