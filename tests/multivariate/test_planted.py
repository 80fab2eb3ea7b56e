"""Planted networks: the teacher is known, so everything can be compared with it."""

import numpy as np
import pytest

from reluctant.multivariate.canonical import canonical_hinges, sparsest_orientation
from reluctant.multivariate.planted import recover


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


@pytest.mark.parametrize(("seed", "d"), [(0, 5), (1, 5), (2, 10), (3, 20)])
def test_recovers_the_teacher(seed, d):
    X, signs, U = teacher(seed, d, points_per_parameter=5)
    y = evaluate(X, signs, U)
    found = recover(X, y, max_restarts=12, time_limit=None, random_state=0)
    elsewhere = np.random.default_rng(99).standard_normal((1000, d))
    assert found.n_parameters <= np.count_nonzero(U)
    assert np.abs(found(X) - y).max() <= 1e-9 * np.abs(y).max()
    assert np.abs(found(elsewhere) - evaluate(elsewhere, signs, U)).max() <= 1e-6


def test_recovers_hinges_beside_a_free_affine_part():
    X, signs, U = teacher(4, 5, points_per_parameter=6)
    slope = np.array([3.0, -1.0, 0.0, 2.0, 0.5])
    y = evaluate(X, signs, U) + X @ slope - 7.0
    found = recover(X, y, affine=True, max_restarts=12, time_limit=None, random_state=0)
    elsewhere = np.random.default_rng(99).standard_normal((1000, 5))
    expected = evaluate(elsewhere, signs, U) + elsewhere @ slope - 7.0
    assert found.n_parameters <= np.count_nonzero(U)
    assert np.abs(found(elsewhere) - expected).max() <= 1e-6


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
    found = recover(X, label(X), max_restarts=6, time_limit=None, random_state=0)
    assert found.n_parameters == n_parameters
    assert np.abs(found(X) - label(X)).max() <= 1e-9


def test_affine_labels_need_no_hinge_beside_an_affine_part():
    X = np.random.default_rng(5).uniform(-1, 1, (40, 3))
    found = recover(X, X @ [1.0, 2.0, 3.0] + 4.0, affine=True, time_limit=None)
    assert found.n_parameters == 0
    np.testing.assert_allclose(found.affine, [1.0, 2.0, 3.0, 4.0], rtol=1e-12)


def test_says_nothing_about_labels_in_general_position():
    rng = np.random.default_rng(6)
    X, y = rng.uniform(-1, 1, (20, 4)), rng.uniform(-1, 1, 20)
    assert recover(X, y, max_restarts=3, time_limit=None, random_state=0) is None


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_units_of_the_labels_do_not_matter(scale):
    X, signs, U = teacher(0, 5, points_per_parameter=5)
    y = scale * evaluate(X, signs, U)
    found = recover(X, y, max_restarts=12, time_limit=None, random_state=0)
    assert found.n_parameters <= np.count_nonzero(U)
    assert np.abs(found(X) - y).max() <= 1e-9 * np.abs(y).max()


def test_the_same_seed_gives_the_same_network():
    X, signs, U = teacher(1, 5, points_per_parameter=5)
    runs = [recover(X, evaluate(X, signs, U), max_restarts=3, time_limit=None, random_state=7) for _ in range(2)]
    assert np.array_equal(runs[0].U, runs[1].U)
    assert np.array_equal(runs[0].signs, runs[1].signs)


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
        np.concatenate([signs, signs, [1.0, -1.0]]),
        disguised,
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
