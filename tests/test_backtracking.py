"""The lengths of steps, against a list of all of them."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reluctant.backtracking import ARMIJO, backtrack


class Point(NamedTuple):
    x: np.ndarray
    value: float


@given(st.integers(0, 8), st.lists(st.floats(0, 2), min_size=8, max_size=8), st.sampled_from([0.0, ARMIJO]))
def test_the_first_length_that_lowers_the_value_enough_is_taken(lengths, values, armijo):
    value_at = dict(zip([2.0**-k for k in range(8)], values))
    enough = [t for t in list(value_at)[:lengths] if value_at[t] < 1.0 - armijo * t]
    found = backtrack(lambda x: Point(x, value_at[x[0] - 3.0]), np.array([3.0]), np.ones(1), 1.0, lengths, armijo)
    assert (None if found is None else found[1]) == (enough[0] if enough else None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_never_taken(value):
    assert backtrack(lambda x: Point(x, value), np.zeros(2), np.ones(2), 1.0, 5) is None
