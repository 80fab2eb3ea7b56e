"""Prune an interpolant until it has as many parameters as equations, or a network in a band while it stays there."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reluctant.multivariate.newton import SINGLE_FROM, solve, squared_excess
from reluctant.multivariate.state import Data, Unknowns, Weights
from reluctant.multivariate.surgery import Curvature, Tangent, deletion_costs

#: Residuals between deletions, relative to targets of magnitude one; the last network is polished far below.
LOOSE = 1e-6
SCREENED = 8
MOST_AT_ONCE = 60
#: Share of the parameters that is deleted at once within a band, halved where that fails.
SHARE = 0.2


def never() -> bool:
    """Do not stop early."""
    return False


@dataclass
class Pruner(ABC):
    """Deletions for one set of data; `work` counts factorisations, so that choices do not depend on the clock."""

    data: Data
    rng: np.random.Generator
    stop: Callable[[], bool] = never
    weight_limit: float = 1e3
    target: int = 0
    work: int = 0
    latest: Weights | None = None  # the last interpolant, for when an interruption comes

    def solve(self, weights: Weights) -> Weights | None:
        """The interpolant reached from `weights` on its support, or None."""
        found = solve(self.data, weights, tol=LOOSE, weight_limit=self.weight_limit, stop=self.stop)
        self.work += found.n_factorisations
        if not found.converged or np.abs(found.weights.U).max(initial=0.0) > self.weight_limit:
            return None
        self.latest = found.weights.normalised(self.data)
        return self.latest

    def surgeon(self, weights: Weights) -> Tangent | Curvature:
        """What deletions cost: moves that keep every label, or within a band, where few are left, that change least."""
        if self.data.half_width is None:
            return Tangent.at(self.data, weights, self.rng)
        return Curvature.at(self.data, weights)

    def first_solved(self, trials: list[Weights], tries: int) -> Weights | None:
        """Solve from the trials in order of their residuals; the first interpolant, or None after `tries` failures."""
        trials = sorted(trials, key=lambda trial: squared_excess(self.data, trial))
        for trial in trials[:tries]:
            if self.stop():
                return None
            solved = self.solve(trial)
            if solved is not None:
                return solved
        return None

    @abstractmethod
    def count(self, weights: Weights) -> int:
        """What is being minimised."""

    @abstractmethod
    def prune(self, weights: Weights) -> Weights:
        """Delete until the target or the generic bound is reached, or no single deletion succeeds."""


class ParameterPruner(Pruner):
    """Deletes single parameters."""

    tries = 12

    def count(self, weights: Weights) -> int:
        """Number of parameters."""
        return weights.n_parameters

    def excess(self, weights: Weights) -> int:
        """Parameters beyond the target, or beyond the generic bound where that is larger."""
        return weights.n_parameters - max(self.target, self.data.generic_parameters)

    def prune(self, weights: Weights) -> Weights:
        """Delete in bulk, then as many as the linearisation carries, then one by one."""
        weights = weights.normalised(self.data)
        return self._within(weights) if self.data.half_width is not None else self._to_the_end(self._in_bulk(weights))

    def _within(self, weights: Weights) -> Weights:
        """Delete a share of the parameters at a time while the band is reached again, then one by one."""
        share = SHARE
        while self.excess(weights) > 0 and weights.n_neurons and not self.stop():
            surgeon = Curvature.at(self.data, weights)
            n = min(int(share * weights.n_parameters), self.excess(weights))
            pruned = self.solve(surgeon.without_all(surgeon.cheapest(n))) if n > 1 else None
            if pruned is None:
                share /= 2
                pruned = self._one(surgeon)
            if pruned is None:
                break
            weights = pruned
        return weights

    def _in_bulk(self, weights: Weights) -> Weights:
        """Delete half of the excess at a time, cheapest first, while it is more than a quarter of the equations."""
        dtype = np.float32 if self.data.n_equations >= SINGLE_FROM else np.float64
        fraction = 0.5
        while self.excess(weights) > max(self.data.n_equations // 4, 2) and not self.stop():
            n = int(fraction * self.excess(weights))
            if n == 0:
                break
            unknowns = Unknowns.of(self.data, weights)
            values = unknowns.gather(weights)
            values[np.argsort(deletion_costs(self.data, weights, unknowns, dtype))[:n]] = 0.0
            pruned = self.solve(unknowns.scatter(weights, values).normalised())
            weights = weights if pruned is None else pruned
            fraction = fraction * 0.6 if pruned is None else min(0.7, fraction * 1.3)
        return weights

    def _to_the_end(self, weights: Weights) -> Weights:
        """Delete as many as the linearisation carries, then one by one."""
        budget, most = 0.3, MOST_AT_ONCE
        while self.excess(weights) > 0 and not self.stop():
            tangent = Tangent.at(self.data, weights, self.rng)
            trial, n = screened_deletions(self.data, tangent, min(most, max(1, self.excess(weights) // 2)), budget)
            pruned = self.solve(trial) if n else None
            if pruned is not None:
                budget, most = max(1.3 * budget, 1e-3), min(2 * most, MOST_AT_ONCE)
            else:
                budget, most = 0.3 * budget, max(1, n // 2)
                if n <= 1:
                    pruned = self._one(self.surgeon(weights))
                    if pruned is None:
                        break
            weights = weights if pruned is None else pruned
        return weights

    def _one(self, surgeon: Tangent | Curvature) -> Weights | None:
        """One deletion: among the cheapest, those that disturb the labels least are tried first."""
        return self.first_solved([surgeon.without(q) for q in surgeon.cheapest(4 * self.tries)], self.tries)


class NeuronPruner(Pruner):
    """Deletes whole neurons; what remains stays dense."""

    tries = 6

    def count(self, weights: Weights) -> int:
        """Number of neurons."""
        return weights.n_neurons

    def prune(self, weights: Weights) -> Weights:
        """Delete neurons one by one, among the cheapest those first that disturb the labels least."""
        per_neuron = self.data.n_inputs + self.data.n_outputs
        fewest = max(self.target, -(-self.data.generic_parameters // per_neuron))
        while weights.n_neurons > fewest and not self.stop():
            surgeon = self.surgeon(weights)
            cheapest = np.argsort(surgeon.neuron_costs())[: 2 * self.tries]
            pruned = self.first_solved([surgeon.without_neuron(k) for k in cheapest], self.tries)
            if pruned is None:
                break
            weights = pruned
        return weights


def screened_deletions(data: Data, tangent: Tangent, most: int, budget: float) -> tuple[Weights, int]:
    """Up to `most` linearised deletions, each the one of the cheapest few that leaves the smallest true residual.

    The first is made whatever its residual, the others while |r|² stays within the budget. Returns the state and
    their number.
    """
    weights = tangent.weights
    for n in range(most):
        candidates = tangent.cheapest(SCREENED)
        if not candidates.size:
            return weights, n
        trials = [tangent.without(q) for q in candidates]
        energies = [squared_excess(data, trial) for trial in trials]
        best = int(np.argmin(energies))
        if n and energies[best] > budget:
            return weights, n
        tangent.delete(candidates[best])
        weights = trials[best]
    return weights, most
