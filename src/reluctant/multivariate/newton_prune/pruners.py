"""Prune an interpolant until it has as many parameters as equations, or a network in a band while it stays there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from reluctant.effort import never
from reluctant.multivariate.newton_prune.newton import (
    DAMPINGS,
    SINGLE_FROM,
    solve,
    squared_excess,
    squared_excesses,
)
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights
from reluctant.multivariate.newton_prune.surgeon import Curvature, Tangent, deletion_costs, neuron_deletion_costs

LOOSE = 1e-6
"""Residuals between deletions, relative to targets of magnitude one; the last network is polished far below."""
TRIES, TRIES_OF_NEURONS = 12, 6
"""So many deletions are solved for before a pruning ends."""
DAMPINGS_OF_TRIALS = 1
"""A deletion from an interpolant that needs damped steps seldom succeeds, and failing costs three times as much."""
SCREENED = 8
MOST_AT_ONCE = 60
NEURONS_AT_ONCE, SEVERAL_FROM = 0.5, 500
"""Of so many equations that share of the neurons beyond the bound is deleted at once, halved where that fails."""
SHARE = 0.2
"""Share of the parameters that is deleted at once within a band, halved where that fails."""


@dataclass
class Pruner(ABC):
    """Deletions for one set of data; `work` counts factorisations, so that choices do not depend on the clock.

    They end at the target, or at the generic bound where that is larger, unless `below_generic` says that the labels
    may come from a network with fewer.
    """

    data: Data
    rng: np.random.Generator
    stop: Callable[[], bool] = never
    weight_limit: float = 1e3
    target: int = 0
    work: int = 0
    tries: int = TRIES
    below_generic: bool = False

    def solve(self, weights: Weights, dampings: int = DAMPINGS) -> Weights | None:
        """The interpolant reached from `weights` on its support, or None."""
        found = solve(self.data, weights, tol=LOOSE, dampings=dampings, weight_limit=self.weight_limit, stop=self.stop)
        self.work += found.n_factorisations
        if not found.converged or np.abs(found.weights.U).max(initial=0.0) > self.weight_limit:
            return None
        return found.weights.normalised(self.data)

    def surgeon(self, weights: Weights) -> Tangent | Curvature:
        """What deletions cost: moves that keep every label, or where few are left or none, that change them least."""
        if self.data.half_width is None and Unknowns.of(self.data, weights).size > self.data.n_equations:
            return Tangent.at(self.data, weights, self.rng)
        return Curvature.at(self.data, weights)

    def first_solved(self, trials: list[Weights], dampings: int = DAMPINGS) -> Weights | None:
        """Solve from one after the other; the first interpolant, or None where none was reached."""
        for trial in trials:
            if self.stop():
                return None
            solved = self.solve(trial, dampings)
            if solved is not None:
                return solved
        return None

    @abstractmethod
    def count(self, weights: Weights) -> int:
        """What is being minimised."""

    def prune(self, weights: Weights) -> Weights:
        """Delete until the target or the generic bound is reached, or no single deletion succeeds."""
        weights = self.begin(weights)
        while (shorter := self.step(weights)) is not None:
            weights = shorter
        return weights

    def begin(self, weights: Weights) -> Weights:
        """What the first step wants."""
        return weights

    @abstractmethod
    def step(self, weights: Weights) -> Weights | None:
        """Try one deletion, or several at once; the same weights where the next step tries fewer, None at the end."""


@dataclass
class Pace:
    """How much the next step may delete: shares of the excess and of all, most of a linearisation and its |r|²."""

    bulk: float = 0.5
    share: float = SHARE
    most: int = MOST_AT_ONCE
    budget: float = 0.3


@dataclass
class ParameterPruner(Pruner):
    """Deletes single parameters: in bulk, then as many as the linearisation carries, then one by one."""

    pace: Pace = field(default_factory=Pace)

    def count(self, weights: Weights) -> int:
        """Number of parameters."""
        return weights.n_parameters

    def excess(self, weights: Weights) -> int:
        """Parameters beyond those at which deletions end."""
        return weights.n_parameters - max(self.target, 0 if self.below_generic else self.data.generic_parameters)

    def begin(self, weights: Weights) -> Weights:
        """The weights without dead neurons, and the full pace."""
        self.pace = Pace()
        return weights.normalised(self.data)

    def step(self, weights: Weights) -> Weights | None:
        """Delete by the present pace, and change it by the outcome."""
        excess = self.excess(weights)
        if excess <= 0 or self.stop():
            return None
        if self.data.half_width is not None:
            return self._within(weights, excess)
        n = int(self.pace.bulk * excess)
        if n and excess > max(self.data.n_equations // 4, 2):
            return self._in_bulk(weights, n)
        self.pace.bulk = 0.0
        return self._by_tangent(weights, excess)

    def _within(self, weights: Weights, excess: int) -> Weights | None:
        """A share of the parameters at a time while the band is reached again, then one by one."""
        if not weights.n_neurons:
            return None
        surgeon = Curvature.at(self.data, weights)
        n = min(int(self.pace.share * weights.n_parameters), excess)
        pruned = self.solve(surgeon.without_all(surgeon.cheapest(n))) if n > 1 else None
        if pruned is None:
            self.pace.share /= 2
            pruned = self._one(surgeon)
        return pruned

    def _in_bulk(self, weights: Weights, n: int) -> Weights:
        """The n cheapest parameters at once."""
        dtype = np.float32 if self.data.n_equations >= SINGLE_FROM else np.float64
        unknowns = Unknowns.of(self.data, weights)
        values = unknowns.gather(weights)
        values[np.argsort(deletion_costs(self.data, weights, unknowns, dtype))[:n]] = 0.0
        pruned = self.solve(unknowns.scatter(weights, values).normalised())
        self.pace.bulk = self.pace.bulk * 0.6 if pruned is None else min(0.7, self.pace.bulk * 1.3)
        return weights if pruned is None else pruned

    def _by_tangent(self, weights: Weights, excess: int) -> Weights | None:
        """As many as the linearisation carries, in the end one."""
        pace = self.pace
        if min(pace.most, excess // 2) <= 1:
            pace.most = 2
            return self._one(self.surgeon(weights))
        tangent = Tangent.at(self.data, weights, self.rng)
        several = replace(tangent, alive=tangent.alive.copy())
        trial, n = screened_deletions(self.data, several, min(pace.most, excess // 2), pace.budget)
        if n <= 1:
            pace.most = 2
            return self._one(tangent)
        pruned = self.solve(trial, DAMPINGS_OF_TRIALS)
        if pruned is not None:
            pace.budget, pace.most = max(1.3 * pace.budget, 1e-3), min(2 * pace.most, MOST_AT_ONCE)
            return pruned
        pace.budget, pace.most = 0.3 * pace.budget, n // 2
        return weights

    def _one(self, surgeon: Tangent | Curvature) -> Weights | None:
        """One deletion: among the cheapest, those that disturb the labels least are tried first."""
        exact = self.data.half_width is None
        trials = surgeon.trials(surgeon.cheapest(4 * TRIES))
        weights, unknowns = surgeon.weights, surgeon.unknowns
        order = np.argsort(squared_excesses(self.data, weights, unknowns, trials), kind="stable")
        chosen = [unknowns.scatter(weights, trials[k]) for k in order[: self.tries]]
        return self.first_solved(chosen, DAMPINGS_OF_TRIALS if exact else DAMPINGS)


@dataclass
class NeuronPruner(Pruner):
    """Deletes whole neurons, of many equations several at once; among the cheapest those first that disturb least."""

    tries: int = TRIES_OF_NEURONS
    share: float = NEURONS_AT_ONCE

    def count(self, weights: Weights) -> int:
        """Number of neurons."""
        return weights.n_neurons

    def begin(self, weights: Weights) -> Weights:
        """The weights, and the full pace."""
        self.share = NEURONS_AT_ONCE
        return weights

    def step(self, weights: Weights) -> Weights | None:
        """Delete one neuron, or several."""
        excess = weights.n_neurons - max(self.target, 0 if self.below_generic else self.data.generic_neurons)
        if excess <= 0 or self.stop():
            return None
        if self.data.half_width is None and self.data.n_equations >= SEVERAL_FROM and int(self.share * excess) > 1:
            return self._several(weights, int(self.share * excess))
        surgeon = self.surgeon(weights)
        cheapest = np.argsort(surgeon.neuron_costs())[: 2 * self.tries]
        trials = sorted(map(surgeon.without_neuron, cheapest), key=lambda trial: squared_excess(self.data, trial))
        return self.first_solved(trials[: self.tries])

    def _several(self, weights: Weights, n: int) -> Weights:
        """The n cheapest neurons at once."""
        dtype = np.float32 if self.data.n_equations >= SINGLE_FROM else np.float64
        kept = np.sort(np.argsort(neuron_deletion_costs(self.data, weights, dtype))[n:])
        pruned = self.solve(weights.take(kept))
        self.share = self.share * 0.5 if pruned is None else min(NEURONS_AT_ONCE, 1.3 * self.share)
        return weights if pruned is None else pruned


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
        trials = tangent.trials(candidates)
        energies = squared_excesses(data, weights, tangent.unknowns, trials)
        best = int(np.argmin(energies))
        if n and energies[best] > budget:
            return weights, n
        tangent.delete(candidates[best])
        weights = tangent.unknowns.scatter(tangent.weights, trials[best])
    return weights, most
