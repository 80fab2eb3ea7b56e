"""Networks on the line without an affine part, against linear programs over hinges and exact sums of subsets."""

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from hinge_oracles import fewest_neurons, least_variation
from oracles import runs_of_jumps, slopes_of
from reluctant import interpolate
from reluctant.univariate import orientations
from univariate.strategies import GENERATORS, tables

UNITS = [1.0, 1e-140, 1e140]


def small_table(seed):
    """Integers, decimals or increasing integers on an uneven grid."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    x = np.cumsum(rng.integers(1, 4, n)) - float(rng.integers(0, 9))
    draw = (
        lambda: rng.integers(-3, 4, n),
        lambda: np.round(rng.normal(size=n), 3),
        lambda: rng.integers(1, 6, n).cumsum(),
    )
    return x, draw[seed % 3]().astype(float)


def assert_sound(solution, x, y):
    """The network interpolates without an affine part, and is the table everywhere."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    assert np.abs(solution.network(x) - y).max() <= 1e-9 * np.abs(y).max()
    assert solution.network.n_affine == 0
    width = max(np.ptp(x), 1e-300)
    far = np.concatenate([x, np.linspace(x.min() - 50 * width, x.max() + 50 * width, 41)])
    scale = np.abs(solution.predict(far)).max() + np.abs(solution.function.slopes).max() * 100 * width
    np.testing.assert_allclose(solution.network(far), solution.predict(far), rtol=0, atol=1e-9 * scale)
    assert solution.value == solution.network.path_norm(solution.p)
    assert solution.certificate.kind == "proved"
    assert solution.gap >= -1e-9 * abs(solution.found)


def check_least_variation(x, y):
    solution = interpolate(x, y, 1, affine=False)
    assert_sound(solution, x, y)
    assert solution.value == pytest.approx(least_variation(x, y), rel=1e-9, abs=1e-12)
    assert solution.is_optimal


@pytest.mark.gate(20)
@pytest.mark.parametrize("seed", range(60))
def test_p_one_has_the_least_value_of_all_hinges(seed):
    check_least_variation(*small_table(seed))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(data=tables(min_points=2, max_points=9))
def test_p_one_meets_its_bound_on_ties_and_units(data):
    solution = interpolate(data.x, data.y, 1, affine=False)
    assert_sound(solution, data.x, data.y)
    slopes = slopes_of(data.exact_x, data.exact_y)
    variation = sum((abs(b - a) for a, b in pairwise(slopes)), Fraction(0))
    least = max(variation, (variation + abs(slopes[0] + slopes[-1])) / 2)
    assert solution.value == pytest.approx(float(least), rel=1e-9)
    assert solution.is_optimal


def check_fewest(x, y, most=2):
    solution, free = interpolate(x, y, affine=False), interpolate(x, y)
    assert_sound(solution, x, y)
    assert solution.gap in (0, 1)
    if free.n_neurons <= most:
        fewest = fewest_neurons(x, y, free.n_neurons)
        assert solution.certificate.lower_bound <= fewest <= solution.n_neurons
        assert solution.n_neurons == fewest


@pytest.mark.gate(40)
@pytest.mark.parametrize("seed", range(100, 130))
def test_no_choice_of_intervals_sides_and_signs_has_fewer_neurons(seed):
    check_fewest(*small_table(seed))


@pytest.mark.slow
def test_no_choice_of_intervals_sides_and_signs_has_fewer_neurons_in_a_thousand_tables():
    for seed in range(1000, 2000):
        x, y = small_table(seed)
        check_least_variation(x, y)
        check_fewest(x, y)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(data=tables(min_points=2, max_points=10))
def test_one_more_is_claimed_exactly_where_no_subset_of_the_only_solution_makes_its_slope(data):
    if any(Fraction(float(v)) != w for v, w in zip((*data.x, *data.y), (*data.exact_x, *data.exact_y))):
        return
    slopes = slopes_of(data.exact_x, data.exact_y)
    changes, at = [], 1
    even = all(len(run) % 2 == 0 for run in runs_of_jumps(data.exact_x, data.exact_y))
    while even and at < len(slopes):
        if slopes[at] != slopes[at - 1]:
            changes.append(slopes[at + 1] - slopes[at - 1])
            at += 1
        at += 1
    sums = {sum(some, Fraction(0)) for size in range(len(changes) + 1) for some in combinations(changes, size)}
    solution = interpolate(data.x, data.y, affine=False)
    if even and -slopes[0] not in sums:
        assert solution.certificate.lower_bound == len(changes) + 1
        assert "in rationals" in solution.certificate.reason
        assert solution.is_optimal
    else:
        assert solution.certificate.lower_bound == interpolate(data.x, data.y).n_neurons
        assert not even or solution.is_optimal  # a subset is found where there is one


def test_a_last_bit_keeps_a_subset_from_its_sum_and_the_bound_says_so():
    """Sums are compared in rationals: the bound is about functions through the points to the last bit."""
    x, slopes = np.arange(6.0), np.array([1.0, -1.0, -2.0, 0.5, 1.0])
    y = np.concatenate([[0], np.cumsum(slopes)])
    assert orientations.needs_one_more(x, y) == 2
    y = np.concatenate([[0], np.cumsum([3.0, 1.0, 0.0, 2.0, 3.0])])  # −3, then 3: minus the first slope is a change
    assert orientations.needs_one_more(x, y) is None
    assert interpolate(x, y, affine=False).n_neurons == 2
    y[3] = np.nextafter(y[3], 9)
    assert orientations.needs_one_more(x, y) == 2
    solution = interpolate(x, y, affine=False)  # within rounding two neurons are enough
    assert (solution.n_neurons, solution.certificate.lower_bound, solution.is_optimal) == (2, 2, True)


def test_a_run_with_an_odd_number_of_points_slides():
    solution = interpolate([0, 1, 2], [0, 1, 3], affine=False)
    assert solution.n_neurons == 1
    np.testing.assert_allclose(solution.function.knots, [0.5])
    np.testing.assert_allclose(solution.predict([-7, 0.5, 3]), [0, 0, 5])


def test_the_best_matching_need_not_be_kept_without_an_affine_part():
    """Jumps 1.1, 1, 1 and a first slope of −1.1: the best matching costs a split more, another one nothing."""
    x, slopes = np.arange(5.0), np.array([-1.1, 0.0, 1.0, 2.0])
    solution = interpolate(x, np.concatenate([[0], np.cumsum(slopes)]), 0.5, affine=False)
    assert solution.value == pytest.approx(1.1**0.5 + 2**0.5, rel=1e-12)


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("p", [0, 0.3, 0.5, 0.9, 1])
def test_values_are_between_the_bounds_that_are_proved(kind, p):
    rng = np.random.default_rng(5)
    for n in (2, 3, 5, 8, 13, 40):
        data = GENERATORS[kind](rng, n)
        solution, free = interpolate(data.x, data.y, p, affine=False), interpolate(data.x, data.y, p)
        least = interpolate(data.x, data.y, 1, affine=False).value
        assert_sound(solution, data.x, data.y)
        assert solution.certificate.lower_bound >= free.certificate.lower_bound
        if 0 < p < 1:
            assert solution.certificate.lower_bound >= least**p * (1 - 1e-8)
            assert solution.value <= free.value + 2 * np.abs(free.function.slopes).max() ** p * (1 + 1e-9)
        if p == 1:
            assert solution.is_optimal


@pytest.mark.parametrize("p", [0, 0.5, 1])
@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
@pytest.mark.parametrize("unit", UNITS)
def test_without_an_affine_part_any_offset_and_scale_will_do(p, offset, unit):
    rng = np.random.default_rng(6)
    x = offset + rng.permutation(300.0 * np.arange(300))
    for y in (rng.normal(size=300), np.argsort(np.argsort(x)) ** 1.5, np.sort(x) * 0.7 - 3 * offset):
        solution = interpolate(x / unit, y * unit, p, affine=False)
        assert np.abs(solution.network(x / unit) - y * unit).max() <= 1e-9 * np.abs(y * unit).max()
        assert solution.certificate.kind == "proved"
        assert p == 0.5 or solution.is_optimal or (p == 0 and solution.gap == 1)


def test_an_increasing_table_needs_both_orientations_of_one_kink_or_a_hinge_outside():
    for y, value in (([0, 1, 11, 12], 18.0), ([5, 6, 6.5, 7.5], 1.5), ([-12, -11, -1, 0], 18.0)):
        for sign in (1, -1):
            solution = interpolate([0, 1, 2, 3], sign * np.array(y), 1, affine=False)
            assert solution.value == pytest.approx(value, rel=1e-14)
            assert solution.is_optimal
