"""L-BFGS steps: their gradient, where they end, and the paths of very many unknowns that begin with them."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from regression.models import cases, problem_of, sparse_model
from reluctant.effort import Clock
from reluctant.regression import model as model_module
from reluctant.regression import path as paths
from reluctant.regression import surgeon
from reluctant.regression.gauss_newton import Problem, quadratic_model
from reluctant.regression.losses import Logistic, Softmax
from reluctant.regression.model import Model, Rows
from reluctant.regression.path import Plan, Shrinkage, stages_of, takes_long
from reluctant.regression.penalties import Ridge
from reluctant.regression.quasi_newton import quasi_newton, value_and_gradient


def noisy_classes(n_rows, n_inputs, seed=0):
    """Three classes that two hinges on the first three of many inputs tell apart, a tenth of them wrong."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_inputs))
    labels = np.where(np.abs(X[:, 0]) < 0.7, 0, np.where(X[:, 1] + X[:, 2] > 0, 1, 2))
    wrong = rng.random(n_rows) < 0.1
    return X, np.where(wrong, rng.integers(3, size=n_rows), labels)


@settings(deadline=None, max_examples=60)
@given(case=cases, p=st.sampled_from([None, 0.4, 1.0]), affine=st.booleans())
def test_value_and_gradient_are_those_of_the_quadratic_model(case, p, affine):
    loss, K, d, m, seed = case
    problem = problem_of(loss, d, m, seed, p=p, affine=affine)
    model = sparse_model(K, d, m, seed)
    unknowns = problem.unknowns(model)
    value, gradient = value_and_gradient(model, unknowns, problem)
    assert value == pytest.approx(problem.objective(model))
    assert_allclose(gradient, quadratic_model(model, unknowns, problem).gradient, atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize("m", [1, 3])
def test_blocks_give_what_one_block_gives(monkeypatch, m):
    problem = problem_of(Softmax() if m > 1 else Logistic(), 3, m, 0, n_rows=50)
    model = sparse_model(4, 3, m, 0)
    whole = quasi_newton(model, problem, 5)
    monkeypatch.setattr(model_module, "BLOCK", 7)
    parts = quasi_newton(model, problem, 5)
    assert parts[1] == pytest.approx(whole[1], rel=1e-9)
    assert parts[0].size == whole[0].size


def test_an_affine_model_of_classes_is_logistic_regression():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 4))
    labels = rng.integers(3, size=150) * (X[:, 0] > -0.5)
    A = np.vstack([np.full((4, 3), 1e-3), np.zeros(3)])
    model = Model(np.zeros((0, 5)), np.zeros((0, 3)), A)
    problem = Problem(Rows.of(X, np.eye(3)[labels]), Softmax(), Ridge(0.5, 0.5, 1e-9))
    fitted, _ = quasi_newton(model, problem, 500)
    reference = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(X, labels)
    assert_allclose(fitted.A[:-1], reference.coef_.T, atol=2e-3)


@settings(deadline=None, max_examples=40)
@given(case=cases)
def test_a_hundred_iterations_lower_the_objective_and_keep_zeros(case):
    loss, K, d, m, seed = case
    problem = problem_of(loss, d, m, seed)
    model = sparse_model(K, d, m, seed, live=True)
    assume(problem.unknowns(model).size > 0)
    fitted, value = quasi_newton(model, problem, 100)
    assert value == pytest.approx(problem.objective(fitted))
    if (
        fitted.n_neurons == model.n_neurons
    ):  # none was folded into the affine part, where the penalty may charge it more
        assert value <= problem.objective(model) + 1e-12
        zero = model.U[:, :-1] == 0.0
        assert np.all(fitted.U[:, :-1][zero] == 0.0)


def test_dead_neurons_are_removed():
    problem = problem_of(Softmax(), 2, 3, 0)
    dead = np.array([[0.1, 0.1, -100.0]])
    model = sparse_model(2, 2, 3, 1, live=True).append(dead, np.ones((1, 3)))
    fitted, value = quasi_newton(model, problem, 3)
    assert fitted.n_neurons <= 2
    assert value == pytest.approx(problem.objective(fitted))


def test_paths_of_very_many_unknowns_find_the_inputs_that_matter():
    X, labels = noisy_classes(400, 60)
    assert takes_long(Softmax(), 10_000, 60, 3)
    stages = stages_of(
        Rows.of(X, np.eye(3)[labels]), Softmax(), Plan(Shrinkage(1e-2)), np.random.default_rng(0), Clock()
    )
    assert stages[0].size > 500
    fresh, truth = noisy_classes(2000, 60, seed=1)
    inputs = np.column_stack([fresh, np.ones(2000)])
    small = next(stage.model for stage in stages if stage.size <= 30)
    right = np.mean(small(inputs).argmax(axis=1) == truth)
    assert right > np.mean(stages[0].model(inputs).argmax(axis=1) == truth)
    assert right > 0.8


def test_the_path_norm_leaves_more_of_very_many_unknowns_near_zero(monkeypatch):
    X, labels = noisy_classes(400, 60)
    rows, shrinkage = Rows.of(X, np.eye(3)[labels]), Shrinkage(1e-3)
    problem = Problem(rows, Softmax(), paths.penalty_for(rows, Softmax(), shrinkage, None))

    def small_share():
        affine = paths.affine_fit(problem, np.arange(60), Clock())
        model = paths.start_of(affine, problem, rows, Plan(shrinkage), np.random.default_rng(0), Clock())
        u = np.abs(model.U[:, :-1])
        return np.mean(u < 0.05 * u.max())

    with_path_norm = small_share()
    monkeypatch.setattr(paths, "penalty_for", lambda *a: problem.penalty)
    assert with_path_norm > small_share() + 0.05


def test_networks_of_many_and_of_few_unknowns_are_refitted_alike(monkeypatch):
    X, labels = noisy_classes(200, 6)
    rows = Rows.of(X, np.eye(3)[labels])

    def losses():
        stages = stages_of(rows, Softmax(), Plan(Shrinkage(1e-2)), np.random.default_rng(0), Clock())
        return [min(s.loss for s in stages if s.size <= size) for size in (20, 40, 80)]

    by_curvature = losses()
    monkeypatch.setattr(surgeon, "MANY_UNKNOWNS", 30)
    assert_allclose(losses(), by_curvature, rtol=0.15)
