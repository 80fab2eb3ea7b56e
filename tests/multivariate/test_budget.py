"""`approximate(max_neurons=K)` in R^d and for several outputs: a search that says what it knows."""

import numpy as np
import pytest

from reluctant import ReLUNetwork, approximate
from reluctant.multivariate.budget import Problem


def ridges(seed: int = 0):
    X = np.random.default_rng(seed).uniform(-1, 1, (30, 2))
    return X, np.abs(X[:, 0] - 0.2) + 0.5 * np.maximum(X[:, 1], 0)


def test_networks_have_at_most_so_many_neurons_and_the_error_that_is_said():
    X, y = ridges()
    errors = []
    for K in (0, 1, 2):
        solution = approximate(X, y, max_neurons=K, affine=True, time_limit=1.5, random_state=0)
        assert solution.certificate.quantity == "error"
        assert solution.n_neurons <= K
        assert solution.found == solution.max_error == np.max(np.abs(solution.network(X) - y))
        errors.append(solution.max_error)
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] <= 1e-9
    assert solution.is_optimal


def test_nothing_is_claimed_in_the_plane_where_an_error_is_left():
    X, y = ridges()
    solution = approximate(X, y, max_neurons=1, time_limit=0.5, random_state=0)
    assert solution.certificate.kind == "none"
    assert not solution.is_optimal
    assert str(solution).startswith(f"largest error {solution.max_error:.6g} with 1 neuron; no lower bound is known")


def test_without_neurons_the_affine_function_is_the_best_of_many():
    X, y = ridges(1)
    solution = approximate(X, y, max_neurons=0, affine=True, time_limit=0.5)
    rng = np.random.default_rng(0)
    A = np.append(solution.network.slope[:, 0], solution.network.intercept)
    rows = np.column_stack([X, np.ones(len(X))])
    for step in (1e-1, 1e-2, 1e-3):
        others = A + step * rng.normal(size=(500, 3))
        assert np.max(np.abs(rows @ others.T - y[:, None]), axis=0).min() >= solution.max_error - 1e-9
    assert approximate(X, y, max_neurons=0, time_limit=0.5).max_error == np.max(np.abs(y))


def test_several_outputs_over_one_input_carry_the_bound_of_the_worst_of_them():
    x = np.linspace(0, 5, 40)
    Y = np.column_stack([np.sin(x), np.cos(2 * x)])
    solution = approximate(x, Y, max_neurons=3, time_limit=1.5, random_state=0)
    single = [approximate(x, Y[:, c], max_neurons=3).certificate.lower_bound for c in range(2)]
    assert (solution.certificate.kind, solution.certificate.lower_bound) == ("proved", max(single))
    assert solution.gap >= 0
    assert solution.n_neurons <= 3
    assert f"output {np.argmax(single)} by itself" in solution.certificate.reason


def test_scales_of_rows_and_outputs_count_and_infinite_ones_do_not():
    X, y = ridges()
    Y = np.column_stack([y, 10 * y])
    scale = np.array([1.0, 10.0])
    solution = approximate(X, Y, max_neurons=1, scale=scale, affine=True, time_limit=1, random_state=0)
    assert solution.max_scaled_error == np.max(np.abs(solution.network(X) - Y) / scale)
    first = approximate(X, Y, max_neurons=1, scale=[1.0, np.inf], affine=True, time_limit=0.5, random_state=0)
    assert first.max_error == np.max(np.abs(first.network(X) - Y)[:, 0])
    far = np.where(np.arange(30) == 3, 1e6, y)
    without = approximate(X, far, max_neurons=0, scale=np.where(far == 1e6, np.inf, 1.0), affine=True, time_limit=0.5)
    kept = np.arange(30) != 3
    assert without.max_error == pytest.approx(approximate(X[kept], y[kept], max_neurons=0, affine=True).max_error)


def test_start_with_few_neurons_is_never_lost():
    X, y = ridges()
    start = ReLUNetwork([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [-0.2, 0.2, 0.0], [1.0, 1.0, 0.5])
    solution = approximate(X, y, max_neurons=3, start=start, time_limit=0.2)
    assert solution.max_error <= np.max(np.abs(start(X) - y))


def test_equal_rows_with_other_labels_leave_half_their_distance():
    X, y = ridges()
    X, y = np.concatenate([X, X[:1]]), np.append(y, y[0] + 1.0)
    solution = approximate(X, y, max_neurons=3, affine=True, time_limit=1, random_state=0)
    assert 0.5 - 1e-12 <= solution.max_error < 0.75


def test_refit_never_errs_more():
    X, y = ridges()
    rng = np.random.default_rng(1)
    for affine in (False, True):
        problem = Problem(X, y, np.ones(30), 4, affine)
        for _ in range(10):
            network = ReLUNetwork.from_hinges(rng.normal(size=(4, 3)), rng.normal(size=4))
            assert problem.error(problem.refitted(network)) <= problem.error(network)
