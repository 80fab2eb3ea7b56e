"""The optimal brain surgeon in arrays: which parameters cost least to delete, and what the others do then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dpotri

from reluctant.arrays import Array, Mask
from reluctant.regression.constraints import Constraints
from reluctant.regression.gauss_newton import Problem, curvatures, quadratic_model, regular
from reluctant.regression.model import Model, Unknowns
from reluctant.regression.quasi_newton import MANY_UNKNOWNS

DOWNDATED = 400
"""Up to so many unknowns the curvature is down-dated between deletions; beyond, that would take most of the time."""
REGULAR = 1e-10
"""Relative ridge under which the surgeon inverts the curvature."""


def without_cheapest(model: Model, problem: Problem, n_deleted: int) -> Model | None:
    """Delete unknowns one after the other by the surgeon's cost ½ θ² / C_qq for each parameter saved.

    C is the inverse curvature, down-dated after every deletion, and the other unknowns follow each time
    (Hassibi and Stork, 1993); of many unknowns at once those go that were cheapest at first, of very many by ½ θ² H_qq,
    as if none followed (LeCun, Denker and Solla, 1990). Constants go with their neuron only.
    """
    model = problem.kept(model)
    unknowns = problem.unknowns(model)
    free = is_deletable(model, unknowns)
    if not free.any():
        return None
    if unknowns.size > MANY_UNKNOWNS:
        spread = 1.0 / np.maximum(curvatures(model, unknowns, problem), 1e-300)
        kept = kept_by_surgeon(model, unknowns, spread, free, n_deleted, problem.constraints)
        return problem.kept(unknowns.scatter(model, np.where(kept, unknowns.gather(model), 0.0)))
    local = quadratic_model(model, unknowns, problem)
    hessian = regular(local.hessian, REGULAR)
    theta = unknowns.gather(model)
    kept = kept_by_surgeon(model, unknowns, inverse(hessian), free, n_deleted, problem.constraints)
    return _followed(model, unknowns, theta, kept, hessian, problem)


def kept_by_surgeon(
    model: Model, unknowns: Unknowns, C: Array, free: Mask, n_deleted: int, constraints: Constraints | None = None
) -> Mask:
    """Which unknowns stay when the cheapest of the free ones go one after the other; C and `free` are used up.

    Of many unknowns the diagonal of C is enough.
    """
    spread = C if C.ndim == 1 else np.diag(C)
    expected = unknowns.gather(model)
    saved = _Savings(model, unknowns)
    kept = np.ones(unknowns.size, dtype=bool)
    left, target = model.size, model.size - n_deleted
    while left > target and free.any():
        cost = np.where(free, expected**2 / np.maximum(spread, 1e-300) / saved.counts, np.inf)
        q = int(np.argmin(cost))
        if constraints is not None and constraints.monotone:
            order = np.argsort(cost)[: np.count_nonzero(free)]
            q = next((int(i) for i in order if _can_go(int(i), model, unknowns, kept, constraints)), q)
        left -= int(saved.counts[q])
        if unknowns.size <= DOWNDATED:
            downdate(C, expected, q)
        gone = saved.delete(q)
        kept[gone] = free[gone] = False
        expected[gone] = 0.0
    return kept


def _can_go(q: int, model: Model, unknowns: Unknowns, kept: Mask, constraints: Constraints) -> bool:
    """Whether slopes have their signs without one more unknown, the others as they are; what falls always can go."""
    left = np.where(kept, unknowns.gather(model), 0.0)
    left[q] = 0.0
    return constraints.hold(unknowns.scatter(model, left))


def downdate(C: Array, expected: Array, q: int) -> None:
    """Delete unknown q from the inverse curvature C, and let the others follow, in place (Hassibi and Stork, 1993)."""
    column = C[:, q] / C[q, q]
    expected -= expected[q] * column
    C -= np.outer(column, C[q])


def inverse(hessian: Array) -> Array:
    """H⁻¹ from Cholesky's factor, or by elimination where rounding leaves H without one."""
    factor, failed = dpotrf(hessian, lower=1)
    if failed:
        return np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    lower: Array = np.tril(dpotri(factor, lower=1, overwrite_c=1)[0])
    return lower + np.tril(lower, -1).T


def _followed(model: Model, unknowns: Unknowns, theta: Array, kept: Mask, hessian: Array, problem: Problem) -> Model:
    """The model without the unknowns that are not kept, the others moved to the quadratic's minimum where that helps.

    The move is solved for anew: down-dating loses digits where inputs are nearly dependent.
    """
    plain = problem.kept(unknowns.scatter(model, np.where(kept, theta, 0.0)))
    inner = np.ix_(kept, kept)
    pull = hessian[np.ix_(kept, ~kept)] @ theta[~kept]
    try:
        move = cho_solve(cho_factor(hessian[inner], check_finite=False), pull, check_finite=False)
    except LinAlgError:
        return plain
    moved = np.zeros_like(theta)
    moved[kept] = theta[kept] + move
    trial = problem.kept(unknowns.scatter(model, moved))
    return trial if problem.objective(trial) < problem.objective(plain) else plain


def is_deletable(model: Model, unknowns: Unknowns) -> Mask:
    """Input weights, output weights and slopes; of the constants those alone that are all a neuron has."""
    is_constant = ~np.any(model.U[:, :-1] != 0.0, axis=1)
    return np.concatenate(
        [
            (unknowns.coordinate < model.U.shape[1] - 1) | is_constant[unknowns.neuron],
            np.ones(unknowns.out_neuron.size, dtype=bool),
            unknowns.affine < len(model.A) - 1,
        ]
    )


class _Savings:
    """How many parameters go when an unknown does: with the last input or output of a neuron, the whole neuron."""

    def __init__(self, model: Model, unknowns: Unknowns) -> None:
        self.unknowns = unknowns
        self.incoming = np.count_nonzero(model.U[:, :-1], axis=1)
        self.outgoing = np.count_nonzero(model.V, axis=1)
        self.counts = np.ones(unknowns.size)
        self.is_weight = np.concatenate(
            [unknowns.coordinate < model.U.shape[1] - 1, np.zeros(unknowns.size - unknowns.neuron.size, dtype=bool)]
        )
        self.owner = np.concatenate([unknowns.neuron, unknowns.out_neuron, np.full(unknowns.affine.size, -1)])
        for k in range(model.n_neurons):
            self._recount(k)

    def _recount(self, k: int) -> None:
        mine = self.owner == k
        if self.incoming[k] == 1:
            self.counts[mine & self.is_weight] = self.outgoing[k] + 1.0
        if self.outgoing[k] == 1:
            out = np.flatnonzero(mine)[np.flatnonzero(mine) >= self.unknowns.neuron.size]
            self.counts[out] = self.incoming[k] + 1.0

    def delete(self, q: int) -> NDArray:
        """Delete an unknown; return the indices of all that go with it."""
        k = int(self.owner[q])
        if k < 0:
            return np.array([q])
        if self.is_weight[q]:
            self.incoming[k] -= 1
        else:
            self.outgoing[k] -= 1
        if self.incoming[k] and self.outgoing[k]:
            self._recount(k)
            return np.array([q])
        return np.flatnonzero(self.owner == k)
