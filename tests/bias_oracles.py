"""Interpolants whose biases are penalised, solved by linear programs over grids and checked in rationals.

Nothing here knows that runs of one sign are problems of their own: every knot may be anywhere and of either sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise, product

import highspy
import numpy as np

from oracles import exact, slope_changes


def cost_of(t: np.ndarray, bias: str) -> np.ndarray:
    """The l1 or l2 norm of (1, t)."""
    return 1.0 + np.abs(t) if bias == "l1" else np.sqrt(1.0 + t**2)


def grid_of(x: np.ndarray, size: int) -> np.ndarray:
    """The points, 0 if it is among them, and points evenly spread in the angles of (1, t) and in t."""
    spread = np.linspace(x[0], x[-1], size)
    angles = np.tan(np.linspace(np.arctan(x[0]), np.arctan(x[-1]), size))
    near = np.sort(np.concatenate([spread, angles, x, [0.0]]))
    near = near[(near >= x[0]) & (near <= x[-1])]
    far = np.diff(near, append=np.inf) > 1e-9 * np.abs(near).max()
    return np.unique(np.concatenate([near[far], x]))


def least_on_grid(x: Sequence, y: Sequence, bias: str, size: int = 100) -> tuple[float, float]:
    """Least Σ|c| φ(t) with all knots on a grid, and a lower bound of that with knots anywhere.

    The dual function of the grid is below φ on it. Between grid points that are an angle η apart, as seen from the
    origin, a line is below φ / cos(η / 2) where it is below φ at both; for l1 all kinks of both are on the grid.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) < 3:
        return 0.0, 0.0
    t = grid_of(x, size)
    hats = np.array([np.interp(t, x, unit) for unit in np.eye(len(x))[1:-1]])
    jumps = np.array([float(g) for g in slope_changes(x, y)])
    scale = np.abs(jumps).max() or 1.0
    value = least_cost(cost_of(t, bias), hats, jumps / scale) * scale
    widest = np.diff(np.arctan(t)).max()
    return value, value * (np.cos(widest / 2) if bias == "l2" else 1.0)


def least_cost(costs: np.ndarray, columns: np.ndarray, target: np.ndarray, signed: bool = True) -> float:
    """The least costs · |c| with columns c = target, for c ≥ 0 unless signed; infinite where there is none."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("threads", 1)
    for tolerance in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        model.setOptionValue(tolerance, 1e-10)
    if signed:
        costs, columns = np.concatenate([costs, costs]), np.hstack([columns, -columns])
    for cost in costs:
        model.addVar(0.0, highspy.kHighsInf)
        model.changeColCost(model.getNumCol() - 1, float(cost))
    for row, value in zip(columns, target):
        at = np.flatnonzero(row)
        model.addRow(float(value), float(value), len(at), at.astype(np.int32), row[at])
    model.run()
    if model.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return np.inf
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"the program ended with {model.getModelStatus()}")
    return model.getObjectiveValue()


def is_below(ends: tuple[Fraction, Fraction], heights: tuple[Fraction, Fraction], bias: str) -> bool:
    """Whether the line with these heights at the ends is at most the norm of (1, t) between them, exactly."""
    (u, v), (low, high) = ends, heights
    slope = (high - low) / (v - u)
    at_zero = low - slope * u
    if bias == "l1":
        return low <= 1 + abs(u) and high <= 1 + abs(v) and (not u < 0 < v or at_zero <= 1)
    if max(low, 0) ** 2 > 1 + u**2 or max(high, 0) ** 2 > 1 + v**2:
        return False
    # 1 + t² − (slope t + at_zero)² is convex for |slope| < 1, and least where slope · at_zero = (1 − slope²) t
    convex = 1 - slope**2
    inside = convex > 0 and convex * u < slope * at_zero < convex * v
    touches_from_above = inside and at_zero + slope * (slope * at_zero / convex) > 0
    return not touches_from_above or at_zero**2 + slope**2 <= 1


def proved_by(x: Sequence, y: Sequence, dual: Sequence, bias: str) -> Fraction | None:
    """Σ g q for a dual polyline q with values at all inner points, None unless |q| ≤ φ everywhere, exactly."""
    x = exact(x)
    q = [Fraction(0), *exact(dual), Fraction(0)]
    for ends, heights in zip(pairwise(x), pairwise(q)):
        if not is_below(ends, heights, bias) or not is_below(ends, (-heights[0], -heights[1]), bias):
            return None
    return sum((g * v for g, v in zip(slope_changes(x, y), q[1:-1])), Fraction(0))


def fewest_knots_of_l1(x: Sequence, y: Sequence, value: float, most: int) -> int:
    """The fewest knots with which Σ|c|(1 + |t|) is at most `value`; `most` + 1 where more are needed.

    Costs are linear in mass and moment on each side of 0, so a knot is a choice of a closed gap, cut at 0, and a sign;
    masses at both of its ends stand for it.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    jumps = np.array([float(g) for g in slope_changes(x, y)])
    ends = np.unique(np.append(x, 0.0)) if x[0] < 0 < x[-1] else x
    hats = np.array([np.interp(ends, x, unit) for unit in np.eye(len(x))[1:-1]])
    for count in range(most + 1):
        for cells in combinations(range(len(ends) - 1), count):
            for signs in product((1.0, -1.0), repeat=count):
                at = np.array([[cell, cell + 1] for cell in cells], dtype=int).ravel()
                columns = hats[:, at] * np.repeat(signs, 2)
                if count == 0:
                    if not jumps.any():
                        return 0
                    continue
                if least_cost(cost_of(ends[at], "l1"), columns, jumps, signed=False) <= value * (1 + 1e-9):
                    return count
    return most + 1
