"""Inputs and targets of the size of the largest and smallest floats: a model, or one sentence; never a warning."""

import warnings

import numpy as np
import pandas as pd
import pytest

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import base
from reluctant.regression import streaming
from reluctant.regression.tables import ArrayTable

LARGEST = np.finfo(float).max


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def table(seed=0, n_rows=26):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, 3))
    return X, X[:, 0].copy(), (X[:, 0] > 0).astype(int)


ESTIMATORS = [(SparseReLURegressor, 1), (SparseReLUClassifier, 2)]


@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS)
@pytest.mark.parametrize("params", [{}, {"max_parameters": 3}, {"alpha": 0.01}])
def test_a_row_near_the_largest_float_is_named(estimator, target, params):
    parts = table()
    X, y = parts[0], parts[target]
    X[3] = [0.5, -1.7e308, 1.7e308]
    with pytest.raises(ValueError, match=r"X has -1.7e\+308 at row 3, column 1, too near the largest float; rescale"):
        estimator(random_state=0, **params).fit(X, y)
    with pytest.raises(ValueError, match=r"at row 3, column 'b', too near the largest float; rescale the column"):
        estimator(random_state=0, **params).fit(pd.DataFrame(X, columns=list("abc")), y)


@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS)
def test_a_column_near_the_largest_float_of_a_big_table_is_named(monkeypatch, estimator, target):
    monkeypatch.setattr(base, "MANY_ROWS", 100)
    monkeypatch.setattr(streaming, "SAMPLE", 150)
    parts = table(n_rows=300)
    X, y = parts[0], parts[target]
    X[::2, 1], X[1::2, 1] = LARGEST, -LARGEST
    with pytest.raises(ValueError, match=r"X has 1.8e\+308, column 1, too near the largest float; rescale the column"):
        estimator(max_parameters=3).fit(ArrayTable(X, y))


@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS)
@pytest.mark.parametrize("size", [1e300, 1e200, 1e-200, 1e-300])
def test_any_size_below_that_gives_the_same_predictions(estimator, target, size):
    parts = table()
    X, y = parts[0], parts[target]
    power = 2.0 ** np.round(np.log2(size))  # a power of two changes no digit
    model, scaled = (estimator(max_parameters=4, random_state=0) for _ in "ab")
    np.testing.assert_allclose(scaled.fit(X * power, y).predict(X * power), model.fit(X, y).predict(X), rtol=1e-9)


@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS)
def test_a_column_near_the_smallest_float_is_named(estimator, target):
    parts = table()
    X, y = parts[0] * [1.0, 1e-310, 1.0], parts[target]
    with pytest.raises(ValueError, match=r"column 1 of X deviates by 5.*e-311, too near the smallest float; rescale"):
        estimator(max_parameters=3).fit(X, y)


def test_slopes_beyond_float64_are_refused():
    X, y, _ = table()
    with pytest.raises(ValueError, match="such slopes are beyond float64; rescale X or y"):
        SparseReLURegressor(max_parameters=3).fit(X * [1.0, 1e280, 1.0], y * 1e-100)


@pytest.mark.parametrize(("estimator", "target"), ESTIMATORS)
def test_within_the_clip_any_float_is_predicted_for(estimator, target):
    parts = table()
    model = estimator(max_parameters=4, random_state=0).fit(parts[0], parts[target])
    far = np.array([[LARGEST, -LARGEST, 5e-324], [-LARGEST, LARGEST, 0.0]])
    assert np.array_equal(model.predict(far), model.predict(model.clip_(far)))


def test_without_a_clip_predictions_beyond_float64_name_the_row():
    X, y, _ = table()
    model = SparseReLURegressor(alpha=1e-4, random_state=0).fit(X, 100.0 * y)
    with pytest.raises(ValueError, match="the network at row 1 of X is beyond float64; rescale or replace that row"):
        model.predict([[0.0, 0.0, 0.0], [LARGEST, 0.0, 0.0]])
