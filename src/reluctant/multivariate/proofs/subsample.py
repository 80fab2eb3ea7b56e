"""Bounds for many rows from a few of them (ours): what is proved on some rows holds for all.

Let m(S) be the fewest parameters, or neurons, of a network that meets the rows S within a tolerance. S ⊂ T implies
m(S) ≤ m(T), as a network that meets T meets S. So rows are kept, and networks with fewer than k are excluded on these
alone by enumeration. Where one is found, it meets all rows, and is a sparser answer, or the row that it misses most
joins the others.

As a rule it takes k rows to exclude fewer than k parameters and (K − 1)(d + 1) + 1 to exclude fewer than K neurons.
Which rows matters. The first are those that a network at hand sees best: pivots of the derivatives of its values in
its parameters, so that rows of every region are among them, in general position there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Count
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.bounds import NOTHING, Bound
from reluctant.multivariate.proofs.enumeration import Proof, enumeration_size, fewest_neurons, fewest_parameters

MOST_CELLS, MOST_SETS = 6_000, 120_000_000
"""No enumeration is begun that may look at more, some thirty seconds' work; smaller counts are proved in its place."""
MOST_ROUNDS = 40
"""So many rows join at most."""
_DEPENDENT = 1e-9
"""What is left of a row, relative to the longest, that counts as dependent on those chosen."""


@dataclass(frozen=True)
class Rows:
    """Distinct rows X (N, d) whose labels y (N,) are to be met within `tolerance`, in the units of y; processes."""

    X: Array
    y: Array
    affine: bool
    tolerance: float
    n_jobs: int = 1

    def fewest(self, quantity: Count, among: Index, known: int, clock: Clock) -> Proof:
        """What an enumeration shows on some of the rows alone."""
        fewest = fewest_parameters if quantity == "parameters" else fewest_neurons
        return fewest(
            self.X[among],
            self.y[among],
            affine=self.affine,
            tolerance=self.tolerance,
            known=known,
            clock=clock,
            n_jobs=self.n_jobs,
        )

    def missed(self, network: ReLUNetwork) -> Array:
        """By how much a network misses each label."""
        return np.abs(network(self.X) - self.y)


def bound_from_few_rows(
    quantity: Count, rows: Rows, network: ReLUNetwork, clock: Clock, most_sets: int = MOST_SETS
) -> tuple[ReLUNetwork, Bound]:
    """A bound on the fewest parameters or neurons for all rows, from some of them; and the sparsest network known then.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    rows : Rows
    network : ReLUNetwork
        One that meets all rows.
    clock : Clock
        Where it expires, the bound is what is excluded by then.
    most_sets : int
        No enumeration is begun that may look at more sets.

    Returns
    -------
    network, bound
        `network`, or a sparser one that meets all rows; no network with fewer than `bound.least` does, in exact
        arithmetic, however large its weights.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 2))
    >>> teacher = ReLUNetwork([[1.0, 0.5], [0.0, -2.0]], [0.25, 0.5], [1.0, -1.0])
    >>> rows = Rows(X, teacher(X), False, 1e-9)
    >>> bound_from_few_rows("parameters", rows, teacher, Clock(60.0))[1].least
    5
    """
    count = network.n_parameters if quantity == "parameters" else network.n_neurons
    target = _reachable(quantity, rows, count, most_sets)
    if target == 0:
        return network, NOTHING
    chosen = _first_rows(quantity, rows, network, target)
    best, bound = network, NOTHING
    for _ in range(MOST_ROUNDS):
        proof = rows.fewest(quantity, chosen, target, clock)
        if proof.lower_bound > bound.least:
            bound = Bound(proof.lower_bound, _reason(proof, len(chosen), len(rows.X)))
        if proof.network is None or clock.expired():
            break
        missed = rows.missed(proof.network)
        if (missed <= rows.tolerance).all():
            return proof.network, bound
        missed[chosen] = -1.0
        chosen = np.append(chosen, np.argmax(missed))
        if not _affordable(quantity, rows, len(chosen), target, most_sets):
            break
    return best, bound


def _reachable(quantity: Count, rows: Rows, count: int, most_sets: int) -> int:
    """The largest bound, up to `count`, for which an enumeration on the rows that it takes as a rule is affordable."""
    return next(
        (k for k in range(count, 0, -1) if _affordable(quantity, rows, _rows_for(quantity, k, rows), k, most_sets)),
        0,
    )


def _rows_for(quantity: Count, k: int, rows: Rows) -> int:
    """Rows that it takes as a rule to exclude fewer than k."""
    n = rows.X.shape[1] + 1
    free = n if rows.affine else 0
    return min(free + (k if quantity == "parameters" else (k - 1) * n + 1), len(rows.X))


def _affordable(quantity: Count, rows: Rows, n_rows: int, k: int, most_sets: int) -> bool:
    if n_rows > 63:
        return False
    n_cells, n_sets = enumeration_size(quantity, np.empty((n_rows, rows.X.shape[1])), k)
    return n_cells <= MOST_CELLS and n_sets <= most_sets


def _first_rows(quantity: Count, rows: Rows, network: ReLUNetwork, target: int) -> Index:
    """Rows that the network sees best: pivots among the derivatives of its values in the weights of its hinges."""
    Xbar = homogeneous(rows.X)
    size = np.maximum(np.abs(Xbar).max(axis=0), np.finfo(np.float64).tiny)
    blocks = [Xbar / size] if rows.affine else []
    for u in network.hinges[0]:
        support = u != 0.0 if quantity == "parameters" else np.ones(len(u), bool)
        blocks.append(np.where((Xbar @ u > 0.0)[:, None], (Xbar / size)[:, support], 0.0))
    J = np.hstack([np.zeros((len(Xbar), 0)), *blocks])
    return _pivots(J, _rows_for(quantity, target, rows))


def _pivots(J: Array, count: int) -> Index:
    """The first rows that Gram–Schmidt with pivots takes; it begins again where what is left depends on them."""
    chosen: list[int] = []
    rest = J.copy()
    smallest = _DEPENDENT * float(np.linalg.norm(J, axis=1).max(initial=0.0))
    for _ in range(count):
        lengths = np.linalg.norm(rest, axis=1)
        if lengths.max() <= smallest:
            rest = J.copy()
            lengths = np.linalg.norm(rest, axis=1)
        lengths[chosen] = -1.0
        i = int(np.argmax(lengths))
        chosen.append(i)
        if lengths[i] > smallest:
            direction = rest[i] / lengths[i]
            rest -= np.outer(rest @ direction, direction)
        rest[i] = 0.0
    return np.array(chosen)


def _reason(proof: Proof, n_chosen: int, n_rows: int) -> str:
    """The argument, with how many rows it took."""
    return f"on {n_chosen} of the {n_rows} rows alone {proof.reason}" if n_chosen < n_rows else proof.reason
