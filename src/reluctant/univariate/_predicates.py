"""Exact signs: which way does the chord through three points turn, and by how much?

A float determinant is trusted beyond its error bound; else it is evaluated as an expansion of floats whose
sum is exact [Shewchuk 1997]. The differences are first brought near 2^500 by powers of two, so that no
product in the expansion underflows or overflows. This is exact while differences do not overflow and the
coordinates of one axis span less than 2^1400, those of both axes together less than 2^1800.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.model import _double_double

# Called, not expanded in place as in `_compiled_sums`: that takes half the time to compile, and these are rare cases.
two_sum = njit(cache=True)(_double_double.two_sum)
two_product = njit(cache=True)(_double_double.two_product)

# |fl(det) − det| ≤ (3 + 16 u) u (|left| + |right|) for rounded differences, u = 2^-53 [Shewchuk 1997].
_FILTER = 3.3306690738754716e-16
_SMALLEST_SAFE = 2.0**-900
_UNDERFLOW = 2.0**-960
"""Far more than a determinant loses where its products underflow."""
_CLOSE = 2.0**-100
_LARGEST_SAFE = 2.0**450
CANCELLATION = 2.0**-21
"""A difference of slopes above this share of them errs by at most 3 · 2^-53 / 2^-21 < 7e-10 of itself."""
# Above this share products held in two floats give all its digits.
_HEAVY_CANCELLATION = 1e-8


@njit(cache=True, inline="always")
def turn(x0, y0, x1, y1, x2, y2):
    """Sign (as a float of that sign) of slope(1, 2) − slope(0, 1) for x0 < x1 < x2, exactly."""
    left = (y2 - y1) * (x1 - x0)
    right = (y1 - y0) * (x2 - x1)
    det = left - right
    size = abs(left) + abs(right)
    if abs(det) > _FILTER * size + _UNDERFLOW:  # not so where that is infinite, or NaN
        return det
    return _close_turn(x0, y0, x1, y1, x2, y2)


@njit(cache=True)
def _close_turn(x0, y0, x1, y1, x2, y2):
    """`turn` where rounding may decide: from differences and products held in two floats each, or exactly."""
    if y0 == y1 and y1 == y2:  # a level, as running bounds have
        return 0.0
    a = two_sum(y2, -y1)
    b = two_sum(x1, -x0)
    c = two_sum(y1, -y0)
    d = two_sum(x2, -x1)
    p = two_product(a[0], b[0])
    q = two_product(c[0], d[0])
    size = abs(p[0]) + abs(q[0])
    rest = (p[1] - q[1]) + ((a[0] * b[1] + a[1] * b[0]) - (c[0] * d[1] + c[1] * d[0]))
    det = (p[0] - q[0]) + rest
    # What is left out or rounded is at most 12 u² of the size, u = 2^-53, and u of the sum itself.
    if abs(det) > _CLOSE * size and _SMALLEST_SAFE < size < 1.0 / _SMALLEST_SAFE:
        return det
    return _exact_determinant(x0, y0, x1, y1, x2, y2)[0]


@njit(cache=True)
def slope_jump(x0, y0, x1, y1, x2, y2):
    """slope(1, 2) − slope(0, 1) with the exact sign and a relative error below 7e-10, where it is above 2^-960."""
    before = (y1 - y0) / (x1 - x0)
    after = (y2 - y1) / (x2 - x1)
    jump, size = after - before, abs(before) + abs(after)
    return jump if abs(jump) > CANCELLATION * size else cancelled_jump(x0, y0, x1, y1, x2, y2, jump, size)


@njit(cache=True)
def cancelled_jump(x0, y0, x1, y1, x2, y2, jump, size):
    """`slope_jump` where the difference of the two rounded slopes has lost its digits; with the sum of their sizes."""
    if abs(jump) > _HEAVY_CANCELLATION * size:
        compensated = _compensated_jump(x0, y0, x1, y1, x2, y2)
        if not math.isnan(compensated):
            return compensated
    det, ex, ey = _exact_determinant(x0, y0, x1, y1, x2, y2)
    return math.ldexp(det / math.ldexp(x1 - x0, ex) / math.ldexp(x2 - x1, ex), ex - ey)


@njit(cache=True)
def _compensated_jump(x0, y0, x1, y1, x2, y2):
    """The jump from differences and products held in two floats each; NaN where these might overflow or underflow."""
    a = two_sum(y2, -y1)
    b = two_sum(x1, -x0)
    c = two_sum(y1, -y0)
    d = two_sum(x2, -x1)
    largest = max(abs(a[0]), b[0], abs(c[0]), d[0])
    smallest = min(abs(a[0] * b[0]), abs(c[0] * d[0]), b[0], d[0])
    if not (largest < _LARGEST_SAFE and smallest > _SMALLEST_SAFE):
        return math.nan
    p = two_product(a[0], b[0])
    q = two_product(c[0], d[0])
    rest = (p[1] - q[1]) + ((a[0] * b[1] + a[1] * b[0]) - (c[0] * d[1] + c[1] * d[0]))
    return ((p[0] - q[0]) + rest) / b[0] / d[0]


@njit(cache=True)
def _exact_determinant(x0, y0, x1, y1, x2, y2):
    """(y2 − y1)(x1 − x0) − (y1 − y0)(x2 − x1), rounded once, in units of 2^-(ex + ey); returns (det, ex, ey)."""
    a = two_sum(y2, -y1)
    b = two_sum(x1, -x0)
    c = two_sum(y1, -y0)
    d = two_sum(x2, -x1)
    ex = 500 - math.frexp(max(b[0], d[0]))[1]
    largest = max(abs(a[0]), abs(c[0]))
    if largest == 0.0:
        return 0.0, ex, 0
    ey = 500 - math.frexp(largest)[1]
    a_hi, c_hi = math.ldexp(a[0], ey), math.ldexp(c[0], ey)
    b_hi, d_hi = math.ldexp(b[0], ex), math.ldexp(d[0], ex)
    p = two_product(a_hi, b_hi)
    q = two_product(c_hi, d_hi)
    if a[1] == 0.0 and b[1] == 0.0 and c[1] == 0.0 and d[1] == 0.0:
        rest = two_sum(p[1], -q[1])
        return (p[0] - q[0] + rest[0]) + rest[1], ex, ey
    a_lo, c_lo = math.ldexp(a[1], ey), math.ldexp(c[1], ey)
    b_lo, d_lo = math.ldexp(b[1], ex), math.ldexp(d[1], ex)
    terms = np.empty(16)
    terms[0], terms[1] = p
    terms[2], terms[3] = -q[0], -q[1]
    terms[4], terms[5] = two_product(a_hi, b_lo)
    terms[6], terms[7] = two_product(a_lo, b_hi)
    terms[8], terms[9] = two_product(-c_hi, d_lo)
    terms[10], terms[11] = two_product(-c_lo, d_hi)
    terms[12], terms[13] = two_product(a_lo, b_lo)
    terms[14], terms[15] = two_product(-c_lo, d_lo)
    return _exact_sum(terms), ex, ey


@njit(cache=True)
def _exact_sum(terms):
    """Sum of the terms: an expansion of non-overlapping floats is grown term by term, then added up."""
    expansion = np.zeros(len(terms))
    size = 0
    for k in range(len(terms)):
        q = terms[k]
        kept = 0
        for i in range(size):
            q, rest = two_sum(q, expansion[i])
            if rest != 0.0:
                expansion[kept] = rest
                kept += 1
        expansion[kept] = q
        size = kept + 1
    total = 0.0
    for i in range(size):
        total += expansion[i]
    return total
