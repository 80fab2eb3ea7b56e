"""Poisson and gamma losses, against scikit-learn's deviances and generalised linear models."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import GammaRegressor, PoissonRegressor
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from networks import bits
from reluctant import regress, size_path
from reluctant.regression.losses import Gamma, Poisson

KINDS = {
    "poisson": (Poisson(), PoissonRegressor, mean_poisson_deviance),
    "gamma": (Gamma(), GammaRegressor, mean_gamma_deviance),
}
both = pytest.mark.parametrize("name", KINDS)


def table(name, n_rows=120, n_inputs=2):
    """Counts or amounts whose mean is e to a bent function."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n_rows, n_inputs))
    mean = np.exp(1.0 + 2.0 * np.maximum(X[:, 0], 0) - X[:, -1])
    return X, (rng.poisson(mean) if name == "poisson" else mean * rng.gamma(2.0, 0.5, n_rows)).astype(float)


@both
def test_values_are_half_the_deviances_of_scikit_learn(name):
    loss, _, deviance = KINDS[name]
    _, y = table(name)
    f = np.random.default_rng(1).normal(size=(len(y), 1))
    assert_allclose(loss.values(f, y[:, None]).mean(), 0.5 * deviance(y, np.exp(f[:, 0])), rtol=1e-12)
    assert (loss.values(np.log(np.maximum(y, 1e-300))[:, None], y[:, None]) >= -1e-12).all()


@both
def test_gradients_are_those_of_the_values_and_no_step_of_a_row_exceeds_two(name):
    loss = KINDS[name][0]
    _, y = table(name)
    f = np.random.default_rng(1).normal(scale=4.0, size=(len(y), 1))
    at, h = loss.derivatives(f, y[:, None]), 1e-6
    change = (loss.values(f + h, y[:, None]) - loss.values(f - h, y[:, None])) / (2 * h)
    assert_allclose(at.gradient[:, 0], change, rtol=1e-6, atol=1e-6)
    assert (np.abs(at.gradient) <= 2.0 * at.diagonal * (1 + 1e-12)).all()


@pytest.mark.gate(2)
@both
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_affine_function_is_the_generalised_linear_model_in_every_unit_of_y(name, unit):
    X, y = table(name)
    linear = KINDS[name][1](alpha=0.0, tol=1e-10, max_iter=1000).fit(X, y)
    flat = size_path(X, unit * y, loss=name, max_neurons=0, ridge=1e-12, random_state=0).networks[0]
    penalised = regress(X, unit * y, loss=name, alpha=1e9, random_state=0)
    assert penalised.n_neurons == 0
    for network in (flat, penalised.network):
        assert_allclose(np.exp(network(X)) / unit, linear.predict(X), rtol=1e-4)


@both
def test_a_unit_of_y_moves_the_intercepts_of_a_path_and_nothing_else(name):
    X, y = table(name)
    plain, scaled = (size_path(X, k * y, loss=name, random_state=0) for k in (1.0, 2.0**20))
    assert len(plain) == len(scaled) > 3
    for one, other in zip(plain.networks, scaled.networks, strict=True):
        assert_array_equal(one.input_weights, other.input_weights)
        assert_array_equal(one.slope, other.slope)
        assert_allclose(other.intercept - one.intercept, 20 * np.log(2.0), rtol=1e-12)


@pytest.mark.gate(2)
@both
@pytest.mark.parametrize("n_inputs", [1, 2])
def test_the_objective_of_regress_is_the_mean_deviance_and_the_norm_in_the_units_of_the_user(name, n_inputs):
    X, y = table(name, n_inputs=n_inputs)
    loss, _, deviance = KINDS[name]
    alpha = 3e-3
    one = regress(X, y, loss=name, alpha=alpha, random_state=0)
    many = regress(X, 1024.0 * y, loss=name, alpha=alpha * 1024.0**loss.degree, random_state=0)
    assert one.n_neurons > 0
    assert one.mean_loss == pytest.approx(0.5 * deviance(y, np.exp(one.network(X))))
    assert one.objective == pytest.approx(one.mean_loss + alpha * one.network.path_norm(0.5))
    assert_allclose(many.network(X) - one.network(X), 10 * np.log(2.0), atol=1e-9)
    assert np.isnan(one.max_error)


def test_without_an_affine_part_nothing_is_shifted():
    X, y = table("poisson")
    network = size_path(X, y, loss="poisson", affine=False, random_state=0).networks[0]
    assert network.n_affine == 0
    assert np.mean(np.exp(network(X))) == pytest.approx(y.mean(), rel=0.1)


def test_several_outputs_with_a_log_link_share_neurons_and_keep_their_own_means():
    X, y = table("poisson")
    Y = np.column_stack([y, 1e3 * y])
    network = size_path(X, Y, loss="poisson", random_state=0).networks[0]
    assert_allclose(np.exp(network(X)).mean(axis=0), Y.mean(axis=0), rtol=0.02)


def test_fits_to_equal_rows_are_equal_whatever_their_order():
    X, y = table("gamma", 60)
    order = np.random.default_rng(2).permutation(60)
    one, other = (regress(X[rows], y[rows], loss="gamma", alpha=1e-2, random_state=0) for rows in (slice(None), order))
    assert bits(one.network) == bits(other.network)


@pytest.mark.parametrize(
    ("loss", "wrong", "said"),
    [
        ("poisson", -1.0, "y has -1 at row 3; the Poisson loss wants counts or rates, y ≥ 0"),
        ("gamma", 0.0, "y has 0 at row 3; the gamma loss wants amounts y > 0"),
    ],
)
@pytest.mark.parametrize("verb", [size_path, lambda X, y, loss: regress(X, y, alpha=1.0, loss=loss)])
def test_what_has_no_mean_of_that_kind_is_refused_with_its_row(verb, loss, wrong, said):
    X, y = table("gamma", 20)
    y[3] = wrong
    with pytest.raises(ValueError, match=said):
        verb(X, y, loss=loss)
