"""The interpolant with minimal Σ|c_k| φ(t_k), where φ(t) is the norm of (1, t): biases count as weights do.

A neuron c (x − t)_+ has the weights c (1, −t), so φ(t) = 1 + |t| for the sum of their sizes (l1, the path norm of
d ≥ 2) and √(1 + t²) for their Euclidean norm (l2) [BF]. The dual asks for a polyline q over the data points, zero at
both ends, with |q| ≤ φ everywhere and the largest Σ g_i q_i, where g_i are the slope jumps of the data; knots are where
q = ±φ. Slopes of φ are at most one and φ(s) + φ(t) > |s − t|, so a gap holds knots only between points whose jumps have
one sign, or between such a point and an end of the data, and runs of one sign are problems of their own (ours).

References
----------
[BF] Boursier and Flammarion, Penalising the biases in norm regularisation enforces sparsity, NeurIPS 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.errors import TooSteepError
from reluctant.model.links import Links
from reluctant.objective import Bias, size_of_knots
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _kernels, _penalised_biases
from reluctant.univariate.interpolation import RTOL, Corners, corners_of, relative_errors, through, through_one_point
from reluctant.univariate.points import sorted_points

_ROUNDING = 2.0**-50
"""More than the error of a dual value, relative to its formula."""

_PRODUCTS = 2.0**-52
"""Relative error of a product."""

_ANGLES = 2.0**-47
"""By how much angles are widened: they err by less than 2^-48 of themselves."""

_EVEN = 2.0**-48
"""Moments about 0 that differ by a smaller share are one within rounding, for which a dual is at hand."""


_SIZES: dict[Bias, str] = {"l1": "1 + |t|", "l2": "√(1 + t²)"}
"""What a slope change at t counts."""
_VALUE_NAMES: dict[Bias, str] = {"l1": "ℓp value", "l2": "value with ℓ2 biases"}


class Points(NamedTuple):
    """Points, their slope jumps, and which gaps hold points that are drawn straight, so that no knot may be there."""

    x: Array
    jumps: Array
    solid: Mask

    def is_free(self, gap: int) -> bool:
        """Whether knots may be in a gap."""
        return not len(self.solid) or not self.solid[gap]


class Plan(NamedTuple):
    """Where the jumps of points bend, and a dual function that says why they do not elsewhere."""

    dual: Array  # q_i, with the sign of the jump
    slack: Array  # by how much rounding may have raised it
    left: Array  # share of each jump in the gap on its left
    right: Array  # and on its right; a jump without shares is a knot at its point
    end_knots: tuple[float, float] = (math.nan, math.nan)  # in the first and in the last gap, where there are any

    def bound(self, jumps: Array, errors: Array) -> float:
        """Σ |g| q for jumps with these relative errors, less what rounding can amount to."""
        lost = np.isinf(errors)  # jumps below 2^-960, which err by less than that
        doubt = (np.where(lost, 0.0, errors) + 2.0 * _PRODUCTS) * np.abs(self.dual) + self.slack
        (found, unit), (doubted, doubt_unit) = _dot(np.abs(jumps), self.dual), _dot(np.abs(jumps), doubt)
        with np.errstate(over="ignore"):
            known = np.ldexp(found - np.ldexp(doubted * (1.0 + _ROUNDING), doubt_unit - unit), unit)
        return float(known) - math.fsum(np.ldexp(np.abs(self.dual[lost]), -960))


def _dot(a: Array, b: Array) -> tuple[float, int]:
    """Σ a b, its products rounded, as a number and a power of two: nothing overflows."""
    (a, a_exponents), (b, b_exponents) = np.frexp(a), np.frexp(b)
    products, exponents = a * b, a_exponents + b_exponents
    unit = int(np.max(exponents, where=products != 0.0, initial=-4096))
    return math.fsum(np.ldexp(products, np.maximum(exponents - unit, -4096))), unit


def interpolate_line(x: Array, y: Array, bias: Bias, rtol: float = RTOL) -> LineSolution:
    """Minimise Σ|c| φ(t) over the interpolants of checked data (N,), (N,); see `reluctant.interpolate`."""
    x, y = sorted_points(x, y)
    if len(x) == 1:
        return through_one_point(
            x, y, 1.0, Certificate("value", 0.0, "proved", "a constant has no knots", value_name=_VALUE_NAMES[bias])
        )
    corners = corners_of(x, y, rtol)
    solution = _minimal(x, y, corners, bias)
    if not len(corners.solid) or solution.is_optimal:
        return solution
    exact = _minimal(x, y, corners.of_every_point(x, y), bias)  # points so close that drawing them straight turns lines
    if exact.value < solution.value:
        return exact
    bound = max(solution.certificate.lower_bound, min(exact.certificate.lower_bound, solution.value))
    return solution.replace(certificate=replace(solution.certificate, lower_bound=bound))


def _minimal(x: Array, y: Array, corners: Corners, bias: Bias) -> LineSolution:
    """The interpolant with minimal Σ|c| φ(t) among those that follow the links drawn straight."""
    plan = _PLANS[bias](Points(corners.x, corners.jumps, corners.solid))
    arrays = _penalised_biases.links_of_shares(
        corners.x, corners.y, corners.jumps, plan.left, plan.right, plan.end_knots
    )
    knots, anchors, slopes, changes, close, farthest = arrays
    function, max_error = through(x, y, corners, Links(knots, anchors, slopes, changes if close else None))
    with np.errstate(over="ignore"):
        value = float(np.sum(np.abs(changes) * size_of_knots(knots, bias)))
    if not value < math.inf:
        raise TooSteepError("the penalised slope changes sum to more than float64 holds; rescale x or y")
    return LineSolution(
        p=1.0,
        value=value,
        max_error=max_error,
        certificate=_certificate(x, y, corners, plan, bias, value),
        function=function,
        max_error_between=max(max_error, farthest),
    )


def _certificate(x: Array, y: Array, corners: Corners, plan: Plan, bias: Bias, value: float) -> Certificate:
    """What the dual function proves of all functions through the points as they are.

    Links drawn straight hold no knot, which the plan takes for granted. One point inside each shows that it is so.
    """
    if len(corners.solid):
        at = np.searchsorted(x, corners.x)
        first, last = at[:-1][corners.solid], at[1:][corners.solid]
        middle = np.searchsorted(x, 0.5 * x[first] + 0.5 * x[last])  # where rounding of y turns lines least
        inside = np.clip(middle, first + 1, last - 1)
        kept = np.sort(np.concatenate([at, inside]))
        corners = Corners.exact(x[kept], y[kept], corners.words)
        plan = _PLANS[bias](Points(corners.x, corners.jumps, corners.solid))
    errors = relative_errors(corners.x, corners.y, corners.jumps)
    bound = min(max(plan.bound(corners.jumps, errors), 0.0), value)
    reason = f"dual polyline within {_SIZES[bias]}, {corners.words}, less what rounding can amount to"
    return Certificate("value", bound, "proved", reason, value_name=_VALUE_NAMES[bias])


def _plan_l1(points: Points) -> Plan:
    """The fewest knots among the minimisers of Σ|c|(1 + |t|).

    φ is linear but for t = 0. So pairs of jumps may share a knot on either side of it, as for p = 1, and those beside
    it must: that saves 2 min(|g_i x_i|, |g_{i+1} x_{i+1}|).
    """
    x, jumps, solid = points
    n = len(x)
    alone, dual = jumps.copy(), size_of_knots(x, "l1")
    left, right, end_knots = np.zeros(n), np.zeros(n), (math.nan, math.nan)
    gap = int(np.searchsorted(x, 0.0)) - 1
    if 0 <= gap < n - 1 and x[gap + 1] > 0.0 and points.is_free(gap):
        i, j = gap, gap + 1
        if gap == 0 and x[i] < -1.0 and jumps[j] != 0.0:
            left[j], dual[j], end_knots = 1.0, 1.0 - x[j] / x[i], (0.0, math.nan)
        elif gap == n - 2 and x[j] > 1.0 and jumps[i] != 0.0:
            right[i], dual[i], end_knots = 1.0, 1.0 - x[i] / x[j], (math.nan, 0.0)
        elif np.sign(jumps[i]) * np.sign(jumps[j]) > 0.0:
            right[i] = left[j] = 1.0
            with np.errstate(all="ignore"):
                ratio = abs(jumps[i] / jumps[j]) * abs(x[i] / x[j])
            if abs(ratio - 1.0) <= _EVEN:
                dual[i] = dual[j] = 1.0
            else:
                lighter = i if ratio < 1.0 else j
                dual[lighter] = 1.0 - abs(x[lighter])
        alone[(left > 0.0) | (right > 0.0)] = 0.0
    pairs = np.flatnonzero(_kernels.match_runs(alone, solid, 0.0))
    right[pairs] = left[pairs + 1] = 1.0
    return Plan(dual, _ROUNDING * np.abs(dual), left, right, end_knots)


def _plan_l2(points: Points) -> Plan:
    """The minimiser of Σ|c|√(1 + t²), which is unique.

    q_i = φ_i cos d_i and q_{i+1} = φ_{i+1} cos d_{i+1} are the ends of a line below φ if d_i + d_{i+1} ≥ γ_i, the angle
    between (1, x_i) and (1, x_{i+1}).
    """
    x, jumps, solid = points
    phi, gamma = size_of_knots(x, "l2"), _penalised_biases.angles_between(x)
    weights = np.ldexp(np.abs(jumps), -_exponent(jumps)) * np.ldexp(phi, -_exponent(phi))
    d, left, right, knot = _penalised_biases.split_runs(x, jumps, solid, weights, gamma)
    end_knots = (-1.0 / x[0] if left[1] > 0.0 else math.nan, -1.0 / x[-1] if right[-2] > 0.0 else math.nan)
    plans = [
        Plan(*_dual_of_angles(points, d, gamma, tangents), left, right, end_knots)
        for tangents in _tangents(points, left, right, end_knots, knot)
    ]
    return plans[0] if len(plans) == 1 else max(plans, key=lambda plan: plan.bound(jumps, np.zeros(len(x))))


def _dual_of_angles(points: Points, d: Array, gamma: Array, tangents: list[tuple[int, float]]) -> tuple[Array, Array]:
    """The dual function q = φ cos d and its slack, with angles widened until no constraint of a run is broken.

    At a point with a tangent it is the height (1 + t x) / φ(t) of the line that touches φ at t.
    """
    x, jumps, _ = points
    phi, d, wide = size_of_knots(x, "l2"), d * (1.0 + _ANGLES), gamma * (1.0 + _ANGLES)
    fixed = np.zeros(len(x), dtype=np.bool_)
    for node, t in tangents:
        turned = _penalised_biases.angles_between(np.sort([x[node], t]))[0]
        d[node], fixed[node] = max(turned * (1.0 - _ANGLES) - _ROUNDING, 0.0), True
    shared = np.sign(jumps[:-1]) * np.sign(jumps[1:]) > 0.0
    lack = np.where(shared, np.maximum(wide - d[:-1] - d[1:], 0.0), 0.0)
    d[:-1] += np.where(fixed[:-1], 0.0, lack)
    d[1:] += np.where(fixed[1:], 0.0, lack)
    for node, gap in ((1, 0), (-2, -1)):  # zero at the ends is as far below φ as a right angle
        if not fixed[node]:
            d[node] = max(d[node], wide[gap] - 0.5 * math.pi)
    dual, slack = phi * np.cos(d), _ROUNDING * phi
    for node, t in tangents:
        size = math.hypot(1.0, t)
        parts = 1.0 / size, t / size * x[node]
        dual[node], slack[node] = sum(parts), _ROUNDING * (abs(parts[0]) + abs(parts[1]))
    return dual, slack


def _tangents(
    points: Points, left: Array, right: Array, end_knots: tuple[float, float], knot: float
) -> list[list[tuple[int, float]]]:
    """Points and knots t beside them that are in the gap about x = 0, where angles near π / 2 have lost digits of q.

    For a knot between two points there are two answers: where the forces are equal, and the centre of its shares. Each
    may be the better one, the first if a share is next to nothing, the second if points are far from 0.
    """
    x, jumps, _ = points
    n = len(x)
    at_ends = [(node, t) for node, t in zip((1, n - 2), end_knots) if not math.isnan(t)]
    if at_ends or math.isnan(knot):
        return [at_ends]
    i = int(np.searchsorted(x, 0.0, side="right")) - 1
    a, b = abs(jumps[i]) * right[i], abs(jumps[i + 1]) * left[i + 1]
    centre = x[i] + (x[i + 1] - x[i]) * (b / (a + b)) if a + b > 0.0 else knot
    return [[(i, t), (i + 1, t)] for t in (knot, centre)]


def _exponent(values: Array) -> int:
    """The power of two of the largest size."""
    return int(np.frexp(np.abs(values).max())[1])


_PLANS: dict[Bias, Callable[[Points], Plan]] = {"l1": _plan_l1, "l2": _plan_l2}
