"""What a tolerance between the rows costs, and what one at the rows alone leaves there.

    python benchmarks/between_rows.py

A line is a table with a tolerance: knots that keep it at the rows, knots that keep it along the straight lines between
them, and by how much the first function leaves the band there, in units of the tolerance; then the knots of an
under-estimator and of an over-estimator.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reluctant import approximate

TABLE = Path(__file__).parent.parent / "examples" / "thermocouple_type_k.csv"


def tables() -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[float, ...]]]:
    """Name, x, y and tolerances."""
    temperature, emf = np.loadtxt(TABLE, delimiter=",", skiprows=1, unpack=True)
    yield "thermocouple, mV to degrees", emf, temperature, (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
    yield "thermocouple, degrees to mV", temperature, emf, (0.001, 0.005, 0.02, 0.1)
    for rows in (61, 13):
        flow = np.linspace(0, 60, rows)
        yield f"head of a pump, {rows} rows", flow, 52 - 0.008 * flow**2 - 0.02 * flow, (0.01, 0.05, 0.1, 0.5, 1.0)
    for rows in (20, 50, 200, 10_000):
        x = np.linspace(0, 6 * np.pi, rows)
        yield f"3 periods of a sine, {rows} rows", x, np.sin(x), (0.01, 0.1)
    walk = np.cumsum(np.random.default_rng(0).normal(size=100_000))
    yield "walk, 100,000 rows", np.arange(100_000.0), walk, (0.3, 1.0, 3.0)


def main() -> None:
    print(f"{'table':32} {'tolerance':>9} {'rows':>7} {'lines':>7} {'left by':>8} {'below':>7} {'above':>7}")
    for name, x, y, tolerances in tables():
        for eps in tolerances:
            rows, lines = (approximate(x, y, tolerance=eps, between=between) for between in ("rows", "lines"))
            below, above = (approximate(x, y, bounds=bounds) for bounds in ((y - eps, y), (y, y + eps)))
            left = max(rows.max_error_between / eps - 1.0, 0.0)
            counts = f"{rows.n_neurons:7d} {lines.n_neurons:7d} {left:8.2f} {below.n_neurons:7d} {above.n_neurons:7d}"
            print(f"{name:32} {eps:9g} {counts}")


if __name__ == "__main__":
    main()
