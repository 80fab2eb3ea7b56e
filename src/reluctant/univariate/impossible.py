"""Shapes that no function within a band has, and the rows that forbid them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_UP, Context
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.errors import InfeasibleError
from reluctant.univariate import _shapes
from reluctant.univariate.band import Band
from reluctant.univariate.points import reach
from reluctant.univariate.shapes import Shape

_DIGITS = 6
_FAINT = 1e-12
"""Share by which a remedy may fall short where there is slack, before it is rounded up, so that 0.1 + 0.2 is 0.3."""


class Conflict(NamedTuple):
    """Bounds of two or three points, from left to right, that no function of a shape keeps."""

    points: tuple[int, ...]
    is_lower: tuple[bool, ...]
    excess: float  # how far apart they are: half as much at every bound would be enough

    def mirrored(self) -> Conflict:
        """The conflict of −f."""
        return self._replace(is_lower=tuple(not lower for lower in self.is_lower))


def check_possible(shape: Shape, band: Band, x: Array, bounds: tuple[Array, Array], counts: Mask, remedy: str) -> None:
    """Raise an InfeasibleError that names rows if no function within the band has the shape.

    Parameters
    ----------
    shape : Shape
    band : Band
        Whether there is such a function is decided exactly.
    x, bounds, counts : Array, pair of Array, Mask
        What the band was made of: lower and upper bounds at x, and which rows of the table they are.
    remedy : str
        What would have to be, as in "tolerances larger" by 1 would do.
    """
    found = [conflict for conflict in (falling(shape, band), bent(shape, band)) if conflict is not None]
    if not found:
        return
    first, rows = found[0], np.flatnonzero(counts)
    at = [float(band.x[i]) for i in first.points]
    decides = [_row(u, lower, x, bounds) for u, lower in zip(at, first.is_lower)]
    limits = [float(bounds[0 if lower else 1][i]) for i, lower in zip(decides, first.is_lower)]
    named = [f"x = {u!s} (row {rows[i]})" for u, i in zip(at, decides)]
    sides = ["at least" if lower else "at most" for lower in first.is_lower]
    if len(at) == 2:
        told = _told_apart(limits)
        words = f"it is to be {sides[0]} {told[0]} at {named[0]}, but {sides[1]} {told[1]} at {named[1]}"
    else:
        share = (at[1] - at[0]) / (at[2] - at[0])
        told = _told_apart([limits[1], (1.0 - share) * limits[0] + share * limits[2]])
        ends = " and ".join(f"{limits[i]:.{_DIGITS}g} at {named[i]}" for i in (0, 2))
        words = f"it is to be {sides[0]} {ends}, so {sides[0]} {told[1]} at {named[1]}, but {sides[1]} {told[0]} there"
    largest = max(map(abs, reach(band.lo, band.hi)))
    least = 0.5 * max(conflict.excess for conflict in found) + 2.0**-51 * largest  # for the rounding of bounds
    more = _rounded_up(least * (1.0 - _FAINT) if band.room.any() else least)
    raise InfeasibleError(f"no {shape.name} function is within the band: {words}; {remedy} by {more} would do")


def falling(shape: Shape, band: Band) -> Conflict | None:
    """Two bounds that forbid the sign of the slopes."""
    if shape.slope == 0:
        return None
    rising = shape.slope > 0
    apart = np.maximum.accumulate(band.lo) - band.hi if rising else band.lo - np.minimum.accumulate(band.hi)
    j = int(np.argmax(apart))
    if not apart[j] > 0.0:
        return None
    i = int(np.argmax(band.lo[:j]) if rising else np.argmin(band.hi[:j]))
    return Conflict((i, j), (rising, not rising), float(apart[j]))


def bent(shape: Shape, band: Band) -> Conflict | None:
    """Three bounds that forbid the sign of the bends."""
    if shape.bend == 0:
        return None
    lo, hi = (band.lo, band.hi) if shape.bend > 0 else (-band.hi, -band.lo)
    covered, limiting = np.flatnonzero(lo > -np.inf), np.flatnonzero(hi < np.inf)
    hull = limiting[_shapes.lower_hull(band.x[limiting], hi[limiting])]
    point, left, excess = _shapes.farthest_above(band.x[covered], lo[covered], band.x[hull], hi[hull])
    if point < 0:
        return None
    points = int(hull[left]), int(covered[point]), int(hull[left + 1])
    conflict = Conflict(points, (False, True, False), max(excess, 0.0))
    return conflict if shape.bend > 0 else conflict.mirrored()


def _row(at: float, lower: bool, x: Array, bounds: tuple[Array, Array]) -> int:
    """The one of the rows at some x whose bound decides."""
    here = np.flatnonzero(x == at)
    lo, hi = bounds
    return int(here[np.argmax(lo[here]) if lower else np.argmin(hi[here])])


def _told_apart(values: Sequence[float]) -> list[str]:
    """Numbers with as many digits as it takes to tell them apart."""
    for digits in range(_DIGITS, 18):
        texts = [f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _rounded_up(value: float) -> str:
    return f"{float(Context(prec=_DIGITS, rounding=ROUND_UP).create_decimal_from_float(value)):g}"
