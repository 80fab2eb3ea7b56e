"""A network within a band by forward selection of hinges, where the rows are many: orthogonal least squares.

Hinges at random places are added where they explain most of what is left of the labels, once what the others explain
is taken off [Chen, Billings and Luo 1989], until what is left is within the band. That takes hundredths of a second
where an interpolant of the band's middle takes many, and gives some three times as many neurons as the search leaves.
"""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.newton_prune.starts import hinges_between
from reluctant.multivariate.newton_prune.state import Data, Units, Weights

CANDIDATES = 400
"""Random hinges a round; the best tenth of the neurons, two at least, join."""
SHARE = 0.9
"""Of the band, for what rounding and the search leave."""
LEAST_NORM = 1e-3
"""What a hinge must leave unexplained of its norm to join."""
NARROW = 1e-3
"""A row whose band is so much wider than the narrowest counts no less than this in least squares."""


def forward_within(
    X: Array, y: Array, half_width: Array, *, affine: bool, clock: Clock, random_state: np.random.Generator
) -> ReLUNetwork | None:
    """A network with |f(x_i) − y_i| ≤ h_i in every output; None where N / 2 neurons, or the time, give none.

    Parameters
    ----------
    X : ndarray, shape (N, d)
    y : ndarray, shape (N,) or (N, m)
    half_width : ndarray of the shape of y
        h_i, positive or infinite.
    affine : bool
        Whether a free affine part is added.
    clock : Clock
    random_state : numpy.random.Generator

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (300, 2))
    >>> y = np.sin(X[:, 0] + X[:, 1] ** 2)
    >>> network = forward_within(X, y, np.full(300, 0.05), affine=False, clock=Clock(60.0), random_state=rng)
    >>> bool(np.abs(network(X) - y).max() <= 0.05)
    True
    """
    Y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    units = Units.of(X, Y)
    data = Data.from_arrays(units.rows(X), Y / units.y, affine, half_width.reshape(Y.shape) / units.y, units.far)
    assert data.half_width is not None
    narrowest = data.half_width.min(axis=0)
    weight = np.maximum(narrowest.min() / narrowest, NARROW)
    free = data.inputs[data.affine]
    targets = (data.targets * weight).T
    basis = np.linalg.qr((free * weight).T)[0]
    U = np.zeros((0, data.n_inputs + 1))
    left = targets - basis @ (basis.T @ targets)
    while (np.abs(left / weight[:, None]) > SHARE * data.half_width.T).any():
        if len(U) > data.n_points / 2 or clock.expired():
            return None
        hinges = hinges_between(data, CANDIDATES, random_state, n_inputs=data.n_inputs)
        joined, basis = _best_of(hinges, np.maximum(hinges @ data.inputs, 0.0).T * weight[:, None], left, basis, len(U))
        U = np.vstack([U, joined])
        left = targets - basis @ (basis.T @ targets)
    features = np.vstack([np.maximum(U @ data.inputs, 0.0), free]) * weight
    V = np.linalg.lstsq(features.T, targets)[0]
    part = np.zeros((data.n_inputs + 1, data.n_outputs))
    part[data.affine] = V[len(U) :]
    network = units.network(Weights(U, V[: len(U)], part).normalised(data))
    return network if (np.abs(network(X).reshape(Y.shape) - Y) <= half_width.reshape(Y.shape)).all() else None


def _best_of(hinges: Array, values: Array, left: Array, basis: Array, n_neurons: int) -> tuple[Array, Array]:
    """The hinges that explain most of what is left, and the basis with their values (N, C) orthogonalised."""
    rest = values - basis @ (basis.T @ values)
    norms, least = np.linalg.norm(rest, axis=0), LEAST_NORM * np.linalg.norm(values, axis=0)
    explained = np.linalg.norm(left.T @ rest, axis=0) / np.maximum(norms, np.finfo(np.float64).tiny)
    joined = []
    for k in np.argsort(-np.where(norms > least, explained, -1.0))[: max(2, n_neurons // 10)]:
        column = rest[:, k] - basis @ (basis.T @ rest[:, k])  # twice is enough [Kahan, Parlett]
        norm = np.linalg.norm(column)
        if norm > least[k]:
            basis = np.column_stack([basis, column / norm])
            joined.append(k)
    return hinges[joined], basis
