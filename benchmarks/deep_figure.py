"""The figure of docs/training.md: accuracy against weights, against weights in use, and against parameters left."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib

from deep_pruning import SIZES, Extent, Run, Runs, chosen_setting

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FixedLocator, NullLocator

FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "deep.png"
AXES = {
    "nonzeros": "weights that are not zero",
    "effective": "of them on a path from input to output",
    "compressed": "parameters that compress leaves",
}
TICKS = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000)
STYLES = {
    "proximal, p = 2/3": ("tab:blue", "-", "o"),
    "proximal, p = 1/2": ("tab:blue", "--", "o"),
    "proximal, p = 0": ("tab:blue", ":", "o"),
    "factorised, D = 3": ("tab:green", "-", "s"),
    "magnitude": ("black", "-", "^"),
    "LAMP": ("tab:orange", "-", "v"),
    "|w|^1.5 sqrt(v)": ("tab:red", "-", "D"),
    "hard concrete": ("tab:gray", "--", "x"),
}


def finished(runs: Runs, network: str, method: str, extent: Extent) -> list[list[Run]]:
    """The runs that are kept of the setting chosen, size by size; none is trained."""
    kept = [run for run in runs.done.values() if (run.network, run.method, run.chosen) == (network, method, True)]
    found = []
    for n_left in SIZES:
        at = [run for run in kept if run.n_left == n_left]
        if at:
            setting = chosen_setting(runs, network, method, extent.chosen_at(n_left), extent)
            found.append([run for run in at if run.setting == setting])
    return found


def draw(runs: Runs, extents: dict[str, Extent], file: Path = FIGURE) -> None:
    """One row of panels for each network, mean accuracies with their standard deviations.

    Some of the runs that are kept were made before `compressed` was counted, which is 0 then.
    """
    figure, rows = plt.subplots(len(extents), len(AXES), figsize=(11, 7), sharey="row", layout="constrained")
    for panels, (network, extent) in zip(rows, extents.items()):
        for method, (colour, line, marker) in STYLES.items():
            found = finished(runs, network, method, extent)
            for panel, count in zip(panels, AXES):
                counted = [at for at in found if any(getattr(run, count) for run in at)]
                panel.errorbar(
                    [statistics.mean(n for run in at if (n := getattr(run, count))) for at in counted],
                    [100 * statistics.mean(run.accuracy for run in at) for at in counted],
                    [100 * statistics.stdev(run.accuracy for run in at) for at in counted],
                    color=colour, linestyle=line, marker=marker, markersize=4, linewidth=1.2, elinewidth=0.6,
                    label=method.replace("|w|^1.5 sqrt(v)", "saliency w^1.5 √v"),
                )  # fmt: skip
        for panel, words in zip(panels, AXES.values()):
            panel.set(xscale="log", xlabel=words)
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_locator(FixedLocator(TICKS))
            panel.xaxis.set_major_formatter("{x:,.0f}")
            panel.grid(alpha=0.2)
        panels[0].set(ylabel=f"{network}: test accuracy in %", ylim=(84, 98.5))
    rows[0, 0].legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(file, dpi=120)
    print(f"{sum(run.chosen for run in runs.done.values())} runs kept; {file.name}")
