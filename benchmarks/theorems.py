"""A figure for each theorem of the paper, drawn from what the library computes.

python benchmarks/theorems.py                draws docs/figures/theorem-*.png
python benchmarks/theorems.py --only 3.2     one of them
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

import reluctant
from reluctant.experiments.page import WIDTH, new_figure
from reluctant.multivariate.proofs.extreme_points import critical_exponent, enumerate_vertices, threshold_of
from reluctant.multivariate.proofs.patterns import arrangement_cells, integer_rows
from reluctant.report.figures import figure_bytes
from reluctant.report.style import BAND, COLOURS, DATA, FUNCTION, GREY, KNOT

FIGURES = Path(__file__).parents[1] / "docs" / "figures"


def dots(axes: Any, x: np.ndarray, y: np.ndarray) -> None:
    axes.plot(x, y, "o", color=DATA, zorder=3, label="data")


def slopes_and_neurons() -> Any:
    """[NN, Proposition 3.1]: every neuron is a change of slope, and |v w| is how much."""
    x, y = np.arange(6.0), np.array([0.0, 0, 1, 1.5, 1, 1.2])
    solution = reluctant.interpolate(x, y, p=0.5)
    network, t = solution.network, np.linspace(-0.5, 5.5, 800)
    figure, ((left, right),) = new_figure(1, 2, size=(WIDTH, 2.9))
    left.plot(t, network(t), color=FUNCTION, label="their sum and an affine part")
    for k, (w, b, v) in enumerate(zip(network.input_weights[:, 0], network.biases, network.output_weights[:, 0])):
        left.plot(t, v * np.maximum(w * t + b, 0), "--", linewidth=1, color=GREY, label=None if k else "neurons")
    dots(left, x, y)
    left.set(xlabel="x", ylim=(-3, 4))
    left.legend(frameon=False, fontsize=8)
    knots, changes = solution.function.knots, solution.function.slope_changes
    right.vlines(knots, 0, np.abs(changes), color=KNOT, linewidth=3)
    right.set(xlabel="x", ylabel="|v w|, the change of slope", xlim=left.get_xlim(), ylim=(0, None))
    return figure


def where_a_minimiser_bends() -> Any:
    """[NN, Theorem 3.1]: only inside a run of points that turn to one side is there a choice."""
    x = np.arange(10.0)
    y = np.cumsum([0.0, -1.2, -1.2, -0.7, -0.5, 0.5, 1.5, 2.3, 1.0, 0.5])
    figure, axes = new_figure(size=(WIDTH, 3.4))
    s = np.diff(y) / np.diff(x)
    c = np.diff(s)
    for i in range(1, len(x) - 2):
        if c[i - 1] * c[i] > 1e-12:
            share = c[i] / (c[i - 1] + c[i])  # where the chords beside this interval meet
            meeting = x[i] + share * (x[i + 1] - x[i])
            corner = [(x[i], y[i]), (meeting, y[i] + s[i - 1] * (meeting - x[i])), (x[i + 1], y[i + 1])]
            axes.fill(*zip(*corner), color=BAND, alpha=0.35, label=None if axes.patches else "where there is a choice")
    t = np.linspace(x[0], x[-1], 1500)
    for p, colour, style in ((0.0, COLOURS[4], "-"), (0.95, COLOURS[2], "--")):
        label = f"minimiser for p {'→ 0' if p == 0 else f'= {p}'}"
        axes.plot(t, reluctant.interpolate(x, y, p=p).predict(t), style, color=colour, label=label)
    dots(axes, x, y)
    axes.set(xlabel="x", ylabel="y")
    axes.legend(frameon=False)
    return figure


def concave_in_the_slopes() -> Any:
    """[NN, Theorem 3.2]: the cost of two slopes inside a run is concave, so a corner is best."""
    s = (0.0, 1.0, 1.7)
    first, second = np.meshgrid(np.linspace(s[0], s[1], 121), np.linspace(s[1], s[2], 121))
    figure, axes = new_figure(1, 2, size=(WIDTH, 3.1))
    for ax, p in zip(np.ravel(axes), (0.3, 0.8)):
        cost = (first - s[0]) ** p + (second - first) ** p + (s[2] - second) ** p
        lines = ax.contour(first, second, cost, 12, colors=GREY, linewidths=0.8)
        ax.clabel(lines, fontsize=7)
        best = np.unravel_index(np.argmin(cost), cost.shape)
        for a in s[:2]:
            for b in s[1:]:
                ax.plot(a, b, "s", color=DATA, clip_on=False)
        ax.plot(first[best], second[best], "o", color=KNOT, markersize=9, clip_on=False, label="least cost")
        ax.set(title=f"p = {p}", xlabel="slope at the first point", ylabel="slope at the second")
    np.ravel(axes)[0].legend(frameon=True, fontsize=8)
    return figure


def what_minimisers_share() -> Any:
    """[NN, Corollaries 3.1.1, 3.1.2]: the sum of |v w| is one for all p, the number of knots is not."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 1, 100))
    y = np.exp(3 * x) + 0.5 * x**2
    variation = np.abs(np.diff(np.diff(y) / np.diff(x))).sum()
    ps = np.linspace(0.02, 0.98, 49)
    functions = [reluctant.interpolate(x, y, p=p).function for p in ps]
    figure, ((left, right),) = new_figure(1, 2, size=(WIDTH, 2.9))
    left.plot(ps, [np.abs(f.slope_changes).sum() for f in functions], "o", markersize=3, color=KNOT, label="Σ |v w|")
    left.axhline(variation, color=GREY, label="total variation of the data's slopes")
    left.set(xlabel="p", ylim=(0, 1.3 * variation))
    left.legend(frameon=False, fontsize=8, loc="lower left")
    right.plot(ps, [f.n_knots for f in functions], drawstyle="steps-mid", color=FUNCTION, label="knots")
    right.axhline(len(x) - 2, color=GREY, linestyle="--", label="N − 2")
    right.set(xlabel="p", ylim=(0, None))
    right.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def divisions_of_rows() -> Any:
    """[NN, Lemma 4.1]: the rows are divided in finitely many ways."""
    rng = np.random.default_rng(1)
    X = np.round(rng.uniform(-1, 1, (5, 2)), 2)
    figure, ((left, right),) = new_figure(1, 2, size=(WIDTH, 3.1))
    t = np.array([-3.0, 3.0])
    for _, u in arrangement_cells(integer_rows(np.column_stack([X, np.ones(5)]))):
        a, b, c = (float(v / max(map(abs, u))) for v in u)
        if abs(b) > 1e-3:
            left.plot(t, -(a * t + c) / b, color=GREY, linewidth=0.6)
    dots(left, *X.T)
    left.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), title="a line for each way to divide five rows")
    counts = np.arange(1, 11)
    points = [np.round(rng.uniform(-1, 1, (n, 2)), 3) for n in counts]
    found = [len(arrangement_cells(integer_rows(np.column_stack([P, np.ones(len(P))])))) for P in points]
    right.plot(counts, found, "o", color=KNOT, label="enumerated")
    right.plot(counts, [2 * sum(comb(n - 1, k) for k in range(3)) for n in counts], color=GREY, label="2 Σ C(N − 1, k)")
    right.set(xlabel="rows N in the plane", ylabel="patterns")
    right.legend(frameon=False)
    return figure


def at_most_as_many_as_rows() -> Any:
    """[NN, Proposition 4.1]: no more neurons than rows."""
    figure, axes = new_figure(size=(WIDTH, 3.1))
    counts = np.arange(2, 11)
    for k, (name, colour) in enumerate((("n_neurons", COLOURS[4]), ("n_parameters", COLOURS[2]))):
        for n in counts:
            for seed in range(4):
                rng = np.random.default_rng(seed)
                X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
                found = getattr(reluctant.interpolate(X, y, affine=False, time_limit=1.0, random_state=0), name)
                label = name[2:].replace("_", " ") if n == counts[0] and seed == 0 else None
                axes.plot(n + 0.06 * seed, found, "os"[k], color=colour, markersize=4, label=label)
    axes.plot(counts, counts, color=GREY, label="N")
    axes.plot(counts, 2 * counts, "--", color=GREY, label="2 N")
    axes.set(xlabel="rows N in the plane", ylabel="in the sparsest network found")
    axes.legend(frameon=False)
    return figure


def small_p_is_enough() -> Any:
    """[NN, Theorem 4.1]: below a threshold every minimiser is sparsest; how far the threshold is from the truth."""
    thresholds, exponents = [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        vertices = enumerate_vertices(rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, 4))
        thresholds.append(threshold_of(vertices))
        exponents.append(critical_exponent(vertices, 1e-6).lower)
        if seed == 0:
            shown = vertices
    for what, values in (("thresholds", thresholds), ("critical p", exponents)):
        print(f"{what}: {min(values):.3f} to {max(values):.3f}")
    figure, ((left, right),) = new_figure(1, 2, size=(WIDTH, 3.1))
    ps = np.linspace(0.01, 1, 120)
    costs = np.array([shown.costs(p) for p in ps])
    fewest = shown.counts == shown.counts.min()
    for which, colour, label in ((~fewest, COLOURS[1], "extreme points with more"), (fewest, FUNCTION, "sparsest")):
        if which.any():
            left.plot(ps, costs[:, which].min(axis=1), color=colour, label=label)
    left.set(xlabel="p", ylabel="least cost")
    left.legend(frameon=False, fontsize=8)
    right.plot(thresholds, exponents, "o", color=KNOT, markersize=4)
    equal = np.geomspace(min(thresholds), 1, 100)
    right.plot(equal, equal, color=GREY)
    right.set(xlabel="threshold of the theorem", ylabel="where it truly ends", xscale="log", ylim=(0, 1.05))
    return figure


DRAWN: dict[str, Callable[[], Any]] = {
    "3.1-slopes": slopes_and_neurons,
    "3.1": where_a_minimiser_bends,
    "3.2": concave_in_the_slopes,
    "3.1.1": what_minimisers_share,
    "4.1-program": divisions_of_rows,
    "4.1-neurons": at_most_as_many_as_rows,
    "4.1": small_p_is_enough,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(DRAWN), default=list(DRAWN), metavar="NAME")
    parser.add_argument("--out", type=Path, default=FIGURES)
    options = parser.parse_args()
    for name in options.only:
        file = options.out / f"theorem-{name}.png"
        file.write_bytes(figure_bytes(DRAWN[name](), "png"))
        print(file.name, flush=True)


if __name__ == "__main__":
    main()
