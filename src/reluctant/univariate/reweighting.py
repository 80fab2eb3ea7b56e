"""The search for p < 1: trend filters whose prices are the slopes of (|c_j| + ε)^p at the last solution [CWB]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.univariate import _kernels
from reluctant.univariate.filtering import Filtered, Rows, affine_fit, bends_of, kink_signs, trend_filter

Array = NDArray[np.float64]

_FEW_SOLVES = 8  # of a trend filter whose weights will change
_STARTS = 8  # at most
_START_ACCURACY = 1e-6
_REWEIGHTINGS = 30
_EPS = 1e-6  # smallest ε, relative to the largest slope change
_DECREASE = 1e-4  # relative decrease of the objective that counts during the search
_LAST_DECREASE = 1e-9  # and at its end
_TRIALS_TIMES_ROWS = 10**6  # kinks to be taken away times rows


def reweighted(rows: Rows, price: float, p: float) -> Filtered:
    """The lowest mean loss + price · V_p that the search finds.

    Reweighting starts from several solutions for p = 1; from the best result kinks are taken away one by one where that
    pays, within a budget of trials.
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
        lowered = _descend(rows, fitted, price, p, steepest)
        value = _penalised(rows, lowered, price, p)
        if value < best_value:
            best, best_value = lowered, value
        if steepest > 0 and bound < price * p * steepest ** (p - 1):
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
    rest = fitted._replace(c=c)
    left = trend_filter(rows, *_prices(rest, price, p, eps), np.sign(c).astype(np.int8), _FEW_SOLVES)
    return _descend(rows, left, price, p, eps)


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
