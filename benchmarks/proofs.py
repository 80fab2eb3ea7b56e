"""Proved bounds in many dimensions: planted networks from a few rows, and maps within a tolerance.

    python benchmarks/proofs.py                    ten seeds a row
    python benchmarks/proofs.py --seeds 3 --part planted
    python benchmarks/proofs.py --part maps --seconds 20

The first table takes the planted network as found and measures the proof alone: N uniform rows in [−1, 1]^d, hinges of
so many Gaussian weights each, at random inputs or the bias, that split off at least 15 per cent of the rows. "Proved"
counts the seeds whose network is proved sparsest. The second is the fewest neurons of `approximate` on grids over three
smooth functions of two inputs, within 5, 2 and 1 per cent of their range: what the lines of the grid prove, what is
proved in all, and what is found within the time limit. Times are processor seconds in one thread.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from unittest import mock

import numpy as np

from reluctant import ReLUNetwork, approximate
from reluctant.effort import Clock
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.lines import bound_on_lines
from reluctant.multivariate.proofs.subsample import Rows, bound_from_few_rows

Array = np.ndarray
PLANTED = (
    ("neurons", 2, (3, 3, 3), 60),
    ("neurons", 2, (3, 3, 3, 3), 2_000),
    ("neurons", 3, (4, 4, 4, 4), 2_000),
    ("neurons", 5, (6, 6, 6), 2_000),
    ("parameters", 2, (3, 3, 3), 60),
    ("parameters", 2, (3, 3, 2, 2), 2_000),
    ("parameters", 3, (3, 3, 3), 2_000),
    ("parameters", 5, (3, 3, 2), 2_000),
)
GRIDS = ((8, 6), (9, 9), (17, 17))
FUNCTIONS = {
    "wave": lambda a, b: np.sin(5 * a + 3 * b**2),
    "bump": lambda a, b: np.exp(-8 * ((a - 0.4) ** 2 + (b - 0.6) ** 2)),
    "root": lambda a, b: np.sqrt(0.05 + a) * (1 + b) ** 2,
}
PER_CENT = (5, 2, 1)


def teacher(seed: int, d: int, sizes: tuple[int, ...], n: int) -> tuple[Array, ReLUNetwork]:
    """Rows and a network."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, d))
    rows, U = homogeneous(X), np.zeros((len(sizes), d + 1))
    for u, size in zip(U, sizes):
        while not 0.15 <= np.mean(rows @ u > 0) <= 0.85:
            u[:] = 0.0
            u[rng.choice(d + 1, size, replace=False)] = rng.normal(size=size)
    return X, ReLUNetwork(U[:, :-1], U[:, -1], rng.choice([-1.0, 1.0], len(U)))


def planted(seeds: int) -> None:
    """The table of planted networks."""
    print(f"{'count of':<12}{'d':>3}{'N':>6}  {'hinges':<14}{'sparsest':>9}{'proved':>9}{'cpu s':>9}{'worst':>9}")
    for quantity, d, sizes, n in PLANTED:
        proved, seconds = 0, []
        count = len(sizes) if quantity == "neurons" else sum(sizes)
        for seed in range(seeds):
            X, network = teacher(seed, d, sizes, n)
            y = network(X)
            rows = Rows(X, y, False, 1e-9 * float(np.abs(y).max()))
            began = time.process_time()
            bound = bound_from_few_rows(quantity, rows, network, Clock())[1]
            seconds.append(time.process_time() - began)
            proved += bound.least == count
        print(
            f"{quantity:<12}{d:>3}{n:>6}  {' '.join(map(str, sizes)):<14}{count:>9}{proved:>6}/{seeds:<2}"
            f"{median(seconds):>9.2f}{max(seconds):>9.2f}",
            flush=True,
        )


def maps(seconds: float, seeds: int) -> None:
    """The table of maps within a tolerance: of several seeds the median, and the most that is found."""
    print(f"{'map':<8}{'grid':<8}{'within':>8}{'lines':>7}{'ms':>7}{'proved':>8}{'found':>7}{'worst':>7}")
    for name, function in FUNCTIONS.items():
        for sizes in GRIDS:
            axes = np.meshgrid(*[np.linspace(0, 1, n) for n in sizes], indexing="ij")
            X, y = np.column_stack([a.ravel() for a in axes]), function(*axes).ravel()
            for share in PER_CENT:
                eps = share / 100 * float(np.ptp(y))
                began = time.process_time()
                lines = bound_on_lines("neurons", X, y - eps, y + eps).least
                spent = time.process_time() - began
                options = {"tolerance": eps, "minimize": "neurons", "time_limit": seconds}
                with mock.patch("time.monotonic", time.process_time):
                    solutions = [approximate(X, y, random_state=seed, **options) for seed in range(seeds)]
                proved = median(solution.certificate.lower_bound for solution in solutions)
                counts = [solution.n_neurons for solution in solutions]
                print(
                    f"{name:<8}{'x'.join(map(str, sizes)):<8}{share:>6} %{lines:>7}{1e3 * spent:>7.1f}"
                    f"{proved:>8.0f}{median(counts):>7g}{max(counts):>7}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--part", choices=("planted", "maps", "both"), default="both")
    parser.add_argument("--seconds", type=float, default=10.0, help="limit of a search within a tolerance")
    options = parser.parse_args()
    warm = teacher(0, 2, (2, 2), 20)
    bound_from_few_rows("neurons", Rows(warm[0], warm[1](warm[0]), False, 1e-9), warm[1], Clock())
    if options.part in ("planted", "both"):
        planted(options.seeds)
    if options.part in ("maps", "both"):
        maps(options.seconds, options.seeds)


if __name__ == "__main__":
    main()
