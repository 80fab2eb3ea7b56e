"""The step in the optimiser's metric: beside NumPy, its fixed points, its descent, what it refuses."""

import copy
import io
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import ReweightedL1
from reluctant.nn.metric import step_length
from reluctant.nn.metric_step import MetricStep

LEARNERS = {
    "Adam": partial(torch.optim.Adam, lr=0.01),
    "amsgrad": partial(torch.optim.Adam, lr=0.01, amsgrad=True),
    "AdamW": partial(torch.optim.AdamW, lr=0.01, weight_decay=0.0),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.002),
    "centred RMSprop": partial(torch.optim.RMSprop, lr=0.002, centered=True, momentum=0.5),
    "Adagrad": partial(torch.optim.Adagrad, lr=0.05, lr_decay=1e-4),
    "SGD": partial(torch.optim.SGD, lr=0.05),
    "SGD with momentum": partial(torch.optim.SGD, lr=0.01, momentum=0.9, dampening=0.2),
}


def one_hidden_layer(d=3, K=12, m=1, dtype=torch.float64, output_bias=False, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(d, K), nn.ReLU(), nn.Linear(K, m, bias=output_bias)).to(dtype)


def data(d=3, N=9, m=1, seed=1):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-1, 1, (N, d))), torch.from_numpy(rng.uniform(-1, 1, (N, m)))


def train(module, optimizer, X, y, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (module(X) - y).square().mean()
        loss.backward()
        optimizer.step()


def prox(u, tau, p):
    """Brute force: the better of zero and the best of a fine grid, refined."""
    size = abs(u)
    if size == 0:
        return 0.0
    low, high = 0.0, size
    for _ in range(40):
        grid = np.linspace(low, high, 101)
        cost = 0.5 * (grid - size) ** 2 + tau * np.where(grid > 0, grid, 1.0) ** p * (grid > 0)
        cost[grid <= 0] = np.inf
        best = int(np.argmin(cost))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 100)]
    return float(np.copysign(grid[best], u)) if cost[best] < 0.5 * size**2 else 0.0


class NumpyMetricStep:
    """Adam and the two proximal maps in its metric, written out, one neuron and weight at a time."""

    def __init__(self, module, lr, alpha, p, bias, holds):
        self.W, self.b, self.V = (
            q.detach().numpy().copy() for q in (module[0].weight, module[0].bias, module[2].weight)
        )
        self.moments = [[np.zeros_like(q) for q in (self.W, self.b, self.V)] for _ in range(2)]
        self.lr, self.alpha, self.p, self.bias, self.holds, self.t = lr, alpha, p, bias, holds, 0
        if holds:
            self.W *= np.abs(self.V[0])[:, None]
            self.b *= np.abs(self.V[0])
            self.V = np.sign(self.V)

    def step(self, X, y):
        Z = X @ self.W.T + self.b
        H = np.maximum(Z, 0)
        r = 2 * (H @ self.V.T - y) / y.size
        dZ = (r @ self.V) * (Z > 0)
        self.t += 1
        old_v = self.V.copy()
        dead = ~(self.W.any(axis=1) | (self.b != 0)) | ~self.V.any(axis=0)
        lengths = []
        for q, m1, m2, g in zip((self.W, self.b, self.V), *self.moments, (dZ.T @ X, dZ.sum(axis=0), r.T @ H)):
            m1 += 0.1 * (g - m1)
            m2 += 0.001 * (g * g - m2)
            D = np.sqrt(m2 / (1 - 0.999**self.t)) + 1e-8
            q -= self.lr / (1 - 0.9**self.t) * m1 / D
            lengths.append(self.lr / D)
        if self.holds:
            self.V = old_v
        self.W[dead], self.b[dead] = 0, 0
        self.shrink(old_v, *lengths)

    def shrink(self, old_v, w_length, b_length, v_length):
        p, power = self.p, lambda a: np.sum(np.abs(a) ** self.p)
        for k in range(len(self.b)):
            outgoing = power(old_v[:, k])
            for i in range(self.W.shape[1]):
                self.W[k, i] = prox(self.W[k, i], self.alpha * outgoing * w_length[k, i], p)
            if self.bias:
                self.b[k] = prox(self.b[k], self.alpha * outgoing * b_length[k], p)
            elif not self.W[k].any():
                self.b[k] = 0
            if self.holds:
                continue
            incoming = power(self.W[k]) + (power(self.b[k]) if self.bias else 0)
            for o in range(len(self.V)):
                self.V[o, k] = prox(self.V[o, k], self.alpha * incoming * v_length[o, k], p)
            u, v = np.linalg.norm(np.append(self.W[k], self.b[k])), np.linalg.norm(self.V[:, k])
            factor = np.sqrt(v / u) if u and v else 0
            self.W[k] *= factor
            self.b[k] *= factor
            self.V[:, k] *= 1 / factor if factor else 0


@pytest.fixture(params=["compiled", "tensors"])
def way(request, monkeypatch):
    """Both ways of taking the step: compiled, and the tensor operations of GPUs and of low precision."""
    if request.param == "tensors":
        monkeypatch.setattr(MetricStep, "bind", lambda self, *tensors: setattr(self, "_tensors", tensors))
        monkeypatch.setattr("reluctant.nn.metric_step.prox_power_", in_tensors)


def in_tensors(u, tau, p):
    from reluctant.nn import prox_power

    u.copy_(prox_power(u, tau, p))


@pytest.mark.gate(8)
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("m", "holds"), [(1, True), (1, False), (2, False)])
@pytest.mark.parametrize(("d", "bias"), [(3, True), (1, False)])
@pytest.mark.parametrize("p", [0.5, 0.8])
def test_steps_equal_adam_and_brute_force_proximal_maps_in_numpy(m, holds, d, bias, p):
    module = one_hidden_layer(d, K=6, m=m)
    X, y = data(d, m=m)
    plain = NumpyMetricStep(module, lr=0.01, alpha=0.03, p=p, bias=bias, holds=holds)
    ours = ReweightedL1(
        torch.optim.Adam(module.parameters(), lr=0.01),
        module,
        p=p,
        alpha=0.03,
        bias=bias,
        warmup_steps=0,
        freeze_output=holds,
    )
    train(module, ours, X, y, 14)
    for _ in range(14):
        plain.step(X.numpy(), y.numpy())
    for theirs, mine in zip((plain.W, plain.b, plain.V), (module[0].weight, module[0].bias, module[2].weight)):
        np.testing.assert_allclose(mine.detach().numpy(), theirs, rtol=1e-5, atol=1e-7)
    assert any((weights == 0).any() for weights in (plain.W, plain.b, plain.V))


@pytest.mark.parametrize("name", list(LEARNERS))
def test_the_step_length_is_what_the_optimiser_multiplies_a_lasting_gradient_with(name):
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    optimizer = LEARNERS[name]([weight])
    gradient = torch.tensor([0.3, -1e-3, 2.0], dtype=torch.float64)
    assert "SGD" in name or step_length(optimizer, weight, optimizer.param_groups[0]) is None
    for _ in range(400):
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        optimizer.step()
    moved = before - weight.detach()
    if name == "centred RMSprop":  # its second moment without the mean vanishes under a lasting gradient
        return
    torch.testing.assert_close(
        moved, gradient * step_length(optimizer, weight, optimizer.param_groups[0]), rtol=1e-3, atol=0
    )


def rest(name, m, holds, alpha=0.03, p=0.5, **kind):
    """Weights, and where they are after steps under the gradient that makes them stationary for loss + α Σ h."""
    module = one_hidden_layer(2, K=4, m=m, seed=3)
    weights = module[0].weight, module[0].bias, module[2].weight
    with torch.no_grad():
        for weight in weights:
            weight.copy_(torch.sign(weight) * (1 + weight.abs()))
        if holds:
            module[2].weight.sign_()
        else:  # balanced, which the step keeps
            hinges = torch.cat([module[0].weight, module[0].bias[:, None]], dim=1)
            factor = torch.sqrt(module[2].weight.norm(dim=0) / hinges.norm(dim=1))
            for weight, by in zip(weights, (factor[:, None], factor, 1 / factor)):
                weight.mul_(by)
    hinges = torch.cat([module[0].weight, module[0].bias[:, None]], dim=1)
    norm = ((hinges.abs() ** p).sum(dim=1) * (module[2].weight.abs() ** p).sum(dim=0)).sum()
    gradients = torch.autograd.grad(-alpha * norm, weights)
    start = [weight.detach().clone() for weight in weights]
    optimizer = LEARNERS[name](weights)
    wrapped = ReweightedL1(optimizer, module, p=p, alpha=alpha, warmup_steps=0, **kind)
    for step in range(310):
        for weight, gradient in zip(weights, gradients):
            weight.grad = gradient.clone()
        if step < 300:  # momentum has settled by then
            optimizer.step()
            with torch.no_grad():
                for weight, first in zip(weights, start):
                    weight.copy_(first)
        else:
            wrapped.step()
    return torch.cat([a.flatten() for a in start]), torch.cat([a.detach().flatten() for a in weights])


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "centred RMSprop"])
@pytest.mark.parametrize(("m", "holds"), [(1, True), (1, False), (3, False)])
def test_points_stationary_for_loss_and_path_norm_stay_whatever_the_optimiser(name, m, holds):
    before, after = rest(name, m, holds, freeze_output=holds)
    torch.testing.assert_close(after, before, rtol=1e-9, atol=0)


def test_they_do_not_stay_under_the_plain_step_so_that_test_can_fail():
    before, after = rest("Adam", 1, False, metric="plain", step="prox")
    assert (after - before).abs().max() > 1e-2


@pytest.mark.gate(5)
@pytest.mark.parametrize(
    ("m", "holds", "bias"), [(1, True, True), (1, False, True), (3, False, True), (2, False, False)]
)
@pytest.mark.parametrize("p", [0.0, 0.5, 2 / 3, 1.0])
def test_around_sgd_with_small_steps_the_objective_does_not_rise_where_no_row_crosses_a_kink(m, holds, bias, p):
    module = one_hidden_layer(2, K=10, m=m, output_bias=True)
    X, y = data(2, N=20, m=m)
    alpha = 0.01

    def objective():
        w, b, v = (q.detach() for q in (module[0].weight, module[0].bias, module[2].weight))
        counted = torch.cat([w, b[:, None]], dim=1) if bias else w
        power = [(a.abs().clamp(min=1e-300) ** p * (a != 0)).sum(dim=dim) for a, dim in ((counted, 1), (v, 0))]
        return float((module(X) - y).square().mean().detach() + alpha * (power[0] * power[1]).sum())

    optimizer = ReweightedL1(
        torch.optim.SGD(module.parameters(), lr=0.004),
        module,
        p=p,
        alpha=alpha,
        bias=bias,
        warmup_steps=0,
        freeze_output=holds,
    )
    first, smooth = objective(), 0
    for _ in range(200):
        before, active = objective(), module[0](X) > 0
        train(module, optimizer, X, y, 1)
        if torch.equal(module[0](X) > 0, active):
            smooth += 1
            assert objective() <= before + 1e-12
    assert smooth > 15
    assert objective() < first - 1e-3


@pytest.mark.usefixtures("way")
def test_frozen_outputs_stay_at_one_and_the_function_is_kept_when_they_are_set():
    module = one_hidden_layer(K=30)
    X, y = data()
    before = module(X).detach()
    optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, alpha=0.02, freeze_output=True)
    torch.testing.assert_close(module(X).detach(), before, rtol=1e-12, atol=1e-14)
    train(module, optimizer, X, y, 40)
    assert set(module[2].weight.detach().unique().tolist()) <= {-1.0, 1.0}
    with torch.no_grad():  # other weights are loaded
        module[2].weight.mul_(3.0)
    train(module, optimizer, X, y, 300)
    assert set(module[2].weight.detach().unique().tolist()) <= {-1.0, 1.0}
    assert 0 < optimizer.remove_dead() < 30


@pytest.mark.parametrize("metric", ["optimizer", "plain"])
def test_frozen_zeros_stay_and_the_loss_alone_is_fitted(metric):
    module = one_hidden_layer(K=20)
    X, y = data()
    optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, alpha=0.02, metric=metric)
    train(module, optimizer, X, y, 200)
    zero, loss = module[0].weight == 0, float((module(X) - y).square().mean().detach())
    optimizer.freeze()
    train(module, optimizer, X, y, 300)
    assert zero.any()
    assert torch.equal(module[0].weight == 0, zero)
    assert float((module(X) - y).square().mean().detach()) < loss
    again = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, alpha=0.02, metric=metric)
    again.load_state_dict(optimizer.state_dict())
    assert again.frozen


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("holds", [True, False])
def test_a_dying_constant_goes_to_the_output_bias_and_nowhere_without_one(holds):
    for output_bias in (True, False):
        module = one_hidden_layer(d=1, K=1, output_bias=output_bias)
        with torch.no_grad():
            module[0].weight.fill_(1e-12)
            module[0].bias.fill_(2.0)
        X, _ = data(d=1)
        before = module(X).detach()
        optimizer = ReweightedL1(
            torch.optim.SGD(module.parameters(), lr=1e-9), module, alpha=1.0, warmup_steps=0, freeze_output=holds
        )
        (0 * module(X).sum()).backward()
        optimizer.step()
        assert optimizer.remove_dead() == 1
        torch.testing.assert_close(module(X).detach(), before if output_bias else 0 * before, rtol=0, atol=1e-8)


def test_a_saved_run_continues_bit_for_bit_and_copies_are_independent():
    X, y = data()

    def fresh():
        module = one_hidden_layer()
        return module, ReweightedL1(
            torch.optim.Adam(module.parameters(), lr=0.01), module, alpha=0.02, freeze_output=True
        )

    whole, first, second = fresh(), fresh(), fresh()
    train(*whole, X, y, 40)
    train(*first, X, y, 17)
    buffer = io.BytesIO()
    torch.save([part.state_dict() for part in first], buffer)
    buffer.seek(0)
    for part, state in zip(second, torch.load(buffer)):
        part.load_state_dict(state)
    train(*second, X, y, 23)
    copied = copy.deepcopy(first)
    train(*copied, X, y, 23)
    for a, b, c in zip(whole[0].parameters(), second[0].parameters(), copied[0].parameters()):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_bfloat16_and_low_rates_leave_exact_zeros_and_stay_finite():
    module = one_hidden_layer(K=20, dtype=torch.bfloat16)
    X, y = (a.bfloat16() for a in data(N=30))
    optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, alpha=0.05, freeze_output=True)
    train(module, optimizer, X, y, 100)
    assert optimizer.remove_dead() > 0
    assert all(q.isfinite().all() for q in module.parameters())


def test_what_has_no_known_metric_or_does_not_go_together_is_refused_in_words():
    module = one_hidden_layer()
    with pytest.raises(ValueError, match=r'what NAdam scales its step with is not known.*metric="plain"'):
        ReweightedL1(torch.optim.NAdam(module.parameters()), module, alpha=0.1)
    ReweightedL1(torch.optim.NAdam(module.parameters()), module, alpha=0.1, metric="plain")
    with pytest.raises(ValueError, match="momentum must be below 1"):
        ReweightedL1(torch.optim.SGD(module.parameters(), lr=0.1, momentum=1.0), module, alpha=0.1)
    adam = torch.optim.Adam(module.parameters())
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"p must be a number in \[0, 1\]"):
            ReweightedL1(adam, module, p=p, alpha=0.1)
    two = one_hidden_layer(m=2)
    with pytest.raises(ValueError, match="freeze_output is for one output"):
        ReweightedL1(torch.optim.Adam(two.parameters()), two, alpha=0.1, freeze_output=True)
    optimizer = ReweightedL1(torch.optim.SGD(module.parameters(), lr=0.1), module, alpha=0.1)
    module(data()[0]).sum().backward()
    module[0].weight.grad = module[0].weight.grad.to_sparse()
    with pytest.raises(ValueError, match=r"the gradient of 0\.weight is sparse"):
        optimizer.step()


def test_several_pairs_are_warned_of():
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    with pytest.warns(UserWarning, match=r"2 layer pairs .* may lose whole layers.*nn\.ProximalOptimizer"):
        ReweightedL1(torch.optim.Adam(module.parameters()), module, alpha=0.1)
