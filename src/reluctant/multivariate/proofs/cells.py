"""Cells of hinges: an activation pattern and a support, and what a neuron there can add to the values at the data."""

from __future__ import annotations

from itertools import combinations
from math import ceil, log2

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr

from reluctant.arrays import Array, Mask
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs._exclusion import CellTable, rank_modulo
from reluctant.multivariate.proofs.patterns import arrangement_cells, integer_rows

Cell = tuple[tuple[bool, ...], tuple[int, ...]]  # pattern on the data, support

_CLEAR_RANK = 1e-8  # singular values of unit columns above this are not rounding


def support_cells(X: ArrayLike, largest: int | None = None) -> list[Cell]:
    """Pairs (pattern, support) of all hinges u ≠ 0 that are active on a point, smallest supports first.

    Points on a hinge add nothing, so the closures of the open cells of every support hold all hinges.

    Parameters
    ----------
    X : array_like, shape (N, d)
    largest : int, optional
        Largest size of a support; d + 1 by default.

    Returns
    -------
    list of (pattern, support)
        Booleans for the N rows; sorted column indices of X̄ = (X, 1).

    Examples
    --------
    >>> [support for _, support in support_cells([[1.0], [-2.0]])]
    [(0,), (0,), (1,), (0, 1), (0, 1), (0, 1)]
    """
    Xbar = homogeneous(X)
    n = Xbar.shape[1]
    cells: list[Cell] = []
    for size in range(1, min(n, n if largest is None else largest) + 1):
        for support in combinations(range(n), size):
            patterns = {tuple(s > 0 for s in signs) for signs, _ in arrangement_cells(integer_rows(Xbar[:, support]))}
            cells += [(pattern, support) for pattern in sorted(patterns) if any(pattern)]
    return cells


def cell_table(Xbar: Array, cells: list[Cell], costs: NDArray, affine: bool) -> CellTable:
    """Lay out cells, sorted by cost, for the compiled search."""
    N, n = Xbar.shape
    integers = integer_rows(Xbar)
    # Hadamard: a minor is at most the product of the norms of its rows, each at most √N times its largest entry.
    bits = sum(max(map(abs, row)).bit_length() + 0.5 * log2(N + n) for row in integers)
    primes = np.array(_primes(1 + ceil(bits / 30)), np.uint64)
    modulo = np.array([[[a % int(p) for a in row] for row in integers] for p in primes], np.uint64)  # (primes, N, n)
    start, columns, residues = [0], [], []
    for pattern, support in cells:
        on = np.array(pattern)
        for j in _spanning_columns(Xbar, modulo, primes, on, list(support)):
            column = np.where(on, Xbar[:, j], 0.0)
            columns.append(column / np.linalg.norm(column))
            residues.append(modulo[:, :, j] * on)
        start.append(len(columns))
    bit = 1 << np.arange(N, dtype=np.uint64)
    return CellTable(
        columns=np.array(columns).reshape(-1, N),
        start=np.array(start),
        cost=np.asarray(costs, np.int64),
        covers=np.array([bit[list(pattern)].sum() for pattern, _ in cells], np.uint64),
        first_of_cost=np.searchsorted(costs, np.arange(2 * (N + n))),
        base=_affine_basis(Xbar, modulo, primes) if affine else np.zeros((0, N)),
        primes=primes,
        residues=np.ascontiguousarray(np.array(residues, np.uint64).reshape(-1, len(primes), N).transpose(1, 0, 2)),
        base_residues=np.ascontiguousarray(modulo.transpose(0, 2, 1)[:, : n if affine else 0]),
    )


def _spanning_columns(Xbar: Array, modulo: NDArray, primes: NDArray, on: Mask, support: list[int]) -> list[int]:
    """As many clearly independent columns of D X̄_S as their exact rank; all nonzero ones where that is unclear."""
    A = Xbar[on][:, support]
    support = [j for j, column in zip(support, A.T) if column.any()]
    rank = _exact_rank(modulo[:, on][:, :, support], primes)
    if rank == len(support):
        return support
    A = Xbar[on][:, support]
    R, order = qr(A / np.linalg.norm(A, axis=0), mode="r", pivoting=True)
    return [support[k] for k in order[:rank]] if abs(R[rank - 1, rank - 1]) > _CLEAR_RANK else support


def _exact_rank(modulo: NDArray, primes: NDArray) -> int:
    """Rank of the integer matrix given modulo primes whose product no minor reaches."""
    return max(rank_modulo(rows, prime) for rows, prime in zip(modulo.copy(), primes))


def _affine_basis(Xbar: Array, modulo: NDArray, primes: NDArray) -> Array:
    """Orthonormal rows that span the columns of X̄, whose rank floats and exact arithmetic agree on."""
    size = np.linalg.norm(Xbar, axis=0)
    left, singular, _ = np.linalg.svd(Xbar / np.where(size > 0, size, 1.0), full_matrices=False)
    clear = singular > _CLEAR_RANK
    if _exact_rank(modulo, primes) != np.count_nonzero(clear):
        raise ValueError(
            "the columns of X are almost but not exactly dependent, which float64 cannot tell from a free affine part; "
            "drop one of them or use affine=False"
        )
    return np.ascontiguousarray(left[:, clear].T)


def _primes(count: int) -> list[int]:
    """The largest primes below 2^31."""
    small = np.flatnonzero(_sieve(46342))
    found: list[int] = []
    candidate = 2**31 - 1
    while len(found) < count:
        if np.all(candidate % small):
            found.append(candidate)
        candidate -= 2
    return found


def _sieve(limit: int) -> Mask:
    prime = np.ones(limit, bool)
    prime[:2] = False
    for k in range(2, int(limit**0.5) + 1):
        prime[k * k :: k] &= ~prime[k]
    return prime
