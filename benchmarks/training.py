"""Training: our steps beside the published loop, one thread, everything in one run.

    python benchmarks/training.py [--part speed | sparsest] [--epochs 20000] [--seeds 100]

Speed, of the paper's step (``metric="plain"``, constant schedule) and of the published loop: first the cost of an epoch
with all neurons still there, then of a whole run in which dead neurons are removed, at equal epochs, taken in turns
(medians of CPU times), then the time to the paper's final sparsity (11 parameters). The problem is the paper's
high-dimensional one: N = 10, d = 50, K = 100, p = 0.4, λ = 0.005, Adam γ = 0.01.

Sparsest, of what training ends at: peak and plateau in 20,000 epochs on seeds 20, 21, …, and interpolants of random
tables, trained and polished, table 20 + i from weights of seed i. p = 1/2; CPU seconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from reluctant.experiments.peak_plateau import X as PEAK_X
from reluctant.experiments.peak_plateau import Y as PEAK_Y
from reluctant.experiments.published_loop import Published
from reluctant.nn import Restarts, ReweightedL1, Schedule, Shrinkage, TensorOptions, polish, train_restarts
from reluctant.nn.stack import Stack, initial_weights

N, D, K = 10, 50, 100
SETTINGS = {"p": 0.4, "alpha": 0.005}
PAPER = Shrinkage(metric="plain")


def problem(seed: int = 20, N: int = N, d: int = D) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.empty(N, k).uniform_(-1, 1, generator=generator) for k in (d, 1))  # type: ignore[return-value]


class Loop:
    """A user's loop around `ReweightedL1`."""

    def __init__(self, fused: bool) -> None:
        self.module = nn.Sequential(nn.Linear(D, K), nn.ReLU(), nn.Linear(K, 1, bias=False))
        adam = torch.optim.Adam(self.module.parameters(), lr=0.01, fused=fused)
        self.optimizer = ReweightedL1(adam, self.module, metric="plain", **SETTINGS)

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
    runs = plain_runs(X.numpy(), y.numpy(), n_neurons=K, restarts=restarts, epochs=epochs, **SETTINGS)
    last = runs.history[-1]
    return f"{np.min(last.n_parameters)}-{np.max(last.n_parameters)} parameters, MSE up to {last.mse.max():.0e}"


def plain_runs(X: np.ndarray, y: np.ndarray, **settings: Any) -> Restarts:
    return train_restarts(X, y, shrinkage=PAPER, schedule=Schedule.constant(), **settings)


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
    trained = plain_runs(X.numpy(), y[:, 0].numpy(), n_neurons=K, restarts=1, epochs=1000, **SETTINGS).networks[0]
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
    return Stack(theta, X, y[:, 0], SETTINGS["p"] * ones, SETTINGS["alpha"] * ones, 0.01, True, shrinkage=PAPER)


def smallest(stack: Stack) -> int:
    stack.compact()
    return int(stack.counts()[1].min())


def peak_and_plateau(seeds: int, epochs: int = 20_000) -> None:
    """How many of so many seeds end at 3 neurons with a mean squared error of at most 1e-6."""
    print(f"\npeak and plateau, {epochs} epochs, 80 neurons, seeds 20 to {19 + seeds}")
    print(f"{'':50}{'3 neurons':>11}{'neurons':>9}{'worst MSE':>11}{'CPU s a run':>13}")
    free, no_joins = Shrinkage(freeze_output=False), Schedule(consolidate=None)
    methods: dict[str, dict[str, Any]] = {
        "the paper's step, α constant": {"shrinkage": PAPER, "schedule": Schedule.constant()},
        "the paper's step, our schedule": {"shrinkage": PAPER},
        "the optimiser's metric, v free": {"shrinkage": free},
        "v free, nothing joined": {"shrinkage": free, "schedule": no_joins},
        "the optimiser's metric, v = ±1, the default": {},
        "v = ±1, nothing joined": {"schedule": no_joins},
        "the default in float64": {"tensors": TensorOptions(torch.float64)},
        "the default, α = 1e-2": {"alpha": 1e-2},
        "the default, α = 1e-3": {"alpha": 1e-3},
        "the default, p = 2/3": {"p": 2 / 3},
    }
    for name, settings in methods.items():
        chosen = {"alpha": 3e-3, "p": 0.5, **settings}
        began = time.process_time()
        runs = train_restarts(PEAK_X, PEAK_Y, n_neurons=80, restarts=seeds, epochs=epochs, random_state=20, **chosen)
        last = runs.history[-1]
        print_ends(name, last.n_neurons, last.mse, time.process_time() - began)
    few = max(seeds // 10, 1)
    inputs, targets = (torch.as_tensor(a).float()[:, None] for a in (PEAK_X, PEAK_Y))
    sizes, errors, began = [], [], time.process_time()
    for seed in range(20, 20 + few):
        torch.manual_seed(seed)
        loop = Published(1, 80, lr=0.01, counts_bias=False, p=0.4, alpha=3e-3)
        for _ in range(epochs):
            loss = loop.step(inputs, targets)
        sizes.append(loop.counts()[0])
        errors.append(loss.item())
    print_ends(f"the published loop, p = 0.4, {few} seeds", sizes, errors, time.process_time() - began)


def print_ends(
    name: str, sizes: Sequence[int] | np.ndarray, errors: Sequence[float] | np.ndarray, spent: float
) -> None:
    sizes, errors = np.asarray(sizes), np.asarray(errors)
    good = f"{np.sum((sizes == 3) & (errors <= 1e-6))} of {len(sizes)}"
    print(
        f"{name:50}{good:>11}{f'{sizes.min()}-{sizes.max()}':>9}{errors.max():>11.0e}{spent / len(sizes):>13.3f}",
        flush=True,
    )


def random_tables(N: int, d: int, n_neurons: int, runs: int, epochs: int = 3_000, alpha: float = 3e-4) -> None:
    """Train, then polish to an interpolant: how many parameters are left, in how many CPU seconds."""
    print(f"\n{N} points in {d} dimensions, {n_neurons} neurons, {epochs} epochs, λ = {alpha:g}, {runs} tables")
    for name, settings in (
        ("default", {"alpha": alpha}),
        (
            "the paper's step, p = 0.4, λ = 0.005",
            {"alpha": 0.005, "p": 0.4, "shrinkage": PAPER, "schedule": Schedule.constant()},
        ),
    ):
        trained, left, seconds = [], [], []
        for i in range(runs):
            X, y = (a.double().numpy() for a in problem(20 + i, N, d))
            began = time.process_time()
            run = train_restarts(X, y, n_neurons=n_neurons, restarts=1, epochs=epochs, random_state=i, **settings)
            solution = polish(run.networks[0], X, y, time_limit=60.0)
            seconds.append(time.process_time() - began)
            trained.append(int(run.history[-1].n_parameters[0]))
            left.append(solution.n_parameters)
        print(
            f"{name:40} trained {min(trained)}-{max(trained)} parameters; polished {N} on {left.count(N)} of {runs} "
            f"(most {max(left)}); {statistics.median(seconds):.1f} s, at most {max(seconds):.1f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20_000)
    parser.add_argument("--part", choices=("speed", "sparsest", "both"), default="both")
    parser.add_argument("--seeds", type=int, default=100)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.part != "sparsest":
        speed(asked.epochs)
    if asked.part != "speed":
        train_restarts(PEAK_X, PEAK_Y, n_neurons=8, restarts=1, epochs=10, alpha=1e-3)  # compilation
        peak_and_plateau(asked.seeds)
        random_tables(10, 50, 100, runs=20)
        random_tables(50, 5, 500, runs=20)


def speed(epochs: int) -> None:
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
