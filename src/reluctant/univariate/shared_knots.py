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
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.effort import Clock
from reluctant.errors import TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Certificate, Solution
from reluctant.univariate import _shared_knots
from reluctant.univariate.blocks import most_blocks
from reluctant.univariate.interpolation import INTERPOLATES, RTOL, Corners, corners_of, relative_errors
from reluctant.univariate.points import sorted_points

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

    def whole(self, j: int) -> list[int]:
        """Integers in the ratio of the entries of the jump at point j."""
        bending = np.flatnonzero(self.values[j]).tolist()
        points = []
        for c in bending:
            at, y = self.corners[c]
            k = int(np.searchsorted(at, j))
            points.append((self.x[at[k - 1 : k + 2]], y[k - 1 : k + 2]))
        xs, ys = (_in_one_unit(np.concatenate(column)) for column in zip(*points))
        bends, lengths = [], []
        for i in range(0, 3 * len(points), 3):
            before, after = xs[i + 1] - xs[i], xs[i + 2] - xs[i + 1]
            bends.append((ys[i + 2] - ys[i + 1]) * before - (ys[i + 1] - ys[i]) * after)
            lengths.append(before * after)
        unit = 1 if len(set(lengths)) == 1 else math.lcm(*lengths)
        jump = [0] * len(self.corners)
        for c, bend, length in zip(bending, bends, lengths):
            jump[c] = bend if unit == 1 else bend * (unit // length)
        return jump

    def rows(self) -> tuple[Array, Array]:
        """±g (N, m), alternately, each in units of its own, and the error of its entries."""
        signs = np.where(np.arange(len(self.x)) % 2, -1.0, 1.0)[:, None]
        sizes = np.abs(self.values).max(axis=0)
        scaled = np.ldexp(self.values, -np.frexp(np.where(sizes > 0, sizes, 1.0))[1])
        largest = np.abs(scaled).max(axis=1)
        g = signs * scaled / np.where(largest > 0, largest, 1.0)[:, None]
        lost = (scaled == 0) & (self.values != 0)
        error = np.where(lost, np.inf, np.abs(g) * (self.relative_error + 2.0**-50))
        return g, np.nan_to_num(error, nan=0.0, posinf=np.inf).max(axis=1)


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
    found, seen = most_blocks(*jumps.rows(), nonzero, jumps.whole, clock.expired)
    blocks = np.array(found, np.int64).reshape(-1, 2)
    doubtful = int(np.count_nonzero(nonzero[seen:]))
    return Plan(nonzero, np.ascontiguousarray(blocks[:, 0]), np.ascontiguousarray(blocks[:, 1]), doubtful)


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
