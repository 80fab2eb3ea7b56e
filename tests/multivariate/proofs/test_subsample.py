from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import qr

from exact_networks import exact_outputs, rank
from planted_networks import planted
from reluctant import ReLUNetwork, approximate, interpolate
from reluctant.effort import Clock
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs import _exclusion, _ranks, subsample
from reluctant.multivariate.proofs.cells import cell_table, support_cells
from reluctant.multivariate.proofs.enumeration import Proof, enumeration_size, fewest_neurons, fewest_parameters
from reluctant.multivariate.proofs.subsample import Rows, bound_from_few_rows

QUANTITIES = ("neurons", "parameters")


def with_a_neuron_more(table):
    """The planted network and a hinge far from every row, which a proof of its count would have to take for needed."""
    more = np.append(np.eye(table.X.shape[1])[0] * 0.5, 1.0)
    U, signs = np.vstack([table.U, more]), np.append(table.signs, 1.0)
    return ReLUNetwork.from_hinges(U, signs[:, None], table.slope[:, None])


def few_rows_never_beaten(seeds, most_sets=1_000, **size):
    """Bounds from few rows against the network that the labels come from, in rationals; how many are met."""
    met = 0
    for seed in seeds:
        table = planted(seed, **size)
        rows = Rows(table.X, table.y, table.affine, table.tolerance)
        quantity = QUANTITIES[seed // 6 % 2]
        network, bound = bound_from_few_rows(quantity, rows, with_a_neuron_more(table), Clock(1.0), most_sets)
        assert bound.least <= table.count(quantity), (seed, quantity)
        if network.n_parameters < with_a_neuron_more(table).n_parameters:
            assert (rows.missed(network) <= rows.tolerance).all(), (seed, quantity)
        met += bound.least == table.count(quantity)
    return met


def enumeration_never_beaten(seeds, most_sets=100_000):
    """Enumerations of all rows, with the band, against the network that the labels come from; how many are met.

    A network that is returned has so many parameters, or neurons, and stays within the band in rationals, but for what
    evaluating it in float64 may lose.
    """
    met = 0
    for seed in seeds:
        table = planted(seed, n_rows=(3, 8), most_neurons=2)
        quantity = QUANTITIES[seed // 6 % 2]
        count = table.count(quantity)
        if len(table.X) > 9 or enumeration_size(quantity, table.X, count + 1)[1] > most_sets:
            continue
        fewest = fewest_parameters if quantity == "parameters" else fewest_neurons
        proof = fewest(table.X, table.y, affine=table.affine, tolerance=table.tolerance, known=count + 1)
        assert proof.lower_bound <= count, (seed, quantity)
        if proof.network is not None:
            network = proof.network
            assert (network.n_parameters if quantity == "parameters" else network.n_neurons) <= count, (seed, quantity)
            U, _, affine = network.hinges
            terms = np.abs(np.column_stack([table.X, np.ones(len(table.X))])) @ np.abs(np.hstack([U.T, affine]))
            size = max(np.abs(table.y).max(), terms.max())
            allowed = Fraction(table.tolerance) + Fraction(1e-14 * size)
            errors = [abs(f - Fraction(t)) for (f,), t in zip(exact_outputs(network, table.X), table.y.tolist())]
            assert max(errors) <= allowed, (seed, quantity)
        met += proof.lower_bound == count
    return met


def certificates_never_beaten(seeds, seconds=0.2):
    """What `interpolate` and `approximate` claim against the network behind the labels; how many are optimal."""
    optimal = 0
    for seed in seeds:
        table = planted(seed, n_rows=(4, 16), most_neurons=3)
        quantity = QUANTITIES[seed // 6 % 2]
        asked = {"minimize": quantity, "affine": table.affine, "random_state": seed, "time_limit": seconds}
        try:
            if table.band:
                solution = approximate(table.X, table.y, tolerance=table.band, **asked)
            else:
                solution = interpolate(table.X, table.y, **asked)
        except ValueError:  # rows closer than float64 weights resolve, or nothing found in so short a time
            continue
        certificate = solution.certificate
        assert certificate.kind != "proved" or certificate.lower_bound <= table.count(quantity), (seed, quantity)
        errors = np.abs(solution.network(table.X) - table.y)
        assert (errors <= table.tolerance * (1 + 1e-8)).all(), (seed, quantity)
        optimal += solution.is_optimal
    return optimal


def test_no_planted_network_has_less_than_an_enumeration_or_a_certificate_claims():
    assert enumeration_never_beaten(range(40)) >= 10
    certificates_never_beaten(range(6))


@pytest.mark.parametrize(("n", "met"), [(24, 4), pytest.param(72, 13, marks=pytest.mark.slow)])
def test_no_planted_network_has_less_than_a_few_rows_prove(n, met):
    assert few_rows_never_beaten(range(n)) >= met


@pytest.mark.slow
def test_no_planted_network_of_many_has_less_than_a_few_rows_prove():
    few_rows_never_beaten(range(10_000, 14_000), most_sets=6_000)


def teacher(seed, d, sizes, N):
    """Rows and a network whose hinges have so many parameters each and split the rows."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (N, d))
    Xbar, U = homogeneous(X), np.zeros((len(sizes), d + 1))
    for u, size in zip(U, sizes):
        while not 0.15 <= np.mean(Xbar @ u > 0) <= 0.85:
            u[:] = 0.0
            u[rng.choice(d + 1, size, replace=False)] = rng.normal(size=size)
    return X, ReLUNetwork(U[:, :-1], U[:, -1], rng.choice([-1.0, 1.0], len(U)))


def proved(seed, quantity, d, sizes, N):
    X, network = teacher(seed, d, sizes, N)
    y = network(X)
    rows = Rows(X, y, False, 1e-9 * np.abs(y).max())
    return bound_from_few_rows(quantity, rows, network, Clock(300.0))[1].least


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("quantity", "d", "sizes", "N"),
    [("neurons", 2, (3, 3, 3), 60), ("neurons", 2, (3, 3, 3, 3), 2_000), ("parameters", 2, (3, 2, 2), 3_000)],
)
def test_planted_networks_are_proved_whatever_the_number_of_rows(seed, quantity, d, sizes, N):
    assert proved(seed, quantity, d, sizes, N) == (len(sizes) if quantity == "neurons" else sum(sizes))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("quantity", "d", "sizes"),
    [
        ("parameters", 2, (3, 3, 2, 2)),
        ("parameters", 3, (3, 3, 3)),
        ("parameters", 5, (3, 3, 2)),
        ("neurons", 3, (4, 4, 4, 4)),
        ("neurons", 5, (6, 6, 6)),
    ],
)
def test_the_largest_planted_networks_are_proved(seed, quantity, d, sizes):
    assert proved(seed, quantity, d, sizes, 2_000) == (len(sizes) if quantity == "neurons" else sum(sizes))


def test_interpolate_proves_a_planted_network():
    X, network = teacher(0, 2, (3, 2, 2), 400)
    solution = interpolate(X, network(X), start=network, random_state=0)
    assert solution.is_optimal
    assert solution.n_parameters == 7
    assert "of the 400 rows alone" in solution.certificate.reason


def test_rows_that_a_sparser_network_misses_join_until_it_is_excluded(monkeypatch):
    # The first rows are chosen as badly as can be: all in the region of one hinge.
    X = np.random.default_rng(1).uniform(-1, 1, (200, 2))
    network = ReLUNetwork([[1.0, 0.3], [-0.4, 1.0]], [0.1, -0.2], [1.0, -1.0])
    y = network(X)
    alone = np.flatnonzero((X @ [1.0, 0.3] + 0.1 > 0) & (X @ [-0.4, 1.0] - 0.2 < 0))[:6]
    monkeypatch.setattr(subsample, "_first_rows", lambda *_: alone)
    seen = []
    fewest = Rows.fewest

    def watched(self, quantity, among, known, clock):
        seen.append(len(among))
        return fewest(self, quantity, among, known, clock)

    monkeypatch.setattr(Rows, "fewest", watched)
    _, bound = bound_from_few_rows("parameters", Rows(X, y, False, 1e-9), network, Clock(60.0))
    assert bound.least == 6
    assert seen[0] == 6 < seen[-1]


def test_a_sparser_network_that_meets_all_rows_is_returned():
    X, network = teacher(3, 2, (2, 2), 100)
    wasteful = ReLUNetwork(
        np.vstack([network.input_weights, [0.5, 0.0], [0.5, 0.0]]),
        np.append(network.biases, [0.7, 0.7]),
        np.append(network.output_weights, [1.0, -1.0]),
    )
    rows = Rows(X, network(X), False, 1e-9)
    found, bound = bound_from_few_rows("parameters", rows, wasteful, Clock(60.0))
    assert found.n_parameters == bound.least == 4


def test_labels_that_the_largest_hides_prove_nothing():
    # Beside a label of 1e9 those below one may be missed, on any rows: one parameter does.
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 0, (60, 2)), rng.uniform(-0.9, 0.9, 60)
    X[0], y[0] = [1.0, -0.5], 1e9
    network = ReLUNetwork([[1e9, 0.0], [0.0, 1.0]], [0.0, 5.0], [1.0, 1e-3])
    found, bound = bound_from_few_rows("parameters", Rows(X, y, False, 1.0), network, Clock(60.0))
    assert bound.least == found.n_parameters == 1


def test_within_a_band_rows_without_a_common_line_prove_neurons():
    X = np.random.default_rng(0).uniform(0, 1, (100, 2))
    y = np.sin(5 * X[:, 0] + 3 * X[:, 1] ** 2)
    any_of_three = ReLUNetwork([[1.0, 0.5], [0.3, -1.0], [-0.5, 0.5]], [-0.5, 0.5, 0.1], np.ones(3))
    _, bound = bound_from_few_rows("neurons", Rows(X, y, False, 0.1), any_of_three, Clock(120.0))
    assert bound.least == 3
    assert "misses a label by more than 0.1" in bound.reason


def test_approximate_ends_where_few_rows_prove_what_it_has_found():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (100, 2))
    y = 2 * np.maximum(X[:, 0] - 0.3, 0) + np.maximum(0.6 - X[:, 1], 0) + 0.05 * rng.uniform(-1, 1, 100)
    solution = approximate(X, y, tolerance=0.05, minimize="neurons", random_state=0, time_limit=12)
    assert solution.is_optimal
    assert solution.n_neurons == 2
    assert "rows alone" in solution.certificate.reason


def test_a_tolerance_that_one_plane_meets_is_proved_at_once():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (200, 3))
    y = X @ [1.0, 2.0, -1.0] + 3 + rng.uniform(-0.1, 0.1, 200)
    assert approximate(X, y, tolerance=0.1, affine=True, time_limit=600).is_optimal
    alone = approximate(X, y, tolerance=0.1, minimize="neurons", time_limit=600)
    assert alone.is_optimal
    assert alone.n_neurons == 1
    both_signs = approximate(X, y - 4, tolerance=0.1, minimize="neurons", time_limit=600)
    assert both_signs.is_optimal
    assert both_signs.n_neurons == 2
    several = approximate(X, np.column_stack([y, 4 - y]), tolerance=0.1, affine=True, time_limit=600)
    assert several.is_optimal
    assert several.n_neurons == 0


# The search through sets of cells.


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_set_is_dismissed_exactly_where_least_squares_dismisses_it(seed, affine):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (6, 2)) if seed % 2 else np.unique(rng.integers(-2, 3, (7, 2)), axis=0).astype(float)
    Xbar = homogeneous(X)
    y = np.maximum(Xbar @ [1.0, -0.5, 0.25], 0) + np.maximum(Xbar @ [0.0, 1.0, 0.0], 0)
    cells = support_cells(X)
    costs = np.array([len(S) for _, S in cells])
    table = cell_table(Xbar, cells, costs, affine)
    base = [Xbar] if affine else []
    for budget in (2, 3, 4):
        found, kept = np.zeros((50, budget), np.int64), set()
        search = _exclusion.start_search(table, y, budget)
        while search.depth[0] >= 0:
            n_found, _ = _exclusion.spans_near(table, search, np.uint64(0), 1e-9, found, 333)
            kept |= {tuple(c for c in row if c >= 0) for row in found[:n_found].tolist()}
        expected = set()
        for K in range(1, budget + 1):
            for chosen in combinations(range(len(cells)), K) if budget < 4 or K < 3 else ():
                if costs[list(chosen)].sum() == budget:
                    A = np.hstack(base + [np.array(cells[c][0])[:, None] * Xbar[:, cells[c][1]] for c in chosen])
                    if np.linalg.norm(A @ np.linalg.lstsq(A, y)[0] - y) < 1e-10:
                        expected.add(chosen)
        assert expected <= kept
        assert all(len(chosen) > 2 for chosen in kept - expected if budget == 4)
        assert budget == 4 or kept == expected


def least_rank_by_places(table, chosen, apart):
    """The least rank that is shown with these rows taken apart."""
    work = np.empty(_ranks.MOST_SETS, np.uint64), np.empty((_ranks.MOST_SETS, 64), np.int64)
    seen = table.covers, table.supports, table.n_inputs, table.everywhere
    return next(
        rank
        for rank in range(99)
        if _ranks.places_bound_rank(*seen, chosen[:-1], len(chosen) - 1, chosen[-1], np.uint64(apart), rank, *work)
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_places_of_entries_bound_the_rank(seed):
    rng = np.random.default_rng(seed)
    X = np.unique(rng.integers(-2, 3, (7, 2)), axis=0).astype(float) if seed % 2 else rng.uniform(-1, 1, (7, 2))
    Xbar, affine = homogeneous(X), bool(seed % 3 == 0)
    cells = support_cells(X)
    table = cell_table(Xbar, cells, np.array([len(S) for _, S in cells]), affine)
    for _ in range(30):
        chosen = np.sort(rng.choice(len(cells), int(rng.integers(1, 5)), replace=False))
        columns = [np.where(np.array(D)[:, None], Xbar[:, S], 0.0) for D, S in (cells[c] for c in chosen)]
        A = np.hstack([*columns, *([Xbar] if affine else [])])
        exact = rank([[Fraction(a) for a in row] for row in A.tolist()])
        left, singular, _ = np.linalg.svd(A)
        orthogonal = left[:, np.count_nonzero(singular > 1e-9) :]
        spanned = sum(1 << i for i in np.flatnonzero(np.abs(orthogonal).sum(axis=1) < 1e-9).tolist())
        assert exact <= min(least_rank_by_places(table, chosen, rng.integers(1 << len(X))) for _ in range(5))
        by_places = least_rank_by_places(table, chosen, spanned)
        assert exact == by_places if seed % 2 == 0 else exact <= by_places


# Variants that would claim too much.


def tolerance_of_the_rows_alone(self, quantity, among, known, clock):
    """Judges by the largest label of the rows at hand, not of all."""
    tight = Rows(self.X, self.y, self.affine, 1e-9 * float(np.abs(self.y[among]).max()))
    return fewest_of_rows(tight, quantity, among, known, clock)


fewest_of_rows = Rows.fewest


def target_where_a_network_is_found(self, quantity, among, known, clock):
    """Takes a network that misses another row for none at all."""
    proof = fewest_of_rows(self, quantity, among, known, clock)
    missed = proof.network is not None and (self.missed(proof.network) > self.tolerance).any()
    return Proof(known, None, proof.reason, proof.n_sets) if missed else proof


def no_affine_part(self, quantity, among, known, clock):
    """Forgets that an affine part is free."""
    return fewest_of_rows(Rows(self.X, self.y, False, self.tolerance), quantity, among, known, clock)


def no_band(self, quantity, among, known, clock):
    """Asks for an interpolant where a band would do."""
    tight = Rows(self.X, self.y, self.affine, min(self.tolerance, 1e-9 * float(np.abs(self.y).max())))
    return fewest_of_rows(tight, quantity, among, known, clock)


@pytest.mark.parametrize("broken", [target_where_a_network_is_found, no_affine_part, no_band])
def test_broken_variants_are_caught_by_planted_networks(broken, monkeypatch):
    monkeypatch.setattr(Rows, "fewest", broken)
    with pytest.raises(AssertionError):
        few_rows_never_beaten(range(72))


def test_a_variant_with_the_tolerance_of_the_rows_alone_is_caught(monkeypatch):
    monkeypatch.setattr(Rows, "fewest", tolerance_of_the_rows_alone)
    monkeypatch.setattr(subsample, "_first_rows", lambda *_: np.arange(1, 9))
    with pytest.raises(AssertionError):
        test_labels_that_the_largest_hides_prove_nothing()


def test_the_planted_networks_meet_their_labels_in_rationals():
    for seed in range(60):
        table = planted(seed)
        errors = [abs(row[0] - Fraction(t)) for row, t in zip(exact_outputs(table.network, table.X), table.y.tolist())]
        assert max(errors) <= Fraction(table.tolerance), seed


@pytest.mark.parametrize("seed", range(5))
def test_first_rows_are_pivots_of_a_triangular_factorisation(seed):
    J = np.random.default_rng(seed).normal(size=(40, 6))
    assert subsample._pivots(J, 6).tolist() == qr(J.T, mode="r", pivoting=True)[1][:6].tolist()


def test_first_rows_are_different_whatever_depends_on_what():
    for J in (np.zeros((9, 0)), np.zeros((9, 2)), np.outer(np.arange(9.0), [1.0, 2.0])):
        assert len(set(subsample._pivots(J, 9).tolist())) == 9
