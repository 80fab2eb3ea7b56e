"""The state of a search for the sparsest interpolant, and its climb from one interpolant by kicks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from reluctant.multivariate.kicks import KickChooser
from reluctant.multivariate.newton import solve
from reluctant.multivariate.pruning import ParameterPruner, Pruner
from reluctant.multivariate.state import Data, Weights

Minimize = Literal["parameters", "neurons"]

#: Largest error of what is called an interpolant, relative to max|y|, and where the last solve aims.
INTERPOLATES = 1e-9
POLISHED = 1e-12
#: Kicks in a row that may bring nothing before the search starts afresh.
PATIENCE = 40
#: One more neuron may be kicked at once for every so many equations.
EQUATIONS_PER_KICK = 100


@dataclass(frozen=True)
class Improvement:
    """One record of a search: when, and what was found; the path norm is that of the scaled data."""

    seconds: float
    n_parameters: int
    n_neurons: int
    path_norm: float


@dataclass
class Search:
    """The best interpolant so far, and when to stop."""

    data: Data
    minimize: Minimize
    target: int
    deadline: float
    p: float
    report: Callable[[Improvement], None] | None = None
    began: float = field(default_factory=time.monotonic)
    best: Weights | None = None
    history: list[Improvement] = field(default_factory=list)

    def expired(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def reached(self) -> bool:
        """Whether the target is reached."""
        return self.best is not None and self.key(self.best)[0] <= self.target

    def done(self) -> bool:
        """Whether there is a reason to stop."""
        return self.reached() or self.expired()

    def key(self, weights: Weights) -> tuple[float, ...]:
        """What is compared, most important first: the count asked for, and at last the ℓp path norm."""
        if self.minimize == "parameters":
            return weights.n_parameters, weights.path_norm(self.p)
        return weights.n_neurons, weights.n_parameters, weights.path_norm(self.p)

    def offer(self, weights: Weights) -> None:
        """Keep a state that interpolates to rounding if it is better than the best."""
        if self.best is not None and self.key(weights) >= self.key(self.best):
            return
        if not self._interpolates(weights) or not self.expired():
            weights = solve(self.data, weights, tol=POLISHED).weights.normalised(self.data)
        merged = weights.merged(affine=self.data.affine.size > 0)
        if merged.n_neurons < weights.n_neurons and self._interpolates(merged):
            weights = merged
        if not self._interpolates(weights):
            return
        self.best = weights
        seconds = time.monotonic() - self.began
        norm = weights.path_norm(self.p)
        self.history.append(Improvement(seconds, weights.n_parameters, weights.n_neurons, norm))
        if self.report is not None:
            self.report(self.history[-1])

    def _interpolates(self, weights: Weights) -> bool:
        """Whether the network, evaluated as a user will, meets the labels with room to spare."""
        errors = weights.to_network()(self.data.inputs[:-1].T).reshape(-1, self.data.n_outputs) - self.data.targets.T
        return float(np.abs(errors).max()) <= 0.4 * INTERPOLATES


def climb(search: Search, pruner: Pruner, weights: Weights, chooser: KickChooser, rng: np.random.Generator) -> None:
    """Kick and prune back until `PATIENCE` kicks in a row bring nothing.

    Equally sparse networks are accepted: they are the way across plateaus.
    """
    idle = 0
    most = 1 + search.data.n_equations // EQUATIONS_PER_KICK
    while idle < PATIENCE and not search.done():
        kick = chooser.choose(rng)
        before = pruner.work
        kicked = pruner.solve(chooser.kicks[kick](search.data, weights, rng, 1 + int(rng.integers(most))))
        idle += 1
        gain = 0
        if kicked is not None:
            pruned = pruner.prune(kicked)
            gain = max(0, pruner.count(weights) - pruner.count(pruned))
            if pruner.count(pruned) <= pruner.count(weights):
                weights = pruned
                search.offer(weights)
            if gain:
                idle = 0
        chooser.record(kick, gain, pruner.work - before)


def thin(search: Search, rng: np.random.Generator) -> None:
    """Prune the parameters of the best network with the fewest neurons."""
    if search.best is not None and not search.expired():
        search.offer(ParameterPruner(search.data, rng, search.expired, search.best.weight_limit()).prune(search.best))
