"""Starts of one variable against the exact solution of the line."""

import numpy as np
import pytest

from reluctant import interpolate
from reluctant.effort import Clock
from reluctant.multivariate.newton_prune import starts
from reluctant.multivariate.newton_prune.search import sparsest_interpolant
from reluctant.multivariate.newton_prune.starts import solved_along, sparsest_line_start
from reluctant.multivariate.newton_prune.state import Data


def along_one_input(n, knots, seed=0):
    """Labels that are a piecewise-linear function of the second of four inputs."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 4))
    return X, np.interp(X[:, 1], np.linspace(-1, 1, knots), rng.uniform(-1, 1, knots))


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("j", range(3))
def test_start_along_an_input_is_the_solution_of_the_line(j, affine):
    rng = np.random.default_rng(j)
    X, y = rng.uniform(-1, 1, (25, 3)), rng.uniform(-1, 1, 25)
    data = Data.from_arrays(X, y, affine)
    start = solved_along(data, np.eye(3)[j])
    line = interpolate(X[:, j], y, affine=affine)
    # Without an affine part the start takes what always does, and the solver looks for one neuron less.
    assert line.n_neurons <= start.n_neurons <= line.n_neurons + (not affine)
    assert np.abs(start.residuals(data)).max() <= 1e-12
    others = [k for k in range(3) if k != j]
    assert not start.U[:, others].any()


def test_sparsest_line_is_along_the_input_that_matters():
    X, y = along_one_input(60, 9)
    start = sparsest_line_start(Data.from_arrays(X, y), np.random.default_rng(0))
    assert np.flatnonzero(start.U[:, :-1].any(axis=0)).tolist() == [1]
    assert start.n_neurons <= 9


def test_random_projections_serve_where_no_input_tells_the_points_apart():
    corners = np.array([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    y = np.random.default_rng(0).uniform(-1, 1, 8)
    data = Data.from_arrays(corners, y)
    assert all(solved_along(data, u) is None for u in np.eye(3))
    start = sparsest_line_start(data, np.random.default_rng(0))
    assert start.U[:, :-1].all()
    assert np.abs(start.residuals(data)).max() <= 1e-9


@pytest.mark.parametrize("affine", [False, True])
def test_inputs_too_close_for_float64_give_no_start(affine):
    X = np.column_stack([[1e-320, 0.0, -0.7, 0.3], [0.1, 0.9, -0.4, 0.2]])
    data = Data.from_arrays(X, np.array([0.5, 0.5, 1.0, -1.0]), affine)
    assert solved_along(data, np.array([1.0, 0.0])) is None
    assert solved_along(data, np.array([0.0, 1.0])) is not None


def test_an_error_that_is_no_property_of_the_data_is_not_swallowed(monkeypatch):
    def broken(*_):
        raise ValueError("a mistake")

    monkeypatch.setattr(starts, "interpolate_line", broken)
    data = Data.from_arrays(*along_one_input(20, 4))
    with pytest.raises(ValueError, match="a mistake"):
        solved_along(data, np.eye(4)[1])


def test_labels_of_one_input_are_found_with_fewer_parameters_than_points():
    X, y = along_one_input(120, 20)
    found = sparsest_interpolant(X, y, clock=Clock(2.0), random_state=0)
    assert found.network.n_neurons <= 20
    assert found.ended == "target"
