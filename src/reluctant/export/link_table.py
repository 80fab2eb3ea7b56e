"""A piecewise-linear function in the arithmetic of a target machine, and how far that is from the function.

In single precision every link keeps a point that is itself a float, with the value of the link there, so that
x − X is exact near it and offsets in x cost nothing beyond the rounding of x. Knots are rounded up: a float lies
at or above a knot exactly when it lies at or above the rounded one, so no float ends up on a wrong link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array, Index
from reluctant.model.hinge_table import hinge_table
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear


@dataclass(frozen=True)
class LinkTable:
    """y[k] + slope[k] · (x − start[k]) with k = number of knots at or below x, in one floating-point type."""

    knots: NDArray[Any]  # (K,)
    start: NDArray[Any]  # (K + 1,)
    y: NDArray[Any]  # (K + 1,)
    slope: NDArray[Any]  # (K + 1,)

    @property
    def n_bytes(self) -> int:
        """Bytes of the four tables."""
        return sum(a.nbytes for a in (self.knots, self.start, self.y, self.slope))

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """Evaluate with the operations of the C function, each rounded to the type of the table."""
        with np.errstate(over="ignore", invalid="ignore"):
            x = np.asarray(x, dtype=self.knots.dtype)
            k = np.searchsorted(self.knots, x, side="right")
            return self.y[k] + self.slope[k] * (x - self.start[k])

    def rounding_bound(self, x: ArrayLike, link: Index | None = None) -> Array:
        """Bound of |C(x) − f(x)| for x of the table's type, on the link of x or on the one given.

        The value Y, the slope M and the three operations on them are each rounded once (u = eps / 2), so the error
        is at most u (|Y| + 3 |M (x − X)| + |f(x)|) up to terms in u² and underflow.
        """
        x = np.asarray(x, dtype=np.float64)
        k = np.searchsorted(self.knots, x, side="right") if link is None else link
        limits = np.finfo(self.knots.dtype)
        u = float(limits.eps) / 2
        with np.errstate(over="ignore", invalid="ignore"):
            distance = x - self.start[k].astype(np.float64)
            y = self.y[k].astype(np.float64)
            rise = self.slope[k].astype(np.float64) * distance
            first_order = np.abs(y) + 3 * np.abs(rise) + np.abs(y + rise)
        underflow = float(limits.smallest_subnormal) * (np.abs(distance) + 2)
        return u * (1 + 16 * u) * first_order + underflow

    def largest_rounding(self, low: float, high: float) -> float:
        """Largest `rounding_bound` for x in [low, high]; on each link it is convex, so the ends decide."""
        knots = np.clip(self.knots.astype(np.float64), low, high)
        links = np.arange(len(self.start))
        left = self.rounding_bound(np.concatenate([[low], knots]), links)
        right = self.rounding_bound(np.concatenate([knots, [high]]), links)
        first, last = np.searchsorted(self.knots, [low, high], side="right")
        return float(max(left[first : last + 1].max(), right[first : last + 1].max()))


def link_table(function: PiecewiseLinear, dtype: np.dtype) -> LinkTable:
    """The table of `function` in `dtype`, as the head of this module explains.

    Raises
    ------
    ValueError
        If a number of the table is beyond `dtype`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        start = function.anchors[0].astype(dtype)
        y = (function.anchors[1] + function.slopes * (start - function.anchors[0])).astype(dtype)
        table = LinkTable(_rounded_up(function.knots, dtype), start, y, function.slopes.astype(dtype))
    if not all(np.isfinite(a).all() for a in (table.knots, table.start, table.y, table.slope)):
        which, remedy = ("single", "use double") if dtype == np.float32 else ("double", "rescale X or y")
        raise ValueError(f"the function has knots, values or slopes beyond {which} precision; {remedy}")
    return table


def _rounded_up(a: Array, dtype: np.dtype) -> NDArray[Any]:
    nearest = a.astype(dtype)
    return np.where(nearest < a, np.nextafter(nearest, dtype.type(np.inf)), nearest)


def line_function(network: ReLUNetwork) -> PiecewiseLinear:
    """The function of a network with one input and one output."""
    table = hinge_table(
        network.input_weights[:, 0], network.biases, network.output_weights, network.slope[0], network.intercept
    )
    with np.errstate(over="ignore"):  # `link_table` refuses what is infinite
        values, slopes = np.ldexp(table.values[:, 0], table.exponent), np.ldexp(table.slopes[:, 0], table.exponent)
    return PiecewiseLinear(table.thresholds, np.stack([table.origins, values]), slopes)


def clipped_line(function: PiecewiseLinear, low: float, high: float) -> PiecewiseLinear:
    """X ↦ f(min(max(x, low), high)): constant from each finite bound on, the same links between them."""
    if low == high:
        return PiecewiseLinear(np.empty(0), np.array([[low], function([low])]), np.zeros(1))
    links = slice(
        int(np.searchsorted(function.knots, low, side="right")), int(np.searchsorted(function.knots, high)) + 1
    )
    knots, anchors, slopes = (
        function.knots[links.start : links.stop - 1],
        function.anchors[:, links],
        function.slopes[links],
    )
    if np.isfinite(low):
        knots, slopes = np.append(low, knots), np.append(0.0, slopes)
        anchors = np.column_stack([[low, *function([low])], anchors])
    if np.isfinite(high):
        knots, slopes = np.append(knots, high), np.append(slopes, 0.0)
        anchors = np.column_stack([anchors, [high, *function([high])]])
    return PiecewiseLinear(knots, anchors, slopes)
