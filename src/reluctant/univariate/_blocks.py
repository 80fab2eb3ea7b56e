"""Which blocks of jumps of many outputs save a knot, decided in floats with bounds on every error.

Newton's method on Σ log(1 + z · a_l) tells the two cases apart: where it has a maximum, c_l = 1 / (1 + z · a_l) is a
positive combination of the rows that vanishes, and where it has none z comes to separate them from zero. Either is then
checked; what the check leaves open is for exact arithmetic.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit

NO, YES, UNDECIDED = 0, 1, 2
_NEWTON_STEPS = 60
_UNIT = 2.0**-52


@njit(cache=True)
def next_doubtful(a, err, nonzero, start, end):
    """Go on from `end` while all blocks from `start` on that end there are known to save nothing.

    Returns (start, end, answer): YES or UNDECIDED for the block from `start` to `end`, or NO at the end of the data.
    One z with z · a_l > 0 for all rows of a block speaks of all blocks within it.
    """
    z = np.zeros(a.shape[1])
    while end < len(a):
        if not nonzero[end]:
            start = end + 1
        elif end > start and not _is_above(a, err, z, end, end + 1):
            answer, found = decide(a[start : end + 1], err[start : end + 1])
            if answer != NO:
                return start, end, answer
            z = found
        elif end == start:
            z = a[end].copy()
        end += 1
    return start, end, NO


@njit(cache=True)
def decide(a, err):
    """Whether Σ c_l a_l = 0 for some c > 0, for rows a (L, m) whose entries err by `err`: (answer, z).

    NO comes with a z that has z · a_l > 0 for all l, and only then; YES where the rows span the space.
    """
    n, m = a.shape
    z, c = np.zeros(m), np.ones(n)
    for _ in range(_NEWTON_STEPS):
        gradient, hessian, trace = np.zeros(m), np.zeros((m, m)), 0.0
        for i in range(n):
            for p in range(m):
                u = c[i] * a[i, p]
                gradient[p] += u
                trace += u * u
                for q in range(p + 1):
                    hessian[p, q] += u * (c[i] * a[i, q])
        if not 0.0 < trace < math.inf:
            break
        regular = hessian.copy()
        for p in range(m):
            regular[p, p] += 1e-13 * trace
        if not _factorise(regular):
            break
        step = _solved(regular, gradient)
        decrement = math.sqrt(max(np.sum(gradient * step), 0.0))
        if decrement < 1e-6 and _combines(a, err, c, gradient, hessian, trace):
            return YES, z
        if not decrement > 1e-14:
            break
        z = z + (step / (1.0 + decrement) if decrement > 0.25 else step)
        for i in range(n):
            height = 1.0
            for p in range(m):
                height += z[p] * a[i, p]
            c[i] = 1.0 / height
        if _is_above(a, err, z, 0, n):
            return NO, z
    return UNDECIDED, z


@njit(cache=True)
def _is_above(a, err, z, first, stop):
    """Whether z · a_l > 0 for the rows from `first` to `stop`, beyond all errors."""
    m = a.shape[1]
    for i in range(first, stop):
        value, size, length = 0.0, 0.0, 0.0
        for p in range(m):
            u = z[p] * a[i, p]
            value += u
            size += abs(u)
            length += abs(z[p])
        if not value > (m + 2) * _UNIT * size + 1.1 * err[i] * length:
            return False
    return True


@njit(cache=True)
def _combines(a, err, c, residual, gram, trace):
    """Whether a combination near c > 0 vanishes exactly, for the rows as they are without their errors.

    With M the rows as columns and D = diag(c), c − D² M' (M D² M')⁻¹ M c is one where ‖M c‖ is less than the least
    singular value of M D. That M D² M' − τ has a Cholesky factor in floats puts τ below its square, up to rounding.
    """
    n, m = a.shape
    missed, moved = 0.0, 0.0
    for p in range(m):
        size = 0.0
        for i in range(n):
            size += c[i] * (err[i] + (n + 2) * _UNIT * abs(a[i, p]))
        missed += (abs(residual[p]) + size) ** 2
    for i in range(n):
        moved += m * (c[i] * err[i]) ** 2
    tau = 1.01 * (math.sqrt(missed) + math.sqrt(moved)) ** 2 + 4.0 * (n + m + 4) * _UNIT * trace
    if not tau < math.inf:
        return False
    factor = gram.copy()
    for p in range(m):
        factor[p, p] -= tau
    return _factorise(factor)


@njit(cache=True)
def _factorise(matrix):
    """Put the Cholesky factor of a symmetric matrix into its lower half; whether all pivots are positive."""
    for p in range(len(matrix)):
        for q in range(p + 1):
            value = matrix[p, q]
            for k in range(q):
                value -= matrix[p, k] * matrix[q, k]
            if p > q:
                matrix[p, q] = value / matrix[q, q]
            elif value > 0.0:
                matrix[p, p] = math.sqrt(value)
            else:
                return False
    return True


@njit(cache=True)
def _solved(factor, right):
    """The solution for a right-hand side, from a Cholesky factor."""
    m = len(right)
    solution = right.copy()
    for p in range(m):
        for k in range(p):
            solution[p] -= factor[p, k] * solution[k]
        solution[p] /= factor[p, p]
    for p in range(m - 1, -1, -1):
        for k in range(p + 1, m):
            solution[p] -= factor[k, p] * solution[k]
        solution[p] /= factor[p, p]
    return solution
