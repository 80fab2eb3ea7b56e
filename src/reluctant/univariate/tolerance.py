"""The fewest knots within a tolerance: the ℓ0 problem with an ℓ∞ data term, in linear time [HS].

The sweep in `_sweep` extends each link as far as any link can reach; greedy is optimal because a function that
follows another set of links never gets ahead of it (Imai and Iri 1986, Hakimi and Schmeichel 1991).
"""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _kernels, _sweep
from reluctant.univariate.interpolation import RTOL, interpolate_line
from reluctant.univariate.points import Band, is_increasing, sorted_band

_ROUNDING = 2.0**-50  # of the largest bound: what evaluating a link may add to a residual


def approximate_line(x: Array, y: Array, tolerance: Array, slack: float) -> LineSolution:
    """Fewest knots within |f(x_i) − y_i| ≤ ε_i for checked data; see `reluctant.approximate`."""
    if not tolerance.any():
        return interpolate_line(x, y, 0.0, RTOL if slack > 0 else 0.0).replace(p=None)
    # Half of the slack is for the problem, the other half for rounding in the solution.
    band = sorted_band(x, y, tolerance, 0.5 * slack, RTOL if slack > 0 else 0.0)
    function = _fewest_links(band.x, band.lo, band.hi)
    bound = function.n_knots
    rounding = _ROUNDING * max(np.max(np.abs(band.lo)), np.max(np.abs(band.hi)))
    strictly = slack > 0 or bool((np.abs(function(x) - y) <= tolerance).all())
    if not (strictly and _excess(band, 0.5 * slack, rounding, function) <= 0):
        # Rounding has carried a point out of the band; aim a little inside it where that is possible.
        middle = 0.5 * band.lo + 0.5 * band.hi
        margin = np.where(band.rounded | (band.hi - band.lo <= 8 * rounding), 0.0, rounding)
        function = _fewest_links(band.x, np.minimum(band.lo + margin, middle), np.maximum(band.hi - margin, middle))
        excess = _excess(band, 0.5 * slack, rounding, function)
        if not excess <= 4 * rounding:
            steepest = np.max(np.abs(function.slopes))
            raise TooSteepError(
                f"the slopes of the data (up to {steepest:.3g}) are beyond float64: the function would leave the "
                f"tolerance by {excess:.3g}; rescale x or y"
            )
    return LineSolution(
        p=None,
        value=float(function.n_knots),
        max_error=_largest_residual(x, y, function),
        certificate=Certificate("neurons", bound, "proved", _reason(tolerance, slack)),
        function=function,
    )


def _fewest_links(x: Array, lo: Array, hi: Array) -> PiecewiseLinear:
    knots, anchors, slopes = _sweep.links_of_sweep(x, lo, hi, *_sweep.sweep(x, lo, hi))
    if not np.isfinite(slopes).all():
        raise TooSteepError("links of the function are steeper than float64 can hold; rescale x or y")
    if not (knots[1:] > knots[:-1]).all():
        raise TooSteepError("links of the function meet closer than float64 can tell; rescale x or y")
    return PiecewiseLinear(knots, anchors, slopes)


def _largest_residual(x: Array, y: Array, f: PiecewiseLinear) -> float:
    if not is_increasing(x):
        return float(np.max(np.abs(f(x) - y)))
    return _kernels.largest_residual(x, y, f.knots, f.anchors, f.slopes)


def _excess(band: Band, slack: float, rounding: float, f: PiecewiseLinear) -> float:
    return _sweep.largest_excess(band.x, band.lo, band.hi, band.rounded, slack, rounding, f.knots, f.anchors, f.slopes)


def _reason(tolerance: Array, slack: float) -> str:
    low, high = tolerance.min(), tolerance.max()
    asked = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if slack == 0:
        return f"greedy sweep over the band, tolerance {asked} as given, bounds rounded to float64"
    return (
        f"greedy sweep over the band, tolerance {asked} widened by a relative {0.5 * slack:g} and nowhere below the "
        f"rounding of the data, {RTOL:.2g} (max|y| + |slope| max|x|)"
    )
