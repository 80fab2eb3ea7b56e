"""From a trained network to an exact or sparser one."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant import ReLUNetwork
from reluctant.nn import fit_network, polish
from reluctant.nn.losses import LOSSES


def test_polish_interpolates_with_as_many_parameters_as_points():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (10, 20)), rng.uniform(-1, 1, 10)
    run = fit_network(X, y, alpha=2e-3, p=0.4, epochs=500, batch_size=None, n_neurons=40)
    solution = polish(run.module, X, y)
    assert np.abs(solution.network(X) - y).max() <= 1e-12
    assert solution.n_parameters == 10
    assert solution.certificate.kind == "generic"
    assert run.history[-1].n_parameters > 10


def test_polish_within_a_tolerance_is_sparser_and_stays_within(cpu_clock):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    y = np.abs(X[:, 0]) + rng.uniform(-0.01, 0.01, 30)
    run = fit_network(X, y, alpha=1e-3, epochs=300, batch_size=None, n_neurons=20)
    solution = polish(run.network, X, y, tolerance=0.02, affine=False, time_limit=2.0)
    assert np.abs(solution.network(X) - y).max() <= 0.02
    assert solution.n_parameters < 10


def test_polish_within_a_tolerance_takes_several_outputs(cpu_clock):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    Y = np.abs(X[:, [0]]) * [1.0, -2.0] + rng.uniform(-0.01, 0.01, (30, 2))
    run = fit_network(X, Y, alpha=1e-3, epochs=300, batch_size=None, n_neurons=20)
    solution = polish(run.network, X, Y, tolerance=0.02, affine=False, time_limit=2.0)
    assert np.abs(solution.network(X) - Y).max() <= 0.02
    assert solution.n_parameters < 15
    # |x_0| takes two neurons of one weight, each with two outputs, without the noise; outputs that differ take two.
    assert (solution.certificate.kind, solution.certificate.lower_bound) == ("proved", 2)
    assert solution.certificate.lower_bound <= 2 * 2


@pytest.mark.parametrize("d", [1, 2])
def test_polish_with_alpha_lowers_the_objective_that_was_trained(d):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, d))
    y = np.abs(X[:, 0]) + 0.05 * rng.standard_normal(80)
    run = fit_network(X, y, alpha=3e-3, epochs=100, batch_size=None, n_neurons=20)

    def objective(f):
        return 0.5 * np.mean((f(X) - y) ** 2) + 3e-3 * f.path_norm(0.5)

    solution = polish(run.module, X, y, alpha=3e-3, time_limit=2.0)
    assert objective(solution.network) < objective(run.network)
    assert solution.n_parameters <= run.history[-1].n_parameters
    assert solution.objective == pytest.approx(objective(solution.network), rel=1e-6)
    assert solution.network.n_affine == 0
    with pytest.raises(ValueError, match="a tolerance or alpha, not both"):
        polish(run.module, X, y, alpha=3e-3, tolerance=0.1)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_polish_takes_the_loss_and_the_labels_of_the_training_and_lowers_their_objective(loss):
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (60, 2))
    score = X[:, 0] + np.maximum(X[:, 1], 0) + 0.1 * rng.standard_normal(60)
    y = (score > 0.2).astype(int) if loss in ("hinge", "logistic", "softmax") else score
    run = fit_network(X, y, alpha=1e-2, loss=loss, epochs=30, batch_size=None, n_neurons=10)

    def objective(f):
        targets = torch.from_numpy(y[:, None].astype(float))
        return float(LOSSES[loss](torch.from_numpy(f(X).reshape(60, -1)), targets)) + 1e-2 * f.path_norm(0.5)

    solution = polish(run.module, X, y, alpha=1e-2, loss=loss, time_limit=0.5)
    assert solution.objective == pytest.approx(objective(solution.network), rel=1e-6)
    assert solution.objective < objective(run.network)


def test_polish_on_the_line_is_the_exact_solution():
    x, y = np.arange(-2.0, 4.0), np.array([0.0, 0, 1, 1, 0, 0])
    network = ReLUNetwork([[1.0]], [0.0], [1.0])
    assert polish(network, x, y).n_neurons == 3
    with pytest.raises(ValueError, match="maps 1 to 1, but the data 2 to 1"):
        polish(network, np.zeros((3, 2)), np.zeros(3))


def planted(N=60, d=3, K=2):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (N, d))
    teacher = ReLUNetwork(rng.normal(size=(K, d)), rng.normal(size=K) / 3, rng.normal(size=K))
    guess = ReLUNetwork(rng.normal(size=(30, d)), rng.normal(size=30), rng.normal(size=30))
    return teacher, guess, X, teacher(X)


def test_polish_recovers_a_planted_network_and_claims_no_more_than_it():
    teacher, guess, X, y = planted()
    solution = polish(guess, X, y)
    assert solution.network.isclose(teacher, rtol=1e-6)
    assert solution.n_parameters == teacher.n_parameters
    assert solution.certificate.lower_bound <= teacher.n_parameters


def test_repeated_rows_count_once_in_the_bound():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (20, 3)), rng.uniform(-1, 1, 20)
    start = ReLUNetwork(rng.normal(size=(30, 3)), rng.normal(size=30), rng.normal(size=30))
    solution = polish(start, np.vstack([X, X]), np.append(y, y))
    assert solution.max_error <= 1e-9 * np.abs(y).max()
    assert solution.certificate.lower_bound <= solution.n_parameters == 20


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("request_", [{}, {"tolerance": 0.05}, {"alpha": 1e-3}])
@pytest.mark.parametrize("output_bias", [True, False])
def test_no_affine_part_is_added_to_a_module_that_has_none(d, request_, output_bias):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (12, d)), rng.uniform(-1, 1, 12)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(d, 20), nn.ReLU(), nn.Linear(20, 1, bias=output_bias))
    solution = polish(module, X, y, time_limit=0.5, **request_)
    assert solution.network.n_affine == 0
    if not request_:
        assert np.abs(solution.network(X) - y).max() <= 1e-9


def test_an_affine_part_of_the_module_is_kept():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (12, 2)), rng.uniform(-1, 1, 12)
    start = ReLUNetwork(rng.normal(size=(9, 2)), rng.normal(size=9), rng.normal(size=9), slope=[1.0, -1.0])
    assert polish(start, X, y).n_parameters <= 12 - 3  # the affine part meets three labels
    assert polish(start, X, y, affine=False).network.n_affine == 0


def test_p_asks_for_the_smallest_path_norm_and_not_with_a_tolerance():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, 6)
    start = ReLUNetwork(rng.normal(size=(9, 2)), rng.normal(size=9), rng.normal(size=9))
    sparsest, least = polish(start, X, y), polish(start, X, y, p=1.0)
    assert least.certificate.quantity == "value"
    assert least.network.path_norm(1.0) <= sparsest.network.path_norm(1.0) * (1 + 1e-9)
    with pytest.raises(ValueError, match="p does not go with a tolerance"):
        polish(start, X, y, p=0.5, tolerance=0.1)


def test_what_is_no_network_is_refused_in_words():
    with pytest.raises(ValueError, match=r"module must be a torch.nn.Module or a ReLUNetwork, got int"):
        polish(5, [[0.0, 1.0]], [1.0])
