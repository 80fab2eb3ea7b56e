"""What an integer table is to meet, the formats it can have, and how much of the tolerance rounding takes.

A solution within tolerance − δ leaves δ for rounding. Whether δ was enough shows when all codes are evaluated in the
arithmetic of the file; the smallest δ that is enough is found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.export.integers.tables import IntegerTable

_BISECTIONS = 12
_LEAST_WIDTH = 1e-12
"""Share of the tolerance below which a band is none: float64 could not tell its sides apart."""
_FINER = 64
"""Units of a 32-bit result in the tolerance; finer ones would leave it no wider."""


@dataclass(frozen=True)
class Codes:
    """A value for each of 2^bits codes; code c stands for the input low + c · step."""

    bits: int
    low: float
    step: float
    reference: Array

    def formats(self, tolerance: float, count: float | None) -> Iterator[Format]:
        """Units and offsets of results in 16 bits, if they hold them, and in 32; `count` is a unit that is given."""
        highest = float(np.abs(self.reference).max()) + tolerance
        for bits in (16, 32):
            unit = None if count is None else float(count)
            if unit is None:
                fills = 2.0 ** math.ceil(math.log2(highest / (2 ** (bits - 1) - 2)))
                unit = fills if bits == 16 else max(fills, 2.0 ** math.floor(math.log2(tolerance / _FINER)))
            if unit == 0.0 or highest / unit >= 2 ** (bits - 1):
                continue
            margin = math.ceil(tolerance / unit) + 1
            lowest = math.floor(float(self.reference.min()) / unit) - margin
            span = math.ceil(float(self.reference.max()) / unit) + margin - lowest
            if max(abs(lowest), abs(lowest + span)) < 2 ** (bits - 1) and span < 2**31:
                yield Format(unit, lowest, span, 32 - span.bit_length(), np.dtype(f"int{bits}"))

    def common(self, form: Format) -> dict[str, Any]:
        """What all tables of a format say alike."""
        return {
            "bits": self.bits,
            "low": self.low,
            "step": self.step,
            "count": form.unit,
            "offset": form.offset,
            "shift": form.shift,
            "result_type": form.result_type,
        }

    def checked(self, table: IntegerTable, tolerance: float, delta: float) -> Fit:
        """The table with its largest error over all codes."""
        error = np.abs(table.outputs(np.arange(table.largest_code + 1)) - self.reference)
        worst = int(np.argmax(error))
        return Fit(table, float(error[worst]), worst, tolerance, delta)


class Format(NamedTuple):
    """Units of results and of sums: a result is offset + (sum >> shift) of `unit`, and 0 ≤ sum < 2^32."""

    unit: float
    offset: int
    span: int
    shift: int
    result_type: np.dtype

    def sums(self, y: Array) -> Array:
        """Values y in the units of the sum, as real numbers."""
        return np.ldexp(y / self.unit - self.offset, self.shift)

    def lift(self, narrow: bool) -> int:
        """By how much bases are shifted to reach every sum from 16 bits, or from 32."""
        return max(0, self.shift + self.span.bit_length() - 16) if narrow else 0


class Fit(NamedTuple):
    """A table, its largest error over all codes and where that is, and what of the tolerance was left for rounding."""

    table: Any
    error: float
    worst: int
    tolerance: float
    delta: float

    @property
    def is_within(self) -> bool:
        """Whether no code is further off than the tolerance."""
        return self.error <= self.tolerance


def bases(sums: Array, lift: int, narrow: bool) -> Index | None:
    """Sums rounded to multiples of 2^lift; None where 16 bits, or 32, do not hold them."""
    rounded = np.rint(np.ldexp(sums, -lift))
    fits = rounded.min() >= 0 and rounded.max() < 2 ** (16 if narrow else 32)
    return rounded.astype(np.int64) if fits else None


def least_delta(codes: Codes, attempt: Callable[[float], IntegerTable | None], tolerance: float) -> Fit | None:
    """The fit with the smallest δ that bisection finds, or None.

    `attempt` makes a table from a solution within a half-width, or says by None that its format holds none. The largest
    error with δ = 0 says where the bracket begins.
    """

    def tried(delta: float) -> Fit | None:
        table = attempt(tolerance - delta) if delta <= tolerance * (1 - _LEAST_WIDTH) else None
        return None if table is None else codes.checked(table, tolerance, delta)

    first = tried(0.0)
    if first is None or first.is_within:
        return first
    small, large = 0.0, first.error - tolerance
    while True:
        found = tried(large)
        if found is not None and found.is_within:
            break
        small, large = large, 2 * large
        if large > tolerance * (1 - _LEAST_WIDTH):
            return None
    for _ in range(_BISECTIONS):
        middle = 0.5 * (small + large)
        closer = tried(middle)
        if closer is None or not closer.is_within:
            small = middle
        else:
            large, found = middle, closer
    return found
