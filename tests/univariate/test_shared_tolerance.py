"""Shared knots within tolerances, against linear programs over knots on a grid and over rows of links."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from reluctant import InfeasibleError, approximate, interpolate
from reluctant.univariate import shared_tolerance
from reluctant.univariate.shared_tolerance import Bands, shared_within

RTOL = 2.0**-51
QUICK = {"time_limit": 0.05, "random_state": 0}


def is_feasible(A, lo, hi):
    """Whether lo ≤ A z ≤ hi for some z."""
    A_ub, b_ub = np.vstack([A, -A]), np.concatenate([hi, -lo])
    return linprog(np.zeros(A.shape[1]), A_ub=A_ub, b_ub=b_ub, bounds=(None, None), method="highs").status == 0


def fits(x, lo, hi, knots):
    """Whether a function with those knots is within one band: its values at the ends and the knots are the unknowns."""
    ends = np.concatenate([x[:1], knots, x[-1:]])
    return is_feasible(np.array([np.interp(x, ends, row) for row in np.eye(len(ends))]).T, lo, hi)


def some_fit(x, lo, hi, k):
    """Whether k knots at rows or at thirds between them are enough for all bands."""
    grid = np.interp(np.arange(3 * len(x) - 2) / 3, np.arange(len(x)), x)[1:-1]
    chosen = map(np.array, combinations(grid, k))
    return any(all(fits(x, *band, knots) for band in zip(lo, hi)) for knots in chosen)


def links_one_by_one(x, lo, hi):
    """The first rows of the longest disjoint links that all outputs follow."""
    starts, i = [0], 1
    while i < len(x):
        rows = slice(starts[-1], i + 1)
        A = np.column_stack([np.ones(i + 1 - starts[-1]), x[rows]])
        if not all(is_feasible(A, low[rows], high[rows]) for low, high in zip(lo, hi)):
            starts.append(i)
        i += 1
    return starts


def tiny_table(seed):
    """Integers or walks of two or three outputs, with tolerances that touch and that do not."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(4, 8)), int(rng.integers(2, 4))
    x = np.cumsum(rng.integers(1, 4, n)).astype(float)
    Y = rng.integers(-3, 4, (n, m)).astype(float) if seed % 2 else np.cumsum(rng.normal(size=(n, m)), axis=0)
    return x, Y, rng.choice([0.25, 0.5, 1.0, 2.0], (n, m))


def check_between(seed):
    x, Y, tolerance = tiny_table(seed)
    solution, certificate = shared_within(x, Y, tolerance, 1e-9, RTOL, seed % 3 > 0)
    lo, hi = (Y - tolerance).T, (Y + tolerance).T
    starts = Bands.of(x, Y, tolerance, 1e-9, RTOL).starts_of_links().tolist()
    assert starts == links_one_by_one(x, lo - 1e-9, hi + 1e-9)
    assert (np.abs(solution.network(x) - Y) <= tolerance * (1 + 1e-9)).all()
    more = 0 if seed % 3 else 1
    assert len(starts) - 1 <= certificate.lower_bound <= solution.n_neurons <= 2 * (len(starts) - 1) + more
    if 0 < certificate.lower_bound <= 3:
        assert not some_fit(x, lo - 1e-9, hi + 1e-9, certificate.lower_bound - 1)


@pytest.mark.gate(8)
@pytest.mark.parametrize("seed", range(24))
def test_bound_is_below_what_a_grid_of_knots_needs_and_at_least_half_of_what_is_found(seed):
    check_between(seed)


@pytest.mark.slow
def test_bound_is_below_what_a_grid_of_knots_needs_in_hundreds_of_tables():
    for seed in range(1000, 1400):
        check_between(seed)


def test_search_finds_most_of_what_a_grid_has():
    missed = 0
    for seed in range(50, 70):
        x, Y, tolerance = tiny_table(seed)
        solution, _ = shared_within(x, Y, tolerance, 1e-9, RTOL, True)
        if not solution.is_optimal and solution.n_neurons <= 3:
            missed += some_fit(x, (Y - tolerance).T, (Y + tolerance).T, solution.n_neurons - 1)
    assert missed <= 1


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
@pytest.mark.parametrize("unit", [1.0, 1e-150, 1e150])
def test_every_output_keeps_its_tolerance_at_any_offset_and_scale(offset, unit):
    rng = np.random.default_rng(3)
    x = rng.permutation(offset + np.arange(120.0))
    Y = np.sin(0.1 * np.argsort(np.argsort(x)))[:, None] * [1.0, 2e-6, 3e6] + rng.normal(size=(120, 3)) * [
        0.1,
        1e-7,
        1e5,
    ]
    tolerance = np.array([0.3, 3e-7, 3e5])
    x, Y = np.append(x, x[:3]), np.vstack([Y, Y[:3] + 0.1 * tolerance])
    solution = approximate(x, Y * unit, tolerance=tolerance * unit, **QUICK)
    assert (np.abs(solution.predict(x) - Y * unit) <= tolerance * unit * (1 + 1e-9)).all()
    assert solution.certificate.quantity == "neurons"
    assert solution.certificate.kind == "proved"
    alone = [approximate(x, y * unit, tolerance=e * unit).n_neurons for y, e in zip(Y.T, tolerance)]
    assert max(alone) <= solution.certificate.lower_bound <= solution.n_neurons


def test_outputs_that_are_one_function_share_its_knots():
    x = np.arange(300.0)
    y = np.sin(x / 20) + 0.1 * np.cos(x)
    together = approximate(x, np.column_stack([y, 3.0 * y, -y]), tolerance=[0.07, 0.21, 0.07], **QUICK)
    assert together.n_neurons == approximate(x, y, tolerance=0.07).n_neurons
    assert together.is_optimal


def test_rows_of_infinite_tolerance_do_not_count():
    rng = np.random.default_rng(4)
    x, Y = np.arange(60.0), np.cumsum(rng.normal(size=(60, 2)), axis=0)
    wild, tolerance = Y.copy(), np.full((60, 2), 1.0)
    tolerance[rng.random((60, 2)) < 0.3] = np.inf
    wild[np.isinf(tolerance)] = 1e9
    calm, found = (approximate(x, table, tolerance=tolerance, **QUICK) for table in (Y, wild))
    assert calm.n_neurons == found.n_neurons
    assert found.max_error <= 1.0 + 1e-9
    first = approximate(x, Y, tolerance=[0.5, np.inf], **QUICK)
    assert first.n_neurons == first.certificate.lower_bound == approximate(x, Y[:, 0], tolerance=0.5).n_neurons


def test_zero_tolerance_is_interpolation_and_a_wide_one_takes_a_line():
    rng = np.random.default_rng(5)
    x, Y = np.arange(30.0), rng.normal(size=(30, 4))
    zero = approximate(x, Y, tolerance=0.0)
    assert (zero.n_neurons, zero.p) == (interpolate(x, Y).n_neurons, None)
    assert zero.is_optimal
    for affine in (True, False):
        wide = approximate(x, Y + x[:, None], tolerance=9.0, affine=affine, **QUICK)
        assert wide.n_neurons == (0 if affine else 1)


@pytest.mark.parametrize("seed", [5, 17, 29, 41, 53])
def test_rows_without_tolerance_among_others_are_met(seed):
    rng = np.random.default_rng(seed)
    x, Y = 1e9 + rng.permutation(18), rng.normal(size=(18, 3)) * 10.0 ** rng.integers(-5, 6, 3)
    tolerance = rng.choice([0.0, 0.1, 0.5, np.inf], (18, 3)) * np.abs(Y).max(axis=0)
    solution = approximate(x, Y, tolerance=tolerance, **QUICK)
    assert (np.abs(solution.network(x) - Y) <= np.maximum(tolerance * (1 + 1e-9), 1e-9 * np.abs(Y).max(axis=0))).all()
    assert solution.gap >= 0


def test_without_an_affine_part_at_most_one_neuron_more_is_used():
    rng = np.random.default_rng(6)
    x, Y = np.arange(50.0), np.cumsum(rng.normal(size=(50, 3)), axis=0)
    with_one, without = (shared_within(x, Y, np.full(Y.shape, 1.0), 1e-9, RTOL, affine)[0] for affine in (True, False))
    assert without.network.n_affine == 0
    assert without.n_neurons - with_one.n_neurons in (0, 1)
    assert np.abs(without.network(x) - Y).max() <= 1.0 + 1e-9


def test_knots_in_every_interval_carry_no_value_far_off():
    """Free values between rows that are met exactly would grow from knot to knot, beyond float64 at last."""
    x, Y = np.arange(600.0), np.random.default_rng(8).normal(size=(600, 5))
    solution, _ = shared_within(x, Y, np.full(Y.shape, 0.05), 1e-9, RTOL, True)
    assert solution.n_neurons < 600
    assert np.abs(solution.network(np.linspace(0, 599, 4001))).max() < 20 * np.abs(Y).max()


def test_a_beam_keeps_to_the_tolerance_and_to_twice_the_links(monkeypatch):
    monkeypatch.setattr(shared_tolerance, "MOST_ROWS", 10)
    monkeypatch.setattr(shared_tolerance, "MOST_WORK", 10_000)
    rng = np.random.default_rng(7)
    x, Y = np.arange(400.0), np.cumsum(rng.normal(size=(400, 2)), axis=0)
    solution, _ = shared_within(x, Y, np.full(Y.shape, 2.0), 1e-9, RTOL, True)
    links = len(Bands.of(x, Y, np.full(Y.shape, 2.0), 1e-9, RTOL).starts_of_links())
    assert np.abs(solution.network(x) - Y).max() <= 2.0 * (1 + 1e-9)
    assert links - 1 <= solution.n_neurons <= 2 * (links - 1)


def test_contradictory_rows_are_named():
    with pytest.raises(InfeasibleError, match="rows 0 and 2"):
        approximate([0.0, 1.0, 0.0], [[1.0, 2.0], [1.0, 1.0], [1.0, 3.0]], tolerance=0.2)


def test_bounds_of_several_outputs_are_tolerances_about_their_middle():
    """Targets off the middle change neither network nor bound, which counts shared knots as within a tolerance."""
    x = np.arange(20.0)
    middle, half = np.column_stack([np.sin(x), np.cos(x)]), np.full((20, 2), 0.25)
    half[3], half[5, 1] = np.inf, np.inf
    lo, hi = middle - half, middle + half
    by_bounds = approximate(x, middle + 0.125, bounds=(lo, hi), **QUICK)
    by_tolerance = approximate(x, middle, tolerance=half, **QUICK)
    values, slack = by_bounds.network(x), 0.25 * 1e-9
    assert np.all(values >= lo - slack)
    assert np.all(values <= hi + slack)
    assert (by_bounds.certificate.quantity, by_bounds.certificate.kind) == ("neurons", "proved")
    assert by_bounds.certificate.lower_bound == by_tolerance.certificate.lower_bound
    counts = np.isfinite(half)
    assert by_bounds.max_error >= np.abs(values - middle - 0.125)[counts].max() - 1e-12
