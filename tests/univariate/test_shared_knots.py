"""Knots that several outputs share, against an exhaustive search over knot patterns."""

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.optimize import linprog

from reluctant import InfeasibleError, interpolate
from reluctant.effort import Clock
from reluctant.univariate import _blocks, blocks, shared_knots
from reluctant.univariate.blocks import excluded_rows
from reluctant.univariate.shared_knots import interpolate_shared

KINDS = ["normal", "signs", "integers", "rank one", "zero jumps"]


def vanishes(directions):
    """Whether some Σ c_k d_k = 0 with c > 0, by a linear program."""
    A = np.column_stack(directions)
    return linprog(np.zeros(A.shape[1]), A_eq=A, b_eq=np.zeros(len(A)), bounds=(1, None)).status == 0


def fewest_shared_knots(slopes):
    """The fewest knots over all patterns of knots at points and inside intervals, for slopes (m, n) of the data.

    The slopes with which a function can enter an interval are o + the open cone of some directions, or all: a knot
    inside takes a slope a to s + r (s − a), r > 0, that is to s + the cone of s − o and the directions reversed.
    """
    n = slopes.shape[1]
    fewest = n  # a knot at every inner point would do

    def extend(i, origin, directions, cost):
        nonlocal fewest
        if cost >= fewest:
            return
        if i == n:
            fewest = cost
            return
        s = slopes[:, i]
        if origin is None:
            leave(i, s, [], cost)
            leave(i, None, [], cost + 1)
            return
        gap = s - origin
        if vanishes([*directions, -gap]) if directions else not gap.any():
            leave(i, s, [], cost)
        leave(i, s, [gap, *(-d for d in directions)], cost + 1)

    def leave(i, origin, directions, cost):
        extend(i + 1, origin, directions, cost)
        if i + 1 < n:
            extend(i + 1, None, [], cost + 1)

    extend(0, None, [], 0)
    return fewest


def slopes_of(kind, rng, m, n):
    """Slopes (m, n) whose jumps are of the kind; exact in float64."""
    if kind == "normal":
        return np.round(rng.normal(size=(m, n)) * 2**20) / 2**20
    if kind == "signs":
        return rng.integers(-1, 2, (m, n)).astype(float)
    if kind == "integers":
        return rng.integers(-2, 3, (m, n)).astype(float)
    jumps = np.outer(rng.integers(-2, 3, m), rng.integers(-2, 3, n))
    if kind == "zero jumps":
        jumps = rng.integers(-2, 3, (m, n)) * (rng.random(n) > 0.35)
    else:
        jumps[:, rng.integers(n)] += rng.integers(-1, 2, m)
    return np.cumsum(jumps, axis=1).astype(float)


def points_of(slopes):
    """Points one apart with those slopes."""
    n = slopes.shape[1]
    return np.arange(n + 1.0), np.column_stack([np.zeros(len(slopes)), np.cumsum(slopes, axis=1)]).T


def check_fewest(seed, least=2, most=3):
    rng = np.random.default_rng(seed)
    kind, m, n = KINDS[seed % len(KINDS)], int(rng.integers(least, most + 1)), int(rng.integers(3, 7))
    slopes = slopes_of(kind, rng, m, n)
    x, Y = points_of(slopes)
    solution = interpolate(x, Y)
    assert solution.n_neurons == fewest_shared_knots(slopes), (seed, kind, m, n)
    assert solution.certificate.quantity == "neurons"
    assert solution.is_optimal
    assert np.max(np.abs(solution.network(x) - Y)) <= 1e-9 * np.max(np.abs(Y))


@pytest.mark.gate(30)
@pytest.mark.parametrize("seed", range(100))
def test_shared_knots_are_as_few_as_any_pattern_has(seed):
    check_fewest(seed)


@pytest.mark.gate(40)
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_outputs_share_as_few_knots_as_any_pattern_has(seed):
    check_fewest(seed, 4, 6)


@pytest.mark.slow
def test_shared_knots_are_as_few_as_any_pattern_has_in_thousands_of_tables():
    for seed in range(1000, 4000):
        check_fewest(seed)
        check_fewest(seed, 4, 6)


def test_floats_claim_of_outputs_only_what_rationals_do():
    """And the rows that are excluded are in no vanishing combination."""
    rng = np.random.default_rng(0)
    n_decided = 0
    for case in range(200):
        m = int(rng.integers(1, 7))
        n = int(rng.integers(1, 3 * m + 2))
        rows = rng.integers(-2, 3, (n, m)) if case % 2 else np.round(rng.normal(size=(n, m)), 2)
        rows = rows[rows.any(axis=1)].astype(float)
        if not len(rows):
            continue
        excluded = excluded_rows(np.round(rows * 100).astype(int).tolist())
        assert (not excluded) == vanishes(list(rows))
        for at in excluded[:2]:
            A = np.vstack([rows.T, np.arange(len(rows)) == at])
            assert linprog(np.zeros(len(rows)), A_eq=A, b_eq=np.append(np.zeros(m), 1.0)).status == 2
        answer, z = _blocks.decide(rows, np.full(len(rows), 2.0**-50))
        if answer == _blocks.NO:
            assert excluded
            assert (rows @ z > 0).all()
        elif answer == _blocks.YES:
            assert not excluded
        n_decided += answer != _blocks.UNDECIDED
    assert n_decided > 130


def test_blocks_are_those_of_exhaustive_tests():
    """Floats, skipped starts and exact arithmetic against a linear program for every start and end."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        m, n = 2 + seed, 60
        x, Y = points_of(np.cumsum(rng.integers(-1, 2, (m, n)) * (rng.random(n) > 0.05), axis=1).astype(float))
        jumps = np.diff(np.diff(Y, axis=0), axis=0)
        saved, start = 0, 0
        for end in range(len(jumps)):
            if not jumps[end].any():
                start = end + 1
            elif any(
                vanishes(list(jumps[first : end + 1] * (-1.0) ** np.arange(end + 1 - first)[:, None]))
                for first in range(start, end)
            ):
                saved, start = saved + 1, end + 1
        assert interpolate(x, Y).n_neurons == np.count_nonzero(jumps.any(axis=1)) - saved


def test_testing_the_longest_block_alone_would_miss_shared_knots():
    """A shorter block may save a knot where the longest one does not: then its jumps do not span the space."""
    differ = 0
    for seed in range(60):
        slopes = np.random.default_rng(seed).integers(-2, 3, (3, 12)).astype(float)
        x, Y = points_of(slopes)
        jumps = np.diff(slopes, axis=1)
        saved, start = 0, 0
        for end in range(jumps.shape[1]):
            signs = (-1.0) ** np.arange(end + 1 - start)
            if not jumps[:, end].any():
                start = end + 1
            elif end > start and vanishes(list((jumps[:, start : end + 1] * signs).T)):
                saved, start = saved + 1, end + 1
        broken = np.count_nonzero(jumps.any(axis=0)) - saved
        found = interpolate(x, Y).n_neurons
        assert found <= broken
        differ += found < broken
    assert differ > 0


def test_signs_that_floats_cannot_tell_are_decided_exactly():
    """Outputs that are decimal multiples of one another, up to rounding, on uneven points."""
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.integers(1, 9, 60)) * 0.1
    y = np.round(rng.normal(size=60), 1)
    Y = np.column_stack([y, 2.0 * y, -4.0 * y])
    assert interpolate(x, Y).n_neurons == interpolate(x, y).n_neurons
    third = np.column_stack([y, np.round(rng.normal(size=60), 1)])
    assert interpolate(x, np.column_stack([third, third[:, 0] * 2.0])).n_neurons == interpolate(x, third).n_neurons


@pytest.mark.parametrize("affine", [None, False])
@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
@pytest.mark.parametrize("unit", [1.0, 1e-150, 1e150])
def test_every_output_is_met_at_any_offset_and_scale(affine, offset, unit):
    rng = np.random.default_rng(int(abs(offset)) % 97)
    x = rng.permutation(offset + np.arange(200.0))
    Y = rng.normal(size=(200, 3)) * [1.0, 1e-6, 1e6] * unit
    x, Y = np.append(x, x[:3]), np.vstack([Y, Y[:3]])
    solution = interpolate(x, Y, affine=affine)
    assert (np.abs(solution.predict(x) - Y).max(axis=0) <= 1e-9 * np.abs(Y).max(axis=0)).all()
    assert solution.certificate.kind == "proved"
    if affine is None:
        assert solution.is_optimal
    else:
        assert solution.gap in (0, 1)
        assert solution.network.n_affine == 0


def test_knots_closer_than_floats_can_tell_become_points():
    """The last bits of decimals ask for two knots at one float; every row is met all the same, and the gap says so."""
    x, Y = np.arange(400.0), np.round(np.random.default_rng(13).normal(size=(400, 2)), 1)
    solution = interpolate(x, Y)
    assert (np.abs(solution.predict(x) - Y) <= 1e-9 * np.abs(Y).max()).all()
    assert solution.certificate.lower_bound <= solution.n_neurons <= solution.certificate.lower_bound + 3


def test_an_output_has_no_weight_at_a_knot_where_it_does_not_bend():
    x = np.arange(7.0)
    solution = interpolate(x, np.column_stack([np.maximum(x - 1, 0), np.abs(x - 4), x]))
    assert solution.n_neurons == 2
    assert_array_equal(solution.network.output_weights != 0, [[True, False, False], [False, True, False]])


def test_contradictory_rows_are_named():
    with pytest.raises(InfeasibleError, match="rows 0 and 2"):
        interpolate([0.0, 1.0, 0.0], [[1.0, 2.0], [1.0, 1.0], [1.0, 3.0]])


def test_rows_of_jumps_bound_their_own_errors():
    rng = np.random.default_rng(3)
    x = np.sort(rng.normal(size=40)) + 1e6
    Y = rng.normal(size=(3, 40))
    jumps = shared_knots.Jumps.of(x, [shared_knots.corners_of(x, y, 0.0) for y in Y])
    rows, errors = jumps.rows()
    sizes = [2.0 ** int(np.frexp(s)[1]) for s in np.abs(jumps.values).max(axis=0)]
    for j in range(1, 39):
        exact = [exact_jump(x[j - 1 : j + 2], y[j - 1 : j + 2]) / Fraction(s) for y, s in zip(Y, sizes)]
        unit = Fraction(float(np.max(np.abs(jumps.values[j] / sizes))))
        for c in range(3):
            assert abs((-1) ** j * exact[c] / unit - Fraction(float(rows[j, c]))) <= Fraction(float(errors[j]))


def exact_jump(x, y):
    (x0, x1, x2), (y0, y1, y2) = (map(Fraction, part.tolist()) for part in (x, y))
    return (y2 - y1) / (x2 - x1) - (y1 - y0) / (x1 - x0)


@pytest.mark.parametrize("drawn", [False, True])
def test_whole_jumps_are_in_the_ratio_of_the_exact_ones(drawn):
    """Also where points are left out of the links of one output alone, and at outputs without a bend."""
    rng = np.random.default_rng(5)
    x = np.cumsum(rng.integers(1, 9, 30)) * 0.1
    Y = np.column_stack([np.round(rng.normal(size=30), 1), np.abs(x - x[11]), 0.3 * x, 1e-200 * rng.normal(size=30)])
    corners = [shared_knots.corners_of(x, y, 2.0**-51 * drawn) for y in Y.T.copy()]
    assert drawn == any(len(own.x) < 30 for own in corners)
    jumps = shared_knots.Jumps.of(x, corners)
    for j in np.flatnonzero(jumps.nonzero):
        exact = []
        for own, jump in zip(corners, jumps.values[j]):
            k = int(np.searchsorted(own.x, x[j]))
            exact.append(exact_jump(own.x[k - 1 : k + 2], own.y[k - 1 : k + 2]) if jump else Fraction(0))
        whole = jumps.whole(j)
        at = int(np.argmax([abs(g) for g in exact]))
        assert all(w * exact[at] == whole[at] * g for w, g in zip(whole, exact))
        assert whole[at] * exact[at] > 0


@pytest.mark.parametrize("looks", [0, 1, 2, 5])
def test_a_clock_that_ends_the_search_leaves_an_interpolant_and_a_bound_below_the_fewest(looks):
    """Bounds and counts on both sides of those of the whole search."""
    rng = np.random.default_rng(0)
    x = np.arange(24.0)
    with mock.patch.object(blocks, "STRIDE_WORK", 250.0):
        for _ in range(10):
            Y = np.cumsum(np.cumsum(rng.integers(-2, 3, (24, 4)), axis=0), axis=0).astype(float)
            whole = interpolate_shared(x, Y)
            clock = Clock()
            with mock.patch.object(clock, "expired", iter([*[False] * looks, *[True] * 1000]).__next__):
                ended = interpolate_shared(x, Y, clock=clock)
            assert ended.certificate.lower_bound <= whole.n_neurons == whole.certificate.lower_bound <= ended.n_neurons
            assert np.abs(ended.network(x) - Y).max() <= 1e-9 * np.abs(Y).max()
            assert ended.n_neurons - ended.certificate.lower_bound <= 12
