"""What is asked of a function in integers, and the table that answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from reluctant.arrays import Array
from reluctant.export.integers.formats import Codes, Fit
from reluctant.export.integers.search import Shape, fit_codes, smallest_tolerance
from reluctant.export.link_table import clipped_line, line_function
from reluctant.export.predictor import Predictor
from reluctant.model.network import ReLUNetwork
from reluctant.validation import check_choice, check_integer, check_number

_SMALLEST = 2.0**-1022


@dataclass(frozen=True)
class Integers:
    """A C function from an integer code to an integer, with neither floating point nor division; for `export_c`.

    Code c stands for the input low + c · (high − low) / (2^bits − 1), as the converter of a sensor gives it, and the
    result times `CExport.integers.count` is y. The links are solved afresh, within the tolerance less what rounding
    takes, and every code is evaluated in the arithmetic of the file before it is written.

    Parameters
    ----------
    bits : int
        Of the code, 10 to 16.
    tolerance : float
        The largest error at any code, in the units of y; what it is measured from, `reference` says.
    low, high : float, optional
        The inputs of the first and of the last code; by default the range of the data.
    shape : {"links", "grid", "powers"}
        The fewest straight links, searched by bisection; values on a uniform grid, for which nothing is searched; or
        links whose slopes are powers of two, for which nothing is multiplied, with steps between them.
    reference : {"model", "rows"}
        Whether the tolerance is around the model, or around the straight lines between the rows of the data.
    count : float, optional
        What one unit of the result is worth, in the units of y; by default a power of two that is chosen with the other
        formats.

    Raises
    ------
    ValueError
        If a value is outside its range.

    Examples
    --------
    >>> Integers(bits=12, tolerance=0.5).shape
    'links'
    """

    bits: int
    tolerance: float
    low: float | None = None
    high: float | None = None
    shape: Shape = "links"
    reference: str = "model"
    count: float | None = None

    def __post_init__(self) -> None:
        if not 10 <= check_integer(self.bits, "bits", low=0) <= 16:
            raise ValueError(f"bits must be from 10 to 16, got {self.bits}; shift codes of other converters")
        check_number(self.tolerance, "tolerance", strict=True)
        check_choice(self.shape, "shape", get_args(Shape))
        check_choice(self.reference, "reference", ("model", "rows"))
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                check_number(getattr(self, name), name, low=-np.inf)
        if self.count is not None:
            check_number(self.count, "count", strict=True)


def fitted(request: Integers, predictor: Predictor, data: tuple[Array, Array] | None) -> Fit:
    """The smallest table for a model of one input and one output.

    Raises
    ------
    ValueError
        If the model has more of either or labels, the codes have no range, or no format reaches the tolerance; the
        message says which tolerance one reaches.
    """
    codes = _codes(request, _reference(request, predictor, data), data)
    highest = float(np.abs(codes.reference).max())
    exponent = math.frexp(max(highest, request.tolerance))[1]  # y is brought near 1, by which nothing overflows
    scaled = replace(codes, reference=np.ldexp(codes.reference, -exponent))
    tolerance = max(math.ldexp(request.tolerance, -exponent), _SMALLEST)
    count = None if request.count is None else math.ldexp(request.count, -exponent)
    fit = fit_codes(scaled, request.shape, tolerance, count)
    if fit is not None:
        table = replace(fit.table, count=math.ldexp(fit.table.count, exponent))
        fit = codes.checked(table, request.tolerance, math.ldexp(fit.delta, exponent))
        if not fit.is_within:
            raise ValueError("float64 does not hold results of this size; rescale y")
    else:
        least = smallest_tolerance(scaled, request.shape, tolerance, count)
        least = math.ldexp(least, exponent) if least < np.inf else least
        reached = f"the smallest that is reached is {least:.3g}" if least < np.inf else "nor is any other"
        raise ValueError(
            f"tolerance {request.tolerance:g} is not reached by shape={request.shape!r} with {request.bits}-bit codes "
            f"in 32-bit arithmetic; {reached}"
        )
    return fit


def _codes(request: Integers, reference: Callable[[Array], Array], data: tuple[Array, Array] | None) -> Codes:
    if data is None and (request.low is None or request.high is None):
        raise ValueError("the codes have no range; give data, or low and high of Integers")
    low, high = request.low, request.high
    if data is not None:
        low = float(data[0].min()) if low is None else low
        high = float(data[0].max()) if high is None else high
    assert low is not None
    assert high is not None
    low, high = float(low), float(high)
    step = (high - low) / (2**request.bits - 1)
    if not 0 < step < np.inf:
        raise ValueError(f"low must be less than high, got {low:g} and {high:g}; give the inputs of both end codes")
    values = reference(low + step * np.arange(2**request.bits))
    if not np.isfinite(values).all():
        raise ValueError(f"the function overflows at code {int(np.argmin(np.isfinite(values)))}; give a smaller range")
    return Codes(request.bits, low, step, values)


def _reference(request: Integers, predictor: Predictor, data: tuple[Array, Array] | None) -> Callable[[Array], Array]:
    """The function to be met, behind the clip."""
    function = predictor.function
    if isinstance(function, ReLUNetwork):
        if not function.n_inputs == function.n_outputs == 1:
            raise ValueError(
                f"integers need one input and one output, and the model has {function.n_inputs} and "
                f"{function.n_outputs}; leave integers out"
            )
        function = line_function(function)
    if predictor.classes is not None:
        raise ValueError("integers are of numbers, and a classifier has labels; leave integers out")
    low, high = (-np.inf, np.inf) if predictor.clip is None else (predictor.clip.low[0], predictor.clip.high[0])
    if request.reference == "model":
        return clipped_line(function, float(low), float(high))
    if data is None:
        raise ValueError("reference='rows' is the straight lines between the rows; give data")
    lines = _polyline(*data)
    return lambda x: lines(np.clip(x, low, high))


def _polyline(X: Array, y: Array) -> Callable[[Array], Array]:
    """The straight lines between the rows; the first and the last go on."""
    from reluctant.univariate.points import sorted_points  # compiles

    x, y = sorted_points(X[:, 0], y.reshape(-1))
    if len(x) < 2:
        raise ValueError("reference='rows' needs two rows with different x; use reference='model'")
    slopes = np.diff(y) / np.diff(x)

    def lines(at: Array) -> Array:
        k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(slopes) - 1)
        near_right = at - x[k] > x[k + 1] - at
        anchor = k + near_right
        return y[anchor] + slopes[k] * (at - x[anchor])

    return lines
