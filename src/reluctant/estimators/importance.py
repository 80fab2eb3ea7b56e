"""How much of a network's predictions hangs on each input."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork

ROWS = 10_000


def importances(network: ReLUNetwork, X: Array, weights: Array) -> Array:
    """Mean |change of f| when an input is set to its mean, as shares (d,) that sum to 1.

    At most `ROWS` rows are looked at, in even steps. Outputs are measured in units of their own deviation over
    these rows. A network that is constant has zeros.
    """
    step = -(-len(X) // ROWS)
    X, weights = X[::step], weights[::step]
    f = network(X).reshape(len(X), -1)
    deviation = np.sqrt(np.average((f - np.average(f, axis=0, weights=weights)) ** 2, axis=0, weights=weights))
    scale = np.where(deviation > 0.0, deviation, np.inf)
    change = np.zeros(X.shape[1])
    for j in network.inputs_used:
        moved = X.copy()
        moved[:, j] = np.average(X[:, j], weights=weights)
        difference = np.abs(network(moved).reshape(f.shape) - f) / scale
        change[j] = np.average(difference.sum(axis=1), weights=weights)
    total = change.sum()
    return change / total if total > 0.0 else change
