"""The links of a piecewise-linear function as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

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

    def bent(self) -> Links:
        """The same function without the knots at which it does not bend."""
        bends = np.diff(self.slopes) != 0 if self.changes is None else self.changes != 0
        if bends.all():
            return self
        stay = np.concatenate([[True], bends])
        changes = None if self.changes is None else self.changes[bends]
        return Links(self.knots[bends], self.anchors[:, stay], self.slopes[stay], changes)

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Links:
        """Parts one after the other, each without slope changes of its own."""
        given = list(parts)
        return Links(
            np.concatenate([np.empty(0), *(part.knots for part in given)]),
            np.concatenate([np.empty((2, 0)), *(part.anchors for part in given)], axis=1),
            np.concatenate([np.empty(0), *(part.slopes for part in given)]),
        )
