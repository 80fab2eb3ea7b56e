"""Data on the line in the form the solvers work on: sorted, every x once."""

from __future__ import annotations

import math
import sys

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.univariate import _evaluation

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
    x, y = (a if a.flags.carray else np.require(a, requirements=["C", "W"]) for a in (x, y))
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


def check_span(a: Array, name: str) -> None:
    """Raise a ValueError if the range of `a` is beyond float64."""
    low, high = float(a.min()), float(a.max())
    if high - low == math.inf:
        raise ValueError(f"{name} reaches from {low:.3g} to {high:.3g}, a range beyond float64; rescale it")


def check_slopes(x: Array, lo: Array, hi: Array) -> None:
    """Raise a TooSteepError if every function with lo_i ≤ f(x_i) ≤ hi_i, x increasing, has slopes beyond float64.

    Infinite bounds ask for no slope.
    """
    low, high = reach(lo, hi)
    with np.errstate(over="ignore"):
        mean = (high - low) / (x[-1] - x[0]) if len(x) > 1 else 1.0
        if mean > 0.0 and not _evaluation.may_be_steeper(x, lo, hi, min(_STEEPEST * mean, sys.float_info.max)):
            return
    steepest = _evaluation.steepest(x, lo, hi)
    if not steepest < math.inf or steepest / _STEEPEST > mean:
        with np.errstate(all="ignore"):
            i = int(np.nanargmax(np.maximum(lo[1:] - hi[:-1], lo[:-1] - hi[1:]) / np.diff(x)))
        raise TooSteepError(
            f"the slope from x = {x[i]!s} to x = {x[i + 1]!s}, {steepest:.3g}, is beyond float64 or more than 2^600 "
            "times the range of y over that of x; rescale x or y, or merge the two"
        )
    if mean == 0.0 and lo.max() > hi.min():
        raise TooSteepError(
            f"over x from {x[0]:.3g} to {x[-1]:.3g} y changes by so little that its slopes vanish in float64; "
            "rescale x or y"
        )


def reach(lo: Array, hi: Array) -> tuple[float, float]:
    """From the lowest to the highest bound, infinite ones not counted where some are finite."""
    low, high = lo.min(), hi.max()
    if np.isinf(low) or np.isinf(high):
        bounds = np.concatenate([lo, hi])
        finite = bounds[np.isfinite(bounds)]
        if len(finite):
            low, high = finite.min(), finite.max()
    return float(low), float(high)


def is_increasing(x: Array) -> bool:
    """Whether x is sorted with no value twice."""
    return bool((x[1:] > x[:-1]).all())
