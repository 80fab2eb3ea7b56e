"""Heavy tails: how far the chosen size is from the best one on its path, by the size rule and by the loss.

    python benchmarks/tables/heavy_tails.py [--draws 5]

Prices, wages and amounts as they are, no logarithms taken, and three tables that are drawn. Each draw holds a fifth of
the rows out. "Best" is the largest R² of these rows that any network of the default fit's path has, which no rule can
know; the others are R² less that, with the standard error over the draws, and the median parameters. Rules: the whole
standard error (the default; a quarter up to 300 rows), half of it, none of it, each on the path of the default fit; and
the default with the Huber loss, its threshold 1.345 times a robust deviation of the residuals of the linear model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.linear_model import LinearRegression

import datasets
from clip import diamonds, heavy
from reluctant import SparseReLURegressor
from reluctant.regression.losses import Huber

Rows = tuple[np.ndarray, np.ndarray]
MOST_ROWS = 1500
RULES = ("one error", "half", "least", "huber")


def from_r(source: str, target: str, drop: tuple[str, ...] = ()) -> Callable[[], Rows]:
    """At most so many rows of a table of R, drawn once."""

    def load() -> Rows:
        table = datasets.from_r(source, [source], target, drop=drop)
        rows = np.random.default_rng(0).permutation(len(table.y))[:MOST_ROWS]
        return table.X[rows], np.asarray(table.y, float)[rows]

    return load


def heavy_friedman() -> Rows:
    X, y = make_friedman1(600, 10, random_state=0)
    return X, y + np.random.default_rng(0).standard_t(2.2, len(y))


TABLES: dict[str, Callable[[], Rows]] = {
    "salaries of players": from_r("ISLR/Hitters", "Salary"),
    "wages 1985": from_r("AER/CPS1985", "wage"),
    "wages Mid-Atlantic": from_r("ISLR/Wage", "wage", ("logwage", "region")),
    "wages Ontario": from_r("carData/SLID", "wages"),
    "earnings 2008": from_r("AER/CPSSW8", "earnings"),
    "salaries of professors": from_r("carData/Salaries", "salary"),
    "houses Windsor": from_r("AER/HousePrices", "price"),
    "cars": from_r("modeldata/car_prices", "Price"),
    "applications": from_r("ISLR/College", "Apps", ("Accept", "Enroll")),
    "diamonds": lambda: diamonds()[:2],
    "drawn, inputs": lambda: heavy(0)[:2],
    "drawn, noise": heavy_friedman,
}


def huber_loss(X: np.ndarray, y: np.ndarray) -> Huber:
    residuals = y - LinearRegression().fit(X, y).predict(X)
    return Huber(1.345 * 1.4826 * float(np.median(np.abs(residuals))))


def one_draw(X: np.ndarray, y: np.ndarray, draw: int) -> tuple[float, dict[str, tuple[float, int]]]:
    """R² of the best network on the path; R² less that, and parameters, of every rule."""
    order = np.random.default_rng(draw).permutation(len(y))
    train, test = order[: int(0.8 * len(y))], order[int(0.8 * len(y)) :]
    model = SparseReLURegressor(random_state=draw).fit(X[train], y[train])
    huber = SparseReLURegressor(loss=huber_loss(X[train], y[train]), random_state=draw).fit(X[train], y[train])
    path = model.path_

    def r2(network: Callable[[np.ndarray], np.ndarray]) -> float:
        return 1.0 - float(np.mean((network(model.clip_(X[test])) - y[test]) ** 2) / np.var(y))

    scores = np.array([r2(network) for network in path.networks])
    least = int(np.argmin(path.validation_loss))
    above = path.validation_loss - path.validation_loss[least]
    half = int(np.flatnonzero(above <= 0.5 * path.validation_error)[0])
    picked = {"one error": path.chosen, "half": min(half, least), "least": least}
    found = {rule: (scores[k] - scores.max(), path.networks[k].size) for rule, k in picked.items()}
    found["huber"] = (r2(huber.network_) - scores.max(), huber.n_parameters_)
    return float(scores.max()), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5)
    draws = range(parser.parse_args().draws)
    print(f"{'table':24}{'rows':>6}{'best':>8}" + "".join(f"{rule:>24}" for rule in RULES))
    means: dict[str, list[float]] = {rule: [] for rule in RULES}
    ratios: dict[str, list[float]] = {rule: [] for rule in RULES}
    for name, load in TABLES.items():
        X, y = load()
        found = [one_draw(X, y, draw) for draw in draws]
        line = f"{name:24}{len(y):6}{np.mean([best for best, _ in found]):8.3f}"
        for rule in RULES:
            below, size = (np.array([rules[rule][k] for _, rules in found]) for k in (0, 1))
            line += f"{below.mean():+9.3f} ± {below.std(ddof=1) / len(below) ** 0.5:.3f} [{np.median(size):3.0f}]"
            means[rule].append(float(below.mean()))
            ratios[rule].append(float(np.median(size / np.array([rules["one error"][1] for _, rules in found]))))
        print(line, flush=True)
    print("\nmean over the tables, and worst; parameters by those of one error, median over the tables")
    for rule in RULES:
        print(f"{rule:12}{np.mean(means[rule]):+8.4f}{min(means[rule]):+8.3f}{np.median(ratios[rule]):8.2f}")


if __name__ == "__main__":
    main()
