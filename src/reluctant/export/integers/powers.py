"""Links whose slopes are powers of two or zero, for machines without a multiplier."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from reluctant.export.integers.formats import Codes, Fit, Format, bases, least_delta
from reluctant.export.integers.tables import PowerCodes


def power_fits(codes: Codes, form: Format, tolerance: float) -> Iterator[Fit]:
    """The fits with bases of 16 and of 32 bits; each link has a base of its own, so there are steps between them."""
    from reluctant.export.integers._greedy import greedy_pieces  # compiles

    sums = form.sums(codes.reference)
    unit = math.ldexp(1.0 / form.unit, form.shift)
    steepest = int(np.abs(np.diff(sums)).max(initial=0.0) + 2 * tolerance * unit)
    powers = np.arange(1, min(steepest.bit_length(), 31) + 1)
    signed = np.concatenate([[0], powers, -powers])
    slopes = np.sign(signed) * np.ldexp(0.5, np.abs(signed))

    for narrow in (True, False):

        def attempt(half_width: float, narrow: bool = narrow) -> PowerCodes | None:
            starts, values, chosen = greedy_pieces(sums, half_width * unit, slopes)
            lift = form.lift(narrow)
            base = bases(values, lift, narrow)
            if base is None:
                return None
            return PowerCodes(start=starts[1:], base=base, power=signed[chosen], lift=lift, **codes.common(form))

        fit = least_delta(codes, attempt, tolerance)
        if fit is not None:
            yield fit
