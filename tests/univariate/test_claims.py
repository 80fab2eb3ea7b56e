"""What certificates of interpolants claim, against rationals, on data that nearly lie on lines."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from oracles import brute_force_interpolant, exact, fewest_knots, total_variation
from reluctant import approximate, interpolate, p_path
from reluctant.errors import TooSteepError
from univariate.strategies import GENERATORS

# Exact interpolants of these have one knot; drawing nearly collinear points as one link makes two.
FALSE_CORNERS = [
    (np.arange(9.0), 1.7e15 + np.array([0, 0, 7, 15, 23, 31, 39, 47, 55.0])),
    (1.7e15 + np.array([2, 5, 7, 10, 13.0]), 3e9 + np.array([0, 24, 54, 102, 150.0])),
    (np.arange(6.0), 1e14 + np.array([0, 0, 1, 2.0625, 3.125, 4.1875])),
    (np.arange(5.0), np.array([0.5, 0.5, 0.5000000000000016, 0.5000000000000036, 0.5000000000000056])),
    (np.array([1.0, 4, 7, 8, 9]), 1e15 + np.array([0, 0, 9, 12.5, 16])),
]


def least_value(x, y, p) -> float:
    return float(total_variation(x, y)) if p == 1 else brute_force_interpolant(x, y, p)


@pytest.mark.parametrize("table", range(len(FALSE_CORNERS)))
def test_corners_that_straight_links_would_make_are_not_counted(table):
    x, y = FALSE_CORNERS[table]
    solution = interpolate(x, y)
    assert (solution.n_neurons, solution.certificate.lower_bound, fewest_knots(x, y)) == (1, 1, 1)
    assert p_path(x, y).n_knots(0) == 1
    assert p_path(x, y).critical_p == p_path(x, y, rtol=0).critical_p
    for p in (0.1, 0.5, 0.9):
        least = least_value(x, y, p)
        found = interpolate(x, y, p)
        assert least * (1 - 1e-9) <= found.certificate.lower_bound <= least
        assert found.value == pytest.approx(least, rel=1e-9)


def offsets(rng: np.random.Generator, x, y):
    return x, y + 10.0 ** rng.integers(12, 16)


def far_away(rng: np.random.Generator, x, y):
    return x + 10.0 ** rng.integers(12, 16), y


def decimals(rng: np.random.Generator, x, y):
    return 0.1 * x, 0.1 * y + 0.5


def last_bits(rng: np.random.Generator, x, y):
    return x, 0.5 + y * rng.choice([2.0**-52, 2.0**-51, 3e-16, 1e-15, 1e-13, 1e-10])


def slanted(rng: np.random.Generator, x, y):
    return x, x * rng.normal() + y * rng.choice([1e-16, 1e-15, 1e-14, 1e-12, 1e-9])


NEAR_LINES = [offsets, far_away, decimals, last_bits, slanted]


def nearly_collinear(rng: np.random.Generator, kind) -> tuple[np.ndarray, np.ndarray]:
    n = int(rng.integers(3, 10))
    slopes = np.cumsum(rng.integers(-1, 3, n)) if rng.random() < 0.5 else rng.integers(-2, 3, n)
    x, y = np.cumsum(rng.integers(1, 4, n)), np.cumsum(slopes * rng.integers(1, 3, n))
    return kind(rng, x.astype(float), y.astype(float))


def norm_rtol(solution, x) -> float:
    """1e-9; far from x = 0 the network bends slopes by up to 2^-31 of themselves, so as to reproduce y."""
    f = solution.function
    if np.abs(x).max() < 2**20 * np.ptp(x) or f.n_knots == 0:
        return 1e-9
    return max(1e-9, 2.0**-31 * np.abs(f.slopes).max() / np.abs(f.slope_changes).min())


def assert_claims_hold(x, y) -> None:
    """The bound holds for every interpolant of the very floats, and what is returned meets it."""
    X, Y = exact(x), exact(y)
    path = p_path(x, y)
    sparsest, fewest = interpolate(x, y), fewest_knots(X, Y)
    assert sparsest.n_neurons == sparsest.certificate.lower_bound == path.n_knots(0) <= fewest
    assert interpolate(x, y, rtol=0).n_neurons == fewest
    for p in (0.1, 0.5, 0.95, 1):
        least, found = least_value(X, Y, p), interpolate(x, y, p)
        bound = found.certificate.lower_bound
        assert bound <= least * (1 + 1e-13)  # the oracle's powers are floats
        assert found.value * (1 - 1e-9) <= bound <= found.value <= least * (1 + 1e-9)
        assert path.solution(p).certificate.lower_bound <= least * (1 + 1e-13)
        strict = interpolate(x, y, p, rtol=0)
        assert strict.value == pytest.approx(least, rel=1e-9, abs=0)
        for solution in (found, strict):
            assert solution.network.path_norm(p) == pytest.approx(solution.value, rel=norm_rtol(solution, x), abs=0)
            assert np.abs(solution.predict(x) - y).max() <= 1e-9 * np.abs(y).max()


@pytest.mark.parametrize("kind", NEAR_LINES)
def test_claims_hold_on_data_near_lines(kind):
    rng = np.random.default_rng(40)
    for _ in range(60):
        assert_claims_hold(*nearly_collinear(rng, kind))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", NEAR_LINES)
def test_claims_hold_on_more_data_near_lines(kind, seed):
    rng = np.random.default_rng(41 + seed)
    for _ in range(1000):
        assert_claims_hold(*nearly_collinear(rng, kind))


def test_bound_of_the_variation_is_below_the_exact_one():
    """Summed in floats, the jumps of nearly equal slopes are above it by 2e-9."""
    x = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    y = np.concatenate([[0], np.cumsum((1 + 1e-8 * np.array([0, 1, 2.3, 3.1, 5.7])) * np.diff(x))])
    least = total_variation(x, y)
    bound = Fraction(interpolate(x, y, 1).certificate.lower_bound)
    assert least * Fraction(1 - 1e-9) <= bound <= least


def test_network_has_the_path_norm_of_slopes_that_agree_in_float64():
    x, y = np.arange(3.0), np.array([-2e266, 3.3000000000000198e280, 6.599999999999979e280])
    solution = interpolate(x, y, 0.5)
    assert solution.network.path_norm(0.5) == pytest.approx(brute_force_interpolant(x, y, 0.5), rel=1e-9)
    assert np.abs(solution.function.slope_changes) == pytest.approx(float(total_variation(x, y)), rel=1e-9)


@pytest.mark.parametrize("kind", GENERATORS)
def test_bounds_of_subnormal_values_are_not_above_them(kind):
    """Jumps that underflow has rounded do not count."""
    rng = np.random.default_rng(42)
    for _ in range(20):
        data = GENERATORS[kind](rng, 8)
        x, y = data.x / 64, np.rint(data.y * 8) * 5e-324
        if np.any(y != 0):
            for p in (0.1, 0.5, 1):
                found, least = interpolate(x, y, p), least_value(x, y, p)
                assert found.certificate.lower_bound <= least * (1 + 1e-9)


@pytest.mark.parametrize("verb", [interpolate, lambda x, y: approximate(x, y, tolerance=0)])
def test_straight_line_in_float32_needs_no_knot(verb):
    """As numbers of float64 the values have 158 knots; a list of them keeps these."""
    x = np.linspace(0, 1, 200, dtype=np.float32)
    y = np.float32(0.3) * x + np.float32(0.1)
    assert verb(x, y).n_neurons == verb(pd.Series(x), pl.Series(y)).n_neurons == 0
    assert verb(x.astype(float), y).n_neurons == verb(x, y.astype(float)).n_neurons == 0
    assert verb(x.tolist(), y.tolist()).n_neurons > 50
    assert p_path(x, y).n_knots(0) == 0
    assert verb(x, np.abs(y - np.float32(0.2))).n_neurons == 1


def test_float32_does_not_widen_a_tolerance_that_is_above_its_rounding():
    x = np.linspace(0, 1, 500, dtype=np.float32)
    y = np.sin(9 * x)
    assert approximate(x, y, tolerance=1e-3).max_error <= 1e-3 * (1 + 1e-9)


def test_network_bends_as_little_as_data_around_a_zero():
    """The knot is the only point that says how large values are, and there the function vanishes."""
    x = np.array([0.2, 0.30000000000000004, 0.4])
    assert_claims_hold(x, np.array([0.4, 0.0, -0.4]))


def test_a_count_is_not_lowered_by_its_network_where_float64_does_not_hold_the_bends():
    smallest = 5e-324
    y = np.array([9, 2, -5, 1, -1, 0, 6, -9]) * smallest
    solution = approximate(np.arange(8.0), y, tolerance=2 * smallest, between="lines")
    assert solution.n_neurons >= solution.certificate.lower_bound
    with pytest.raises(TooSteepError, match="rescale x or y"):
        solution.network  # noqa: B018
    assert solution.n_neurons >= solution.certificate.lower_bound
