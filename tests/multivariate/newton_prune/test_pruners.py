"""Surgeon deletions against dense linear algebra."""

import pickle

import numpy as np
import pytest
from scipy.linalg import null_space

from reluctant.multivariate.newton_prune import pruners
from reluctant.multivariate.newton_prune.newton import relative_metric, solve
from reluctant.multivariate.newton_prune.pruners import NeuronPruner, ParameterPruner, screened_deletions
from reluctant.multivariate.newton_prune.starts import dense_start
from reluctant.multivariate.newton_prune.state import Data, Unknowns
from reluctant.multivariate.newton_prune.surgeon import Curvature, Tangent, deletion_costs, neuron_deletion_costs


def interpolant(n, d, m=1, affine=False, seed=0, factor=1.8):
    rng = np.random.default_rng(seed)
    data = Data.from_arrays(rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m)), affine)
    for _ in range(50):
        found = solve(data, dense_start(data, rng, factor), max_iterations=60, stall=False)
        if found.converged:
            return data, found.weights.normalised(data)
    raise AssertionError("no interpolant from fifty starts")


def weighted_design(data, weights):
    unknowns = Unknowns.of(data, weights)
    values = unknowns.gather(weights)
    root = np.sqrt(relative_metric(values, unknowns))
    return unknowns, values / root, unknowns.design(data, weights, root).T


CASES = [(20, 6, 1, False), (20, 6, 1, True), (10, 5, 2, False)]


@pytest.mark.parametrize(("n", "d", "m", "affine"), CASES)
def test_tangent_basis_spans_the_null_space(n, d, m, affine):
    data, weights = interpolant(n, d, m, affine)
    _, _, B = weighted_design(data, weights)
    basis = Tangent.at(data, weights, np.random.default_rng(0)).basis
    expected = null_space(B)
    np.testing.assert_allclose(basis @ basis.T, expected @ expected.T, atol=1e-6)


@pytest.mark.parametrize(("n", "d", "m", "affine"), CASES)
def test_deletion_is_the_least_move_that_keeps_the_labels(n, d, m, affine):
    data, weights = interpolant(n, d, m, affine)
    unknowns, x, B = weighted_design(data, weights)
    tangent = Tangent.at(data, weights, np.random.default_rng(0))
    costs, bulk = tangent.costs(), deletion_costs(data, weights, unknowns)
    for q in tangent.cheapest(5):
        constraints = np.vstack([B, np.eye(x.size)[q]])
        move = np.linalg.lstsq(constraints, np.append(np.zeros(len(B)), -x[q]), rcond=1e-12)[0]
        assert costs[q] == pytest.approx(move @ move, rel=1e-5)
        assert bulk[q] == pytest.approx(move @ move, rel=1e-5)
        moved = tangent.trials(np.array([q]))[0]
        np.testing.assert_allclose(moved, (x + move) * tangent.root, atol=1e-6 * np.abs(moved).max())
        assert moved[q] == 0.0


def test_deletions_in_a_row_equal_one_deletion_of_them_all():
    data, weights = interpolant(20, 6)
    _, x, B = weighted_design(data, weights)
    tangent = Tangent.at(data, weights, np.random.default_rng(0))
    gone = []
    for _ in range(4):
        q = int(tangent.cheapest(1)[0])
        last = tangent.unknowns.scatter(tangent.weights, tangent.trials(np.array([q]))[0])
        tangent.delete(q)
        gone.append(q)
    constraints = np.vstack([B, np.eye(x.size)[gone]])
    move = np.linalg.lstsq(constraints, np.append(np.zeros(len(B)), -x[gone]), rcond=1e-12)[0]
    np.testing.assert_allclose(tangent.x, x + move, atol=1e-6)
    assert np.all(Unknowns.of(data, weights).gather(last)[gone] == 0.0)
    assert not np.isfinite(tangent.costs()[gone]).any()


def test_neuron_deletion_is_the_least_move_that_removes_the_neuron():
    data, weights = interpolant(20, 4, factor=2.0)
    unknowns, x, B = weighted_design(data, weights)
    tangent = Tangent.at(data, weights, np.random.default_rng(0))
    k = 1
    members = np.flatnonzero(unknowns.neuron == k)
    constraints = np.vstack([B, np.eye(x.size)[members]])
    move = np.linalg.lstsq(constraints, np.append(np.zeros(len(B)), -x[members]), rcond=1e-12)[0]
    assert tangent.neuron_costs()[k] == pytest.approx(move @ move, rel=1e-4)
    assert tangent.without_neuron(k).n_neurons == weights.n_neurons - 1


def test_screened_deletions_report_how_many_they_made():
    data, weights = interpolant(30, 8)
    tangent = Tangent.at(data, weights, np.random.default_rng(0))
    trial, n = screened_deletions(data, tangent, most=3, budget=np.inf)
    assert n == 3
    assert trial.n_parameters == weights.n_parameters - 3


@pytest.mark.parametrize(("n", "d", "m", "affine"), CASES)
def test_pruning_only_removes_and_stays_an_interpolant(n, d, m, affine):
    data, weights = interpolant(n, d, m, affine)
    pruned = ParameterPruner(data, np.random.default_rng(0)).prune(weights)
    assert data.generic_parameters <= pruned.n_parameters < weights.n_parameters
    assert solve(data, pruned, tol=1e-11).converged


@pytest.mark.parametrize("kind", [ParameterPruner, NeuronPruner])
def test_pruning_in_steps_each_in_another_process_ends_like_at_once(kind):
    data, weights = interpolant(40, 5, factor=2.5)
    whole = kind(data, np.random.default_rng(0)).prune(weights)
    pruner, steps = kind(data, np.random.default_rng(0)), 0
    shorter = pruner.begin(weights)
    while shorter is not None:
        weights, steps = shorter, steps + 1
        pruner, weights = pickle.loads(pickle.dumps((pruner, weights)))
        shorter = pruner.step(weights)
    assert steps > 3
    np.testing.assert_array_equal(weights.U, whole.U)


def test_pruning_neurons_leaves_the_rest_dense():
    data, weights = interpolant(30, 5, factor=2.5)
    pruned = NeuronPruner(data, np.random.default_rng(0)).prune(weights)
    assert 5 <= pruned.n_neurons < weights.n_neurons
    assert np.all(pruned.U != 0.0)


@pytest.mark.parametrize(("n", "d", "m", "affine"), CASES)
def test_neurons_cost_the_least_move_that_deletes_them(n, d, m, affine):
    data, weights = interpolant(n, d, m, affine, factor=3.0)
    unknowns, x, B = weighted_design(data, weights)
    free = null_space(B)
    for k, cost in enumerate(neuron_deletion_costs(data, weights)):
        group = unknowns.of_neuron(k)
        shift = np.linalg.lstsq(free[group], -x[group], rcond=None)[0]
        assert np.abs(free[group] @ shift + x[group]).max() < 1e-9
        assert cost == pytest.approx(shift @ shift, rel=1e-3)


def test_several_neurons_go_at_once_where_equations_are_many(monkeypatch):
    data, weights = interpolant(40, 5, factor=3.0)
    one_by_one = NeuronPruner(data, np.random.default_rng(0)).prune(weights)
    monkeypatch.setattr(pruners, "SEVERAL_FROM", 1)
    pruner = NeuronPruner(data, np.random.default_rng(0))
    shorter, sizes = pruner.begin(weights), [weights.n_neurons]
    while shorter is not None:
        weights, shorter = shorter, pruner.step(shorter)
        sizes.append(weights.n_neurons)
    assert min(np.diff(sizes)) < -1
    assert weights.n_neurons <= one_by_one.n_neurons + 1
    assert solve(data, weights, tol=1e-11).converged


def test_no_solution_exceeds_the_weight_limit():
    data, weights = interpolant(30, 5)
    limit = 1.5 * np.abs(weights.U).max()
    pruned = ParameterPruner(data, np.random.default_rng(0), weight_limit=limit).prune(weights)
    assert np.abs(pruned.U).max() <= limit


def overdetermined(m, affine):
    """A state with fewer unknowns than equations, its labels within a band."""
    rng = np.random.default_rng(5)
    X = rng.uniform(-1, 1, (40, 3))
    weights = dense_start(Data.from_arrays(X, rng.uniform(-1, 1, (40, m)), affine), rng).take(np.arange(4))
    labels = -weights.residuals(Data.from_arrays(X, np.zeros((40, m)), affine)).T
    return Data.from_arrays(X, labels, affine, np.full((40, m), 0.3)), weights


@pytest.mark.parametrize(("m", "affine"), [(1, False), (2, False), (2, True)])
def test_price_within_a_band_is_the_least_rise_of_the_squared_error(m, affine):
    data, weights = overdetermined(m, affine)
    unknowns, x, A = weighted_design(data, weights)
    surgeon = Curvature.at(data, weights)
    for q in np.argsort(surgeon.costs())[-5:]:
        rest = np.delete(A, q, axis=1)
        move = np.linalg.lstsq(rest, A[:, q] * x[q], rcond=None)[0]
        left = A[:, q] * x[q] - rest @ move
        assert surgeon.costs()[q] == pytest.approx(left @ left, rel=1e-3, abs=1e-7)
        moved = surgeon.trials(np.array([q]))[0] / surgeon.root
        assert moved[q] == 0.0
        assert np.sum((A @ (moved - x)) ** 2) == pytest.approx(left @ left, rel=1e-3, abs=1e-7)
    for k in range(2):
        members = unknowns.of_neuron(k)
        rest, gone = np.delete(A, members, axis=1), A[:, members] @ x[members]
        left = gone - rest @ np.linalg.lstsq(rest, gone, rcond=None)[0]
        assert surgeon.neuron_costs()[k] == pytest.approx(left @ left, rel=1e-3, abs=1e-7)
        assert surgeon.without_neuron(k).n_neurons == 3


@pytest.mark.parametrize("kind", [ParameterPruner, NeuronPruner])
def test_pruning_within_a_band_goes_below_the_number_of_equations_and_stays_there(kind):
    data, weights = interpolant(20, 4, m=2)
    band = Data(data.inputs, data.targets, data.affine, np.full((2, 20), 0.3))
    pruned = kind(band, np.random.default_rng(0)).prune(weights)
    assert np.abs(pruned.residuals(band)).max() <= 0.3
    assert pruned.n_neurons < weights.n_neurons
    assert kind is NeuronPruner or pruned.n_parameters < 40
