"""Penalised least squares on the line: mean of ½ (f(x_i) − y_i)² plus α V_p(f), with the affine part free.

For p = 1 the fitted values are the solution of ℓ1 trend filtering, a convex problem with one answer; its kinks lie at
data points, and neighbours of one sign may share a knot between them without changing a fitted value or V_1 [DDUF].
For p < 1 the penalty is majorised by weighted ones [CWB]: a local search.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.solution import Certificate, Solution
from reluctant.univariate import _kernels, _trend_filter
from reluctant.univariate.interpolation import interpolate_line
from reluctant.univariate.piecewise_linear import PiecewiseLinear
from reluctant.univariate.points import check_span
from reluctant.validation import check_nonnegative, check_number

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_ACCURACY = 1e-10  # of the objective: where the interior-point method hands over to exact solves
_STEPS = 80
_EXACT_SOLVES = 400
_FEW_SOLVES = 8  # of a trend filter whose weights will change
_STARTS = 8  # at most
_START_ACCURACY = 1e-6
_REWEIGHTINGS = 30
_EPS = 1e-6  # smallest ε, relative to the largest slope change
_DECREASE = 1e-4  # relative decrease of the objective that counts during the search
_LAST_DECREASE = 1e-9  # and at its end
_TRIALS_TIMES_ROWS = 10**6  # kinks to be taken away times rows
_ROUNDING = 2.0**-40  # by which share the lower bound is rounded down, for the weights have errors of at most 2^-46
_STRAIGHT = 2.0**-44  # of max|y|: data that are closer than this to a line are on it
_Y_ERROR = 2.0**-49  # of max|y|: by how much rounding may change y and the means of rows of one x
_TINY = 2.0**-900  # in the units of `Rows`: below it products may underflow


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


def regress_line(x: Array, y: Array, alpha: float, p: float, sample_weight: Array | None = None) -> Solution:
    """Minimise mean loss + α V_p over continuous piecewise-linear functions of one variable.

    Parameters
    ----------
    x, y : ndarray, shape (N,)
        Finite data in any order.
    alpha : float
        Weight α ≥ 0 of the penalty, in units of y² / (y / x)^p. α = 0 interpolates the weighted means of rows of one x.
    p : float
        Exponent in (0, 1]. p = 1 is solved to a proven duality gap; for p < 1 the result is that of a local search.
    sample_weight : ndarray, shape (N,), optional
        Weights s_i ≥ 0 of the squared errors, divided by their sum. Rows without weight do not count.

    Returns
    -------
    Solution
        `value` is V_p, `mean_loss` Σ s_i ½ (f(x_i) − y_i)² / Σ s_i, and `objective` what is minimised.

    Raises
    ------
    ValueError
        If alpha, p or a weight is out of range, or the result is beyond float64.

    References
    ----------
    [DDUF] Debarre, Denoyelle, Unser, Fageot, Sparsest piecewise-linear regression of one-dimensional data, 2022.
    [CWB] Candès, Wakin, Boyd, Enhancing sparsity by reweighted ℓ1 minimization, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(9.0)
    >>> y = np.abs(x - 4) + np.array([0.1, -0.1, 0, 0.1, -0.1, 0, 0.1, 0, -0.1])
    >>> solution = regress_line(x, y, alpha=0.05, p=1)
    >>> solution.n_neurons, round(solution.value, 2)
    (1, 1.88)
    """
    alpha = check_number(alpha, "alpha")
    p = check_number(p, "p", strict=True)
    if p > 1:
        raise ValueError(f"p must be in (0, 1], got {p!r}")
    x, y, s = _weighted(x, y, sample_weight)
    rows = _rows(x, y, s)
    price = _scaled_alpha(rows, alpha, p)
    if price == 0 or len(rows.x) == 1:
        return _interpolant(x, y, s, rows, alpha, p)
    if p == 1:
        fitted, bound = _trend_filter_solution(rows, price)
        reason = (
            "dual value of the trend filter in double-double arithmetic, less 2^-40 of itself and 2^-48 max|y| mean|r|"
        )
        return _solution(x, y, s, rows, fitted, alpha, p, _proved(rows, bound, reason))
    reason = "reweighted trend filters from several starts, where others may end lower"
    return _solution(
        x, y, s, rows, _reweighted(rows, price, p), alpha, p, Certificate("objective", 0.0, "none", reason)
    )


def _weighted(x: Array, y: Array, sample_weight: Array | None) -> tuple[Array, Array, Array]:
    """The rows that count and their weights, summing to one."""
    if sample_weight is None:
        return x, y, np.full(len(x), 1.0 / len(x))
    s = check_nonnegative(sample_weight, "sample_weight", len(x))
    if not s.any():
        raise ValueError("sample_weight is zero at every row; give at least one row a positive weight")
    s = s / s.max()
    s = s / s.sum()
    counts = s > 0
    return x[counts], y[counts], s[counts]


def _rows(x: Array, y: Array, s: Array) -> Rows:
    """Merge rows of one x to their weighted mean, which changes the objective by a constant, and scale.

    Raises
    ------
    ValueError
        If the range of x or y is beyond float64.
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
    return Rows(distinct, gaps, means, weights, centre, largest_y, x_exponent, y_exponent, within)


def _exponent(size: float) -> int:
    return math.frexp(size)[1] if size > 0 else 0


def _scaled_alpha(rows: Rows, alpha: float, p: float) -> float:
    """α in the units of `rows`; infinite or zero where it is beyond float64."""
    shift = p * (rows.y_exponent - rows.x_exponent) - 2 * rows.y_exponent
    if alpha == 0 or abs(math.log2(alpha) + shift) > 1000:
        return math.inf if alpha > 0 and math.log2(alpha) + shift > 0 else 0.0
    whole = math.floor(shift)
    return math.ldexp(alpha * 2.0 ** (shift - whole), whole)


def _interpolant(x: Array, y: Array, s: Array, rows: Rows, alpha: float, p: float) -> Solution:
    """The interpolant of the means, which has the least mean loss."""
    means = np.ldexp(rows.y, rows.y_exponent) + rows.centre
    solution = interpolate_line(rows.x, means, p)
    assert solution.function is not None
    residual, loss = _residuals(solution.function, x, y, s)
    reason = "the loss within rows of one x, which no function avoids, less 2^-40 of itself"
    return solution.replace(
        max_error=residual,
        certificate=_proved(rows, (1.0 - _ROUNDING) * rows.within, reason),
        alpha=alpha,
        mean_loss=loss,
    )


def _affine_fit(rows: Rows) -> Filtered:
    """The weighted least-squares line."""
    n = len(rows.x)
    none = np.zeros(n)
    P, q, g, f, m, c, u = (np.empty(n) for _ in range(7))
    _trend_filter.least_squares(rows.gaps, rows.weights, rows.y, none, none, P, q, g, f, m, c, u)
    f[1:] = f[0] + m[0] * np.cumsum(rows.gaps)
    if np.max(np.abs(f - rows.y)) <= _STRAIGHT * rows.largest_y:
        u[:] = 0.0
    return Filtered(f, m, c, u)


def _trend_filter_solution(rows: Rows, price: float) -> tuple[Filtered, float]:
    """The solution for p = 1 and a lower bound of its objective, both in the units of `rows`."""
    fitted = _affine_fit(rows)
    largest = float(np.max(np.abs(fitted.u)))  # the price from which on the line is the solution
    bounds = np.full(len(rows.x), min(price, 2 * largest) if largest > 0 else 1.0)
    if price < largest:
        fitted = _filter(rows, bounds, bounds, _kink_signs(rows, bounds, fitted), _EXACT_SOLVES)
    return fitted, _lower_bound(rows, bounds, fitted)


def _lower_bound(rows: Rows, bounds: Array, fitted: Filtered) -> float:
    """The better of the dual values of the residuals and of the multipliers, which for small α lose fewer digits."""
    x = np.ldexp(rows.x, -rows.x_exponent)
    u_slopes = np.diff(fitted.u) / rows.gaps
    dual = max(
        _trend_filter.dual_value(x, rows.weights, rows.y, _Y_ERROR * rows.largest_y, r, bounds, bounds)
        for r in (rows.weights * (rows.y - fitted.f), np.diff(u_slopes, prepend=0.0, append=0.0))
    )
    return (1.0 - _ROUNDING) * (dual + rows.within)


def _kink_signs(rows: Rows, bounds: Array, other: Filtered, accuracy: float = _ACCURACY) -> NDArray[np.int8]:
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


def _filter(rows: Rows, up: Array, down: Array, sign: NDArray[np.int8], limit: int) -> Filtered:
    """The trend filter with these bounds, from kinks of guessed sign."""
    f, m, c, u, *_ = _trend_filter.settle(rows.gaps, rows.weights, rows.y, up, down, sign, limit)
    return Filtered(f, m, c, u)


def _reweighted(rows: Rows, price: float, p: float) -> Filtered:
    """The lowest mean loss + price · V_p that the search finds.

    Reweighting starts from several solutions for p = 1; from the best result kinks are taken away one by one where that
    pays, within a budget of trials.
    """
    best = _affine_fit(rows)
    best_value = _penalised(rows, best, price, p)
    largest = float(np.max(np.abs(best.u)))
    fitted = best
    for k in range(1, _STARTS + 1):
        bound = largest * 4.0**-k
        bounds = np.full(len(rows.x), bound)
        fitted = _filter(rows, bounds, bounds, _kink_signs(rows, bounds, fitted, _START_ACCURACY), _FEW_SOLVES)
        steepest = float(np.max(np.abs(fitted.c)))
        reweighted = _descend(rows, fitted, price, p, steepest)
        value = _penalised(rows, reweighted, price, p)
        if value < best_value:
            best, best_value = reweighted, value
        if steepest > 0 and bound < price * p * steepest ** (p - 1):
            break  # cheaper than any kink will be
    rank = 0
    for _ in range(_TRIALS_TIMES_ROWS // len(rows.x)):
        smallest_first = np.argsort(np.abs(_bends(best, p).changes), kind="stable")
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
        fitted = _filter(rows, *_prices(fitted, price, p, eps), np.sign(fitted.c).astype(np.int8), _FEW_SOLVES)
        value = _penalised(rows, fitted, price, p)
        if eps == least and value >= best_value * (1 - decrease):
            break
        if value < best_value:
            best, best_value = fitted, value
        eps = max(0.1 * eps, least)
    return best


def _without(rows: Rows, fitted: Filtered, bend: int, price: float, p: float) -> Filtered:
    """What is left when one bend is taken away."""
    bends = _bends(fitted, p)
    c = fitted.c.copy()
    c[bends.first[bend]] = c[bends.last[bend]] = 0.0
    eps = _EPS * float(np.max(np.abs(fitted.c)))
    rest = fitted._replace(c=c)
    left = _filter(rows, *_prices(rest, price, p, eps), np.sign(c).astype(np.int8), _FEW_SOLVES)
    return _descend(rows, left, price, p, eps)


def _penalised(rows: Rows, fitted: Filtered, price: float, p: float) -> float:
    """Mean loss + price · V_p of the best function through the fitted values, in the units of `rows`."""
    loss = 0.5 * float(np.sum(rows.weights * (fitted.f - rows.y) ** 2))
    return loss + price * _kernels.objective_value(_bends(fitted, p).changes, p)


def _prices(fitted: Filtered, price: float, p: float, eps: float) -> tuple[Array, Array]:
    """Slopes of the majorant of price · V_p for upward and downward slope changes; both kinks of a pair count as one.

    A neighbour of a lone kink, of its sign, would form a pair with it: there the majorant is that of the kink.
    """
    size = np.abs(fitted.c)
    bends = _bends(fitted, p)
    size[bends.first] = size[bends.last] = np.abs(bends.changes)
    up, down = size.copy(), size.copy()
    lone = bends.first[bends.first == bends.last]
    for neighbour in (lone - 1, lone + 1):
        rising, falling = fitted.c[lone] > 0, fitted.c[lone] < 0
        up[neighbour[rising]] = np.maximum(up[neighbour[rising]], size[lone[rising]])
        down[neighbour[falling]] = np.maximum(down[neighbour[falling]], size[lone[falling]])
    return price * p * (up + eps) ** (p - 1), price * p * (down + eps) ** (p - 1)


class Bends(NamedTuple):
    """The slope changes of a sparsest function through the fitted values: one for each kink or merged pair of kinks."""

    first: Indices  # the data point of the kink, or of the left one of a pair
    last: Indices
    changes: Array


def _bends(fitted: Filtered, p: float) -> Bends:
    """Neighbouring kinks of one sign with no data point between share a knot where that lowers V_p most."""
    corners = np.concatenate([[0], np.flatnonzero(fitted.c), [len(fitted.c) - 1]])
    jumps = fitted.c[corners]
    merged = _kernels.match_runs(jumps, np.diff(corners) > 1, p)
    first = np.flatnonzero(~np.concatenate([[False], merged[:-1]]))[1:]
    first = first[first < len(corners) - 1]
    last = first + merged[first]
    return Bends(corners[first], corners[last], jumps[first] + np.where(merged[first], jumps[last], 0.0))


def _function(rows: Rows, fitted: Filtered, bends: Bends) -> PiecewiseLinear:
    """The function with these bends in the user's units, every link anchored at the data point where it begins."""
    left, right = rows.x[bends.first], rows.x[bends.last]
    share = np.where(bends.first < bends.last, fitted.c[bends.last] / bends.changes, 0.0)
    knots = left + (right - left) * share
    knots = np.where(left < right, np.clip(knots, np.nextafter(left, right), right), left)
    begins = np.concatenate([[0], bends.last])
    with np.errstate(over="ignore"):
        slopes = np.ldexp(fitted.m[begins], rows.y_exponent - rows.x_exponent)
    if not np.isfinite(slopes).all():
        raise ValueError("the slopes of the solution are beyond float64; rescale x or y")
    values = np.ldexp(fitted.f[begins], rows.y_exponent) + rows.centre
    return PiecewiseLinear(knots, np.stack([rows.x[begins], values]), slopes)


def _residuals(function: PiecewiseLinear, x: Array, y: Array, s: Array) -> tuple[float, float]:
    """Largest absolute residual and mean loss."""
    with np.errstate(over="ignore"):
        residuals = function(x) - y
        loss = float(0.5 * np.sum(s * residuals**2))
    if not math.isfinite(loss):
        raise ValueError(f"the squared errors (of up to {np.max(np.abs(residuals)):.3g}) are beyond float64; rescale y")
    return float(np.max(np.abs(residuals))), loss


def _solution(
    x: Array, y: Array, s: Array, rows: Rows, fitted: Filtered, alpha: float, p: float, certificate: Certificate
) -> Solution:
    bends = _bends(fitted, p)
    function = _function(rows, fitted, bends)
    max_error, loss = _residuals(function, x, y, s)
    value = _kernels.objective_value(np.ldexp(bends.changes, rows.y_exponent - rows.x_exponent), p)
    return Solution(
        p=p,
        value=value,
        max_error=max_error,
        certificate=certificate,
        function=function,
        alpha=alpha,
        mean_loss=loss,
    )


def _proved(rows: Rows, bound: float, reason: str) -> Certificate:
    """A lower bound of the objective, given in the units of `rows`; zero where float64 would round it up."""
    with np.errstate(over="ignore"):  # then the loss is beyond float64 too, and `_residuals` refuses it
        lower = float(np.ldexp(bound, 2 * rows.y_exponent))
    representable = bound > _TINY and lower > np.finfo(np.float64).tiny
    return Certificate("objective", lower if representable else 0.0, "proved", reason)
