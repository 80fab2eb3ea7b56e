"""Fewest parameters and fewest neurons of small problems, proved without a bound on the weights.

A neuron whose hinge has activation pattern D and support S adds an element of the span of D X̄_S to the
values at the data [NN, Lemma 4.1]. There are finitely many such cells. Sets of cells are examined by
increasing cost; a set whose span stays away from the labels is excluded by linear algebra, and only the few
that do not ask for signs and inequalities, which rationals decide. What float64 decides on the way it decides with a
bound on its own error, so that rows however close and columns however dependent make nothing look impossible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import NamedTuple

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Count
from reluctant.multivariate.points import INTERPOLATES
from reluctant.multivariate.proofs._exclusion import CellTable, distance_blur, spans_near, start_search
from reluctant.multivariate.proofs.bounds import Bound
from reluctant.multivariate.proofs.cells import Cell, cell_table, support_cells
from reluctant.multivariate.proofs.problem import Problem
from reluctant.multivariate.proofs.realisation import Examiner
from reluctant.workers import parallel

_QUOTA = 200_000  # sets between looks at the clock
_BATCH = 1_000  # sets handed on at a time
_WORTH_PROCESSES = 3_000_000  # sets, a second's work or less, that one process looks at alone
_PARTS = 8  # of the work, for each process


@dataclass(frozen=True)
class Proof:
    """A proved bound, the network that attains it where one was found, and the argument in one clause."""

    lower_bound: int
    network: ReLUNetwork | None
    reason: str
    n_sets: int

    @property
    def bound(self) -> Bound:
        """The bound and its reason."""
        return Bound(self.lower_bound, self.reason)


def fewest_parameters(
    X: ArrayLike,
    y: ArrayLike,
    *,
    affine: bool = False,
    tolerance: float | None = None,
    known: int | None = None,
    clock: Clock | None = None,
    n_jobs: int = 1,
) -> Proof:
    """Fewest hinge parameters of an interpolant, proved by enumeration of patterns and supports.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Inputs, N ≤ 63. The work grows like N^(d N / 2): ten rows in three dimensions take minutes.
    y : array_like, shape (N,)
    affine : bool
        Whether a free affine part, which is not counted, is added.
    tolerance : float, optional
        Largest error of a network that counts; 1e-9 max|y|, that of an interpolant, by default.
    known : int, optional
        Parameters of a network that is at hand: the enumeration stops when nothing smaller is left.
    clock : Clock, optional
        Looked at between batches of sets.
    n_jobs : int
        Processes, through joblib's current backend; each looks at the sets that begin with some of the cells. Bound and
        network do not depend on their number.

    Returns
    -------
    Proof
        No network with fewer than `lower_bound` parameters, however large, comes within the tolerance of all
        labels in exact arithmetic. `network` has exactly `lower_bound` of them; None where the enumeration stopped
        earlier, because of `known`, the clock, or weights that float64 does not hold.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    ValueError
        If the data are no finite table or have more than 63 distinct rows.

    Examples
    --------
    A weight of 1000 does with one parameter:

    >>> proof = fewest_parameters([[0.0, 0.5], [0.001, 0.6]], [0.0, 1.0])
    >>> proof.lower_bound, proof.network.input_weights.round(6).tolist()
    (1, [[1000.0, 0.0]])
    """
    problem = Problem.of(X, y, affine, tolerance)
    cells = support_cells(problem.Xbar[:, :-1], None if known is None else known - 1)
    costs = np.array([len(support) for _, support in cells])
    return _enumerate(problem, cells, costs, "parameters", known, clock, n_jobs)


def fewest_neurons(
    X: ArrayLike,
    y: ArrayLike,
    *,
    affine: bool = False,
    tolerance: float | None = None,
    known: int | None = None,
    clock: Clock | None = None,
    n_jobs: int = 1,
) -> Proof:
    """Fewest neurons of an interpolant, proved by enumeration of patterns.

    Parameters, returned values and errors are those of `fewest_parameters`, with neurons in place of
    parameters. Up to (N − 1) / (d + 1) neurons are excluded by linear algebra; beyond that every set of
    patterns asks for linear programs, which is for N ≤ 8 or so.

    Examples
    --------
    >>> fewest_neurons([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 1.0, 0.0]).lower_bound
    2
    """
    problem = Problem.of(X, y, affine, tolerance)
    cells = support_cells(problem.Xbar[:, :-1], smallest=problem.Xbar.shape[1])
    return _enumerate(problem, cells, np.ones(len(cells), np.int64), "neurons", known, clock, n_jobs)


def enumeration_size(quantity: Count, X: ArrayLike, known: int) -> tuple[int, int]:
    """Cells, and sets of cells with cost below `known`: what an enumeration that is to prove `known` looks at.

    Ten thousand cells take about a second to list, a million sets a second to look at.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : array_like, shape (N, d)
        Only its shape counts; the numbers are bounds, nearly met in general position.
    known : int

    Returns
    -------
    n_cells, n_sets : int

    Examples
    --------
    >>> enumeration_size("parameters", np.zeros((8, 3)), 8)
    (456, 3283701)
    """
    N, d = np.shape(X)
    sizes = range(1, min(d + 1, known - 1) + 1) if quantity == "parameters" else [d + 1]
    cells = [(size if quantity == "parameters" else 1, _cells_of_size(N, d, size)) for size in sizes]
    ways = [1] + [0] * max(known - 1, 0)  # ways[c]: sets of cost c, one size of support after the other
    for cost, number in cells:
        ways = [sum(comb(number, k) * ways[c - k * cost] for k in range(c // cost + 1)) for c in range(len(ways))]
    return sum(number for _, number in cells), sum(ways)


def _cells_of_size(N: int, d: int, size: int) -> int:
    """Bound on the cells of all supports of one size: those of N hyperplanes through the origin of R^size.

    With the bias in the support one of them is active nowhere; without it this depends on the data.
    """
    central = 2 * sum(comb(N - 1, k) for k in range(size))
    return comb(d + 1, size) * central - comb(d, size - 1)


def most_needed(quantity: Count, X: Array) -> int:
    """Neurons, or parameters, that always do for distinct rows X (N, d): a bound beyond would be false.

    Along a direction in which all rows differ a constant and one hinge from every row but the last are N neurons,
    triangular at the data.

    Examples
    --------
    >>> most_needed("neurons", np.eye(3)), most_needed("parameters", np.eye(3))
    (3, 9)
    """
    N, d = X.shape
    return N if quantity == "neurons" else 1 + (N - 1) * (d + 1)


def _enumerate(
    problem: Problem,
    cells: list[Cell],
    costs: NDArray,
    quantity: Count,
    known: int | None,
    clock: Clock | None,
    n_jobs: int,
) -> Proof:
    """Exclude or realise all sets of cells of cost 0, 1, 2, …"""
    if not problem.exact:
        return Proof(0, None, "X or y has entries so small beside others that scaling them in float64 loses digits", 0)
    clock = clock or Clock()
    table = cell_table(problem.Xbar, cells, costs, problem.affine)
    examiner = Examiner(problem, cells, clock)
    kept: list[list[int]] = []  # sets whose span comes near y
    n_sets = 0

    def proof(bound: int, network: ReLUNetwork | None, why: str = "") -> Proof:
        return Proof(bound, network, _reason(quantity, problem, bound, n_sets, examiner.n_excluded) + why, n_sets)

    for level in range(most_needed(quantity, problem.Xbar[:, :-1]) + 1):
        if known is not None and level >= known:
            return proof(known, None)
        for chosen, doubled in _doubled(kept, costs, level):
            if clock.expired():
                break
            if (network := examiner.realise(chosen, doubled)) is not None:
                return proof(level, network)
        for batch in _candidates(table, problem, level, clock, n_jobs):
            n_sets += batch.n_sets
            for chosen in batch.near:
                if clock.expired():
                    break
                if examiner.is_apart(chosen):
                    continue
                kept.append(chosen)
                if (network := examiner.realise(chosen, [])) is not None:
                    return proof(level, network)
            if batch.ended or clock.expired():
                return proof(level, None, f"; the time ended before all sets with {level} {quantity} were looked at")
        if examiner.undecided:
            return proof(
                level, None, f"; {level} are enough in exact arithmetic, by weights that float64 does not hold"
            )
    raise AssertionError("distinct rows always have an interpolant")


def _reason(quantity: Count, problem: Problem, bound: int, n_sets: int, n_excluded: int) -> str:
    """The argument in one clause."""
    if bound == 0:
        return "nothing smaller exists"
    inequalities = f", {n_excluded} choices of output signs by linear inequalities" if n_excluded else ""
    interpolant = problem.allowed <= INTERPOLATES * np.abs(problem.y).max() * problem.y_unit
    within = f"{INTERPOLATES:g} max|y|" if interpolant else f"{problem.allowed:.6g}"
    return (
        f"{n_sets} sets of activation patterns and supports were looked at, and every network with fewer than {bound} "
        f"{quantity}, however large its weights, misses a label by more than {within}; decided in "
        f"rational arithmetic or with a bound on rounding{inequalities}"
    )


def _doubled(kept: list[list[int]], costs: NDArray, level: int) -> Iterator[tuple[list[int], list[int]]]:
    """Kept sets with some cells used by neurons of both output signs, of total cost `level`."""
    for chosen in list(kept):
        for size in range(1, len(chosen) + 1):
            for subset in combinations(chosen, size):
                if costs[chosen].sum() + costs[list(subset)].sum() == level:
                    yield chosen, list(subset)


class _Batch(NamedTuple):
    """Sets whose span comes near y, among how many, and whether the time ended before the last of them."""

    near: list[list[int]]
    n_sets: int
    ended: bool = False


def _candidates(table: CellTable, problem: Problem, level: int, clock: Clock, n_jobs: int) -> Iterator[_Batch]:
    """The sets of cost `level` whose span comes near y, in the order of their cells, in batches."""
    y = problem.y
    if level == 0:
        near = start_search(table, y, 0).distance[0] <= np.sqrt(len(y)) * problem.tolerance + distance_blur(y)
        yield _Batch([[]] if near else [], 1)
        return
    work = _sets_by_first_cell(table.cost, level)
    if n_jobs == 1 or sum(work) < _WORTH_PROCESSES:
        yield from _beginning_with(table, problem, level, 0, len(work))
        return
    share = sum(work) / (_PARTS * joblib.effective_n_jobs(n_jobs))
    ends = [c for c in range(1, len(work)) if int(sum(work[:c]) / share) < int(sum(work[: c + 1]) / share)]
    parts = [(a, b) for a, b in pairwise([0, *ends, len(work)])]
    # A list: results that nobody asks for any more would make joblib warn.
    with clock.shared(), parallel(n_jobs, batch_size=1, max_nbytes=None) as computed:
        yield from computed(joblib.delayed(_whole)(table, problem, level, a, b, clock) for a, b in parts)


def _sets_by_first_cell(costs: NDArray, level: int) -> list[int]:
    """Sets of total cost `level` by the first of their cells, which are sorted by cost; a single one is the first's."""
    ways = [1] + [0] * level  # of the cells behind: sets by their cost
    counts = []
    for cost in reversed(costs.tolist()):
        counts.append(ways[level - cost] if cost <= level else 0)
        ways = [w + (ways[k - cost] if k >= cost else 0) for k, w in enumerate(ways)]
    return counts[::-1]


def _beginning_with(table: CellTable, problem: Problem, level: int, first: int, end: int) -> Iterator[_Batch]:
    """The sets that begin with one of the cells first:end."""
    y, N = problem.y, len(problem.y)
    within = np.sqrt(N) * problem.tolerance
    search = start_search(table, y, level, first, end)
    nonzero = (np.abs(y) > problem.tolerance) & (not problem.affine)
    needed = (1 << np.arange(N, dtype=np.uint64))[nonzero].sum(dtype=np.uint64)
    found = np.zeros((_BATCH, level), np.int64)
    while search.depth[0] >= 0:
        n_found, n_sets = spans_near(table, search, needed, within, found, _QUOTA)
        yield _Batch([[int(c) for c in row if c >= 0] for row in found[:n_found]], n_sets)


def _whole(table: CellTable, problem: Problem, level: int, first: int, end: int, clock: Clock) -> _Batch:
    """The same as one batch, for a process of its own, which the end of the time ends."""
    near: list[list[int]] = []
    n_sets = 0
    for batch in _beginning_with(table, problem, level, first, end):
        near += batch.near
        n_sets += batch.n_sets
        if clock.expired():
            return _Batch(near, n_sets, ended=True)
    return _Batch(near, n_sets)
