"""Rows of X closer than a solver's tolerances: nothing may look impossible that only takes large weights."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from exact_networks import close_rows_with_planted_labels, exact_outputs
from reluctant import ReLUNetwork, interpolate
from reluctant.effort import Clock
from reluctant.errors import SolverError
from reluctant.multivariate.proofs.cells import exact_basis, support_cells
from reluctant.multivariate.proofs.enumeration import fewest_neurons, fewest_parameters, most_needed
from reluctant.multivariate.proofs.problem import Problem
from reluctant.multivariate.proofs.rational import feasible_point, only_relation
from reluctant.multivariate.proofs.realisation import Examiner
from reluctant.multivariate.proofs.signed_set import SignedSet


def exact_error(network, X, y):
    """Largest error in rational arithmetic, relative to max|y|."""
    errors = [abs(row[0] - Fraction(t)) for row, t in zip(exact_outputs(network, X), y)]
    return float(max(errors) / max(abs(Fraction(t)) for t in y))


CLOSE = {
    "1e-10": (
        [[-1.0, 2.0], [-1.0, 2.0000000001], [-2.0, -2.0], [1.0, 2.0], [0.0, -1.0]],
        [2.0, 3.0, 4.0, 0.0, 0.0],
        ReLUNetwork([[0.0, 9999999172.59636], [-2.0, 0.0]], [-19999998345.19272, 0.0], [1.0, 1.0], [0.0, 0.0], 0.0),
    ),
    "1e-12": (
        [[-1.0, -2.0], [-1.000000000001, -2.000000000001], [0.0, 0.0], [-1.0, 0.0], [-1.0, 1.0], [2.0, 1.0]],
        [0.0, -1.0, 0.2727272727272727, 0.0, 0.18181818181818182, 1.0],
        ReLUNetwork(
            [[-999911107320.27, 0.0], [0.2727272727272727, 0.18181818181818182]],
            [-999911107320.27, 0.2727272727272727],
            [-1.0, 1.0],
            [0.0, 0.0],
            0.0,
        ),
    ),
}


@pytest.mark.gate(1)
@pytest.mark.parametrize("gap", CLOSE)
def test_a_network_as_steep_as_rows_are_close_is_not_excluded(gap):
    X, y, known = CLOSE[gap]
    assert exact_error(known, X, y) < 1e-15
    assert fewest_parameters(X, y).lower_bound <= known.n_parameters
    solution = interpolate(X, y, random_state=0, time_limit=100)  # it ends by itself, in a second
    assert solution.certificate.lower_bound <= known.n_parameters
    assert solution.certificate.kind == "proved"


def test_weights_that_float64_does_not_hold_end_the_bound_with_that_reason():
    # One neuron does in rationals; its values are differences of numbers of size one, needed to 4e-20.
    X = [[2.0, 2.0, 1.0], [2.00000000002, 1.99999999997, 0.99999999997]]
    proof = fewest_neurons([*X, X[0]], [0.0, -4.5000003723316695e-11, 0.0], clock=Clock(5))
    assert (proof.lower_bound, proof.network) == (1, None)
    assert "weights that float64 does not hold" in proof.reason


def never_beaten(seeds):
    """Bounds on close rows against the network that the labels come from, in rationals."""
    tight = 0
    for seed in seeds:
        X, y, known = close_rows_with_planted_labels(np.random.default_rng(seed), affine=seed % 3 == 0)
        hinges = known.hinges[0]
        for fewest, quantity, count in (
            (fewest_parameters, "parameters", np.count_nonzero(hinges)),
            (fewest_neurons, "neurons", np.count_nonzero(hinges.any(axis=1))),
        ):
            bound = fewest(X, y, affine=seed % 3 == 0, known=count + 1, clock=Clock(10)).lower_bound
            assert bound <= count, (seed, quantity)
            assert bound <= most_needed(quantity, X)
            tight += bound == count
    return tight


@pytest.mark.parametrize("n", [50, pytest.param(250, marks=pytest.mark.slow)])
def test_bounds_on_close_rows_are_at_most_the_counts_of_the_network_behind_the_labels(n):
    assert never_beaten(range(n)) > 0.8 * n


def test_a_linear_program_on_which_the_solver_cycles_comes_to_an_end():
    """HiGHS ran for ever on one of this table's."""
    never_beaten([500493])


@pytest.mark.slow
def test_bounds_on_close_rows_thousands():
    assert never_beaten(range(1000, 4000)) > 2400


@pytest.mark.parametrize("seed", range(20))
def test_what_a_relation_refutes_has_no_point_and_the_other_way_round(seed):
    # Two ways to settle a signed set: multipliers of a linear program made exact, the simplex method in rationals.
    X, y, _ = close_rows_with_planted_labels(np.random.default_rng(seed))
    problem = Problem.of(X, y, affine=bool(seed % 2))
    cells = support_cells(problem.Xbar[:, :-1])
    examiner = Examiner(problem, cells)
    rng = np.random.default_rng(seed)
    for _ in range(12):
        chosen = rng.choice(len(cells), int(rng.integers(1, 3)), replace=False)
        pairs = [(cells[c], float(rng.choice([-1.0, 1.0]))) for c in chosen]
        signed_set = SignedSet.of(problem, [cell for cell, _ in pairs], [sign for _, sign in pairs])
        try:
            program = examiner.solved(pairs)
        except SolverError:
            program = None
        if program is not None and signed_set.refuted_by(program.duals, program.sign_duals):
            assert signed_set.point() is None
        weights = signed_set.point(0.0)
        if weights is not None:
            assert signed_set.point() is not None
            F = signed_set.values.tolist()
            values = [sum(Fraction(a) * c for a, c in zip(row, weights)) for row in F]
            assert values == [Fraction(t) for t in problem.y.tolist()]


def test_feasible_points_exist_where_a_linear_program_finds_them():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(300):
        n, m = int(rng.integers(1, 5)), int(rng.integers(1, 11))
        H, b = rng.integers(-3, 4, (m, n)), rng.integers(-3, 4, m)
        point = feasible_point([(tuple(h), int(c)) for h, c in zip(H.tolist(), b)])
        assert (linprog(np.zeros(n), H, b, bounds=(None, None)).status == 0) == (point is not None)
        if point is not None:
            found += 1
            assert all(sum(a * c for a, c in zip(h, point)) <= t for h, t in zip(H.tolist(), b.tolist()))
    assert 50 < found < 250


def test_the_only_relation_of_rows_vanishes_and_is_found():
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows = rng.integers(-4, 5, (int(rng.integers(1, 6)), int(rng.integers(1, 5))))
        relation = only_relation([tuple(row) for row in rows.tolist()])
        unique = len(rows) - np.linalg.matrix_rank(rows) == 1
        assert unique == (relation is not None)
        if relation is not None:
            assert any(relation)
            assert not (np.array(relation) @ rows).any()


def test_no_bound_exceeds_what_always_does():
    # Alternating labels take 4 parameters for 3 rows: more than rows, never more neurons than rows.
    X, y = [[0.0], [1.0], [2.0]], [1.0, -1.0, 1.0]
    assert fewest_parameters(X, y).lower_bound == 4 <= most_needed("parameters", np.array(X))
    assert fewest_neurons(X, y).lower_bound <= 3


@pytest.mark.parametrize("columns", [lambda t: [t, 3 * t], lambda t: [t, t / 3], lambda t: [t, t + 1e-12 * t**2]])
def test_columns_that_are_nearly_proportional_are_no_obstacle_beside_an_affine_part(columns):
    t = np.array([0.1, 0.2, 0.3, 0.4, 0.7])
    X, y = np.column_stack(columns(t)), np.array([0.0, 1.0, 0.0, 1.0, 0.0])
    along = fewest_parameters(t[:, None], y, affine=True)
    for minimize in ("parameters", "neurons"):
        solution = interpolate(X, y, affine=True, minimize=minimize, time_limit=1, random_state=0)
        found = solution.n_parameters if minimize == "parameters" else solution.n_neurons
        assert solution.max_error <= 1e-9
        assert solution.certificate.lower_bound <= min(found, along.lower_bound)


def test_an_exact_basis_spans_columns_of_any_condition():
    t = np.arange(1.0, 6.0)
    A = np.column_stack([t, t / 3, np.ones(5), 2 * t])
    Q = exact_basis(A)
    assert len(Q) == 3  # t / 3 is rounded, 2 t is not
    np.testing.assert_allclose(Q @ Q.T, np.eye(3), atol=1e-15)
    assert np.abs(A - Q.T @ (Q @ A)).max() < 1e-14


def test_entries_that_scaling_would_lose_are_said_not_to_be_proved():
    proof = fewest_parameters([[1e100, 0.0], [1e-300, 1.0]], [1.0, 2.0])
    assert (proof.lower_bound, proof.network) == (0, None)
    assert "loses digits" in proof.reason
