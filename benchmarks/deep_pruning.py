"""Deep networks with few weights: nn.ProximalOptimizer beside its rivals, and the cost of its step.

Every method has the same epochs and batches, three settings to choose from, and fixed zeros in the last 35 %. Settings
are chosen once for few weights and once for many by the accuracy on the validation rows, two seeds each, at the sizes
of `CHOSEN_AT`; then every size is trained from other seeds, and the test rows are looked at once. Runs are written to a
file as they come and read from it when the command is called again.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deep_nets import Digits, Split, accuracy, lenet_5, lenet_300_100, n_nonzeros, train, weights_of
from deep_rivals import (
    TUNED,
    train_factorised,
    train_gated,
    train_hard_concrete,
    train_pat,
    train_pruned,
    train_torch_pruning,
    train_units_pruned,
)
from reluctant.nn import ProximalOptimizer, Refit, compress, prune_layerwise

SIZES = (500, 1_000, 2_000, 4_000, 8_000)
UNITS = (30,)
"""Of the 400 hidden units of LeNet-300-100."""
CHOSEN_AT = {30: 30, 500: 1_000, 1_000: 1_000, 2_000: 4_000, 4_000: 4_000, 8_000: 4_000}
TUNING_SEED = 100
NETWORKS = {"LeNet-300-100": lenet_300_100, "LeNet-5": lenet_5}
Fit = Callable[..., None]
Setting = dict[str, float]


def train_proximal(
    module: nn.Module, split: Split, n_left: int, *, p: float, rate: float, epochs: float, seed: int
) -> None:
    """ProximalOptimizer steered to n weights: 60 % of the shrinking falls, the rest stays there; then fine-tuned."""
    fixed = round((1 - TUNED) * epochs * math.ceil(len(split.X) / 128))
    adam = torch.optim.Adam(module.parameters(), rate, fused=True)
    optimizer = ProximalOptimizer(adam, module, p=p, target=n_left, ramp_steps=round(0.6 * fixed))

    def after(step: int, _: float) -> None:
        if step == fixed:
            optimizer.freeze()

    train(module, optimizer, split, epochs=epochs, seed=seed, after_step=after)


def train_proximal_and_prune(
    module: nn.Module, split: Split, n_left: int, *, rate: float, epochs: float, seed: int
) -> None:
    """The proximal step to 1.6 n weights in 70 % of the epochs, then the layer-by-layer surgeon to n and its refit."""
    per_epoch, proximal = math.ceil(len(split.X) / 128), 0.7 * epochs
    fixed = round(0.8 * proximal * per_epoch)
    ramp = round(0.6 * (1 - TUNED) * epochs * per_epoch)
    adam = torch.optim.Adam(module.parameters(), rate, fused=True)
    optimizer = ProximalOptimizer(adam, module, target=round(1.6 * n_left), ramp_steps=ramp)

    def after(step: int, _: float) -> None:
        if step == fixed:
            optimizer.freeze()

    train(module, optimizer, split, epochs=proximal, seed=seed, after_step=after)
    rest = epochs - proximal
    prune_layerwise(module, *split, n_left, refit=Refit(rest, rest, 2 / 3 * rate), random_state=seed)


def each(**values: Sequence[float]) -> list[Setting]:
    """Settings from columns of values."""
    return [dict(zip(values, row)) for row in zip(*values.values())]


OF_ADAM = {"LeNet-300-100": each(rate=[4e-3, 8e-3, 1.2e-2]), "LeNet-5": each(rate=[4e-3, 6e-3, 9e-3])}
METHODS: dict[str, tuple[Fit, dict[str, list[Setting]]]] = {
    "proximal, p = 2/3": (partial(train_proximal, p=2 / 3), OF_ADAM),
    "proximal, layerwise": (train_proximal_and_prune, {"LeNet-300-100": each(rate=[1.2e-2])}),
    "magnitude": (partial(train_pruned, saliency="magnitude"), OF_ADAM),
    "|w|^1.5 sqrt(v)": (partial(train_pruned, saliency="|w|^1.5 sqrt(v)"), OF_ADAM),
    "LAMP": (partial(train_pruned, saliency="LAMP"), OF_ADAM),
    "factorised, D = 3": (
        train_factorised,
        {
            "LeNet-300-100": each(rate=[0.6, 0.3, 0.3], decay=[1e-3, 1e-3, 3e-4]),
            "LeNet-5": each(rate=[0.3, 0.2, 0.1], decay=[1e-3, 2e-3, 5e-3]),
        },
    ),
    "proximal, p = 1/2": (partial(train_proximal, p=1 / 2), OF_ADAM),
    "proximal, p = 0": (partial(train_proximal, p=0.0), OF_ADAM),
    "hard concrete": (
        train_hard_concrete,
        {
            "LeNet-300-100": each(rate=[2e-3, 4e-3, 4e-3], rate_of_gates=[2e-2, 4e-2, 4e-2], decay=[3e-4, 3e-4, 6e-4]),
            "LeNet-5": each(rate=[8e-3, 8e-3, 1.2e-2], rate_of_gates=[0.2, 0.2, 0.2], decay=[1e-3, 2e-3, 1e-3]),
        },
    ),
    "torchao PAT, lasso": (
        train_pat,
        {
            "LeNet-300-100": each(rate=[2e-3, 2e-3, 2e-3], decay=[3e-3, 1e-2, 3e-2]),
            "LeNet-5": each(rate=[4e-3, 4e-3, 2e-3], decay=[3e-4, 1e-3, 1e-3]),
        },
    ),
}
METHODS_BY_UNIT: dict[str, tuple[Fit, dict[str, list[Setting]]]] = {
    "gated units, D = 3": (train_gated, {"LeNet-300-100": each(rate=[0.3, 0.3, 0.3], decay=[1e-3, 3e-3, 1e-2])}),
    "norm, each layer": (partial(train_units_pruned, by_layer=True), OF_ADAM),
    "both norms": (partial(train_units_pruned, by_layer=False), OF_ADAM),
    "Torch-Pruning, group norms": (train_torch_pruning, OF_ADAM),
}


@dataclass(frozen=True)
class Run:
    """One training; `accuracy` on validation rows while settings are chosen, else on test rows."""

    network: str
    method: str
    n_left: int
    seed: int
    epochs: float
    setting: dict[str, float]
    chosen: bool
    accuracy: float = 0.0
    nonzeros: int = 0
    effective: int = 0
    compressed: int = 0
    """Parameters that `nn.compress` leaves, zeros among them and biases."""
    seconds: float = 0.0

    @property
    def key(self) -> str:
        """What it is a run of."""
        asked = (
            self.network,
            self.method,
            self.n_left,
            self.seed,
            float(self.epochs),
            sorted(self.setting.items()),
            self.chosen,
        )
        return json.dumps(asked)


class Runs:
    """Runs in a file of one JSON object a line."""

    def __init__(self, file: Path, load: Callable[[], Digits]) -> None:
        self.file, self.digits = file, cache(load)
        lines = file.read_text().splitlines() if file.exists() else []
        self.done = {run.key: run for run in (Run(**json.loads(line)) for line in lines)}

    def get(self, run: Run) -> Run:
        """Train it, unless the file has it."""
        if run.key not in self.done:
            self.done[run.key] = done = trained(run, self.digits())
            with self.file.open("a") as out:
                out.write(json.dumps(asdict(done)) + "\n")
            print(f"{done.method:20} {done.n_left:6} {done.setting} seed {done.seed}: {done.accuracy:.4f}", flush=True)
        return self.done[run.key]


def trained(run: Run, digits: Digits) -> Run:
    """The same run with its results."""
    module = NETWORKS[run.network](run.seed)
    began = time.process_time()
    fit, _ = (METHODS | METHODS_BY_UNIT)[run.method]
    fit(module, digits.train, run.n_left, epochs=run.epochs, seed=run.seed, **run.setting)
    seconds = time.process_time() - began
    share = accuracy(module, digits.test if run.chosen else digits.validation)
    counts = {}
    if run.chosen and all(bool(torch.isfinite(q).all()) for q in module.parameters()):  # it has not diverged
        found = compress(module, digits.train.X[:8])
        counts = {
            "nonzeros": found.before.nonzeros,
            "effective": found.before.effective_nonzeros,
            "compressed": found.after.parameters,
        }
    results = {**counts, "seconds": round(seconds, 2)}
    return Run(**{**asdict(run), "accuracy": share, **results})


@dataclass(frozen=True)
class Extent:
    """How much is trained: of every method the same."""

    seeds: int
    tuning_seeds: int
    epochs: float
    choose_at: int | None = None
    """The size that settings are chosen at for all sizes; those of `CHOSEN_AT` otherwise."""

    def chosen_at(self, n_left: int) -> int:
        """The size that the setting for a size is chosen at."""
        return self.choose_at or CHOSEN_AT[n_left]


def chosen_setting(runs: Runs, network: str, method: str, n_left: int, extent: Extent) -> dict[str, float]:
    """The setting with the best mean accuracy on the validation rows."""
    seeds = range(TUNING_SEED, TUNING_SEED + extent.tuning_seeds)

    def score(setting: dict[str, float]) -> float:
        asked = (Run(network, method, n_left, seed, extent.epochs, setting, False) for seed in seeds)
        return statistics.mean(runs.get(run).accuracy for run in asked)

    settings = (METHODS | METHODS_BY_UNIT)[method][1][network]
    return max(settings, key=score) if len(settings) > 1 else settings[0]


def final_runs(runs: Runs, network: str, method: str, n_left: int, extent: Extent) -> Iterator[Run]:
    """The runs of the setting chosen."""
    setting = chosen_setting(runs, network, method, extent.chosen_at(n_left), extent)
    for seed in range(extent.seeds):
        yield runs.get(Run(network, method, n_left, seed, extent.epochs, setting, True))


def compare(runs: Runs, network: str, methods: list[str], sizes: list[int], extent: Extent) -> None:
    """Train everything, one size after the other, and print the table."""
    for n_left in sizes:
        for method in methods:
            list(final_runs(runs, network, method, n_left, extent))
    print(f"\n{network}, {extent}: test accuracy in %, mean ± sd")
    print("(effective nonzeros; parameters that are left by nn.compress)")
    print(f"{'':20}" + "".join(f"{n_left:>30,}" for n_left in sizes) + "   CPU s a run")
    for method in methods:
        cells, seconds = [], []
        for n_left in sizes:
            found = list(final_runs(runs, network, method, n_left, extent))
            values = [100 * run.accuracy for run in found]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            effective, left = (statistics.mean(getattr(run, k) for run in found) for k in ("effective", "compressed"))
            cells.append(f"{statistics.mean(values):.2f} ± {spread:.2f} ({effective:,.0f}; {left:,.0f})")
            seconds += [run.seconds for run in found]
        print(f"{method:20}" + "".join(f"{cell:>30}" for cell in cells) + f"{statistics.mean(seconds):14.1f}")
    for method in methods:
        where = sorted({extent.chosen_at(size) for size in sizes})
        settings = {n: chosen_setting(runs, network, method, n, extent) for n in where}
        print(f"{method}: chosen {settings}")


def cost_of_step(turns: int = 7, steps: int = 10) -> None:
    """CPU time of a step of LeNet-300-100 over that of forward and backward at batch 128, best of the turns."""
    X, y = torch.randn(128, 784), torch.randint(10, (128,))

    def best(f: Callable[[], object]) -> float:
        seconds = []
        for _ in range(turns):
            began = time.process_time()
            for _ in range(steps):
                f()
            seconds.append((time.process_time() - began) / steps)
        return min(seconds)

    def both(module: nn.Module) -> None:
        module.zero_grad()
        nn.functional.cross_entropy(module(X), y).backward()

    print(f"\n{'p':>6}{'zeros':>8}{'shrinking':>12}{'at the target':>16}{'fixed':>8}   over forward and backward")
    for p, zeros in itertools.product((2 / 3, 1 / 2, 0.0, 1.0), (0.0, 0.9, 0.99)):
        ratios = []
        for phase in ("shrinking", "at the target", "fixed"):
            module = lenet_300_100()
            with torch.no_grad():
                for w in weights_of(module):
                    w.mul_(torch.rand_like(w) >= zeros)
            both(module)
            adam = torch.optim.Adam(module.parameters(), 1e-9, eps=1e-4, fused=True)  # so slow that nothing changes
            aim: dict[str, Any] = {"alpha": 1.0 if p == 1 else 1e-3}  # holds zeros and hardly shrinks the others
            if phase == "at the target":
                aim = {"target": n_nonzeros(module), "ramp_steps": 10_000}  # so long that it is steered slowly
            optimizer = ProximalOptimizer(adam, module, p=p, **aim)
            optimizer.frozen = phase == "fixed"
            optimizer.step()
            ratios.append(best(optimizer.step) / best(partial(both, module)))
            assert abs(n_nonzeros(module) / 266_200 - (1 - zeros)) < 0.03
        print(f"{p:6.2f}{zeros:8.2f}" + f"{ratios[0]:12.2f}{ratios[1]:16.2f}{ratios[2]:8.2f}")
