"""Continuation in p and the factorised penalty."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import PContinuation, ReweightedL1, factorize, halve_p, harden, path_norm


def module_of(m=1, d=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(d, 10), nn.ReLU(), nn.Linear(10, m)).double()


def test_continuation_resumes_where_it_was():
    module = module_of()
    optimizer = ReweightedL1(torch.optim.SGD(module.parameters(), lr=0.1), module, alpha=0.1)
    first = PContinuation(optimizer, start=0.9, end=0.3, n_steps=10)
    for _ in range(4):
        first.step()
    p = optimizer.p
    second = PContinuation(optimizer, start=0.9, end=0.3, n_steps=10)
    second.load_state_dict(first.state_dict())
    assert optimizer.p == p
    for _ in range(20):
        second.step()
    assert optimizer.p == pytest.approx(0.3, rel=1e-15)


def test_halving_stops_when_nothing_gets_sparser():
    sizes = {1.0: 9, 0.5: 6, 0.25: 5, 0.125: 5, 0.0625: 1}
    tried = halve_p(lambda p: sizes[p], lambda size: size)
    assert [p for p, _ in tried] == [1.0, 0.5, 0.25, 0.125]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_weight_decay_on_balanced_factors_is_the_path_norm(depth):
    module = module_of()
    norm, X = path_norm(module, 2 / depth), torch.rand(6, 3, dtype=torch.float64)
    before = module(X).detach()
    factors = factorize(module, depth)
    torch.testing.assert_close(module(X).detach(), before, rtol=1e-12, atol=1e-14)
    decay = 0.5 * sum(float(factor.detach().square().sum()) for factor in factors)
    assert decay == pytest.approx(depth / 2 * norm, rel=1e-12)


def test_factorised_training_is_sparse_where_the_penalty_says_so():
    rng = np.random.default_rng(0)
    X = torch.from_numpy(rng.uniform(-1, 1, (60, 3)))
    y = torch.relu(X[:, :1] - 0.2)
    module = module_of()
    factors = factorize(module, depth=4)
    optimizer = torch.optim.SGD([{"params": factors, "weight_decay": 2e-3}], lr=0.1, momentum=0.9)
    for _ in range(3000):
        optimizer.zero_grad()
        (module(X) - y).square().mean().backward()
        optimizer.step()
    harden(module, 1e-3)
    alive = (module[0].weight != 0).any(dim=1)
    assert 1 <= int(torch.count_nonzero(module[0].weight[alive])) <= 6
    assert float((module(X) - y).square().mean().detach()) < 5e-3


def test_several_outputs_are_refused():
    with pytest.raises(ValueError, match="has 2 outputs"):
        factorize(module_of(m=2))
