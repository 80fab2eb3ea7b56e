"""Which size, and which ridge: cross-validation of whole paths."""

from __future__ import annotations

import sys
import time
from typing import Literal, NamedTuple, get_args

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from reluctant.regression.losses import CLASSIFICATION, Loss
from reluctant.regression.screening import most_explaining
from reluctant.regression.size_path import (
    Shrinkage,
    has_many_unknowns,
    in_standard_units,
    slope_ridge_of,
    stages_of,
)
from reluctant.regression.standardise import Standardisation
from reluctant.regression.surgeon import ONE_BY_ONE, SHARE, Stage

Array = NDArray[np.float64]
Selection = Literal["one_se", "min"]

RIDGES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
RIDGES_ON_SLOPES = (1e-2, 3e-2, 1e-1, 3e-1)
"""These are also tried on the slopes in full: of few rows a linear part wants shrinkage too."""
FOLDS = 5
FEW_ROWS, REPEATS_FEW_ROWS, ERRORS_FEW_ROWS = 300, 4, 0.25
"""Up to so many rows the folds are drawn this often, and the loss may exceed the least by this share of a standard
error only: a whole one of so few rows is as large as most of what there is to learn."""
ERRORS, ERRORS_CLASSES = 1.0, 0.5
"""Standard errors of the difference by which the loss may exceed the least: fewer for classes, where a few parameters
more gain accuracy within one."""
SOME_ROWS, REPEATS_SOME_ROWS = 2000, 2
"""Up to so many rows the folds are drawn twice: what a path owes to the rows it happened to see counts less then."""
SURVIVORS, SURVIVORS_FEW_ROWS = (11, 5, 3), (11,) * FOLDS + (4,)
"""Ridges that go on to the first, the second and all further folds: successive halving."""
RIDGES_MANY_UNKNOWNS, SURVIVORS_MANY_UNKNOWNS = (1, 2, 3, 5), (4, 2)
"""Paths that begin with very many unknowns take seconds each: fewer ridges, by index, and folds drawn once then."""
BANDWIDTH = 0.3
"""Validation losses are averaged with those of larger sizes, by half a Gaussian of this width in the logarithm of the
size. Smaller sizes do not enter, so that a sharp fall of the loss at one size stays one."""
ROUNDING = 1e-9
"""Means that differ by no larger share of themselves are equal, and the smaller size wins."""


class Config(NamedTuple):
    """What all paths of a cross-validation share."""

    loss: Loss
    affine: bool = True
    max_neurons: int | None = None
    screen: int | None = None


class Choice(NamedTuple):
    """The outcome of a cross-validation.

    `sizes` (S,) is the grid of sizes; `mean` and `error` (S,) are the validation loss with the chosen ridge and the
    standard error of its difference to the least. `chosen` is the index of the size, `n_rows` the number of rows that
    were validated.
    """

    shrinkage: Shrinkage
    sizes: NDArray[np.intp]
    mean: Array
    error: Array
    chosen: int
    n_rows: int

    @property
    def size(self) -> int:
        """The size."""
        return int(self.sizes[self.chosen])


def check_selection(selection: object) -> Selection:
    """Return `selection` if it names a rule."""
    if selection not in get_args(Selection):
        raise ValueError(f"selection must be 'one_se' or 'min', got {selection!r}")
    return selection  # type: ignore[return-value]


def size_grid(largest: int, smallest: int) -> NDArray[np.intp]:
    """All sizes that deletion one by one visits, and above them steps of the share deleted at a time."""
    sizes = list(range(smallest, max(min(largest, ONE_BY_ONE), smallest) + 1))
    while sizes[-1] < largest:
        sizes.append(min(largest, max(sizes[-1] + 1, int(sizes[-1] * (1.0 + SHARE)))))
    return np.array(sizes)


def choose(
    X: Array,
    targets: Array,
    weights: Array,
    config: Config,
    *,
    selection: Selection = "one_se",
    largest: int = 2000,
    seed: int = 0,
    n_jobs: int | None = 1,
    time_limit: float | None = None,
    verbose: bool = False,
) -> Choice:
    """Cross-validate paths over the ridges and choose the size by a paired rule.

    The rule ``"one_se"`` takes the smallest size that, with some ridge, has a validation loss above the least of all by
    no more than the standard error of the difference, row by row, for classes by no more than half of it, and with at
    most 300 rows by no more than a quarter; ``"min"`` takes the size of least loss. Ridges that do worse on the first
    folds are dropped.

    Parameters
    ----------
    X, targets, weights : ndarray
        (N, d), (N, m), (N,); at least two rows with positive weight. The others are left out of the folds.
    largest : int
        Sizes above this are not considered.
    n_jobs : int or None
        Paths computed at a time, through joblib and its current backend.
    time_limit : float, optional
        Seconds after which no further fold is begun; the first always ends.

    Returns
    -------
    Choice
    """
    began = time.monotonic()
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    grid = size_grid(largest, targets.shape[1])
    units = Standardisation.of(X, targets, weights, scale_targets=not isinstance(config.loss, CLASSIFICATION))
    loss = in_standard_units(config.loss, units)
    candidates = shrinkages(config.loss, units.n_inputs)
    tally = _Tally(candidates, grid.size, weights)
    many = takes_long(X.shape[1], targets.shape[1], config)
    alive = np.array(RIDGES_MANY_UNKNOWNS) if many else np.arange(len(candidates))
    survivors = SURVIVORS_MANY_UNKNOWNS if many else SURVIVORS if len(X) > FEW_ROWS else SURVIVORS_FEW_ROWS
    with Parallel(n_jobs=n_jobs) as parallel:
        for i, (train, test) in enumerate(_folds(targets, config.loss, seed, many)):
            if i and time_limit is not None and time.monotonic() - began > time_limit:
                break
            ranked = alive[np.argsort(tally.best_means(alive), kind="stable")]
            alive = np.sort(ranked[: survivors[min(i, len(survivors) - 1)]])
            losses = parallel(
                delayed(_validation_losses)(
                    X[train],
                    targets[train],
                    weights[train],
                    X[test],
                    targets[test],
                    config,
                    candidates[j],
                    grid,
                    units.y_scale,
                    loss,
                    seed,
                )
                for j in alive
            )
            for j, of_ridge in zip(alive, losses, strict=True):
                tally.add(int(j), test, of_ridge)
            if verbose:
                best = candidates[int(alive[np.argmin(tally.best_means(alive))])].ridge
                print(f"fold {i + 1}: {alive.size} ridges, best {best:g}", file=sys.stderr)
    errors = ERRORS_CLASSES if isinstance(config.loss, CLASSIFICATION) else ERRORS
    return _chosen(grid, tally, alive, selection, errors)


def shrinkages(loss: Loss, n_inputs: int) -> list[Shrinkage]:
    """What is tried: every ridge with the default share of it on the slopes, and some on the slopes in full."""
    shared = [Shrinkage(ridge, slope_ridge_of(Shrinkage(ridge), loss, n_inputs, None)) for ridge in RIDGES]
    return list(dict.fromkeys([*shared, *(Shrinkage(ridge, ridge) for ridge in RIDGES_ON_SLOPES)]))


def takes_long(n_inputs: int, n_outputs: int, config: Config) -> bool:
    """Whether paths begin with so many unknowns that few of them can be computed."""
    d = n_inputs if config.screen is None else min(n_inputs, config.screen)
    return has_many_unknowns(config.loss, d, n_outputs)


def _folds(targets: Array, loss: Loss, seed: int, many: bool = False) -> list[tuple[NDArray, NDArray]]:
    """Training and test rows of every fold, classes in equal shares."""
    from sklearn.model_selection import KFold, StratifiedKFold

    n_rows = len(targets)
    repeats = 1 if many or n_rows > SOME_ROWS else REPEATS_SOME_ROWS if n_rows > FEW_ROWS else REPEATS_FEW_ROWS
    labels = np.unique(targets, axis=0, return_inverse=True)[1].ravel() if isinstance(loss, CLASSIFICATION) else None
    if labels is not None and labels.max() < n_rows // 2 and np.bincount(labels).min() >= 2:
        n_folds = int(min(FOLDS, np.bincount(labels).min()))
        kinds = [StratifiedKFold(n_folds, shuffle=True, random_state=seed + r) for r in range(repeats)]
        return [fold for kind in kinds for fold in kind.split(np.zeros(n_rows), labels)]
    n_folds = min(FOLDS, n_rows)
    return [f for r in range(repeats) for f in KFold(n_folds, shuffle=True, random_state=seed + r).split(targets)]


def _validation_losses(
    X: Array,
    targets: Array,
    weights: Array,
    X_test: Array,
    targets_test: Array,
    config: Config,
    shrinkage: Shrinkage,
    grid: NDArray,
    scale: Array,
    loss: Loss,
    seed: int,
) -> Array:
    """`loss` (S, n) of the test rows for every size of the grid, predictions and targets divided by `scale`."""
    units, stages = standard_path(X, targets, weights, config, shrinkage, seed)
    inputs = units.inputs(X_test)
    losses = np.empty((grid.size, len(X_test)))
    for i, stage in enumerate(stages):
        f = (stage.model(inputs) * units.y_scale + units.y_mean) / scale
        upper = grid >= stage.size if i == 0 else (grid >= stage.size) & (grid < stages[i - 1].size)
        losses[upper] = loss.values(f, targets_test / scale)
    return losses


def standard_path(
    X: Array, targets: Array, weights: Array, config: Config, shrinkage: Shrinkage, seed: int
) -> tuple[Standardisation, list[Stage]]:
    """The path of some rows in their own standardised units."""
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    units = units_of(X, targets, weights, config)
    rows = units.rows(X, targets, weights)
    rng = np.random.default_rng(seed)
    loss = in_standard_units(config.loss, units)
    return units, stages_of(rows, loss, shrinkage, None, config.affine, rng, config.max_neurons)


def units_of(X: Array, targets: Array, weights: Array, config: Config) -> Standardisation:
    """Standardised units of some rows, for the inputs that are not screened out."""
    units = Standardisation.of(
        X, targets, weights, scale_targets=not isinstance(config.loss, CLASSIFICATION), affine=config.affine
    )
    if config.screen is None or X.shape[1] <= config.screen:
        return units
    return units.only(most_explaining(units.rows(X, targets, weights), config.screen))


class _Tally:
    """Validation losses of every ridge, size and row, summed over the repeats."""

    def __init__(self, candidates: list[Shrinkage], n_sizes: int, weights: Array) -> None:
        self.candidates = candidates
        self.sums = np.zeros((len(candidates), n_sizes, len(weights)))
        self.counts = np.zeros((len(candidates), len(weights)), dtype=np.intp)
        self.weights = weights

    def add(self, ridge: int, rows: NDArray, losses: Array) -> None:
        self.sums[ridge][:, rows] += losses
        self.counts[ridge, rows] += 1

    def rows_of(self, ridge: int, seen: NDArray[np.bool_]) -> Array:
        """Mean loss (S, n) of the rows in `seen`."""
        return self.sums[ridge][:, seen] / self.counts[ridge, seen]

    def best_means(self, ridges: NDArray) -> Array:
        """Least weighted mean loss over the sizes for each ridge; zero before the first fold."""
        seen = (self.counts[ridges] > 0).all(axis=0)
        if not seen.any():
            return np.zeros(len(ridges))
        w = self.weights[seen] / self.weights[seen].sum()
        return np.array([(self.rows_of(int(j), seen) @ w).min() for j in ridges])


def _chosen(grid: NDArray, tally: _Tally, alive: NDArray, selection: Selection, errors: float = ERRORS) -> Choice:
    """The paired rule over all pairs of a size and a ridge that saw every fold; of equal sizes the least loss."""
    seen = (tally.counts[alive] > 0).all(axis=0)
    w = tally.weights[seen] / tally.weights[seen].sum()
    smooth = _smoother(grid)
    losses = np.stack([smooth @ tally.rows_of(int(j), seen) for j in alive])
    mean = losses @ w
    best = np.unravel_index(np.argmin(mean), mean.shape)
    above, error = excess(losses, losses[best], w)
    allowed = 0.0 if selection == "min" else errors if tally.weights.size > FEW_ROWS else ERRORS_FEW_ROWS
    close = above <= allowed * error + ROUNDING * np.abs(mean)
    chosen = int(np.flatnonzero(close.any(axis=0))[0])
    ridge = int(np.argmin(np.where(close[:, chosen], mean[:, chosen], np.inf)))
    return Choice(tally.candidates[int(alive[ridge])], grid, mean[ridge], error[ridge], chosen, int(seen.sum()))


def excess(losses: Array, best: Array, w: Array) -> tuple[Array, Array]:
    """By how much losses (…, N) exceed those of `best` (N,) in the mean, and the standard error of that.

    The error is that of the paired differences with weights w, which sum to 1: √Σ w² (δ − mean δ)².
    """
    difference = losses - best
    mean = difference @ w
    return mean, np.sqrt((difference - mean[..., None]) ** 2 @ w**2)


def _smoother(grid: NDArray) -> Array:
    """Weights (S, S) that average each size with somewhat larger ones."""
    steps = np.log(grid) - np.log(grid)[:, None]
    weights = np.where(steps >= 0.0, np.exp(-0.5 * (steps / BANDWIDTH) ** 2), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)
