"""The network that a module computes."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import OneHiddenLayer, to_network


@pytest.mark.parametrize("affine", [False, True])
def test_the_network_is_the_module(affine):
    torch.manual_seed(0)
    module = OneHiddenLayer(3, 7, 2, affine).double()
    X = np.random.default_rng(1).standard_normal((20, 3))
    with torch.no_grad():
        for q in module.parameters():
            q.normal_()
        expected = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(to_network(module)(X), expected, rtol=1e-12, atol=1e-12)


def test_a_module_that_does_more_is_refused():
    with pytest.raises(ValueError, match="not Linear -> ReLU -> Linear alone"):
        to_network(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid()))
    with pytest.raises(ValueError, match="2 hidden layers"):
        to_network(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1)))
