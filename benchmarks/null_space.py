"""Null-space constants of the pattern program beside p* and the paper's threshold, on a tiny problem; the docs' figure.

    python benchmarks/null_space.py --figure docs/figures/null_space.png
    python benchmarks/null_space.py --times 5 6 7     p* of so many points, two draws, and CPU seconds

The program of [NN, Lemma 4.1] minimises Σ|u|^p over Σ_k D_k X̄ u_k = y and signs that keep every u_k in its cell.
Without the signs it is A u = y with the columns D_k x_j, and the constant of order k is the largest
Σ_S |z|^p / Σ_rest |z|^p over z with A z = 0 and |S| = k: below one, every u with k nonzeros is the minimiser for its
own labels, whatever these are. Over all circuits, null vectors of least support, the largest ratio is that constant
for k = 1 (what is left of the labels is then itself a minimum of a concave cost, at a vertex) and for p = 1; else it is
a lower bound. p* is a matter of the labels at hand: the circles are those of ten draws, the crosses the thresholds.
"""

from __future__ import annotations

import argparse
import time
from itertools import combinations

import numpy as np

from reluctant import critical_p, recovery_threshold
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.patterns import arrangement_cells, integer_rows

Array = np.ndarray
ORDERS = (1, 2, 3)


def program(X: Array) -> Array:
    """The columns D x_j of all patterns D that are active on a point."""
    Xbar = homogeneous(X)
    patterns = sorted({tuple(s > 0 for s in signs) for signs, _ in arrangement_cells(integer_rows(Xbar))})
    return np.hstack([np.array(D)[:, None] * Xbar for D in patterns if any(D)])


def circuits(A: Array) -> Array:
    """Null vectors of N + 1 columns of A (N, n) of rank N, largest entry one, as rows with N + 1 entries."""
    sets = np.array(list(combinations(range(A.shape[1]), len(A) + 1)))
    _, singular, V = np.linalg.svd(A[:, sets].transpose(1, 0, 2))
    z = np.abs(V[singular[:, -1] > 1e-9, -1])
    z /= z.max(axis=1, keepdims=True)
    return np.where(z > 1e-9, z, 0.0)


def constants(z: Array, p: float) -> list[float]:
    """The largest ratio over these null vectors for every order."""
    powers = np.sort(np.where(z > 0, np.where(z > 0, z, 1.0) ** p, 0.0), axis=1)[:, ::-1]
    sums = np.cumsum(powers, axis=1)
    with np.errstate(divide="ignore"):
        return [float((sums[:, k - 1] / (sums[:, -1] - sums[:, k - 1])).max()) for k in ORDERS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure")
    parser.add_argument("--times", type=int, nargs="+", metavar="POINTS")
    options = parser.parse_args()
    if options.times:
        times(options.times)
        return
    rng = np.random.default_rng(options.seed)
    X = rng.uniform(-1, 1, (options.points, 2))
    labels = rng.uniform(-1, 1, (10, options.points))
    A = program(X)
    z = circuits(A)
    p = np.linspace(0.01, 1.0, 100)
    curves = np.array([constants(z, q) for q in p])
    print(f"{options.points} points, {A.shape[1]} columns, {len(z)} circuits")
    print("order  at p = .01   .1     .5      1    below one up to p")
    for k, curve in zip(ORDERS, curves.T):
        below = p[curve < 1]
        shown = " ".join(f"{curve[int(np.argmin(np.abs(p - q)))]:7.3f}" for q in (0.01, 0.1, 0.5, 1.0))
        print(f"{k:>5}   {shown}    {f'{below.max():.2f}' if len(below) else 'never'}")
    critical = np.array([critical_p(X, y) for y in labels])
    threshold = np.array([recovery_threshold(X, y) for y in labels])
    print("p*        ", " ".join(f"{q:.3f}" for q in np.sort(critical)))
    print("threshold ", " ".join(f"{q:.4f}" for q in np.sort(threshold)))
    if options.figure:
        draw(options.figure, p, curves, critical, threshold)


def times(sizes: list[int]) -> None:
    """Processor seconds of `critical_p`, compiled already."""
    critical_p([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 3.0])
    print("points  seed      p*   cpu s")
    for n in sizes:
        for seed in (0, 1):
            rng = np.random.default_rng(seed)
            X, y = rng.uniform(-1, 1, (n, 2)), rng.uniform(-1, 1, n)
            began = time.process_time()
            critical = critical_p(X, y)
            print(f"{n:>6}{seed:>6}{critical:>8.4f}{time.process_time() - began:>8.1f}", flush=True)


def draw(path: str, p: Array, curves: Array, critical: Array, threshold: Array) -> None:
    """The curves over p, with p* and the thresholds on the line of one."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for k, curve in zip(ORDERS, curves.T):
        finite = np.isfinite(curve)
        label = f"order {k}" + ("" if k == 1 else ", at least")
        axes.plot(p[finite], curve[finite], label=label if finite.any() else f"order {k}: infinite")
    axes.axhline(1.0, color="gray", linewidth=0.8)
    axes.plot(
        critical, np.ones(len(critical)), "o", color="black", markerfacecolor="none", label="p*, ten sets of labels"
    )
    axes.plot(threshold, np.ones(len(threshold)), "x", color="black", label="threshold of Theorem 4.1")
    axes.set(xlabel="p", ylabel="null-space constant", xlim=(0, 1.02))
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
