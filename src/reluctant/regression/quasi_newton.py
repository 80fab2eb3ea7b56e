"""L-BFGS on the unknowns of a network, for so many of them that their curvature takes most of the time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from reluctant.arrays import Array
from reluctant.effort import never
from reluctant.regression.gauss_newton import Problem, value_and_gradient
from reluctant.regression.model import Model

MANY_UNKNOWNS = 500
"""Of more unknowns a hundred gradients cost less than one step with their curvature."""
REMEMBERED = 20
"""Steps from which L-BFGS estimates curvature."""


def quasi_newton(
    model: Model, problem: Problem, max_iterations: int, stop: Callable[[], bool] = never
) -> tuple[Model, float]:
    """L-BFGS from a model (Liu and Nocedal, 1989); returns the model, without dead neurons, and its objective.

    No step begins where `stop` says so.
    """
    if stop():
        return model, problem.objective(model)
    unknowns = problem.unknowns(model)

    def objective(theta: Array) -> tuple[float, Array]:
        return value_and_gradient(unknowns.scatter(model, theta), unknowns, problem)

    def listen(theta: Array) -> None:
        if stop():
            raise StopIteration  # by which L-BFGS ends with the step it has taken

    options = {"maxiter": max_iterations, "maxcor": REMEMBERED}
    start = unknowns.gather(model)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", callback=listen, options=options)
    fitted = _cleaned(unknowns.scatter(model, found.x).balanced(), problem)
    return fitted, problem.objective(fitted)


def _cleaned(model: Model, problem: Problem) -> Model:
    """The same function at the data with fewer neurons."""
    ever_on, ever_off = np.zeros((2, model.n_neurons), dtype=bool)
    for block in problem.data.blocks():
        on = block.inputs @ model.U.T > 0.0
        ever_on |= on.any(axis=0)
        ever_off |= ~on.all(axis=0)
    return model.cleaned(ever_on, ever_off, problem.affine, problem.lines)
