"""Cells of hinges: an activation pattern and a support, and what a neuron there can add to the values at the data."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import ceil, log2

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr

from reluctant.arrays import Array, Mask
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs._exclusion import CellTable
from reluctant.multivariate.proofs._ranks import rank_modulo
from reluctant.multivariate.proofs.patterns import arrangement_cells, integer_rows

Cell = tuple[tuple[bool, ...], tuple[int, ...]]  # pattern on the data, support

_CLEAR_RANK = 1e-8  # singular values of unit columns above this are not rounding


def support_cells(X: ArrayLike, largest: int | None = None, smallest: int = 1) -> list[Cell]:
    """Pairs (pattern, support) of all hinges u ≠ 0 that are active on a point, smallest supports first.

    Points on a hinge add nothing, so the closures of the open cells of every support hold all hinges.

    Parameters
    ----------
    X : array_like, shape (N, d)
    largest : int, optional
        Largest size of a support; d + 1 by default.
    smallest : int
        Smallest size of a support.

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
    for size in range(smallest, min(n, n if largest is None else largest) + 1):
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
            column = column / np.abs(column).max()  # squares of small entries would be zero
            columns.append(column / np.linalg.norm(column))
            residues.append(modulo[:, :, j] * on)
        start.append(len(columns))
    bit = 1 << np.arange(N, dtype=np.uint64)
    vectors = np.array(columns).reshape(-1, N)
    return CellTable(
        columns=vectors,
        entries=np.ascontiguousarray(np.vstack([vectors.T, np.zeros((-N % 4, len(vectors)))])),
        start=np.array(start),
        cost=np.asarray(costs, np.int64),
        covers=np.array([bit[list(pattern)].sum() for pattern, _ in cells], np.uint64),
        supports=np.array([sum(1 << j for j in support) for _, support in cells], np.uint64),
        n_inputs=n,
        everywhere=np.uint64((1 << N) - 1 if affine else 0),
        first_of_cost=np.searchsorted(costs, np.arange(2 + np.max(costs, initial=0))),
        base=exact_basis(Xbar) if affine else np.zeros((0, N)),
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
    A = Xbar[on][:, support] / np.abs(Xbar[on][:, support]).max(axis=0)
    R, order = qr(A / np.linalg.norm(A, axis=0), mode="r", pivoting=True)
    return [support[k] for k in order[:rank]] if abs(R[rank - 1, rank - 1]) > _CLEAR_RANK else support


def _exact_rank(modulo: NDArray, primes: NDArray) -> int:
    """Rank of the integer matrix given modulo primes whose product no minor reaches."""
    return max(rank_modulo(rows, prime) for rows, prime in zip(modulo.copy(), primes))


def exact_basis(A: Array) -> Array:
    """Orthonormal rows that span the columns of A, by Gram–Schmidt in rationals, rounded once.

    Columns that are nearly dependent, as those of two units of one quantity, give an accurate basis too.

    Examples
    --------
    >>> exact_basis(np.array([[3.0, 3.0], [4.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    basis: list[list[Fraction]] = []
    for column in A.T.tolist():
        rest = orthogonal_part([Fraction(a) for a in column], basis)
        if any(rest):
            basis.append(rest)
    rows = [[float(a / max(map(abs, b))) for a in b] for b in basis]
    return np.array([np.array(row) / np.linalg.norm(row) for row in rows]).reshape(-1, len(A))


def orthogonal_part(vector: list[Fraction], basis: list[list[Fraction]]) -> list[Fraction]:
    """What the span of orthogonal vectors leaves of one more."""
    for b in basis:
        factor = inner(vector, b) / inner(b, b)
        vector = [a - factor * c for a, c in zip(vector, b)]
    return vector


def inner(a: list[Fraction], b: list[Fraction]) -> Fraction:
    """Inner product."""
    return sum((x * y for x, y in zip(a, b)), Fraction(0))


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
