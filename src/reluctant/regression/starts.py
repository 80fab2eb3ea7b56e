"""Where a path begins: networks with more neurons than are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.effort import Clock
from reluctant.regression.gauss_newton import Problem
from reluctant.regression.hinges import Draw, dense_hinges, drawn, random_hinges, scoring_rows, with_best_hinges
from reluctant.regression.model import Model, Rows
from reluctant.regression.steps import minimise, objective

CANDIDATES = 150
ADDED, ADDED_SHARE, STEPS = 2, 0.25, 6
"""Hinges added at a time, as a share of those there are once that is more, and steps in between."""
STEPS_AGAIN = 12
"""Steps of a round that follows one without success."""
PATIENCE = 4
"""Rounds in a row that may come to nothing."""
GAIN, GAIN_OF_STEPS = 1e-10, 1e-2
"""A round that lowers the objective by no larger share of it has come to nothing; where others died for its neurons,
by no larger one than the second."""


def varying(rows: Rows) -> NDArray:
    """Indices of the inputs that are not constant, which standardised ones are where they are zero."""
    return np.flatnonzero(np.any(rows.inputs[:, :-1] != rows.inputs[0, :-1], axis=0))


def affine_fit(problem: Problem, columns: NDArray, clock: Clock) -> Model:
    """The best affine function of some inputs; zero where the network has no affine part.

    It is the least that is returned, so that an interrupt alone ends it, and no limit.
    """
    model = Model.zero(problem.data.n_inputs, problem.data.n_outputs)
    if problem.affine:
        model.A[columns] = model.A[-1] = np.finfo(float).tiny  # free, and `trimmed` later where they stay
        if problem.constraints is not None:
            model.A[:-1][problem.constraints.signs < 0] *= -1.0
    return minimise(model, problem, max_steps=40, rtol=1e-8, stop=lambda: clock.interrupted)[0]


def forward(
    model: Model,
    problem: Problem,
    rows: Rows,
    n_neurons: int,
    rng: np.random.Generator,
    clock: Clock,
    draw: Draw = random_hinges,
) -> Model:
    """Grow from a model, the affine fit: the best few of many random hinges at a time, steps in between.

    A round that brings no neuron or no lower objective is tried again with one hinge, more directions and more steps;
    several such rounds in a row end the growth.
    """
    columns = _columns(rows)
    if columns.size == 0:
        return model
    sample = scoring_rows(rows, rng)
    value = objective(model, problem)
    failures = 0
    while model.n_neurons < n_neurons and failures < PATIENCE and not clock.expired():
        several = max(ADDED, int(ADDED_SHARE * model.n_neurons))
        n_added = min(1 if failures else several, n_neurons - model.n_neurons)
        hinges = drawn(draw, sample, CANDIDATES * (1 + failures), columns, rng, problem.constraints)
        larger = with_best_hinges(model, problem, sample, hinges, n_added)
        if larger is None:
            failures += 1
            continue
        trial, reached = minimise(larger, problem, STEPS_AGAIN if failures else STEPS, stop=clock.expired)
        enough = GAIN if trial.n_neurons > model.n_neurons else GAIN_OF_STEPS
        pays = reached < value - enough * abs(value)
        failures = 0 if pays else failures + 1
        if reached < value:
            model, value = trial, reached
    return model


def grown(model: Model, problem: Problem, rows: Rows, rng: np.random.Generator, n_added: int = ADDED) -> Model | None:
    """One round of growth: the model with the best of many random hinges, or None where none lowers the objective.

    Where several at once do not, one is tried.
    """
    columns = _columns(rows)
    if columns.size == 0:
        return None
    sample = scoring_rows(rows, rng)
    hinges = drawn(random_hinges, sample, CANDIDATES, columns, rng, problem.constraints)
    larger = with_best_hinges(model, problem, sample, hinges, n_added)
    return with_best_hinges(model, problem, sample, hinges, 1) if larger is None and n_added > 1 else larger


def dense(model: Model, problem: Problem, rows: Rows, n_neurons: int, rng: np.random.Generator) -> Model:
    """A model, the affine fit, and a few neurons on all inputs, their hinges through data points."""
    columns = _columns(rows)
    if columns.size == 0:
        return model
    m = rows.n_outputs
    U = drawn(dense_hinges, rows, n_neurons, columns, rng, problem.constraints)
    V = np.where(np.arange(n_neurons) % 2, -1.0, 1.0)[:, None]
    if m > 1:
        V = rng.standard_normal((n_neurons, m)) / np.sqrt(m)
    return model.append(0.3 * U, V if m == 1 else 0.3 * V).balanced()


def _columns(rows: Rows) -> NDArray:
    """Varying inputs of hinges."""
    columns = varying(rows)
    return columns[columns < rows.n_inputs - rows.n_slopes]


def slope_columns(rows: Rows) -> NDArray:
    """Varying inputs of the affine part."""
    columns = varying(rows)
    return columns if rows.n_slopes == 0 else columns[columns >= rows.n_inputs - rows.n_slopes]
