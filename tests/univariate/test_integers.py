"""Integers that float64 does not hold: exact differences, and bounds that hold for the integers themselves."""

from fractions import Fraction

import numpy as np
import pytest

from reluctant import LinkStream, approximate
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.export import export_c
from reluctant.univariate.integers import counted_from, differences_from, knots_proved


def fewest_by_exact_sweep(x, lo, hi):
    """Knots of the greedy sweep over rows in rational arithmetic, every line of a link tried by its feasible slopes."""
    # A link's state: the bounds that its line must keep; feasible if no chord of two of them contradicts a third.
    knots, bounds = 0, []
    i = 0
    while i < len(x):
        new = [(x[i], lo[i], 1), (x[i], hi[i], -1)]
        line = _ended(bounds, new)
        if line is None:
            bounds += new
            i += 1
            continue
        knots += 1
        (_, last, kind) = line
        # From the last support on the rows count with the bound of the side that the line touched there.
        bounds = [(t, v, s) for t, v, s in bounds if t >= last and s == -kind]
    return knots


def _ended(bounds, new):
    """The extremal line that a new bound ends: (first, last support, 1 for the steepest); None if none."""
    for kind, (t, v, _) in ((1, new[0]), (-1, new[1])):
        best = None
        for a, va, sa in bounds:
            for b, vb, sb in bounds:
                if a < b and sa == kind and sb == -kind:
                    slope = Fraction(vb - va) / (b - a)
                    if best is None or kind * slope < kind * best[0] or (slope == best[0] and b > best[2]):
                        best = (slope, a, b, va)
        if best is not None and kind * (v - (best[3] + best[0] * (t - best[1]))) > 0:
            return best[1], best[2], kind
    return None


def keys(rng, n, bits):
    """Distinct integers below 2^bits, half of them in a dense cluster."""
    spread = [int(rng.integers(0, 2**32)) << 32 | int(rng.integers(0, 2**32)) for _ in range(n)]
    clustered = [spread[0] + int(k) for k in rng.integers(0, 2**15, n // 2)]
    return sorted({key % 2**bits for key in spread[: n - n // 2] + clustered})


def assert_count_is_that_of_rational_arithmetic(seed, bits):
    rng = np.random.default_rng(seed)
    span = keys(rng, int(rng.integers(3, 14)), bits)
    offset = 0 if bits == 64 else int(rng.integers(2**60, 2**62))
    x = np.array([key + offset for key in span], dtype=np.uint64)
    y, eps = np.cumsum(rng.integers(0, 5, len(x))), int(rng.integers(1, 4))
    try:
        solution = approximate(x, y, tolerance=eps)
    except (InfeasibleError, TooSteepError):
        return False
    exact = fewest_by_exact_sweep(x.tolist(), (y - eps).tolist(), (y + eps).tolist())
    wider = Fraction(eps) * (1 + Fraction(1, 10**9)) + Fraction(1, 2**40)
    at_least = fewest_by_exact_sweep(x.tolist(), [v - wider for v in y.tolist()], [v + wider for v in y.tolist()])
    assert solution.certificate.lower_bound <= exact, seed
    assert np.abs(solution.predict(x) - y).max() <= eps * (1 + 1e-8), seed
    if bits == 53:
        assert solution.is_optimal, seed
        assert at_least <= solution.n_neurons <= exact, seed
    return solution.is_optimal


@pytest.mark.parametrize("bits", [53, 64])
def test_fewest_knots_of_keys_are_those_of_rational_arithmetic(bits):
    assert sum(assert_count_is_that_of_rational_arithmetic(seed, bits) for seed in range(20)) >= 14


@pytest.mark.slow
@pytest.mark.parametrize("bits", [53, 64])
def test_fewest_knots_of_keys_are_those_of_rational_arithmetic_in_2000_tables(bits):
    assert sum(assert_count_is_that_of_rational_arithmetic(seed, bits) for seed in range(2000)) >= 1600


def test_keys_too_close_for_their_reach_are_refused_with_a_remedy():
    x = np.append(np.arange(40, dtype=np.uint64) + np.uint64(2**63), np.uint64(1))
    with pytest.raises(InfeasibleError, match=r"further apart than the tolerances allow.*split the table"):
        approximate(x, 3 * np.arange(41), tolerance=1)
    x = np.append(np.cumsum(np.arange(1000, 1040, dtype=np.uint64)) + np.uint64(2**63), np.uint64(1))
    with pytest.raises(ValueError, match="split the table"):
        approximate(x, np.arange(41) % 2 * 3, tolerance=1)


@pytest.mark.parametrize("kind", [np.int64, np.uint64, object, list])
def test_an_offset_that_float64_does_not_hold_changes_nothing(kind):
    rng = np.random.default_rng(3)
    x, y = np.cumsum(rng.integers(1, 9, 300)), np.cumsum(rng.integers(0, 4, 300))
    plain = approximate(x, y, tolerance=2)
    offset = 2**60 + 77
    far = [int(key) + offset for key in x]
    solution = approximate(far if kind is list else np.array(far, dtype=kind), y, tolerance=2)
    assert (solution.n_neurons, solution.is_optimal) == (plain.n_neurons, True)
    np.testing.assert_allclose(solution.predict(far), plain.predict(x), rtol=0, atol=1e-9)
    assert np.abs(solution.predict(far) - y).max() <= 2 + 1e-8
    assert f"x − {solution.origin[0]}" in solution.certificate.reason


def test_counters_keep_their_digits_in_the_function():
    rng = np.random.default_rng(4)
    x, y = np.arange(200), 2**60 + np.cumsum(rng.integers(0, 2**20, 200))
    plain, solution = (approximate(x, values, tolerance=2**18) for values in (y - y[0], y))
    assert solution.n_neurons == plain.n_neurons
    assert solution.is_optimal
    assert np.abs(solution.predict(x) - y).max() <= 2**18 + 2**9
    differences = (y - solution.origin[1]).astype(float)
    assert np.abs(solution.function(x) - differences).max() == solution.max_error
    for request in ({"max_neurons": 3}, {"tolerance": 2**19, "shape": "increasing"}, {"relative": 1e-13}):
        assert approximate(x, y, **request).is_optimal


def test_triples_that_rounding_has_made_are_not_counted():
    """On a line in integers, off it in float64; the second table is off it in both."""
    x = np.arange(4)[[0, 1, 3]].astype(float)
    y = np.array([0, 2**61 + 300, 3 * 2**61 + 900], dtype=np.uint64)
    assert knots_proved(x, y.astype(float), np.ones(3), 0.0, 0.0) == 1
    assert knots_proved(x, y, np.ones(3), 0.0, 0.0) == 0
    assert knots_proved(x, y - np.array([0, 0, 6], dtype=np.uint64), np.ones(3), 0.0, 0.0) == 0
    assert knots_proved(x, y - np.array([0, 0, 7], dtype=np.uint64), np.ones(3), 0.0, 0.0) == 1
    solution = approximate(x, y, tolerance=1, rtol=0)
    assert (solution.n_neurons, solution.certificate.lower_bound, solution.gap) == (1, 0, 1)


def test_differences_are_exact_and_rounded_once():
    origin = -(2**63)
    x = np.array([origin, origin + 1, 2**63 - 1], dtype=np.int64)
    np.testing.assert_array_equal(differences_from(x, origin), [0.0, 1.0, 2.0**64])
    np.testing.assert_array_equal(differences_from(x, 2**60), [float(v - 2**60) for v in x.tolist()])
    np.testing.assert_array_equal(differences_from([2**64 + 3, 5], 2**64), [3.0, float(5 - 2**64)])
    assert np.isnan(differences_from([np.nan, 1.0], 4)[0])
    counted = counted_from(np.array([2**63 + 1, 2**63 + 5], dtype=np.uint64), "x")
    assert (counted.origin, counted.differences.tolist()) == (2**63, [1, 5])
    for held in ([1, 2**53], [2**60, 2**61], [0.5, 2**60 + 1], np.arange(3), [[2**60 + 1, 1]], []):
        assert counted_from(held, "x") is None


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda x, y: approximate([0, 2**64 + 2**60 + 1], [0, 1], tolerance=1), "2\\^64 or more; divide"),
        (lambda x, y: approximate([0, 2**62 + 1], [0, 1], max_neurons=1), "x reaches over more than 2\\^53.*as floats"),
        (lambda x, y: approximate(x, x, bounds=(x, x)), "bounds are floats.*subtract an offset"),
        (
            lambda x, y: approximate(x, y, tolerance=1).save("keys.json"),
            "a file holds functions of x.*take",
        ),
        (lambda x, y: export_c(approximate(x, y, tolerance=1), "keys.c"), "about x − 115.*solution.function"),
        (lambda x, y: LinkStream(1.0).push(x, y), "x has integers that float64 does not hold.*differences"),
    ],
)
def test_what_integers_do_not_go_with_is_refused_with_a_remedy(action, message):
    x = np.arange(4) + 2**60
    with pytest.raises(ValueError, match=message):
        action(x, np.arange(4))


def test_one_key_with_two_counts_is_named():
    with pytest.raises(InfeasibleError, match="rows 0 and 1"):
        approximate([2**60 + 1, 2**60 + 1, 2**60 + 3], [0, 1, 5], tolerance=0.4)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.array([10**400] * 4, dtype=object), "y has an integer too large for float64 at row 0"),
        ([0, 1, 2, [3, 4]], "y must be a table of numbers with rows of one length"),
    ],
)
def test_numbers_that_are_no_column_of_integers_are_refused_as_anywhere(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        approximate(range(4), y, tolerance=0.1)
