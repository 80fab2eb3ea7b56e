"""From a trained network to an exact or sparser one."""

import numpy as np
import pytest
import torch

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


def test_polish_within_a_tolerance_is_sparser_and_stays_within():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    y = np.abs(X[:, 0]) + rng.uniform(-0.01, 0.01, 30)
    run = fit_network(X, y, alpha=1e-3, epochs=300, batch_size=None, n_neurons=20)
    solution = polish(run.network, X, y, tolerance=0.02, affine=False, time_limit=0.7)
    assert np.abs(solution.network(X) - y).max() <= 0.02
    assert solution.n_parameters < 10


def test_polish_within_a_tolerance_takes_several_outputs():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    Y = np.abs(X[:, [0]]) * [1.0, -2.0] + rng.uniform(-0.01, 0.01, (30, 2))
    run = fit_network(X, Y, alpha=1e-3, epochs=300, batch_size=None, n_neurons=20)
    solution = polish(run.network, X, Y, tolerance=0.02, affine=False, time_limit=0.7)
    assert np.abs(solution.network(X) - Y).max() <= 0.02
    assert solution.n_parameters < 15
    assert solution.certificate.kind == "none"


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
