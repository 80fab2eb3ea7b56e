"""Slow, plain solvers for bands that are open in places or hold between the rows; nothing here imports the library.

An infinite bound is None among rationals. Along lines a side of the band is the polyline through its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations, product

import numpy as np

from oracles import Gate, Link, mirrored, reentered

Bound = Fraction | None


def exact_bounds(values: Iterable) -> list[Bound]:
    """Bounds as the rationals they are; None for infinite ones."""
    return [None if v is None or math.isinf(v) else Fraction(v) for v in values]


def exact_open_sweep(x: Iterable, lo: Iterable, hi: Iterable, along_lines: bool, way_out: bool = True) -> int:
    """Fewest knots within the band by the greedy sweep, in quadratic time and rational arithmetic.

    Without `way_out` the next link may meet the old one anywhere before the bound that it could not reach: a mutant.
    """
    gates = [Gate(i, *p) for i, p in enumerate(zip(map(Fraction, x), exact_bounds(lo), exact_bounds(hi), strict=True))]
    link, mirror = Link(), Link()
    knots = 0
    for i, gate in enumerate(gates):
        if link.passes_below(gate):
            ended, side = link, "hi"
        elif mirror.passes_below(mirrored(gate)):
            ended, side = mirror, "lo"
        else:
            link.add(gate)
            mirror.add(mirrored(gate))
            continue
        knots += 1
        support = ended.support if side == "hi" else mirrored(ended.support)
        again = {g.x: reentered(g, side, "held") for g in [support, *gates[:i]] if support.x <= g.x < gate.x}
        if along_lines and way_out:
            add_way_out(again, ended, gates[:i], gate, side)
        again[gate.x] = gate
        entered = [again[at] for at in sorted(again)]
        link, mirror = Link(entered), Link(map(mirrored, entered))
    return knots


def add_way_out(again: dict[Fraction, Gate], ended: Link, before: Sequence[Gate], gate: Gate, side: str) -> None:
    """Add the point where the ended line leaves the band through the edge that ends at the gate."""
    turned = mirrored if side == "lo" else lambda g: g  # so that the line leaves downwards through the lower bounds
    vertices = [turned(g) for g in before if turned(g).lo is not None]
    if not vertices:
        return
    start, end = vertices[-1], turned(gate)

    def height(x: Fraction) -> Fraction:
        return ended.support.hi + ended.slope * (x - ended.support.x)

    above, under = height(start.x) - start.lo, end.lo - height(end.x)
    x = start.x + above / (above + under) * (end.x - start.x)
    there = turned(again[x]) if x in again else Gate(-1, x, None, None)
    again[x] = turned(Gate(there.index, x, height(x), there.hi))


def fewest_links_on_a_grid(x: np.ndarray, lo: np.ndarray, hi: np.ndarray, columns: int, values: int) -> int:
    """Fewest links of a function within the polylines whose ends and knots are on a grid: breadth-first search.

    Each interval has so many columns and each column so many points, from the lower polyline to the upper one.
    """
    at = np.linspace(0, len(x) - 1, (len(x) - 1) * columns + 1)
    at = np.interp(at, np.arange(len(x)), x)
    low, high = np.interp(at, x, lo), np.interp(at, x, hi)
    px = np.repeat(at, values)
    py = (low[:, None] + (high - low)[:, None] * np.linspace(0, 1, values)).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (py[None, :] - py[:, None]) / (px[None, :] - px[:, None])
        sees = px[None, :] > px[:, None]
        for xj, low_j, high_j in zip(x, lo, hi, strict=True):
            value = py[:, None] + slope * (xj - px[:, None])
            outside = (value < low_j - 1e-12) | (value > high_j + 1e-12)
            sees &= ~(outside & (px[:, None] < xj) & (px[None, :] > xj))
    reached, goal, links = px == at[0], px == at[-1], 0
    while not (reached & goal).any():
        reached, links = reached | sees[reached].any(axis=0), links + 1
    return links


def fewest_knots_lp(x: Sequence, lo: Sequence, hi: Sequence) -> int:
    """Fewest knots within the bounds at the rows, some of them infinite: linear programs over all sets of breaks.

    Lines on consecutive groups of rows; between the groups neighbouring lines cross, with either sign. For few rows.
    """
    for n_knots in range(len(x)):
        if least_excess_lp(x, lo, hi, n_knots) <= 1e-7:
            return n_knots
    raise AssertionError("a polyline through one value of each row has at most N − 2 knots")


def least_excess_lp(x: Sequence, lo: Sequence, hi: Sequence, n_knots: int) -> float:
    """By how much, at least, a function of so many knots leaves a bound; zero if one leaves none."""
    from scipy.optimize import linprog

    n, best = len(x), math.inf
    for breaks in combinations(range(n - 1), n_knots):
        line_of = np.searchsorted(breaks, np.arange(n), side="left")
        rows, limits = [], []
        for i in range(n):
            for sign, bound in ((-1.0, lo[i]), (1.0, hi[i])):
                if math.isfinite(bound):
                    row = np.zeros(2 * n_knots + 3)
                    row[2 * line_of[i] : 2 * line_of[i] + 2] = sign, sign * x[i]
                    row[-1] = -1.0
                    rows.append(row)
                    limits.append(sign * bound)
        for signs in product((1.0, -1.0), repeat=n_knots):
            crossings = []
            for k, (end, sign) in enumerate(zip(breaks, signs, strict=True)):
                for at, side in ((x[end], sign), (x[end + 1], -sign)):
                    row = np.zeros(2 * n_knots + 3)
                    row[2 * k : 2 * k + 4] = side, side * at, -side, -side * at
                    crossings.append(row)
            objective = np.append(np.zeros(2 * n_knots + 2), 1.0)
            free = [(None, None)] * (2 * n_knots + 2) + [(0.0, None)]
            found = linprog(objective, np.array(rows + crossings), limits + [0.0] * len(crossings), bounds=free)
            best = min(best, found.fun if found.status == 0 else math.inf)
            if best <= 1e-9:
                return best
    return best


def polylines_cross(x: Sequence, lo: Sequence[Bound], hi: Sequence[Bound]) -> bool:
    """Whether the polyline through the lower bounds is anywhere above that through the upper ones."""

    def height(bounds: Sequence[Bound], at: Fraction) -> Bound:
        vertices = [(Fraction(u), v) for u, v in zip(x, bounds, strict=True) if v is not None]
        for (u, v), (u_next, v_next) in zip(vertices, [*vertices[1:], *vertices[-1:]], strict=True):
            if u == at:
                return v
            if u < at < u_next:
                return v + (v_next - v) * (at - u) / (u_next - u)
        return None

    heights = [(height(lo, Fraction(at)), height(hi, Fraction(at))) for at in x]
    return any(below is not None and above is not None and below > above for below, above in heights)
