"""Generated tables with checks that need no other solver: rows met, counts under symmetries, bounds below values."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import wraps
from itertools import pairwise
from typing import Any

import numpy as np
from trials import refused_clearly

import reluctant as r

SHAPES = ("even", "drawn", "stamps", "tiny", "huge", "levels", "walk", "line", "corners", "close", "subnormal", "wide")
SMALLEST = 5e-324
PLAIN = ("even", "drawn", "levels", "walk", "line", "corners")
"""Tables that no verb may refuse."""


def table(rng: np.random.Generator, shape: str, most: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one input, unsorted, of a kind that users have; `n` from 1 to `most`."""
    n = int(rng.integers(1, most + 1))
    x = np.arange(n, dtype=float)
    y = rng.normal(size=n)
    if shape == "drawn":
        x = rng.normal(size=n)
    elif shape == "stamps":
        x = 1.7e9 + np.cumsum(rng.integers(1, 600, n))
    elif shape in ("tiny", "huge"):
        scale = 10.0 ** (rng.uniform(-140, -20) if shape == "tiny" else rng.uniform(20, 140))
        x, y = x * scale, y * 10.0 ** rng.uniform(-100, 100)
    elif shape == "levels":
        y = rng.integers(0, 3, n).astype(float)
    elif shape == "walk":
        y = np.cumsum(rng.integers(-2, 3, n)).astype(float)
    elif shape == "line":
        x, y = x * 0.1, 0.3 * x - 2.0
    elif shape == "corners":
        y = np.abs(x - n // 2) + np.maximum(x - n // 3, 0.0)
    elif shape == "close":
        x = x + rng.choice([0.0, 0.0, 2.0**-30], n) * rng.random(n)
        y = np.round(x) + rng.choice([0.0, 1e-13], n)
    elif shape == "subnormal":
        y = rng.integers(-9, 10, n) * 5e-324
    elif shape == "wide":
        y = y * 10.0 ** rng.uniform(-12, 12, n)
    order = rng.permutation(n)
    return x[order], y[order]


def on_tables(check: Callable[[np.random.Generator, str, np.ndarray, np.ndarray], None]) -> Callable[[int], None]:
    """A check on a generated table, which may be refused, in a clear sentence, if it is not plain."""

    @wraps(check)
    def checked(seed: int) -> None:
        rng, shape = np.random.default_rng(seed), SHAPES[seed % len(SHAPES)]
        x, y = table(rng, shape)
        try:
            check(rng, shape, x, y)
        except (ValueError, TypeError) as error:
            refused_clearly(error)
            if shape in PLAIN:
                raise AssertionError(f"refused a plain table: {error}") from error

    return checked


def met(solution: Any, x: np.ndarray, y: np.ndarray, tolerance: float = 0.0) -> None:
    """Every row within the tolerance, by the function and by the network, and the bound not above what was found.

    To the last digit of the smallest floats; and of a network, to the rounding of its terms, far from zero.
    """
    slack = tolerance + 1e-9 * np.abs(y).max() + 8 * SMALLEST
    terms = np.abs(solution.function.slopes).max() * np.abs(x).max()
    assert np.abs(solution.predict(x) - y).max() <= slack, "a row is missed"
    assert np.abs(solution.network(x) - y).max() <= slack + 1e-14 * terms, "a row is missed by the network"
    assert solution.certificate.lower_bound <= solution.found * (1 + 1e-9), "a bound above what was found"


def images(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """A table with the same counts: mirrored, upside down, in other units, with rows repeated; and its unit of y."""
    kind = int(rng.integers(5))
    if kind == 0:
        return -x, y, 1.0
    if kind == 1:
        return x, -y, 1.0
    if kind == 2:
        return x * 2.0**-3, y, 1.0
    if kind == 3:
        return x, y * 2.0**5, 2.0**5
    again = rng.integers(len(x), size=2)
    return np.append(x, x[again]), np.append(y, y[again]), 1.0


def fewest(x: np.ndarray, y: np.ndarray) -> int:
    """Knots of the sparsest interpolant of the floats as they are, by its formula: half of each run, rounded up."""
    order = np.argsort(x)
    xs, ys = [Fraction(float(v)) for v in x[order]], [Fraction(float(v)) for v in y[order]]
    slopes = [(b - a) / (t - s) for s, t, a, b in zip(xs, xs[1:], ys, ys[1:])]
    signs = [(b > a) - (b < a) for a, b in pairwise(slopes)]
    count, length, last = 0, 0, 0
    for sign in [*signs, 0]:
        if sign != last:
            count, length = count + (length + 1) // 2 * bool(last), 0
        length, last = length + 1, sign
    return count


@on_tables
def interpolated(rng: np.random.Generator, shape: str, x: np.ndarray, y: np.ndarray) -> None:
    """`interpolate` on the line, p = 0, ½ and 1: rows met, the fewest knots, as many for the table's images."""
    p = float(rng.choice([0.0, 0.5, 1.0]))
    solution = r.interpolate(x, y, p)
    met(solution, x, y)
    if p < 1:
        u, v, _ = images(rng, x, y)
        other = r.interpolate(u, v, p)
        same = shape not in PLAIN or other.n_neurons == solution.n_neurons
        assert same, f"{solution.n_neurons} knots, {other.n_neurons} of its image"
    if p == 0 and shape in ("even", "levels", "walk") and rng.random() < 0.2:
        assert solution.n_neurons == fewest(x, y), "not the fewest knots"


@on_tables
def approximated(rng: np.random.Generator, shape: str, x: np.ndarray, y: np.ndarray) -> None:
    """`approximate` on the line: within the tolerance, as few for its images, no fewer for a smaller tolerance."""
    tolerance = float(rng.choice([0.01, 0.1, 0.5]) * np.ptp(y))
    between = str(rng.choice(["rows", "lines"]))
    solution = r.approximate(x, y, tolerance=tolerance, between=between)
    met(solution, x, y, tolerance)
    u, v, unit = images(rng, x, y)
    other = r.approximate(u, v, tolerance=tolerance * unit, between=between)
    assert shape not in PLAIN or other.n_neurons == solution.n_neurons, "another count for its image"
    finer = r.approximate(x, y, tolerance=tolerance / 3, between=between)
    assert finer.n_neurons >= solution.n_neurons, "a smaller tolerance with fewer neurons"


@on_tables
def shortest_error(rng: np.random.Generator, shape: str, x: np.ndarray, y: np.ndarray) -> None:
    """`error_path`: the error falls with the neurons, and its tolerance needs no more of them."""
    path = r.error_path(x, y)
    solutions = [path.solution(k) for k in range(len(path))]
    values = [float(np.abs(solution.predict(x) - y).max()) for solution in solutions]
    slack = 1e-9 * float(np.abs(y).max()) + 8 * SMALLEST
    assert all(b <= a + slack for a, b in pairwise(values)), "an error that grows with the neurons"
    k = int(rng.integers(len(path)))
    assert solutions[k].certificate.lower_bound <= values[k] + slack, "a bound above the error"
    again = r.approximate(x, y, tolerance=values[k] + slack)
    assert again.n_neurons <= k, "more neurons than the path has for this error"


@on_tables
def followed(rng: np.random.Generator, shape: str, x: np.ndarray, y: np.ndarray) -> None:
    """`p_path`: at its ends and at any p it has the value that `interpolate` has at that p."""
    path = r.p_path(x, y)
    p = float(rng.uniform(0.05, 0.95))
    for q in (0.0, p):
        mine, other = path.solution(q), r.interpolate(x, y, q)
        met(mine, x, y)
        # The changes are taken from the slopes, whose last digits they have.
        (a, s), (b, t) = (_value(one.function, q) for one in (mine, other))
        assert abs(a - b) <= 1e-8 * b + s + t, f"another value at p = {q}"


def _value(function: r.PiecewiseLinear, p: float) -> tuple[float, float]:
    """Σ|c|^p and what the rounding of the slopes can change it by."""
    c, rounding = np.abs(function.slope_changes), 1e-15 * np.abs(function.slopes).max()
    return float(np.sum(c**p)), float(np.sum((c + rounding) ** p - np.maximum(c - rounding, 0.0) ** p))


def many_inputs(seed: int) -> None:
    """`interpolate` and `approximate` on two and three inputs: rows met, bounds not above what was found."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 9)), int(rng.integers(2, 4))
    X = rng.normal(size=(n, d)) if seed % 3 else rng.integers(0, 4, (n, d)).astype(float)
    y = rng.normal(size=n) if seed % 2 else rng.integers(0, 3, n).astype(float)
    X, first = np.unique(X, axis=0, return_index=True)
    y = y[first]
    tolerance = 0.0 if seed % 4 < 2 else 0.2
    if tolerance:
        solution = r.approximate(X, y, tolerance=tolerance, time_limit=0.1, random_state=seed)
    else:
        solution = r.interpolate(X, y, time_limit=0.1, random_state=seed)
    assert np.abs(solution.network(X) - y).max() <= tolerance * (1 + 1e-9) + 1e-9 * np.abs(y).max(), "a row is missed"
    assert solution.certificate.lower_bound <= solution.found, "a bound above what was found"
    assert solution.n_parameters <= (d + 2) * len(y) + d + 1, "more numbers than a neuron for each row"


def regressed(seed: int) -> None:
    """`regress` on one input and on two: finite, and no worse than the constant and, on the line, the straight line."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(3, 20)), 1 + seed % 2
    X, y = rng.normal(size=(n, d)), rng.normal(size=n)
    p, alpha = float(rng.choice([0.0, 0.5, 1.0] if d == 1 else [0.5, 1.0])), float(10.0 ** rng.uniform(-3, 0))
    solution = r.regress(X, y, alpha=alpha, p=p, time_limit=30, random_state=seed)  # sooner, it may be zero
    loss = float(np.mean((solution.predict(X) - y) ** 2)) / 2
    straight = np.column_stack([np.ones(n), X])
    best = float(np.mean((y - straight @ np.linalg.lstsq(straight, y, rcond=None)[0]) ** 2)) / 2
    assert np.isfinite(loss), "no finite loss"
    assert loss <= best * (1 + 1e-6) + 1e-9, "a network worse than the straight line"


def estimated(seed: int) -> None:
    """Estimators on small tables: finite, no worse than the mean by much on its own rows, labels among those given."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(12, 40)), int(rng.integers(1, 4))
    X = rng.normal(size=(n, d))
    y = np.abs(X[:, 0]) + 0.1 * rng.normal(size=n)
    if seed % 2:
        model = r.SparseReLURegressor(random_state=0, time_limit=0.5).fit(X, y)
        assert np.mean((model.predict(X) - y) ** 2) <= 1.05 * np.var(y), "worse than the mean"
    else:
        labels = np.where(y > np.median(y), "high", "low")
        model = r.SparseReLUClassifier(random_state=0, time_limit=0.5).fit(X, labels)
        assert set(model.predict(X)) <= {"high", "low"}, "a label that was not given"
        assert np.allclose(model.predict_proba(X).sum(axis=1), 1.0), "probabilities that do not add up to one"
