"""Generic identifiability: a network with rows to spare is, region by region, the function behind the labels."""

from __future__ import annotations

import numpy as np
import pytest

import reluctant
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.planted import recover
from reluctant.multivariate.proofs.identifiability import STATEMENT, is_identified


def pieces(network, X):
    """The affine functions (slope and intercept) that a network is near each row."""
    on = (X @ network.input_weights.T + network.biases > 0) * network.output_weights[:, 0]
    slopes = on @ network.input_weights + network.slope[:, 0]
    return np.column_stack([slopes, on @ network.biases + network.intercept[0]])


def regions_without_an_equal_piece(found, teacher, X):
    """Regions of the network found, by their patterns, at no row of which the teacher is the same function."""
    patterns = X @ found.input_weights.T + found.biases > 0
    equal = np.abs(pieces(found, X) - pieces(teacher, X)).max(axis=1) < 1e-6
    _, region = np.unique(patterns, axis=0, return_inverse=True)
    return np.flatnonzero(np.bincount(region.ravel()) * (np.bincount(region.ravel(), equal) == 0))


def teacher_of(rng, neurons, d):
    return ReLUNetwork(rng.normal(size=(neurons, d)), rng.normal(size=neurons), rng.choice([-1.0, 1.0], neurons))


def planted(seed):
    rng = np.random.default_rng(seed)
    neurons, d = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    teacher = teacher_of(rng, neurons, d)
    X = rng.normal(size=(int(rng.integers(2, 5)) * neurons * (d + 1), d))
    return teacher, X, teacher(X), rng


def check(seed):
    """Whether the claim was made; where it was, it holds."""
    teacher, X, y, _ = planted(seed)
    found = recover(X, y, max_restarts=4, random_state=seed)
    if found is None or not is_identified(found.network, X, affine=False):
        return False
    assert not len(regions_without_an_equal_piece(found.network, teacher, X)), seed
    return True


def test_regions_of_an_identified_network_hold_the_teachers_pieces():
    assert sum(check(seed) for seed in range(3)) >= 1


@pytest.mark.slow
def test_regions_of_identified_networks_hold_the_teachers_pieces_on_many_seeds():
    assert sum(check(seed) for seed in range(100, 300)) >= 80


def test_a_network_of_another_function_is_not_identified():
    """An interpolant of the same labels that has a region of its own, with no row to spare in it."""
    X = np.random.default_rng(3).normal(size=(9, 2))
    network = ReLUNetwork(np.eye(2), [0.0, 0.0], [1.0, 1.0])
    spiked = ReLUNetwork(
        [*network.input_weights, [1.0, 0.3]], [0.0, 0.0, -float(np.sort(X @ [1.0, 0.3])[-2])], [1.0, 1.0, 5.0]
    )
    assert not is_identified(spiked, X, affine=False)


def test_special_inputs_several_outputs_and_no_spare_row_are_not_identified():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    network = ReLUNetwork([[1.0, 0.5]], [0.1], [2.0])
    assert is_identified(network, X, affine=False)
    assert not is_identified(network, X[:3], affine=False)
    assert not is_identified(network, np.round(10 * X), affine=False)
    assert not is_identified(network, np.column_stack([X[:, 0], np.repeat(X[:6, 1], 2)]), affine=False)
    assert not is_identified(ReLUNetwork([[1.0, 0.5]], [0.1], [[2.0, 1.0]]), X, affine=False)


@pytest.mark.slow
def test_the_certificate_of_a_planted_network_states_what_almost_all_inputs_imply():
    teacher = teacher_of(np.random.default_rng(5), 4, 4)
    X = np.random.default_rng(6).normal(size=(80, 4))
    solution = reluctant.interpolate(X, teacher(X), random_state=0, time_limit=20)
    assert solution.n_parameters == 20
    assert STATEMENT in solution.certificate.reason
    assert "almost every choice of inputs" in STATEMENT
    grid = np.array(np.meshgrid(range(5), range(5))).reshape(2, -1).T.astype(float)
    assert (
        STATEMENT not in reluctant.interpolate(grid, np.maximum(grid[:, 0] - 2, 0), random_state=0).certificate.reason
    )
