"""The sparsest interpolant in R^d: which searches run, in which order, and what is known afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import DEFAULT_SECONDS, Clock, Effort
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.basin_hopping import pursuit
from reluctant.multivariate.basin_hopping.band import sparsest_within
from reluctant.multivariate.basin_hopping.planted import recover
from reluctant.multivariate.least_norm import smallest_path_norm
from reluctant.multivariate.newton_prune import warm_up as newton_loops
from reluctant.multivariate.newton_prune.search import newton_prune
from reluctant.multivariate.newton_prune.state import Units, Weights
from reluctant.multivariate.outputs import independent_outputs, unmixing, with_outputs_mixed
from reluctant.multivariate.points import (
    INTERPOLATES,
    check_range,
    distinct_rows,
    interpolates,
    label_size,
    max_error_of,
)
from reluctant.multivariate.proofs.bounds import Bound, what_is_known
from reluctant.multivariate.proofs.enumeration import enumeration_size, fewest_neurons, fewest_parameters
from reluctant.multivariate.proofs.problem import MOST_ROWS
from reluctant.solution import Solution

ENUMERATED_CELLS, ENUMERATED_SETS = 20_000, 4_000_000
"""Up to so many cells and sets of cells, a matter of seconds, the optimum is proved by enumeration."""
PROVING_SECONDS = 30.0
"""Longest time for that, where many sets ask for linear programs; on most data their number ends it before."""
PLANTED_RESTARTS, PLANTED_RESTARTS_FEW_ROWS, FEW_ROWS = 4, 2, 30
PLANTED_ROUNDS = 4
PLANTED_SHARE, LEAST_PLANTED_SECONDS = 0.2, 1.0
"""A planted network is looked for this often, and no longer than this or a share of the time of the first search."""


def interpolate_space(
    X: Array, y: Array, p: float, affine: bool, aim: Aim, start: ReLUNetwork | None, effort: Effort
) -> Solution:
    """Solve `reluctant.interpolate` for checked data in R^d."""
    check_range(X, y)
    warm_up()
    with effort.clock(np.inf if p == 0 else DEFAULT_SECONDS).listening() as clock:
        if p == 0:
            return sparsest(X, y, affine, aim, start, effort, clock)
        return smallest_path_norm(X, y, p, affine, start, effort, clock)


def warm_up() -> None:
    """Compile the loops of all searches, before a clock starts."""
    newton_loops.warm_up()
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
    2. Newton-prune, from the easy answers and from many starts.
    3. If it has not reached a target of the caller's: small problems are settled by enumeration, where a proof is
       wanted; others are searched for a planted network, one with fewer parameters than equations, which may make
       the enumeration small enough.
    4. The certificate.
    """
    rows, labels = distinct_rows(X, y)
    if y.ndim > 1:
        mixed = _of_mixed_outputs(X, y, affine, aim, start, effort, clock, prove)
        if mixed is not None:
            return mixed
    effort = replace(effort, random_state=effort.rng())
    began = clock.elapsed()
    found = newton_prune(X, y, affine, aim, effort, clock, start)
    spent = clock.elapsed() - began
    task = _Task(rows, labels, affine, aim, effort.rng())
    best, bound = found.network, None
    if not aim.at(aim.target or 0).reached(best):
        if prove:
            best, bound = _enumerated(task, best, clock)
        if bound is None and aim.minimize == "parameters":
            planted = _planted(task, best, clock.share(at_most=max(LEAST_PLANTED_SECONDS, PLANTED_SHARE * spent)))
            if planted is not None and planted.n_parameters < best.n_parameters:
                best = planted
                if prove:
                    best, bound = _enumerated(task, planted, clock)
    return Solution(
        network=best,
        p=0.0,
        value=float(best.path_norm(0.0)),
        max_error=max_error_of(best, X, y),
        certificate=what_is_known(best, rows, labels, affine, aim, proved=bound),
        history=found.history,
    )


@dataclass(frozen=True)
class _Task:
    """Distinct rows and labels to interpolate, and what for."""

    rows: Array
    labels: Array
    affine: bool
    aim: Aim
    rng: np.random.Generator


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


def _enumerated(task: _Task, network: ReLUNetwork, clock: Clock) -> tuple[ReLUNetwork, Bound | None]:
    """The network, or a sparser one, and what is proved, where enumeration is a matter of seconds; else no bound."""
    aim, known = task.aim, task.aim.count(network)
    if task.labels.ndim > 1 or len(task.rows) > MOST_ROWS or clock.expired():
        return network, None
    n_cells, n_sets = enumeration_size(aim.minimize, task.rows, known)
    if n_cells > ENUMERATED_CELLS or n_sets > ENUMERATED_SETS:
        return network, None
    fewest = fewest_parameters if aim.minimize == "parameters" else fewest_neurons
    within = clock.share(at_most=PROVING_SECONDS)
    proof = fewest(task.rows, task.labels, affine=task.affine, known=known, clock=within)
    return aim.better(network, proof.network), proof.bound


def _planted(task: _Task, known: ReLUNetwork, clock: Clock) -> ReLUNetwork | None:
    """A network with fewer parameters than equations, where the labels come from one and it is found in time."""
    if clock.expired():
        return None
    search = _planted_output if task.labels.ndim == 1 else _planted_outputs
    network = search(task, known, clock)
    return network if network is not None and interpolates(network, task.rows, task.labels) else None


def _planted_output(task: _Task, known: ReLUNetwork, clock: Clock) -> ReLUNetwork | None:
    """One output: annealing and hops over supports."""
    units = Units.of(task.rows, task.labels[:, None])
    recovery = recover(
        task.rows / units.x,
        task.labels / units.y[0],
        affine=task.affine,
        clock=clock,
        max_restarts=PLANTED_RESTARTS if len(task.rows) > FEW_ROWS else PLANTED_RESTARTS_FEW_ROWS,
        random_state=task.rng,
    )
    return None if recovery is None else units.network(Weights.from_network(recovery.network))


def _planted_outputs(task: _Task, known: ReLUNetwork, clock: Clock) -> ReLUNetwork | None:
    """Several outputs: `known` is pruned, and the search runs, in a band as narrow as rounding allows."""
    found = sparsest_within(
        task.rows,
        task.labels,
        np.broadcast_to(0.1 * INTERPOLATES * label_size(task.labels), task.labels.shape),
        affine=task.affine,
        starts=[known],
        clock=clock,
        max_rounds=PLANTED_ROUNDS,
        random_state=task.rng,
    )
    return None if found is None else found.network
