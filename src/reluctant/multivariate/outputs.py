"""Several outputs: those that say something of their own, and combinations of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import block_diag

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork

SAME_HINGE = 1e-9
"""Neurons of several outputs whose hinges differ relatively by no more than this become one."""


def independent_outputs(Y: Array) -> tuple[Array, Array]:
    """Columns of Y (N, m) that are neither zero nor a multiple of one before, and the matrix that gives Y from them."""
    kept: list[int] = []
    mixing = np.zeros((Y.shape[1], Y.shape[1]))
    for j, column in enumerate(Y.T):
        if not column.any():
            continue
        at = int(np.argmax(np.abs(column)))
        for k in kept:
            if Y[at, k] != 0 and np.array_equal(Y[:, k] * (column[at] / Y[at, k]), column):
                mixing[k, j] = column[at] / Y[at, k]
                break
        else:
            kept.append(j)
            mixing[j, j] = 1.0
    return Y[:, kept], mixing[kept]


def unmixing(mixing: Array) -> Array:
    """The matrix that takes the outputs back."""
    return np.asarray(np.linalg.pinv(mixing), dtype=np.float64)


def with_outputs_mixed(network: ReLUNetwork, mixing: Array) -> ReLUNetwork:
    """The network whose outputs are combinations of those of another."""
    U, V, A = network.hinges
    return ReLUNetwork.from_hinges(U, V @ mixing, A @ mixing)


def combined(networks: Sequence[ReLUNetwork], mixing: Array, n_inputs: int) -> ReLUNetwork:
    """Networks of one output side by side, sharing nothing, and their outputs mixed."""
    Us, Vs, As = zip(*(network.hinges for network in networks)) if networks else ((), (), ())
    U, A = np.vstack([np.zeros((0, n_inputs + 1)), *Us]), np.hstack([np.zeros((n_inputs + 1, 0)), *As])
    return ReLUNetwork.from_hinges(U, block_diag(np.zeros((0, 0)), *Vs) @ mixing, A @ mixing)
