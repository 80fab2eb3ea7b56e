"""Planted neurons, counted, and planted networks of several outputs: how often as few are found, and how fast.

    python benchmarks/planted_neurons.py                     both parts, 20 teachers a row
    python benchmarks/planted_neurons.py --part outputs --seeds 5 --first-seed 100

Neurons: 2, 4 and 6 dense Gaussian neurons from 3 K (d + 1) uniform rows, each hinge splitting off 15 % of them at
least. Outputs: two and three, 3 to 5 shared neurons of 2 to 4 Gaussian weights over five inputs, from five Gaussian
rows a parameter. Found means: no more neurons, or parameters, than the teacher has, error at most 1e-9 max|y|; the
search stops there. "Apart" counts how often the outputs solved one by one, with the same seconds for each, need fewer
parameters in all than together. Seconds are processor seconds of one thread, and so are limits.
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


def split(H: Array, u: Array, share: float) -> bool:
    """Whether the hinge leaves this share of the rows on either side."""
    return bool(share <= np.mean(H @ u > 0) <= 1 - share)


def dense_teacher(seed: int, d: int, K: int) -> tuple[Array, Array]:
    """Rows, and labels of K dense neurons."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (3 * K * (d + 1), d))
    H = np.column_stack([X, np.ones(len(X))])
    U = np.zeros((K, d + 1))
    for u in U:
        while not split(H, u, 0.15):
            w = rng.standard_normal(d)
            u[:] = np.append(w, -w @ rng.uniform(-1, 1, d))
    return X, np.maximum(H @ U.T, 0.0) @ rng.choice([-1.0, 1.0], K)


def shared_teacher(seed: int, m: int, K: int, d: int = 5) -> tuple[Array, Array, int]:
    """Rows, labels (N, m) of K sparse neurons, and the number of their parameters."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, K)
    count = int(sizes.sum()) + K * (m - 1)
    X = rng.standard_normal((5 * count, d))
    H = np.column_stack([X, np.ones(len(X))])
    U = np.zeros((K, d + 1))
    for u, size in zip(U, sizes):
        while not split(H, u, 0.1):
            u[:] = 0.0
            u[rng.choice(d + 1, size, replace=False)] = rng.standard_normal(size)
    return X, np.maximum(H @ U.T, 0.0) @ rng.standard_normal((K, m)), count


def solved(X: Array, y: Array, minimize: str, target: int | None, seconds: float, seed: int) -> tuple[int, float]:
    """The count found, and seconds."""
    began = time.process_time()
    with mock.patch("time.monotonic", time.process_time):
        found = interpolate(X, y, minimize=minimize, target=target, time_limit=seconds, random_state=seed).network
    count = found.n_neurons if minimize == "neurons" else found.n_parameters
    return count, time.process_time() - began


def summary(name: str, found: list[bool], seconds: list[float], more: str = "") -> None:
    """One line of the table."""
    missed = [i for i, ok in enumerate(found) if not ok]
    share = 100 * np.mean(found)
    print(f"{name:<28}{share:>6.0f} %{median(seconds):>9.2f}{max(seconds):>9.2f}  missed {missed}{more}", flush=True)


def neurons(seeds: range, limit: float) -> None:
    """Teachers of few neurons, neurons counted."""
    for d in (2, 3, 5, 10):
        for K in (2, 4, 6):
            runs = [solved(*dense_teacher(seed, d, K), "neurons", K, limit, seed) for seed in seeds]
            found, seconds = [count <= K for count, _ in runs], [spent for _, spent in runs]
            summary(f"{K} neurons, d = {d}, N = {3 * K * (d + 1)}", found, seconds)


def outputs(seeds: range, limit: float) -> None:
    """Teachers of several outputs, parameters counted; each output by itself beside them."""
    for m in (2, 3):
        for K in (3, 4, 5):
            found, seconds, apart = [], [], 0
            for seed in seeds:
                X, Y, count = shared_teacher(seed, m, K)
                together, spent = solved(X, Y, "parameters", count, limit, seed)
                singly = sum(solved(X, y, "parameters", None, spent, seed)[0] for y in Y.T)
                found.append(together <= count)
                seconds.append(spent)
                apart += singly < together
            summary(f"{m} outputs, {K} neurons", found, seconds, f"  apart {apart} of {len(seeds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["neurons", "outputs"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=20.0, help="processor seconds for each run")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rng = np.random.default_rng(0)
    for y in (rng.uniform(-1, 1, 60), rng.uniform(-1, 1, (60, 2))):  # loads the compiled loops
        interpolate(rng.uniform(-1, 1, (60, 5)), y, time_limit=1.0, random_state=0)
    print(f"{'':<28}{'found':>8}{'median s':>9}{'worst s':>9}")
    if options.part != "outputs":
        neurons(seeds, options.limit)
    if options.part != "neurons":
        outputs(seeds, options.limit)


if __name__ == "__main__":
    main()
