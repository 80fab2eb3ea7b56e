"""Shapes of tables as they come: bounds that are open, offsets, repeated rows, rounding; what is said and refused."""

import re
from fractions import Fraction

import numpy as np
import pytest

from reluctant import InfeasibleError, approximate, interpolate
from reluctant.errors import TooSteepError
from reluctant.univariate import _shapes
from reluctant.univariate.band import Band
from reluctant.univariate.shapes import Shape
from shape_oracles import SHAPES, fewest_knots_of_shape, is_possible
from univariate.shaped_tables import assert_of_shape, band_of, drawn, noisy, rounding_of


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
    for seed in range(1000):
        check_open_bounds(np.random.default_rng([75, seed]), names)


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
            with pytest.raises(InfeasibleError) as refusal:
                approximate(data.x, data.y, tolerance=eps, shape=names, rtol=0)
            more = float(re.search(r"larger by (\S+) would do", str(refusal.value))[1])
            approximate(data.x, data.y, tolerance=eps + more, shape=names, rtol=0)
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


def test_slopes_that_vanish_are_refused():
    with pytest.raises(TooSteepError, match="slopes of the function vanish in float64; rescale x or y"):
        approximate([8, 10, 15], np.array([1, 4, 4]) * 5e-324, tolerance=5e-324, shape="increasing", rtol=0)


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
        shape = Shape(*SHAPES[names])
        function = shape.links(Band(data.x, lo, hi, np.zeros(len(lo)), 1.0), *shape.tightened(lo, hi))
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
