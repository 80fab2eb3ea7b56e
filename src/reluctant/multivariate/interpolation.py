"""The sparsest interpolant in R^d: which searches run, in which order, and what is known afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import DEFAULT_SECONDS, Clock, Effort
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.basin_hopping import pursuit
from reluctant.multivariate.basin_hopping.band import sparsest_within
from reluctant.multivariate.basin_hopping.planted import recover
from reluctant.multivariate.basin_hopping.planted_neurons import recover_neurons
from reluctant.multivariate.least_norm import smallest_path_norm
from reluctant.multivariate.newton_prune import warm_up as newton_loops
from reluctant.multivariate.newton_prune.newton import SINGLE_FROM
from reluctant.multivariate.newton_prune.search import (
    RESTARTS_BEFORE_ENUMERATION,
    RESTARTS_BY_DEFAULT,
    newton_prune,
)
from reluctant.multivariate.newton_prune.state import Data, Units, Weights
from reluctant.multivariate.outputs import SAME_HINGE, combined, independent_outputs, unmixing, with_outputs_mixed
from reluctant.multivariate.points import (
    INTERPOLATES,
    check_range,
    distinct_rows,
    interpolates,
    label_size,
    max_error_of,
)
from reluctant.multivariate.proofs.bounds import NOTHING, Bound, elementary_bound, generic_bound, what_is_known
from reluctant.multivariate.proofs.enumeration import enumeration_size, fewest_neurons, fewest_parameters
from reluctant.multivariate.proofs.identifiability import STATEMENT, is_identified
from reluctant.multivariate.proofs.lines import bound_on_lines
from reluctant.multivariate.proofs.problem import MOST_ROWS
from reluctant.multivariate.proofs.subsample import Rows, bound_from_few_rows
from reluctant.solution import Solution
from reluctant.univariate.interpolation import interpolate_line, without_affine_part

ENUMERATED_CELLS, ENUMERATED_SETS = 20_000, 11_000_000
"""Up to so many cells and sets of cells, a matter of seconds, the optimum is proved by enumeration."""
PROVING_SECONDS = 30.0
"""Longest time for that, where many sets ask for linear programs; on most data their number ends it before."""
FEW_ROWS_SHARE, FEW_ROWS_SECONDS = 0.5, 15.0
"""Share of the time left, and longest time, for a bound from some of the rows beside a planted network."""
SETS_A_SECOND = 5_000_000
"""What such an enumeration looks at, roughly; one that would not end in time is not begun."""
FEW_ROWS_SETS = 40_000_000
"""Without a time limit none that looks at more is begun, however fast the machine: one seed gives one bound."""
PLANTED_SECONDS = 1.0
"""Least time for that under a time limit."""
APART_SHARE = 0.3
"""Share of the time for solving several outputs one by one."""


def interpolate_space(
    X: Array, y: Array, p: float, affine: bool, aim: Aim, start: ReLUNetwork | None, effort: Effort
) -> Solution:
    """Solve `reluctant.interpolate` for checked data in R^d."""
    check_range(X, y)
    warm_up(y.size)
    with effort.clock(DEFAULT_SECONDS).listening() as clock:
        if p == 0:
            return sparsest(X, y, affine, aim, start, effort, clock)
        return smallest_path_norm(X, y, p, affine, start, effort, clock)


def warm_up(n_equations: int) -> None:
    """Compile the loops that all searches with so many equations run, before a clock starts."""
    newton_loops.warm_up(n_equations >= SINGLE_FROM)
    pursuit.warm_up()


def sparsest(
    X: Array,
    y: Array,
    affine: bool,
    aim: Aim,
    start: ReLUNetwork | None,
    effort: Effort,
    clock: Clock,
    *,
    prove: bool = True,
) -> Solution:
    """The sparsest interpolant that the searches find, and what is proved about it.

    1. Outputs that are zero or multiples of others are set aside.
    2. Rows on one line give a bound, at which every search may stop.
    3. Several outputs are solved one by one; those that agree on a hinge share it.
    4. Newton-prune, from the easy answers and from many starts, to the generic bound or the caller's target.
    5. At its first local minimum, and at its end: a planted network, one with fewer parameters than equations, is
       looked for; under a time limit for about as long as the search has taken. Small problems need no such search:
    6. they are settled by enumeration, where a proof is wanted.
    7. A planted network is proved sparsest by an enumeration on some of the rows, if its size allows.
    8. The certificate.
    """
    rows, labels = distinct_rows(X, y)
    if y.ndim > 1:
        mixed = _of_mixed_outputs(X, y, affine, aim, start, effort, clock, prove)
        if mixed is not None:
            return mixed
    elementary = elementary_bound(aim.minimize, rows, labels, affine=affine)
    bound = max(_on_lines(rows, labels, aim), elementary, key=lambda bound: bound.least)
    task = _Task(rows, labels, affine, aim, bound.least, effort.rng(), effort.n_jobs)
    effort = replace(effort, random_state=task.rng)
    best = _one_by_one(task, effort, clock)
    history: tuple = ()
    if best is None or aim.count(best) >= task.generic:
        clock.doing("pruning interpolants")
        began, looking = clock.elapsed(), 0.0
        few = prove and task.is_small_at(len(rows) + 1)
        restarts = RESTARTS_BEFORE_ENUMERATION if few else RESTARTS_BY_DEFAULT
        for found in newton_prune(X, y, affine, task.aim_of_pruning, effort, clock, start, restarts=restarts):
            best = found.network if best is None else aim.better(best, found.network)
            history = found.history
            if not task.settled(best) and not (prove and task.is_small(best)):
                started = clock.elapsed()
                if effort.time_limit is None:
                    planted = _planted_by_work(task, best, clock)
                else:
                    planted = _planted_in_time(task, best, started - began - looking, looking, clock)
                best = aim.better(best, planted)
                looking += clock.elapsed() - started
            if aim.count(best) < task.generic:
                break
    elif not task.settled(best):
        best = aim.better(best, _planted(task, best, clock, COUNTED))
    assert best is not None  # the search has an interpolant in the end, or raises
    if prove and not task.settled(best):
        if task.is_small(best):
            best, bound = _enumerated(task, best, bound, clock)
        elif task.n_outputs == 1 and rows.shape[1] > 1 and aim.count(best) < task.generic:
            best, bound = _from_few_rows(task, best, bound, clock, counted=effort.time_limit is None)
    certificate = what_is_known(best, rows, labels, affine, aim, proved=bound)
    if aim.count(best) > certificate.lower_bound and is_identified(best, rows, affine):
        certificate = replace(certificate, reason=f"{certificate.reason}; {STATEMENT}")
    return Solution(
        network=best,
        p=0.0,
        value=float(best.path_norm(0.0)),
        max_error=max_error_of(best, X, y),
        certificate=replace(certificate, reason=f"{certificate.reason}{clock.in_words()}"),
        history=history,
    )


@dataclass(frozen=True)
class _Tries:
    """How often a planted network is looked for."""

    rounds_of_neurons: int
    restarts: int
    rounds_of_outputs: int
    glance: bool = False  # one restart alone where that explains nothing


COUNTED = _Tries(60, 12, 4)
"""Before the generic bound is met."""
BRIEF = _Tries(6, 12, 1, glance=True)
"""And after."""
FEW_ROWS, RESTARTS_OF_FEW = 30, 2
"""Restarts up to so many rows, where no time limit is given."""


@dataclass(frozen=True)
class _Task:
    """Distinct rows and labels to interpolate, and what for."""

    rows: Array
    labels: Array
    affine: bool
    aim: Aim
    least: int  # proved beforehand
    rng: np.random.Generator
    n_jobs: int

    @property
    def n_outputs(self) -> int:
        """M."""
        return 1 if self.labels.ndim == 1 else self.labels.shape[1]

    @cached_property
    def generic(self) -> int:
        """The count that almost all labels need."""
        return generic_bound(self.aim.minimize, self.rows, n_outputs=self.n_outputs, affine=self.affine)

    @property
    def enough_rows(self) -> bool:
        """Whether there are so many that a planted network could be told from chance."""
        return len(self.rows) > 2 * (self.rows.shape[1] + 1)

    def is_small(self, network: ReLUNetwork) -> bool:
        """Whether it is a matter of seconds to prove that nothing is sparser, or to find what is."""
        return self.is_small_at(self.aim.count(network))

    def is_small_at(self, count: int) -> bool:
        """The same beside a network of so many parameters or neurons."""
        if self.n_outputs > 1 or len(self.rows) > MOST_ROWS:
            return False
        n_cells, n_sets = enumeration_size(self.aim.minimize, self.rows, count)
        return n_cells <= ENUMERATED_CELLS and n_sets <= ENUMERATED_SETS

    @property
    def aim_of_pruning(self) -> Aim:
        """Without the caller's target it is the generic bound, or what is proved, if that is as much."""
        return self.aim.at(max(self.aim.target or 0, self.least)) if self.least >= self.generic else self.aim

    def settled(self, network: ReLUNetwork) -> bool:
        """Whether the caller's target, by default nothing at all, is reached, or what is proved is met."""
        return self.aim.at(max(self.aim.target or 0, self.least)).reached(network)


def _of_mixed_outputs(
    X: Array,
    Y: Array,
    affine: bool,
    aim: Aim,
    start: ReLUNetwork | None,
    effort: Effort,
    clock: Clock,
    prove: bool,
) -> Solution | None:
    """Solve for the outputs that are not zero or multiples of others; None where all are needed."""
    outputs, mixing = independent_outputs(Y)
    if outputs.shape[1] in (0, Y.shape[1]):
        return None
    labels = outputs[:, 0] if outputs.shape[1] == 1 else outputs
    start = None if start is None else with_outputs_mixed(start, unmixing(mixing))
    few = sparsest(X, labels, affine, aim, start, effort, clock, prove=prove)
    network = with_outputs_mixed(few.network, mixing)
    certificate = few.certificate
    if certificate.kind == "generic":
        certificate = replace(certificate, reason=f"zero and proportional outputs aside, {certificate.reason}")
    return few.replace(
        network=network,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, Y),
        certificate=certificate,
    )


def _on_lines(rows: Array, labels: Array, aim: Aim) -> Bound:
    """What rows on one line prove; over one input every row is on it, and there are exact solvers."""
    if rows.shape[1] == 1:
        return NOTHING
    reach = INTERPOLATES * label_size(labels)
    return bound_on_lines(
        aim.minimize, rows, np.nextafter(labels - reach, -np.inf), np.nextafter(labels + reach, np.inf)
    )


def _enumerated(task: _Task, network: ReLUNetwork, known_bound: Bound, clock: Clock) -> tuple[ReLUNetwork, Bound]:
    """The network, or a sparser one, and the better of what is known and what is proved."""
    if clock.expired():
        return network, known_bound
    aim, known = task.aim, task.aim.count(network)
    clock.doing("excluding sparser networks")
    fewest = fewest_parameters if aim.minimize == "parameters" else fewest_neurons
    within = clock.share(at_most=PROVING_SECONDS)
    proof = fewest(task.rows, task.labels, affine=task.affine, known=known, clock=within, n_jobs=task.n_jobs)
    return aim.better(network, proof.network), max(known_bound, proof.bound, key=lambda bound: bound.least)


def _from_few_rows(
    task: _Task, network: ReLUNetwork, known_bound: Bound, clock: Clock, *, counted: bool
) -> tuple[ReLUNetwork, Bound]:
    """The network, or a sparser one, and the better of what is known and what some of the rows prove.

    What is enumerated is a matter of the time left, or always the same where the work is `counted`.
    """
    if clock.expired():
        return network, known_bound
    clock.doing("excluding sparser networks on some of the rows")
    within = clock if counted else clock.share(FEW_ROWS_SHARE, at_most=FEW_ROWS_SECONDS)
    rows = Rows(task.rows, task.labels, task.affine, float(INTERPOLATES * label_size(task.labels)), task.n_jobs)
    most_sets = FEW_ROWS_SETS if counted else int(SETS_A_SECOND * within.left())
    found, bound = bound_from_few_rows(task.aim.minimize, rows, network, within, most_sets)
    better = task.aim.better(network, found) if interpolates(found, task.rows, task.labels) else network
    return better, max(known_bound, bound, key=lambda bound: bound.least)


def _one_by_one(task: _Task, effort: Effort, clock: Clock) -> ReLUNetwork | None:
    """Networks of the single outputs side by side, equal hinges shared; None for one output, or without an interpolant.

    Over one input each is the exact solution of the line; else they get equal shares of a part of the time.
    """
    if task.labels.ndim == 1:
        return None
    clock.doing("solving the outputs one by one")
    m, seconds = task.n_outputs, APART_SHARE * clock.left()
    networks = []
    for column in task.labels.T:
        if task.rows.shape[1] == 1:
            line = interpolate_line(task.rows[:, 0], column)
            networks.append((line if task.affine else without_affine_part(line, task.rows[:, 0])).network)
        elif clock.expired():
            return None
        else:
            within = clock.share(at_most=seconds / m)
            alone = sparsest(task.rows, column, task.affine, task.aim.at(None), None, effort, within, prove=False)
            networks.append(alone.network)
    apart = combined(networks, np.eye(m), task.rows.shape[1])
    merged = apart.merged(SAME_HINGE, task.affine)
    candidates = [network for network in (merged, apart) if interpolates(network, task.rows, task.labels)]
    return min(candidates, key=task.aim.key, default=None)


def _planted_in_time(task: _Task, known: ReLUNetwork, spent: float, looked: float, clock: Clock) -> ReLUNetwork | None:
    """Look for a planted network in twice the time that the search has spent, a second at least, of which some is over.

    Where the search has met the generic bound the first restart shows whether that pays, if there are so many rows that
    such a network could be told from chance.
    """
    met = task.aim.count(known) <= task.generic
    if met and not task.enough_rows:
        return None
    within = clock.share(at_most=max(PLANTED_SECONDS, 2.0 * spent) - looked)
    return _planted(task, known, within, BRIEF if met else COUNTED)


def _planted_by_work(task: _Task, known: ReLUNetwork, clock: Clock) -> ReLUNetwork | None:
    """The same search counted in restarts, so that the answer is that of the seed: a brief one at the generic bound."""
    if task.aim.count(known) > task.generic:
        few = len(task.rows) <= FEW_ROWS
        return _planted(task, known, clock, replace(COUNTED, restarts=RESTARTS_OF_FEW) if few else COUNTED)
    return _planted(task, known, clock, BRIEF) if task.enough_rows else None


def _planted(task: _Task, known: ReLUNetwork, clock: Clock, tries: _Tries) -> ReLUNetwork | None:
    """A network with fewer parameters than equations, where the labels come from one and it is found in time."""
    if clock.expired():
        return None
    clock.doing("looking for a planted network")
    by_parameters = _planted_output if task.labels.ndim == 1 else _planted_outputs
    for search in (_planted_neurons, by_parameters) if task.aim.minimize == "neurons" else (by_parameters,):
        network = search(task, known, clock, tries)
        if network is not None and interpolates(network, task.rows, task.labels):
            return network
    return None


def _planted_neurons(task: _Task, known: ReLUNetwork, clock: Clock, tries: _Tries) -> ReLUNetwork | None:
    """Few dense neurons: hops over networks of whole neurons."""
    labels = task.labels.reshape(len(task.rows), -1)
    units = Units.of(task.rows, labels)
    data = Data.from_arrays(units.rows(task.rows), labels / units.y, task.affine, far=units.far)
    weights = recover_neurons(
        data,
        task.rng,
        max_rounds=tries.rounds_of_neurons,
        target=max(task.aim.target or 0, task.least),
        stop=clock.expired,
    )
    return None if weights is None else units.network(weights)


def _planted_output(task: _Task, known: ReLUNetwork, clock: Clock, tries: _Tries) -> ReLUNetwork | None:
    """One output: annealing and hops over supports."""
    units = Units.of(task.rows, task.labels[:, None])
    recovery = recover(
        units.rows(task.rows),
        task.labels / units.y[0],
        affine=task.affine,
        clock=clock,
        max_restarts=tries.restarts,
        glance=tries.glance,
        random_state=task.rng,
    )
    return None if recovery is None else units.network(Weights.from_network(recovery.network))


def _planted_outputs(task: _Task, known: ReLUNetwork, clock: Clock, tries: _Tries) -> ReLUNetwork | None:
    """Several outputs: `known` is pruned, and the search runs, in a band as narrow as rounding allows."""
    found = sparsest_within(
        task.rows,
        task.labels,
        np.broadcast_to(0.1 * INTERPOLATES * label_size(task.labels), task.labels.shape),
        affine=task.affine,
        starts=[known],
        clock=clock,
        max_rounds=tries.rounds_of_outputs,
        random_state=task.rng,
    )
    return None if found is None else found.network
