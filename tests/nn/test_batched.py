"""Stacked runs beside the same runs one by one."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant import ReLUNetwork
from reluctant.nn import Recording, ReweightedL1, Schedule, Shrinkage, TensorOptions, train_restarts
from reluctant.nn.stack import Stack, initial_weights

FREE = Shrinkage(freeze_output=False)


def one_by_one(X, y, seed, p, alpha, K, epochs, bias, batches, **kind):
    torch.manual_seed(seed)
    y = y.reshape(len(y), -1)
    module = nn.Sequential(nn.Linear(X.shape[1], K), nn.ReLU(), nn.Linear(K, y.shape[1], bias=False)).double()
    optimizer = ReweightedL1(
        torch.optim.Adam(module.parameters(), lr=0.01), module, p=p, alpha=alpha, bias=bias, **kind
    )
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    for epoch in range(1, epochs + 1):
        for rows in batches(epoch):
            optimizer.zero_grad()
            (module(inputs[rows]) - targets[rows]).square().mean().backward()
            optimizer.step()
    return module


@pytest.mark.gate(4)
@pytest.mark.parametrize(
    ("d", "m", "bias", "batch_size"),
    [(4, 1, None, None), (4, 1, False, None), (1, 1, None, None), (4, 3, None, None), (1, 2, None, 3), (4, 1, None, 3)],
)
@pytest.mark.parametrize("metric", ["plain", "optimizer"])
def test_a_batch_equals_its_runs_one_by_one(d, m, bias, batch_size, metric):
    rng = np.random.default_rng(3)
    X, y = rng.uniform(-1, 1, (8, d)), rng.uniform(-1, 1, (8, m))
    settings = {"n_neurons": 12, "restarts": 2, "epochs": 150, "batch_size": batch_size}
    settings |= {"shrinkage": Shrinkage(bias=bias, metric=metric), "tensors": TensorOptions(torch.float64)}
    alphas = [0.01, 0.2] if metric == "plain" else [0.01, 0.03]
    runs = train_restarts(X, y, p=[0.4, 0.5], alpha=alphas, schedule=Schedule.constant(), **settings)
    kind = {"metric": metric, "freeze_output": metric == "optimizer" and m == 1}

    def batches(epoch):
        order = np.random.default_rng([0, epoch]).permutation(8)
        return [slice(None)] if batch_size is None else [order[i : i + batch_size] for i in range(0, 8, batch_size)]

    for r, network in enumerate(runs.networks):
        module = one_by_one(X, y, int(runs.seed[r]), runs.p[r], runs.alpha[r], 12, 150, bias, batches, **kind)
        expected = module(torch.from_numpy(X)).detach().numpy()
        np.testing.assert_allclose(network(X).reshape(8, m), expected, rtol=1e-8, atol=1e-10)
        w, b, v = (q.detach().numpy() for q in (module[0].weight, module[0].bias, module[2].weight))
        alive = (v != 0).any(axis=0) & ((w != 0).any(axis=1) | (b != 0))
        np.testing.assert_allclose(network.input_weights, w[alive], rtol=1e-7, atol=1e-10)
        last = runs.history[-1]
        assert (last.n_neurons[r], last.n_parameters[r]) == (network.n_neurons, network.n_parameters)
        assert last.mse[r] == pytest.approx(np.mean((expected - y) ** 2), rel=1e-6, abs=1e-12)
    assert len({len(network.biases) for network in runs.networks}) > 1  # neurons died, and not everywhere alike


def test_compaction_changes_nothing():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (6, 3)), rng.uniform(-1, 1, 6)
    runs = [
        train_restarts(
            X,
            y,
            n_neurons=30,
            alpha=0.05,
            restarts=3,
            epochs=400,
            compact_every=every,
            schedule=Schedule.constant(),
            tensors=TensorOptions(torch.float64),
        )
        for every in (0, 10)
    ]
    for a, b in zip(*(run.networks for run in runs)):
        np.testing.assert_allclose(a(X), b(X), rtol=1e-8, atol=1e-10)
    assert np.array_equal(runs[0].history[-1].n_parameters, runs[1].history[-1].n_parameters)


def test_counts_are_those_of_the_networks():
    rng = np.random.default_rng(0)
    runs = train_restarts(
        rng.uniform(-1, 1, (6, 3)), rng.uniform(-1, 1, 6), n_neurons=20, alpha=0.05, restarts=3, epochs=300
    )
    last = runs.history[-1]
    assert [f.n_parameters for f in runs.networks] == last.n_parameters.tolist()
    assert [f.n_neurons for f in runs.networks] == last.n_neurons.tolist()


@pytest.mark.parametrize("m", [1, 3])
def test_written_out_gradient_equals_autograd(m):
    X, y = torch.rand(7, 2, dtype=torch.float64), torch.rand(7, m, dtype=torch.float64)
    theta = torch.stack([initial_weights(2, 5, torch.Generator().manual_seed(s), torch.float64, m) for s in (1, 2)])
    stack = Stack(theta, X, y, np.array([0.5, 0.5]), np.array([0.1, 0.1]), 0.01, True, shrinkage=FREE)
    stack._gradient()
    for r in range(2):
        t = theta[r].clone().requires_grad_()
        f = torch.relu(X @ t[:, :2].T + t[:, 2]) @ t[:, 3:]
        (f - y).square().mean().backward()
        torch.testing.assert_close(stack.theta.grad[r], t.grad, rtol=1e-12, atol=1e-15)


def test_initial_weights_are_those_of_torch():
    torch.manual_seed(5)
    hidden, output = nn.Linear(7, 4), nn.Linear(4, 3, bias=False)
    theta = initial_weights(7, 4, torch.Generator().manual_seed(5), n_outputs=3)
    assert torch.equal(theta, torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1).detach())


def test_a_generator_gives_the_weights_that_come_next_and_stays_as_it_is():
    def runs(random_state):
        return train_restarts(
            [0, 1, 2], [0, 1, 0], n_neurons=4, alpha=0.01, restarts=1, epochs=3, random_state=random_state
        )

    fresh, advanced = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    torch.empty(5).uniform_(generator=advanced)
    before = advanced.get_state()
    assert np.array_equal(
        runs(random_state=[fresh]).networks[0].input_weights, runs(random_state=7).networks[0].input_weights
    )
    assert not np.array_equal(runs(random_state=[advanced]).networks[0].biases, runs(random_state=7).networks[0].biases)
    assert torch.equal(advanced.get_state(), before)
    with pytest.raises(ValueError, match=r"one torch\.Generator for each of 1 restarts"):
        runs(random_state=[fresh, advanced])


def test_best_is_the_sparsest_run_that_is_accurate_enough():
    runs = train_restarts([0, 1, 2], [0, 1, 0], n_neurons=8, alpha=0.01, restarts=3, epochs=50)
    assert runs.history[-1].n_parameters[runs.best()] == runs.history[-1].n_parameters.min()
    with pytest.raises(ValueError, match="no run has a mean squared error"):
        runs.best(mse=-1.0)


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match=r"p must .* in \[0, 1\]"):
        train_restarts([0, 1], [0, 1], n_neurons=3, p=[0.5, 1.5], alpha=1.0)
    with pytest.raises(ValueError, match=r"p must .* in \(0, 1\]"):
        train_restarts([0, 1], [0, 1], n_neurons=3, p=[0.5, 0.0], alpha=1.0, shrinkage=Shrinkage(metric="plain"))
    with pytest.raises(ValueError, match="schedule must be a Schedule, got 5"):
        train_restarts([0, 1], [0, 1], n_neurons=3, alpha=1.0, schedule=5)
    with pytest.raises(ValueError, match="freeze_output is for one output, whose weight has a sign; there are 2"):
        train_restarts([0, 1], [[0, 1], [1, 0]], n_neurons=3, alpha=1.0, shrinkage=Shrinkage(freeze_output=True))
    start = [ReLUNetwork([[1.0]], [0.0], [1.0])]
    with pytest.raises(ValueError, match="must map 1 to 2, without affine part, with at most 3 neurons; got 1 to 1"):
        train_restarts([0, 1], [[0, 1], [1, 2]], n_neurons=3, alpha=1.0, restarts=1, start=start)
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1"):
        train_restarts([0, 1], [0, 1], n_neurons=3, alpha=1.0, batch_size=0)
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        train_restarts([0, 1], [0, 1], n_neurons=3, alpha=-1.0)


def test_zeros_of_a_start_stay_zero():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (20, 3)), rng.uniform(-1, 1, 20)
    start = ReLUNetwork([[1, 0, 0], [0, 2, 1]], [0.5, 0], [1, -1])
    runs = train_restarts(
        X,
        y,
        n_neurons=5,
        alpha=1e-12,
        restarts=1,
        epochs=200,
        start=[start],
        shrinkage=Shrinkage(warmup_steps=0, metric="plain"),
        schedule=Schedule.constant(),
    )
    assert np.all((runs.networks[0].input_weights == 0) == (start.input_weights == 0))
    assert runs.networks[0].biases[1] == 0
    assert np.mean((runs.networks[0](X) - y) ** 2) < np.mean((start(X) - y) ** 2)


def test_a_run_that_diverges_keeps_its_last_finite_state_and_the_others_go_on():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (9, 2)), rng.uniform(-1, 1, 9)
    wild, tame = (ReLUNetwork([[s, s], [s, -s]], [s, s], [s, s]) for s in (1e16, 0.5))
    settings = {"n_neurons": 4, "alpha": 0.01, "epochs": 40, "learning_rate": 0.01, "recording": Recording(every=1)}
    with pytest.warns(UserWarning, match=r"loss of runs \[0\] was not finite in epoch 1"):
        runs = train_restarts(X, y, restarts=2, start=[wild, tame], **settings)
    alone = train_restarts(X, y, restarts=1, start=[tame], **settings)
    np.testing.assert_allclose(runs.networks[0].balanced().input_weights, wild.balanced().input_weights, rtol=1e-6)
    np.testing.assert_allclose(runs.networks[1](X), alone.networks[0](X), rtol=1e-4, atol=1e-6)
    assert runs.best(mse=1.0) == 1


def test_joining_neurons_does_not_hide_that_a_run_has_diverged():
    theta = torch.stack([initial_weights(2, 5, torch.Generator().manual_seed(s)) for s in (1, 2)])
    stack = Stack(theta, torch.rand(7, 2), torch.rand(7), np.array([0.5, 0.5]), np.array([0.1, 0.1]), 0.01, True)
    before = stack.record(1).mse
    stack.theta.data[0] = torch.nan
    stack.consolidate(7)
    after = stack.record(1).mse
    assert np.isnan(after[0])
    assert after[1] == pytest.approx(before[1], rel=1e-5)


def test_weight_decay_is_that_of_adamw():
    X, y = torch.rand(8, 2, dtype=torch.float64), torch.rand(8, dtype=torch.float64)
    runs = train_restarts(
        X.numpy(),
        y.numpy(),
        n_neurons=6,
        alpha=0.0,
        weight_decay=0.1,
        schedule=Schedule.constant(),
        restarts=1,
        epochs=40,
        tensors=TensorOptions(torch.float64),
    )
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1, bias=False)).double()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(40):
        optimizer.zero_grad()
        (module(X)[:, 0] - y).square().mean().backward()
        optimizer.step()
    np.testing.assert_allclose(runs.networks[0].input_weights, module[0].weight.detach(), rtol=1e-9)
