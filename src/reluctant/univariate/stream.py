"""`LinkStream`: the tolerance sweep on rows that come one after the other."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model.links import Links
from reluctant.univariate import _stream
from reluctant.univariate.integers import counted_from
from reluctant.univariate.tunnel import CHUNK
from reluctant.validation import as_evaluation_points, check_choice, check_number

_LEAST = 64
"""Room for points of a hull at first, and rows after which points are forgotten at the earliest."""


class LinkStream:
    """Fewest links within a tolerance over a stream of rows, without keeping the rows.

    The sweep of `approximate` on one pass: links come out as soon as no row to come can change them. The stream keeps
    two hulls, the upper one of y − ε and the lower one of y + ε over the rows of the current link, and hands over the
    rest.

    Parameters
    ----------
    tolerance : float
        ε > 0 in the units of y; it holds strictly, up to rounding of the links.
    between : {"rows", "lines"}, default "rows"
        Whether it holds at the rows, or along the straight lines between them too.

    Attributes
    ----------
    n_rows, n_links : int
        Rows taken; links handed over.
    n_kept : int
        Points in memory.

    Notes
    -----
    The links are those of the sweep in ``approximate(x, y, tolerance=tolerance, between=between, rtol=0)``, bit for
    bit; their number is its certified minimum. `approximate` sees all rows at once and may then move links a little
    (2^-50 max|y|) to make good their rounding; the only link of a stream without knots has another anchor there.

    References
    ----------
    Imai and Iri, An optimal algorithm for approximating a piecewise linear function, 1986; Hakimi and Schmeichel,
    Fitting polygonal functions to a set of points in the plane, 1991.

    Examples
    --------
    >>> from reluctant import LinkStream, PiecewiseLinear
    >>> stream = LinkStream(1.0)
    >>> parts = [stream.push(x, x * x) for x in range(6)]
    >>> [len(part.slopes) for part in parts]
    [0, 0, 0, 0, 0, 0]
    >>> parts.append(stream.finish())
    >>> PiecewiseLinear.joined(parts).n_knots
    1
    """

    __module__ = "reluctant"

    def __init__(self, tolerance: float, between: Literal["rows", "lines"] = "rows") -> None:
        self.tolerance = check_number(tolerance, "tolerance", strict=True)
        self._along_lines = check_choice(between, "between", ("rows", "lines")) == "lines"
        self.n_rows = self.n_links = 0
        self._first = self._last = math.nan
        self._finished = False
        self._highest_lo, self._lowest_hi = -math.inf, math.inf
        self._counters, self._supports = _stream.nothing_yet()
        self._lows, self._highs = np.empty((2, _LEAST)), np.empty((2, _LEAST))
        self._since_forgetting = 0
        self._last_knot = -math.inf
        # The line that was ended last, whose knot is not known before the next one is.
        self._open = np.empty((3, 0))

    @property
    def n_kept(self) -> int:
        """Points in memory: those of the two hulls."""
        return int(self._counters[_stream.LOW_SIZE] + self._counters[_stream.HIGH_SIZE])

    def push(self, x: ArrayLike, y: ArrayLike) -> Links:
        """Take one row, or rows in order.

        Parameters
        ----------
        x, y : float or array_like, shape (N,)
            x increases, from push to push too.

        Returns
        -------
        Links
            The n links that have become final, often none: `anchors` (2, n), `slopes` (n,), and the `knots` (n,) at
            which they end.

        Raises
        ------
        ValueError
            If x does not increase, a value is not a finite number, shapes differ, or the stream is finished; the
            stream is as before then. Rows are counted from the first of the stream.
        TooSteepError
            If links are steeper, or knots closer, than float64 can hold.
        """
        x, y = self._checked(x, y)
        parts = [self._advance(x[i : i + CHUNK], y[i : i + CHUNK]) for i in range(0, len(x), CHUNK)]
        return parts[0] if len(parts) == 1 else Links.joined(parts)

    def finish(self) -> Links:
        """End the stream.

        Returns
        -------
        Links
            The last n ≥ 1 links and the n − 1 knots between them.

        Raises
        ------
        ValueError
            If there was no row, or the stream is finished.
        """
        self._check_open()
        if self.n_rows == 0:
            raise ValueError("the stream has no rows; push at least one before finish")
        self._finished = True
        middle = 0.5 * self._first + 0.5 * self._last
        last = self._counters, self._supports, middle, self._highest_lo, self._lowest_hi
        line, knot = _stream.last_line_of(*last)
        return self._handed_over(*self._with_open(line[:, None], np.array([knot])))

    def _advance(self, x: Array, y: Array) -> Links:
        lo, hi = y - self.tolerance, y + self.tolerance
        self._make_room(len(x))
        state = self._counters, self._supports, self._lows, self._highs
        lines, knots = self._with_open(*_stream.advance(x, lo, hi, self._along_lines, *state))
        if self.n_rows == 0:
            self._first = float(x[0])
        self.n_rows += len(x)
        self._last = float(x[-1])
        self._highest_lo, self._lowest_hi = max(self._highest_lo, lo.max()), min(self._lowest_hi, hi.min())
        self._open = lines[:, -1:].copy()
        return self._handed_over(lines[:, :-1], knots)

    def _with_open(self, lines: Array, beginnings: Array) -> tuple[Array, Array]:
        """The line that was ended last and others after it, and the knots between them all."""
        return np.hstack([self._open, lines]), beginnings if self._open.size else beginnings[1:]

    def _handed_over(self, lines: Array, knots: Array) -> Links:
        if not np.isfinite(lines).all():
            raise TooSteepError("links of the function are steeper than float64 can hold; rescale x or y")
        if len(knots):
            if not (np.diff(knots, prepend=self._last_knot) > 0).all():
                raise TooSteepError("links of the function meet closer than float64 can tell; rescale x or y")
            self._last_knot = knots[-1]
        self.n_links += lines.shape[1]
        return Links(knots, lines[:2], lines[2])

    def _make_room(self, n_rows: int) -> None:
        """Room in both hulls for the rows to come, after points have been forgotten if it is time."""
        sizes = [_stream.LOW_SIZE, _stream.HIGH_SIZE]
        if self._since_forgetting >= max(_LEAST, self.n_kept):
            _stream.forget(self._counters, self._supports, self._lows, self._highs)
            self._since_forgetting = 0
        self._since_forgetting += n_rows
        for name, at in zip(("_lows", "_highs"), sizes, strict=True):
            hull, size = getattr(self, name), int(self._counters[at])
            needed, capacity = size + n_rows + 1, hull.shape[1]
            if needed > capacity or capacity > 4 * max(needed, _LEAST):
                wider = np.empty((2, max(2 * needed, _LEAST)))
                wider[:, :size] = hull[:, :size]
                setattr(self, name, wider)

    def _checked(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Two columns, or a ValueError that names the first row of the stream that cannot be taken."""
        self._check_open()
        given = x, y
        x, y = (
            np.require(np.atleast_1d(as_evaluation_points(values, name, self.n_rows)), requirements=["C", "W"])
            for name, values in (("x", x), ("y", y))
        )
        if x.ndim > 1 or x.shape != y.shape:
            raise ValueError(f"x and y must be two numbers or two columns of one length, got {x.shape} and {y.shape}")
        for name, column in (("x", x), ("y", y)):
            finite = np.isfinite(column)
            if not finite.all():
                i = int(np.argmin(finite))
                what = "NaN" if np.isnan(column[i]) else "an infinite value"
                raise ValueError(f"{name} has {what} at row {self.n_rows + i}; leave that row out")
        for name, values in zip("xy", given):
            if counted_from(np.atleast_1d(values), name) is not None:
                raise ValueError(
                    f"{name} has integers that float64 does not hold, from row {self.n_rows} on; push differences from "
                    "the first of them, which integers do exactly"
                )
        if not len(x):
            return x, y
        falls = x[1:] <= x[:-1]
        if (self.n_rows and x[0] <= self._last) or falls.any():
            i = 0 if self.n_rows and x[0] <= self._last else int(np.argmax(falls)) + 1
            before = x[i - 1] if i else self._last
            raise ValueError(
                f"x must increase, but x = {x[i]!s} at row {self.n_rows + i} comes after x = {before!s}; sort the rows "
                "and keep one for each x"
            )
        if not (abs(float(y.max())) + self.tolerance < math.inf and abs(float(y.min())) + self.tolerance < math.inf):
            i = int(np.argmax(np.abs(y)))
            raise ValueError(f"y ± tolerance is beyond float64 at row {self.n_rows + i}; rescale y")
        return x, y

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("the stream is finished; begin a new LinkStream")

    def __repr__(self) -> str:
        return f"<LinkStream of {self.n_rows} rows within {self.tolerance:g}, {self.n_links} links so far>"
