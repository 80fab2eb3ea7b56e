"""Classes, several outputs, weights and losses."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.regression.losses import Quantile


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
