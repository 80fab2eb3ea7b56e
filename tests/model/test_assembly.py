"""From a table to a network whose float64 parameters reproduce it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import exact_values
from reluctant import approximate, interpolate
from reluctant.model.assembly import _smallest_step, network_of, network_without_affine_part
from univariate.strategies import GENERATORS


def assert_reproduces(network, f, x, share=1e-9):
    """The exact value of the parameters, and the call, are within a share of max|f| of the table."""
    expected = f(x)
    scale = np.abs(expected).max()
    exact = [float(row[0]) for row in exact_values(network, np.reshape(x, (-1, 1)))]
    np.testing.assert_allclose(exact, expected, rtol=0, atol=share * scale)
    np.testing.assert_allclose(network(x), expected, rtol=0, atol=share * scale)


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_network_has_a_neuron_a_knot_and_reproduces_the_table(kind, offset):
    data = GENERATORS[kind](np.random.default_rng(1), 40)
    f = interpolate(data.x + offset, data.y).function
    network = network_of(f.links)
    assert network.n_neurons == f.n_knots
    assert_reproduces(network, f, data.x + offset)


@pytest.mark.parametrize("x_unit", [1e-300, 1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("y_unit", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_units_do_not_matter_where_slopes_exist(x_unit, y_unit):
    if not 1e-301 < y_unit / x_unit < 1e301:
        return
    x, y = np.array([0, 1, 2, 3, 5.0]) * x_unit, np.array([1, 3, 1, 7, 2.0]) * y_unit
    f = interpolate(x, y).function
    for network in (network_of(f.links), network_without_affine_part(f.links, x[0], x[-1])[0]):
        np.testing.assert_allclose(network(x), y, rtol=0, atol=1e-9 * y.max())


# Without an affine part: data, and the neurons needed beyond the knots.
CASES = {
    "zero link at the left": ([0, 1, 2, 3, 4], [0, 0, 1, 1, 3], 0),
    "zero link inside": ([0, 1, 2, 3, 4], [-2, 0, 0, 1, -1], 0),
    "zero link at the right": ([0, 1, 2, 3, 4], [2, 1, 3, 0, 0], 0),
    "flat link": ([0, 1, 2, 3, 4], [1, 2, 2, 4, 3], 1),
    "constant": ([0, 1, 2], [5, 5, 5], 1),
    "zero": ([0, 1, 2], [0, 0, 0], 0),
    "root left of the data": ([1, 2, 3], [1, 2, 3], 1),
    "root right of the data": ([1, 2, 3], [3, 2, 1], 1),
    "root at the first point": ([0, 1, 2], [0, 1, 2], 1),
    "root at the last point": ([0, 1, 2], [-2, -1, 0], 1),
    "root inside": ([-1, 1, 2], [-1, 1, 2], 2),
    "every link with its root inside": ([-1, 1, 3], [-4, 4, -6], 2),
    "one point": ([3], [7], 1),
    "one point at zero": ([3], [0], 0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_network_without_affine_part_needs_the_extra_neurons_of_its_case(case, offset):
    x, y, extra = CASES[case]
    x, y = np.array(x, float) + offset, np.array(y, float)
    f = interpolate(x, y).function
    network, found = network_without_affine_part(f.links, x[0], x[-1])
    assert network.n_affine == 0
    assert len(network.biases) == f.n_knots + found
    points = np.linspace(x[0], x[-1], 31)
    if found or y.any():
        assert_reproduces(network, f, points)
    if offset == 0:
        assert found == extra


def test_without_affine_part_the_bound_is_no_less_than_that_of_networks_with_one():
    assert interpolate([0, 1, 2], [5, 5, 5], affine=False).is_optimal  # a constant neuron does not count
    peak = interpolate([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0], affine=False)
    assert (peak.certificate.kind, peak.n_neurons, peak.network.n_affine) == ("proved", 3, 0)
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 5, 9, 30):
        x, y = np.arange(float(n)), rng.normal(size=n)
        for solution, free in (
            (interpolate(x, y, affine=False), interpolate(x, y)),
            (approximate(x, y, tolerance=0.3, affine=False), approximate(x, y, tolerance=0.3)),
            (interpolate(x, y, 0.5, affine=False), interpolate(x, y, 0.5)),
        ):
            assert solution.certificate.kind == "proved"
            assert free.certificate.lower_bound <= solution.certificate.lower_bound <= solution.found * (1 + 1e-12)
            assert solution.certificate.quantity == "value" or solution.gap in (0, 1)


def assert_one_function(solution, x) -> None:
    """`predict` and the network agree also far outside the data."""
    width = np.ptp(x) if len(x) > 1 else 1.0
    points = np.concatenate([np.linspace(x[0] - 30 * width, x[-1] + 30 * width, 203), x, solution.function.knots])
    scale = np.abs(solution.predict(points)).max() + np.abs(solution.function.slopes).max() * 60 * width
    np.testing.assert_allclose(solution.network(points), solution.predict(points), rtol=0, atol=1e-9 * scale)
    assert solution.network.n_affine == 0
    assert solution.n_neurons - solution.function.n_knots in (0, 1)  # a kink may be split


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("unit", [1.0, 1e-140, 1e140])
def test_without_affine_part_the_table_is_the_network_outside_the_data_too(case, unit):
    x, y, _ = CASES[case]
    x, y = np.array(x, float) * unit, np.array(y, float) / unit
    for solution in (interpolate(x, y, affine=False), approximate(x, y, tolerance=0.1 / unit, affine=False)):
        assert_one_function(solution, x)


def test_small_integers_have_a_network_without_affine_part():
    """Where every link is anchored at (0, 0), the data are the only scale."""
    rng = np.random.default_rng(2)
    for _ in range(300):
        n = int(rng.integers(1, 7))
        x, y = np.cumsum(rng.integers(1, 4, n)) - float(rng.integers(0, 8)), rng.integers(-3, 4, n).astype(float)
        solution = interpolate(x, y, float(rng.choice([0, 0.5, 1])), affine=False)
        np.testing.assert_allclose(solution.network(x), y, rtol=0, atol=1e-11)
        assert_one_function(solution, x)


def test_reason_counts_the_neurons_beside_those_of_the_function():
    assert "as many are enough beside a constant" in reason_of([0, 1, 2], [1, 2, 4])
    assert "one neuron more is needed [DK]" in reason_of([0, 1, 2], [0, 1, 2])
    assert "one neuron more is needed beside a constant [DK]" in reason_of([-1, 1, 2], [-1, 1, 2])


def reason_of(x, y) -> str:
    return interpolate(x, y, affine=False).certificate.reason


@settings(deadline=None)
@given(st.integers(1, 2**42 - 1), st.integers(0, 2**42 - 1), st.floats(1e-5, 0.2))
def test_smallest_step_brings_the_offset_near_an_integer(rate, offset, tolerance):
    unit = 2.0**-42
    j = _smallest_step(rate * unit, offset * unit, tolerance)
    assert j >= 0

    def distance(j):
        position = (Fraction(offset) + j * Fraction(rate)) / 2**42
        return abs(position - round(position))

    if j <= 3000 and distance(j) <= tolerance:
        assert all(distance(i) > tolerance - 2.0**-40 for i in range(j))
    assert j == 0 or distance(j) <= max(distance(0), Fraction(1, 4))
