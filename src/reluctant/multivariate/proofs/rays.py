"""Extreme hinges: the rays of the arrangement of the data points and the coordinate planes.

On a cone where neither the activation pattern nor the sign of a coordinate changes, both (X̄u)_+ and a
weighted ‖u‖_1 are linear in u, and every u is a positive combination of the extreme rays of its cone. A ray
has some support S and |S| − 1 independent data points on its hinge. So the convex problem (p = 1) is a linear
program over the rays (ours).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index
from reluctant.multivariate.proofs.frame import ZERO, Frame

_SAME_BLUR = 0.01  # points leave a line where its direction is known to so much
_DECIMALS = 12  # rays that agree in so many are one
_BLOCK = 20_000
_PER_SUPPORT = 10


def ray_count(n_points: int, n_inputs: int) -> int:
    """Rays of N points in general position in R^d, 2 C(N + d + 1, d); a bound for all others.

    Examples
    --------
    >>> ray_count(8, 3)
    440
    """
    return 2 * comb(n_points + n_inputs + 1, n_inputs)


def extreme_rays(X: ArrayLike) -> tuple[Array, Array]:
    """All rays that are active on a data point, each once.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Inputs, degenerate or not.

    Returns
    -------
    rays : ndarray, shape (R, d + 1)
        ‖u‖_1 = 1, zeros outside the support exact.
    values : ndarray, shape (R, N)
        (X̄u)_+ with exact zeros on the hinge.

    Examples
    --------
    >>> rays, values = extreme_rays([[1.0], [-2.0]])
    >>> (rays.round(3) + 0.0).tolist()
    [[-1.0, 0.0], [-0.5, 0.5], [0.0, 1.0], [0.333, 0.667], [1.0, 0.0]]
    """
    frame = Frame.of(X, centred=False)
    hinges, values = extreme_hinges(frame)
    return frame.weights(hinges), values


def extreme_hinges(frame: Frame) -> tuple[Array, Array]:
    """The same in the coordinates of a frame: rays (R, d + 2) and values (R, N)."""
    n = frame.rows.shape[1]
    blocks = [np.zeros((0, n + 1))]
    for support, points in defining_sets(frame.rows):
        blocks.append(_rays(frame, support, points))
    rays = np.vstack(blocks)
    # What is the same ray is decided in columns of one size.
    rays = rays[np.unique(rays[:, :n].round(_DECIMALS), axis=0, return_index=True)[1]]
    rays /= frame.norms(rays)[:, None]
    values = frame.values(rays)
    active = values.any(axis=1)
    return rays[active], values[active]


def join_conformal(hinges: Array, signs: Array, frame: Frame) -> tuple[Array, Array]:
    """Add up hinges of one output sign with no data point strictly on opposite sides; the values at the data stay."""
    joined: list[Array] = []
    outputs: list[float] = []
    for u, sign in zip(hinges, signs):
        for k, (other, output) in enumerate(zip(joined, outputs)):
            if output == sign and not np.any(frame.signs(u[None]) * frame.signs(other[None]) < 0):
                joined[k] = other + u
                break
        else:
            joined.append(u)
            outputs.append(sign)
    return np.array(joined).reshape(-1, hinges.shape[1]), np.array(outputs)


def random_hinges(frame: Frame, count: int, rng: np.random.Generator) -> Array:
    """About `count` rays with random support and random points on the hinge."""
    N, n = frame.rows.shape
    sizes = rng.integers(1, min(n, N + 1) + 1, size=-(-count // (2 * _PER_SUPPORT)))
    blocks = []
    for size in sizes:
        support = np.sort(rng.permutation(n)[:size])
        points = np.array([rng.permutation(N)[: size - 1] for _ in range(_PER_SUPPORT)], np.intp)
        blocks.append(_rays(frame, support, points))
    rays = np.vstack(blocks)
    return rays / frame.norms(rays)[:, None]


def defining_sets(Xbar: Array) -> Iterator[tuple[Index, Index]]:
    """Supports, each with blocks of sets of |S| − 1 points."""
    N, n = Xbar.shape
    for size in range(1, min(n, N + 1) + 1):
        for support in combinations(range(n), size):
            subsets = combinations(range(N), size - 1)
            while block := list(islice(subsets, _BLOCK)):
                yield np.array(support), np.array(block, np.intp).reshape(len(block), size - 1)


def _rays(frame: Frame, support: Index, points: Index) -> Array:
    """Both directions of the line u_S ⊥ x̄_i,S, i in every row of `points`, where it is one and has full support."""
    lines = frame.lines(support, points)
    hinges, centre = lines.hinges, frame.centre / frame.unit
    full = (lines.blur < _SAME_BLUR) & np.all(np.abs(hinges[:, support[support < len(centre)]]) > ZERO, axis=1)
    if lines.with_bias:
        terms = np.abs(hinges[:, -2]) + np.abs(hinges[:, : len(centre)]) @ np.abs(centre)
        full &= np.abs(hinges[:, -1]) > ZERO * terms
    rays = hinges[full] / np.abs(hinges[full][:, :-1]).sum(axis=1, keepdims=True)
    return np.vstack([rays, -rays])
