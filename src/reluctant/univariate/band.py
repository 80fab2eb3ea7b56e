"""The band that a function on the line is to stay in: bounds sorted by x, every x once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.errors import InfeasibleError
from reluctant.univariate import _excess, _sweep
from reluctant.univariate.points import check_slopes, check_span, is_increasing, reach


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
    is_open: bool = False  # whether a bound is infinite
    y: Array | None = None  # the targets, where they come one for each x


def sorted_band(x: Array, y: Array, tolerance: Array, slack: float, rtol: float, along_lines: bool = False) -> Band:
    """Return the band of `_sweep.band`; bounds at one x are intersected.

    Raises
    ------
    InfeasibleError
        If the bounds at one x have no value in common.
    TooSteepError
        If slopes that every function in the band has are beyond float64.
    """
    order, (x, y, tolerance) = _sorted(x, y, tolerance)
    y_max = _sweep.largest_known(y, tolerance)
    lo, hi, room = np.empty((3, len(x)))
    _sweep.band(x, y, tolerance, slack, rtol, max(abs(x[0]), abs(x[-1])), y_max, (lo, hi, room))
    check_span(np.array([lo.min(), hi.max()]), "y with its tolerance")

    def clash(a: int, b: int) -> str:
        return (
            f"x = {x[a]!s} appears with y = {y[b]!s} and y = {y[a]!s} (rows {order[b]} and {order[a]}), further apart "
            f"than the tolerances allow; a tolerance of {abs(y[a] - y[b]) / 2:g} at both would do"
        )

    targets = None if len(order) else y
    return _every_x_once(Band(x, lo, hi, room, y_max, along_lines, y=targets), order, clash)


def bounded_band(x: Array, lo: Array, hi: Array, slack: float, rtol: float, along_lines: bool = False) -> Band:
    """Return the band of `_sweep.widened`; at least one bound of each row is finite.

    Raises
    ------
    InfeasibleError
        If the bounds at one x have no value in common, or along lines the polylines through them cross.
    TooSteepError
        If slopes that every function in the band has are beyond float64.
    """
    order, (x, lo, hi) = _sorted(x, lo, hi)
    check_span(np.array(reach(lo, hi)), "bounds")
    centre = np.where(np.isinf(lo), hi, np.where(np.isinf(hi), lo, 0.5 * lo + 0.5 * hi))
    y_max = float(np.max(np.abs(centre), where=(lo > 0.0) | (hi < 0.0), initial=0.0))
    wider_lo, wider_hi, room = np.empty((3, len(x)))
    _sweep.widened(x, lo, hi, centre, slack, rtol, max(abs(x[0]), abs(x[-1])), y_max, wider_lo, wider_hi, room)

    def clash(a: int, b: int) -> str:
        return (
            f"x = {x[a]!s} appears with a lower bound of {lo[a]!s} and an upper bound of {hi[b]!s} (rows {order[a]} "
            f"and {order[b]}), which no value keeps; widen one of them by {lo[a] - hi[b]:g}"
        )

    band = _every_x_once(Band(x, wider_lo, wider_hi, room, y_max, along_lines), order, clash)
    band = band._replace(is_open=not (band.lo.min() > -np.inf and band.hi.max() < np.inf))
    if along_lines and band.is_open:
        _check_apart(band)
    return band


def _sorted(x: Array, *columns: Array) -> tuple[Index, list[Array]]:
    """The order of x, empty where it is increasing, and arrays in it of one kind for the compiled code."""
    arrays = [np.require(a, requirements=["C", "W"]) for a in (x, *columns)]
    if is_increasing(x):
        return np.arange(0), arrays
    order = np.argsort(x, kind="stable")
    return order, [a[order] for a in arrays]


def _every_x_once(band: Band, order: Index, clash: Callable[[int, int], str]) -> Band:
    """The same band with the bounds at one x intersected; `clash` words what row a asks for and row b forbids."""
    x, lo, hi = band.x, band.lo, band.hi
    check_span(x[[0, -1]], "x")
    if len(order):
        starts = np.flatnonzero(np.concatenate([[True], x[1:] > x[:-1]]))
        low, high = np.maximum.reduceat(lo, starts), np.minimum.reduceat(hi, starts)
        if (low > high).any():
            i = int(np.argmax(low > high))
            stop = starts[i + 1] if i + 1 < len(starts) else len(x)
            a = int(starts[i] + np.argmax(lo[starts[i] : stop]))
            b = int(starts[i] + np.argmin(hi[starts[i] : stop]))
            raise InfeasibleError(clash(a, b))
        band = band._replace(x=x[starts], lo=low, hi=high, room=np.minimum.reduceat(band.room, starts))
    check_slopes(band.x, band.lo, band.hi)
    return band


def _check_apart(band: Band) -> None:
    """Raise an InfeasibleError where the polyline through the lower bounds is above that through the upper ones."""
    i, a, b = _excess.first_crossing(band.x, band.lo, band.hi)
    if i >= 0:
        which, other = ("lower", "upper") if np.isinf(band.hi[i]) else ("upper", "lower")
        raise InfeasibleError(
            f"the {which} bound at x = {band.x[i]!s} is beyond the straight line between the {other} bounds at "
            f"x = {band.x[a]!s} and x = {band.x[b]!s}; widen one of them, or leave out between"
        )
