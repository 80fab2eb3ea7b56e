"""What a network with fewer parameters than rows says about the function behind the labels (ours).

Theorem. Let f be continuous and piecewise linear. For almost every X, every network g with m < N parameters, those of a
free affine part counted, that meets y_i = f(x_i) is such that: if J, the (N, m) derivatives of g(x_i) in its nonzero
hinge parameters and its affine part, has rank m without any one of its rows, then every region of g that holds a
row holds one near which g and f are the same affine function.

Proof. Fix a pattern of g at the rows, the pieces of f at them and a set Q of rows at which the two affine functions
differ. At each row of Q the equation y_i = f(x_i) keeps x_i in a hyperplane, so the pairs of X and parameters that
satisfy all have dimension at most N d − |Q| + dim U, U being the parameters that the equal pieces at the other rows
leave free. Their projection on X has volume zero unless |Q| ≤ dim U, and there are finitely many patterns, pieces and
sets. Now let the regions S have no row at which the pieces agree, and n_S rows. The other regions have their pieces
fixed, so the other rows of J have rank at most m − dim U, and J without one row of S at most m − dim U + n_S − 1. That
is m, so dim U < n_S ≤ |Q|: excluded for almost every X.
"""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.points import homogeneous

_LEVERAGE = 1 - 1e-6
"""A row of more leverage counts as one that the rank needs."""
_CONDITION = 1e-9
"""Columns count as independent where, each of length one, their least singular value is at least that."""

STATEMENT = (
    "beyond what is proved: if a continuous piecewise-linear function made the labels, then for almost every choice of "
    "inputs each region of this network that holds a row holds one near which the two are the same affine function"
)


def is_identified(network: ReLUNetwork, X: Array, affine: bool) -> bool:
    """Whether the condition of the theorem holds, inputs being in no special position that can be seen.

    Inputs with a value that occurs twice in a column, or of whole numbers alone, are no "almost every" ones: for them,
    for several outputs and where no row is to spare, the answer is no.

    Parameters
    ----------
    network : ReLUNetwork
        Meets the labels.
    X : ndarray, shape (N, d)
        Distinct rows.
    affine : bool
        Whether the network's affine part was free.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(12, 2))
    >>> is_identified(ReLUNetwork([[1.0, 0.5]], [0.1], [2.0]), X, affine=False)
    True
    >>> is_identified(ReLUNetwork([[1.0, 0.5]], [0.1], [2.0]), np.round(X), affine=False)
    False
    """
    if network.n_outputs != 1 or not _is_in_general_position(X):
        return False
    U, V, _ = network.hinges
    rows = homogeneous(X)
    neurons, coordinates = np.nonzero(U * (np.abs(V).max(axis=1, initial=0.0) > 0)[:, None])
    J = (rows @ U.T >= 0)[:, neurons] * rows[:, coordinates]
    if affine:
        J = np.column_stack([J, rows])
    if not 0 < J.shape[1] < len(J):
        return False
    lengths = np.linalg.norm(J, axis=0)
    if not lengths.all():
        return False
    basis, sizes, _ = np.linalg.svd(J / lengths, full_matrices=False)
    return bool(sizes[-1] >= _CONDITION and (basis**2).sum(axis=1).max() <= _LEVERAGE)


def _is_in_general_position(X: Array) -> bool:
    """Whether no column repeats a value and not all values are whole."""
    ordered = np.sort(X, axis=0)
    return bool((ordered[1:] > ordered[:-1]).all() and (np.rint(X) != X).any(axis=0).all())
