"""What the paths of a cross-validation are made of and with, and the rows that one of them has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Index
from reluctant.effort import Clock
from reluctant.model.clip import Clip
from reluctant.regression.constraints import Constraints
from reluctant.regression.model import Model
from reluctant.regression.path import Plan, Shrinkage, stages_of
from reluctant.regression.protocol import Loss
from reluctant.regression.screening import most_explaining
from reluctant.regression.standardise import Standardisation
from reluctant.regression.surgeon import Stage

Search = Literal["fast", "default", "thorough"]
"""How much is compared: `fast` draws folds once, `thorough` twice as often and over more ridges."""


class Config(NamedTuple):
    """What all paths of a cross-validation share; paths with `kicks` compete with those without."""

    loss: Loss
    affine: bool = True
    max_neurons: int | None = None
    screen: int | None = None
    kicks: int = 0
    search: Search = "default"
    constraints: Constraints | None = None

    def plan(self, trial: Trial) -> Plan:
        """A path of them."""
        max_neurons = 0 if trial.linear else self.max_neurons
        return Plan(trial.shrinkage, None, self.affine, max_neurons, trial.kicks, trial.dense, self.constraints)

    def inside(self, units: Standardisation) -> Config:
        """The same in standardised units, for the inputs that they have."""
        constraints = self.constraints
        if constraints is not None:
            constraints = constraints.only(units.columns, units.blur)
        return self._replace(loss=self.loss.scaled(units.y_scale), constraints=constraints)


class Trial(NamedTuple):
    """What paths are computed with to be compared: a ridge, so many kicks, hinges on all inputs or on one or two.

    A `linear` one has none: the affine function, and what deletions make of it.
    """

    shrinkage: Shrinkage
    kicks: int = 0
    dense: bool = False
    linear: bool = False


class Fold(NamedTuple):
    """Rows that were left out, and the path of the others in their own standardised units."""

    test: Index
    units: Standardisation
    stages: list[Stage]

    def model(self, size: int) -> Model:
        """The largest network up to a size."""
        return next(stage.model for stage in self.stages if stage.size <= size)

    def outputs(self, X: Array, size: int) -> Array:
        """Its outputs (n, m), in standardised units, for the rows left out."""
        return self.model(size)(self.units.inputs(X[self.test]))

    def losses(self, X: Array, targets: Array, grid: NDArray, units: Standardisation, loss: Loss) -> Array:
        """`loss` (S, n) of the rows left out for every size of the grid, in `units` of all rows."""
        inputs = self.units.inputs(X[self.test])
        losses = np.empty((grid.size, len(self.test)))
        for i, stage in enumerate(self.stages):
            f = stage.model(inputs) * self.units.y_scale + self.units.y_mean
            upper = grid >= stage.size if i == 0 else (grid >= stage.size) & (grid < self.stages[i - 1].size)
            losses[upper] = loss.values(*units.compared(f, targets[self.test]))
        return losses


def standard_path(
    X: Array, targets: Array, weights: Array, config: Config, trial: Trial, seed: int, kicking: Clock | None = None
) -> tuple[Standardisation, list[Stage]]:
    """The path of some rows in their own standardised units; it always ends, only its kicks have a clock."""
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    units = units_of(X, targets, weights, config)
    rows, config = units.rows(X, targets, weights), config.inside(units)
    return units, stages_of(
        rows, config.loss, config.plan(trial), np.random.default_rng(seed), Clock(), kicking=kicking
    )


def units_of(X: Array, targets: Array, weights: Array, config: Config) -> Standardisation:
    """Standardised units of some rows behind their clip, for the inputs that are not screened out."""
    clip = Clip.beyond(X)
    units = Standardisation.of(clip(X), targets, weights, config.loss.of_residuals, config.affine, config.loss.link)
    units = replace(units, clip=clip)
    if config.screen is None or X.shape[1] <= config.screen:
        return units
    return units.only(most_explaining(units.rows(X, targets, weights), config.screen))
