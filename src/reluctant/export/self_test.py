"""What a C file can be asked after it is compiled: the rows, or codes, with the largest errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Index
from reluctant.export.integers.formats import Fit
from reluctant.export.link_table import LinkTable
from reluctant.export.tables import Tables

_ROWS = 8


@dataclass(frozen=True)
class SelfTest:
    """Arguments and what comes out here, in the types of the file, (n, d) and (n, m); and how far others may be off.

    Both are within the bound of rounding of the network in exact arithmetic, so they are within twice of each other.
    """

    inputs: NDArray[Any]
    outputs: NDArray[Any]
    allowed: NDArray[Any]


def worst_rows(tables: Tables, data: tuple[Array, Array] | None) -> SelfTest | None:
    """The rows with the largest errors; None without data, or where they or their bound are beyond the type."""
    if data is None or tables.error_bound is None:
        return None
    X, y = data
    held = tables.held
    number = held.knots.dtype if isinstance(held, LinkTable) else held.biases.dtype
    with np.errstate(over="ignore"):
        x = X.astype(number)
    computed = held(x[:, 0])[:, None] if isinstance(held, LinkTable) else held(x)
    error = np.abs(computed.astype(np.float64) - y.reshape(len(x), -1)).max(axis=1)
    rows = np.argsort(-error, kind="stable")[:_ROWS]
    with np.errstate(over="ignore"):
        allowed = np.nextafter(number.type(2 * tables.error_bound), number.type(np.inf))
    test = SelfTest(x[rows], computed[rows], np.array([allowed]))
    return test if all(np.isfinite(a).all() for a in (test.inputs, test.outputs, test.allowed)) else None


def worst_codes(fit: Fit) -> tuple[Index, Index, int]:
    """The code with the largest error and both ends, what comes out there, and the checksum over all codes."""
    codes = np.unique([0, fit.worst, fit.table.largest_code])
    return codes, fit.table(codes), fit.table.checksum
