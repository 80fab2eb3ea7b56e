"""Data on the line in the form the solvers work on: sorted, every x once."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.univariate import _kernels, _sweep

_STEEPEST = 2.0**600
"""Largest slope, in units of the ranges of x and y, with which the exact predicates and the neurons can reckon."""


def sorted_points(x: Array, y: Array) -> tuple[Array, Array]:
    """Return (x, y) sorted by x with repeated points merged.

    Raises
    ------
    InfeasibleError
        If one x comes with two different y.
    TooSteepError
        If slopes are beyond float64.
    """
    # Arrays of one kind for the compiled code, which is compiled again for read-only and for strided ones.
    x, y = np.require(x, requirements=["C", "W"]), np.require(y, requirements=["C", "W"])
    check_span(x, "x")
    check_span(y, "y")
    if is_increasing(x):
        check_slopes(x, y, y)
        return x, y
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    repeated = x[1:] == x[:-1]
    clash = repeated & (y[1:] != y[:-1])
    if clash.any():
        i = int(np.argmax(clash))
        raise InfeasibleError(
            f"x = {x[i]!s} appears with y = {y[i]!s} and y = {y[i + 1]!s} (rows {order[i]} and {order[i + 1]}); "
            "keep one of them, average them, or use approximate with a tolerance of at least "
            f"{abs(y[i + 1] - y[i]) / 2:g}"
        )
    first = np.concatenate([[True], ~repeated])
    x, y = x[first], y[first]
    check_slopes(x, y, y)
    return x, y


class Band(NamedTuple):
    """The bounds lo_i ≤ f(x_i) ≤ hi_i, sorted by x, every x once."""

    x: Array
    lo: Array
    hi: Array
    room: Array  # by how much rounding in the solution may take it beyond them
    y_max: float  # the largest |y| that its own tolerance does not leave open


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


def check_span(a: Array, name: str) -> None:
    """Raise a ValueError if the range of `a` is beyond float64."""
    low, high = float(a.min()), float(a.max())
    if high - low == math.inf:
        raise ValueError(f"{name} reaches from {low:.3g} to {high:.3g}, a range beyond float64; rescale it")


def check_slopes(x: Array, lo: Array, hi: Array) -> None:
    """Raise a TooSteepError if every function with lo_i ≤ f(x_i) ≤ hi_i, x increasing, has slopes beyond float64."""
    steepest, i = _kernels.steepest(x, lo, hi)
    with np.errstate(over="ignore"):
        mean = (hi.max() - lo.min()) / (x[-1] - x[0]) if len(x) > 1 else 1.0
    if not steepest < math.inf or steepest / _STEEPEST > mean:
        raise TooSteepError(
            f"the slope from x = {x[i]!s} to x = {x[i + 1]!s}, {steepest:.3g}, is beyond float64 or more than 2^600 "
            "times the range of y over that of x; rescale x or y, or merge the two"
        )
    if mean == 0.0 and lo.max() > hi.min():
        raise TooSteepError(
            f"over x from {x[0]:.3g} to {x[-1]:.3g} y changes by so little that its slopes vanish in float64; "
            "rescale x or y"
        )


def is_increasing(x: Array) -> bool:
    """Whether x is sorted with no value twice."""
    return bool((x[1:] > x[:-1]).all())
