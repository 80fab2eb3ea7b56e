"""The fewest knots within a tolerance: the ℓ0 problem with an ℓ∞ data term, in linear time [HS]."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reluctant.arrays import Array
from reluctant.model._double_double import two_sum
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _sweep
from reluctant.univariate.band import sorted_band
from reluctant.univariate.distance import errors_of
from reluctant.univariate.fewest import fewest_within
from reluctant.univariate.interpolation import RTOL, interpolate_line


def approximate_line(
    x: Array, y: Array, tolerance: Array, slack: float, rtol: float = RTOL, along_lines: bool = False
) -> LineSolution:
    """Fewest knots within |f(x_i) − y_i| ≤ ε_i for checked data; see `reluctant.approximate`.

    Rows of infinite tolerance do not count. `rtol` is the rounding of the data, as for `interpolate_line`.
    """
    counts = np.isfinite(tolerance)
    n_ignored = int(np.count_nonzero(~counts))
    if n_ignored == len(x):
        return _zero(x)
    if n_ignored:
        x, y, tolerance = x[counts], y[counts], tolerance[counts]
    rtol = rtol if slack > 0 else 0.0
    if not (tolerance.any() or along_lines):
        solution = interpolate_line(x, y, 0.0, rtol).replace(p=None)
        return _with_more_words(solution, _beyond(solution.function, x, y, tolerance)) if slack == 0 else solution
    # Half of the slack is for the problem, the other half for rounding in the solution.
    band = sorted_band(x, y, tolerance, 0.5 * slack, rtol)._replace(along_lines=along_lines)
    function, bound = fewest_within(band, lambda f: slack > 0 or bool((np.abs(f(x) - y) <= tolerance).all()))
    reason = _reason(tolerance, slack, rtol, n_ignored)
    max_error, max_error_between = errors_of(function, x, y)
    solution = LineSolution(
        p=None,
        value=float(function.n_knots),
        max_error=max_error,
        certificate=Certificate("neurons", bound, "proved", reason),
        function=function,
        max_error_between=max_error_between,
    )
    return _with_more_words(solution, _beyond(function, x, y, tolerance)) if slack == 0 else solution


def _with_more_words(solution: LineSolution, words: str) -> LineSolution:
    own = solution.certificate
    return solution.replace(certificate=replace(own, reason=own.reason + words))


def _zero(x: Array) -> LineSolution:
    function = PiecewiseLinear(np.empty(0), np.array([[x[0]], [0.0]]), np.zeros(1))
    certificate = Certificate("neurons", 0, "proved", "no row counts, as every tolerance is infinite")
    return LineSolution(
        p=None, value=0.0, max_error=0.0, certificate=certificate, function=function, max_error_between=0.0
    )


def _beyond(f: PiecewiseLinear, x: Array, y: Array, tolerance: Array) -> str:
    """By how much the values of f in float64 leave the tolerance, in words; the differences are exact."""
    values = f(x)
    near = np.abs(values - y) >= tolerance
    if not near.any():
        return ""
    residual, rest = two_sum(values[near], -y[near])
    excess, error = two_sum(np.abs(residual), -tolerance[near])
    worst = float(np.max(excess + (error + np.sign(residual) * rest)))
    return f"; rounding in the solution leaves it by at most {np.nextafter(worst, np.inf):.3g}" if worst > 0 else ""


def _reason(tolerance: Array, slack: float, rtol: float, n_ignored: int) -> str:
    low, high = tolerance.min(), tolerance.max()
    asked = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    ignored = f", without the {n_ignored} rows of infinite tolerance" if n_ignored else ""
    if slack == 0:
        return f"greedy sweep over the band{ignored}, tolerance {asked} as given, bounds rounded to float64"
    return (
        f"greedy sweep over the band{ignored}, tolerance {asked} widened by a relative {0.5 * slack:g}, or by the "
        f"rounding of the data, at most {_sweep.ROUNDING:.2g} max|y|, where that is more; nowhere below the rounding, "
        f"{rtol:.2g} (max|y| + |slope| max|x|)"
    )
