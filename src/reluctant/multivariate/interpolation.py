"""From a request to a `Solution` in R^d: which searches run, in which order, and what is known afterwards."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.band import sparsest_within
from reluctant.multivariate.basin_hopping.planted import recover
from reluctant.multivariate.effort import Effort, newton_prune
from reluctant.multivariate.least_norm import smallest_path_norm
from reluctant.multivariate.newton_prune.search import PREFERRED_P
from reluctant.multivariate.newton_prune.state import Units, Weights
from reluctant.multivariate.newton_prune.warm_up import compile_loops
from reluctant.multivariate.outputs import independent_outputs, unmixing, with_outputs_mixed
from reluctant.multivariate.points import (
    INTERPOLATES,
    check_range,
    distinct_rows,
    interpolates,
    label_size,
    max_error_of,
)
from reluctant.multivariate.proofs.bounds import Count, certificate_for
from reluctant.multivariate.proofs.enumeration import Proof, enumeration_size, fewest_neurons, fewest_parameters
from reluctant.multivariate.proofs.problem import MOST_ROWS
from reluctant.solution import Certificate, Solution

ENUMERATED_CELLS, ENUMERATED_SETS = 20_000, 4_000_000
"""Up to so many cells and sets of cells, a matter of seconds, the optimum is proved by enumeration."""
PROVING_SECONDS = 30.0
"""Longest time for that, where many sets ask for linear programs; on most data their number ends it before."""
PLANTED_RESTARTS, PLANTED_RESTARTS_FEW_ROWS, FEW_ROWS = 4, 2, 30
PLANTED_ROUNDS = 4
PLANTED_SHARE, LEAST_PLANTED_SECONDS = 0.2, 1.0
"""A planted network is looked for this often, and no longer than this or a share of the time of the first search."""


def interpolate_space(X: Array, y: Array, p: float, affine: bool, effort: Effort) -> Solution:
    """Solve `reluctant.interpolate` for checked data in R^d."""
    check_range(X, y)
    return sparsest(X, y, affine, effort) if p == 0 else smallest_path_norm(X, y, p, affine, effort)


def _sparsest_of_mixed_outputs(
    X: Array, Y: Array, affine: bool, effort: Effort, prove: bool
) -> tuple[Solution | None, bool]:
    """Solve for the outputs that are not zero or multiples of others; None where all are needed."""
    outputs, mixing = independent_outputs(Y)
    if outputs.shape[1] in (0, Y.shape[1]):
        return None, False
    start = None if effort.start is None else with_outputs_mixed(effort.start, unmixing(mixing))
    labels = outputs[:, 0] if outputs.shape[1] == 1 else outputs
    few, interrupted = sparsest_or_interrupted(X, labels, affine, effort._replace(start=start), prove=prove)
    network = with_outputs_mixed(few.network, mixing)
    certificate = few.certificate
    if certificate.kind == "generic":
        certificate = replace(certificate, reason=f"zero and proportional outputs aside, {certificate.reason}")
    solution = Solution(
        network=network,
        p=0.0,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, Y),
        certificate=certificate,
        history=few.history,
    )
    return solution, interrupted


def sparsest(X: Array, y: Array, affine: bool, effort: Effort) -> Solution:
    """The interpolant of `sparsest_or_interrupted`."""
    return sparsest_or_interrupted(X, y, affine, effort)[0]


def sparsest_or_interrupted(
    X: Array, y: Array, affine: bool, effort: Effort, *, prove: bool = True
) -> tuple[Solution, bool]:
    """The interpolant with the fewest parameters, or neurons, that the searches find, and what is proved about it.

    Newton-prune first. If it stops without having reached a `target` of the caller's, small problems are settled
    by enumeration if a proof is wanted, and others are searched for a network with fewer parameters than equations.
    Also says whether the user interrupted it.
    """
    compile_loops()
    began = time.monotonic()
    rows, labels = distinct_rows(X, y)
    if y.ndim > 1:
        mixed, interrupted = _sparsest_of_mixed_outputs(X, y, affine, effort, prove)
        if mixed is not None:
            return mixed, interrupted
    rng = np.random.default_rng(effort.random_state)
    found = newton_prune(X, y, affine, effort._replace(random_state=rng))
    network, proof, interrupted = found.network, None, found.ended == "interrupted"
    elapsed = time.monotonic() - began
    left = np.inf if effort.time_limit is None else effort.time_limit - elapsed
    wanted = count_of(network, effort.minimize) > (effort.target or 0)
    if wanted and left > 0 and not interrupted:
        try:
            proving = min(left, PROVING_SECONDS)
            if prove:
                network, proof = _enumerated(rows, labels, affine, network, effort.minimize, proving)
            if proof is None and effort.minimize == "parameters":
                seconds = min(left, max(LEAST_PLANTED_SECONDS, PLANTED_SHARE * elapsed))
                if labels.ndim == 1:
                    planted = _planted(rows, labels, affine, seconds, rng)
                else:
                    planted, interrupted = _planted_outputs(rows, labels, affine, network, seconds, rng)
                if planted is not None and planted.n_parameters < network.n_parameters:
                    network = planted
                    if prove:
                        network, proof = _enumerated(rows, labels, affine, planted, effort.minimize, proving)
        except KeyboardInterrupt:  # the network at hand is the best so far
            proof, interrupted = None, True
    certificate = what_is_known(network, rows, labels, affine, effort.minimize, proof=proof)
    solution = Solution(
        network=network,
        p=0.0,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, y),
        certificate=certificate,
        history=found.history,
    )
    return solution, interrupted


def what_is_known(
    network: ReLUNetwork,
    rows: Array,
    labels: Array,
    affine: bool,
    minimize: Count,
    *,
    tolerance: float = 0.0,
    proof: Proof | None = None,
) -> Certificate:
    """The certificate of a network that meets the request."""
    if rows.shape[1] == 1 and not affine:
        reason = "with one input constant neurons are not counted, and no bound is known for the others"
        return Certificate(minimize, 0.0, "none", reason)
    found, proved = count_of(network, minimize), None if proof is None else (proof.lower_bound, proof.reason)
    return certificate_for(minimize, rows, labels, affine=affine, found=found, tolerance=tolerance, proved=proved)


def _enumerated(
    rows: Array, labels: Array, affine: bool, network: ReLUNetwork, minimize: Count, seconds: float
) -> tuple[ReLUNetwork, Proof | None]:
    """The network, or a sparser one, and the proof, where enumeration is a matter of seconds; else None."""
    if labels.ndim > 1:
        return network, None
    count = count_of(network, minimize)
    n_cells, n_sets = enumeration_size(minimize, rows, count)
    if len(rows) > MOST_ROWS or n_cells > ENUMERATED_CELLS or n_sets > ENUMERATED_SETS:
        return network, None
    fewest = fewest_parameters if minimize == "parameters" else fewest_neurons
    proof = fewest(rows, labels, affine=affine, known=count, time_limit=seconds)
    return better_of(network, proof.network, minimize), proof


def _planted(rows: Array, labels: Array, affine: bool, seconds: float, rng: np.random.Generator) -> ReLUNetwork | None:
    """A network with fewer parameters than equations, where the labels come from one and it is found in time."""
    units = Units.of(rows, labels[:, None])
    recovery = recover(
        rows / units.x,
        labels / units.y[0],
        affine=affine,
        time_limit=seconds,
        max_restarts=PLANTED_RESTARTS if len(rows) > FEW_ROWS else PLANTED_RESTARTS_FEW_ROWS,
        random_state=rng,
    )
    if recovery is None:
        return None
    network = units.network(Weights.from_network(recovery.to_network()))
    return network if interpolates(network, rows, labels) else None


def _planted_outputs(
    rows: Array, labels: Array, affine: bool, known: ReLUNetwork, seconds: float, rng: np.random.Generator
) -> tuple[ReLUNetwork | None, bool]:
    """The same for several outputs, and whether the user interrupted it.

    `known` is pruned, and the search runs, in a band as narrow as rounding allows.
    """
    found = sparsest_within(
        rows,
        labels,
        np.broadcast_to(0.1 * INTERPOLATES * label_size(labels), labels.shape),
        affine=affine,
        starts=[known],
        time_limit=seconds,
        max_rounds=PLANTED_ROUNDS,
        random_state=rng,
    )
    if found is None:
        return None, False
    return (found.network if interpolates(found.network, rows, labels) else None), found.interrupted


def better_of(network: ReLUNetwork, other: ReLUNetwork | None, minimize: Count) -> ReLUNetwork:
    """The one with the smaller count, then the smaller ℓp path norm."""
    candidates = [network] if other is None else [network, other]
    return min(candidates, key=lambda n: (count_of(n, minimize), n.n_parameters, n.path_norm(PREFERRED_P)))


def count_of(network: ReLUNetwork, minimize: Count) -> int:
    """Parameters or neurons."""
    return network.n_parameters if minimize == "parameters" else network.n_neurons
