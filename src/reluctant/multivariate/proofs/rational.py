"""Linear relations and linear inequalities in integers: nothing here is rounded.

Both eliminations keep integers over one common denominator: after a pivot p every entry is a minor of the
matrix, so the division by the pivot before leaves no remainder [Bareiss 1968; Edmonds 1967].
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reluctant.multivariate.proofs.patterns import Row

Inequality = tuple[Row, int]  # (h, b): h · c ≤ b


def only_relation(rows: Sequence[Row]) -> Row | None:
    """λ with Σ_r λ_r rows[r] = 0, where it is unique up to its size; None where there is none or more than one.

    Examples
    --------
    >>> only_relation([(1, 0), (0, 2), (3, 4)])
    (-6, -4, 2)
    """
    T = [list(column) for column in zip(*rows)]
    free: list[int] = []
    pivots: list[int] = []
    before = 1
    for q in range(len(rows)):
        r = next((r for r in range(len(pivots), len(T)) if T[r][q]), None)
        if r is None:
            free.append(q)
            if len(free) > 1:
                return None
            continue
        k = len(pivots)
        T[r], T[k] = T[k], T[r]
        row, pivot = T[k], T[k][q]
        T = [row if other is row else _eliminated(other, row, q, pivot, before) for other in T]
        before = pivot
        pivots.append(q)
    if not free:
        return None
    relation = [0] * len(rows)
    relation[free[0]] = before
    for row, q in zip(T, pivots):
        relation[q] = -row[free[0]]
    return tuple(relation)


def _eliminated(row: list[int], by: list[int], q: int, pivot: int, before: int) -> list[int]:
    factor = row[q]
    return [(a * pivot - factor * b) // before for a, b in zip(row, by)]


def feasible_point(inequalities: Sequence[Inequality]) -> list[Fraction] | None:
    """Some c with h · c ≤ b for all (h, b); None where there is none.

    Either such c exists or there are λ ≥ 0 with Σ λ h = 0 and Σ λ b = −1 [Farkas]. The first phase of the
    simplex method looks for λ; where it ends without, its multipliers w meet w · (h, −b) ≤ 0 and w_0 > 0, and c is
    w / w_0. Bland's rule: it always ends.

    Examples
    --------
    >>> feasible_point([((1,), 2), ((-1,), -2)]), feasible_point([((1,), 1), ((-1,), -2)])
    ([Fraction(2, 1)], None)
    """
    n, count = len(inequalities[0][0]), len(inequalities)
    T = np.zeros((n + 2, count + n + 2), dtype=object)  # the sum of the artificial variables is the last row
    for j, (h, b) in enumerate(inequalities):
        T[:n, j], T[n, j] = h, -b
    T[: n + 1, count:-1] = np.eye(n + 1, dtype=int)
    T[n, -1] = 1
    T[-1, :count] = -T[:-1, :count].sum(axis=0)
    T[-1, -1] = -1
    basis, before = list(range(count, count + n + 1)), 1
    while (q := next((j for j in range(count) if T[-1, j] < 0), None)) is not None:
        rising = [r for r in range(n + 1) if T[r, q] > 0]
        r = min(rising, key=lambda r: (Fraction(T[r, -1], T[r, q]), basis[r]))
        before = _pivot(T, r, q, before)
        basis[r] = q
    if T[-1, -1] == 0:
        return None
    w = [before - int(z) for z in T[-1, count:-1]]
    return [Fraction(a, w[n]) for a in w[:n]]


def _pivot(T: NDArray, r: int, q: int, before: int) -> int:
    """Make column q a multiple of the r-th unit vector; every entry of T stands over one denominator, the pivot."""
    pivot, row = int(T[r, q]), T[r].copy()
    T[:] = (T * pivot - np.outer(T[:, q], row)) // before
    T[r] = row
    return pivot
