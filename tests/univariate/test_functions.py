"""`approximate_function` against dense evaluation, known counts, and tables of more points than it takes."""

import math
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from reluctant import approximate, approximate_function
from reluctant.effort import Clock
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate import functions
from reluctant.univariate.functions import Target, approximate_interval

TAU = 2 * np.pi
FUNCTIONS = {
    # f, a, b, bound of |f''| on a sub-interval
    "square": (np.square, -3.5, 3.5, 2.0),
    "log": (np.log, 1.0, 32.0, lambda lo, hi: 1 / lo**2),
    "sine": (np.sin, 0.0, TAU, 1.0),
    "tanh": (np.tanh, -5.0, 5.0, 0.7699),
    "exp": (np.exp, -2.0, 3.0, lambda lo, hi: np.exp(hi)),
}
# Links, as theory and 200,001 samples have them.
LINKS = {
    "square": {0.1: 8, 0.05: 12, 0.01: 25},
    "log": {0.1: 3, 0.05: 4, 0.01: 9, 0.001: 28},
    "sine": {0.1: 5, 0.05: 5, 0.01: 13, 0.001: 39},
    "tanh": {0.1: 3, 0.05: 5, 0.01: 9, 0.005: 13},
}
CASES = [(name, tolerance, links) for name, row in LINKS.items() for tolerance, links in row.items()]


def dense_error(solution, f, low, high, curvature):
    """Smallest and largest f̂ − f on 200,001 points and both sides of the knots, and what lies between them."""
    knots = solution.function.knots
    x = np.concatenate([np.linspace(low, high, 200_001), knots, np.nextafter(knots, -np.inf)])
    x = x[(x >= low) & (x <= high)]
    e = solution.predict(x) - f(x)
    return e.min(), e.max(), ((high - low) / 200_000) ** 2 * curvature / 8


@pytest.mark.parametrize(("name", "tolerance", "links"), CASES)
def test_counts_are_the_known_ones_and_proved(name, tolerance, links):
    f, low, high, curvature = FUNCTIONS[name]
    solution = approximate_function(f, low, high, tolerance=tolerance, curvature=curvature)
    assert solution.n_neurons + 1 == links
    assert solution.is_optimal
    assert solution.certificate.quantity == "neurons"


@pytest.mark.parametrize("side", ["both", "below", "above"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_on_the_whole_interval_is_at_most_the_stated_one(name, side):
    f, low, high, curvature = FUNCTIONS[name]
    largest = curvature if isinstance(curvature, float) else float(np.max(curvature(np.array([low]), np.array([high]))))
    for tolerance in (0.2, 0.03, 0.002):
        solution = approximate_function(f, low, high, tolerance=tolerance, curvature=curvature, side=side)
        below, above, between = dense_error(solution, f, low, high, largest)
        assert max(-below, above) <= solution.max_error <= tolerance
        # A stated error is an upper bound, and no more than the remainder of the first round above the true one.
        assert solution.max_error <= max(-below, above) + between + 0.04 * tolerance
        assert side != "below" or above <= 0
        assert side != "above" or below >= 0
        assert solution.certificate.kind == "proved"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_samples_of_its_own_never_need_more_knots_than_it_has(name):
    """The lower bound, seen from tables that are not its samples."""
    f, low, high, curvature = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    for tolerance in (0.2, 0.01):
        solution = approximate_function(f, low, high, tolerance=tolerance, curvature=curvature)
        for _ in range(5):
            x = np.concatenate([[low, high], rng.uniform(low, high, 3000)])
            assert approximate(x, f(x), tolerance=tolerance).certificate.lower_bound <= solution.n_neurons


@pytest.mark.parametrize("side", ["below", "above"])
def test_one_sided_estimators_of_a_parabola_take_what_geometry_says(side):
    """Chords or tangents of x² over a length h are off by h²/4, chords less h²/8 on both sides by h²/8."""
    solution = approximate_function(np.square, -1, 1, tolerance=0.013, curvature=2, side=side)
    assert solution.n_neurons + 1 == math.ceil(2 / math.sqrt(4 * 0.013))
    assert solution.is_optimal


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_units_of_y_do_not_change_the_count(scale):
    solution = approximate_function(lambda x: scale * np.sin(x), 0, TAU, tolerance=0.01 * scale, curvature=scale)
    assert solution.n_neurons + 1 == 13
    assert solution.is_optimal


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e150])
def test_units_of_x_and_y_together_do_not_change_the_count(scale):
    """Squares of the lengths vanish, or are beyond float64, where h² max|f''| is not."""
    solution = approximate_function(
        lambda x: scale * np.sin(x / scale), 0, TAU * scale, tolerance=0.01 * scale, curvature=1 / scale
    )
    assert solution.n_neurons + 1 == 13
    assert solution.is_optimal
    assert solution.max_error <= 0.01 * scale


def test_an_offset_in_x_does_not_change_the_count():
    offset = 2.0**30
    solution = approximate_function(
        lambda x: np.sin(x - offset), offset, offset + TAU, tolerance=0.01, curvature=1, side="below"
    )
    assert (
        solution.n_neurons == approximate_function(np.sin, 0, TAU, tolerance=0.01, curvature=1, side="below").n_neurons
    )
    assert solution.is_optimal


def without_the_test_at_knots(function, samples, target):
    """The error at the samples plus the remainder, as a first version had it."""
    error = np.abs(function(samples.x) - samples.y).max() + samples.remainder.max()
    return error, error


def test_a_bound_without_the_errors_at_the_knots_is_caught(monkeypatch):
    """A kink between two samples carries the fit out of the band; with few samples that is seen by the eye."""
    wrong = 0
    for n_samples in range(60, 120):
        x = np.linspace(0, TAU, n_samples)
        samples = functions.Samples(x, np.sin(x), np.ones(n_samples - 1))
        target = functions.Target(np.sin, 0, TAU, 0.05)
        right, bound = functions.fit_within(samples, target)
        assert dense_error(SimpleNamespace(function=right, predict=right), np.sin, 0, TAU, 1)[1] <= bound <= 0.05
        with monkeypatch.context() as patch:
            patch.setattr(functions, "largest_errors", without_the_test_at_knots)
            broken, bound = functions.fit_within(samples, target)
        below, above, _ = dense_error(SimpleNamespace(function=broken, predict=broken), np.sin, 0, TAU, 1)
        wrong += max(-below, above) > bound
    assert wrong > 0


def test_both_lines_of_a_kink_count():
    """A table whose links meet nowhere near its knot is as far from f as the worse of them."""
    x = np.array([0.0, 0.5, 1.0])
    samples = functions.Samples(x, np.zeros(3), np.zeros(2))
    target = functions.Target(np.zeros_like, 0.0, 1.0, 1.0)
    torn = PiecewiseLinear(np.array([0.5]), np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([8.0, 0.0]))
    assert functions.largest_errors(torn, samples, target)[1] == pytest.approx(4.0)


def test_without_curvature_nothing_is_claimed():
    solution = approximate_function(np.sin, 0, TAU, tolerance=0.01)
    assert solution.certificate.kind == "none"
    assert not solution.is_optimal
    assert "need 12 neurons" in solution.certificate.reason
    assert "give curvature" in solution.certificate.reason
    assert f"{solution.max_error:.6g}" in solution.certificate.reason
    assert solution.n_neurons in (12, 13)


def test_an_unproved_bump_between_the_samples_is_not_vouched_for():
    """What no sample sees: the reason why nothing is claimed without curvature."""
    width = 1e-7

    def bump(x):
        return np.exp(-(((x - 1 / 3) / width) ** 2))

    assert approximate_function(bump, 0, 1, tolerance=0.1).certificate.kind == "none"


def test_functions_of_one_number_and_constants_are_taken():
    one_by_one = approximate_function(math.sin, 0, TAU, tolerance=0.01, curvature=lambda lo, hi: max(0.5, 1.0))
    whole = approximate_function(np.sin, 0, TAU, tolerance=0.01, curvature=1)
    assert one_by_one.n_neurons == whole.n_neurons
    assert approximate_function(lambda x: 2.0, 0, 1, tolerance=0.1, curvature=0).n_neurons == 0
    assert approximate_function(lambda x: x if x > 0 else 0, -1, 1, tolerance=0.1).n_neurons == 1


def test_a_round_that_time_cuts_short_keeps_the_bound_and_the_function_of_the_last():
    """The clock ends within the second round: fewer samples of it are asked for than a whole round takes."""
    asked = []

    def parabola(x):
        asked.append(len(np.atleast_1d(x)))
        return np.square(x)

    def limited(looks):
        clock = Clock()
        with mock.patch.object(clock, "expired", iter([*[False] * looks, *[True] * 10_000]).__next__):
            asked.clear()
            return approximate_interval(Target(parabola, -3.5, 3.5, 0.005), lambda a, b: np.full(len(a), 2.0), clock)

    first, cut, whole = limited(0), limited(2), approximate_function(np.square, -3.5, 3.5, tolerance=0.005, curvature=2)
    assert first.certificate.lower_bound <= cut.certificate.lower_bound <= whole.n_neurons <= cut.n_neurons
    assert cut.max_error <= 0.005


def test_a_time_limit_ends_with_the_best_so_far_and_the_bound_so_far():
    """7 / √(8 · 0.005) = 35 links would do with no rounding at all, so the search never ends by itself."""
    solution = approximate_function(np.square, -3.5, 3.5, tolerance=0.005, curvature=2, time_limit=1e-3)
    assert solution.n_neurons - solution.certificate.lower_bound >= 1
    assert not solution.is_optimal
    assert solution.max_error <= 0.005
    assert "the time limit ended the search" in solution.certificate.reason
    target = functions.Target(np.square, -3.5, 3.5, 0.005)
    curvature = lambda lo, hi: np.full(len(lo), 2.0)  # noqa: E731
    interrupted = Clock()
    interrupted.interrupt()
    assert "an interrupt" in functions.approximate_interval(target, curvature, interrupted).certificate.reason


BAD = {
    "nan": ({"f": lambda x: np.where(x > 0.5, np.nan, x)}, r"f is nan at x = 0\.50\d+; choose a and b"),
    "infinite": ({"f": lambda x: 1 / np.asarray(x)}, r"f is inf at x = 0\.0; choose a and b"),
    "infinite, one by one": ({"f": lambda x: np.log(np.float64(x)) if x else np.log(x)}, r"f is -inf at x = 0\.0; cho"),
    "complex": ({"f": lambda x: np.asarray(x) * 1j}, r"f is complex at x = 0\.00\d+"),
    "complex_number": ({"f": lambda x: complex(0, float(x))}, r"f is complex at x = 0\.00\d+"),
    "shape": ({"f": lambda x: [1.0, 2.0]}, r"f has shape \(2,\) at x = 0\.0; return one number"),
    "text": ({"f": lambda x: "a"}, r"f is 'a' at x = 0\.0; return a real number"),
    "nothing": ({"f": lambda x: None}, r"f is None at x = 0\.0; return a real number"),
    "a table": ({"f": [1, 2]}, "f must be a function of x"),
    "order": ({"a": 1.0, "b": 0.0}, "a must be less than b"),
    "a nan": ({"a": np.nan}, "a must be a finite number"),
    "range": ({"a": -1.5e308, "b": 1.5e308}, "b − a must be finite"),
    "tolerance": ({"tolerance": 0.0}, "tolerance must be greater than 0"),
    "side": ({"side": "under"}, "side must be"),
    "curvature": ({"curvature": -1.0}, r"curvature must be a bound of \|f''\|"),
    "curvature nan": ({"curvature": np.nan}, r"curvature must be a bound of \|f''\|"),
    "curvature infinite": ({"curvature": lambda lo, hi: 1 / lo}, r"curvature is inf at \[0\.0, .*\]; give a finite"),
    "curvature negative": ({"curvature": lambda lo, hi: -hi}, r"curvature is -.* on \[0\.0, .*\]; give a bound"),
    "curvature too small": ({"f": np.exp, "curvature": 1.0}, r"curvature is at most 1 between .* give a bound of"),
    "time": ({"time_limit": 0}, "time_limit must be greater than 0"),
    "rounding": ({"f": np.exp, "curvature": 3.0, "tolerance": 1e-15}, "no table within tolerance = 1e-15"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_with_the_place(name):
    changes, message = BAD[name]
    arguments = {"f": np.square, "a": 0.0, "b": 1.0, "tolerance": 0.1, "curvature": 2.0} | changes
    with pytest.raises(ValueError, match=message):
        approximate_function(arguments.pop("f"), arguments.pop("a"), arguments.pop("b"), **arguments)


def test_errors_of_the_function_itself_are_the_callers():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        approximate_function(broken, 0, 1, tolerance=0.1)


def random_function(rng):
    """A sum of sines and a parabola, and a bound of its second derivative on every interval."""
    sizes, rates, phases = rng.normal(size=3), rng.uniform(0.5, 6, 3), rng.uniform(0, TAU, 3)
    bend = rng.normal()
    bound = float(np.sum(np.abs(sizes) * rates**2) + abs(2 * bend))
    return SimpleNamespace(f=lambda x: np.sin(np.multiply.outer(x, rates) + phases) @ sizes + bend * x**2, bound=bound)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_random_functions_keep_the_tolerance_and_the_two_bounds_meet(seed):
    rng = np.random.default_rng(seed)
    case, low = random_function(rng), rng.uniform(-3, 0)
    high, tolerance = low + rng.uniform(0.5, 4), 10 ** rng.uniform(-3, 0)
    side = ("both", "below", "above")[rng.integers(3)]
    solution = approximate_function(case.f, low, high, tolerance=tolerance, curvature=case.bound, side=side)
    below, above, _ = dense_error(solution, case.f, low, high, case.bound)
    assert max(-below, above) <= solution.max_error <= tolerance
    assert side != "below" or above <= 0
    assert side != "above" or below >= 0
    assert solution.gap <= 1
