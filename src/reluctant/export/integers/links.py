"""Links of any slope: the fewest within tolerance − δ at every code, rounded."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.export.integers.formats import Codes, Fit, Format, bases, least_delta
from reluctant.export.integers.tables import LinkCodes


def link_fits(codes: Codes, form: Format, tolerance: float) -> Iterator[Fit]:
    """The fits with slopes of 16 and of 32 bits, and with bases of 16 and of 32."""
    for narrow_slope in (True, False):
        for narrow_base in (True, False):

            def attempt(
                half_width: float, narrow_slope: bool = narrow_slope, narrow_base: bool = narrow_base
            ) -> LinkCodes | None:
                starts, values, slopes = _fewest(codes.reference, half_width)
                fitted = _narrowed(form, slopes) if narrow_slope else form
                return None if fitted is None else _rounded(codes, fitted, starts, values, slopes, narrow_base)

            fit = least_delta(codes, attempt, tolerance)
            if fit is not None:
                yield fit


def _fewest(reference: Array, half_width: float) -> tuple[Index, Array, Array]:
    """First codes (K + 1,), values there and slopes (K + 1,) of the fewest links; links without a code are left out."""
    from reluctant.univariate.tolerance import approximate_line  # compiles

    x = np.arange(len(reference), dtype=np.float64)
    f = approximate_line(x, reference, np.full(len(x), half_width), 1e-12).function
    starts = np.concatenate([[0.0], np.clip(np.ceil(f.knots), 0, len(x))])
    has_codes = np.append(starts[1:] > starts[:-1], starts[-1] < len(x))
    return starts[has_codes].astype(np.int64), f.links.at(starts[has_codes]), f.slopes[has_codes]


def _narrowed(form: Format, slopes: Array) -> Format | None:
    """The format with as many digits of the sum as slopes of 16 bits can follow."""
    steepest = float(np.max(np.abs(slopes))) / form.unit
    largest = 2**16 - 2 if slopes.min() >= 0 else 2**15 - 2
    shift = form.shift if steepest == 0 else min(form.shift, math.floor(math.log2(largest / steepest)))
    return form._replace(shift=shift) if shift >= 0 else None


def _rounded(
    codes: Codes, form: Format, starts: Index, values: Array, slopes: Array, narrow_base: bool
) -> LinkCodes | None:
    """Each link keeps its value in the middle, so that a rounded slope costs at both ends alike."""
    exact = np.ldexp(slopes / form.unit, form.shift)
    slope = np.rint(exact)
    if np.abs(slope).max() >= 2**31:
        return None
    length = np.diff(np.append(starts, len(codes.reference))) - 1
    lift = form.lift(narrow_base)
    base = bases(form.sums(values) + (exact - slope) * 0.5 * length, lift, narrow_base)
    if base is None:
        return None
    return LinkCodes(start=starts[1:], base=base, slope=slope.astype(np.int64), lift=lift, **codes.common(form))
