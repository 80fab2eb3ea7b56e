"""`max_error_between` against rational arithmetic."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from oracles import exact
from reluctant import approximate, interpolate, regress
from univariate.strategies import GENERATORS


def exact_value(f, t: Fraction) -> Fraction:
    k = sum(Fraction(knot) <= t for knot in f.knots.tolist())
    X, Y, M = (Fraction(float(v)) for v in (f.anchors[0, k], f.anchors[1, k], f.slopes[k]))
    return Y + M * (t - X)


def exact_distance(f, x, y, per_interval: int = 7) -> Fraction:
    """The largest distance from the polyline at the rows, at the knots and at points between them, in rationals."""
    rows = sorted(zip(exact(x), exact(y)))
    largest = max(abs(exact_value(f, t) - v) for t, v in rows)
    knots = exact(f.knots)
    for (a, u), (b, v) in pairwise(rows):
        if a < b:
            points = [a + (b - a) * Fraction(i, per_interval) for i in range(1, per_interval)]
            for t in points + [t for t in knots if a < t < b]:
                largest = max(largest, abs(exact_value(f, t) - (u + (v - u) * (t - a) / (b - a))))
    return largest


@pytest.mark.parametrize("kind", GENERATORS)
def test_error_between_is_the_largest_distance_from_the_polyline(kind):
    rng = np.random.default_rng(70)
    for _ in range(15):
        data = GENERATORS[kind](rng, int(rng.integers(1, 25)))
        spread, scale = float(np.ptp(data.y)), float(np.abs(data.y).max())
        asked = [interpolate(data.x, data.y, p) for p in (0, 0.5)]
        asked += [approximate(data.x, data.y, tolerance=spread * share) for share in (0, 0.05, 0.3)]
        asked += [regress(data.x, data.y, alpha=spread / 50, p=p) for p in (1, 0.5)]
        asked += [interpolate(data.x, data.y, affine=False)]
        for solution in asked:
            distance = float(exact_distance(solution.function, data.x, data.y))
            assert solution.max_error_between == pytest.approx(distance, rel=1e-9, abs=1e-12 * scale)
            assert solution.max_error_between >= solution.max_error


def test_where_one_x_has_several_y_the_farther_polyline_counts():
    rng = np.random.default_rng(71)
    for _ in range(40):
        x = rng.integers(0, 9, 25).astype(float)
        y = np.sin(x) + rng.uniform(-0.1, 0.1, 25)
        every = sorted(set(x.tolist()))
        least, largest = ([pick(y[x == t].tolist()) for t in every] for pick in (min, max))
        for solution in (approximate(x, y, tolerance=0.2), regress(x, y, alpha=0.01, p=1)):
            distance = max(exact_distance(solution.function, every, values) for values in (least, largest))
            assert solution.max_error_between == pytest.approx(float(distance), rel=1e-9)


def test_tolerance_at_the_rows_says_less_than_the_error_between_them():
    x = np.linspace(0, 6 * np.pi, 20)
    solution = approximate(x, np.sin(x), tolerance=0.01)
    assert solution.max_error <= 0.01 * (1 + 1e-9)
    assert solution.max_error_between > 0.1


def test_rows_that_do_not_count_are_not_on_the_polyline():
    x, y = [0.0, 1, 2, 3], [0.0, 1e6, 0, 1]
    assert approximate(x, y, tolerance=[0.1, np.inf, 0.1, 0.1]).max_error_between < 1
    assert regress(x, y, alpha=0.1, sample_weight=[1, 0, 1, 1]).max_error_between < 1


def test_solutions_of_several_inputs_have_none():
    assert interpolate([[0.0, 1], [1, 0], [2, 5]], [1, 2, 3], random_state=0).max_error_between is None
