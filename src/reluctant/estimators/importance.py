"""How much of a network's predictions hangs on each input."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.model.network import ReLUNetwork

ROWS = 10_000


def importances(network: ReLUNetwork, X: Array, weights: Array, owners: Index) -> Array:
    """Mean |change of f| when the inputs of a column are set to their means, as shares that sum to 1.

    `owners` (d,) has the column of each input, rising from 0. At most `ROWS` rows are looked at, in even steps. Outputs
    are measured in units of their own deviation over these rows. A network that is constant has zeros.
    """
    step = -(-len(X) // ROWS)
    X, weights = X[::step], weights[::step]
    f = network(X).reshape(len(X), -1)
    deviation = np.sqrt(np.average((f - np.average(f, axis=0, weights=weights)) ** 2, axis=0, weights=weights))
    scale = np.where(deviation > 0.0, deviation, np.inf)
    change = np.zeros(owners[-1] + 1)
    for j in np.unique(owners[network.inputs_used]):
        moved = X.copy()
        moved[:, owners == j] = np.average(X[:, owners == j], axis=0, weights=weights)
        difference = np.abs(network(moved).reshape(f.shape) - f) / scale
        change[j] = np.average(difference.sum(axis=1), weights=weights)
    total = change.sum()
    return change / total if total > 0.0 else change
