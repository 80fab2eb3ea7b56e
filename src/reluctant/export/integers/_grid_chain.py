"""Values on a uniform grid whose straight lines stay within a band, compiled.

With a left value l the right value of a cell lies between L(l), the largest of the lower bounds that its codes give,
and U(l), the least of the upper ones. Both fall in l; U is concave and L convex, so that U ≥ L on an interval. What is
possible at a grid point, given all cells before it, is therefore an interval too: from L at the largest possible l to
U at the smallest.
"""

from __future__ import annotations

import numpy as np

from reluctant.compiling import njit

_STEPS = 100


@njit(cache=True)
def grid_within(y, cell, half_width):
    """Values at every 2^cell-th code within `half_width` of y at every code; an empty array where there are none."""
    width = 1 << cell
    n = len(y) >> cell
    low, high = np.empty(n + 1), np.empty(n + 1)
    low[0], high[0] = y[0] - half_width, y[0] + half_width
    for k in range(n):
        part = y[k * width : (k + 1) * width]
        least = _first_possible(part, half_width, low[k], high[k], 1.0)
        most = _first_possible(part, half_width, high[k], low[k], -1.0)
        if not least <= most:
            return np.empty(0)
        low[k + 1], high[k + 1] = _bounds(part, half_width, most)[0], _bounds(part, half_width, least)[2]
        if k + 1 < n:
            low[k + 1] = max(low[k + 1], y[(k + 1) * width] - half_width)
            high[k + 1] = min(high[k + 1], y[(k + 1) * width] + half_width)
    return _backwards(y, width, half_width, low, high) if low[n] <= high[n] else np.empty(0)


@njit(cache=True)
def _bounds(part, half_width, left):
    """L and U at a left value, each with its slope."""
    width = len(part)
    lower, lower_slope, upper, upper_slope = -np.inf, 0.0, np.inf, 0.0
    for d in range(1, width):
        share = width / d
        to_lower = left + (part[d] - half_width - left) * share
        to_upper = left + (part[d] + half_width - left) * share
        if to_lower > lower:
            lower, lower_slope = to_lower, 1 - share
        if to_upper < upper:
            upper, upper_slope = to_upper, 1 - share
    return lower, lower_slope, upper, upper_slope


@njit(cache=True)
def _first_possible(part, half_width, left, end, direction):
    """The first left value with U ≥ L from `left` on towards `end`, NaN for none: Newton's steps on a concave function.

    They come from outside, so that none goes too far, and end at a corner of its graph after finitely many.
    """
    for _ in range(_STEPS):
        lower, lower_slope, upper, upper_slope = _bounds(part, half_width, left)
        if upper >= lower:
            return left
        slope = upper_slope - lower_slope
        if slope * direction <= 0:
            return np.nan
        following = left + (lower - upper) / slope
        if following == left:
            return left
        if (end - following) * direction < 0:
            return np.nan
        left = following
    return left


@njit(cache=True)
def _backwards(y, width, half_width, low, high):
    """From the last value to the first, the middle of what the right value leaves."""
    n = len(low) - 1
    values = np.empty(n + 1)
    values[n] = 0.5 * (low[n] + high[n])
    for k in range(n - 1, -1, -1):
        least, most = low[k], high[k]
        for d in range(1, width):
            right = d / width
            rest = y[k * width + d] - right * values[k + 1]
            least = max(least, (rest - half_width) / (1 - right))
            most = min(most, (rest + half_width) / (1 - right))
        values[k] = 0.5 * (least + most)
    return values
