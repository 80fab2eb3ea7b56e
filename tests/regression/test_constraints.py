"""Steps under constraints, repairs, and paths that keep to them."""

import itertools

import numpy as np
import pytest

from reluctant.effort import Clock
from reluctant.model.slopes import never_falls
from reluctant.regression.constraints import Constraints, constrained_minimum
from reluctant.regression.gauss_newton import Problem
from reluctant.regression.hinges import dense_hinges, drawn, random_hinges
from reluctant.regression.losses import Logistic, Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.path import Plan, Shrinkage, stages_of
from reluctant.regression.penalties import Ridge
from reluctant.regression.surgeon import _joined


def random_model(rng, K=6, d=3):
    U = rng.standard_normal((K, d + 1))
    U[:, :-1][rng.random((K, d)) < 0.5] = 0.0
    U = U[U[:, :-1].any(axis=1)]
    V = np.where(rng.random((len(U), 1)) < 0.5, -1.0, 1.0)
    return Model(U, V, rng.standard_normal((d + 1, 1)))


def keeps(model, signs):
    return all(never_falls(model.U, model.V[:, 0], model.A[:, 0], j, s) for j, s in enumerate(signs) if s)


def least_by_enumeration(H, g, R, b):
    """The least value over all choices of the rows that hold with equality."""
    n, found = len(g), np.inf
    for chosen in itertools.product([False, True], repeat=len(b)):
        tight = R[list(chosen)]
        k = len(tight)
        system = np.block([[H, tight.T], [tight, np.zeros((k, k))]])
        s = np.linalg.solve(system, np.concatenate([-g, b[list(chosen)]]))[:n]
        if np.all(R @ s >= b - 1e-9):
            found = min(found, 0.5 * s @ H @ s + g @ s)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_constrained_minimum_is_that_of_all_active_sets(seed):
    rng = np.random.default_rng(seed)
    n, r = 6, 4
    root = rng.standard_normal((n + 2, n))
    H, g, R = root.T @ root + 0.1 * np.eye(n), rng.standard_normal(n), rng.standard_normal((r, n))
    b = R @ rng.standard_normal(n)  # which some step meets

    def unmet(step):
        lacking = R @ step < b - 1e-9
        return R[lacking], b[lacking]

    found = constrained_minimum(H, g, unmet)
    assert np.all(R @ found >= b - 1e-8)
    least = least_by_enumeration(H, g, R, b)
    assert abs(0.5 * found @ H @ found + g @ found - least) <= 1e-8 * (1.0 + abs(least))


@pytest.mark.parametrize("seed", range(20))
def test_a_repaired_model_keeps_its_signs_exactly_and_a_good_one_is_left_alone(seed):
    rng = np.random.default_rng(seed)
    model, signs = random_model(rng), rng.integers(-1, 2, 3)
    constraints = Constraints.of(3, signs)
    repaired = constraints.repaired(model)
    assert keeps(repaired, signs)
    assert constraints.hold(repaired)
    assert constraints.repaired(repaired) is repaired


@pytest.mark.parametrize("seed", range(10))
def test_repairs_leave_the_knots_of_neurons_of_one_input(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    alone = np.count_nonzero(model.U[:, :-1], axis=1) == 1
    model = Model(model.U[alone], model.V[alone], np.abs(model.A))
    repaired = Constraints.of(3, np.array([1, 1, 1])).repaired(model)
    knots = [-m.U[:, -1] / m.U[:, :-1].sum(axis=1) for m in (model, repaired)]
    assert all(np.isclose(knots[0], knot, rtol=1e-12).any() for knot in knots[1])


def test_neurons_that_are_on_at_the_same_rows_are_joined_only_where_they_read_the_same():
    X = np.array([[-1.0, -1.0], [1.0, 1.0]])
    problem = Problem(Rows.of(X, np.ones(2)), Squared(), Ridge(0.0, 0.0, 0.0))
    model = Model(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.0, 0.0]]), np.ones((3, 1)), np.zeros((3, 1)))
    assert _joined(model, problem).n_neurons == 1
    apart = _joined(model, problem._replace(constraints=Constraints.of(2, most=1)))
    assert sorted(apart.U[:, :-1].tolist()) == [[0.0, 3.0], [1.0, 0.0]]


def test_an_unrepaired_model_is_seen_to_break_its_signs():
    """So that the tests above could fail."""
    models = [random_model(np.random.default_rng(seed)) for seed in range(20)]
    assert sum(keeps(model, (1, 1, 1)) for model in models) < 5


@pytest.mark.parametrize("draw", [random_hinges, dense_hinges])
def test_new_hinges_read_inputs_that_may_meet_and_pass_through_rows(draw):
    rng = np.random.default_rng(0)
    rows = Rows.of(rng.standard_normal((50, 5)), rng.standard_normal(50))
    groups = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 1, 1]], dtype=bool)
    for constraints in (Constraints.of(5, groups=groups), Constraints.of(5, most=2), Constraints.of(5, most=1)):
        hinges = drawn(draw, rows, 40, np.arange(5), rng, constraints)
        assert constraints.admits(hinges).all()
        np.testing.assert_allclose(np.linalg.norm(hinges[:, :-1], axis=1), 1.0)
        assert (np.abs(hinges @ rows.inputs.T).min(axis=1) < 1e-12).all()
    assert not Constraints.of(5, groups=groups).admits(np.ones((1, 6))).any()


@pytest.mark.gate(3)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("loss", [Squared(), Logistic()])
@pytest.mark.parametrize("against", [False, True])
def test_every_network_of_a_path_keeps_to_its_constraints(against, loss, affine):
    """Signs with the truth and against it; the noise tempts everywhere."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((150, 3))
    f = np.clip(X[:, 0], -0.5, 0.7) - 0.4 * np.maximum(X[:, 1], 0) + 0.3 * X[:, 2] * X[:, 0]
    y = f + 0.3 * rng.standard_normal(150)
    targets = y if loss == Squared() else (y > 0.0) * 1.0
    signs = np.array([-1, 1, 0] if against else [1, -1, 0])
    constraints = Constraints.of(3, signs, groups=np.array([[True, True, False], [True, False, True]]))
    plan = Plan(Shrinkage(1e-3), affine=affine, kicks=2, constraints=constraints)
    stages = stages_of(Rows.of(X, targets), loss, plan, np.random.default_rng(0), Clock())
    assert len(stages) > 3
    for stage in stages:
        assert keeps(stage.model, signs)
        assert constraints.admits(stage.model.U).all()


def test_a_start_that_breaks_its_constraints_is_mended_or_left_out():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 2))
    start = Model(np.array([[1.0, 1.0, 0.0]]), np.array([[-1.0]]), np.zeros((3, 1)))
    for constraints in (Constraints.of(2, np.array([1, 1])), Constraints.of(2, most=1)):
        plan = Plan(Shrinkage(1e-3), constraints=constraints)
        rows = Rows.of(X, -np.maximum(X.sum(axis=1), 0))
        for stage in stages_of(rows, Squared(), plan, rng, Clock(), start=start):
            assert keeps(stage.model, constraints.signs)
            assert constraints.admits(stage.model.U).all()
