"""Exact solves: derivatives, steps and convergence against independent computations."""

import numpy as np
import pytest

from reluctant.multivariate.newton_prune import newton
from reluctant.multivariate.newton_prune.newton import cholesky, cholesky_solve, gram, relative_metric, solve
from reluctant.multivariate.newton_prune.starts import dense_start, feature_start, line_start, simple_start
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights


def table(n, d, m=1, seed=0, affine=False):
    rng = np.random.default_rng(seed)
    return Data.from_arrays(rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m)), affine)


def sparse_state(data, n_neurons, rng):
    """Random neurons with exact zeros, no hinge on a data point."""
    weights = dense_start(data, rng)
    weights = weights.take(np.arange(n_neurons) % weights.n_neurons)
    kept = rng.random(weights.U.shape) < 0.7
    kept[:, 0] = True
    U = np.where(kept, weights.U * rng.uniform(0.8, 1.2, kept.shape), 0.0)
    V = np.where(rng.random(weights.V.shape) < 0.7, weights.V, 0.0)
    V[np.arange(n_neurons), rng.integers(0, data.n_outputs, n_neurons)] = 1.0
    affine = np.zeros_like(weights.affine)
    affine[data.affine] = rng.standard_normal((data.affine.size, data.n_outputs))
    return Weights(U, V, affine).normalised()


def outputs_in_longdouble(data, weights):
    hidden = np.maximum(weights.U.astype(np.longdouble) @ data.inputs.astype(np.longdouble), 0)
    return weights.V.T.astype(np.longdouble) @ hidden + weights.affine.T.astype(np.longdouble) @ data.inputs


@pytest.mark.parametrize(("m", "affine"), [(1, False), (1, True), (3, False), (2, True)])
def test_design_equals_finite_differences(m, affine):
    rng = np.random.default_rng(1)
    data = table(17, 4, m, affine=affine)
    weights = sparse_state(data, 6, rng)
    unknowns = Unknowns.of(data, weights)
    scale = rng.uniform(0.5, 2.0, unknowns.size)
    design = unknowns.design(data, weights, scale)
    values, h = unknowns.gather(weights), 1e-7
    for q in range(unknowns.size):
        step = np.zeros_like(values)
        step[q] = h * scale[q]
        up = unknowns.scatter(weights, values + step).residuals(data)
        down = unknowns.scatter(weights, values - step).residuals(data)
        np.testing.assert_allclose(design[q], (down - up).ravel() / (2 * h), atol=1e-6)


@pytest.mark.parametrize(("m", "affine"), [(1, False), (2, True)])
def test_residuals_equal_the_network_evaluated_in_extended_precision(m, affine):
    data = table(30, 5, m, affine=affine)
    weights = sparse_state(data, 8, np.random.default_rng(2))
    expected = data.targets - outputs_in_longdouble(data, weights)
    np.testing.assert_allclose(weights.residuals(data), expected.astype(float), atol=1e-13)
    network = weights.to_network()
    np.testing.assert_allclose(
        network(data.inputs[:-1].T).reshape(-1, m), (data.targets - expected).T.astype(float), atol=1e-13
    )


def test_unknowns_are_as_many_as_the_networks_parameters():
    data = table(30, 5, 3, affine=True)
    weights = sparse_state(data, 8, np.random.default_rng(3))
    unknowns = Unknowns.of(data, weights)
    assert unknowns.n_hinge == weights.n_parameters == weights.to_network().n_parameters
    assert unknowns.size == unknowns.n_hinge + 6 * 3


def test_first_step_is_the_least_weighted_norm_solution():
    data = table(12, 6)
    weights = dense_start(data, np.random.default_rng(4))
    unknowns = Unknowns.of(data, weights)
    metric = relative_metric(unknowns.gather(weights), unknowns)
    root = np.sqrt(metric)
    B = unknowns.design(data, weights, root)
    residual = weights.residuals(data).ravel()
    step = root * (B @ cholesky_solve(cholesky(gram(B), 0.0), residual))
    expected = root * np.linalg.lstsq(B.T, residual, rcond=None)[0]
    np.testing.assert_allclose(step, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("n", "d", "m"), [(30, 10, 1), (300, 20, 1), (40, 10, 2)])
def test_solve_reaches_an_interpolant_and_keeps_the_zeros(n, d, m):
    data = table(n, d, m)
    start = dense_start(data, np.random.default_rng(0), factor=4.0)
    start.U[::3, 1] = 0.0
    found = solve(data, start, max_iterations=60, stall=False)
    assert found.converged
    error = np.abs(outputs_in_longdouble(data, found.weights) - data.targets).max()
    assert error < 1e-11
    assert np.all(found.weights.U[::3, 1] == 0.0)


def test_solve_says_so_where_it_does_not_converge():
    data = table(30, 3)
    few = dense_start(data, np.random.default_rng(0)).take(np.arange(2))
    found = solve(data, few)
    assert not found.converged
    assert found.max_residual == pytest.approx(np.abs(found.weights.residuals(data)).max())


def with_band(data, half_width):
    return Data(data.inputs, data.targets, data.affine, np.broadcast_to(half_width, data.targets.shape))


@pytest.mark.parametrize(("n", "m", "half_width"), [(30, 1, 0.2), (20, 3, 0.2), (300, 1, 0.5), (30, 1, 1e-9)])
def test_solve_into_a_band_ends_within_it_and_keeps_the_zeros(n, m, half_width):
    data = with_band(table(n, 10, m), half_width * np.linspace(0.5, 1.0, n))
    start = dense_start(data, np.random.default_rng(0), factor=4.0)
    start.U[::3, 1] = 0.0
    found = solve(data, start, max_iterations=60, stall=False)
    assert found.converged
    assert found.max_residual == 0.0
    error = np.abs(outputs_in_longdouble(data, found.weights) - data.targets)
    assert (error <= data.half_width * (1 + 1e-9) + 1e-14).all()
    assert np.all(found.weights.U[::3, 1] == 0.0)


def test_solve_within_the_band_moves_nothing():
    data = table(20, 4, 2)
    weights = sparse_state(data, 5, np.random.default_rng(6))
    band = with_band(data, 1.01 * np.abs(weights.residuals(data)).max())
    found = solve(band, weights)
    assert found.converged
    assert found.n_factorisations == 0
    assert found.weights is weights


def test_step_into_a_band_is_the_least_one_that_reaches_it_and_holds_the_border():
    """With constant neurons alone the network is linear, and one step has to do: compared with a quadratic program."""
    X = np.array([[0.0], [1.0], [2.0]])
    data = Data.from_arrays(X, np.array([1.0, 3.0, 2.0]), half_width=np.array([0.5, 1.0, 2.5]))
    weights = Weights(np.array([[0.0, 1.0], [0.0, 0.4]]), np.ones((2, 1)), np.zeros((2, 1)))
    found = solve(data, weights)
    # f = 1.4 has to reach 2.001 (a thousandth inside 3 ± 1), but not 1.5 + 0: the border of the first point holds it.
    assert not found.converged
    wider = Data.from_arrays(X, np.array([1.0, 3.0, 2.0]), half_width=np.array([2.5, 1.0, 2.5]))
    found = solve(wider, weights)
    metric = np.array([1.0, 0.4]) + 1e-3 * 0.7
    np.testing.assert_allclose(found.weights.U[:, 1], [1.0, 0.4] + metric / metric.sum() * (2.001 - 1.4), rtol=1e-9)


def test_feature_start_interpolates_low_dimensional_data():
    data = table(60, 2)
    weights = feature_start(data, np.random.default_rng(0), 1.6)
    assert weights is not None
    assert solve(data, weights).converged


@pytest.mark.parametrize(("n", "d", "m"), [(1, 3, 1), (2, 1, 1), (40, 2, 1), (25, 3, 2)])
def test_line_start_interpolates_any_distinct_rows(n, d, m):
    data = table(n, d, m)
    weights = line_start(data, np.random.default_rng(0))
    assert np.abs(weights.residuals(data)).max() < 1e-10
    assert weights.n_neurons <= n


def test_line_start_finds_a_direction_where_every_input_has_ties():
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    data = Data.from_arrays(X, np.array([0.0, 1.0, 1.0, 0.0]))
    weights = line_start(data, np.random.default_rng(0))
    assert np.abs(weights.residuals(data)).max() < 1e-12


def test_constant_labels_need_one_bias_and_affine_labels_nothing():
    X = np.random.default_rng(0).uniform(-1, 1, (9, 3))
    constant = simple_start(Data.from_arrays(X, np.full(9, -0.75)))
    assert constant is not None
    assert constant.n_parameters == 1
    affine = simple_start(Data.from_arrays(X, X @ [1.0, -2.0, 0.5] + 0.25, affine=True))
    assert affine is not None
    assert affine.n_parameters == 0
    assert simple_start(Data.from_arrays(X, X[:, 0])) is None


@pytest.mark.parametrize(("n", "d", "m", "affine"), [(20, 5, 1, False), (12, 3, 2, True), (30, 4, 1, True)])
@pytest.mark.parametrize("factor", [0.6, 1.5])
def test_the_compiled_loop_takes_the_steps_of_the_other(n, d, m, affine, factor, monkeypatch):
    rng = np.random.default_rng(n)
    data = Data.from_arrays(rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m)), affine)
    start = dense_start(data, rng, factor)
    compiled = solve(data, start, max_iterations=4)
    monkeypatch.setattr(newton, "COMPILED_UNTIL", 0)
    other = solve(data, start, max_iterations=4)
    assert compiled.n_factorisations == other.n_factorisations
    assert compiled.max_residual == pytest.approx(other.max_residual, rel=1e-3, abs=1e-9)
    np.testing.assert_allclose(compiled.weights.U, other.weights.U, rtol=1e-3, atol=1e-4)
