"""Sets of Parquet files: hive partitions, patterns, lists and data sets of pyarrow, with categories and gaps."""

from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow.dataset
import pytest

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import base
from reluctant.regression import streaming, tables
from reluctant.regression.tables import ParquetTable

N = 300
RNG = np.random.default_rng(0)
YEARS, A, B = RNG.integers(2021, 2024, N), RNG.uniform(-1, 1, N), RNG.uniform(-1, 1, N)
CITY = np.array(["Bonn", "Kiel", "Ulm"])[RNG.integers(0, 3, N)]
Y = np.maximum(A, 0) + (CITY == "Ulm") + 0.1 * (YEARS - 2022) + 0.5 * (B > 0.9) + 0.02 * RNG.standard_normal(N)
FRAME = pl.DataFrame({"year": YEARS, "city": CITY, "a": A, "b": B, "y": Y, "w": 1.0 + (np.arange(N) % 2)}).with_columns(
    b=pl.when(pl.col("b") > 0.9).then(None).otherwise("b")
)
FRAME = FRAME.sort("year", "city", maintain_order=True)
X = ("year", "city", "a", "b")


@pytest.fixture
def folder(tmp_path):
    for (year, city), part in FRAME.group_by("year", "city", maintain_order=True):
        place = tmp_path / f"year={year}" / f"city={city}"
        place.mkdir(parents=True)
        part.drop("year", "city").write_parquet(place / "part.parquet")
    return tmp_path


def sources(folder):
    data_set = pyarrow.dataset.dataset(folder, partitioning="hive")
    FRAME.write_parquet(folder.parent / f"{folder.name}.parquet")
    return {"hive": folder, "data set": data_set, "file": folder.parent / f"{folder.name}.parquet"}


@pytest.fixture
def _in_blocks(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 64)
    monkeypatch.setattr(base, "MANY_ROWS", 200)
    monkeypatch.setattr(streaming, "SAMPLE", 150)


@pytest.mark.usefixtures("_in_blocks")
def test_sets_of_files_give_what_one_file_gives_block_by_block(folder):
    found, tables_of = {}, {name: ParquetTable(path, X, "y", "w") for name, path in sources(folder).items()}
    assert {table.n_rows for table in tables_of.values()} == {N}
    for name in ("hive", "file"):
        table = tables_of[name]
        model = SparseReLURegressor(max_parameters=6, missing="hinge", random_state=0).fit(table)
        assert model.score(FRAME[list(X)], FRAME["y"]) > 0.9
        found[name] = model
    names = ("year", "city = Bonn", "city = Kiel", "city = Ulm", "a", "b", "b is missing")
    assert {model.columns_.names for model in found.values()} == {names}
    assert found["file"].feature_names_in_.tolist() == list(X)
    fill = np.average(FRAME["b"].drop_nulls(), weights=FRAME.filter(pl.col("b").is_not_null())["w"])
    assert found["file"].columns_.inputs[3].fill == pytest.approx((fill, 1.0), rel=1e-12)
    expected = found["file"].predict(FRAME[list(X)])
    np.testing.assert_array_equal(found["hive"].predict(FRAME[list(X)]), expected)
    read = replace(tables_of["data set"], columns=found["file"].columns_)
    rows = np.vstack([block.X for block in read.blocks()])
    np.testing.assert_array_equal(rows, found["file"].columns_.read(FRAME[list(X)]))


def test_few_rows_of_a_set_are_fitted_as_a_frame_is(folder):
    files = sorted(folder.glob("*/*/*.parquet"))
    assert ParquetTable(f"{folder}/*/*/*.parquet", ["a"], "y").n_rows == N
    inputs = FRAME[["a", "b"]]
    model = SparseReLURegressor(max_parameters=2, missing="mean", random_state=0)
    expected = model.fit(inputs, FRAME["y"]).predict(inputs)
    np.testing.assert_array_equal(model.fit(ParquetTable(files, ["a", "b"], "y")).predict(inputs), expected)


def test_labels_may_be_partitions(folder):
    model = SparseReLUClassifier(max_parameters=4, class_weight="balanced", random_state=0)
    model.fit(ParquetTable(folder, ["a", "y"], "city"))
    assert model.classes_.tolist() == ["Bonn", "Kiel", "Ulm"]


@pytest.mark.usefixtures("_in_blocks")
def test_bad_sets_of_files_name_column_and_row(folder):
    with pytest.raises(ValueError, match=r"has no column 'town'; its columns are a, b, y, w, year, city"):
        ParquetTable(folder, ["town"], "y")
    with pytest.raises(ValueError, match="the data set has no column 'town'"):
        ParquetTable(sources(folder)["data set"], ["town"], "y")
    (folder.parent / "empty").mkdir(exist_ok=True)
    (folder.parent / "text.parquet").write_text("a,b")
    for name in ("empty", "text.parquet", "none*.parquet"):
        with pytest.raises(ValueError, match="holds no Parquet file that can be read: "):
            ParquetTable(folder.parent / name, ["a"], "y")
    model = SparseReLURegressor()
    first = int(FRAME["b"].is_null().arg_max())
    for path in sources(folder).values():
        with pytest.raises(ValueError, match=f"column 'b' has a missing value at row {first}; remove or replace it"):
            model.fit(ParquetTable(path, X, "y"))
    bad = FRAME.with_columns(a=pl.when(pl.int_range(N) == 200).then(np.inf).otherwise("a"))
    bad.write_parquet(folder.parent / "bad.parquet")
    with pytest.raises(ValueError, match="column 'a' has inf at row 200; remove or replace it"):
        model.set_params(missing="mean").fit(ParquetTable(folder.parent / "bad.parquet", X, "y"))
    with pytest.raises(ValueError, match="missing is of frames, arrays and Parquet files"):
        model.fit(tables.ArrayTable(np.zeros((4, 1)), np.arange(4.0)))
    assert not hasattr(model, "network_")
    assert not hasattr(model, "columns_")
