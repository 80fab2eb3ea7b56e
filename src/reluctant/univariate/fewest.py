"""The fewest links within a band, and a function of so many that rounding leaves within it.

The sweep in `_sweep` extends each link as far as any link can reach; greedy is optimal because a function that
follows another set of links never gets ahead of it (Imai and Iri 1986, Hakimi and Schmeichel 1991).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate import _sweep
from reluctant.univariate.band import Band

_WIDER = 2.0**16
"""Factor between the windows in which a function is looked for where tolerances are of very different size."""


class Fewest(NamedTuple):
    """A function within a band, and the number of knots below which none is."""

    function: PiecewiseLinear
    n_knots: int


Links = Callable[[Band, Array, Array], PiecewiseLinear | None]
"""What makes the function with the fewest links between two bounds at the x of a band; None where there is none."""

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
    links = links or fewest_links
    lo, hi = tightened(band.lo, band.hi)
    function = links(band, lo, hi)
    assert function is not None
    fewest = function.n_knots
    if not (keeps(function) and _excess(band, band.room, function) <= 0):
        function = _within_rounding(band, function, links, lo, hi)
    return Fewest(function, fewest)


def _within_rounding(band: Band, function: PiecewiseLinear, links: Links, lo: Array, hi: Array) -> PiecewiseLinear:
    """A function between bounds that rounding leaves within the band, where it has carried the first one out of it.

    Aims a little inside where that is possible. Links through bounds that are far larger than others lose the digits of
    these, so if that fails bounds are cut to ever wider windows, until as few knots do.
    """
    fewest = function.n_knots
    rounding = _sweep.ROUNDING * np.maximum(np.maximum(np.abs(lo), np.abs(hi)), band.y_max)
    narrow = hi - lo <= 8 * rounding
    middle = 0.5 * lo + 0.5 * hi
    margin = np.where(narrow, 0.0, rounding)
    inside = links(band, np.minimum(lo + margin, middle), np.maximum(hi - margin, middle))
    function = function if inside is None else inside
    excess = _excess(band, band.room + 4 * np.where(narrow, _sweep.ROUNDING * band.y_max, rounding), function)
    if excess <= 0:
        return function
    best = None
    for low, high in windows(band._replace(lo=lo, hi=hi)):
        candidate = links(band, np.maximum(lo, low), np.minimum(hi, high))
        if candidate is None:
            continue
        if _excess(band, band.room + 4 * _sweep.ROUNDING * band.y_max, candidate) <= 0:
            if best is None or candidate.n_knots < best.n_knots:
                best = candidate
            if best.n_knots <= fewest:
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
    ends = float(band.lo.max()), float(band.hi.min())
    low, high = min(ends), max(ends)
    bottom, top = float(band.lo.min()), float(band.hi.max())
    width = max(high - low, 2.0**-40 * band.y_max, np.finfo(np.float64).tiny)
    while low - width > bottom or high + width < top:
        yield low - width, high + width
        width *= _WIDER


def fewest_links(band: Band, lo: Array, hi: Array) -> PiecewiseLinear:
    """The function that a sweep between the bounds finds."""
    knots, anchors, slopes = _sweep.links_of_sweep(band.x, lo, hi, *_sweep.sweep(band.x, lo, hi))
    if not np.isfinite(slopes).all():
        raise TooSteepError("links of the function are steeper than float64 can hold; rescale x or y")
    if not (knots[1:] > knots[:-1]).all():
        raise TooSteepError("links of the function meet closer than float64 can tell; rescale x or y")
    return PiecewiseLinear(knots, anchors, slopes)


def _excess(band: Band, room: Array, f: PiecewiseLinear) -> float:
    return _sweep.largest_excess(band.x, band.lo, band.hi, room, f.knots, f.anchors, f.slopes)
