"""From fractions to floats, on the safe side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from reluctant.arrays import Array


def floats(point: Sequence[Fraction]) -> Array:
    """The nearest floats."""
    return np.array([float(v) for v in point])


def rounded(exact: Fraction, towards: float) -> float:
    """The nearest float on that side."""
    try:
        nearest = float(exact)
    except OverflowError:
        return (
            math.copysign(math.inf, exact)
            if (exact > 0) == (towards > 0)
            else math.copysign(1.7976931348623157e308, exact)
        )
    beyond = Fraction(nearest) < exact if towards > 0 else Fraction(nearest) > exact
    return float(np.nextafter(nearest, towards)) if beyond else nearest


def root_up(square: Fraction) -> float:
    """The square root, rounded up."""
    root = math.sqrt(rounded(square, np.inf))
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root
