"""Functions of an integer code in 32-bit integer arithmetic, as the C file reckons: every code can be tried.

All three tables begin alike: the code is moved to the largest one, link or cell k is found, and d counts the codes from
its start. In unsigned 32-bit arithmetic, which wraps and is the same everywhere [C99, 6.2.5],

    links         (base[k] << lift) + slope[k] · d
    powers        (base[k] << lift) ± (d << |power[k]| − 1), or base[k] << lift alone
    grid          (value[k] << cell) + (value[k + 1] − value[k]) · d

is, with `half` added and shifted right by `shift`, the result above `offset`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index

_MASK = np.int64(2**32 - 1)


def narrowest(values: Index) -> np.dtype:
    """The narrowest of the unsigned types with 8, 16 and 32 bits, or of the signed where a value is negative."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kinds = (np.uint8, np.uint16, np.uint32) if low >= 0 else (np.int8, np.int16, np.int32)
    return np.dtype(next(kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))


@dataclass(frozen=True, kw_only=True)
class IntegerTable:
    """What all three kinds have.

    Parameters
    ----------
    bits : int
        Codes are 0 … 2^bits − 1.
    low, step : float
        The input that code c stands for is low + c · step.
    count : float
        What one unit of the result is worth.
    offset, shift : int
        As at the head of this module.
    result_type : dtype
        int16 or int32.
    """

    kind: ClassVar[str]

    bits: int
    low: float
    step: float
    count: float
    offset: int
    shift: int
    result_type: np.dtype

    @property
    def largest_code(self) -> int:
        """2^bits − 1."""
        return 2**self.bits - 1

    @property
    def half(self) -> int:
        """Half of what the last shift divides by."""
        return 2 ** (self.shift - 1) if self.shift else 0

    @property
    def tables(self) -> dict[str, Index]:
        """The constant tables, by name."""
        raise NotImplementedError

    @property
    def n_links(self) -> int:
        """Number of straight pieces."""
        raise NotImplementedError

    @property
    def types(self) -> dict[str, np.dtype]:
        """The types of the tables."""
        return {name: narrowest(values) for name, values in self.tables.items()}

    @property
    def n_bytes(self) -> int:
        """Bytes of the tables."""
        types = self.types
        return sum(types[name].itemsize * len(values) for name, values in self.tables.items())

    def accumulated(self, code: Index) -> Index:
        """The sum before `half`, as integers that have not wrapped yet."""
        raise NotImplementedError

    def __call__(self, codes: ArrayLike) -> Index:
        """What the C function returns for codes, bit for bit.

        Examples
        --------
        >>> import numpy as np
        >>> table = LinkCodes(
        ...     bits=10, low=0.0, step=1.0, count=1.0, offset=-5, shift=4, result_type=np.dtype(np.int16),
        ...     start=np.array([100]), base=np.array([80, 280]), slope=np.array([2, -1]), lift=0,
        ... )
        >>> table([0, 8, 100, 5000]).tolist()
        [0, 1, 13, -45]
        """
        code = np.minimum(np.asarray(codes, dtype=np.int64), self.largest_code)
        total = (self.accumulated(code) + self.half) & _MASK
        result = (total >> self.shift) + self.offset
        bits = 8 * self.result_type.itemsize
        return ((result + 2 ** (bits - 1)) & (2**bits - 1)) - 2 ** (bits - 1)

    def inputs(self) -> Array:
        """What every code stands for, shape (2^bits,)."""
        return self.low + self.step * np.arange(self.largest_code + 1, dtype=np.float64)

    def outputs(self, codes: ArrayLike) -> Array:
        """Results of codes in the units of y."""
        return self.count * self(codes).astype(np.float64)

    def nearest_codes(self, x: Array) -> Index:
        """The code whose input is nearest."""
        return np.clip(np.rint((x - self.low) / self.step), 0, self.largest_code).astype(np.int64)

    @property
    def checksum(self) -> int:
        """Σ result · 31^(last − code) mod 2^32 over all codes by Horner's rule, as the self-test of the C file does."""
        results = self(np.arange(self.largest_code + 1)) & _MASK
        total = 0
        for result in results.tolist():
            total = (31 * total + result) & int(_MASK)
        return total


@dataclass(frozen=True, kw_only=True)
class LinkCodes(IntegerTable):
    """Links of any slope; link k + 1 begins at start[k]."""

    kind = "links"

    start: Index
    base: Index
    slope: Index
    lift: int

    @property
    def tables(self) -> dict[str, Index]:
        """Starts of links 1, 2, …, bases and slopes."""
        return {"start": self.start, "base": self.base, "slope": self.slope}

    @property
    def n_links(self) -> int:
        """Number of links."""
        return len(self.base)

    def accumulated(self, code: Index) -> Index:
        """(base << lift) + slope · d."""
        k = np.searchsorted(self.start, code, side="right")
        d = code - np.concatenate([[0], self.start])[k]
        return (self.base[k] << self.lift) + self.slope[k] * d


@dataclass(frozen=True, kw_only=True)
class PowerCodes(IntegerTable):
    """Links whose slopes are 0 or ± 2^(|power| − 1)."""

    kind = "powers"

    start: Index
    base: Index
    power: Index
    lift: int

    @property
    def tables(self) -> dict[str, Index]:
        """Starts of links 1, 2, …, bases and powers."""
        return {"start": self.start, "base": self.base, "power": self.power}

    @property
    def types(self) -> dict[str, np.dtype]:
        """The types of the tables; powers have a sign even where none is negative."""
        return super().types | {"power": np.dtype(np.int8)}

    @property
    def n_links(self) -> int:
        """Number of links."""
        return len(self.base)

    def accumulated(self, code: Index) -> Index:
        """(base << lift) ± (d << |power| − 1)."""
        k = np.searchsorted(self.start, code, side="right")
        d = code - np.concatenate([[0], self.start])[k]
        power = self.power[k]
        rise = (d << np.maximum(np.abs(power) - 1, 0)) & _MASK
        return (self.base[k] << self.lift) + np.sign(power) * rise


@dataclass(frozen=True, kw_only=True)
class GridCodes(IntegerTable):
    """Values at every 2^cell-th code, and straight lines between them."""

    kind = "grid"

    value: Index
    cell: int

    @property
    def tables(self) -> dict[str, Index]:
        """The values."""
        return {"value": self.value}

    @property
    def n_links(self) -> int:
        """Number of cells."""
        return len(self.value) - 1

    def accumulated(self, code: Index) -> Index:
        """(value << cell) + rise · d."""
        k = code >> self.cell
        d = code & (2**self.cell - 1)
        return (self.value[k] << self.cell) + (self.value[k + 1] - self.value[k]) * d
