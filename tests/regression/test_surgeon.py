"""Deletions against least squares solved again without the column."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from regression.models import sparse_model
from reluctant.effort import Clock
from reluctant.regression.deletions import _Savings, inverse, is_deletable, without_cheapest
from reluctant.regression.gauss_newton import Problem, summed_loss
from reluctant.regression.losses import Logistic, Softmax, Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalties import Ridge
from reluctant.regression.starts import affine_fit, dense, forward
from reluctant.regression.surgeon import Front, _levelled, backward


def least_squares(X, y, columns, penalty):
    """Objective and coefficients of ridge on the columns of X and a constant, the others zero."""
    design = np.column_stack([X, np.ones(len(X))])
    used = [*columns, X.shape[1]]
    D = design[:, used]
    theta = np.zeros(design.shape[1])
    theta[used] = np.linalg.solve(D.T @ D + np.diag(penalty[used]), D.T @ y)
    r = design @ theta - y
    return 0.5 * r @ r + 0.5 * np.sum(penalty * theta**2), theta


def path(start, problem):
    front = Front()
    backward([start], problem, front, Clock())
    return front.stages(problem)


@pytest.mark.parametrize("definite", [True, False])
def test_the_inverse_is_that_of_elimination(definite):
    A = np.random.default_rng(0).standard_normal((8, 5))
    hessian = A.T @ A - (0.0 if definite else 3.0) * np.eye(5)
    assert (np.linalg.eigvalsh(hessian)[0] > 0) == definite
    assert_allclose(inverse(hessian), np.linalg.inv(hessian), rtol=1e-10, atol=1e-12)


def linear_problem(seed, d=6, n_rows=30):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, d)) @ rng.normal(size=(d, d))
    y = X @ rng.normal(size=d) + rng.normal(size=n_rows)
    penalty = np.append(np.full(d, 0.1), 0.01)
    return X, y, penalty, Problem(Rows.of(X, y), Squared(), Ridge(1.0, 0.1, 0.01))


def affine_model(theta):
    return Model(np.zeros((0, len(theta))), np.zeros((0, 1)), theta[:, None])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_deleted", [1, 4])
def test_deletions_from_a_linear_model_equal_backward_elimination(seed, n_deleted):
    X, y, penalty, problem = linear_problem(seed)
    columns = list(range(6))
    theta = least_squares(X, y, columns, penalty)[1]
    for _ in range(n_deleted):
        columns = min(
            ([c for c in columns if c != gone] for gone in columns),
            key=lambda left: least_squares(X, y, left, penalty)[0],
        )
    expected = least_squares(X, y, columns, penalty)[1]
    shorter = without_cheapest(affine_model(theta), problem, n_deleted)
    assert_allclose(shorter.A[:, 0], expected, rtol=1e-6, atol=1e-8)
    assert_array_equal(shorter.A[:, 0] == 0.0, expected == 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_path_of_a_linear_model_is_backward_elimination(seed):
    X, y, penalty, problem = linear_problem(seed)
    columns = list(range(6))
    stages = path(affine_model(least_squares(X, y, columns, penalty)[1]), problem)
    assert [stage.size for stage in stages] == [7, 6, 5, 4, 3, 2, 1]
    for stage in stages:
        objective, theta = least_squares(X, y, columns, penalty)
        assert_allclose(stage.model.A[:, 0], theta, rtol=1e-4, atol=1e-6)
        assert problem.objective(stage.model) == pytest.approx(objective)
        if columns:
            columns = min(
                ([c for c in columns if c != gone] for gone in columns),
                key=lambda left: least_squares(X, y, left, penalty)[0],
            )


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
def test_savings_count_the_parameters_that_go(K, d, m, seed):
    model = sparse_model(K, d, m, seed, live=True)
    problem = Problem(Rows.of(np.zeros((1, d)), np.zeros((1, m))), Squared(), Ridge(1.0, 1.0, 1.0))
    unknowns = problem.unknowns(model)
    savings, free = _Savings(model, unknowns), is_deletable(model, unknowns)
    theta = unknowns.gather(model)
    rng = np.random.default_rng(seed)
    left = model.size
    while free.any():
        q = int(rng.choice(np.flatnonzero(free)))
        left -= int(savings.counts[q])
        gone = savings.delete(q)
        theta[gone] = 0.0
        free[gone] = False
        shorter = unknowns.scatter(model, theta)
        assert shorter.take(shorter.U.any(axis=1) & shorter.V.any(axis=1)).size == left
    assert left == m


def noisy_rows(loss, seed, n_rows=80, m=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    hidden = np.maximum(X @ rng.normal(size=(4, 3)) + 0.5, 0.0)
    y = hidden @ rng.normal(size=(3, m)) + 0.1 * rng.normal(size=(n_rows, m))
    if isinstance(loss, Logistic):
        y = (y > y.mean(axis=0)).astype(float)
    if isinstance(loss, Softmax):
        y = np.eye(m)[y.argmax(axis=1)]
    return Rows.of(X, (y - y.mean(axis=0)) / y.std(axis=0) if isinstance(loss, Squared) else y)


@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax()])
@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("affine", [True, False])
def test_path_falls_to_its_constants_in_sizes_its_models_have(loss, m, affine):
    rows = noisy_rows(loss, 0, m=m)
    problem = Problem(rows, loss, Ridge(0.1, 0.01, 1e-6), affine)
    rng = np.random.default_rng(0)
    line = affine_fit(problem, np.arange(rows.n_inputs), Clock())
    grown = isinstance(loss, Squared)
    start = forward(line, problem, rows, 4, rng, Clock()) if grown else dense(line, problem, rows, 4, rng)
    stages = path(start, problem)
    assert all(a.size > b.size for a, b in pairwise(stages))
    assert stages[-1].size == (m if affine else 0)
    for stage in stages:
        live = stage.model.take(stage.model.U.any(axis=1))
        assert live.size == stage.size
        assert stage.loss == pytest.approx(summed_loss(stage.model, rows, loss))
    if not affine:
        assert not any(stage.model.A.any() for stage in stages)


def test_a_useless_input_goes_first():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = np.maximum(X[:, 0] + X[:, 1], 0.0)
    rows = Rows.of(X, y)
    model = Model(np.array([[1.0, 1.0, 1e-3, 1e-3]]), np.ones((1, 1)), np.array([[0.0], [0.0], [0.0], [1e-3]]))
    shorter = without_cheapest(model, Problem(rows, Squared(), Ridge(1e-6, 1e-6, 1e-6)), 1)
    assert_array_equal(shorter.U[0] == 0.0, [False, False, True, False])


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_neurons_are_turned_around_together_where_that_leaves_the_least_slopes(m, seed):
    """The oracle: the network without slopes that was turned around to begin with."""
    rng = np.random.default_rng(seed)
    K, d = 5, 3
    V = rng.choice([-1.0, 1.0], (K, 1)) if m == 1 else rng.normal(size=(K, m))
    made = Model(rng.normal(size=(K, d + 1)), V, np.vstack([np.zeros((d, m)), rng.normal(size=(1, m))]))
    turned = made
    for k in (0, 2, 3):
        turned = turned.flipped(k)
    (back,) = _levelled(turned)
    assert_allclose(back.A[:-1], 0.0, atol=1e-12)
    assert_allclose(back.U, made.U)
    rows = Rows.of(rng.normal(size=(20, d)), np.zeros((20, m))).inputs
    assert_allclose(back(rows), turned(rows), atol=1e-12)
    assert not list(_levelled(made))


def test_a_neuron_that_points_the_wrong_way_is_turned_around():
    X = np.random.default_rng(0).normal(size=(200, 2))
    rows = Rows.of(X, np.maximum(X[:, 0] + X[:, 1], 0.0))
    turned = Model(np.array([[-1.0, -1.0, 0.0]]), np.ones((1, 1)), np.array([[1.0], [1.0], [0.0]]))
    problem = Problem(rows, Squared(), Ridge(1e-9, 1e-9, 1e-9))
    small = next(stage for stage in path(turned, problem) if stage.size <= 4)
    assert small.loss < 1e-9
    assert_allclose(small.model.U, [[1.0, 1.0, 0.0]], atol=1e-5)
    assert not small.model.A[:-1].any()
