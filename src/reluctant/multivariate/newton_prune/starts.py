"""Where the search begins: networks with more parameters than equations, most of them far from sparse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import lapack

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.multivariate.newton_prune.newton import solve
from reluctant.multivariate.newton_prune.state import Data, Weights
from reluctant.univariate.interpolation import interpolate_line, without_affine_part

PROJECTIONS = 8
"""Random projections that are tried where no single input tells the data points apart."""
REFINEMENTS = 2
"""Corrections of output weights that one factorisation gives."""
CLOSEST = 1e-100
"""Distances in scaled data below which products and quotients of slopes and data may leave float64."""


def random_hinges(data: Data, n: int, rng: np.random.Generator, n_inputs: int | None = None) -> Array:
    """Rows (w, b) of norm 1, Gaussian w on `n_inputs` random inputs (all by default), hinge at a random data point."""
    d = data.n_inputs
    w = rng.standard_normal((n, d))
    if n_inputs is not None and n_inputs < d:
        keep = np.argsort(rng.random((n, d)), axis=1)[:, :n_inputs]
        mask = np.zeros((n, d), dtype=bool)
        np.put_along_axis(mask, keep, True, axis=1)
        w = np.where(mask, w, 0.0)
    points = data.inputs[:d, rng.integers(0, data.n_points, n)]
    rows = np.column_stack([w, -np.einsum("kj,jk->k", w, points)])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def random_outputs(n: int, m: int, rng: np.random.Generator) -> Array:
    """Output weights (n, m) with largest entry ±1: random signs for one output."""
    V = rng.uniform(-1.0, 1.0, (n, m))
    return V / np.max(np.abs(V), axis=1, keepdims=True)


def dense_start(data: Data, rng: np.random.Generator, factor: float = 2.0) -> Weights:
    """About `factor` m N parameters in dense neurons of small weight, hinges through data points."""
    d, m = data.n_inputs, data.n_outputs
    n_neurons = max(int(np.ceil(factor * data.n_equations / (d + m))), 4)
    U = random_hinges(data, n_neurons, rng) * (np.sqrt(2.0 / n_neurons) * np.sqrt(np.mean(data.targets**2)))
    return Weights.empty(data).append(U, random_outputs(n_neurons, m, rng))


def feature_start(data: Data, rng: np.random.Generator, factor: float = 1.3) -> Weights | None:
    """About `factor` N fixed sparse neurons, output weights of least norm; None where they do not interpolate."""
    n_neurons = int(factor * data.n_points) + 2
    U = hinges_between(data, n_neurons, rng, n_inputs=min(data.n_inputs, 3))
    hidden = np.maximum(U @ data.inputs, 0.0)
    V = np.asarray(np.linalg.lstsq(hidden.T, data.targets.T, rcond=1e-13)[0], dtype=np.float64)
    weights = Weights.empty(data).append(U, V).normalised(data)
    error = np.abs(weights.residuals(data)).max(initial=0.0)
    return weights if error < 1e-3 * np.abs(data.targets).max(initial=0.0) else None


def square_start(data: Data, rng: np.random.Generator) -> Weights:
    """N random neurons on at most two inputs, hinges between data points; one factorisation gives the output weights.

    It interpolates uniform data to about 1e-11 in a tenth of the time of a dense start, with three parameters a point.
    """
    U = hinges_between(data, data.n_points, rng, n_inputs=min(data.n_inputs, 2))
    hidden = np.maximum(U @ data.inputs, 0.0).T
    factor = lapack.dgetrf(hidden)
    V = np.zeros((data.n_points, data.n_outputs))
    with np.errstate(over="ignore", invalid="ignore"):  # a matrix without an inverse gives no numbers
        for _ in range(1 + REFINEMENTS):
            V += lapack.dgetrs(*factor[:2], data.targets.T - hidden @ V)[0]
    return Weights.empty(data).append(U, np.nan_to_num(V, nan=0.0, posinf=0.0, neginf=0.0)).normalised(data)


def hinges_between(data: Data, n: int, rng: np.random.Generator, n_inputs: int) -> Array:
    """Rows (w, b) as of `random_hinges`, each hinge moved off its data point, part of the way to another one."""
    U = random_hinges(data, n, rng, n_inputs=n_inputs)
    i, j = rng.integers(0, data.n_points, (2, n))
    middle = rng.uniform(0.0, 1.0, n)
    between = data.inputs[:-1, i] * (1.0 - middle) + data.inputs[:-1, j] * middle
    U[:, -1] = -np.einsum("kj,jk->k", U[:, :-1], between)
    return U


def line_start(data: Data, rng: np.random.Generator) -> Weights:
    """The interpolant of one variable z = w·x, one hinge w·x = z_i a point; it exists for distinct rows."""
    direction = telling_direction(data, rng)
    z = direction @ data.inputs[:-1]
    order = np.argsort(z, kind="stable")
    z, y = z[order], data.targets[:, order]
    knots = np.append(z[0] - 1.0, z[:-1])
    slopes = np.diff(np.column_stack([np.zeros(len(y)), y]), axis=1) / (z - knots)
    V = np.diff(slopes.T, axis=0, prepend=0.0)
    U = np.column_stack([np.broadcast_to(direction, (z.size, direction.size)), -knots])
    return Weights.empty(data).append(U, V).normalised()


def sparsest_line_start(data: Data, rng: np.random.Generator) -> Weights | None:
    """The sparsest function of one input, of one random projection where no input can do it, that interpolates.

    Each is the exact solution of the line. None for several outputs, or where float64 has none.
    """
    if data.n_outputs > 1:
        return None
    for directions in (np.eye(data.n_inputs), rng.standard_normal((PROJECTIONS, data.n_inputs))):
        found = [weights for u in directions if (weights := solved_along(data, u)) is not None]
        if found:
            return min(found, key=lambda weights: weights.n_parameters)
    return None


def solved_along(data: Data, direction: Array) -> Weights | None:
    """The sparsest interpolant of one output that is a function of z = w·x; None where there is none in float64."""
    z = direction @ data.inputs[:-1]
    if _closest(z) < CLOSEST or _closest(data.targets[0]) < CLOSEST:
        return None
    try:
        solution = interpolate_line(z, data.targets[0])
        network = (solution if data.affine.size else without_affine_part(solution, z)).network
    except (InfeasibleError, TooSteepError):  # one z with several labels, or slopes beyond float64
        return None
    U = np.column_stack([network.input_weights * direction, network.biases])
    affine = np.vstack([network.slope * direction[:, None], network.intercept])
    return Weights(U, np.array(network.output_weights), affine).normalised(data)


def _closest(values: Array) -> float:
    """The smallest positive distance of two values, or of one to zero."""
    gaps = np.diff(np.sort(np.append(values, 0.0)))
    return float(np.min(gaps, where=gaps > 0, initial=np.inf))


def telling_direction(data: Data, rng: np.random.Generator) -> Array:
    """The input that tells the data points apart best, or the best of some random directions where none does."""
    d = data.n_inputs
    inputs = np.eye(d)
    gaps = smallest_gap(data, inputs)
    if gaps.max() > 0.0:
        return inputs[int(np.argmax(gaps))]
    directions = rng.standard_normal((32, d))
    return directions[int(np.argmax(smallest_gap(data, directions)))]


def smallest_gap(data: Data, directions: Array) -> Array:
    """Smallest distance between projections of two data points, for every direction."""
    return np.diff(np.sort(directions @ data.inputs[:-1], axis=1), axis=1).min(axis=1, initial=np.inf)


def simple_start(data: Data) -> Weights | None:
    """The affine function, where there is an affine part, or the constant that meets all labels; None if none does."""
    weights = Weights.empty(data)
    if data.affine.size:
        weights.affine[data.affine] = np.linalg.lstsq(data.inputs[data.affine].T, data.targets.T)[0]
    elif np.ptp(data.targets, axis=1).max() == 0.0:
        constant = np.zeros((1, data.n_inputs + 1))
        constant[0, -1] = 1.0
        weights = weights.append(constant, data.targets[:, :1].T).normalised()
    return weights if np.abs(weights.residuals(data)).max(initial=0.0) < 1e-12 else None


def solved_start(
    data: Data, rng: np.random.Generator, tol: float, stop: Callable[[], bool], dense: bool = True
) -> Weights | None:
    """An interpolant: a dense start, wider where it does not converge, else features; None where both fail."""
    for factor in (2.0, 2.5, 3.2, 4.0) if dense else ():
        start = dense_start(data, rng, factor)
        found = solve(data, start, tol=tol, max_iterations=60, stall=False, stop=stop)
        if found.converged:
            return found.weights
    for factor in (1.3, 1.6, 1.9, 2.3):
        features = None if stop() else feature_start(data, rng, factor)
        if features is not None:
            found = solve(data, features, tol=tol, stop=stop)
            if found.converged:
                return found.weights
    return None
