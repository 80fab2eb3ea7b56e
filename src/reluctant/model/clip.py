"""Bounds of the inputs of a network: what lies beyond is moved to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.validation import as_evaluation_points

TAIL, MARGIN = 1e-3, 0.5
"""Share of the rows at either end of a column that does not tell the bounds, and by how much they lie farther out, in
distances of the quantile from the median."""


@dataclass(frozen=True, eq=False)
class Clip:
    """x_j ↦ min(max(x_j, low_j), high_j): what an estimator does to inputs before its network sees them.

    A network goes on as a plane outside the data, as far as one likes; behind a clip it stays what it is at the bounds.

    Parameters
    ----------
    low, high : ndarray, shape (d,)
        Bounds of every column, infinite where there are none.

    Examples
    --------
    >>> clip = Clip(np.array([0.0, -np.inf]), np.array([1.0, np.inf]))
    >>> clip([[2.0, -50.0], [0.5, 7.0]]).tolist()
    [[1.0, -50.0], [0.5, 7.0]]
    """

    low: Array
    high: Array

    @classmethod
    def beyond(cls, X: Array) -> Clip:
        """Bounds that a few far rows of X (N, d) do not move.

        The 0.1 % and the 99.9 % quantile of a column, moved outwards by half of their distance from its median. They
        are rows themselves, the second from the end at most, so that clipped rows have the same bounds. Where a
        quantile is the median, as in columns that are nearly always zero, its side ends with the last row; a constant
        column has no bounds.
        """
        middle = np.median(X, axis=0)
        low = np.quantile(X, TAIL, axis=0, method="higher")
        high = np.quantile(X, 1.0 - TAIL, axis=0, method="lower")
        low = np.where(low < middle, low - MARGIN * (middle - low), X.min(axis=0))
        high = np.where(high > middle, high + MARGIN * (high - middle), X.max(axis=0))
        constant = low >= high
        return cls(np.where(constant, -np.inf, low), np.where(constant, np.inf, high))

    @classmethod
    def nowhere(cls, n_inputs: int) -> Clip:
        """No bounds."""
        return cls(np.full(n_inputs, -np.inf), np.full(n_inputs, np.inf))

    def __call__(self, X: ArrayLike) -> Array:
        """Rows X (N, d) moved within the bounds; NaN stays NaN."""
        return np.clip(as_evaluation_points(X, "X"), self.low, self.high)
