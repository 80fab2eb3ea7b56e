"""The greedy choice of pieces whose slopes come from a list, compiled."""

from __future__ import annotations

import numpy as np

from reluctant.compiling import njit


@njit(cache=True)
def greedy_pieces(y, half_width, slopes):
    """The fewest pieces of these slopes within the band: first points, values there, and which slopes.

    A part of a piece is a piece, so the one that reaches furthest is never a loss.
    """
    n = len(y)
    starts, values, chosen = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    count = at = 0
    while at < n:
        furthest = at
        for k in range(len(slopes)):
            low = high = y[at]
            i = at + 1
            while i < n:
                residual = y[i] - slopes[k] * (i - at)
                if max(high, residual) - min(low, residual) > 2 * half_width:
                    break
                low, high = min(low, residual), max(high, residual)
                i += 1
            if i > furthest:
                furthest = i
                values[count], chosen[count] = 0.5 * (low + high), k
        starts[count] = at
        at = furthest
        count += 1
    return starts[:count], values[:count], chosen[:count]
