"""The ℓp minimiser of tiny problems, over all extreme points of the finite program [NN, Thm 4.1].

Between sign changes of activations and coordinates the cost Σ|u_kj|^p is concave, so for 0 < p < 1 some
minimiser is an extreme point: every hinge is a positive combination of extreme rays of its cone, and all the
rays used have linearly independent values at the data. So each set of N independent rays gives candidates:
its coefficients are unique, their signs are the output signs, and rays of one output sign and one closed cell
are joined into one neuron, which never costs more (ours).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, islice
from math import comb, inf, log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array, Index, Mask
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.points import INTERPOLATES, closest_rows, distinct_rows, power_of_two
from reluctant.multivariate.proofs._ray_sets import SINGULAR
from reluctant.multivariate.proofs.frame import Frame
from reluctant.multivariate.proofs.program import hinge_network
from reluctant.multivariate.proofs.rays import extreme_hinges
from reluctant.objective import lp_power

_BLOCK = 50_000
_CANCELLED = 1e-12  # relative size of what is left of coordinates that cancel when rays are joined
_ROUNDINGS = 10.0  # backward error of a linear system or a null vector, in units of N ε; LAPACK's is about one
_EPS = float(np.finfo(float).eps)
_MOST_ROWS = 8  # beyond, the ways to join N rays are too many


@dataclass(frozen=True)
class Vertices:
    """Candidates that hold an ℓp minimiser for every 0 < p < 1 and a sparsest network.

    Attributes
    ----------
    hinges : ndarray, shape (V, N, d + 1)
        Effective weights u_k of every candidate, zero rows where it has fewer than N neurons.
    signs : ndarray, shape (V, N)
        Output signs.
    errors : ndarray, shape (V, N, d + 1)
        How far rounding may have moved each weight.
    """

    hinges: Array
    signs: Array
    errors: Array

    def among(self, kept: Mask) -> Vertices:
        """Some of the candidates."""
        return Vertices(self.hinges[kept], self.signs[kept], self.errors[kept])

    @cached_property
    def counts(self) -> Index:
        """Nonzero parameters of every candidate."""
        return np.count_nonzero(self.hinges, axis=(1, 2))

    def costs(self, p: float) -> Array:
        """Σ_k ‖u_k‖_p^p of every candidate."""
        magnitudes = _flat(self.hinges)
        return lp_power(magnitudes, p, axis=1) if p in (0, 1) else (magnitudes**p).sum(axis=1)

    def least_cost(self, p: float) -> float:
        """A lower bound on the least Σ_k ‖u_k‖_p^p, 0 < p ≤ 1, of the candidates as they are in exact arithmetic."""
        least = np.maximum(np.abs(self.hinges) - self.errors, 0.0)
        costs = (least**p).sum(axis=(1, 2))
        return float(costs.min() * (1 - _flat(least).shape[1] * _EPS))

    def network(self, v: int) -> ReLUNetwork:
        """Candidate v."""
        return hinge_network(self.hinges[v], self.signs[v], np.zeros(self.hinges.shape[2]))


def enumerate_vertices(X: ArrayLike, y: ArrayLike, *, largest: int = 2_000_000) -> Vertices:
    """Candidates from all sets of N independent extreme rays.

    Parameters
    ----------
    X : array_like, shape (N, d)
    y : array_like, shape (N,)
    largest : int
        Number of sets above which the problem is refused; about 41 thousand for N = 4 in the plane, 1.5 million for
        5, 68 million for 6, 3.2 thousand million for 7.

    Returns
    -------
    Vertices
        Without candidates where rows are closer than float64 resolves.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    ValueError
        If there are more than 8 distinct rows or more than `largest` sets.
    """
    table = RayTable.of(X, y, largest)
    N, n = len(table.labels), table.rays.shape[1]
    empty = Vertices(np.zeros((0, N, n)), np.zeros((0, N)), np.zeros((0, N, n)))
    return joined([empty, *table.candidates()])


def joined(parts: Sequence[Vertices]) -> Vertices:
    """Candidates side by side."""
    hinges, signs, errors = zip(*((part.hinges, part.signs, part.errors) for part in parts))
    return Vertices(np.concatenate(hinges), np.concatenate(signs), np.concatenate(errors))


@dataclass(frozen=True)
class RayTable:
    """The extreme rays of a problem and their values at its rows.

    Attributes
    ----------
    labels : ndarray, shape (N,)
        At the distinct rows.
    rays : ndarray, shape (R, d + 1)
        ‖r‖_1 = 1.
    values : ndarray, shape (R, N)
    signs : ndarray, shape (R, N)
        sign(r·x̄), zero on the hinge.
    blur : float
        Relative rounding of a ray.
    """

    labels: Array
    rays: Array
    values: Array
    signs: Array
    blur: float

    @classmethod
    def of(cls, X: ArrayLike, y: ArrayLike, largest: int) -> RayTable:
        """The table, if there are at most `largest` sets of N rays."""
        rows, y = distinct_rows(X, y)
        frame = Frame.of(rows, centred=False)
        extreme, values = extreme_hinges(frame)
        N, sets = len(y), comb(len(extreme), len(y))
        if N > _MOST_ROWS or sets > largest:
            raise ValueError(
                f"X has {N} distinct rows and {len(extreme)} extreme hinges, which makes {sets} candidates; at most "
                f"{_MOST_ROWS} rows and {largest} candidates are enumerated, use the search for larger tables"
            )
        blur = _ROUNDINGS * N * _EPS / closest_rows(rows)  # of a ray, a null vector of rows that may be this close
        return cls(y, frame.weights(extreme), values, frame.signs(extreme), blur)

    @property
    def negligible(self) -> float:
        """A value at a row that counts as zero."""
        return INTERPOLATES * float(np.abs(self.labels).max(initial=0.0)) / len(self.labels)

    @cached_property
    def conformal(self) -> Mask:
        """Pairs of rays with no data point strictly on opposite sides."""
        return pairs_without_opposites(self.signs)

    def with_labels_of_size_one(self) -> RayTable:
        """With labels divided by a power of two, so that the largest is between one and two."""
        return replace(self, labels=self.labels / power_of_two(np.abs(self.labels).max(initial=0.0)))

    def candidates(self) -> Iterator[Vertices]:
        """Those of all sets of N rays, as they are found."""
        for sets in _blocks(len(self.rays), len(self.labels)):
            yield from self.vertices(sets)

    def vertices(self, sets: Index) -> Iterator[Vertices]:
        """The candidates of sets of N rays (S, N)."""
        N, y = len(self.labels), self.labels
        A = self.values[sets].transpose(0, 2, 1)
        sizes = np.linalg.norm(A, axis=1)
        determinants = np.abs(np.linalg.det(A / sizes[:, None]))
        independent = determinants > SINGULAR
        if not independent.any():
            return
        sets, A = sets[independent], A[independent]
        coefficients = np.linalg.solve(A, np.broadcast_to(y[:, None], (len(A), N, 1)))[..., 0]
        # Unit columns have a smallest singular value of at least 0.6 times their determinant.
        uncertain = np.linalg.norm(coefficients * sizes[independent], axis=1, keepdims=True) / sizes[independent]
        uncertain *= (self.blur / (0.6 * determinants[independent]))[:, None]
        coefficients[np.abs(coefficients) * A.max(axis=1) <= self.negligible] = 0.0
        for which, members in _joinings(sets, coefficients, self.conformal):
            rays = self.rays[sets[which]]
            parts = np.abs(coefficients[which])[..., None] * rays
            together = members @ parts
            together[np.abs(together) <= _CANCELLED * (members @ np.abs(parts))] = 0.0
            errors = members @ (uncertain[which][..., None] * np.abs(rays) + self.blur * np.abs(parts))
            yield Vertices(together, np.sign(coefficients[which] @ members.T), errors)


def minimise_lp(vertices: Vertices, p: float) -> tuple[ReLUNetwork, float]:
    """The candidate of least Σ_k ‖u_k‖_p^p, a global minimiser among all networks, and its value.

    Parameters
    ----------
    vertices : Vertices
    p : float
        In [0, 1]; for p = 0 a sparsest candidate, and among those the one that is best for p → 0.

    Examples
    --------
    >>> vertices = enumerate_vertices([[0.0], [1.0], [2.0]], [0.0, 0.0, 1.0])
    >>> network, value = minimise_lp(vertices, 0.5)
    >>> network.n_parameters, round(value, 9)
    (2, 2.0)
    """
    costs = vertices.costs(p)
    if p == 0:
        ties = np.flatnonzero(costs == costs.min())
        best = ties[np.argmin(_log_sizes(vertices.hinges[ties]))]
    else:
        best = int(np.argmin(costs))
    return vertices.network(int(best)), float(costs[best])


@dataclass(frozen=True)
class CriticalExponent:
    """For every p in (0, `lower`) all ℓp minimisers are sparsest; the interval up to `upper` could not be settled."""

    lower: float
    upper: float


def critical_exponent(vertices: Vertices, width: float = 1e-6) -> CriticalExponent:
    """Bracket the largest q such that for every p < q the ℓp minimiser is a sparsest network.

    Every cost Σ|u|^p is convex in p, so on an interval it lies above its tangent at the middle and below its
    chord. Where the tangents of all candidates that are not sparsest lie above the chord of one that is, the
    interval is settled; others are halved. What is compared are all candidates of `enumerate_vertices`, in
    float64.

    Parameters
    ----------
    vertices : Vertices
    width : float
        Width of the bracket.

    Raises
    ------
    ValueError
        If there is no candidate, because rows are closer than float64 resolves.

    Examples
    --------
    >>> critical_exponent(enumerate_vertices([[0.0], [1.0], [2.0]], [0.0, 0.0, 1.0]))
    CriticalExponent(lower=1.0, upper=1.0)
    """
    if not len(vertices.hinges):
        raise ValueError("rows of X are too close for float64 to tell them apart; merge them")
    sparsest = vertices.counts == vertices.counts.min()
    sparse, others = (magnitudes_of(vertices.hinges[mask]) for mask in (sparsest, ~sparsest))
    intervals = [(0.0, 1.0, others)]  # unsettled, the leftmost last
    while intervals:
        a, b, rivals = intervals.pop()
        rivals = rivals[~are_above(rivals, sparse, a, b)]
        middle = 0.5 * (a + b)
        if len(rivals) and (b - a <= width):
            return CriticalExponent(a, b)
        if len(rivals):
            intervals += [(middle, b, rivals), (a, middle, rivals)]
    return CriticalExponent(1.0, 1.0)


def threshold_of(vertices: Vertices) -> float:
    """log(1 + 1/K0) / log(R / r): every p below it recovers a sparsest network [NN, proof of Thm 4.1].

    K0 is the least number of parameters, r and R the smallest and largest nonzero magnitude over all
    candidates. They include the extreme points, so the threshold holds; it is infinite when all magnitudes
    are equal.

    Examples
    --------
    >>> round(threshold_of(enumerate_vertices([[0.0], [1.0], [2.0]], [0.0, 0.0, 1.0])), 3)
    0.292
    """
    sizes = np.abs(vertices.hinges[vertices.hinges != 0])
    if len(sizes) == 0 or sizes.min() == sizes.max():
        return inf
    return log(1 + 1 / vertices.counts.min()) / log(sizes.max() / sizes.min())


def pairs_without_opposites(signs: Array) -> Mask:
    """Pairs of rows of signs that differ strictly nowhere."""
    opposite = (signs > 0).astype(np.float64) @ (signs < 0).T.astype(np.float64)
    return (opposite + opposite.T) == 0


def _blocks(n_rays: int, size: int) -> Iterator[Index]:
    sets = combinations(range(n_rays), size)
    while block := list(islice(sets, _BLOCK)):
        yield np.array(block, np.intp)


def _joinings(sets: NDArray, coefficients: Array, conformal: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
    """Every coarsest way to join rays into neurons: (which sets it is for, membership matrix neuron × ray)."""
    N = sets.shape[1]
    outputs = np.sign(coefficients)
    joinable = conformal[sets[:, :, None], sets[:, None, :]] & (outputs[:, :, None] * outputs[:, None, :] > 0)
    together, members, coarser = _partitions(N)
    separate = ~joinable.reshape(len(sets), -1)
    allowed = (separate.astype(np.float32) @ together.reshape(len(together), -1).T.astype(np.float32)) == 0
    coarsest = allowed & ~((allowed.astype(np.float32) @ coarser.T.astype(np.float32)) > 0)
    for k in np.flatnonzero(coarsest.any(axis=0)):
        yield np.flatnonzero(coarsest[:, k]), members[k]


def _partitions(N: int) -> tuple[NDArray, NDArray, NDArray]:
    """All partitions of N rays: pairs together (B, N, N), members (B, N, N), and whether l is coarser than k."""
    labels: list[tuple[int, ...]] = [()]
    for _ in range(N):
        labels = [(*label, block) for label in labels for block in range(max(label, default=-1) + 2)]
    L = np.array(labels)
    together = (L[:, :, None] == L[:, None, :]) & ~np.eye(N, dtype=bool)
    members = (L[:, None, :] == np.arange(N)[None, :, None]).astype(np.float64)
    flat = together.reshape(len(L), -1).astype(np.float32)
    finer = flat @ (1 - flat).T == 0
    coarser = finer & ~np.eye(len(L), dtype=bool)
    return together, members, coarser


def magnitudes_of(hinges: Array) -> Array:
    """|u| of every candidate, sorted."""
    return np.sort(_flat(hinges), axis=1)


def _flat(hinges: Array) -> Array:
    """|u| of every candidate in one row."""
    return np.abs(hinges).reshape(len(hinges), hinges.shape[1] * hinges.shape[2])


def _costs(magnitudes: Array, p: float) -> Array:
    return np.where(magnitudes > 0, np.where(magnitudes > 0, magnitudes, 1.0) ** p, 0.0).sum(axis=1)


def _slopes(magnitudes: Array, p: float) -> Array:
    """Derivatives of the costs with respect to p."""
    positive = np.where(magnitudes > 0, magnitudes, 1.0)
    return (np.log(positive) * positive**p).sum(axis=1)


def _log_sizes(hinges: Array) -> Array:
    return _slopes(magnitudes_of(hinges), 0.0)


def are_above(rivals: Array, sparse: Array, a: float, b: float) -> Mask:
    """Rivals whose tangent at the middle of [a, b] is above the chord of the sparsest candidate that is best there."""
    best = sparse[[int(np.argmin(_costs(sparse, 0.5 * (a + b))))]]
    return tangent_above(rivals, a, b, _costs(best, a), _costs(best, b))


def tangent_above(rivals: Array, a: float, b: float, left: Array | float, right: Array | float) -> Mask:
    """Rivals whose tangent at the middle of [a, b] is above `left` at a and above `right` at b."""
    middle = 0.5 * (a + b)
    value, slope = _costs(rivals, middle), _slopes(rivals, middle)
    return (value + slope * (a - middle) > left) & (value + slope * (b - middle) > right)
