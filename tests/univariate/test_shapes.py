"""Functions of a shape: against linear programs over all breaks, and exact answers from all pairs and triples."""

import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import exact_sweep
from reluctant import InfeasibleError, approximate
from shape_oracles import (
    SHAPES,
    fewest_knots_of_shape,
    forbidding_pair,
    forbidding_triple,
    is_possible,
    least_excess_lp,
    levelled,
    n_kinks,
    value_at,
)
from univariate.shaped_tables import assert_of_shape, assert_right, band_of, drawn, noisy
from univariate.strategies import tables


def assert_refused_for_good_reason(error, data, eps, names):
    """The rows named forbid the shape, exactly; the remedy is enough, and not by far."""
    (slope, bend), (lo, hi) = SHAPES[names], band_of(data, eps)
    rows = [int(row) for row in re.findall(r"\(row (\d+)\)", str(error))]
    if len(rows) == 3:
        rows = [rows[0], rows[2], rows[1]]  # the ends, then what is between them
        corner = [[v[i] for i in rows] for v in (data.exact_x, lo, hi)]
        assert forbidding_triple(*corner, bend) == (0, 1, 2)
    else:
        assert forbidding_pair([lo[i] for i in rows], [hi[i] for i in rows], slope) == (0, 1)
    more = float(re.search(r"larger by (\S+) would do", str(error))[1])
    approximate(data.x, data.y, tolerance=np.array([float(e) for e in eps]) + more, shape=names)
    less = [e + Fraction(more) * Fraction(9999, 10000) for e in eps]
    assert not is_possible(data.exact_x, *band_of(data, less), SHAPES[names])


def check_against_exact_answers(rng, names, most):
    """One drawn table; True where it has a function of the shape."""
    data, eps, floats = drawn(rng, int(rng.integers(1, most)), names)
    band = band_of(data, eps)
    if not is_possible(data.exact_x, *band, SHAPES[names]):
        with pytest.raises(InfeasibleError) as refusal:
            approximate(data.x, data.y, tolerance=floats, shape=names)
        assert_refused_for_good_reason(refusal.value, data, eps, names)
        return False
    solution = approximate(data.x, data.y, tolerance=floats, shape=names)
    expected = fewest_knots_of_shape(data.exact_x, *band, SHAPES[names])
    assert solution.n_neurons == solution.certificate.lower_bound == expected, (data.x, data.y, floats)
    assert solution.is_optimal
    assert_right(solution, data, floats, names)
    assert expected == exact_sweep(data.exact_x, *band), "a shape costs no knot"
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_fewest_knots_of_a_shape_are_those_of_exact_arithmetic_and_cost_nothing(names):
    rng = np.random.default_rng(60)
    possible = sum(check_against_exact_answers(rng, names, 14) for _ in range(70))
    assert 20 <= possible <= 65


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_fewest_knots_of_a_shape_are_those_of_exact_arithmetic_on_more_tables(names):
    for seed in range(1000):
        try:
            check_against_exact_answers(np.random.default_rng([61, seed]), names, 24)
        except Exception:
            print(f"seed {seed}")
            raise


def check_against_linear_programs(rng, names, most):
    """One table of floats; True where there was a number of knots to show too small."""
    shape, n = SHAPES[names], int(rng.integers(4, most))
    x = np.cumsum(rng.uniform(0.2, 2.0, n))
    y = (
        rng.normal(size=n) * rng.choice([0.2, 0.5])
        + shape[0] * x
        + shape[1] * (x - x.mean()) ** 2 * rng.uniform(0.1, 1)
    )
    eps = rng.uniform(0.05, 0.5, n)
    try:
        solution = approximate(x, y, tolerance=eps, shape=names)
    except InfeasibleError:
        return False
    knots = solution.n_neurons
    if knots > 3 or knots == 0:
        return False
    assert least_excess_lp(x, y - eps, y + eps, shape, knots) <= 1e-8
    assert least_excess_lp(x, y - eps, y + eps, shape, knots - 1) > 1e-8
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_no_function_of_the_shape_has_fewer_knots_by_linear_programs_over_all_breaks(names):
    rng = np.random.default_rng(62)
    assert sum(check_against_linear_programs(rng, names, 7) for _ in range(8)) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_no_function_of_the_shape_has_fewer_knots_by_linear_programs_on_more_tables(names):
    rng = np.random.default_rng(63)
    assert sum(check_against_linear_programs(rng, names, 8) for _ in range(150)) >= 20


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    data=tables(max_points=12),
    factors=st.lists(st.integers(0, 4), min_size=12, max_size=12),
    names=st.sampled_from(list(SHAPES)),
)
def test_fewest_knots_of_a_shape_in_any_unit(data, factors, names):
    unit = max(abs(y) for y in data.exact_y) / 8
    eps = [f * unit for f in factors[: len(data.x)]]
    floats, band = np.array([float(e) for e in eps]), band_of(data, eps)
    if not is_possible(data.exact_x, *band, SHAPES[names]):
        with pytest.raises(InfeasibleError, match=" function is within the band: "):
            approximate(data.x, data.y, tolerance=floats, shape=names)
        return
    solution = approximate(data.x, data.y, tolerance=floats, shape=names)
    assert solution.n_neurons == fewest_knots_of_shape(data.exact_x, *band, SHAPES[names])
    assert_right(solution, data, floats, names)


# A shape costs no knot


def any_function(rng):
    """A polyline of whole corners, rows, and upper bounds at the rows that some increasing function keeps with it."""
    corners = np.cumsum(rng.integers(1, 5, int(rng.integers(2, 9))))
    f = [
        (Fraction(int(t)), Fraction(int(v))) for t, v in zip(corners, rng.integers(-5, 6, len(corners)) + corners // 2)
    ]
    inner = rng.integers(4 * corners[0], 4 * corners[-1], int(rng.integers(1, 9)))
    x = sorted({f[0][0], f[-1][0], *(Fraction(int(t), 4) for t in inner)})
    lo = [value_at(f, t) - Fraction(int(rng.integers(0, 13)), 2) for t in x]
    low = [max(lo[: i + 1]) for i in range(len(x))]
    hi = [max(value_at(f, t), low_i) + Fraction(int(rng.integers(0, 5)), 2) for t, low_i in zip(x, low)]
    return f, x, lo, hi


def check_the_levels(rng):
    f, x, lo, hi = any_function(rng)
    g = levelled(f, x, hi)
    assert all(a <= b and v <= w for (a, v), (b, w) in pairwise(g))
    assert (g[0][0], g[-1][0]) == (x[0], x[-1])
    assert all(low <= value_at(g, t) <= high for t, low, high in zip(x, lo, hi))
    assert n_kinks(g) <= n_kinks(f)
    return g != f


def test_any_function_within_a_band_can_be_made_increasing_without_a_knot_more():
    rng = np.random.default_rng(64)
    assert sum(check_the_levels(rng) for _ in range(400)) > 200


@pytest.mark.slow
def test_any_function_within_a_band_can_be_made_increasing_without_a_knot_more_in_20_000_cases():
    for seed in range(20_000):
        check_the_levels(np.random.default_rng([65, seed]))


def check_the_price(rng, names):
    x, y, eps = noisy(rng, int(rng.integers(1, 80)), names)
    try:
        solution = approximate(x, y, tolerance=eps, shape=names)
    except InfeasibleError:
        return False
    assert solution.n_neurons == approximate(x, y, tolerance=eps).n_neurons
    assert_of_shape(solution.function, SHAPES[names])
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_a_shape_costs_no_knot(names):
    rng = np.random.default_rng(66)
    assert sum(check_the_price(rng, names) for _ in range(150)) > 60


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_a_shape_costs_no_knot_in_5000_tables(names):
    for seed in range(5000):
        check_the_price(np.random.default_rng([67, seed]), names)
