"""The smallest table within a tolerance of a reference at every code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from reluctant.export.integers.formats import Codes, Fit, Format
from reluctant.export.integers.grid import grid_fits
from reluctant.export.integers.links import link_fits
from reluctant.export.integers.powers import power_fits

Shape = Literal["links", "powers", "grid"]

_FITS: dict[str, Callable[[Codes, Format, float], Iterator[Fit]]] = {
    "links": link_fits,
    "powers": power_fits,
    "grid": grid_fits,
}
_WIDER = 0.9
"""Results of 32 bits are taken where they make the tables smaller than this share."""
_RESOLUTION = 1.02
_BITS_BELOW = 36
"""A tolerance of that share of the range, in powers of two, is where the search for one that is reached begins."""


def fit_codes(codes: Codes, shape: Shape, tolerance: float, count: float | None) -> Fit | None:
    """The smallest table within `tolerance` at every code, or None where no format reaches it."""
    best: Fit | None = None
    for form in codes.formats(tolerance, count):
        found = min(_FITS[shape](codes, form, tolerance), key=lambda fit: fit.table.n_bytes, default=None)
        if found is not None and (best is None or found.table.n_bytes < _WIDER * best.table.n_bytes):
            best = found
    return best


def smallest_tolerance(codes: Codes, shape: Shape, beyond: float, count: float | None) -> float:
    """A tolerance above `beyond` that is reached while one 2 % smaller is not; infinite where none is."""
    resolved = math.ldexp(float(np.ptp(codes.reference)), -_BITS_BELOW)
    low, high = beyond, max(2 * beyond, resolved)
    while fit_codes(codes, shape, high, count) is None:
        low, high = high, 4 * high
        if not math.isfinite(high):
            return math.inf
    while high > _RESOLUTION * low:
        middle = math.sqrt(low * high)
        if fit_codes(codes, shape, middle, count) is None:
            low = middle
        else:
            high = middle
    return high
