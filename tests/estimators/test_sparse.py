"""Sparse X: the same networks as those of its dense rows, without making all of it dense."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import reluctant
from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import base
from reluctant.estimators import sparse as rooms
from reluctant.regression import streaming

N, D = 80, 70


def table(n_rows=N, seed=0):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n_rows, D)) < 0.2, rng.uniform(0.5, 2.0, (n_rows, D)), 0.0)
    X[0, 3] = 80.0  # beyond any clip
    y = 2.0 * np.maximum(np.minimum(X[:, 3], 2.0) - 1.0, 0.0) + X[:, 60] + 0.05 * rng.standard_normal(n_rows)
    return X, y


def with_wide_indices(X):
    rows = sparse.csr_array(X)
    return sparse.csr_array((rows.data, rows.indices.astype(np.int64), rows.indptr.astype(np.int64)), rows.shape)


FORMATS = {
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "csr matrix": sparse.csr_matrix,
    "int64 indices": with_wide_indices,
    "coo": sparse.coo_array,
}


def regressor(**params):
    return SparseReLURegressor(**{"random_state": 0, "screen": 10, "max_parameters": 5} | params)


@pytest.fixture
def pair():
    """Fitted to sparse rows and to the same dense ones."""
    X, y = table()
    return regressor().fit(sparse.csr_array(X), y), regressor().fit(X, y)


def assert_same(one, other, X):
    np.testing.assert_allclose(one.predict(sparse.csr_array(X)), other.predict(X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-9, atol=1e-9)
    assert one.n_parameters_ == other.n_parameters_
    assert one.features_used_.tolist() == other.features_used_.tolist()
    np.testing.assert_allclose(one.feature_importances_, other.feature_importances_, atol=1e-9)


def test_screened_columns_give_the_network_of_the_dense_table(pair):
    X, y = table()
    assert_same(*pair, X)
    ours, dense = pair
    assert ours.score(sparse.csc_array(X), y) > 0.7
    assert ours.certificate_.reason == dense.certificate_.reason
    assert "the 10 of 70 inputs" in ours.certificate_.reason
    np.testing.assert_allclose(ours.path_.validation_loss, dense.path_.validation_loss, rtol=1e-9)
    assert [network.n_inputs for network in ours.path_.networks[:2]] == [D, D]
    assert ours.path_.networks[ours.path_.chosen].size == ours.n_parameters_


@pytest.mark.gate(2)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_network(form):
    X, y = table()
    given = FORMATS[form](X)
    before = given.copy()
    assert_same(*(regressor(max_parameters=4).fit(rows, y) for rows in (given, X)), X)
    assert (given != before).nnz == 0
    assert given.dtype == before.dtype


def test_no_more_columns_are_dense_than_are_scored_at_a_time(monkeypatch):
    X, y = table()
    seen = []
    make = sparse.csc_array.toarray
    monkeypatch.setattr(sparse.csc_array, "toarray", lambda self: seen.append(self.shape) or make(self))
    monkeypatch.setattr(rooms, "ENTRIES", 40 * N)
    regressor(max_parameters=1).fit(sparse.csr_array(X), y)
    assert {shape[1] for shape in seen} == {40, 30}


@pytest.mark.gate(2)
@pytest.mark.parametrize("params", [{"alpha": 1e-2}, {"screen": None}, {"screen": 80}, {"tolerance": 0.5}])
def test_without_a_screen_the_rows_are_made_dense(params):
    X, y = table(40)
    params = {"max_parameters": None if {"alpha", "tolerance"} & params.keys() else 4} | params
    assert_same(*(regressor(**params).fit(rows, y) for rows in (sparse.csr_array(X), X)), X)


def test_a_frame_of_sparse_columns_is_a_sparse_table_with_names():
    X, y = table()
    frame = framed()
    model = regressor().fit(frame, y)
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    assert model.features_used_.tolist() == [f"c{j}" for j in regressor().fit(sparse.csr_array(X), y).features_used_]
    np.testing.assert_array_equal(model.predict(frame), regressor().fit(sparse.csr_array(X), y).predict(X))
    switches = regressor().fit((frame != 0).astype(pd.SparseDtype("bool", False)), y)
    expected = regressor().fit(1.0 * (X != 0), y).predict(1.0 * (X != 0))
    np.testing.assert_allclose(switches.predict(1.0 * (frame != 0)), expected, rtol=1e-9)


def test_many_sparse_rows_are_read_in_blocks(monkeypatch):
    monkeypatch.setattr(base, "MANY_ROWS", 200)
    monkeypatch.setattr(streaming, "SAMPLE", 150)
    X, y = table(270, seed=1)
    weights = np.where(np.arange(270) % 5 == 0, 0.0, 2.0)
    dense = regressor(max_parameters=4).fit(X, y, sample_weight=weights)
    monkeypatch.setattr(rooms, "ENTRIES", 5000)
    assert_same(regressor(max_parameters=4).fit(sparse.csr_array(X), y, sample_weight=weights), dense, X)


def test_classes_several_targets_and_files_of_sparse_rows(tmp_path):
    X, y = table(60)
    rows, labels = sparse.csr_array(X), np.where(y > np.median(y), "high", "low")
    options = {"screen": 5, "max_parameters": 3, "random_state": 0}
    ours, dense = (SparseReLUClassifier(class_weight="balanced", **options).fit(A, labels) for A in (rows, X))
    np.testing.assert_allclose(ours.predict_proba(rows), dense.predict_proba(X), rtol=1e-8)
    both = SparseReLURegressor(**options).fit(rows, np.column_stack([y, -y]))
    both.save(tmp_path / "f.json")
    np.testing.assert_array_equal(reluctant.load(tmp_path / "f.json").predict(rows), both.predict(rows))


def test_a_warm_start_may_begin_with_other_columns():
    X, y = table(60)
    warm = regressor(warm_start=True, screen=5, max_parameters=4).fit(sparse.csr_array(X), y)
    again = warm.fit(sparse.csr_array(X), X[:, 7])
    assert again.network_.n_inputs == D
    assert again.score(sparse.csr_array(X), X[:, 7]) > 0.9


def spoiled(value):
    X = sparse.lil_array(table()[0])
    X[5, 7] = value
    return X.tocsr()


def framed(X=None, fill=0.0):
    """A frame of pandas of sparse columns."""
    X = table()[0] if X is None else X
    return pd.DataFrame(X, columns=[f"c{j}" for j in range(D)]).astype(pd.SparseDtype("float", fill))


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({}, spoiled(np.nan), "X has NaN at row 5, column 7; remove or replace it"),
        ({}, spoiled(np.inf), "X has an infinite value at row 5, column 7; remove or replace it"),
        ({}, spoiled(1e305), "X has 1e\\+305, column 7, too near the largest float; rescale"),
        ({}, sparse.csr_array(np.full((N, D), 2**53 + 1)), "X has integers beyond 2\\^53"),
        ({"missing": "mean"}, spoiled(1.0), "missing is of frames and arrays, and X is sparse"),
        ({"categorical": [1]}, spoiled(1.0), "categorical is of frames and arrays, and X is sparse"),
        ({}, spoiled(1.0)[:1], "1 sample"),
        ({}, spoiled(1.0) * 1j, r"X holds complex numbers \(Complex data not supported\); give real ones"),
        ({}, framed(fill=1.0), "column 'c0' of X is sparse about another value than 0; give it as a dense one"),
        ({}, framed(spoiled(np.nan).toarray()), "X has NaN at row 5, column 'c7'; remove or replace it"),
        ({}, spoiled(1.0)[:50], "inconsistent numbers of samples"),
    ],
)
def test_bad_sparse_tables_are_one_sentence_and_leave_nothing_fitted(params, X, message):
    model = regressor(**params)
    with pytest.raises(ValueError, match=message):
        model.fit(X, table()[1])
    assert vars(model).keys() == vars(regressor()).keys()


def test_other_columns_in_prediction_are_refused():
    X, y = table(40)
    model = regressor(alpha=1e-2, max_parameters=None).fit(sparse.csr_array(X), y)
    with pytest.raises(ValueError, match="X has 69 features, but SparseReLURegressor is expecting 70"):
        model.predict(sparse.csr_array(X[:, 1:]))
