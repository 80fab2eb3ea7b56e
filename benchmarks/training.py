"""Training: our steps beside the published loop, one thread, everything in one run: the cost of an epoch at equal
epochs, and the time to the paper's final sparsity (11 parameters).

    python benchmarks/training.py [--epochs 20000]

The problem is the paper's high-dimensional one: N = 10, d = 50, K = 100, p = 0.4, λ = 0.005, Adam γ = 0.01.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from published_loop import Published
from reluctant.nn import ReweightedL1, polish, train_restarts
from reluctant.nn.batched import Stack, initial_weights

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


def time_to(target: int, step: Callable[[], None], size: Callable[[], int], most: int = 100_000) -> str:
    """CPU seconds until `size`, looked at every 100 epochs, is at most the target."""
    began = time.process_time()
    for epoch in range(1, most + 1):
        step()
        if epoch % 100 == 0 and size() <= target:
            return f"{time.process_time() - began:6.1f} s, epoch {epoch}"
    return f"not within {most} epochs, {time.process_time() - began:.1f} s"


def times_to_sparsity(target: int = 11, seeds: int = 3) -> None:
    X, y = problem()
    print(f"\nCPU time to {target} parameters")
    for seed in range(seeds):
        torch.manual_seed(seed)
        loop = Published(D, K, lr=0.01, counts_bias=True, **SETTINGS)
        print(f"published loop, seed {seed}: ", time_to(target, lambda: loop.step(X, y), lambda: loop.counts()[1]))
        one = stack_of([seed])
        print(f"our stack of one, seed {seed}: ", time_to(target, one.step, lambda: smallest(one)))
    many = stack_of(range(32))
    print("first of 32 stacked runs: ", time_to(target, many.step, lambda: smallest(many)))
    began = time.process_time()
    trained = train_restarts(X, y[:, 0], n_neurons=K, restarts=1, epochs=1000, **SETTINGS).networks[0]
    solution = polish(trained, X, y)
    print(
        f"1,000 epochs, then polish:  {time.process_time() - began:6.1f} s, {solution.n_parameters} parameters, exact"
    )


def stack_of(seeds: Iterable[int]) -> Stack:
    X, y = problem()
    theta = torch.stack([initial_weights(D, K, torch.Generator().manual_seed(seed)) for seed in seeds])
    ones = np.ones(len(theta))
    return Stack(theta, X, y[:, 0], SETTINGS["p"] * ones, SETTINGS["alpha"] * ones, 0.01, True)


def smallest(stack: Stack) -> int:
    stack.compact()
    return int(stack.counts()[1].min())


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
    times_to_sparsity()


if __name__ == "__main__":
    main()
