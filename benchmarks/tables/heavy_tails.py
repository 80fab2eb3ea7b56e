"""Heavy tails: how far the chosen size is from the best one on its path, by the size rule and by the loss.

    python benchmarks/tables/heavy_tails.py [--draws 10]

Prices, wages and amounts as they are, no logarithms taken, and three tables that are drawn. Each draw holds a fifth of
the rows out. "Best" is the largest R² of these rows that any network of the default fit's path has. No rule can know
it, and it is optimistic: of some fifty networks one suits these rows by chance. "Honest" is the network that is best on
one half of them, scored on the other half, mean over both ways and fifty halvings, less "best". It is a little
pessimistic in turn, since half of the rows tell less; what the best size of a path is worth lies between the two. The
others are R² less "best", with the standard error over the draws, and the median parameters. Rules: the whole standard
error (the default; a quarter up to 300 rows), half of it, none of it, each on the path of the default fit; and the
default with the Huber loss, its threshold 1.345 times a robust deviation of the residuals of the linear model.
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
HALVINGS = 50
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


def honest_r2(r2: np.ndarray, rng: np.random.Generator) -> float:
    """R² on half of the rows of the network that is best on the others; means of `r2` (n_networks, n_rows) are R²."""
    halves = [rng.permutation(r2.shape[1]) for _ in range(HALVINGS)]
    half = r2.shape[1] // 2
    ways = [way for rows in halves for way in ((rows[:half], rows[half:]), (rows[half:], rows[:half]))]
    return float(np.mean([r2[r2[:, known].mean(axis=1).argmax()][unknown].mean() for known, unknown in ways]))


def one_draw(X: np.ndarray, y: np.ndarray, draw: int) -> tuple[float, float, dict[str, tuple[float, int]]]:
    """R² of the best network on the path; the honest one, and that and the parameters of every rule, less the best."""
    order = np.random.default_rng(draw).permutation(len(y))
    train, test = order[: int(0.8 * len(y))], order[int(0.8 * len(y)) :]
    model = SparseReLURegressor(random_state=draw).fit(X[train], y[train])
    huber = SparseReLURegressor(loss=huber_loss(X[train], y[train]), random_state=draw).fit(X[train], y[train])
    path = model.path_

    def r2(network: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return 1.0 - (network(model.clip_(X[test])).ravel() - y[test]) ** 2 / np.var(y)

    rows = np.stack([r2(network) for network in path.networks])
    scores = rows.mean(axis=1)
    best = float(scores.max())
    least = int(np.argmin(path.validation_loss))
    above = path.validation_loss - path.validation_loss[least]
    half = int(np.flatnonzero(above <= 0.5 * path.validation_error)[0])
    picked = {"one error": path.chosen, "half": min(half, least), "least": least}
    found = {rule: (float(scores[k]) - best, path.networks[k].size) for rule, k in picked.items()}
    found["huber"] = (float(r2(huber.network_).mean()) - best, huber.n_parameters_)
    return best, honest_r2(rows, np.random.default_rng(draw)) - best, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    draws = range(parser.parse_args().draws)
    print(f"{'table':24}{'rows':>6}{'best':>8}{'honest':>17}" + "".join(f"{rule:>24}" for rule in RULES))
    below: dict[str, list[np.ndarray]] = {rule: [] for rule in ("honest", *RULES)}
    ratios: dict[str, list[float]] = {rule: [] for rule in RULES}
    for name, load in TABLES.items():
        X, y = load()
        found = [one_draw(X, y, draw) for draw in draws]
        below["honest"].append(np.array([honest for _, honest, _ in found]))
        line = f"{name:24}{len(y):6}{np.mean([best for best, _, _ in found]):8.3f}  {with_error(below['honest'][-1])}"
        for rule in RULES:
            less, size = (np.array([rules[rule][k] for _, _, rules in found]) for k in (0, 1))
            line += f"{with_error(less):>18} [{np.median(size):3.0f}]"
            below[rule].append(less)
            ratios[rule].append(float(np.median(size / np.array([rules["one error"][1] for _, _, rules in found]))))
        print(line, flush=True)
    print(
        "\nmean over the tables less the best, less the honest one, and worst table less the best; parameters by those"
    )
    print("of one error, median over the tables; ± is the standard error over the draws")
    honest = np.mean(below["honest"], axis=0)
    print(f"{'honest':12}{with_error(honest, 4)}")
    for rule in RULES:
        mean, worst = np.mean(below[rule], axis=0), min(less.mean() for less in below[rule])
        gap = with_error(mean - honest, 4)
        print(f"{rule:12}{with_error(mean, 4)}{gap:>20}{worst:+8.3f}{np.median(ratios[rule]):8.2f}")


def with_error(values: np.ndarray, digits: int = 3) -> str:
    return f"{values.mean():+.{digits}f} ± {values.std(ddof=1) / len(values) ** 0.5:.{digits}f}"


if __name__ == "__main__":
    main()
