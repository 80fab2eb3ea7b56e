"""Hot loops for knots that several outputs share: which blocks of jumps save one, and where its knots are.

A block of consecutive points with jumps g_i, …, g_j in R^m needs a knot less than it has points exactly if a strictly
positive combination of g_i, −g_{i+1}, g_{i+2}, … vanishes. The rows `a` of the loops are ±g, each in units of its own,
with an error of at most `err` in every entry, or of none; a sign that floats cannot tell is left to exact arithmetic.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.model._compiled_sums import add, two_product, two_sum
from reluctant.model.assembly import _affine_through, _smallest_step, _ulp

NO, YES, UNDECIDED = 0, 1, 2
_NEWTON_STEPS = 100


@njit(cache=True)
def next_saving(a, err, rounding, nonzero, start, end, skip):
    """The earliest end ≥ `end` at which a block from `start` on saves a knot.

    Returns (first, end, answer, start): YES with the block, UNDECIDED with a block that exact arithmetic must judge, or
    NO at the end of the data. Blocks that end at `end` and are no longer than `skip` are known to save nothing.
    """
    while end < len(a):
        if not nonzero[end]:
            start, end, skip = end + 1, end + 1, 1
            continue
        for first in range(end - max(skip, 1), start - 1, -1):
            answer = is_positively_dependent(a[first : end + 1], err[first : end + 1], rounding)
            if answer != NO:
                return first, end, answer, start
        end += 1
        skip = 1
    return end, end, NO, start


@njit(cache=True)
def is_positively_dependent(a, err, rounding):
    """Whether Σ c_l a_l = 0 for some c > 0, for rows a (L, 3): YES, NO or UNDECIDED.

    By Stiemke's lemma there is no such c exactly if some z has z · a_l ≥ 0 for all l, not always zero. Then one such z
    is normal to rank − 1 independent rows.
    """
    n = len(a)
    if n < 2:
        return NO
    p, q, partner, unsure = 0, 1, -1, False
    for j in range(1, n):
        for i, k in ((0, 1), (0, 2), (1, 2)):
            sign = _minor(a, err, rounding, 0, j, i, k)
            if sign == UNDECIDED:
                unsure = True
            elif sign != 0 and partner < 0:
                p, q, partner = i, k, j
        if partner >= 0:
            break
    if partner < 0:
        return UNDECIDED if unsure else _both_directions(a)
    if n == 2:
        return NO
    unsure, is_solid = False, False
    for j in range(1, n):
        if j != partner:
            sign = _determinant(a, err, rounding, 0, partner, j)
            if sign == UNDECIDED:
                unsure = True
            elif sign != 0:
                is_solid = True
                break
    if not is_solid:
        return UNDECIDED if unsure else _surrounds_in_plane(a, err, rounding, p, q)
    return NO if n == 3 else _surrounds_in_space(a, err, rounding)


@njit(cache=True)
def _both_directions(a):
    """Whether rows on one line point both ways."""
    at = 0
    for c in range(1, 3):
        if abs(a[0, c]) > abs(a[0, at]):
            at = c
    for j in range(1, len(a)):
        if (a[j, at] > 0.0) != (a[0, at] > 0.0):
            return YES
    return NO


@njit(cache=True)
def _surrounds_in_plane(a, err, rounding, p, q):
    """Whether rows of a plane, seen in its coordinates p and q, lie in no closed half of it."""
    unsure_at_all = False
    for i in range(len(a)):
        left, right, unsure = False, False, False
        for j in range(len(a)):
            if j != i:
                sign = _minor(a, err, rounding, i, j, p, q)
                left |= sign == 1
                right |= sign == -1
                unsure |= sign == UNDECIDED
        if not (left and right):
            if not unsure:
                return NO
            unsure_at_all = True
    return UNDECIDED if unsure_at_all else YES


@njit(cache=True)
def _surrounds_in_space(a, err, rounding):
    """Whether rows that span R^3 lie in no closed half of it."""
    unsure_at_all = False
    for i in range(len(a)):
        for k in range(i + 1, len(a)):
            above, below, unsure = False, False, False
            for j in range(len(a)):
                if j not in (i, k):
                    sign = _determinant(a, err, rounding, i, k, j)
                    above |= sign == 1
                    below |= sign == -1
                    unsure |= sign == UNDECIDED
                    if above and below:
                        break
            if not (above and below):
                if not unsure and (above or below):
                    return NO
                unsure_at_all |= unsure
    return UNDECIDED if unsure_at_all else YES


@njit(cache=True, inline="always")
def _minor(a, err, rounding, i, j, p, q):
    """The sign of a_ip a_jq − a_iq a_jp, or UNDECIDED. Entries of inexact rows are at most 1."""
    left, right = a[i, p] * a[j, q], a[i, q] * a[j, p]
    value = left - right
    return _sign(value, 2.1 * (err[i] + err[j]) + rounding * (abs(left) + abs(right)))


@njit(cache=True, inline="always")
def _determinant(a, err, rounding, i, j, k):
    """The sign of the determinant of three rows, or UNDECIDED."""
    value, size = 0.0, 0.0
    for p, q, r in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        left, right = a[j, q] * a[k, r], a[j, r] * a[k, q]
        value += a[i, p] * (left - right)
        size += abs(a[i, p]) * (abs(left) + abs(right))
    return _sign(value, 6.1 * (err[i] + err[j] + err[k]) + rounding * size)


@njit(cache=True, inline="always")
def _sign(value, error):
    if value > error:
        return 1
    if value < -error:
        return -1
    return 0 if error == 0.0 else UNDECIDED


@njit(cache=True)
def positive_combination(a):
    """Return c > 0 with Σ c_l a_l = 0 for rows a (L, m) that have one, scaled to max c = 1: the one of largest product.

    c_l = 1 / (1 + z · a_l) where Σ log(1 + z · a_l) is largest, by Newton steps damped as self-concordance asks.
    """
    n, m = a.shape
    z, c = np.zeros(m), np.ones(n)
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
        v[k] = rise[0] / height[0] if height[0] != 0.0 else math.nan
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
