import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patterns import enumerate_patterns, neighbours, pattern_count
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.cells import support_cells

GRID = np.array([[i, j] for i in range(3) for j in range(3)], float)
DEGENERATE = {
    "grid": GRID,
    "collinear": np.column_stack([np.arange(5.0), 2 * np.arange(5.0)]),
    "repeated rows": np.vstack([GRID[:4], GRID[:2]]),
    "constant column": np.column_stack([np.arange(4.0), np.full(4, 7.0)]),
    "copied column": np.column_stack([np.arange(4.0), np.arange(4.0)]),
    "one point": np.zeros((1, 3)),
    "opposite points": np.array([[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [3.0, -1.0]]),
}


def as_set(patterns):
    return {tuple(p) for p in np.asarray(patterns, bool).tolist()}


def sampled(X, count=100_000, seed=0):
    U = np.random.default_rng(seed).normal(size=(count, X.shape[1] + 1))
    return as_set(np.unique(homogeneous(X) @ U.T >= 0, axis=1).T)


@pytest.mark.parametrize(("N", "d"), [(1, 1), (5, 1), (6, 2), (8, 3), (10, 3), (7, 4)])
def test_count_in_general_position_is_covers_formula(N, d):
    X = np.random.default_rng(N).uniform(-1, 1, (N, d))
    patterns, _ = enumerate_patterns(X)
    assert len(patterns) == len(as_set(patterns)) == pattern_count(N, d)


@pytest.mark.parametrize(("N", "d"), [(5, 1), (6, 2), (6, 3), (12, 4)])
def test_every_representative_has_its_pattern(N, d):
    X = np.random.default_rng(N).uniform(-1, 1, (N, d))
    patterns, u = enumerate_patterns(X)
    np.testing.assert_array_equal((homogeneous(X) @ u.T >= 0).T, patterns)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_data_have_the_patterns_that_sampling_finds(name):
    X = DEGENERATE[name]
    patterns, u = enumerate_patterns(X)
    assert as_set(patterns) == sampled(X)
    assert len(patterns) <= pattern_count(*X.shape)
    np.testing.assert_array_equal((homogeneous(X) @ u.T >= 0).T, patterns)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=6), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_no_hinge_has_a_pattern_that_is_not_enumerated(points, seed):
    X = np.array(points, float)
    patterns = as_set(enumerate_patterns(X)[0])
    rng = np.random.default_rng(seed)
    # Integer hinges run through points of the grid, where floats are exact and ties are real.
    U = np.vstack([rng.integers(-3, 4, (2000, 3)), rng.normal(size=(2000, 3))])
    assert as_set((homogeneous(X) @ U.T >= 0).T) <= patterns


def test_points_one_ulp_apart_are_told_apart():
    X = np.array([[0.1], [np.nextafter(0.1, 1)], [0.3]])
    assert len(enumerate_patterns(X)[0]) == 6


@pytest.mark.parametrize("name", DEGENERATE)
def test_neighbours_differ_at_one_point_and_its_copies(name):
    X = DEGENERATE[name]
    patterns, _ = enumerate_patterns(X)
    pairs = neighbours(patterns, X)
    for j, k, i in pairs:
        changed = np.flatnonzero(patterns[j] != patterns[k])
        assert not patterns[j, i]
        assert patterns[k, i]
        np.testing.assert_array_equal(changed, np.flatnonzero((X[i] == X).all(axis=1)))


def test_every_cell_reaches_every_other_through_neighbours():
    X = np.random.default_rng(3).uniform(-1, 1, (7, 2))
    patterns, _ = enumerate_patterns(X)
    reached, edges = {0}, [(j, k) for j, k, _ in neighbours(patterns, X)]
    for _ in range(len(patterns)):
        reached |= {b for a, b in edges if a in reached} | {a for a, b in edges if b in reached}
    assert len(reached) == len(patterns)


def test_neighbours_number_the_facets_of_a_line_arrangement():
    # The hinges of N points in general position in R^1 are N lines through the origin of R^2: 2 N rays bound the cells.
    X = np.random.default_rng(0).uniform(-1, 1, (6, 1))
    assert len(neighbours(enumerate_patterns(X)[0], X)) == 12


@pytest.mark.parametrize("name", DEGENERATE)
def test_support_cells_cover_sampled_sparse_hinges(name):
    X = DEGENERATE[name]
    cells = set(support_cells(X))
    rng = np.random.default_rng(0)
    for _ in range(500):
        mask = rng.random(X.shape[1] + 1) < 0.5
        u = rng.normal(size=X.shape[1] + 1) * mask
        z = homogeneous(X)[:, mask] @ u[mask]
        support = tuple(np.flatnonzero(mask).tolist())
        if np.any(z > 0):
            # a zero row counts as inactive here: it adds nothing either way
            assert (tuple((z > 0).tolist()), support) in cells
