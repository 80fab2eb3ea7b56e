"""The temperature of class probabilities, against likelihoods by scipy on a grid and against what it was made of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_expit, log_softmax

from reluctant.regression.calibration import COLDEST, HOTTEST, PRIOR, temperature_of, tempered
from reluctant.regression.losses import Logistic, Softmax
from reluctant.regression.model import Model


def outputs_and_classes(n_rows, n_outputs, sureness, seed=0):
    """Outputs that are `sureness` times the log-odds, or scores, behind the classes; the loss and labels too."""
    rng = np.random.default_rng(seed)
    f = 1.5 * rng.standard_normal((n_rows, n_outputs))
    if n_outputs == 1:
        labels = (rng.random(n_rows) < expit(f[:, 0])).astype(int)
        return sureness * f, labels[:, None].astype(float), Logistic(), labels
    labels = np.argmax(f + rng.gumbel(size=f.shape), axis=1)
    return sureness * f, np.eye(n_outputs)[labels], Softmax(), labels


def log_likelihoods(f, labels):
    if f.shape[1] == 1:
        return log_expit(np.where(labels == 1, 1.0, -1.0) * f[:, 0])
    return log_softmax(f, axis=1)[np.arange(len(f)), labels]


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("sureness", [0.4, 1.0, 3.0])
def test_the_temperature_is_the_best_of_a_grid(n_outputs, sureness):
    f, targets, loss, labels = outputs_and_classes(50, n_outputs, sureness)
    weights = np.random.default_rng(1).integers(1, 4, 50).astype(float)
    grid = np.linspace(1 / HOTTEST, 1 / COLDEST, 4_001)
    likelihood = [np.average(log_likelihoods(tau * f, labels), weights=weights) for tau in grid]
    best = grid[np.argmin(PRIOR / (2 * 50) * (grid - 1) ** 2 - likelihood)]
    assert 1 / temperature_of(f, targets, weights, 50, loss) == pytest.approx(best, abs=grid[1] - grid[0])


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_outputs_that_are_three_times_too_large_get_their_scale_back(n_outputs):
    f, targets, loss, _ = outputs_and_classes(20_000, n_outputs, 3.0)
    assert temperature_of(f, targets, np.ones(20_000), 20_000, loss) == pytest.approx(3.0, rel=0.03)


def test_predictions_of_several_repeats_count_as_their_mean():
    f, targets, loss, _ = outputs_and_classes(40, 1, 2.0)
    once = temperature_of(f, targets, np.ones(40), 40, loss)
    twice = temperature_of(np.vstack([f, f]), np.vstack([targets, targets]), np.ones(80), 40, loss)
    assert twice == pytest.approx(once, rel=1e-9)


@pytest.mark.parametrize("n_rows", [2, 30, 1000])
@pytest.mark.parametrize("margin", [1e-3, 1.0, 30.0])
def test_separable_classes_do_not_run_away(n_rows, margin):
    y = (np.arange(n_rows) % 2.0)[:, None]
    temperature = temperature_of(margin * (2 * y - 1), y, np.ones(n_rows), n_rows, Logistic())
    assert COLDEST <= temperature <= 1.0
    assert temperature > 0.5 or n_rows > 30


def test_outputs_that_say_nothing_keep_their_scale_and_wrong_ones_are_made_as_small_as_allowed():
    y = (np.arange(1000) % 2.0)[:, None]
    assert temperature_of(np.zeros((1000, 1)), y, np.ones(1000), 1000, Logistic()) == pytest.approx(1.0)
    assert temperature_of(5.0 - 10.0 * y, y, np.ones(1000), 1000, Logistic()) == HOTTEST


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_tempered_model_has_the_same_zeros_and_divided_outputs(n_outputs):
    rng = np.random.default_rng(0)
    U, V, A = (rng.standard_normal(shape) for shape in ((4, 6), (4, n_outputs), (6, n_outputs)))
    model = Model(U * (rng.random(U.shape) < 0.6), np.sign(V) if n_outputs == 1 else V, A * (rng.random(A.shape) < 0.6))
    cooler, inputs = tempered(model, 2.5), rng.standard_normal((50, 6))
    assert_allclose(cooler(inputs), model(inputs) / 2.5, rtol=1e-12)
    assert cooler.size == model.size
    assert_array_equal(cooler.V, model.V)
    for mine, its in ((cooler.U, model.U), (cooler.A, model.A)):
        assert_array_equal(mine == 0.0, its == 0.0)
