"""Evaluating a one-input network by a search among its kinks."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import exact_values, random_network
from reluctant import ReLUNetwork, interpolate
from reluctant.model.hinge_table import hinge_table


def table_of(f):
    return hinge_table(f.input_weights[:, 0], f.biases, f.output_weights, f.slope[0], f.intercept)


def assert_exact(f, x, share=2.0**-50):
    """Within a share of the largest |value|, exact arithmetic deciding."""
    exact = [row[0] for row in exact_values(f, np.reshape(x, (-1, 1)))]
    scale = max(abs(v) for v in exact)
    for found, value in zip(f(x), exact):
        assert abs(Fraction(float(found)) - value) <= Fraction(share) * scale


MAGNITUDES = st.integers(-1000, 1000)


@settings(deadline=None)
@given(MAGNITUDES, MAGNITUDES, MAGNITUDES, st.randoms(use_true_random=False))
def test_units_of_weights_do_not_matter(ex, ew, ey, random):
    ew, ey = int(np.clip(ew, -1000 + abs(ex), 1000 - abs(ex))), int(np.clip(ey, -1000 + abs(ew), 1000 - abs(ew)))
    t = [random.choice([-2, -1, 0, 1, 3]) for _ in range(4)]
    w = np.ldexp([random.choice([-1.0, 1.0]) for _ in t], ew)
    if abs(ex + ew) > 1000 or abs(ey - ew) > 1000 or abs(ex + ey) > 1000:
        return
    f = ReLUNetwork(w, -np.ldexp(t, ex) * w, np.ldexp([1.0, -2.0, 1.0, 0.5], ey - ew))
    assert_exact(f, np.ldexp(np.arange(-8, 9) / 2.0, ex))


@pytest.mark.parametrize("small", [1e-20, 1e-100, 1e-150])
def test_small_kinks_beside_huge_ones_are_kept(small):
    f = ReLUNetwork([1, 1e-300, 1], [-small, 1, -1e290], [1 / small, 1, 1])
    assert_exact(f, [0.0, small, 1.5 * small, 2 * small])


def test_kinks_beyond_all_floats_make_lines_or_nothing():
    f = ReLUNetwork([5e-324, -5e-324, 1e-200, 0], [1, 1, -1e200, 3], [1, 10, 100, 1000])
    np.testing.assert_array_equal(f([-1e300, 0.0, 1e300]), [3011.0, 3011.0, 3011.0])


def test_far_inputs_of_a_network_with_tiny_kinks_do_not_overflow():
    np.testing.assert_array_equal(ReLUNetwork([1], [-1e-300], [1])([1e10, 1e300]), [1e10, 1e300])


def test_weights_whose_product_overflows_are_evaluated():
    assert_exact(ReLUNetwork([1e200], [1], [1e200]), [-1e-200, 0.0, 1e-250])


def test_kink_lies_on_the_side_of_the_true_kink():
    rng = np.random.default_rng(0)
    f = random_network(rng, 300, 1, 1)
    t = table_of(f).thresholds
    for w, b in zip(f.input_weights[:, 0], f.biases):
        kink = -Fraction(float(b)) / Fraction(float(w))
        ceiling = t[np.searchsorted(t, float(kink) - abs(float(kink)) * 1e-15)]
        assert Fraction(float(ceiling)) >= kink > Fraction(float(np.nextafter(ceiling, -np.inf)))


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e9])
def test_offsets_cost_no_digits(offset):
    x = offset + np.array([0.0, 1.0, 2.0, 3.5, 4.0, 6.0])
    f = interpolate(x, [0.0, 3.0, 1.0, 2.0, 2.0, -1.0]).network
    assert_exact(f, x, share=2.0**-45 if offset else 2.0**-50)


def test_table_without_kinks_is_the_affine_part():
    f = ReLUNetwork(np.zeros((0, 1)), [], np.zeros((0, 2)), [[1, 2]], [3, 4])
    np.testing.assert_array_equal(f([0.0, 1.0]), [[3, 4], [4, 6]])


def check_many(n_neurons, n_points):
    rng = np.random.default_rng(0)
    kink, v = rng.uniform(-1, 1, n_neurons), rng.normal(size=n_neurons)
    w = rng.choice([-1.0, 1.0], n_neurons)
    f = ReLUNetwork(w, -kink * w, v)
    x = rng.uniform(-2, 2, n_points)
    y = f(x)
    assert y.shape == (n_points,)
    order = rng.choice(n_points, 3)
    scale = np.abs(y).max()
    for i in order:
        a = np.longdouble(1) * w * x[i] + f.biases
        exact = sum((Fraction(float(p)) * (Fraction(float(q)) * Fraction(float(x[i])) + Fraction(float(r)))
                     for p, q, r, s in zip(v, w, f.biases, a) if s > 0), Fraction(0))  # fmt: skip
        assert abs(float(Fraction(float(y[i])) - exact)) <= 1e-15 * scale


def test_many_neurons_at_many_points_equal_exact_sums():
    check_many(20_000, 50_000)


@pytest.mark.slow
def test_half_a_million_neurons_at_a_million_points_equal_exact_sums():
    check_many(500_000, 1_000_000)


def check_walk(n):
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(0, n, n)), np.cumsum(rng.normal(size=n))
    f = interpolate(x, y).network
    np.testing.assert_allclose(f(x), y, rtol=0, atol=1e-9 * np.abs(y).max())


def test_network_of_a_long_walk_reproduces_it():
    check_walk(100_000)


@pytest.mark.slow
def test_network_of_a_walk_of_a_million_reproduces_it():
    check_walk(1_000_000)
