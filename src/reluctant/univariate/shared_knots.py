"""The fewest knots that several outputs over one input share: earliest-end greedy over blocks of jumps (ours).

Let g_j in R^m be the jump of the slopes of all outputs at an inner point. An interpolant has a knot at every point with
g_j ≠ 0, except that a block of consecutive nonzero jumps needs a knot less than it has points, all of them between its
points, exactly if g_i, −g_{i+1}, g_{i+2}, … have a strictly positive combination that vanishes. Blocks of a chain share
no point, so the fewest knots are the nonzero jumps less the most disjoint blocks: interval scheduling by earliest end.
A shorter block may be one where a longer one is not, so every start is tested for each end. For m = 1 these blocks are
the pairs of jumps of one sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.effort import Clock
from reluctant.errors import TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Certificate, Solution
from reluctant.univariate import _shared_knots
from reluctant.univariate._shared_knots import UNDECIDED, YES
from reluctant.univariate.blocks import most_blocks
from reluctant.univariate.interpolation import INTERPOLATES, RTOL, Corners, corners_of, relative_errors
from reluctant.univariate.points import sorted_points

FEW_OUTPUTS = 3
"""Outputs up to which blocks are judged by determinants of three rows."""

_EXACT_INTEGERS = 2**15
"""Determinants of three rows of integers up to this are exact in float64."""
_ROUNDING = 2.0**-48
_GOAL = 1e-12
_SMALLEST_JUMP = 2.0**-900


def interpolate_shared(
    x: Array, Y: Array, rtol: float = RTOL, affine: bool = True, clock: Clock | None = None
) -> Solution:
    """The interpolant of Y (N, m) with the fewest knots, which all outputs share; see `reluctant.interpolate`.

    Where the clock ends the search for blocks, jumps that it has not come to have a knot each.

    Raises
    ------
    InfeasibleError
        If one x comes with different y.
    TooSteepError
        If slopes are beyond float64, or weights in float64 miss an output by more than 1e-9 of its largest value.
    """
    given = x, Y
    columns = [sorted_points(x, column) for column in Y.T]
    x, Y = columns[0][0], np.column_stack([y for _, y in columns])
    drawn = Jumps.of(x, [corners_of(x, y, rtol) for _, y in columns])
    exact = Jumps.of(x, [corners_of(x, y, 0.0) for _, y in columns]) if drawn.n_drawn else drawn
    with (clock or Clock()).listening() as clock:
        clock.doing("looking for jumps that share knots")
        plan, other = _plan(drawn, clock), _plan(exact, clock) if drawn.n_drawn else None
    fewest = plan.least if other is None else min(plan.least, other.least)
    chosen, jumps = (plan, drawn) if other is None or plan.n_knots <= other.n_knots else (other, exact)
    network = _network(x, Y, jumps, chosen, affine)
    allowed = max(INTERPOLATES, 2.0 * rtol)
    if _missed(network, x, Y, allowed) and len(chosen.ends):  # blocks whose knots float64 does not hold
        chosen = chosen.without_blocks_at(_rows_missed(network, x, Y, allowed))
        network = _network(x, Y, jumps, chosen, affine)
    missed = _missed(network, x, Y, allowed)
    if missed:
        raise TooSteepError(
            f"float64 weights do not hold what output {missed[0]} of y needs; rescale x or interpolate it by itself"
        )
    error = float(np.max(np.abs(network(given[0]) - given[1])))
    certificate = Certificate("neurons", fewest, "proved", _reason(drawn, plan, other, affine, clock))
    return Solution(network=network, p=0.0, value=network.path_norm(0.0), max_error=error, certificate=certificate)


def network_through(x: Array, Y: Array, affine: bool) -> ReLUNetwork:
    """The network whose outputs are the polylines through points (N,), (N, m), with its knots at points."""
    jumps = Jumps.of(x, [Corners.exact(x, np.ascontiguousarray(y)) for y in Y.T])
    return _network(x, Y, jumps, Plan(jumps.nonzero, np.empty(0, np.int64), np.empty(0, np.int64)), affine)


def _reason(drawn: Jumps, plan: Plan, other: Plan | None, affine: bool, clock: Clock) -> str:
    words = "most disjoint blocks of slope jumps that share knots, every sign exact"
    if other is not None:
        words += f", {plan.n_knots} with {drawn.n_drawn} points within rounding (rtol) of links drawn straight, "
        words += f"{other.n_knots} with every point as it is"
    if not affine:
        words += "; without an affine part at most one neuron more is needed, beside a constant, which does not count"
    if plan.doubtful or (other is not None and other.doubtful):
        words += f", of those that the search came to{clock.in_words()}"
    return words


def _rows_missed(network: ReLUNetwork, x: Array, Y: Array, allowed: float) -> Mask:
    """Which values (N, m) are missed by more than the share that is allowed of the largest of their output."""
    with np.errstate(all="ignore"):
        return ~(np.abs(network(x).reshape(Y.shape) - Y) <= allowed * np.abs(Y).max(axis=0))


def _missed(network: ReLUNetwork, x: Array, Y: Array, allowed: float) -> list[int]:
    """Outputs of which some value is missed."""
    return np.flatnonzero(_rows_missed(network, x, Y, allowed).any(axis=0)).tolist()


class Jumps(NamedTuple):
    """Slope jumps of all outputs at the points x, and the values from which they can be had exactly."""

    x: Array
    values: Array  # (N, m), zero at the ends
    relative_error: Array  # of each jump
    corners: Sequence[tuple[Index, Array]]  # of each output: the points kept, and their y

    @classmethod
    def of(cls, x: Array, corners: Sequence[Corners]) -> Jumps:
        """The jumps of each output at the points that it keeps."""
        values, error = np.zeros((len(x), len(corners))), np.zeros((len(x), len(corners)))
        kept = []
        for c, own in enumerate(corners):
            at = np.searchsorted(x, own.x)
            values[at, c] = own.jumps
            kept.append((at, own.y))
            error[at, c] = relative_errors(own.x, own.y, own.jumps, _SMALLEST_JUMP)
        return cls(x, values, error, kept)

    @property
    def nonzero(self) -> Mask:
        """Points at which some output bends."""
        return np.asarray(self.values.any(axis=1))

    @property
    def n_drawn(self) -> int:
        """Points of some output that are left out of its links."""
        return sum(len(self.x) - len(at) for at, _ in self.corners)

    def exact(self, j: int) -> list[Fraction]:
        """The jump at point j in rationals."""
        jump = []
        for c, (at, y) in enumerate(self.corners):
            if self.values[j, c] == 0:
                jump.append(Fraction(0))
                continue
            k = int(np.searchsorted(at, j))
            x0, x1, x2 = (Fraction(float(self.x[at[i]])) for i in (k - 1, k, k + 1))
            y0, y1, y2 = (Fraction(float(y[i])) for i in (k - 1, k, k + 1))
            jump.append((y2 - y1) / (x2 - x1) - (y1 - y0) / (x1 - x0))
        return jump

    def whole(self, j: int) -> list[int]:
        """Integers in the ratio of the entries of the jump at point j."""
        points = []
        for c, (at, y) in enumerate(self.corners):
            if self.values[j, c] != 0:
                k = int(np.searchsorted(at, j))
                points.append((c, at[k - 1 : k + 2], y[k - 1 : k + 2]))
        if any((at != points[0][1]).any() for _, at, _ in points):  # not all outputs keep the same points
            exact = self.exact(j)
            unit = math.lcm(*(g.denominator for g in exact))
            return [g.numerator * (unit // g.denominator) for g in exact]
        x0, x1, x2 = _in_one_unit(self.x[points[0][1]])
        values = _in_one_unit(np.concatenate([y for _, _, y in points]))
        jump = [0] * len(self.corners)
        for i, (c, _, _) in enumerate(points):
            y0, y1, y2 = values[3 * i : 3 * i + 3]
            jump[c] = (y2 - y1) * (x1 - x0) - (y1 - y0) * (x2 - x1)
        return jump

    def rows(self) -> tuple[Array, Array, float]:
        """±g (N, m), m ≥ 3, each in units of its own, the error of its entries, and the rounding of products."""
        signs = np.where(np.arange(len(self.x)) % 2, -1.0, 1.0)[:, None]
        small = self._as_integers()
        g = np.zeros((len(self.x), max(FEW_OUTPUTS, self.values.shape[1])))
        if small is not None:
            g[:, : small.shape[1]] = signs * small
            return g, np.zeros(len(g)), 0.0
        sizes = np.abs(self.values).max(axis=0)
        scaled = np.ldexp(self.values, -np.frexp(np.where(sizes > 0, sizes, 1.0))[1])
        largest = np.abs(scaled).max(axis=1)
        unit = np.where(largest > 0, largest, 1.0)[:, None]
        g[:, : scaled.shape[1]] = signs * scaled / unit
        lost = (scaled == 0) & (self.values != 0)
        error = np.where(lost, np.inf, np.abs(g[:, : scaled.shape[1]]) * (self.relative_error + 2.0**-50))
        return g, np.nan_to_num(error, nan=0.0, posinf=np.inf).max(axis=1), _ROUNDING

    def _as_integers(self) -> Array | None:
        """Jumps that are small integers in units of each output and of each point, exactly; None where they are not."""
        dx = np.diff(self.x)
        if not len(dx) or not (dx == dx[0]).all() or not (self.x[1:] - dx[0] == self.x[:-1]).all():
            return None
        g = np.zeros((len(self.x), len(self.corners)))
        for c, (at, y) in enumerate(self.corners):
            if len(at) < len(self.x):
                y = np.interp(self.x, self.x[at], y)
            unit = np.ldexp(1.0, np.frexp(np.max(np.abs(y)))[1] - 13) if y.any() else 1.0
            scaled = y / unit
            if not (scaled == np.round(scaled)).all():
                return None
            g[1:-1, c] = np.diff(scaled, 2)
        return g if (np.abs(g) <= _EXACT_INTEGERS).all() and ((g != 0) == (self.values != 0)).all() else None


def _in_one_unit(values: Array) -> list[int]:
    """Integers in the ratio of the floats."""
    ratios = [v.as_integer_ratio() for v in values.tolist()]
    unit = max(d for _, d in ratios)  # all are powers of two
    return [n * (unit // d) for n, d in ratios]


class Plan(NamedTuple):
    """Which points bend, and the blocks that save a knot each."""

    nonzero: Mask
    firsts: Index
    ends: Index
    doubtful: int = 0  # points with a jump that no search for blocks came to

    @property
    def least(self) -> int:
        """Knots without which there is no interpolant: of the points in doubt at most every second saves one more."""
        return self.n_knots - (self.doubtful + 1) // 2

    @property
    def n_knots(self) -> int:
        """Number of knots."""
        return int(np.count_nonzero(self.nonzero)) - len(self.ends)

    def without_blocks_at(self, missed: Mask) -> Plan:
        """The plan with a knot at every point of the blocks in which some value (N, m) is missed."""
        before = np.concatenate([[0], np.cumsum(missed.any(axis=1))])
        kept = before[self.ends + 1] == before[self.firsts]
        return self._replace(firsts=self.firsts[kept], ends=self.ends[kept])


def _plan(jumps: Jumps, clock: Clock) -> Plan:
    """The most disjoint blocks, by earliest end."""
    nonzero = jumps.nonzero
    rows, errors, rounding = jumps.rows()
    if rows.shape[1] > FEW_OUTPUTS:
        found, seen = most_blocks(rows, errors, nonzero, jumps.whole, clock.expired)
        blocks = np.array(found, np.int64).reshape(-1, 2)
        doubtful = int(np.count_nonzero(nonzero[seen:]))
        return Plan(nonzero, np.ascontiguousarray(blocks[:, 0]), np.ascontiguousarray(blocks[:, 1]), doubtful)
    firsts: list[int] = []
    ends: list[int] = []
    start, end, skip = 0, 0, 1
    while True:
        first, end, answer, start = _shared_knots.next_saving(rows, errors, rounding, nonzero, start, end, skip)
        if answer == UNDECIDED:
            signed = [[(-1) ** k * g for g in jumps.exact(j)] for k, j in enumerate(range(first, end + 1))]
            if not is_positively_dependent(signed):
                skip = end - first + 1
                continue
        elif answer != YES:
            return Plan(nonzero, np.array(firsts, np.int64), np.array(ends, np.int64))
        firsts.append(first)
        ends.append(end)
        start, end, skip = end + 1, end + 1, 1


def is_positively_dependent(rows: Sequence[Sequence[Fraction]]) -> bool:
    """Whether Σ c_l rows[l] = 0 for some c > 0, in exact arithmetic.

    With c = 1 + s that is s ≥ 0 with Σ s_l rows[l] = −Σ rows[l]: the first phase of the simplex method, whose pivots
    Bland's rule keeps from cycling.

    Examples
    --------
    >>> is_positively_dependent([(1, 0), (0, 1), (-1, -2)]), is_positively_dependent([(1, 0), (0, 1), (-1, 0)])
    (True, False)
    """
    n = len(rows)
    table = []
    for column in zip(*rows):
        own = [Fraction(v) for v in column]
        target = -sum(own, Fraction(0))
        table.append([*own, target] if target >= 0 else [-v for v in (*own, target)])
    basis = [n + k for k in range(len(table))]  # the artificial variables
    while True:
        gains = [sum((row[j] for row, b in zip(table, basis) if b >= n), Fraction(0)) for j in range(n)]
        entering = next((j for j in range(n) if j not in basis and gains[j] > 0), None)
        if entering is None:
            return all(row[-1] == 0 for row, b in zip(table, basis) if b >= n)
        ratios = [(row[-1] / row[entering], basis[k], k) for k, row in enumerate(table) if row[entering] > 0]
        leaving = min(ratios)[2]
        pivot = table[leaving][entering]
        table[leaving] = [v / pivot for v in table[leaving]]
        for k, row in enumerate(table):
            if k != leaving and row[entering] != 0:
                table[k] = [v - row[entering] * u for v, u in zip(row, table[leaving])]
        basis[leaving] = entering


def _network(x: Array, Y: Array, jumps: Jumps, plan: Plan, affine: bool) -> ReLUNetwork:
    """The network with those knots, in units in which nothing overflows."""
    ex = int(np.frexp(np.max(np.abs(x)))[1])
    sizes = np.abs(Y).max(axis=0)
    ey = np.frexp(sizes)[1]
    x, Y = np.ldexp(x, -ex), np.ldexp(Y, -ey)
    knots = _shared_knots.knots_of_blocks(x, plan.nonzero, plan.firsts, plan.ends, *_weights(jumps, plan))
    high, low, place = knots
    w, b = _shared_knots.hinges_at(high, low)
    bends = _bends(jumps, plan, len(w))
    v, a, c = np.zeros((len(w), len(ey))), np.zeros(len(ey)), np.zeros(len(ey))
    for k in range(len(ey)):
        own = np.ascontiguousarray(bends[:, k])
        v[:, k], a[k], c[k] = _shared_knots.steered(
            x, Y[:, k].copy(), w, b, place, own, not affine and len(w) > 0, _GOAL * float(np.abs(Y[:, k]).max())
        )
    if not affine:
        w, b, v = _with_first_line(x, Y, w, b, v, a, c)
        a, c = np.zeros_like(a), np.zeros_like(c)
    with np.errstate(over="ignore"):
        parts = np.ldexp(w, -ex), np.ldexp(v, ey), np.ldexp(a, ey - ex), np.ldexp(c, ey)
    if not all(np.isfinite(part).all() for part in parts):
        raise TooSteepError("the weights of the network are beyond float64; rescale x or y")
    return ReLUNetwork(parts[0][:, None], b, parts[1], parts[2][None], parts[3])


def _with_first_line(
    x: Array, Y: Array, w: Array, b: Array, v: Array, a: Array, c: Array
) -> tuple[Array, Array, Array]:
    """The neurons, one that makes the line on their left, and a constant one, each left out where it is not needed."""
    extra = []
    if not len(w):  # a line, whose neuron has its kink outside
        start = x[0] - max(x[-1] - x[0], abs(x[0]) * 2.0**-20, 2.0**-20)
        extra, c = [(1.0, -start, a)], a * start + c
    else:
        height = -w[0] * x[0] - b[0]
        extra = [(-w[0], -b[0], (Y[0] - c) / height)]
    extra.append((0.0, 1.0, c))
    needed = [neuron for neuron in extra if np.any(neuron[2])]
    if not needed:
        return w, b, v
    ws, bs, vs = zip(*needed)
    return np.append(w, ws), np.append(b, bs), np.vstack([v, *vs])


def _weights(jumps: Jumps, plan: Plan) -> tuple[Array, Index]:
    """Coefficients of the vanishing combinations of all blocks, one after the other, and where each begins."""
    lengths = plan.ends - plan.firsts + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if not len(lengths):
        return np.empty(0), offsets
    sizes = np.abs(jumps.values).max(axis=0)
    g = np.ldexp(jumps.values, -np.frexp(np.where(sizes > 0, sizes, 1.0))[1])
    with np.errstate(all="ignore"):
        units = np.sqrt((g**2).sum(axis=1))
        return _shared_knots.combinations(g, units, plan.firsts, plan.ends, offsets), offsets


def _bends(jumps: Jumps, plan: Plan, n_knots: int) -> Mask:
    """Which outputs change slope at which knot: all in a block between their first and last jump there."""
    return _shared_knots.bends(jumps.values != 0, plan.nonzero, plan.firsts, plan.ends, n_knots)
