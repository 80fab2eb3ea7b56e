"""`interpolate` and `approximate` in R^d: results, certificates and bad input."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from reluctant import InfeasibleError, ReLUNetwork, approximate, critical_p, interpolate
from reluctant.multivariate.interpolation import FEW_ROWS_SETS
from reluctant.multivariate.proofs.extreme_points import enumerate_vertices
from reluctant.multivariate.proofs.subsample import bound_from_few_rows


def uniform(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n)


def exact_values(network, X):
    """The network in extended precision."""
    W, b, v = (np.asarray(a, np.longdouble) for a in (network.input_weights, network.biases, network.output_weights))
    hidden = np.maximum(X.astype(np.longdouble) @ W.T + b, 0)
    return hidden @ v[:, 0] + X @ network.slope[:, 0].astype(np.longdouble) + network.intercept[0]


def test_a_seed_gives_one_network_however_fast_the_machine(monkeypatch):
    X, y = uniform(24, 2, seed=1)
    usual, real = interpolate(X, y, random_state=0).network, time.process_time
    monkeypatch.setattr(time, "monotonic", lambda: 40.0 * real())
    slow = interpolate(X, y, random_state=0).network
    assert np.array_equal(usual.input_weights, slow.input_weights)
    assert np.array_equal(usual.output_weights, slow.output_weights)


@pytest.mark.gate(4)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "d"), [(10, 50), (20, 5), (20, 20), (30, 3)])
def test_generic_labels_are_met_with_as_many_parameters_as_points(n, d, seed):
    X, y = uniform(n, d, seed)
    solution = interpolate(X, y, random_state=seed, target=n)
    assert solution.n_parameters == n
    assert solution.n_neurons <= n
    assert np.max(np.abs(exact_values(solution.network, X) - y)) <= 1e-9 * np.max(np.abs(y))
    assert (solution.certificate.kind, solution.certificate.lower_bound) == ("generic", n)


@pytest.mark.parametrize("seed", range(6))
def test_small_problems_are_proved_whatever_their_labels(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.integers(-2, 3, (5, 2)).astype(float), rng.integers(-2, 3, 5).astype(float)
    X, first = np.unique(X, axis=0, return_index=True)
    solution = interpolate(X, y[: len(first)], random_state=0)
    assert solution.certificate.kind == "proved"
    assert solution.certificate.lower_bound == solution.n_parameters


def test_ten_points_in_the_plane_are_proved_to_need_ten_parameters():
    X, y = uniform(10, 2, 1)
    solution = interpolate(X, y, random_state=0, time_limit=np.inf)
    assert (solution.certificate.kind, solution.n_parameters, solution.is_optimal) == ("proved", 10, True)


def test_parameters_of_tiny_problems_equal_the_sparsest_vertex():
    for seed in range(3):
        X, y = uniform(4, 2, seed)
        vertices = enumerate_vertices(X, y)
        assert interpolate(X, y, random_state=0).n_parameters == vertices.counts.min()


def test_planted_network_is_found_below_the_number_of_points():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 4))
    y = np.abs(X[:, 0]) - 2 * np.maximum(X[:, 1] + X[:, 2] - 0.5, 0)
    solution = interpolate(X, y, random_state=0)
    assert solution.n_parameters == 5
    assert solution.certificate.kind == "proved"
    assert solution.certificate.lower_bound <= 5
    fresh = rng.normal(size=(1000, 4))
    truth = np.abs(fresh[:, 0]) - 2 * np.maximum(fresh[:, 1] + fresh[:, 2] - 0.5, 0)
    np.testing.assert_allclose(solution.network(fresh), truth, atol=1e-6)


@pytest.mark.usefixtures("cpu_clock")
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_lp_value_is_that_of_the_network_and_below_the_sparsest_one(p):
    X, y = uniform(12, 3)
    solution = interpolate(X, y, p, random_state=0, time_limit=2)
    assert solution.p == p
    assert solution.value == pytest.approx(solution.network.path_norm(p))
    assert solution.value <= interpolate(X, y, random_state=0).network.path_norm(p) * (1 + 1e-9)
    assert solution.max_error <= 1e-9 * np.max(np.abs(y))


def planted_outputs(seed, m, n_rows):
    """Four neurons of two inputs that share m outputs, without noise; X, Y and the number of parameters."""
    rng = np.random.default_rng(seed)
    U, V = np.zeros((4, 5)), np.zeros((4, m))
    for u, v in zip(U, V):
        u[rng.choice(5, 2, replace=False)] = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.5, 1.5, 2)
        outputs = rng.choice(m, rng.integers(1, m + 1), replace=False)
        v[outputs] = rng.choice([-1.0, 1.0], outputs.size) * rng.uniform(0.5, 1.5, outputs.size)
    X = rng.standard_normal((n_rows, 5))
    return X, np.maximum(X @ U.T, 0.0) @ V, np.count_nonzero(U) + np.count_nonzero(V) - 4


@pytest.mark.parametrize(
    ("tables", "most"),
    [([(0, 2), (1, 3)], 1), pytest.param([(s, m) for m in (2, 3) for s in range(3)], 5, marks=pytest.mark.slow)],
)
def test_planted_networks_of_several_outputs_are_found_on_most_seeds(tables, most):
    found = 0
    for seed, m in tables:
        X, Y, n_planted = planted_outputs(seed, m, 240)
        n = -(-5 * n_planted // m)
        solution = interpolate(X[:n], Y[:n], random_state=0)
        assert solution.max_error <= 1e-9 * np.max(np.abs(Y))
        assert solution.certificate.lower_bound <= solution.n_parameters
        elsewhere = np.abs(solution.network(X[n:]) - Y[n:]).max()
        found += solution.n_parameters <= n_planted and elsewhere <= 1e-6
    assert found >= most


def test_convex_case_carries_its_dual_bound():
    X, y = uniform(10, 3)
    solution = interpolate(X, y, 1.0, random_state=0)
    assert solution.certificate.kind == "proved"
    assert solution.certificate.quantity == "value"
    assert solution.value == pytest.approx(solution.certificate.lower_bound, rel=1e-7)


def test_halving_p_never_loses_sparsity():
    X, y = uniform(12, 3)
    first = interpolate(X, y, 1.0, random_state=0)
    halved = interpolate(X, y, 1.0, halve_p=True, random_state=0, time_limit=1)
    assert halved.p < 1.0
    assert halved.n_parameters < first.n_parameters
    with pytest.raises(ValueError, match="halve_p"):
        interpolate(X, y, halve_p=True)


def test_critical_p_of_a_tiny_problem_separates_sparsest_from_others():
    X, y = uniform(4, 2, 3)
    vertices = enumerate_vertices(X, y)
    q = critical_p(X, y, width=1e-6)
    fewest = vertices.counts.min()
    for p in np.linspace(0.02, 0.98, 40) * q:
        costs = vertices.costs(p)
        assert vertices.counts[np.argmin(costs)] == fewest
    if q < 1 - 1e-5:
        costs = vertices.costs(q + 1e-5)
        assert vertices.counts[np.argmin(costs)] > fewest


def test_weights_and_hinge_distances_are_reported():
    X, y = uniform(10, 3)
    solution = interpolate(X, y, random_state=0)
    network = solution.network
    effective = network.output_weights * np.column_stack([network.input_weights, network.biases])
    assert solution.max_weight == pytest.approx(np.max(np.abs(effective)))
    distances = [
        abs(w @ x + b) / np.linalg.norm(w) for w, b in zip(network.input_weights, network.biases) if w.any() for x in X
    ]
    assert solution.hinge_distance(X) == pytest.approx(min(distances))


def test_affine_labels_take_no_neuron_with_an_affine_part():
    X, _ = uniform(20, 4)
    y = X @ [1.0, -2.0, 0.0, 3.0] + 5
    with_part = interpolate(X, y, affine=True, random_state=0)
    assert with_part.n_neurons == 0
    assert with_part.max_error <= 1e-9 * np.max(np.abs(y))
    assert interpolate(X, np.zeros(20), random_state=0).n_neurons == 0
    assert interpolate(X, np.full(20, 3.0), random_state=0).n_parameters == 1


def test_several_outputs_share_neurons():
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (15, 5)), rng.uniform(-1, 1, (15, 3))
    solution = interpolate(X, Y, random_state=0)
    assert solution.network.n_outputs == 3
    assert np.max(np.abs(solution.network(X) - Y)) <= 1e-9
    assert solution.certificate.lower_bound == 45
    assert solution.n_parameters <= 1.05 * 45


def test_fewest_neurons_are_counted_when_asked_for():
    X, y = uniform(30, 4)
    solution = interpolate(X, y, minimize="neurons", random_state=0, time_limit=2)
    assert solution.certificate.quantity == "neurons"
    assert solution.certificate.lower_bound == 6
    assert solution.n_neurons <= 8


def test_same_seed_gives_the_same_network():
    X, y = uniform(15, 4)
    first, second = (interpolate(X, y, random_state=3, target=15) for _ in range(2))
    np.testing.assert_array_equal(first.network.input_weights, second.network.input_weights)


@pytest.mark.parametrize("unit", [1e-12, 1e-3, 1e12])
def test_scales_do_not_change_the_count(unit):
    X, y = uniform(15, 4)
    for x_unit, y_unit in ((unit, 1.0), (1.0, unit), (unit, unit)):
        solution = interpolate(X * x_unit, y * y_unit, random_state=0, target=15)
        assert solution.n_parameters == 15
        assert solution.max_error <= 1e-9 * y_unit * np.max(np.abs(y))


def test_columns_that_say_nothing_new_are_harmless():
    X, y = uniform(15, 3)
    wide = np.column_stack([X, np.full(15, 7.0), X[:, 0]])
    assert interpolate(wide, y, random_state=0).n_parameters == 15


def test_close_points_with_different_labels_are_separated():
    X, y = uniform(12, 3)
    X[1] = X[0] + 1e-5
    solution = interpolate(X, y, random_state=0, time_limit=3)
    assert solution.max_error <= 1e-9 * np.max(np.abs(y))


def test_points_too_close_for_float64_weights_are_named():
    X, y = uniform(12, 3)
    X[1] = X[0] + 1e-9
    with pytest.raises(ValueError, match="between rows 0 and 1 y changes by"):
        interpolate(X, y, random_state=0, time_limit=1)
    X, y = np.vstack([X[5:6], X[5:6], X]), np.concatenate([y[5:6], y[5:6], y])
    with pytest.raises(ValueError, match="between rows 2 and 3 y changes by"):
        interpolate(X, y, random_state=0, time_limit=1)


def test_rows_too_close_for_an_interpolant_do_not_matter_within_a_tolerance():
    X = np.array([[0.0, 0.0], [1e-18, 0.0], [1.0, 1.0], [0.5, 0.3]])
    y = np.array([0.0, 1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="between rows 0 and 1"):
        interpolate(X, y, random_state=0, time_limit=1)
    solution = approximate(X, y, tolerance=0.6, random_state=0, time_limit=1)
    assert np.max(np.abs(solution.predict(X) - y)) <= 0.6 * (1 + 1e-9)


@pytest.mark.parametrize("p", [0.5, 1.0])
@pytest.mark.parametrize("gap", [1e-11, 1e-13])
def test_nothing_is_proved_where_float64_cannot_tell_rows_apart(p, gap):
    X = np.array([[1.0, 0.0], [1.0 + gap, 0.0], [2.0, 1.0]])
    y = np.array([0.0, 1.0, 0.0])
    solution = interpolate(X, y, p, random_state=0, time_limit=1)
    assert solution.certificate.kind == "none"
    assert np.max(np.abs(solution.network(X) - y)) <= 1e-9


@pytest.mark.parametrize("unit", [1e-12, 1e-7, 1e12])
def test_path_norm_of_data_of_any_scale_is_that_of_an_interpolant(unit):
    X, y = uniform(8, 3)
    solution = interpolate(X * unit, y, 1.0, random_state=0, time_limit=1)
    assert solution.max_error <= 1e-9 * np.max(np.abs(y))
    assert solution.certificate.lower_bound <= solution.value * (1 + 1e-7)


def test_affine_part_of_a_start_is_left_out_where_there_is_to_be_none():
    X, _ = uniform(12, 3)
    y = X @ [1.0, 2.0, 3.0] + 1.0
    start = ReLUNetwork(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 1)), [[1.0], [2.0], [3.0]], [1.0])
    solution = interpolate(X, y, start=start, random_state=0)
    assert solution.network.n_affine == 0
    assert solution.n_parameters > 0


def test_start_that_does_not_interpolate_is_not_returned():
    X, y = uniform(12, 3)
    start = ReLUNetwork(np.ones((1, 3)), [0.0], [1.0])
    solution = interpolate(X, y, 0.5, start=start, random_state=0, time_limit=1e-3)
    assert solution.max_error <= 1e-9 * np.max(np.abs(y))


@pytest.mark.parametrize("Y", [np.tile([1.0, 2.0], (3, 1)), np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 2.0]])])
def test_bound_of_one_input_and_several_outputs_is_not_above_the_count(Y):
    solution = interpolate([[0.0], [1.0], [2.0]], Y, affine=False, random_state=0)
    assert solution.max_error <= 1e-9 * np.max(Y)
    assert solution.certificate.lower_bound <= solution.n_parameters


def test_repeated_rows_count_once_and_contradictions_are_named():
    X, y = uniform(10, 3)
    twice = interpolate(np.vstack([X, X[:4]]), np.concatenate([y, y[:4]]), random_state=0)
    assert twice.n_parameters == 10
    with pytest.raises(InfeasibleError, match="rows 0 and 10 of X are equal"):
        interpolate(np.vstack([X, X[:1]]), np.append(y, y[0] + 1))


def test_one_point_takes_one_parameter():
    assert interpolate([[1.0, 2.0]], [3.0]).n_parameters == 1
    assert interpolate([[1.0, 2.0]], [3.0], affine=True).n_parameters == 0


@pytest.mark.usefixtures("cpu_clock")
@pytest.mark.parametrize(("tolerance", "most"), [(0.05, 30), (0.3, 24)])
def test_band_is_respected_and_takes_fewer_parameters(tolerance, most):
    X, y = uniform(25, 4)
    solution = approximate(X, y, tolerance=tolerance, random_state=0, time_limit=1)
    assert solution.p is None
    assert np.max(np.abs(solution.predict(X) - y)) <= tolerance * (1 + 1e-9)
    assert solution.certificate.lower_bound <= solution.n_parameters <= most


def test_bound_within_a_tolerance_holds_for_the_widened_band():
    X, _ = uniform(4, 2)
    y, tolerance = np.array([1.0, -1.0, 0.0, 0.0]), 1 / (1 + 0.75e-9)
    assert np.max(np.abs(y)) <= tolerance * (1 + 1e-9)  # no neuron at all is within it
    solution = approximate(X, y, tolerance=tolerance, random_state=0, time_limit=1)
    assert solution.certificate.lower_bound == 0
    assert "tolerance 1 widened by a relative 1e-09" in solution.certificate.reason


def test_outputs_share_neurons_within_their_tolerances():
    X, noise = uniform(30, 3)[0], np.random.default_rng(1).uniform(-0.05, 0.05, (30, 2))
    Y = np.abs(X[:, [0]]) * [1.0, 2.0] + noise * [1.0, 2.0]
    solution = approximate(X, Y, tolerance=[0.05, 0.1], random_state=0, time_limit=2)
    assert (np.abs(solution.network(X) - Y) <= np.array([0.05, 0.1]) * (1 + 1e-9)).all()
    assert solution.n_parameters <= 4
    assert solution.certificate.kind == "proved"
    assert solution.certificate.lower_bound == 2
    assert "each output that is not zero takes a parameter" in solution.certificate.reason


def test_one_input_and_several_outputs_are_approximated():
    x = np.linspace(-1, 1, 30)
    Y = np.column_stack([np.abs(x), np.maximum(x, 0.0)]) + 0.01 * np.sin(99 * x)[:, None]
    solution = approximate(x, Y, tolerance=0.02, random_state=0, time_limit=1)
    assert np.abs(solution.network(x) - Y).max() <= 0.02 * (1 + 1e-9)
    assert (solution.n_neurons, solution.n_parameters) == (1, 2)
    assert solution.is_optimal


def test_bound_of_several_outputs_in_several_units_holds_in_each():
    """The second output is within its wide tolerance of zero, the first is far from it."""
    X = uniform(4, 2)[0]
    Y, tolerance = np.array([[1.0, 50.0], [-1.0, 0.0], [1.0, -50.0], [-1.0, 0.0]]), [0.1, 60.0]
    solution = approximate(X, Y, tolerance=tolerance, random_state=0, time_limit=1)
    assert 2 == solution.certificate.lower_bound <= solution.n_parameters
    assert not solution.network.output_weights[:, 1].any()


@pytest.mark.parametrize("shape", [(), (6,), (6, 1), (2,), (6, 2)])
def test_tolerances_of_every_shape_mean_what_they_say(shape):
    X, Y = uniform(6, 2)[0], np.random.default_rng(2).uniform(-1, 1, (6, 2))
    tolerance = np.random.default_rng(3).uniform(0.1, 0.9, shape)
    full = np.broadcast_to(tolerance[:, None] if shape == (6,) else tolerance, Y.shape)
    solution = approximate(X, Y, tolerance=tolerance, random_state=0, time_limit=0.3)
    assert (np.abs(solution.network(X) - Y) <= full * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        (np.ones(2), "tolerance has 2 numbers, one for each row or each output"),
        (np.ones(3), "one for each of the 2 rows, the 2 outputs or both, got shape"),
        ([[0.1, 0.2], [0.1, -0.2]], "tolerance must not be negative, got -0.2 at row 1"),
        ([[0.1, 0.2], [0.1, np.nan]], "tolerance has NaN at row 1"),
    ],
)
def test_bad_tolerances_of_several_outputs_are_named(tolerance, message):
    with pytest.raises(ValueError, match=message):
        approximate(np.eye(2), np.eye(2), tolerance=tolerance)


def test_bands_of_repeated_rows_meet_in_every_output():
    X = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    Y = np.array([[1.0, 0.0], [1.3, 0.0], [0.0, 5.0]])
    solution = approximate(X, Y, tolerance=0.2, random_state=0, time_limit=0.5)
    assert np.abs(solution.network(X) - Y).max() <= 0.2 * (1 + 1e-9)
    with pytest.raises(InfeasibleError, match=r"rows 0 and 1 of X are equal but y = 1.0 and y = 1.3 in output 0"):
        approximate(X, Y, tolerance=0.1)


def test_points_without_tolerance_are_interpolated():
    X, y = uniform(15, 3)
    tolerance = np.where(np.arange(15) < 5, 0.0, 0.5)
    solution = approximate(X, y, tolerance=tolerance, random_state=0, time_limit=1)
    residual = np.abs(solution.predict(X) - y)
    assert residual[:5].max() <= 1e-9 * np.max(np.abs(y))
    assert residual[5:].max() <= 0.5 * (1 + 1e-9)


def test_band_of_repeated_rows_is_their_intersection():
    X, y = uniform(8, 2)
    X, y = np.vstack([X, X[:1]]), np.append(y, y[0] + 0.3)
    solution = approximate(X, y, tolerance=0.2, random_state=0, time_limit=1)
    assert np.max(np.abs(solution.predict(X) - y)) <= 0.2 * (1 + 1e-9)
    with pytest.raises(InfeasibleError, match="rows 0 and 8 of X are equal"):
        approximate(X, y, tolerance=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minimize": "weights"}, "minimize must be"),
        ({"target": -1}, "target must be an integer"),
        ({"time_limit": 0}, "time_limit must be greater than"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"random_state": "seed"}, "random_state must be"),
        ({"affine": "yes"}, "affine must be True or False, got 'yes'"),
        ({"affine": 1}, "affine must be True or False, got 1"),
        ({"halve_p": "no"}, "halve_p must be True or False"),
        ({"verbose": 2}, "verbose must be True or False"),
        ({"rtol": 1.0}, "rtol must be less than 1"),
        ({"rtol": True}, "rtol must be a finite number, got True"),
        ({"time_limit": True}, "time_limit must be a finite number, got True"),
        ({"target": np.True_}, "target must be an integer"),
        ({"start": ReLUNetwork(np.ones((1, 2)), [0.0], [1.0])}, "start must be a ReLUNetwork of 3 inputs"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    X, y = uniform(5, 3)
    with pytest.raises(ValueError, match=message):
        interpolate(X, y, **arguments)


@pytest.mark.parametrize("tolerance", [True, np.False_, [True] * 5])
def test_truth_values_are_no_tolerance(tolerance):
    with pytest.raises(ValueError, match="tolerance must be a number or one for each row"):
        approximate(*uniform(5, 3), tolerance=tolerance)


@pytest.mark.parametrize("rtol", [1, 1e9])
def test_a_relative_tolerance_is_below_one(rtol):
    with pytest.raises(ValueError, match="rtol must be less than 1"):
        approximate(*uniform(5, 3), tolerance=0.1, rtol=rtol)


def test_truth_values_of_numpy_choose_the_affine_part():
    X, y = uniform(6, 1)
    assert not interpolate(X, y, affine=np.False_).network.slope.any()


def test_bad_tables_are_named():
    X, y = uniform(5, 3)
    with pytest.raises(ValueError, match="no columns"):
        interpolate(np.zeros((5, 0)), y)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="X has NaN at row 3, column 1"):
        interpolate(X, y)


def test_zero_and_proportional_outputs_cost_what_they_must():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2)), np.array([0.0, 1, 0, 2, 1, 3])
    alone = interpolate(X, y, random_state=0)
    with_zero = interpolate(X, np.column_stack([y, 0 * y]), random_state=0)
    doubled = interpolate(X, np.column_stack([y, -2 * y]), random_state=0)
    assert with_zero.n_parameters == alone.n_parameters
    assert doubled.n_parameters == alone.n_parameters + alone.n_neurons
    np.testing.assert_allclose(doubled.network(X), np.column_stack([y, -2 * y]), atol=1e-9)
    assert with_zero.certificate.lower_bound <= with_zero.n_parameters


def test_approximation_is_never_less_sparse_than_the_interpolant():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2)), np.array([0.0, 1, 0, 2, 1, 3])
    exact = interpolate(X, y, random_state=0).n_parameters
    for tolerance in (1e-12, 1e-3):
        assert approximate(X, y, tolerance=tolerance, target=exact, random_state=0).n_parameters <= exact


def test_numbers_beyond_the_range_of_products_are_refused():
    X, y = uniform(6, 2)
    with pytest.raises(ValueError, match="y has a column whose largest entry"):
        interpolate(X, y * 1e300)
    with pytest.raises(ValueError, match="X has a column whose largest entry"):
        approximate(X * [1, 1e-200], y, tolerance=0.1)


def test_few_neurons_are_found_where_pruning_whole_ones_fails():
    X = [[-0.18, 1.81, -0.32], [1.6, -0.61, -1.88], [-0.63, 2.21, 1.02], [0.77, 0.14, -0.76]]
    X.append([-0.1799999850988388, 1.81, -0.32])
    y = [-1.62, 0, -5.98, -0.32000000000000006, -1.6200000596046449]
    assert interpolate(X, y, minimize="neurons", random_state=0).n_neurons == 1


@pytest.mark.parametrize("factors", [(1e6, 1e-4), (1e6, 1e-8)])
def test_outputs_in_small_units_are_met_as_closely_as_those_in_large_ones(factors):
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (10, 3)), rng.uniform(-1, 1, (10, 2)) * factors
    errors = np.abs(interpolate(X, Y, time_limit=2.0, random_state=0).predict(X) - Y)
    assert (errors <= 1e-9 * np.abs(Y).max(axis=0)).all()


def test_every_output_of_approximate_keeps_its_own_tolerance_whatever_its_units():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (25, 3))
    Y = np.column_stack([np.abs(X[:, 0] - 0.2), np.maximum(X[:, 2], 0)]) * [1e6, 1e-4]
    tolerance = np.array([1e5, 1e-5])
    errors = np.abs(approximate(X, Y, tolerance=tolerance, time_limit=1.0, random_state=0).predict(X) - Y)
    assert (errors <= tolerance * (1 + 1e-9)).all()


@pytest.mark.parametrize("affine", [False, True])
def test_outputs_that_are_all_zero_need_nothing(affine):
    X, Y = np.random.default_rng(0).uniform(-1, 1, (10, 3)), np.zeros((10, 2))
    assert interpolate(X, Y, affine=affine).n_parameters == 0
    for tolerance in (0.1, np.repeat([[0.0, 0.1]], 10, axis=0)):
        assert approximate(X, Y, tolerance=tolerance, affine=affine).n_parameters == 0


def test_bands_that_touch_in_one_value_are_refused_in_words():
    X, y = np.repeat(np.eye(3), 2, axis=0), np.tile([0.0, 0.5], 3)
    with pytest.raises(InfeasibleError, match="a single value in common"):
        approximate(X, y, tolerance=0.25, rtol=0)
    assert np.abs(approximate(X, y, tolerance=0.25, time_limit=1.0).predict(X) - y).max() <= 0.25 * (1 + 1e-9)


def test_sharing_is_no_worse_than_one_output_after_the_other(cpu_clock):
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (60, 6)), rng.uniform(-1, 1, (60, 3))
    together = approximate(X, Y, tolerance=0.3, time_limit=3.0, random_state=0)
    apart = [approximate(X, y, tolerance=0.3, time_limit=0.3, random_state=0).n_parameters for y in Y.T]
    assert together.n_parameters <= sum(apart)


INTERRUPTED = """
import numpy as np
import sys
from reluctant import approximate, interpolate
rng = np.random.default_rng(0)
X, y = rng.uniform(-1, 1, (60, 5)), rng.uniform(-1, 1, (60, 1))
approximate(X[:5], y[:5] * [1, -2], tolerance=0.1, time_limit=0.1)
print("ready", flush=True)
print(approximate(X, y * [1, -2], tolerance=0.1, time_limit=60).n_parameters)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_an_interrupt_ends_an_approximation_of_several_outputs():
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert 0 < int(output) < 300


@pytest.mark.parametrize("m", [0, 2])
def test_a_tolerance_that_zero_meets_is_answered_at_once_and_proved(m):
    X, y = uniform(200, 3), None
    X, y = X[0], np.random.default_rng(1).uniform(-1, 1, (200, m) if m else 200)
    solution = approximate(X, y, tolerance=1.0, random_state=0)
    assert (solution.n_parameters, solution.certificate.kind, solution.certificate.lower_bound) == (0, "proved", 0)
    assert solution.max_error == np.abs(y).max()


def test_a_target_that_does_not_count_sets_no_tolerance_for_the_others():
    rng = np.random.default_rng(0)
    X, Y, tolerance = rng.normal(size=(8, 2)), np.round(rng.normal(size=(8, 2)), 2), np.full((8, 2), 0.1)
    Y[3, 1], tolerance[3, 1] = 1e13, np.inf
    solution = approximate(X, Y, tolerance=tolerance, time_limit=1, random_state=0)
    missed = np.abs(solution.predict(X) - Y)[np.isfinite(tolerance)]
    assert missed.max() <= 0.1 * (1 + 1e-9)
    assert solution.max_error == missed.max()


def test_rows_of_infinite_tolerance_do_not_count():
    X, y = uniform(30, 3)
    y[3], tolerance = 1e6, np.full(30, 0.4)
    tolerance[3] = np.inf
    counted = np.arange(30) != 3
    alone = approximate(X[counted], y[counted], tolerance=0.4, random_state=0, time_limit=1)
    solution = approximate(X, y, tolerance=tolerance, random_state=0, time_limit=1)
    assert np.abs(solution.network(X) - y)[counted].max() <= 0.4 * (1 + 1e-9)
    assert solution.n_parameters <= alone.n_parameters + 3


FAR = {
    "years and kelvin": ([1990.0, 280.0], [35.0, 30.0]),
    "offset of 1e4 spreads": ([1e4, 0.0], [1.0, 1.0]),
    "time stamps": ([1.6e9, 0.0], [1e4, 1.0]),
}


@pytest.mark.parametrize("name", FAR)
def test_columns_far_from_zero_are_searched_centred(name):
    """The same rows near zero need 25 parameters; a bias that is zero there is one here."""
    offset, spread = FAR[name]
    rng = np.random.default_rng(0)
    X, y = np.array(offset) + np.array(spread) * rng.uniform(0, 1, (25, 2)), rng.normal(size=25)
    solution = interpolate(X, y, target=30, random_state=0)
    assert np.abs(solution.network(X) - y).max() <= 1e-9 * np.abs(y).max()
    assert solution.n_parameters <= 30


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_a_column_far_from_zero_keeps_the_certificate_of_the_convex_case(offset):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0, 1, (8, 2)) + np.array([offset, 0.0]), rng.normal(size=8)
    solution = interpolate(X, y, 1, random_state=0, time_limit=20)
    assert solution.certificate.kind == "proved"
    assert solution.certificate.lower_bound <= solution.value <= solution.certificate.lower_bound * (1 + 1e-8)


def test_an_offset_that_float64_cannot_carry_is_named():
    rng = np.random.default_rng(0)
    X, y = np.array([1e13, 3e13]) + rng.uniform(0, 1, (20, 2)), rng.normal(size=20)
    with pytest.raises(ValueError, match=r"column . of X lies around .*subtract an offset from column"):
        interpolate(X, y, random_state=0, time_limit=2)


@pytest.mark.parametrize("seed", range(3))
def test_neurons_of_a_teacher_are_found_when_neurons_are_counted(seed):
    rng = np.random.default_rng(seed)
    X, U = rng.standard_normal((60, 4)), rng.standard_normal((3, 4))
    y = np.maximum(X @ U.T + rng.uniform(-0.5, 0.5, 3), 0.0) @ [1.0, -1.0, 2.0]
    assert interpolate(X, y, minimize="neurons", random_state=0, time_limit=20).n_neurons == 3


def test_small_integers_need_no_more_unknowns_than_equations():
    X = [[3.0, 0.0, -3.0], [-3.0, 0.0, 2.0], [2.0, 0.0, -2.0], [0.0, 0.0, -3.0]]
    assert interpolate(X, [2.0, -1.0, 2.0, 2.0], minimize="neurons", target=2, random_state=0).n_neurons == 2


def test_outputs_over_one_input_are_no_worse_than_their_exact_lines_with_equal_knots_shared():
    x = np.linspace(0, 10, 40)
    kinks = np.maximum(x[:, None] - x[[5, 14, 30]], 0)
    Y = kinks @ np.random.default_rng(0).integers(-3, 4, (3, 4)) + 1.0
    solution = interpolate(x, Y, random_state=0, time_limit=5)
    knots = np.unique(np.round(np.concatenate([interpolate(x, y).function.knots for y in Y.T]), 9))
    assert solution.n_neurons <= len(knots) == 3
    assert np.abs(solution.network(x) - Y).max() <= 1e-9 * np.abs(Y).max()


def test_more_time_gives_no_worse_network():
    X, y = uniform(400, 8)
    counts = [interpolate(X, y, time_limit=limit, random_state=0).n_parameters for limit in (1e-9, 0.5, 2.0)]
    assert counts == sorted(counts, reverse=True)


def test_a_search_that_the_time_ended_says_so():
    X, y = uniform(60, 2)
    assert "time limit ended the search" in interpolate(X, y, time_limit=0.2, random_state=0).certificate.reason


@pytest.mark.parametrize("rows", [[0.0, 0, 1, 2], [[0.0, 0], [0, 0], [1, 1], [2, 1]]])
def test_bounds_that_no_value_keeps_are_named_as_they_were_given(rows):
    Y = np.array([[0.25, 1.0], [0.75, 1.0], [2.0, 3.0], [4.0, 5.0]])
    with pytest.raises(InfeasibleError, match=r"lower bound 0.75 of output 0 at row 1 .* upper bound 0.375 at row 0"):
        approximate(rows, Y, bounds=(Y, Y + 0.125))


def test_labels_that_are_all_zero_need_nothing_and_are_judged_without_a_division():
    X = np.array([[-0.41021803, -0.15191304], [0.53819068, -0.16327781]])
    assert interpolate(X, np.zeros(2), time_limit=0.1, random_state=1000588).n_neurons == 0


def test_without_a_time_limit_a_proof_from_few_rows_is_counted_in_sets(monkeypatch):
    X = np.random.default_rng(0).uniform(-1, 1, (70, 5))
    y = np.abs(X[:, 0]) - np.maximum(X[:, 1] - 0.2, 0.0)
    asked = []

    def recording(quantity, rows, network, clock, most_sets):
        asked.append(most_sets)
        return bound_from_few_rows(quantity, rows, network, clock, most_sets)

    monkeypatch.setattr("reluctant.multivariate.interpolation.bound_from_few_rows", recording)
    found = interpolate(X, y, random_state=0)
    assert (found.n_parameters, found.certificate.lower_bound) == (4, 4)
    assert asked == [FEW_ROWS_SETS]
