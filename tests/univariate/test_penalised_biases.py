"""`interpolate` with penalised biases against linear programs over grids, and exact dual functions."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias_oracles import cost_of, fewest_knots_of_l1, is_below, least_on_grid, proved_by
from oracles import slope_changes, total_variation
from reluctant import InfeasibleError, interpolate
from reluctant.univariate.interpolation import Corners
from reluctant.univariate.penalised_biases import _PLANS, Points
from univariate.strategies import GENERATORS, GENERIC, tables

BIASES = ["l1", "l2"]

on_tables = settings(derandomize=True, deadline=None, max_examples=60)


def placed(rng: np.random.Generator, kind: str, n: int):
    """A table of that kind, somewhere about x = 0, narrow or wide."""
    data = GENERATORS[kind](rng, n)
    place = rng.choice([0.0, 0.3, 0.5, 0.5, 0.7, 1.0])
    x = data.x - data.x[0] - place * (data.x[-1] - data.x[0])
    return x * 10.0 ** rng.integers(-2, 3), data.y


def assert_consistent(solution, x, y, bias) -> None:
    """Count, value, error, table and network of a solution are those of one function, and the bound is met."""
    function, network = solution.function, solution.network
    y_max = np.abs(y).max()
    assert solution.max_error <= 1e-12 * y_max
    np.testing.assert_allclose(solution.predict(x), y, rtol=0, atol=1e-12 * y_max)
    np.testing.assert_allclose(network(x), y, rtol=0, atol=1e-9 * y_max)
    assert solution.n_neurons == len(function.knots) == network.n_neurons
    w, b, v = network.input_weights[:, 0], network.biases, network.output_weights[:, 0]
    norm = np.abs(w) + np.abs(b) if bias == "l1" else np.hypot(w, b)
    assert solution.value == pytest.approx(np.sum(np.abs(v) * norm), rel=1e-9)
    assert solution.value == pytest.approx(np.sum(np.abs(function.slope_changes) * cost_of(function.knots, bias)))
    if len(function.knots):
        left = function.links.anchors[1, :-1] + function.slopes[:-1] * (function.knots - function.links.anchors[0, :-1])
        rise = np.abs(function.slopes[:-1] * (function.knots - function.links.anchors[0, :-1]))
        np.testing.assert_allclose(function(function.knots), left, rtol=0, atol=1e-11 * (y_max + rise.max()))
        assert x.min() < function.knots[0]
        assert function.knots[-1] < x.max()
    between = np.abs(function(function.knots) - np.interp(function.knots, x, y))
    assert solution.max_error_between == pytest.approx(np.max(between, initial=0.0), rel=1e-6, abs=1e-11 * y_max)
    assert (solution.p, solution.certificate.quantity, solution.certificate.kind) == (1.0, "value", "proved")
    assert solution.is_optimal
    assert solution.certificate.lower_bound <= solution.value


def assert_least(solution, x, y, bias) -> None:
    """The value is the least with knots anywhere, but for what rounding of y does to slopes."""
    on_grid, anywhere = least_on_grid(x, y, bias)
    noise = 1e-14 * cost_of(np.abs(x).max(), bias) * np.abs(np.diff(y) / np.diff(x)).max(initial=0.0) * len(x)
    assert anywhere * (1 - 1e-8) - noise <= solution.value <= on_grid * (1 + 1e-8) + noise
    if bias == "l1":
        assert solution.value == pytest.approx(on_grid, rel=1e-8, abs=noise)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", GENERATORS)
def test_the_value_is_that_of_a_linear_program_over_knots_anywhere(kind, bias):
    rng = np.random.default_rng(21)
    for _ in range(6):
        x, y = placed(rng, kind, int(rng.integers(1, 10)))
        solution = interpolate(x, y, 1, bias=bias)
        assert_consistent(solution, x, y, bias)
        assert_least(solution, x, y, bias)


def exact_dual(x, y, bias):
    """The dual function behind a bound, lowered by its slack, at all points; and the plan."""
    corners = Corners.exact(x, y)
    plan = _PLANS[bias](Points(corners.x, corners.jumps, corners.solid))
    lowered = [Fraction(float(q)) - Fraction(float(s)) for q, s in zip(plan.dual, plan.slack)]
    return [q * int(np.sign(g)) for q, g in zip(lowered, corners.jumps)]


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", GENERIC)
def test_the_bound_is_what_an_exact_dual_function_proves(kind, bias):
    rng = np.random.default_rng(22)
    for size in [*rng.integers(3, 30, 10), 200]:
        x, y = placed(rng, kind, int(size))
        solution = interpolate(x, y, 1, bias=bias, rtol=0)
        proved = proved_by(x, y, exact_dual(x, y, bias)[1:-1], bias)
        assert proved is not None
        assert solution.certificate.lower_bound <= proved
        assert solution.certificate.lower_bound == pytest.approx(float(proved), rel=1e-12)


def is_below_in_runs(x, dual, jumps, bias) -> bool:
    """Whether a dual function is below φ in the gaps that may hold knots."""
    x, n = [Fraction(float(v)) for v in x], len(x)
    for i in range(n - 1):
        signs = {(g > 0) - (g < 0) for g in (jumps[k - 1] for k in (i, i + 1) if 0 < k < n - 1)}
        if len(signs) == 1 and 0 not in signs:
            sign = signs.pop()
            if not is_below((x[i], x[i + 1]), (sign * dual[i], sign * dual[i + 1]), bias):
                return False
    return True


def on_scales(rng: np.random.Generator):
    """Points at distances and with jumps of many orders of magnitude."""
    n = int(rng.integers(3, 25))
    size = 10.0 ** rng.uniform(-6, 6, n)
    x = np.unique(size * rng.choice([-1, 1], n)) if rng.integers(2) else np.cumsum(size) + rng.choice([0.0, -1e5, 1e9])
    convex = np.cumsum(10.0 ** rng.uniform(-8, 3, len(x)))
    slopes = convex if rng.integers(2) else convex * rng.choice([-1, 1], len(x))
    y = np.cumsum(slopes * np.diff(x, prepend=x[0]))
    return x, y * 10.0 ** rng.integers(-200, 200)


@pytest.mark.parametrize("bias", BIASES)
def test_bounds_hold_on_all_scales(bias):
    rng = np.random.default_rng(23)
    for _ in range(60):
        x, y = on_scales(rng)
        solution = interpolate(x, y, 1, bias=bias, rtol=0)
        dual, jumps = exact_dual(x, y, bias), slope_changes(x, y)
        dual[0] = dual[-1] = Fraction(0)
        assert is_below_in_runs(x, dual, jumps, bias)
        proved = sum(g * q for g, q in zip(jumps, dual[1:-1]))
        assert solution.certificate.lower_bound <= max(proved, 0)
        assert solution.certificate.lower_bound <= solution.value
        assert solution.is_optimal
        assert solution.max_error <= 1e-9 * np.abs(y).max()


@pytest.mark.parametrize("bias", BIASES)
def test_no_dual_function_exceeds_the_value(bias):
    rng = np.random.default_rng(24)
    for _ in range(40):
        x, y = placed(rng, str(rng.choice(list(GENERIC))), int(rng.integers(3, 9)))
        solution = interpolate(x, y, 1, bias=bias)
        best = np.array([float(q) for q in exact_dual(x, y, bias)[1:-1]])
        for scale in (1.0, 0.1, 1e-3, 1e-6):
            dual = best * (1 + scale * rng.normal(size=len(best)))
            while (proved := proved_by(x, y, dual, bias)) is None:
                dual = dual * (1 - scale / 4)
            assert float(proved) <= solution.value * (1 + 1e-12)


@pytest.mark.parametrize("bias", BIASES)
@on_tables
@given(data=tables(min_points=2), place=st.sampled_from([0.0, 0.4, 1.0, 1e3]))
def test_ties_units_and_places(bias, data, place):
    x = data.x - place * data.x[-1]
    solution = interpolate(x, data.y, 1, bias=bias)
    plain = interpolate(x, data.y, 1)
    with np.errstate(over="ignore"):
        least = np.sum(np.abs(plain.function.slope_changes) * cost_of(plain.function.knots, bias))
    assert plain.value * (1 - 1e-9) <= solution.value <= least * (1 + 1e-9)
    assert solution.certificate.lower_bound <= solution.value
    assert solution.is_optimal or solution.gap <= 1e-9 * np.sum(np.abs(plain.function.slope_changes)) * cost_of(
        np.abs(x).max(), bias
    )
    assert solution.max_error <= 1e-9 * np.abs(data.y).max()


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", GENERATORS)
def test_mirrors_and_units_of_y_do_not_matter(kind, bias):
    rng = np.random.default_rng(25)
    for _ in range(5):
        x, y = placed(rng, kind, int(rng.integers(2, 40)))
        solution = interpolate(x, y, 1, bias=bias)
        mirrored, scaled = interpolate(-x, y, 1, bias=bias), interpolate(x, -1024.0 * y, 1, bias=bias)
        assert mirrored.value == pytest.approx(solution.value, rel=1e-12)
        assert scaled.value == 1024.0 * solution.value
        np.testing.assert_array_equal(scaled.function.knots, solution.function.knots)
        if bias == "l2":  # which is unique
            reach = np.diff(x).max()
            np.testing.assert_allclose(
                -mirrored.function.knots[::-1], solution.function.knots, rtol=0, atol=1e-6 * reach
            )


@pytest.mark.parametrize("kind", GENERATORS)
def test_values_are_in_order_and_far_out_they_are_the_variation_times_the_distance(kind):
    x, y = placed(np.random.default_rng(26), kind, 30)
    variation = float(total_variation(x, y))
    values = [interpolate(x, y, 1, bias=bias).value for bias in (None, "l2", "l1")]
    assert values == sorted(values)
    assert values[0] == pytest.approx(variation, rel=1e-9)
    width = x[-1] - x[0]
    moved = interpolate(x + width, y, 1, bias="l1").value
    assert moved > values[2] * (1 + 1e-9)
    for bias, distance in (("l1", 1e6 * (1 + width)), ("l2", 1e6 * (1 + width))):
        far = interpolate(x + distance, y, 1, bias=bias, rtol=0).value
        there = float(total_variation(x + distance, y))  # rounding moved the points
        assert far == pytest.approx(cost_of(distance, bias) * there, rel=1e-5)


@pytest.mark.parametrize("kind", GENERATORS)
def test_l1_has_the_fewest_knots_among_minimisers(kind):
    rng = np.random.default_rng(27)
    for _ in range(2):
        x, y = placed(rng, kind, 7)
        solution = interpolate(x, y, 1, bias="l1")
        assert fewest_knots_of_l1(x, y, solution.value, solution.n_neurons) == solution.n_neurons


@pytest.mark.parametrize("kind", GENERATORS)
def test_where_zero_is_outside_l1_returns_what_p_1_does(kind):
    x, y = placed(np.random.default_rng(30), kind, 40)
    for moved in (x - x[0], x - x[-1], x - 2 * x[-1] + x[0]):
        plain, penalised = interpolate(moved, y, 1).function, interpolate(moved, y, 1, bias="l1").function
        np.testing.assert_array_equal(penalised.knots, plain.knots)
        np.testing.assert_array_equal(penalised.slopes, plain.slopes)


def test_l1_may_take_one_knot_more_than_the_sparsest():
    x, y = np.array([-3.0, -2, -1, 1, 2, 3]), np.array([9.0, 4, 1, 1, 4, 9])
    assert interpolate(x, y, 1).n_neurons == 2
    assert interpolate(x, y, 1, bias="l1").n_neurons == 3


def test_of_one_jump_the_knot_is_at_the_point_unless_the_first_gap_has_a_better_place():
    for start, l1, l2 in ((-0.25, 2.0, 2.0), (-4.0, 0.0, 0.25), (-1e6, 0.0, 1e-6), (1.0, 2.0, 2.0)):
        x, y = [start, 2, 3], [0, 0, 1]
        assert interpolate(x, y, 1, bias="l1").function.knots[0] == l1
        assert interpolate(x, y, 1, bias="l2").function.knots[0] == pytest.approx(l2, rel=1e-15)
        mirrored = interpolate([-t for t in x], y, 1, bias="l2").function.knots[0]
        assert mirrored == pytest.approx(-l2, rel=1e-15)


def test_of_two_jumps_the_l2_knot_is_their_centre():
    solution = interpolate([-6, -5, 3, 4], [1, 0, 0, 3], 1, bias="l2")
    assert solution.function.knots[0] == pytest.approx((-5 + 3 * 3) / 4, rel=1e-15)
    assert solution.value == pytest.approx(4 * np.sqrt(2), rel=1e-15)


def test_lines_and_single_points_cost_nothing():
    for bias in BIASES:
        for x, y in (([3.0], [1.0]), ([0, 1], [5, 7]), (np.arange(9.0) - 4, 0.1 * (np.arange(9) - 4))):
            solution = interpolate(x, y, 1, bias=bias)
            assert (solution.value, solution.n_neurons, solution.is_optimal) == (0.0, 0, True)


@pytest.mark.parametrize("bias", BIASES)
def test_points_on_a_line_but_for_rounding_get_no_knots(bias):
    x = 0.1 * np.arange(-40, 60)
    y = 0.1 * np.abs(x - 3.7) + 0.3 * np.maximum(x + 1.3, 0)
    for shift in (0.0, 0.05, 123.0):
        solution = interpolate(x + shift, y, 1, bias=bias)
        assert solution.is_optimal
        np.testing.assert_allclose(solution.function.knots, [-1.3 + shift, 3.7 + shift], atol=1e-9)
        exact = interpolate(x + shift, y, 1, bias=bias, rtol=0)
        assert exact.certificate.lower_bound == pytest.approx(solution.value, rel=1e-9)
        assert solution.certificate.lower_bound <= exact.value


@pytest.mark.parametrize("bias", BIASES)
def test_order_of_rows_and_repeated_rows_do_not_matter(bias):
    rng = np.random.default_rng(28)
    x, y = placed(rng, "convex", 50)
    solution = interpolate(x, y, 1, bias=bias)
    order = rng.permutation(np.repeat(np.arange(50), 2))
    shuffled = interpolate(x[order], y[order], 1, bias=bias)
    np.testing.assert_array_equal(shuffled.function.knots, solution.function.knots)
    assert (shuffled.value, shuffled.certificate) == (solution.value, solution.certificate)
    with pytest.raises(InfeasibleError, match="appears with y ="):
        interpolate([0, 1, 1], [0, 1, 2], 1, bias=bias)


@pytest.mark.parametrize("bias", BIASES)
def test_jumps_that_are_rounding_take_no_part(bias):
    x = np.array([-0.45, -0.35, -0.25, -0.05, 0.05, 0.15, 0.35, 0.55, 0.75, 0.85, 1.05])
    y = np.array([1.0, 2, 3, 4, 3, 2, 1, 1, 0, 0, 1])
    exact, drawn = interpolate(x, y, 1, bias=bias, rtol=0), interpolate(x, y, 1, bias=bias)
    assert exact.is_optimal
    assert drawn.is_optimal
    assert exact.n_neurons > drawn.n_neurons
    assert exact.value == pytest.approx(drawn.value, rel=1e-12)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("far", [1e6, 1e150, 1e300])
def test_points_far_on_both_sides_of_zero_keep_their_digits(far, bias):
    x = np.array([-2 * far, -far, far, 2 * far])
    even = interpolate(x, far * np.array([1.0, 0, 0, 1]), 1, bias=bias)
    assert (even.value, even.function.knots[0], even.is_optimal) == (2.0, 0.0, True)
    uneven = interpolate(x, far * np.array([1.0, 0, 0, 3]), 1, bias=bias)
    assert uneven.is_optimal
    assert uneven.function.knots[0] == far / 2
    assert uneven.value == pytest.approx(4 * (far / 2 + (bias == "l1")), rel=1e-11)


@pytest.mark.parametrize("bias", BIASES)
def test_long_runs_keep_their_digits(bias):
    even = np.linspace(-30, 50, 20_001)
    uneven = np.sinh(even / 5)
    for x, y in ((even, even**2), (uneven, uneven**2), (even, np.exp(even / 10))):
        solution = interpolate(x, y, 1, bias=bias, rtol=0)
        assert solution.is_optimal
        assert solution.max_error <= 1e-12 * np.abs(y).max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bias": "l3"}, "bias must be None, 'l1' or 'l2', got 'l3'"),
        ({"bias": True}, "bias must be None, 'l1' or 'l2', got True"),
        ({"p": 0}, "bias = 'l1' is known for p = 1 alone, got p = 0; give p=1, or leave bias out"),
        ({"p": 0.5}, "bias = 'l1' is known for p = 1 alone, got p = 0.5; give p=1, or leave bias out"),
        ({"halve_p": True}, "bias = 'l1' is known for p = 1 alone, got halve_p=True; give p=1, or leave bias out"),
        ({"affine": False}, "bias is known with an affine part, but affine is False; leave one of them out"),
        ({"X": np.eye(3)}, "bias is for one input, but X has 3, where biases always count; leave bias out"),
        ({"y": np.eye(3)}, "bias is known for one output, but y has 3 columns; solve for each by itself"),
    ],
)
def test_other_requests_are_refused_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        interpolate(**({"X": [0, 1, 2], "y": [0, 1, 0], "p": 1, "bias": "l1"} | arguments))


def test_what_float64_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="more than float64 holds; rescale x or y"):
        interpolate([1e200, 2e200, 3e200], [0, 1e308, 0], 1, bias="l1")


@pytest.mark.slow
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("seed", range(20))
def test_many_tables_against_the_linear_program(seed, bias):
    rng = np.random.default_rng([29, seed])
    for _ in range(100):
        x, y = placed(rng, str(rng.choice(list(GENERATORS))), int(rng.integers(1, 14)))
        solution = interpolate(x, y, 1, bias=bias)
        assert_consistent(solution, x, y, bias)
        assert_least(solution, x, y, bias)
        exact = interpolate(x, y, 1, bias=bias, rtol=0)
        assert exact.is_optimal
