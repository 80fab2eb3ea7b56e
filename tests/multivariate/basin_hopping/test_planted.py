"""Planted networks: the teacher is known, so everything can be compared with it."""

import numpy as np
import pytest

from reluctant.effort import never
from reluctant.multivariate.basin_hopping import planted
from reluctant.multivariate.basin_hopping.canonical import canonical_hinges, sparsest_orientation
from reluctant.multivariate.basin_hopping.exchange import exchange, sized_error, unpaid
from reluctant.multivariate.basin_hopping.planted import fewer_parameters, recover
from reluctant.multivariate.basin_hopping.pursuit import best_in_planes, some_pairs, with_pair_neuron
from reluctant.multivariate.basin_hopping.reweighted import Equations, Hinges


def evaluate(X, signs, U):
    return np.maximum(np.column_stack([X, np.ones(len(X))]) @ U.T, 0.0) @ signs


def teacher(seed, d, points_per_parameter, n_neurons=4):
    """Random supports of 2-4 weights, every hinge splitting off a tenth of the Gaussian points."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, n_neurons)
    X = rng.standard_normal((points_per_parameter * sizes.sum(), d))
    U = np.zeros((n_neurons, d + 1))
    for u, size in zip(U, sizes):
        while not 0.1 <= np.mean(evaluate(X, np.ones(1), u[None]) > 0) <= 0.9:
            u[:] = 0.0
            u[rng.choice(d + 1, size, replace=False)] = rng.standard_normal(size)
    return X, rng.choice([-1.0, 1.0], n_neurons), U


@pytest.mark.gate(3)
@pytest.mark.parametrize(
    ("seed", "d", "points_per_parameter"), [(0, 5, 5), (1, 5, 5), (2, 10, 5), (3, 20, 5), (0, 20, 3), (1, 20, 3)]
)
def test_recovers_the_teacher(seed, d, points_per_parameter):
    X, signs, U = teacher(seed, d, points_per_parameter)
    y = evaluate(X, signs, U)
    found = recover(X, y, max_restarts=12, random_state=0)
    elsewhere = np.random.default_rng(99).standard_normal((1000, d))
    assert found.hinges.n_parameters <= np.count_nonzero(U)
    assert np.abs(found.network(X) - y).max() <= 1e-9 * np.abs(y).max()
    assert np.abs(found.network(elsewhere) - evaluate(elsewhere, signs, U)).max() <= 1e-6


def test_recovers_hinges_beside_a_free_affine_part():
    X, signs, U = teacher(4, 5, points_per_parameter=6)
    slope = np.array([3.0, -1.0, 0.0, 2.0, 0.5])
    y = evaluate(X, signs, U) + X @ slope - 7.0
    found = recover(X, y, affine=True, max_restarts=12, random_state=0)
    elsewhere = np.random.default_rng(99).standard_normal((1000, 5))
    expected = evaluate(elsewhere, signs, U) + elsewhere @ slope - 7.0
    assert found.hinges.n_parameters <= np.count_nonzero(U)
    assert np.abs(found.network(elsewhere) - expected).max() <= 1e-6


@pytest.mark.parametrize(
    ("label", "n_parameters"),
    [
        (lambda X: np.zeros(len(X)), 0),
        (lambda X: np.full(len(X), -3.0), 1),
        (lambda X: np.abs(X[:, 0]), 2),
        (lambda X: np.maximum(X[:, 0], X[:, 1]), 4),
        (lambda X: X[:, 0] - X[:, 2], 4),
        (lambda X: X[:, 0] + 5.0, 2),
    ],
    ids=["zero", "constant", "absolute value", "maximum", "linear", "positive affine"],
)
def test_simple_labels_get_the_right_small_answer(label, n_parameters):
    X = np.random.default_rng(5).uniform(-1, 1, (40, 3))
    found = recover(X, label(X), max_restarts=6, random_state=0)
    assert found.hinges.n_parameters == n_parameters
    assert np.abs(found.network(X) - label(X)).max() <= 1e-9


def test_affine_labels_need_no_hinge_beside_an_affine_part():
    X = np.random.default_rng(5).uniform(-1, 1, (40, 3))
    found = recover(X, X @ [1.0, 2.0, 3.0] + 4.0, affine=True)
    assert found.hinges.n_parameters == 0
    np.testing.assert_allclose(found.affine, [1.0, 2.0, 3.0, 4.0], rtol=1e-12)


def test_says_nothing_about_labels_in_general_position():
    rng = np.random.default_rng(6)
    X, y = rng.uniform(-1, 1, (20, 4)), rng.uniform(-1, 1, 20)
    assert recover(X, y, max_restarts=3, random_state=0) is None


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_units_of_the_labels_do_not_matter(scale):
    X, signs, U = teacher(0, 5, points_per_parameter=5)
    y = scale * evaluate(X, signs, U)
    found = recover(X, y, max_restarts=12, random_state=0)
    assert found.hinges.n_parameters <= np.count_nonzero(U)
    assert np.abs(found.network(X) - y).max() <= 1e-9 * np.abs(y).max()


def test_the_same_seed_gives_the_same_network():
    X, signs, U = teacher(1, 5, points_per_parameter=5)
    runs = [recover(X, evaluate(X, signs, U), max_restarts=3, random_state=7) for _ in range(2)]
    assert np.array_equal(runs[0].hinges.U, runs[1].hinges.U)
    assert np.array_equal(runs[0].hinges.signs, runs[1].hinges.signs)


@pytest.mark.parametrize("n_neurons", [6, 14], ids=["enumerated", "turned one at a time"])
def test_canonical_form_undoes_turned_and_split_neurons(n_neurons):
    rng = np.random.default_rng(8)
    X, signs, U = teacher(9, 20, points_per_parameter=5, n_neurons=n_neurons)
    turned = rng.random(n_neurons) < 0.5
    linear = signs[turned] @ U[turned]
    shares = rng.uniform(0.2, 0.8, n_neurons)[:, None]
    disguised = np.where(turned[:, None], -U, U)
    disguised = np.vstack([shares * disguised, (1 - shares) * disguised, linear, -linear])
    found = canonical_hinges(
        np.column_stack([X, np.ones(len(X))]),
        Hinges(np.concatenate([signs, signs, [1.0, -1.0]]), disguised),
        free_affine=False,
    )
    assert np.count_nonzero(found[1]) <= np.count_nonzero(U)
    np.testing.assert_allclose(evaluate(X, *found), evaluate(X, signs, U), atol=1e-9)


def test_sparsest_orientation_equals_plain_enumeration():
    rng = np.random.default_rng(10)
    for _ in range(20):
        jumps = rng.integers(-1, 2, (5, 3)).astype(float)
        linear = rng.integers(-1, 2, 3).astype(float)
        fewest = min(
            np.count_nonzero(linear + sum((jumps[h] for h in range(5) if code >> h & 1), np.zeros(3)))
            for code in range(32)
        )
        turned, remainder = sparsest_orientation(jumps, linear)
        assert np.count_nonzero(remainder) == fewest
        np.testing.assert_array_equal(remainder, linear + jumps[turned].sum(axis=0))


def disturbed(seed, affine=False):
    """A teacher's equations, and weights near it with one coordinate missing and one too many."""
    X, signs, U = teacher(seed, 6, points_per_parameter=8)
    near = U * np.random.default_rng(seed).uniform(0.9, 1.1, U.shape)
    near[0, np.nonzero(U[0])[0][0]] = 0.0
    near[1, np.nonzero(U[1] == 0.0)[0][0]] = 0.1
    return Equations.of(X, evaluate(X, signs, U), affine), signs, U, near


@pytest.mark.parametrize("affine", [False, True])
def test_exchange_finds_the_missing_weight_and_deletes_the_spurious_one(affine):
    data, signs, U, near = disturbed(11, affine)
    found_signs, found = exchange(data, Hinges(signs, near))
    np.testing.assert_array_equal(found_signs, signs)
    np.testing.assert_array_equal(found != 0.0, U != 0.0)
    np.testing.assert_allclose(found, U, atol=1e-6)


def test_hops_between_exact_networks_bring_a_disguised_teacher_back():
    data, signs, U, _ = disturbed(15)
    linear = signs[0] * U[0]
    disguised = np.vstack([-U[0], U[1:], linear, -linear])
    disguised = Hinges(np.append(signs, [1.0, -1.0]), disguised)
    assert np.abs(data.residual(disguised)).max() < 1e-12
    rng = np.random.default_rng(0)
    found = fewer_parameters(data, rng, disguised, never)
    assert found.n_parameters <= np.count_nonzero(U) < disguised.n_parameters
    assert np.abs(data.residual(found)).max() < 1e-9


def test_more_unknowns_than_can_be_told_apart_have_no_finite_value():
    data, signs, U, _ = disturbed(11)
    many = Hinges(np.ones(20), np.ones((20, 7)))
    assert np.isfinite(sized_error(data, Hinges(signs, U)))
    assert sized_error(data, many) == np.inf
    assert exchange(data, many).n_parameters <= 0.6 * data.n_equations


def test_deletions_are_those_of_plain_backward_elimination():
    rng = np.random.default_rng(12)
    data, signs, U, _ = disturbed(12)
    U[U == 0.0] = 0.02 * rng.standard_normal(np.count_nonzero(U == 0.0))
    A = data.design(Hinges(signs, U), np.nonzero(U))
    noise = rng.standard_normal(len(A))
    noise -= A @ np.linalg.lstsq(A, noise, rcond=None)[0]
    y = A @ U[np.nonzero(U)] + 0.1 * noise  # U is the least-squares fit on its own pattern

    def error(columns):
        return float(np.sum((y - A[:, columns] @ np.linalg.lstsq(A[:, columns], y, rcond=None)[0]) ** 2))

    left, expected = list(range(A.shape[1])), []
    while True:
        cheapest = min(left, key=lambda q: error([j for j in left if j != q]))
        rest = [j for j in left if j != cheapest]
        if error(rest) >= error(left) * (len(y) * U.shape[1] ** 2) ** (1 / len(y)):
            break
        expected.append(cheapest)
        left = rest
    assert len(expected) > 3
    assert unpaid(Equations(data.Xbar, y, data.units), Hinges(signs, U)) == expected


def test_some_of_many_rows_show_whether_there_is_anything_to_find(monkeypatch):
    monkeypatch.setattr(planted, "_SAMPLE", 100)
    rng = np.random.default_rng(5)
    X = rng.uniform(-1, 1, (160, 4))
    steps = np.maximum(X @ [1.0, -2.0, 0.0, 0.0], 0.0) - np.maximum(X @ [0.0, 0.0, 3.0, 1.0] - 0.5, 0.0)
    rare = np.where(np.arange(160) == 7, 1.0, 0.0)

    def explained(y):
        return planted.sample_explained(Equations.of(X, y), np.random.default_rng(0), 0.5, never)

    assert explained(steps)
    assert explained(np.zeros(160))
    assert explained(rare)
    assert not explained(rng.uniform(-1, 1, 160))
    assert recover(X, steps, random_state=0).hinges.n_parameters == 5


@pytest.mark.parametrize("n_explained", [0, 4])
def test_best_hinge_of_a_pair_equals_plain_enumeration(n_explained):
    rng = np.random.default_rng(13)
    Xbar = np.column_stack([rng.standard_normal((15, 3)), np.ones(15)])
    basis = np.linalg.qr(rng.standard_normal((15, n_explained))).Q
    r = rng.standard_normal(15)
    r -= basis @ (basis.T @ r)
    pairs = some_pairs(rng, 4, 100)
    gains, weights = best_in_planes(np.ascontiguousarray(Xbar.T), pairs, r, np.ascontiguousarray(basis))
    assert len(pairs) == 6
    for pair, gain, (sign, *u) in zip(pairs, gains, weights):
        P = Xbar[:, pair]
        hinges = [np.maximum(side * (P[:, 1] * a - P[:, 0] * b), 0.0) for a, b in P for side in (-1.0, 1.0)]
        fits = [np.linalg.lstsq(np.column_stack([basis, h]), r, rcond=None)[0] for h in hinges if h.any()]
        lowest = min(
            float(np.sum((r - np.column_stack([basis, h]) @ fit) ** 2))
            for h, fit in zip((h for h in hinges if h.any()), fits)
        )
        assert r @ r - gain == pytest.approx(lowest)
        h = sign * np.maximum(P @ u, 0.0)
        own = h - basis @ (basis.T @ h)
        assert np.sum((r - own) ** 2) == pytest.approx(lowest)


@pytest.mark.parametrize("affine", [False, True])
def test_a_missing_neuron_of_two_inputs_is_found_from_the_residual(affine):
    rng = np.random.default_rng(14)
    X = rng.standard_normal((60, 8))
    U = np.zeros((3, 9))
    U[0, [0, 1, 8]], U[1, [2, 3]], U[2, [4, 5]] = [1.0, -1.0, 0.3], [1.0, 0.5], [-0.7, 0.9]
    signs = np.array([1.0, -1.0, 1.0])
    data = Equations.of(X, evaluate(X, signs, U), affine)
    found = [with_pair_neuron(np.random.default_rng(seed), data, Hinges(signs[:2], U[:2])) for seed in range(20)]
    assert any(
        s[2] == 1.0 and set(np.nonzero(V[2])[0]) == {4, 5} and np.allclose(V[2], U[2], atol=0.1) for s, V in found
    )
