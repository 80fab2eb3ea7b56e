"""Entries that are no real numbers, labels that are none: one ValueError with row and column, in every container."""

import datetime
import decimal
import fractions
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.regression import tables
from reluctant.regression.tables import ArrayTable

ROW, N = 5, 12
X = np.random.default_rng(0).uniform(-1, 1, (N, 2))

ENTRIES = {
    "None": (None, "a missing value"),
    "pandas.NA": (pd.NA, "a missing value"),
    "NaT": (pd.NaT, "a missing value"),
    "NaT of numpy": (np.datetime64("NaT"), "a missing value"),
    "NaN": (float("nan"), "NaN"),
    "NaN of float32": (np.float32("nan"), "NaN"),
    "NaN of decimal": (decimal.Decimal("NaN"), "NaN"),
    "signalling NaN": (decimal.Decimal("sNaN"), "a Decimal"),
    "infinity": (float("inf"), "an infinite value"),
    "a large decimal": (decimal.Decimal("1e400"), "an infinite value"),
    "date": (datetime.date(2020, 1, 1), "a date"),
    "datetime": (datetime.datetime(2020, 1, 1), "a datetime"),
    "time": (datetime.time(12), "a time"),
    "duration": (datetime.timedelta(1), "a timedelta"),
    "Timestamp": (pd.Timestamp("2020-01-01", tz="CET"), "a Timestamp"),
    "Timedelta": (pd.Timedelta(1), "a Timedelta"),
    "datetime64": (np.datetime64("2020-01-01", "ns"), "a datetime64"),
    "timedelta64": (np.timedelta64(1, "ns"), "a timedelta64"),
    "Period": (pd.Period("2020"), "a Period"),
    "Interval": (pd.Interval(0, 1), "an Interval"),
    "complex": (1j, "the complex number 1j"),
    "complex128": (np.complex128(1 + 2j), r"the complex number \(1\+2j\)"),
    "10**400": (10**400, "an integer too large for float64"),
    "a fraction": (fractions.Fraction(10**400, 3), "a Fraction too large for float64"),
    "text": ("{name} %s", r"the text '\{name\} %s'"),
    "bytes": (b"abc", "the text"),
    "dict": ({"a": 1}, "a dict"),
    "set": ({1}, "a set"),
    "object": (object(), "an object"),
    "array": (np.ones(2), "an ndarray"),
    "type": (float, "a type"),
}
CONTAINERS = {
    "DataFrame": lambda a: pd.DataFrame(a, columns=["a", "b"], index=range(100, 100 + N)).astype(object),
    "object array": lambda a: a,
    "list": lambda a: a.tolist(),
}
COLUMNS = {
    "DataFrame": lambda y: pd.Series(y, dtype=object, index=range(100, 100 + N)),
    "object array": lambda y: y,
    "list": lambda y: y.tolist(),
}
NUMBERS, TEXT = np.arange(N) % 2, np.where(np.arange(N) % 2, "yes", "no")
ESTIMATORS = {
    "regressor": SparseReLURegressor(alpha=0.1, random_state=0).fit(X, NUMBERS),
    "classifier": SparseReLUClassifier(alpha=0.1, random_state=0).fit(X, TEXT),
}
everywhere = pytest.mark.parametrize("container", CONTAINERS)


def with_entry(a, value, *where):
    """A copy of a, of objects, with the value in row 5."""
    a = np.array(a, dtype=object)
    a[(ROW, *where)] = None  # so that arrays are stored, not spread
    a.reshape(-1)[ROW * (a.size // N) + (where[0] if where else 0)] = value
    return a


def refusal(call, *args):
    """The one sentence of a ValueError; a warning, or an error of another kind, fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "X has feature names")
        with pytest.raises(ValueError, match=r"[;,] (remove|convert|encode|give|rescale|make)") as refused:
            call(*args)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@everywhere
@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_odd_entry_of_X_is_named_with_row_and_column(estimator, entry, container):
    value, what = ENTRIES[entry]
    model, odd = ESTIMATORS[estimator], with_entry(X, value, 1)
    if container == "list" and isinstance(value, np.ndarray):
        pytest.skip("an array in a list is a row of another length")
    table = CONTAINERS[container](odd)
    column = "'b'" if container == "DataFrame" else "1"
    before = vars(model).copy()
    for call, args in ((model.fit, (table, NUMBERS)), (model.predict, (table,))):
        message = refusal(call, *args)
        assert_names(message, "X", what, f" at row {ROW}, column {column}")
    assert vars(model) == before


def assert_names(message, argument, what, place):
    assert re.match(f"{argument} has {what}.*{re.escape(place)}", message), message


@everywhere
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_odd_target_is_named_with_its_row(entry, container):
    value, what = ENTRIES[entry]
    if container == "list" and isinstance(value, np.ndarray):
        pytest.skip("an array in a list is a row of another length")
    y = COLUMNS[container](with_entry(NUMBERS, value))
    assert_names(refusal(ESTIMATORS["regressor"].fit, X, y), "y", what, f" at row {ROW}")
    if container != "DataFrame":
        two = CONTAINERS[container](with_entry(X, value, 1))
        assert_names(refusal(ESTIMATORS["regressor"].fit, X, two), "y", what, f" at row {ROW}, column 1")


@everywhere
@pytest.mark.parametrize("labels", [NUMBERS, TEXT], ids=["numbers", "text"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_an_odd_label_is_named_with_its_row(entry, labels, container):
    value, _ = ENTRIES[entry]
    if isinstance(value, str) and labels is TEXT:
        pytest.skip("a label")
    if container == "list" and isinstance(value, np.ndarray):
        pytest.skip("an array in a list is a row of another length")
    message = refusal(ESTIMATORS["classifier"].fit, X, COLUMNS[container](with_entry(labels, value)))
    assert f" at row {ROW}" in message
    if value is None or value is pd.NA or value is pd.NaT:
        assert message == f"y has a missing label at row {ROW}; remove or replace it"


@pytest.mark.parametrize("dtype", ["string", "str", "category", "object"])
def test_a_missing_text_label_of_pandas_is_named_with_its_row(dtype):
    y = pd.Series([*TEXT[:ROW], None, *TEXT[ROW + 1 :]], dtype=dtype)
    assert refusal(ESTIMATORS["classifier"].fit, X, y) == "y has a missing label at row 5; remove or replace it"
    y = pl.Series([*TEXT[:ROW].tolist(), None, *TEXT[ROW + 1 :].tolist()])
    assert refusal(ESTIMATORS["classifier"].fit, X, y) == "y has a missing label at row 5; remove or replace it"


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_a_missing_entry_of_a_nullable_column_is_named_with_row_and_column(dtype):
    column = pd.Series([0, 1] * (N // 2), dtype=dtype)
    column[ROW] = pd.NA
    table = pd.DataFrame({"a": X[:, 0], "b": column})
    message = refusal(ESTIMATORS["regressor"].fit, table, NUMBERS)
    assert f" at row {ROW}, column 'b'; remove or replace it" in message


@pytest.mark.gate(6)
@everywhere
@pytest.mark.parametrize(
    "value", [10**29, "1e3", np.float32(3), True, decimal.Decimal("1.5"), fractions.Fraction(1, 3)]
)
def test_numbers_of_any_type_are_taken(value, container):
    odd = CONTAINERS[container](with_entry(X, value, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in ESTIMATORS.values():
            plain = with_entry(X, float(value), 1).astype(float)
            names = {"columns": ["a", "b"]} if container == "DataFrame" else {}
            same = pd.DataFrame(plain, **names) if names else plain
            fitted = type(model)(max_neurons=1, random_state=0).fit(odd, NUMBERS)
            again = type(model)(max_neurons=1, random_state=0).fit(same, NUMBERS)
            np.testing.assert_array_equal(fitted.predict(odd), again.predict(same))


@everywhere
def test_integers_are_labels_in_every_container(container):
    labels = COLUMNS[container](np.array(NUMBERS * 2**60 - 7, dtype=object))
    model = SparseReLUClassifier(max_parameters=3, random_state=0).fit(X, labels)
    assert model.classes_.dtype == np.int64
    assert set(model.predict(X).tolist()) <= {-7, 2**60 - 7}
    message = refusal(model.fit, X, COLUMNS[container](with_entry(NUMBERS, 10**29)))
    assert message == f"y has an integer beyond 64 bits at row {ROW}; give smaller numbers, or text"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (scipy.sparse.csr_array(X + 0j), "Complex data not supported"),
        (pd.DataFrame(X, columns=["a", 1]), "X is no table of numbers: Feature names are only supported if all"),
        ([[0.5, 2**53], [1, 2**53 + 1]] * (N // 2), "the same number in float64; subtract an offset from X"),
        (pd.DataFrame({"a": X[:, 0], "b": X[:, 0] + 1j}), "X has the complex number .* at row 0, column 'b' "),
        (pd.DataFrame({"b": pd.period_range("2020", periods=N)}), "X has a Period at row 0, column 'b'; convert dates"),
        (pl.DataFrame({"b": [{"z": 1}] * N}), "X column 'b' has several entries a row; give each a column of its own"),
        (np.zeros((N, 2), dtype=[("z", float)]), "X is an array of records; give one array of numbers"),
        (pl.DataFrame({"b": pl.Series([2**100] * N, dtype=pl.Int128)}), "X must be a table of numbers with .* i128"),
        (np.full((N, 2), np.longdouble("1e400")), "X has an infinite value at row 0, column 0; remove or replace it"),
        (pd.DataFrame({"b": pd.interval_range(0, N)}), "X has an Interval at row 0, column 'b'; convert it"),
    ],
)
def test_tables_of_other_kinds_are_refused_in_one_sentence(table, message):
    with pytest.raises(ValueError, match=message):
        ESTIMATORS["regressor"].fit(table, NUMBERS)


def test_an_odd_label_of_a_table_is_named_with_its_row(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 3)
    for odd in (None, pd.NA, float("nan")):
        message = refusal(SparseReLUClassifier().fit, ArrayTable(X, with_entry(TEXT, odd)))
        assert message == f"y has a missing label at row {ROW}; remove or replace it"
    message = refusal(SparseReLUClassifier().fit, ArrayTable(X, with_entry(TEXT, b"yes")))
    assert message == f"y has a label of type bytes at row {ROW}; make it text or a number"


def test_labels_of_complex_numbers_and_of_very_many_digits_are_refused_in_one_line():
    assert "y has a label of type complex at row 0" in refusal(ESTIMATORS["classifier"].fit, X, NUMBERS * 1j)
    assert "beyond 64 bits at row 5" in refusal(ESTIMATORS["classifier"].fit, X, with_entry(TEXT, 10**5000))
    assert "at row 5, column 1" in refusal(ESTIMATORS["regressor"].fit, with_entry(X, 10**5000, 1), NUMBERS)


def test_text_of_every_type_is_a_label():
    expected = SparseReLUClassifier(max_parameters=3, random_state=0).fit(X, TEXT).predict(X).tolist()
    for y in (
        TEXT.astype(object),
        TEXT.astype(np.dtypes.StringDType()),
        pd.Series(TEXT, dtype="string"),
        pl.Series(TEXT),
    ):
        assert SparseReLUClassifier(max_parameters=3, random_state=0).fit(X, y).predict(X).tolist() == expected
