"""From a big network to a small one: delete what the optimal brain surgeon finds cheapest, refit, keep every size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from reluctant.effort import Clock
from reluctant.regression.gauss_newton import Problem, summed_loss
from reluctant.regression.model import Model
from reluctant.regression.quasi_newton import MANY_UNKNOWNS, quasi_newton
from reluctant.regression.steps import Shorter, minimise, without_cheapest

SHARE, SHARE_OF_MANY, ONE_BY_ONE = 0.12, 0.25, 24
"""Share of the parameters deleted at a time, also of very many, and the size below which they go one by one."""
REFIT_STEPS, SMALL_REFIT_STEPS, REFIT_ITERATIONS = 3, 6, 50
"""Steps between deletions; those of L-BFGS where unknowns are very many."""
CLIFF = 2.0
"""Several deletions at once may not raise the objective by more than this factor."""
MOST_TURNED = 10
"""Of up to so many neurons all combinations are turned around."""


Report = Callable[[int, float], None]
"""What is called with size and objective along the way."""


class Stage(NamedTuple):
    """A network of a path, its size and its training loss, summed over the rows."""

    size: int
    model: Model
    loss: float


class Front:
    """Of every size the network of least objective found so far, among those of at most so many neurons.

    A larger network is a stage only where its loss gains more than `least_gain`.
    """

    def __init__(self, max_neurons: int | None = None, least_gain: float = 0.0) -> None:
        self.max_neurons = np.inf if max_neurons is None else max_neurons
        self.least_gain = least_gain
        self._found: dict[int, tuple[float, Model]] = {}

    def note(self, model: Model, value: float) -> None:
        """Keep a network if it is the best of its size."""
        if model.n_neurons > self.max_neurons:
            return
        if model.size not in self._found or value < self._found[model.size][0]:
            self._found[model.size] = value, model

    def least(self, size: int) -> float:
        """The least objective of at most that size."""
        return min((value for found, (value, _) in self._found.items() if found <= size), default=np.inf)

    def models(self) -> list[Model]:
        """Networks that no smaller one beats: sizes rise and objectives fall."""
        models, least = [], np.inf
        for size in sorted(self._found):
            value, model = self._found[size]
            if value < least:
                least = value
                models.append(model)
        return models

    def stages(self, problem: Problem) -> list[Stage]:
        """These networks, big to small, with their training loss."""
        stages: list[Stage] = []
        for model in self.models():
            stage = Stage(model.size, model, summed_loss(model, problem.data, problem.loss))
            if not stages or self.least_gain == 0.0 or stage.loss < stages[-1].loss - self.least_gain:
                stages.append(stage)
        return stages[::-1]


def backward(
    starts: Sequence[Model], problem: Problem, front: Front, clock: Clock, report: Report | None = None
) -> None:
    """Descend from fitted models down to their constants and note every size on the way, while the time lasts."""
    for model in starts:
        for size, value in descend(model.trimmed(), problem, front, clock):
            if report is not None:
                report(size, value)


def descend_in_turn(
    models: Sequence[Model], problem: Problem, front: Front, clock: Clock, report: Report | None = None
) -> None:
    """Descend from each of ever smaller models to the size of the next one."""
    for i, model in enumerate(models):
        least = models[i + 1].size if i + 1 < len(models) else 0
        for size, value in descend(model, problem, front, clock):
            if report is not None:
                report(size, value)
            if size <= least:
                break


def descend(model: Model, problem: Problem, front: Front, clock: Clock) -> Iterator[tuple[int, float]]:
    """Delete, join and refit, and note every size with its objective; nothing is deleted when the time is over.

    Yields size and objective before each deletion.

    Small networks may turn a neuron around before they lose a parameter: slopes that only undo its line then cost
    nothing. Where several deletions at once raise the objective by a multiple, one is made in their place: without
    noise the size that made the data is not jumped over.
    """
    model, value = _refitted(model, problem, clock)
    while True:
        front.note(model, value)
        joined = problem.kept(_joined(model, problem))
        if joined.n_neurons < model.n_neurons:
            model, value = _refitted(joined, problem, clock)
            front.note(model, value)
        yield model.size, value
        if clock.expired():
            return
        share = SHARE_OF_MANY if _has_many_unknowns(model, problem) else SHARE
        n_deleted = 1 if model.size <= ONE_BY_ONE else max(1, int(share * model.size))
        before = value
        for n in dict.fromkeys((n_deleted, 1)):
            shorter = _shortened(model, problem, n, clock)
            if shorter is None:
                return
            trial, value = _refitted(shorter.model, problem, clock)
            if not 0.0 < CLIFF * before < value:
                break
            front.note(trial, value)
        model = trial


def _shortened(model: Model, problem: Problem, n_deleted: int, clock: Clock) -> Shorter | None:
    """The model, or the same function with neurons turned around, without the parameters that are cheapest."""
    same_function = [model]
    if problem.affine:
        same_function += [*(_flips(model) if model.size <= ONE_BY_ONE else ()), *_levelled(model)]
    shorter = [
        without_cheapest(m, problem, m.size - model.size + n_deleted) for m in same_function if not clock.expired()
    ]
    return min((s for s in shorter if s is not None), key=lambda s: s.objective, default=None)


def _refitted(model: Model, problem: Problem, clock: Clock) -> tuple[Model, float]:
    """A few steps from a model, and its objective then."""
    if _has_many_unknowns(model, problem) and not problem.monotone:
        return quasi_newton(model, problem, REFIT_ITERATIONS, clock.expired)
    n_steps = SMALL_REFIT_STEPS if model.size <= ONE_BY_ONE else REFIT_STEPS
    return minimise(model, problem, n_steps, stop=clock.expired)


def _has_many_unknowns(model: Model, problem: Problem) -> bool:
    at_most = model.size + model.n_neurons + model.n_outputs
    return at_most > MANY_UNKNOWNS and problem.unknowns(model).size > MANY_UNKNOWNS


def _joined(model: Model, problem: Problem) -> Model:
    """The same function at the data with neurons of one output added where they are on at the same rows.

    A ridge is least for many equal neurons, and so a path that is not joined fills with copies.
    """
    if model.n_outputs > 1 or model.n_neurons < 2:
        return model
    patterns = np.vstack([block.inputs @ model.U.T > 0.0 for block in problem.data.blocks()])
    parts = [patterns, model.V[:, 0] > 0.0]
    if problem.constraints is not None:  # inputs that do not meet in one neuron must not meet now
        parts.append(model.U[:, :-1].T != 0.0)
    keys = np.packbits(np.vstack(parts), axis=0).T
    groups: dict[bytes, list[int]] = {}
    for k, key in enumerate(keys):
        groups.setdefault(key.tobytes(), []).append(k)
    if len(groups) == model.n_neurons:
        return model
    U = np.stack([model.U[group].sum(axis=0) for group in groups.values()])
    return Model(U, model.V[[group[0] for group in groups.values()]], model.A)


def _flips(model: Model) -> Iterator[Model]:
    """The same function with one neuron turned around, for each that thereby brings an affine slope closer to zero."""
    A = model.A[:-1]
    for k in range(model.n_neurons):
        flipped = model.flipped(k)
        if np.any((A != 0.0) & (np.abs(flipped.A[:-1]) < np.abs(A))):
            yield flipped


def _levelled(model: Model) -> Iterator[Model]:
    """The same function with those of few neurons turned around that leave the least slopes, if that is half of them.

    Two networks of the same neurons differ by such turns and by the affine part that makes up for them: one that needs
    no affine part is found so, where turning around one neuron after the other leads nowhere.
    """
    K = model.n_neurons
    if not 2 <= K <= MOST_TURNED:
        return
    slopes = model.A[:-1].ravel()
    lines = (model.U[:, :-1, None] * model.V[:, None, :]).reshape(K, -1)
    turned = np.arange(1 << K)[:, None] >> np.arange(K) & 1
    left = np.abs(slopes + turned @ lines).sum(axis=1)
    best = int(np.argmin(left))
    if left[best] < 0.5 * left[0]:
        for k in np.flatnonzero(turned[best]):
            model = model.flipped(int(k))
        yield model
