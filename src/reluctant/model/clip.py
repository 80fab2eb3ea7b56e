"""Bounds of the inputs of a network: what lies beyond is moved to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.validation import as_evaluation_points


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
    def around(cls, centre: Array, reach: Array) -> Clip:
        """From centre − reach to centre + reach, (d,) each."""
        return cls(centre - reach, centre + reach)

    @classmethod
    def nowhere(cls, n_inputs: int) -> Clip:
        """No bounds."""
        return cls(np.full(n_inputs, -np.inf), np.full(n_inputs, np.inf))

    def __call__(self, X: ArrayLike) -> Array:
        """Rows X (N, d) moved within the bounds; NaN stays NaN."""
        return np.clip(as_evaluation_points(X, "X"), self.low, self.high)
