"""Time of a default fit, its choice of size included, and of one path: 1,000 rows of 10 inputs, and half of the digits.

    python benchmarks/fit_time.py [--seeds 3]

Friedman's first function with noise of variance one [Friedman 1991]; the classes are whether it is above its median.
CPU seconds of one thread, medians over the seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from sklearn.datasets import load_digits, make_friedman1
from threadpoolctl import threadpool_limits

from reluctant import SparseReLUClassifier, SparseReLURegressor, size_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    X, y = make_friedman1(1000, 10, noise=1.0, random_state=0)
    classes = y > np.median(y)
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[::2], labels[::2]
    jobs: dict[str, Callable[[int], object]] = {
        "regressor, 1,000 x 10": lambda seed: SparseReLURegressor(random_state=seed).fit(X, y),
        "one path": lambda seed: size_path(X, y, random_state=seed),
        "one path with 60 kicks": lambda seed: size_path(X, y, kicks=60, random_state=seed),
        "classifier, 1,000 x 10": lambda seed: SparseReLUClassifier(random_state=seed).fit(X, classes),
        "one path, two classes": lambda seed: size_path(X, classes, loss="logistic", random_state=seed),
        "classifier, half of the digits": lambda seed: SparseReLUClassifier(random_state=seed).fit(digits, labels),
        "one path, half of the digits": lambda seed: size_path(digits, labels, loss="softmax", random_state=seed),
    }
    with threadpool_limits(1):
        for name, job in jobs.items():
            print(f"{name:32}{median(cpu_seconds(job, seed) for seed in seeds):8.2f} s", flush=True)


def cpu_seconds(job: Callable[[int], object], seed: int) -> float:
    start = time.process_time()
    job(seed)
    return time.process_time() - start


if __name__ == "__main__":
    main()
