"""`approximate` on the line against a MILP and an exact cubic-time sweep."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import MUTANTS, exact_sweep, fewest_knots, fewest_knots_milp
from reluctant import approximate, interpolate
from univariate.checks import assert_consistent
from univariate.strategies import GENERATORS, GENERIC, TIED, table, tables

EXAMPLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"


def band_of(data, eps) -> tuple[list[Fraction], list[Fraction]]:
    return [y - e for y, e in zip(data.exact_y, eps)], [y + e for y, e in zip(data.exact_y, eps)]


def assert_within(solution, data, eps, slack: float = 1e-9) -> None:
    """Every residual is within eps (1 + slack), up to what rounding of the data amounts to on their slopes."""
    assert_consistent(solution, data.x, data.y)
    eps = np.array([float(e) for e in eps])
    slopes = np.concatenate([np.diff(data.y) / np.diff(data.x), solution.function.slopes])
    rounding = 2.0**-50 * (np.abs(data.y).max() + np.abs(slopes).max() * np.abs(data.x).max())
    assert np.all(np.abs(solution.predict(data.x) - data.y) <= eps * (1 + slack) + rounding)


def random_band(rng: np.random.Generator, data) -> list[Fraction]:
    """One tolerance for all points or one each, often zero, in the unit of the data."""
    n = len(data.x)
    unit = Fraction(1, 10) if rng.random() < 0.5 else Fraction(1, 2)
    each = rng.integers(0, 8, n) * rng.integers(0, 2, n)
    eps = each if rng.random() < 0.5 else np.full(n, rng.integers(0, 8))
    return [int(e) * unit for e in eps]


@pytest.mark.parametrize("kind", TIED)
def test_sweep_equals_the_milp_with_ties_and_zero_tolerances(kind):
    rng = np.random.default_rng(20)
    for _ in range(150):
        data = TIED[kind](rng, int(rng.integers(1, 9)))
        eps = random_band(rng, data)
        solution = approximate(data.x, data.y, tolerance=[float(e) for e in eps])
        assert solution.n_neurons == fewest_knots_milp(data.x, *band_of(data, eps))
        assert_within(solution, data, eps)


@pytest.mark.parametrize("kind", GENERIC)
def test_sweep_equals_the_milp_on_random_data(kind):
    rng = np.random.default_rng(21)
    for _ in range(60):
        data = GENERIC[kind](rng, int(rng.integers(1, 9)))
        eps = rng.exponential(0.3 * np.ptp(data.y) + 1e-3, len(data.x)) * rng.integers(0, 2)
        solution = approximate(data.x, data.y, tolerance=eps)
        assert solution.n_neurons == fewest_knots_milp(data.x, data.y - eps, data.y + eps)


@pytest.mark.slow
@pytest.mark.parametrize("kind", GENERATORS)
def test_sweep_equals_the_milp_on_more_and_larger_tables(kind):
    rng = np.random.default_rng(22)
    for _ in range(1000):
        data = GENERATORS[kind](rng, int(rng.integers(6, 12)))
        eps = random_band(rng, data)
        solution = approximate(data.x, data.y, tolerance=[float(e) for e in eps])
        assert solution.n_neurons == fewest_knots_milp(data.x, *band_of(data, eps))


@pytest.mark.parametrize("kind", GENERATORS)
def test_sweep_equals_the_exact_sweep_on_longer_data(kind):
    rng = np.random.default_rng(23)
    for _ in range(25):
        data = GENERATORS[kind](rng, int(rng.integers(10, 60)))
        eps = random_band(rng, data)
        solution = approximate(data.x, data.y, tolerance=[float(e) for e in eps])
        assert solution.n_neurons == exact_sweep(data.exact_x, *band_of(data, eps))
        assert_within(solution, data, eps)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(data=tables(max_points=14), factors=st.lists(st.integers(0, 4), min_size=14, max_size=14))
def test_sweep_equals_the_exact_sweep_in_any_unit(data, factors):
    unit = max(abs(y) for y in data.exact_y) / 8
    eps = [f * unit for f in factors[: len(data.x)]]
    solution = approximate(data.x, data.y, tolerance=[float(e) for e in eps])
    assert solution.n_neurons == exact_sweep(data.exact_x, *band_of(data, eps))
    assert_within(solution, data, eps)


def rounded_ties(kind, unit_x, instances):
    """Lines that touch many rounded bounds at once, some of them of width zero."""
    rng = np.random.default_rng(32)
    for _ in range(instances):
        raw = TIED[kind](rng, int(rng.integers(2, 9)))
        unit_y = [Fraction(1), Fraction(1, 3), Fraction(1, 1000)][rng.integers(3)]
        data = table([v * unit_x for v in raw.exact_x], [v * unit_y for v in raw.exact_y])
        yield data, [e * unit_y for e in random_band(rng, data)]


@pytest.mark.parametrize("unit_x", [Fraction(1), Fraction(1, 10), Fraction(1, 3)])
@pytest.mark.parametrize("kind", TIED)
def test_rounding_of_tied_bounds_costs_no_knot(kind, unit_x):
    for data, eps in rounded_ties(kind, unit_x, 600):
        solution = approximate(data.x, data.y, tolerance=[float(e) for e in eps])
        assert solution.n_neurons == exact_sweep(data.exact_x, *band_of(data, eps)), (data.x, data.y, eps)
        assert solution.certificate.lower_bound == solution.n_neurons


@pytest.mark.parametrize(
    ("x", "y", "eps"),
    [
        ("2/3 5/3 2 7/3 8/3", "0.016 0.007 0.005 0.003 0.001", "0 0.003 0 0 0"),
        ("1/3 2/3 1 4/3 5/3 8/3 3", "0 0 1/3 2/3 4/3 4 16/3", "1 0 0 0 1/3 0 0"),
        ("1/3 2/3 5/3", "-1 1 3", "1/2 1/2 1/2"),
    ],
)
def test_exact_and_loose_points_in_one_table_cost_no_knot(x, y, eps):
    x, y, eps = ([Fraction(v) for v in column.split()] for column in (x, y, eps))
    expected = exact_sweep(x, [a - e for a, e in zip(y, eps)], [a + e for a, e in zip(y, eps)])
    columns = [np.array([float(v) for v in column]) for column in (x, y, eps)]
    assert approximate(*columns[:2], tolerance=columns[2]).n_neurons == expected
    approximate(*columns[:2], tolerance=columns[2], rtol=0.0)


@pytest.mark.parametrize("unit_x", [Fraction(1), Fraction(1, 10), Fraction(1, 3)])
@pytest.mark.parametrize("kind", TIED)
def test_without_slack_tied_bounds_are_met_and_the_bound_is_honest(kind, unit_x):
    for data, eps in rounded_ties(kind, unit_x, 500):
        floats = np.array([float(e) for e in eps])
        solution = approximate(data.x, data.y, tolerance=floats, rtol=0.0)
        rounded_band = [data.y - floats, data.y + floats]
        assert solution.certificate.lower_bound <= exact_sweep(data.x, *rounded_band) <= solution.n_neurons
        slopes = np.abs(np.diff(data.y) / np.diff(data.x)).max()
        rounding = 2.0**-49 * (np.abs(data.y).max() + floats.max() + slopes * data.x.max())
        assert np.all(np.abs(solution.predict(data.x) - data.y) <= floats + rounding)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_data_of_these_tests_tell_the_library_from_every_broken_sweep(mutant):
    rng = np.random.default_rng(24)
    for _ in range(300):
        data = TIED["integer_walk"](rng, 30)
        band = band_of(data, [Fraction(3, 2)] * 30)
        broken = exact_sweep(data.exact_x, *band, rules=MUTANTS[mutant])
        if approximate(data.x, data.y, tolerance=1.5).n_neurons != broken:
            return
    pytest.fail("no instance tells the library from this mutant")


# Zero tolerance


@settings(derandomize=True, deadline=None, max_examples=150)
@given(data=tables())
def test_zero_tolerance_counts_as_interpolation(data):
    solution = approximate(data.x, data.y, tolerance=0)
    assert solution.n_neurons == interpolate(data.x, data.y, p=0).n_neurons
    assert solution.n_neurons == fewest_knots(data.exact_x, data.exact_y)
    assert_within(solution, data, np.zeros(len(data.x)))


@pytest.mark.parametrize("kind", GENERATORS)
def test_zero_tolerance_counts_as_interpolation_on_long_data(kind):
    rng = np.random.default_rng(25)
    for n in (100, 2000):
        data = GENERATORS[kind](rng, n)
        assert approximate(data.x, data.y, tolerance=0).n_neurons == interpolate(data.x, data.y).n_neurons


def test_zero_tolerance_counts_as_interpolation_on_decimal_walks():
    for seed in range(100):
        y = 0.1 * np.cumsum(np.random.default_rng(seed).integers(-1, 2, 200))
        for x in (np.arange(200), 0.1 * np.arange(200), 1e6 + 0.1 * np.arange(200)):
            assert approximate(x, y, tolerance=0).n_neurons == interpolate(x, y).n_neurons


def test_zero_tolerance_counts_as_interpolation_on_a_near_collinear_parabola():
    x = np.linspace(0, 1, 20_001)
    y = 1e6 + x**2
    assert np.abs(np.diff(y, 2)).max() <= 2e-14 * 1e6
    assert approximate(x, y, tolerance=0).n_neurons == interpolate(x, y).n_neurons


# Slack


def test_decimal_tolerance_is_not_lost_to_rounding():
    """Residuals of exactly 0.1 on both sides: one link in decimals, none in naive floats."""
    i = np.arange(200)
    y = 0.1 * i + np.where(i % 2, 0.1, -0.1)
    assert approximate(i, y, tolerance=0.1).n_neurons == 0


@pytest.mark.parametrize("kind", [*GENERIC, "integers", "integer_walk", "integer_parabola"])
def test_without_slack_the_count_is_that_of_rational_arithmetic(kind):
    """The bounds y ± ε are floats here wherever they can be touched."""
    rng = np.random.default_rng(26)
    for _ in range(15):
        data = GENERATORS[kind](rng, 30)
        eps = np.ceil(np.ptp(data.y)) / 8
        band = band_of(data, [Fraction(eps)] * 30)
        solution = approximate(data.x, data.y, tolerance=eps, rtol=0.0)
        assert solution.n_neurons == exact_sweep(data.exact_x, *band)
        residual = np.abs(solution.predict(data.x) - data.y)
        assert residual.max() <= eps + 2 * np.spacing(np.abs(data.y).max())


def test_certificate_names_the_tolerance_and_whether_it_was_widened():
    x = np.arange(50.0)
    widened = approximate(x, np.sin(x), tolerance=0.25).certificate.reason
    strict = approximate(x, np.sin(x), tolerance=0.25, rtol=0.0).certificate.reason
    assert "0.25" in widened
    assert "0.25" in strict
    assert "widened by a relative" in widened
    assert "widened" not in strict


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("kind", GENERATORS)
def test_measured_error_is_within_the_tolerance_and_its_slack(kind, offset):
    """As a user would check it, to the last bit: the slack leaves room for rounding."""
    data = GENERATORS[kind](np.random.default_rng(31), 500)
    y = data.y + offset
    for eps in np.ptp(data.y) * np.array([0.01, 0.1, 0.3]):
        solution = approximate(data.x, y, tolerance=eps)
        assert solution.max_error <= eps * (1 + 1e-9)
        assert np.abs(solution.predict(data.x) - y).max() <= eps * (1 + 1e-9)


# Invariants


@pytest.mark.parametrize("kind", GENERATORS)
def test_knots_never_increase_with_the_tolerance(kind):
    data = GENERATORS[kind](np.random.default_rng(27), 400)
    spread = np.ptp(data.y)
    counts = [approximate(data.x, data.y, tolerance=spread * e).n_neurons for e in np.linspace(0, 0.6, 40)]
    assert all(b <= a for a, b in pairwise(counts))
    assert counts[-1] == 0


@pytest.mark.parametrize("kind", GENERATORS)
def test_reflections_shifts_and_scales_keep_the_count(kind):
    rng = np.random.default_rng(28)
    for _ in range(10):
        data = GENERATORS[kind](rng, 60)
        eps = float(random_band(rng, data)[0]) + 0.25
        count = approximate(data.x, data.y, tolerance=eps).n_neurons
        assert approximate(data.x, -data.y, tolerance=eps).n_neurons == count
        assert approximate(-data.x[::-1], data.y[::-1], tolerance=eps).n_neurons == count
        assert approximate(data.x + 1024, data.y - 4096, tolerance=eps).n_neurons == count
        scaled = approximate(data.x * 2.0**40, data.y * 2.0**-30, tolerance=eps * 2.0**-30)
        assert scaled.n_neurons == count


def test_one_tolerance_is_the_same_as_one_for_each_point():
    data = GENERIC["wave"](np.random.default_rng(29), 300)
    scalar = approximate(data.x, data.y, tolerance=0.05)
    each = approximate(data.x, data.y, tolerance=np.full(300, 0.05))
    np.testing.assert_array_equal(scalar.function.knots, each.function.knots)


def test_wide_band_needs_no_neuron():
    data = GENERIC["noise"](np.random.default_rng(30), 100)
    assert approximate(data.x, data.y, tolerance=np.ptp(data.y) / 2).n_neurons == 0


@pytest.mark.parametrize("seed", range(20))
def test_relative_tolerances_are_shares_of_the_targets(seed):
    """The oracle counts in rationals, within ε + r |y_i| of whole numbers."""
    rng = np.random.default_rng(seed)
    x, y = np.arange(30), rng.integers(-20, 21, 30)
    eps, share = int(rng.integers(0, 3)), Fraction(int(rng.integers(1, 5)), 8)
    halves = [eps + share * abs(int(v)) for v in y]
    expected = exact_sweep(x.tolist(), [int(v) - h for v, h in zip(y, halves)], [int(v) + h for v, h in zip(y, halves)])
    solution = approximate(x, y, tolerance=eps, relative=float(share))
    assert (solution.n_neurons, solution.certificate.lower_bound) == (expected, expected)
    assert np.all(np.abs(solution.predict(x) - y) <= np.array(halves, float) * (1 + 1e-9) + 1e-12)


def test_relative_alone_is_a_share_alone_and_what_it_does_not_go_with_is_refused():
    x, y = np.arange(6.0), np.array([0.0, 1.0, 4.0, 9.0, 16.0, 25.0])
    alone = approximate(x, y, relative=[0.1, 0.1, np.inf, 0.1, 0.1, 0.1])
    assert alone.n_neurons == approximate(x, y, tolerance=[0.0, 0.1, np.inf, 0.9, 1.6, 2.5]).n_neurons
    with pytest.raises(ValueError, match="relative goes with tolerance; with max_neurons give scale"):
        approximate(x, y, relative=0.1, max_neurons=2)
    with pytest.raises(ValueError, match="relative must not be negative, got -1 at row 2"):
        approximate(x, y, relative=[0, 0, -1, 0, 0, 0])
    with pytest.raises(ValueError, match="give exactly one of tolerance, max_neurons and bounds, got none"):
        approximate(x, y)


@pytest.mark.parametrize(
    ("tolerance", "knots"),
    [pytest.param("6.64", 3, marks=pytest.mark.slow), ("1", 11), ("0.5", 15), ("0.1", 39)],
)
def test_thermocouple_table_needs_as_many_knots_as_in_exact_decimals(tolerance, knots):
    temperature, emf = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1, unpack=True)
    solution = approximate(emf, temperature, tolerance=float(tolerance))
    microvolts, degrees = np.rint(1000 * emf).astype(int).tolist(), temperature.astype(int).tolist()
    eps = Fraction(tolerance)
    assert exact_sweep(microvolts, [t - eps for t in degrees], [t + eps for t in degrees]) == knots
    assert solution.n_neurons == knots
    assert solution.max_error <= float(tolerance) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_without_slack_residuals_in_floats_stay_within_the_tolerance(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=30), rng.normal(size=30)
    solution = approximate(x, y, tolerance=0.3, rtol=0)
    assert np.max(np.abs(solution.predict(x) - y)) <= 0.3


# Tolerances of very different size, infinite ones, strict ones

HUGE = [
    ([0.0, 1.0], [0.96, -0.17], [1e-3, 1e16]),
    ([9.0, 10.0, 15.0], [-0.4, -0.2, -0.7], [1e15, 1e15, 0.0]),
    ([0.0, 1.0, 10.0, 14.0, 19.0], [-0.7, -0.9, 0.7, 0.2, 0.9], [1e100, 0.0, 1e100, 1e100, 1e100]),
]


def assert_every_row_is_within_its_own(x, y, eps, rtol) -> None:
    solution = approximate(x, y, tolerance=eps, rtol=rtol)
    counts = np.isfinite(eps)
    if not counts.any():
        assert (solution.n_neurons, solution.max_error) == (0, 0.0)
        return
    predicted = solution.predict(x)
    slopes = np.concatenate([[0.0], np.diff(y[counts]) / np.diff(x[counts])])
    rounding = 2.0**-49 * (np.abs(y[counts]).max() + np.abs(slopes).max() * np.abs(x).max())
    assert np.all(np.abs(predicted - y)[counts] <= eps[counts] * (1 + 1e-9) + rounding)
    Y, E = (list(map(Fraction, a[counts].tolist())) for a in (y, eps))
    fewest = exact_sweep(x[counts], [a - e for a, e in zip(Y, E)], [a + e for a, e in zip(Y, E)])
    assert solution.certificate.lower_bound <= fewest
    assert solution.n_neurons <= fewest + (rtol == 0)
    if rtol == 0:
        excess = max(abs(Fraction(f) - a) - e for f, a, e in zip(predicted[counts].tolist(), Y, E))
        assert (excess > 0) == ("rounding in the solution leaves it" in solution.certificate.reason)


@pytest.mark.parametrize("rtol", [1e-9, 0.0])
@pytest.mark.parametrize("table", HUGE)
def test_row_stays_within_its_tolerance_beside_a_huge_one(table, rtol):
    assert_every_row_is_within_its_own(*map(np.array, table), rtol)
    assert approximate(*table[:2], tolerance=table[2], rtol=rtol).n_neurons == 0


def mixed_tolerances(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    small = rng.choice([0, 1e-3, 0.1, 0.3], n)
    other = {
        "huge": 10.0 ** rng.integers(3, 18, n),
        "beyond": 10.0 ** rng.integers(3, 300, n),
        "infinite": np.full(n, np.inf),
        "any": 10.0 ** rng.uniform(-6, 12, n),
    }[kind]
    return np.where(rng.random(n) < (1.0 if kind == "any" else 0.4), other, small)


def check_mixed_tolerances(seed: int, kind: str, n_tables: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(n_tables):
        n = int(rng.integers(1, 9))
        x = np.cumsum(rng.integers(1, 5, n)) * float(rng.choice([1, 0.1]))
        y = rng.normal(size=n).round(int(rng.integers(1, 4)))
        assert_every_row_is_within_its_own(x, y, mixed_tolerances(rng, n, kind), float(rng.choice([1e-9, 0])))


@pytest.mark.parametrize("kind", ["huge", "beyond", "infinite", "any"])
def test_mixed_tolerances_are_kept_row_by_row(kind):
    check_mixed_tolerances(50, kind, 75)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["huge", "beyond", "infinite", "any"])
def test_more_mixed_tolerances_are_kept_row_by_row(kind):
    check_mixed_tolerances(51, kind, 5000)


@pytest.mark.parametrize("kind", GENERATORS)
def test_rows_of_infinite_tolerance_do_not_count(kind):
    rng = np.random.default_rng(52)
    data = GENERATORS[kind](rng, 60)
    counts = rng.random(60) < 0.7
    eps = np.ptp(data.y) / 20
    solution = approximate(data.x, np.where(counts, data.y, 1e9), tolerance=np.where(counts, eps, np.inf))
    kept = approximate(data.x[counts], data.y[counts], tolerance=eps)
    np.testing.assert_array_equal(solution.function.knots, kept.function.knots)
    assert solution.max_error == kept.max_error
    assert f"without the {60 - counts.sum()} rows" in solution.certificate.reason
    assert approximate(data.x, data.y, tolerance=np.inf).n_neurons == 0


def test_a_tolerance_that_is_no_number_is_refused_beside_infinite_ones():
    with pytest.raises(ValueError, match="tolerance has NaN at row 1"):
        approximate([0, 1], [0, 1], tolerance=[np.inf, np.nan])


def test_strict_tolerance_says_by_how_much_rounding_leaves_it():
    x, y, eps = [0.2, 0.4, 0.5], [0.6, 0.8, -0.7], [0.45000000000000007, 0.45000000000000007, 0.0]
    solution = approximate(x, y, tolerance=eps, rtol=0)
    excess = [abs(Fraction(f) - Fraction(a)) - Fraction(e) for f, a, e in zip(solution.predict(x).tolist(), y, eps)]
    said = float(solution.certificate.reason.rsplit(" ", 1)[1])
    assert 0 < float(max(excess)) == pytest.approx(said, rel=1e-2)


def rounded_to_twelve_decimals(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A function with knots at 1 and 2, of slopes that make ties between two decimals."""
    x = np.unique(rng.integers(0, 3 * 10**12, 400))
    m = (4 * rng.choice([0.5, 0.25, 1.5, -0.5, 0.125, 0.75], 3)).astype(object)
    kinks = np.maximum(x - 10**12, 0), np.maximum(x - 2 * 10**12, 0)
    fourfold = m[0] * x + (m[1] - m[0]) * kinks[0] + (m[2] - m[1]) * kinks[1]
    return np.array([i / 10**12 for i in x.tolist()]), np.array([round(Fraction(v) / 4) / 10**12 for v in fourfold])


@pytest.mark.parametrize("seed", range(10))
def test_half_a_unit_of_the_twelfth_decimal_finds_the_knots_of_the_function(seed):
    x, y = rounded_to_twelve_decimals(np.random.default_rng(seed))
    assert approximate(x, y, tolerance=5e-13).n_neurons <= 2


def test_band_that_holds_zero_needs_no_neuron():
    rng = np.random.default_rng(53)
    for _ in range(50):
        x, y = rng.normal(size=20), rng.normal(size=20) * 10.0 ** rng.integers(-5, 5, 20)
        solution = approximate(x, y, tolerance=np.abs(y))
        assert (solution.n_neurons, solution.certificate.lower_bound) == (0, 0)


@pytest.mark.gate(20)
@pytest.mark.parametrize("seed", range(60))
def test_keys_and_counters_of_fifty_bits_are_decided_as_integers_decide_them(seed):
    rng = np.random.default_rng(seed)
    keys = 2**62 + np.cumsum(rng.integers(1, 2**44, 40) // 7 * 7)
    counts = (keys - keys[0]) // 3 + rng.integers(-1, 2, 40)  # nearly collinear: what decides are the last bits of 2^98
    x, tolerance = keys - keys[0], float(rng.integers(0, 3))
    bounds = [[int(v) + s * int(tolerance) for v in counts] for s in (-1, 1)]
    solution = approximate(x, counts, tolerance=tolerance, rtol=0)
    assert solution.certificate.lower_bound == exact_sweep([int(v) for v in x], *bounds)
    assert solution.n_neurons <= solution.certificate.lower_bound + 1


def test_keys_that_floats_cannot_tell_apart_are_refused_with_what_to_subtract():
    keys = 2**62 + np.arange(5)
    with pytest.raises(ValueError, match=r"row 0 and x = .* at row 1 .*subtract an offset from x, which integers do"):
        interpolate(keys, np.arange(5))
    assert interpolate(keys - keys[0], np.arange(5)).n_neurons == 0
