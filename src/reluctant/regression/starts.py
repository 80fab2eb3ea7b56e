"""Where a path begins: networks with more neurons than are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.regression.gauss_newton import Problem, minimise, multiplied_blocks, quadratic_model, regular
from reluctant.regression.model import Model, Rows

CANDIDATES = 400
ADDED, STEPS = 2, 3
"""Hinges added at a time, and steps in between."""
PATIENCE = 3
"""Additions in a row that may come to nothing."""
NARROW, DEPENDENT = 1e-4, 1e-3
"""Shares of the curvature: hinges that act on less are left out; at least so much of a hinge is taken as its own."""
SCORING_ROWS = 2000
"""Candidates are scored on at most so many rows."""


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
    return minimise(model, problem, max_steps=20, rtol=1e-8, stop=lambda: clock.interrupted)[0]


def forward(problem: Problem, rows: Rows, n_neurons: int, rng: np.random.Generator, clock: Clock) -> Model:
    """Grow from the affine fit: random hinges on one or two inputs, the best two at a time, steps in between.

    A hinge is as good as the part of the gradient it explains when all unknowns so far may follow: |cᵀ r|² / cᵀ M c
    with the candidate c, the residual r of the step and M the projector off the tangent space.
    """
    columns, slopes = _columns(rows)
    model = affine_fit(problem, slopes, clock)
    if columns.size == 0:
        return model
    sample = _scoring_rows(rows, rng)
    value = problem.objective(model)
    idle = 0
    while model.n_neurons < n_neurons and idle < PATIENCE and not clock.expired():
        larger = _with_best_hinges(model, problem, sample, columns, rng, min(ADDED, n_neurons - model.n_neurons))
        if larger is None:
            break
        trial, reached = minimise(larger, problem, STEPS, stop=clock.expired)
        idle = 0 if reached < value and trial.n_neurons > model.n_neurons else idle + 1
        if reached < value:
            model, value = trial, reached
    return model


def grown(model: Model, problem: Problem, rows: Rows, rng: np.random.Generator, n_added: int = ADDED) -> Model | None:
    """One round of growth: the model with the best of many random hinges, or None where no hinge changes anything."""
    columns, _ = _columns(rows)
    if columns.size == 0:
        return None
    return _with_best_hinges(model, problem, _scoring_rows(rows, rng), columns, rng, n_added)


def dense(problem: Problem, rows: Rows, n_neurons: int, rng: np.random.Generator, clock: Clock) -> Model:
    """The affine fit and a few neurons on all inputs, their hinges through data points."""
    columns, slopes = _columns(rows)
    model = affine_fit(problem, slopes, clock)
    if columns.size == 0:
        return model
    d, m = rows.n_inputs, rows.n_outputs
    directions = np.zeros((n_neurons, d))
    directions[:, columns] = rng.standard_normal((n_neurons, columns.size))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = rows.inputs[rng.integers(len(rows), size=n_neurons), :-1]
    U = np.column_stack([directions, -np.sum(directions * points, axis=1)])
    V = np.where(np.arange(n_neurons) % 2, -1.0, 1.0)[:, None]
    if m > 1:
        V = rng.standard_normal((n_neurons, m)) / np.sqrt(m)
    return model.append(0.3 * U, V if m == 1 else 0.3 * V).balanced()


def _scoring_rows(rows: Rows, rng: np.random.Generator) -> Rows:
    """The rows, or a sample of them where they are many."""
    return rows if len(rows) <= SCORING_ROWS else rows.take(rng.choice(len(rows), SCORING_ROWS, replace=False))


def _columns(rows: Rows) -> tuple[NDArray, NDArray]:
    """Varying inputs of hinges and of the affine part."""
    columns = varying(rows)
    if rows.n_slopes == 0:
        return columns, columns
    hinged = columns < rows.n_inputs - rows.n_slopes
    return columns[hinged], columns[~hinged]


def random_hinges(rows: Rows, n_hinges: int, columns: NDArray, rng: np.random.Generator) -> Array:
    """Unit directions on one or two inputs, (n, d + 1), each hinge through a data point."""
    hinges = np.zeros((n_hinges, rows.n_inputs + 1))
    first = rng.choice(columns, size=n_hinges)
    second = rng.choice(columns, size=n_hinges)
    angle = rng.uniform(-np.pi, np.pi, n_hinges)
    angle[rng.random(n_hinges) < 0.5] = 0.0
    every = np.arange(n_hinges)
    hinges[every, second] = np.sin(angle)
    hinges[every, first] = np.where(first == second, 1.0, np.cos(angle))
    points = rows.inputs[rng.integers(len(rows), size=n_hinges)]
    hinges[:, -1] = -np.sum(hinges[:, :-1] * points[:, :-1], axis=1)
    return hinges


def _with_best_hinges(
    model: Model, problem: Problem, sample: Rows, columns: NDArray, rng: np.random.Generator, n_added: int = ADDED
) -> Model | None:
    """The model with the best of many random hinges added; None where no hinge changes anything."""
    hinges = random_hinges(sample, CANDIDATES, columns, rng)
    hidden = np.maximum(sample.inputs @ hinges.T, 0.0)
    sampled = problem._replace(data=sample)
    slopes = problem.loss.derivatives(model(sample.inputs), sample.targets, problem.smoothing)
    weights = np.concatenate([block.weights for block in multiplied_blocks(model, sampled)])
    gradient = slopes.gradient * weights[:, None]
    curvature = np.mean(slopes.diagonal, axis=1) * weights
    weighted = hidden * curvature[:, None]
    norms = np.sum(hidden * weighted, axis=0)
    if model.n_outputs == 1:
        unknowns = problem.unknowns(model)
        local = quadratic_model(model, unknowns, sampled)
        J = unknowns.jacobian(model, sample.inputs, sample.inputs @ model.U.T > 0.0)
        factor = np.linalg.cholesky(regular(local.hessian, 1e-9))
        covered = solve_triangular(factor, J.T @ weighted, lower=True)
        left = norms - np.sum(covered**2, axis=0)
        rest = solve_triangular(factor, local.gradient, lower=True)
        pull = hidden.T @ gradient - (covered.T @ rest)[:, None]
    else:
        covered, left, pull = np.zeros((0, len(hinges))), norms, hidden.T @ gradient
    wide = norms > NARROW * curvature.sum()
    left = np.maximum(left, DEPENDENT * norms)
    first_pull, first_left = pull, left
    best: list[int] = []
    for _ in range(n_added):
        scores = np.divide(np.sum(pull**2, axis=1), left, out=np.zeros_like(left), where=wide & (left > 0.0))
        scores[best] = 0.0
        j = int(np.argmax(scores))
        if scores[j] <= 0.0:
            break
        best.append(j)
        shared = (hidden.T @ weighted[:, j] - covered.T @ covered[:, j]) / left[j]
        pull = pull - shared[:, None] * pull[j]
        left = np.maximum(left - shared**2 * left[j], DEPENDENT * norms)
    if not best:
        return None
    chosen, size = hinges[best], -first_pull[best] / first_left[best, None]
    if model.n_outputs == 1:
        return model.append(np.abs(size) * chosen, np.sign(size))
    return model.append(chosen, size).balanced()
