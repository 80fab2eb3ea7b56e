"""Slow, plain solvers of the one-dimensional problems, to check the library against; nothing here imports it.

Signs, counts and slopes are computed in exact rational arithmetic (a float stands for the number it holds): a
disagreement is the library's. Only powers, logarithms and the MILP are in floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, groupby, pairwise, product

import highspy
import numpy as np

Changes = tuple[Fraction, ...]


def exact(values: Iterable) -> list[Fraction]:
    """The numbers as they are: floats become the rationals they hold."""
    return [v if isinstance(v, int | Fraction) else Fraction(float(v)) for v in values]


# Interpolation: enumeration of [NN, Thm 3.1 and 3.2].


def slopes_of(x: Iterable, y: Iterable) -> list[Fraction]:
    """s_i = (y_{i+1} − y_i) / (x_{i+1} − x_i)."""
    points = list(zip(exact(x), exact(y)))
    return [Fraction(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points)]


def slope_changes(x: Iterable, y: Iterable) -> list[Fraction]:
    """s_i − s_{i−1} at the inner points."""
    return [b - a for a, b in pairwise(slopes_of(x, y))]


def total_variation(x: Iterable, y: Iterable) -> Fraction:
    """Σ|s_i − s_{i−1}|, the total variation of the derivative of every ℓp-minimal interpolant."""
    return sum((abs(c) for c in slope_changes(x, y)), Fraction(0))


def runs_of_jumps(x: Iterable, y: Iterable) -> list[list[Fraction]]:
    """|s_i − s_{i−1}| over every maximal run of consecutive inner points of one nonzero curvature sign."""
    signed = groupby(slope_changes(x, y), key=lambda c: (c > 0) - (c < 0))
    return [[abs(c) for c in run] for sign, run in signed if sign]


def changes_by_matching(jumps: Sequence[Fraction]) -> Iterator[Changes]:
    """Slope changes of every matching: each jump alone, or merged with its neighbour."""
    if not jumps:
        yield ()
        return
    for rest in changes_by_matching(jumps[1:]):
        yield (jumps[0], *rest)
    if len(jumps) > 1:
        for rest in changes_by_matching(jumps[2:]):
            yield (jumps[0] + jumps[1], *rest)


def changes_by_vertex(jumps: Sequence[Fraction]) -> Iterator[Changes]:
    """Slope changes of every vertex of [NN, Thm 3.2]: each inner u_j is one of its two slopes."""
    s = [Fraction(0)]
    for jump in jumps:
        s.append(s[-1] + jump)
    if len(jumps) == 1:
        yield (jumps[0],)
        return
    for inner in product(*pairwise(s[1:-1])):
        u = (s[0], *inner, s[-1])
        yield tuple(b - a for a, b in pairwise(u) if b != a)


def lp_value(changes: Iterable, p: float) -> float:
    """Σ|c|^p over the nonzero c; their number for p = 0."""
    return math.fsum(abs(float(c)) ** p for c in changes if c)


def log_of(c: Fraction) -> float:
    return math.log(c.numerator) - math.log(c.denominator)


def sparsest_limit(candidates: Iterable[Changes]) -> tuple[int, float]:
    """The p → 0+ optimum, fewest changes and then the smallest product of them, as (number, Σ log c)."""
    knots, smallest = min((len(changes), math.prod(changes)) for changes in candidates)
    return knots, log_of(Fraction(smallest))


def brute_force_matching(jumps: Sequence, p: float) -> float:
    """Least Σ|c|^p of one run over all matchings."""
    return min(lp_value(changes, p) for changes in changes_by_matching(exact(jumps)))


def brute_force_vertices(jumps: Sequence, p: float) -> float:
    """Least Σ|c|^p of one run over all 2^(n−2) vertices."""
    return min(lp_value(changes, p) for changes in changes_by_vertex(exact(jumps)))


def brute_force_interpolant(x: Iterable, y: Iterable, p: float) -> float:
    """Least V_p among the interpolants: the runs do not influence each other."""
    return math.fsum(brute_force_vertices(run, p) for run in runs_of_jumps(x, y))


def brute_force_limit(x: Iterable, y: Iterable) -> tuple[int, float]:
    """(knots, Σ log|c|) of the limit p → 0+ of the ℓp-minimal interpolants."""
    best = [sparsest_limit(changes_by_vertex(run)) for run in runs_of_jumps(x, y)]
    return sum(knots for knots, _ in best), math.fsum(logs for _, logs in best)


def fewest_knots(x: Iterable, y: Iterable) -> int:
    """A run of n points needs ⌈n/2⌉ knots [DDUF, Thm 4]."""
    return sum((len(run) + 1) // 2 for run in runs_of_jumps(x, y))


def random_interpolant_value(x: Sequence, y: Sequence, p: float, rng: np.random.Generator) -> float:
    """V_p of an interpolant with random slopes at the data points; uses no structure theorem.

    Two neighbouring lines are joined by their crossing where it lies between them, else by a third line.
    """
    s = slopes_of(x, y)
    mixes = [Fraction(0), Fraction(1), Fraction(1, 2), Fraction(-1, 3), Fraction(6, 5)]
    u = [
        before + mixes[rng.choice(5, p=[0.35, 0.35, 0.1, 0.1, 0.1])] * (after - before)
        for before, after in zip(s[:1] + s, s + s[-1:])
    ]
    changes = []
    for s_i, left, right in zip(s, u[:-1], u[1:]):
        if (left - s_i) * (right - s_i) <= 0:
            changes.append(right - left)
        else:
            through = s_i - (left - s_i) * Fraction(rng.exponential())
            changes += [through - left, right - through]
    return lp_value(changes, p)


# Fewest knots within a band: a mixed-integer program without any geometry.


def steepest_pair(x: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> float:
    """Largest |slope| between points of two bands."""
    reach = np.maximum(hi[None, :] - lo[:, None], hi[:, None] - lo[None, :])
    gap = np.abs(x[None, :] - x[:, None])
    return float(np.max(reach[gap > 0] / gap[gap > 0], initial=0.0))


def fewest_knots_milp(x: Sequence, lo: Sequence, hi: Sequence) -> int:
    """Fewest knots of a continuous piecewise-linear f with lo_i ≤ f(x_i) ≤ hi_i, knots anywhere.

    Variables are a_i = f(x_i) and the slope s_i at x_i. Between two points, with
    A = a_{i+1} − a_i − s_i Δ and B = a_i − a_{i+1} + s_{i+1} Δ, the two lines are one line (A = B = 0), cross
    inside (A, B ≥ 0: one convex knot; A, B ≤ 0: one concave knot), or two knots join them whatever they are.
    For N ≤ 12 and coordinates of moderate size: the big-M allows slopes twice as steep as the steepest pair.
    Presolve is off because with it HiGHS 1.15 has returned one knot too many on tied data.
    """
    x, lo, hi = (np.array([float(v) for v in values]) for values in (x, lo, hi))
    n = len(x)
    if n < 3:
        return 0
    steepest = 2.0 * steepest_pair(x, lo, hi) + 1e-3
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("threads", 1)
    model.setOptionValue("presolve", "off")
    for tolerance in (
        "mip_feasibility_tolerance",
        "primal_feasibility_tolerance",
        "dual_feasibility_tolerance",
    ):
        model.setOptionValue(tolerance, 1e-9)
    model.setOptionValue("mip_abs_gap", 0.5)
    a = [model.addVariable(lo[i], hi[i]) for i in range(n)]
    s = [model.addVariable(-steepest, steepest) for _ in range(n)]
    convex = [model.addBinary(obj=1.0) for _ in range(n - 1)]
    concave = [model.addBinary(obj=1.0) for _ in range(n - 1)]
    two = [model.addBinary(obj=2.0) for _ in range(n - 1)]
    for i in range(n - 1):
        width = x[i + 1] - x[i]
        big = steepest * width + max(hi[i + 1] - lo[i], hi[i] - lo[i + 1])
        for bend in (a[i + 1] - a[i] - s[i] * width, a[i] - a[i + 1] + s[i + 1] * width):
            model.addConstr(bend <= big * convex[i] + big * two[i])
            model.addConstr(bend >= -big * concave[i] - big * two[i])
        model.addConstr(convex[i] + concave[i] + two[i] <= 1)
    model.minimize()
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"the MILP ended with {model.getModelStatus()}")
    return round(model.getObjectiveValue())


# Fewest knots within a band: the sweep, from all pairs of points of a link, exactly.


@dataclass(frozen=True)
class SweepRules:
    """How the next link starts after a failure at point i; all but the defaults are mutants."""

    restart_at_support: bool = True
    reentered_side: str = "held"
    reenter_window: bool = True
    point_enters: bool = True


RIGHT_RULES = SweepRules()
MUTANTS = {
    "both sides of the re-entered points": SweepRules(reentered_side="both"),
    "the wrong side of the re-entered points": SweepRules(reentered_side="other"),
    "restart at the point before the failure": SweepRules(restart_at_support=False),
    "classic greedy: restart at the point before the failure, both sides": SweepRules(
        restart_at_support=False, reentered_side="both"
    ),
    "no window: links need not meet": SweepRules(reenter_window=False),
    "the failing point is skipped": SweepRules(point_enters=False),
}


@dataclass(frozen=True)
class Gate:
    """A point that the link must pass, below hi and above lo where these are given."""

    index: int
    x: Fraction
    lo: Fraction | None
    hi: Fraction | None


def mirrored(gate: Gate) -> Gate:
    """The gate under y → −y."""
    return Gate(
        gate.index,
        gate.x,
        None if gate.hi is None else -gate.hi,
        None if gate.lo is None else -gate.lo,
    )


class Link:
    """The gates of a link and its steepest line, which touches a lo and then a hi, the last of them at `support`."""

    def __init__(self, gates: Iterable[Gate] = ()) -> None:
        self.gates: list[Gate] = []
        self.slope: Fraction | None = None
        self.support: Gate | None = None
        for gate in gates:
            self.add(gate)

    def add(self, b: Gate) -> None:
        for a in self.gates:
            if a.lo is not None and b.hi is not None:
                slope = Fraction(b.hi - a.lo) / (b.x - a.x)
                if self.slope is None or slope <= self.slope:
                    self.slope, self.support = slope, b
        self.gates.append(b)

    def passes_below(self, gate: Gate) -> bool:
        """Whether even the steepest line is below the gate."""
        if self.slope is None or gate.lo is None:
            return False
        return self.support.hi + self.slope * (gate.x - self.support.x) < gate.lo


def exact_sweep(x: Iterable, lo: Iterable, hi: Iterable, rules: SweepRules = RIGHT_RULES) -> int:
    """Fewest knots within the band by the greedy sweep [HS], in quadratic time and rational arithmetic."""
    gates = [Gate(i, *point) for i, point in enumerate(zip(exact(x), exact(lo), exact(hi)))]
    link, mirror = Link(), Link()
    knots = 0
    for i, gate in enumerate(gates):
        if link.passes_below(gate):
            support, held = link.support, "hi"
        elif mirror.passes_below(mirrored(gate)):
            support, held = mirror.support, "lo"
        else:
            link.add(gate)
            mirror.add(mirrored(gate))
            continue
        knots += 1
        start = support.index if rules.restart_at_support else i - 1
        again = [reentered(g, held, rules.reentered_side) for g in gates[start:i]] if rules.reenter_window else []
        if rules.point_enters:
            again.append(gate)
        link, mirror = Link(again), Link(map(mirrored, again))
    return knots


def reentered(gate: Gate, held: str, side: str) -> Gate:
    """The gate with the side that the old link held it by (or, for mutants, both or the other)."""
    keep_lo = side == "both" or (held == "lo") == (side == "held")
    keep_hi = side == "both" or (held == "hi") == (side == "held")
    return Gate(gate.index, gate.x, gate.lo if keep_lo else None, gate.hi if keep_hi else None)


# The smallest largest error with K knots: a linear program for each set of breaks and crossing signs.


def smallest_error_lp(x: Sequence, y: Sequence, scale: Sequence, n_knots: int) -> float:
    """The least max |f(x_i) − y_i| / s_i of a continuous piecewise-linear f with so many knots, anywhere.

    Lines l_0 … l_K on consecutive groups of rows; between the groups l_j and l_{j+1} cross, so that their difference
    has one sign at the last row of one and the other at the first row of the next. All signs are tried. Fewer knots
    are among them, as neighbouring lines may be equal. For few rows.
    """
    from scipy.optimize import linprog

    n, best = len(x), math.inf
    n_knots = min(n_knots, n - 1)
    for breaks in combinations(range(n - 1), n_knots):
        line_of = np.searchsorted(breaks, np.arange(n), side="left")
        rows, limits = [], []
        for i in range(n):
            for sign in (1.0, -1.0):
                row = np.zeros(2 * n_knots + 3)
                row[2 * line_of[i] : 2 * line_of[i] + 2] = sign, sign * x[i]
                row[-1] = -scale[i]
                rows.append(row)
                limits.append(sign * y[i])
        for signs in product((1.0, -1.0), repeat=n_knots):
            crossings = []
            for k, (end, sign) in enumerate(zip(breaks, signs)):
                for at, side in ((x[end], sign), (x[end + 1], -sign)):
                    row = np.zeros(2 * n_knots + 3)
                    row[2 * k : 2 * k + 4] = side, side * at, -side, -side * at
                    crossings.append(row)
            objective = np.append(np.zeros(2 * n_knots + 2), 1.0)
            free = [(None, None)] * (2 * n_knots + 2) + [(0.0, None)]
            found = linprog(objective, np.array(rows + crossings), limits + [0.0] * len(crossings), bounds=free)
            best = min(best, found.fun if found.status == 0 else math.inf)
    return best
