"""Small ℓp path norms: exactness by direct evaluation, values against enumeration and the convex optimum."""

import numpy as np
import pytest

from reluctant.effort import Clock
from reluctant.multivariate.basin_hopping.path_norm import minimise_path_norm


def evaluate(X, signs, U):
    return np.maximum(np.column_stack([X, np.ones(len(X))]) @ U.T, 0.0) @ signs


@pytest.mark.parametrize("p", [0.3, 0.7, 1.0])
def test_result_interpolates_and_its_value_is_the_sum_over_its_weights(p):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (15, 4)), 1e3 * rng.uniform(-1, 1, 15)
    found = minimise_path_norm(X, y, p, max_rounds=1, random_state=2)
    assert np.abs(evaluate(X, *found.hinges) - y).max() <= 1e-9 * np.abs(y).max()
    assert found.value == pytest.approx(np.sum(np.abs(found.hinges.U[found.hinges.U != 0]) ** p), rel=1e-12)


@pytest.mark.parametrize(
    ("p", "known", "rounds"),
    [
        pytest.param(0.3, 19.05, 8, marks=pytest.mark.slow),
        pytest.param(0.5, 17.27, 40, marks=pytest.mark.slow),
        (0.7, 18.07, 4),
    ],
)
def test_reaches_known_values_on_twenty_points(p, known, rounds):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (20, 5)), rng.uniform(-1, 1, 20)
    found = minimise_path_norm(X, y, p, max_rounds=rounds, random_state=0)
    assert found.value <= 1.02 * known


@pytest.mark.gate(1)
@pytest.mark.parametrize(("unit", "known"), [(1e3, 12.38), (1e-3, 18.95)])
def test_columns_of_very_different_size_are_no_hindrance(unit, known):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (20, 5)), rng.uniform(-1, 1, 20)
    found = minimise_path_norm(X * [unit, 1, 1, 1, 1], y, 0.3, max_rounds=4, random_state=2)
    assert found.value <= 1.1 * known
    assert found.value == pytest.approx(np.sum(np.abs(found.hinges.U[found.hinges.U != 0]) ** 0.3), rel=1e-12)


def test_one_point_costs_its_cheapest_single_weight():
    X, y = np.array([[4.0, -2.0]]), np.array([-6.0])
    found = minimise_path_norm(X, y, 0.5, max_rounds=5, random_state=0)
    assert found.value == pytest.approx(np.sqrt(6 / 4), rel=1e-9)


def test_free_affine_part_is_not_counted():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (20, 3))
    y = X @ [5.0, -2.0, 1.0] + 3.0 + 2 * np.maximum(X[:, 0], 0.0)
    found = minimise_path_norm(X, y, 0.5, affine=True, max_rounds=2, random_state=0)
    assert found.value <= np.sqrt(2) + 1e-9
    np.testing.assert_allclose(found.network(X), y, atol=1e-9)


def test_value_never_exceeds_that_of_the_start():
    rng = np.random.default_rng(2)
    X, y = rng.uniform(-1, 1, (12, 3)), rng.uniform(-1, 1, 12)
    start = minimise_path_norm(X, y, 0.5, max_rounds=1, random_state=0)
    better = minimise_path_norm(X, y, 0.5, start=start.hinges, max_rounds=1, random_state=3)
    untouched = minimise_path_norm(X, y, 0.5, start=start.hinges, clock=Clock(0.0))
    assert better.value <= start.value * (1 + 1e-12)
    assert untouched.value == pytest.approx(start.value, rel=1e-12)


def test_the_same_seed_gives_the_same_network():
    rng = np.random.default_rng(3)
    X, y = rng.uniform(-1, 1, (12, 3)), rng.uniform(-1, 1, 12)
    one, other = (minimise_path_norm(X, y, 0.3, max_rounds=1, random_state=5) for _ in range(2))
    assert np.array_equal(one.hinges.U, other.hinges.U)
