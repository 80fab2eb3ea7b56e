"""Tables that are small, flat, big or wide."""

import numpy as np
import pytest

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import cross_validated
from reluctant.regression import streaming


@pytest.mark.parametrize("n_rows", [2, 3, 5, 9])
def test_few_rows_give_a_small_model(n_rows):
    X = np.random.default_rng(0).standard_normal((n_rows, 3))
    regressor = SparseReLURegressor(random_state=0).fit(X, X[:, 0])
    assert regressor.n_parameters_ <= n_rows
    assert np.all(np.isfinite(regressor.predict(X)))
    classifier = SparseReLUClassifier(random_state=0).fit(X, np.arange(n_rows) % 2)
    assert np.all(np.isfinite(classifier.predict_proba(X)))


def test_constant_and_duplicate_columns_do_no_harm(hinge_table):
    X, y = hinge_table
    model = SparseReLURegressor(random_state=0).fit(np.column_stack([X[:, :2], X[:, :2], np.full(320, 7.0)]), y)
    assert 4 not in model.features_used_
    assert model.score(np.column_stack([X[:, :2], X[:, :2], np.full(320, 7.0)]), y) > 0.95


def test_tables_without_information_give_constants():
    X = np.ones((30, 2))
    y = np.arange(30.0)
    model = SparseReLURegressor(random_state=0).fit(X, y)
    assert (model.n_parameters_, model.features_used_.size) == (1, 0)
    np.testing.assert_allclose(model.predict(X), y.mean())
    labels = np.repeat(["a", "b"], [20, 10])
    share = SparseReLUClassifier(random_state=0).fit(X, labels).predict_proba(X)
    np.testing.assert_allclose(share, np.tile([2 / 3, 1 / 3], (30, 1)), atol=1e-3)


def test_a_class_with_one_member_has_a_small_probability():
    X = np.random.default_rng(0).standard_normal((50, 2))
    model = SparseReLUClassifier(random_state=0).fit(X, np.repeat(["a", "b", "c"], [1, 24, 25]))
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(X)[:, 0].mean() < 0.2


def test_without_an_affine_part_the_network_has_none(hinge_table):
    X, y = hinge_table
    model = SparseReLURegressor(affine=False, random_state=0).fit(X, y + 5.0)
    assert model.network_.n_affine == 0
    assert model.score(X, y + 5.0) > 0.9


def test_many_rows_are_compared_on_rows_held_out_of_all(monkeypatch, hinge):
    monkeypatch.setattr(cross_validated, "MANY_ROWS", 1000)
    monkeypatch.setattr(streaming, "SAMPLE", 400)
    rng = np.random.default_rng(8)
    X = rng.uniform(-1, 1, (3000, 4))
    X[0, 0] = 1e3
    weights = rng.integers(0, 3, 3000)
    model = SparseReLURegressor(random_state=0).fit(X, hinge(np.clip(X, -1, 1)), sample_weight=weights)
    fresh = rng.uniform(-1, 1, (1000, 4))
    assert np.sqrt(np.mean((model.predict(fresh) - hinge(fresh)) ** 2)) < 0.05
    path = model.path_
    assert path.networks[path.chosen] is model.network_
    assert len(path) == len(path.networks) == len(path.training_loss) == len(path.validation_loss)
    labels = np.digitize(X[:, 1], [-0.3, 0.3])
    capped = SparseReLUClassifier(max_parameters=8, random_state=0).fit(X, labels)
    assert capped.n_parameters_ <= 8
    assert capped.score(X, labels) > 0.8


def test_wide_tables_are_screened_and_say_so():
    rng = np.random.default_rng(9)
    X = rng.uniform(-1, 1, (100, 30))
    y = np.abs(X[:, 17]) + 0.01 * rng.standard_normal(100)
    model = SparseReLURegressor(screen=3, max_parameters=6, random_state=0).fit(X, y)
    assert 17 in model.features_used_
    assert model.features_used_.size <= 3
    assert "the 3 of 30 inputs" in model.certificate_.reason
    assert "inputs" not in SparseReLURegressor(screen=None, max_parameters=3).fit(X, y).certificate_.reason
