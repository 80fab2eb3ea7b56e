"""What the benchmarks of deep networks share: ten thousand digits in three parts, LeNets, a training loop, counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

SPLIT_SEED = 20_260
N_VALIDATION, N_TEST = 1_000, 2_000
"""The other 7,000 rows are for training; settings are chosen on the validation rows, test rows looked at once."""


class Split(NamedTuple):
    """Inputs (N, 784), standardised by the training rows, and labels (N,)."""

    X: Tensor
    y: Tensor


class Digits(NamedTuple):
    """The three parts."""

    train: Split
    validation: Split
    test: Split


def load_mnist10k(file: str | Path | None = None, device: str | torch.device = "cpu") -> Digits:
    """Ten thousand digits of MNIST from an npz file with `images` and `labels`, or from OpenML where there is none."""
    if file is None:
        from sklearn.datasets import fetch_openml

        images, labels = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
        rows = np.random.default_rng(SPLIT_SEED).permutation(len(images))[:10_000]
        images, labels = images[rows], labels[rows].astype(np.int64)
    else:
        with np.load(file) as stored:
            images, labels = stored["images"], stored["labels"].astype(np.int64)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    X = torch.tensor(images[order].reshape(len(order), -1) / 255.0, dtype=torch.float32)
    y = torch.tensor(labels[order])
    n_train = len(X) - N_VALIDATION - N_TEST
    X = (X - X[:n_train].mean()) / X[:n_train].std()
    sizes = [n_train, N_VALIDATION, N_TEST]
    parts = zip(X.to(device).split(sizes), y.to(device).split(sizes))
    return Digits(*(Split(*part) for part in parts))


def lenet_300_100(seed: int = 0) -> nn.Sequential:
    """784-300-100-10: 266,200 weights beside the biases."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


def lenet_5(seed: int = 0) -> nn.Sequential:
    """20-50-500-10, Caffe's: 430,500 weights beside the biases. It takes rows (N, 784), as the other does.

    Maxima are taken before the ReLU, which is the same function, and channels come last: a quarter of the time less.
    """
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 20, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )
    return module.to(memory_format=torch.channels_last)


def weights_of(module: nn.Module) -> list[nn.Parameter]:
    """Weights of the layers, biases and norms left out."""
    return [parameter for parameter in module.parameters() if parameter.dim() > 1]


def n_nonzeros(module: nn.Module) -> int:
    """Weights of the layers that are not zero, biases left out."""
    return sum(int(torch.count_nonzero(weight)) for weight in weights_of(module))


@torch.no_grad()
def accuracy(module: nn.Module, split: Split) -> float:
    """Share of the labels that the largest output names."""
    was_training = module.training
    module.eval()
    hits = (module(split.X).argmax(dim=1) == split.y).float().mean()
    module.train(was_training)
    return float(hits)


def train(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    split: Split,
    *,
    epochs: float,
    batch_size: int = 128,
    seed: int = 0,
    least_rate: float = 1e-5,
    after_step: Callable[[int, float], None] | None = None,
) -> None:
    """Cross-entropy in mini-batches; learning rates fall from the optimiser's own to `least_rate` along a cosine.

    Modules with convolutions compute in bfloat16, by autocast: two fifths of the time less; weights stay float32.
    `after_step` is called with the number of steps done and the epochs that took.
    """
    order = torch.Generator().manual_seed(seed)
    first = [group["lr"] for group in optimizer.param_groups]
    per_epoch = math.ceil(len(split.X) / batch_size)
    n_steps = round(epochs * per_epoch)
    module.train()
    convolves = any(isinstance(part, nn.Conv2d) for part in module.modules())
    for step in range(n_steps):
        if step % per_epoch == 0:
            rows = torch.randperm(len(split.X), generator=order).to(split.X.device)
        batch = rows[step % per_epoch * batch_size :][:batch_size]
        for group, rate in zip(optimizer.param_groups, first):
            group["lr"] = least_rate + (rate - least_rate) * 0.5 * (1 + math.cos(math.pi * step / n_steps))
        optimizer.zero_grad()
        with torch.autocast(split.X.device.type, torch.bfloat16, enabled=convolves):
            loss = nn.functional.cross_entropy(module(split.X[batch]), split.y[batch])
        loss.backward()
        optimizer.step()
        if after_step is not None:
            after_step(step + 1, (step + 1) / per_epoch)
