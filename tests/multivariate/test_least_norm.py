"""The ℓp path norm of several outputs: by its definition, against one output at a time and the sparsest network."""

import signal

import numpy as np
import pytest

from reluctant import InfeasibleError, ReLUNetwork, interpolate
from reluctant.errors import TooSteepError
from reluctant.multivariate.basin_hopping.path_norm import minimise_path_norm, search_round
from reluctant.multivariate.outputs import combined


def uniform(n, d, m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m))


def norm_of(network, p):
    """Σ_k ‖v_k‖_p^p ‖(w_k, b_k)‖_p^p, path by path."""
    inner = np.column_stack([network.input_weights, network.biases])
    paths = np.abs(network.output_weights[:, None, :] * inner[:, :, None])
    return float(np.sum(paths[paths > 0] ** p))


def assert_interpolates(solution, X, Y):
    assert np.abs(solution.network(X) - Y).max() <= 1e-9 * np.abs(Y).max()
    assert solution.max_error == np.abs(solution.network(X) - Y).max()


@pytest.mark.usefixtures("cpu_clock")
@pytest.mark.parametrize("p", [0.3, 0.7])
def test_value_of_several_outputs_is_the_sum_over_all_paths_and_below_that_of_the_sparsest_network(p):
    X, Y = uniform(12, 3, 3)
    solution = interpolate(X, Y, p, random_state=0, time_limit=2.5)
    assert_interpolates(solution, X, Y)
    assert solution.value == pytest.approx(norm_of(solution.network, p), rel=1e-12)
    assert (solution.certificate.kind, solution.certificate.quantity) == ("none", "value")
    sparsest = interpolate(X, Y, random_state=0, time_limit=0.5).network
    assert solution.value <= norm_of(sparsest, p)


@pytest.mark.parametrize("seed", range(3))
def test_shared_neurons_cost_as_much_as_one_for_each_output(seed):
    """So the least norm of several outputs is the sum of theirs."""
    rng = np.random.default_rng(seed)
    shared = ReLUNetwork(rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(4, 3)))
    alone = [ReLUNetwork(shared.input_weights, shared.biases, v) for v in shared.output_weights.T]
    X = rng.normal(size=(20, 3))
    apart = combined(alone, np.eye(3), 3)
    np.testing.assert_allclose(apart(X), shared(X), rtol=1e-12, atol=1e-12)
    assert apart.n_neurons == 12
    for p in (0.2, 0.5, 1.0):
        assert sum(norm_of(f, p) for f in alone) == pytest.approx(norm_of(shared, p), rel=1e-12)
        assert apart.path_norm(p) == pytest.approx(norm_of(shared, p), rel=1e-12)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_proved_values_of_outputs_add_up(p):
    X, Y = uniform(4, 2, 3) if p < 1 else uniform(9, 3, 3)
    alone = [interpolate(X, y, p, random_state=0) for y in Y.T]
    together = interpolate(X, Y, p, random_state=0)
    assert_interpolates(together, X, Y)
    assert together.certificate.kind == "proved"
    assert together.value == pytest.approx(sum(s.value for s in alone), rel=1e-9)
    assert together.certificate.lower_bound == pytest.approx(sum(s.certificate.lower_bound for s in alone), rel=1e-9)


def test_no_network_that_shares_neurons_beats_the_proved_value_of_several_outputs():
    X, Y = uniform(4, 2, 2, seed=3)
    proved = {p: interpolate(X, Y, p, random_state=0) for p in (0.5, 1.0)}
    for seed in range(4):
        network = interpolate(X, Y, random_state=seed, time_limit=0.2).network
        for p, solution in proved.items():
            assert norm_of(network, p) >= solution.certificate.lower_bound * (1 - 1e-9)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_a_multiple_costs_the_pth_power_of_its_factor_and_zero_costs_nothing(p):
    X, Y = uniform(4, 2, 1, seed=1)
    y = Y[:, 0]
    alone = interpolate(X, y, p, random_state=0)
    several = np.column_stack([y, 0 * y, y, -8 * y])
    solution = interpolate(X, several, p, random_state=0)
    assert_interpolates(solution, X, several)
    assert solution.value == pytest.approx((2 + 8**p) * alone.value, rel=1e-9)
    assert solution.certificate.lower_bound == pytest.approx((2 + 8**p) * alone.certificate.lower_bound, rel=1e-9)
    assert solution.n_neurons == alone.n_neurons


def test_one_column_is_one_output():
    X, Y = uniform(4, 2, 1, seed=2)
    column, row = (interpolate(X, y, 0.5, random_state=0) for y in (Y, Y[:, 0]))
    assert column.value == row.value
    assert np.array_equal(column.network.input_weights, row.network.input_weights)
    assert column.network(X).shape == (4,)


def test_several_zero_outputs_need_no_neuron():
    solution = interpolate(np.eye(3), np.zeros((3, 2)), 0.5)
    assert (solution.n_neurons, solution.value, solution.network.n_outputs) == (0, 0.0, 2)
    assert solution.certificate.kind == "proved"


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_outputs_over_one_input_are_solved_exactly_each_on_the_line(p, affine):
    rng = np.random.default_rng(4)
    x, Y = np.sort(rng.uniform(-1, 1, 40)), rng.normal(size=(40, 3)).cumsum(axis=0)
    solution = interpolate(x, Y, p, affine=affine)
    alone = [interpolate(x, y, p, affine=affine) for y in Y.T]
    assert_interpolates(solution, x, Y)
    assert solution.value == pytest.approx(sum(s.value for s in alone), rel=1e-9)
    assert (solution.certificate.kind == "proved") == all(s.certificate.kind == "proved" for s in alone)
    if affine:
        assert solution.certificate.kind == "proved"
        assert solution.certificate.lower_bound == pytest.approx(solution.value, rel=1e-9)


def test_free_affine_part_of_several_outputs_is_not_counted():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (20, 3))
    Y = X @ rng.normal(size=(3, 2)) + 3.0 + np.maximum(X[:, [0]], 0.0) * [2.0, -1.0]
    solution = interpolate(X, Y, 0.5, affine=True, random_state=0, time_limit=1)
    assert_interpolates(solution, X, Y)
    assert solution.value <= np.sqrt(2) + 1 + 1e-6
    assert solution.n_neurons == 1


def test_a_start_of_several_outputs_serves_each_of_them():
    X, Y = uniform(12, 3, 2, seed=5)
    alone = [minimise_path_norm(X, y, 0.5, max_rounds=1, random_state=0).network for y in Y.T]
    start = combined(alone, np.eye(2), 3)
    assert start.n_outputs == 2
    untouched = interpolate(X, Y, 0.5, start=start, time_limit=1e-3)
    assert untouched.value <= norm_of(start, 0.5) * (1 + 1e-9)


def test_time_that_is_up_leaves_an_interpolant_of_every_output():
    X, Y = uniform(30, 4, 3)
    solution = interpolate(X, Y, 0.5, random_state=0, time_limit=1e-3)
    assert_interpolates(solution, X, Y)


def test_one_interrupt_ends_the_search_of_all_outputs(monkeypatch):
    X, Y = uniform(12, 3, 3)
    start = interpolate(X, Y, random_state=0, time_limit=1.0).network
    searched = []

    def interrupted(data, *rest):
        searched.append(data)
        signal.raise_signal(signal.SIGINT)
        return search_round(data, *rest)

    monkeypatch.setattr("reluctant.multivariate.basin_hopping.path_norm.search_round", interrupted)
    solution = interpolate(X, Y, 0.5, start=start, random_state=0, time_limit=600.0)
    assert len(searched) == 1
    assert_interpolates(solution, X, Y)


def test_neurons_that_outputs_arrive_at_are_shared():
    """Labels of four neurons over thirty points and two outputs, each output using some of them."""
    rng = np.random.default_rng(2)
    U, V = np.zeros((4, 5)), np.array([[1.2, -0.7], [0.0, 1.4], [-0.9, 0.6], [0.8, 0.0]])
    for u in U:
        u[rng.choice(5, 2, replace=False)] = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.5, 1.5, 2)
    X = rng.normal(size=(30, 5))
    teacher = ReLUNetwork(U, np.zeros(4), V)
    solution = interpolate(X, teacher(X), 0.5, random_state=0, time_limit=4)
    assert_interpolates(solution, X, teacher(X))
    assert solution.value <= norm_of(teacher, 0.5) * (1 + 1e-9)
    assert solution.n_neurons == 4


def test_contradictory_rows_of_several_outputs_are_named():
    with pytest.raises(InfeasibleError, match="rows 0 and 1 of X are equal"):
        interpolate(np.ones((2, 2)), [[1.0, 2.0], [1.0, 3.0]], 0.5)


def test_an_output_too_steep_for_a_network_is_named():
    """The link table of the line holds it, a list of neurons does not, and beside 1e90 the miss would not show."""
    with pytest.raises(TooSteepError, match="output 1 of y"):
        interpolate([0.0, 1e-90, 1.0], [[0.0, 1.0], [1.0, 0.0], [1e90, 2.0]], 0.5)


def test_every_output_is_met_in_its_own_units():
    X, Y = uniform(10, 3, 3)
    Y = Y * [1e-12, 1.0, 1e12]
    solution = interpolate(X, Y, 0.5, random_state=0, time_limit=1.0)
    assert (np.abs(solution.network(X) - Y).max(axis=0) <= 1e-9 * np.abs(Y).max(axis=0)).all()
