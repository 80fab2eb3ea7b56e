"""Exchanges of parameters along curves of interpolants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from reluctant import interpolate
from reluctant.effort import never
from reluctant.multivariate.newton_prune import _curve
from reluctant.multivariate.newton_prune.exchange import _chosen, _inverse, _places, along_curve, exchange_parameters
from reluctant.multivariate.newton_prune.newton import solve
from reluctant.multivariate.newton_prune.starts import solved_start
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights


def interpolant(seed: int, n: int, d: int, affine: bool) -> tuple[Data, Weights, np.random.Generator]:
    """Data, and an interpolant with some of its weights deleted at random."""
    rng = np.random.default_rng(seed)
    data = Data.from_arrays(rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n), affine)
    weights = solved_start(data, rng, 1e-11, never)
    assume(weights is not None)
    for _ in range(10):
        U = np.where(rng.random(weights.U.shape) < 0.1, 0.0, weights.U)
        found = solve(data, Weights(U, weights.V, weights.affine).normalised(data), tol=1e-11)
        if found.converged:
            weights = found.weights.normalised(data)
    return data, weights, rng


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 20), st.integers(1, 4), st.booleans())
@example(510510, 7, 3, False)  # the only weight of a neuron vanishes, and with it every point crosses the hinge
def test_labels_are_met_all_along_a_curve_and_signs_change_at_its_end_alone(seed, n, d, affine):
    data, weights, rng = interpolant(seed, n, d, affine)
    unknowns = Unknowns.of(data, weights)
    assume(unknowns.size > n)
    start = unknowns.gather(weights)
    neuron, coordinate = _places(unknowns)
    moving = _chosen(unknowns.size, n + 1, -1, rng)
    inverse = _inverse(data, weights, neuron, coordinate, moving, rng)
    assume(inverse is not None and np.linalg.cond(inverse) < 1e8)
    still = np.setdiff1d(np.arange(unknowns.size), moving)
    for most in (1, 2, 3, 5, 8, 13, 40):
        values = start.copy()
        zero = _curve.walk(
            data.inputs,
            neuron,
            coordinate,
            weights.V[:, 0].copy(),
            moving,
            unknowns.deletable,
            values,
            inverse.copy(),
            1.0,
            most,
            1e3,
        )
        reached = unknowns.scatter(weights, values)
        predicted = reached.to_network()(data.inputs[:-1].T)
        assert np.abs(predicted - data.targets[0]).max() < 1e-6 * max(1.0, np.abs(values).max()), (seed, most)
        assert (values[still] == start[still]).all()
        kept = unknowns.deletable & (np.arange(unknowns.size) != zero)
        assert (np.sign(values[kept]) == np.sign(start[kept])).all(), (seed, most)
        if zero >= 0:
            assert values[zero] == 0.0
            assert unknowns.deletable[zero]
            assert zero in moving
            break


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 20), st.integers(1, 4), st.booleans())
def test_an_exchange_keeps_the_labels_and_never_needs_more_parameters(seed, n, d, affine):
    data, weights, rng = interpolant(seed, n, d, affine)
    found = exchange_parameters(data, weights, rng, 1)
    assert found.n_parameters <= weights.n_parameters
    assert np.abs(found.residuals(data)).max() <= max(1e-6, np.abs(weights.residuals(data)).max())


def test_a_walk_in_one_pattern_ends_where_a_weight_vanishes():
    """All points are active on both neurons: weights sum to 2 and biases to 1, and one of three is left alone."""
    data = Data.from_arrays(np.array([[1.0], [2.0]]), np.array([3.0, 5.0]))
    weights = Weights(np.array([[1.0, 0.5], [1.0, 0.5]]), np.ones((2, 1)), np.zeros((2, 1)))
    for seed in range(20):
        found = along_curve(data, weights, np.random.default_rng(seed))
        assert found is not None
        assert np.allclose(np.sort(found.U, axis=0), [[0.0, 0.5], [2.0, 0.5]]) or np.allclose(
            np.sort(found.U, axis=0), [[1.0, 0.0], [1.0, 1.0]]
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_fifty_rows_in_the_plane_take_fifty_parameters(seed, cpu_clock):
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (50, 2)), rng.uniform(-1, 1, 50)
    assert interpolate(X, y, time_limit=60, random_state=seed).n_parameters == 50
