"""From a big network to a small one: delete what the optimal brain surgeon finds cheapest, refit, keep every size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.regression.gauss_newton import Problem, minimise, quadratic_model, regular, summed_loss
from reluctant.regression.model import Model, Unknowns

Array = NDArray[np.float64]

SHARE, ONE_BY_ONE = 0.12, 24
"""Share of the unknowns deleted at a time, and the size below which they go one by one."""
REFIT_STEPS, SMALL_REFIT_STEPS = 3, 9
REGULAR = 1e-10
"""Relative ridge under which the surgeon inverts the curvature."""


class Stage(NamedTuple):
    """A network of a path, its size and its training loss, summed over the rows."""

    size: int
    model: Model
    loss: float


def backward(model: Model, problem: Problem) -> list[Stage]:
    """The path from a fitted model down to its constants: one stage for every size met, big to small.

    Sizes fall strictly; of several networks of one size the one with the smaller objective stays.
    """
    stages: dict[int, tuple[float, Model]] = {}
    while True:
        small = model.size <= ONE_BY_ONE
        model, value = minimise(model, problem, SMALL_REFIT_STEPS if small else REFIT_STEPS)
        if model.size not in stages or value < stages[model.size][0]:
            stages[model.size] = value, model
        n_deleted = 1 if small else max(1, int(SHARE * model.size))
        shorter = _without_cheapest(model, problem, n_deleted)
        if shorter is None:
            break
        model = shorter
    best = [(size, stages[size][1]) for size in sorted(stages, reverse=True)]
    return [Stage(size, model, summed_loss(model, problem.data, problem.loss)) for size, model in best]


def _without_cheapest(model: Model, problem: Problem, n_deleted: int) -> Model | None:
    """Delete unknowns one after the other by the surgeon's cost ½ θ² / C_qq for each parameter saved.

    C is the inverse curvature, down-dated after every deletion, and the other unknowns follow each time
    (Hassibi and Stork, 1993). Constants go with their neuron only.
    """
    unknowns = problem.unknowns(model)
    free = _is_deletable(model, unknowns)
    if not free.any():
        return None
    local = quadratic_model(model, unknowns, problem)
    C = np.linalg.inv(regular(local.hessian, REGULAR))
    theta = unknowns.gather(model)
    saved = _Savings(model, unknowns)
    target = model.size - n_deleted
    left = model.size
    while left > target and free.any():
        cost = np.where(free, theta**2 / np.maximum(np.diag(C), 1e-300) / saved.counts, np.inf)
        q = int(np.argmin(cost))
        left -= int(saved.counts[q])
        column = C[:, q] / C[q, q]
        theta -= theta[q] * column
        C -= np.outer(column, C[q])
        gone = saved.delete(q)
        theta[gone] = 0.0
        free[gone] = False
    theta[~np.isfinite(theta)] = 0.0
    return unknowns.scatter(model, theta)


def _is_deletable(model: Model, unknowns: Unknowns) -> NDArray[np.bool_]:
    """Input weights, output weights and slopes; not the constants."""
    return np.concatenate(
        [
            unknowns.coordinate < model.U.shape[1] - 1,
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
