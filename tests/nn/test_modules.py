"""Networks as modules: the same numbers, and the way back."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant import ReLUNetwork, interpolate
from reluctant.nn import OneHiddenLayer, to_module, to_network

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("d", "m"), [(1, 1), (3, 1), (4, 2)])
def test_a_module_computes_the_network(sequential, affine, d, m):
    slope, intercept = (RNG.normal(size=(d, m)), RNG.normal(size=m)) if affine else (None, None)
    network = ReLUNetwork(RNG.normal(size=(5, d)), RNG.normal(size=5), RNG.normal(size=(5, m)), slope, intercept)
    module = to_module(network, sequential)
    assert isinstance(module, nn.Sequential if sequential else OneHiddenLayer)
    X = 10 * RNG.normal(size=(100, d))
    with torch.no_grad():
        values = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(values, network(X).reshape(values.shape), atol=1e-12)
    assert module[0].out_features == 5 + 2 * m * affine if sequential else module.hidden.out_features == 5


def test_the_way_back_is_exact():
    network = ReLUNetwork(RNG.normal(size=(5, 3)), RNG.normal(size=5), RNG.normal(size=5), RNG.normal(size=3), 2.0)
    back = to_network(to_module(network, sequential=False))
    for name in ("input_weights", "biases", "output_weights", "slope", "intercept"):
        np.testing.assert_array_equal(getattr(back, name), getattr(network, name))
    no_affine = ReLUNetwork(network.input_weights, network.biases, network.output_weights)
    np.testing.assert_array_equal(to_network(to_module(no_affine)).input_weights, network.input_weights)


def test_single_precision_rounds_once_and_refuses_what_it_cannot_hold():
    network = interpolate([0, 1, 3, 4], [0, 1, 0.1, 2]).network
    module = to_module(network, dtype=torch.float32)
    np.testing.assert_array_equal(module[2].bias.detach().numpy(), network.intercept.astype(np.float32))
    with pytest.raises(ValueError, match=r"beyond torch.float32; use torch.float64"):
        to_module(ReLUNetwork([[1e300]], [0.0], [1.0]), dtype=torch.float32)
    with pytest.raises(ValueError, match=r"for example solution.network; got LineSolution"):
        to_module(interpolate([0, 1], [0, 1]))
