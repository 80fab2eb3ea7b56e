"""The fewest knots within a tolerance: the ℓ0 problem with an ℓ∞ data term, in linear time [HS].

The sweep in `_sweep` extends each link as far as any link can reach; greedy is optimal because a function that
follows another set of links never gets ahead of it (Imai and Iri 1986, Hakimi and Schmeichel 1991).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model._double_double import two_sum
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _sweep
from reluctant.univariate.distance import errors_of
from reluctant.univariate.interpolation import RTOL, interpolate_line
from reluctant.univariate.points import Band, sorted_band

_WIDER = 2.0**16
"""Factor between the windows in which a function is looked for where tolerances are of very different size."""


def approximate_line(x: Array, y: Array, tolerance: Array, slack: float, rtol: float = RTOL) -> LineSolution:
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
    if not tolerance.any():
        solution = interpolate_line(x, y, 0.0, rtol).replace(p=None)
        return _with_more_words(solution, _beyond(solution.function, x, y, tolerance)) if slack == 0 else solution
    # Half of the slack is for the problem, the other half for rounding in the solution.
    band = sorted_band(x, y, tolerance, 0.5 * slack, rtol)
    function = fewest_links(band, band.lo, band.hi)
    bound = function.n_knots
    strictly = slack > 0 or bool((np.abs(function(x) - y) <= tolerance).all())
    if not (strictly and _excess(band, band.room, function) <= 0):
        function = _within_rounding(band, bound)
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


def _within_rounding(band: Band, fewest: int) -> PiecewiseLinear:
    """A function that rounding leaves within the band, where it has carried the first one out of it.

    Aims a little inside where that is possible. Links through bounds that are far larger than others lose the digits of
    these, so if that fails bounds are cut to ever wider windows, until as few knots do.
    """
    rounding = _sweep.ROUNDING * np.maximum(np.maximum(np.abs(band.lo), np.abs(band.hi)), band.y_max)
    narrow = band.hi - band.lo <= 8 * rounding
    middle = 0.5 * band.lo + 0.5 * band.hi
    margin = np.where(narrow, 0.0, rounding)
    function = fewest_links(band, np.minimum(band.lo + margin, middle), np.maximum(band.hi - margin, middle))
    excess = _excess(band, band.room + 4 * np.where(narrow, _sweep.ROUNDING * band.y_max, rounding), function)
    if excess <= 0:
        return function
    best = None
    for low, high in windows(band):
        lo, hi = np.maximum(band.lo, low), np.minimum(band.hi, high)
        candidate = fewest_links(band, lo, hi)
        if _excess(band, band.room + 4 * _sweep.ROUNDING * band.y_max, candidate) <= 0:
            if best is None or candidate.n_knots < best.n_knots:
                best = candidate
            if best.n_knots <= fewest:
                break
    if best is None:
        steepest = np.max(np.abs(function.slopes))
        raise TooSteepError(
            f"the slopes of the data (up to {steepest:.3g}) are beyond float64, or tolerances of too different size: "
            f"the function would leave a tolerance by {excess:.3g}; rescale x or y, or give rows that do not count an "
            "infinite tolerance"
        )
    return best


def windows(band: Band) -> Iterator[tuple[float, float]]:
    """Ranges of y, each with values of every bound, from the narrowest there is to that of all of them."""
    ends = float(band.lo.max()), float(band.hi.min())
    low, high = min(ends), max(ends)
    bottom, top = float(band.lo.min()), float(band.hi.max())
    width = max(high - low, 2.0**-40 * band.y_max, np.finfo(np.float64).tiny)
    while low - width > bottom or high + width < top:
        yield low - width, high + width
        width *= _WIDER


def fewest_links(band: Band, lo: Array, hi: Array) -> PiecewiseLinear:
    """The function that a sweep between the bounds finds."""
    knots, anchors, slopes = _sweep.links_of_sweep(band.x, lo, hi, *_sweep.sweep(band.x, lo, hi))
    if not np.isfinite(slopes).all():
        raise TooSteepError("links of the function are steeper than float64 can hold; rescale x or y")
    if not (knots[1:] > knots[:-1]).all():
        raise TooSteepError("links of the function meet closer than float64 can tell; rescale x or y")
    return PiecewiseLinear(knots, anchors, slopes)


def _excess(band: Band, room: Array, f: PiecewiseLinear) -> float:
    return _sweep.largest_excess(band.x, band.lo, band.hi, room, f.knots, f.anchors, f.slopes)


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
