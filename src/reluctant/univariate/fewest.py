"""The fewest links within a band, and a function of so many that rounding leaves within it.

The sweep in `_sweep` extends each link as far as any link can reach; greedy is optimal because a function that
follows another set of links never gets ahead of it (Imai and Iri 1986, Hakimi and Schmeichel 1991).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate import _excess, _sweep
from reluctant.univariate.band import Band
from reluctant.univariate.points import reach
from reluctant.univariate.tunnel import links_of_open_band

_WIDER = 2.0**16
"""Factor between the windows in which a function is looked for where tolerances are of very different size."""

_LEFT = 4.0
"""So many times what rounding of a knot, and of values there, amounts to is left to a function between the rows."""

_SMALL, _LARGER = 2.0**-600, 700
"""Bounds along lines that are all smaller are multiplied by so many powers of two."""


class Excess(NamedTuple):
    """By how much a function leaves a band beyond the room of a row."""

    beyond: float
    """At worst, what is left to rounding at a knot not counted; at most zero where it leaves the band by no more."""
    between: float
    """At the knots between the rows, at most; 0 where it does not, and for a band at the rows."""
    errors: tuple[float, float] | None
    """The largest distance from the targets of the band, and from the polyline through them; None if it has none."""


class Fewest(NamedTuple):
    """A function within a band, and the number of knots below which none is."""

    function: PiecewiseLinear
    n_knots: int
    excess: Excess


Links = Callable[[Band, Array, Array], PiecewiseLinear | None]
"""What makes the function with the fewest links between tightened bounds at the x of a band; None if there is none."""

Tightened = Callable[[Array, Array], tuple[Array, Array]]
"""The bounds that every such function between two bounds keeps."""


def fewest_within(
    band: Band,
    keeps: Callable[[PiecewiseLinear], bool] = lambda function: True,
    links: Links | None = None,
    tightened: Tightened = lambda lo, hi: (lo, hi),
) -> Fewest:
    """The fewest knots within a band; a function that does not keep what is asked for beside it is moved inwards.

    `links` makes functions of one kind, by default any, of which there is one within the band.

    Raises
    ------
    TooSteepError
        If float64 holds no such function.
    """
    if band.along_lines and 0.0 < max(map(abs, reach(band.lo, band.hi))) < _SMALL:
        return _from_larger_units(band, keeps)
    links = links or fewest_links
    lo, hi = tightened(band.lo, band.hi)
    function = links(band, lo, hi)
    assert function is not None
    fewest = function.n_knots
    excess = excess_of(function, band, band.room, _LEFT if band.room[0] > 0.0 or band.room.any() else 0.0)
    if not (keeps(function) and excess.beyond <= 0):
        function = _within_rounding(band, lo, hi, function, links, tightened)
        excess = excess_of(function, band, band.room)
    return Fewest(function, fewest, excess)


def _from_larger_units(band: Band, keeps: Callable[[PiecewiseLinear], bool]) -> Fewest:
    """The same for y times a power of two, which changes no digit: what rounds a way out does not see such values."""

    def back(f: PiecewiseLinear) -> PiecewiseLinear:
        anchors = np.stack([f.anchors[0], np.ldexp(f.anchors[1], -_LARGER)])
        return PiecewiseLinear(f.knots, anchors, np.ldexp(f.slopes, -_LARGER))

    lo, hi, room = (np.ldexp(a, _LARGER) for a in (band.lo, band.hi, band.room))
    larger = band._replace(lo=lo, hi=hi, room=room, y_max=math.ldexp(band.y_max, _LARGER), y=None)
    found = fewest_within(larger, lambda f: keeps(back(f)))
    beyond, between, _ = found.excess
    excess = Excess(math.ldexp(beyond, -_LARGER), math.ldexp(between, -_LARGER), None)
    return Fewest(back(found.function), found.n_knots, excess)


def _within_rounding(
    band: Band, lo: Array, hi: Array, first: PiecewiseLinear, links: Links, tightened: Tightened
) -> PiecewiseLinear:
    """A function that rounding leaves within the band, where it has carried the first one between lo and hi out of it.

    Aims a little inside where that is possible. Links through bounds that are far larger than others lose the digits of
    these, so if that fails bounds are cut to ever wider windows, until as few knots do. Between the rows knots are
    rounded too: there as few knots come first, and then the last bits.
    """
    sizes = [np.where(np.isfinite(bound), np.abs(bound), 0.0) for bound in (lo, hi)]
    rounding = _sweep.ROUNDING * np.maximum(np.maximum(*sizes), band.y_max)
    narrow = hi - lo <= 8 * rounding
    margin = np.where(narrow, 0.0, rounding)
    with np.errstate(invalid="ignore"):
        middle = 0.5 * lo + 0.5 * hi  # NaN where both are infinite
    inside = links(band, *tightened(np.fmin(lo + margin, middle), np.fmax(hi - margin, middle)))
    function = first if inside is None else inside
    room = band.room + 4 * np.where(narrow, _sweep.ROUNDING * band.y_max, rounding)
    for candidate in sorted([function, first], key=lambda f: f.n_knots) if band.along_lines else [function]:
        excess = excess_of(candidate, band, room).beyond
        if excess <= 0:
            return candidate
    best = None
    for low, high in windows(band._replace(lo=lo, hi=hi)):
        cut_lo = np.where(lo > -np.inf, np.maximum(lo, low), lo)
        cut_hi = np.where(hi < np.inf, np.minimum(hi, high), hi)
        cut = links(band, cut_lo, cut_hi)
        if cut is not None and excess_of(cut, band, band.room + 4 * _sweep.ROUNDING * band.y_max).beyond <= 0:
            if best is None or cut.n_knots < best.n_knots:
                best = cut
            if best.n_knots <= first.n_knots:
                break
    if best is None:
        steepest = np.max(np.abs(function.slopes))
        raise TooSteepError(
            f"the slopes of the data (up to {steepest:.3g}) are beyond float64, or tolerances of too different size: "
            f"the function would leave a tolerance by {excess:.3g}; rescale x or y, or give rows that do not count an "
            "infinite tolerance"
        )
    return best


def windows(band: Band) -> Iterator[tuple[float, float]]:
    """Ranges of y, each with values of every bound, from the narrowest there is to that of all of them."""
    los, his = band.lo[band.lo > -np.inf], band.hi[band.hi < np.inf]
    if not (len(los) and len(his)):
        return
    ends = float(los.max()), float(his.min())
    low, high = min(ends), max(ends)
    bottom, top = float(los.min()), float(his.max())
    width = max(high - low, 2.0**-40 * band.y_max, np.finfo(np.float64).tiny)
    while low - width > bottom or high + width < top:
        yield low - width, high + width
        width *= _WIDER


def fewest_links(band: Band, lo: Array, hi: Array) -> PiecewiseLinear:
    """The function that a sweep between the bounds finds."""
    links_between = links_of_open_band if band.is_open else _sweep.links_within
    knots, anchors, slopes, _ = links_between(band.x, lo, hi, band.along_lines)
    if not np.isfinite(slopes).all():
        raise TooSteepError("links of the function are steeper than float64 can hold; rescale x or y")
    if not (knots[1:] > knots[:-1]).all():
        raise TooSteepError("links of the function meet closer than float64 can tell; rescale x or y")
    return PiecewiseLinear(knots, anchors, slopes)


def excess_of(f: PiecewiseLinear, band: Band, room: Array, left: float = _LEFT) -> Excess:
    """By how much f leaves the band; `left` times what rounding at a knot amounts to is left to it there."""
    links = f.knots, f.anchors, f.slopes
    errors = None
    if band.is_open:
        at_rows = _excess.largest_excess(band.x, band.lo, band.hi, room, *links)
        reckoned = at_most = beyond = -math.inf
        if band.along_lines:
            sides = (_vertices(band.x, bound, room) for bound in (band.lo, band.hi))
            reckoned, at_most, beyond = _excess.excess_at_knots(*sides, *links, left)
    else:
        y = band.lo if band.y is None else band.y
        figures = _excess.figures_within(band.x, band.lo, band.hi, room, y, band.along_lines, *links, left)
        at_rows, reckoned, at_most, beyond = figures[:4]
        errors = None if band.y is None else figures[4:]
    return Excess(max(at_rows, beyond), at_most if reckoned > 0 else 0.0, errors)


def _vertices(x: Array, bound: Array, room: Array) -> tuple[Array, Array, Array]:
    """The rows at which a polyline through bounds has its vertices."""
    finite = np.isfinite(bound)
    return (x, bound, room) if finite.all() else (x[finite], bound[finite], room[finite])
