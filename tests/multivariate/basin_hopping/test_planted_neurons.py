"""Teachers of dense neurons: what made the labels is known, so that counts and functions can be compared with it."""

import numpy as np
import pytest

from reluctant import interpolate
from reluctant.multivariate.basin_hopping.planted_neurons import recover_neurons
from reluctant.multivariate.newton_prune.state import Data


def teacher(seed, d, K, m=1, n_rows=None):
    """Uniform rows, hinges through the middle of the box, random signs."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows or 4 * K * (d + m), d))
    U = np.column_stack([rng.standard_normal((K, d)), rng.uniform(-0.3, 0.3, K)])
    V = rng.uniform(0.5, 1.0, (K, m)) * rng.choice([-1.0, 1.0], (K, m))
    return X, U, V


def labels(X, U, V):
    return np.maximum(X @ U[:, :-1].T + U[:, -1], 0.0) @ V


@pytest.mark.parametrize(("d", "K", "m"), [(2, 3, 1), (2, 6, 1), (3, 10, 1), (10, 4, 1), (3, 4, 2), (5, 3, 3)])
def test_finds_the_neurons_of_a_teacher(d, K, m):
    X, U, V = teacher(d + K, d, K, m)
    data = Data.from_arrays(X, labels(X, U, V))
    found = recover_neurons(data, np.random.default_rng(0), max_rounds=60, target=K)
    elsewhere = np.random.default_rng(1).uniform(-0.8, 0.8, (500, d))
    assert found.n_neurons <= K
    np.testing.assert_allclose(found.to_network()(X).reshape(len(X), m), labels(X, U, V), atol=1e-9)
    missed = found.to_network()(elsewhere).reshape(500, m) - labels(elsewhere, U, V)
    assert np.median(np.abs(missed)) <= 1e-7  # regions without a row may differ


def test_more_rows_than_a_sample_are_all_met():
    X, U, V = teacher(3, 4, 5, n_rows=3000)
    data = Data.from_arrays(X, labels(X, U, V))
    found = recover_neurons(data, np.random.default_rng(0), max_rounds=30)
    assert found.n_neurons == 5
    assert np.abs(found.residuals(data)).max() <= 1e-9


def test_a_free_affine_part_is_not_counted():
    X, U, V = teacher(4, 3, 4)
    data = Data.from_arrays(X, labels(X, U, V)[:, 0] + X @ [3.0, -1.0, 2.0] + 5.0, affine=True)
    found = recover_neurons(data, np.random.default_rng(0), max_rounds=60)
    assert found.n_neurons == 4
    assert np.abs(found.residuals(data)).max() <= 1e-9


def test_finds_nothing_in_labels_in_general_position():
    rng = np.random.default_rng(6)
    data = Data.from_arrays(rng.uniform(-1, 1, (60, 3)), rng.uniform(-1, 1, 60))
    assert recover_neurons(data, rng) is None  # gives up by itself


@pytest.mark.parametrize("affine", [False, True])
def test_interpolate_counts_the_neurons_of_a_teacher_in_any_units(affine):
    X, U, V = teacher(5, 2, 6)
    y = 1e6 * labels(X, U, V)[:, 0]
    found = interpolate(1e-3 * X + 4.0, y, minimize="neurons", target=6, affine=affine, random_state=0)
    assert found.n_neurons <= 6
    assert found.max_error <= 1e-9 * np.abs(y).max()


def test_the_same_seed_gives_the_same_network():
    X, U, V = teacher(8, 3, 5)
    data = Data.from_arrays(X, labels(X, U, V))
    runs = [recover_neurons(data, np.random.default_rng(3), max_rounds=30) for _ in range(2)]
    assert np.array_equal(runs[0].U, runs[1].U)
