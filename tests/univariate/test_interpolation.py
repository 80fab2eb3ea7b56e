"""`interpolate` on the line against enumeration, a MILP, exact arithmetic and the theorems of the field."""

from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import (
    brute_force_interpolant,
    brute_force_limit,
    fewest_knots,
    fewest_knots_milp,
    log_of,
    random_interpolant_value,
    runs_of_jumps,
    slopes_of,
    total_variation,
)
from reluctant import interpolate
from reluctant.univariate import _jumps, _kernels
from univariate.checks import assert_interpolates
from univariate.strategies import GENERATORS, GENERIC, TIED, float_table, integers, tables

ORDERS = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]
EXAMPLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"

on_tables = settings(derandomize=True, deadline=None, max_examples=150)


def assert_optimal(data, p) -> None:
    solution = interpolate(data.x, data.y, p=p)
    assert_interpolates(solution, data.x, data.y)
    if 0 < p < 1:
        best = brute_force_interpolant(data.exact_x, data.exact_y, p)
        assert solution.value == pytest.approx(best, rel=1e-9)
        assert solution.certificate.quantity == "value"
    else:
        knots, log_sum = brute_force_limit(data.exact_x, data.exact_y)
        assert solution.n_neurons == knots
        changes = np.abs(np.diff(solution.function.slopes))
        assert np.sum(np.log(changes)) == pytest.approx(log_sum, rel=1e-9, abs=1e-9 * max(knots, 1))


@on_tables
@given(data=tables(), p=st.sampled_from(ORDERS))
def test_dynamic_programme_equals_brute_force_on_ties_and_units(data, p):
    assert_optimal(data, p)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("kind", GENERATORS)
def test_dynamic_programme_equals_brute_force(kind, p):
    rng = np.random.default_rng(10)
    for _ in range(12):
        assert_optimal(GENERATORS[kind](rng, int(rng.integers(1, 13))), p)


@on_tables
@given(data=tables(min_points=3), gaps=st.integers(0, 2**16 - 1))
def test_jumps_and_knots_of_all_points_follow_from_those_of_any_corners(data, gaps):
    x, y = data.x, data.y
    kept = np.array([i for i in range(len(x)) if i in (0, len(x) - 1) or not gaps >> (i % 16) & 1])
    jumps, all_jumps = _jumps.slope_jumps(x[kept], y[kept]), _jumps.slope_jumps(x, y)
    assert (_kernels.jumps_of_all(x, y, kept, jumps) == all_jumps).all()
    runs = [len(list(run)) for sign, run in groupby(np.sign(all_jumps[1:-1])) if sign != 0]
    expected = sum((length + 1) // 2 for length in runs)
    assert _kernels.fewest_knots_of_all(x, y, kept, jumps) == expected
    assert _kernels.fewest_knots(all_jumps, np.empty(0, dtype=np.bool_)) == expected


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_no_random_interpolant_is_cheaper(p):
    rng = np.random.default_rng(11)
    for kind in GENERATORS:
        data = GENERATORS[kind](rng, 8)
        value = interpolate(data.x, data.y, p=p).value
        tried = [random_interpolant_value(data.exact_x, data.exact_y, p, rng) for _ in range(100)]
        assert min(tried) >= value * (1 - 1e-9)


@pytest.mark.parametrize("kind", TIED)
def test_knots_equal_the_milp(kind):
    rng = np.random.default_rng(12)
    for _ in range(250):
        data = TIED[kind](rng, int(rng.integers(1, 9)))
        assert interpolate(data.x, data.y).n_neurons == fewest_knots_milp(data.x, data.y, data.y)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TIED)
def test_knots_equal_the_milp_on_more_and_larger_tables(kind):
    rng = np.random.default_rng(13)
    for _ in range(1500):
        data = TIED[kind](rng, int(rng.integers(6, 13)))
        assert interpolate(data.x, data.y).n_neurons == fewest_knots_milp(data.x, data.y, data.y)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    y=st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=12),
    straight=st.booleans(),
)
def test_exact_predicate_counts_as_rational_arithmetic(y, straight):
    """Any floats, also a rounded straight line: rtol = 0 must see the last bit."""
    x = np.arange(len(y)) / 7.0
    y = 0.1 * x + y[0] if straight else np.array(y)
    assert interpolate(x, y, rtol=0.0).n_neurons == fewest_knots(x, y)


# [NN, Cor 3.1.1 and 3.1.2]


@on_tables
@given(data=tables(min_points=3), p=st.sampled_from([0.2, 0.5, 0.8]))
def test_total_slope_change_is_the_total_variation_for_every_p(data, p):
    function = interpolate(data.x, data.y, p=p).function
    variation = float(total_variation(data.exact_x, data.exact_y))
    assert np.abs(np.diff(function.slopes)).sum() == pytest.approx(variation, rel=1e-9)


@on_tables
@given(data=tables(min_points=2), p=st.sampled_from(ORDERS))
def test_slopes_never_exceed_the_steepest_of_the_data(data, p):
    steepest = max(abs(float(s)) for s in slopes_of(data.exact_x, data.exact_y))
    assert np.abs(interpolate(data.x, data.y, p=p).function.slopes).max() <= steepest * (1 + 1e-12)


@on_tables
@given(data=tables(min_points=3))
def test_value_at_p_one_is_the_total_variation(data):
    variation = float(total_variation(data.exact_x, data.exact_y))
    assert interpolate(data.x, data.y, p=1).value == pytest.approx(variation, rel=1e-9)


@on_tables
@given(data=tables())
def test_solution_at_p_one_is_the_sparsest(data):
    sparsest, at_one = interpolate(data.x, data.y, p=0), interpolate(data.x, data.y, p=1)
    np.testing.assert_array_equal(at_one.function.knots, sparsest.function.knots)


@on_tables
@given(data=tables(min_points=3))
def test_run_of_n_points_has_half_as_many_knots(data):
    knots = sum(-(-len(run) // 2) for run in runs_of_jumps(data.exact_x, data.exact_y))
    assert interpolate(data.x, data.y).n_neurons == knots


@pytest.mark.parametrize("kind", GENERATORS)
def test_without_runs_of_three_the_function_is_the_same_for_every_p(kind):
    rng = np.random.default_rng(14)
    tables_without_runs = 0
    for _ in range(2000):
        data = GENERATORS[kind](rng, 6)
        if all(len(run) < 3 for run in runs_of_jumps(data.exact_x, data.exact_y)):
            tables_without_runs += 1
            first, *others = (interpolate(data.x, data.y, p=p).function for p in ORDERS)
            for other in others:
                np.testing.assert_array_equal(other.knots, first.knots)
                np.testing.assert_array_equal(other.slopes, first.slopes)
        if tables_without_runs == 25:
            return
    assert kind == "convex", "too few tables without a run of three"


@pytest.mark.parametrize("p", ORDERS)
def test_peak_and_plateau_is_the_sparsest_function_for_every_p(p):
    solution = interpolate(range(-2, 4), [0, 0, 1, 1, 0, 0], p=p)
    np.testing.assert_allclose(solution.function.knots, [-1, 0.5, 2], rtol=1e-15)
    np.testing.assert_allclose(solution.function.slopes, [0, 1, -1, 0], atol=1e-15)
    t = np.linspace(-4, 5, 91)
    expected = np.maximum(t + 1, 0) - 2 * np.maximum(t - 0.5, 0) + np.maximum(t - 2, 0)
    np.testing.assert_allclose(solution.predict(t), expected, atol=1e-14)
    np.testing.assert_allclose(solution.network(t), expected, atol=1e-14)
    assert solution.value == pytest.approx(2 + 2**p)


@pytest.mark.parametrize("kind", GENERIC)
def test_sparsest_solution_is_the_limit_of_small_p(kind):
    rng = np.random.default_rng(15)
    for _ in range(10):
        data = GENERIC[kind](rng, 40)
        sparsest, near = interpolate(data.x, data.y, p=0), interpolate(data.x, data.y, p=1e-7)
        np.testing.assert_array_equal(near.function.knots, sparsest.function.knots)
        np.testing.assert_array_equal(near.function.slopes, sparsest.function.slopes)


def test_lexicographic_limit_holds_on_a_long_convex_run():
    """Σ log c of the chosen pairs against a plain two-key dynamic programme in rational arithmetic."""
    data = GENERIC["convex"](np.random.default_rng(16), 201)
    (jumps,) = runs_of_jumps(data.exact_x, data.exact_y)
    best = [(0, Fraction(1)), (1, jumps[0])]
    for before, jump in pairwise(jumps):
        alone = (best[-1][0] + 1, best[-1][1] * jump)
        paired = (best[-2][0] + 1, best[-2][1] * (before + jump))
        best.append(min(alone, paired))
    solution = interpolate(data.x, data.y)
    assert solution.n_neurons == best[-1][0]
    assert np.log(np.diff(solution.function.slopes)).sum() == pytest.approx(log_of(best[-1][1]), rel=1e-10)


# Symmetries


@pytest.mark.parametrize("p", [0, 0.5, 1])
@pytest.mark.parametrize("kind", GENERATORS)
def test_reflections_shifts_and_scales_change_the_solution_as_they_should(kind, p):
    rng = np.random.default_rng(17)
    for _ in range(10):
        data = GENERATORS[kind](rng, 30)
        solution = interpolate(data.x, data.y, p=p)

        negated = interpolate(data.x, -data.y, p=p)
        np.testing.assert_array_equal(negated.function.knots, solution.function.knots)
        np.testing.assert_array_equal(negated.function.slopes, -solution.function.slopes)

        scaled = interpolate(data.x * 2.0**40, data.y * 2.0**-30, p=p)
        np.testing.assert_array_equal(scaled.function.knots, solution.function.knots * 2.0**40)
        np.testing.assert_array_equal(scaled.function.slopes, solution.function.slopes * 2.0**-70)

        mirrored = interpolate(-data.x[::-1], data.y[::-1], p=p)
        shifted = interpolate(data.x + 2**20, data.y - 2**20, p=p)
        for other, tolerance in ((mirrored, 1e-9), (shifted, 1e-4)):
            if kind in GENERIC or p in (0, 1):
                assert other.n_neurons == solution.n_neurons
            assert other.value == pytest.approx(solution.value, rel=tolerance)


# Signs of decimal data


def assert_count_of_decimals(x, numerators) -> int:
    """The count for y = numerators / 10 on an even grid is that of the integers."""
    expected = fewest_knots(range(len(numerators)), numerators.tolist())
    assert interpolate(x, numerators / 10).n_neurons == expected
    assert interpolate(x, 0.1 * numerators).n_neurons == expected
    return expected


def test_decimal_walks_have_the_knots_of_their_integers():
    counts = []
    for seed in range(300):
        steps = np.random.default_rng(seed).integers(-1, 2, 199)
        numerators = np.concatenate([[0], np.cumsum(steps)])
        counts.append(assert_count_of_decimals(np.arange(200.0), numerators))
        expected = assert_count_of_decimals(0.1 * np.arange(200), numerators)
        assert expected == counts[-1]
    assert np.mean(counts) == pytest.approx(117.9, abs=0.5)


def test_decimal_walks_with_an_offset_in_x_have_the_knots_of_their_integers():
    """Rounding of x moves points by |slope| ulp(x): here by up to 1e-10 of data of size 1."""
    for seed in range(100):
        steps = np.random.default_rng(seed).integers(-1, 2, 199)
        numerators = np.concatenate([[0], np.cumsum(steps)])
        expected = fewest_knots(range(200), numerators.tolist())
        assert interpolate(1e6 + 0.1 * np.arange(200), 0.1 * numerators).n_neurons == expected


def test_naive_signs_would_grow_knots_on_decimal_walks():
    """The instances above do exercise the tolerance: float slope differences see far more knots."""
    naive, right = 0, 0
    for seed in range(30):
        steps = np.random.default_rng(seed).integers(-1, 2, 199)
        numerators = np.concatenate([[0], np.cumsum(steps)])
        signs = np.sign(np.diff(np.diff(0.1 * numerators)))
        naive += sum(-(-len(list(run)) // 2) for sign, run in groupby(signs) if sign)
        right += interpolate(np.arange(200), 0.1 * numerators).n_neurons
    assert naive > 1.1 * right


@pytest.mark.parametrize("n", [3, 10, 1000, 100_000])
def test_straight_line_in_tenths_has_no_knot(n):
    i = np.arange(n)
    lines = [(i, 0.1 * i), (0.1 * i, 0.3 * i), (1e6 + 0.1 * i, 0.1 * i), (i, 1e6 + 0.1 * i), (i, i / 3 - 7)]
    for x, y in lines:
        assert interpolate(x, y).n_neurons == 0


def test_chain_of_near_collinear_points_does_not_drift():
    """Every inner point of this parabola is within τ of the chord of its neighbours, yet it is no line."""
    x = np.linspace(0, 1, 100_001)
    y = 2e4 + x**2
    tau = 1e-14 * (2e4 + 1 + 2)
    assert np.all(np.abs(np.diff(y, 2)) / 2 <= tau)
    solution = interpolate(x, y)
    assert 1000 < solution.n_neurons < 60_000
    assert np.abs(solution.predict(x) - y).max() <= tau + 2 * np.spacing(2e4)


def thermocouple() -> tuple[np.ndarray, np.ndarray]:
    temperature, emf = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1, unpack=True)
    return emf, temperature


def test_rounding_of_the_thermocouple_table_grows_no_knots():
    emf, temperature = thermocouple()
    microvolts = np.rint(1000 * emf).astype(int).tolist()
    expected = fewest_knots(microvolts, temperature.astype(int).tolist())
    assert interpolate(emf, temperature).n_neurons == expected


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(18)
    data = integers(rng, 40)
    order = rng.permutation(40)
    solution, shuffled = interpolate(data.x, data.y, p=0.4), interpolate(data.x[order], data.y[order], p=0.4)
    np.testing.assert_array_equal(shuffled.function.knots, solution.function.knots)
    np.testing.assert_array_equal(shuffled.function.slopes, solution.function.slopes)


def test_same_call_gives_the_same_bits():
    data = float_table(*np.random.default_rng(19).normal(size=(2, 500)))
    first, second = interpolate(data.x, data.y, p=0.5), interpolate(data.x, data.y, p=0.5)
    np.testing.assert_array_equal(first.function.knots, second.function.knots)
    assert first.value == second.value
