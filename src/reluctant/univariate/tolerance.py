"""The fewest knots within a tolerance, or within bounds: the ℓ0 problem with an ℓ∞ data term, in linear time [HS]."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reluctant.arrays import Array
from reluctant.model._double_double import two_sum
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution, counted
from reluctant.text import spelled_range
from reluctant.univariate import _sweep
from reluctant.univariate.band import Band, bounded_band, sorted_band
from reluctant.univariate.distance import errors_of, values_of
from reluctant.univariate.fewest import Fewest, fewest_within
from reluctant.univariate.impossible import check_possible
from reluctant.univariate.interpolation import RTOL, interpolate_line
from reluctant.univariate.shapes import ANY, Shape


def approximate_line(
    x: Array,
    y: Array,
    tolerance: Array,
    slack: float,
    rtol: float = RTOL,
    along_lines: bool = False,
    shape: Shape = ANY,
) -> LineSolution:
    """Fewest knots within |f(x_i) − y_i| ≤ ε_i for checked data; see `reluctant.approximate`.

    Rows of infinite tolerance do not count. `rtol` is the rounding of the data, as for `interpolate_line`.
    """
    sizes = tolerance[:1] if tolerance.strides == (0,) else tolerance  # one for all rows is looked at once
    finite = np.isfinite(sizes)
    counts = np.broadcast_to(finite, x.shape)
    n_ignored = 0 if finite.all() else len(x) - int(np.count_nonzero(counts))
    if n_ignored == len(x):
        return _zero(x)
    if n_ignored:
        x, y, tolerance = x[counts], y[counts], tolerance[counts]
        sizes = tolerance
    rtol = rtol if slack > 0 else 0.0
    if shape == ANY and not (sizes.any() or along_lines):
        solution = interpolate_line(x, y, 0.0, rtol).replace(p=None)
        certificate = solution.certificate
        words = _beyond(solution.function, x, y, tolerance) if slack == 0 else ""
        return solution.replace(certificate=replace(certificate, reason=certificate.reason + words))
    # Half of the slack is for the problem, the other half for rounding in the solution.
    band = sorted_band(x, y, tolerance, 0.5 * slack, rtol, along_lines)
    if shape != ANY:
        check_possible(shape, band, x, (y - tolerance, y + tolerance), counts, "tolerances larger")

    def keeps(f: PiecewiseLinear) -> bool:
        return slack > 0 or bool((np.abs(values_of(f, x) - y) <= tolerance).all())

    found = fewest_within(band, keeps, shape.links, shape.tightened)
    asked = f"tolerance {spelled_range(sizes)}"
    ignored = f", without the {n_ignored} rows of infinite tolerance" if n_ignored else ""
    reason = _reason(shape.search, band, ignored, asked, "", slack, rtol)
    return _solution(found, x, y, reason + (_beyond(found.function, x, y, tolerance) if slack == 0 else ""))


def bounded_line(
    x: Array,
    y: Array,
    lo: Array,
    hi: Array,
    slack: float,
    rtol: float = RTOL,
    along_lines: bool = False,
    shape: Shape = ANY,
) -> LineSolution:
    """Fewest knots within lo_i ≤ f(x_i) ≤ hi_i for checked data; see `reluctant.approximate`.

    Rows without a finite bound do not count, and there is one with one. `rtol` is as for `approximate_line`.
    """
    counts = np.isfinite(lo) | np.isfinite(hi)
    n_ignored = int(np.count_nonzero(~counts))
    if n_ignored:
        x, y, lo, hi = (a[counts] for a in (x, y, lo, hi))
    rtol = rtol if slack > 0 else 0.0
    band = bounded_band(x, lo, hi, 0.5 * slack, rtol, along_lines)
    check_possible(shape, band, x, (lo, hi), counts, "bounds wider")

    def keeps(f: PiecewiseLinear) -> bool:
        values = values_of(f, x)
        return slack > 0 or bool(((lo <= values) & (values <= hi)).all())

    found = fewest_within(band, keeps, shape.links, shape.tightened)
    ignored = f", without {counted(n_ignored, 'rows')} whose bounds are both infinite" if n_ignored else ""
    reason = _reason(shape.search, band, ignored, "bounds", " of half their distance", slack, rtol)
    if slack == 0:
        above, below = np.isfinite(hi), np.isfinite(lo)
        leaves = max(
            _largest_difference(found.function(x[above]), hi[above]),
            _largest_difference(-found.function(x[below]), -lo[below]),
        )
        reason += _leaves(leaves)
    return _solution(found, x, y, reason)


def _solution(found: Fewest, x: Array, y: Array, reason: str) -> LineSolution:
    """The figures of a function, over the rows that count, and what is known about it."""
    excess = found.excess
    if excess.between > 0:
        reason += f"; rounding in the solution leaves it between the rows by at most {excess.between:.3g}"
    max_error, max_error_between = errors_of(found.function, x, y) if excess.errors is None else excess.errors
    return LineSolution(
        p=None,
        value=float(found.function.n_knots),
        max_error=max_error,
        certificate=Certificate("neurons", found.n_knots, "proved", reason),
        function=found.function,
        max_error_between=max_error_between,
    )


def _zero(x: Array) -> LineSolution:
    function = PiecewiseLinear(np.empty(0), np.array([[x[0]], [0.0]]), np.zeros(1))
    certificate = Certificate("neurons", 0, "proved", "no row counts, as every tolerance is infinite")
    return LineSolution(
        p=None, value=0.0, max_error=0.0, certificate=certificate, function=function, max_error_between=0.0
    )


def _reason(search: str, band: Band, ignored: str, asked: str, of: str, slack: float, rtol: float) -> str:
    along = " along the straight lines between the rows" if band.along_lines else ""
    if slack == 0:
        return f"{search}{along}{ignored}, {asked} as given, bounds rounded to float64"
    return (
        f"{search}{along}{ignored}, {asked} widened by a relative {0.5 * slack:g}{of}, or by the "
        f"rounding of the data, at most {_sweep.ROUNDING:.2g} max|y|, where that is more; nowhere below the rounding, "
        f"{rtol:.2g} (max|y| + |slope| max|x|)"
    )


def _beyond(f: PiecewiseLinear, x: Array, y: Array, tolerance: Array) -> str:
    """By how much the values of f in float64 leave the tolerance, in words; the differences are exact."""
    values = values_of(f, x)
    near = np.abs(values - y) >= tolerance
    if not near.any():
        return ""
    residual, rest = two_sum(values[near], -y[near])
    excess, error = two_sum(np.abs(residual), -tolerance[near])
    return _leaves(float(np.max(excess + (error + np.sign(residual) * rest))))


def _largest_difference(a: Array, b: Array) -> float:
    """The largest of a − b, summed exactly; −inf for none."""
    difference, rest = two_sum(a, -b)
    return float(np.max(difference + rest, initial=-np.inf))


def _leaves(excess: float) -> str:
    return f"; rounding in the solution leaves it by at most {np.nextafter(excess, np.inf):.3g}" if excess > 0 else ""
