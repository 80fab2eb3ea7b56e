"""Sparsity and error over a grid of p and λ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.experiments.high_dimensional import data
from reluctant.experiments.page import Page, new_figure, spread
from reluctant.nn.batched import train_restarts
from reluctant.nn.settings import Schedule, Shrinkage

PS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ALPHAS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Train on the grid and write the page."""
    epochs, seeds = (1_500, 2) if quick else (20_000, 5)
    ps, alphas = (PS[1::2], ALPHAS[::2]) if quick else (PS, ALPHAS)
    X, y = data()
    parameters, mse = (np.empty((len(ps), len(alphas), seeds)) for _ in range(2))
    for i, p in enumerate(ps):
        say(f"p = {p:g}")
        runs = train_restarts(
            X,
            y,
            n_neurons=100,
            p=p,
            alpha=alphas,
            restarts=seeds,
            epochs=epochs,
            shrinkage=Shrinkage(metric="plain"),
            schedule=Schedule.constant(),
        )
        last = runs.history[-1]
        parameters[i] = last.n_parameters.reshape(len(alphas), seeds)
        mse[i] = last.mse.reshape(len(alphas), seeds)
    page = Page("choice-of-p", "The choice of p and λ", out)
    page.text(
        f"The data of the high-dimensional experiment, {epochs:,} epochs, {seeds} seeds of the initial weights; "
        "median [smallest, largest] of the parameters, median of the mean squared error. A count below "
        f"{len(y)} is no contradiction to the generic bound: training does not interpolate exactly."
    )
    header = ["p", *(f"λ = {alpha:g}" for alpha in alphas)]
    cells = [
        [f"{spread(k)}; {np.median(e):.0e}" for k, e in zip(row_k, row_e)] for row_k, row_e in zip(parameters, mse)
    ]
    page.table("grid", header, [[f"{p:g}", *row] for p, row in zip(ps, cells)])
    page.figure("grid", _maps(ps, alphas, parameters, mse), "Medians over the seeds, shades on a logarithmic scale.")
    return page.write()


def _maps(ps: tuple[float, ...], alphas: tuple[float, ...], parameters: NDArray, mse: NDArray) -> Any:
    figure, axes = new_figure(1, 2, size=(10.4, 4.4))
    panels = ((parameters, "parameters", "{:.0f}"), (mse, "mean squared error", "{:.0e}"))
    for panel, (values, title, form) in zip(axes[0], panels):
        medians = np.median(values, axis=2)
        shades = np.log10(np.maximum(medians, 0.5 * medians[medians > 0].min(initial=1.0)))  # zero is one shade below
        panel.imshow(shades, origin="lower", aspect="auto", cmap="cividis")
        for (i, j), value in np.ndenumerate(medians):
            dark = shades[i, j] < (shades.min() + shades.max()) / 2
            text = form.format(value).replace("e-0", "e-")
            panel.text(j, i, text, ha="center", va="center", fontsize=8.5, color="white" if dark else "black")
        panel.set_xticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas])
        panel.set_yticks(range(len(ps)), [f"{p:g}" for p in ps])
        panel.set(xlabel="λ", ylabel="p")
        panel.set_title(title, loc="left")
    return figure
