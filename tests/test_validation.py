"""Checks of what a user passes in."""

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from reluctant.validation import (
    as_evaluation_points,
    as_floats,
    check_finite,
    check_nonnegative,
    check_number,
    check_table,
    check_weights,
)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5],
        (1, 2.5),
        np.array([1, 2.5], dtype=np.float32),
        np.array([1, 2.5], dtype=object),
        [Fraction(1), Decimal("2.5")],
        pd.Series([1, 2.5]),
        pl.Series([1.0, 2.5]),
        np.ma.array([1, 2.5]),
    ],
)
def test_numbers_in_any_container_become_floats(values):
    a = as_floats(values, "y")
    assert a.dtype == np.float64
    np.testing.assert_array_equal(a, [1.0, 2.5])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, math.nan], "y has NaN at row 1;"),
        ([0, -math.inf], "y has an infinite value at row 1;"),
        ([[0, 0], [0, math.nan]], "y has NaN at row 1, column 1;"),
        (math.nan, "y is NaN;"),
        ([0, None], "y has a missing value at row 1;"),
        (pd.array([0, pd.NA], dtype="Int64"), "y has (a missing value|NaN) at row 1;"),
        (["0", "1"], "y has the text '0' at row 0;"),
        ([b"0"], "y has the text .* at row 0;"),
        ([0, "a"], "y has the text"),
        ([[0], [1, 2]], "y must be a table of numbers"),
        ([1j], "y has the complex number 1j at row 0; give real numbers"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "y holds dates"),
        ([datetime.date(2020, 1, 1)], "y has a date at row 0"),
        (np.zeros(2, dtype=[("a", float)]), "y is an array of records"),
        ({1.0}, "y has a set"),
        ((v for v in [1.0]), "y has a generator"),
        (np.ma.array([0.0, 1.0], mask=[False, True]), "y has a masked value at row 1"),
        (np.zeros((1, 1, 1)), "one or two dimensions"),
        ([0, 10**400], "y has an integer too large"),
    ],
)
def test_what_is_no_finite_number_is_named_with_its_row(values, message):
    with pytest.raises(ValueError, match=message):
        as_floats(values, "y")


@pytest.mark.parametrize("make", [list, lambda v: np.array(v, dtype=np.int64), lambda v: np.array(v, dtype=object)])
def test_integers_that_collapse_name_both_rows(make):
    with pytest.raises(ValueError, match=r"x = 9007199254740993 at row 1 and x = 9007199254740992 at row 2.*offset"):
        as_floats(make([0, 2**53 + 1, 2**53]), "x")
    as_floats(make([2**53, 2**53 + 2, 2**53]), "x")


def test_integers_may_collapse_across_columns():
    as_floats(np.array([[2**53, 2**53 + 1]]), "X")
    with pytest.raises(ValueError, match=r"row 0 .* row 1"):
        as_floats(np.array([[0, 2**53], [0, 2**53 + 1]]), "X")


def test_sum_that_overflows_is_not_an_infinite_value():
    check_finite(np.array([1.7e308, 1.7e308]), "y")
    check_finite(np.array([1.7e308, -1.7e308, 1.7e308]), "y")


def test_evaluation_points_may_hold_nan_but_no_text():
    np.testing.assert_array_equal(as_evaluation_points([math.nan, 1], "x"), [math.nan, 1.0])
    assert as_evaluation_points(3, "x").shape == ()
    with pytest.raises(ValueError, match="x has the text"):
        as_evaluation_points(["1"], "x")


def test_tables_have_two_dimensional_x_and_flat_single_y():
    X, y = check_table([1, 2], [[3], [4]])
    assert X.shape == (2, 1)
    assert y.shape == (2,)
    assert check_table([[1, 2]], [[3, 4]])[1].shape == (1, 2)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([1, 2], [1], "x has 2 rows but y has 1"),
        ([], [], "x has no rows"),
        (np.zeros((2, 0)), [1, 2], "X has no columns"),
        ([1, 2], np.zeros((2, 0)), "y has no columns"),
        (1.0, [1], "x must be an array of rows"),
        ([1], 1.0, "y must be an array of rows"),
        ([[1], [1, 2]], [1, 2], "X must be a table"),
    ],
)
def test_tables_that_do_not_fit_are_value_errors(X, y, message):
    with pytest.raises(ValueError, match=message):
        check_table(X, y)


def test_nonnegative_numbers_come_as_one_or_one_a_row():
    np.testing.assert_array_equal(check_nonnegative(2, "eps", 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(check_nonnegative([[1], [2]], "eps", 2), [1.0, 2.0])
    for bad, message in ((-1, "got -1"), ([0, -2], "-2 at row 1"), ([1, 2, 3], "each of the 2 rows")):
        with pytest.raises(ValueError, match=message):
            check_nonnegative(bad, "eps", 2)


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, Fraction(10**400), "1", None, True, 1j, [1.0]])
def test_what_is_no_finite_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match="width must be a finite number"):
        check_number(value, "width")


def test_limits_of_a_number_are_inclusive_unless_strict():
    assert check_number(np.float32(0.5), "width") == 0.5
    assert check_number(0, "width") == 0.0
    for value, strict in ((0, True), (-1e-300, False)):
        with pytest.raises(ValueError, match="width must be"):
            check_number(value, "width", strict=strict)


@pytest.mark.parametrize(
    ("least", "weights", "message"),
    [
        (1, [0, 0, 0], "sample_weight is zero at every row; give at least one row a positive weight"),
        (2, [0, 5, 0], "sample_weight is zero at 2 of 3 rows; give at least 2 rows a positive weight"),
        (2, [0, 0, 0], "sample_weight is zero at every row; give at least 2 rows a positive weight"),
    ],
)
def test_too_few_positive_weights_are_refused_with_their_number(least, weights, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weights, 3, least=least)
    assert check_weights([0, 5, 1], 3, least=least).tolist() == [0, 5, 1]
    assert check_weights(None, 3, least=least).tolist() == [1, 1, 1]


@pytest.mark.parametrize("factor", [2.0**-1060, 2.0**-900, 2.0**1020])
def test_an_extreme_common_factor_of_the_weights_is_taken_out(factor):
    weights = np.array([1.0, 0.0, 1.5, 2.0**-10])
    np.testing.assert_array_equal(check_weights(weights * factor, 4), weights)


def test_weights_that_vanish_beside_the_largest_are_zero():
    np.testing.assert_array_equal(check_weights([1.0, 1e-200, 0.5], 3), [1.0, 0.0, 0.5])
    with pytest.raises(ValueError, match="at least 2 rows a positive weight"):
        check_weights([1e300, 1.0], 2, least=2)
