"""Cells of hinges: an activation pattern and a support, and what a neuron there can add to the values at the data."""

from __future__ import annotations

from itertools import combinations
from math import ceil, log2

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.multivariate._exclusion import CellTable, rank_modulo
from reluctant.multivariate.patterns import arrangement_cells, homogeneous, integer_rows

Array = NDArray[np.float64]
Cell = tuple[tuple[bool, ...], tuple[int, ...]]  # pattern on the data, support

_CLEAR_RANK = 1e-8  # singular values of unit columns above this are not rounding


def support_cells(X: ArrayLike) -> list[Cell]:
    """Pairs (pattern, support) of all hinges u ≠ 0 that are active on a point, smallest supports first.

    Points on a hinge add nothing, so the closures of the open cells of every support hold all hinges.

    Parameters
    ----------
    X : array_like, shape (N, d)

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
    for size in range(1, n + 1):
        for support in combinations(range(n), size):
            patterns = {tuple(s > 0 for s in signs) for signs, _ in arrangement_cells(integer_rows(Xbar[:, support]))}
            cells += [(pattern, support) for pattern in sorted(patterns) if any(pattern)]
    return cells


def cell_table(Xbar: Array, cells: list[Cell], costs: NDArray, affine: bool) -> CellTable:
    """Lay out cells, sorted by cost, for the compiled search."""
    N, n = Xbar.shape
    integers = integer_rows(Xbar)
    primes = _primes(1 + ceil(sum(max(map(abs, row)).bit_length() + 0.5 * log2(N + n) for row in integers) / 30))
    modulo = np.array([[[a % p for a in row] for row in integers] for p in primes], np.uint64)  # (primes, N, n)
    start, columns, residues = [0], [], []
    for pattern, support in cells:
        on = np.array(pattern)
        for j in support:
            column = np.where(on, Xbar[:, j], 0.0)
            if column.any():
                columns.append(column / np.linalg.norm(column))
                residues.append(modulo[:, :, j] * on)
        start.append(len(columns))
    bits = 1 << np.arange(N, dtype=np.uint64)
    return CellTable(
        columns=np.array(columns),
        start=np.array(start),
        cost=costs,
        covers=np.array([bits[list(pattern)].sum() for pattern, _ in cells], np.uint64),
        first_of_cost=np.searchsorted(costs, np.arange(costs.max(initial=0) * 2 + N + 2)),
        base=_affine_basis(Xbar, modulo, primes) if affine else np.zeros((0, N)),
        primes=np.array(primes, np.uint64),
        residues=np.ascontiguousarray(np.array(residues).transpose(1, 0, 2)),
        base_residues=np.ascontiguousarray(modulo.transpose(0, 2, 1))
        if affine
        else np.zeros((len(primes), 0, N), np.uint64),
    )


def _affine_basis(Xbar: Array, modulo: NDArray, primes: list[int]) -> Array:
    """Orthonormal rows that span the columns of X̄, whose rank floats and exact arithmetic agree on."""
    size = np.linalg.norm(Xbar, axis=0)
    left, singular, _ = np.linalg.svd(Xbar / np.where(size > 0, size, 1.0), full_matrices=False)
    clear = singular > _CLEAR_RANK
    rank = max(rank_modulo(rows.copy(), np.uint64(p)) for rows, p in zip(modulo, primes))
    if rank != np.count_nonzero(clear):
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


def _sieve(limit: int) -> NDArray[np.bool_]:
    prime = np.ones(limit, bool)
    prime[:2] = False
    for k in range(2, int(limit**0.5) + 1):
        prime[k * k :: k] &= ~prime[k]
    return prime
