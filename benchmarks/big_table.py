"""A big table on disk: time, peak memory and accuracy of our regressor beside boosting and an MLP of 100 units.

    python benchmarks/big_table.py [--rows 1000000]

Friedman's first function of 20 inputs, of which five count, with noise of variance one [Friedman 1991]. The table is
written as two .npy files and handed over memory-mapped. Every method runs in a process of its own, after a fit of a
thousand rows so that compilation is not timed; seconds are CPU seconds of one thread, the peak is that of the whole
process, pages of the mapped table included. R² is on 50,000 fresh rows; no method can do better than the last line.
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
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

INPUTS = 20
BLOCK = 100_000
TEST_ROWS = 50_000


def reluctant() -> Any:
    from reluctant import SparseReLURegressor

    return SparseReLURegressor(random_state=0)


def boosting() -> Any:
    return HistGradientBoostingRegressor(max_iter=500, early_stopping=True, random_state=0)


def mlp() -> Any:
    network = MLPRegressor(
        hidden_layer_sizes=(100,), batch_size=1000, early_stopping=True, n_iter_no_change=3, max_iter=30, random_state=0
    )
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())


METHODS: dict[str, Callable[[], Any]] = {"reluctant": reluctant, "boosting": boosting, "MLP": mlp}


def write_table(folder: Path, rows: int) -> None:
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", float, (rows, INPUTS))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", float, (rows,))
    rng = np.random.RandomState(0)
    for start in range(0, rows, BLOCK):
        stop = min(start + BLOCK, rows)
        X[start:stop], y[start:stop] = make_friedman1(stop - start, n_features=INPUTS, noise=1.0, random_state=rng)


def run(method: str, folder: Path) -> dict[str, float | int | None]:
    X, y = (np.load(folder / name, mmap_mode="r") for name in ("X.npy", "y.npy"))
    METHODS[method]().fit(X[:1000], y[:1000])
    start = time.process_time()
    model = METHODS[method]().fit(X, y)
    seconds = time.process_time() - start
    fresh, target = make_friedman1(TEST_ROWS, n_features=INPUTS, noise=1.0, random_state=1)
    return {
        "seconds": seconds,
        "peak_megabytes": peak_resident() / 1e6,
        "score": float(r2_score(target, model.predict(fresh))),
        "n_parameters": getattr(model, "n_parameters_", None),
    }


def peak_resident() -> int:
    """Peak resident bytes of this process so far (Linux)."""
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def best_score() -> float:
    """R² of the function itself on the fresh rows."""
    _, noisy = make_friedman1(TEST_ROWS, n_features=INPUTS, noise=1.0, random_state=1)
    _, exact = make_friedman1(TEST_ROWS, n_features=INPUTS, noise=0.0, random_state=1)
    return float(r2_score(noisy, exact))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--run", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        with threadpool_limits(1):
            print(json.dumps(run(arguments.run, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder), arguments.rows)
        print(f"N = {arguments.rows}, d = {INPUTS}, {8e-6 * arguments.rows * (INPUTS + 1):.0f} MB on disk")
        print(f"{'':10} {'fit s':>8} {'peak MB':>8} {'R²':>7} {'parameters':>11}")
        for method in arguments.methods:
            command = [sys.executable, __file__, "--run", method, "--folder", folder]
            result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            numbers = f"{result['seconds']:8.1f} {result['peak_megabytes']:8.0f} {result['score']:7.4f}"
            print(f"{method:10} {numbers} {result['n_parameters'] or '':>11}", flush=True)
    print(f"{'the function itself':27} {best_score():7.4f}")


if __name__ == "__main__":
    main()
