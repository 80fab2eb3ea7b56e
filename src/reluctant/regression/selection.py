"""Which size, and which ridge: cross-validation of whole paths."""

from __future__ import annotations

import sys
from typing import Literal, NamedTuple, get_args

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from reluctant.arrays import Array, Index, Mask
from reluctant.effort import Clock, Effort
from reluctant.regression.calibration import temperature_of
from reluctant.regression.folds import Config, Fold, Search, Trial, standard_path
from reluctant.regression.knots import has_knots
from reluctant.regression.linear import Linear, best_linear
from reluctant.regression.path import (
    Shrinkage,
    can_be_dense,
    slope_ridge_of,
    takes_long,
)
from reluctant.regression.protocol import Loss
from reluctant.regression.standardise import Standardisation
from reluctant.regression.surgeon import ONE_BY_ONE, SHARE
from reluctant.workers import one_blas_thread, parallel

Selection = Literal["one_se", "min"]

RIDGES, RIDGES_ON_SLOPES = (1e-4, 1e-3, 1e-2, 1e-1), (1e-1, 3e-1)
RIDGES_CLASSES, RIDGES_ON_SLOPES_CLASSES = (1e-4, 1e-3, 1e-2, 1e-1), (1e-2, 1e-1)
"""The second are also tried on the slopes in full: of few rows a linear part wants shrinkage too."""
RIDGES_THOROUGH, RIDGES_ON_SLOPES_THOROUGH = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1), (1e-2, 3e-2, 1e-1, 3e-1)
RIDGES_WITH_KNOTS = (1e-11, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""With these, functions of one input are compared: at 1e-4 a wave of six periods already costs more than it gains."""
DENSE = Shrinkage(1e-3, 1e-6)
"""The ridge of a path that begins with a few hinges on all inputs, where the others have many on one or two."""
TINY, LITTLE_NOISE = Shrinkage(1e-6, 1e-9), 0.02
"""In regression a ridge that leaves no trace is tried too for curves of one input and, after the first fold, where no
more than this share of the variance is noise."""
UNSEEN = 5e-7
"""Losses of residuals, in standardised units, that are nearer than that to the least are as good: a millionth of the
variance. Where there is no noise, all that larger networks gain is the bias of the ridge."""
FOLDS = 5
FEW_ROWS, REPEATS_FEW_ROWS, REPEATS_FEW_ROWS_CLASSES, ERRORS_FEW_ROWS = 300, 3, 4, 0.25
"""Up to so many rows the folds are drawn this often, and the loss may exceed the least by this share of a standard
error only: a whole one of so few rows is as large as most of what there is to learn."""
OVERLAP, ROWS_OF_OVERLAP, LEARNED = (1.0 + FOLDS / (FOLDS - 1)) ** 0.5, 150, 0.5
"""Of few rows of classes, a network must be ahead of the affine function with all slopes by so many standard errors at
so many rows, and by more of fewer, as 1 / √N: one, corrected for the overlap of the training rows (Nadeau and Bengio,
2003). Of some hundred networks the best seems better than it is, and so few rows cannot tell by how much. The affine
function must be ahead of the smallest network by the third, or there is nothing to be learned."""
MOST_PARAMETERS, ROWS_PER_PARAMETER = 2000, 2
"""Sizes beyond the first and, where paths take seconds each, those of fewer rows to a parameter are considered only
under a cap that is larger."""
SOME_ROWS, REPEATS_CLASSES = 2000, 2
"""Of classes up to so many rows the folds are drawn twice; in regression that changes nothing that can be measured."""
SURVIVORS, SURVIVORS_FEW_ROWS = (7, 3, 2), (7, 7, 5, 5, 2)
SURVIVORS_CLASSES, SURVIVORS_FEW_ROWS_CLASSES = (6, 3, 2), (6, 6, 5, 5, 5, 2)
"""Ridges that go on to the first, the second and all further folds: successive halving."""
RIDGES_MANY_UNKNOWNS, SURVIVORS_MANY_UNKNOWNS = (1e-3, 1e-2, 1e-1), (3, 1)
"""Paths that begin with very many unknowns take seconds each: fewer ridges, and folds drawn once then."""
SURVIVORS_FAST = (2, 1)  # and of a thorough search twice as many as usual
BANDWIDTH = 0.3
"""Validation losses are averaged with those of larger sizes, by half a Gaussian of this width in the logarithm of the
size. Smaller sizes do not enter, so that a sharp fall of the loss at one size stays one."""
ROUNDING = 1e-9
"""Means that differ by no larger share of themselves are equal, and the smaller size wins."""
NATS = 0.5
"""The error of a log-likelihood of all rows is taken to be at least that: a likelihood ratio of 1.6 is worth no
parameter. Where classes are separable the error is next to nothing, and larger networks would win for ever."""


class Choice(NamedTuple):
    """The outcome of a cross-validation.

    `sizes` (S,) is the grid of sizes; `mean` and `error` (S,) are the validation loss with the chosen trial and the
    standard error of its difference to the least. `chosen` is the index of the size, `n_rows` the number of rows that
    were validated, `temperature` that of the outputs for these rows with the chosen size and trial, where the loss is a
    likelihood.
    """

    trial: Trial
    sizes: Index
    mean: Array
    error: Array
    chosen: int
    n_rows: int
    temperature: float | None = None

    @property
    def size(self) -> int:
        """The size."""
        return int(self.sizes[self.chosen])


def check_selection(selection: object) -> Selection:
    """Return `selection` if it names a rule."""
    if str(selection) not in get_args(Selection):  # a missing value has no truth value
        raise ValueError(f"selection must be 'one_se' or 'min', got {selection!r}")
    return selection  # type: ignore[return-value]


def check_search(search: object) -> Search:
    """Return `search` if it names how much is compared."""
    if str(search) not in get_args(Search):
        raise ValueError(f"search must be 'fast', 'default' or 'thorough', got {search!r}")
    return search  # type: ignore[return-value]


def size_grid(largest: int, smallest: int) -> Index:
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
    largest: int | None = None,
    effort: Effort = Effort(random_state=0),  # noqa: B008
    clock: Clock | None = None,
) -> Choice:
    """Cross-validate paths over the ridges and choose the size by a paired rule.

    The rule ``"one_se"`` takes the smallest size that, with some ridge, has a validation loss above the least of all by
    no more than the standard error of the difference, row by row, and with at most 300 rows by no more than a quarter
    of it; that of a log-likelihood is at least one half over all rows. With so few rows of classes the affine function
    with all slopes and a ridge of its own is taken unless the network is clearly ahead of it. ``"min"`` takes the size
    of least loss. Ridges that do worse on the first folds are dropped. Where kicks are wanted, the ridges of the least
    loss and of the smallest size are tried with them too, on the same folds. For a likelihood the predictions with the
    choice then tell the temperature.

    Parameters
    ----------
    X, targets, weights : ndarray
        (N, d), (N, m), (N,); at least two rows with positive weight. The others are left out of the folds.
    largest : int, optional
        Sizes above this, or above the number of targets N m, are not considered; by default 2,000, and of paths with
        very many unknowns one parameter for two rows.
    effort : Effort
        Its seed decides folds and starts; so many paths are computed at a time, through joblib and its current
        backend.
    clock : Clock, optional
        One that runs already, in place of that of the effort; when it has expired no further fold is begun. The first
        always ends.

    Returns
    -------
    Choice
    """
    clock, seed = effort.clock() if clock is None else clock, effort.seed()
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    units = Standardisation.of(X, targets, weights, config.loss.of_residuals, link=config.loss.link)
    loss = config.loss.scaled(units.y_scale)
    d = X.shape[1] if config.screen is None else min(X.shape[1], config.screen)
    many = takes_long(config.loss, len(X), d, targets.shape[1], config.max_neurons)
    if largest is None:
        largest = max(targets.shape[1], len(X) // ROWS_PER_PARAMETER) if many else MOST_PARAMETERS
    grid = size_grid(min(largest, targets.size), targets.shape[1])
    likelihood = config.loss.is_likelihood
    knotted = has_knots(units.rows(X, targets, weights), config.loss, config.affine)
    trials = [Trial(shrinkage) for shrinkage in shrinkages(config.loss, units.n_inputs, many, knotted, config.search)]
    dense = config.constraints is None or config.constraints.dense
    if dense and not many and not knotted and can_be_dense(config.loss, d, targets.shape[1]):
        trials.append(Trial(DENSE, dense=True))
    tally = _Tally(trials, grid.size, weights, keep_paths=likelihood)
    alive = np.arange(len(trials))
    survivors = survivors_of(config.loss, len(X), many, config.search)
    folds = _folds(targets, config.loss, seed, many, config.search)
    with clock.speaking("ends the fit"), one_blas_thread(), parallel(effort.n_jobs) as computed:

        def compete(trials: NDArray, train: NDArray, test: NDArray) -> None:
            rows = X[train], targets[train], weights[train]
            paths = computed(delayed(standard_path)(*rows, config, tally.trials[j], seed, clock) for j in trials)
            for j, path in zip(trials, paths, strict=True):
                fold = Fold(test, *path)
                tally.add(int(j), fold, fold.losses(X, targets, grid, units, loss))

        for i, fold in enumerate(folds):
            if i and clock.expired():
                break
            clock.doing(f"comparing sizes of networks on fold {i + 1} of {len(folds)}")
            ranked = alive[np.argsort(tally.best_means(alive), kind="stable")]
            alive = np.sort(ranked[: survivors[min(i, len(survivors) - 1)]])
            compete(alive, *fold)
            done = folds[: i + 1]
            if i == 0 and not (many or knotted) and _looks_exact(tally, alive, config.loss, targets.shape[1], d):
                tiny = tally.with_trials(
                    [Trial(TINY, dense=dense) for dense in sorted({trial.dense for trial in trials})]
                )
                compete(tiny, *fold)
                alive = np.append(alive, tiny)
            if effort.verbose:
                best = tally.trials[tally.best(alive)].shrinkage.ridge
                print(f"fold {i + 1}: {alive.size} paths, best ridge {best:g}", file=sys.stderr)
        choice = _chosen(grid, tally, alive, selection, config.loss)
        if config.kicks:
            kicked = tally.with_kicks({choice.trial, tally.trials[tally.best(alive)]}, config.kicks)
            for fold in folds:
                if clock.expired():
                    break
                compete(kicked, *fold)
            else:
                choice = _chosen(grid, tally, np.append(alive, kicked), selection, config.loss)
        few = config.loss.for_classes and len(X) <= FEW_ROWS and not many
        if few and config.affine and selection == "one_se":
            linear = best_linear(X, targets, weights, config, done, units, loss)
            full = int(np.searchsorted(grid, linear.size))
            if full < grid.size and _is_better(linear, choice, tally, config.loss):
                full_slopes = tally.with_trials([linear.trial])
                for fold in done:
                    compete(full_slopes, *fold)
                choice = _chosen(grid, tally, full_slopes, selection, config.loss)._replace(chosen=full)
    return choice._replace(temperature=_temperature(choice, tally, X, targets, loss)) if likelihood else choice


def _looks_exact(tally: _Tally, trials: NDArray, loss: Loss, n_outputs: int, n_inputs: int) -> bool:
    """Whether the first fold leaves little noise, or there is one input, for which small ridges cost nothing."""
    if not loss.of_residuals or loss.degree != 2:
        return False
    return n_inputs == 1 or float(tally.best_means(trials).min()) < 0.5 * LITTLE_NOISE * n_outputs


def _temperature(choice: Choice, tally: _Tally, X: Array, targets: Array, loss: Loss) -> float:
    """The temperature of the outputs for the rows left out; 1 where these are constants or a class has one row only."""
    folds = tally.folds[tally.trials.index(choice.trial)]
    members = np.bincount(np.unique(targets, axis=0, return_inverse=True)[1].ravel())
    if members.min() < 2 or all(fold.model(choice.size).is_constant for fold in folds):
        return 1.0
    f = np.vstack([fold.outputs(X, choice.size) for fold in folds])
    tested = np.concatenate([fold.test for fold in folds])
    seen = tally.weights[np.unique(tested)]
    return temperature_of(f, targets[tested], tally.weights[tested], effective_rows(seen), loss)


def shrinkages(
    loss: Loss, n_inputs: int, many: bool = False, knotted: bool = False, search: Search = "default"
) -> list[Shrinkage]:
    """What is tried: every ridge with the default share of it on the slopes, and some on the slopes in full.

    Functions of one input with counted knots need none but the faintest; the slope is one.
    """
    if knotted:
        return [Shrinkage(r, slope_ridge_of(Shrinkage(r), loss, n_inputs, None)) for r in RIDGES_WITH_KNOTS]
    ridges: tuple[float, ...] = RIDGES
    on_slopes: tuple[float, ...] = RIDGES_ON_SLOPES
    if many:
        ridges, on_slopes = RIDGES_MANY_UNKNOWNS, ()
    elif search == "thorough":
        ridges, on_slopes = RIDGES_THOROUGH, RIDGES_ON_SLOPES_THOROUGH
    elif loss.for_classes:
        ridges, on_slopes = RIDGES_CLASSES, RIDGES_ON_SLOPES_CLASSES
    shared = [Shrinkage(ridge, slope_ridge_of(Shrinkage(ridge), loss, n_inputs, None)) for ridge in ridges]
    return list(dict.fromkeys([*shared, *(Shrinkage(ridge, ridge) for ridge in on_slopes)]))


def survivors_of(loss: Loss, n_rows: int, many: bool, search: Search = "default") -> tuple[int, ...]:
    """How many trials go on to the first fold, the second and so on; the last is that of all further ones."""
    if many:
        return SURVIVORS_MANY_UNKNOWNS
    usual: tuple[int, ...] = SURVIVORS if n_rows > FEW_ROWS else SURVIVORS_FEW_ROWS
    if loss.for_classes:
        usual = SURVIVORS_CLASSES if n_rows > FEW_ROWS else SURVIVORS_FEW_ROWS_CLASSES
    if search == "fast":
        return usual[:1] + SURVIVORS_FAST
    return tuple(2 * n for n in usual) if search == "thorough" else usual


def folds_of(targets: Array, config: Config, n_inputs: int, seed: int) -> list[tuple[NDArray, NDArray]]:
    """Training and test rows of the folds that `choose` draws for so many inputs, rows of weight zero left out."""
    d = n_inputs if config.screen is None else min(n_inputs, config.screen)
    many = takes_long(config.loss, len(targets), d, targets.shape[1], config.max_neurons)
    return _folds(targets, config.loss, seed, many, config.search)


def _folds(
    targets: Array, loss: Loss, seed: int, many: bool = False, search: Search = "default"
) -> list[tuple[NDArray, NDArray]]:
    """Training and test rows of every fold, classes in equal shares."""
    from sklearn.model_selection import KFold, StratifiedKFold

    n_rows = len(targets)
    few, some = (REPEATS_FEW_ROWS_CLASSES, REPEATS_CLASSES) if loss.for_classes else (REPEATS_FEW_ROWS, 1)
    repeats = 1 if many or n_rows > SOME_ROWS else some if n_rows > FEW_ROWS else few
    repeats = {"fast": 1, "default": repeats, "thorough": 2 * repeats}[search]
    labels = np.unique(targets, axis=0, return_inverse=True)[1].ravel() if loss.for_classes else None
    if labels is not None and labels.max() < n_rows // 2 and np.bincount(labels).min() >= 2:
        n_folds = int(min(FOLDS, np.bincount(labels).min()))
        kinds = [StratifiedKFold(n_folds, shuffle=True, random_state=seed + r) for r in range(repeats)]
        return [fold for kind in kinds for fold in kind.split(np.zeros(n_rows), labels)]
    n_folds = min(FOLDS, n_rows)
    return [f for r in range(repeats) for f in KFold(n_folds, shuffle=True, random_state=seed + r).split(targets)]


class _Tally:
    """Validation losses of every trial, size and row, summed over the repetitions, and the paths if they are kept."""

    def __init__(self, trials: list[Trial], n_sizes: int, weights: Array, keep_paths: bool = True) -> None:
        self.trials = trials
        self.sums = np.zeros((len(trials), n_sizes, len(weights)))
        self.counts = np.zeros((len(trials), len(weights)), dtype=np.intp)
        self.folds: list[list[Fold]] = [[] for _ in trials]
        self.weights = weights
        self.keep_paths = keep_paths

    def with_kicks(self, trials: set[Trial], kicks: int) -> Index:
        """Indices of new trials: these, kicked."""
        return self.with_trials([trial._replace(kicks=kicks) for trial in sorted(trials)])

    def with_trials(self, trials: list[Trial]) -> Index:
        """Indices of new trials."""
        first = len(self.trials)
        self.trials = [*self.trials, *trials]
        self.folds += [[] for _ in trials]
        self.sums, self.counts = (
            np.concatenate([a, np.zeros((len(trials), *a.shape[1:]), a.dtype)]) for a in (self.sums, self.counts)
        )
        return np.arange(first, len(self.trials))

    def add(self, trial: int, fold: Fold, losses: Array) -> None:
        self.sums[trial][:, fold.test] += losses
        self.counts[trial, fold.test] += 1
        if self.keep_paths:
            self.folds[trial].append(fold)

    def rows_of(self, trial: int, seen: Mask) -> Array:
        """Mean loss (S, n) of the rows in `seen`."""
        return self.sums[trial][:, seen] / self.counts[trial, seen]

    def best_means(self, trials: NDArray) -> Array:
        """Least weighted mean loss over the sizes for each trial; zero before the first fold."""
        seen = (self.counts[trials] > 0).all(axis=0)
        if not seen.any():
            return np.zeros(len(trials))
        w = self.weights[seen] / self.weights[seen].sum()
        return np.array([(self.rows_of(int(j), seen) @ w).min() for j in trials])

    def best(self, trials: NDArray) -> int:
        """Index of the trial of least loss."""
        return int(trials[np.argmin(self.best_means(trials))])


def _chosen(grid: NDArray, tally: _Tally, alive: NDArray, selection: Selection, loss: Loss) -> Choice:
    """The paired rule over all pairs of a size and a trial; of equal sizes the least loss."""
    seen = (tally.counts[alive] > 0).all(axis=0)
    w = tally.weights[seen] / tally.weights[seen].sum()
    smooth = _smoother(grid)
    losses = np.stack([smooth @ tally.rows_of(int(j), seen) for j in alive])
    mean = losses @ w
    best = np.unravel_index(np.argmin(mean), mean.shape)
    above, error = excess(losses, losses[best], w)
    allowed = np.zeros_like(error)
    if selection == "one_se":
        errors = 1.0 if tally.weights.size > FEW_ROWS else ERRORS_FEW_ROWS
        allowed = errors * np.maximum(error, least_error(loss, effective_rows(w)))
        if loss.of_residuals:
            allowed = np.maximum(allowed, UNSEEN)
    close = above <= allowed + ROUNDING * np.abs(mean)
    chosen = int(np.flatnonzero(close.any(axis=0))[0])
    trial = int(np.argmin(np.where(close[:, chosen], mean[:, chosen], np.inf)))
    return Choice(tally.trials[int(alive[trial])], grid, mean[trial], error[trial], chosen, int(seen.sum()))


def _is_better(linear: Linear, choice: Choice, tally: _Tally, loss: Loss) -> bool:
    """Whether the affine function beats the smallest network and the chosen one does not beat it clearly."""
    seen = np.isfinite(linear.losses)
    w = tally.weights[seen] / tally.weights[seen].sum()
    n_rows = effective_rows(w)
    networks = tally.rows_of(tally.trials.index(choice.trial), seen)[[0, choice.chosen]]
    ahead, error = excess(networks, linear.losses[seen], w)
    error = np.maximum(error, least_error(loss, n_rows))
    clear = OVERLAP * (ROWS_OF_OVERLAP / n_rows) ** 0.5
    return bool(ahead[0] > LEARNED * error[0] and ahead[1] > -clear * error[1])


def least_error(loss: Loss, n_rows: float) -> float:
    """What the standard error of a difference of mean losses is taken to be at least."""
    return NATS / n_rows if loss.is_likelihood else 0.0


def effective_rows(weights: Array) -> float:
    """(Σ w)² / Σ w²: as many rows of equal weight tell a mean as exactly (Kish, 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


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
