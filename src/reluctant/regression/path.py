"""The path of error against size of rows in standardised units: where it begins, its small penalty, its stages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.effort import Clock
from reluctant.regression.constraints import Constraints
from reluctant.regression.gauss_newton import Data, Problem, summed_loss
from reluctant.regression.hinges import dense_hinges
from reluctant.regression.kicks import kick
from reluctant.regression.knots import has_knots, knot_starts
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalties import PathPower, Penalty, Ridge
from reluctant.regression.protocol import Loss
from reluctant.regression.quasi_newton import MANY_UNKNOWNS, quasi_newton
from reluctant.regression.starts import affine_fit, dense, forward, slope_columns
from reluctant.regression.steps import minimise
from reluctant.regression.surgeon import Front, Report, Stage, backward, descend_in_turn
from reluctant.workers import one_blas_thread

MOST_NEURONS, ROWS_PER_NEURON, ROWS_PER_KNOT = 40, 8, 5
"""A path in regression begins with this many neurons, or fewer where rows are few, of several inputs or of one."""
GROWN_DENSE, ROWS_PER_UNKNOWN = 12, 2
"""A dense path in regression begins with so many neurons on all inputs, or fewer where rows are few."""
DENSE_NEURONS, DENSE_NEURONS_MANY, DENSE_STEPS = 8, 14, 24
"""A path in classification begins with so many neurons on all inputs: two classes, more classes."""
WIDE_NEURONS, WIDE_ITERATIONS = 20, (60, 120, 30)
"""Neurons where more classes of many inputs have very many unknowns; iterations of L-BFGS with the penalty of the path,
with the path norm, which leaves most of them near zero, and with the former again."""
PATH_NORM = 3.0
"""Multiple of the ridge that charges the path norm then."""
SLOPES_SHARE, SLOPES_SHARE_CLASSES, MANY_INPUTS = 1e-3, 0.1, 20
"""Slopes are shrunk by this share of the ridge unless told; in classification of more inputs than that by all of it."""
NEARLY_EXACT, REFIT_STEPS = 1e-4, 60
"""Mean loss in standardised units from which steps without a penalty are tried, and how many."""
INTERCEPT = 1e-9
LEAST_GAIN = 1e-13
"""What another knot must gain at least, per row in units of the variance: less is rounding of an exact function."""
EPSILON = 0.05
"""Where ℓp begins to be felt on a path, in standardised units."""


class Shrinkage(NamedTuple):
    """Strength of the small ridge of a path: λ on hinge parameters, λ_A on slopes, by default a share of λ."""

    ridge: float
    slope_ridge: float | None = None

    def times(self, share: float) -> Shrinkage:
        """A share of it."""
        return Shrinkage(share * self.ridge, None if self.slope_ridge is None else share * self.slope_ridge)


class Plan(NamedTuple):
    """What a path is to be: its small penalty, by p the smoothed path norm; its networks; how often it is kicked.

    Networks of more than `max_neurons` neurons are left out. In regression `dense` paths grow from few neurons on all
    inputs instead of many on one or two. All networks keep to the `constraints`.
    """

    shrinkage: Shrinkage
    p: float | None = None
    affine: bool = True
    max_neurons: int | None = None
    kicks: int = 0
    dense: bool = False
    constraints: Constraints | None = None


def stages_of(
    rows: Rows,
    loss: Loss,
    plan: Plan,
    rng: np.random.Generator,
    clock: Clock,
    *,
    start: Model | None = None,
    kicking: Clock | None = None,
    report: Report | None = None,
) -> list[Stage]:
    """The path of rows in standardised units; where the affine part alone does better at a size, it is that.

    A model to begin with may be given; else one is grown or made of dense neurons. When the time is over, what is known
    is the path; kicks may have a clock of their own.
    """
    slope_ridge = slope_ridge_of(plan.shrinkage, loss, rows.n_inputs, plan.p)
    plan = plan._replace(shrinkage=Shrinkage(plan.shrinkage.ridge, slope_ridge))
    problem = _problem_of(rows, loss, plan)
    with one_blas_thread():
        knotted = knot_starts(rows, plan.max_neurons) if plan.p is None and has_knots(rows, loss, plan.affine) else []
        starts = [] if start is None else [start]
        if problem.constraints is not None:
            starts, knotted = (
                [m for m in map(problem.kept, models) if problem.constraints.admits(m.U).all()]
                for models in (starts, knotted)
            )
        affine = affine_fit(problem, slope_columns(rows), clock)
        if not starts and not knotted and plan.max_neurons != 0:
            starts.append(start_of(affine, problem, rows, plan, rng, clock))
        if plan.affine:
            starts.append(affine)
        front = Front(plan.max_neurons, LEAST_GAIN * rows.total_weight if knotted else 0.0)
        backward(starts, problem, front, clock, report)
        descend_in_turn(knotted, problem, front, clock, report)
        if not front.models():  # the time was over before a start was small enough
            zero = Model.zero(rows.n_inputs, rows.n_outputs)
            front.note(zero, problem.objective(zero))
        kick(front, problem, rows, plan.kicks, rng, clock if kicking is None else kicking)
        return front.stages(problem)


def affine_of(rows: Rows, loss: Loss, plan: Plan) -> Stage:
    """The affine function that a path of rows in standardised units ends with, before anything is deleted from it."""
    problem = _problem_of(rows, loss, plan)
    with one_blas_thread():
        model = affine_fit(problem, slope_columns(rows), Clock()).trimmed()
    return Stage(model.size, model, summed_loss(model, rows, loss))


def _problem_of(rows: Rows, loss: Loss, plan: Plan) -> Problem:
    penalty = penalty_for(rows, loss, plan.shrinkage, plan.p)
    return Problem(rows, loss, penalty, plan.affine, constraints=plan.constraints)


def without_ridge(
    model: Model, rows: Rows, loss: Loss, most: float, affine: bool, constraints: Constraints | None = None
) -> Model:
    """The model fitted once more without a penalty, where its summed loss is small and that leaves `most` at most.

    There is no noise then that a penalty could keep out, and the error was the penalty's doing.
    """
    problem = Problem(rows, loss, Ridge(0.0, 0.0, 0.0), affine, constraints=constraints)
    if loss.degree != 2 or problem.objective(model) > NEARLY_EXACT * rows.total_weight:
        return model
    exact, left = minimise(model, problem, REFIT_STEPS, rtol=1e-3)
    return exact if left <= most else model


def penalty_for(rows: Data, loss: Loss, shrinkage: Shrinkage, p: float | None) -> Penalty:
    """The small penalty of a path, on the summed loss; of a flat loss it is no steeper than that."""
    unit = loss.steepness * rows.total_weight
    hinges = shrinkage.ridge * unit
    slopes = unit * slope_ridge_of(shrinkage, loss, rows.n_inputs, p)
    if p is not None:
        return PathPower(np.full(rows.n_inputs + 1, hinges / p), p, EPSILON, affine=slopes)
    return Ridge(hinges, slopes, INTERCEPT * unit)


def slope_ridge_of(shrinkage: Shrinkage, loss: Loss, n_inputs: int, p: float | None) -> float:
    """λ_A as it was given, or the default share of λ."""
    if shrinkage.slope_ridge is not None:
        return shrinkage.slope_ridge
    classes = loss.for_classes and p is None
    share = SLOPES_SHARE if not classes else SLOPES_SHARE_CLASSES if n_inputs <= MANY_INPUTS else 1.0
    return share * shrinkage.ridge


def start_of(affine: Model, problem: Problem, rows: Rows, plan: Plan, rng: np.random.Generator, clock: Clock) -> Model:
    """From the affine fit a network that is larger than needed: grown for regression and where slopes have signs, dense
    for classification.

    Very many unknowns are fitted with the path norm in between.
    """
    n_neurons = neurons_of(problem.loss, len(rows), rows.n_inputs, rows.n_outputs, plan.max_neurons)
    if plan.dense:
        n_neurons = min(n_neurons, GROWN_DENSE, max(1, len(rows) // (ROWS_PER_UNKNOWN * (rows.n_inputs + 1))))
        return forward(affine, problem, rows, n_neurons, rng, clock, dense_hinges)
    if not problem.loss.for_classes or problem.monotone:
        return forward(affine, problem, rows, n_neurons, rng, clock)
    model = dense(affine, problem, rows, n_neurons, rng)
    if problem.unknowns(model).size <= MANY_UNKNOWNS:
        return minimise(model, problem, DENSE_STEPS, stop=clock.expired)[0]
    stronger = plan.shrinkage._replace(ridge=PATH_NORM * plan.shrinkage.ridge)
    path_norm = penalty_for(rows, problem.loss, stronger, 1.0)
    for penalty, n_iterations in zip((problem.penalty, path_norm, problem.penalty), WIDE_ITERATIONS, strict=True):
        model, _ = quasi_newton(model, problem._replace(penalty=penalty), n_iterations, clock.expired)
    return model


def neurons_of(loss: Loss, n_rows: int, n_inputs: int, n_outputs: int, max_neurons: int | None = None) -> int:
    """Neurons of the network that a path begins with."""
    most = max(1, n_rows // (ROWS_PER_KNOT if n_inputs == 1 else ROWS_PER_NEURON))
    most = most if max_neurons is None else min(most, max_neurons)
    if not loss.for_classes:
        return min(MOST_NEURONS, most)
    n_neurons = min(DENSE_NEURONS if n_outputs == 1 else DENSE_NEURONS_MANY, most)
    wide = n_outputs > 1 and _dense_unknowns(n_neurons, n_inputs, n_outputs) > MANY_UNKNOWNS
    return min(WIDE_NEURONS, most) if wide else n_neurons


def takes_long(loss: Loss, n_rows: int, n_inputs: int, n_outputs: int, max_neurons: int | None = None) -> bool:
    """Whether a path begins with so many unknowns that few paths can be computed."""
    n_neurons = neurons_of(loss, n_rows, n_inputs, n_outputs, max_neurons)
    grown = 3 * n_neurons + n_outputs * (n_inputs + 1)
    dense = _dense_unknowns(n_neurons, n_inputs, n_outputs)
    return (dense if loss.for_classes else grown) > MANY_UNKNOWNS


def can_be_dense(loss: Loss, n_inputs: int, n_outputs: int) -> bool:
    """Whether paths that begin with neurons on all inputs are others than those on one or two, and no longer."""
    unknowns = _dense_unknowns(GROWN_DENSE, n_inputs, n_outputs)
    return loss.of_residuals and loss.degree == 2 and n_inputs > 1 and unknowns <= MANY_UNKNOWNS


def _dense_unknowns(n_neurons: int, n_inputs: int, n_outputs: int) -> int:
    return n_neurons * (n_inputs + n_outputs) + n_outputs * (n_inputs + 1)
