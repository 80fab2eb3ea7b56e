"""The inverse of a piecewise-linear function, and the area under it."""

from __future__ import annotations

import math

import numpy as np

from reluctant.arrays import Array
from reluctant.model._double_double import two_product, two_sum
from reluctant.model.links import Links


def inverse_of(links: Links) -> Links:
    """The links of the inverse; see `PiecewiseLinear.inverse`.

    Raises
    ------
    ValueError
        If there is none, or float64 cannot hold it; the message names the link.
    """
    slopes = links.slopes
    rising = bool(slopes[np.argmax(slopes != 0)] > 0)
    wrong = ~(slopes > 0 if rising else slopes < 0)
    if wrong.any():
        k = int(np.argmax(wrong))
        kind = "is constant" if slopes[k] == 0 else "falls" if rising else "rises"
        other = "" if slopes[k] == 0 else " while one before it does not"
        raise ValueError(
            f"the function has no inverse: link {k}, {_where(links, k)}, {kind}{other}; fit an increasing or a "
            "decreasing function"
        )
    with np.errstate(over="ignore", under="ignore"):
        inverted = 1.0 / slopes
        changes = None if links.changes is None else -links.changes * inverted[:-1] * inverted[1:]
    held = np.isfinite(inverted) & (inverted != 0)
    if not held.all():
        k = int(np.argmin(held))
        raise ValueError(f"the slope of link {k}, {slopes[k]:.3g}, has no inverse in float64; rescale x or y")
    found = Links(links.at(links.knots), links.anchors[::-1], inverted, changes)
    if not rising:
        changes = None if changes is None else -changes[::-1]
        found = Links(found.knots[::-1], found.anchors[:, ::-1], found.slopes[::-1], changes)
    falls = np.diff(found.knots) <= 0
    if falls.any():
        k = int(np.argmax(falls))
        k = k if rising else len(links.knots) - 2 - k
        raise ValueError(f"values at knots {k} and {k + 1} are the same or out of order in float64; rescale y")
    return found


def _where(links: Links, k: int) -> str:
    left = links.knots[k - 1] if k > 0 else -math.inf
    right = links.knots[k] if k < len(links.knots) else math.inf
    return f"x from {left:g} to {right:g}"


def area(links: Links, a: float, b: float) -> float:
    """The integral from a to b ≥ a: the sum of h (Y + M m) over links, m from the anchor to the middle of the piece."""
    first, last = np.searchsorted(links.knots, [a, b], side="right")
    ends = np.concatenate([[a], links.knots[first:last], [b]])
    (X, Y), M = links.anchors[:, first : last + 1], links.slopes[first : last + 1]
    width = two_sum(ends[1:], -ends[:-1])
    left, right = two_sum(ends[:-1], -X), two_sum(ends[1:], -X)
    twice, rest = two_sum(left[0], right[0])
    rise = _product((M, np.zeros_like(M)), (0.5 * twice, 0.5 * (rest + (left[1] + right[1]))))
    mean, rest = two_sum(Y, rise[0])
    pieces = _product(width, (mean, rest + rise[1]))
    return math.fsum(np.concatenate(pieces).tolist())


def _product(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    """Product of two numbers held in two floats each, to 2^-102 of it."""
    high, low = two_product(a[0], b[0])
    return high, low + (a[0] * b[1] + a[1] * b[0])
