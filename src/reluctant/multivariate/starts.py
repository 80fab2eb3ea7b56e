"""Where the search begins: networks with more parameters than equations, most of them far from sparse."""

import numpy as np
from numpy.typing import NDArray

from reluctant.multivariate.newton import Solve, solve
from reluctant.multivariate.state import Array, Data, Weights


def random_hinges(data: Data, n: int, rng: np.random.Generator, n_inputs: int | None = None) -> Array:
    """n rows (w, b) of norm 1 with Gaussian w on `n_inputs` random inputs (all by default), hinge at a random data point."""
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
    """n rows of output weights with largest entry ±1: random signs for one output."""
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
    U = random_hinges(data, n_neurons, rng, n_inputs=min(data.n_inputs, 3))
    # Move the hinge off its data point, part of the way to another one.
    w = U[:, :-1]
    i, j = rng.integers(0, data.n_points, (2, n_neurons))
    middle = rng.uniform(0.0, 1.0, n_neurons)
    between = data.inputs[:-1, i] * (1.0 - middle) + data.inputs[:-1, j] * middle
    U[:, -1] = -np.einsum("kj,jk->k", w, between)
    hidden = np.maximum(U @ data.inputs, 0.0)
    V = np.linalg.lstsq(hidden.T, data.targets.T, rcond=1e-13)[0]
    weights = Weights.empty(data).append(U, V).normalised(data)
    error = np.abs(weights.residuals(data)).max(initial=0.0)
    return weights if error < 1e-3 * np.abs(data.targets).max(initial=0.0) else None


def line_start(data: Data, direction: Array) -> Weights:
    """The interpolant of one variable z = w·x, N hinges on the sorted projections; these must be distinct."""
    z = direction @ data.inputs[:-1]
    order = np.argsort(z, kind="stable")
    z, y = z[order], data.targets[:, order]
    gaps = np.diff(z)
    if gaps.size and gaps.min() <= 0.0:
        raise ValueError("direction must tell all data points apart")
    first = 2.0 ** np.floor(np.log2(max(np.ptp(z), np.abs(z[0]), 1e-300)))
    knots = np.concatenate([[z[0] - first], z[:-1]])
    slopes = np.column_stack([y[:, :1] / (z[0] - knots[0]), np.diff(y, axis=1) / gaps]).T
    V = np.diff(slopes, axis=0, prepend=0.0)
    U = np.column_stack([np.broadcast_to(direction, (len(z), direction.size)), -knots])
    return Weights.empty(data).append(U, V).normalised()


def telling_direction(data: Data, rng: np.random.Generator) -> NDArray:
    """The input whose smallest gap between data points is largest, or a random direction where every input has ties."""
    d = data.n_inputs
    gaps = np.diff(np.sort(data.inputs[:d], axis=1), axis=1).min(axis=1, initial=np.inf)
    if gaps.max() > 0.0:
        return np.eye(d)[int(np.argmax(gaps))]
    return rng.standard_normal(d)


def solved_start(data: Data, rng: np.random.Generator, tol: float, dense: bool = True) -> Solve | None:
    """An interpolant: a dense start widened where it does not converge, else features; None where both fail."""
    for factor in (2.0, 2.5, 3.2, 4.0) if dense else ():
        found = solve(data, dense_start(data, rng, factor), tol=tol, max_iterations=60, stall=False)
        if found.converged:
            return found
    for factor in (1.3, 1.6, 1.9, 2.3):
        weights = feature_start(data, rng, factor)
        if weights is not None:
            found = solve(data, weights, tol=tol)
            if found.converged:
                return found
    return None
