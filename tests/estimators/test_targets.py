"""Classes, several outputs, weights and losses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.regression import selection
from reluctant.regression.losses import Quantile, class_probabilities


def test_probabilities_are_as_good_as_those_behind_the_labels(classifier):
    X = np.random.default_rng(7).uniform(-1, 1, (4000, 3))
    odds = 3.0 * np.abs(X[:, 0]) - 1.5
    truth = 1.0 / (1.0 + np.exp(-odds))
    given = classifier.predict_proba(X)
    np.testing.assert_allclose(given.sum(axis=1), 1.0)
    assert classifier.classes_.tolist() == ["no", "yes"]
    assert np.mean(np.abs(given[:, 1] - truth)) < 0.08
    np.testing.assert_allclose(classifier.decision_function(X), np.log(given[:, 1] / given[:, 0]))
    assert np.array_equal(classifier.predict(X), np.where(given[:, 1] > 0.5, "yes", "no"))


def test_three_classes_of_integers_share_their_neurons():
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, (240, 2))
    labels = np.array([10, 20, 30])[np.digitize(X[:, 0] + 0.02 * rng.standard_normal(240), [-0.3, 0.3])]
    model = SparseReLUClassifier(max_parameters=12, random_state=0).fit(X, labels)
    assert model.decision_function(X).shape == model.predict_proba(X).shape == (240, 3)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.score(X, labels) > 0.95


def test_separable_classes_have_no_runaway_weights():
    X = np.linspace(-1, 1, 60)[:, None] * [1.0, 0.5]
    labels = X[:, 0] > 0
    for params, most in (({}, 50.0), ({"alpha": 1e-3}, 500.0)):
        model = SparseReLUClassifier(**params, random_state=0).fit(X, labels)
        assert model.score(X, labels) == 1.0
        assert np.abs(model.decision_function(X)).max() < most


def test_linear_log_odds_give_probabilities_no_worse_than_logistic_regression():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((1500, 3))
    labels = rng.random(1500) < 1.0 / (1.0 + np.exp(-(X @ [1.5, -1.0, 0.0])))
    ours = SparseReLUClassifier(random_state=0).fit(X[:500], labels[:500])
    linear = LogisticRegression().fit(X[:500], labels[:500])
    losses = [log_loss(labels[500:], model.predict_proba(X[500:])) for model in (ours, linear)]
    assert losses[0] < losses[1] + 0.005


def without_temperature(model, X, y, monkeypatch):
    """The same estimator fitted with outputs as they are."""
    with monkeypatch.context() as patch:
        patch.setattr(selection, "temperature_of", lambda *a: 1.0)
        return clone(model).fit(X, y)


@pytest.mark.gate(2)
@pytest.mark.parametrize("params", [{}, {"max_parameters": 9}, {"max_neurons": 1, "affine": False}])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_outputs_are_divided_by_the_temperature_and_nothing_else_changes(monkeypatch, class_table, params, n_classes):
    X, y = class_table
    y = y if n_classes == 2 else np.where(X[:, 1] > 0.7, "perhaps", y)
    model = SparseReLUClassifier(**params, random_state=0).fit(X, y)
    plain = without_temperature(model, X, y, monkeypatch)
    assert plain.temperature_ == 1.0
    assert model.temperature_ != 1.0
    np.testing.assert_allclose(model.temperature_ * model.decision_function(X), plain.decision_function(X), atol=1e-9)
    for name in ("input_weights", "output_weights", "slope"):
        mine, its = getattr(model.network_, name), getattr(plain.network_, name)
        np.testing.assert_array_equal(np.sign(mine), np.sign(its))
    assert model.n_parameters_ == plain.n_parameters_ == model.network_.size
    path = model.path_
    assert path.temperature == model.temperature_
    assert path.networks[path.chosen] is model.network_
    for network, other, loss in zip(path.networks, plain.path_.networks, path.training_loss, strict=True):
        np.testing.assert_allclose(network(X) * path.temperature, other(X), atol=1e-9)
        assert loss == pytest.approx(
            log_loss(y, class_probabilities(path.temperature * network(X).reshape(len(X), -1)))
        )
    np.testing.assert_array_equal(path.validation_loss, plain.path_.validation_loss)


def test_networks_that_are_too_sure_get_better_probabilities_by_the_temperature(monkeypatch):
    """Twenty parameters and hardly any ridge for eighty rows of noisy labels; fresh rows judge."""
    monkeypatch.setattr(selection, "RIDGES", (1e-4,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-4,))
    monkeypatch.setattr(selection, "size_grid", lambda largest, smallest: np.array([20]))
    gains = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (3080, 4))
        labels = rng.random(3080) < 1.0 / (1.0 + np.exp(-3.0 * X[:, 0]))
        model = SparseReLUClassifier(selection="min", random_state=seed).fit(X[:80], labels[:80])
        assert model.temperature_ > 1.5
        plain = without_temperature(model, X[:80], labels[:80], monkeypatch)
        fresh = [log_loss(labels[80:], each.predict_proba(X[80:])) for each in (plain, model)]
        gains.append(fresh[0] - fresh[1])
    assert min(gains) > 0.0


def test_there_is_no_temperature_without_cross_validation(class_table):
    assert SparseReLUClassifier(alpha=0.01, random_state=0).fit(*class_table).temperature_ is None


def test_several_outputs_are_predicted_together(hinge_table):
    X = hinge_table[0]
    Y = np.column_stack([np.maximum(X[:, 0], 0), 1000.0 * np.maximum(X[:, 0], 0) + X[:, 1]])
    model = SparseReLURegressor(random_state=0).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.score(X, Y) > 0.98
    assert SparseReLURegressor(max_parameters=3).fit(X, Y[:, :1]).predict(X).shape == (320, 1)


def test_rows_without_weight_are_as_if_they_were_not_there(hinge_table):
    X, y = hinge_table
    spoilt = np.vstack([X, 100.0 * np.ones((5, 4))]), np.append(y, np.full(5, 1e9))
    weights = np.append(np.ones(320), np.zeros(5))
    ours = SparseReLURegressor(max_parameters=5, random_state=0)
    left_out = ours.fit(X, y).predict(X)
    assert np.array_equal(clone(ours).fit(*spoilt, sample_weight=weights).predict(X), left_out)


def test_weights_move_the_fit_to_the_rows_that_weigh():
    X = np.tile(np.linspace(-1, 1, 100), 2)[:, None]
    y = np.append(np.zeros(100), np.ones(100))
    weights = np.append(np.full(100, 1.0), np.full(100, 3.0))
    model = SparseReLURegressor(max_parameters=1, random_state=0).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(model.predict(X), 0.75)


def test_losses_lead_to_their_own_centre():
    rng = np.random.default_rng(6)
    X = rng.uniform(-1, 1, (400, 1))
    y = rng.exponential(size=400)
    centres = {"squared": y.mean(), "absolute": np.median(y), Quantile(0.8): np.quantile(y, 0.8)}
    for loss, centre in centres.items():
        model = SparseReLURegressor(loss=loss, max_parameters=1, random_state=0).fit(X, y)
        assert model.predict([[0.0]])[0] == pytest.approx(centre, abs=0.03)


@pytest.mark.parametrize("line", [True, False])
def test_separable_classes_get_a_small_network(monkeypatch, line):
    monkeypatch.setattr(selection, "RIDGES", (1e-4, 1e-2))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-4, 1e-2))
    rng = np.random.default_rng(0)
    X = np.linspace(-1, 1, 400)[:, None] if line else np.r_[rng.normal(size=(60, 3)) - 5, rng.normal(size=(60, 3)) + 5]
    y = X[:, 0] > 0
    model = SparseReLUClassifier(random_state=0).fit(X, y)
    assert model.n_parameters_ <= 8
    assert model.score(X, y) == 1.0
    assert np.isfinite(model.decision_function(X)).all()


def test_one_outlying_cell_does_not_make_the_model_a_constant():
    rng = np.random.default_rng(0)
    X, fresh = rng.normal(size=(120, 3)), rng.normal(size=(500, 3))
    y = X[:, 1] + 0.3 * rng.normal(size=120)
    X[3, 1] = 30.0
    assert SparseReLURegressor(random_state=0).fit(X, y).score(fresh, fresh[:, 1]) > 0.9


def test_log_probabilities_are_those_of_the_log_odds_and_may_be_infinite():
    X = np.r_[np.full(20, -1.0), np.full(20, 1.0)][:, None]
    model = SparseReLUClassifier(max_parameters=2, random_state=0).fit(X, X[:, 0] > 0)
    odds = model.decision_function(X)
    np.testing.assert_allclose(model.predict_log_proba(X), log_expit(np.column_stack([-odds, odds])), rtol=1e-6)
    model.network_ = replace(model.network_, slope=model.network_.slope * 1e6)
    assert model.predict_log_proba([[1.0]]).tolist() == [[-np.inf, 0.0]]
