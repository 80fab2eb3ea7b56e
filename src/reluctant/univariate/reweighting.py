"""The search for p < 1: trend filters whose prices are the slopes of (|c_j| + ε)^p at the last solution [CWB]."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from reluctant.arrays import Array
from reluctant.univariate import _kernels
from reluctant.univariate.filtering import Filtered, Rows, affine_fit, bends_of, kink_signs, trend_filter

_FEW_SOLVES = 8  # of a trend filter whose weights will change
_GUIDES, _GUIDED_EPS = (0.3, 0.8), 1e-4  # other exponents to begin with: each p has tables on which it goes astray
_STARTS = 8  # at most
_START_ACCURACY = 1e-6
_REWEIGHTINGS = 30
_EPS = 1e-6  # smallest ε, relative to the largest slope change
_DECREASE = 1e-4  # relative decrease of the objective that counts during the search
_LAST_DECREASE = 1e-9  # and at its end
_GROUPS = 2**12  # four times as many rows are grouped first
_SMALLEST_GROUP, _FINER = 4, 8
_GROUPS_A_KINK = 32  # with fewer groups a kink they are too coarse
_CLOSE_GROUPS = 2.0**-40  # of the range of x: closer ones have lost the digits of their distance
_CARRIED_EPS, _CARRIED_DECREASE = 1e-2, 1e-5
_TRIALS_TIMES_ROWS = 10**6  # kinks to be taken away times rows


def reweighted(rows: Rows, price: float, p: float) -> Filtered:
    """The lowest mean loss + price · V_p that the search finds.

    Many rows are searched as groups of neighbours, smaller ones where kinks are not few beside groups; what is found is
    carried to ever smaller groups and to the rows.
    """
    rows = rows._replace(x=np.concatenate([[0.0], np.cumsum(rows.gaps)]))  # in the unit of gaps, as groups have it
    levels = [*_levels(rows), rows]
    found = _searched(levels[0], price, p)
    while len(levels) > 1 and len(bends_of(found, p).changes) * _GROUPS_A_KINK > len(levels[0].x):
        levels.pop(0)
        found = _searched(levels[0], price, p)
    for coarse, fine in pairwise(levels):
        found = _carried(fine, coarse, found, price, p)
    return found


def _levels(rows: Rows) -> Iterator[Rows]:
    """The rows in groups, ever smaller ones, while groups are large and their distances have digits."""
    n_groups = _GROUPS
    while n_groups * _SMALLEST_GROUP <= len(rows.x):
        groups = _grouped(rows, n_groups)
        if not np.min(groups.gaps) > _CLOSE_GROUPS:
            return
        yield groups
        n_groups *= _FINER


def _grouped(rows: Rows, n_groups: int) -> Rows:
    """Groups of consecutive rows at the means of x and y; what they lose of the loss is nearly the same for all f."""
    starts = np.arange(n_groups) * len(rows.x) // n_groups
    weights = np.add.reduceat(rows.weights, starts)
    x, y = (np.add.reduceat(rows.weights * a, starts) / weights for a in (rows.x, rows.y))
    return rows._replace(x=x, gaps=np.diff(x), y=y, weights=weights)


def _carried(rows: Rows, groups: Rows, found: Filtered, price: float, p: float) -> Filtered:
    """What reweighting makes of the kinks of the groups, each at the row nearest to it."""
    best = affine_fit(rows)
    bends = bends_of(found, p)
    if len(bends.changes) == 0:
        return best
    left, right = groups.x[bends.first], groups.x[bends.last]
    kinks = left + (right - left) * np.where(bends.first < bends.last, found.c[bends.last] / bends.changes, 0.0)
    at = np.clip(np.searchsorted(0.5 * (rows.x[1:] + rows.x[:-1]), kinks), 1, len(rows.x) - 2)
    c = np.zeros(len(rows.x))
    np.add.at(c, at, bends.changes)
    for eps in (_CARRIED_EPS, _EPS):
        fitted = _from_kinks(rows, best._replace(c=c), price, p, eps * float(np.max(np.abs(c))), _CARRIED_DECREASE)
        best = min(best, fitted, key=lambda f: _penalised(rows, f, price, p))
        c = best.c if best.c.any() else c
    return best


def _searched(rows: Rows, price: float, p: float) -> Filtered:
    """The search itself: reweighting from several solutions for p = 1, at once or by way of other exponents.

    From the best result kinks are taken away one by one where that pays, within a budget of trials.
    """
    best = affine_fit(rows)
    best_value = _penalised(rows, best, price, p)
    largest = float(np.max(np.abs(best.u)))
    if largest == 0.0:
        return best  # the data are on a line
    fitted = best
    for k in range(1, _STARTS + 1):
        bound = largest * 4.0**-k
        bounds = np.full(len(rows.x), bound)
        fitted = trend_filter(rows, bounds, bounds, kink_signs(rows, bounds, fitted, _START_ACCURACY), _FEW_SOLVES)
        steepest = float(np.max(np.abs(fitted.c)))
        if steepest == 0.0:
            continue
        for q in dict.fromkeys((p, *_GUIDES)):
            lowered = _guided(rows, fitted, price, p, q)
            value = _penalised(rows, lowered, price, p)
            if value < best_value:
                best, best_value = lowered, value
        if bound < price * p * steepest ** (p - 1):
            break  # cheaper than any kink will be
    rank = 0
    for _ in range(_TRIALS_TIMES_ROWS // len(rows.x)):
        smallest_first = np.argsort(np.abs(bends_of(best, p).changes), kind="stable")
        if rank >= len(smallest_first):
            break
        fewer = _without(rows, best, smallest_first[rank], price, p)
        value = _penalised(rows, fewer, price, p)
        if value < best_value * (1 - _DECREASE):
            best, best_value = fewer, value
        else:
            rank += 1
    return _descend(rows, best, price, p, _EPS * float(np.max(np.abs(best.c))), _LAST_DECREASE)


def _guided(rows: Rows, fitted: Filtered, price: float, p: float, q: float) -> Filtered:
    """What reweighting makes of a start, first with the exponent q and the price that the steepest kink then has."""
    steepest = float(np.max(np.abs(fitted.c)))
    lowered = _descend(rows, fitted, price * steepest ** (p - q), q, steepest)
    if q == p or not lowered.c.any():
        return lowered
    return _from_kinks(rows, lowered, price, p, _GUIDED_EPS * float(np.max(np.abs(lowered.c))))


def _descend(rows: Rows, fitted: Filtered, price: float, p: float, eps: float, decrease: float = _DECREASE) -> Filtered:
    """The best of the trend filters weighted by the slopes of (|c_j| + ε)^p at the last one, while ε falls [CWB]."""
    best, best_value = fitted, _penalised(rows, fitted, price, p)
    least = _EPS * float(np.max(np.abs(fitted.c)))
    for _ in range(_REWEIGHTINGS):
        if not fitted.c.any():
            break
        fitted = trend_filter(rows, *_prices(fitted, price, p, eps), np.sign(fitted.c).astype(np.int8), _FEW_SOLVES)
        value = _penalised(rows, fitted, price, p)
        if eps == least and value >= best_value * (1 - decrease):
            break
        if value < best_value:
            best, best_value = fitted, value
        eps = max(0.1 * eps, least)
    return best


def _without(rows: Rows, fitted: Filtered, bend: int, price: float, p: float) -> Filtered:
    """What is left when one bend is taken away."""
    bends = bends_of(fitted, p)
    c = fitted.c.copy()
    c[bends.first[bend]] = c[bends.last[bend]] = 0.0
    eps = _EPS * float(np.max(np.abs(fitted.c)))
    return _from_kinks(rows, fitted._replace(c=c), price, p, eps)


def _from_kinks(
    rows: Rows, fitted: Filtered, price: float, p: float, eps: float, decrease: float = _DECREASE
) -> Filtered:
    """What reweighting makes of slope changes; the values of `fitted` need not be theirs."""
    kinked = trend_filter(rows, *_prices(fitted, price, p, eps), np.sign(fitted.c).astype(np.int8), _FEW_SOLVES)
    return _descend(rows, kinked, price, p, eps, decrease)


def _penalised(rows: Rows, fitted: Filtered, price: float, p: float) -> float:
    """Mean loss + price · V_p of the best function through the fitted values, in the units of `rows`."""
    loss = 0.5 * float(np.sum(rows.weights * (fitted.f - rows.y) ** 2))
    return loss + price * _kernels.objective_value(bends_of(fitted, p).changes, p)


def _prices(fitted: Filtered, price: float, p: float, eps: float) -> tuple[Array, Array]:
    """Slopes of the majorant of price · V_p for upward and downward slope changes; both kinks of a pair count as one.

    A neighbour of a lone kink, of its sign, would form a pair with it: there the majorant is that of the kink.
    """
    size = np.abs(fitted.c)
    bends = bends_of(fitted, p)
    size[bends.first] = size[bends.last] = np.abs(bends.changes)
    up, down = size.copy(), size.copy()
    lone = bends.first[bends.first == bends.last]
    for neighbour in (lone - 1, lone + 1):
        rising, falling = fitted.c[lone] > 0, fitted.c[lone] < 0
        up[neighbour[rising]] = np.maximum(up[neighbour[rising]], size[lone[rising]])
        down[neighbour[falling]] = np.maximum(down[neighbour[falling]], size[lone[falling]])
    return price * p * (up + eps) ** (p - 1), price * p * (down + eps) ** (p - 1)
