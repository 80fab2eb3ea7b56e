"""The interpolant with minimal Σ|c_k|^p through points on a line, exactly and in linear time.

A function with slope changes c_k is a network with one neuron for each, and V_p = Σ|c_k|^p is its ℓp path norm
[NN, Prop. 3.1]. Minimisers are linear except inside runs of equal curvature sign [NN, Thm 3.1], where every
inner slope is one of two neighbouring data slopes [NN, Thm 3.2]. So each slope jump g_j of a run either is a knot of
its own or shares one with a neighbour, which saves w_j = g_j^p + g_{j+1}^p − (g_j + g_{j+1})^p: the minimiser is a
maximum-weight matching on a path (ours), found by one pass.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.errors import TooSteepError
from reluctant.model.assembly import network_without_affine_part
from reluctant.model.links import Links
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _evaluation, _jumps, _kernels
from reluctant.univariate.points import sorted_points

RTOL = 2.0**-51
"""Default relative tolerance of the collinearity test for float64: four units roundoff of the largest value."""

CHANCE = 1000
"""The rounding of x counts where it makes at least one point in so many collinear."""

INTERPOLATES = 1e-9
"""Largest error, relative to max|y|, of a result that claims to interpolate."""

ROUNDING = 2.0**-30
"""Share by which bounds of values are lowered: jumps err by at most 7e-10 of themselves, matchings by 1e-12."""

_SMALLEST_JUMP = 2.0**-960
"""Smaller jumps may have lost digits to underflow, and do not count in bounds."""

_SUBTRACTED = 2.0**21 * (1.0 + 2.0**-10)
"""Slopes that are more times as large as their difference are not simply subtracted by `slope_jump`."""

EVERY_POINT = "with every point as it is, to the last bit"


class Corners(NamedTuple):
    """The points that decide: those left when collinear groups are drawn as one link, and their slope jumps."""

    x: Array
    y: Array
    jumps: Array  # signed, zero at both ends
    solid: Mask  # link i holds data points inside it; empty where every point is kept
    words: str  # which points, as certificates say it
    fewest: bool = True  # whether keeping every point saves no knot
    allowed: float = INTERPOLATES  # largest error relative to max|y|
    kept: Index | None = None  # which points these are; None where every point is kept

    @classmethod
    def exact(cls, x: Array, y: Array, words: str = EVERY_POINT) -> Corners:
        """Every point, and jumps of exact sign."""
        return cls(x, y, _jumps.slope_jumps(x, y), np.empty(0, dtype=np.bool_), words)

    def of_every_point(self, x: Array, y: Array) -> Corners:
        """`exact` for the points that these are the corners of, most of whose jumps are known."""
        if self.kept is None:
            return self
        jumps = _kernels.jumps_of_all(x, y, self.kept, self.jumps)
        return Corners(x, y, jumps, np.empty(0, dtype=np.bool_), EVERY_POINT)


def corners_of(x: Array, y: Array, rtol: float = RTOL) -> Corners:
    """Slope jumps of sorted points, after collinear groups have become single links.

    Point i counts as collinear when its vertical distance from the chord of its neighbours is at most
    rtol · (max|y| + |s| max|x|), which covers decimals rounded to float64; the part of x counts only where it makes
    at least one point in a thousand collinear. rtol = 0 decides exactly.
    """
    x_max = max(abs(x[0]), abs(x[-1]))
    y_max = max(abs(y.min()), abs(y.max()))
    if rtol == 0:
        return Corners.exact(x, y)
    passes, n_collinear, without_x = _kernels.collinear(x, y, rtol, x_max, y_max)
    # In rough data with an offset in x a few points pass by chance; they are no sign that x is rounded.
    rounded_x = (n_collinear - without_x) * CHANCE >= len(x)
    if not rounded_x:
        n_collinear, x_max = without_x, 0.0
    if not n_collinear:
        return Corners.exact(x, y, "no point within rounding of the chord of its neighbours")
    kept = _kernels.corners(x, y, passes, 1 if rounded_x else 2, rtol, x_max, y_max)
    if len(kept) == len(x):
        return Corners.exact(x, y)
    solid = np.diff(kept) > 1
    corner_x, corner_y = x[kept], y[kept]
    jumps = _jumps.slope_jumps(corner_x, corner_y)
    # Then the points left out can only add jumps: a pair of jumps in which one of them is new saves no more than it.
    fewest = _kernels.ends_turn_as_data(x, y, kept, jumps)
    words = f"with {np.count_nonzero(solid)} links drawn straight through points within rounding (rtol) of them"
    words += ", whose ends turn as the data do" if fewest else ""
    return Corners(corner_x, corner_y, jumps, solid, words, fewest, max(INTERPOLATES, 2.0 * rtol), kept)


class Interpolant(NamedTuple):
    """A solution, the sorted points, every x once, and the corners that it follows."""

    x: Array
    y: Array
    corners: Corners
    solution: LineSolution


def interpolate_line(x: Array, y: Array, p: float = 0.0, rtol: float = RTOL) -> LineSolution:
    """Minimise V_p over the interpolants of checked data (N,), (N,); see `reluctant.interpolate`."""
    return interpolant(x, y, p, rtol).solution


def interpolant(x: Array, y: Array, p: float = 0.0, rtol: float = RTOL) -> Interpolant:
    """The same with what it comes from."""
    x, y = sorted_points(x, y)
    corners = corners_of(x, y, rtol)
    solution = minimal(x, y, corners, p)
    if not len(corners.solid) or solution.n_neurons == 0 or (p in (0.0, 1.0) and corners.fewest):
        return Interpolant(x, y, corners, solution)
    # Links drawn straight may have made corners where the data have none.
    least = Least.of_every_point(x, y, corners, p)
    if not least.is_below(solution):
        return Interpolant(x, y, corners, beside(solution, EVERY_POINT, least))
    exact = corners.of_every_point(x, y)
    return Interpolant(x, y, exact, beside(minimal(x, y, exact, p), corners.words, Least.of(corners, p)))


def minimal(x: Array, y: Array, corners: Corners, p: float) -> LineSolution:
    """The interpolant of sorted points with minimal V_p among those that follow the links drawn straight."""
    return solution_of_matching(x, y, corners, _kernels.match_runs(corners.jumps, corners.solid, p), p)


class Least(NamedTuple):
    """The minimum of V_p for given corners: its figures, without its table."""

    n_knots: int
    value: float
    bound: float

    @classmethod
    def of(cls, corners: Corners, p: float) -> Least:
        """The fewest knots for p = 0."""
        if p == 0:
            return cls.of_knots(_kernels.fewest_knots(corners.jumps, corners.solid))
        merged = _kernels.match_runs(corners.jumps, corners.solid, p)
        value, smallest_jump = _kernels.value_of_matching(corners.jumps, merged, p)
        bound = _rounded_down(value, p, corners.jumps, smallest_jump)
        return cls(_kernels.count_knots(corners.jumps, merged), value, bound)

    @classmethod
    def of_every_point(cls, x: Array, y: Array, corners: Corners, p: float) -> Least:
        """The same for all the points that these are the corners of."""
        if p == 0 and corners.kept is not None:
            return cls.of_knots(_kernels.fewest_knots_of_all(x, y, corners.kept, corners.jumps))
        return cls.of(corners.of_every_point(x, y), p)

    @classmethod
    def of_knots(cls, n_knots: int) -> Least:
        """So many knots, for p = 0."""
        return cls(n_knots, float(n_knots), n_knots)

    def is_below(self, solution: LineSolution) -> bool:
        """Whether it is smaller than a solution, by more than rounding."""
        if solution.p == 0:
            return self.n_knots < solution.n_neurons
        if solution.p == 1:  # through fewer points the variation is never more, and the sparsest function is wanted
            return self.value <= solution.value * (1.0 + _kernels.TIE) and self.n_knots < solution.n_neurons
        return self.value < solution.value * (1.0 - _kernels.TIE)


def beside(solution: LineSolution, words: str, other: Least) -> LineSolution:
    """The solution with the smaller bound of the two, the other one for the points that the words say.

    One of the two keeps every point: its bound holds for the data to the last bit, and so does the smaller one.
    """
    own = solution.certificate
    least = f"it takes {other.n_knots} neurons" if own.quantity == "neurons" else f"the value is {other.value:.6g}"
    bound, reason = min(own.lower_bound, other.bound), f"{own.reason}; {words} {least}"
    return solution.replace(certificate=Certificate(own.quantity, bound, own.kind, reason))


def without_affine_part(solution: LineSolution, x: Array) -> LineSolution:
    """The same function on the range of x, as a network that has no affine part, and as its table."""
    low, high = float(x.min()), float(x.max())
    network, extra = network_without_affine_part(solution.function.links, low, high)
    function = _with_outer_kink(solution.function, network, low, high) if extra else solution.function
    certificate = solution.certificate
    if extra:
        n_knots = solution.function.n_knots
        added = ["one neuron more"] * (network.n_neurons - n_knots)
        added += ["a constant neuron, which the norm does not count,"] * (len(network.biases) - network.n_neurons)
        # A network without an affine part is one with an affine part of zero: what it needs is no less.
        reason = (
            f"{certificate.reason}; without an affine part {' and '.join(added)} beside the {n_knots} of the function "
            f"itself {'were' if len(added) > 1 else 'was'} used, and the bound is that of networks with one"
        )
        certificate = replace(certificate, reason=reason)
    value = network.path_norm(0.0 if solution.p is None else solution.p)
    return solution.replace(network=network, value=value, certificate=certificate, function=function)


def _with_outer_kink(function: PiecewiseLinear, network: ReLUNetwork, low: float, high: float) -> PiecewiseLinear:
    """The table of a network whose first neuron makes a whole line on [low, high], and has its kink outside.

    The others face away from the link of that line, so beyond the kink the line is missing.
    """
    w, b = float(network.input_weights[0, 0]), float(network.biases[0])
    if w == 0.0:  # a constant, which has no kink
        return function
    kink = min(-b / w, low) if w > 0.0 else max(-b / w, high)
    if not math.isfinite(kink):
        return function
    constant = network.input_weights[:, 0] == 0.0
    home = int(np.count_nonzero(network.input_weights[1:, 0] < 0.0))
    X, Y, M = (*function.anchors[:, home], function.slopes[home])
    first = w > 0.0
    at, outer = (0, 0) if first else (len(function.knots), -1)
    x, y = function.anchors[:, outer]
    value = (0.0 if home == at else y - (Y + M * (x - X))) + float(np.sum(network.output_weights[constant]))
    knots = np.insert(function.knots, at, kink)
    anchors = np.insert(function.anchors, at + (not first), [x, value], axis=1)
    slopes = np.insert(function.slopes, at + (not first), function.slopes[outer] - M)
    changes = None if function.changes is None else np.insert(function.changes, at, M if first else -M)
    return PiecewiseLinear(knots, anchors, slopes, changes)


def relative_errors(x: Array, y: Array, jumps: Array, smallest: float = _SMALLEST_JUMP) -> Array:
    """Bounds on the relative errors of the slope jumps of points; infinite for those below the smallest."""
    errors = np.zeros(len(x))
    if len(x) > 2:
        with np.errstate(all="ignore"):
            size = np.abs(np.diff(y) / np.diff(x))
            cancelled = (size[1:] + size[:-1]) / np.abs(jumps[1:-1])
        # `slope_jump` is right to a few roundings unless it subtracts two rounded slopes, each right to three
        subtracted = np.where(cancelled < _SUBTRACTED, 3.01 * cancelled + 1.0, 0.0)
        tiny = np.abs(jumps[1:-1]) < smallest
        errors[1:-1] = np.where(tiny, np.inf, 2.0**-53 * np.maximum(8.0, subtracted))
    errors[jumps == 0] = 0.0
    return errors


def through_one_point(x: Array, y: Array, p: float, certificate: Certificate) -> LineSolution:
    """The constant function through one point."""
    function = PiecewiseLinear(np.empty(0), np.array([[x[0]], [y[0]]]), np.zeros(1))
    return LineSolution(
        p=p, value=0.0, max_error=0.0, certificate=certificate, function=function, max_error_between=0.0
    )


def through(x: Array, y: Array, corners: Corners, links: Links) -> tuple[PiecewiseLinear, float]:
    """The function of these links through the corners of the points, and its largest error at the points.

    Raises
    ------
    TooSteepError
        If its slopes are beyond float64.
    """
    function = PiecewiseLinear(*links)
    max_error = _evaluation.largest_residual(x, y, function.knots, function.anchors, function.slopes)
    if not max_error <= corners.allowed * max(abs(y.min()), abs(y.max())):
        steepest = np.max(np.abs(function.slopes))
        raise TooSteepError(
            f"the slopes of the data (up to {steepest:.3g}) are beyond float64: the interpolant would miss y by "
            f"{max_error:.3g}; rescale x or y"
        )
    return function, max_error


def solution_of_matching(x: Array, y: Array, corners: Corners, merged: Mask, p: float) -> LineSolution:
    """The solution in which jumps j and j + 1 share a knot where merged[j].

    Raises
    ------
    TooSteepError
        If its slopes are beyond float64.
    """
    if len(x) == 1:
        return through_one_point(x, y, p, _certificate(corners, p, 0.0))
    arrays = _kernels.links_of_matching(corners.x, corners.y, corners.jumps, merged)
    knots, anchors, slopes, close, farthest = arrays
    changes = _kernels.changes_of_matching(corners.jumps, merged) if close else None
    function, max_error = through(x, y, corners, Links(knots, anchors, slopes, changes))
    value, smallest_jump = _kernels.value_of_matching(corners.jumps, merged, p)
    if not value < math.inf:
        raise TooSteepError(
            f"the slope changes of the interpolant sum to more than float64 holds for p = {p:g}; rescale x or y"
        )
    bound = value if p == 0 else _rounded_down(value, p, corners.jumps, smallest_jump)
    return LineSolution(
        p=p,
        value=value,
        max_error=max_error,
        certificate=_certificate(corners, p, bound),
        function=function,
        max_error_between=max(max_error, farthest),
    )


def _rounded_down(value: float, p: float, jumps: Array, smallest_jump: float) -> float:
    """A lower bound of the least V_p, given the one that a best matching of the rounded jumps has.

    Where every jump errs by at most a share ρ of itself, so does every slope change of every matching, and the least
    V_p by at most ρ. A sum of n terms errs by at most n 2^-53 of itself.
    """
    if smallest_jump < _SMALLEST_JUMP:
        sizes = np.abs(jumps)
        value = max(0.0, value - float(np.sum(sizes[(sizes > 0) & (sizes < _SMALLEST_JUMP)] ** p)))
    return value * (1.0 - ROUNDING - len(jumps) * 2.0**-52)


def _certificate(corners: Corners, p: float, bound: float) -> Certificate:
    if p == 0:
        reason = f"fewest knots for the curvature signs of the data, {corners.words} [DDUF, Thm 4]"
        return Certificate("neurons", int(bound), "proved", reason)
    how = "total variation of the slopes of the data" if p == 1 else "maximum-weight matching of the slope jumps"
    source = "" if p == 1 else " [NN, Thm 3.2]"
    reason = f"{how}, {corners.words}{source}, less 2^-30 of itself for rounding"
    return Certificate("value", bound, "proved", reason)
