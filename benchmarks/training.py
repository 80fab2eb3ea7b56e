"""Training: our steps beside the published loop, one thread, everything in one run.

    python benchmarks/training.py [--epochs 20000]

First the cost of an epoch with all neurons still there, then of a whole run in which dead neurons are removed, at
equal epochs, taken in turns (medians of CPU times), then the time to the paper's final sparsity (11 parameters). The
problem is the paper's high-dimensional one: N = 10, d = 50, K = 100, p = 0.4, λ = 0.005, Adam γ = 0.01.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from reluctant.experiments.published_loop import Published
from reluctant.nn import ReweightedL1, polish, train_restarts
from reluctant.nn.batched import Stack, initial_weights

N, D, K = 10, 50, 100
SETTINGS = {"p": 0.4, "alpha": 0.005}


def problem(seed: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.empty(N, k).uniform_(-1, 1, generator=generator) for k in (D, 1))  # type: ignore[return-value]


class Loop:
    """A user's loop around `ReweightedL1`."""

    def __init__(self, fused: bool) -> None:
        self.module = nn.Sequential(nn.Linear(D, K), nn.ReLU(), nn.Linear(K, 1, bias=False))
        adam = torch.optim.Adam(self.module.parameters(), lr=0.01, fused=fused)
        self.optimizer = ReweightedL1(adam, self.module, **SETTINGS)

    def step(self, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """One epoch; returns the loss before it."""
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.module(X), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def counts(self) -> tuple[int, int]:
        """Neurons and parameters."""
        return self.optimizer.counts()


def loops(seed: int = 0) -> dict[str, Loop | Published]:
    """The three loops from the same weights."""
    made: dict[str, Loop | Published] = {}
    for name, make in (
        ("published loop", lambda: Published(D, K, lr=0.01, counts_bias=True, **SETTINGS)),
        ("ReweightedL1(Adam)", lambda: Loop(fused=False)),
        ("ReweightedL1(fused Adam)", lambda: Loop(fused=True)),
    ):
        torch.manual_seed(seed)
        made[name] = make()
    return made


def cost_before_removal(epochs: int = 200, turns: int = 9) -> None:
    """Medians over turns of the CPU time of an epoch; every turn starts from new weights and removes nothing."""
    X, y = problem()
    seconds: dict[str, list[float]] = {}
    for seed in range(turns):
        for name, loop in loops(seed).items():
            began = time.process_time()
            for _ in range(epochs):
                loop.step(X, y)
            seconds.setdefault(name, []).append(time.process_time() - began)
    print(f"\nno neuron removed: median of {turns} turns of {epochs} epochs")
    base = statistics.median(seconds["published loop"])
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(f"{name:36}{1e3 * middle / epochs:14.3f}{middle / base:14.2f}")


def cost_of_runs(epochs: int, block: int = 500) -> None:
    """Whole runs, a block of epochs of each in turn; dead neurons are removed from ours every hundred epochs."""
    X, y = problem()
    made = loops()
    seconds = dict.fromkeys(made, 0.0)
    losses: dict[str, float] = {}
    for _ in range(epochs // block):
        for name, loop in made.items():
            began = time.process_time()
            for epoch in range(block):
                loss = loop.step(X, y)
                if isinstance(loop, Loop) and epoch % 100 == 99:
                    loop.optimizer.remove_dead()
            seconds[name] += time.process_time() - began
            losses[name] = loss.item()
    base = seconds["published loop"]
    print(f"\nwhole runs of {epochs} epochs, dead neurons removed")
    for name, loop in made.items():
        result = f"{loop.counts()[1]} parameters, MSE {losses[name]:.0e}"
        print(f"{name:36}{1e3 * seconds[name] / epochs:14.3f}{seconds[name] / base:14.2f}   {result}")
    for runs in (1, 32):
        began = time.process_time()
        result = batched(epochs, runs)
        spent = time.process_time() - began
        print(f"{f'train_restarts, runs: {runs}':36}{1e3 * spent / epochs:14.3f}{spent / base:14.2f}   {result}")


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
        torch.manual_seed(seed)
        ours = Loop(fused=True)
        print(f"ours, fused Adam, seed {seed}: ", time_to(target, lambda: ours.step(X, y), lambda: pruned(ours)))
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


def pruned(loop: Loop) -> int:
    loop.optimizer.remove_dead()
    return loop.counts()[1]


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
    X, y = problem()
    for loop in loops().values():  # compilation and first uses
        for _ in range(20):
            loop.step(X, y)
    batched(10, 2)
    print(f"{'':36}{'CPU ms/epoch':>14}{'to published':>14}")
    cost_before_removal()
    cost_of_runs(epochs)
    times_to_sparsity()


if __name__ == "__main__":
    main()
