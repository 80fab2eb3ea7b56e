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


@pytest.mark.parametrize(("m", "d"), [(1, 3), (3, 3), (2, 1)])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_weight_decay_on_balanced_factors_is_the_path_norm(depth, m, d):
    module = module_of(m, d)
    with torch.no_grad():
        module[2].weight[:, 0] = 0.0  # a dead neuron
    norm, X = path_norm(module, 2 / depth), torch.rand(6, d, dtype=torch.float64)
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


@pytest.mark.parametrize("depth", [2, 4])
def test_no_factors_give_less_decay_than_the_path_norm(depth):
    module = module_of(m=3)
    factors = factorize(module, depth)
    torch.manual_seed(0)
    for _ in range(50):
        with torch.no_grad():
            for factor in module.parameters():
                factor.mul_(torch.rand_like(factor) * 4 - 2)
        decay = 0.5 * sum(float(factor.detach().square().sum()) for factor in factors)
        assert decay >= depth / 2 * path_norm(module, 2 / depth) * (1 - 1e-12)


@pytest.mark.slow
def test_factorised_training_with_several_outputs_finds_which_neuron_feeds_which_output():
    rng = np.random.default_rng(0)
    X = torch.from_numpy(rng.uniform(-1, 1, (60, 2)))
    y = torch.relu(X - 0.2)  # output o is a neuron of its own, on input o
    module = module_of(m=2, d=2)
    factors = factorize(module, depth=4)
    rest = [q for q in module.parameters() if not any(q is factor for factor in factors)]
    optimizer = torch.optim.Adam([{"params": rest}], lr=0.01)
    optimizer.add_param_group({"params": factors})
    for _ in range(2000):
        optimizer.zero_grad()
        decay = 0.5 * sum(factor.square().sum() for factor in factors)
        ((module(X) - y).square().mean() + 1e-3 * decay).backward()
        optimizer.step()
    harden(module, 1e-2)
    w, v = module[0].weight.detach(), module[2].weight.T.detach()
    paths = (v[:, :, None] * w[:, None, :]).abs().sum(dim=0)
    assert torch.equal(paths > 0, torch.eye(2, dtype=torch.bool))
    assert float((module(X) - y).square().mean().detach()) < 5e-3


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("frozen", [(), ("2.weight",), ("0.bias", "2.weight", "2.bias")])
def test_hardening_leaves_every_parameter_trained_or_frozen_as_it_was(m, frozen):
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, m))
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in frozen)
    before = {name: parameter.requires_grad for name, parameter in module.named_parameters()}
    factorize(module, 3)
    harden(module, 1e-3)
    assert {name: parameter.requires_grad for name, parameter in module.named_parameters()} == before
    assert not list(module.buffers())


def test_a_layer_between_two_relus_is_refused_before_anything_changes():
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    with pytest.raises(ValueError, match="in_features=3, out_features=4, bias=True\\) lies between two ReLUs"):
        factorize(module, 3)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_hardening_keeps_the_constants_of_one_input():
    module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).double()
    with torch.no_grad():
        module[0].weight.fill_(1e-6)
        module[0].bias.fill_(2.0)
    X = torch.rand(5, 1, dtype=torch.float64)
    before = module(X).detach()
    factorize(module, 4)
    harden(module, 1e-3)
    assert module[0].weight.item() == 0
    torch.testing.assert_close(module(X).detach(), before, rtol=0, atol=1e-5)


def test_hardening_leaves_other_parametrisations_alone():
    module = nn.Sequential(module_of(), nn.utils.parametrizations.weight_norm(nn.Linear(1, 1)))
    with pytest.raises(ValueError, match="no factorised layer"):
        harden(module, 0.1)
    factorize(module, 2)
    harden(module, 0.1)
    assert nn.utils.parametrize.is_parametrized(module[1])
    assert not nn.utils.parametrize.is_parametrized(module[0][0])
