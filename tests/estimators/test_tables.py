"""Tables that are small, flat, big or wide."""

import numpy as np
import polars
import pytest

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import base
from reluctant.regression import streaming, tables
from reluctant.regression.tables import ArrayTable, ParquetTable


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


def test_a_constant_target_is_a_constant(hinge_table):
    model = SparseReLURegressor(random_state=0).fit(hinge_table[0], np.full(320, 7.0))
    assert (model.n_parameters_, model.features_used_.size) == (1, 0)
    np.testing.assert_array_equal(model.predict(hinge_table[0]), 7.0)


def test_a_class_with_one_member_has_a_small_probability():
    X = np.random.default_rng(0).standard_normal((50, 2))
    model = SparseReLUClassifier(random_state=0).fit(X, np.repeat(["a", "b", "c"], [1, 24, 25]))
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict_proba(X)[:, 0].mean() < 0.2
    assert model.temperature_ == 1.0


def test_without_an_affine_part_the_network_has_none(hinge_table):
    X, y = hinge_table
    model = SparseReLURegressor(affine=False, random_state=0).fit(X, y + 5.0)
    assert model.network_.n_affine == 0
    assert model.score(X, y + 5.0) > 0.9


def test_many_rows_are_compared_on_rows_held_out_of_all(monkeypatch, hinge):
    monkeypatch.setattr(base, "MANY_ROWS", 1000)
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
    assert capped.temperature_ is None


def test_wide_tables_are_screened_and_say_so():
    rng = np.random.default_rng(9)
    X = rng.uniform(-1, 1, (100, 30))
    y = np.abs(X[:, 17]) + 0.01 * rng.standard_normal(100)
    model = SparseReLURegressor(screen=3, max_parameters=6, random_state=0).fit(X, y)
    assert 17 in model.features_used_
    assert model.features_used_.size <= 3
    assert "the 3 of 30 inputs" in model.certificate_.reason
    assert "inputs" not in SparseReLURegressor(screen=None, max_parameters=3).fit(X, y).certificate_.reason


def parquet_and_arrays(path, n_rows, classes=False):
    """A Parquet file of three inputs, a target and a weight, and the same rows as arrays."""
    rng = np.random.default_rng(3)
    X, weights = rng.uniform(-1, 1, (n_rows, 3)), rng.integers(0, 3, n_rows)
    y = np.abs(X[:, 0]) - 0.5 * X[:, 1]
    if classes:
        y = np.array(["low", "middle", "top"])[np.digitize(y, [0.0, 0.5])]
    columns = {"flow": X[:, 0], "heat": X[:, 1], "age": X[:, 2], "target": y, "weight": weights}
    polars.DataFrame(columns).write_parquet(path, row_group_size=100)
    return ParquetTable(path, ["flow", "heat", "age"], "target", "weight"), X, y, weights


@pytest.mark.gate(2)
@pytest.mark.parametrize("many_rows", [100, 10_000])
@pytest.mark.parametrize("classes", [False, True])
def test_a_parquet_file_gives_the_model_of_its_rows_as_arrays(tmp_path, monkeypatch, many_rows, classes):
    monkeypatch.setattr(base, "MANY_ROWS", many_rows)
    monkeypatch.setattr(streaming, "SAMPLE", 150)
    monkeypatch.setattr(tables, "BLOCK", 90)
    table, X, y, weights = parquet_and_arrays(tmp_path / "table.parquet", 400, classes)
    estimator = SparseReLUClassifier if classes else SparseReLURegressor
    params = {"max_parameters": 14, "random_state": 0}
    streamed = estimator(**params).fit(table)
    assert streamed.feature_names_in_.tolist() == ["flow", "heat", "age"]
    assert streamed.n_features_in_ == 3
    assert streamed.n_parameters_ <= 14
    assert streamed.score(polars.DataFrame(X, schema=["flow", "heat", "age"]), y) > 0.85
    if many_rows > len(X):
        held = estimator(**params).fit(X, y, sample_weight=weights)
        assert np.array_equal(held.predict(X), estimator(**params).fit(ArrayTable(X, y, weights)).predict(X))
        np.testing.assert_allclose(streamed.network_(X), held.network_(X))
        np.testing.assert_allclose(streamed.feature_importances_, held.feature_importances_)


@pytest.mark.gate(2)
@pytest.mark.parametrize("factor", [7.0, 1e-300, 1e300])
@pytest.mark.parametrize("many_rows", [100, 10_000])
def test_a_common_factor_of_the_weights_means_nothing_in_a_table_as_in_fit(monkeypatch, many_rows, factor):
    monkeypatch.setattr(base, "MANY_ROWS", many_rows)
    monkeypatch.setattr(streaming, "SAMPLE", 150)
    rng = np.random.default_rng(4)
    X, weights = rng.uniform(-1, 1, (400, 3)), rng.integers(0, 3, 400).astype(float)
    weights[7] = 2.0**-110  # vanishes beside the others
    y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(400)
    y[7] = 1e6
    model = SparseReLURegressor(max_parameters=8, random_state=0)
    expected = model.fit(X, y, sample_weight=weights).predict(X)
    assert np.abs(expected).max() < 10.0
    for other in (
        model.fit(X, y, sample_weight=factor * weights).predict(X),
        model.fit(ArrayTable(X, y, weights)).predict(X),
        model.fit(ArrayTable(X, y, factor * weights)).predict(X),
    ):
        np.testing.assert_allclose(other, expected, rtol=1e-12, atol=1e-12)


def test_no_more_than_a_block_and_a_sample_of_a_big_table_are_held(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "MANY_ROWS", 100)
    monkeypatch.setattr(streaming, "SAMPLE", 150)
    monkeypatch.setattr(tables, "BLOCK", 90)
    table, *_ = parquet_and_arrays(tmp_path / "table.parquet", 700)
    lengths = []
    plain = np.clip
    monkeypatch.setattr(tables.np, "clip", lambda a, *bounds: (lengths.append(len(a)), plain(a, *bounds))[1])
    model = SparseReLURegressor(max_parameters=5, random_state=0).fit(table)
    assert sum(lengths) > 3 * 700
    assert sorted({*lengths})[-2:] == [90, 150]
    assert model.path_.networks[model.path_.chosen] is model.network_


def test_a_table_takes_neither_targets_of_its_own_nor_what_needs_all_rows(tmp_path):
    table, _, y, weights = parquet_and_arrays(tmp_path / "table.parquet", 50)
    with pytest.raises(ValueError, match="put y into it"):
        SparseReLURegressor().fit(table, y)
    with pytest.raises(ValueError, match="put sample_weight into it"):
        SparseReLURegressor().fit(table, sample_weight=weights)
    for name in ("alpha", "tolerance"):
        with pytest.raises(ValueError, match=f"{name} needs all rows at once"):
            SparseReLURegressor(**{name: 0.1}).fit(table)
    with pytest.raises(ValueError, match="y has one class only in rows of positive weight, 'a'"):
        SparseReLUClassifier().fit(ArrayTable(np.zeros((4, 1)), np.array(list("aaba")), np.array([1, 1, 0, 1])))
    with pytest.raises(ValueError, match="Unknown label type"):
        SparseReLUClassifier().fit(table)
    with pytest.raises(ValueError, match="weight of row 2 must not be negative, got -1"):
        SparseReLURegressor().fit(ArrayTable(np.eye(3), np.zeros(3), np.array([1, 1, -1])))


def test_classes_of_a_table_keep_their_kind_and_targets_their_shape(tmp_path):
    X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    polars.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": (X[:, 0] > 0).astype(int)}).write_parquet(tmp_path / "t.parquet")
    classifier = SparseReLUClassifier(max_parameters=3, random_state=0)
    assert classifier.fit(ParquetTable(tmp_path / "t.parquet", ["a", "b"], "y")).classes_.dtype.kind == "i"
    for y in (X[:, 0], X[:, :1], X):
        model = SparseReLURegressor(max_parameters=3, random_state=0).fit(ArrayTable(X, y))
        assert model.predict(X).shape == y.shape
