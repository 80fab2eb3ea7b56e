"""Draw what a change of slope costs for three p, and the number of knots of the minimiser for every p."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

import reluctant

matplotlib.use("agg")
from matplotlib import pyplot as plt

FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "penalties.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args()

    rng = np.random.default_rng(7)
    x = np.sort(rng.uniform(0, 1, 300))
    path = reluctant.p_path(x, np.exp(3 * x) + 0.5 * x**2)

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    c = np.linspace(-1.2, 1.2, 2401)
    for p, style in ((1.0, "-"), (0.5, "--"), (0.1, ":")):
        left.plot(c, np.abs(c) ** p, style, color="black", label=f"p = {p:g}")
    left.set(xlabel="change of slope c", ylabel="cost, the p-th power of |c|")
    left.legend(frameon=False)

    p = np.linspace(1e-3, 1 - 1e-3, 2000)
    right.plot(p, [path.n_knots(value) for value in p], color="black", drawstyle="steps-mid")
    right.axvline(path.critical_p, color="tab:orange")
    right.annotate(f"p* = {path.critical_p:.3f}", (path.critical_p, 0.95), xycoords=("data", "axes fraction"),
                   xytext=(5, 0), textcoords="offset points", color="tab:orange", va="top")  # fmt: skip
    right.set(xlabel="p", ylabel="knots of the minimiser")
    figure.savefig(arguments.figure, dpi=150)
    print(f"{len(path.breakpoints)} breakpoints, p* = {path.critical_p:.6f}; {arguments.figure.name}")


if __name__ == "__main__":
    main()
