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
from reluctant.multivariate.points import homogeneous, power_of_two

_ZERO = 1e-12  # relative size of what counts as zero when a ray is computed
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
    >>> rays.round(3).tolist()
    [[-1.0, 0.0], [-0.5, 0.5], [0.0, 1.0], [0.333, 0.667], [1.0, 0.0]]
    """
    Xbar = homogeneous(X)
    unit = power_of_two(np.abs(Xbar).max(axis=0))  # what is zero, or the same ray, is decided in columns of one size
    blocks = [np.zeros((0, Xbar.shape[1]))]
    for support, points in defining_sets(Xbar):
        blocks.append(_rays(Xbar / unit, support, points))
    rays = np.vstack(blocks)
    rays = rays[np.unique(rays.round(_DECIMALS), axis=0, return_index=True)[1]] / unit
    rays /= np.abs(rays).sum(axis=1, keepdims=True)
    values = hinge_values(Xbar, rays)
    active = values.any(axis=1)
    return rays[active], values[active]


def hinge_values(Xbar: Array, U: Array) -> Array:
    """(U X̄ᵀ)_+ with exact zeros where a point is on the hinge to rounding."""
    Z = U @ Xbar.T
    Z[_ZERO * (np.abs(U) @ np.abs(Xbar.T)) > Z] = 0.0
    return Z


def join_conformal(U: Array, signs: Array, Xbar: Array) -> tuple[Array, Array]:
    """Add up hinges of one output sign with no data point strictly on opposite sides; the values at the data stay."""
    joined: list[Array] = []
    outputs: list[float] = []
    for u, sign in zip(U, signs):
        for k, (other, output) in enumerate(zip(joined, outputs)):
            if output == sign and conformal(u, other, Xbar):
                joined[k] = other + u
                break
        else:
            joined.append(u)
            outputs.append(sign)
    return np.array(joined).reshape(-1, U.shape[1]), np.array(outputs)


def conformal(u: Array, v: Array, Xbar: Array) -> bool:
    """Whether a closed cell of the data holds both hinges."""
    return not np.any(data_signs(Xbar, u[None]) * data_signs(Xbar, v[None]) < 0)


def data_signs(Xbar: Array, U: Array) -> Array:
    """sign(U X̄ᵀ) with zeros where a point is on the hinge to rounding."""
    Z = U @ Xbar.T
    return np.where(np.abs(Z) <= _ZERO * (np.abs(U) @ np.abs(Xbar.T)), 0.0, np.sign(Z))


def random_rays(Xbar: Array, count: int, rng: np.random.Generator) -> Array:
    """About `count` rays with random support and random points on the hinge."""
    N, n = Xbar.shape
    sizes = rng.integers(1, min(n, N + 1) + 1, size=-(-count // (2 * _PER_SUPPORT)))
    blocks = []
    for size in sizes:
        support = np.sort(rng.permutation(n)[:size])
        points = np.array([rng.permutation(N)[: size - 1] for _ in range(_PER_SUPPORT)], np.intp)
        blocks.append(_rays(Xbar, support, points))
    return np.vstack(blocks)


def defining_sets(Xbar: Array) -> Iterator[tuple[Index, Index]]:
    """Supports, each with blocks of sets of |S| − 1 points."""
    N, n = Xbar.shape
    for size in range(1, min(n, N + 1) + 1):
        for support in combinations(range(n), size):
            subsets = combinations(range(N), size - 1)
            while block := list(islice(subsets, _BLOCK)):
                yield np.array(support), np.array(block, np.intp).reshape(len(block), size - 1)


def _rays(Xbar: Array, support: Index, points: Index) -> Array:
    """Both directions of the line u_S ⊥ x̄_i,S, i in every row of `points`, where it is one and has full support."""
    A = Xbar[points[:, :, None], support]
    size = len(support)
    if size == 1:
        null = np.ones((len(points), 1))
        lines = np.ones(len(points), bool)
    else:
        _, singular, V = np.linalg.svd(A)
        null = V[:, -1]
        lines = singular[:, -1] > _ZERO * singular[:, 0]
    lines &= np.all(np.abs(null) > _ZERO, axis=1)
    u = null[lines] / np.abs(null[lines]).sum(axis=1, keepdims=True)
    rays = np.zeros((2 * len(u), Xbar.shape[1]))
    rays[: len(u), support] = u
    rays[len(u) :, support] = -u
    return rays
