"""Tables as people have them: containers, order, repetitions, bad rows, extreme magnitudes, many points."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from oracles import exact, fewest_knots
from reluctant import InfeasibleError, approximate, error_path, interpolate, p_path, regress
from reluctant.errors import TooSteepError
from univariate.checks import assert_interpolates

X = [0, 1, 2, 3, 5, 6]
Y = [0, 0, 1, 1, 0, 4]


def fits(x, y):
    """The same table through both verbs."""
    return [interpolate(x, y), interpolate(x, y, p=0.5), approximate(x, y, tolerance=0)]


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "integers": lambda v: np.array(v, dtype=np.int64),
    "unsigned": lambda v: np.array(v, dtype=np.uint8),
    "float32": lambda v: np.array(v, dtype=np.float32),
    "column": lambda v: np.array(v, dtype=float)[:, None],
    "strided": lambda v: np.repeat(np.array(v, dtype=float), 2)[::2],
    "pandas series": pd.Series,
    "pandas series with an index of its own": lambda v: pd.Series(v, index=range(len(v), 0, -1)),
    "polars series": pl.Series,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_solution(container):
    expected = interpolate(np.array(X, float), np.array(Y, float))
    for solution in fits(CONTAINERS[container](X), CONTAINERS[container](Y)):
        np.testing.assert_array_equal(solution.function.knots, expected.function.knots)
        np.testing.assert_array_equal(solution.predict(np.array(X, float)).ravel(), np.array(Y, float))


def test_frames_of_one_column_are_tables():
    expected = interpolate(X, Y).function.knots
    for frame in (pd.DataFrame({"a": X}), pl.DataFrame({"a": X})):
        np.testing.assert_array_equal(interpolate(frame, Y).function.knots, expected)


def test_input_is_not_modified():
    x, y = np.array([3.0, 1.0, 2.0, 0.0, 2.0]), np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    x_before, y_before = x.copy(), y.copy()
    fits(x, y)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(y, y_before)


def test_unsorted_rows_give_the_sorted_solution():
    order = np.random.default_rng(0).permutation(len(X))
    for sorted_fit, shuffled in zip(fits(X, Y), fits(np.array(X)[order], np.array(Y)[order])):
        np.testing.assert_array_equal(shuffled.function.knots, sorted_fit.function.knots)
        np.testing.assert_array_equal(shuffled.function.slopes, sorted_fit.function.slopes)


def test_tolerances_follow_their_rows_when_rows_are_sorted():
    x, y, eps = np.array([3.0, 0.0, 2.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0])
    assert approximate(x, y, tolerance=eps).n_neurons == 0
    assert approximate(x, y, tolerance=eps[::-1]).n_neurons > 0


# Repeated x


def test_repeated_rows_are_one_point():
    for once, twice in zip(fits(X, Y), fits(X + X, Y + Y)):
        np.testing.assert_array_equal(twice.function.knots, once.function.knots)


def test_repeated_x_with_another_y_cannot_be_interpolated():
    with pytest.raises(InfeasibleError, match=r"3\.0.*(1.*2|2.*1)"):
        interpolate([0, 3, 3, 4], [0, 1, 2, 0])


def test_negative_zero_is_zero():
    assert interpolate([-1.0, 0.0, -0.0, 1.0], [1.0, 0.0, 0.0, 1.0]).n_neurons == 1
    with pytest.raises(InfeasibleError, match="x"):
        interpolate([-1.0, 0.0, -0.0, 1.0], [1.0, 0.0, 1.0, 1.0])


def test_repeated_x_is_feasible_if_the_band_allows_it():
    x, y = [0, 1, 1, 2], [0, 1, 2, 3]
    solution = approximate(x, y, tolerance=0.5)
    assert solution.n_neurons == 0
    assert solution.max_error <= 0.5 * (1 + 1e-9)
    np.testing.assert_allclose(solution.predict([1.0]), 1.5, rtol=1e-8)


def test_repeated_x_is_infeasible_if_the_bands_do_not_meet():
    with pytest.raises(InfeasibleError, match=r"1\.0"):
        approximate([0, 1, 1, 2], [0, 1, 2, 3], tolerance=0.25)
    with pytest.raises(InfeasibleError, match=r"1\.0"):
        approximate([0, 1, 1, 2], [0, 1, 2, 3], tolerance=[1, 0.5, 0.25, 1])
    assert approximate([0, 1, 1, 2], [0, 1, 2, 3], tolerance=[0, 0.75, 0.25, 0]).n_neurons >= 1


# Bad rows and arguments


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("verb", [interpolate, lambda x, y: approximate(x, y, tolerance=1)])
def test_value_that_is_no_number_is_named_with_its_row(verb, bad):
    values = np.arange(20.0)
    broken = values.copy()
    broken[17] = bad
    with pytest.raises(ValueError, match=r"y.*17"):
        verb(values, broken)
    with pytest.raises(ValueError, match=r"[xX].*17"):
        verb(broken, values)


def test_missing_values_of_frames_are_named_with_their_row():
    with pytest.raises(ValueError, match=r"y.*2"):
        interpolate([0, 1, 2, 3], pl.Series([0.0, 1.0, None, 3.0]))
    with pytest.raises(ValueError, match=r"y.*2"):
        interpolate([0, 1, 2, 3], pd.Series([0.0, 1.0, None, 3.0]))


@pytest.mark.parametrize("tolerance", [-1, np.nan, [0, 0, -0.5, 0], [0, 0, np.nan, 0], [1, 1], "wide", None])
def test_bad_tolerance_is_a_value_error_that_names_it(tolerance):
    with pytest.raises((ValueError, TypeError), match="tolerance"):
        approximate([0, 1, 2, 3], [0, 1, 0, 1], tolerance=tolerance)


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
def test_order_outside_zero_and_one_is_a_value_error_that_names_p(p):
    with pytest.raises(ValueError, match="p"):
        interpolate(X, Y, p=p)


def test_columns_of_different_length_are_a_value_error():
    with pytest.raises(ValueError, match=r"3.*2|2.*3"):
        interpolate([1, 2, 3], [1, 2])


def test_text_is_a_value_error():
    with pytest.raises(ValueError, match="y"):
        interpolate([1, 2, 3], ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"y|complex"):
        interpolate([1, 2, 3], [1j, 2, 3])


# Few points and degenerate data


def test_no_points_are_a_value_error():
    with pytest.raises(ValueError, match=r"[xX]|row|point"):
        interpolate([], [])
    with pytest.raises(ValueError, match=r"[xX]|row|point"):
        approximate([], [], tolerance=1)


@pytest.mark.parametrize(
    ("x", "y", "knots"),
    [
        ([2], [5], 0),
        ([1, 2], [3, 5], 0),
        ([0, 1, 2], [0, 1, 0], 1),
        ([0, 1, 2], [0, 1, 2], 0),
        ([0, 1, 2, 3], [7, 7, 7, 7], 0),
        ([0, 1, 2, 3], [0, 0, 0, 0], 0),
        ([-5, 0, 7, 8], [-10, 0, 14, 16], 0),
    ],
)
def test_few_points_constants_and_lines(x, y, knots):
    for solution in fits(x, y):
        assert solution.n_neurons == knots
        np.testing.assert_array_equal(solution.predict(np.array(x, float)), y)
        np.testing.assert_allclose(solution.network(np.array(x, float)), y, atol=1e-15)
    assert approximate(x, y, tolerance=1).n_neurons == 0


@pytest.mark.parametrize("p", [0, 0.5, 1])
def test_fit_of_one_point_is_a_constant(p):
    assert interpolate([2], [5], p=p).predict([1e9]) == 5


# Magnitudes


@pytest.mark.parametrize("y_unit", [1e-300, 1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("x_unit", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_any_magnitude_is_solved_or_refused(x_unit, y_unit):
    """Where the slopes are floats the solution is exact; where they are not, a ValueError says so."""
    x, y = np.array(X) * x_unit, np.array(Y) * y_unit
    if 1e-306 < y_unit / x_unit < 1e306:
        for solution in fits(x, y):
            assert solution.n_neurons == fewest_knots(X, Y)
            np.testing.assert_allclose(solution.predict(x), y, rtol=1e-12, atol=1e-12 * y_unit)
            np.testing.assert_allclose(solution.network(x), y, rtol=1e-9, atol=1e-9 * y_unit)
    else:
        with pytest.raises(ValueError, match=r"float64|scale|unit"):
            interpolate(x, y)


def test_subnormal_data_do_not_lose_the_knots():
    x = np.arange(5.0)
    y = np.array([0, 3, 1, 4, 1]) * 5e-324
    assert interpolate(x, y).n_neurons == interpolate(x, y / 5e-324).n_neurons


def test_abscissae_one_ulp_apart():
    x = 1.0 + np.arange(6) * np.spacing(1.0)
    y = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 3.0])
    for p in (0, 0.5):
        solution = interpolate(x, y, p=p)
        assert solution.n_neurons == fewest_knots(range(6), y)
        np.testing.assert_allclose(solution.predict(x), y, atol=1e-12)


@pytest.mark.parametrize("verb", [interpolate, lambda x, y: error_path(x, y)])
@pytest.mark.parametrize("container", [list, lambda v: np.array(v, dtype=np.int64)])
def test_integers_that_collapse_in_floats_name_both_rows(verb, container):
    big = 2**53
    with pytest.raises(ValueError, match=r"(?s)x.*(2.*3|3.*2).*subtract an offset"):
        verb(container([0, 5, big, big + 1]), [0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"(?s)y.*(0.*2|2.*0).*subtract an offset"):
        verb([0, 1, 2], container([big, 0, big + 1]))


def test_large_integers_that_do_not_collapse_are_accepted():
    big = 2**53
    x = [big + 2 * i for i in range(5)]
    solution = interpolate(x, [0, 1, 0, 1, 1])
    assert solution.n_neurons == 3
    np.testing.assert_array_equal(solution.predict(np.array(x, float)), [0, 1, 0, 1, 1])


@pytest.mark.parametrize("verb", [interpolate, lambda x, y: approximate(x, y, tolerance=0)])
@pytest.mark.parametrize(("x_offset", "y_offset"), [(1e9, 0.0), (0.0, 1e12), (1e9, 1e12), (-1e9, -1e12)])
def test_offsets_keep_predictions_within_four_ulp(verb, x_offset, y_offset):
    rng = np.random.default_rng(1)
    x = np.unique(x_offset + np.sort(rng.uniform(0, 1000, 2000)))
    y = y_offset + np.cumsum(rng.normal(size=len(x)))
    solution = verb(x, y)
    assert np.all(np.abs(solution.predict(x) - y) <= 4 * np.spacing(np.abs(y)))


# Many points


def random_walk(n):
    rng = np.random.default_rng(2)
    return np.sort(rng.uniform(0, n, n)), np.cumsum(rng.normal(size=n))


@pytest.mark.parametrize("n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("p", [0, 0.5])
def test_long_walk_survives_in_table_and_network(n, p):
    x, y = random_walk(n)
    solution = interpolate(x, y, p=p)
    assert_interpolates(solution, x, y)
    scale = np.abs(y).max()
    assert np.abs(solution.predict(x) - y).max() <= 1e-12 * scale
    assert np.abs(solution.network(x) - y).max() <= 1e-9 * scale


def test_network_call_is_its_own_exact_sum():
    """The network's fast evaluation against its parameters summed in rational arithmetic."""
    x, y = random_walk(300)
    network = interpolate(x, y).network
    t = np.random.default_rng(3).uniform(x[0], x[-1], 20)
    w, b, v = map(exact, (network.input_weights[:, 0], network.biases, network.output_weights[:, 0]))
    affine, constant = Fraction(network.slope[0, 0]), Fraction(network.intercept[0])
    sums = [
        sum(v_k * max(w_k * t_i + b_k, 0) for w_k, b_k, v_k in zip(w, b, v)) + affine * t_i + constant
        for t_i in exact(t)
    ]
    np.testing.assert_allclose(network(t), [float(e) for e in sums], rtol=0, atol=1e-13 * np.abs(y).max())


@pytest.mark.parametrize("n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_long_walk_stays_within_its_band(n):
    x, y = random_walk(n)
    solution = approximate(x, y, tolerance=2.0)
    assert solution.max_error <= 2.0 * (1 + 1e-9)
    assert np.abs(solution.predict(x) - y).max() <= 2.0 * (1 + 1e-9)
    assert np.abs(solution.network(x) - y).max() <= 2.0 * (1 + 1e-9) + 1e-9 * np.abs(y).max()


EXTREMES = np.array(
    [0, 1, -0.7, 0.3, 1e-16, 5e-324, 1e-320, 1e-300, 1e-150, 1e150, 1e300, 1.7e308, -1.7e308, 1 + 2**-52]
)


def extreme_column(rng, n):
    kind = rng.integers(4)
    if kind == 0:
        return rng.choice(EXTREMES, n)
    if kind == 1:
        return rng.uniform(-1, 1, n) * 10.0 ** rng.uniform(-320, 308)
    if kind == 2:
        return rng.uniform(-1, 1, n) * 10.0 ** rng.uniform(-323, 308, n)
    return rng.integers(-3, 4, n) * 10.0 ** rng.integers(-320, 308)


def ask(verb, x, y, number, p, affine):
    if verb == "interpolate":
        return interpolate(x, y, p, affine=affine)
    if verb == "approximate":
        return approximate(x, y, tolerance=number, affine=affine, rtol=(1 - p) * 1e-9)
    if verb == "p_path":
        return p_path(x, y).solution(p / 2)
    return regress(x, y, alpha=number, p=p or 0.2)


@pytest.mark.parametrize(
    ("verb", "affine"),
    [
        *(("interpolate", None), ("interpolate", False), ("approximate", None), ("approximate", False)),
        *(("p_path", None), ("regress", None)),
    ],
)
def test_tables_at_the_ends_of_float64_are_solved_or_refused_in_a_sentence(verb, affine):
    """What comes back is finite, and function and network are one where the function was made."""
    solved = refused = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 9))
        x, y, number = extreme_column(rng, n), extreme_column(rng, n), abs(float(extreme_column(rng, 1)[0]))
        try:
            solution = ask(verb, x, y, number, (0.0, 0.5, 1.0)[seed % 3], affine)
            network = solution.network
        except ValueError as error:
            if not (isinstance(error, (TooSteepError, InfeasibleError)) or "rescale" in str(error)):
                raise
            refused += 1
            continue
        solved += 1
        f = solution.function
        assert np.isfinite([solution.value, solution.max_error, solution.mean_loss or 0.0]).all()
        points = np.concatenate([f.anchors[0], f.knots])
        scale = max(np.abs(f(points)).max(), np.abs(y).max())
        np.testing.assert_allclose(network(points), f(points), rtol=0, atol=1e-3 * scale)
    assert min(solved, refused) > 50


def test_a_line_is_a_network_where_only_its_far_end_has_a_value():
    solution = interpolate([0.3, 1e-16], [1e-300, 1])
    np.testing.assert_allclose(solution.network([0.3, 1e-16]), [0, 1], atol=1e-16)


def test_a_kink_near_zero_beside_far_points_needs_no_affine_part():
    x, y = [1e-320, 0, -0.7], [0.5, 0.5, 1]
    solution = interpolate(x, y, affine=False)
    assert solution.network.n_affine == 0
    np.testing.assert_allclose(solution.network(x), y, rtol=1e-15)


@pytest.mark.parametrize(
    ("x", "y", "tolerance"),
    [
        ([0, 1e-200, 1], [0, 0.1, 0], 1),
        ([0, 1e-310, 1], [0, 0, 0], 1),
        ([0, 5e-324], [0, 1], 0.6),
        ([0, 5e-324, 1e-323], [0, 1, 0], 0.6),
        ([0, 1e10], [0, 1e-318], 1e-318),
        ([0, 1e10], [3, 3], 1e-318),
    ],
)
@pytest.mark.parametrize("rtol", [0, 1e-9])
def test_a_constant_within_the_tolerance_has_no_slope_to_refuse(x, y, tolerance, rtol):
    solution = approximate(x, y, tolerance=tolerance, rtol=rtol)
    assert solution.n_neurons == 0
    assert solution.max_error <= tolerance * (1 + rtol)
    assert np.abs(solution.network(np.array(x, float)) - y).max() <= tolerance * (1 + rtol)


@pytest.mark.parametrize("gap", [5e-324, 1e-310, 1e-200])
def test_points_closer_than_any_slope_count_as_one_point(gap):
    """Between them a function with slopes in float64 cannot change: the bands are as if at one x."""
    solved = refused = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 8))
        x = np.concatenate([[0.0, 0.0], rng.choice(np.arange(-5.0, 6.0)[np.arange(-5, 6) != 0], n, replace=False)])
        y, tolerance = rng.uniform(-1, 1, n + 2), rng.uniform(0.1, 0.6, n + 2)
        apart = x + gap * (np.arange(n + 2) == 1)
        try:
            expected = approximate(x, y, tolerance=tolerance)
        except InfeasibleError:
            refused += 1
            with pytest.raises(TooSteepError, match="merge the two"):
                approximate(apart, y, tolerance=tolerance)
            continue
        solved += 1
        solution = approximate(apart, y, tolerance=tolerance)
        assert solution.n_neurons == expected.n_neurons
        assert (np.abs(solution.predict(apart) - y) <= tolerance * (1 + 1e-9)).all()
        assert (np.abs(solution.network(apart) - y) <= tolerance * (1 + 1e-8)).all()
    assert min(solved, refused) > 20


def test_steep_and_vanishing_slopes_are_refused_in_a_sentence_of_their_own():
    with pytest.raises(TooSteepError, match=r"over x from 0 to 1e\+10 y changes by so little that its slopes vanish"):
        interpolate([0, 1e10], [0, 1e-318])
    with pytest.raises(TooSteepError, match=r"from x = 0\.0 to x = 1e-310, inf, is beyond"):
        interpolate([0, 1e-310, 1], [0, 1, 0])
    with pytest.raises(TooSteepError, match="steeper than float64 can hold"):
        approximate([-5e-324, 0, 5e-324, 1], [10, 0, -10, 0], tolerance=[1, 100, 1, 1])


def test_slopes_that_no_network_holds_are_refused_when_it_is_asked_for():
    x, y = [0, 1e-60, 0.5, 1], [0, 1, 1, 3]
    solution = interpolate(x, y)
    np.testing.assert_array_equal(solution.predict(x), y)
    with pytest.raises(TooSteepError, match="use `function` or `predict`"):
        _ = solution.network
