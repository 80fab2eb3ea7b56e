"""Networks far from zero: the floats are the function that was meant, and every evaluation keeps its digits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from networks import AT, exact_values, far_network
from reluctant import ReLUNetwork
from reluctant.model.centring import carried_back


def exactly(network: ReLUNetwork, rows: np.ndarray) -> np.ndarray:
    """The function that the parameters are, in rationals, rounded once."""
    return np.array(exact_values(network, rows), dtype=float)


@pytest.mark.parametrize("name", AT)
def test_hinges_far_from_zero_are_those_near_zero_to_many_digits(name):
    """By rationals; a bias that is rounded without a choice of weights is a hundred times as far off."""
    offset, spread = AT[name]
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(30, 3)) / spread, rng.normal(size=30)
    beside = offset + 0.38 * spread * (offset != 0)
    at = offset + spread * rng.uniform(-1, 1, (20, 3))
    near = [[Fraction(x) - Fraction(c) for x, c in zip(row, offset)] for row in at]
    heights = [[sum((Fraction(a) * x for a, x in zip(w, row)), Fraction(c)) for w, c in zip(W, b)] for row in near]
    meant = np.maximum(np.array(heights, dtype=float), 0)

    def error(W, b):
        return np.abs(exactly(ReLUNetwork(W, b, np.eye(len(b))), at) - meant).max()

    careful, careless = error(*carried_back(W, b, offset, beside)), error(W, b - W @ offset)
    assert careful < 1e-11
    assert careful < 0.02 * careless


@pytest.mark.parametrize("name", AT)
def test_a_call_far_from_zero_keeps_the_digits_of_the_exact_function(name, tmp_path):
    network, rows = far_network(name)
    right = exactly(network, rows)
    size = np.abs(right).max()
    plain = np.maximum(rows @ network.input_weights.T + network.biases, 0) @ network.output_weights
    assert np.abs(plain + rows @ network.slope + network.intercept - right).max() > 1e-11 * size
    assert np.abs(network(rows) - right.ravel()).max() < 1e-14 * size
    network.save(tmp_path / "far.json")
    assert (ReLUNetwork.load(tmp_path / "far.json")(rows) == network(rows)).all()
    elsewhere = np.vstack([np.zeros(3), 2.0 * rows[:3], -rows[:3]])
    np.testing.assert_allclose(network(elsewhere), exactly(network, elsewhere).ravel(), rtol=1e-14)


@pytest.mark.parametrize("K", [1, 3, 5, 12])
def test_networks_near_zero_are_evaluated_as_they_are(K):
    rng = np.random.default_rng(K)
    for _ in range(200):
        scale = 10.0 ** rng.integers(-9, 9, 3)
        W = rng.normal(size=(K, 3)) * (rng.random((K, 3)) < 0.7)
        network = ReLUNetwork(W / scale, rng.uniform(-1, 1, K), rng.normal(size=K))
        assert network.centred is None
