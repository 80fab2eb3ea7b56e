"""Integers that float64 does not hold, such as keys, time stamps and counters: solved as differences.

From an origin near the least of them, differences are exact, and up to 2^53 floats hold them, so the sweep decides as
integer arithmetic does. Wider integers are rounded for the search alone, and what proves its count is checked without
rounding: every ended link is a triple of bounds that no line meets, lo_a, hi_b, lo_c with
(hi_b − lo_a)(x_c − x_b) < (lo_c − hi_b)(x_b − x_a), or the same upside down. Each asks for a knot of its kind strictly
between x_a and x_c, and those of one kind do not overlap; so as many knots as triples hold in integers are needed,
whatever found them.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.model.container import Record
from reluctant.solution import LineSolution, Solution
from reluctant.text import counted
from reluctant.validation import as_array, as_evaluation_points, check_table

EXACT = 2**53
"""Up to here float64 holds every integer."""

LARGEST = int(np.finfo(np.float64).max)

Integers = NDArray[np.uint64]
Numbers = Array | Integers


class Counted(NamedTuple):
    """A column of integers as differences from an origin below them, which float64 holds."""

    origin: int
    differences: Integers

    @property
    def is_exact(self) -> bool:
        """Whether float64 holds every integer up to the largest difference."""
        return int(self.differences.max()) <= EXACT

    @property
    def floats(self) -> Array:
        """The differences in float64, rounded where it does not hold them."""
        return self.differences.astype(np.float64)


def counted_from(values: Any, name: str) -> Counted | None:
    """A column of integers of which float64 does not hold all; None for anything else.

    Raises
    ------
    ValueError
        If integers reach over 2^64 or more.
    """
    raw = as_array(values, name)
    raw = raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw
    if raw.ndim != 1 or raw.size == 0:
        return None
    if raw.dtype.kind == "O":
        if not all(isinstance(value, Integral) for value in raw):
            return None
        raw = np.array([int(value) for value in raw], dtype=object)
        too_large = np.abs(raw).max() > LARGEST  # refused with all numbers beyond float64
        if too_large or all(int(float(value)) == value for value in raw):
            return None
    elif raw.dtype.kind not in "iu" or _held(raw):
        return None
    least, most = int(raw.min()), int(raw.max())
    origin = int(np.nextafter(float(least), -np.inf)) if float(least) > least else int(float(least))
    if most - origin >= 2**64:
        raise ValueError(f"{name} reaches from {least} to {most}, 2^64 or more; divide it by a power of two")
    if raw.dtype.kind == "O":
        return Counted(origin, np.array([value - origin for value in raw], dtype=np.uint64))
    return Counted(origin, raw.astype(np.uint64) - np.uint64(origin % 2**64))  # both wrap, and so does the difference


def _held(raw: NDArray) -> bool:
    """Whether float64 holds integers as they are."""
    floats = raw.astype(np.float64)
    beyond = floats >= (2.0**63 if raw.dtype.kind == "i" else 2.0**64)
    return not (beyond | (np.where(beyond, 0.0, floats).astype(raw.dtype) != raw)).any()


def differences_from(values: ArrayLike, origin: int) -> Array:
    """Numbers less an origin: integers exactly, and rounded once; NaN is let through."""
    raw = as_array(values, "x")
    if raw.dtype.kind == "O" and all(isinstance(value, Integral) for value in raw.reshape(-1)):
        return np.array([float(int(value) - origin) for value in raw.reshape(-1)]).reshape(raw.shape)
    if raw.dtype.kind not in "iu":
        return as_evaluation_points(values, "x") - float(origin)
    ahead = raw.astype(np.uint64) - np.uint64(origin % 2**64)
    return np.where(raw < origin, -((-ahead).astype(np.float64)), ahead.astype(np.float64))


class CountedSolution(LineSolution):
    """A solution whose function is about differences: f(x) = function(x − x0) + y0, with integers (x0, y0) = `origin`.

    `network` and `breakpoints` are those of `function`, the errors too; `predict` takes x and gives y as they were.
    """

    origin: tuple[int, int]

    def __init__(self, *, origin: tuple[int, int], **fields: Any) -> None:
        super().__init__(**fields)
        self.origin = origin

    def replace(self, **changes: Any) -> CountedSolution:
        """Return the same solution with some of the constructor's arguments changed."""
        return super().replace(**({"origin": self.origin} | changes))

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the solution at X, integers or floats; the differences are exact, and y is rounded once."""
        x, y = self.origin
        values = self.function(differences_from(X, x))
        return values + float(y) if y else values

    def to_record(self, **about: Any) -> Record:
        """Refused, as model files hold functions of x itself."""
        raise ValueError(f"a file holds functions of x, but this one is {self.counting}; {self.remedy}")

    def plot(self, X: ArrayLike | None = None, y: ArrayLike | None = None, *rest: Any, **more: Any) -> Any:
        """Draw `function`, with data as differences."""
        data = (None if a is None else differences_from(a, o) for a, o in zip((X, y), self.origin))
        return super().plot(*data, *rest, **more)

    @property
    def counting(self) -> str:
        """What the function is about, in words."""
        named = (f"{name} {'−' if o > 0 else '+'} {abs(o)}" for name, o in zip("xy", self.origin) if o)
        return "about " + " and ".join(named)

    remedy = "take solution.function for a function of these differences"


class Differences(NamedTuple):
    """The columns of a table of which float64 does not hold all integers; None for one that it does hold."""

    x: Counted | None
    y: Counted | None

    @classmethod
    def of(cls, x: Any, y: Any) -> Differences | None:
        """What the columns are counted from; None where float64 holds them, and where either is no single column.

        Raises
        ------
        ValueError
            If integers reach over 2^64 or more.
        """
        x, y = as_array(x, "X"), as_array(y, "y")
        if not (_is_column(x) and _is_column(y)):
            return None
        found = cls(counted_from(x, "x"), counted_from(y, "y"))
        return found if any(found) else None

    @property
    def wide(self) -> str:
        """The first column of which float64 does not hold the differences either; empty for none."""
        named = zip("xy", self)
        return next((name for name, column in named if column is not None and not column.is_exact), "")

    def table(self, x: Any, y: Any) -> tuple[Array, Array]:
        """The checked table (N, 1), (N,) of the differences."""
        return check_table(*(given if one is None else one.floats for one, given in zip(self, (x, y))))

    def explained(self, error: ValueError) -> ValueError:
        """The error of a table of differences, with what rounding may have to do with it."""
        if self.x is None or self.x.is_exact:
            return error
        return type(error)(
            f"{error}; x counts from {self.x.origin} and is rounded, as it reaches over more than 2^53: split the "
            "table in two"
        )

    def sizes_of(self, y: Array) -> Array:
        """The integers y themselves, rounded to float64."""
        return y if self.y is None else y + float(self.y.origin)

    def proved(
        self, solution: LineSolution, x: Array, y: Array, tolerance: Array, slack: float, rounding: float
    ) -> LineSolution:
        """A solution for the table of rounded differences, with the bound that holds for the integers."""
        counts = np.isfinite(tolerance)
        columns = (given if one is None else one.differences for one, given in zip(self, (x, y)))
        u, v = (column[counts] for column in columns)
        needed = knots_proved(u, v, tolerance[counts], 0.5 * slack, rounding if slack > 0 else 0.0)
        certificate = solution.certificate
        reason = f"{certificate.reason}; {counted(needed, 'ends')} of links hold for the integers themselves"
        certificate = replace(certificate, lower_bound=min(needed, certificate.lower_bound), reason=reason)
        return solution.replace(certificate=certificate)

    def taken(self, solution: Solution) -> CountedSolution:
        """A solution for the differences as one for the integers."""
        x, y = (0 if column is None else column.origin for column in self)
        found = CountedSolution(origin=(x, y), **vars(solution))
        reason = f"{solution.certificate.reason}; {found.counting}, {'rounded' if self.wide else 'exactly'}"
        return found.replace(certificate=replace(solution.certificate, reason=reason))


def _is_column(values: NDArray) -> bool:
    return values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)


def knots_proved(x: Numbers, y: Numbers, tolerance: Array, slack: float, rtol: float) -> int:
    """How many knots every function within the band needs, by triples of bounds that no line meets, exactly.

    The band is that of `band.sorted_band`, about the numbers as they are and nowhere narrower than the tolerance.
    """
    from reluctant.univariate import _sweep

    u, v = (a.astype(np.float64) for a in (x, y))
    order = np.argsort(u, kind="stable")
    u, v, width = u[order], v[order], np.ascontiguousarray(tolerance[order])
    lo, hi, room = np.empty((3, len(u)))
    largest = _sweep.largest_known(v, width)
    _sweep.band(u, v, width, slack, rtol, float(np.abs(u).max()), largest, (lo, hi, room))
    half = np.maximum(np.maximum(hi - v, v - lo), width)
    starts = np.flatnonzero(np.concatenate([[True], u[1:] > u[:-1]]))
    first, last, kind, failed = _sweep.sweep(
        u[starts], np.maximum.reduceat(lo, starts), np.minimum.reduceat(hi, starts)
    )
    # Of the rows that are one float the one with the tightest bound of each side.
    ends = np.append(starts[1:], len(u)) - 1
    tight = {side: np.lexsort((-side * bound, u))[ends] for side, bound in ((-1, lo), (1, hi))}
    side = -kind.astype(int)  # that of the two outer bounds, −1 for lower ones
    triples = [np.where(s < 0, tight[-1][at], tight[1][at]) for s, at in ((side, first), (-side, last), (side, failed))]
    a, b, c = _exact([x[order[rows]] for rows in triples])
    exact = _exact([*(y[order[rows]] for rows in triples), *(half[rows] for rows in triples)])
    ya, yb, yc = (y + s * h for y, h, s in zip(exact[:3], exact[3:], (side, -side, side)))
    turns = (yc - yb) * (b - a) - (yb - ya) * (c - b)
    return int(np.count_nonzero((-side * turns > 0) & (a < b) & (b < c)))


def _exact(columns: list[Numbers]) -> list[NDArray[np.object_]]:
    """Numbers of any size times one power of two, as integers."""
    parts = [(a.astype(object), None) if a.dtype == np.uint64 else np.frexp(a) for a in columns]
    shift = max([0, *(53 - int(exponent.min(initial=53)) for _, exponent in parts if exponent is not None)])
    return [
        mantissa * 2**shift
        if exponent is None
        else np.ldexp(mantissa, 53).astype(np.int64).astype(object) * 2 ** (exponent - 53 + shift).astype(object)
        for mantissa, exponent in parts
    ]
