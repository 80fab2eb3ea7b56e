"""The penalised objective of several outputs, by its definition and by its majorant."""

import numpy as np
import pytest

from reluctant.multivariate.basin_hopping.annealing import SMOOTH, Annealing, Penalty, descend, objective
from reluctant.multivariate.newton_prune.starts import random_hinges
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights


def state(m, half_width=None, affine=False):
    rng = np.random.default_rng(m)
    X, Y = rng.uniform(-1, 1, (25, 3)), rng.uniform(-1, 1, (25, m))
    band = None if half_width is None else np.full(Y.shape, half_width)
    data = Data.from_arrays(X, Y, affine, band)
    V = rng.uniform(-1, 1, (5, m))
    V[0, 1:] = 0.0
    return data, Weights(random_hinges(data, 5, rng), V, np.zeros((4, m))).normalised()


def test_penalty_of_one_output_is_the_path_norm():
    data, weights = state(1)
    unknowns = Unknowns.of(data, weights)
    value = Penalty(0.3, 0.0, 0.5).value(unknowns, unknowns.gather(weights), weights)
    assert value == pytest.approx(0.3 / 0.5 * weights.path_norm(0.5))


def test_penalty_counts_parameters_as_p_goes_to_zero():
    data, weights = state(3)
    unknowns = Unknowns.of(data, weights)
    p = 1e-9
    value = p * Penalty(1.0, 0.0, p).value(unknowns, unknowns.gather(weights), weights)
    assert value == pytest.approx(weights.n_parameters, rel=1e-6)


def test_objective_is_the_squared_distance_to_the_band_and_the_penalty():
    data, weights = state(2, half_width=0.3)
    error = weights.to_network()(data.inputs[:-1].T) - data.targets.T
    outside = np.maximum(np.abs(error) - 0.3, 0.0)
    free = np.abs(weights.V[np.abs(weights.V) < 1.0])
    sizes = np.broadcast_to(np.abs(weights.U).max(axis=1, keepdims=True), weights.V.shape)[np.abs(weights.V) < 1.0]
    expected = np.sum(np.abs(weights.U) ** 0.5) + np.sum(np.sqrt(sizes) * (free**2 + SMOOTH**2) ** 0.25 * (free > 0))
    value = objective(data, weights, Penalty(0.1, 0.0, 0.5))
    assert value == pytest.approx(0.5 * np.sum(outside**2) + 0.1 / 0.5 * expected, rel=1e-9)


@pytest.mark.parametrize("m", [1, 2])
def test_quadratic_majorant_lies_above_the_penalty_and_touches_it(m):
    """With the sizes s_k held, (λ/p) g(θ) ≤ (λ/p) g(θ₀) + ½ λ w (θ² − θ₀²)."""
    data, weights = state(m)
    unknowns, penalty = Unknowns.of(data, weights), Penalty(0.2, 0.05, 0.5)
    at = unknowns.gather(weights)
    w, here = penalty.curvatures(unknowns, at, weights), penalty.value(unknowns, at, weights)
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = at * rng.uniform(-2, 3, at.size)
        above = here + 0.5 * 0.2 * np.sum((w * (other**2 - at**2))[: unknowns.n_hinge])
        assert penalty.value(unknowns, other, weights) <= above + 1e-12


@pytest.mark.parametrize(("m", "half_width", "affine"), [(1, None, False), (2, 0.2, True), (3, 0.2, False)])
def test_descent_lowers_the_objective_and_keeps_the_zeros(m, half_width, affine):
    data, weights = state(m, half_width, affine)
    weights.U[1, 2] = 0.0
    penalty = Penalty(1e-2, 0.01, 0.5)
    lower = descend(data, weights, penalty, 10)
    assert objective(data, lower, penalty) < 0.9 * objective(data, weights, penalty)
    assert lower.U[1, 2] == 0.0


def test_hops_never_raise_the_objective():
    data, _ = state(2, 0.1)
    annealing, rng = Annealing.of(data, 0.5), np.random.default_rng(0)
    first = annealing.start(rng, 1e-2)
    sharp = Penalty(annealing.unit * 1e-2, 0.0, 0.5)
    last = annealing.hop(first, 1e-2, 5, rng, lambda: False)
    assert objective(data, last, sharp) <= objective(data, first, sharp)
