"""Losses that a user brings: against the built-in ones, and against scipy on a fixed affine problem."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from networks import bits
from reluctant import SparseReLURegressor, regress, size_path
from reluctant.regression import selection
from reluctant.regression.losses import Absolute, BaseLoss, Derivatives, HomogeneousLoss, Quantile, Squared, as_loss
from reluctant.regression.protocol import FACTS, InUnits


class Pinball(HomogeneousLoss):
    """The pinball loss at level 0.3, with its kink rounded off by √(r² + c²) − c."""

    degree = 1

    def values(self, f, target, smoothing=0.0):
        r = f - target
        return np.sum(0.5 * (np.hypot(r, smoothing) - smoothing) + 0.2 * r, axis=1)

    def derivatives(self, f, target, smoothing=1e-3):
        r = f - target
        length = np.hypot(r, smoothing)
        return Derivatives(0.5 * r / length + 0.2, 0.5 / length)


class LogCosh(BaseLoss):
    """log cosh r: squares near zero, absolute values far away."""

    def values(self, f, target, smoothing=0.0):
        r = np.abs(f - target)
        return np.sum(r + np.log1p(np.exp(-2.0 * r)) - np.log(2.0), axis=1)

    def derivatives(self, f, target, smoothing=0.0):
        r = f - target
        return Derivatives(np.tanh(r), np.tanh(r) / np.where(r == 0.0, 1.0, r) + (r == 0.0))


def bent(n_rows=100):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n_rows, 2))
    return X, np.maximum(X[:, 0] - 0.2, 0) - 0.5 * X[:, 1] + 0.1 * rng.standard_t(3, n_rows)


@pytest.mark.gate(1)
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_a_pinball_loss_of_ones_own_gives_the_network_of_the_built_in_one(p):
    X, y = bent()
    own, built_in = (regress(X, y, alpha=1e-2, p=p, loss=loss, random_state=0) for loss in (Pinball(), Quantile(0.3)))
    assert own.n_neurons > 0
    assert bits(own.network) == bits(built_in.network)
    assert own.mean_loss == pytest.approx(built_in.mean_loss, rel=1e-15)


def test_a_pinball_loss_of_ones_own_gives_the_path_of_the_built_in_one():
    X, y = bent()
    own, built_in = (size_path(X, y, loss=loss, random_state=0) for loss in (Pinball(), Quantile(0.3)))
    assert [bits(network) for network in own] == [bits(network) for network in built_in]
    assert_allclose(own.losses(X, y, Pinball()), built_in.losses(X, y, Quantile(0.3)), rtol=1e-15)


def affine_log_cosh(X, y):
    """The affine function of least mean log cosh, by BFGS in the user's units."""
    design = np.column_stack([X, np.ones(len(X))])
    start = np.linalg.lstsq(design, y, rcond=None)[0]

    def mean(line):
        return np.mean(np.logaddexp(design @ line - y, y - design @ line) - np.log(2.0))

    def slope(line):
        return design.T @ np.tanh(design @ line - y) / len(y)

    found = minimize(mean, start, jac=slope, tol=1e-14)
    return design @ found.x, found.fun


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_a_log_cosh_loss_of_ones_own_gives_the_affine_function_that_scipy_finds(unit):
    X, y = bent()
    y = unit * y
    expected, least = affine_log_cosh(X, y)
    flat = regress(X, y, alpha=1e6, loss=LogCosh(), random_state=0)
    path = size_path(X, y, loss=LogCosh(), max_neurons=0, ridge=1e-12, random_state=0)
    assert flat.n_neurons == 0
    for network, mean in ((flat.network, flat.mean_loss), (path.networks[0], path.training_loss[0])):
        assert_allclose(network(X), expected, atol=2e-3 * unit)
        assert least * (1 - 1e-9) <= mean <= least * (1 + 1e-5)


def test_a_log_cosh_network_has_a_lower_loss_than_the_affine_function_and_states_its_error():
    X, y = bent()
    solution = regress(X, y, alpha=1e-4, loss=LogCosh(), random_state=0)
    assert solution.mean_loss < 0.95 * affine_log_cosh(X, y)[1]
    residuals = solution.network(X) - y
    assert solution.mean_loss == pytest.approx(np.mean(np.log(np.cosh(residuals))))
    assert solution.max_error == pytest.approx(np.abs(residuals).max())


def test_an_estimator_takes_a_loss_of_ones_own(monkeypatch):
    monkeypatch.setattr(selection, "RIDGES", (3e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "FOLDS", 2)
    X, y = (a[:60] for a in bent())
    own, built_in = (
        SparseReLURegressor(max_parameters=6, loss=loss, random_state=0).fit(X, y)
        for loss in (Pinball(), Quantile(0.3))
    )
    assert bits(own.network_) == bits(built_in.network_)


@pytest.mark.parametrize("loss", [Squared(), Absolute(), Quantile(0.2), LogCosh()])
def test_a_loss_in_units_is_that_of_the_residuals_in_the_units_of_the_user(loss):
    rng = np.random.default_rng(0)
    f, y, units = rng.normal(size=(7, 3)), rng.normal(size=(7, 3)), np.array([0.5, 30.0, 2.0])
    inside = InUnits(loss, units)
    assert_allclose(inside.values(f, y) * 30.0**loss.degree, loss.values(f * units, y * units))
    at, h = inside.derivatives(f, y, 1e-2), 1e-6
    for c in range(3):
        step = np.eye(3)[c] * h
        change = inside.values(f + step, y, 1e-2) - inside.values(f - step, y, 1e-2)
        assert_allclose(at.gradient[:, c], change / (2 * h), atol=1e-6)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_the_scaling_of_the_base_is_that_of_a_homogeneous_loss(unit):
    rng = np.random.default_rng(1)
    f, y = rng.normal(size=(2, 9, 1))
    for loss in (Squared(), Absolute(), Quantile(0.9)):
        inside = BaseLoss.scaled(loss, np.array([unit]))
        assert_allclose(inside.values(f, y), loss.values(f, y))
        for a, b in zip(inside.derivatives(f, y)[:2], loss.derivatives(f, y)[:2], strict=True):
            assert_allclose(a, b, rtol=1e-12)


def test_steepness_of_a_loss_in_units_is_its_slope_at_one_deviation():
    for unit in (0.01, 1.0, 50.0):
        assert LogCosh().scaled(np.array([unit])).steepness == pytest.approx(np.tanh(unit) / unit, rel=1e-12)


def test_an_object_of_any_class_is_a_loss_if_it_states_what_a_loss_states():
    facts = {name: getattr(Quantile(0.3), name) for name in FACTS}
    own = SimpleNamespace(**facts)
    own.scaled = lambda y_scale: own
    X, y = bent()
    assert as_loss(own) is own
    built_in = size_path(X, y, loss=Quantile(0.3), random_state=0)
    assert_array_equal(size_path(X, y, loss=own, random_state=0).training_loss, built_in.training_loss)


@pytest.mark.parametrize("verb", [size_path, lambda X, y, loss: regress(X, y, alpha=1.0, loss=loss)])
def test_an_object_that_states_too_little_is_refused_with_what_is_missing(verb):
    facts = {name: getattr(Squared(), name) for name in FACTS if name not in ("degree", "scaled")}
    with pytest.raises(ValueError, match=r"does not state degree, scaled; derive its class from .*BaseLoss, or add"):
        verb(*bent(), loss=SimpleNamespace(**facts))


def test_a_base_without_derivatives_says_what_it_wants():
    with pytest.raises(NotImplementedError, match=r"BaseLoss must have derivatives\(f, target, smoothing\)"):
        size_path(*bent(), loss=BaseLoss())
