"""The fewest knots of an increasing, decreasing, convex or concave function within a band at its rows.

**Increasing.** An increasing f with f ≥ lo has f_i ≥ lo'_i, the largest lower bound up to row i, and f_i ≤ hi'_i, the
smallest upper bound from row i on; so one exists if and only if lo' ≤ hi', and the sweep between lo' and hi' finds
fewest knots. Its links do not fall: the steepest line through lo'_a and hi'_b ≥ hi'_a ≥ lo'_a, a < b, cannot, and a
falling shallowest line through hi'_a and lo'_b is below every later hi'_i ≥ lo'_b, so it never ends a link. All this is
true of any rows with bounds that rise, so rows whose bounds others imply may be left out.

**Convex.** See `_shapes`: one exists if and only if no lower bound is above the hull of the upper bounds. A convex
function with K knots is the largest of K + 1 lines, each of which covers a block of rows; what covers a block covers
its parts, so blocks that are as long as possible are fewest. A single row has a rising line if and only if no later
upper bound is below its lower bound. So a convex and increasing function exists where a convex one and an increasing
one do, and it needs no more lines: those of a block can be chosen rising.

**Price.** No shape costs a knot (ours): where a function of that shape is within the band, one is that has no more
knots than any other function f within it. Convex: f has K + 1 blocks, and by Helly's theorem what has a line within the
band has one below the hull. Increasing: let g follow f while f rises and is not above hi', the smallest upper bound of
all later rows. Where f would exceed hi' = hi_j, let g stay level until row j is passed and f rises through that level;
where f begins to fall, until it rises through the level again. Before row j lower bounds are at most hi_j, after it f
is below the level, and g is nowhere above hi', so g is within the band. A level has two ends, one if it lasts to the
end of the data, and f turns down and up meanwhile, which takes as many knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate import _shapes
from reluctant.univariate.band import Band
from reluctant.univariate.fewest import fewest_links

Indices = NDArray[np.int32]

_SIGNS = {"increasing": (1, 0), "decreasing": (-1, 0), "convex": (0, 1), "concave": (0, -1)}


class Shape(NamedTuple):
    """Signs that all slopes and all slope changes of a function are to have; 0 where any will do."""

    slope: int
    bend: int

    @classmethod
    def checked(cls, shape: Any) -> Shape:
        """The shape of a name, or of two that go together; any for None.

        Raises
        ------
        ValueError
            If it is none.
        """
        if shape is None:
            return ANY
        names = [shape] if isinstance(shape, str) else shape
        if not isinstance(names, Sequence) or not 1 <= len(names) <= 2 or not all(map(_is_name, names)):
            raise ValueError(
                "shape must be 'increasing', 'decreasing', 'convex' or 'concave', or one of the first two with one of "
                f"the others, got {shape!r}"
            )
        slopes, bends = zip(*(_SIGNS[name] for name in names))
        if len(names) == 2 and sum(map(abs, slopes)) != 1:
            one_kind = "a slope" if all(slopes) else "a bend"
            raise ValueError(f"shape takes at most one sign of {one_kind}, got {shape!r}; give one of them")
        return cls(sum(slopes), sum(bends))

    @property
    def name(self) -> str:
        """In words, as in a sentence."""
        return " ".join(name for name, signs in _SIGNS.items() if any(a and a == b for a, b in zip(self, signs)))

    @property
    def search(self) -> str:
        """How the fewest knots are found, and what that proves."""
        if self == ANY:
            return "greedy sweep over the band"
        fewest = f"fewest knots of any {self.name} function within the band at the rows, and no other one has fewer"
        if self.bend == 0:
            return f"{fewest}: greedy sweep over the band of the bounds that such functions keep"
        limits = "an upper" if self.bend > 0 else "a lower"
        return f"{fewest}: greedy cover of the band by lines, none of them beyond {limits} bound"

    def tightened(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """The bounds that every function of these slopes keeps, if it keeps those given."""
        if self.slope == 0:
            return lo, hi
        return _rising(lo, hi) if self.slope > 0 else _negated(*_rising(*_negated(lo, hi)))

    def links(self, band: Band, lo: Array, hi: Array) -> PiecewiseLinear | None:
        """The function of this shape with the fewest links between bounds that are tightened; None if there is none.

        Raises
        ------
        TooSteepError
            If its slopes are beyond float64, or vanish in it.
        """
        if self == ANY:
            return fewest_links(band, lo, hi)
        if self.bend < 0 or self == (-1, 0):
            function = Shape(-self.slope, -self.bend).links(band, *_negated(lo, hi))
            if function is None:
                return None
            knots, (anchors, values), slopes, _ = function.links
            return PiecewiseLinear(knots, np.stack([anchors, 0.0 - values]), 0.0 - slopes)
        if (lo > hi).any():
            return None
        return _convex(band.x, lo, hi, self.slope) if self.bend else _increasing(band, lo, hi)


ANY = Shape(0, 0)

_FEW = 0.75
"""Share of rows above which taking them out costs more than it saves."""


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name in _SIGNS


def _negated(lo: Array, hi: Array) -> tuple[Array, Array]:
    """The bounds of −f."""
    return -hi, -lo


def _rising(lo: Array, hi: Array) -> tuple[Array, Array]:
    """The bounds that every increasing function between these keeps."""
    low, high = np.empty((2, len(lo)))
    _shapes.rising(lo, hi, low, high)
    return low, high


def _increasing(band: Band, lo: Array, hi: Array) -> PiecewiseLinear:
    """The increasing function that a sweep between tightened bounds finds.

    A lower bound as high as the one before is kept by what rises, and so is an upper one as high as the next: the rows
    that have no other bounds are left out.
    """
    counts = np.ones(len(lo), dtype=bool)
    counts[1:-1] = (lo[1:-1] > lo[:-2]) | (hi[1:-1] < hi[2:])
    few = np.flatnonzero(counts) if np.count_nonzero(counts) < _FEW * len(lo) else slice(None)
    function = fewest_links(band._replace(x=band.x[few]), lo[few], hi[few])
    if function.n_knots == 0 and function.slopes[0] < 0.0:  # a falling line, or the mean of a rising and a falling one
        return _level(band.x, lo, hi)
    if (function.slopes < 0.0).any():
        raise TooSteepError("slopes of the function vanish in float64; rescale x or y")
    return function


def _level(x: Array, lo: Array, hi: Array) -> PiecewiseLinear:
    """The constant in the middle of those between the bounds, or on the one bound that there is."""
    ends = [end for end in (lo.max(), hi.min()) if np.isfinite(end)]
    value = sum(end / len(ends) for end in ends)
    return PiecewiseLinear(np.empty(0), np.array([[x[len(x) // 2]], [value]]), np.zeros(1))


class _Lines(NamedTuple):
    """Lines through (x, y)."""

    x: Array
    y: Array
    slopes: Array

    def at(self, x: Array) -> Array:
        """Values of each at an x of its own."""
        return self.y + self.slopes * (x - self.x)


def _convex(x: Array, lo: Array, hi: Array, slope: int) -> PiecewiseLinear | None:
    """The convex function of the fewest links, with all slopes of one sign if `slope` is not 0."""
    (t, covered), (u, v) = _finite(x, lo), _finite(x, hi)
    if not (len(t) and len(u)):
        return _level(x, lo, hi)
    hull = _shapes.lower_hull(u, v)
    u, v = u[hull], v[hull]
    if _shapes.farthest_above(t, covered, u, v)[0] >= 0:
        return None
    starts = _shapes.cover(t, covered, u, v)
    lines = _middle_lines(t, covered, u, v, starts, slope)
    if not np.isfinite(lines.slopes).all() or (slope * lines.slopes < 0.0).any():
        if len(starts) == 1 and lo.max() <= hi.min():
            return _level(x, lo, hi)
        raise TooSteepError("links of the function are steeper than float64 can hold; rescale x or y")
    ends = t[starts[1:]]
    before, after = _Lines(*(part[:-1] for part in lines)), _Lines(*(part[1:] for part in lines))
    with np.errstate(over="ignore", invalid="ignore"):
        knots = ends - (after.at(ends) - before.at(ends)) / (after.slopes - before.slopes)
    # Exactly, knot k is right of the first row of block k, where the line before is too low, and left of the next one.
    knots = np.clip(knots, np.nextafter(t[starts[:-1]], np.inf), ends)
    return PiecewiseLinear(knots, np.stack([lines.x, lines.y]), lines.slopes)


def _finite(x: Array, bound: Array) -> tuple[Array, Array]:
    """The points at which a bound is finite."""
    counts = np.isfinite(bound)
    return (x, bound) if counts.all() else (x[counts], bound[counts])


def _middle_lines(x: Array, lo: Array, u: Array, v: Array, starts: Indices, slope: int) -> _Lines:
    """A line of every block: the mean of its extremal lines, or a level one where that has the wrong sign."""
    ends = np.append(starts[1:], len(x)).astype(np.int32)
    steep = _steepest(x, lo, u, v, starts)
    shallow = _mirrored(_steepest(_back(-x), _back(lo), _back(-u), _back(v), _back(len(x) - ends)))
    has_steep, has_shallow = np.isfinite(steep.slopes), np.isfinite(shallow.slopes)
    share = np.where(has_shallow, np.where(has_steep, 0.5, 0.0), 1.0)  # of the steepest line
    at = x[(starts + ends) // 2]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        slopes = _mixed(share, steep.slopes, shallow.slopes)
        level = has_steep & has_shallow & (slope * slopes < 0.0)
        share = np.where(level, 0.5 * shallow.slopes / (0.5 * shallow.slopes - 0.5 * steep.slopes), share)
        slopes = np.where(level, 0.0, slopes)
        return _Lines(at, _mixed(share, steep.at(at), shallow.at(at)), _shapes.strictly_increasing(slopes))


def _back(a: NDArray) -> NDArray:
    """From right to left, as an array of the kind for which the loops are compiled."""
    return np.ascontiguousarray(a[::-1])


def _mirrored(lines: _Lines) -> _Lines:
    """The lines of a mirrored problem, x → −x, as they are."""
    return _Lines(-_back(lines.x), _back(lines.y), -_back(lines.slopes))


def _mixed(share: Array, a: Array, b: Array) -> Array:
    """Share times a and the rest of b, whatever the one is that has no part in it."""
    return np.where(share > 0.0, share * a, 0.0) + np.where(share < 1.0, (1.0 - share) * b, 0.0)


def _steepest(x: Array, lo: Array, u: Array, v: Array, starts: Indices) -> _Lines:
    """The steepest line of every block, kept with the smaller of its two values; slope ∞ where there is none."""
    points, vertices = _shapes.steepest_lines(x, lo, u, v, starts)
    xa, ya, xb, yb = x[points], lo[points], u[vertices], v[vertices]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        slopes = np.where(points < 0, np.inf, (yb - ya) / (xb - xa))
    first = np.abs(ya) <= np.abs(yb)
    return _Lines(np.where(first, xa, xb), np.where(first, ya, yb), slopes)
