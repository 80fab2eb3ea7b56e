"""Links within a band that is open in places: some of its bounds are infinite.

The sweep is that of `_stream`, over all rows at once. One side of a band has a vertex where its bound is finite: a
function of one link between two of its own knots is within the band if it is at the vertices and at the knots.
"""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.model.links import Links
from reluctant.univariate import _stream

CHUNK = 1 << 14
"""Rows that are entered at a time: what they end fits the cache, and no table of the length of the rows is touched."""


def links_of_open_band(x: Array, lo: Array, hi: Array, along_lines: bool) -> Links:
    """The function that the sweep finds."""
    n = len(x)
    counters, supports = _stream.nothing_yet()
    hulls = np.empty((2, n + 1)), np.empty((2, n + 1))
    lines, knots = [], []
    for first in range(0, n, CHUNK):
        rows = slice(first, first + CHUNK)
        ended, begun = _stream.advance(x[rows], lo[rows], hi[rows], along_lines, counters, supports, *hulls)
        lines.append(ended)
        knots.append(begun)
    last, knot = _stream.last_line_of(counters, supports, float(x[n // 2]), float(lo.max()), float(hi.min()))
    every = np.hstack([*lines, last[:, None]])
    return Links(np.append(np.concatenate(knots), knot)[1:], every[:2], every[2])
