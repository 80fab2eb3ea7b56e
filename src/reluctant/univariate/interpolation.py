"""The interpolant with minimal Σ|c_k|^p through points on a line, exactly and in linear time.

A function with slope changes c_k is a network with one neuron for each, and V_p = Σ|c_k|^p is its ℓp path norm
[NN, Prop. 3.1]. Minimisers are linear except inside runs of equal curvature sign [NN, Thm 3.1], where every
inner slope is one of two neighbouring data slopes [NN, Thm 3.2]. So each slope jump g_j of a run either is a knot of
its own or shares one with a neighbour, which saves w_j = g_j^p + g_{j+1}^p − (g_j + g_{j+1})^p: the minimiser is a
maximum-weight matching on a path (ours), found by one pass.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.errors import TooSteepError
from reluctant.model.assembly import network_without_affine_part
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _kernels
from reluctant.univariate.points import sorted_points

RTOL = 2.0**-51
"""Default relative tolerance of the collinearity test: four units roundoff of the largest value."""

CHANCE = 1000
"""The rounding of x counts where it makes at least one point in so many collinear."""

INTERPOLATES = 1e-9
"""Largest error, relative to max|y|, of a result that claims to interpolate."""


class Corners(NamedTuple):
    """The points that decide: those left when collinear groups are drawn as one link, and their slope jumps."""

    x: Array
    y: Array
    jumps: Array  # signed, zero at both ends
    solid: Mask  # link i holds data points inside it; empty when none does

    @property
    def n_straight(self) -> int:
        """Number of links drawn straight through collinear points."""
        return int(np.count_nonzero(self.solid))


def corners_of(x: Array, y: Array, rtol: float = RTOL) -> Corners:
    """Slope jumps of sorted points, after collinear groups have become single links.

    Point i counts as collinear when its vertical distance from the chord of its neighbours is at most
    rtol · (max|y| + |s| max|x|), which covers decimals rounded to float64; the part of x counts only where it makes
    at least one point in a thousand collinear. rtol = 0 decides exactly.
    """
    x_max = max(abs(x[0]), abs(x[-1]))
    y_max = max(abs(y.min()), abs(y.max()))
    solid = np.empty(0, dtype=np.bool_)
    n_collinear = _kernels.count_collinear(x, y, rtol, x_max, y_max) if rtol > 0 else 0
    if n_collinear:
        # In rough data with an offset in x a few points pass by chance; they are no sign that x is rounded.
        without_x = _kernels.count_collinear(x, y, rtol, 0.0, y_max)
        if (n_collinear - without_x) * CHANCE < len(x):
            n_collinear, x_max = without_x, 0.0
    if n_collinear:
        kept = _kernels.corners(x, y, rtol, x_max, y_max)
        x, y, solid = x[kept], y[kept], np.diff(kept) > 1
    return Corners(x, y, _kernels.slope_jumps(x, y), solid)


def interpolate_line(x: Array, y: Array, p: float = 0.0, rtol: float = RTOL) -> LineSolution:
    """Minimise V_p over the interpolants of checked data (N,), (N,); see `reluctant.interpolate`."""
    x, y = sorted_points(x, y)
    corners = corners_of(x, y, rtol)
    merged = _kernels.match_runs(corners.jumps, corners.solid, p)
    return solution_of_matching(x, y, corners, merged, p)


def without_affine_part(solution: LineSolution, x: Array) -> LineSolution:
    """The same function on the range of x, as a network that has no affine part."""
    network, extra = network_without_affine_part(solution.function.links, x.min(), x.max())
    certificate = solution.certificate
    if extra:
        reason = (
            f"without an affine part {extra} more than the {solution.function.n_knots} neurons of the function itself "
            "were used, and the fewest of that kind are not known"
        )
        certificate = Certificate(certificate.quantity, 0.0, "none", reason)
    value = network.path_norm(0.0 if solution.p is None else solution.p)
    return solution.replace(network=network, value=value, certificate=certificate)


def solution_of_matching(x: Array, y: Array, corners: Corners, merged: Mask, p: float) -> LineSolution:
    """The solution in which jumps j and j + 1 share a knot where merged[j].

    Raises
    ------
    TooSteepError
        If its slopes are beyond float64.
    """
    if len(x) == 1:
        function = PiecewiseLinear(np.empty(0), np.array([[x[0]], [y[0]]]), np.zeros(1))
        return LineSolution(p=p, value=0.0, max_error=0.0, certificate=_certificate(corners, 0, p), function=function)
    knots, anchors, slopes, changes = _kernels.links_of_matching(corners.x, corners.y, corners.jumps, merged)
    function = PiecewiseLinear(knots, anchors, slopes)
    max_error = _kernels.largest_residual(x, y, function.knots, function.anchors, function.slopes)
    if not max_error <= INTERPOLATES * np.max(np.abs(y)):
        steepest = np.max(np.abs(slopes))
        raise TooSteepError(
            f"the slopes of the data (up to {steepest:.3g}) are beyond float64: the interpolant would miss y by "
            f"{max_error:.3g}; rescale x or y"
        )
    value = _kernels.objective_value(changes, p)
    if not value < math.inf:
        raise TooSteepError(
            f"the slope changes of the interpolant sum to more than float64 holds for p = {p:g}; rescale x or y"
        )
    return LineSolution(
        p=p,
        value=value,
        max_error=max_error,
        certificate=_certificate(corners, len(knots), p, value),
        function=function,
    )


def _certificate(corners: Corners, n_knots: int, p: float, value: float = 0.0) -> Certificate:
    if corners.n_straight:
        data = f"with {corners.n_straight} links drawn straight through points within rounding (rtol) of them"
    else:
        data = "no point within rounding of the chord of its neighbours"
    if p == 0:
        return Certificate(
            "neurons",
            n_knots,
            "proved",
            f"fewest knots for the curvature signs of the data, {data} [DDUF, Thm 4]",
        )
    if p == 1:
        return Certificate("value", value, "proved", f"total variation of the slopes of the data, {data}")
    return Certificate("value", value, "proved", f"maximum-weight matching over all vertices [NN, Thm 3.2], {data}")
