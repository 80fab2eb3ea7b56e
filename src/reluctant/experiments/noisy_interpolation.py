"""What it costs to pass through noise: the error of interpolants of noisy labels on the line, for p from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.experiments.page import Page, legend_below, new_figure
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.report.style import COLOURS
from reluctant.solve import interpolate

SIGMA = 0.5
"""Standard deviation of the noise; the function rises to 1."""
TARGET = PiecewiseLinear(
    np.array([0.25, 0.5, 0.75]),
    np.array([[0.0, 0.5, 0.5, 1.0], [0.0, 1.0, 1.0, 0.0]]),
    np.array([0.0, 4.0, -4.0, 0.0]),
)
SERIES: dict[str, dict[str, Any]] = {
    "p → 0": {"p": 0},
    "p = ½": {"p": 0.5},
    "p = 1, penalised biases": {"p": 1, "bias": "l2"},
}
LINES = "straight lines"
DESIGNS = {"drawn": "inputs drawn uniformly", "even": "inputs evenly spaced"}
ERRORS = ("mean |f − f*|", "mean (f − f*)²")
_QUANTILES = (0.1, 0.5, 0.9)


class Risk(NamedTuple):
    """Mean distance of two functions on [0, 1], and the mean of its square."""

    l1: float
    l2: float


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Interpolate noisy labels of every size and write the page."""
    sizes = tuple(10**k for k in ((2, 3, 4) if quick else (2, 3, 4, 5, 6)))
    seeds = 20 if quick else 100
    names = [*SERIES, LINES]
    risks = np.empty((len(DESIGNS), len(sizes), len(names), seeds, 2))
    shares = np.empty((len(DESIGNS), len(sizes), len(names), seeds))
    for i, design in enumerate(DESIGNS):
        for j, n in enumerate(sizes):
            say(f"{DESIGNS[design]}, N = {n:,}")
            for seed in range(seeds):
                for k, f in enumerate(interpolants(*sample(n, design, seed))):
                    risks[i, j, k, seed] = risk(f)
                    shares[i, j, k, seed] = f.n_knots / n
    page = Page("noisy-interpolation", "Passing through noise", out)
    page.text(
        f"y = f*(x) + noise on [0, 1], f* a hat with three knots, noise Gaussian with standard deviation {SIGMA:g}, "
        f"{seeds} seeds. Each function passes through all rows: the sparsest, which has the smallest path norm for all "
        "p small enough and for p = 1; the smallest path norm for p = ½; the smallest for p = 1 with penalised biases, "
        "Σ |c| √(1 + t²), which is unique; and straight lines from row to row. Their distance from f* is integrated "
        "exactly over [0, 1], in units of σ and σ²."
    )
    page.text(
        "Overfitting is called *tempered* where the error stays of the order of the noise as N grows, *catastrophic* "
        "where it grows without bound (Mallinar and others, 2022). For the network of smallest norm Joshi, Vardi and "
        "Srebro (Noisy interpolation learning with shallow univariate ReLU networks, ICLR 2024) prove the first for "
        "L1, and the second for L2 and for the mean over training sets."
    )
    for i, (design, words) in enumerate(DESIGNS.items()):
        page.text(f"## {words.capitalize()}")
        header = [
            "N",
            "",
            *(f"{name}: {error}" for error in ("L1 / σ", "L2 / σ²") for name in ("median", "10 %", "90 %", "mean")),
        ]
        page.table(design, [*header, "knots / N"], _rows(sizes, names, risks[i], shares[i]))
    page.figure(
        "errors", _figure(sizes, names, risks), "Medians over the seeds, bands from the 10 % to the 90 % quantile."
    )
    page.text(
        f"The medians at N = {sizes[-1]:,} over those at N = {sizes[0]:,}. Between two rows at which "
        "the slopes of the data turn in opposite senses every minimiser for p ≤ 1 is straight; on noise that is so "
        "between most rows, which leaves little to choose by p."
    )
    columns = [f"{error}, {words}" for words in DESIGNS.values() for error in ("L1", "L2")]
    page.table("growth", ["", *columns], _growth(names, risks))
    return page.write()


def sample(n: int, design: str, seed: int) -> tuple[NDArray, NDArray]:
    """Inputs in [0, 1], drawn or evenly spaced, and noisy labels."""
    rng = np.random.default_rng([seed, n])
    x = np.sort(rng.uniform(size=n)) if design == "drawn" else (np.arange(n) + 0.5) / n
    return x, TARGET(x) + SIGMA * rng.normal(size=n)


def interpolants(x: NDArray, y: NDArray) -> list[PiecewiseLinear]:
    """The functions through all rows, in the order of the series."""
    slopes = np.diff(y) / np.diff(x)
    straight = PiecewiseLinear(x[1:-1], np.stack([x[:-1], y[:-1]]), slopes)
    return [*(interpolate(x, y, **norm).function for norm in SERIES.values()), straight]


def risk(f: PiecewiseLinear) -> Risk:
    """How far f is from f*: both are linear between their knots together, so no rule of quadrature is needed."""
    ends = np.unique(np.concatenate([[0.0, 1.0], TARGET.knots, f.knots[(f.knots > 0) & (f.knots < 1)]]))
    h, d = np.diff(ends), f(ends) - TARGET(ends)
    a, b = d[:-1], d[1:]
    crossed = a * b < 0
    size = np.where(crossed, np.abs(b - a), 1.0)
    areas = np.where(crossed, (a * a + b * b) / size, np.abs(a) + np.abs(b))
    return Risk(float(h @ areas) / 2, float(h @ (a * a + a * b + b * b)) / 3)


def _rows(sizes: tuple[int, ...], names: list[str], risks: NDArray, shares: NDArray) -> list[list[str]]:
    units = (SIGMA, SIGMA**2)
    return [
        [
            f"{n:,}",
            name,
            *(f"{value:.3g}" for q, unit in enumerate(units) for value in _summary(risks[j, k, :, q] / unit)),
            f"{np.median(shares[j, k]):.3f}",
        ]
        for j, n in enumerate(sizes)
        for k, name in enumerate(names)
    ]


def _summary(values: NDArray) -> tuple[float, ...]:
    low, middle, high = np.quantile(values, _QUANTILES)
    return middle, low, high, values.mean()


def _growth(names: list[str], risks: NDArray) -> list[list[str]]:
    medians = np.median(risks, axis=3)
    grown = medians[:, -1] / medians[:, 0]
    return [[name, *(f"{value:.3g}" for value in grown[:, k].ravel())] for k, name in enumerate(names)]


def _figure(sizes: tuple[int, ...], names: list[str], risks: NDArray) -> Any:
    figure, axes = new_figure(2, 2, size=(8.6, 6.4), share=True)
    for i, words in enumerate(DESIGNS.values()):
        for q, meaning in enumerate(ERRORS):
            panel = axes[q, i]
            for k, (name, colour) in enumerate(zip(names, COLOURS)):  # wide ones first, to be seen below others
                low, middle, high = np.quantile(risks[i, :, k, :, q] / SIGMA ** (q + 1), _QUANTILES, axis=1)
                panel.loglog(sizes, middle, color=colour, linewidth=5.0 - 1.2 * k, label=name)
                panel.fill_between(sizes, low, high, color=colour, alpha=0.12, linewidth=0)
            panel.set_title(words if q == 0 else "", loc="left")
            if i == 0:
                panel.set_ylabel(f"{meaning}, in units of σ{'²' * q}")
            if q == 1:
                panel.set_xlabel("rows N")
    legend_below(figure, axes[0, 0])
    return figure
