"""The smallest largest error with at most K knots, to the last bit: the sweep for a tolerance, turned round.

K(ε) knots are needed within ε, and K(ε) never rises with ε. So the smallest ε for which K knots are enough lies between
two adjacent floats, and sweeps close in on it. Each sweep that needs more than K knots also shows where to go on. Its
failing triples of bounds each ask for a knot of their own, of one sign and strictly between the outer rows: a triple
of lower, upper and lower bound for an upward one, and the next such triple begins where this one ends or later, as
points that are entered again carry the other bound. A triple that fails for ε fails for every smaller one. So no ε is
enough before one of the first K + 1 triples has ceased to fail (ours), and in narrow brackets that is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model._double_double import two_sum
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, LineSolution, counted
from reluctant.univariate import _critical, _sweep
from reluctant.univariate.band import Band
from reluctant.univariate.distance import errors_of
from reluctant.univariate.fewest import fewest_links, windows
from reluctant.univariate.interpolation import interpolate_line
from reluctant.univariate.points import check_slopes, check_span, is_increasing

Bits = NDArray[np.int64]

_NARROW = 0.1
"""A bracket narrower than this share of ε over K + 1 is likely to hold few critical values: then they are tried."""
_TRIED = 12
"""So many critical values are tried for one K before the bit pattern is only halved."""
_FAR, _FARTHEST = 1024.0, 2.0**1000
"""So many times less than what is known to be enough ε is thought to be at first; then the square of it, and so on."""


def smallest_error_line(x: Array, y: Array, scale: Array, max_neurons: int) -> LineSolution:
    """The function of at most so many knots with the smallest largest |f(x_i) − y_i| / s_i, for checked data.

    Rows of infinite scale do not count. See `reluctant.approximate`.
    """
    rows = Rows.of(x, y, scale)
    if rows is None:
        return nothing_counts(x)
    brackets = Brackets(rows, min(max_neurons, len(rows.x)) + 1)
    return solution_within(brackets, brackets.n - 1, brackets.smallest(brackets.n - 1), max_neurons)


class Rows(NamedTuple):
    """Rows that count, sorted by x: those of point g, at x[g], are starts[g] to starts[g + 1]."""

    x: Array  # every x once
    y: Array
    scale: Array
    starts: Bits
    n_ignored: int = 0  # rows of infinite scale

    @classmethod
    def of(cls, x: Array, y: Array, scale: Array) -> Rows | None:
        """Sort the rows of finite scale; None if there are none.

        Raises
        ------
        ValueError
            If the range of x or of y is beyond float64.
        """
        counts = np.isfinite(scale)
        if not counts.any():
            return None
        if not counts.all():
            x, y, scale = x[counts], y[counts], scale[counts]
        check_span(x, "x")
        check_span(y, "y")
        if not is_increasing(x):
            order = np.argsort(x, kind="stable")
            x, y, scale = x[order], y[order], scale[order]
        starts = np.flatnonzero(np.concatenate([[True], x[1:] > x[:-1]]))
        # Arrays of one kind for the compiled code.
        at, y, scale = (np.require(a, requirements=["C", "W"]) for a in (x[starts], y, scale))
        return cls(at, y, scale, np.append(starts, len(x)).astype(np.int64), int(np.count_nonzero(~counts)))

    @property
    def every_x(self) -> Array:
        """X of every row, (N,)."""
        return self.x if len(self.x) == len(self.y) else np.repeat(self.x, np.diff(self.starts))

    @property
    def is_plain(self) -> bool:
        """Whether errors are those of y itself."""
        return bool((self.scale == 1.0).all())

    @property
    def repeated(self) -> Rows:
        """The rows of those x that several have."""
        sizes = np.diff(self.starts)
        several = sizes > 1
        kept = np.repeat(several, sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[several])]).astype(np.int64)
        return Rows(self.x[several], self.y[kept], self.scale[kept], starts)


class Triples(NamedTuple):
    """The failing triples of a sweep for ε: bounds of three rows that need a knot between the outer ones."""

    points: NDArray[np.int32]  # (3, n)
    rows: Bits  # (3, n), those that have the bounds
    kind: NDArray[np.int8]
    hints: Array  # about the ε from which on each does not fail


class Brackets:
    """What sweeps have shown about the smallest ε for each number of knots K = 0 … n − 1.

    Bit patterns of ε ≥ 0 are ordered as the floats are: `fails[K]` is the largest known to need more knots, −1 if none
    is, and `enough[K]` the smallest for which K are known to be enough.

    Raises
    ------
    ValueError
        If errors are beyond float64 in units of their scale.
    """

    def __init__(self, rows: Rows, n: int) -> None:
        self.rows, self.n = rows, n
        self.lo, self.hi = np.empty(len(rows.x)), np.empty(len(rows.x))
        self.n_sweeps = 0
        self.fails = np.full(n, -1, dtype=np.int64)
        self.enough = np.full(n, bits(_enough_for_a_constant(rows)), dtype=np.int64)
        self._triple = np.zeros((4, n), dtype=np.int64)
        self._hint = np.zeros(n)
        self.least = _least_at_repeated(rows)  # what no number of knots undercuts
        self.fails[:] = bits(self.least) - 1
        self.sweep(self.least)

    def sweep(self, eps: float) -> int:
        """How many knots ε needs, n if that is n or more; all brackets learn from it."""
        self.n_sweeps += 1
        triples = self.failing(eps)
        if triples is None:
            self.fails = np.maximum(self.fails, bits(eps))
            return self.n
        count = len(triples.kind)
        self.enough[count:] = np.minimum(self.enough[count:], bits(eps))
        news = np.flatnonzero(self.fails[:count] < bits(eps))
        self.fails[news] = bits(eps)
        first = _running_argmin(triples.hints)[news]
        self._hint[news] = triples.hints[first]
        self._triple[:3, news], self._triple[3, news] = triples.points[:, first], triples.kind[first]
        return count

    def failing(self, eps: float) -> Triples | None:
        """The first n failing triples of the sweep for ε; None where rows of one x have no value in common."""
        x, y, scale, starts, _ = self.rows
        if not _critical.bounds(y, scale, starts, eps, self.lo, self.hi):
            return None
        first, last, kind, failed = _sweep.sweep_until(x, self.lo, self.hi, self.n)
        points = np.stack([first, last, failed])
        sides = (kind, -kind, kind)
        rows = np.stack([_critical.deciding_rows(y, scale, starts, eps, at, s) for at, s in zip(points, sides)])
        return Triples(points, rows, kind, _critical.critical_values(self.rows.every_x, y, scale, rows, kind))

    def smallest(self, K: int) -> float:
        """The smallest ε for which K knots are enough; the float before it is known not to be, unless it is zero."""
        tried, step, far, by_triple = 0, 1, _FAR, False
        while self.enough[K] - self.fails[K] > 1:
            low, high = max(value(self.fails[K]), self._hint[K]), value(self.enough[K])
            if by_triple and tried < _TRIED and high - low <= _NARROW * high / (K + 1):
                tried += 1
                critical = bits(self._critical_float(K))
                by_triple = self._enough(K, critical if critical < self.enough[K] else critical - step)
                step *= 8
                continue
            by_triple, step = True, 1
            if tried >= _TRIED or low >= high:  # within rounding hints say nothing
                middle = value(self.fails[K] + (self.enough[K] - self.fails[K]) // 2)
            elif low >= high / 16:
                middle = 0.5 * low + 0.5 * high
            else:
                middle, far = math.sqrt(max(low, high / far)) * math.sqrt(high), min(far * far, _FARTHEST)
            self._enough(K, bits(middle))
        return value(self.enough[K])

    def _enough(self, K: int, pattern: int) -> bool:
        """Whether K knots are enough for the ε inside the bracket that is closest to a pattern."""
        return self.sweep(value(min(max(pattern, self.fails[K] + 1), self.enough[K] - 1))) <= K

    def _critical_float(self, K: int) -> float:
        a, b, c, kind = self._triple[:, K]
        ends = value(self.fails[K]), self._hint[K], value(self.enough[K])
        return _critical.critical_float(*self.rows[:4], a, b, c, kind, *ends)


def bits(eps: float) -> int:
    """The bit pattern of a float; those of ε ≥ 0 are ordered as the floats are."""
    return int(np.float64(eps).view(np.int64))


def value(pattern: int) -> float:
    """The float of a bit pattern."""
    return float(np.int64(pattern).view(np.float64))


def _running_argmin(values: Array) -> Bits:
    """For each j the place of the least of values[: j + 1]."""
    new = np.concatenate([[True], values[1:] < np.minimum.accumulate(values)[:-1]])[: len(values)]
    return np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))


def _enough_for_a_constant(rows: Rows) -> float:
    """An ε within which the middle of all y is."""
    middle = 0.5 * rows.y.max() + 0.5 * rows.y.min()
    with np.errstate(over="ignore"):
        eps = float(np.max(np.abs(rows.y - middle) / rows.scale))
        lo, hi = np.empty(len(rows.x)), np.empty(len(rows.x))
        step = np.spacing(eps) if math.isfinite(eps) else math.inf
        while math.isfinite(eps + step):
            _critical.bounds(rows.y, rows.scale, rows.starts, eps, lo, hi)
            if lo.max() <= middle <= hi.min():
                return eps
            eps, step = eps + step, 2.0 * step
    raise ValueError(f"the errors of y are beyond float64 in units of scale, which is {rows.scale.min():.3g} at least")


def _least_at_repeated(rows: Rows) -> float:
    """The smallest ε for which the rows of every x have a value in common."""
    if len(rows.x) == len(rows.y):
        return 0.0
    rows = rows.repeated
    lo, hi = np.empty(len(rows.x)), np.empty(len(rows.x))
    low, high = -1, bits(_enough_for_a_constant(rows))
    while high - low > 1:
        middle = (low + high) // 2
        if _critical.bounds(rows.y, rows.scale, rows.starts, value(middle), lo, hi):
            high = middle
        else:
            low = middle
    return value(high)


def solution_within(brackets: Brackets, K: int, eps: float, max_neurons: int) -> LineSolution:
    """The solution for a budget of knots, where ε is the smallest that K of them are enough for."""
    rows = brackets.rows
    function, found = _least_error(brackets, K, eps)
    x = rows.every_x
    by_rounding = bool((np.abs(function(x) - rows.y) <= eps * rows.scale + _room(rows, eps)).all())
    max_error, max_error_between = errors_of(function, x, rows.y)
    certificate = Certificate(
        *("error", eps, "proved"),
        _reason(brackets, K, eps, max_neurons) + _of_rounding(found, eps),
        rounding=max(found - eps, 0.0) if by_rounding else 0.0,
    )
    return LineSolution(
        p=None,
        value=float(function.n_knots),
        max_error=max_error,
        certificate=certificate,
        function=function,
        max_error_between=max_error_between,
        max_scaled_error=None if rows.is_plain else found,
    )


def nothing_counts(x: Array) -> LineSolution:
    """The zero function, where every row has an infinite scale."""
    function = PiecewiseLinear(np.empty(0), np.array([[x[0]], [0.0]]), np.zeros(1))
    certificate = Certificate("error", 0.0, "proved", "no row counts, as every scale is infinite")
    return LineSolution(
        p=None, value=0.0, max_error=0.0, certificate=certificate, function=function, max_error_between=0.0
    )


def _reason(brackets: Brackets, K: int, eps: float, max_neurons: int) -> str:
    rows = brackets.rows
    at_most = f"at most {counted(max_neurons, 'knots')}"
    ignored = f", without the {counted(rows.n_ignored, 'rows')} of infinite scale" if rows.n_ignored else ""
    if eps == 0.0:
        return f"exact sweep over the rows{ignored}: all are met with {at_most}"
    scaled = "" if rows.is_plain else " · scale"
    return (
        f"exact sweeps over bands y ± ε{scaled}{ignored}, bounds rounded to float64: with {at_most} that of "
        f"ε = {eps!r} can be kept and that of the next smaller float cannot; in real numbers the error is at least "
        f"{_without_rounding(brackets, K, eps)!r}"
    )


def _of_rounding(found: float, eps: float) -> str:
    excess = float(np.nextafter(found - eps, np.inf))
    return f"; rounding in the solution leaves ε by at most {excess:.3g}" if found > eps else ""


def _without_rounding(brackets: Brackets, K: int, eps: float) -> float:
    """A bound on the error of every function with K knots, in real numbers.

    Each of them leaves one of the bounds of the first K + 1 triples that fail for the float before ε, so it is as far
    from that row as this bound is.
    """
    rows, before = brackets.rows, float(np.nextafter(eps, 0.0))
    triples = brackets.failing(before)
    if triples is None:
        repeated = rows.repeated
        lo, hi = np.empty(len(repeated.x)), np.empty(len(repeated.x))
        _critical.bounds(repeated.y, repeated.scale, repeated.starts, before, lo, hi)
        at = np.flatnonzero(lo > hi)[:1].astype(np.int32)
        sides = np.array([[1], [-1]], dtype=np.int8)
        which = np.array([_critical.deciding_rows(*repeated[1:4], before, at, side)[0] for side in sides])
        y, scale, bounds = repeated.y[which], repeated.scale[which], np.array([lo[at[0]], hi[at[0]]])
    else:
        which, kind = triples.rows[:, : K + 1], triples.kind[: K + 1]
        y, scale = rows.y[which], rows.scale[which]
        bounds = y - np.stack([kind, -kind, kind]) * (before * scale)
    height, rest = two_sum(np.maximum(y, bounds), -np.minimum(y, bounds))
    below = np.where(rest < 0.0, np.nextafter(height, 0.0), height) / scale
    return max(float(np.nextafter(below, 0.0).min()), 0.0)


def _room(rows: Rows, eps: float) -> Array:
    """What rounding in the solution may add to the residual of each row."""
    return 4.0 * _sweep.ROUNDING * np.maximum(_largest_known(rows, eps), np.abs(rows.y) + eps * rows.scale)


def _largest_known(rows: Rows, eps: float) -> float:
    return _sweep.largest_known(rows.y, eps * rows.scale)


def _least_error(brackets: Brackets, K: int, eps: float) -> tuple[PiecewiseLinear, float]:
    """A function of at most K knots, and its error, where ε is the smallest that K of them are enough for.

    Where rounding, of slopes below 2^-1022 for example, carries its error to an ε that fewer knots are enough for,
    theirs is tried too: no function of fewer knots that is found has a smaller error.
    """
    rows = brackets.rows
    function = _function_within(rows, eps, K)
    found = _error_of(function, rows)
    for k in range(K - 1, -1, -1):
        if found <= value(brackets.fails[k]) or brackets.sweep(found) > k:
            break
        try:
            fewer = _function_within(rows, brackets.smallest(k), k)
        except TooSteepError:  # that of K knots is in float64
            break
        if _error_of(fewer, rows) < found:
            function, found = fewer, _error_of(fewer, rows)
    return function, found


def _error_of(f: PiecewiseLinear, rows: Rows) -> float:
    return float(np.max(np.abs(f(rows.every_x) - rows.y) / rows.scale))


def _function_within(rows: Rows, eps: float, most: int) -> PiecewiseLinear:
    """A function of at most so many knots that leaves ε by no more than rounding, else the one that leaves it least."""
    x, room = rows.every_x, _room(rows, eps)
    if eps == 0.0:
        return interpolate_line(x, rows.y, 0.0, 0.0).function
    best, least, refusal = None, math.inf, None
    for band in _bands(rows, eps):
        try:
            candidate = fewest_links(band, band.lo, band.hi)
        except TooSteepError as error:
            refusal = refusal or error
            continue
        excess = float(np.max((np.abs(candidate(x) - rows.y) - eps * rows.scale - room) / rows.scale))
        if candidate.n_knots <= most and (best is None or excess < least):
            best, least = candidate, excess
        if least <= 0.0:
            break
    if best is None:
        raise refusal or TooSteepError("the slopes of the data are beyond float64; rescale x or y")
    return best


def _bands(rows: Rows, eps: float) -> Iterator[Band]:
    """The band of the sweep, what rounding makes of it, and cuts by ranges of y.

    Links through bounds far larger than others lose the digits of these, so such bounds are cut.
    """
    lo, hi = np.empty(len(rows.x)), np.empty(len(rows.x))
    _critical.bounds(rows.y, rows.scale, rows.starts, eps, lo, hi)
    check_slopes(rows.x, lo, hi)
    room = 0.25 * np.minimum.reduceat(_room(rows, eps), rows.starts[:-1])
    band = Band(rows.x, lo, hi, room, _largest_known(rows, eps))
    yield band
    yield band._replace(lo=lo - room, hi=hi + room)
    for low, high in windows(band):
        yield band._replace(lo=np.maximum(lo, low), hi=np.minimum(hi, high))
