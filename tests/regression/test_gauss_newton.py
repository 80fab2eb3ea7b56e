"""Quadratic models and steps against dense Jacobians, differences, and solvers of convex special cases."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from regression.models import cases, on_and_off, problem_of, sparse_model
from reluctant.effort import Clock
from reluctant.regression import gauss_newton
from reluctant.regression import model as model_module
from reluctant.regression.gauss_newton import Problem, curvatures, minimise, quadratic_model, summed_loss
from reluctant.regression.losses import SMOOTHING, Absolute, Hinge, Logistic, Softmax, Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalties import PathPower, Ridge
from reluctant.regression.starts import affine_fit


def dense_jacobian(model, unknowns, inputs):
    """d f_ic / d θ_j of every row, output and unknown, from the formula of the network; shape (N, m, P)."""
    N, m = len(inputs), model.n_outputs
    on = (inputs @ model.U.T > 0.0).astype(float)
    hidden = np.maximum(inputs @ model.U.T, 0.0)
    J = np.zeros((N, m, unknowns.size))
    j = 0
    for k, i in zip(unknowns.neuron, unknowns.coordinate, strict=True):
        J[:, :, j] = (on[:, k] * inputs[:, i])[:, None] * model.V[k]
        j += 1
    for k, c in zip(unknowns.out_neuron, unknowns.output, strict=True):
        J[:, c, j] = hidden[:, k]
        j += 1
    for i, c in zip(unknowns.affine, unknowns.affine_output, strict=True):
        J[:, c, j] = inputs[:, i]
        j += 1
    return J


@pytest.mark.parametrize("small", [0, 10**9])
@settings(deadline=None, max_examples=60)
@given(case=cases, affine=st.booleans())
def test_quadratic_model_equals_the_dense_jacobian(small, case, affine):
    loss, K, d, m, seed = case
    problem = problem_of(loss, d, m, seed, affine=affine)
    model = sparse_model(K, d, m, seed)
    unknowns = problem.unknowns(model)
    rows = problem.data
    J = dense_jacobian(model, unknowns, rows.inputs)
    slopes = loss.derivatives(model(rows.inputs), rows.targets)
    W = np.stack([np.diag(diagonal) for diagonal in slopes.diagonal])
    if slopes.root is not None and m > 1:
        W -= slopes.root[:, :, None] * slopes.root[:, None, :]
    w = problem.penalty.weights(model, unknowns)
    hessian = np.einsum("n,ncp,nce,neq->pq", rows.weights, J, W, J) + np.diag(w)
    gradient = np.einsum("n,ncp,nc->p", rows.weights, J, slopes.gradient) + w * unknowns.gather(model)
    with mock.patch.object(gauss_newton, "SMALL", small):
        got = quadratic_model(model, unknowns, problem)
    assert_allclose(curvatures(model, unknowns, problem), np.diag(hessian), rtol=1e-9, atol=1e-9)
    assert_allclose(got.hessian, hessian, atol=1e-10, rtol=1e-9)
    assert_allclose(got.gradient, gradient, atol=1e-10, rtol=1e-9)
    on, off = on_and_off(model, rows.inputs)
    assert np.array_equal(got.ever_on, on)
    assert np.array_equal(got.ever_off, off)


@settings(deadline=None, max_examples=60)
@given(cases, st.sampled_from([None, 0.4, 1.0]))
def test_gradient_is_the_derivative_of_the_objective(case, p):
    loss, K, d, m, seed = case
    problem = problem_of(loss, d, m, seed, p=p)
    model = sparse_model(K, d, m, seed, live=True)
    unknowns = problem.unknowns(model)
    theta, h = unknowns.gather(model), 1e-7
    margin = np.abs(problem.data.inputs @ model.U.T)
    assume(margin.min(initial=1.0) > 1e-4)  # a row next to a hinge: no derivative within h
    got = quadratic_model(model, unknowns, problem).gradient
    value = [
        [problem.objective(unknowns.scatter(model, theta + s * h * e)) for s in (1, -1)] for e in np.eye(unknowns.size)
    ]
    expected = np.array([(up - down) / (2 * h) for up, down in value]).reshape(-1)
    assert_allclose(got, expected, atol=3e-3 if loss in (Absolute(), Hinge()) else 1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6), st.sampled_from([0.3, 1.0]))
def test_path_power_is_majorised_by_its_weights_in_the_incoming_weights(K, d, m, seed, p):
    penalty = PathPower(np.random.default_rng(seed).uniform(0, 1, d + 1), p, 0.1, affine=0.3)
    model, other = sparse_model(K, d, m, seed), sparse_model(K, d, m, seed + 1)
    moved = Model(np.where(model.U != 0, other.U, 0.0), model.V, other.A)
    full = Model(np.ones_like(model.U), np.ones_like(model.V), np.ones_like(model.A))
    unknowns = problem_of(Squared(), d, m, seed).unknowns(full)
    w, a, b = penalty.weights(model, unknowns), unknowns.gather(model), unknowns.gather(moved)
    bound = penalty.value(model) + 0.5 * np.sum(w * (b**2 - a**2))
    assert penalty.value(moved) <= bound + 1e-12


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("loss", [Squared(), Softmax()])
def test_blocks_give_what_one_block_gives(monkeypatch, m, loss):
    problem = problem_of(loss, 3, m, 0, n_rows=50)
    model = sparse_model(4, 3, m, 0)
    whole = quadratic_model(model, problem.unknowns(model), problem)
    fitted = minimise(model, problem, 5)
    monkeypatch.setattr(model_module, "BLOCK", 7)
    parts = quadratic_model(model, problem.unknowns(model), problem)
    for a, b in zip(parts, whole, strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    assert minimise(model, problem, 5)[1] == pytest.approx(fitted[1], rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(cases, st.sampled_from([None, 0.4, 1.0]))
def test_minimise_never_raises_the_objective_where_neurons_bend(case, p):
    loss, K, d, m, seed = case
    problem = problem_of(loss, d, m, seed, p=p)
    model = sparse_model(K, d, m, seed, live=True)
    on, off = on_and_off(model, problem.data.inputs)
    model = model.cleaned(on, off)
    fitted, value = minimise(model, problem, 1)
    assert value <= problem.objective(model)
    assert value == pytest.approx(problem.objective(fitted))


def test_folding_a_linear_neuron_may_cost_more_penalty():
    x = np.linspace(1.0, 2.0, 50)[:, None]
    problem = Problem(Rows.of(x, 20 * x), Squared(), Ridge(1.0, 1.0, 1e-9))
    model = Model(np.array([[10.0, 0.1]]), np.ones((1, 1)), np.array([[10.0], [0.0]]))
    fitted, value = minimise(model, problem, 5)
    assert fitted.n_neurons == 0
    assert value > problem.objective(model)


def test_without_unknowns_the_model_stays():
    problem = problem_of(Squared(), 2, 1, 0, affine=False)
    dead = Model(np.array([[0.0, 0.0, -1.0]]), np.ones((1, 1)), np.zeros((3, 1)))
    fitted, value = minimise(dead, problem, 5)
    assert fitted.n_neurons == 0
    assert value == summed_loss(fitted, problem.data, problem.loss, SMOOTHING)


@pytest.mark.parametrize("m", [1, 2])
def test_affine_fit_equals_the_closed_form_of_ridge(m):
    problem = problem_of(Squared(), 3, m, 0, n_rows=40)
    rows, ridge = problem.data, problem.penalty
    fitted = affine_fit(problem, np.arange(3), Clock())
    weighted = rows.inputs * rows.weights[:, None]
    penalty = np.diag([ridge.slopes] * 3 + [ridge.intercept])
    expected = np.linalg.solve(rows.inputs.T @ weighted + penalty, weighted.T @ rows.targets)
    assert_allclose(fitted.A, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_affine_fit_equals_logistic_regression(n_classes):
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(80, 3)), rng.integers(0, n_classes, 80)
    weights = rng.uniform(0.2, 2.0, 80)
    targets, loss = (labels[:, None], Logistic()) if n_classes == 2 else (np.eye(n_classes)[labels], Softmax())
    problem = Problem(Rows.of(X, targets.astype(float), weights), loss, Ridge(1.0, 0.5, 1e-9))
    fitted = affine_fit(problem, np.arange(3), Clock())
    rival = LogisticRegression(C=2.0, tol=1e-10, max_iter=1000).fit(X, labels, weights)
    assert_allclose(fitted.A[:-1].T, rival.coef_, atol=2e-4)
    centred = fitted.A[-1] - fitted.A[-1].mean() * (n_classes > 2)
    assert_allclose(centred, rival.intercept_ - rival.intercept_.mean() * (n_classes > 2), atol=2e-4)
