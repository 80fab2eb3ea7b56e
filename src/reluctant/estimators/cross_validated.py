"""A network of the size, and with the ridge, that cross-validation chooses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from reluctant.network import ReLUNetwork
from reluctant.regression.losses import Loss
from reluctant.regression.model import Model, Rows
from reluctant.regression.selection import Choice, Config, Selection, choose, units_of
from reluctant.regression.size_path import in_standard_units, penalty_for, stages_of
from reluctant.regression.standardise import Standardisation

Array = NDArray[np.float64]

STARTS = 3
"""Paths on all rows, from as many random starts; for every size the best of them stays."""
MOST_PARAMETERS = 2000
"""Sizes beyond this are not considered."""


@dataclass(frozen=True)
class ValidatedPath:
    """Training and validation loss for every size considered, and the networks.

    Losses are means over the rows; in regression targets count in units of their standard deviation, so that a squared
    loss of ½ is that of the mean.

    Attributes
    ----------
    sizes : ndarray, shape (n,)
        Nonzero hinge and affine parameters, rising.
    networks : tuple of ReLUNetwork
        The network of at most that size with the least training objective, fitted to all rows with the chosen ridge.
        It predicts for inputs within the estimator's `input_bounds_`.
    training_loss : ndarray, shape (n,)
        Loss of these networks on the rows they were fitted to.
    validation_loss : ndarray, shape (n,)
        Loss of networks of that size on rows they were not fitted to, averaged over neighbouring sizes.
    validation_error : ndarray, shape (n,)
        Standard error of the difference between `validation_loss` and its least value, row by row.
    ridge : float
        The chosen ridge.
    chosen : int
        Index of the chosen size.
    """

    sizes: NDArray[np.intp]
    networks: tuple[ReLUNetwork, ...]
    training_loss: Array
    validation_loss: Array
    validation_error: Array
    ridge: float
    chosen: int

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"<ValidatedPath of {len(self)} sizes, {self.sizes[self.chosen]} chosen>"


class Caps(NamedTuple):
    """The most parameters and neurons a network may have; None is no limit."""

    parameters: int | None = None
    neurons: int | None = None


class Effort(NamedTuple):
    """Randomness, workers, seconds and reports."""

    seed: int
    n_jobs: int | None = None
    time_limit: float | None = None
    verbose: bool = False


class _Fit(NamedTuple):
    """A network on a path, in standardised units."""

    model: Model
    loss: float
    objective: float


def fit_cross_validated(
    X: Array,
    targets: Array,
    weights: Array,
    loss: Loss,
    affine: bool,
    selection: Selection,
    caps: Caps,
    effort: Effort,
    start: ReLUNetwork | None = None,
    screen: int | None = None,
) -> ValidatedPath:
    """Choose size and ridge by cross-validation, then fit paths to all rows.

    After the time limit no fold is begun, and one path is fitted instead of `STARTS`.
    """
    deadline = np.inf if effort.time_limit is None else time.monotonic() + effort.time_limit
    config = Config(loss, affine, max_neurons=caps.neurons, screen=screen)
    choice = choose(
        X,
        targets,
        weights,
        config,
        selection=selection,
        largest=MOST_PARAMETERS if caps.parameters is None else caps.parameters,
        seed=effort.seed,
        n_jobs=effort.n_jobs,
        time_limit=effort.time_limit,
        verbose=effort.verbose,
    )
    units = units_of(X, targets, weights, config)
    rows = units.rows(X, targets, weights)
    fits = _fits(
        rows,
        in_standard_units(loss, units),
        affine,
        choice.ridge,
        caps.neurons,
        effort.seed,
        STARTS if time.monotonic() < deadline else 1,
        effort.n_jobs,
        None if start is None else units.model(start),
    )
    return _validated_path(fits, choice, units, rows.total_weight)


def _fits(
    rows: Rows,
    loss: Loss,
    affine: bool,
    ridge: float,
    max_neurons: int | None,
    seed: int,
    n_starts: int,
    n_jobs: int | None,
    start: Model | None,
) -> list[_Fit]:
    """All networks of the paths from several random starts and perhaps a given one."""
    starts: list[tuple[np.random.Generator, Model | None]] = [
        (np.random.default_rng(seed + i), None) for i in range(n_starts)
    ]
    if start is not None:
        starts.append((np.random.default_rng(seed), start))
    paths = Parallel(n_jobs=n_jobs)(
        delayed(stages_of)(rows, loss, ridge, None, affine, rng, max_neurons, first) for rng, first in starts
    )
    penalty = penalty_for(rows, loss, ridge, None)
    within = np.inf if max_neurons is None else max_neurons
    return [
        _Fit(stage.model, stage.loss, stage.loss + penalty.value(stage.model))
        for path in paths
        for stage in path
        if stage.model.n_neurons <= within
    ]


def _validated_path(fits: list[_Fit], choice: Choice, units: Standardisation, total_weight: float) -> ValidatedPath:
    """The best fit of at most each size, beside what cross-validation says about the size."""
    largest = max(max(fit.model.size for fit in fits), choice.size)
    shown = np.flatnonzero(choice.sizes <= largest)
    best = [
        min((fit for fit in fits if fit.model.size <= size), key=lambda fit: fit.objective)
        for size in choice.sizes[shown]
    ]
    return ValidatedPath(
        sizes=choice.sizes[shown],
        networks=tuple(units.network(fit.model) for fit in best),
        training_loss=np.array([fit.loss for fit in best]) / total_weight,
        validation_loss=choice.mean[shown],
        validation_error=choice.error[shown],
        ridge=choice.ridge,
        chosen=choice.chosen,
    )
