"""Signs of turns against rational arithmetic."""

from fractions import Fraction

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

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
