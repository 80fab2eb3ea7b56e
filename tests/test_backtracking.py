"""The lengths of steps, against a list of all of them."""

from hypothesis import given
from hypothesis import strategies as st

from reluctant.backtracking import falls_enough, first_accepted


@given(st.integers(0, 12), st.sets(st.integers(0, 12)))
def test_the_first_accepted_power_of_one_half_is_taken(most, accepted):
    lengths = [2.0**-k for k in range(most) if k in accepted]
    found = first_accepted(lambda length: -length, lambda x, length: x == -length and length in lengths, most)
    assert found == ((-lengths[0], lengths[0]) if lengths else None)


def test_a_shorter_step_needs_a_smaller_fall():
    assert falls_enough(0.89, 1.0, 1.0)
    assert not falls_enough(0.91, 1.0, 1.0)
    assert falls_enough(0.91, 1.0, 0.5)
