"""How the sparsest networks generalise in R^d: through all rows and within tolerances, beside what is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.experiments.held_out import ALPHAS, DECAYS, N_NEURONS, Split, candidates, decayed, split, tables
from reluctant.experiments.page import MARKERS, Page, legend_below, new_figure, plain_ticks
from reluctant.model.network import ReLUNetwork
from reluctant.report.style import COLOURS
from reluctant.solve import approximate, interpolate

N_TRAIN = 100
TOLERANCES = (0.1, 0.2, 0.3, 0.5, 1.0)
"""In standard deviations of the labels of the training rows."""
SECONDS = 3.0
"""CPU seconds that a search may take."""
SPARSEST, WITHIN, CHOSEN = "sparsest interpolant", "within ε = {:g}", "within the ε chosen"
LEAST_DRAWN = 5e-4
TRAINED = ("weight decay", "path norm, p = 1", "weight decay, pruned by magnitude, tuned", "path norm, p = 0.4")
DRAWN = (SPARSEST, CHOSEN, *TRAINED)


class Found(NamedTuple):
    """A network, and the lower bound of its number of parameters where there is one."""

    network: ReLUNetwork
    bound: float | None = None


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Fit every table and split in every way, and write the page."""
    epochs, seeds = (200, 2) if quick else (3_000, 5)
    page = Page("generalisation", "How the sparsest generalise", out)
    page.text(
        f"{N_TRAIN} rows of a table to train on, {N_TRAIN // 2} to choose by, the others reported; {seeds} random "
        "splits, no affine part. The *sparsest interpolant* is that of `interpolate`, *within ε* those of `approximate`"
        f", fewest parameters, ε in standard deviations of the training labels, {SECONDS:g} CPU seconds each; neither "
        f"sees the rows to choose by, but for *the ε chosen*. The others are {N_NEURONS} neurons trained by Adam in "
        f"the paper's loop for {epochs:,} epochs (weight decay a quarter of that), the best on those rows of "
        f"{len(DECAYS)} decays, {len(ALPHAS)} α, or 4 sizes of pruning. Mean squared error over the variance of the "
        "labels reported, and parameters: mean ± standard error over the splits."
    )
    if quick:
        page.text("**Quick version: fewer epochs and splits.**")
    results: dict[str, dict[str, NDArray]] = {}
    for name, (X, y) in six_tables().items():
        values: dict[str, list[tuple[float, float, float]]] = {}
        for seed in range(seeds):
            say(f"{name}, split {seed}")
            data = split(X, y, seed, N_TRAIN)
            for method, found in fits(data, seed, epochs).items():
                bound = np.nan if found.bound is None else found.bound
                values.setdefault(method, []).append((data.error(found.network, 2), found.network.n_parameters, bound))
        results[name] = {method: np.array(of_method) for method, of_method in values.items()}
        page.text(f"## {name[0].upper()}{name[1:]}")
        page.table(name, ["method", "test error / variance", "parameters", "lower bound"], _rows(results[name]))
    page.text(
        f"**In short:** the smallest mean test error, {'; '.join(map(_winner, results, results.values()))}. Means that "
        "differ by less than their standard errors are no different."
    )
    page.text(
        "Diabetes, wine and cells were measured: the alcohol of 178 wines from twelve other measurements, the worst "
        "concave points of the cells of 569 tumours from the ten means. "
        "Columns and labels are standardised, so that the teacher has 8 parameters: 3 + 2 + 2, and a constant. Lower "
        "bounds are means of those of `Solution.certificate`, proved or generic, which means for almost all labels."
    )
    page.figure("errors", _figure(results), f"Test error, if at least {LEAST_DRAWN:g}; bars: standard errors.")
    return page.write()


def six_tables() -> dict[str, tuple[NDArray, NDArray]]:
    """The tables of held-out data, the sparse teacher without noise, and two more that were measured."""
    from sklearn.datasets import load_breast_cancer, load_wine

    X = np.random.default_rng(0).standard_normal((400, 10))
    teacher = np.maximum(X[:, 0] + X[:, 1], 0) - 2 * np.maximum(X[:, 2] - 0.5, 0) + np.maximum(0.3 - X[:, 0], 0)
    wine, cells = load_wine().data, load_breast_cancer().data
    return {
        "sparse teacher without noise": (X, teacher),
        **tables(),
        "alcohol of wine": (wine[:, 1:], wine[:, 0]),
        "worst concave points of cells": (cells[:, :10], cells[:, 27]),
    }


def fits(data: Split, seed: int, epochs: int) -> dict[str, Found]:
    """The network of every method; those that are trained are chosen by the second part of the rows."""
    X, y = data.X[0], data.y[0]
    solutions = {SPARSEST: interpolate(X, y, time_limit=SECONDS, random_state=seed)}
    for tolerance in TOLERANCES:
        within = approximate(X, y, tolerance=tolerance, time_limit=SECONDS, random_state=seed)
        solutions[WITHIN.format(tolerance)] = within
    found = {
        name: Found(solution.network, None if solution.certificate is None else solution.certificate.lower_bound)
        for name, solution in solutions.items()
    }

    def best(networks: list[ReLUNetwork]) -> Found:
        return Found(min(networks, key=lambda network: data.error(network, 1)))

    found[CHOSEN] = best([found[WITHIN.format(tolerance)].network for tolerance in TOLERANCES])
    dense = decayed(data, seed, epochs)
    found["weight decay"] = best(dense)
    return found | {name: best(networks) for name, networks in candidates(data, dense, seed, epochs).items()}


def _winner(name: str, results: dict[str, NDArray]) -> str:
    means = {method: values.mean(axis=0) for method, values in results.items()}
    method = min(means, key=lambda method: means[method][0])
    return f"{name}: {method} ({means[method][1]:.0f} parameters)"


def _rows(results: dict[str, NDArray]) -> list[list[str]]:
    rows = []
    for method, values in results.items():
        mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
        bound = "" if np.isnan(mean[2]) else f"{mean[2]:.1f}"
        rows.append(
            [method, f"{_short(mean[0])} ± {_short(deviation[0])}", f"{mean[1]:.0f} ± {deviation[1]:.0f}", bound],
        )
    return rows


def _short(error: float) -> str:
    return f"{error:.3f}" if error >= 0.001 or error == 0 else f"{error:.0e}"


def _figure(results: dict[str, dict[str, NDArray]]) -> Any:
    """A panel for each table; errors below the least that is drawn stand there."""
    figure, axes = new_figure(3, 2, size=(8.6, 10.0))
    for panel, (name, methods) in zip(axes.flat, results.items()):
        path = np.array([methods[WITHIN.format(tolerance)].mean(axis=0) for tolerance in TOLERANCES])
        panel.plot(path[:, 1], path[:, 0], "-", color=COLOURS[1], linewidth=1, label="within ε = 0.1, …, 1")
        panel.plot(path[:, 1], path[:, 0], ".", color=COLOURS[1])
        for method, colour, marker in zip(DRAWN, COLOURS, MARKERS):
            values = methods[method]
            (error, size, _), spread = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
            error = max(error, LEAST_DRAWN)
            style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6, "linewidth": 1}
            panel.errorbar(size, error, spread[0], spread[1], label=method, capsize=2, linestyle="none", **style)
        panel.set(xscale="log", yscale="log")
        panel.set_title(name, loc="left")
        plain_ticks(panel.xaxis, (5, 10, 20, 50, 100, 200, 500))
        low, high = panel.get_ylim()
        plain_ticks(panel.yaxis, (0.001, 0.01, 0.1, 1) if high > 50 * low else (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5))
    for panel in axes[-1]:
        panel.set_xlabel("parameters")
    for panel in axes[:, 0]:
        panel.set_ylabel("test error / variance")
    legend_below(figure, axes[0, 0])
    return figure
