"""Losses against differences of their own values and against their textbook formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import hinge_loss, log_loss, mean_pinball_loss

from reluctant import size_path
from reluctant.regression.losses import (
    LEAST_CURVATURE,
    Absolute,
    Hinge,
    Huber,
    Logistic,
    Quantile,
    Softmax,
    Squared,
    as_loss,
    class_probabilities,
)

SMOOTH = [Squared(), Logistic(), Softmax()]
KINKED = [Absolute(), Quantile(0.2), Huber(0.7), Hinge()]


def rows_of(loss, seed, m=3):
    """Predictions within ±4 and targets the loss allows."""
    rng = np.random.default_rng(seed)
    f = rng.uniform(-4, 4, (6, m))
    if isinstance(loss, Softmax):
        return f, rng.dirichlet(np.ones(m), 6)
    if isinstance(loss, Logistic):
        return f, rng.uniform(0, 1, (6, m))
    if isinstance(loss, Hinge):
        return f, rng.integers(0, 2, (6, m)).astype(float)
    return f, rng.uniform(-4, 4, (6, m))


def differences(loss, f, target, smoothing, h=1e-6):
    """Derivatives of the values by central differences, (N, m)."""
    columns = []
    for c in range(f.shape[1]):
        step = np.zeros(f.shape[1])
        step[c] = h
        columns.append((loss.values(f + step, target, smoothing) - loss.values(f - step, target, smoothing)) / (2 * h))
    return np.column_stack(columns)


def curvature_matrices(derivatives):
    """The curvature of each row as a matrix, (N, m, m)."""
    matrices = np.stack([np.diag(d) for d in derivatives.diagonal])
    if derivatives.root is not None:
        matrices -= derivatives.root[:, :, None] * derivatives.root[:, None, :]
    return matrices


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(SMOOTH + KINKED), st.integers(0, 10**6), st.sampled_from([1e-3, 0.1]))
def test_gradient_is_the_derivative_of_the_smoothed_values(loss, seed, smoothing):
    f, target = rows_of(loss, seed)
    got = loss.derivatives(f, target, smoothing).gradient
    assert_allclose(got, differences(loss, f, target, smoothing), atol=2e-4 if smoothing < 0.1 else 2e-6)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(SMOOTH), st.integers(0, 10**6))
def test_curvature_of_smooth_losses_is_the_derivative_of_the_gradient(loss, seed):
    f, target = rows_of(loss, seed)
    matrices = curvature_matrices(loss.derivatives(f, target))
    h = 1e-5
    for c in range(f.shape[1]):
        step = np.zeros(f.shape[1])
        step[c] = h
        change = loss.derivatives(f + step, target).gradient - loss.derivatives(f - step, target).gradient
        assert_allclose(matrices[:, :, c], change / (2 * h), atol=1.1 * LEAST_CURVATURE)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(KINKED), st.integers(0, 10**6), st.sampled_from([1e-3, 0.1]))
def test_quadratic_model_lies_above_the_smoothed_kinked_losses(loss, seed, smoothing):
    f, target = rows_of(loss, seed)
    other = np.random.default_rng(seed + 1).uniform(-8, 8, f.shape)
    at = loss.derivatives(f, target, smoothing)
    s = other - f
    model = loss.values(f, target, smoothing) + np.sum(at.gradient * s + 0.5 * at.diagonal * s**2, axis=1)
    assert np.all(loss.values(other, target, smoothing) <= model + 1e-9 * (1 + np.abs(model)))


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(KINKED), st.integers(0, 10**6))
def test_smoothed_values_lie_at_most_the_smoothing_below_the_loss(loss, seed):
    f, target = rows_of(loss, seed)
    gap = loss.values(f, target) - loss.values(f, target, 1e-3)
    assert np.all(gap >= -1e-12)
    assert np.all(gap <= 3 * 1e-3 + 1e-12)


def test_values_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    labels = rng.integers(0, 2, (50, 1)).astype(float)
    scores, shares = rng.normal(size=(50, 4)), np.eye(4)[rng.integers(0, 4, 50)]
    p = class_probabilities(scores)
    assert_allclose(Quantile(0.3).values(f, y).mean(), mean_pinball_loss(y, f, alpha=0.3))
    assert_allclose(Logistic().values(f, labels).mean(), log_loss(labels, class_probabilities(f)))
    assert_allclose(Softmax().values(scores, shares).mean(), log_loss(shares.argmax(1), p, labels=range(4)))
    assert_allclose(Hinge().values(f, labels).mean(), hinge_loss(labels[:, 0], f[:, 0]))


def test_huber_is_the_integral_of_the_clipped_residual():
    r = np.linspace(-3, 3, 60001)[:, None]
    clipped = np.clip(r[:, 0], -0.7, 0.7)
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (clipped[1:] + clipped[:-1]) * np.diff(r[:, 0]))])
    values = Huber(0.7).values(r, np.zeros_like(r))
    assert_allclose(values - values[0], integral, atol=1e-7)
    assert values[30000] == pytest.approx(0.0, abs=1e-20)


@pytest.mark.parametrize("loss", [Logistic(), Softmax()])
def test_confident_scores_do_not_overflow(loss):
    f = np.array([[800.0, -800.0], [-800.0, 800.0]])
    target = np.eye(2)
    assert np.isfinite(loss.values(f, target)).all()
    at = loss.derivatives(f, target)
    assert all(np.isfinite(a).all() for a in at if a is not None)
    assert at.diagonal.min() >= LEAST_CURVATURE


@pytest.mark.parametrize("n_classes", [1, 3])
def test_class_probabilities_sum_to_one(n_classes):
    p = class_probabilities(np.random.default_rng(0).normal(size=(20, n_classes)) * 50)
    assert p.shape == (20, max(n_classes, 2))
    assert_allclose(p.sum(axis=1), 1.0)
    assert (p >= 0).all()


@pytest.mark.parametrize("bad", ["mse", None, 3, Squared, object()])
def test_unknown_losses_are_refused(bad):
    with pytest.raises(ValueError, match=r"loss must be one of 'squared'.*got"):
        as_loss(bad)


def test_names_and_objects_are_losses():
    assert as_loss("huber") == Huber()
    assert as_loss(Quantile(0.9)) == Quantile(0.9)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_quantile_levels_lie_inside_the_unit_interval(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        Quantile(level)


@pytest.mark.parametrize("delta", [0.0, -1.0, float("inf"), float("nan")])
def test_huber_wants_a_positive_threshold(delta):
    with pytest.raises(ValueError, match="delta must be a positive number"):
        Huber(delta)


@pytest.mark.parametrize("delta", ["a", (), None, [[1.0, 2.0]]])
def test_thresholds_and_levels_are_numbers(delta):
    with pytest.raises(ValueError, match="delta must be a positive number, or one for each output"):
        Huber(delta)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        Quantile(delta)


def test_softmax_wants_rows_of_every_class():
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match="softmax has no row of class 1; number the classes 0 … m - 1"):
        size_path(X, np.arange(20) % 2 * 200, loss="softmax")
