"""What every one-dimensional solution must satisfy, whoever asked for it."""

from __future__ import annotations

import numpy as np


def assert_consistent(solution, x, y) -> None:
    """The count, the knots, the value, the error and the network of a solution are those of one function."""
    function = solution.function
    assert solution.n_neurons == len(function.knots) == solution.network.n_neurons
    assert len(function.slopes) == len(function.knots) + 1
    assert np.all(np.diff(function.knots) > 0)
    changes = np.diff(function.slopes)
    assert np.all(changes != 0)
    value = np.sum(np.abs(changes) ** solution.p) if solution.p else len(changes)  # p is None: a count
    np.testing.assert_allclose(solution.value, value, rtol=1e-9)
    residual = np.abs(solution.predict(x) - y)
    np.testing.assert_allclose(solution.max_error, residual.max(), rtol=1e-6, atol=1e-12 * np.abs(y).max())
    np.testing.assert_allclose(solution.network(x), function(x), rtol=0, atol=1e-9 * np.abs(y).max())
    assert solution.certificate.kind == "proved"


def assert_interpolates(solution, x, y) -> None:
    """The table passes through the data and its knots lie between the second and the last but one point."""
    assert_consistent(solution, x, y)
    scale = np.abs(y).max()
    np.testing.assert_allclose(solution.predict(x), y, rtol=0, atol=1e-12 * scale)
    assert solution.max_error <= 1e-9 * scale
    knots = solution.function.knots
    assert len(knots) <= max(len(x) - 2, 0)
    if len(knots):
        assert x[1] <= knots[0]
        assert knots[-1] <= x[-2]
