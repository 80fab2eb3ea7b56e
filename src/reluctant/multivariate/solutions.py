"""From a request to a `Solution` in R^d: which searches run, in which order, and what is known afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.errors import InfeasibleError, SolverError, TooSteepError
from reluctant.multivariate.band import sparsest_within
from reluctant.multivariate.bounds import Count, certificate_for, value_certificate
from reluctant.multivariate.column_generation import minimise_l1
from reluctant.multivariate.exact import Proof, enumeration_size, fewest_neurons, fewest_parameters
from reluctant.multivariate.interpolant import PREFERRED_P, Found, sparsest_interpolant
from reluctant.multivariate.path_norm import minimise_path_norm
from reluctant.multivariate.planted import recover
from reluctant.multivariate.problem import INTERPOLATES, MOST_ROWS, Units, distinct_rows
from reluctant.multivariate.reweighted import HingeSum
from reluctant.multivariate.search import Improvement, compile_loops
from reluctant.multivariate.state import Weights
from reluctant.multivariate.vertices import enumerate_vertices, minimise_lp
from reluctant.network import ReLUNetwork
from reluctant.solution import Certificate, Solution

Array = NDArray[np.float64]

ENUMERATED_CELLS, ENUMERATED_SETS = 20_000, 4_000_000
"""Up to so many cells and sets of cells, a matter of seconds, the optimum is proved by enumeration."""
PROVING_SECONDS = 30.0
"""Longest time for that, where many sets ask for linear programs; on most data their number ends it before."""
VERTEX_ROWS, VERTEX_INPUTS = 4, 2
CONVEX_ROWS = 30
"""Up to these sizes the ℓp value is minimised exactly: over all extreme points, and by a convex program for p = 1."""
HOPPED_ROWS = 100
"""Larger problems hop from the interpolant that Newton-prune finds, not from random neurons."""
NEAREST_ROWS = 1e-9
"""Of rows that are closer, float64 does not tell all extreme hinges apart, and nothing is proved."""
WIDEST = 1e100
"""Sizes of X and y up to which products of weights and data stay within float64."""
MOST_UNEVEN = 1e6
"""Columns of X further from one in size leave the convex program too badly scaled for a proof."""
DEFAULT_SECONDS = 10.0
"""Time for a search that has no target to stop at."""
PLANTED_RESTARTS, PLANTED_RESTARTS_FEW_ROWS, FEW_ROWS = 4, 2, 30
PLANTED_ROUNDS = 4
PLANTED_SHARE, LEAST_PLANTED_SECONDS = 0.2, 1.0
"""A planted network is looked for this often, and no longer than this or a share of the time of the first search."""


class Effort(NamedTuple):
    """How a search may spend its time."""

    minimize: Count = "parameters"
    start: ReLUNetwork | None = None
    target: int | None = None
    time_limit: float | None = None
    random_state: int | np.random.Generator | None = None
    n_jobs: int = 1
    verbose: bool = False

    @property
    def report(self) -> Callable[[Improvement], None] | None:
        """What is called with every improvement."""
        return _print_improvement if self.verbose else None


def _print_improvement(step: Improvement) -> None:
    print(f"{step.seconds:8.2f} s  {step.n_parameters} parameters, {step.n_neurons} neurons", file=sys.stderr)


def interpolate_space(X: Array, y: Array, p: float, affine: bool, effort: Effort) -> Solution:
    """Solve `reluctant.interpolate` for checked data in R^d."""
    check_range(X, y)
    if p == 0:
        return sparsest(X, y, affine, effort)
    if y.ndim > 1:
        raise ValueError(f"p = {p:g} is solved for one output, y has {y.shape[1]}; use p = 0 or one output at a time")
    return smallest_path_norm(X, y, p, affine, effort)


def check_range(X: Array, y: Array) -> None:
    """Raise a ValueError naming the argument whose sizes would leave float64 in products."""
    for name, a in (("X", X), ("y", y)):
        largest = np.abs(a).max(axis=0)
        if ((largest > WIDEST) | ((largest > 0) & (largest < 1 / WIDEST))).any():
            raise ValueError(f"{name} has a column whose largest entry is beyond {WIDEST:g}^±1; rescale it")


def independent_outputs(Y: Array) -> tuple[Array, Array]:
    """Columns of Y (N, m) that are neither zero nor a multiple of one before, and the matrix that gives Y from them."""
    kept: list[int] = []
    mixing = np.zeros((Y.shape[1], Y.shape[1]))
    for j, column in enumerate(Y.T):
        if not column.any():
            continue
        at = int(np.argmax(np.abs(column)))
        for k in kept:
            if Y[at, k] != 0 and np.array_equal(Y[:, k] * (column[at] / Y[at, k]), column):
                mixing[k, j] = column[at] / Y[at, k]
                break
        else:
            kept.append(j)
            mixing[j, j] = 1.0
    return Y[:, kept], mixing[kept]


def _mixed(network: ReLUNetwork, mixing: Array) -> ReLUNetwork:
    """The network whose outputs are combinations of those of another."""
    return ReLUNetwork(
        network.input_weights,
        network.biases,
        network.output_weights @ mixing,
        network.slope @ mixing,
        network.intercept @ mixing,
    )


def _sparsest_of_mixed_outputs(X: Array, Y: Array, affine: bool, effort: Effort) -> Solution | None:
    """Solve for the outputs that are not zero or multiples of others; None where all are needed."""
    outputs, mixing = independent_outputs(Y)
    if outputs.shape[1] in (0, Y.shape[1]):
        return None
    start = None if effort.start is None else _mixed(effort.start, np.asarray(np.linalg.pinv(mixing), dtype=np.float64))
    few = sparsest(X, outputs[:, 0] if outputs.shape[1] == 1 else outputs, affine, effort._replace(start=start))
    network = _mixed(few.network, mixing)
    certificate = few.certificate
    if certificate.kind == "generic":
        certificate = replace(certificate, reason=f"zero and proportional outputs aside, {certificate.reason}")
    return Solution(
        network=network,
        p=0.0,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, Y),
        certificate=certificate,
        history=few.history,
    )


def sparsest(X: Array, y: Array, affine: bool, effort: Effort) -> Solution:
    """The interpolant of `sparsest_or_interrupted`."""
    return sparsest_or_interrupted(X, y, affine, effort)[0]


def sparsest_or_interrupted(X: Array, y: Array, affine: bool, effort: Effort) -> tuple[Solution, bool]:
    """The interpolant with the fewest parameters, or neurons, that the searches find, and what is proved about it.

    Newton-prune first. If it stops without having reached a `target` of the caller's, small problems are settled
    by enumeration, and others are searched for a network with fewer parameters than equations. Also says whether the
    user interrupted it.
    """
    compile_loops()
    began = time.monotonic()
    rows, labels = distinct_rows(X, y)
    mixed = _sparsest_of_mixed_outputs(X, y, affine, effort) if y.ndim > 1 else None
    if mixed is not None:
        return mixed, False
    rng = np.random.default_rng(effort.random_state)
    found = _newton_prune(X, y, affine, effort._replace(random_state=rng))
    network, proof = found.network, None
    elapsed = time.monotonic() - began
    left = np.inf if effort.time_limit is None else effort.time_limit - elapsed
    wanted = effort.target is None or count_of(network, effort.minimize) > effort.target
    if wanted and left > 0 and found.ended != "interrupted":
        try:
            network, proof = _enumerated(rows, labels, affine, network, effort.minimize, min(left, PROVING_SECONDS))
            if proof is None and effort.minimize == "parameters":
                seconds = min(left, max(LEAST_PLANTED_SECONDS, PLANTED_SHARE * elapsed))
                planted = (
                    _planted(rows, labels, affine, seconds, rng)
                    if labels.ndim == 1
                    else _planted_outputs(rows, labels, affine, network, seconds, rng)
                )
                if planted is not None and planted.n_parameters < network.n_parameters:
                    network, proof = _enumerated(
                        rows, labels, affine, planted, effort.minimize, min(left, PROVING_SECONDS)
                    )
        except KeyboardInterrupt:  # the network at hand is the best so far
            proof = None
    certificate = what_is_known(network, rows, labels, affine, effort.minimize, proof=proof)
    solution = Solution(
        network=network,
        p=0.0,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, y),
        certificate=certificate,
        history=found.history,
    )
    return solution, found.ended == "interrupted"


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


def smallest_path_norm(X: Array, y: Array, p: float, affine: bool, effort: Effort) -> Solution:
    """The interpolant of least ℓp path norm that is known: proved for p = 1 and tiny problems, searched for else."""
    rows, labels = distinct_rows(X, y)
    seconds = DEFAULT_SECONDS if effort.time_limit is None else effort.time_limit
    began = time.monotonic()
    history: tuple = ()
    exact = _exact_path_norm(rows, labels, p, affine, seconds, effort.random_state)
    if exact is not None:
        network, certificate = exact
    else:
        certificate = Certificate("value", 0.0, "none", "a local search, whose results from other starts may be lower")
        start = None if effort.start is None else hinges_of(effort.start)
        if start is None and len(rows) > HOPPED_ROWS:
            effort = effort._replace(target=None, time_limit=0.5 * seconds)
            pruned = _newton_prune(X, y, affine, effort)
            start = hinges_of(pruned.network)
            if pruned.ended == "interrupted":
                seconds = 0.0
        found = minimise_path_norm(
            rows,
            labels,
            p,
            affine=affine,
            start=start,
            time_limit=max(seconds - (time.monotonic() - began), 0.0),
            random_state=effort.random_state,
        )
        if found is not None and _interpolates(network_of(found), rows, labels):
            network, history = network_of(found), found.history
        else:  # no interpolant in time
            network = _newton_prune(X, y, affine, effort).network
    return Solution(
        network=network,
        p=p,
        value=network.path_norm(p, bias=True),
        max_error=max_error_of(network, X, y),
        certificate=certificate,
        history=history,
    )


def _exact_path_norm(
    rows: Array,
    labels: Array,
    p: float,
    affine: bool,
    seconds: float,
    random_state: int | np.random.Generator | None,
) -> tuple[ReLUNetwork, Certificate] | None:
    """A minimiser and its proof; None where the problem is too large for one, or float64 too coarse for the data."""
    sizes = np.abs(rows).max(axis=0)
    if (
        len(rows) > CONVEX_ROWS
        or _closest_rows(rows) < NEAREST_ROWS
        or sizes.max() > MOST_UNEVEN
        or ((sizes > 0) & (sizes < 1 / MOST_UNEVEN)).any()
    ):
        return None
    if not affine and len(rows) <= VERTEX_ROWS and rows.shape[1] <= VERTEX_INPUTS:
        vertices = enumerate_vertices(rows, labels)
        if not len(vertices.hinges):
            return None
        network, value = minimise_lp(vertices, p)
        certificate = Certificate(
            "value", value, "proved", "enumeration of all extreme points in float64 [NN, Thm 4.1]"
        )
    elif p == 1 and len(rows) <= CONVEX_ROWS:
        try:
            best = minimise_l1(rows, labels, affine=affine, time_limit=seconds, random_state=random_state)
        except (InfeasibleError, SolverError):  # distinct rows have an interpolant: HiGHS gave up on these numbers
            return None
        network = best.network
        certificate = value_certificate(1.0, best.lower_bound, f"dual of the convex program, priced by {best.pricing}")
    else:
        return None
    return (network, certificate) if _interpolates(network, rows, labels) else None


def _closest_rows(rows: Array) -> float:
    """Smallest distance of two rows, relative to the largest entry of each column."""
    scaled = rows / np.maximum(np.abs(rows).max(axis=0), np.finfo(np.float64).tiny)
    gaps = np.abs(scaled[:, None, :] - scaled[None, :, :]).max(axis=2, initial=0.0)
    return float(np.min(gaps + np.where(np.eye(len(rows)) > 0, np.inf, 0.0), initial=np.inf))


def hinges_of(network: ReLUNetwork) -> tuple[Array, Array]:
    """Signs (K,) and effective weights (K, d + 1)."""
    weights = Weights.from_network(network)
    return weights.V[:, 0], weights.U


def network_of(found: HingeSum) -> ReLUNetwork:
    """The network of signs and effective weights."""
    return Weights(found.U, found.signs[:, None], found.affine[:, None]).to_network()


def _newton_prune(X: Array, y: Array, affine: bool, effort: Effort) -> Found:
    """Newton-prune; where pruning whole neurons finds no interpolant, the one with few parameters."""
    if effort.minimize == "neurons":
        try:
            return _search(X, y, affine, effort)
        except TooSteepError:
            effort = effort._replace(minimize="parameters", target=None)
    return _search(X, y, affine, effort)


def _search(X: Array, y: Array, affine: bool, effort: Effort) -> Found:
    return sparsest_interpolant(
        X,
        y,
        affine=affine,
        minimize=effort.minimize,
        start=effort.start,
        time_limit=effort.time_limit,
        target=effort.target,
        n_jobs=effort.n_jobs,
        random_state=effort.random_state,
        report=effort.report,
    )


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
    network = units.network(Weights.from_network(network_of(recovery)))
    return network if _interpolates(network, rows, labels) else None


def _planted_outputs(
    rows: Array, labels: Array, affine: bool, known: ReLUNetwork, seconds: float, rng: np.random.Generator
) -> ReLUNetwork | None:
    """The same for several outputs: `known` pruned, and the search, in a band as narrow as rounding allows."""
    found = sparsest_within(
        rows,
        labels,
        0.1 * INTERPOLATES * float(np.max(np.abs(labels))),
        affine=affine,
        starts=[known],
        time_limit=seconds,
        max_rounds=PLANTED_ROUNDS,
        random_state=rng,
    )
    return None if found is None or not _interpolates(found.network, rows, labels) else found.network


def better_of(network: ReLUNetwork, other: ReLUNetwork | None, minimize: Count) -> ReLUNetwork:
    """The one with the smaller count, then the smaller ℓp path norm."""
    candidates = [network] if other is None else [network, other]
    return min(candidates, key=lambda n: (count_of(n, minimize), n.n_parameters, n.path_norm(PREFERRED_P)))


def count_of(network: ReLUNetwork, minimize: Count) -> int:
    """Parameters or neurons."""
    return network.n_parameters if minimize == "parameters" else network.n_neurons


def max_error_of(network: ReLUNetwork, X: Array, y: Array) -> float:
    """max|f(x_i) − y_i|."""
    return float(np.max(np.abs(network(X) - y)))


def _interpolates(network: ReLUNetwork, X: Array, y: Array) -> bool:
    return max_error_of(network, X, y) <= INTERPOLATES * float(np.max(np.abs(y)))
