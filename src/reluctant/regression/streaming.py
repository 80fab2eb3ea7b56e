"""More rows than fit a path: paths on some of them, refits on more, selection and the last steps on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.effort import Clock, Effort
from reluctant.regression import steps
from reluctant.regression.folds import Config, Trial, units_of
from reluctant.regression.gauss_newton import Problem, minimise
from reluctant.regression.model import Block, Model, Rows
from reluctant.regression.path import penalty_for, stages_of, takes_long
from reluctant.regression.protocol import Loss
from reluctant.regression.selection import MOST_PARAMETERS, Choice, Selection, choose, least_error
from reluctant.regression.standardise import Moments, Standardisation
from reluctant.regression.surgeon import Front, Stage
from reluctant.regression.tables import Table, WeighedTable
from reluctant.workers import one_blas_thread, parallel

SAMPLE, TRACED, DRAWN = 5_000, 20_000, 50_000
"""Rows on which the ridge is chosen, on which paths are traced, and on which their networks are refitted."""
STARTS = {"fast": 1, "default": 4, "thorough": 8}
"""Paths from as many random starts: one alone may end far from the others."""
CANDIDATES = 6
"""Sizes of a path that are refitted; those that no smaller one beats are compared on the rows held out."""
VALIDATION_SHARE = 0.2
"""Rows held out while the candidates are compared."""
REFIT_STEPS, LAST_STEPS = 6, 4
"""Steps on the rows drawn, and at most so many of the chosen network on all rows."""
Encode = Callable[[NDArray], Array]
"""From targets as they are stored to the (n, m) that a loss wants."""


class Streamed(NamedTuple):
    """A fit on all rows of a table, and how its size was chosen.

    The choice has no temperature. `compared` has a network of at most every size of it and `losses` its mean loss on
    all rows, in standardised units; the chosen one is `model`, the others were refitted on rows drawn from four fifths.
    Both are empty where nothing was compared: for a given size, and where the sample holds all rows.
    """

    units: Standardisation
    model: Model
    choice: Choice
    compared: tuple[Model, ...]
    losses: Array


@dataclass(frozen=True)
class StreamedRows:
    """Rows of a table in standardised units, all of them or those of one side of a random split."""

    table: Table
    units: Standardisation
    encode: Encode
    n_outputs: int
    total_weight: float
    seed: int = 0
    part: str = "all"

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.units.n_inputs

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks."""
        rng = np.random.default_rng(self.seed)
        for X, y, weights in self.table.blocks():
            kept = weights > 0.0
            if self.part != "all":
                held_out = rng.random(np.count_nonzero(kept)) < VALIDATION_SHARE
                kept[kept] = held_out if self.part == "validation" else ~held_out
            if not kept.all():
                X, y, weights = X[kept], y[kept], weights[kept]
            if len(X):
                yield Block(self.units.inputs(X), self.units.targets(self.encode(y)), weights)

    def drawn(self, share: float) -> Rows:
        """Rows in memory, each with the same chance."""
        rng = np.random.default_rng([self.seed, 1])
        parts = []
        for block in self.blocks():
            chosen = rng.random(len(block.weights)) < share
            parts.append(Block(*(column[chosen] for column in block)))
        inputs, targets, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Rows(inputs, targets, weights)


def fit_streamed(
    table: Table,
    encode: Encode,
    config: Config,
    *,
    selection: Selection = "one_se",
    largest: int = MOST_PARAMETERS,
    size: int | None = None,
    effort: Effort = Effort(random_state=0),  # noqa: B008
) -> Streamed:
    """Choose a size and fit it on all rows; no more than a block and a sample are in memory at a time.

    Ridge and range of sizes come from a cross-validation on the sample; on sums of losses the ridge is then the same,
    however many the rows. Paths from several starts on more rows, of the four fifths that are not held out, lead to the
    candidates around the choice. They are refitted and compared on the rows held out, by the paired rule; the winner
    is refitted on all rows. Where the sample holds all rows the choice of the cross-validation stands.

    Parameters
    ----------
    table : Table
        The rows; those of weight zero are left out.
    encode : callable
        From stored targets to (n, m) arrays.
    config : Config
        Loss, affine part, most neurons and inputs.
    selection : {"one_se", "min"}
        The rule, as in `choose`.
    largest : int
        Sizes above this are not considered.
    size : int, optional
        Take the largest network up to this size instead of choosing.
    effort : Effort
        As in `choose`; its seed also decides the sample and the rows held out. The refits read block after block and
        are not limited.

    Returns
    -------
    Streamed

    Raises
    ------
    ValueError
        If a weight is negative, fewer than two are positive, an input varies by less than float64 can resolve, or
        `size` or `largest` is less than the number of outputs.

    Examples
    --------
    >>> from reluctant.regression.losses import Squared
    >>> from reluctant.regression.tables import ArrayTable
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (400, 2))
    >>> table = ArrayTable(X, np.maximum(X[:, 0], 0) + 0.01 * rng.standard_normal(400))
    >>> fitted = fit_streamed(table, lambda y: y[:, None], Config(Squared()), size=4)
    >>> fitted.units.network(fitted.model).size <= 4
    True
    """
    clock, seed = effort.clock(), effort.seed()
    effort = replace(effort, random_state=seed)
    n_rows, total = counted(table)
    if n_rows < 2:
        raise ValueError(f"the table has {n_rows} rows of positive weight; give at least two")
    sample = sample_of(table, encode, np.random.default_rng(seed))
    n_outputs = sample[1].shape[1]
    cap, name = (largest, "largest") if size is None else (size, "size")
    if cap < n_outputs:
        raise ValueError(f"{name} = {cap} is less than the {n_outputs} constants that as many outputs have")
    choice = choose(
        *sample,
        config,
        selection=selection,
        largest=largest,
        effort=effort,
        clock=clock,
    )._replace(temperature=None)
    units = units_of(*sample, config)
    rows = StreamedRows(table, units, encode, n_outputs, total, seed)
    inside = config.inside(units)
    penalty = penalty_for(units.rows(*sample), inside.loss, choice.trial.shrinkage, None)
    problem = Problem(rows, inside.loss, penalty, config.affine, constraints=inside.constraints)
    in_sample = len(sample[0]) == n_rows
    if in_sample and size is None:
        cap = size = choice.size
    with one_blas_thread(), clock.speaking("ends the fit"):
        clock.doing("fitting networks to all rows")
        training = units.rows(*sample) if in_sample else _drawn(rows, n_rows)
        paths = _paths(training, inside, choice.trial, 1 if in_sample else None, sample[2].sum(), effort, clock)
        front = Front()
        for path in paths:
            models = [stage.model for stage in path if stage.size <= cap]
            for model in models[:1] if size is not None else _candidates(models, choice):
                front.note(*steps.minimise(model, problem._replace(data=training), REFIT_STEPS))
        refitted = front.models()
        if size is not None:
            model, _ = minimise(refitted[-1], problem, LAST_STEPS)
            return Streamed(units, model, choice, (), np.empty(0))
        choice = _compared(refitted, problem.loss, rows, choice, selection)
        refitted[choice.chosen], _ = minimise(refitted[choice.chosen], problem, LAST_STEPS)
        return Streamed(units, refitted[choice.chosen], choice, tuple(refitted), _losses(refitted, problem))


def _drawn(rows: StreamedRows, n_rows: int) -> Rows:
    """Rows in memory of those that are not held out."""
    return replace(rows, part="training").drawn(DRAWN / ((1.0 - VALIDATION_SHARE) * n_rows))


def _paths(
    rows: Rows, config: Config, trial: Trial, n_starts: int | None, sampled: float, effort: Effort, clock: Clock
) -> list[list[Stage]]:
    """Paths from as many starts, by default as the search says, on some of the rows; the ridge is that of the sample.

    Where paths take long there is one, and no more rows than the sample has.
    """
    long = takes_long(config.loss, SAMPLE, rows.n_inputs, rows.n_outputs, config.max_neurons)
    if n_starts is None:
        n_starts = 1 if long or clock.expired() else STARTS[config.search]
    most, seed = SAMPLE if long else TRACED, effort.seed()
    if len(rows) > most:
        rows = rows.take(np.random.default_rng([seed, 2]).choice(len(rows), most, replace=False))
    share = sampled / rows.total_weight
    plan = config.plan(trial)._replace(shrinkage=trial.shrinkage.times(share))
    paths: list[list[Stage]] = parallel(effort.n_jobs)(
        delayed(stages_of)(rows, config.loss, plan, np.random.default_rng(seed + i), Clock(), kicking=clock)
        for i in range(n_starts)
    )
    return paths


def counted(table: Table) -> tuple[int, float]:
    """Number of rows of positive weight, and the sum of weights.

    Raises
    ------
    ValueError
        If a weight is negative.
    """
    n_rows, start, total = 0, 0, 0.0
    for block in table.blocks():
        _check_weights(block.weights, start)
        start += len(block.weights)
        n_rows += int(np.count_nonzero(block.weights > 0.0))
        total += float(block.weights.sum())
    return n_rows, total


def weighed(table: Table) -> Table:
    """The table with weights as shares of the largest; as it is where all are zero.

    Raises
    ------
    ValueError
        If a weight is negative.
    """
    start, largest = 0, 0.0
    for block in table.blocks():
        _check_weights(block.weights, start)
        start += len(block.weights)
        largest = max(largest, float(block.weights.max(initial=0.0)))
    return WeighedTable(table, largest) if largest > 0.0 else table


def moments_of(table: Table) -> tuple[int, Moments]:
    """Number of rows of positive weight, and the moments of their inputs.

    Raises
    ------
    ValueError
        If a weight is negative, or fewer than two are positive.
    """
    n_rows, start, moments = 0, 0, None
    for X, _, weights in table.blocks():
        _check_weights(weights, start)
        kept = weights > 0.0
        n_rows, start = n_rows + int(np.count_nonzero(kept)), start + len(X)
        if kept.any():
            here = Moments.of(X[kept], weights[kept])
            moments = here if moments is None else moments.joined(here)
    if moments is None or n_rows < 2:
        raise ValueError(f"the table has {n_rows} rows of positive weight; give at least two")
    return n_rows, moments


def _check_weights(weights: Array, start: int) -> None:
    """Raise a ValueError naming the first row of a table, of which these rows begin at `start`, of negative weight."""
    if np.any(weights < 0.0):
        row = int(np.argmax(weights < 0.0))
        raise ValueError(f"the weight of row {start + row} must not be negative, got {weights[row]:g}")


def sample_of(table: Table, encode: Encode, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """X (n, d), targets (n, m) and weights (n,) of `SAMPLE` random rows of positive weight, or of all of them.

    Parameters
    ----------
    table : Table
        The rows, in at least one of which the weight is positive.
    encode : callable
        From stored targets to (n, m) arrays.
    rng : Generator
        Source of randomness.
    """
    n_rows, _ = counted(table)
    return rows_at(sampled_rows(n_rows, rng), table, encode)


def sampled_rows(n_rows: int, rng: np.random.Generator) -> NDArray:
    """Which rows a sample has, rising."""
    return np.sort(rng.choice(n_rows, min(SAMPLE, n_rows), replace=False))


def rows_at(chosen: NDArray, table: Table, encode: Encode) -> tuple[Array, Array, Array]:
    """X, targets and weights of the rows of rising numbers, counted among those of positive weight."""
    parts, start = [], 0
    for X, y, weights in table.blocks():
        kept = np.flatnonzero(weights > 0.0)
        here = kept[chosen[(chosen >= start) & (chosen < start + kept.size)] - start]
        if here.size:
            parts.append((X[here], encode(y[here]), weights[here]))
        start += kept.size
    X, targets, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return X, targets, weights


def _candidates(models: list[Model], choice: Choice) -> list[Model]:
    """The network of the chosen size, some below and more above it, big to small: more rows carry more parameters."""
    sizes = np.array([model.size for model in models])
    low, high = max(choice.size // 2, 1), max(4 * choice.size, choice.size + 8)
    wanted = np.unique(np.geomspace(low, high, CANDIDATES).round().astype(np.intp))
    picked = {int(np.argmax(sizes <= size)) for size in [*wanted, choice.size] if (sizes <= size).any()}
    return [models[i] for i in sorted(picked)]


def _compared(models: list[Model], loss: Loss, rows: StreamedRows, choice: Choice, selection: Selection) -> Choice:
    """The choice among models, small to big, by their losses on the rows held out."""
    n_rows, total, squares = 0, 0.0, 0.0
    sums, firsts, products = np.zeros(len(models)), np.zeros(len(models)), np.zeros((len(models),) * 2)
    for block in replace(rows, part="validation").blocks():
        losses = np.stack([loss.values(model(block.inputs), block.targets) for model in models])
        n_rows += len(block.weights)
        total += float(block.weights.sum())
        sums = sums + losses @ block.weights
        firsts = firsts + losses @ block.weights**2
        products = products + (losses * block.weights**2) @ losses.T
        squares = squares + float(np.sum(block.weights**2))
    mean = sums / total
    best = int(np.argmin(mean))
    above, first = mean - mean[best], firsts - firsts[best]
    second = np.diag(products) - 2.0 * products[best] + products[best, best]
    error = np.sqrt(np.maximum(second - 2.0 * above * first + squares * above**2, 0.0)) / total
    error = np.maximum(error, least_error(loss, total**2 / squares))
    chosen = best if selection == "min" else int(np.flatnonzero(above <= error)[0])
    sizes = np.array([model.size for model in models])
    return Choice(choice.trial, sizes, mean, error, chosen, n_rows)


def _losses(models: list[Model], problem: Problem) -> Array:
    """Mean loss of each model on all rows, which are read once."""
    sums = np.zeros(len(models))
    for block in problem.data.blocks():
        sums += [block.weights @ problem.loss.values(model(block.inputs), block.targets) for model in models]
    return sums / problem.data.total_weight
