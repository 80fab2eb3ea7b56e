"""After training: LeNet-300-100 sparsified layer by layer, beside magnitude pruning with the same rounds and refits.

    python benchmarks/deep_layerwise.py [--data digits.npz] [--seeds 0 1 2 3 4] [--tune | --head | --variants]

Each seed is trained once for 15 epochs and then led down to 8,000, 4,000, 2,000, 1,000 and 500 weights, each method in
its turn: rounds that leave 40 % of the weights or more, 1.5 epochs of Adam with the zeros fixed after each, six at a
size. The digits are ten thousand of MNIST, from an npz file with `images` and `labels`, or else from OpenML. `--tune`
prints accuracies on the validation rows for the learning rates that were tried, on seed 100; without it test rows are
looked at once, with the rates chosen so. `--head`: from 1,000 weights the last two layers go through `size_path` to at
most 200, beside `prune_layerwise` to the same total. `--variants`: what was compared on the validation rows, of seeds
100 to 102 by default, before the constants of `prune_layerwise` were chosen. One thread.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

from deep_nets import Digits, accuracy, lenet_300_100, load_mnist10k, n_nonzeros, train, weights_of
from reluctant.nn import Refit, prune_head, prune_layerwise
from reluctant.nn import layerwise as surgeon

SIZES = (8_000, 4_000, 2_000, 1_000, 500)
SHARE, EPOCHS, LAST_EPOCHS = 0.6, 1.5, 6.0
RATES = (4e-3, 8e-3)


def layerwise(constants: dict[str, Any] | None = None, **settings: Any) -> Callable[..., None]:
    """`prune_layerwise` with other settings, and other constants of its module."""

    def prune(module: nn.Module, data: Digits, n: int, rate: float, seed: int) -> None:
        refit = Refit(EPOCHS, LAST_EPOCHS, rate)
        with contextlib.ExitStack() as changed:
            for name, value in (constants or {}).items():
                changed.enter_context(mock.patch.object(surgeon, name, value))
            prune_layerwise(module, *data.train, n, share=SHARE, refit=refit, random_state=seed, **settings)

    return prune


def by_magnitude(module: nn.Module, data: Digits, n: int, rate: float, seed: int) -> None:
    """The smallest weights of all layers go, in the same rounds."""
    left = n_nonzeros(module)
    n_rounds = math.ceil(math.log(n / left) / math.log(1 - SHARE))
    for target in np.geomspace(left, n, n_rounds + 1)[1:]:
        weights = weights_of(module)
        least = torch.cat([weight.detach().abs().flatten() for weight in weights]).topk(round(target)).values[-1]
        masks = [(weight.detach().abs() >= least).float() for weight in weights]

        def cut(*_: float, weights: list[nn.Parameter] = weights, masks: list[torch.Tensor] = masks) -> None:
            with torch.no_grad():
                for weight, mask in zip(weights, masks):
                    weight.mul_(mask)

        cut()
        epochs = LAST_EPOCHS if target <= n else EPOCHS
        adam = torch.optim.Adam(module.parameters(), rate, fused=True)
        train(module, adam, data.train, epochs=epochs, seed=seed, least_rate=0.0, after_step=cut)


@torch.no_grad()
def only_cut(layer: nn.Linear, before: Any, now: Any, keep: np.ndarray, damping: float) -> None:
    """What is kept stays as it is: no fit layer by layer."""
    layer.weight.mul_(torch.as_tensor(keep).to(layer.weight))


METHODS: dict[str, tuple[Callable[..., None], float]] = {
    "layerwise, curvature of the loss": (layerwise(), 8e-3),
    "layerwise, least squares": (layerwise(curvature="least squares"), 8e-3),
    "magnitude": (by_magnitude, 8e-3),
}
"""And the learning rate: of 4e-3 and 8e-3 the one that `--tune` showed better for magnitude, and the same for all."""
ALWAYS, AS_IT_IS = {"WEIGHTS_A_ROW": math.inf}, {"TEMPERATURE": 1.0}
VARIANTS: dict[str, Callable[..., None]] = {
    "magnitude": by_magnitude,
    "curvature in every round, damping .01": layerwise(ALWAYS | AS_IT_IS, damping=0.01),
    "curvature in every round, damping .1": layerwise(ALWAYS | AS_IT_IS),
    "four weights a row, damping .01": layerwise(AS_IT_IS, damping=0.01),
    "the same, two weights a row": layerwise(AS_IT_IS | {"WEIGHTS_A_ROW": 2}, damping=0.01),
    "the same, no fit layer by layer": layerwise(AS_IT_IS | {"refit_layer": only_cut}, damping=0.01),
    "four weights a row, damping .1": layerwise(AS_IT_IS),
    "the same, outputs over 2": layerwise({"TEMPERATURE": 2.0}),
    "the same, outputs over 4": layerwise(),
    "the same, outputs over 8": layerwise({"TEMPERATURE": 8.0}),
}
"""The last but one is what `prune_layerwise` does, the second what it did first."""


def trained(data: Digits, seed: int) -> nn.Module:
    module = lenet_300_100(seed)
    train(module, torch.optim.Adam(module.parameters(), 1e-3, fused=True), data.train, epochs=15, seed=seed)
    return module


def led_down(
    dense: nn.Module, data: Digits, name: str, method: Callable[..., None], rate: float, seed: int, split: str
) -> list[float]:
    """Accuracies at the sizes, printed with weights in each layer and CPU seconds since the size before."""
    module, found = copy.deepcopy(dense), []
    for n in SIZES:
        began = time.process_time()
        method(module, data, n, rate, seed)
        found.append(accuracy(module, getattr(data, split)))
        layers = [int(torch.count_nonzero(weight)) for weight in weights_of(module)]
        spent = time.process_time() - began
        print(
            f"seed {seed}, {name}, rate {rate:g}: {found[-1]:.4f} at {sum(layers)} {layers}, {spent:.0f} s", flush=True
        )
    return found


def through_size_path(data: Digits, seed: int, rate: float = 8e-3) -> None:
    """The last two layers to at most 200 weights, beside the whole network led to the same total."""
    module = trained(data, seed)
    settings = Refit(EPOCHS, LAST_EPOCHS, rate)
    prune_layerwise(module, *data.train, 1_000, share=0.7, refit=settings, random_state=seed)
    print(f"seed {seed}, 1,000 weights: {accuracy(module, data.test):.4f}", flush=True)
    rival, began = copy.deepcopy(module), time.process_time()
    prune_head(module, *data.train, 200, random_state=seed)
    spent, left = time.process_time() - began, n_nonzeros(module)
    prune_layerwise(rival, *data.train, left, refit=settings, random_state=seed)
    print(
        f"seed {seed}, {left} weights: {accuracy(module, data.test):.4f} through size_path ({spent:.0f} s), "
        f"{accuracy(rival, data.test):.4f} by prune_layerwise",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="npz file with images and labels; without it, OpenML")
    parser.add_argument("--seeds", type=int, nargs="+", help="0 to 4, or 100 to 102 with --variants")
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=list(METHODS))
    parser.add_argument("--tune", action="store_true", help="accuracies on the validation rows for every rate")
    parser.add_argument("--head", action="store_true", help="the last two layers through size_path")
    parser.add_argument("--variants", action="store_true", help="what was compared on the validation rows")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = load_mnist10k(given.data)
    if given.head:
        for seed in given.seeds or range(5):
            through_size_path(data, seed)
        return
    if given.tune:
        dense = trained(data, 100)
        print(f"dense: {accuracy(dense, data.validation):.4f}", flush=True)
        for name in given.methods:
            for rate in RATES:
                led_down(dense, data, name, METHODS[name][0], rate, 100, "validation")
        return
    split = "validation" if given.variants else "test"
    seeds = given.seeds or ([100, 101, 102] if given.variants else [0, 1, 2, 3, 4])
    compared = {name: (method, 8e-3) for name, method in VARIANTS.items()}
    if not given.variants:
        compared = {name: METHODS[name] for name in given.methods}
    found: dict[str, list[list[float]]] = {name: [] for name in compared}
    whole = []
    for seed in seeds:
        dense = trained(data, seed)
        whole.append(accuracy(dense, getattr(data, split)))
        print(f"seed {seed}, dense: {whole[-1]:.4f}", flush=True)
        for name, (method, rate) in compared.items():
            found[name].append(led_down(dense, data, name, method, rate, seed, split))
    print(f"\nmean ± sd over seeds {seeds}, {split} rows; dense {statistics.fmean(whole):.4f}")
    print("| method | " + " | ".join(f"{n:,}" for n in SIZES) + " |")
    for name, runs in found.items():
        cells = [f"{statistics.fmean(at):.4f} ± {statistics.pstdev(at):.4f}" for at in zip(*runs)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
