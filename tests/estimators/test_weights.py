"""Weights of rows and of classes."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import base
from reluctant.regression import streaming
from reluctant.regression.tables import ArrayTable


def classes(n_classes=2, n_rows=150):
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (n_rows, 2))
    return X, np.digitize(X[:, 0] + 0.3 * rng.standard_normal(n_rows), [0.5, 0.8][: n_classes - 1])


@pytest.mark.parametrize("size", [{"alpha": 1e-2}, {"max_parameters": 6}])
@pytest.mark.parametrize("given", ["balanced", {0: 1.0, 1: 7.0}])
@pytest.mark.gate(2)
def test_weights_of_classes_are_those_of_their_rows(size, given):
    X, y = classes(n_rows=100)
    by_class = SparseReLUClassifier(class_weight=given, random_state=0, **size).fit(X, y)
    by_row = SparseReLUClassifier(random_state=0, **size).fit(X, y, sample_weight=compute_sample_weight(given, y))
    np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-9)


def test_balanced_counts_rows_by_their_weights():
    X, y = classes(3, 80)
    weights = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.0)
    kept = weights > 0.0
    balanced = SparseReLUClassifier(alpha=1e-2, class_weight="balanced", random_state=0)
    with_zeros = balanced.fit(X, y, sample_weight=weights).predict_proba(X)
    np.testing.assert_allclose(with_zeros, balanced.fit(X[kept], y[kept]).predict_proba(X), rtol=1e-9)


def test_a_class_of_weight_zero_is_left_out():
    X, y = classes(3, 80)
    model = SparseReLUClassifier(alpha=1e-2, class_weight={2: 0.0}, random_state=0).fit(X, y)
    two = SparseReLUClassifier(alpha=1e-2, random_state=0).fit(X[y < 2], y[y < 2])
    assert model.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(model.predict_proba(X), two.predict_proba(X))


def test_a_table_that_is_read_in_blocks_has_weights_of_classes_too(monkeypatch):
    X, y = classes(n_rows=320)
    labels = np.where(y, "yes", "no")
    by_class = SparseReLUClassifier(max_parameters=4, class_weight="balanced", random_state=0)
    whole = by_class.fit(X, labels).predict_proba(X)
    np.testing.assert_allclose(by_class.fit(ArrayTable(X, labels)).predict_proba(X), whole, rtol=1e-6)
    monkeypatch.setattr(base, "MANY_ROWS", 300)
    monkeypatch.setattr(streaming, "SAMPLE", 200)
    in_blocks = by_class.fit(ArrayTable(X, labels)).predict_proba(X)
    factors = len(labels) / (2 * np.bincount(y))
    by_row = SparseReLUClassifier(max_parameters=4, random_state=0).fit(ArrayTable(X, labels, factors[y]))
    np.testing.assert_allclose(in_blocks, by_row.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("estimator", [SparseReLURegressor, SparseReLUClassifier])
@pytest.mark.parametrize("size", [{"alpha": 1e-2}, {"max_parameters": 5}, {}])
@pytest.mark.gate(3)
def test_rows_of_weight_zero_are_rows_that_are_not_there(estimator, size):
    X, y = classes(n_rows=80)
    weights = np.where(np.arange(len(y)) % 4 == 1, 0.0, 1.0 + (np.arange(len(y)) % 3))
    kept = weights > 0.0
    model = estimator(random_state=0, **size)
    odd = np.where(kept[:, None], X, 1e6)
    with_zeros = model.fit(odd, y, sample_weight=weights).predict(X)
    np.testing.assert_array_equal(with_zeros, model.fit(X[kept], y[kept], sample_weight=weights[kept]).predict(X))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("balance", "class_weight must be 'balanced', None or a dict of weights by class, got 'balance'"),
        ({0: -1.0}, "class_weight of 0 must be at least 0, got -1.0"),
        ({0: np.inf}, "class_weight of 0 must be a finite number, got inf"),
        ({0: 1.0, 5: 1.0}, "class_weight names the class 5, which y does not have, and not 1; name classes of y"),
        ({1: 0.0}, "class_weight leaves out all classes of y but 0; give two or more a positive weight"),
        ({1: 1e300}, "y has one class only in rows of positive weight, 1"),
        ({0: 0.0, 1: 0.0}, "class_weight leaves out all classes of y; give two or more"),
    ],
)
def test_bad_weights_of_classes_are_one_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        SparseReLUClassifier(class_weight=given).fit(*classes())
