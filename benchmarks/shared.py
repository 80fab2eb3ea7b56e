"""Several outputs over one input: how many knots they share, how sure that is, and how long it takes.

    python benchmarks/shared.py --rows 10000 --outputs 3 5 10
    python benchmarks/shared.py --rows 3000 --outputs 3 --tolerance 3    within that, noise and sines within a twentieth

Times are CPU seconds of one thread, without compilation; one line a table.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from reluctant import Solution, approximate, interpolate


def tables_of(n: int, m: int) -> dict[str, np.ndarray]:
    """Outputs (n, m) over 0 … n − 1, in general position and not."""
    rng = np.random.default_rng(0)
    return {
        "noise": rng.normal(size=(n, m)),
        "walks": np.cumsum(rng.normal(size=(n, m)), axis=0),
        "integer jumps": np.cumsum(np.cumsum(rng.integers(-2, 3, (n, m)), axis=0), axis=0).astype(float),
        "decimals": np.round(rng.normal(size=(n, m)), 1),
        "sines": np.sin(np.arange(n)[:, None] / 50 * (1 + np.arange(m))),
        "multiples": rng.normal(size=(n, 1)) * np.arange(1, m + 1),
    }


def solve(Y: np.ndarray, tolerance: float) -> Solution:
    x = np.arange(float(len(Y)))
    return approximate(x, Y, tolerance=tolerance, time_limit=1) if tolerance else interpolate(x, Y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--outputs", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--tolerance", type=float, default=0.0)
    arguments = parser.parse_args()
    for m in arguments.outputs:
        solve(tables_of(1500, m)["walks"], arguments.tolerance)
        for name, Y in tables_of(arguments.rows, m).items():
            start = time.process_time()
            solution = solve(Y, arguments.tolerance / (20 if name in ("noise", "sines") else 1))
            print(f"{m} outputs, {name}: {solution.verdict}; {time.process_time() - start:.2f} s", flush=True)


if __name__ == "__main__":
    main()
