"""Training: our steps beside the published loop, equal epochs, one thread, everything in one run.

    python benchmarks/training.py [--epochs 20000]

The problem is the paper's high-dimensional one: N = 10, d = 50, K = 100, p = 0.4, λ = 0.005, Adam γ = 0.01.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from published_loop import Published
from reluctant.nn import ReweightedL1, train_restarts

N, D, K = 10, 50, 100
SETTINGS = {"p": 0.4, "alpha": 0.005}


def problem(seed: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.empty(N, k).uniform_(-1, 1, generator=generator) for k in (D, 1))  # type: ignore[return-value]


def published(epochs: int) -> str:
    X, y = problem()
    torch.manual_seed(0)
    model = Published(D, K, lr=0.01, counts_bias=True, **SETTINGS)
    for _ in range(epochs):
        loss = model.step(X, y)
    return f"{model.counts()[1]} parameters, MSE {loss.item():.0e}"


def wrapper(epochs: int, fused: bool) -> str:
    X, y = problem()
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(D, K), nn.ReLU(), nn.Linear(K, 1, bias=False))
    optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01, fused=fused), module, **SETTINGS)
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(X), y)
        loss.backward()
        optimizer.step()
        if epoch % 100 == 99:
            optimizer.remove_dead()
    return f"{optimizer.counts()[1]} parameters, MSE {loss.item():.0e}"


def batched(epochs: int, restarts: int) -> str:
    X, y = problem()
    runs = train_restarts(X.numpy(), y.numpy(), n_neurons=K, restarts=restarts, epochs=epochs, **SETTINGS)
    last = runs.history[-1]
    return f"{np.min(last.n_parameters)}-{np.max(last.n_parameters)} parameters, MSE up to {last.mse.max():.0e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20_000)
    epochs = parser.parse_args().epochs
    torch.set_num_threads(1)
    cases: list[tuple[str, Callable[[], str]]] = [
        ("published loop, one run", lambda: published(epochs)),
        ("ReweightedL1(Adam), one run", lambda: wrapper(epochs, False)),
        ("ReweightedL1(fused Adam), one run", lambda: wrapper(epochs, True)),
        ("train_restarts, one run", lambda: batched(epochs, 1)),
        ("train_restarts, 32 runs", lambda: batched(epochs, 32)),
    ]
    base = None
    print(f"{'':36}{'CPU ms/epoch':>14}{'to published':>14}   result after {epochs} epochs")
    for name, run in cases:
        began = time.process_time()
        result = run()
        seconds = time.process_time() - began
        base = base or seconds
        print(f"{name:36}{1e3 * seconds / epochs:14.3f}{seconds / base:14.2f}   {result}")


if __name__ == "__main__":
    main()
