"""ℓ1 trend filtering of merged rows: the problem in its own units, its solution, a lower bound of the optimum."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.univariate import _kernels, _trend_filter
from reluctant.univariate.points import check_span

Indices = NDArray[np.int64]

_ACCURACY = 1e-10  # of the objective: where the interior-point method hands over to exact solves
_STEPS = 80
EXACT_SOLVES = 400
ROUNDING = 2.0**-40  # by which share the lower bound is rounded down, for the weights have errors of at most 2^-46
_STRAIGHT = 2.0**-44  # of max|y|: data that are closer than this to a line are on it
_CLOSEST = 2.0**-300  # of the range of x: the squares of closer gaps vanish beside multipliers
_Y_ERROR = 2.0**-49  # of max|y|: by how much rounding may change y and the means of rows of one x


class Rows(NamedTuple):
    """Data as the solvers take them: sorted, every x once, y centred, all in units that are powers of two."""

    x: Array  # in the user's units
    gaps: Array  # in units of 2^x_exponent
    y: Array  # (y − centre) in units of 2^y_exponent
    weights: Array  # with sum 1
    centre: float
    largest_y: float  # a bound of max|y|, not centred
    x_exponent: int
    y_exponent: int
    within: float  # a lower bound of the mean loss within rows of one x, which no function can avoid


class Filtered(NamedTuple):
    """A function that bends at the points of `Rows`: values, outgoing slopes, slope changes and their multipliers."""

    f: Array
    m: Array
    c: Array
    u: Array
    settled: bool = True  # whether the conditions for the optimum hold to rounding


class Bends(NamedTuple):
    """The slope changes of a sparsest function through the fitted values: one for each kink or merged pair of kinks."""

    first: Indices  # the data point of the kink, or of the left one of a pair
    last: Indices
    changes: Array


def rows_of(x: Array, y: Array, s: Array) -> Rows:
    """Merge rows of one x to their weighted mean, which changes the objective by a constant, and scale.

    Raises
    ------
    ValueError
        If the range of x or y is beyond float64, or points are too close to each other.
    """
    check_span(x, "x")
    check_span(y, "y")
    order = np.argsort(x, kind="stable")
    x, y, s = x[order], y[order], s[order]
    centre = 0.5 * float(y.min()) + 0.5 * float(y.max())
    y = y - centre
    y_exponent = _exponent(float(np.max(np.abs(y))))
    y = np.ldexp(y, -y_exponent)
    starts = np.flatnonzero(np.concatenate([[True], x[1:] > x[:-1]]))
    weights, means, squares = _trend_filter.merge_ties(y, s, starts)
    largest_y = 1.0 + abs(float(np.ldexp(centre, -y_exponent)))
    # The deviations from the means are a projection of y: rounding errors of y change their norm by no more.
    within = 0.5 * max(0.0, math.sqrt(float(np.sum(squares))) - _Y_ERROR * largest_y) ** 2
    distinct = x[starts]
    x_exponent = _exponent(float(distinct[-1] - distinct[0]))
    gaps = np.ldexp(np.diff(distinct), -x_exponent)
    if np.min(gaps, initial=1.0) < _CLOSEST:
        i = int(np.argmin(gaps))
        raise ValueError(
            f"x = {distinct[i]!s} and x = {distinct[i + 1]!s} are closer than 2^-300 of the range of x; "
            "give such rows one x, or rescale x, by a logarithm for example"
        )
    return Rows(distinct, gaps, means, weights, centre, largest_y, x_exponent, y_exponent, within)


def _exponent(size: float) -> int:
    return math.frexp(size)[1] if size > 0 else 0


def scaled_alpha(rows: Rows, alpha: float, p: float) -> float:
    """α in the units of `rows`; infinite or zero where it is beyond float64."""
    shift = p * (rows.y_exponent - rows.x_exponent) - 2 * rows.y_exponent
    if alpha == 0 or abs(math.log2(alpha) + shift) > 1000:
        return math.inf if alpha > 0 and math.log2(alpha) + shift > 0 else 0.0
    whole = math.floor(shift)
    return math.ldexp(alpha * 2.0 ** (shift - whole), whole)


def affine_fit(rows: Rows) -> Filtered:
    """The weighted least-squares line."""
    n = len(rows.x)
    none = np.zeros(n)
    P, q, g, f, m, c, u = (np.empty(n) for _ in range(7))
    _trend_filter.least_squares(rows.gaps, rows.weights, rows.y, none, none, P, q, g, f, m, c, u)
    f[1:] = f[0] + m[0] * np.cumsum(rows.gaps)
    if np.max(np.abs(f - rows.y)) <= _STRAIGHT * rows.largest_y:
        u[:] = 0.0
    return Filtered(f, m, c, u)


def trend_filter_with_bound(rows: Rows, price: float) -> tuple[Filtered, float]:
    """The solution for p = 1 and a lower bound of its objective, both in the units of `rows`."""
    fitted = affine_fit(rows)
    largest = float(np.max(np.abs(fitted.u)))  # the price from which on the line is the solution
    bounds = np.full(len(rows.x), min(price, 2 * largest if largest > 0 else 1.0))
    if price < largest:
        fitted = trend_filter(rows, bounds, bounds, kink_signs(rows, bounds, fitted), EXACT_SOLVES)
    return fitted, _lower_bound(rows, bounds, fitted)


def _lower_bound(rows: Rows, bounds: Array, fitted: Filtered) -> float:
    """The better of the dual values of the residuals and of the multipliers, which for small α lose fewer digits."""
    x = np.ldexp(rows.x, -rows.x_exponent)
    u_slopes = np.diff(fitted.u) / rows.gaps
    dual = max(
        _trend_filter.dual_value(x, rows.weights, rows.y, _Y_ERROR * rows.largest_y, r, bounds, bounds)
        for r in (rows.weights * (rows.y - fitted.f), np.diff(u_slopes, prepend=0.0, append=0.0))
    )
    return (1.0 - ROUNDING) * (dual + rows.within)


def kink_signs(rows: Rows, bounds: Array, other: Filtered, accuracy: float = _ACCURACY) -> NDArray[np.int8]:
    """Where the interior-point method sees kinks; `other` is a function not to be worse than."""
    n = len(rows.x)
    jumps = np.zeros(n)
    with np.errstate(over="ignore", invalid="ignore"):  # slopes between close points may be beyond float64
        jumps[1:-1] = np.diff(np.diff(rows.y) / rows.gaps)
    scale = np.nanmin(
        [
            _trend_filter.objective(rows.weights, rows.y, bounds, bounds, other.f, other.c),
            _trend_filter.objective(rows.weights, rows.y, bounds, bounds, rows.y, jumps),
        ]
    )
    return _trend_filter.interior_point(
        rows.gaps, rows.weights, rows.y, bounds, bounds, scale / n, accuracy * scale, _STEPS
    )[0]


def trend_filter(rows: Rows, up: Array, down: Array, sign: NDArray[np.int8], limit: int) -> Filtered:
    """The trend filter with these bounds, from kinks of guessed sign."""
    f, m, c, u, _, settled = _trend_filter.settle(rows.gaps, rows.weights, rows.y, up, down, sign, limit)
    return Filtered(f, m, c, u, settled)


def bends_of(fitted: Filtered, p: float) -> Bends:
    """Neighbouring kinks of one sign with no data point between share a knot where that lowers V_p most."""
    corners = np.concatenate([[0], np.flatnonzero(fitted.c), [len(fitted.c) - 1]])
    jumps = fitted.c[corners]
    merged = _kernels.match_runs(jumps, np.diff(corners) > 1, p)
    first = np.flatnonzero(~np.concatenate([[False], merged[:-1]]))[1:]
    first = first[first < len(corners) - 1]
    last = first + merged[first]
    return Bends(corners[first], corners[last], jumps[first] + np.where(merged[first], jumps[last], 0.0))
