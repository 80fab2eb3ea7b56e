"""Time of fits, their choice of size included, and of one path: 1,000 rows of 10 inputs, 263 of 16, the digits.

    python benchmarks/fit_time.py [--seeds 3] [--only WORD]

Friedman's first function with noise of variance one [Friedman 1991]; the classes are whether it is above its median.
CPU seconds of one thread, medians over the seeds, after fits that compile. A default fit is also scored: R² against
the function without noise, or accuracy, on 5,000 fresh rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from sklearn.datasets import load_digits, make_friedman1
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from reluctant import SparseReLUClassifier, SparseReLURegressor, size_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="jobs whose name contains this")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    X, y = make_friedman1(1000, 10, noise=1.0, random_state=0)
    classes = y > np.median(y)
    digits, labels = load_digits(return_X_y=True)
    few = make_friedman1(263, 16, noise=1.0, random_state=0)
    fresh, signal = make_friedman1(5000, 10, random_state=1)

    def regressor(seed: int, search: str = "default") -> float:
        return SparseReLURegressor(search=search, random_state=seed).fit(X, y).score(fresh, signal)

    def classifier(seed: int, search: str = "default") -> float:
        model = SparseReLUClassifier(search=search, random_state=seed).fit(X, classes)
        return model.score(fresh, signal > np.median(y))

    jobs: dict[str, Callable[[int], object]] = {
        "regressor, 1,000 x 10": regressor,
        "regressor, fast": lambda seed: regressor(seed, "fast"),
        "regressor, thorough": lambda seed: regressor(seed, "thorough"),
        "regressor, 263 x 16": lambda seed: SparseReLURegressor(random_state=seed).fit(*few),
        "five folds of cross_val_score": lambda seed: cross_val_score(SparseReLURegressor(random_state=seed), X, y),
        "one path": lambda seed: size_path(X, y, random_state=seed),
        "one path with 60 kicks": lambda seed: size_path(X, y, kicks=60, random_state=seed),
        "classifier, 1,000 x 10": classifier,
        "classifier, fast": lambda seed: classifier(seed, "fast"),
        "classifier, thorough": lambda seed: classifier(seed, "thorough"),
        "one path, two classes": lambda seed: size_path(X, classes, loss="logistic", random_state=seed),
        "one path, half of the digits": lambda s: size_path(digits[::2], labels[::2], loss="softmax", random_state=s),
        "classifier, half of the digits": lambda s: SparseReLUClassifier(random_state=s).fit(digits[::2], labels[::2]),
        "classifier, digits": lambda seed: SparseReLUClassifier(random_state=seed).fit(digits, labels),
    }
    with threadpool_limits(1):
        SparseReLURegressor(random_state=0).fit(X[:60], y[:60])
        SparseReLUClassifier(random_state=0).fit(X[:60], classes[:60])
        for name, job in jobs.items():
            if arguments.only in name:
                seconds, results = zip(*(timed(job, seed) for seed in seeds), strict=True)
                score = f", score {median(results):.4f}" if isinstance(results[0], float) else ""
                print(f"{name:32}{median(seconds):8.3f} s{score}", flush=True)


def timed(job: Callable[[int], object], seed: int) -> tuple[float, object]:
    """CPU seconds, and what the job returns."""
    start = time.process_time()
    result = job(seed)
    return time.process_time() - start, result


if __name__ == "__main__":
    main()
