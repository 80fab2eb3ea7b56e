from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import exact_sweep
from planted_networks import planted
from reluctant import approximate, interpolate
from reluctant.multivariate.proofs import lines
from reluctant.multivariate.proofs.lines import RowsOnLine, bound_on_lines, rows_on_lines

QUANTITIES = ("neurons", "parameters")


def lines_in_rationals(X):
    """Every line through three rows or more, as sets of rows: all triples, in fractions."""
    rows = [[Fraction(a) for a in row] for row in X.tolist()]
    found = set()
    for i, j in combinations(range(len(rows)), 2):
        step = [b - a for a, b in zip(rows[i], rows[j])]
        q = next(k for k, b in enumerate(step) if b)
        on = frozenset(
            k
            for k, row in enumerate(rows)
            if all((a - c) * step[q] == (row[q] - rows[i][q]) * b for a, c, b in zip(row, rows[i], step))
        )
        if len(on) > 2:
            found.add(on)
    return found


def bound_in_rationals(quantity, X, lo, hi):
    """The bound by the exact sweep of the oracles on all lines, places where an input is zero counted in fractions."""
    best = 0
    for rows in lines_in_rationals(X):
        rows = sorted(rows, key=lambda i: X[i].tolist())
        j = next(j for j in range(X.shape[1]) if X[rows[0], j] != X[rows[-1], j])
        rows.sort(key=lambda i: X[i, j])
        knots = exact_sweep(X[rows, j].tolist(), lo[rows].tolist(), hi[rows].tolist())
        a, b = ([Fraction(t) for t in X[i].tolist()] for i in (rows[0], rows[-1]))
        places = {-s / (t - s) for s, t in zip(a, b) if s != t and 0 < -s / (t - s) < 1}
        best = max(best, knots if quantity == "neurons" else 2 * knots - min(knots, len(places)))
    return best


def limits(table):
    return np.nextafter(table.y - table.tolerance, -np.inf), np.nextafter(table.y + table.tolerance, np.inf)


def never_beaten(seeds):
    """Bounds against the network that the labels come from; how many are met, and how many are above zero."""
    met = positive = 0
    for seed in seeds:
        table = planted(seed)
        for quantity in QUANTITIES:
            bound = bound_on_lines(quantity, table.X, *limits(table)).least
            assert bound <= table.count(quantity), (seed, quantity)
            met += bound == table.count(quantity)
            positive += bound > 0
    return met, positive


def test_no_planted_network_has_less_than_its_lines_need():
    met, positive = never_beaten(range(300))
    assert met > 20
    assert positive > 150


@pytest.mark.slow
def test_no_planted_network_of_many_has_less_than_its_lines_need():
    never_beaten(range(1_000, 7_000))


@pytest.mark.parametrize("seed", range(42))
def test_the_bound_is_that_of_all_lines_in_rationals(seed):
    table = planted(seed, n_rows=(4, 14))
    if len(table.X) > 40:
        pytest.skip("too many triples for fractions")
    for quantity in QUANTITIES:
        expected = bound_in_rationals(quantity, table.X, *limits(table))
        assert bound_on_lines(quantity, table.X, *limits(table)).least == expected


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=3, max_size=14, unique=True))
@settings(max_examples=40, deadline=None)
def test_lines_of_a_grid_are_those_of_all_triples(points):
    X = np.array(points, float)
    assert {frozenset(line.rows.tolist()) for line in rows_on_lines(X)} == lines_in_rationals(X)


@given(st.lists(st.tuples(*[st.integers(-1, 1)] * 3), min_size=3, max_size=14, unique=True))
@settings(max_examples=30, deadline=None)
def test_lines_in_space_are_those_of_all_triples(points):
    X = np.array(points, float) * [1e-30, 1.0, 3e20]
    assert {frozenset(line.rows.tolist()) for line in rows_on_lines(X)} == lines_in_rationals(X)


def test_rows_are_in_the_order_of_the_line():
    X = np.array([[3.0, 1.0], [0.0, 4.0], [2.0, 2.0], [5.0, 5.0], [1.0, 3.0]])
    (line,) = rows_on_lines(X)
    values = X[line.rows, line.along]
    assert all(a < b for a, b in pairwise(values))
    assert sorted(line.rows) == [0, 1, 2, 4]


def test_lines_of_one_input_are_found_among_many_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3_000, 4))
    X[17:25, 1:] = X[17, 1:]
    y = np.zeros(3_000)
    y[17:25] = (-1.0) ** np.arange(8)
    assert bound_on_lines("neurons", X, y, y).least <= 6
    (line,) = rows_on_lines(X)
    assert sorted(line.rows) == list(range(17, 25))


def test_only_one_knot_of_a_line_along_an_input_may_cost_one_parameter():
    x = np.arange(-3.0, 4.0)
    X = np.column_stack([x, np.full(7, 2.0)])
    y = np.abs(x) + np.maximum(x - 1.5, 0.0)  # a knot at zero and one beyond
    assert bound_on_lines("neurons", X, y, y).least == 2
    assert bound_on_lines("parameters", X, y, y).least == 3
    assert bound_on_lines("parameters", X + np.array([5.0, 0.0]), y, y).least == 4  # zero is no place between the rows


def test_outputs_share_the_knots_of_a_line():
    X = np.column_stack([np.arange(5.0), np.ones(5)])
    Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    alone = [bound_on_lines("neurons", X, y, y).least for y in Y.T]
    assert bound_on_lines("neurons", X, Y, Y).least == max(alone) == 3


def test_targets_that_do_not_count_prove_nothing():
    X, y = np.column_stack([np.arange(5.0), np.ones(5)]), np.array([0.0, 1.0, 0.0, 1.0, 0.0])
    lo, hi = y.copy(), y.copy()
    lo[1:4], hi[1:4] = -np.inf, np.inf
    assert bound_on_lines("neurons", X, lo, hi).least == 0


NEARLY = np.array([[0.0, 0.0], [0.1, 0.1], [0.2, 0.2], [0.30000000000000004, 0.3], [0.4, 0.4]])


def test_rows_that_are_nearly_on_a_line_prove_nothing():
    # One steep neuron separates the row beside the line from the others.
    y = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    assert bound_on_lines("neurons", NEARLY, y, y).least == 0


def broken_collinearity(X, rows, columns):
    """Takes for collinear what is so within rounding."""
    j = int(np.argmax(np.ptp(X[rows], axis=0)))
    return RowsOnLine(rows[np.argsort(X[rows, j])], j, X.shape[1])


def test_a_variant_that_takes_nearly_collinear_rows_is_caught(monkeypatch):
    monkeypatch.setattr(lines, "_exactly_on_line", broken_collinearity)
    y = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    assert bound_on_lines("neurons", NEARLY, y, y).least > 1  # what one neuron does


def two_for_every_knot(line, quantity, knots):
    return knots if quantity == "neurons" else 2 * knots


def zeros_at_the_ends_excluded_from_the_sweep(X, lo, hi, line):
    """Counts corners of the polyline through the middles, as if knots could only be at rows."""
    y = 0.5 * (lo + hi)[line.rows, 0]
    slopes = np.diff(y) / np.diff(X[line.rows, line.along])
    return int(np.count_nonzero(np.abs(np.diff(slopes)) > 1e-12 * np.abs(slopes).max(initial=1e-300)))


def inward(lo, hi):
    """Bounds that leave out a part of the band."""
    return lo + 0.3 * (hi - lo), hi - 0.3 * (hi - lo)


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        (RowsOnLine, "count", two_for_every_knot),
        (lines, "_fewest_knots", zeros_at_the_ends_excluded_from_the_sweep),
        (lines, "_outward", inward),
    ],
)
def test_broken_variants_are_caught_by_planted_networks(owner, name, broken, monkeypatch):
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        never_beaten(range(300))


def grid(*sizes):
    return np.array(np.meshgrid(*[np.linspace(0, 1, n) for n in sizes], indexing="ij")).reshape(len(sizes), -1).T


def test_a_map_within_a_tolerance_states_what_its_rows_prove():
    X = grid(9, 9)
    y = np.sin(5 * X[:, 0] + 3 * X[:, 1] ** 2)
    solution = approximate(X, y, tolerance=0.05, minimize="neurons", random_state=0, time_limit=2)
    assert solution.certificate.kind == "proved"
    assert solution.certificate.lower_bound >= 4
    assert "rows" in solution.certificate.reason
    assert "knots along their line" in solution.certificate.reason
    assert solution.gap == solution.n_neurons - solution.certificate.lower_bound


def test_a_network_that_meets_the_bound_of_a_line_ends_the_search():
    X = grid(7, 7)
    y = np.maximum(X[:, 0] - 0.4, 0) + np.maximum(0.6 - X[:, 0], 0)
    solution = interpolate(X, y, minimize="neurons", affine=True, random_state=0, time_limit=600)
    assert solution.is_optimal
    assert solution.n_neurons == 2
