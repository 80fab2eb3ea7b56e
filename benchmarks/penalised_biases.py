"""Penalised biases on the line: how knots move, in a figure, and what the exact solvers take.

    python benchmarks/penalised_biases.py            writes docs/figures/penalised_biases.png; under a minute
    python benchmarks/penalised_biases.py --rows 10000

Times are medians of five runs in CPU seconds of one thread, without compilation. The floor is one NumPy pass over the
data, cumsum(y) and diff(y) / diff(x). A gap is value less proved bound, relative to the value.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from reluctant import interpolate  # noqa: E402
from reluctant.report.figures import figure_bytes  # noqa: E402
from reluctant.report.style import COLOURS, DATA, GREY, panels  # noqa: E402

CONVENTIONS = (None, "l1", "l2")
NAMES = {None: "biases free: Σ|c|", "l1": "l1: Σ|c|(1 + |t|)", "l2": "l2: Σ|c|√(1 + t²)"}
X = np.array([-3.0, -1.0, 0.5, 2.0, 4.5, 6.0, 7.5, 9.0, 11.0])
Y = np.array([3.8, 2.0, 1.0, 0.4, 0.2, 0.8, 2.0, 2.6, 2.8])
APART = 1.6
SHIFTS = (-11.0, 5.0)


def drawing() -> Figure:
    """The three interpolants with their knots, and the knots of two while the data move along x."""
    colours = dict(zip(CONVENTIONS, (GREY, *COLOURS[1:3])))
    with panels((9.5, 4.0), columns=2) as (figure, ((left, right),)):
        for step, bias in enumerate(CONVENTIONS):
            function = interpolate(X, Y, 1, bias=bias).function
            t = np.sort(np.concatenate([function.knots, [X[0] - 0.5, X[-1] + 0.5]]))
            left.plot(t, function(t) - APART * step, color=colours[bias], linewidth=1.6)
            left.plot(function.knots, function(function.knots) - APART * step, "o", color=colours[bias], markersize=5)
            left.plot(X, Y - APART * step, "x", color=DATA, markersize=5, zorder=3)
            left.annotate(
                NAMES[bias],
                (X[-1], Y[-1] - APART * step),
                (12, 10),
                textcoords="offset points",
                ha="right",
                fontsize=9,
            )
        left.axvline(0.0, color=GREY, linewidth=0.6, linestyle=":")
        left.set(xlabel="x", ylabel="f(x), one below the other", yticks=[])
        for bias in CONVENTIONS[1:]:
            draw_moving_knots(right, bias, colours[bias])
        for place in X:
            right.axvline(place, color=DATA, linewidth=0.6, zorder=0)
        right.plot(-np.array(SHIFTS), SHIFTS, color=GREY, linewidth=0.8, linestyle=":")
        right.annotate(
            "t = 0", (-SHIFTS[1] + 2.2, SHIFTS[1] - 2.2), (4, 4), textcoords="offset points", color=GREY, fontsize=9
        )
        right.set(xlabel="place of a knot among the data, t − s", ylabel="data moved by s", xlim=(X[0], X[-1]))
        handles = [right.plot([], [], ".", color=colours[bias], label=bias)[0] for bias in CONVENTIONS[1:]]
        right.legend(handles=handles, frameon=False, loc="upper right", markerscale=2)
    return figure


def draw_moving_knots(axes: Any, bias: str, colour: str) -> None:
    """A dot for every knot, relative to the data, against how far these are moved."""
    for shift in np.linspace(*SHIFTS, 321):
        knots = interpolate(X + shift, Y, 1, bias=bias).function.knots - shift
        axes.plot(knots, np.full(len(knots), shift), ".", color=colour, markersize=1.6 if bias == "l2" else 3.2)


def tables(n: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rough, convex on one side of x = 0, convex about it, and convex with gaps of very different widths."""
    rng = np.random.default_rng(0)
    x, steps = np.sort(rng.uniform(size=n)), rng.normal(size=n)
    wide, uneven = 200 * x - 100, np.sinh(30 * x - 15)
    return {
        "walk": (x, np.cumsum(steps)),
        "exp": (x, np.exp(x)),
        "parabola": (wide, wide**2),
        "uneven": (uneven, uneven**2),
    }


def seconds_of(action: Any) -> float:
    """Median CPU seconds of five runs."""
    taken = []
    for _ in range(5):
        began = time.process_time()
        action()
        taken.append(time.process_time() - began)
    return median(taken)


def main() -> None:
    """Print both tables and save the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", default="docs/figures/penalised_biases.png")
    options = parser.parse_args()
    for bias in CONVENTIONS:
        solution = interpolate(X, Y, 1, bias=bias)
        print(f"{NAMES[bias]:20} {solution.verdict}; knots at {np.round(solution.function.knots, 3).tolist()}")
    print(f"\n{options.rows:,} rows: seconds, times the floor, knots, gap")
    for name, (x, y) in tables(options.rows).items():
        floor = seconds_of(lambda x=x, y=y: (np.cumsum(y), np.diff(y) / np.diff(x)))
        for bias in CONVENTIONS:
            seconds = seconds_of(lambda x=x, y=y, bias=bias: interpolate(x, y, 1, bias=bias))
            solution = interpolate(x, y, 1, bias=bias)
            gap = solution.gap / solution.value
            print(f"{name:10} {bias!s:5} {seconds:8.4f} {seconds / floor:6.1f} {solution.n_neurons:8d} {gap:9.1e}")
    with open(options.out, "wb") as file:
        file.write(figure_bytes(drawing(), "png"))
    print(f"\n{options.out}")


if __name__ == "__main__":
    main()
