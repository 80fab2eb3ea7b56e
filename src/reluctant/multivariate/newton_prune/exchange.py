"""Exchanges of one parameter for another along curves of interpolants (ours).

Let N + 1 unknowns of a network move and the others stay. In a pattern the labels are linear in them, so that the
interpolants near it are a line, and beyond the hinges that points cross there the line goes on bent: a curve, closed
or unbounded, along which every network meets the labels. Where one of the unknowns is zero a parameter is saved. If
one of those that move was zero to begin with it has been exchanged for the other, as a basic variable in the simplex
method. A deletion by Newton steps guesses where such a zero is; the curve shows that there is one, or passes none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.multivariate.newton_prune import _curve, _kernels
from reluctant.multivariate.newton_prune.newton import solve
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights

MOST_CROSSINGS = 300
MOST_WALKS, LEAST_WALKS, WALKED_AT = 64, 4, 100
"""So many walks up to `WALKED_AT` equations, fewer with their square from there on."""
MET = 1e-6
"""Largest residual of an interpolant of the search."""


def exchange_parameters(data: Data, weights: Weights, rng: np.random.Generator, n: int) -> Weights:
    """Walk along curves from one interpolant to the next, until one with fewer parameters is found.

    Every other walk begins by letting a weight of zero move, and ends where another one is zero. For one output; n is
    there for the sake of the other kicks.
    """
    for _ in range(0, number_of_walks(data), 2):
        shorter = along_curve(data, weights, rng)
        if shorter is not None and shorter.n_parameters < weights.n_parameters:
            return shorter
        exchanged = along_curve(data, weights, rng, entering=True)
        if exchanged is not None and exchanged.n_parameters <= weights.n_parameters:
            weights = exchanged
    return weights


def number_of_walks(data: Data) -> int:
    """Walks of one kick."""
    return int(np.clip(MOST_WALKS * (WALKED_AT / data.n_equations) ** 2, LEAST_WALKS, MOST_WALKS))


def along_curve(data: Data, weights: Weights, rng: np.random.Generator, *, entering: bool = False) -> Weights | None:
    """The first interpolant along a random curve at which a parameter is zero; None where none is met.

    With `entering` a weight that is zero moves too, and the walk is in vain if that is the first to be zero again.
    """
    entry = None
    if entering:
        zeros = np.argwhere(weights.U == 0.0)
        if not len(zeros):
            return None
        entry = tuple(zeros[rng.integers(len(zeros))])
        U = weights.U.copy()
        U[entry] = 1.0
        weights = Weights(U, weights.V, weights.affine)
    unknowns = Unknowns.of(data, weights)
    values = unknowns.gather(weights)
    neuron, coordinate = _places(unknowns)
    first = -1
    if entry is not None:
        first = int(np.flatnonzero((neuron == entry[0]) & (coordinate == entry[1]))[0])
        values[first] = 0.0
        weights = unknowns.scatter(weights, values)
    if unknowns.size <= data.n_equations or (entry is not None and not unknowns.deletable[first]):
        return None
    moving = _chosen(unknowns.size, data.n_equations + 1, first, rng)
    inverse = _inverse(data, weights, neuron, coordinate, moving, rng)
    if inverse is None:
        return None
    zero = _curve.walk(
        data.inputs,
        neuron,
        coordinate,
        weights.V[:, 0].copy(),
        moving,
        unknowns.deletable,
        values,
        inverse,
        float(rng.choice([-1.0, 1.0])),
        MOST_CROSSINGS,
        weights.weight_limit(),
    )
    if zero < 0 or zero == first:
        return None
    found = solve(data, unknowns.scatter(weights, values).normalised(data), tol=MET, dampings=1)
    return found.weights.normalised(data) if found.converged else None


def _places(unknowns: Unknowns) -> tuple[NDArray, NDArray]:
    """Neuron and coordinate of every unknown of a network of one output; the affine part has neuron -1."""
    neuron = np.concatenate([unknowns.neuron, np.full(unknowns.affine.size, -1)])
    return neuron, np.concatenate([unknowns.coordinate, unknowns.affine])


def _chosen(size: int, n: int, first: int, rng: np.random.Generator) -> NDArray:
    """N unknowns at random, `first` among them unless it is -1."""
    order = rng.permutation(size)
    if first >= 0:
        order = np.append(first, order[order != first])
    return np.sort(order[:n])


def _inverse(
    data: Data, weights: Weights, neuron: NDArray, coordinate: NDArray, moving: NDArray, rng: np.random.Generator
) -> Array | None:
    """The inverse of the derivatives in those that move, a random row below; None where there is none."""
    active = _kernels.preactivations(data.inputs, weights.U) > 0.0
    M = np.empty((moving.size, moving.size))
    M[-1] = rng.standard_normal(moving.size)
    k, j = neuron[moving], coordinate[moving]
    slopes = np.where((k >= 0)[:, None], active[k] * weights.V[k], 1.0) if len(active) else np.ones((len(k), 1))
    M[:-1] = (slopes * data.inputs[j]).T
    try:
        return np.asarray(np.linalg.inv(M), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
