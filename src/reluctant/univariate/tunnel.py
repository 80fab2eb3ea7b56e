"""Links within a band that is open in places, or that holds along the straight lines between its bounds.

The sweep is that of `_stream`, over all rows at once. One side of a band has a vertex where its bound is finite: a
function of one link between two of its own knots is within the band if it is at the vertices and at the knots.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.arrays import Array
from reluctant.univariate import _stream


def links_within(x: Array, lo: Array, hi: Array, along_lines: bool) -> tuple[Array, Array, Array]:
    """Knots, anchors and slopes of the function that the sweep finds."""
    n = len(x)
    counters = np.zeros(_stream.N_COUNTERS, np.int64)
    supports = np.full((3, 4), math.nan)
    lows, highs = np.empty((2, n + 1)), np.empty((2, n + 1))
    lines, pivots, ends, kinds = _stream.advance(x, lo, hi, along_lines, counters, supports, lows, highs)
    last = _stream.last_line(supports, kinds, float(x[n // 2]), float(lo.max()), float(hi.min()))
    lines = np.column_stack([lines, last])
    return _stream.knots_between(lines, pivots, ends, kinds), lines[:2], lines[2]
