"""Compiled search through sets of cells for those whose span comes near the labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# With unit columns, the smallest singular value of a set of them is at least 0.6 times the product of their parts
# orthogonal to the columns before; at this product the distance to their span is good to about 1e-6.
_WELL_CONDITIONED = 1e-8


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


@njit(cache=True)
def spans_near(cells, first, budget, y, must_cover, near, found):
    """Find the sets of cells of total cost `budget`, `first` the least of them, whose span comes near y.

    A set is dismissed when it is inactive on a point of `must_cover` or when y is further than `near` from
    its span. Ranks that floats leave open are decided exactly. The sets that stay go to the rows of `found`,
    padded with -1.

    Returns
    -------
    (n_found, n_sets) : how many stay (more than len(found) when there was no room), how many there were.
    """
    N, n_base, n_cells, deepest = len(y), len(cells.base), len(cells.cost), found.shape[1]
    Q = np.zeros((N, N))  # orthonormal basis of the span of the chosen cells
    Q[:n_base] = cells.base
    independent = np.zeros(N, np.int64)  # the column that gave each direction
    rest = np.zeros((deepest + 1, N))  # what the span leaves of y; here and below by number of chosen cells
    rest[0] = y
    for b in range(n_base):
        _remove(rest[0], cells.base[b])
    rank = np.full(deepest + 1, n_base)
    volume = np.ones(deepest + 1)  # product of the orthogonal parts; 0 where the rank is not what the floats say
    covered = np.zeros(deepest + 1, np.uint64)
    left = np.full(deepest + 1, budget)
    chosen = np.full(deepest, first)

    n_found = n_sets = depth = 0
    while depth >= 0:
        c = chosen[depth]
        if c >= n_cells or cells.cost[c] > left[depth] or (depth == 0 and c > first):
            depth -= 1
            if depth >= 0:
                chosen[depth] += 1
            continue
        remaining = left[depth] - cells.cost[c]
        if 0 < remaining < cells.cost[c]:  # only one more cell fits, and it must use up the budget
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
        if shrunk < _WELL_CONDITIONED or _norm(rest[depth + 1]) <= near:
            if n_found < len(found):
                found[n_found, : depth + 1] = chosen[: depth + 1]
                found[n_found, depth + 1 :] = -1
            n_found += 1
        chosen[depth] += 1
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
        if volume * size < _WELL_CONDITIONED:
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
    """Orthogonalise the unit vector Q[q] against Q[:q] (twice is enough), normalise it, return what was left of it."""
    for _ in range(2):
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
