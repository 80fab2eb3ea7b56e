"""Functions of a shape: against linear programs over all breaks, and exact answers from all pairs and triples."""

import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import exact_sweep
from reluctant import InfeasibleError, approximate, interpolate
from reluctant.errors import TooSteepError
from reluctant.univariate import _shapes
from reluctant.univariate.band import Band
from reluctant.univariate.shapes import Shape
from shape_oracles import (
    SHAPES,
    fewest_knots_of_shape,
    forbidding_pair,
    forbidding_triple,
    is_possible,
    least_excess_lp,
    levelled,
    n_kinks,
    value_at,
)
from univariate.checks import assert_consistent
from univariate.strategies import table, tables

UNITS = [Fraction(1), Fraction(1, 10), Fraction(1, 3), Fraction(2) ** 200, Fraction(10) ** -100]


def drawn(rng, n, names):
    """A small table of integers in some units that nearly has the shape, and tolerances of one or of many sizes."""
    slope, bend = SHAPES[names]
    x = np.cumsum(rng.integers(1, 4, n))
    center = int(rng.integers(x[0] - 1, x[-1] + 2)) if slope == 0 else int(x[0] if slope * bend > 0 else x[-1])
    noise = int(rng.integers(1, 4))
    y = rng.integers(-noise, noise + 1, n) + slope * (x * int(rng.integers(0, 5))) // 2
    y += bend * ((x - center) ** 2) // int(rng.integers(1, 20))
    y = y if y.any() else y + 1  # errors are told relative to the largest
    unit_x, unit_y = UNITS[rng.integers(len(UNITS))], UNITS[rng.integers(len(UNITS))]
    halves = rng.integers(0, 5, n) if rng.random() < 0.5 else np.full(n, rng.integers(0, 5))
    data = table(x, y, unit_x, unit_y)
    eps = [Fraction(int(h), 2) * unit_y for h in halves]
    return data, eps, np.array([float(e) for e in eps])


def band_of(data, eps):
    return [y - e for y, e in zip(data.exact_y, eps)], [y + e for y, e in zip(data.exact_y, eps)]


def rounding_of(function, x, y):
    """What rounding of a table and of the function on it may add to a value."""
    slopes = np.concatenate([np.diff(y) / np.diff(x), function.slopes])
    return 2.0**-50 * (np.abs(y).max() + np.abs(slopes).max() * np.abs(x).max())


def assert_of_shape(function, shape):
    """The signs of slopes and slope changes, as they are stored, exactly."""
    slope, bend = shape
    assert (slope * function.slopes >= 0).all()
    assert (bend * np.diff(function.slopes) >= 0).all()
    assert (bend * function.slope_changes >= 0).all()


def assert_right(solution, data, eps, names):
    """The shape holds exactly, the band up to rounding, and values at sorted rows rise up to rounding."""
    shape = SHAPES[names]
    assert_consistent(solution, data.x, data.y)
    assert_of_shape(solution.function, shape)
    assert solution.certificate.lower_bound <= solution.n_neurons
    values = solution.predict(data.x)
    rounding = rounding_of(solution.function, data.x, data.y)
    assert (np.abs(values - data.y) <= eps * (1 + 1e-9) + rounding).all()
    if shape[0]:
        assert (shape[0] * np.diff(values) >= -rounding).all()


def assert_refused_for_good_reason(error, data, eps, names):
    """The rows named forbid the shape, exactly; the remedy is enough, and not by far."""
    (slope, bend), (lo, hi) = SHAPES[names], band_of(data, eps)
    rows = [int(row) for row in re.findall(r"\(row (\d+)\)", str(error))]
    if len(rows) == 3:
        rows = [rows[0], rows[2], rows[1]]  # the ends, then what is between them
        corner = [[v[i] for i in rows] for v in (data.exact_x, lo, hi)]
        assert forbidding_triple(*corner, bend) == (0, 1, 2)
    else:
        assert forbidding_pair([lo[i] for i in rows], [hi[i] for i in rows], slope) == (0, 1)
    more = float(re.search(r"larger by (\S+) would do", str(error))[1])
    approximate(data.x, data.y, tolerance=np.array([float(e) for e in eps]) + more, shape=names)
    less = [e + Fraction(more) * Fraction(9999, 10000) for e in eps]
    assert not is_possible(data.exact_x, *band_of(data, less), SHAPES[names])


def check_against_exact_answers(rng, names, most):
    """One drawn table; True where it has a function of the shape."""
    data, eps, floats = drawn(rng, int(rng.integers(1, most)), names)
    band = band_of(data, eps)
    if not is_possible(data.exact_x, *band, SHAPES[names]):
        with pytest.raises(InfeasibleError) as refusal:
            approximate(data.x, data.y, tolerance=floats, shape=names)
        assert_refused_for_good_reason(refusal.value, data, eps, names)
        return False
    solution = approximate(data.x, data.y, tolerance=floats, shape=names)
    expected = fewest_knots_of_shape(data.exact_x, *band, SHAPES[names])
    assert solution.n_neurons == solution.certificate.lower_bound == expected, (data.x, data.y, floats)
    assert solution.is_optimal
    assert_right(solution, data, floats, names)
    assert expected == exact_sweep(data.exact_x, *band), "a shape costs no knot"
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_fewest_knots_of_a_shape_are_those_of_exact_arithmetic_and_cost_nothing(names):
    rng = np.random.default_rng(60)
    possible = sum(check_against_exact_answers(rng, names, 14) for _ in range(70))
    assert 20 <= possible <= 65


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_fewest_knots_of_a_shape_are_those_of_exact_arithmetic_on_more_tables(names):
    for seed in range(1500):
        try:
            check_against_exact_answers(np.random.default_rng([61, seed]), names, 24)
        except Exception:
            print(f"seed {seed}")
            raise


def check_against_linear_programs(rng, names, most):
    """One table of floats; True where there was a number of knots to show too small."""
    shape, n = SHAPES[names], int(rng.integers(4, most))
    x = np.cumsum(rng.uniform(0.2, 2.0, n))
    y = (
        rng.normal(size=n) * rng.choice([0.2, 0.5])
        + shape[0] * x
        + shape[1] * (x - x.mean()) ** 2 * rng.uniform(0.1, 1)
    )
    eps = rng.uniform(0.05, 0.5, n)
    try:
        solution = approximate(x, y, tolerance=eps, shape=names)
    except InfeasibleError:
        return False
    knots = solution.n_neurons
    if knots > 3 or knots == 0:
        return False
    assert least_excess_lp(x, y - eps, y + eps, shape, knots) <= 1e-8
    assert least_excess_lp(x, y - eps, y + eps, shape, knots - 1) > 1e-8
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_no_function_of_the_shape_has_fewer_knots_by_linear_programs_over_all_breaks(names):
    rng = np.random.default_rng(62)
    assert sum(check_against_linear_programs(rng, names, 7) for _ in range(8)) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_no_function_of_the_shape_has_fewer_knots_by_linear_programs_on_more_tables(names):
    rng = np.random.default_rng(63)
    assert sum(check_against_linear_programs(rng, names, 8) for _ in range(150)) >= 20


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    data=tables(max_points=12),
    factors=st.lists(st.integers(0, 4), min_size=12, max_size=12),
    names=st.sampled_from(list(SHAPES)),
)
def test_fewest_knots_of_a_shape_in_any_unit(data, factors, names):
    unit = max(abs(y) for y in data.exact_y) / 8
    eps = [f * unit for f in factors[: len(data.x)]]
    floats, band = np.array([float(e) for e in eps]), band_of(data, eps)
    if not is_possible(data.exact_x, *band, SHAPES[names]):
        with pytest.raises(InfeasibleError, match=" function is within the band: "):
            approximate(data.x, data.y, tolerance=floats, shape=names)
        return
    solution = approximate(data.x, data.y, tolerance=floats, shape=names)
    assert solution.n_neurons == fewest_knots_of_shape(data.exact_x, *band, SHAPES[names])
    assert_right(solution, data, floats, names)


def check_open_bounds(rng, names):
    """One table with bounds of which many are infinite; True where it has a function of the shape."""
    data, eps, _ = drawn(rng, int(rng.integers(1, 14)), names)
    sides, far, floats = band_of(data, eps), 10**9 * max(*map(abs, data.exact_y), *eps, Fraction(1, 10**99)), []
    for side, sign in zip(sides, (-1, 1)):
        open_ = rng.random(len(side)) < rng.choice([0.1, 0.5, 1.0])
        floats.append(np.where(open_, sign * np.inf, [float(v) for v in side]))
        side[:] = [sign * far if is_open else v for v, is_open in zip(side, open_)]
    if np.isinf(floats).all():
        return False
    shape = SHAPES[names]
    if not is_possible(data.exact_x, *sides, shape):
        with pytest.raises(InfeasibleError, match="; bounds wider by") as refusal:
            approximate(data.x, data.y, bounds=floats, shape=names)
        more = float(re.search(r"wider by (\S+) would do", str(refusal.value))[1])
        assert approximate(data.x, data.y, bounds=(floats[0] - more, floats[1] + more), shape=names).is_optimal
        return False
    solution = approximate(data.x, data.y, bounds=floats, shape=names)
    assert solution.n_neurons == fewest_knots_of_shape(data.exact_x, *sides, shape), (data.x, floats)
    assert solution.n_neurons == approximate(data.x, data.y, bounds=floats).n_neurons
    assert_of_shape(solution.function, shape)
    values, rounding = solution.predict(data.x), rounding_of(solution.function, data.x, data.y)
    slack = 1e-9 * np.where(np.isinf(floats).any(axis=0), 0.0, floats[1] - floats[0]) + rounding
    assert (values >= floats[0] - slack).all()
    assert (values <= floats[1] + slack).all()
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_bounds_may_be_infinite(names):
    rng = np.random.default_rng(74)
    assert sum(check_open_bounds(rng, names) for _ in range(60)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_bounds_may_be_infinite_in_more_tables(names):
    for seed in range(1500):
        check_open_bounds(np.random.default_rng([75, seed]), names)


# A shape costs no knot


def any_function(rng):
    """A polyline of whole corners, rows, and upper bounds at the rows that some increasing function keeps with it."""
    corners = np.cumsum(rng.integers(1, 5, int(rng.integers(2, 9))))
    f = [
        (Fraction(int(t)), Fraction(int(v))) for t, v in zip(corners, rng.integers(-5, 6, len(corners)) + corners // 2)
    ]
    inner = rng.integers(4 * corners[0], 4 * corners[-1], int(rng.integers(1, 9)))
    x = sorted({f[0][0], f[-1][0], *(Fraction(int(t), 4) for t in inner)})
    lo = [value_at(f, t) - Fraction(int(rng.integers(0, 13)), 2) for t in x]
    low = [max(lo[: i + 1]) for i in range(len(x))]
    hi = [max(value_at(f, t), low_i) + Fraction(int(rng.integers(0, 5)), 2) for t, low_i in zip(x, low)]
    return f, x, lo, hi


def check_the_levels(rng):
    f, x, lo, hi = any_function(rng)
    g = levelled(f, x, hi)
    assert all(a <= b and v <= w for (a, v), (b, w) in pairwise(g))
    assert (g[0][0], g[-1][0]) == (x[0], x[-1])
    assert all(low <= value_at(g, t) <= high for t, low, high in zip(x, lo, hi))
    assert n_kinks(g) <= n_kinks(f)
    return g != f


def test_any_function_within_a_band_can_be_made_increasing_without_a_knot_more():
    rng = np.random.default_rng(64)
    assert sum(check_the_levels(rng) for _ in range(400)) > 200


@pytest.mark.slow
def test_any_function_within_a_band_can_be_made_increasing_without_a_knot_more_in_20_000_cases():
    for seed in range(20_000):
        check_the_levels(np.random.default_rng([65, seed]))


def noisy(rng, n, names):
    """Rows about a function of the shape, with noise within a tolerance that mostly allows for it."""
    slope, bend = SHAPES[names]
    x = np.sort(rng.uniform(0, 10, n)) if rng.random() < 0.5 else np.arange(n) * 1.0
    u = (x - x[0]) / max(np.ptp(x), 1.0)
    y = {0: rng.uniform(0.2, 0.8), 1: 0.0, -1: 1.0}[slope * bend] - u
    y = bend * y**2 * rng.uniform(0, 20) if bend else slope * np.tanh(3 * u) * rng.uniform(0, 20)
    y = y + rng.normal(size=n) * rng.choice([0.05, 0.3])
    return (x, np.round(2 * y) / 2, np.full(n, 0.5)) if rng.random() < 0.5 else (x, y, rng.uniform(0.05, 1.5, n))


def check_the_price(rng, names):
    x, y, eps = noisy(rng, int(rng.integers(1, 80)), names)
    try:
        solution = approximate(x, y, tolerance=eps, shape=names)
    except InfeasibleError:
        return False
    assert solution.n_neurons == approximate(x, y, tolerance=eps).n_neurons
    assert_of_shape(solution.function, SHAPES[names])
    return True


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_a_shape_costs_no_knot(names):
    rng = np.random.default_rng(66)
    assert sum(check_the_price(rng, names) for _ in range(150)) > 60


@pytest.mark.slow
@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_a_shape_costs_no_knot_in_5000_tables(names):
    for seed in range(5000):
        check_the_price(np.random.default_rng([67, seed]), names)


# Tables as they come


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_offsets_order_and_repeated_rows_change_no_count(names):
    rng = np.random.default_rng(68)
    for _ in range(10):
        data, eps, floats = drawn(rng, 9, names)
        x, y, eps = data.x / data.x[0], data.y, floats
        if not is_possible(data.exact_x, *band_of(data, [Fraction(e) for e in map(float, floats)]), SHAPES[names]):
            continue
        size = max(np.abs(y).max(), 1e-300)
        expected = approximate(x, y, tolerance=eps + size * 1e-6, shape=names).n_neurons
        order = rng.permutation(2 * len(x))
        twice = [np.concatenate([a, b])[order] for a, b in ((x, x), (y, y), (eps, 2 * eps + size))]
        for u, v, e in ((x, y, eps), twice, (x, y + 2.0**20 * size, eps)):
            solution = approximate(u, v, tolerance=e + size * 1e-6, shape=names)
            assert solution.n_neurons == expected
            assert_of_shape(solution.function, SHAPES[names])


def test_rows_of_infinite_tolerance_do_not_count_and_rows_in_messages_are_those_of_the_table():
    x, y = [5, 3, 1, 4, 2, 2], [4.0, -50.0, 1.0, 2.0, 3.0, 0.5]
    eps = [0.1, np.inf, 0.1, 0.1, 0.1, 3.0]
    with pytest.raises(
        InfeasibleError, match=r"at least 2\.9 at x = 2\.0 \(row 4\), but at most 2\.1 at x = 4\.0 \(row 3\)"
    ):
        approximate(x, y, tolerance=eps, shape="increasing")
    eps[3] = 0.9
    assert approximate(x, y, tolerance=eps, shape="increasing").max_error == pytest.approx(2.4)
    everything = approximate(x, y, tolerance=np.inf, shape="convex")
    assert everything.n_neurons == 0
    assert everything.is_optimal


def test_one_row_two_rows_and_level_rows():
    for names in SHAPES:
        assert approximate([3.0], [2.0], tolerance=0.5, shape=names).predict([3.0]) == 2.0
        level = approximate([0, 1, 2, 3], [1, 1, 1, 1], tolerance=0.0, shape=names)
        assert level.n_neurons == 0
        np.testing.assert_allclose(level.predict([0, 3]), 1.0, rtol=1e-15)
        assert_of_shape(level.function, SHAPES[names])
    falling = approximate([0, 1], [1, 0], tolerance=0.6, shape="increasing")
    np.testing.assert_array_equal(falling.function.slopes, 0.0)


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_zero_tolerance_is_the_sparsest_interpolant_of_the_shape(names):
    slope, bend = SHAPES[names]
    x = np.arange(1.0, 12.0)
    y = bend * (x - {0: 6, 1: 0, -1: 12}[slope * bend]) ** 2 if bend else slope * (x + np.sin(x))
    for u in (x, x + 1e6, 0.1 * x):
        solution = approximate(u, y, tolerance=0, shape=names)
        assert solution.n_neurons == interpolate(u, y).n_neurons
        assert_of_shape(solution.function, SHAPES[names])
        assert solution.max_error <= 1e-9 * np.abs(y).max()


@pytest.mark.parametrize("names", SHAPES, ids="-".join)
def test_without_slack_the_band_is_kept_or_the_reason_says_by_how_much_not(names):
    rng = np.random.default_rng(69)
    strict = 0
    for _ in range(60):
        data, _, eps = drawn(rng, int(rng.integers(1, 12)), names)
        lo, hi = data.y - eps, data.y + eps
        if not is_possible(data.x, lo, hi, SHAPES[names]):
            with pytest.raises(InfeasibleError):
                approximate(data.x, data.y, tolerance=eps, shape=names, rtol=0)
            continue
        solution = approximate(data.x, data.y, tolerance=eps, shape=names, rtol=0)
        assert solution.certificate.lower_bound <= fewest_knots_of_shape(data.x, lo, hi, SHAPES[names])
        assert_of_shape(solution.function, SHAPES[names])
        beyond = [
            abs(Fraction(float(v)) - Fraction(float(w))) - Fraction(float(e))
            for v, w, e in zip(solution.predict(data.x), data.y, eps)
        ]
        stated = re.search(r"leaves it by at most (\S+)", solution.certificate.reason)
        assert max(beyond) <= (Fraction(stated[1]) * Fraction(1005, 1000) if stated else 0)
        strict += stated is None
    assert strict > 10


def test_tolerances_of_very_different_size_are_met():
    rng = np.random.default_rng(70)
    x = np.arange(30.0)
    for names in SHAPES:
        _, y, eps = noisy(rng, 30, names)
        y = (
            SHAPES[names][1] * (x - (0 if SHAPES[names][0] * SHAPES[names][1] >= 0 else 29)) ** 2 / 9
            + SHAPES[names][0] * x
        )
        eps = np.where(rng.random(30) < 0.3, 10.0 ** rng.integers(20, 200, 30), 0.5)
        solution = approximate(x, y, tolerance=eps, shape=names)
        assert (np.abs(solution.predict(x) - y) <= eps * (1 + 1e-9)).all()
        assert_of_shape(solution.function, SHAPES[names])


def test_subnormal_tables_are_solved_or_refused_by_name():
    rng = np.random.default_rng(71)
    for names in SHAPES:
        for _ in range(20):
            n = int(rng.integers(2, 10))
            x = np.cumsum(rng.integers(1, 4, n)) * 1.0
            y = rng.integers(0, 4, n) * 5e-324 * int(rng.integers(1, 10**6))
            try:
                solution = approximate(x, y, tolerance=np.abs(y).max() / 4, shape=names)
            except (InfeasibleError, TooSteepError):
                continue
            assert_of_shape(solution.function, SHAPES[names])
            assert (np.abs(solution.predict(x) - y) <= np.abs(y).max() / 4 + 5e-323).all()


def test_the_network_bends_as_the_function_does():
    rng = np.random.default_rng(72)
    x = np.sort(rng.uniform(-3, 3, 400))
    network = approximate(x, np.cosh(x) + 0.01 * rng.normal(size=400), tolerance=0.06, shape="convex").network
    assert (network.output_weights * np.abs(network.input_weights) > 0).all()
    far = np.linspace(-100, 100, 1001)
    assert (np.diff(network(far), 2) >= -1e-9).all()


# What is said


def test_the_certificate_says_among_which_functions_and_that_no_other_has_fewer():
    x = np.arange(6.0)
    solution = approximate(x, x**2, tolerance=1, shape=("convex", "increasing"))
    assert solution.certificate.kind == "proved"
    assert solution.is_optimal
    assert "fewest knots of any increasing convex function within the band at the rows" in solution.certificate.reason
    assert "tolerance 1 widened" in solution.certificate.reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": "monotone"}, "shape must be 'increasing', 'decreasing', 'convex' or 'concave', or one of"),
        ({"shape": 1}, "shape must be"),
        ({"shape": []}, "shape must be"),
        ({"shape": ["convex", ["increasing"]]}, "shape must be"),
        ({"shape": ["convex", "increasing", "convex"]}, "shape must be"),
        ({"shape": ["convex", "concave"]}, "shape takes at most one sign of a bend, got .*; give one of them"),
        ({"shape": ("increasing", "increasing")}, "shape takes at most one sign of a slope"),
        ({"shape": "convex", "affine": False}, "shape needs the affine part"),
    ],
)
def test_what_is_no_shape_or_does_not_go_with_one_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        approximate([0, 1, 2], [0, 1, 4], tolerance=1, **arguments)


def test_shapes_are_for_one_curve_and_bounds_at_its_rows():
    with pytest.raises(ValueError, match='bounds at the rows, not with between="lines"; leave one of them out'):
        approximate([0, 1], [0, 1], tolerance=1, between="lines", shape="convex")
    with pytest.raises(
        ValueError, match="a shape is known for one input and one output, but x has 2 columns; give one"
    ):
        approximate([[0, 1], [1, 2]], [0, 1], tolerance=1, shape="convex")
    with pytest.raises(
        ValueError, match="a shape is known for one input and one output, but y has 2 columns; give one"
    ):
        approximate([0, 1], [[0, 1], [1, 2]], tolerance=1, shape="convex")
    with pytest.raises(ValueError, match="shape goes with tolerance or bounds, not with max_neurons; leave it out"):
        approximate([0, 1], [0, 1], max_neurons=1, shape="convex")


# Broken variants


lower_hull, cover = _shapes.lower_hull, _shapes.cover


def upper_hull(x, y):
    return lower_hull(x, -y)


def every_point(x, y):
    return np.arange(len(x), dtype=np.int32)


def block_alone(x, lo, hull_x, hull_y, starts):
    """The steepest lines with the vertices among the rows of the block in the place of all."""
    ends = [*starts[1:], len(x)]
    points, vertices = np.full((2, len(starts)), -1, np.int32)
    for k, (i, stop) in enumerate(zip(starts, ends)):
        pairs = [
            ((hull_y[v] - lo[a]) / (hull_x[v] - x[a]), a, v)
            for a in range(i, stop)
            for v in range(len(hull_x))
            if x[a] < hull_x[v] <= x[stop - 1]
        ]
        if pairs:
            _, points[k], vertices[k] = min(pairs)
    return points, vertices


def one_row_early(x, lo, hull_x, hull_y):
    """Blocks of which each but the first gives its first row back to the one before."""
    starts = cover(x, lo, hull_x, hull_y)
    return np.where((starts > 0) & (np.diff(starts, append=len(x)) > 1), starts + 1, starts).astype(np.int32)


BROKEN = {
    "bounds are not made monotone": (Shape, "tightened", lambda self, lo, hi: (lo, hi)),
    "the hull of the wrong side": (_shapes, "lower_hull", upper_hull),
    "no hull, every upper bound a vertex": (_shapes, "lower_hull", every_point),
    "lines keep the upper bounds of their own block only": (_shapes, "steepest_lines", block_alone),
    "blocks one row too long": (_shapes, "cover", one_row_early),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_tables_of_these_tests_tell_the_library_from_broken_variants(broken, monkeypatch):
    rng = np.random.default_rng(73)
    names = ("increasing",) if BROKEN[broken][0] is Shape else ("convex",)
    drawings = [drawn(rng, 10, names) for _ in range(60)]
    monkeypatch.setattr(*BROKEN[broken])
    for data, eps, _ in drawings:
        lo, hi = (np.array([float(v) for v in bound]) for bound in band_of(data, eps))
        if not is_possible(data.exact_x, *band_of(data, eps), SHAPES[names]):
            continue
        function = Shape(*SHAPES[names]).links(Band(data.x, lo, hi, np.zeros(len(lo)), 1.0), lo, hi)
        if function is None or function.n_knots != fewest_knots_of_shape(
            data.exact_x, *band_of(data, eps), SHAPES[names]
        ):
            return
        rounding = 1e-9 * np.abs(data.y).max()
        values = function(data.x)
        if (
            (values < lo - rounding).any()
            or (values > hi + rounding).any()
            or (SHAPES[names][0] * function.slopes < 0).any()
        ):
            return
    pytest.fail("no table tells the library from this variant")
