"""How far a fit may be from the rows: the tolerance of each, the sides it holds on, and what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError
from reluctant.solution import Solution
from reluctant.solve import approximate
from reluctant.solve.requests import Between

Side = Literal["both", "below", "above"]

SLACK = 1e-9
"""Relative slack of a tolerance that holds on both sides, as in `approximate`; a side alone is strict."""


@dataclass(frozen=True)
class Band:
    """The tolerance of each row: on both sides of it, or with the network nowhere above it, or nowhere below."""

    x: Array
    y: Array
    tolerance: Array
    side: Side = "both"
    between: Between = "rows"
    shape: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[Array, Array]:
        """What the network is to stay between, at each row."""
        lo = self.y if self.side == "above" else self.y - self.tolerance
        return lo, self.y if self.side == "below" else self.y + self.tolerance

    @property
    def counted(self) -> tuple[Array, Array]:
        """The rows that count, all but those of infinite tolerance; all of them where none does."""
        counts = np.isfinite(self.tolerance)
        return (self.x[counts], self.y[counts]) if counts.any() else (self.x, self.y)

    def solution(self, margin: float = 0.0) -> Solution | None:
        """The fewest neurons within the band less a margin on each side; None where it has not that much."""
        if margin > 0.0 and margin >= self.tolerance.min() * (1.0 if self.side == "both" else 0.5):
            return None
        try:
            return self._solved(margin)
        except InfeasibleError:
            if margin == 0.0:
                raise
            return None  # a shape, or rows of one x, take more

    def _solved(self, margin: float) -> Solution:
        shape = self.shape or None
        if self.side == "both":
            tolerance = self.tolerance - margin
            return approximate(self.x, self.y, tolerance=tolerance, between=self.between, shape=shape)
        lo, hi = self.bounds
        bounds = lo + margin, hi - margin
        return approximate(self.x, self.y, bounds=bounds, between=self.between, shape=shape, rtol=0.0)

    def excess(self, evaluate: Callable[[Array], NDArray[Any]], solution: Solution) -> float:
        """By how much a function leaves the band; 0 where it keeps it as well as the solution does.

        At the rows, and along lines at the knots of the solution too.
        """
        widened = replace(self, tolerance=self.tolerance * (1.0 + SLACK)) if self.side == "both" else self
        knots = solution.function.knots
        if widened._beyond(evaluate, knots) <= max(widened._beyond(solution.predict, knots), 0.0):
            return 0.0
        return self._beyond(evaluate, knots)

    def _beyond(self, evaluate: Callable[[Array], NDArray[Any]], knots: Array) -> float:
        """How far values are beyond the band, at worst; negative inside."""
        residual = np.asarray(evaluate(self.x), dtype=np.float64) - self.y
        above = residual if self.side == "below" else residual - self.tolerance
        below = -residual if self.side == "above" else -residual - self.tolerance
        at_rows = float(np.max(np.maximum(above, below)))
        if self.between == "rows":
            return at_rows
        vertices, lo, hi = self._polylines()
        if not len(vertices):
            return at_rows
        knots = knots[(knots > vertices[0]) & (knots < vertices[-1])]
        values = np.asarray(evaluate(knots), dtype=np.float64)
        outside = np.maximum(np.interp(knots, vertices, lo) - values, values - np.interp(knots, vertices, hi))
        return max(at_rows, float(np.max(outside, initial=-np.inf)))

    def _polylines(self) -> tuple[Array, Array, Array]:
        """Every x once, with the largest lower and the smallest upper bound there."""
        lo, hi = self.bounds
        counts = np.isfinite(lo) & np.isfinite(hi)
        lo, hi = lo[counts], hi[counts]
        vertices, where = np.unique(self.x[counts], return_inverse=True)
        low, high = np.full(len(vertices), -np.inf), np.full(len(vertices), np.inf)
        np.maximum.at(low, where, lo)
        np.minimum.at(high, where, hi)
        return vertices, low, high
