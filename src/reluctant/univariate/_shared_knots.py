"""Hot loops for knots that several outputs share: where those of blocks of jumps are, and weights.

A block of consecutive points with jumps g_i, …, g_j in R^m needs a knot less than it has points exactly if a strictly
positive combination of g_i, −g_{i+1}, g_{i+2}, … vanishes; `_blocks` tells which do.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.model._compiled_sums import add, two_product, two_sum
from reluctant.model.assembly import _affine_through, _smallest_step, _ulp

_NEWTON_STEPS = 100


@njit(cache=True)
def positive_combination(a):
    """Return c > 0 with Σ c_l a_l = 0 for rows a (L, m) that have one, scaled to max c = 1: the one of largest product.

    c_l = 1 / (1 + z · a_l) where Σ log(1 + z · a_l) is largest, by Newton steps damped as self-concordance asks.
    """
    n, m = a.shape
    z, c = np.zeros(m), np.ones(n)
    if n == m + 1 and _solved_by_elimination(a, c):
        return c / c.max()
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = np.zeros(m), np.zeros((m, m))
        for i in range(n):
            for p in range(m):
                gradient[p] += c[i] * a[i, p]
                for q in range(m):
                    hessian[p, q] += c[i] * a[i, p] * c[i] * a[i, q]
        trace = np.trace(hessian)
        for p in range(m):
            hessian[p, p] += 1e-14 * trace
        step = np.linalg.solve(hessian, gradient)
        decrement = math.sqrt(max(np.dot(gradient, step), 0.0))
        z = z + (step / (1.0 + decrement) if decrement > 0.25 else step)
        c = 1.0 / (1.0 + a @ z)
        if not decrement > 1e-15:
            break
    return c / c.max()


@njit(cache=True)
def _solved_by_elimination(a, c):
    """Put the c with Σ c_l a_l = 0 and c_m = 1 of m + 1 rows into c; whether there is one alone, and it is positive."""
    m = a.shape[1]
    table = np.empty((m, m + 1))
    for p in range(m):
        for q in range(m + 1):
            table[p, q] = a[q, p] if q < m else -a[m, p]
    for k in range(m):
        pivot = k
        for p in range(k + 1, m):
            if abs(table[p, k]) > abs(table[pivot, k]):
                pivot = p
        if not abs(table[pivot, k]) > 0.0:
            return False
        for q in range(k, m + 1):
            table[k, q], table[pivot, q] = table[pivot, q], table[k, q]
        for p in range(k + 1, m):
            factor = table[p, k] / table[k, k]
            for q in range(k, m + 1):
                table[p, q] -= factor * table[k, q]
    c[m] = 1.0
    for k in range(m - 1, -1, -1):
        value = table[k, m]
        for q in range(k + 1, m):
            value -= table[k, q] * c[q]
        c[k] = value / table[k, k]
        if not 0.0 < c[k] < math.inf:
            c[:] = 1.0
            return False
    return True


@njit(cache=True)
def knots_of_blocks(x, nonzero, firsts, ends, weights, offsets):
    """Knots as sums of two floats, and how many points lie at or left of each, less one.

    Points with a jump are knots, but a block from `first` to `end` has one knot in every interval between its points:
    r / (1 + r) of the way, r the ratio of the weights of its ends.
    """
    n = len(x)
    high, low, place = np.empty(n), np.zeros(n), np.empty(n, np.int64)
    size, i, block = 0, 0, 0
    while i < n:
        if block < len(firsts) and firsts[block] == i:
            at = offsets[block]
            for k in range(i, ends[block]):
                left, right = weights[at + k - i], weights[at + k - i + 1]
                dx = x[k + 1] - x[k]
                if left <= right:  # counted from the nearer point
                    high[size], low[size] = two_sum(x[k], dx * (left / (left + right)))
                else:
                    high[size], low[size] = two_sum(x[k + 1], -dx * (right / (left + right)))
                place[size] = k if high[size] < x[k + 1] else k + 1
                size += 1
            i = ends[block]
            block += 1
        elif nonzero[i]:
            high[size], place[size] = x[i], i
            size += 1
        i += 1
    return high[:size].copy(), low[:size].copy(), place[:size].copy()


@njit(cache=True)
def hinges_at(high, low):
    """Floats (w, b) with −b / w the knot high + low, much nearer than one rounding: w = 1 + j 2^-52."""
    w, b = np.ones(len(high)), np.empty(len(high))
    for k in range(len(high)):
        b[k] = -high[k]
        if low[k] != 0.0 and high[k] != 0.0:
            unit = _ulp(high[k])
            step = _smallest_step(2.0**-52 * high[k] / unit, low[k] / unit, 2.0**-18)
            w[k] = 1.0 + step * 2.0**-52
            product = two_product(w[k], high[k])
            b[k] = -(product[0] + (product[1] + w[k] * low[k]))
    return w, b


@njit(cache=True)
def steered(x, y, w, b, place, active, from_constant, goal):
    """Weights v of right-facing neurons (w, b) with which one output follows y, and its line left of them, (a, c).

    Each link ends exactly at the last point before the next knot at which this output bends, so that errors do not add
    up. `from_constant` asks for a line that is constant, at the value that the first link has at the first knot.
    """
    n = len(w)
    v = np.zeros(n)
    k = _next_active(active, 0)
    far = place[k] if k < n else len(x) - 1
    slope = (y[far] - y[0]) / (x[far] - x[0]) if far > 0 else 0.0
    if from_constant:
        t = -b[0] / w[0]
        nearer = 0 if abs(t - x[0]) <= abs(t - x[far]) else far
        a, c = 0.0, y[nearer] + slope * (t - x[nearer])
        k = 0
    else:
        a, c = _affine_through(slope, x[far], y[far], goal)
    line_slope, line_value = (a, 0.0), (c, 0.0)
    while k < n:
        following = _next_active(active, k + 1)
        far = place[following] if following < n else len(x) - 1
        along = two_product(line_slope[0], x[far])
        here = add(along[0], along[1] + line_slope[1] * x[far], line_value[0], line_value[1])
        rise = add(y[far], 0.0, -here[0], -here[1])
        lift = two_product(w[k], x[far])
        height = add(lift[0], lift[1], b[k], 0.0)
        v[k] = rise[0] / height[0] if height[0] != 0.0 else 0.0  # knots closer than floats can tell: a row is missed
        turned, lifted = two_product(v[k], w[k]), two_product(v[k], b[k])
        line_slope = add(line_slope[0], line_slope[1], turned[0], turned[1])
        line_value = add(line_value[0], line_value[1], lifted[0], lifted[1])
        k = following
    return v, a, c


@njit(cache=True, inline="always")
def _next_active(active, k):
    while k < len(active) and not active[k]:
        k += 1
    return k


@njit(cache=True)
def combinations(g, units, firsts, ends, offsets):
    """The coefficients c > 0 of Σ (−1)^l c_l g_l = 0 for every block, laid end to end."""
    weights = np.empty(offsets[-1])
    for block in range(len(firsts)):
        at, first, last = offsets[block], firsts[block], ends[block]
        a = np.empty((last - first + 1, g.shape[1]))
        for k in range(len(a)):
            sign = 1.0 if k % 2 == 0 else -1.0
            for c in range(g.shape[1]):
                a[k, c] = sign * g[first + k, c] / units[first + k]
        found = positive_combination(a)
        for k in range(len(a)):
            weights[at + k] = found[k] / units[first + k]
    return weights


@njit(cache=True)
def bends(has_jump, nonzero, firsts, ends, n_knots):
    """Which outputs change slope at which knot: in a block those between their first and last jump in it."""
    n, m = has_jump.shape
    active = np.zeros((n_knots, m), np.bool_)
    size, i, block = 0, 0, 0
    while i < n:
        if block < len(firsts) and firsts[block] == i:
            last = ends[block]
            for c in range(m):
                low, high = last, i
                for k in range(i, last + 1):
                    if has_jump[k, c]:
                        low, high = min(low, k), max(high, k)
                for k in range(low, high):
                    active[size + k - i, c] = True
            size += last - i
            i = last
            block += 1
        elif nonzero[i]:
            for c in range(m):
                active[size, c] = has_jump[i, c]
            size += 1
        i += 1
    return active
