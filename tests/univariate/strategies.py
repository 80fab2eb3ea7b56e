"""Data for the tests of the line: floats as a user has them, beside the numbers they stand for."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from oracles import exact


class Table(NamedTuple):
    """A table as floats (x, y) and as what was meant (exact_x, exact_y); they differ by rounding only."""

    x: np.ndarray
    y: np.ndarray
    exact_x: list[Fraction]
    exact_y: list[Fraction]


def table(numerators_x, numerators_y, unit_x: Fraction = Fraction(1), unit_y: Fraction = Fraction(1)) -> Table:
    """Integers or fractions times a unit: exact as fractions, correctly rounded as floats."""
    exact_x = [v * unit_x for v in exact(numerators_x)]
    exact_y = [v * unit_y for v in exact(numerators_y)]
    return Table(np.array([float(v) for v in exact_x]), np.array([float(v) for v in exact_y]), exact_x, exact_y)


def float_table(x, y) -> Table:
    """Floats that stand for themselves."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    return Table(x, y, [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y])


UNITS = [
    *(Fraction(1), Fraction(1, 10), Fraction(1, 1000), Fraction(1, 3)),
    *(Fraction(10) ** 12, Fraction(10) ** -12, Fraction(10) ** 100, Fraction(10) ** -100, Fraction(2) ** 300),
]


@st.composite
def tables(draw, min_points: int = 1, max_points: int = 11, units=UNITS) -> Table:
    """Small-integer data on an uneven grid, in any unit: ties, collinear stretches, long runs.

    Values, slopes or slope changes are drawn, so that each of these repeats often.
    """
    n = draw(st.integers(min_points, max_points))
    gaps = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    drawn = draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))
    kind = draw(st.sampled_from(["values", "slopes", "changes", "convex"]))
    if kind == "values":
        y = np.array(drawn)
    else:
        slopes = np.array(drawn) if kind == "slopes" else np.cumsum(np.abs(drawn) if kind == "convex" else drawn)
        y = np.cumsum(slopes * np.array(gaps))
    return table(np.cumsum(gaps), y, draw(st.sampled_from(units)), draw(st.sampled_from(units)))


def walk(rng: np.random.Generator, n: int) -> Table:
    return float_table(np.sort(rng.uniform(0, n, n)), np.cumsum(rng.normal(size=n)))


def noise(rng: np.random.Generator, n: int) -> Table:
    return float_table(np.cumsum(rng.uniform(0.1, 2, n)), rng.normal(size=n))


def convex(rng: np.random.Generator, n: int) -> Table:
    gaps = rng.uniform(0.1, 2, n)
    return float_table(np.cumsum(gaps), np.cumsum(gaps * np.cumsum(rng.lognormal(sigma=1.5, size=n))))


def wave(rng: np.random.Generator, n: int) -> Table:
    x = np.sort(rng.uniform(0, 10, n))
    return float_table(x, np.sin(x) + 0.02 * rng.normal(size=n))


def integers(rng: np.random.Generator, n: int) -> Table:
    return table(np.cumsum(rng.integers(1, 4, n)), rng.integers(-4, 5, n))


def integer_walk(rng: np.random.Generator, n: int) -> Table:
    return table(np.cumsum(rng.integers(1, 3, n)), np.cumsum(rng.integers(-1, 2, n)))


def integer_parabola(rng: np.random.Generator, n: int) -> Table:
    x = np.cumsum(rng.integers(1, 4, n))
    return table(x, (x - int(rng.integers(0, 12))) ** 2 // int(rng.integers(1, 6)))


def decimals(rng: np.random.Generator, n: int) -> Table:
    return table(np.cumsum(rng.integers(1, 4, n)), np.cumsum(rng.integers(-1, 2, n)), unit_y=Fraction(1, 10))


GENERIC: dict[str, Callable[[np.random.Generator, int], Table]] = {f.__name__: f for f in (walk, noise, convex, wave)}
TIED: dict[str, Callable[[np.random.Generator, int], Table]] = {
    f.__name__: f for f in (integers, integer_walk, integer_parabola, decimals)
}
GENERATORS = GENERIC | TIED
