"""One run of the search for the sparsest interpolant: start, prune, climb by kicks, start afresh.

Where parameters are counted whole neurons are pruned first: a neuron of many inputs can lose one weight and a small
turn makes up for it, while in the plane a deletion turns its hinge across many points, and few succeed.

A run can be stopped after any amount of work, sent to another process and taken up again: where it is cut changes
nothing, and nothing but its end depends on the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.effort import Clock, never
from reluctant.multivariate.aim import Aim, Count
from reluctant.multivariate.newton_prune.kicks import KickChooser
from reluctant.multivariate.newton_prune.newton import solve
from reluctant.multivariate.newton_prune.pruners import LOOSE, NeuronPruner, ParameterPruner, Pruner
from reluctant.multivariate.newton_prune.starts import (
    line_start,
    simple_start,
    solved_start,
    sparsest_line_start,
    square_start,
)
from reluctant.multivariate.newton_prune.state import Data, Weights
from reluctant.multivariate.points import INTERPOLATES

Ended = Literal["target", "time", "interrupted", "exhausted"]

POLISHED = 1e-12
"""Where the last solve aims, relative to max|y|."""
PATIENCE, PATIENCE_PER_EQUATION = 40, 4
"""Kicks in a row that may bring nothing before the search starts afresh; the second where it stands near the best."""
NEAR_BEST = 1
"""More than the best by so few parameters, or neurons, is near."""
TRIES_AFTER_KICKS = 4
"""Deletions that are solved for before a kick has been in vain: of those that succeed 19 in 20 are among the first."""
PATIENCE_FIRST, WORK_FIRST = 60, 6000
"""Vain kicks that end the pruning of neurons before that of parameters; at most the second over the equations."""
NEURONS_KICKED_UNTIL = 1000
"""Beyond so many equations neurons are pruned before parameters but not kicked: a kick takes a dozen seconds there."""
PROMISING = 1.5
"""A function of one input is climbed from where it has fewer parameters than so many times the generic bound."""
EQUATIONS_PER_KICK = 100
"""One more neuron may be kicked at once for every so many equations."""
PRUNERS: dict[Count, type[Pruner]] = {"parameters": ParameterPruner, "neurons": NeuronPruner}


@dataclass(frozen=True)
class Improvement:
    """One record of a search: when, and what was found; the path norm is that of the scaled data."""

    seconds: float
    n_parameters: int
    n_neurons: int
    path_norm: float


@dataclass
class Climb:
    """The way from one start: what is pruned, where it stands, and how many kicks in a row have brought nothing."""

    count: Count
    pruner: Pruner
    weights: Weights
    pruned: bool = False
    idle: int = 0


@dataclass
class Search:
    """A run: the best interpolant so far, the climb it is on, and when to stop."""

    data: Data
    aim: Aim
    clock: Clock
    rng: np.random.Generator
    restarts: int
    first: Weights | None = None
    judge: Callable[[Weights], float] | None = None  # the error in the user's units, relative to max|y| of each output
    report: Callable[[Improvement], None] | None = None
    best: Weights | None = None
    history: list[Improvement] = field(default_factory=list)
    starts: int = 0
    work: int = 0
    climb: Climb | None = None

    def __post_init__(self) -> None:
        self.choosers = {count: KickChooser(count, self.data) for count in PRUNERS}

    def advance(self, work: float = np.inf, *, to_first_minimum: bool = False) -> None:
        """Go on until this much work is done, in factorisations, or there is a reason to end.

        With `to_first_minimum` the first start is pruned as far as single deletions of what is counted go.
        """
        until = self.work + work
        if self.ended is not None:
            return
        with threadpool_limits(1):
            while self.work < until and self.ended is None:
                climb = self.climb
                if to_first_minimum and climb is not None and climb.pruned and climb.count == self.aim.minimize:
                    return
                self.work += 1
                if climb is None:
                    self.climb = self._start()
                elif not climb.pruned:
                    self._prune(climb)
                elif climb.idle < self._patience(climb):
                    self._kick(climb)
                else:
                    self.climb = None if climb.count == self.aim.minimize else self._climb("parameters", climb.weights)
            if self.ended is not None:
                self.conclude()

    def conclude(self) -> None:
        """At the end: offer where the first pruning stands; where no start was made, what takes no search."""
        if not self.starts:
            self.climb = self._start()
        if self.climb is not None and not self.climb.pruned:
            self.offer(self.climb.weights)
        if self.aim.minimize == "neurons":
            self._thin()

    @property
    def ended(self) -> Ended | None:
        """Why the run has ended; None while it has not."""
        if self.reached():
            return "target"
        if self.starts and self.clock.expired():
            return "interrupted" if self.clock.interrupted else "time"
        return "exhausted" if self.climb is None and self.starts >= self.restarts else None

    def reached(self) -> bool:
        """Whether the target is reached."""
        return self.aim.reached(self.best)

    def rank(self) -> tuple[float, ...]:
        """The aim's key of the best; infinite where there is none."""
        return (np.inf,) if self.best is None else self.aim.key(self.best)

    def offer(self, weights: Weights, stop: Callable[[], bool] = never) -> None:
        """Keep a state that interpolates to rounding, with at most m N neurons, if it is sparser than the best.

        It is brought closer to the labels first: where it misses them whatever the time, unless `stop` says so.
        """
        if not self.aim.improves(weights, self.best) or weights.n_neurons > self.data.n_equations:
            return
        known = self._interpolates(weights)
        if not (self.clock.expired() if known else stop()):
            polished = solve(self.data, weights, tol=POLISHED, stop=stop).weights.normalised(self.data)
            if not known or self._interpolates(polished):
                weights = polished
        merged = weights.merged(affine=self.data.affine.size > 0)
        if merged.n_neurons < weights.n_neurons and self._interpolates(merged):
            weights = merged
        if not self._interpolates(weights):
            return
        self.best = weights
        norm = weights.path_norm(self.aim.p)
        self.history.append(Improvement(self.clock.elapsed(), weights.n_parameters, weights.n_neurons, norm))
        if self.report is not None:
            self.report(self.history[-1])

    def _interpolates(self, weights: Weights) -> bool:
        """Whether the network, evaluated as a user will, meets the labels with room to spare."""
        if self.judge is not None and self.judge(weights) > 0.9 * INTERPOLATES:
            return False
        errors = weights.to_network()(self.data.inputs[:-1].T).reshape(-1, self.data.n_outputs) - self.data.targets.T
        return float(np.abs(errors).max()) <= 0.4 * INTERPOLATES

    def _start(self) -> Climb:
        """A first interpolant; it is offered before anything is tried with it, so that an end of the time finds it."""
        data = self.data
        weights, count = self._given_start(), self.aim.minimize
        if weights is None or np.abs(weights.residuals(data)).max(initial=0.0) > LOOSE:
            weights = solved_start(data, self.rng, LOOSE, self.clock.expired)
            count = "neurons"
        if weights is None:
            weights = line_start(data, self.rng)
            self.offer(weights, self.clock.expired)
            if self.best is None and self.clock.expired():
                self.offer(square_start(data, self.rng), self.clock.expired)
            if self.best is None:  # too steep for float64: an interpolant matters more than the time limit
                weights = solved_start(data, self.rng, LOOSE, never) or weights
            else:
                weights = self.best
        if self.best is None:
            self.offer(weights if weights.n_neurons <= data.n_equations else line_start(data, self.rng))
        if self.best is None:
            for easy in (sparsest_line_start(data, self.rng), line_start(data, self.rng)):
                if easy is not None:
                    self.offer(easy)  # brought closer to the labels, whatever the time
        self.starts += 1
        return self._climb(count, weights)

    def _climb(self, count: Count, weights: Weights) -> Climb:
        """Begin to prune neurons or parameters."""
        target = self.aim.target or 0 if count == self.aim.minimize else 0
        pruner = PRUNERS[count](self.data, self.rng, self.clock.expired, weights.weight_limit(), target)
        return Climb(count, pruner, pruner.begin(weights))

    def _given_start(self) -> Weights | None:
        """What takes no search: first the caller's network, then a function of one input where that is sparse."""
        data = self.data
        if self.starts == 0:
            for easy in (simple_start(data), sparsest_line_start(data, self.rng)):
                if easy is not None:
                    self.offer(easy, self.clock.expired)
            return None if self.first is None else solve(data, self.first, tol=LOOSE).weights
        line = sparsest_line_start(data, self.rng) if self.starts == 1 else None
        promising = line is not None and line.n_parameters < PROMISING * data.generic_parameters
        return line if promising else None

    def _prune(self, climb: Climb) -> None:
        """One step of the first pruning."""
        before = climb.pruner.work
        shorter = climb.pruner.step(climb.weights)
        self.work += climb.pruner.work - before
        if shorter is None:
            climb.pruned = True
            climb.pruner.tries = min(climb.pruner.tries, TRIES_AFTER_KICKS)
            self.offer(climb.weights)
        else:
            climb.weights = shorter

    def _kick(self, climb: Climb) -> None:
        """Kick and prune back.

        Equally sparse networks are accepted: they are the way across plateaus.
        """
        pruner, chooser = climb.pruner, self.choosers[climb.count]
        kick = chooser.choose(self.rng)
        before = pruner.work
        most = 1 + self.data.n_equations // EQUATIONS_PER_KICK
        n = 1 + int(self.rng.integers(most))
        kicked = pruner.solve(chooser.kicks[kick](self.data, climb.weights, self.rng, n))
        pruner.work += chooser.cost(kick)
        climb.idle += 1
        gain = 0
        if kicked is not None:
            pruned = pruner.prune(kicked)
            gain = max(0, pruner.count(climb.weights) - pruner.count(pruned))
            if pruner.count(pruned) <= pruner.count(climb.weights):
                climb.weights = pruned
                self.offer(pruned)
            if gain:
                climb.idle = 0
        chooser.record(kick, gain, pruner.work - before)
        self.work += pruner.work - before

    def _patience(self, climb: Climb) -> int:
        """Kicks that may bring nothing: few where others have come further, for there a fresh start is worth more."""
        if climb.count != self.aim.minimize:
            N = self.data.n_equations
            if climb.weights.n_neurons <= self.data.generic_neurons + NEAR_BEST or N > NEURONS_KICKED_UNTIL:
                return 0
            return min(PATIENCE_FIRST, WORK_FIRST // N)
        near = self.best is None or self.aim.count(climb.weights) <= self.aim.count(self.best) + NEAR_BEST
        return PATIENCE + PATIENCE_PER_EQUATION * self.data.n_equations if near else PATIENCE

    def _thin(self) -> None:
        """Prune the parameters of the best network with the fewest neurons."""
        if self.best is not None and not self.clock.expired():
            pruner = ParameterPruner(self.data, self.rng, self.clock.expired, self.best.weight_limit())
            self.offer(pruner.prune(self.best))
