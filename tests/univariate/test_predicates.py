"""Signs of turns against rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reluctant.univariate._jumps import BLOCK, _write_compensated, slope_jumps
from reluctant.univariate._predicates import slope_jump, turn


def exact_jump(x0, y0, x1, y1, x2, y2):
    x0, y0, x1, y1, x2, y2 = map(Fraction, (x0, y0, x1, y1, x2, y2))
    return (y2 - y1) / (x2 - x1) - (y1 - y0) / (x1 - x0)


def sign(a) -> int:
    return (a > 0) - (a < 0)


@st.composite
def near_degenerate_triples(draw):
    """Three points on a line but for some ulps, in any unit; now and then with a coordinate of another magnitude."""
    x = sorted(draw(st.lists(st.integers(-(2**53), 2**53), min_size=3, max_size=3, unique=True)))
    slope, height = draw(st.integers(-3, 3)), draw(st.integers(-(2**52), 2**52))
    y = [float(slope * v // 3 + height) for v in x]
    for i in range(3):
        for _ in range(draw(st.integers(0, 2))):
            y[i] = float(np.nextafter(y[i], draw(st.sampled_from([-np.inf, np.inf]))))
    if draw(st.booleans()):
        y[draw(st.integers(0, 2))] *= 2.0 ** draw(st.integers(-300, 0))
    ex, ey = draw(st.integers(-1060, 960)), draw(st.integers(-1060, 960))
    x, y = np.ldexp(np.array(x, dtype=float), ex), np.ldexp(y, ey)
    assume(x[0] < x[1] < x[2])
    return x[0], y[0], x[1], y[1], x[2], y[2]


@settings(deadline=None)
@given(near_degenerate_triples())
def test_turn_has_the_exact_sign(points):
    assert sign(turn(*points)) == sign(exact_jump(*map(float, points)))


@settings(deadline=None)
@given(near_degenerate_triples())
def test_slope_jump_has_the_exact_sign_and_eight_digits_where_floats_can_hold_it(points):
    points = tuple(map(float, points))
    exact = exact_jump(*points)
    steepest = max(abs(Fraction(points[3] - points[1]) / Fraction(points[2] - points[0])), abs(exact))
    assume((Fraction(2) ** -960 < abs(exact) and steepest < Fraction(2) ** 1000) or exact == 0)
    found = slope_jump(*points)
    assert sign(found) == sign(exact)
    assert abs(Fraction(found) - exact) <= abs(exact) * Fraction(1, 10**7)


def jumps_one_by_one(x, y):
    alone = [slope_jump(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1]) for i in range(1, len(x) - 1)]
    return np.array([0.0, *alone, 0.0])


def test_jumps_of_many_points_are_those_of_three_at_a_time_to_the_last_bit():
    """Smooth data, whose slopes cancel, in several units; points on a line up to rounding; rough data; all in turns."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(size=3 * BLOCK))
    smooth, straight, rough = x + 1e-3 * x**2, 0.1 * x, np.cumsum(rng.normal(size=len(x)))
    mixed = np.where(np.arange(len(x)) // BLOCK == 1, rough, smooth)
    for y in (smooth, 1e-300 * smooth, straight, rough, mixed):
        np.testing.assert_array_equal(slope_jumps(x, y), jumps_one_by_one(x, y))


@pytest.mark.parametrize("bend", [1e-6, 1e-8, 1e-15, 1e-16])
def test_the_loop_for_slopes_that_cancel_keeps_every_digit(bend):
    """Far apart, where differences of coordinates are rounded; and where products would be beyond float64."""
    rng = np.random.default_rng(1)
    for unit in (1.0, 1e-280, 1e150):
        for _ in range(50):
            x = np.unique(rng.choice([-1.0, 1.0], 20) * 2 ** rng.uniform(-30, 0, 20))
            y = unit * x * (1.0 + bend * rng.normal(size=len(x)))
            found = np.zeros(len(x))
            _write_compensated(x, y, found)
            np.testing.assert_array_equal(found, jumps_one_by_one(x, y))
