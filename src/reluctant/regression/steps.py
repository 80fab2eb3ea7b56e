"""Steps and quadratic models, compiled where there is one output, a ridge and rows in memory; else in arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.effort import never
from reluctant.regression import deletions, gauss_newton
from reluctant.regression.deletions import DOWNDATED, REGULAR
from reluctant.regression.gauss_newton import (
    CHORDS,
    FIRST_DAMPING,
    FLAT,
    LEAST_DAMPING,
    MOST_DAMPING,
    Problem,
    Quadratic,
)
from reluctant.regression.losses import Huber, Logistic, Squared
from reluctant.regression.model import BLOCK, Model, Rows, Unknowns
from reluctant.regression.penalties import Ridge

KINDS: dict[type, int] = {Squared: 0, Logistic: 1, Huber: 2}
"""Losses that the loops know, by their number there."""
LIMITS = (LEAST_DAMPING, MOST_DAMPING, FLAT, CHORDS)


class Shorter(NamedTuple):
    """A model after deletions, and its objective."""

    model: Model
    objective: float


class _Laid(NamedTuple):
    """What the loops take of a problem: X̄ᵀ, y, weights, loss and ridge."""

    inputs: Array
    target: Array
    weights: Array
    kind: int
    delta: float
    ridge: tuple[float, float, float]


def _laid(problem: Problem) -> _Laid | None:
    """The problem as the loops take it; None where they do not know it."""
    rows, loss, penalty = problem.data, problem.loss, problem.penalty
    if not isinstance(rows, Rows) or type(loss) not in KINDS or not isinstance(penalty, Ridge):
        return None
    is_plain = problem.constants and problem.lines is None and not problem.monotone
    if rows.n_outputs > 1 or len(rows) > BLOCK or not is_plain:
        return None
    delta = float(np.mean(loss.delta)) if isinstance(loss, Huber) else 1.0
    ridge = (float(penalty.hinges), float(penalty.slopes), float(penalty.intercept))
    return _Laid(*rows.by_input, KINDS[type(loss)], delta, ridge)


def _arrays(model: Model) -> tuple[Array, Array, Array]:
    return np.ascontiguousarray(model.U), np.ascontiguousarray(model.V[:, 0]), np.ascontiguousarray(model.A[:, 0])


def objective(model: Model, problem: Problem) -> float:
    """The smoothed objective at a model."""
    laid = _laid(problem)
    return problem.objective(model) if laid is None else float(_loops().objective(*laid, *_arrays(model)))


def quadratic_model(model: Model, unknowns: Unknowns, problem: Problem) -> Quadratic:
    """That of `gauss_newton`."""
    laid = _laid(problem)
    if laid is None:
        return gauss_newton.quadratic_model(model, unknowns, problem)
    U, V, A = _arrays(model)
    Z, gradient, curvature = (
        np.empty((len(V), len(laid.target))),
        np.empty_like(laid.target),
        np.empty_like(laid.target),
    )
    _loops().evaluate(*laid, U, V, A, Z, gradient, curvature)
    places = _places(unknowns)
    hessian, pull = _loops().quadratic(laid.inputs, Z, V, U, A, laid.ridge, *places, gradient, curvature)
    on: Mask = Z > 0.0
    return Quadratic(hessian, pull, np.any(on, axis=1), ~np.all(on, axis=1))


def jacobian(model: Model, unknowns: Unknowns, rows: Rows) -> Array:
    """Derivatives of a model of one output by its unknowns, (P, N)."""
    inputs = rows.by_input[0]
    Z = model.U @ inputs
    found: Array = _loops().jacobian(inputs, Z, _arrays(model)[1], *_places(unknowns), np.ones(len(rows)))
    return found


def hinge_sums(hinges: Array, rows: Rows, curvature: Array, gradient: Array) -> tuple[Array, Array, Array]:
    """Σ w c², Σ w c and Σ g c of hinges c (n, d + 1), with w and g of the rows."""
    found = _loops().hinge_sums(hinges, rows.by_input[0], curvature, gradient)
    return found[0], found[1], found[2]


def _places(unknowns: Unknowns) -> tuple[Index, Index]:
    """Neuron, −1 for the affine part, and coordinate of every unknown of one output."""
    neuron = np.concatenate([unknowns.neuron, np.full(unknowns.affine.size, -1)])
    return neuron, np.concatenate([unknowns.coordinate, unknowns.affine])


def minimise(
    model: Model, problem: Problem, max_steps: int, rtol: float = 1e-4, stop: Callable[[], bool] = never
) -> tuple[Model, float]:
    """That of `gauss_newton`; compiled, `stop` is asked before the first step, and where neurons are removed."""
    if problem.monotone:
        return _signed(model, problem, max_steps, rtol, stop)
    laid = _laid(problem)
    if laid is None:
        return gauss_newton.minimise(model, problem, max_steps, rtol, stop)
    damping, left = FIRST_DAMPING, max_steps
    while left > 0 and not stop():
        U, V, A = _arrays(model)
        U, A, value, damping, begun, Z = _loops().steps(*laid, problem.affine, U, V, A, damping, left, rtol, LIMITS)
        model = Model(U, model.V, A[:, None])
        if begun == left:
            return model, float(value)
        left -= begun
        on: Mask = Z > 0.0
        model = model.cleaned(np.any(on, axis=1), ~np.all(on, axis=1), problem.affine)
    return model, objective(model, problem)


def _signed(
    model: Model, problem: Problem, max_steps: int, rtol: float, stop: Callable[[], bool]
) -> tuple[Model, float]:
    """Steps that do not mind the signs of slopes, where these hold all the same; else steps that keep to them.

    Three of four times they hold, and such steps take a tenth of the time.
    """
    freely, value = minimise(model, problem._replace(constraints=None), max_steps, rtol, stop)
    if problem.kept(freely) is freely:
        return freely, value
    return gauss_newton.minimise(model, problem, max_steps, rtol, stop)


def without_cheapest(model: Model, problem: Problem, n_deleted: int) -> Shorter | None:
    """What `deletions` leaves of a model, and its objective; None where there is nothing to delete."""
    laid = _laid(problem)
    if laid is None or model.size >= DOWNDATED:
        found = deletions.without_cheapest(model, problem, n_deleted)
        return None if found is None else Shorter(found, problem.objective(found))
    deleted, U, V, A, value = _loops().without_cheapest(*laid, problem.affine, *_arrays(model), n_deleted, REGULAR)
    return Shorter(Model(U, V[:, None], A[:, None]), float(value)) if deleted else None


@cache
def _loops() -> Any:
    """The compiled loops, for which numba is imported when the first of them is called."""
    from reluctant.regression import _one_output

    return _one_output
