"""`approximate(max_neurons=K)` on the line against linear programs, plain bisection and exact arithmetic."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import exact_sweep, smallest_error_lp
from reluctant import InfeasibleError, approximate, interpolate
from reluctant.univariate import _critical, _sweep
from reluctant.univariate.budget import Brackets, Rows, bits, value
from univariate.strategies import GENERATORS, tables

EXAMPLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"


def bounds_at(x, y, scale, eps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every x once, and the bounds y ± ε s of its rows rounded to float64, by plain NumPy."""
    points, point_of = np.unique(x, return_inverse=True)
    low, high = np.full(len(points), -np.inf), np.full(len(points), np.inf)
    np.maximum.at(low, point_of, y - eps * scale)
    np.minimum.at(high, point_of, y + eps * scale)
    return points, low, high


def knots_within(x, y, scale, eps) -> float:
    """Knots that ε needs, by the whole sweep; infinite where rows of one x have no value in common."""
    points, low, high = bounds_at(x, y, scale, eps)
    return len(_sweep.sweep(points, low, high)[0]) if (low <= high).all() else np.inf


def plain_bisection(x, y, scale, K: int) -> float:
    """The smallest ε that K knots are enough for, by halving the bit pattern, without any geometry."""
    low, high = -1, bits(4.0 * np.max((np.abs(y) + np.finfo(float).tiny) / scale))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if knots_within(x, y, scale, value(middle)) <= K else (middle, high)
    return value(high)


def random_scale(rng: np.random.Generator, n: int) -> np.ndarray:
    kind = rng.integers(4)
    return [np.ones(n), rng.uniform(0.2, 2, n), rng.integers(1, 5, n) / 2.0, 10.0 ** rng.integers(-3, 4, n)][kind]


def solved(x, y, scale, K):
    """The solution, with what every one of them has to be."""
    solution = approximate(x, y, max_neurons=K, scale=scale)
    certificate = solution.certificate
    assert (certificate.quantity, certificate.kind) == ("error", "proved")
    assert solution.n_neurons <= K
    assert solution.n_neurons == len(solution.function.knots)
    measured = np.max(np.abs(solution.predict(x) - y) / scale)
    assert solution.found == pytest.approx(measured, rel=1e-9, abs=1e-15 * np.max(np.abs(y) / scale))
    assert solution.is_optimal
    room = 2.0**-47 * (np.abs(y).max() + certificate.lower_bound * scale)
    assert np.all(np.abs(solution.predict(x) - y) <= certificate.lower_bound * scale + room)
    return solution


def check_lp(seed: int, n_tables: int, max_points: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(n_tables):
        n = int(rng.integers(2, max_points + 1))
        x = np.cumsum(rng.integers(1, 4, n)).astype(float)
        y = rng.integers(-4, 5, n).astype(float)
        scale = [np.ones(n), rng.integers(1, 5, n) / 2.0, rng.uniform(0.2, 2, n)][rng.integers(3)]
        for K in range(3):
            error = solved(x, y, scale, K).certificate.lower_bound
            assert error == pytest.approx(smallest_error_lp(x, y, scale, K), abs=1e-7), (x, y, scale, K)


def test_error_is_that_of_linear_programs_over_all_break_sets_and_crossing_signs():
    check_lp(60, 25, 6)


@pytest.mark.slow
def test_more_errors_are_those_of_linear_programs():
    check_lp(61, 1200, 7)


def check_bisection(seed: int, n_tables: int, longest: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(n_tables):
        data = list(GENERATORS.values())[rng.integers(len(GENERATORS))](rng, int(rng.integers(1, longest)))
        x, y = data.x, data.y + float(rng.choice([0.0, 0.0, 1e3, 1e9]))
        if rng.random() < 0.3:
            x = rng.choice(x, len(x))
        scale = random_scale(rng, len(x))
        for K in rng.integers(0, len(x) + 1, 3).tolist():
            assert solved(x, y, scale, K).certificate.lower_bound == plain_bisection(x, y, scale, K), (x, y, scale, K)


def test_error_is_bit_for_bit_that_of_plain_bisection():
    check_bisection(62, 100, 25)


@pytest.mark.slow
def test_more_errors_are_bit_for_bit_those_of_plain_bisection():
    check_bisection(63, 1500, 40)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=tables(max_points=12), K=st.integers(0, 5), repeats=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_next_smaller_float_needs_more_knots_in_any_unit(data, K, repeats):
    """Also with rows repeated at other heights."""
    copies = np.array(repeats[: len(data.x)])
    x, y = np.concatenate([data.x, data.x]), np.concatenate([data.y, data.y * (1 + 0.25 * copies)])
    eps = solved(x, y, np.ones(len(x)), K).certificate.lower_bound
    points, *band = bounds_at(x, y, np.ones(len(x)), eps)
    assert exact_sweep(points, *band) <= K
    if eps > 0:
        points, low, high = bounds_at(x, y, np.ones(len(x)), np.nextafter(eps, 0))
        assert (low > high).any() or exact_sweep(points, low, high) > K


@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-300, 1e300])
def test_subnormal_and_huge_values_are_met_to_the_last_bit(unit):
    rng = np.random.default_rng(64)
    for _ in range(10):
        x, y = np.arange(9.0), rng.integers(-300, 301, 9) * unit
        scale = np.ones(9)
        for K in range(4):
            brackets = Brackets(Rows.of(x, y, scale), K + 1)
            assert brackets.smallest(K) == plain_bisection(x, y, scale, K)


@pytest.mark.parametrize("kind", GENERATORS)
def test_real_bound_of_the_reason_is_below_what_exact_arithmetic_needs(kind):
    """The triples of the sweep prove it: in rational arithmetic the band of that bound, less a little, needs more."""
    rng = np.random.default_rng(65)
    for _ in range(4):
        data = GENERATORS[kind](rng, 30)
        for K in (0, 2, 5):
            solution = approximate(data.x, data.y, max_neurons=K)
            if solution.certificate.lower_bound == 0:
                continue
            words = solution.certificate.reason.partition("the error is at least ")[2]
            bound = Fraction(float(words.partition(";")[0])) * (1 - Fraction(1, 2**60))
            y = [Fraction(v) for v in data.y.tolist()]
            assert exact_sweep(data.x, [v - bound for v in y], [v + bound for v in y]) > K
            assert float(bound) >= solution.certificate.lower_bound - 2.0**-50 * np.abs(data.y).max()


@pytest.mark.parametrize("kind", GENERATORS)
def test_failing_triples_need_a_knot_each_of_their_own(kind):
    """Triples of one sign do not overlap, and each fails in exact arithmetic: the certificate that proves the count."""
    rng = np.random.default_rng(66)
    for _ in range(20):
        data = GENERATORS[kind](rng, int(rng.integers(3, 80)))
        eps = float(np.ptp(data.y)) * 2.0 ** -int(rng.integers(1, 8))
        brackets = Brackets(Rows.of(data.x, data.y, np.ones(len(data.x))), len(data.x) + 1)
        triples = brackets.failing(eps)
        low, high = ([Fraction(v) for v in b.tolist()] for b in (data.y - eps, data.y + eps))
        ends = {1: -1, -1: -1}
        for (a, b, c), kind_of in zip(triples.points.T.tolist(), triples.kind.tolist()):
            outer, middle = (low, high) if kind_of == 1 else (high, low)
            xa, xb, xc = (Fraction(v) for v in data.x[[a, b, c]].tolist())
            chord = outer[a] + (outer[c] - outer[a]) * (xb - xa) / (xc - xa)
            assert kind_of * (chord - middle[b]) > 0
            assert a >= ends[kind_of]
            ends[kind_of] = c


def test_critical_float_is_where_the_triple_ceases_to_fail():
    rng = np.random.default_rng(67)
    for _ in range(200):
        x, y = np.cumsum(rng.integers(1, 4, 3)).astype(float), rng.integers(-9, 10, 3) / 10 + rng.choice([0, 1e6])
        scale, starts = random_scale(rng, 3), np.arange(4)
        one = np.ones(1, dtype=np.int8)
        hint = _critical.critical_values(x, y, scale, np.array([[0], [1], [2]]), one)[0]
        if hint <= 0:
            continue
        for guess in (hint, 0.0, 2 * hint, hint / 3):
            found = _critical.critical_float(x, y, scale, starts, 0, 1, 2, 1, 0.0, guess, 1e9)
            assert knots_within(x, y, scale, found) == 0
            assert knots_within(x, y, scale, np.nextafter(found, 0)) == 1
            assert found == pytest.approx(hint, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kind", GENERATORS)
def test_errors_fall_with_the_number_of_knots_and_end_with_interpolation(kind):
    data = GENERATORS[kind](np.random.default_rng(68), 40)
    n_needed = approximate(data.x, data.y, tolerance=0, rtol=0).n_neurons
    errors = [approximate(data.x, data.y, max_neurons=K).certificate.lower_bound for K in range(n_needed + 2)]
    assert all(b <= a for a, b in pairwise(errors))
    assert errors[n_needed] == errors[n_needed + 1] == 0.0
    assert n_needed == 0 or errors[n_needed - 1] > 0.0
    met = approximate(data.x, data.y, max_neurons=n_needed + 10**9)
    assert met.n_neurons == n_needed
    assert met.max_error <= 1e-15 * np.abs(data.y).max()
    assert met.is_optimal


def test_no_knots_are_the_best_line():
    x = np.arange(11.0)
    solution = approximate(x, np.abs(x - 5), max_neurons=0)
    assert str(solution) == "largest error 2.5 with 0 neurons, proved minimal"
    assert solution.max_error == 2.5


def test_repeated_x_keep_the_error_above_half_their_distance():
    x, y = [0, 1, 1, 2, 3], [0.0, 0.0, 1.0, 0.0, 0.0]
    solution = approximate(x, y, max_neurons=9)
    assert solution.max_error == pytest.approx(0.5, abs=1e-15)
    assert solution.is_optimal
    assert approximate(x, y, max_neurons=0).max_error == pytest.approx(0.5, abs=1e-15)
    scaled = approximate(x, y, max_neurons=9, scale=[1, 1, 3, 1, 1])
    assert scaled.max_scaled_error == pytest.approx(0.25, abs=1e-15)


def test_rows_of_infinite_scale_do_not_count():
    x, y = np.arange(6.0), np.array([0.0, 1.0, 100.0, 3.0, 4.0, 7.0])
    scale = np.where(y == 100.0, np.inf, 1.0)
    solution = approximate(x, y, max_neurons=1, scale=scale)
    assert solution.certificate.lower_bound == 0.0
    assert "without the 1 row of infinite scale" in solution.certificate.reason
    nothing = approximate(x, y, max_neurons=1, scale=np.inf)
    assert (nothing.n_neurons, nothing.max_error, nothing.is_optimal) == (0, 0.0, True)


def test_scales_are_relative_errors_where_they_are_the_values():
    x = np.linspace(1, 10, 200)
    y = x**3
    solution = approximate(x, y, max_neurons=6, scale=y)
    assert solution.max_scaled_error == np.max(np.abs(solution.predict(x) - y) / y)
    assert str(solution).startswith(f"largest scaled error {solution.max_scaled_error:.6g} with 6 neurons, proved min")
    tolerance = solution.certificate.lower_bound * y
    assert approximate(x, y, tolerance=tolerance * 1.001).n_neurons <= 6
    assert approximate(x, y, tolerance=tolerance * 0.999).n_neurons > 6


def test_scales_of_very_different_size_keep_the_small_rows():
    rng = np.random.default_rng(69)
    for _ in range(30):
        n = int(rng.integers(3, 12))
        x, y = np.cumsum(rng.integers(1, 5, n)).astype(float), rng.normal(size=n).round(2)
        scale = np.where(rng.random(n) < 0.4, 10.0 ** rng.integers(3, 15, n), 1.0)
        for K in range(3):
            solution = approximate(x, y, max_neurons=K, scale=scale)
            small = scale == 1.0
            eps = solution.certificate.lower_bound
            residual = np.abs(solution.predict(x) - y)
            assert solution.is_optimal
            assert np.all(residual[small] <= eps + 1e-12 * (1 + np.abs(y).max()))


def test_eight_knots_on_the_thermocouple_table_err_by_1_455_degrees():
    temperature, emf = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1, unpack=True)
    solution = approximate(emf, temperature, max_neurons=8)
    assert solution.n_neurons == 8
    assert solution.max_error == pytest.approx(1.455, abs=5e-4)
    eps = solution.certificate.lower_bound
    assert approximate(emf, temperature, tolerance=eps * (1 + 1e-7), rtol=0).n_neurons == 8
    assert approximate(emf, temperature, tolerance=eps * (1 - 1e-7), rtol=0).n_neurons == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_neurons": -1}, "max_neurons must be an integer of at least 0, got -1"),
        ({"max_neurons": 2.5}, "max_neurons must be an integer"),
        ({"max_neurons": True}, "max_neurons must be an integer"),
        ({"max_neurons": float("nan")}, "max_neurons must be an integer"),
        ({}, "give exactly one of tolerance, max_neurons and bounds, got none"),
        ({"max_neurons": 1, "tolerance": 0.1}, "exactly one of .* got tolerance and max_neurons"),
        ({"tolerance": 0.1, "scale": 2.0}, "scale goes with max_neurons"),
        ({"max_neurons": 1, "scale": [1, 0, 1]}, "scale must be greater than 0, got 0 at row 1"),
        ({"max_neurons": 1, "scale": 0}, "scale must be greater than 0, got 0;"),
        ({"max_neurons": 1, "scale": [1, -2, 1]}, "scale must not be negative, got -2 at row 1"),
        ({"max_neurons": 1, "scale": [1, np.nan, 1]}, "scale has NaN at row 1"),
        ({"max_neurons": 1, "scale": [1, 2]}, "scale must be one number or one for each of the 3 rows"),
        ({"max_neurons": 1, "scale": 1e-320}, "beyond float64 in units of scale"),
        ({"max_neurons": 1, "affine": False}, "max_neurons on the line needs the affine part"),
        ({"max_neurons": 1, "target": 3}, "target goes with tolerance"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        approximate([0, 1, 2], [0.0, 1e5, 3.0], **arguments)


def test_contradictions_are_errors_and_no_refusals():
    with pytest.raises(InfeasibleError):
        interpolate([0, 0, 1], [0, 1, 1])
    assert approximate([0, 0, 1], [0, 1, 1], max_neurons=3).max_error == pytest.approx(0.5)
