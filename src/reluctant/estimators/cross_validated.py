"""A network of the size, and with the ridge, that cross-validation chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from joblib import delayed

from reluctant.arrays import Array, Index
from reluctant.effort import Clock, Effort
from reluctant.model.network import ReLUNetwork
from reluctant.regression.calibration import tempered
from reluctant.regression.folds import Config, Trial, units_of
from reluctant.regression.gauss_newton import summed_loss
from reluctant.regression.model import Model, Rows
from reluctant.regression.path import penalty_for, stages_of, without_ridge
from reluctant.regression.selection import MOST_PARAMETERS, UNSEEN, Choice, Selection, choose
from reluctant.regression.standardise import Standardisation
from reluctant.regression.streaming import Encode, Streamed, fit_streamed
from reluctant.regression.tables import Table
from reluctant.workers import one_blas_thread, parallel

EXACT = 1e-12
"""Mean losses in standardised units up to that are none."""
STARTS = 3
"""Paths on all rows, from as many random starts; for every size the best of them stays."""


@dataclass(frozen=True)
class ValidatedPath:
    """Training and validation loss for every size considered, and the networks.

    Up to 10,000 rows, sizes are compared by cross-validation. Of more rows a sample tells the ridge and the sizes
    worth comparing, whose networks are refitted to rows drawn from four fifths and compared on the rest. Losses are
    means over the rows; in regression targets count in units of their standard deviation, so that a squared loss of
    ½ is that of the mean.

    In classification up to 10,000 rows the outputs of all networks are divided by one temperature: the one between 1/8
    and 8 that makes the predictions in cross-validation, with the chosen size and ridge, likeliest, pulled towards 1;
    it is 1 for constants, and where a class has one row.

    Attributes
    ----------
    sizes : ndarray, shape (n,)
        Most nonzero hinge and affine parameters, rising.
    networks : sequence of ReLUNetwork
        The network of at most that size with the least training objective, fitted to all rows with the chosen ridge.
        It predicts for inputs within the estimator's `clip_`. All are affine where the affine function is taken for few
        rows of classes.
    training_loss : ndarray, shape (n,)
        Loss of these networks on the rows they were fitted to, before any temperature.
    validation_loss : ndarray, shape (n,)
        Loss of networks of that size on rows they were not fitted to, before any temperature and, up to 10,000 rows,
        averaged with that of somewhat larger sizes, as the rule compares it.
    validation_error : ndarray, shape (n,)
        Standard error of the difference between `validation_loss` and its least value, row by row.
    ridge, slope_ridge : float
        The chosen ridge, and what of it fell on the slopes.
    kicks : int
        The kicks of the paths on all rows. `reluctant.size_path` takes all three; the paths here have several seeds,
        inputs within `clip_`, and no penalty where they fit exactly.
    chosen : int
        Index of the chosen size.
    temperature : float or None
        What the outputs were divided by; None in regression and for more than 10,000 rows.
    dense : bool
        Whether the paths on all rows began with hinges on all inputs, which those of `reluctant.size_path` do not.
    """

    sizes: Index
    networks: Sequence[ReLUNetwork]
    training_loss: Array
    validation_loss: Array
    validation_error: Array
    ridge: float
    slope_ridge: float
    kicks: int
    chosen: int
    temperature: float | None = None
    dense: bool = False

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"<ValidatedPath of {len(self)} sizes, {self.networks[self.chosen].size} chosen>"


class _Fit(NamedTuple):
    """A network on a path, in standardised units, with its training loss."""

    model: Model
    objective: float
    loss: float


@one_blas_thread()
def fit_cross_validated(
    X: Array,
    targets: Array,
    weights: Array,
    config: Config,
    selection: Selection,
    most_parameters: int | None,
    effort: Effort,
    start: ReLUNetwork | None = None,
) -> ValidatedPath:
    """Choose size and ridge by cross-validation, then fit paths to all rows.

    After the time limit no fold is begun, and one path is fitted instead of `STARTS`.
    """
    clock, seed = effort.clock(), effort.seed()
    effort = replace(effort, random_state=seed)
    choice = choose(
        X, targets, weights, config, selection=selection, largest=most_parameters, effort=effort, clock=clock
    )
    units = units_of(X, targets, weights, config)
    rows = units.rows(X, targets, weights)
    one = clock.expired() or choice.trial.linear  # of which the seed decides nothing
    n_starts = 1 if one else {"fast": 1, "default": STARTS, "thorough": 2 * STARTS}[config.search]
    starts: list[tuple[int, Model | None]] = [(seed + i, None) for i in range(n_starts)]
    if start is not None:
        starts.append((seed, units.model(start)))
    config = config.inside(units)
    fits = _fits(rows, config, choice.trial, starts, effort.n_jobs, clock)
    return _validated_path(fits, choice, units, rows, config)


def fit_in_blocks(
    table: Table, encode: Encode, config: Config, selection: Selection, most_parameters: int | None, effort: Effort
) -> ValidatedPath:
    """Choose size and ridge by a comparison on all rows of a table of which there are more than a sample holds."""
    largest = MOST_PARAMETERS if most_parameters is None else most_parameters
    return _compared_path(fit_streamed(table, encode, config, selection=selection, largest=largest, effort=effort))


def _fits(
    rows: Rows,
    config: Config,
    trial: Trial,
    starts: list[tuple[int, Model | None]],
    n_jobs: int,
    clock: Clock,
) -> list[_Fit]:
    """All networks of the paths from several starts, each a seed and perhaps a network; kicks end with the clock."""
    paths = parallel(n_jobs)(
        delayed(stages_of)(
            rows, config.loss, config.plan(trial), np.random.default_rng(seed), Clock(), start=start, kicking=clock
        )
        for seed, start in starts
    )
    penalty = penalty_for(rows, config.loss, trial.shrinkage, None)
    return [_Fit(stage.model, stage.loss + penalty.value(stage.model), stage.loss) for path in paths for stage in path]


def _validated_path(
    fits: list[_Fit], choice: Choice, units: Standardisation, rows: Rows, config: Config
) -> ValidatedPath:
    """The best fit of at most each size, beside what cross-validation says about the size and the temperature."""
    loss = config.loss
    unseen = UNSEEN * rows.total_weight if loss.of_residuals else 0.0
    if choice.trial.linear:  # a sparser one that is shrunk less has less loss, but was found to be worse
        unseen = -np.inf
    exact = EXACT * rows.total_weight if loss.of_residuals else 0.0
    largest = max(max(fit.model.size for fit in fits), choice.size)
    shown = np.flatnonzero(choice.sizes <= largest)
    best = [
        without_ridge(_best(fits, int(size), unseen), rows, loss, exact, config.affine, config.constraints)
        for size in choice.sizes[shown]
    ]
    temperature = 1.0 if choice.temperature is None else choice.temperature
    return ValidatedPath(
        sizes=choice.sizes[shown],
        networks=tuple(units.network(tempered(model, temperature)) for model in best),
        training_loss=np.array([summed_loss(model, rows, loss) for model in best]) / rows.total_weight,
        validation_loss=choice.mean[shown],
        validation_error=choice.error[shown],
        **choice.trial.shrinkage._asdict(),
        kicks=choice.trial.kicks,
        dense=choice.trial.dense,
        chosen=choice.chosen,
        temperature=choice.temperature,
    )


def _best(fits: list[_Fit], size: int, unseen: float) -> Model:
    """The fit of at most a size with the least objective, or a smaller one whose loss is as good."""
    fitting = [fit for fit in fits if fit.model.size <= size]
    best = min(fitting, key=lambda fit: fit.objective)
    good = [fit for fit in fitting if fit is best or fit.loss <= best.loss + unseen]
    return min(good, key=lambda fit: (fit.model.size, fit.objective)).model


def _compared_path(streamed: Streamed) -> ValidatedPath:
    """What the comparison on all rows says about a few sizes."""
    choice = streamed.choice
    return ValidatedPath(
        sizes=choice.sizes,
        networks=tuple(streamed.units.network(model) for model in streamed.compared),
        training_loss=streamed.losses,
        validation_loss=choice.mean,
        validation_error=choice.error,
        **choice.trial.shrinkage._asdict(),
        kicks=choice.trial.kicks,
        dense=choice.trial.dense,
        chosen=choice.chosen,
    )
