"""The formulas of `_double_double`, compiled for use in compiled loops."""

from __future__ import annotations

from reluctant.compiling import SMALL, njit
from reluctant.model import _double_double

two_sum = njit(cache=True, inline="always")(_double_double.two_sum)
two_product = njit(cache=True, inline="always", interpreted_below=SMALL)(_double_double.two_product)
add = njit(cache=True, inline="always", interpreted_below=SMALL)(_double_double.add)
