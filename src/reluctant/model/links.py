"""The links of a piecewise-linear function as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array


class Links(NamedTuple):
    """The arrays of a `PiecewiseLinear`: knots (K,), a point of every link (2, K + 1) and its slope (K + 1,).

    `changes` (K,) holds the slope changes where the differences of the slopes would have lost their digits.
    """

    knots: Array
    anchors: Array
    slopes: Array
    changes: Array | None = None

    def at(self, x: Array) -> Array:
        """Values at x (N,)."""
        k = np.searchsorted(self.knots, x, side="right")
        y = x - self.anchors[0, k]
        y *= self.slopes[k]
        y += self.anchors[1, k]
        return y
