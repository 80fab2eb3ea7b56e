"""Penalised regression on the line: time beside one banded solve, duality gap.

    python benchmarks/line_regression.py            everything, about four minutes
    python benchmarks/line_regression.py --quick    at most 10^5 points
    python benchmarks/line_regression.py --knots    p = 0 alone: knots counted, 20 tables a size, and paths in alpha
    python benchmarks/line_regression.py --knots --all  20 tables of 10^5 points too
    python benchmarks/line_regression.py --one-input    the regressor on ten noisy and exact tables of one input

Times are medians of `--repeats` runs in CPU seconds of one thread, without compilation. The floor is one banded
Cholesky solve of the size of the problem, `scipy.linalg.solveh_banded` with two superdiagonals: what one Newton step of
a textbook interior-point method for trend filtering costs. alpha is a share of the one from which on the solution for
p = 1 is a line.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.linalg import solveh_banded

from reluctant import SparseReLURegressor, regress, regress_path
from reluctant.univariate.regression import regress_line

TABLE = Path(__file__).parent.parent / "examples" / "thermocouple_type_k.csv"


def noisy_sine(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(size=n))
    return x, np.sin(20 * x) + rng.normal(scale=0.3, size=n)


def random_walk(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return np.sort(rng.uniform(size=n)), np.cumsum(rng.normal(size=n)) / np.sqrt(n)


def uneven(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaps between 10^-9 and 10^3, as far as float64 can tell the points apart."""
    rng = np.random.default_rng(0)
    x = np.unique(np.cumsum(10 ** rng.uniform(-9, 3, n)))
    return x, np.sin(20 * x / x[-1]) + rng.normal(scale=0.3, size=len(x))


def noisy_thermocouple(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The example table, interpolated at n points, with 2 degrees of noise."""
    temperature, emf = np.loadtxt(TABLE, delimiter=",", skiprows=1, unpack=True)
    x = np.linspace(emf[0], emf[-1], n)
    return x, np.interp(x, emf, temperature) + np.random.default_rng(0).normal(scale=2.0, size=n)


def polyline(n: int, knots: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(size=n))
    places = np.concatenate([[0.0], np.sort(rng.uniform(size=knots)), [1.0]])
    return x, np.interp(x, places, rng.normal(size=knots + 2)) + noise * rng.normal(size=n)


def count_knots(every_table: bool, limit: float) -> None:
    """`regress` with p = 0 and `regress_path`; seeds count from 0, with 5, 20, 50, 100 knots in turns."""
    regress(*polyline(300, 3, 0.1, 0), alpha=1e-3, p=0)
    print(f"{'N':>7} {'noise':>5} {'tables':>6} {'median s':>8} {'worst s':>8} {'proved':>6} {'worst gap / alpha':>18}")
    for n, noise, tables in (
        (10**3, 0.1, 20),
        (10**4, 0.1, 20),
        (10**4, 0.5, 4),
        (10**5, 0.1, 20 if every_table else 4),
    ):
        seconds, solutions = [], []
        for seed in range(tables):
            x, y = polyline(n, (5, 20, 50, 100)[seed % 4], noise, seed)
            start = time.process_time()
            solutions.append(regress(x, y, alpha=noise**2 * np.log(n) / n, p=0, time_limit=limit))
            seconds.append(time.process_time() - start)
        gap = max(solution.gap / solution.alpha for solution in solutions)
        proved = sum(solution.is_optimal for solution in solutions)
        print(
            f"{n:7d} {noise:5g} {tables:6d} {median(seconds):8.2f} {max(seconds):8.2f} {proved:6d} {gap:18.2g}",
            flush=True,
        )
    print(f"{'N':>7} {'knots':>5} {'sizes':>6} {'to':>4} {'seconds':>8}  path down to alpha = σ² log N / N")
    for n, knots in ((3000, 5), (3000, 20), (10**4, 5), (10**4, 20)):
        x, y = polyline(n, knots, 0.1, 0)
        start = time.process_time()
        path = regress_path(x, y, max_neurons=1000, min_alpha=0.01 * np.log(n) / n, time_limit=limit)
        elapsed = time.process_time() - start
        print(f"{n:7d} {knots:5d} {len(path.solutions):6d} {path.n_knots[-1]:4d} {elapsed:8.2f}", flush=True)


def one_input() -> None:
    """The regressor: distance from the function without noise, parameters, seconds; means of three seeds."""
    functions: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
        "one period": (lambda x: np.sin(2 * np.pi * x), 0.1),
        "two periods": (lambda x: np.sin(4 * np.pi * x), 0.3),
        "three periods": (lambda x: np.sin(6 * np.pi * x), 0.1),
        "six periods": (lambda x: np.sin(12 * np.pi * x), 0.1),
        "two steps": (lambda x: 1.0 * (x > 0.4) - 0.5 * (x > 0.7), 0.1),
        "kink": (lambda x: np.abs(x - 0.3), 0.1),
        "kink, no noise": (lambda x: np.abs(x - 0.3), 0.0),
        "bump": (lambda x: np.exp(-8 * (x - 0.5) ** 2) + x, 0.05),
        "three kinks": (lambda x: np.interp(x, [0, 0.2, 0.5, 0.55, 1], [0, 1, -0.5, 0.8, 0.3]), 0.1),
        "exponential": (lambda x: np.exp(3 * x) / 10, 0.2),
    }
    print(f"{'200 rows':16} {'noise':>6} {'1 - R2':>9} {'parameters':>10} {'seconds':>8}")
    for name, (f, noise) in functions.items():
        missed, sizes, seconds = [], [], []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            x = np.sort(rng.uniform(size=200))
            y = f(x) + noise * rng.normal(size=200)
            start = time.process_time()
            model = SparseReLURegressor(random_state=0).fit(x[:, None], y)
            seconds.append(time.process_time() - start)
            grid = np.linspace(x[0], x[-1], 2001)
            missed.append(np.mean((model.predict(grid[:, None]) - f(grid)) ** 2) / np.var(f(grid)))
            sizes.append(model.n_parameters_)
        print(f"{name:16} {noise:6g} {np.mean(missed):9.2g} {np.mean(sizes):10.1f} {np.mean(seconds):8.1f}", flush=True)


def largest_useful_alpha(x: np.ndarray, y: np.ndarray) -> float:
    """The largest multiplier Σ_{i>j} r_i (x_i − x_j) of the residuals r of the least-squares line."""
    t = x - x.mean()
    r = (y - y.mean() - (t @ (y - y.mean())) / (t @ t) * t) / len(x)
    return float(np.max(np.abs(np.cumsum(np.cumsum(r)[:-1] * np.diff(x)))))


def floor(n: int) -> None:
    bands = np.ones((3, n)) * np.array([[1.0], [-4.0], [6.1]])
    solveh_banded(bands, np.ones(n), overwrite_ab=True, overwrite_b=True, check_finite=False)


def timed(action: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 10^5 points")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--knots", action="store_true", help="p = 0 alone")
    parser.add_argument("--all", action="store_true", help="with --knots, 20 tables of 10^5 points instead of 4")
    parser.add_argument("--limit", type=float, default=60.0, help="with --knots, seconds for a table or a path")
    parser.add_argument("--one-input", action="store_true", help="the regressor of one input alone")
    arguments = parser.parse_args()
    if arguments.knots:
        count_knots(arguments.all, arguments.limit)
        return
    if arguments.one_input:
        one_input()
        return
    sizes = [10**3, 10**4, 10**5] + ([] if arguments.quick else [10**6])
    for p in (0.5, 1.0):
        regress_line(*noisy_sine(100), 1e-3, p)
    print(f"{'data':14} {'N':>8} {'share':>6} {'p':>4} {'seconds':>8} {'floors':>7} {'neurons':>8} {'gap':>8}")
    for n in sizes:
        base = timed(lambda: floor(n), arguments.repeats)
        for data in (noisy_sine, random_walk, uneven, noisy_thermocouple):
            x, y = data(n)
            largest = largest_useful_alpha(x, y)
            for p, share in ((1.0, 1e-1), (1.0, 1e-3), (0.5, 1e-2)):
                # For p = 0.5 the penalty of a slope change of the size of the data is made equal.
                scale = 1.0 if p == 1 else (np.ptp(y) / np.ptp(x)) ** 0.5
                action = lambda: regress_line(x, y, share * largest * scale, p)  # noqa: E731
                seconds = timed(action, arguments.repeats if p == 1 else 1)
                solution = action()
                objective = solution.objective
                gap = f"{1 - solution.certificate.lower_bound / objective:8.0e}" if p == 1 else f"{'':8}"
                print(
                    f"{data.__name__:14} {len(x):8d} {share:6.0e} {p:4g} {seconds:8.4f} {seconds / base:7.1f} "
                    f"{solution.n_neurons:8d} {gap}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
