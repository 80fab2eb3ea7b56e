"""Error on held-out data at equal numbers of parameters: path norms, weight decay and magnitude pruning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.experiments.page import MARKERS, WIDTH, Page, legend_below, new_figure, plain_ticks
from reluctant.model.network import ReLUNetwork
from reluctant.nn.batched import train_restarts
from reluctant.nn.settings import Schedule, Shrinkage
from reluctant.report.style import COLOURS

N_NEURONS = 50
BUDGETS = (10, 20, 40, 80)
ALPHAS = (0.003, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6)
DECAYS = (0.001, 0.01, 0.1, 0.3)
FROZEN = 1e-12  # an α too small to shrink anything; zeros stay zero all the same


DODGE = 1.04
"""Factor between the places of two methods along the axis of parameters."""


@dataclass(frozen=True)
class Split:
    """Standardised training, validation and test rows."""

    X: tuple[NDArray, NDArray, NDArray]
    y: tuple[NDArray, NDArray, NDArray]

    def error(self, network: ReLUNetwork, part: int) -> float:
        """Mean squared error over the variance of y, on part 0, 1 or 2."""
        return float(np.mean((network(self.X[part]) - self.y[part]) ** 2) / np.var(self.y[part]))


def split(X: NDArray, y: NDArray, seed: int, n_train: int | None = None) -> Split:
    """So many rows to train on, half as many to choose by, the others to report; of all rows a half, by default."""
    order = np.random.default_rng(seed).permutation(len(X))
    n_train = len(X) // 2 if n_train is None else n_train
    parts = np.split(order, [n_train, 3 * n_train // 2])
    mean, scale = X[parts[0]].mean(axis=0), X[parts[0]].std(axis=0)
    centre, size = y[parts[0]].mean(), y[parts[0]].std()
    return Split(tuple((X[p] - mean) / scale for p in parts), tuple((y[p] - centre) / size for p in parts))


def tables() -> dict[str, tuple[NDArray, NDArray]]:
    """A real table, a smooth function with noise, and a sparse teacher with noise."""
    from sklearn.datasets import load_diabetes, make_friedman1

    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 10))
    teacher = np.maximum(X[:, 0] + X[:, 1], 0) - 2 * np.maximum(X[:, 2] - 0.5, 0) + np.maximum(0.3 - X[:, 0], 0)
    return {
        "diabetes": load_diabetes(return_X_y=True),
        "friedman1": make_friedman1(400, random_state=0),
        "sparse teacher": (X, teacher + 0.3 * rng.standard_normal(400)),
    }


def decayed(data: Split, seed: int, epochs: int) -> list[ReLUNetwork]:
    """Dense networks trained with every weight decay."""
    return [
        train_restarts(
            data.X[0], data.y[0], alpha=0.0, weight_decay=decay, epochs=epochs // 4, **_training(seed)
        ).networks[0]
        for decay in DECAYS
    ]


def _training(seed: int) -> dict[str, Any]:
    """The paper's loop from one seed."""
    paper = {"shrinkage": Shrinkage(bias=True, metric="plain"), "schedule": Schedule.constant()}
    return {"n_neurons": N_NEURONS, "restarts": 1, "random_state": seed, **paper}


def candidates(data: Split, dense: list[ReLUNetwork], seed: int, epochs: int) -> dict[str, list[ReLUNetwork]]:
    """All the networks each method may choose from; `dense` are those to be pruned."""
    X, y = data.X[0], data.y[0]
    found = {"weight decay, pruned by magnitude": [prune(network, k) for network in dense for k in BUDGETS]}
    for p in (1.0, 0.7, 0.4):
        found[f"path norm, p = {p:g}"] = train_restarts(
            X, y, p=p, alpha=ALPHAS, epochs=epochs, **_training(seed)
        ).networks
    for method in ("weight decay, pruned by magnitude", "path norm, p = 0.4"):
        found[f"{method}, tuned"] = tune(found[method], X, y, epochs // 4)
    return found


def tune(networks: Sequence[ReLUNetwork], X: NDArray, y: NDArray, epochs: int) -> list[ReLUNetwork]:
    """Train once more without penalty, the zeros held."""
    return train_restarts(
        X,
        y,
        start=networks,
        restarts=len(networks),
        n_neurons=N_NEURONS,
        alpha=FROZEN,
        learning_rate=0.003,
        shrinkage=Shrinkage(warmup_steps=0, metric="plain"),
        schedule=Schedule.constant(),
        epochs=epochs,
    ).networks


def prune(network: ReLUNetwork, n_parameters: int) -> ReLUNetwork:
    """Keep the largest effective weights."""
    U, V, _ = network.canonical().hinges
    cut = np.sort(np.abs(U), axis=None)[::-1][min(n_parameters, U.size) - 1]
    return ReLUNetwork.from_hinges(np.where(np.abs(U) < cut, 0.0, U), V)


def best_within(networks: Sequence[ReLUNetwork], data: Split, budget: int) -> float:
    """Test error of the network within the budget that is best on the validation rows; 1 if there is none."""
    allowed = [f for f in networks if f.n_parameters <= budget]
    return data.error(min(allowed, key=lambda f: data.error(f, 1)), 2) if allowed else 1.0


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Train on every table and seed, and write the page."""
    epochs, seeds = (2_000, 2) if quick else (6_000, 5)
    page = Page("held-out", "Error on held-out data at equal parameters", out)
    page.text(
        f"{N_NEURONS} neurons, no affine part; half of the rows to train on, a quarter to choose λ, the decay and the "
        f"network by, a quarter reported; {seeds} random splits. Mean squared error over the variance, mean ± standard "
        "error over splits, for the best network with at most that many parameters (1 is the constant). *Tuned* "
        "trains once more without penalty, with the zeros held."
    )
    figure, axes = new_figure(3, 1, size=(WIDTH, 9.5))
    for panel, (name, (X, y)) in zip(axes[:, 0], tables().items()):
        errors: dict[str, list[list[float]]] = {}
        for seed in range(seeds):
            say(f"{name}, split {seed}")
            data = split(X, y, seed)
            for method, networks in candidates(data, decayed(data, seed, epochs), seed, epochs).items():
                errors.setdefault(method, []).append([best_within(networks, data, k) for k in BUDGETS])
        rows = []
        for i, (method, values) in enumerate(errors.items()):
            mean = np.mean(values, axis=0)
            deviation = np.std(values, axis=0, ddof=1) / np.sqrt(seeds)
            rows.append([method, *(f"{a:.3f} ± {b:.3f}" for a, b in zip(mean, deviation))])
            aside = DODGE ** (i - (len(errors) - 1) / 2)  # equal curves stand side by side
            style: dict[str, Any] = {"color": COLOURS[i], "marker": MARKERS[i], "markersize": 5, "linewidth": 1}
            panel.errorbar(np.multiply(BUDGETS, aside), mean, deviation, label=method, capsize=2, **style)
        page.text(f"**{name}**")
        page.table(name, ["method", *(f"≤ {k}" for k in BUDGETS)], rows)
        panel.set(xlabel="parameters allowed", ylabel="test error / variance", xscale="log", yscale="log")
        panel.set_title(name, loc="left")
        plain_ticks(panel.xaxis, BUDGETS)
        plain_ticks(panel.yaxis, (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5))
    legend_below(figure, axes[0, 0])
    page.figure(
        "errors",
        figure,
        "Test error against the number of parameters allowed; methods side by side, bars: standard errors.",
    )
    return page.write()
