"""The network that a module computes."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant import ReLUNetwork
from reluctant.nn import OneHiddenLayer, Schedule, Shrinkage, fit_network, to_network


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


def copies(dtype, affine=False):
    """A module of three neurons, two of which are there eight times in different scales, and one turned round."""
    rng = np.random.default_rng(0)
    w, b, v = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(3, 2))
    scale = rng.uniform(0.01, 100.0, 17)
    which = np.repeat([0, 1, 2], [8, 8, 1])
    share = rng.uniform(0.5, 2.0, 17)
    module = OneHiddenLayer(2, 18, 2, affine).to(dtype)
    with torch.no_grad():
        module.hidden.weight[:17] = torch.from_numpy(scale[:, None] * w[which])
        module.hidden.bias[:17] = torch.from_numpy(scale * b[which])
        module.output.weight[:, :17] = torch.from_numpy((share / scale)[:, None] * v[which]).T
        module.hidden.weight[17], module.hidden.bias[17] = -module.hidden.weight[0], -module.hidden.bias[0]
        module.output.weight[:, 17] = 1.0
    total = np.array([share[:8].sum(), share[8:16].sum(), share[16]])
    return module, ReLUNetwork(w, b, total[:, None] * v), ReLUNetwork(-w[:1], -b[:1], [[scale[0], scale[0]]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("affine", [False, True])
def test_copies_of_a_neuron_become_one_and_its_mirror_image_stays(dtype, affine):
    module, expected, mirrored = copies(dtype, affine)
    network = to_network(module)
    assert len(network.biases) == 4
    rtol = 100 * torch.finfo(dtype).eps
    X = np.random.default_rng(1).normal(size=(50, 2))
    np.testing.assert_allclose(network(X), expected(X) + mirrored(X), rtol=rtol, atol=1000 * rtol)
    assert network.n_affine == 0


def test_neurons_that_differ_by_more_than_rounding_stay_apart():
    module = OneHiddenLayer(2, 2).double()
    with torch.no_grad():
        module.hidden.weight[1] = module.hidden.weight[0] * torch.tensor([1.0, 1.0 + 1e-12], dtype=torch.float64)
        module.hidden.bias[1] = module.hidden.bias[0]
    assert to_network(module).n_neurons == 2
    module = module.float()  # in float32 they are the same
    assert to_network(module).n_neurons == 1


def test_training_ends_in_a_network_without_copies_that_is_the_module():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 3))
    y = np.maximum(X[:, 0] - 0.2, 0)
    run = fit_network(
        X,
        y,
        alpha=2e-3,
        epochs=300,
        batch_size=None,
        shrinkage=Shrinkage(metric="plain"),
        schedule=Schedule.constant(),
    )
    assert run.network.n_neurons < run.history[-1].n_neurons
    outputs = run.module(torch.as_tensor(X, dtype=torch.float32)).detach().numpy()[:, 0]
    np.testing.assert_allclose(run.network(X), outputs, atol=1e-5)
    w, b = run.network.input_weights, run.network.biases
    hinges = np.column_stack([w, b])
    hinges /= np.linalg.norm(hinges, axis=1)[:, None]
    distance = np.linalg.norm(hinges[:, None] - hinges[None], axis=2) + np.eye(len(b))
    assert distance.min() > 1e-6
    assert run.path_norm == run.network.path_norm(0.5)
