"""Compiled reflections and small determinants, on rows of arrays that are made once."""

from __future__ import annotations

import numpy as np

from reluctant.compiling import njit


@njit(cache=True, error_model="numpy", inline="always")
def determinant(tails, at, n):
    """Determinant of n ≤ 4 columns in the coordinates behind the first."""
    if n == 1:
        det = tails[1, at]
    elif n == 2:
        det = _minor(tails, 1, at, at + 1)
    elif n == 3:
        det = (
            tails[1, at] * _minor(tails, 2, at + 1, at + 2)
            - tails[1, at + 1] * _minor(tails, 2, at, at + 2)
            + tails[1, at + 2] * _minor(tails, 2, at, at + 1)
        )
    else:
        det = (
            _minor(tails, 1, at, at + 1) * _minor(tails, 3, at + 2, at + 3)
            - _minor(tails, 1, at, at + 2) * _minor(tails, 3, at + 1, at + 3)
            + _minor(tails, 1, at, at + 3) * _minor(tails, 3, at + 1, at + 2)
            + _minor(tails, 1, at + 1, at + 2) * _minor(tails, 3, at, at + 3)
            - _minor(tails, 1, at + 1, at + 3) * _minor(tails, 3, at, at + 2)
            + _minor(tails, 1, at + 2, at + 3) * _minor(tails, 3, at, at + 1)
        )
    return det


@njit(cache=True, error_model="numpy", inline="always")
def _minor(tails, r, i, j):
    return tails[r, i] * tails[r + 1, j] - tails[r, j] * tails[r + 1, i]


@njit(cache=True, error_model="numpy")
def by_elimination(tails, at, n, A):
    for k in range(n):
        for r in range(n):
            A[k, r] = tails[1 + r, at + k]
    det = 1.0
    for k in range(n):
        pivot = k
        for r in range(k + 1, n):
            if abs(A[k, r]) > abs(A[k, pivot]):
                pivot = r
        if A[k, pivot] == 0.0:
            return 0.0
        det *= A[k, pivot]
        for other in range(k, n):
            A[other, k], A[other, pivot] = A[other, pivot], A[other, k]
        for other in range(k + 1, n):
            factor = A[other, k] / A[k, k]
            for r in range(k + 1, n):
                A[other, r] -= factor * A[k, r]
    return det


@njit(cache=True, error_model="numpy")
def product_with(basis, size, entries, begin, end, tails):
    """tails[r, q - begin] = basis[r] · column q, for columns begin:end."""
    n = end - begin
    tails[:size, :n] = 0.0
    for i in range(0, entries.shape[0], 4):
        A, B = entries[i, begin:end], entries[i + 1, begin:end]
        C, D = entries[i + 2, begin:end], entries[i + 3, begin:end]
        for r in range(size):
            a, b, c, d, row = basis[r, i], basis[r, i + 1], basis[r, i + 2], basis[r, i + 3], tails[r]
            for q in range(n):
                row[q] += (a * A[q] + b * B[q]) + (c * C[q] + d * D[q])


@njit(cache=True, error_model="numpy")
def coordinates_in(columns, begin, n, basis, size, tail):
    """tail[k, r] = basis[r] · column begin + k."""
    N = columns.shape[1]
    for k in range(n):
        for r in range(size):
            total = 0.0
            for i in range(N):
                total += columns[begin + k, i] * basis[r, i]
            tail[k, r] = total


@njit(cache=True, error_model="numpy")
def turn_to(basis, tail, n, size, products):
    """Turn a basis so that the vector with the coordinates tail[n] is along the first; its length."""
    length = norm(tail, n, 0, size)
    if length > 0.0:
        scale = reflection(tail, n, 0, length)
        reflect_rows(tail, n, scale, np.int64(0), size, basis, products)
    return length


@njit(cache=True, error_model="numpy", inline="always")
def reflection(tail, k, begin, length):
    """Make row k the normal v of the reflection that turns it to the axis `begin`; 2 / v · v."""
    scale = 1.0 / (length * (length + abs(tail[k, begin])))
    tail[k, begin] += length if tail[k, begin] >= 0.0 else -length
    return scale


@njit(cache=True, error_model="numpy", inline="always")
def reflect(tail, k, scale, begin, end, other):
    product = 0.0
    for r in range(begin, end):
        product += tail[k, r] * tail[other, r]
    product *= scale
    for r in range(begin, end):
        tail[other, r] -= product * tail[k, r]


@njit(cache=True, error_model="numpy")
def reflect_rows(tail, k, scale, begin, end, rows, product):
    n = rows.shape[1]
    product[:n] = 0.0
    for r in range(begin, end):
        for i in range(n):
            product[i] += tail[k, r] * rows[r, i]
    for r in range(begin, end):
        factor = scale * tail[k, r]
        for i in range(n):
            rows[r, i] -= factor * product[i]


@njit(cache=True, error_model="numpy", inline="always")
def norm(tail, k, begin, end):
    total = 0.0
    for r in range(begin, end):
        total += tail[k, r] * tail[k, r]
    return np.sqrt(total)
