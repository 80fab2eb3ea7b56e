"""The oracles agree with each other where they answer the same question in different ways."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import (
    MUTANTS,
    brute_force_interpolant,
    brute_force_limit,
    brute_force_matching,
    brute_force_vertices,
    changes_by_matching,
    changes_by_vertex,
    exact_sweep,
    fewest_knots,
    fewest_knots_milp,
    random_interpolant_value,
    sparsest_limit,
    total_variation,
)
from univariate.strategies import GENERATORS, TIED, float_table, tables

ORDERS = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]
integer_jumps = st.lists(st.integers(1, 4), min_size=1, max_size=9)
real_jumps = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(jumps=integer_jumps | real_jumps)
def test_best_matching_is_best_vertex_of_a_run(jumps):
    for p in ORDERS:
        assert brute_force_matching(jumps, p) == pytest.approx(brute_force_vertices(jumps, p), rel=1e-12)
    exact = [Fraction(j) for j in jumps]
    assert sparsest_limit(changes_by_matching(exact)) == sparsest_limit(changes_by_vertex(exact))


@pytest.mark.parametrize("kind", GENERATORS)
def test_no_random_interpolant_beats_the_enumeration(kind):
    rng = np.random.default_rng(0)
    for _ in range(10):
        _, _, exact_x, exact_y = GENERATORS[kind](rng, int(rng.integers(2, 9)))
        for p in ORDERS[1:]:
            best = brute_force_interpolant(exact_x, exact_y, p)
            tried = min(random_interpolant_value(exact_x, exact_y, p, rng) for _ in range(50))
            assert tried >= best * (1 - 1e-9)


@pytest.mark.parametrize("kind", GENERATORS)
def test_random_interpolants_reach_the_enumerated_value_on_short_data(kind):
    rng = np.random.default_rng(1)
    for _ in range(5):
        data = GENERATORS[kind](rng, 5)
        best = brute_force_interpolant(data.exact_x, data.exact_y, 0.5)
        tried = min(random_interpolant_value(data.exact_x, data.exact_y, 0.5, rng) for _ in range(300))
        assert tried == pytest.approx(best, rel=1e-9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=tables(units=[Fraction(1)]))
def test_enumeration_tends_to_its_limit_and_to_total_variation(data):
    knots, log_sum = brute_force_limit(data.exact_x, data.exact_y)
    assert knots == fewest_knots(data.exact_x, data.exact_y) == brute_force_interpolant(data.exact_x, data.exact_y, 0)
    small_p = brute_force_interpolant(data.exact_x, data.exact_y, 1e-6)
    assert (small_p - knots) / 1e-6 == pytest.approx(log_sum, abs=1e-3)
    variation = float(total_variation(data.exact_x, data.exact_y))
    assert brute_force_interpolant(data.exact_x, data.exact_y, 1) == pytest.approx(variation)


@pytest.mark.parametrize("kind", TIED)
def test_exact_sweep_and_enumeration_count_as_the_milp(kind):
    rng = np.random.default_rng(2)
    for _ in range(60):
        n = int(rng.integers(1, 10))
        data = TIED[kind](rng, n)
        band = [int(e) * Fraction(1, 10) for e in rng.integers(0, 15, n)]
        lo = [y - e for y, e in zip(data.exact_y, band)]
        hi = [y + e for y, e in zip(data.exact_y, band)]
        assert exact_sweep(data.exact_x, lo, hi) == fewest_knots_milp(data.exact_x, lo, hi)
        exact_fit = fewest_knots_milp(data.exact_x, data.exact_y, data.exact_y)
        assert fewest_knots(data.exact_x, data.exact_y) == exact_fit
        assert exact_sweep(data.exact_x, data.exact_y, data.exact_y) == exact_fit


@pytest.mark.parametrize("mutant", MUTANTS)
def test_random_bands_tell_every_broken_sweep_from_the_milp(mutant):
    rng = np.random.default_rng(3)
    for _ in range(5000):
        x = np.cumsum(rng.integers(1, 4, 9)).tolist()
        y = np.cumsum(rng.integers(-3, 4, 9)).tolist()
        band = rng.integers(1, 4, 9).tolist()
        lo, hi = [a - e for a, e in zip(y, band)], [a + e for a, e in zip(y, band)]
        if exact_sweep(x, lo, hi) != exact_sweep(x, lo, hi, MUTANTS[mutant]):
            assert exact_sweep(x, lo, hi, MUTANTS[mutant]) != fewest_knots_milp(x, lo, hi)
            return
    pytest.fail("no instance tells this mutant from the oracle")


def test_oracles_know_the_peak_and_plateau():
    data = float_table(range(-2, 4), [0, 0, 1, 1, 0, 0])
    assert brute_force_interpolant(data.exact_x, data.exact_y, 0.5) == pytest.approx(2 + 2**0.5)
    assert brute_force_limit(data.exact_x, data.exact_y) == (3, pytest.approx(np.log(2)))
    assert fewest_knots_milp(data.x, data.y, data.y) == 3
    assert total_variation(data.exact_x, data.exact_y) == 4
