"""Products in the place of single weights and of units: what decay costs, how they begin, how they are cut."""

import copy

import pytest
import torch
from torch import nn

from reluctant.nn import factorize, harden
from reluctant.nn.factorized_weights import products


def chain(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 30), nn.ReLU(), nn.Linear(30, 20), nn.LayerNorm(20), nn.ReLU(), nn.Linear(20, 2)
    ).to(dtype)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.inner = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 5, 3, padding=1)
        self.head, self.skip = nn.Linear(5, 2), nn.Linear(5, 2, bias=False)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = (x + torch.relu(self.inner(x))).mean(dim=(2, 3))
        return self.head(x) + self.skip(x)


def inputs(module):
    torch.manual_seed(1)
    return torch.rand(9, 1, 6, 6) if isinstance(module, Residual) else torch.rand(9, 6, dtype=torch.float64)


def decay(factors):
    return 0.5 * sum(float(q.detach().square().sum()) for q in factors)


@pytest.mark.parametrize("make", [chain, Residual])
@pytest.mark.parametrize("by", ["weight", "unit"])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_function_stays_and_comes_back_as_parameters(make, by, depth):
    module = make()
    X, names = inputs(module), [name for name, _ in module.named_parameters()]
    before = module(X).detach()
    factors = factorize(module, depth, by=by)
    torch.testing.assert_close(module(X).detach(), before, rtol=1e-5, atol=1e-6)
    assert len({id(q) for q in factors} - {id(q) for q in module.parameters()}) == 0
    torch.testing.assert_close(copy.deepcopy(module)(X).detach(), module(X).detach(), rtol=0, atol=0)
    harden(module, 0.0)
    assert sorted(name for name, _ in module.named_parameters()) == sorted(names)
    torch.testing.assert_close(module(X).detach(), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_no_factors_cost_less_decay_than_the_power_of_the_weights_or_of_the_norms_of_units(depth):
    for by in ("weight", "unit"):
        module = chain()
        last = [module[5].weight] if by == "unit" else []
        factors = [q for q in factorize(module, depth, by=by) if not any(q is w for w in last)]
        torch.manual_seed(2)
        for i in range(20):
            with torch.no_grad():
                if i:
                    for q in factors:
                        q.mul_(torch.rand_like(q) * 4 - 2)
            weights = [getattr(layer, name).detach() for layer, name, _ in products(module)]
            sizes = [w.abs() if by == "weight" else w.norm(dim=1) for w in weights]
            least = depth / 2 * sum(float(size.pow(2 / depth).sum()) for size in sizes)
            assert decay(factors) >= least * (1 - 1e-12)
            if by == "unit" and i == 0:  # they begin balanced
                assert decay(factors) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("depth", [2, 4])
def test_a_unit_of_one_hidden_layer_costs_a_power_of_both_norms_whatever_its_scale(depth):
    torch.manual_seed(3)
    w, v = torch.rand(5, dtype=torch.float64), torch.rand(3, dtype=torch.float64)
    c = torch.logspace(-3, 3, 100_001, dtype=torch.float64)
    cost = depth / 2 * (c * w.norm()).pow(2 / depth) + 0.5 * (v.norm() / c).square()
    least = (depth + 1) / 2 * float(w.norm() * v.norm()) ** (2 / (depth + 1))
    assert float(cost.min()) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_drawn_factors_have_the_variance_of_the_weights_and_stay_away_from_zero(depth):
    module = nn.Sequential(nn.Linear(300, 200))
    factorize(module, depth, by="weight", random_state=5)
    weight = module[0].weight.detach()
    _, *drawn = (q.detach() for q in module[0].parametrizations.weight.parameters())
    spread = float(weight.square().mean()) ** (0.5 / depth)
    for factor in drawn:
        assert float(factor.square().mean().sqrt()) == pytest.approx(spread, rel=0.01)
        assert float(factor.abs().min()) > 0.25 * spread
        assert float(factor.abs().max()) < 2.1 * spread
        assert abs(float(factor.mean())) < 0.02 * spread
    again = nn.Sequential(nn.Linear(300, 200))
    again.load_state_dict({"0.weight": weight, "0.bias": module[0].bias})
    factorize(again, depth, by="weight", random_state=5)
    torch.testing.assert_close(again[0].parametrizations.weight.original1.detach(), drawn[0])


def test_a_weight_of_zero_can_grow_which_a_product_of_balanced_factors_cannot():
    for by, grows in (("weight", True), ("path", False)):
        module = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False))
        with torch.no_grad():
            module[0].weight.copy_(torch.tensor([[1.0, 0.0, 1.0, 1.0]] * 3))
            module[2].weight.fill_(1.0)
        factorize(module, 3, by=by)
        module(torch.ones(1, 4)).sum().backward()
        gradients = [q.grad[:, 1].abs().max() for q in module[0].parametrizations.weight.parameters()]
        assert bool(max(gradients) > 0) == grows


@pytest.mark.parametrize("by", ["weight", "unit"])
def test_decay_makes_small_what_is_not_needed_and_the_largest_are_left(by):
    torch.manual_seed(0)
    X = torch.rand(100, 6) * 2 - 1
    y = torch.stack([torch.relu(X[:, 0]), torch.relu(-X[:, 1])], dim=1)
    module = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))
    factors = factorize(module, 3, by=by)
    held = {id(q) for q in factors}
    rest = [q for q in module.parameters() if id(q) not in held]
    optimizer = torch.optim.SGD([{"params": factors, "weight_decay": 5e-3}, {"params": rest}], lr=0.2, momentum=0.9)
    for _ in range(600):
        optimizer.zero_grad()
        (module(X) - y).square().mean().backward()
        optimizer.step()
    rows = module[0].weight.detach().norm(dim=1)
    assert int((rows > 1e-3).sum()) <= 4  # two are needed
    before = module(X).detach()
    n_left = int((rows > 1e-3).sum()) if by == "unit" else 12
    harden(module, n_left=n_left)
    torch.testing.assert_close(module(X).detach(), before, rtol=0, atol=0.02)
    left = (
        int((module[0].weight != 0).any(dim=1).sum())
        if by == "unit"
        else sum(int(torch.count_nonzero(layer.weight)) for layer in module[::2])
    )
    assert left == n_left
    assert float((module(X) - y).square().mean().detach()) < 0.02


def test_what_cannot_be_factorised_is_refused_before_anything_changes():
    module = chain()
    before = [q.detach().clone() for q in module.parameters()]
    with pytest.raises(ValueError, match="by must be 'path', 'weight' or 'unit', got 'row'"):
        factorize(module, 3, by="row")
    with pytest.raises(ValueError, match="depth must be an integer of at least 2"):
        factorize(module, 1, by="weight")
    with pytest.raises(ValueError, match="random_state must be an integer"):
        factorize(module, 2, by="weight", random_state=-1)
    module[2].weight.requires_grad_(False)
    with pytest.raises(ValueError, match=r"2\.weight is frozen; set requires_grad"):
        factorize(module, 3, by="weight")
    frozen = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    frozen[0].weight.requires_grad_(False)
    with pytest.raises(ValueError, match="a weight of 0 -> 2 is frozen; set requires_grad"):
        factorize(frozen, 3)
    with pytest.raises(ValueError, match="Embedding has no units to gate"):
        factorize(nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 1)), by="unit")
    with pytest.raises(ValueError, match="no hidden layer whose units"):
        factorize(nn.Linear(2, 1), by="unit")
    tied = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    tied[2].weight = tied[0].weight
    with pytest.raises(ValueError, match="are one shared weight"):
        factorize(tied, by="weight")
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    module[2].weight.requires_grad_(True)
    factorize(module, 3, by="weight")
    with pytest.raises(ValueError, match="belongs to a parametrised weight"):
        factorize(module, 3, by="weight")
    for arguments in ({}, {"threshold": 0.1, "n_left": 3}):
        with pytest.raises(ValueError, match=r"give either threshold, .* or n_left"):
            harden(module, **arguments)
    with pytest.raises(ValueError, match="n_left must be at most the 820 that there are, got 821"):
        harden(module, n_left=821)
    with torch.no_grad():
        module[0].bias[0] = torch.nan
    with pytest.raises(ValueError, match="parameters that are not finite; training has diverged"):
        harden(module, 0.1)
    pair = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    factorize(pair, 2)
    with pytest.raises(ValueError, match="n_left is for factorize by weight or by unit"):
        harden(pair, n_left=1)
