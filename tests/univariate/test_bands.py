"""`between="lines"` and `bounds` against rational arithmetic, linear programs and a search over a grid."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from band_oracles import exact_bounds, exact_open_sweep, fewest_knots_lp, fewest_links_on_a_grid, polylines_cross
from reluctant import approximate
from reluctant.errors import InfeasibleError
from reluctant.solve.requests import middle_of
from univariate.checks import assert_consistent
from univariate.strategies import GENERATORS, GENERIC, TIED, tables


def excess_of(solution, x, lo, hi) -> float:
    """By how much the function leaves the polylines through finite bounds, at the rows and at its own knots."""
    f, worst = solution.function, -np.inf
    for bound, side in ((lo, 1.0), (hi, -1.0)):
        finite = np.isfinite(bound)
        if finite.any():
            vertices = x[finite]
            inside = f.knots[(f.knots >= vertices[0]) & (f.knots <= vertices[-1])]
            at = np.concatenate([vertices, inside])
            worst = max(worst, np.max(side * (np.interp(at, vertices, bound[finite]) - f(at))))
    return worst


def rounding_of(solution, x, lo, hi) -> float:
    """What rounding of values and of knots may amount to."""
    bounds = np.concatenate([lo[np.isfinite(lo)], hi[np.isfinite(hi)]])
    slopes = np.abs(solution.function.slopes).max()
    return 2.0**-46 * (np.abs(bounds).max() + slopes * np.abs(x).max())


def random_eps(rng: np.random.Generator, n: int) -> list[Fraction]:
    """One tolerance for all points or one each, often zero, in quarters."""
    each = rng.integers(0, 6, n) * rng.integers(0, 2, n) if rng.random() < 0.5 else np.full(n, rng.integers(0, 6))
    return [Fraction(int(e), 4) for e in each]


# Along the lines between the rows


def check_along_lines(data, eps, rtol: float) -> None:
    floats = np.array([float(e) for e in eps])
    lo, hi = ([a + s * e for a, e in zip(data.exact_y, eps, strict=True)] for s in (-1, 1))
    expected = exact_open_sweep(data.exact_x, lo, hi, along_lines=True)
    solution = approximate(data.x, data.y, tolerance=floats, between="lines", rtol=rtol)
    assert (solution.n_neurons, solution.certificate.lower_bound) == (expected, expected), (data.x, data.y, floats)
    assert_consistent(solution, data.x, data.y)
    low, high = data.y - floats, data.y + floats
    room = rounding_of(solution, data.x, low, high) + rtol * floats.max()
    assert excess_of(solution, data.x, low, high) <= room
    assert solution.max_error_between <= floats.max() + room


@pytest.mark.parametrize("rtol", [1e-9, 0.0])
@pytest.mark.parametrize("kind", [*GENERIC, "integers", "integer_walk", "integer_parabola"])
def test_along_lines_the_count_is_that_of_rational_arithmetic(kind, rtol):
    rng = np.random.default_rng(60)
    for _ in range(25):
        data = GENERATORS[kind](rng, int(rng.integers(1, 25)))
        check_along_lines(data, random_eps(rng, len(data.x)), rtol)


@pytest.mark.slow
@pytest.mark.parametrize("rtol", [1e-9, 0.0])
@pytest.mark.parametrize("kind", [*GENERIC, "integers", "integer_walk", "integer_parabola"])
def test_along_lines_the_count_is_that_of_rational_arithmetic_on_more_tables(kind, rtol):
    rng = np.random.default_rng(61)
    for _ in range(1000):
        data = GENERATORS[kind](rng, int(rng.integers(1, 40)))
        check_along_lines(data, random_eps(rng, len(data.x)), rtol)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(data=tables(max_points=12), factors=st.lists(st.integers(0, 4), min_size=12, max_size=12))
def test_along_lines_the_count_is_exact_in_any_unit(data, factors):
    unit = max(abs(y) for y in data.exact_y) / 8
    eps = [f * unit for f in factors[: len(data.x)]]
    check_along_lines(data, eps, 1e-9)


def check_against_the_grid(rng: np.random.Generator) -> None:
    n = int(rng.integers(4, 8))
    x, y = np.arange(float(n)), rng.uniform(-1, 1, n) * rng.uniform(0.5, 2)
    eps = np.full(n, rng.uniform(0.15, 0.6)) if rng.random() < 0.5 else rng.uniform(0.1, 0.8, n)
    narrow, wide = (approximate(x, y, tolerance=e, between="lines").n_neurons + 1 for e in (eps, eps + 0.1))
    assert wide <= fewest_links_on_a_grid(x, y - eps - 0.1, y + eps + 0.1, 8, 15) <= narrow


def test_along_lines_a_search_over_a_grid_finds_no_fewer_links_and_in_a_wider_band_no_more():
    rng = np.random.default_rng(62)
    for _ in range(15):
        check_against_the_grid(rng)


@pytest.mark.slow
def test_along_lines_a_search_over_a_grid_agrees_on_more_tables():
    rng = np.random.default_rng(63)
    for _ in range(700):
        check_against_the_grid(rng)


def check_mirror_images(rng: np.random.Generator, n_tables: int) -> None:
    for _ in range(n_tables):
        n = int(rng.integers(2, 30))
        x, y = np.cumsum(rng.integers(1, 4, n)), rng.integers(-4, 5, n)
        eps = rng.integers(0, 4, n) / 2
        counts = [
            approximate(u, v, tolerance=e, between="lines", rtol=0.0).n_neurons
            for u, v, e in ((x, y, eps), (-x[::-1], y[::-1], eps[::-1]), (x, -y, eps))
        ]
        assert counts[0] == counts[1] == counts[2], (x, y, eps)


def test_along_lines_mirror_images_of_integer_tables_need_as_many_knots():
    check_mirror_images(np.random.default_rng(64), 150)


@pytest.mark.slow
def test_along_lines_mirror_images_of_more_integer_tables_need_as_many_knots():
    check_mirror_images(np.random.default_rng(65), 20_000)


def test_these_tables_tell_the_library_from_a_sweep_without_the_way_out():
    rng = np.random.default_rng(66)
    fewer = 0
    for _ in range(50):
        data = TIED["integers"](rng, 12)
        lo, hi = ([y + s * Fraction(1, 2) for y in data.exact_y] for s in (-1, 1))
        broken = exact_open_sweep(data.exact_x, lo, hi, along_lines=True, way_out=False)
        fewer += broken < approximate(data.x, data.y, tolerance=0.5, between="lines").n_neurons
    assert fewer >= 10


@pytest.mark.parametrize("kind", ["integers", "integer_walk", "decimals"])
def test_along_lines_zero_tolerance_leaves_the_corners_of_the_polyline(kind):
    rng = np.random.default_rng(67)
    for _ in range(20):
        data = GENERATORS[kind](rng, 30)
        slopes = np.diff(data.exact_y) / np.diff(data.exact_x)
        solution = approximate(data.x, data.y, tolerance=0, between="lines")
        assert solution.n_neurons == np.count_nonzero(slopes[1:] != slopes[:-1])
        assert solution.max_error_between <= 2.0**-44 * np.abs(data.y).max()


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_along_lines_an_offset_in_x_costs_no_knot_and_the_reason_says_what_its_rounding_costs(offset):
    x, y = np.arange(60.0), np.cumsum(np.random.default_rng(68).integers(-1, 2, 60)) / 2
    near = approximate(x, y, tolerance=0.5, between="lines", rtol=0.0)
    far = approximate(x + offset, y, tolerance=0.5, between="lines", rtol=0.0)
    assert far.n_neurons == near.n_neurons
    excess = far.max_error_between - 0.5
    assert excess <= 4 * offset * 2.0**-52
    said = "leaves it between the rows by at most" in far.certificate.reason
    assert said or excess <= 0
    if said:
        assert excess <= float(far.certificate.reason.split("at most ")[1].split(";")[0]) * 1.01


@pytest.mark.parametrize("exponent", [-1066, -900, 500])
def test_along_lines_a_power_of_two_in_y_changes_no_knot(exponent):
    """Down to subnormal values, whose spacing is a quarter of the unit here."""
    rng = np.random.default_rng(77)
    for _ in range(20):
        data = TIED["integers"](rng, 20)
        near = approximate(data.x, data.y, tolerance=0.5, between="lines", rtol=0.0)
        far = approximate(
            data.x, np.ldexp(data.y, exponent), tolerance=np.ldexp(0.5, exponent), between="lines", rtol=0
        )
        assert (near.n_neurons, near.n_neurons) == (far.n_neurons, far.certificate.lower_bound)
        np.testing.assert_allclose(far.function.knots, near.function.knots, rtol=0.05 if exponent == -1066 else 1e-13)


@pytest.mark.parametrize("between", ["rows", "lines"])
def test_bands_without_an_affine_part_are_kept_with_at_most_one_neuron_more(between):
    data = GENERIC["wave"](np.random.default_rng(78), 60)
    lo, hi = data.y - 0.1, np.where(data.x > 5, np.inf, data.y + 0.2)
    free, bare = (approximate(data.x, data.y, bounds=(lo, hi), between=between, affine=a) for a in (None, False))
    assert free.n_neurons <= bare.n_neurons <= free.n_neurons + 1
    assert bare.certificate.lower_bound == free.n_neurons
    values = bare.network(data.x)
    assert ((lo - 1e-9 <= values) & (values <= hi + 1e-9)).all()


def test_along_lines_needs_no_fewer_knots_and_is_as_close_between_the_rows():
    x = np.linspace(0, 6 * np.pi, 20)
    rows, lines = (approximate(x, np.sin(x), tolerance=0.01, between=between) for between in ("rows", "lines"))
    assert (rows.n_neurons, lines.n_neurons) == (12, 18)
    assert rows.max_error_between > 0.3
    assert lines.max_error_between <= 0.01 * (1 + 1e-9)
    assert "along the straight lines between the rows" in lines.certificate.reason


def test_along_lines_the_order_of_rows_and_rows_that_do_not_count_change_nothing():
    rng = np.random.default_rng(69)
    data = GENERIC["wave"](rng, 80)
    plain = approximate(data.x, data.y, tolerance=0.1, between="lines")
    order = rng.permutation(80)
    shuffled = approximate(data.x[order], data.y[order], tolerance=0.1, between="lines")
    np.testing.assert_array_equal(plain.function.knots, shuffled.function.knots)
    x, y = np.append(data.x, 3.0), np.append(data.y, 99.0)
    ignored = approximate(x, y, tolerance=np.append(np.full(80, 0.1), np.inf), between="lines")
    np.testing.assert_array_equal(plain.function.knots, ignored.function.knots)


def test_along_lines_bounds_at_one_x_are_intersected():
    x = [0, 1, 1, 2, 3]
    solution = approximate(x, [0.0, 1.0, 2.0, 0.0, 1.0], tolerance=0.5, between="lines")
    merged = approximate([0, 1, 2, 3], [0.0, 1.5, 0.0, 1.0], tolerance=[0.5, 0.0, 0.5, 0.5], between="lines")
    assert solution.n_neurons == merged.n_neurons
    with pytest.raises(InfeasibleError, match=r"x = 1.0 appears with y = 1.0 and y = 3.0 \(rows 1 and 2\)"):
        approximate(x, [0, 1, 3, 0, 1], tolerance=0.5, between="lines")


# Bounds


def random_bounds(rng: np.random.Generator, n: int, tied: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, lo, hi with many infinite bounds; at least one is finite."""
    x = np.cumsum(rng.integers(1, 4, n)).astype(float)
    y = rng.integers(-4, 5, n) if tied else rng.normal(size=n)
    below, above = (rng.integers(0, 4, n) / 2 if tied else rng.uniform(0, 1, n) for _ in range(2))
    share = rng.choice([0.1, 0.4, 0.7])
    lo = np.where(rng.random(n) < share, -np.inf, y - below)
    hi = np.where(rng.random(n) < share, np.inf, y + above)
    hi[0] = y[0] + above[0]
    return x, lo, hi


def check_bounds(rng: np.random.Generator, n: int, tied: bool, between: str, rtol: float) -> bool:
    """Compare with rational arithmetic; False where no function is within the bounds."""
    x, lo, hi = random_bounds(rng, n, tied)
    counts = np.isfinite(lo) | np.isfinite(hi)
    exact = x[counts], exact_bounds(lo[counts]), exact_bounds(hi[counts])
    if between == "lines" and polylines_cross(*exact):
        with pytest.raises(InfeasibleError, match="is beyond the straight line between the"):
            approximate(x, np.zeros(n), bounds=(lo, hi), between=between, rtol=rtol)
        return False
    solution = approximate(x, np.zeros(n), bounds=(lo, hi), between=between, rtol=rtol)
    expected = exact_open_sweep(*exact, along_lines=between == "lines")
    assert solution.certificate.lower_bound == expected, (x, lo, hi)
    # A line that meets bounds exactly may leave them by a last bit: at the rows, where they are strict, that is a knot.
    strict = between == "rows" and rtol == 0
    assert solution.n_neurons in ((expected, expected + 1) if strict else (expected,)), (x, lo, hi)
    values, room = solution.predict(x), 4 * rtol + rounding_of(solution, x, lo, hi)
    assert (np.maximum(lo - values, values - hi) <= room).all()
    if between == "lines":
        assert excess_of(solution, x, lo, hi) <= room
    assert solution.max_error == np.abs(values[counts]).max()
    return True


@pytest.mark.parametrize("rtol", [1e-9, 0.0])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("between", ["rows", "lines"])
def test_bounds_some_of_them_infinite_need_as_many_knots_as_in_rational_arithmetic(between, tied, rtol):
    rng = np.random.default_rng(70)
    solved = [check_bounds(rng, int(rng.integers(1, 16)), tied, between, rtol) for _ in range(60)]
    assert sum(solved) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("rtol", [1e-9, 0.0])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("between", ["rows", "lines"])
def test_bounds_some_of_them_infinite_on_more_tables(between, tied, rtol):
    rng = np.random.default_rng(71)
    for _ in range(3000):
        check_bounds(rng, int(rng.integers(1, 30)), tied, between, rtol)


def test_bounds_some_of_them_infinite_agree_with_linear_programs_over_all_breaks():
    rng = np.random.default_rng(72)
    for _ in range(12):
        x, lo, hi = random_bounds(rng, int(rng.integers(3, 7)), tied=True)
        assert approximate(x, np.zeros(len(x)), bounds=(lo, hi)).n_neurons == fewest_knots_lp(x, lo, hi)


@pytest.mark.slow
def test_bounds_some_of_them_infinite_agree_with_more_linear_programs():
    rng = np.random.default_rng(73)
    for _ in range(400):
        x, lo, hi = random_bounds(rng, int(rng.integers(3, 9)), tied=rng.random() < 0.5)
        assert approximate(x, np.zeros(len(x)), bounds=(lo, hi)).n_neurons == fewest_knots_lp(x, lo, hi), (x, lo, hi)


@pytest.mark.parametrize("between", ["rows", "lines"])
@pytest.mark.parametrize("kind", GENERATORS)
def test_bounds_about_the_targets_are_a_tolerance(kind, between):
    rng = np.random.default_rng(74)
    for _ in range(10):
        data = GENERATORS[kind](rng, 40)
        eps = np.ptp(data.y) * rng.uniform(0.01, 0.2, 40)
        bounded = approximate(data.x, data.y, bounds=(data.y - eps, data.y + eps), between=between)
        within = approximate(data.x, data.y, tolerance=eps, between=between)
        assert bounded.n_neurons == within.n_neurons
        assert bounded.max_error == np.abs(bounded.predict(data.x) - data.y).max()


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=tables(max_points=12), sides=st.lists(st.sampled_from([-1, 0, 1]), min_size=12, max_size=12))
def test_one_sided_bounds_are_exact_in_any_unit(data, sides):
    unit = max(abs(y) for y in data.exact_y) / 8
    lo = [None if side > 0 else y - unit for y, side in zip(data.exact_y, sides)]
    hi = [None if side < 0 else y + unit for y, side in zip(data.exact_y, sides)]
    floats = (np.array([none if v is None else float(v) for v in side]) for side, none in ((lo, -np.inf), (hi, np.inf)))
    solution = approximate(data.x, data.y, bounds=tuple(floats))
    assert solution.n_neurons == exact_open_sweep(data.exact_x, lo, hi, along_lines=False)


@pytest.mark.parametrize("kind", GENERATORS)
def test_strict_bounds_give_under_and_over_estimators(kind):
    data = GENERATORS[kind](np.random.default_rng(75), 60)
    eps = np.ptp(data.y) / 10
    below = approximate(data.x, data.y, bounds=(data.y - eps, data.y), rtol=0.0).predict(data.x)
    above = approximate(data.x, data.y, bounds=(data.y, data.y + eps), rtol=0.0).predict(data.x)
    assert ((data.y - eps <= below) & (below <= data.y)).all()
    assert ((data.y <= above) & (above <= data.y + eps)).all()


def test_one_side_alone_needs_no_knot_and_half_a_band_takes_the_bound_that_there_is():
    x, y = np.arange(5.0), np.array([0.0, 3.0, 1.0, 4.0, 2.0])
    over = approximate(x, y, bounds=(y, np.inf), rtol=0.0)
    assert (over.n_neurons, over.predict([0.0, 4.0]).tolist()) == (0, [4.0, 4.0])
    assert over.max_error == 4.0
    under = approximate(x, y, bounds=(-np.inf, y), rtol=0.0)
    assert (under.n_neurons, under.predict([2.0]).tolist()) == (0, [0.0])
    falls = approximate([0.0, 1.0], [0.0, 0.0], bounds=([1.0, -np.inf], [np.inf, 0.0]))
    np.testing.assert_allclose(falls.predict([0.0, 1.0]), [1.0, 0.0], atol=1e-15)
    assert "without 1 row whose bounds are both infinite" in (
        approximate(x, y, bounds=(np.append(y[:4], -np.inf), np.inf)).certificate.reason
    )


def test_bounds_of_very_different_size_are_kept_row_by_row():
    x, y = np.array([0.0, 1.0, 10.0, 14.0, 19.0]), np.array([-0.7, -0.9, 0.7, 0.2, 0.9])
    lo, hi = np.where([1, 0, 1, 1, 1], -1e100, y), np.where([1, 0, 1, 1, 1], 1e100, y)
    solution = approximate(x, y, bounds=(lo, hi))
    assert solution.n_neurons == 0
    assert abs(solution.predict([1.0])[0] + 0.9) <= 1e-15


def test_bounds_in_many_dimensions_are_tolerances_about_their_middle():
    rng = np.random.default_rng(76)
    X = rng.normal(size=(30, 2))
    y = np.maximum(X @ [1.0, -2.0], 0.0)
    lo, hi = y - 0.1, y + 0.3
    lo[3], hi[3] = -np.inf, np.inf
    solution = approximate(X, y, bounds=(lo, hi), time_limit=1, random_state=0)
    values = solution.predict(X)
    assert ((lo - 1e-8 <= values) & (values <= hi + 1e-8)).all()
    assert solution.max_error == pytest.approx(np.max(np.abs(values - y)[np.isfinite(lo)]), rel=1e-9)
    assert "about the middle of the bounds" in solution.certificate.reason


def test_bounds_of_several_outputs_over_one_input_share_proved_knots():
    x = np.arange(40.0)
    Y = np.column_stack([np.sin(x), np.cos(x)])
    lo, hi = Y - 0.1, Y + 0.3
    lo[3, 0], hi[3, 0], Y[3, 0] = -np.inf, np.inf, 1e13
    solution = approximate(x, Y, bounds=(lo, hi), time_limit=0.05, random_state=0)
    values = solution.predict(x)
    assert ((lo - 1e-8 <= values) & (values <= hi + 1e-8)).all()
    alone = approximate(x, Y[:, 1], bounds=(lo[:, 1], hi[:, 1])).n_neurons
    assert solution.certificate.kind == "proved"
    assert alone <= solution.certificate.lower_bound <= solution.n_neurons <= 2 * solution.certificate.lower_bound
    assert solution.max_error == np.abs(values - Y)[np.isfinite(lo)].max()


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_a_tolerance_about_the_middle_of_bounds_reaches_both(low, width):
    lo, hi = np.array([low]), np.array([low + width])
    middle, half = (Fraction(float(a[0])) for a in middle_of(lo, lo, hi))
    assert middle - half <= Fraction(lo[0]) <= Fraction(hi[0]) <= middle + half
    assert (half == 0) == (lo[0] == hi[0])


X, Y = np.arange(4.0), np.array([0.0, 1.0, 4.0, 9.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bounds": 1.0}, r"bounds must be a pair \(lo, hi\)"),
        ({"bounds": (0, 1, 2)}, r"bounds must be a pair \(lo, hi\)"),
        ({"bounds": ([0, 0, 0, 5], [9, 9, 9, 4])}, "bounds cross at row 3: 5.0 is above 4.0; widen them there"),
        ({"bounds": ([0, np.nan, 0, 0], 9)}, r"bounds\[0\] has NaN at row 1; where there is no bound give -inf"),
        ({"bounds": (0, [9, 9, -np.inf, 9])}, r"bounds\[1\] has -inf at row 2; where there is no bound give inf"),
        ({"bounds": (-np.inf, np.inf)}, "bounds are infinite at every row; give at least one that is finite"),
        ({"bounds": ([0, 0], 1)}, r"bounds\[0\] must be one number or of the shape \(4,\) of y, got shape \(2,\)"),
        (
            {"bounds": (0, 9), "tolerance": 1},
            "exactly one of tolerance, max_neurons and bounds, got tolerance and bounds",
        ),
        ({"bounds": (0, 9), "relative": 0.1}, "relative goes with tolerance; with bounds make it a part of them"),
        ({"bounds": (0, 9), "scale": 2.0}, "scale goes with max_neurons"),
        ({"tolerance": 1, "between": "row"}, "between must be one of 'rows', 'lines', got 'row'"),
        ({"max_neurons": 1, "between": "lines"}, 'between="lines" goes with tolerance or bounds, not with max_neurons'),
        (
            {"tolerance": 1, "relative": True},
            "relative must be a number or one for each row, got True or False; give a num",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        approximate(X, Y, **arguments)


@pytest.mark.parametrize("table", [(np.column_stack([X, X]), Y), (X, np.column_stack([Y, Y]))])
def test_several_inputs_or_outputs_are_refused_along_lines_and_with_one_bound(table):
    with pytest.raises(ValueError, match=r"is known for one input and one output, but [xy] has 2 columns"):
        approximate(*table, tolerance=1, between="lines")
    with pytest.raises(
        ValueError, match="on one side alone is known for one input and one output, but bounds has one at"
    ):
        approximate(*table, bounds=(-np.inf, 9.0))


def test_bounds_at_one_x_that_no_value_keeps_are_named():
    with pytest.raises(InfeasibleError, match=r"lower bound of 2.0 and an upper bound of 1.0 \(rows 2 and 1\).*by 1"):
        approximate([0, 1, 1], [0, 1, 2], bounds=([-1, 0, 2], [1, 1, 3]))
