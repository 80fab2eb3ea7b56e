"""The step of single weights: beside NumPy, its fixed points, its targets, what it works with and what it refuses."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import ProximalOptimizer, WeightGroup, prox_power
from reluctant.nn.metric import StepScale
from reluctant.nn.weight_step import shrink_

LEARNERS = {
    "Adam": lambda q: torch.optim.Adam(q, lr=0.01),
    "AdamW": lambda q: torch.optim.AdamW(q, lr=0.01, weight_decay=0.0, amsgrad=True),
    "RMSprop": lambda q: torch.optim.RMSprop(q, lr=0.002),
    "Adagrad": lambda q: torch.optim.Adagrad(q, lr=0.05),
    "SGD": lambda q: torch.optim.SGD(q, lr=0.05, momentum=0.5),
}


def deep(dtype=torch.float32, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 20), nn.LayerNorm(20), nn.ReLU(), nn.Linear(20, 10), nn.Tanh(), nn.Linear(10, 2)
    ).to(dtype)


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 2))


def data(dtype=torch.float32, N=64):
    X = torch.rand(N, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    return X.to(dtype), torch.stack([X[:, 0] - X[:, 1].abs(), X[:, 2] * X[:, 3]], dim=1).to(dtype)


def train(module, optimizer, X, y, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        (module(X) - y).square().mean().backward()
        optimizer.step()


def weights(module):
    return torch.cat([q.detach().flatten() for q in module.parameters() if q.dim() > 1])


def adam(module, lr=0.01):
    return torch.optim.Adam(module.parameters(), lr=lr)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 2 / 3, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_map_is_the_least_of_a_grid_and_the_one_on_tensors_and_counts_what_it_leaves(p, dtype):
    rng = np.random.default_rng(0)
    u = torch.from_numpy(np.append(rng.normal(0, 0.05, 1798), [0.0, 0.0])).to(dtype).reshape(60, 30)
    square = torch.from_numpy(rng.uniform(0, 1e-6, (60, 30))).to(dtype)
    square[:20] = 0.0  # D = ε
    scale = StepScale(0.01, square, 1 / 0.9, 1e-5)
    alphas = (1e-5, 1e-4, 1e-3) if p < 1 else (1e-6, 1e-5, 1e-4)
    for alpha in alphas:
        mine = u.clone()
        left = shrink_(mine, scale, alpha, p)
        tau = scale.length().double() * alpha
        theirs = prox_power(u.double(), tau, p)
        assert left == int(torch.count_nonzero(mine))
        torch.testing.assert_close(mine.double(), theirs, rtol=2e-6 if dtype == torch.float32 else 1e-12, atol=1e-8)
        grid = u.double()[..., None] * torch.linspace(0, 1, 401, dtype=torch.float64)
        cost = 0.5 * (grid - u.double()[..., None]) ** 2 + tau[..., None] * torch.where(grid == 0, 0.0, grid.abs() ** p)
        x = mine.double()
        value = 0.5 * (x - u.double()) ** 2 + tau * torch.where(x == 0, 0.0, x.abs() ** p)
        assert bool((value <= cost.amin(dim=-1) * (1 + 1e-5) + 1e-16).all())
    assert 0 < left < u.numel()


def test_the_compiled_map_decides_ties_and_extreme_sizes_as_the_one_on_tensors_does():
    for p in (0.5, 2 / 3):
        for size in (1e-20, 1e-6, 1.0, 1e6):
            tau = size ** (2 - p) / ((2 - p) / (2 * (1 - p))) ** (2 - p) / (2 * (1 - p))
            u = size * torch.cat([1 + torch.linspace(-1e-3, 1e-3, 400), torch.tensor([0.0, -2.0, 50.0])])
            mine = u.clone()
            shrink_(mine, StepScale(tau), 1.0, p)
            torch.testing.assert_close(mine[:190], torch.zeros(190), rtol=0, atol=0)
            assert bool((mine[210:400] != 0).all())
            torch.testing.assert_close(mine[210:], prox_power(u, tau, p)[210:], rtol=1e-5, atol=0)
        u = torch.logspace(-4, 4, 4000, dtype=torch.float64)
        for living in (None, torch.arange(4000) % 3 == 0):
            mine = u.float()
            left = shrink_(mine, StepScale(1e-3), 1.0, p, living)
            theirs = prox_power(u.float().double(), 1e-3, p)
            if living is not None:
                theirs[living] = u.float().double()[living]
            assert left == int(torch.count_nonzero(theirs))
            torch.testing.assert_close(mine.double(), theirs, rtol=5e-7, atol=0)
        gone = torch.full((300,), torch.nan)
        shrink_(gone, StepScale(0.1), 1.0, p)
        assert bool(gone.isnan().all())


def test_steps_equal_adam_and_the_map_written_out_in_numpy():
    module, (X, y) = deep(torch.float64), data(torch.float64)
    q = [module[0].weight, module[3].weight, module[5].weight]
    ours = ProximalOptimizer(adam(module), module, p=0.5, alpha=0.02, ramp_steps=3, warmup_steps=1)
    w = [a.detach().numpy().copy() for a in q]
    m, s = [np.zeros_like(a) for a in w], [np.zeros_like(a) for a in w]
    for step in range(8):
        ours.zero_grad()
        (module(X) - y).square().mean().backward()
        gradients = [a.grad.numpy().copy() for a in q]
        ours.step()
        alpha = 0.0 if step == 0 else 0.02 * min(1.0, step / 4) ** 2
        for i, g in enumerate(gradients):
            m[i] = 0.9 * m[i] + 0.1 * g
            s[i] = 0.999 * s[i] + 0.001 * g * g
            D = np.sqrt(s[i] / (1 - 0.999 ** (step + 1))) + 1e-8
            u = w[i] - 0.01 * m[i] / (1 - 0.9 ** (step + 1)) / D
            w[i] = prox_power(torch.from_numpy(u), torch.from_numpy(0.01 * alpha / D), 0.5).numpy()
            np.testing.assert_allclose(q[i].detach().numpy(), w[i], rtol=1e-9, atol=1e-12)
            w[i] = q[i].detach().numpy().copy()
    assert 0 < ours.n_nonzeros() < sum(a.size for a in w)


@pytest.mark.parametrize("name", list(LEARNERS))
@pytest.mark.parametrize("metric", ["optimizer", "plain"])
def test_points_stationary_for_loss_and_penalty_stay_whatever_the_optimiser_and_only_in_its_metric(name, metric):
    torch.manual_seed(0)
    module = nn.Linear(5, 4, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.sign(module.weight) * (1 + module.weight.abs()))
    start, alpha = module.weight.detach().clone(), 0.03
    gradient = -alpha * 0.5 * start.abs().rsqrt() * start.sign()
    optimizer = LEARNERS[name](module.parameters())
    for _ in range(300):  # momentum has settled by then
        module.weight.grad = gradient.clone()
        optimizer.step()
        with torch.no_grad():
            module.weight.copy_(start)
    ours = ProximalOptimizer(optimizer, module, p=0.5, alpha=alpha, metric=metric)
    for _ in range(10):
        module.weight.grad = gradient.clone()
        ours.step()
    moved = float((module.weight.detach() - start).abs().max())
    assert moved < 1e-9 if metric == "optimizer" else moved > 1e-3


@pytest.mark.parametrize(("make", "scale"), [(deep, 1e4), (convolutional, 1.0)])
def test_a_target_is_met_from_above_within_a_few_weights_in_any_units_of_the_loss_and_biases_stay(make, scale):
    module = make()
    X = data()[0] if make is deep else torch.rand(40, 1, 6, 6)
    y = torch.rand(len(X), 2)
    optimizer = ProximalOptimizer(adam(module), module, target=60, warmup_steps=20, ramp_steps=250)
    assert all("bias" in name or name == "1.weight" for name in optimizer.skipped)  # 1 is the norm
    wanted = []
    for step in range(450):
        if step == 400:
            assert 54 <= optimizer.n_nonzeros() <= 66
            optimizer.freeze()
            left = weights(module) != 0
        optimizer.zero_grad()
        (scale * (module(X) - y).square().mean()).backward()
        optimizer.step()
        wanted.append(optimizer.n_nonzeros())
    assert wanted[19] == len(weights(module))  # the warm-up
    assert torch.equal(weights(module) != 0, left)
    assert 54 <= optimizer.n_nonzeros() <= 60
    assert optimizer.strengths == (0.0,)
    assert all(bool((q != 0).any()) for name, q in module.named_parameters() if "bias" in name)


def test_groups_have_their_own_penalty_and_the_rest_none():
    module, (X, y) = deep(), data()
    groups = [
        WeightGroup("0", p=1.0, alpha=0.02),
        WeightGroup([module[3], "0.bias"], p=0.5, target=30),
    ]
    optimizer = ProximalOptimizer(adam(module), module, groups=groups, ramp_steps=200)
    train(module, optimizer, X, y, 300)
    steered = []
    for _ in range(100):
        train(module, optimizer, X, y, 1)
        steered.append(int(torch.count_nonzero(module[3].weight) + torch.count_nonzero(module[0].bias)))
    first = int(torch.count_nonzero(module[0].weight))
    assert 0 < first < 120
    assert 27 <= np.median(steered) <= 33
    assert optimizer.n_nonzeros() == first + steered[-1]
    assert bool((module[5].weight != 0).all())
    assert "5.weight" in optimizer.skipped
    assert "0.bias" not in optimizer.skipped
    assert optimizer.strengths[0] == 0.02
    assert "target=30" in repr(optimizer)
    assert "skipped: 1.weight" in repr(optimizer)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("kind", [{"alpha": 1e-3}, {"target": 50}])
def test_a_saved_run_continues_bit_for_bit_and_copies_are_independent(kind, frozen):
    X, y = data()

    def fresh():
        module = deep()
        return module, ProximalOptimizer(adam(module), module, ramp_steps=60, **kind)

    whole, first, second = fresh(), fresh(), fresh()
    for run in (whole, first):
        train(*run, X, y, 45)
        if frozen:
            run[1].freeze()
    train(*whole, X, y, 60)
    buffer = io.BytesIO()
    torch.save([part.state_dict() for part in first], buffer)
    buffer.seek(0)
    for part, state in zip(second, torch.load(buffer)):
        part.load_state_dict(state)
    copied = copy.deepcopy(first)
    train(*second, X, y, 60)
    train(*copied, X, y, 60)
    assert torch.equal(weights(whole[0]), weights(second[0]))
    assert torch.equal(weights(whole[0]), weights(copied[0]))
    assert whole[1].strengths == second[1].strengths


def test_autocast_gradient_scaler_and_a_compiled_module_go_together():
    module, (X, y) = deep(), data()
    optimizer = ProximalOptimizer(adam(module), torch.compile(module, backend="eager"), target=60, ramp_steps=100)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for step in range(160):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = (optimizer.module(X).float() - y).square().mean()
        scaler.scale(loss * (torch.inf if step == 20 else 1.0)).backward()
        before, steps = weights(module), optimizer.steps
        scaler.step(optimizer)
        if step == 20:
            assert torch.equal(weights(module), before)
            assert optimizer.steps == steps
        scaler.update()
    assert optimizer.steps == 159
    assert optimizer.n_nonzeros() <= 66
    assert bool(torch.isfinite(weights(module)).all())


def test_bfloat16_weights_and_channels_last_ones_are_shrunk_too():
    for module in (convolutional().to(memory_format=torch.channels_last), convolutional().to(torch.bfloat16)):
        X = torch.rand(20, 1, 6, 6).to(module[0].weight.dtype)
        optimizer = ProximalOptimizer(adam(module), module, alpha=0.05)
        for _ in range(60):
            optimizer.zero_grad()
            module(X).square().mean().backward()
            optimizer.step()
        assert 0 <= optimizer.n_nonzeros() < weights(module).numel() // 2
        assert bool(torch.isfinite(weights(module)).all())


def test_a_schedule_and_closures_work_and_what_is_not_finite_stops_before_anything_changes():
    module, (X, y) = deep(), data()
    optimizer = ProximalOptimizer(adam(module), module, alpha=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)

    def closure(factor=1.0, shift=0.0):
        optimizer.zero_grad()
        loss = factor * (module(X) - y).square().mean()
        loss.backward()
        return loss + shift

    assert optimizer.step(closure).item() > 0
    schedule.step()
    before, state = weights(module), optimizer.steps
    with pytest.raises(FloatingPointError, match=r"the gradient of 0\.weight is NaN in step 2; no weight was changed"):
        optimizer.step(lambda: closure(torch.nan))
    with pytest.raises(FloatingPointError, match="the loss is infinite in step 2"):
        optimizer.step(lambda: closure(1.0, torch.inf))
    closure()
    module[5].bias.grad[0] = torch.inf
    with pytest.raises(FloatingPointError, match=r"the gradient of 5\.bias is infinite"):
        optimizer.step()
    assert torch.equal(weights(module), before)
    assert optimizer.steps == state


def test_what_cannot_be_shrunk_is_refused_in_words_before_training():
    module = deep()

    def refused(match, optimizer=None, module=module, **options):
        with pytest.raises(ValueError, match=match):
            ProximalOptimizer(optimizer or adam(module), module, **(options or {"alpha": 0.1}))

    refused(r'what NAdam scales its step with is not known.*metric="plain"', torch.optim.NAdam(module.parameters()))
    ProximalOptimizer(torch.optim.NAdam(module.parameters()), module, alpha=0.1, metric="plain")
    refused("LBFGS takes many steps", torch.optim.LBFGS(module.parameters()))
    with pytest.raises(ValueError, match=r"swapped; call ProximalOptimizer\(optimizer, module"):
        ProximalOptimizer(module, adam(module), alpha=0.1)
    refused("give either alpha, .* or target", alpha=0.1, target=3)
    refused("give either alpha, .* or target", p=0.5)
    refused("target must be at most the 340 weights there are, got 341", target=341)
    refused("target must be an integer of at least 1", target=0)
    for p in (-0.1, 1.1, np.nan, "half"):
        refused(r"p must be a number in \[0, 1\]", alpha=0.1, p=p)
    refused("alpha must be at least 0", alpha=-1.0)
    refused("groups have their own alpha or target", alpha=1.0, groups=[WeightGroup(alpha=1.0)])
    refused("'7', which is no submodule", groups=[WeightGroup("7", alpha=1.0)])
    refused("a Linear that is no part", groups=[WeightGroup(nn.Linear(1, 1), alpha=1.0)])
    refused(r"0\.weight is in two groups", groups=[WeightGroup("0", alpha=1.0), WeightGroup(alpha=1.0)])
    refused("at least one WeightGroup", groups=[])
    refused("every one of groups must be a WeightGroup", groups=["0"])
    refused("groups must be a sequence of WeightGroup, got WeightGroup", groups=WeightGroup("0", alpha=1.0))
    refused(r"the optimiser does not own 0\.weight", torch.optim.SGD(module[3].parameters(), lr=0.1))
    norms = nn.Sequential(nn.LayerNorm((3, 4)), nn.PReLU())
    refused(r"no weights to shrink, only 0\.weight, 0\.bias, 1\.weight; biases and norms are skipped", module=norms)
    tied = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    tied[2].weight = tied[0].weight
    refused(r"0\.weight and 2\.weight are one shared weight", module=tied)
    ProximalOptimizer(adam(tied), tied, groups=[WeightGroup("0", alpha=0.1)])
    words = nn.EmbeddingBag(9, 4, sparse=True)
    refused("the gradient of weight is sparse", torch.optim.SGD(words.parameters(), lr=0.1), words)
    frozen = deep()
    frozen[3].weight.requires_grad_(False)
    refused(r"3\.weight is frozen; set requires_grad or leave its layer out", module=frozen)
    ProximalOptimizer(adam(frozen), frozen, groups=[WeightGroup("0", alpha=0.1)])
    parametrised = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))
    refused("belongs to a parametrised weight", module=parametrised)
    broken = deep()
    with torch.no_grad():
        broken[0].weight[0, 0] = torch.nan
    refused(r"0\.weight is NaN or infinite", module=broken)
    refused("has no shape yet", torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1), nn.LazyLinear(3))


def test_sparse_gradients_and_states_of_others_are_refused():
    module, (X, y) = deep(), data()
    optimizer = ProximalOptimizer(adam(module), module, alpha=0.1)
    train(module, optimizer, X, y, 1)
    with pytest.raises(ValueError, match="saved with other groups"):
        ProximalOptimizer(adam(module), module, target=9).load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match="has no entry 'proximal_optimizer'"):
        optimizer.load_state_dict(optimizer.optimizer.state_dict())
    module[0].weight.grad = module[0].weight.grad.to_sparse()
    with pytest.raises(ValueError, match=r"the gradient of 0\.weight is sparse"):
        optimizer.step()


@pytest.mark.slow
def test_it_trains_under_lightning(tmp_path):
    lightning = pytest.importorskip("lightning")
    X, y = data()
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=16)

    class Task(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.module = deep()

        def training_step(self, batch, _):
            return (self.module(batch[0]) - batch[1]).square().mean()

        def configure_optimizers(self):
            optimizer = ProximalOptimizer(adam(self), self.module, target=60, ramp_steps=100)
            return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)]

    task = Task()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=40, default_root_dir=tmp_path, **quiet)
    trainer.fit(task, rows)
    (optimizer,) = trainer.optimizers
    assert optimizer.steps == 160
    assert 50 <= optimizer.n_nonzeros() <= 66
    trainer.save_checkpoint(tmp_path / "run.ckpt")
    again = Task()
    trainer = lightning.Trainer(max_epochs=41, default_root_dir=tmp_path, **quiet)
    trainer.fit(again, rows, ckpt_path=tmp_path / "run.ckpt")
    assert trainer.optimizers[0].steps == 164


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_an_mlp_on_digits_keeps_its_accuracy_with_one_weight_in_forty(seed):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    X, y = torch.tensor(images / 16 - 0.3, dtype=torch.float32), torch.tensor(labels)
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    optimizer = ProximalOptimizer(adam(module), module, target=300, warmup_steps=60, ramp_steps=400)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
    for step in range(1000):
        if step == 600:
            optimizer.freeze()
        rows = torch.randint(1200, (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(X[rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()
    assert 270 <= optimizer.n_nonzeros() <= 300
    accuracy = float((module(X[1200:]).argmax(dim=1) == y[1200:]).float().mean())
    assert accuracy > 0.85, accuracy
