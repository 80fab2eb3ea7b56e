"""Links for functions on an interval: both bounds of `approximate_function`, and evenly spaced tables of equal error.

    python benchmarks/functions.py            eleven functions at five tolerances, under a minute
    python benchmarks/functions.py --seconds 1

A cell is the number of links, or fewest..found where the two bounds differ, and in brackets the links of the shortest
evenly spaced table through f that keeps the tolerance at 64 points a link. The last column is the time of a row.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np

from reluctant import approximate_function

Function = Callable[[np.ndarray], np.ndarray]
TOLERANCES = (0.1, 0.05, 0.01, 0.005, 0.001)
ROOT = math.sqrt(2 / math.pi)
CUBE = 0.044715


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(ROOT * (x + CUBE * x**3)))


def gelu_bend(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A bound of |f''| for gelu: f = x (1 + tanh u) / 2, f'' = sech² u (u' + x u'' / 2 − x u'² tanh u)."""
    far, near = np.maximum(np.abs(low), np.abs(high)), np.where(low * high <= 0, 0.0, np.minimum(abs(low), abs(high)))
    first, second = ROOT * (1 + 3 * CUBE * far**2), ROOT * 6 * CUBE * far
    return (first + far * second / 2 + far * first**2) / np.cosh(ROOT * (near + CUBE * near**3)) ** 2


def bell_bend(centre: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A bound of |f''| for exp(−100 (x − c)²): |200 (200 (x − c)² − 1)| of its largest value."""

    def bend(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        far = np.maximum(np.abs(low - centre), np.abs(high - centre))
        inside = (low <= centre) & (high >= centre)
        near = np.where(inside, 0.0, np.minimum(np.abs(low - centre), np.abs(high - centre)))
        return 200 * np.maximum(1.0, 200 * far**2 - 1) * np.exp(-100 * near**2)

    return bend


def two_bells_bend(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return 1.03 * bell_bend(1.2)(low, high) + bell_bend(2.0)(low, high)


FUNCTIONS: dict[str, tuple[Function, float, float, float | Callable]] = {
    "x^2": (np.square, -3.5, 3.5, 2.0),
    "ln x": (np.log, 1.0, 32.0, lambda low, high: 1 / low**2),
    "sin x": (np.sin, 0.0, 2 * math.pi, 1.0),
    "tanh x": (np.tanh, -5.0, 5.0, 4 / (3 * math.sqrt(3)) * (1 + 1e-12)),
    # |f''| of sin(x)/x, the integral of cos(tx) over [0, 1], is at most that of t².
    "sin(x)/x": (lambda x: np.sin(x) / x, 1.0, 12.0, 1 / 3),
    "2x^2 + x^3": (
        lambda x: 2 * x**2 + x**3,
        *(-2.5, 2.5),
        lambda low, high: np.maximum(np.abs(4 + 6 * low), np.abs(4 + 6 * high)),
    ),
    "e^-x sin x": (lambda x: np.exp(-x) * np.sin(x), -4.0, 4.0, lambda low, high: 2 * np.exp(-low)),
    "bell": (lambda x: np.exp(-100 * (x - 2) ** 2), 0.0, 3.0, bell_bend(2.0)),
    "two bells": (
        lambda x: 1.03 * np.exp(-100 * (x - 1.2) ** 2) + np.exp(-100 * (x - 2) ** 2),
        *(0.0, 3.0),
        two_bells_bend,
    ),
    "gelu": (gelu, -8.0, 8.0, gelu_bend),
    # f'' = f (1 − f)(1 − 2f), at most 1 / (6 √3).
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -8.0, 8.0, 1 / (6 * math.sqrt(3)) * (1 + 1e-12)),
}


def evenly_spaced(f: Function, low: float, high: float, tolerance: float) -> int:
    """Links of the shortest evenly spaced table whose interpolant is within the tolerance, seen at 64 points a link."""
    links = 1
    while error_of_table(f, low, high, links) > tolerance:
        links += 1
    return links


def error_of_table(f: Function, low: float, high: float, links: int) -> float:
    nodes = np.linspace(low, high, links + 1)
    x = np.linspace(low, high, 64 * links + 1)
    return float(np.max(np.abs(np.interp(x, nodes, f(nodes)) - f(x))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="time limit of each cell")
    seconds = parser.parse_args().seconds
    print(f"{'function':12} {'interval':>14} " + " ".join(f"{tolerance:>12g}" for tolerance in TOLERANCES) + "    time")
    approximate_function(np.square, 0.0, 1.0, tolerance=0.1, curvature=2.0)  # loads the compiled code
    met, ratios = 0, []
    for name, (f, low, high, curvature) in FUNCTIONS.items():
        cells, start = [], time.process_time()
        for tolerance in TOLERANCES:
            solution = approximate_function(f, low, high, tolerance=tolerance, curvature=curvature, time_limit=seconds)
            fewest, found = int(solution.certificate.lower_bound) + 1, solution.n_neurons + 1
            met += solution.is_optimal
            even = evenly_spaced(f, low, high, tolerance)
            ratios.append(even / found)
            cells.append(f"{found if fewest == found else f'{fewest}..{found}'} ({even})")
        spent = time.process_time() - start
        print(f"{name:12} {f'[{low:g}, {high:.4g}]':>14} " + " ".join(f"{c:>12}" for c in cells) + f" {spent:6.2f} s")
    n = len(FUNCTIONS) * len(TOLERANCES)
    print(f"\nThe two bounds meet in {met} of {n} cells.")
    middle = np.median(ratios)
    print(f"Evenly spaced tables take {min(ratios):.2f} to {max(ratios):.2f} times the links, median {middle:.2f}.")


if __name__ == "__main__":
    main()
