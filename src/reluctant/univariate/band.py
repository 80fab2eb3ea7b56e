"""The band that a function on the line is to stay in: bounds sorted by x, every x once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError
from reluctant.univariate import _sweep
from reluctant.univariate.points import check_slopes, check_span, is_increasing


class Band(NamedTuple):
    """The bounds lo_i ≤ f(x_i) ≤ hi_i, sorted by x, every x once.

    Bounds may be infinite. Along lines f is to be between the polylines through those of each side that are finite.
    """

    x: Array
    lo: Array
    hi: Array
    room: Array  # by how much rounding in the solution may take it beyond them
    y_max: float  # the largest |y| that its own tolerance does not leave open
    along_lines: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a bound is infinite."""
        return not (self.lo.min() > -np.inf and self.hi.max() < np.inf)


def sorted_band(x: Array, y: Array, tolerance: Array, slack: float, rtol: float) -> Band:
    """Return the band of `_sweep.band`; bounds at one x are intersected.

    Raises
    ------
    InfeasibleError
        If the bounds at one x have no value in common.
    TooSteepError
        If slopes that every function in the band has are beyond float64.
    """
    x, y, tolerance = (np.require(a, requirements=["C", "W"]) for a in (x, y, tolerance))
    increasing = is_increasing(x)
    order = np.arange(0) if increasing else np.argsort(x, kind="stable")
    if not increasing:
        x, y, tolerance = x[order], y[order], tolerance[order]
    x_max = max(abs(x[0]), abs(x[-1]))
    y_max = _sweep.largest_known(y, tolerance)
    lo, hi, room = _sweep.band(x, y, tolerance, slack, rtol, x_max, y_max)
    check_span(x, "x")
    check_span(np.array([lo.min(), hi.max()]), "y with its tolerance")
    if increasing:
        check_slopes(x, lo, hi)
        return Band(x, lo, hi, room, y_max)
    starts = np.flatnonzero(np.concatenate([[True], x[1:] > x[:-1]]))
    low, high = np.maximum.reduceat(lo, starts), np.minimum.reduceat(hi, starts)
    if (low > high).any():
        i = int(np.argmax(low > high))
        stop = starts[i + 1] if i + 1 < len(starts) else len(x)
        a = int(starts[i] + np.argmax(lo[starts[i] : stop]))
        b = int(starts[i] + np.argmin(hi[starts[i] : stop]))
        raise InfeasibleError(
            f"x = {x[a]!s} appears with y = {y[b]!s} and y = {y[a]!s} (rows {order[b]} and {order[a]}), further apart "
            f"than the tolerances allow; a tolerance of {abs(y[a] - y[b]) / 2:g} at both would do"
        )
    check_slopes(x[starts], low, high)
    return Band(x[starts], low, high, np.minimum.reduceat(room, starts), y_max)
