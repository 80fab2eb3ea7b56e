"""The least sum of paths against exact regions of the network."""

from fractions import Fraction

import numpy as np
import pytest

from reluctant import ReLUNetwork
from reluctant.model.slopes import never_falls, slopes_along, trend, trends
from reluctant.verify import is_monotone


def whole(rng, K, d, most):
    """Hinges of small whole numbers on at most so many inputs, and an affine part."""
    U = rng.integers(-3, 4, (K, d + 1)).astype(float)
    for k in range(K):
        U[k, rng.permutation(d)[most:]] = 0.0
    return U, rng.integers(-2, 3, K).astype(float), rng.integers(-2, 3, d + 1).astype(float)


def far_box(network, d):
    return [[-200.0, 200.0]] * d


@pytest.mark.gate(6)
@pytest.mark.parametrize("seed", range(60))
def test_of_neurons_of_one_input_the_least_sum_is_the_least_slope(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    U, v, A = whole(rng, 4, d, 1)
    network = ReLUNetwork.from_hinges(U, v[:, None], A[:, None])
    for j in range(d):
        fact = is_monotone(network, far_box(network, d), j)
        assert fact.kind == "proved"
        assert never_falls(U, v, A, j, 1) == bool(fact)
        assert float(slopes_along(U, v, A, j, 1).least.min()) == fact.value


@pytest.mark.gate(6)
@pytest.mark.parametrize("seed", range(60))
def test_of_other_neurons_the_least_sum_is_at_most_the_least_slope(seed):
    rng = np.random.default_rng(seed)
    U, v, A = whole(rng, 4, 3, 3)
    network = ReLUNetwork.from_hinges(U, v[:, None], A[:, None])
    for j in range(3):
        fact = is_monotone(network, far_box(network, 3), j, direction="decreasing")
        assert float(slopes_along(U, v, A, j, -1).least.min()) <= fact.value


@pytest.mark.parametrize("seed", range(10))
def test_turning_a_neuron_around_changes_no_least_sum(seed):
    rng = np.random.default_rng(seed)
    U, v, A = whole(rng, 4, 3, 2)
    turned = U.copy()
    turned[1] *= -1.0
    for j in range(3):
        before, after = slopes_along(U, v, A, j, 1), slopes_along(turned, v, A + v[1] * U[1], j, 1)
        assert before.least.min() == after.least.min()


def test_the_larger_of_two_inputs_increases_in_both_and_a_ramp_does():
    larger = np.array([[1.0, -1.0, 0.0]]), np.array([1.0]), np.array([0.0, 1.0, 0.0])
    assert never_falls(*larger, 0, 1)
    assert never_falls(*larger, 1, 1)
    ramp = np.array([[1.0, 0.0], [1.0, -1.0]]), np.array([1.0, -1.0]), np.zeros(2)
    assert never_falls(*ramp, 0, 1)
    assert not never_falls(ramp[0], -ramp[1], ramp[2], 0, 1)


def test_rounding_decides_nothing():
    """A fall by one unit in the last place is one."""
    U, v = np.array([[1.0, 0.0], [1.0, -1.0]]), np.array([1.0, -np.nextafter(1.0, 2.0)])
    assert not never_falls(U, v, np.zeros(2), 0, 1)
    least = slopes_along(*(np.vectorize(Fraction, otypes=[object])(a) for a in (U, v, np.zeros(2))), 0, 1).least.min()
    assert least == -Fraction(1, 2**52)


def test_trends_are_said_of_the_inputs_that_are_read():
    U, V, A = np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([[1.0]]), np.array([[0.5], [-1.0], [0.0], [0.0]])
    assert trends(U, V, A)[:, 0].tolist() == [1, -1, 0]
    assert trend(np.array([1, -1, 1]), ["a", "b", "c"]) == "increasing in a and c, decreasing in b"
    text = ReLUNetwork.from_hinges(U, V, A).describe(["a", "b", "c"], trends=True)
    assert text.endswith("f is increasing in a, decreasing in b, wherever the other inputs are.")
