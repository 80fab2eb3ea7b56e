"""Data on the line in the form the solvers work on: sorted, every x once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reluctant.errors import InfeasibleError

Array = NDArray[np.float64]


def sorted_points(x: Array, y: Array) -> tuple[Array, Array]:
    """Return (x, y) sorted by x with repeated points merged.

    Raises
    ------
    InfeasibleError
        If one x comes with two different y.
    """
    if _increases(x):
        return x, y
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    repeated = x[1:] == x[:-1]
    clash = repeated & (y[1:] != y[:-1])
    if clash.any():
        i = int(np.argmax(clash))
        raise InfeasibleError(
            f"x = {x[i]!s} appears with y = {y[i]!s} and y = {y[i + 1]!s} (rows {order[i]} and {order[i + 1]}); "
            f"keep one of them, average them, or use approximate with a tolerance of at least {abs(y[i + 1] - y[i]) / 2:g}"
        )
    first = np.concatenate([[True], ~repeated])
    return x[first], y[first]


@dataclass(frozen=True)
class Band:
    """The bounds lo_i ≤ f(x_i) ≤ hi_i, sorted by x, every x once."""

    x: Array
    lo: Array
    hi: Array


def sorted_band(x: Array, y: Array, lo: Array, hi: Array) -> Band:
    """Return the band sorted by x; bounds at one x are intersected.

    Raises
    ------
    InfeasibleError
        If the bounds at one x have no value in common.
    """
    if _increases(x):
        return Band(x, lo, hi)
    order = np.argsort(x, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(x[order]) > 0]))
    low = np.maximum.reduceat(lo[order], starts)
    high = np.minimum.reduceat(hi[order], starts)
    if (low > high).any():
        i = int(np.argmax(low > high))
        group = order[starts[i] : (starts[i + 1] if i + 1 < len(starts) else len(x))]
        a, b = group[np.argmax(lo[group])], group[np.argmin(hi[group])]
        raise InfeasibleError(
            f"x = {x[a]!s} appears with y = {y[b]!s} and y = {y[a]!s} (rows {b} and {a}), further apart than "
            f"the tolerances allow; a tolerance of {abs(y[a] - y[b]) / 2:g} at both would do"
        )
    return Band(x[order][starts], low, high)


def _increases(x: Array) -> bool:
    return bool((x[1:] > x[:-1]).all())
