"""Planted networks: how often the teacher is recovered, and how fast.

    python benchmarks/planted.py                     20 teachers a row
    python benchmarks/planted.py --seeds 100 --d 20 --ratio 3

A teacher has 3-10 neurons of 2-4 Gaussian weights on random supports (the bias is one of the coordinates), at most 30
in all, and every hinge splits off at least a tenth of the Gaussian points. Recovered means: no more parameters than the
teacher, error at most 1e-9 on the data and 1e-6 on 1,000 new points, within the time allowed. "Counted" leaves the new
points out: with few points another network may fit as well with as few parameters. Times, and the time allowed, are
processor seconds in one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median
from unittest import mock

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

from reluctant import interpolate  # noqa: E402

Array = np.ndarray
ALLOWED = {5: 2.0, 3: 5.0}  # seconds by points per parameter


def teacher(seed: int, d: int, ratio: int) -> tuple[Array, Array, Array]:
    """Points, signs and effective weights."""
    rng = np.random.default_rng(seed)
    sizes = np.array([31])
    while sizes.sum() > 30:
        sizes = rng.integers(2, 5, rng.integers(3, 11))
    X = rng.standard_normal((ratio * sizes.sum(), d))
    U = np.zeros((len(sizes), d + 1))
    for u, size in zip(U, sizes):
        while not 0.1 <= np.mean(np.column_stack([X, np.ones(len(X))]) @ u > 0) <= 0.9:
            u[:] = 0.0
            u[rng.choice(d + 1, size, replace=False)] = rng.standard_normal(size)
    return X, rng.choice([-1.0, 1.0], len(sizes)), U


def evaluate(X: Array, signs: Array, U: Array) -> Array:
    return np.maximum(np.column_stack([X, np.ones(len(X))]) @ U.T, 0.0) @ signs


def trial(seed: int, d: int, ratio: int) -> tuple[bool, bool, float]:
    """Whether as few parameters were found, whether it is the teacher, and seconds."""
    X, signs, U = teacher(seed, d, ratio)
    y = evaluate(X, signs, U)
    elsewhere = np.random.default_rng(10**6 + seed).standard_normal((1000, d))
    start = time.process_time()
    with mock.patch("time.monotonic", time.process_time):
        found = interpolate(X, y, time_limit=ALLOWED.get(ratio, 5.0), random_state=seed).network
    seconds = time.process_time() - start
    if found.n_parameters > np.count_nonzero(U) or np.abs(found(X) - y).max() > 1e-9:
        return False, False, seconds
    same = bool(np.abs(found(elsewhere) - evaluate(elsewhere, signs, U)).max() <= 1e-6)
    return True, same, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--d", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument("--ratio", type=int, nargs="+", default=[5, 3], help="points per parameter")
    options = parser.parse_args()
    print(f"{'N / m*':>6} {'d':>3} {'counted':>8} {'recovered':>10} {'median s':>9} {'worst s':>8}  missed seeds")
    for ratio in options.ratio:
        for d in options.d:
            seeds = range(options.first_seed, options.first_seed + options.seeds)
            rows = [trial(seed, d, ratio) for seed in seeds]
            counted, recovered = (100 * np.mean([row[i] for row in rows]) for i in (0, 1))
            seconds = [row[2] for row in rows]
            missed = [seed for seed, row in zip(seeds, rows) if not row[1]]
            print(
                f"{ratio:>6} {d:>3} {counted:>7.0f}% {recovered:>9.0f}% {median(seconds):>9.2f} {max(seconds):>8.2f}  "
                f"{missed}",
                flush=True,
            )


if __name__ == "__main__":
    main()
