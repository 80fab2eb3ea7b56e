"""Compiled search through sets of cells for those whose span comes near the labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

WELL_CONDITIONED = 1e-7
"""Product of the parts of unit columns orthogonal to the columns before, above which a set of them is well conditioned.

With singular values s_1 ≥ … ≥ s_n of n unit columns the product is Π s_i and Σ s_i² = n, so that the others have a
product of at most (n / (n − 1))^((n − 1) / 2) < √e, and s_n is at least 0.6 times the product.
"""
_CANCELS = 0.7  # a column that loses more than this leaves is orthogonalised a second time, which is enough (Kahan)


def distance_error(y: NDArray) -> float:
    """Bound on the error of the distance of y to the span of a well-conditioned set of unit columns, as computed here.

    What is computed belongs to columns with a backward error E, ‖E‖ ≤ 4 N² ε: every entry takes part in two passes
    over fewer than N directions, each an inner product of length N and a subtraction. Projections on two spans of one
    dimension differ by at most ‖E‖ / s_n [Wedin 1973].
    """
    N = len(y)
    return float(4 * N**2 * np.finfo(float).eps / (0.6 * WELL_CONDITIONED) * np.linalg.norm(y))


class CellTable(NamedTuple):
    """Cells sorted by cost; cell c reaches the span of the unit columns start[c]:start[c + 1].

    `residues` (primes, columns, N) are the same columns as integers modulo each prime, up to scaling; `base`
    and `base_residues` belong to the free affine part. No integer minor of these matrices is as large as the
    product of the primes, so a minor that vanishes modulo all of them is zero.
    """

    columns: NDArray
    start: NDArray
    cost: NDArray
    covers: NDArray  # bit set of the points the cell is active on
    first_of_cost: NDArray
    base: NDArray
    primes: NDArray
    residues: NDArray
    base_residues: NDArray


class Search(NamedTuple):
    """A depth-first search through the sets of cells of one total cost, stopped anywhere; indexed by chosen cells.

    With k cells chosen, `rest[k]` is what their span leaves of y, the first rank[k] rows of `Q` are an orthonormal
    basis of it, `volume[k]` the product of the parts that made its directions (0 where the rank is not what the
    floats say), `covered[k]` the points they are active on and `left[k]` the cost that is left to choose.
    """

    Q: NDArray
    independent: NDArray  # the column that gave each row of Q
    rest: NDArray
    rank: NDArray
    volume: NDArray
    covered: NDArray
    left: NDArray
    chosen: NDArray
    depth: NDArray  # one number; -1 when all sets have been looked at


def start_search(cells: CellTable, y: NDArray, cost: int) -> Search:
    """A search through all nonempty sets of total cost `cost`."""
    N, n_base = len(y), len(cells.base)
    return Search(
        Q=np.vstack([cells.base, np.zeros((N - n_base, N))]),
        independent=np.zeros(N, np.int64),
        rest=np.vstack([y - cells.base.T @ (cells.base @ y), np.zeros((cost, N))]),
        rank=np.full(cost + 1, n_base),
        volume=np.ones(cost + 1),
        covered=np.zeros(cost + 1, np.uint64),
        left=np.full(cost + 1, cost),
        chosen=np.zeros(cost, np.int64),
        depth=np.zeros(1, np.int64),
    )


@njit(cache=True)
def spans_near(cells, search, must_cover, near, found, quota):
    """Go on with a search until `quota` sets have been looked at, `found` is full or the search is done.

    A set is dismissed when it is inactive on a point of `must_cover`, or when it is well conditioned and the computed
    distance of y from its span exceeds `near`, see `distance_error`. Ranks that floats leave open
    are decided exactly. The sets that stay go to the rows of `found`, padded
    with -1.

    Returns
    -------
    (n_found, n_sets) : how many stay, how many were looked at.
    """
    Q, independent, rest, rank, volume, covered, left, chosen, where = search
    depth, n_found, n_sets = where[0], 0, 0
    while depth >= 0 and n_found < len(found) and n_sets < quota:
        c = chosen[depth]
        if c >= len(cells.cost) or cells.cost[c] > left[depth]:
            depth -= 1
            if depth >= 0:
                chosen[depth] += 1
            continue
        remaining = left[depth] - cells.cost[c]
        if 0 < remaining < cells.cost[c]:  # only one more cell fits, and it must use up what is left
            chosen[depth] = max(c + 1, cells.first_of_cost[left[depth]])
            continue
        cover = covered[depth] | cells.covers[c]
        complete = remaining == 0
        n_sets += complete
        if complete and must_cover & ~cover:
            chosen[depth] += 1
            continue
        grown, shrunk = _add_cell(cells, c, Q, rank[depth], volume[depth], rest[depth], rest[depth + 1], independent)
        if not complete:
            depth += 1
            rank[depth], volume[depth], covered[depth], left[depth] = grown, shrunk, cover, remaining
            chosen[depth] = c + 1
            continue
        if shrunk < WELL_CONDITIONED or _norm(rest[depth + 1]) <= near:
            found[n_found, : depth + 1] = chosen[: depth + 1]
            found[n_found, depth + 1 :] = -1
            n_found += 1
        chosen[depth] += 1
    where[0] = depth
    return n_found, n_sets


@njit(cache=True)
def _add_cell(cells, c, Q, rank, volume, rest, rest_after, independent):
    """Extend the basis Q[:rank] by the columns of cell c; return the new rank and volume."""
    rest_after[:] = rest
    dependent = False
    for k in range(cells.start[c], cells.start[c + 1]):
        if rank == len(Q):
            return rank, volume
        Q[rank] = cells.columns[k]
        size = _orthonormalise(Q, rank)
        if volume * size < WELL_CONDITIONED:
            dependent = True
            continue
        volume *= size
        _remove(rest_after, Q[rank])
        independent[rank] = k
        rank += 1
    if dependent and not _adds_nothing(cells, independent[len(cells.base) : rank], c):
        volume = 0.0
    return rank, volume


@njit(cache=True)
def _orthonormalise(Q, q):
    """Orthogonalise the unit vector Q[q] against Q[:q], normalise it, return what was left of it."""
    for j in range(q):
        _remove(Q[q], Q[j])
    size = _norm(Q[q])
    if size < _CANCELS:
        for j in range(q):
            _remove(Q[q], Q[j])
        size = _norm(Q[q])
    if size > 0:
        Q[q] /= size
    return size


@njit(cache=True)
def _remove(vector, direction):
    product = 0.0
    for i in range(len(vector)):
        product += vector[i] * direction[i]
    for i in range(len(vector)):
        vector[i] -= product * direction[i]


@njit(cache=True)
def _norm(vector):
    total = 0.0
    for i in range(len(vector)):
        total += vector[i] * vector[i]
    return np.sqrt(total)


@njit(cache=True)
def _adds_nothing(cells, independent, c):
    """Whether base, `independent` and the columns of cell c have exact rank len(base) + len(independent)."""
    n_base, n_kept = cells.base_residues.shape[1], len(independent)
    begin, end = cells.start[c], cells.start[c + 1]
    M = np.empty((n_base + n_kept + end - begin, cells.residues.shape[2]), np.uint64)
    for i in range(len(cells.primes)):
        M[:n_base] = cells.base_residues[i]
        for k in range(n_kept):
            M[n_base + k] = cells.residues[i, independent[k]]
        M[n_base + n_kept :] = cells.residues[i, begin:end]
        if rank_modulo(M, cells.primes[i]) > len(cells.base) + n_kept:
            return False
    return True


@njit(cache=True)
def rank_modulo(M, prime):
    """Rank of an integer matrix modulo a prime below 2^31, by elimination in place without division."""
    rank = 0
    for j in range(M.shape[1]):
        pivot = rank
        while pivot < len(M) and M[pivot, j] == 0:
            pivot += 1
        if pivot == len(M):
            continue
        for k in range(j, M.shape[1]):
            M[rank, k], M[pivot, k] = M[pivot, k], M[rank, k]
        for r in range(rank + 1, len(M)):
            factor = prime - M[r, j]
            if M[r, j] != 0:
                for k in range(j, M.shape[1]):
                    M[r, k] = (M[r, k] * M[rank, j] + factor * M[rank, k]) % prime
        rank += 1
        if rank == len(M):
            break
    return rank
