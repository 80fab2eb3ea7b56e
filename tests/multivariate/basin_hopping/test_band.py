"""Few parameters within a band: membership by direct evaluation, counts against a known generator and by hand."""

import numpy as np
import pytest

from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.basin_hopping.band import reweighted_vertex, sparsest_within
from reluctant.multivariate.newton_prune.search import sparsest_interpolant
from reluctant.multivariate.newton_prune.state import Data, Weights


def evaluate(X, signs, U):
    return np.maximum(np.column_stack([X, np.ones(len(X))]) @ U.T, 0.0) @ signs


SIGNS = np.array([1.0, -1.0, 1.0])
U = np.array([[1.0, 0, 0, 0.3], [0, 0.8, -1.0, 0], [0, 0, 1.5, -0.2]])


@pytest.mark.parametrize("seed", [0, 1])
def test_not_more_parameters_than_the_network_under_the_noise(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 3))
    y = evaluate(X, SIGNS, U) + rng.uniform(-0.1, 0.1, 40)
    found = sparsest_within(X, y, 0.1, max_rounds=6, random_state=0)
    assert found.network.n_parameters <= 6
    assert np.abs(found.network(X) - y).max() <= 0.1 * (1 + 1e-12)


def test_every_point_keeps_its_own_tolerance():
    rng = np.random.default_rng(2)
    X, y = rng.uniform(-1, 1, (20, 4)), 100 * rng.uniform(-1, 1, 20)
    tolerance = 100 * rng.uniform(0.01, 0.5, 20)
    found = sparsest_within(X, y, tolerance, max_rounds=2, random_state=0)
    assert (np.abs(found.network(X) - y) <= tolerance * (1 + 1e-12)).all()
    assert found.network.n_parameters < 20


def test_a_wide_band_needs_nothing_and_a_shifted_one_a_constant():
    rng = np.random.default_rng(3)
    X, y = rng.uniform(-1, 1, (15, 2)), rng.uniform(-1, 1, 15)
    assert sparsest_within(X, y, 1.0, clock=Clock(1.0)).network.n_parameters == 0
    shifted = sparsest_within(X, y + 7.0, 1.0, max_rounds=3, random_state=0)
    assert shifted.network.n_parameters == 1


def test_free_affine_part_is_not_counted():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 3))
    y = evaluate(X, SIGNS, U) + X @ [3.0, -4.0, 1.0] + 2.0 + rng.uniform(-0.1, 0.1, 40)
    found = sparsest_within(X, y, 0.1, affine=True, max_rounds=6, random_state=0)
    assert found.network.n_parameters <= 6
    assert np.abs(found.network(X) - y).max() <= 0.1 * (1 + 1e-12)


def test_an_interpolant_is_pruned_when_there_is_no_time_for_more():
    rng = np.random.default_rng(5)
    X, y = rng.uniform(-1, 1, (15, 3)), rng.uniform(-1, 1, 15)
    start = sparsest_interpolant(X, y, random_state=0).network
    found = sparsest_within(X, y, 0.2, starts=[start], max_rounds=0)
    assert found.network.n_parameters < start.n_parameters
    assert np.abs(found.network(X) - y).max() <= 0.2 * (1 + 1e-12)


def test_the_same_seed_gives_the_same_network():
    rng = np.random.default_rng(6)
    X, y = rng.uniform(-1, 1, (15, 3)), rng.uniform(-1, 1, 15)
    one, other = (sparsest_within(X, y, 0.2, max_rounds=2, random_state=9) for _ in range(2))
    assert np.array_equal(one.network.input_weights, other.network.input_weights)


def test_a_tolerance_of_zero_is_refused_by_name_and_row():
    with pytest.raises(ValueError, match=r"tolerance must be positive, got 0.0 at row 1"):
        sparsest_within(np.ones((3, 1)), np.ones(3), np.array([1.0, 0.0, 1.0]))


def test_neurons_are_counted_when_asked_for():
    rng = np.random.default_rng(65)
    X, y = rng.uniform(-1, 1, (40, 10)), rng.uniform(-1, 1, 40)
    few = sparsest_within(X, y, 0.3, aim=Aim("neurons", 0), max_rounds=1, random_state=0)
    sparse = sparsest_within(X, y, 0.3, max_rounds=1, random_state=0)
    assert few.history[-1][1] == few.network.n_neurons < sparse.network.n_neurons
    assert np.abs(few.network(X) - y).max() <= 0.3 * (1 + 1e-12)


def test_target_ends_the_search_within_the_band():
    rng = np.random.default_rng(7)
    X, y = rng.uniform(-1, 1, (30, 4)), rng.uniform(-1, 1, 30)
    found = sparsest_within(X, y, 0.1, aim=Aim(target=40), max_rounds=50, random_state=0)
    assert found.network.n_parameters <= 40
    assert found.history[-1][0] <= 1


def shared(seed, n=60, n_outputs=2, noise=0.05):
    """Labels of four neurons that share outputs, with noise up to a band; X, Y and the parameters of the source."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 5))
    U, V = np.zeros((4, 6)), np.zeros((4, n_outputs))
    for u, v in zip(U, V):
        u[rng.choice(5, 2, replace=False)] = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.5, 1.5, 2)
        outputs = rng.choice(n_outputs, rng.integers(1, n_outputs + 1), replace=False)
        v[outputs] = rng.choice([-1.0, 1.0], outputs.size) * rng.uniform(0.5, 1.5, outputs.size)
    Y = np.maximum(X @ U[:, :-1].T, 0.0) @ V + rng.uniform(-noise, noise, (n, n_outputs))
    return X, Y, np.count_nonzero(U) + np.count_nonzero(V) - 4


def test_shared_neurons_under_the_noise_are_found_on_most_seeds():
    sparse = 0
    for seed in range(5):
        X, Y, n_planted = shared(seed)
        found = sparsest_within(X, Y, 0.05, max_rounds=8, aim=Aim(target=n_planted), random_state=0)
        assert np.abs(found.network(X) - Y).max() <= 0.05 * (1 + 1e-12)
        sparse += found.network.n_parameters <= n_planted
    assert sparse >= 4


def test_one_output_may_be_written_as_a_column():
    rng = np.random.default_rng(12)
    X, y = rng.uniform(-1, 1, (15, 3)), rng.uniform(-1, 1, 15)
    options = {"max_rounds": 1, "random_state": 3}
    flat, column = sparsest_within(X, y, 0.2, **options), sparsest_within(X, y[:, None], 0.2, **options)
    assert np.array_equal(flat.network.input_weights, column.network.input_weights)


def test_every_output_keeps_its_own_tolerances_whatever_its_units():
    rng = np.random.default_rng(13)
    X, Y = rng.uniform(-1, 1, (20, 4)), rng.uniform(-1, 1, (20, 2)) * [1e6, 1e-6]
    tolerance = rng.uniform(0.01, 0.5, (20, 2)) * [1e6, 1e-6]
    found = sparsest_within(X, Y, tolerance, max_rounds=1, random_state=0)
    assert (np.abs(found.network(X) - Y) <= tolerance * (1 + 1e-12)).all()
    assert found.network.n_parameters < 40


def test_equal_outputs_cost_no_more_than_one_weight_a_neuron():
    rng = np.random.default_rng(14)
    X = rng.standard_normal((40, 3))
    y = evaluate(X, SIGNS, U) + rng.uniform(-0.1, 0.1, 40)
    options = {"max_rounds": 2, "random_state": 0}
    one = sparsest_within(X, y, 0.1, **options).network
    copies = sparsest_within(X, np.column_stack([y, y, y]), 0.1, **options).network
    assert one.n_parameters <= copies.n_parameters <= one.n_parameters + 2 * one.n_neurons


def test_affine_part_of_a_start_is_left_out_where_there_is_to_be_none():
    rng = np.random.default_rng(15)
    X = rng.uniform(-1, 1, (15, 2))
    y = X @ [1.0, 2.0] + 3.0
    affine = ReLUNetwork(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 1)), [[1.0], [2.0]], [3.0])
    found = sparsest_within(X, y, 0.01, starts=[affine], max_rounds=1, random_state=0)
    assert found.network.n_affine == 0
    assert np.abs(found.network(X) - y).max() <= 0.01


@pytest.mark.parametrize("affine", [False, True])
def test_vertex_of_the_linear_program_keeps_band_and_patterns(affine):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (30, 3)), rng.uniform(-1, 1, 30)
    network = sparsest_interpolant(X, y, affine=affine, aim=Aim(target=30), clock=Clock(2.0), random_state=0).network
    data = Data.from_arrays(X, y, affine, np.full((30, 1), 0.2))
    weights = Weights.from_network(network)
    vertex = reweighted_vertex(data, weights)
    assert np.abs(vertex.residuals(data)).max() <= 0.2 * (1 + 1e-5)
    on = weights.U @ data.inputs > 0.0
    for active in vertex.U @ data.inputs > 1e-6 * np.abs(vertex.U).max():
        assert (~active | on).all(axis=1).any()
