"""Sparse rows, sets of Parquet files and missing entries: time, peak memory and accuracy of the default fit.

    python benchmarks/data_as_it_comes.py

Every job runs in a process of its own, after a fit of a hundred rows so that compilation is not timed; seconds are CPU
seconds of one thread, the peak is that of the whole process. R² is on fresh rows. In the tables with gaps a third of
the entries of the first input is missing: at random, or where a hidden cause adds 1 to y.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from big_table import peak_resident
from reluctant import SparseReLURegressor
from reluctant.regression.tables import ParquetTable

FRESH = 5_000


def sparse_rows(seed: int, n_rows: int) -> tuple[Any, np.ndarray]:
    """10,000 columns of which one entry in two hundred is not zero; two columns, fuller than the others, count."""
    rng = np.random.default_rng(seed)
    X = sparse.random_array((n_rows, 10_000), density=0.005, rng=rng, format="lil")
    full = np.where(rng.random((n_rows, 2)) < 0.4, rng.uniform(0.0, 2.0, (n_rows, 2)), 0.0)
    X[:, [123, 4567]] = full
    return X.tocsr(), np.maximum(full[:, 0] - 1.0, 0.0) + 0.5 * full[:, 1] + 0.1 * rng.standard_normal(n_rows)


def sales(seed: int, n_rows: int) -> pl.DataFrame:
    """A year, a shop, a price with gaps, and what was sold."""
    rng = np.random.default_rng(seed)
    year, shop = rng.integers(2020, 2024, n_rows), rng.choice(["Bonn", "Kiel", "Ulm"], n_rows)
    price, gap = rng.uniform(0, 2, n_rows), rng.random(n_rows) < 0.1
    y = np.maximum(1.0 - price, 0) + (shop == "Ulm") + 0.2 * (year - 2020) + gap + 0.1 * rng.standard_normal(n_rows)
    frame = pl.DataFrame({"year": year, "shop": shop, "price": price, "y": y})
    return frame.with_columns(price=pl.when(pl.lit(gap)).then(None).otherwise("price"))


def gaps(seed: int, n_rows: int, *, informative: bool) -> tuple[np.ndarray, np.ndarray]:
    """Three inputs, the first of them with gaps."""
    rng = np.random.default_rng(seed)
    X, gap = rng.uniform(-1, 1, (n_rows, 3)), rng.random(n_rows) < 1 / 3
    y = np.abs(X[:, 0]) + X[:, 1] + (gap if informative else 0.0) + 0.1 * rng.standard_normal(n_rows)
    X[gap, 0] = np.nan
    return X, y


def of_sparse(rows: int) -> dict[str, float]:
    X, y = sparse_rows(0, rows)
    model, seconds = timed(lambda: SparseReLURegressor(random_state=0).fit(X, y))
    return said(model, seconds, model.score(*sparse_rows(1, FRESH)))


def of_parquet(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        for (year,), part in sales(0, rows).group_by("year"):
            (Path(folder) / f"year={year}").mkdir()
            part.drop("year").write_parquet(Path(folder) / f"year={year}" / "part.parquet")
        table = ParquetTable(folder, ["year", "shop", "price"], "y")
        model, seconds = timed(lambda: SparseReLURegressor(missing="hinge", random_state=0).fit(table))
    fresh = sales(1, FRESH)
    return said(model, seconds, model.score(fresh[["year", "shop", "price"]], fresh["y"]))


def of_gaps(rows: int, missing: str, informative: bool) -> dict[str, float]:
    X, y = gaps(0, rows, informative=informative)
    boosting = HistGradientBoostingRegressor(random_state=0)
    model = boosting if missing == "boosting" else SparseReLURegressor(missing=missing, random_state=0)
    model, seconds = timed(lambda: model.fit(X, y))
    return said(model, seconds, model.score(*gaps(1, FRESH, informative=informative)))


def timed(fit: Callable[[], Any]) -> tuple[Any, float]:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 2))
    SparseReLURegressor(random_state=0).fit(X, X[:, 0] + rng.standard_normal(100))
    start = time.process_time()
    return fit(), time.process_time() - start


def said(model: Any, seconds: float, score: float) -> dict[str, float]:
    size = getattr(model, "n_parameters_", 0)
    return {"seconds": seconds, "megabytes": peak_resident() / 1e6, "score": score, "parameters": size}


JOBS: dict[str, Callable[[], dict[str, float]]] = {
    "sparse, 3,000 x 10,000": lambda: of_sparse(3_000),
    "Parquet in four folders, 1,000,000 x 3": lambda: of_parquet(1_000_000),
    **{
        f"gaps {'that say something' if informative else 'at random'}, {missing}": (
            lambda missing=missing, informative=informative: of_gaps(1_000, missing, informative)  # type: ignore[misc]
        )
        for informative in (False, True)
        for missing in ("mean", "hinge", "boosting")
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", choices=list(JOBS), help=argparse.SUPPRESS)
    name = parser.parse_args().run
    if name:
        with threadpool_limits(1):
            print(json.dumps(JOBS[name]()))
        return
    print(f"{'':42}{'fit s':>7} {'peak MB':>8} {'R²':>7} {'parameters':>11}")
    for name in JOBS:
        command = [sys.executable, __file__, "--run", name]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        numbers = f"{result['seconds']:7.1f} {result['megabytes']:8.0f} {result['score']:7.4f}"
        print(f"{name:42}{numbers} {result['parameters'] or '':>11}", flush=True)


if __name__ == "__main__":
    main()
