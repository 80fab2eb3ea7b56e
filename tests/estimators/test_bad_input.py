"""Errors that name the argument, the row and the remedy."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.regression.losses import Huber

GOOD = np.random.default_rng(0).standard_normal((20, 2)), np.arange(20.0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": 1.0, "tolerance": 1.0}, "tolerance and alpha both decide the size"),
        ({"max_parameters": 3, "max_neurons": 3}, "max_parameters and max_neurons both decide"),
        ({"p": 0.5}, "give alpha too"),
        ({"alpha": -1.0}, "alpha must be at least 0"),
        ({"alpha": 1.0, "p": 2.0}, "p must"),
        ({"tolerance": -1.0}, "tolerance must be at least 0"),
        ({"tolerance": 1.0, "loss": "huber"}, "takes no loss, got loss = 'huber'"),
        ({"loss": "logistic"}, "use SparseReLUClassifier"),
        ({"loss": Huber((1.0, 2.0))}, "delta must be one number or one for each of the 1 outputs"),
        (
            {"loss": "squard"},
            "'huber', 'quantile', 'poisson', 'gamma' or a loss object, such as those of reluctant.regression",
        ),
        ({"max_parameters": 0}, "max_parameters must be an integer of at least 1"),
        ({"max_neurons": 1.5}, "max_neurons must be an integer of at least 0"),
        ({"selection": "best"}, "selection must be 'one_se' or 'min'"),
        ({"affine": "no"}, "affine must be True or False"),
        ({"warm_start": 2}, "warm_start must be True or False"),
        ({"verbose": "no"}, "verbose must be True or False"),
        ({"n_jobs": 0}, "n_jobs must not be 0"),
        ({"screen": 0}, "screen must be an integer of at least 1"),
        ({"kicks": -1}, "kicks must be an integer of at least 0"),
        ({"time_limit": 0}, "time_limit must be greater than 0"),
        ({"random_state": "seed"}, "random_state must be an integer"),
    ],
)
def test_parameters_out_of_range_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        SparseReLURegressor(**params).fit(*GOOD)


@pytest.mark.parametrize(
    ("X", "y", "weights", "message"),
    [
        (np.where(np.arange(20)[:, None] == 7, np.nan, GOOD[0]), GOOD[1], None, "X has NaN at row 7, column 0"),
        (GOOD[0], np.where(np.arange(20) == 3, np.inf, GOOD[1]), None, "y has an infinite value at row 3"),
        (GOOD[0], np.array(["a"] * 20), None, "y has the text 'a' at row 0"),
        (
            np.array([[1, "Ulm"]] * 20, dtype=object),
            GOOD[1],
            None,
            "X has the text 'Ulm' at row 0, column 1; encode it as numbers, name its column in categorical, or leave",
        ),
        (np.ma.masked_greater(GOOD[0], 1.0), GOOD[1], None, "X has a masked value at row"),
        (np.arange(40).reshape(20, 2).astype("M8[D]"), GOOD[1], None, "X holds dates or times"),
        (pd.DataFrame({"a": GOOD[1], "b": pd.to_datetime(np.arange(20))}), GOOD[1], None, "X column 'b' holds dates"),
        (pl.DataFrame({"b": pl.Series(np.arange(20)).cast(pl.Date)}), GOOD[1], None, "X column 'b' holds dates"),
        (pd.DataFrame(GOOD[0], columns=["a", "a"]), GOOD[1], None, "X has two columns named 'a'"),
        (2**60 + np.arange(20)[:, None], GOOD[1], None, "are the same number in float64; subtract an offset from X"),
        ("abc", GOOD[1], None, "X must be a table of numbers, got a str"),
        ({"a": 1}, GOOD[1], None, "X must be a table of numbers, got a dict"),
        (GOOD[0], np.zeros((20, 0)), None, "y has no columns; give at least one output"),
        (GOOD[0], GOOD[1] * 1e200, None, r"y has 1e\+200 at row 1; its square is beyond float64, rescale y"),
        (GOOD[0][:1], GOOD[1][:1], None, "1 sample"),
        (*GOOD, np.zeros(20), "sample_weight is zero at every row; give at least 2 rows a positive weight"),
        (*GOOD, np.where(np.arange(20) == 3, np.inf, 1.0), "sample_weight has an infinite value at row 3; remove or"),
        (*GOOD, np.where(np.arange(20) == 3, np.nan, 1.0), "sample_weight has NaN at row 3; remove or replace it"),
        (*GOOD, -np.ones(20), "sample_weight must not be negative, got -1 at row 0"),
        (*GOOD, np.ones(19), "sample_weight"),
        (GOOD[0], GOOD[1][:19], None, "inconsistent numbers of samples"),
    ],
)
def test_bad_tables_are_refused_with_row_and_remedy(X, y, weights, message):
    with pytest.raises(ValueError, match=message):
        SparseReLURegressor().fit(X, y, sample_weight=weights)


def test_columns_must_be_those_of_the_fit(fitted, hinge_table):
    with pytest.raises(ValueError, match="X has 5 features, but SparseReLURegressor is expecting 4"):
        fitted.predict(np.ones((3, 5)))
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.predict(np.ones((3, 3)))
    with pytest.raises(ValueError, match="X has NaN at row 1, column 2"):
        fitted.predict(np.where(np.arange(8).reshape(2, 4) == 6, np.nan, 1.0))


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series])
def test_one_column_without_a_second_dimension_is_named_in_one_sentence(make, fitted):
    said = r"^X must have rows and columns, got shape \(20,\); Reshape your data to \(N, d\)$"
    for work in (lambda x: SparseReLURegressor().fit(x, GOOD[1]), fitted.predict):
        with pytest.raises(ValueError, match=said):
            work(make(GOOD[1]))


@pytest.mark.parametrize("gap", [np.nan, None, pd.NA])
def test_gaps_name_the_parameter_that_takes_them(gap):
    frame = pd.DataFrame(GOOD[0], columns=["a", "b"]).convert_dtypes()
    frame.loc[3, "b"] = gap
    for table in (frame, frame.astype(object).where(frame.notna(), gap)):
        with pytest.raises(ValueError, match=r"at row 3, column 'b'; remove .* or fit with missing='mean' or 'hinge'"):
            SparseReLURegressor(categorical=None).fit(table, GOOD[1])


def test_a_query_of_polars_is_no_table_yet(fitted):
    for work in (lambda x: SparseReLURegressor().fit(x, GOOD[1]), fitted.predict):
        with pytest.raises(ValueError, match=r"X is a LazyFrame, .*; give X.collect\(\)"):
            work(pl.DataFrame(GOOD[0]).lazy())


def test_labels_that_are_no_classes_are_refused(class_table):
    X = class_table[0]
    with pytest.raises(ValueError, match="y has one class only, 'a'"):
        SparseReLUClassifier().fit(X, np.full(400, "a"))
    with pytest.raises(ValueError, match="one class only in rows of positive weight, 1"):
        SparseReLUClassifier().fit(X, np.arange(400) % 2, sample_weight=np.arange(400) % 2)
    with pytest.raises(ValueError, match="y has a masked value at row 0"):
        SparseReLUClassifier().fit(X, np.ma.masked_equal(np.arange(400) % 2, 0))
    with pytest.warns(UserWarning, match="unique classes"), pytest.raises(ValueError, match="y has every label once"):
        SparseReLUClassifier().fit(X, np.arange(400))
    with pytest.raises(ValueError, match="Unknown label type"):
        SparseReLUClassifier().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="max_parameters = 2 is less than the 3 constants"):
        SparseReLUClassifier(max_parameters=2).fit(X, np.arange(400) % 3)


def test_a_failed_fit_leaves_the_estimator_as_it_was(fitted, hinge_table):
    X, _ = hinge_table
    with pytest.raises(NotFittedError):
        fails(SparseReLURegressor()).predict(X)
    model = copy.deepcopy(fitted)
    assert fails(model).n_features_in_ == 4
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))


def fails(model):
    """The model after a fit that is refused for its weights when the columns are known."""
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(*GOOD, sample_weight=np.zeros(20))
    return model


def test_switches_may_be_zero_or_one():
    model = SparseReLURegressor(alpha=1e3, verbose=0, warm_start=1).fit(*GOOD)
    assert model.network_ is not None


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (1, "y has the labels 'no' at row 0 and 1 at row 1; make all text or all numbers"),
        (None, "y has a missing label at row 1"),
        (np.nan, "y has a missing label at row 1"),
    ],
)
@pytest.mark.parametrize("kind", [list, lambda y: np.array(y, dtype=object)])
def test_labels_of_two_kinds_are_named_with_their_row(second, message, kind):
    with pytest.raises(ValueError, match=message):
        SparseReLUClassifier().fit(GOOD[0], kind(["no", second] * 10))
