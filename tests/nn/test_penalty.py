"""The path norm as a penalty."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.model.network import ReLUNetwork
from reluctant.nn import PathNorm, path_norm


def network(m=2, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, m)).double()


@pytest.mark.parametrize("bias", [None, False])
@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
def test_exact_value_equals_the_networks_path_norm(p, bias):
    module = network()
    theirs = ReLUNetwork(*(q.detach().numpy() for q in (module[0].weight, module[0].bias, module[2].weight.T)))
    assert path_norm(module, p, bias) == pytest.approx(theirs.path_norm(p, bias), rel=1e-13)
    assert path_norm(module, 0, bias) == theirs.path_norm(0, bias)


def test_smoothed_value_lies_within_its_stated_distance_below_the_exact_one():
    module, p, eps = network(), 0.5, 1e-3
    gap = path_norm(module, p) - PathNorm(p, smoothing=eps)(module).item()
    assert 0 < gap <= path_norm(module, 0) * eps**p


@pytest.mark.parametrize("smoothing", [0.0, 1e-2])
def test_gradient_equals_finite_differences(smoothing):
    module = network()
    penalty = PathNorm(0.4, smoothing=smoothing)
    penalty(module).backward()
    for parameter in (module[0].weight, module[0].bias, module[2].weight):
        flat = parameter.data.view(-1)
        for i in range(0, flat.numel(), 4):
            h, x = 1e-6, float(flat[i])
            flat[i] = x + h
            up = penalty(module).item()
            flat[i] = x - h
            down = penalty(module).item()
            flat[i] = x
            assert float(parameter.grad.view(-1)[i]) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-8)


def test_rescaling_a_neuron_changes_nothing():
    module, penalty = network(), PathNorm(0.5)
    before = penalty(module).item()
    with torch.no_grad():
        module[0].weight[1] *= 7.0
        module[0].bias[1] *= 7.0
        module[2].weight[:, 1] /= 7.0
    assert penalty(module).item() == pytest.approx(before, rel=1e-13)


def test_gradient_at_a_structural_zero_is_zero_and_not_nan():
    module = network()
    with torch.no_grad():
        module[0].weight[0, 0] = 0.0
    PathNorm(0.5, smoothing=0.0)(module).backward()
    assert module[0].weight.grad[0, 0] == 0
    assert all(torch.isfinite(q.grad).all() for q in (module[0].weight, module[0].bias, module[2].weight))


def test_p_must_lie_in_its_range():
    for p in (0, -1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"p must .* in \(0, 1\]"):
            PathNorm(p)
