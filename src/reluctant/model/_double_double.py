"""Error-free sums and products, and numbers held as an unevaluated sum of two floats (Dekker 1971).

The formulas serve Python floats, NumPy arrays and Numba kernels alike. They are exact barring overflow
and underflow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reluctant.arrays import Array

_SPLITTER = 134217729.0  # 2^27 + 1


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return (s, e) with s = fl(a + b) and s + e = a + b."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return (q, e) with q = fl(a b) and q + e = a b."""
    q = a * b
    t = _SPLITTER * a
    a_hi = t - (t - a)
    a_lo = a - a_hi
    t = _SPLITTER * b
    b_hi = t - (t - b)
    b_lo = b - b_hi
    return q, ((a_hi * b_hi - q) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo


def add(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any) -> tuple[Any, Any]:
    """Sum of two double-doubles, to 2^-104 of the larger operand."""
    s = a_hi + b_hi
    t = s - a_hi
    e = (a_hi - (s - t)) + (b_hi - t) + (a_lo + b_lo)
    hi = s + e
    return hi, e - (hi - s)


def cumulative_sum(hi: Array, lo: Array) -> tuple[Array, Array]:
    """Running sums of double-doubles along axis 0, without compiled code.

    The rows are laid out as about √n blocks of √n; all blocks advance together, and the block totals are
    summed the same way.
    """
    n = len(hi)
    if n <= 1:
        return hi.copy(), lo.copy()
    width = int(np.ceil(np.sqrt(n)))
    blocks = -(-n // width)
    shape = (blocks, width, *hi.shape[1:])
    sums_hi = np.zeros(shape)
    sums_lo = np.zeros(shape)
    sums_hi.reshape(blocks * width, *hi.shape[1:])[:n] = hi
    sums_lo.reshape(blocks * width, *hi.shape[1:])[:n] = lo
    for j in range(1, width):
        sums_hi[:, j], sums_lo[:, j] = add(sums_hi[:, j - 1], sums_lo[:, j - 1], sums_hi[:, j], sums_lo[:, j])
    if blocks > 1:
        total_hi, total_lo = cumulative_sum(sums_hi[:-1, -1], sums_lo[:-1, -1])
        sums_hi[1:], sums_lo[1:] = add(total_hi[:, None], total_lo[:, None], sums_hi[1:], sums_lo[1:])
    return sums_hi.reshape(-1, *hi.shape[1:])[:n], sums_lo.reshape(-1, *hi.shape[1:])[:n]
