"""Bounds beyond which inputs are moved: what they are, and what does not move them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reluctant.model.clip import Clip

columns = st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=2, max_size=40)


def sorted_bounds(column):
    """The rule, row by row: the second rows from the ends, by half of their distance from the median farther out."""
    rows = sorted(column)
    n, middle = len(rows), float(np.median(rows))
    k = int(np.ceil(1e-3 * (n - 1)))
    low, high = rows[k], rows[n - 1 - k]
    low = low - 0.5 * (middle - low) if low < middle else rows[0]
    high = high + 0.5 * (high - middle) if high > middle else rows[-1]
    return (low, high) if low < high else (-np.inf, np.inf)


@settings(deadline=None, max_examples=80)
@given(columns)
def test_bounds_are_those_of_sorted_rows(column):
    clip = Clip.beyond(np.array(column)[:, None])
    np.testing.assert_allclose([clip.low[0], clip.high[0]], sorted_bounds(column), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=80)
@given(columns)
def test_clipped_rows_have_the_same_bounds(column):
    X = np.array(column)[:, None]
    clip = Clip.beyond(X)
    again = Clip.beyond(clip(X))
    assert np.array_equal([clip.low, clip.high], [again.low, again.high])


@pytest.mark.parametrize("far", [1e3, 1e30])
@pytest.mark.parametrize("n", [20, 500, 5000])
def test_one_far_row_moves_no_bound_away(n, far):
    X = np.random.default_rng(0).standard_normal((n, 1))
    clip = Clip.beyond(np.vstack([X, [[far]]]))
    assert X.max() <= clip.high[0] <= 2.0 * X.max()


def test_rows_spread_evenly_are_left_as_they_are():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (3000, 2))
    assert np.array_equal(Clip.beyond(X)(X), X)


def test_a_column_that_is_nearly_always_zero_keeps_its_other_rows():
    X = np.zeros((5000, 1))
    X[17] = 1.0
    assert np.array_equal(Clip.beyond(X)(X), X)


def test_a_constant_column_has_no_bounds():
    clip = Clip.beyond(np.full((10, 1), 3.0))
    assert clip([[1e9]])[0, 0] == 1e9
