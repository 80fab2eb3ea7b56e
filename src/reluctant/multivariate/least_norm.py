"""Interpolants of least ℓp path norm, 0 < p ≤ 1: proved where the problem is small or convex, searched for else.

The path norm of several outputs is the sum of theirs (ours): a neuron (u, v) costs ‖u‖_p^p Σ_c |v_c|^p, as much as one
neuron (u, v_c) for every output c. So every output is solved by itself, and sharing neurons changes nothing.
"""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.effort import Clock, Effort
from reluctant.errors import InfeasibleError, SolverError, TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.path_norm import minimise_path_norm
from reluctant.multivariate.basin_hopping.reweighted import Hinges
from reluctant.multivariate.newton_prune.search import sparsest_interpolant
from reluctant.multivariate.newton_prune.state import Weights
from reluctant.multivariate.outputs import SAME_HINGE, combined, independent_outputs, unmixing, with_outputs_mixed
from reluctant.multivariate.points import INTERPOLATES, closest_rows, distinct_rows, interpolates, max_error_of
from reluctant.multivariate.proofs.bounds import value_certificate
from reluctant.multivariate.proofs.column_generation import minimise_l1, rays_are_few
from reluctant.multivariate.proofs.extreme_points import enumerate_vertices, minimise_lp
from reluctant.multivariate.proofs.frame import Frame
from reluctant.objective import lp_power
from reluctant.solution import Certificate, Solution
from reluctant.univariate.interpolation import interpolate_line
from reluctant.univariate.without_affine import interpolate_without_affine_part

VERTEX_ROWS, VERTEX_INPUTS = 4, 2
CONVEX_ROWS = 30
"""Up to these sizes the ℓp value is minimised exactly: over all extreme points, and by a convex program for p = 1."""
HOPPED_ROWS = 100
"""Larger problems hop from the interpolant that Newton-prune finds, not from random neurons."""
NEAREST_ROWS = 1e-9
"""Of rows that are closer, float64 does not tell all extreme hinges apart, and nothing is proved."""
MOST_UNEVEN = 1e6
"""Columns of X further from one in size leave the convex program too badly scaled for a proof."""
SUMS_ARE_RIGHT_TO = 4 * float(np.finfo(np.float64).eps)
"""Relative error of one product and one sum; a sum of bounds is lowered by it."""


def smallest_path_norm(
    X: Array, y: Array, p: float, affine: bool, start: ReLUNetwork | None, effort: Effort, clock: Clock
) -> Solution:
    """The interpolant of least ℓp path norm that is known, for y (N,) or (N, m)."""
    rows, labels = distinct_rows(X, y)
    solve = _of_one_output if y.ndim == 1 else _of_several_outputs
    solution = solve(rows, labels, p, affine, start, effort, clock)
    return solution.replace(max_error=max_error_of(solution.network, X, y))


def _of_several_outputs(
    rows: Array, labels: Array, p: float, affine: bool, start: ReLUNetwork | None, effort: Effort, clock: Clock
) -> Solution:
    """One output after the other, in equal shares of the time left; multiples of one are not solved again."""
    outputs, mixing = independent_outputs(labels)
    solutions: list[Solution] = []
    for column, back in zip(outputs.T, unmixing(mixing).T):
        own = None if start is None else with_outputs_mixed(start, back[:, None])
        share = clock.share(1 / (outputs.shape[1] - len(solutions)))
        solutions.append(_of_one_output(rows, column, p, affine, own, effort, share))
    network = combined([s.network for s in solutions], mixing, rows.shape[1])
    network = _with_shared_neurons(network, rows, labels, p, affine)
    missed = _outputs_missed(network, rows, labels)
    if missed.size:
        raise TooSteepError(
            f"float64 weights do not hold what output {missed[0]} of y needs; rescale X or interpolate it by itself"
        )
    return Solution(
        network=network,
        p=p,
        value=network.path_norm(p),
        max_error=max_error_of(network, rows, labels),
        certificate=_sum_of_certificates([s.certificate for s in solutions], lp_power(mixing, p, axis=1)),
        history=[step for s in solutions for step in s.history],
    )


def _with_shared_neurons(network: ReLUNetwork, rows: Array, labels: Array, p: float, affine: bool) -> ReLUNetwork:
    """The same value with fewer neurons, where outputs came to the same hinge."""
    merged = network.merged(SAME_HINGE, affine)
    no_worse = merged.path_norm(p) <= network.path_norm(p) * (1 + SAME_HINGE)
    return merged if no_worse and not _outputs_missed(merged, rows, labels).size else network


def _outputs_missed(network: ReLUNetwork, rows: Array, labels: Array) -> Index:
    """Outputs that differ from their labels by more than 1e-9 of the largest of them."""
    return np.flatnonzero(np.abs(network(rows) - labels).max(axis=0) > INTERPOLATES * np.abs(labels).max(axis=0))


def _sum_of_certificates(certificates: list[Certificate], prices: Array) -> Certificate:
    """What is known about Σ_c price_c · (the least value of output c)."""
    unproved = [c.reason for c in certificates if c.kind != "proved"]
    if unproved:
        return Certificate("value", 0.0, "none", f"outputs are solved one by one, not all exactly: {unproved[0]}")
    bound = float(prices @ np.array([c.lower_bound for c in certificates])) * (1 - len(prices) * SUMS_ARE_RIGHT_TO)
    how = "; ".join(dict.fromkeys(c.reason for c in certificates)) or "all are zero"
    return Certificate("value", bound, "proved", f"the sum over the outputs, each solved by itself: {how}")


def _of_one_output(
    rows: Array, labels: Array, p: float, affine: bool, start: ReLUNetwork | None, effort: Effort, clock: Clock
) -> Solution:
    """The same for distinct rows and labels (N,): exactly where that can be, else by a search.

    For one input, the output of several, that is the exact solution of the line, whose norm leaves out the biases.
    """
    if rows.shape[1] == 1:
        return (interpolate_line if affine else interpolate_without_affine_part)(rows[:, 0], labels, p)
    network, certificate = _exact_path_norm(rows, labels, p, affine, effort, clock)
    history: tuple = ()
    if network is None or not interpolates(network, rows, labels):
        network, history = _searched(rows, labels, p, affine, network or start, effort, clock)
    return Solution(
        network=network,
        p=p,
        value=network.path_norm(p),
        max_error=max_error_of(network, rows, labels),
        certificate=certificate,
        history=history,
    )


def _searched(
    rows: Array, labels: Array, p: float, affine: bool, start: ReLUNetwork | None, effort: Effort, clock: Clock
) -> tuple[ReLUNetwork, tuple]:
    """The best of a local search and its history; where that reaches no interpolant, what Newton-prune finds."""
    if start is None and len(rows) > HOPPED_ROWS:
        start = _pruned(rows, labels, affine, None, effort, clock.share(0.5))
    found = minimise_path_norm(
        rows,
        labels,
        p,
        affine=affine,
        start=None if start is None else hinges_of(start),
        clock=clock,
        random_state=effort.random_state,
    )
    if found is not None and interpolates(found.network, rows, labels):
        return found.network, found.history
    return _pruned(rows, labels, affine, start, effort, clock), ()


def _pruned(
    rows: Array, labels: Array, affine: bool, start: ReLUNetwork | None, effort: Effort, clock: Clock
) -> ReLUNetwork:
    """What Newton-prune finds."""
    return sparsest_interpolant(
        rows,
        labels,
        affine=affine,
        start=start,
        clock=clock,
        n_jobs=effort.n_jobs,
        random_state=effort.random_state,
    ).network


def _exact_path_norm(
    rows: Array, labels: Array, p: float, affine: bool, effort: Effort, clock: Clock
) -> tuple[ReLUNetwork | None, Certificate]:
    """A minimiser, as well as float64 weights hold it, and its proof.

    Without one where the problem is too large for it, or float64 too coarse for the data.
    """
    nothing = None, Certificate("value", 0.0, "none", "a local search, whose results from other starts may be lower")
    if len(rows) > CONVEX_ROWS:
        return nothing
    if not affine and len(rows) <= VERTEX_ROWS and rows.shape[1] <= VERTEX_INPUTS and not _is_coarse(rows):
        vertices = enumerate_vertices(rows, labels)
        if not len(vertices.hinges):
            return nothing
        network, _ = minimise_lp(vertices, p)
        how = "enumeration of all extreme points in float64, less a bound on its rounding [NN, Thm 4.1]"
        certificate = Certificate("value", vertices.least_cost(p), "proved", how)
    elif p == 1 and not _is_coarse(Frame.of(rows).rows[:, :-1] if rays_are_few(*rows.shape) else rows):
        try:
            best = minimise_l1(rows, labels, affine=affine, clock=clock, random_state=effort.random_state)
        except (InfeasibleError, SolverError):  # distinct rows have an interpolant: HiGHS gave up on these numbers
            return nothing
        network = best.network
        how = f"dual of the convex program for exact labels, priced by {best.pricing}"
        certificate = value_certificate(1.0, best.lower_bound, how)
        if best.lower_bound == 0.0 < best.value:
            open_ = "float64 leaves too many of its hinges unclear, or the time was up"
            certificate = Certificate("value", 0.0, "none", f"the {how}, proves nothing here: {open_}")
    else:
        return nothing
    return network, certificate


def _is_coarse(rows: Array) -> bool:
    """Whether rows are too close, or columns too uneven, for float64."""
    sizes = np.abs(rows).max(axis=0)
    uneven = (sizes > MOST_UNEVEN) | ((sizes > 0) & (sizes < 1 / MOST_UNEVEN))
    return bool(uneven.any()) or closest_rows(rows) < NEAREST_ROWS


def hinges_of(network: ReLUNetwork) -> Hinges:
    """Signs and effective weights of a network of one output."""
    weights = Weights.from_network(network)
    return Hinges(weights.V[:, 0], weights.U)
