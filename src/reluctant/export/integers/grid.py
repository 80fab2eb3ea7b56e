"""Values on a uniform grid, and straight lines between them: no search, no slopes, no starts of links."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reluctant.arrays import Array
from reluctant.export.integers.formats import Codes, Fit, Format, bases
from reluctant.export.integers.tables import GridCodes

_BISECTIONS = 20
_FINER_GRIDS = 2
"""How often cells are halved where rounding takes more than the coarsest grid leaves."""


def grid_fits(codes: Codes, form: Format, tolerance: float) -> Iterator[Fit]:
    """The fits on the coarsest grid that rounding allows, with values of 16 and of 32 bits.

    A grid within a half-width is one for every part of it, so cells are halved until one serves.
    """
    cell = codes.bits
    while cell and _within(codes.reference, cell, tolerance) is None:
        cell -= 1
    for width in range(cell, max(cell - _FINER_GRIDS, 0) - 1, -1):
        values, half_width = nearest_values(codes.reference, width, tolerance)
        tables = (_rounded(codes, form, width, values, bits) for bits in (16, 32))
        checked = (codes.checked(table, tolerance, tolerance - half_width) for table in tables if table is not None)
        fits = [fit for fit in checked if fit.is_within]
        if fits:
            yield from fits
            return


def _rounded(codes: Codes, form: Format, cell: int, values: Array, bits: int) -> GridCodes | None:
    shift = min(form.shift, bits - form.span.bit_length(), form.shift - cell)
    value = None if shift < 0 else bases(form._replace(shift=shift).sums(values), 0, bits == 16)
    return None if value is None else GridCodes(value=value, cell=cell, **codes.common(form) | {"shift": shift + cell})


def nearest_values(reference: Array, cell: int, half_width: float) -> tuple[Array, float]:
    """The grid values nearest to the reference at all codes, and how near, where some are within `half_width`."""
    low, high = 0.0, half_width
    best = _within(reference, cell, high)
    assert best is not None
    for _ in range(_BISECTIONS if cell else 0):
        middle = 0.5 * (low + high)
        values = _within(reference, cell, middle)
        if values is None:
            low = middle
        else:
            best, high = values, middle
    return best, high if cell else 0.0


def _within(reference: Array, cell: int, half_width: float) -> Array | None:
    """Values at every 2^cell-th code and at the one after the last; None where none are within the half-width."""
    if cell == 0:
        return np.append(reference, reference[-1])
    from reluctant.export.integers._grid_chain import grid_within  # compiles

    values = grid_within(reference, cell, half_width)
    return values if len(values) else None
