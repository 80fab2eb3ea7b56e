"""Which layers of a module are pairs, and what is said where there are none."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reluctant.nn import layer_pairs


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
    assert names(torch.compile(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)))) == ["0 -> 2"]


def test_hidden_layers_that_rescaling_would_change_are_not_pairs():
    with pytest.raises(ValueError, match="no Linear -> ReLU -> Linear"):
        layer_pairs(Skipping())
    with pytest.raises(ValueError, match="called 2 times"):
        layer_pairs(Twice())
