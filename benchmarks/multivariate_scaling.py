"""Seconds to reach 1.05 N parameters, against N at d = 10 and against d at N = 100; a table and one figure.

python benchmarks/multivariate_scaling.py                  writes docs/figures/scaling.png
python benchmarks/multivariate_scaling.py --seeds 3 --limit 30
"""

from __future__ import annotations

import argparse
import os
import time
from unittest import mock

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from reluctant import interpolate  # noqa: E402

NEAR = 1.05
BLUE, RED = "#2a5d9f", "#b5443a"


def seconds_to(n: int, d: int, seed: int, limit: float) -> float:
    """CPU seconds until a network of at most 1.05 N parameters; infinite where the limit came first."""
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n)
    target = int(NEAR * n)
    began = time.process_time()
    with mock.patch("time.monotonic", time.process_time):  # the limit counts CPU seconds too
        found = interpolate(X, y, target=target, time_limit=limit, random_state=seed)
    return time.process_time() - began if found.network.n_parameters <= target else float("inf")


def draw(axis: Axes, where: list[int], runs: np.ndarray, limit: float) -> None:
    """Medians joined by a line, all runs as dots; runs that met the limit stand on it as open triangles."""
    medians = np.median(runs, axis=1)
    ended = np.isfinite(medians)
    axis.plot(np.array(where)[ended], medians[ended], "-", color=BLUE, linewidth=1.8, zorder=2)
    rises = [*(np.diff(medians) > 0.0), medians[-1] > medians[-2]]
    for x, row, median, rising in zip(where, runs, medians, rises):
        done = row[np.isfinite(row)]
        axis.plot([x] * len(done), done, "o", color=BLUE, alpha=0.25, markersize=4, markeredgewidth=0)
        if len(done) < len(row):
            axis.plot(x, limit, "^", color=RED, markerfacecolor="none", markersize=7)
            text = f"{len(row) - len(done)} of {len(row)} not in {limit:g} s"
            axis.annotate(text, (x, limit), (9, 4), textcoords="offset points", color=RED, fontsize=8)
        if np.isfinite(median):
            axis.plot(x, median, "o", color=BLUE, markersize=6, zorder=3)
            text = f"{median:.2g} s" if median >= 0.1 else f"{1000 * median:.2g} ms"
            beside = (7, -11 if rising else 5)  # the line, not on it
            axis.annotate(text, (x, median), beside, textcoords="offset points", fontsize=8, color=BLUE)
    axis.margins(x=0.12, y=0.12)
    axis.set(xscale="log", yscale="log")
    axis.set_xticks(where, [str(value) for value in where])
    axis.minorticks_off()
    axis.grid(axis="y", color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    axis.axhline(limit, color=RED, linewidth=0.8, linestyle=":")


def main() -> None:
    """Print medians and save the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[20, 50, 100, 200, 500, 1000])
    parser.add_argument("--inputs", type=int, nargs="+", default=[2, 3, 5, 10, 20, 50])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each run")
    parser.add_argument("--out", default="docs/figures/scaling.png")
    options = parser.parse_args()
    for n in (50, 300):  # loads the compiled kernels
        seconds_to(n, 5, 0, 5.0)
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    sweeps = (
        ("number of points N  (d = 10 inputs)", [(n, 10) for n in options.points], 0),
        ("number of inputs d  (N = 100 points)", [(100, d) for d in options.inputs], 1),
    )
    for axis, (label, sizes, varied) in zip(axes, sweeps):
        runs = np.array([[seconds_to(n, d, s, options.limit) for s in range(options.seeds)] for n, d in sizes])
        for (n, d), row in zip(sizes, runs):
            print(f"N = {n:<5} d = {d:<3} median {np.median(row):8.3f} s   worst {np.max(row):8.3f} s", flush=True)
        draw(axis, [size[varied] for size in sizes], runs, options.limit)
        axis.set_xlabel(label)
    axes[0].set_ylabel("CPU seconds, one thread")
    figure.suptitle(
        f"Time to an interpolant of at most {NEAR:g} N parameters (uniform data, medians of {options.seeds} seeds)",
        fontsize=11,
    )
    figure.savefig(options.out, dpi=160)


if __name__ == "__main__":
    main()
