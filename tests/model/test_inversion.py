"""Inverse, derivative and integral of a table, against exact rationals."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad

from reluctant import PiecewiseLinear, approximate, interpolate
from reluctant.export.c import render_c

HAT = PiecewiseLinear([-1.0, 0.5, 2.0], [[-2.0, 0.0, 1.0, 3.0], [0.0, 1.0, 1.0, 0.0]], [0.0, 1.0, -1.0, 0.0])


def monotone(seed, sign=1, n=30, offset=0.0):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.1, 1, n)) + offset
    return x, sign * np.cumsum(10 ** rng.uniform(-3, 1, n)) + 1e3 * offset


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", range(20))
def test_inverse_undoes_the_function_everywhere(seed, sign, offset):
    x, y = monotone(seed, sign, offset=offset)
    f = interpolate(x, y).function
    g = f.inverse()
    points = np.concatenate([np.linspace(x[0] - 5, x[-1] + 5, 500), f.knots, x])
    slowest = np.abs(f.slopes).min()
    slack = 2.0**-48 * (np.abs(points).max() + np.abs(f(points)).max() / slowest)
    assert np.abs(g(f(points)) - points).max() <= slack
    assert g.n_knots == f.n_knots
    # The inverse of a link is exact but for the rounding of 1 / M: it passes through its point.
    order = slice(None, None, sign)
    np.testing.assert_array_equal(g.anchors, f.anchors[::-1, order])
    again = g.inverse()
    np.testing.assert_allclose(again.slopes, f.slopes, rtol=2.0**-51)
    np.testing.assert_allclose(again.slope_changes, f.slope_changes, rtol=1e-9, atol=1e-12)


def test_slope_changes_too_small_for_the_slopes_survive():
    tiny = 2.0**-60
    f = PiecewiseLinear([0.0], [[-1.0, 1.0], [-2.0, 2.0]], [2.0, 2.0], [tiny])
    np.testing.assert_array_equal(f.inverse().slope_changes, [-tiny / 4])
    falling = PiecewiseLinear([0.0], [[-1.0, 1.0], [2.0, -2.0]], [-2.0, -2.0], [tiny])
    np.testing.assert_array_equal(falling.inverse().slope_changes, [tiny / 4])


def test_a_straight_line_has_an_inverse():
    g = PiecewiseLinear([], [[1.0], [5.0]], [-2.0]).inverse()
    np.testing.assert_array_equal(g([5.0, 1.0]), [1.0, 3.0])


@pytest.mark.parametrize(
    ("slopes", "message"),
    [
        ([1.0, -1.0, 1.0], r"link 1, x from 0 to 1, falls while one before it does not; fit an increasing"),
        ([-1.0, -1.0, 2.0], r"link 2, x from 1 to inf, rises while"),
        ([0.0, 1.0, 1.0], r"link 0, x from -inf to 0, is constant; fit"),
        ([1.0, 1.0, 0.0], r"link 2, x from 1 to inf, is constant"),
        ([0.0, 0.0, 0.0], r"link 0, x from -inf to 0, is constant"),
        ([1e-310, 1.0, 1.0], r"the slope of link 0, 1e-310, has no inverse"),
    ],
)
def test_what_has_no_inverse_is_named_with_its_link(slopes, message):
    values = np.array([-slopes[0], slopes[1] / 2, slopes[1] + slopes[2]])
    f = PiecewiseLinear([0.0, 1.0], [[-1.0, 0.5, 2.0], values], slopes)
    with pytest.raises(ValueError, match=message):
        f.inverse()


def test_knots_whose_values_floats_cannot_tell_apart_are_named():
    f = PiecewiseLinear([0.0, 1.0], [[-1.0, 0.5, 2.0], [1e16, 1e16, 1e16]], [1e-3, 1e-4, 1e-3])
    with pytest.raises(ValueError, match="values at knots 0 and 1 are the same"):
        f.inverse()


@pytest.mark.parametrize("seed", range(10))
def test_inverse_of_a_fit_is_off_by_the_tolerance_over_the_least_slope_and_export_says_so(seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 3, 400)
    y = np.exp(x) + rng.uniform(-0.01, 0.01, 400)
    f = approximate(x, y, tolerance=0.05).function
    g = f.inverse()
    off = np.abs(g(y) - x).max()
    assert off <= 0.05 * (1 + 1e-9) / f.slopes.min() + 1e-12
    exported = render_c(g, "inverse", data=(y, x))
    assert exported.data_error == pytest.approx(off, rel=1e-9)
    assert f"{off:.2g}"[:3] in exported.header


def test_derivative_is_the_slope_of_the_link_to_the_right():
    np.testing.assert_array_equal(HAT.derivative([-3, -1, 0, 0.5, 1, 2, 9]), [0, 1, 1, -1, -1, 0, 0])
    np.testing.assert_array_equal(HAT.derivative([[np.nan], [0.0]]), [np.nan, 1.0])
    assert np.shape(HAT.derivative(0.0)) == ()
    with pytest.raises(ValueError, match="x must have shape"):
        HAT.derivative([[1.0, 2.0]])


def exact_integral(f, a, b):
    """The integral of the table in rational arithmetic, and the sum of the sizes of its pieces."""
    F = Fraction
    ends = [F(a), *(F(float(t)) for t in f.knots if a < t < b), F(b)]
    total = size = F(0)
    for left, right in itertools.pairwise(ends):
        k = sum(1 for t in f.knots if F(float(t)) <= left)
        X, Y, M = (F(float(v)) for v in (f.anchors[0, k], f.anchors[1, k], f.slopes[k]))
        piece = (right - left) * (Y + M * ((left + right) / 2 - X))
        total, size = total + piece, size + abs(piece)
    return total, size


@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("seed", range(30))
def test_integral_is_that_of_the_table_rounded_once(seed, offset):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.1, 1, 40)) + offset
    f = interpolate(x, rng.normal(size=40) * 10.0 ** rng.integers(-8, 8) + rng.choice([0.0, 1e8])).function
    a, b = (float(v) for v in np.sort(rng.uniform(x[0] - 3, x[-1] + 3, 2)))
    for low, high in ((a, b), (a, max([a, *f.knots[:4].tolist()])), (a, a)):
        exact, size = exact_integral(f, low, high)
        found = f.integral(low, high)
        assert abs(Fraction(found) - exact) <= Fraction(2) ** -53 * abs(exact) + Fraction(2) ** -98 * size
        assert f.integral(high, low) == -found


def test_integral_of_the_hat():
    assert HAT.integral(-5, 5) == 2.25
    assert HAT.integral(-5, 5) == pytest.approx(quad(lambda t: float(HAT(t)), -5, 5, points=[-1, 0.5, 2])[0])
    for ends, name in (((np.nan, 1), "a"), ((0, np.inf), "b")):
        with pytest.raises(ValueError, match=f"{name} must be a finite number"):
            HAT.integral(*ends)
