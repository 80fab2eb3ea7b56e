"""The path norm as a penalty, and the search for layer pairs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reluctant.model.network import ReLUNetwork
from reluctant.nn import PathNorm, layer_pairs, path_norm


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


class UsedInAnotherOrder(nn.Module):
    def __init__(self):
        super().__init__()
        self.output, self.hidden = nn.Linear(4, 1), nn.Linear(2, 4)

    def forward(self, x):
        return self.output(F.relu(self.hidden(x)))


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = self.a(x).relu()
        return self.b(h) + h


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 4))

    def forward(self, x):
        return self.trunk(x) if x.sum() > 0 else x


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.a(x)))))


def names(module):
    return [pair.name for pair in layer_pairs(module)]


def test_pairs_are_found_by_use_and_not_by_order_of_registration():
    assert names(UsedInAnotherOrder()) == ["hidden -> output"]
    assert names(Branching()) == ["trunk.0 -> trunk.3"]
    deep = nn.Sequential(
        nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)
    )
    assert names(deep) == ["0 -> 2", "4 -> 6"]


def test_a_compiled_module_is_searched_inside():
    assert names(torch.compile(network())) == ["0 -> 2"]


def test_hidden_layers_that_rescaling_would_change_are_not_pairs():
    with pytest.raises(ValueError, match="no Linear -> ReLU -> Linear"):
        layer_pairs(Skipping())
    with pytest.raises(ValueError, match="called 2 times"):
        layer_pairs(Twice())


def test_p_must_lie_in_its_range():
    for p in (0, -1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"p must .* in \(0, 1\]"):
            PathNorm(p)
