"""The table of `interpolate` in R^d: parameters, seconds and memory against N and d.

    python benchmarks/multivariate.py                      every row, ten seeds
    python benchmarks/multivariate.py --rows 20x5 50x5     some rows
    python benchmarks/multivariate.py --seeds 3 --paper 20000
    python benchmarks/multivariate.py --to-aim --rows 1000x10    the time to the aim, not the best within the limit
    python benchmarks/multivariate.py --first-seed 100    other seeds than those that are reported

One process per row, one thread. Seconds and limits are CPU seconds of that thread, whatever else the machine does;
where the seconds are the limit, the search would have gone on. The paper's algorithm, with --paper EPOCHS, stands
beside the small rows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from unittest import mock

import numpy as np

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from paper_algorithm import train  # noqa: E402
from reluctant import interpolate  # noqa: E402


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    n: int
    d: int
    seconds: float
    minimize: str = "parameters"
    aim: float = 1.0
    paper_neurons: int = 0

    @property
    def bound(self) -> int:
        """The generic lower bound."""
        return self.n if self.minimize == "parameters" else -(-self.n // (self.d + 1))

    def data(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Uniform data, or rows of a real table, shuffled by the seed."""
        rng = np.random.default_rng(seed)
        if self.name.startswith("diabetes"):
            from sklearn.datasets import load_diabetes

            return tuple(a[rng.permutation(442)[: self.n]] for a in load_diabetes(return_X_y=True))
        if self.name.startswith("digits"):
            from sklearn.datasets import load_digits

            X, y = load_digits(return_X_y=True)
            chosen = rng.permutation(len(X))[: self.n]
            return X[chosen], y[chosen].astype(float)
        return rng.uniform(-1, 1, (self.n, self.d)), rng.uniform(-1, 1, self.n)


ROWS = (
    Row("10x50", 10, 50, 0.5, paper_neurons=100),
    Row("20x20", 20, 20, 0.5),
    Row("20x5", 20, 5, 0.5, paper_neurons=100),
    Row("50x5", 50, 5, 3, paper_neurons=500),
    Row("50x10", 50, 10, 3),
    Row("100x20", 100, 20, 3),
    Row("50x2", 50, 2, 10),
    Row("100x2", 100, 2, 60, aim=1.03),
    Row("100x3", 100, 3, 30),
    Row("100x5", 100, 5, 20),
    Row("200x10", 200, 10, 10, aim=1.01),
    Row("500x10", 500, 10, 30, aim=1.02),
    Row("1000x10", 1000, 10, 90, aim=1.02),
    Row("2000x20", 2000, 20, 180, aim=1.025),
    Row("50x5-neurons", 50, 5, 60, "neurons", 1.1),
    Row("200x10-neurons", 200, 10, 60, "neurons", 1.1),
    Row("diabetes-200", 200, 10, 10, aim=1.01),
    Row("diabetes", 442, 10, 30, aim=1.02),
    Row("digits-300", 300, 64, 30, aim=1.02),
)


def run_row(row: Row, seeds: range, paper_epochs: int, to_aim: bool) -> dict[str, object]:
    """All seeds of a row in this process; the first, uncounted, run loads the compiled kernels."""
    warm = np.random.default_rng(0)
    interpolate(warm.uniform(-1, 1, (300, 5)), warm.uniform(-1, 1, 300), time_limit=1.0, random_state=0)
    counts, seconds, errors, paper = [], [], [], []
    for seed in seeds:
        X, y = row.data(seed)
        began = time.process_time()
        target = int(row.aim * row.bound) if to_aim else None
        with mock.patch("time.monotonic", time.process_time):
            found = interpolate(X, y, minimize=row.minimize, target=target, time_limit=row.seconds, random_state=seed)
        seconds.append(time.process_time() - began)
        network = found.network
        counts.append(network.n_parameters if row.minimize == "parameters" else network.n_neurons)
        errors.append(found.max_error / np.abs(y).max())
        if paper_epochs and row.paper_neurons:
            began = time.process_time()
            trained = train(X, y, n_neurons=row.paper_neurons, epochs=paper_epochs, seed=seed)
            paper.append((trained.n_parameters, trained.max_error, time.process_time() - began))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"counts": counts, "seconds": seconds, "errors": errors, "memory": memory, "paper": paper}


def line(row: Row, outcome: dict) -> str:
    """One line of the table: medians and worst over the seeds."""
    bound = row.bound
    counts, seconds = np.array(outcome["counts"]), np.array(outcome["seconds"])
    met = "yes" if counts.max() <= row.aim * bound else "no"
    text = (
        f"{row.name:<15}{bound:>6}{np.median(counts):>8.1f}{counts.max():>6}{np.median(counts) / bound:>8.3f}"
        f"{counts.max() / bound:>8.3f}{row.aim:>6.2f} {met:<4}{np.median(seconds):>8.2f}{seconds.max():>8.2f}"
        f"{row.seconds:>7.1f}{max(outcome['errors']):>10.0e}{outcome['memory']:>7.0f}"
    )
    if outcome["paper"]:
        parameters, error, cpu = np.median(np.array(outcome["paper"]), axis=0)
        text += f"   paper: {parameters:.0f} parameters, error {error:.0e}, {cpu:.1f} s"
    return f"{text}   {counts.tolist()}"


def main() -> None:
    """Print the table, a row as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=[row.name for row in ROWS], help="only these rows")
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds, 0, 1, … (default 10)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--to-aim", action="store_true", help="stop each run at the aim of its row")
    parser.add_argument("--paper", type=int, default=0, metavar="EPOCHS", help="train the paper's algorithm too")
    options = parser.parse_args()
    print(
        f"{'row':<15}{'bound':>6}{'median':>8}{'worst':>6}{'/bound':>8}{'worst':>8}{'aim':>6} met "
        f"{'cpu s':>8}{'worst':>8}{'limit':>7}{'error':>10}{'MiB':>7}"
    )
    spawn = multiprocessing.get_context("spawn")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for row in ROWS:
        if options.rows is None or row.name in options.rows:
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                outcome = pool.submit(run_row, row, seeds, options.paper, options.to_aim).result()
            print(line(row, outcome), flush=True)


if __name__ == "__main__":
    main()
