"""Algorithm 1 beside a plain NumPy transcription, and what the wrapper promises."""

import copy
import io
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import ReweightedL1, layer_pairs
from reluctant.nn.pair_step import ProximalStep

Plain = partial(ReweightedL1, metric="plain")
"""Algorithm 1; for the step in the optimiser's metric see test_metric.py."""


def one_hidden_layer(d=3, K=12, m=1, dtype=torch.float64, output_bias=False, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(d, K), nn.ReLU(), nn.Linear(K, m, bias=output_bias)).to(dtype)


def data(d=3, N=9, m=1, seed=1):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-1, 1, (N, d))), torch.from_numpy(rng.uniform(-1, 1, (N, m)))


def train(module, optimizer, X, y, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (module(X) - y).square().mean()  # kept alive over the step, as users do
        loss.backward()
        optimizer.step()


class NumpyAlgorithm1:
    """Algorithm 1 with Adam, written out for one output without output bias."""

    def __init__(self, module, lr, alpha, p, bias, warmup):
        self.theta = [q.detach().numpy().copy() for q in (module[0].weight, module[0].bias, module[2].weight)]
        self.moments = [(np.zeros_like(q), np.zeros_like(q)) for q in self.theta]
        self.lr, self.alpha, self.p, self.bias, self.warmup, self.t = lr, alpha, p, bias, warmup, 0

    def step(self, X, y):
        W, b, V = self.theta
        old_w, old_b, old_v = W.copy(), b.copy(), V[0].copy()
        Z = X @ W.T + b
        H = np.maximum(Z, 0)
        r = 2 * (H @ V.T - y) / y.size
        dZ = (r @ V) * (Z > 0)
        self.t += 1
        for q, (m1, m2), g in zip(self.theta, self.moments, (dZ.T @ X, dZ.sum(axis=0), r.T @ H)):
            m1 += 0.1 * (g - m1)
            m2 += 0.001 * (g * g - m2)
            q -= self.lr / (1 - 0.9**self.t) * m1 / (np.sqrt(m2 / (1 - 0.999**self.t)) + 1e-8)
        if self.t > self.warmup:
            self.shrink(old_w, old_b, old_v)

    def shrink(self, old_w, old_b, old_v):
        W, b, V = self.theta
        for k in range(len(b)):
            old = old_v[k] * (np.append(old_w[k], old_b[k]) if self.bias else old_w[k])
            new = V[0, k] * (np.append(W[k], b[k]) if self.bias else W[k])
            with np.errstate(divide="ignore"):
                C = self.alpha * self.lr * self.p * np.abs(old) ** (self.p - 1)
            u = np.where(np.abs(new) > C, np.abs(new) - C, 0.0)
            if not self.bias:
                gone = not u.any() and b[k] <= 0
                u = np.append(u, 0.0 if gone else abs(V[0, k] * b[k]))
            root = np.sqrt(np.linalg.norm(u))
            w = u / root if root > 0 else 0 * u
            W[k] = np.sign(W[k]) * w[:-1]
            b[k] = np.sign(b[k]) * w[-1]
            V[0, k] = np.sign(V[0, k]) * root


@pytest.fixture(params=["compiled", "tensors"])
def way(request, monkeypatch):
    """Both ways of taking the step; the tensor operations are what GPUs, low precision and several outputs use."""

    def bind(self, *tensors):
        self._tensors = tensors

    if request.param == "tensors":
        monkeypatch.setattr(ProximalStep, "bind", bind)


@pytest.mark.gate(6)
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("d", "bias"), [(3, True), (3, False), (1, False)])
@pytest.mark.parametrize("p", [0.4, 0.5, 1.0])
def test_fifty_steps_equal_a_numpy_transcription_of_algorithm_one(d, bias, p):
    module = one_hidden_layer(d)
    X, y = data(d)
    plain = NumpyAlgorithm1(module, lr=0.01, alpha=0.05, p=p, bias=bias, warmup=5)
    ours = Plain(torch.optim.Adam(module.parameters(), lr=0.01), module, p=p, alpha=0.05, bias=bias)
    train(module, ours, X, y, 50)
    for _ in range(50):
        plain.step(X.numpy(), y.numpy())
    for theirs, mine in zip(plain.theta, (module[0].weight, module[0].bias, module[2].weight)):
        np.testing.assert_allclose(mine.detach().numpy(), theirs, rtol=1e-9, atol=1e-12)
    assert (module[0].weight == 0).any() == (p < 1 or bool((plain.theta[0] == 0).any()))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("step", ["reweighted", "prox"])
def test_without_shrinkage_rebalancing_keeps_the_function_and_balances(m, bias, step):
    module = one_hidden_layer(m=m)
    X, _ = data()
    before = module(X).detach()
    optimizer = Plain(
        torch.optim.SGD(module.parameters(), lr=1e-300), module, p=0.5, alpha=1e-3, bias=bias, warmup_steps=0, step=step
    )
    module(X).sum().backward()
    optimizer.step()
    torch.testing.assert_close(module(X).detach(), before, rtol=1e-12, atol=1e-13)
    incoming = torch.cat([module[0].weight, module[0].bias[:, None]], dim=1)
    torch.testing.assert_close(incoming.norm(dim=1), module[2].weight.norm(dim=0), rtol=1e-12, atol=0)


def test_a_zero_stays_zero():
    module = one_hidden_layer()
    with torch.no_grad():
        module[0].weight[2, 1] = 0.0
    X, y = data()
    optimizer = Plain(torch.optim.Adam(module.parameters()), module, p=0.5, alpha=1e-6, warmup_steps=0)
    train(module, optimizer, X, y, 5)
    assert module[0].weight[2, 1] == 0.0
    assert torch.count_nonzero(module[0].weight) == module[0].weight.numel() - 1


def test_several_outputs_get_sparse_directions_and_stay_finite():
    module = one_hidden_layer(m=3)
    X, y = data(m=3)
    optimizer = Plain(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.01)
    train(module, optimizer, X, y, 1500)
    v = module[2].weight
    alive = (v != 0).any(dim=0)
    assert torch.isfinite(v).all()
    assert ((v == 0) & alive).any()


def test_a_neuron_in_one_output_alone_moves_as_with_one_output():
    one, three = one_hidden_layer(m=1), one_hidden_layer(m=3)
    three[0].load_state_dict(one[0].state_dict())
    with torch.no_grad():
        three[2].weight.zero_()
        three[2].weight[1] = one[2].weight[0]
    for module in (one, three):
        optimizer = Plain(torch.optim.SGD(module.parameters(), lr=1e-2), module, p=0.4, alpha=0.5, warmup_steps=0)
        (0 * module(data()[0]).sum()).backward()
        optimizer.step()
    torch.testing.assert_close(three[0].weight, one[0].weight, rtol=1e-13, atol=0)
    torch.testing.assert_close(three[2].weight[1], one[2].weight[0], rtol=1e-13, atol=0)


def test_a_saved_run_continues_bit_for_bit():
    X, y = data()

    def fresh():
        module = one_hidden_layer()
        optimizer = Plain(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.02, ramp_steps=20)
        return module, optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)

    def go(module, optimizer, scheduler, steps):
        for _ in range(steps):
            train(module, optimizer, X, y, 1)
            scheduler.step()

    whole = fresh()
    go(*whole, 40)
    first, second = fresh(), fresh()
    go(*first, 17)
    buffer = io.BytesIO()
    torch.save([part.state_dict() for part in first], buffer)
    buffer.seek(0)
    for part, state in zip(second, torch.load(buffer)):
        part.load_state_dict(state)
    go(*second, 23)
    for a, b in zip(whole[0].parameters(), second[0].parameters()):
        assert torch.equal(a, b)


def test_the_learning_rate_of_the_scheduler_scales_the_threshold():
    module = one_hidden_layer()
    optimizer = Plain(torch.optim.SGD(module.parameters(), lr=0.1), module, p=1.0, alpha=1e-3, warmup_steps=0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    shrinkage = []
    for _ in range(3):
        before = (module[2].weight.T * module[0].weight).abs().detach()
        (0 * module(data()[0]).sum()).backward()
        optimizer.step()
        scheduler.step()
        after = (module[2].weight.T * module[0].weight).abs().detach()
        shrinkage.append(float((before - after).max()))
    np.testing.assert_allclose(shrinkage, [1e-4, 5e-5, 2.5e-5], rtol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        torch.optim.Adam,
        torch.optim.AdamW,
        torch.optim.RMSprop,
        torch.optim.Adagrad,
        partial(torch.optim.SGD, momentum=0.9),
    ],
)
def test_training_goes_on_unchanged_when_dead_neurons_are_removed(make):
    X, y = data()
    kept, cut = one_hidden_layer(K=40), one_hidden_layer(K=40)
    optimizers = [Plain(make(q.parameters(), lr=0.01), q, p=0.4, alpha=0.1) for q in (kept, cut)]
    removed, losses = 0, []
    for _ in range(30):
        for module, optimizer in zip((kept, cut), optimizers):
            train(module, optimizer, X, y, 10)
        losses.append((cut(X) - y).square().mean())  # a graph that outlives the removal
        removed += optimizers[1].remove_dead()
    assert removed == 40 - cut[0].out_features > 0
    torch.testing.assert_close(cut(X), kept(X), rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("output_bias", [True, False])
@pytest.mark.parametrize("m", [1, 2])
def test_a_constant_left_by_a_dying_neuron_stays(output_bias, m):
    module = one_hidden_layer(d=1, K=1, m=m, output_bias=output_bias)
    with torch.no_grad():
        module[0].weight.fill_(1e-12)
        module[0].bias.fill_(2.0)
    X, _ = data(d=1)
    before = module(X).detach()
    optimizer = Plain(torch.optim.SGD(module.parameters(), lr=1e-9), module, p=0.5, alpha=1.0, warmup_steps=0)
    (0 * module(X).sum()).backward()
    optimizer.step()
    assert optimizer.remove_dead() == int(output_bias)
    assert optimizer.counts() == (0, 0)
    torch.testing.assert_close(module(X).detach(), before, rtol=0, atol=1e-8)


@pytest.mark.usefixtures("way")
def test_weights_that_are_not_numbers_are_not_taken_for_zeros():
    module = one_hidden_layer(output_bias=True)
    optimizer = Plain(torch.optim.SGD(module.parameters(), lr=0.1), module, p=0.5, alpha=0.1, warmup_steps=0)
    (module(data()[0]).sum() * 0).backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(torch.nan)
    optimizer.step()
    assert module[0].weight.isnan().all()
    assert optimizer.remove_dead() == 0


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("with_closure", [False, True])
def test_a_gradient_that_is_not_finite_stops_before_anything_changes(bad, with_closure):
    module = one_hidden_layer(output_bias=True)
    optimizer = Plain(torch.optim.Adam(module.parameters()), module, alpha=0.1, warmup_steps=0)
    train(module, optimizer, *data(), 2)
    before = copy.deepcopy((module.state_dict(), optimizer.state_dict()))

    def closure():
        optimizer.zero_grad()
        module(data()[0]).sum().backward()
        module[0].bias.grad[3] = bad
        return torch.zeros(())

    closure()
    with pytest.raises(FloatingPointError, match=r"gradient of 0\.bias is (NaN|infinite) in step 3"):
        optimizer.step(closure if with_closure else None)
    torch.testing.assert_close((module.state_dict(), optimizer.state_dict()), before, rtol=0, atol=0)


def test_gradients_whose_sum_overflows_are_no_fault():
    module = one_hidden_layer(dtype=torch.float32)
    optimizer = Plain(torch.optim.SGD(module.parameters(), lr=1e-38), module, alpha=0.1)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 3e38)
    optimizer.step()
    assert all(parameter.isfinite().all() for parameter in module.parameters())


def test_a_closure_is_evaluated_once_and_its_value_returned():
    module, calls = one_hidden_layer(), []
    optimizer = Plain(torch.optim.Adam(module.parameters()), module, alpha=0.1)

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = module(data()[0]).square().mean()
        loss.backward()
        return loss

    expected = float(module(data()[0]).square().mean().detach())
    assert float(optimizer.step(closure).detach()) == pytest.approx(expected, rel=1e-12)
    assert calls == [1]


def test_the_wrapper_shows_p_alpha_and_its_pairs():
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = Plain(torch.optim.AdamW(module.parameters()), module, p=0.4, alpha=0.005)
    assert repr(optimizer) == "ReweightedL1(AdamW, p=0.4, alpha=0.005, metric='plain', pairs=[0 -> 2, 2 -> 4])"


def test_swapped_arguments_and_no_module_are_refused():
    module = one_hidden_layer()
    adam = torch.optim.Adam(module.parameters())
    with pytest.raises(ValueError, match=r"swapped; call ReweightedL1\(optimizer, module"):
        Plain(module, adam, alpha=1.0)
    for given in (None, "m", 5):
        with pytest.raises(ValueError, match=r"module must be a torch.nn.Module, got"):
            Plain(adam, given, alpha=1.0)
    with pytest.raises(ValueError, match=r"optimizer must be a torch.optim.Optimizer, got int"):
        Plain(5, module, alpha=1.0)


def test_pairs_named_by_hand_are_stepped_as_those_that_are_found():
    X, y = data()
    modules = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)) for _ in range(3)]
    for module in modules[1:]:
        module.load_state_dict(modules[0].state_dict())
    named = [None, [("0", "2"), (modules[1][2], modules[1][4])], [("2", "4")]]
    for module, pairs in zip(modules, named):
        module.double()
        adam = torch.optim.Adam(module.parameters(), lr=0.01)
        train(module, Plain(adam, module, alpha=0.05, pairs=pairs), X, y, 60)
    for a, b in zip(modules[0].parameters(), modules[1].parameters()):
        assert torch.equal(a, b)
    assert (modules[0][0].weight == 0).any()
    assert not (modules[2][0].weight == 0).any()


@pytest.mark.usefixtures("way")
def test_weights_that_move_in_memory_are_still_shrunk():
    module = one_hidden_layer()
    optimizer = Plain(torch.optim.SGD(module.parameters(), lr=1e-9), module, p=1.0, alpha=1e8, warmup_steps=0)
    (0 * module(data()[0]).sum()).backward()
    optimizer.step()
    before = (module[2].weight.T * module[0].weight).abs().detach()
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()
    optimizer.step()
    after = (module[2].weight.T * module[0].weight).abs().detach()
    torch.testing.assert_close(after, (before - 0.1).clamp(min=0))
    assert (after < before).any()


def test_gradient_scaling_and_autocast_leave_exact_zeros_and_a_small_loss():
    module = one_hidden_layer(K=20, dtype=torch.float32)
    X = torch.rand(30, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = X[:, :1].abs()
    optimizer = Plain(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.02)
    scaler = torch.amp.GradScaler("cpu")
    for step in range(300):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = (module(X) - y).square().mean()
        scaler.scale(loss * (torch.inf if step == 50 else 1)).backward()  # an overflow, which skips its step
        scaler.step(optimizer)
        scaler.update()
    assert optimizer.steps == 299
    assert 0 < optimizer.remove_dead() < 20
    assert float(loss.detach()) < 5e-3


def test_bfloat16_weights_get_exact_zeros_and_stay_finite():
    module = one_hidden_layer(K=20, dtype=torch.bfloat16)
    X, y = (a.bfloat16() for a in data(N=30))
    optimizer = Plain(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.05)
    train(module, optimizer, X, y, 200)
    assert optimizer.remove_dead() > 0
    assert all(q.isfinite().all() for q in module.parameters())


def test_hooks_run_before_and_after_the_whole_step():
    module, seen = one_hidden_layer(), []
    optimizer = Plain(torch.optim.SGD(module.parameters(), lr=0.1), module, p=1.0, alpha=1e3, warmup_steps=0)
    optimizer.register_step_pre_hook(lambda *_: seen.append(int(module[0].weight.count_nonzero())))
    optimizer.register_step_post_hook(lambda *_: seen.append(int(module[0].weight.count_nonzero())))
    module(data()[0]).sum().backward()
    optimizer.step()
    assert seen == [36, 0]


def test_bad_input_is_refused_in_words():
    module = one_hidden_layer()
    adam = torch.optim.Adam(module.parameters())
    with pytest.raises(ValueError, match=r"p must .* in \(0, 1\]"):
        Plain(adam, module, p=0, alpha=1.0)
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        Plain(adam, module, p=0.5, alpha=-1.0)
    with pytest.raises(ValueError, match=r"p must .* in \(0, 1\]"):
        Plain(adam, module, p=0.5, alpha=1.0).p = 0.0
    with pytest.raises(ValueError, match="LBFGS"):
        Plain(torch.optim.LBFGS(module.parameters()), module, p=0.5, alpha=1.0)
    with pytest.raises(ValueError, match="no Linear -> ReLU -> Linear"):
        Plain(adam, nn.Linear(2, 3), p=0.5, alpha=1.0)
    with pytest.raises(ValueError, match=r"does not own 2\.weight"):
        Plain(torch.optim.Adam(module[0].parameters()), module, p=0.5, alpha=1.0)
    frozen = copy.deepcopy(module)
    frozen[0].bias.requires_grad_(False)
    with pytest.raises(ValueError, match=r"0\.bias is frozen"):
        Plain(torch.optim.Adam(frozen.parameters()), frozen, p=0.5, alpha=1.0)
    broken = copy.deepcopy(module)
    broken[0].weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"0\.weight is NaN or infinite; go back"):
        Plain(torch.optim.Adam(broken.parameters()), broken, p=0.5, alpha=1.0)
    tied = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    tied[2].weight = tied[0].weight
    with pytest.raises(ValueError, match="one shared parameter"):
        layer_pairs(tied)
    with pytest.raises(ValueError, match="not saved by ReweightedL1"):
        Plain(adam, module, p=0.5, alpha=1.0).load_state_dict(adam.state_dict())


@pytest.mark.slow
def test_runs_whose_bias_does_not_count_stay_stable():
    """With ‖v_k‖ = ‖w_k‖ alone, b_k grows without bound as w_k → 0, and this run fails near epoch 9,300."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(1, 80), nn.ReLU(), nn.Linear(80, 1, bias=False))
    x, y = torch.arange(-2.0, 4.0)[:, None], torch.tensor([[0.0], [0], [1], [1], [0], [0]])
    optimizer = Plain(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.7, alpha=0.003)
    for _ in range(100):
        train(module, optimizer, x, y, 100)
        optimizer.remove_dead()
        assert float((module(x) - y).square().mean().detach()) < 0.05 or optimizer.steps < 1000


def test_zero_alpha_is_the_plain_optimizer():
    X, y = data()
    plain, wrapped = one_hidden_layer(), one_hidden_layer()
    train(plain, torch.optim.Adam(plain.parameters()), X, y, 20)
    train(wrapped, Plain(torch.optim.Adam(wrapped.parameters()), wrapped, p=0.5, alpha=0.0), X, y, 20)
    for a, b in zip(plain.parameters(), wrapped.parameters()):
        assert torch.equal(a, b)
