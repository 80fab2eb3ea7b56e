"""Compiled bounds on ranks that hold exactly: from the places of the entries, and from integers modulo primes."""

from __future__ import annotations

import numpy as np

from reluctant.compiling import njit

MOST_SETS = 22
"""Determinants of no more sets of points, as rows of zeros and ones, are below 2^31."""


@njit(cache=True, error_model="numpy")
def places_bound_rank(covers, supports, n_inputs, everywhere, chosen, n_chosen, last, apart, enough, sets, indicators):
    """Whether the columns D X̄_S of the chosen cells and one more have rank `enough` at most, whatever the numbers in X̄.

    Take the rows of `apart` away, which cost their number at most. What is left of the columns of one input j are
    the values x_j times indicators of the active points: their rank is that of the indicators (ours). An affine part
    is a cell that is active `everywhere`, a bit set that is empty if there is none.
    """
    if n_chosen + 1 >= MOST_SETS:
        return False
    rank, n_certain = _size(apart), _size(apart)
    for j in range(n_inputs):
        n = _different_sets(covers, supports, chosen, n_chosen, last, j, everywhere, apart, sets)
        rank += n
        n_certain += min(n, 2)  # sets that are not empty, and different
    if rank <= enough or n_certain > enough:
        return rank <= enough
    for j in range(n_inputs):
        n = _different_sets(covers, supports, chosen, n_chosen, last, j, everywhere, apart, sets)
        if n > 2:
            rank += _rank_of_sets(sets, n, indicators) - n
            if rank <= enough:
                return True
    return False


@njit(cache=True, error_model="numpy")
def _different_sets(covers, supports, chosen, n_chosen, last, j, everywhere, apart, sets):
    """The points outside `apart` at which cells that see input j are active, each set once; how many sets."""
    n = 0
    if everywhere & ~apart:
        sets[0] = everywhere & ~apart
        n = 1
    for k in range(n_chosen + 1):
        c = chosen[k] if k < n_chosen else last
        if not (supports[c] >> np.uint64(j)) & np.uint64(1):
            continue
        points = covers[c] & ~apart
        if points:
            sets[n] = points
            first = 0
            while sets[first] != points:
                first += 1
            n += first == n
    return n


@njit(cache=True, error_model="numpy")
def _rank_of_sets(sets, n, M):
    """Rank of the indicators of sets of points, by elimination in integers [Bareiss 1968]."""
    union = np.uint64(0)
    for k in range(n):
        union |= sets[k]
    width = 0
    while union:
        point = union & ~(union - np.uint64(1))
        union ^= point
        for k in range(n):
            M[k, width] = (sets[k] & point) != 0
        width += 1
    rank, before = 0, 1
    for q in range(width):
        pivot = rank
        while pivot < n and M[pivot, q] == 0:
            pivot += 1
        if pivot == n:
            continue
        for p in range(q, width):
            M[rank, p], M[pivot, p] = M[pivot, p], M[rank, p]
        for k in range(rank + 1, n):
            factor = M[k, q]
            if factor == 0 and M[rank, q] == before:
                continue
            for p in range(q, width):
                M[k, p] = M[k, p] * M[rank, q] - factor * M[rank, p]
            if before == -1:
                for p in range(q, width):
                    M[k, p] = -M[k, p]
            elif before != 1:
                for p in range(q, width):
                    M[k, p] //= before
        before = M[rank, q]
        rank += 1
        if rank == n:
            break
    return rank


@njit(cache=True, error_model="numpy", inline="always")
def _size(bit_set):
    size = 0
    while bit_set:
        bit_set &= bit_set - np.uint64(1)
        size += 1
    return size


@njit(cache=True, error_model="numpy")
def primes_bound_rank(base_residues, residues, primes, independent, begin, end, enough):
    """Whether the base, the `independent` columns and begin:end have at most rank `enough`, modulo all primes."""
    n_base, n_kept = base_residues.shape[1], len(independent)
    M = np.empty((n_base + n_kept + end - begin, residues.shape[2]), np.uint64)
    for i in range(len(primes)):
        for j in range(M.shape[1]):  # an array put into part of another costs three seconds of compiling
            for k in range(n_base):
                M[k, j] = base_residues[i, k, j]
            for k in range(n_kept):
                M[n_base + k, j] = residues[i, independent[k], j]
            for k in range(begin, end):
                M[n_base + n_kept + k - begin, j] = residues[i, k, j]
        if rank_modulo(M, primes[i]) > enough:
            return False
    return True


@njit(cache=True, error_model="numpy")
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
