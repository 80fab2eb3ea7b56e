"""Penalised least squares on the line: mean of ½ (f(x_i) − y_i)² plus α V_p(f), with the affine part free.

For p = 1 the fitted values are the solution of ℓ1 trend filtering, a convex problem with one answer; its kinks lie at
data points, and neighbours of one sign may share a knot between them without changing a fitted value or V_1 [DDUF].
For p < 1 the penalty is majorised by weighted ones [CWB]: a local search.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from reluctant.arrays import Array
from reluctant.model._double_double import add, two_product, two_sum
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _kernels
from reluctant.univariate.distance import errors_of
from reluctant.univariate.filtering import (
    EXACT_SOLVES,
    ROUNDING,
    Bends,
    Filtered,
    Rows,
    bends_of,
    rows_of,
    scaled_alpha,
    trend_filter_with_bound,
)
from reluctant.univariate.interpolation import interpolate_line
from reluctant.univariate.reweighting import reweighted
from reluctant.validation import check_number, check_weights

_KEPT = 2.0**-40  # in the units of `Rows`: the error that underflow may bring into a slope
_FAR = 2.0**8  # by how much smaller a value of a link is than that where it begins, to anchor the link there
_TINY = 2.0**-900  # in the units of `Rows`: below it products may underflow


def regress_line(x: Array, y: Array, alpha: float, p: float, sample_weight: Array | None = None) -> LineSolution:
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
    LineSolution
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
    x, y, s = weighted(x, y, sample_weight)
    rows = rows_of(x, y, s)
    price = scaled_alpha(rows, alpha, p)
    if price == 0 or len(rows.x) == 1:
        return interpolant(x, y, s, rows, alpha, p)
    if p == 1:
        fitted, bound = trend_filter_with_bound(rows, price)
        reason = (
            "dual value of the trend filter in double-double arithmetic, less 2^-40 of itself and 2^-48 max|y| mean|r|"
        )
        if not fitted.settled:
            reason += f"; after {EXACT_SOLVES} solves the conditions for the optimum do not hold yet"
        return solution_of(x, y, s, rows, fitted, bends_of(fitted, p), alpha, p, proved(rows, bound, reason))
    reason = "reweighted trend filters from several starts, where others may end lower"
    searched = reweighted(rows, price, p)
    return solution_of(
        x, y, s, rows, searched, bends_of(searched, p), alpha, p, Certificate("objective", 0.0, "none", reason)
    )


def weighted(x: Array, y: Array, sample_weight: Array | None) -> tuple[Array, Array, Array]:
    """The rows that count and their weights, summing to one."""
    s = check_weights(sample_weight, len(x))
    s = s / s.max()
    s = s / s.sum()
    counts = s > 0
    return x[counts], y[counts], s[counts]


def interpolant(x: Array, y: Array, s: Array, rows: Rows, alpha: float, p: float) -> LineSolution:
    """The interpolant of the means, which has the least mean loss."""
    means = np.ldexp(rows.y, rows.y_exponent) + rows.centre
    solution = interpolate_line(rows.x, means, p)
    residual, loss = _residuals(solution.function, x, y, s)
    reason = "the loss within rows of one x, which no function avoids, less 2^-40 of itself"
    return solution.replace(
        max_error=residual,
        max_error_between=max(residual, errors_of(solution.function, x, y)[1]),
        certificate=_not_above(proved(rows, (1.0 - ROUNDING) * rows.within, reason), loss + alpha * solution.value),
        alpha=alpha,
        mean_loss=loss,
    )


def _function(rows: Rows, fitted: Filtered, bends: Bends) -> PiecewiseLinear:
    """The function with these bends in the user's units, every link anchored at a data point of its own.

    That is where it begins, unless its values are far smaller elsewhere: there they would lose their digits.
    """
    left, right = rows.x[bends.first], rows.x[bends.last]
    share = np.where(bends.first < bends.last, fitted.c[bends.last] / bends.changes, 0.0)
    knots = left + (right - left) * share
    knots = np.where(left < right, np.clip(knots, np.nextafter(left, right), right), left)
    begins = np.concatenate([[0], bends.last])
    with np.errstate(over="ignore"):
        slopes = np.ldexp(fitted.m[begins], rows.y_exponent - rows.x_exponent)
        kept = np.ldexp(slopes, rows.x_exponent - rows.y_exponent)
    if not (np.abs(kept - fitted.m[begins]) <= _KEPT).all():
        raise ValueError("the slopes of the solution are beyond float64; rescale x or y")
    values = np.ldexp(fitted.f[begins], rows.y_exponent) + rows.centre
    anchors = np.stack([rows.x[begins], values])
    sizes = np.abs(np.ldexp(fitted.f, rows.y_exponent) + rows.centre)
    for k in np.flatnonzero(np.minimum.reduceat(sizes, begins) * _FAR < np.abs(values)):
        end = bends.first[k] + 1 if k < len(bends.first) else len(sizes)
        at = begins[k] + int(np.argmin(sizes[begins[k] : end]))
        value = _value_at(rows.x[at], anchors[:, k], slopes[k])
        if math.isfinite(value):
            anchors[:, k] = rows.x[at], value
    changes = np.ldexp(bends.changes, rows.y_exponent - rows.x_exponent)
    close = np.abs(changes) < _kernels.CLOSE * (np.abs(slopes[1:]) + np.abs(slopes[:-1]))
    return PiecewiseLinear(knots, anchors, slopes, changes if close.any() else None)


def _value_at(x: float, anchor: Array, slope: float) -> float:
    """Y + M (x − X), rounded once or twice; NaN beyond float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        dx = two_sum(x, -anchor[0])
        rise = two_product(slope, dx[0])
        hi, lo = add(anchor[1], 0.0, rise[0], rise[1] + slope * dx[1])
        return float(hi + lo)


def _residuals(function: PiecewiseLinear, x: Array, y: Array, s: Array) -> tuple[float, float]:
    """Largest absolute residual and mean loss."""
    with np.errstate(over="ignore"):
        residuals = function(x) - y
        loss = float(0.5 * np.sum(s * residuals**2))
    if not math.isfinite(loss):
        raise ValueError(f"the squared errors (of up to {np.max(np.abs(residuals)):.3g}) are beyond float64; rescale y")
    return float(np.max(np.abs(residuals))), loss


def solution_of(
    x: Array,
    y: Array,
    s: Array,
    rows: Rows,
    fitted: Filtered,
    bends: Bends,
    alpha: float,
    p: float,
    certificate: Certificate,
) -> LineSolution:
    """The solution that bends so, with its figures at the rows as they are."""
    function = _function(rows, fitted, bends)
    max_error, loss = _residuals(function, x, y, s)
    value = _kernels.objective_value(np.ldexp(bends.changes, rows.y_exponent - rows.x_exponent), p)
    solution = LineSolution(
        p=p,
        value=value,
        max_error=max_error,
        max_error_between=max(max_error, errors_of(function, x, y)[1]),
        certificate=certificate,
        function=function,
        alpha=alpha,
        mean_loss=loss,
    )
    return solution.replace(certificate=_not_above(certificate, loss + alpha * value))


def _not_above(certificate: Certificate, objective: float) -> Certificate:
    """The bound, or the objective of what was found where rounding of its values has brought that below the bound."""
    if certificate.lower_bound <= objective:
        return certificate
    reason = f"{certificate.reason}; lowered to the objective found, which rounding has brought below it"
    return replace(certificate, lower_bound=objective, reason=reason)


def proved(rows: Rows, bound: float, reason: str, among: str = "") -> Certificate:
    """A lower bound of the objective, given in the units of `rows`; zero where float64 would round it up."""
    with np.errstate(over="ignore"):  # then the loss is beyond float64 too, and `_residuals` refuses it
        lower = float(np.ldexp(bound, 2 * rows.y_exponent))
    representable = bound > _TINY and lower > np.finfo(np.float64).tiny
    return Certificate("objective", lower if representable else 0.0, "proved", reason, among=among)
