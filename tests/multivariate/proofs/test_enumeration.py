import contextlib
from itertools import combinations, product

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from patterns import enumerate_patterns
from reluctant import InfeasibleError
from reluctant.effort import Clock
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs import _exclusion, _ranks, enumeration
from reluctant.multivariate.proofs.cells import cell_table, support_cells
from reluctant.multivariate.proofs.enumeration import enumeration_size, fewest_neurons, fewest_parameters
from reluctant.multivariate.proofs.extreme_points import enumerate_vertices


def uniform(N, d, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)


def hinge_parameters(network):
    return int(np.count_nonzero(np.column_stack([network.input_weights, network.biases])))


def attains(proof, X, y, quantity="parameters"):
    error = np.abs(proof.network(X) - y).max()
    count = hinge_parameters(proof.network) if quantity == "parameters" else len(proof.network.biases)
    return error <= 1e-9 * np.abs(y).max() and count == proof.lower_bound


def feasible(X, y, patterns, signs, supports):
    """One linear feasibility problem per choice of signed patterns and supports, without a bound on the weights."""
    Xbar = homogeneous(X)
    columns, rows = [], []
    for D, s, S in zip(patterns, signs, supports):
        columns.append(s * D[:, None] * Xbar[:, S])
        rows.append(-(2.0 * D[:, None] - 1) * Xbar[:, S])
    A = np.hstack(columns)
    block = np.zeros((len(y) * len(rows), A.shape[1]))
    at = 0
    for k, B in enumerate(rows):
        block[k * len(y) : (k + 1) * len(y), at : at + B.shape[1]] = B
        at += B.shape[1]
    result = linprog(np.zeros(A.shape[1]), block, np.zeros(len(block)), A, y, bounds=(None, None))
    return result.status == 0


def brute_force_parameters(X, y, most):
    """Fewest parameters by trying every multiset of (full pattern, sign, support) of every size."""
    patterns = enumerate_patterns(X)[0]
    n = X.shape[1] + 1
    neurons = [
        (D, s, S)
        for D in patterns[patterns.any(axis=1)]
        for s in (1.0, -1.0)
        for k in range(1, n + 1)
        for S in combinations(range(n), k)
    ]
    if not np.any(y):
        return 0
    for count in range(1, most + 1):
        for K in range(1, count + 1):
            for chosen in combinations(neurons, K):
                if sum(len(S) for _, _, S in chosen) == count and feasible(X, y, *zip(*chosen)):
                    return count
    return most + 1


@pytest.mark.gate(4)
@pytest.mark.parametrize(
    "y", [[0, 0, 0], [1, 1, 1], [0, 1, 2], [1, 0, 0], [0, 1, 0], [1, -1, 1], [2, 1, -1], [0, 0.3, 0.7]]
)
def test_parameters_equal_brute_force_over_patterns_and_supports(y):
    X = np.array([[0.0], [1.0], [2.0]])
    y = np.array(y, float)
    proof = fewest_parameters(X, y)
    assert proof.lower_bound == brute_force_parameters(X, y, 3)
    assert attains(proof, X, y)


@pytest.mark.gate(1)
@pytest.mark.parametrize("y", [[0, 1, 1], [1, 1, 0], [-1, 0, 2]])
def test_parameters_equal_brute_force_in_the_plane(y):
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    y = np.array(y, float)
    assert fewest_parameters(X, y).lower_bound == brute_force_parameters(X, y, 3)


@pytest.mark.gate(5)
@pytest.mark.parametrize(("N", "d"), [(3, 2), (4, 2), (3, 3), (5, 1)])
@pytest.mark.parametrize("kind", ["uniform", "signs", "integers", "one sign"])
def test_parameters_equal_the_sparsest_extreme_point(N, d, kind):
    # [NN, Thm 4.1]: some sparsest network is an extreme point; the enumeration knows nothing of extreme points.
    for seed in range(3):
        X, y = uniform(N, d, seed)
        y = {"uniform": y, "signs": np.sign(y), "integers": np.round(2 * y), "one sign": np.abs(y)}[kind]
        proof = fewest_parameters(X, y)
        if y.any():
            assert proof.lower_bound == enumerate_vertices(X, y).counts.min()
        assert attains(proof, X, y)


@given(
    st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(-1, 1), min_size=4, max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_grid_data_agree_with_extreme_points(points, labels):
    X, y = np.array(points, float), np.array(labels[: len(points)], float)
    proof = fewest_parameters(X, y)
    assert attains(proof, X, y)
    if y.any():
        assert proof.lower_bound == enumerate_vertices(X, y).counts.min()


def brute_force_neurons(X, y, most):
    patterns = enumerate_patterns(X)[0]
    everything = tuple(range(X.shape[1] + 1))
    signed = list(product(patterns[patterns.any(axis=1)], (1.0, -1.0)))
    for K in range(1, most + 1):
        for chosen in combinations(signed, K):
            if feasible(X, y, *zip(*chosen), [everything] * K):
                return K
    return most + 1


@pytest.mark.gate(3)
@pytest.mark.parametrize("seed", range(6))
def test_neurons_equal_brute_force_over_patterns(seed):
    X, y = uniform(4, 2, seed)
    y = np.round(y) if seed % 2 else y
    proof = fewest_neurons(X, y)
    assert proof.lower_bound == brute_force_neurons(X, y, 2)
    assert attains(proof, X, y, "neurons")


@pytest.mark.parametrize(("N", "d"), [(6, 2), (5, 3), (6, 3)])
def test_uniform_labels_need_n_parameters(N, d):
    X, y = uniform(N, d, 1)
    proof = fewest_parameters(X, y, known=N)
    assert proof.lower_bound == N
    assert "inequalities" not in proof.reason


def test_eight_points_in_three_dimensions_are_proved_without_a_weight_bound():
    X, y = uniform(8, 3, 0)
    proof = fewest_parameters(X, y, known=8)
    assert proof.lower_bound == 8
    assert proof.n_sets > 3_000_000


def test_a_large_weight_is_found():
    X, y = [[0, 0.5], [0.001, 0.6]], [0.0, 1.0]
    proof = fewest_parameters(X, y)
    assert proof.lower_bound == 1
    assert proof.network.input_weights[0, 0] == pytest.approx(1000)


def test_a_weight_of_a_billion_is_found():
    proof = fewest_parameters([[0, 0.5], [1e-9, 0.6]], [0.0, 1.0])
    assert proof.lower_bound == 1
    assert proof.network.input_weights[0, 0] == pytest.approx(1e9)


def test_planted_labels_are_recognised_although_they_are_rounded():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(7, 2))
    y = 1.3 * np.maximum(0.7 * X[:, 0] + 0.2, 0) - np.maximum(-X[:, 1], 0)
    proof = fewest_parameters(X, y)
    assert proof.lower_bound == 3
    assert attains(proof, X, y)


@pytest.mark.parametrize(("N", "d"), [(5, 2), (6, 2), (6, 3)])
def test_affine_part_saves_its_rank(N, d):
    X, y = uniform(N, d, 2)
    proof = fewest_parameters(X, y, affine=True)
    assert proof.lower_bound == N - d - 1
    assert attains(proof, X, y)


def test_affine_labels_need_nothing_beside_an_affine_part():
    X, _ = uniform(6, 2, 0)
    y = X @ [1.0, -2.0] + 0.5
    assert fewest_parameters(X, y, affine=True).lower_bound == 0
    assert fewest_neurons(X, y, affine=True).lower_bound == 0


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_do_not_change_the_count(scale):
    X, y = uniform(4, 2, 5)
    assert fewest_parameters(X * scale, y).lower_bound == fewest_parameters(X, y * scale).lower_bound == 4
    assert attains(fewest_parameters(X * [scale, 1.0], y * scale), X * [scale, 1.0], y * scale)


def test_repeated_rows_count_once_and_contradictions_are_named():
    X, y = uniform(4, 2, 6)
    again = np.vstack([X, X[:2]])
    assert fewest_parameters(again, np.append(y, y[:2])).lower_bound == fewest_parameters(X, y).lower_bound
    with pytest.raises(InfeasibleError, match="rows 0 and 4"):
        fewest_parameters(again, np.append(y, [y[0] + 1, y[1]]))


def test_time_limit_keeps_what_is_proved():
    X, y = uniform(10, 3, 0)
    proof = fewest_parameters(X, y, clock=Clock(3.0))
    assert 1 <= proof.lower_bound < 10
    assert proof.network is None
    assert "the time ended" in proof.reason


@pytest.mark.parametrize("seed", range(5))
def test_general_position_bounds_of_the_paper(seed):
    # [NN]: at most 2 N parameters if N ≤ d + 1 and the points are in general position, N for labels of one sign.
    X, y = uniform(3, 2, seed)
    assert fewest_parameters(X, y).lower_bound <= 2 * len(y)
    assert fewest_parameters(X, np.abs(y)).lower_bound <= len(y)


def test_rank_modulo_primes_is_the_rank_of_integers():
    rng = np.random.default_rng(0)
    for _ in range(50):
        A = rng.integers(-5, 6, (5, 3)) @ rng.integers(-5, 6, (3, 6))
        M = np.mod(A, 2**31 - 1).astype(np.uint64)
        assert _ranks.rank_modulo(M, np.uint64(2**31 - 1)) == np.linalg.matrix_rank(A)


@pytest.mark.parametrize("seed", range(3))
def test_every_span_that_holds_the_labels_is_found(seed):
    # Against numpy's least squares on every set of cells of the cost.
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (4, 2)).astype(float)
    X = np.unique(X, axis=0)
    y = rng.integers(-1, 2, len(X)).astype(float)
    cells = support_cells(X)
    costs = np.array([len(S) for _, S in cells])
    Xbar = homogeneous(X)
    table = cell_table(Xbar, cells, costs, False)
    for budget in (1, 2, 3):
        found = np.zeros((7, budget), np.int64)
        kept, looked_at = set(), 0
        search = _exclusion.start_search(table, y, budget)
        while search.depth[0] >= 0:  # in small portions, to stop and go on
            n_found, n_sets = _exclusion.spans_near(table, search, np.uint64(0), 1e-6, found, 100)
            kept |= {tuple(c for c in row if c >= 0) for row in found[:n_found].tolist()}
            looked_at += n_sets
        expected = set()
        for K in range(1, budget + 1):
            for chosen in combinations(range(len(cells)), K):
                if costs[list(chosen)].sum() == budget:
                    A = np.hstack([np.array(cells[c][0])[:, None] * Xbar[:, cells[c][1]] for c in chosen])
                    if np.linalg.norm(A @ np.linalg.lstsq(A, y)[0] - y) < 1e-9:
                        expected.add(chosen)
        assert kept == expected
        assert looked_at == sum(
            costs[list(chosen)].sum() == budget
            for K in range(1, budget + 1)
            for chosen in combinations(range(len(cells)), K)
        )


@pytest.mark.parametrize(("N", "d", "known"), [(5, 2, 4), (6, 1, 5), (5, 3, 3)])
def test_size_of_an_enumeration_is_foreseen(N, d, known):
    X, y = uniform(N, d, 0)
    n_cells, n_sets = enumeration_size("parameters", X, known)
    assert 0.8 * n_cells <= len(support_cells(X, known - 1)) <= n_cells
    assert 0.6 * n_sets <= fewest_parameters(X, y, known=known).n_sets <= n_sets
    neuron_cells, neuron_sets = enumeration_size("neurons", X, 2)
    assert neuron_sets == 1 + neuron_cells
    assert neuron_cells == len(enumerate_patterns(X)[0]) - 1


# Several processes.


def proofs_with(n_jobs):
    """A generic table, a planted one within a band, and one in which many sets come near the labels."""
    X, y = uniform(7, 2, 0)
    whole = np.array(list(product(range(3), range(2))), float)
    return [
        fewest_parameters(X, y, known=7, n_jobs=n_jobs),
        fewest_parameters(X, np.maximum(X @ [1.0, 0.5], 0) + 0.01 * y, tolerance=0.02, n_jobs=n_jobs),
        fewest_parameters(whole, whole[:, 0] * whole[:, 1], n_jobs=n_jobs),
        fewest_neurons(X, y, known=3, n_jobs=n_jobs),
    ]


def same_proofs(here, there):
    for alone, shared in zip(here, there, strict=True):
        assert alone.lower_bound == shared.lower_bound
        assert (alone.network is None) == (shared.network is None)
        if alone.network is None:
            assert alone.n_sets == shared.n_sets
        else:
            assert np.array_equal(alone.network.input_weights, shared.network.input_weights)
            assert np.array_equal(alone.network.biases, shared.network.biases)


def test_the_parts_of_the_search_are_the_whole(monkeypatch):
    here = proofs_with(1)
    monkeypatch.setattr(enumeration, "_WORTH_PROCESSES", 1)
    with joblib.parallel_config(backend="threading"):
        same_proofs(here, proofs_with(2))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_two_workers_prove_the_same(backend, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    here = proofs_with(1)
    monkeypatch.setattr(enumeration, "_WORTH_PROCESSES", 1)
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            cluster = stack.enter_context(
                distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
            )
            stack.enter_context(distributed.Client(cluster))
        stack.enter_context(joblib.parallel_config(backend=backend, n_jobs=2))
        same_proofs(here, proofs_with(2))


@pytest.mark.parametrize("level", [1, 4, 6])
def test_sets_are_counted_by_their_first_cell(level):
    costs = np.array([1, 1, 2, 2, 2, 3, 3])
    counts = enumeration._sets_by_first_cell(costs, level)
    every = [s for n in range(1, 8) for s in combinations(range(7), n) if costs[list(s)].sum() == level]
    assert counts == [sum(s[0] == c for s in every) for c in range(7)]
