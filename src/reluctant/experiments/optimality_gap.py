"""How far Adam on the smoothed penalty, and Algorithm 1, stay from the optimum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reluctant.experiments.high_dimensional import data as high_dimensional_data
from reluctant.experiments.page import Page, spread
from reluctant.model.network import ReLUNetwork
from reluctant.nn.batched import train_restarts
from reluctant.nn.polish import polish
from reluctant.nn.settings import Schedule, Shrinkage
from reluctant.nn.stack import initial_weights
from reluctant.objective import smoothed_power
from reluctant.solve import interpolate

P = 0.5
SMOOTHINGS = (1e-1, 1e-2, 1e-3)
ALPHAS = (1e-4, 1e-3)


def smoothed_runs(
    X: NDArray, y: NDArray, *, n_neurons: int, alpha: float, smoothing: float, epochs: int, seeds: int
) -> list[ReLUNetwork]:
    """Adam on mean squared error + α Σ ((u² + ε²)^{p/2} − ε^p), all seeds at once."""
    d = X.shape[1]
    starts = [initial_weights(d, n_neurons, torch.Generator().manual_seed(seed)) for seed in range(seeds)]
    theta = torch.stack(starts).requires_grad_()
    inputs = torch.as_tensor(np.column_stack([X, np.ones(len(X))]), dtype=theta.dtype)
    targets = torch.as_tensor(y, dtype=theta.dtype)
    optimizer = torch.optim.Adam([theta], lr=0.01)
    counted = slice(0, d + 1 if d > 1 else d)
    for _ in range(epochs):
        optimizer.zero_grad()
        v = theta[:, :, -1:]
        outputs = (v.mT @ torch.relu(theta[:, :, :-1] @ inputs.T))[:, 0]
        penalty = smoothed_power(v * theta[:, :, counted], P, smoothing).sum()
        ((outputs - targets).square().mean(dim=1).sum() + alpha * penalty).backward()
        optimizer.step()
    return [ReLUNetwork(t[:, :-2], t[:, -2], t[:, -1]) for t in theta.detach().double().numpy()]


def above(network: ReLUNetwork, threshold: float) -> int:
    """Neurons (one input) or parameters with |v w| above the threshold."""
    f = network.canonical()
    columns = [f.input_weights] if f.n_inputs == 1 else [f.input_weights, f.biases]
    return int(np.sum(np.abs(np.column_stack(columns)) > threshold))


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Train, solve exactly, compare, and write the page."""
    epochs, seeds = (3_000, 2) if quick else (20_000, 5)
    walk = np.random.default_rng(1).standard_normal(10).cumsum()
    x = np.linspace(-1, 1, 10)
    X, y = high_dimensional_data()
    problems = {
        "random walk, N = 10, d = 1": (x[:, None], walk / np.abs(walk).max(), 100),
        "uniform, N = 10, d = 50": (X, y, 100),
    }
    page = Page("optimality-gap", "How far training stays from the optimum", out)
    page.text(
        f"Adam on the mean squared error plus λ times the smoothed ℓp path norm, and Algorithm 1, p = {P:g}, "
        f"{epochs:,} epochs, {seeds} seeds; median [smallest, largest]. A count is of neurons for d = 1, of parameters "
        "else, with |v w| > 10⁻³ for the smoothed penalty, which has no zeros, and exact for the others. A path norm "
        "below the proved bound is no contradiction: those networks do not interpolate. On the line `interpolate` "
        "without an affine part is a search; the bound is the least value with a free one."
    )
    for name, (inputs, targets, K) in problems.items():
        say(name)
        settings: dict[str, Any] = {"n_neurons": K, "epochs": epochs}
        as_published: dict[str, Any] = {"shrinkage": Shrinkage(metric="plain"), "schedule": Schedule.constant()}
        rows = []
        for alpha in ALPHAS:
            for smoothing in SMOOTHINGS:
                runs = smoothed_runs(inputs, targets, alpha=alpha, smoothing=smoothing, seeds=seeds, **settings)
                label = f"smoothed, λ = {alpha:g}, ε = {smoothing:g}"
                rows.append(_row(label, runs, inputs, targets, 1e-3))
        for alpha in (1e-3, 3e-3):
            runs = train_restarts(
                inputs, targets, p=P, alpha=alpha, restarts=seeds, **settings, **as_published
            ).networks
            rows.append(_row(f"Algorithm 1, λ = {alpha:g}", runs, inputs, targets, 0.0))
        if inputs.shape[1] == 1:
            found = interpolate(inputs, targets, p=P, affine=False)
            label = f"interpolate, no affine part; at least {found.certificate.lower_bound:.3f} proved"
            rows.append([label, str(found.n_neurons), f"{found.value:.3f}", "0e+00"])
        else:
            polished = [polish(network, inputs, targets).network for network in runs]
            rows.append(_row("Algorithm 1, polished", polished, inputs, targets, 0.0))
        page.text(f"**{name}**")
        page.table(name, ["method", "count", f"ℓp path norm, p = {P:g}", "mean squared error"], rows)
    return page.write()


def _row(label: str, networks: list[ReLUNetwork], X: NDArray, y: NDArray, threshold: float) -> list[str]:
    counts = np.array([above(f, threshold) for f in networks])
    norms = np.array([f.path_norm(P) for f in networks])
    errors = np.array([np.mean((f(X) - y) ** 2) for f in networks])
    return [label, spread(counts), spread(norms, ".3f"), spread(errors, ".0e")]
