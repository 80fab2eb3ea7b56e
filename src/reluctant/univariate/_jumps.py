"""Hot loops for slope jumps at points: a difference where floats hold it, else from differences held in two floats."""

from __future__ import annotations

import math

import numpy as np

from reluctant.arrays import Array
from reluctant.compiling import SMALL, njit
from reluctant.model._compiled_sums import two_product, two_sum
from reluctant.univariate._predicates import (
    _HEAVY_CANCELLATION,
    _LARGEST_SAFE,
    _SMALLEST_SAFE,
    CANCELLATION,
    cancelled_jump,
)

BLOCK = 4096
"""Points after which the loop is chosen anew."""


def slope_jumps(x: Array, y: Array) -> Array:
    """Signed jumps c_i = s_i − s_{i−1} at the inner points; zero at both ends. Signs are exact."""
    c = np.empty(len(x))  # NumPy's, which come in larger pages than those of compiled code
    _write_jumps(x, y, c)
    return c


@njit(cache=True, interpreted_below=SMALL)
def _write_jumps(x, y, c):
    """`slope_jump` at every inner point; where it often cancels, by the loop without a branch."""
    last = len(x) - 1
    c[0] = c[last] = 0.0
    start, cancelled = 1, 0
    while start < last:
        stop = min(start + BLOCK, last)
        around = slice(start - 1, stop + 1)
        if 8 * cancelled > BLOCK:
            cancelled = _write_compensated(x[around], y[around], c[around])
        else:
            cancelled = _write_differences(x[around], y[around], c[around])
        start = stop


@njit(cache=True, interpreted_below=SMALL)
def _write_differences(x, y, c):
    """Jumps at the inner points, each slope divided once, and how many cancelled."""
    cancelled = 0
    before = (y[1] - y[0]) / (x[1] - x[0])
    for i in range(1, len(x) - 1):
        after = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
        jump, size = after - before, abs(before) + abs(after)
        if not abs(jump) > CANCELLATION * size:
            jump = cancelled_jump(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1], jump, size)
            cancelled += 1
        c[i] = jump
        before = after
    return cancelled


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def _write_compensated(x, y, c):
    """The same to the last bit, several points at a time: what `cancelled_jump` reckons first is reckoned for all."""
    cancelled = 0
    for i in range(1, len(x) - 1):
        before, after = (y[i] - y[i - 1]) / (x[i] - x[i - 1]), (y[i + 1] - y[i]) / (x[i + 1] - x[i])
        jump, size = after - before, abs(before) + abs(after)
        rise, run = two_sum(y[i + 1], -y[i]), two_sum(x[i], -x[i - 1])
        rise_before, run_after = two_sum(y[i], -y[i - 1]), two_sum(x[i + 1], -x[i])
        p, q = two_product(rise[0], run[0]), two_product(rise_before[0], run_after[0])
        rest = (rise[0] * run[1] + rise[1] * run[0]) - (rise_before[0] * run_after[1] + rise_before[1] * run_after[0])
        compensated = ((p[0] - q[0]) + ((p[1] - q[1]) + rest)) / run[0] / run_after[0]
        is_safe = (
            (abs(rise[0]) < _LARGEST_SAFE)
            & (abs(rise_before[0]) < _LARGEST_SAFE)
            & (run[0] < _LARGEST_SAFE)
            & (run_after[0] < _LARGEST_SAFE)
            & (abs(p[0]) > _SMALLEST_SAFE)
            & (abs(q[0]) > _SMALLEST_SAFE)
            & (run[0] > _SMALLEST_SAFE)
            & (run_after[0] > _SMALLEST_SAFE)
            & (abs(jump) > _HEAVY_CANCELLATION * size)
        )
        is_plain = abs(jump) > CANCELLATION * size
        c[i] = jump if is_plain else (compensated if is_safe else math.nan)
        cancelled += not is_plain
    for i in range(1, len(x) - 1):
        if c[i] != c[i]:
            before, after = (y[i] - y[i - 1]) / (x[i] - x[i - 1]), (y[i + 1] - y[i]) / (x[i + 1] - x[i])
            jump, size = after - before, abs(before) + abs(after)
            c[i] = cancelled_jump(x[i - 1], y[i - 1], x[i], y[i], x[i + 1], y[i + 1], jump, size)
    return cancelled
