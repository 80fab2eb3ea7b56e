"""Few knots that several outputs over one input share, each within its own tolerance: bounds from both sides (ours).

Links that all outputs can follow at once, each as long as it can be and none sharing a row, are as few as any such
links. A function with K knots has K + 1, so L of them prove K ≥ L − 1; and no output needs more knots by itself than
with the others. With a knot at the last row of each link and one at the first row of the next, L links are a function
with 2 (L − 1) knots. Between the two a search on a grid of knots tries to join links at one knot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.errors import TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Certificate, Solution
from reluctant.text import spelled_range
from reluctant.univariate import _shared_links, _sweep
from reluctant.univariate.band import Band, sorted_band
from reluctant.univariate.fewest import fewest_links
from reluctant.univariate.interpolation import INTERPOLATES
from reluctant.univariate.shared_knots import network_through

MOST_WORK = 1e7
"""Values in bounds, times rows of the beam, that a search may take."""
MOST_ROWS = 3000
"""Rows up to which it has no beam."""
SHARES = (0.25, 0.5, 0.75)
"""Where knots of the grid are between two rows, beside the rows."""
SEARCHED_ROWS = 1000
"""Rows up to which the search in many dimensions may go on from what was found."""
SEARCHED_SIZES = 1e-99, 1e99
"""Sizes of columns with which it reckons."""
_WIDEST = 4.0
"""Bounds of rows that do not count for an output, in units of its largest bound."""


class Bands(NamedTuple):
    """The bands of all outputs: their own rows, and all of them on common rows x."""

    own: list[Band]
    wider: list[Band]  # by a quarter of the slack; of the rest, as much is room for rounding in the solution
    x: Array
    lo: Array  # (m, N), the wider ones
    hi: Array

    @classmethod
    def of(cls, x: Array, Y: Array, tolerance: Array, slack: float, rtol: float) -> Bands:
        """The bands of checked data; rows of infinite tolerance do not count for their output."""
        own: list[Band] = []
        wider: list[Band] = []
        for y, width in zip(Y.T, tolerance.T):
            counts = np.isfinite(width)
            for bands, share in ((own, 0.5), (wider, 0.75)):
                if counts.any():
                    bands.append(sorted_band(x[counts], y[counts], width[counts], share * slack, rtol))
                else:
                    bands.append(Band(x[:1], np.zeros(1), np.zeros(1), np.zeros(1), 0.0))
        every = np.unique(np.concatenate([band.x for band in own]))
        lo, hi = np.empty((len(own), len(every))), np.empty((len(own), len(every)))
        for c, band in enumerate(wider):
            widest = _WIDEST * max(float(np.max(np.abs(band.lo))), float(np.max(np.abs(band.hi))), 1e-300)
            at = np.searchsorted(every, band.x)
            lo[c], hi[c] = -widest, widest
            lo[c, at], hi[c, at] = band.lo, band.hi
        return cls(own, wider, every, lo, hi)

    def starts_of_links(self) -> Index:
        """The first row of each of the disjoint links that all outputs follow, every turn exact."""
        starts, ahead = [0], [64] * len(self.wider)
        while True:
            begin = self.x[starts[-1]]
            failed = np.inf
            for c, band in enumerate(self.wider):
                failed = min(failed, _first_failure(band, begin, failed, ahead, c))
            if not failed < np.inf:
                return np.array(starts, np.int64)
            starts.append(int(np.searchsorted(self.x, failed)))


def _first_failure(band: Band, begin: float, before: float, ahead: list[int], c: int) -> float:
    """The x < `before` of the first row that no line through the bounds from `begin` on meets; infinite for none."""
    first = int(np.searchsorted(band.x, begin))
    last = int(np.searchsorted(band.x, before))
    while True:
        stop = min(first + ahead[c], last)
        if stop <= first:
            return np.inf
        failed = _sweep.sweep_until(band.x[first:stop], band.lo[first:stop], band.hi[first:stop], 1)[3]
        if len(failed):
            ahead[c] = max(64, 2 * int(failed[0]))
            return float(band.x[first + failed[0]])
        if stop == last:
            return np.inf
        ahead[c] *= 2


def bound_of(bands: Bands, starts: Index) -> tuple[int, str]:
    """A lower bound of the shared knots, and why."""
    alone = [len(_sweep.sweep(band.x, band.lo, band.hi)[0]) for band in bands.wider]
    links = len(starts) - 1
    if max(alone) > links:
        return max(alone), f"output {int(np.argmax(alone))} needs so many by itself, a greedy sweep over its band"
    return links, f"all outputs together need {len(starts)} disjoint links"


def shared_within(
    x: Array, Y: Array, tolerance: Array, slack: float, rtol: float, affine: bool
) -> tuple[Solution | None, Certificate]:
    """A network within |f_c(x_i) − Y_ic| ≤ ε_ic for checked data with few knots, and what is proved about their number.

    None where float64 weights do not hold the functions that were found.
    """
    bands = Bands.of(x, Y, tolerance, slack, rtol if slack > 0 else 0.0)
    starts = bands.starts_of_links()
    bound, why = bound_of(bands, starts)
    certificate = Certificate("neurons", bound, "proved", f"{why}; {_tolerance_in_words(tolerance, slack)}")
    counts = np.isfinite(tolerance)
    closest = INTERPOLATES * np.abs(Y).max(axis=0, where=counts, initial=0.0)
    allowed = np.maximum(tolerance * (1 + slack), closest)
    for knots in _candidates(bands, starts):
        network = _network(bands, knots, affine)
        if network is None:
            continue
        missed = np.abs(network(x) - Y)
        if (missed <= allowed).all():
            solution = Solution(
                network=network,
                p=None,
                value=float(network.path_norm(0.0)),
                max_error=float(missed[counts].max(initial=0.0)),
                certificate=certificate,
            )
            return solution, certificate
    return None, certificate


def may_be_searched(x: Array, Y: Array) -> bool:
    """Whether the search in many dimensions takes the table."""
    sizes = np.abs(np.column_stack([x, Y])).max(axis=0)
    low, high = SEARCHED_SIZES
    return len(x) <= SEARCHED_ROWS and bool(((sizes == 0) | ((sizes > low) & (sizes < high))).all())


def better_known(solution: Solution | None, other: Solution, certificate: Certificate) -> Solution:
    """The solution with fewer neurons, the other one of a search, with the larger of the proved bounds."""
    best = other if solution is None or other.n_neurons < solution.n_neurons else solution
    own = other.certificate
    larger = own.kind == "proved" and own.quantity == "neurons" and own.lower_bound > certificate.lower_bound
    return best.replace(certificate=own if larger else certificate)


def _tolerance_in_words(tolerance: Array, slack: float) -> str:
    widened = f"widened by a relative {0.75 * slack:g}" if slack else "as given"
    return (
        f"tolerance {spelled_range(tolerance)} {widened}; a solution is held to {INTERPOLATES:g} max|y| at the closest"
    )


def _candidates(bands: Bands, starts: Index) -> list[Array]:
    """Knots to try, fewest first: those of the search, and two for each gap between disjoint links."""
    x, lo, hi = bands.x, bands.lo, bands.hi
    if len(starts) == 1:
        return [np.empty(0)]
    gaps = np.unique(np.concatenate([starts[1:] - 1, starts[1:]]))
    twice = x[gaps[(gaps > 0) & (gaps < len(x) - 1)]]
    between = [x[:-1] + share * np.diff(x) for share in SHARES]
    grid = np.unique(np.concatenate([x, *between, *(_knots_alone(band) for band in bands.own)]))
    grid = grid[(grid > x[0]) & (grid < x[-1])]
    beam = len(x) if len(x) <= MOST_ROWS else max(2, int(MOST_WORK / (lo.size * (len(SHARES) + 1))))
    candidates = [twice]
    for sign in (1, -1):  # from the left, and from the right
        rows, knots = sign * x[::sign], sign * grid[::sign]
        sides = (np.ascontiguousarray(a[:, ::sign]) for a in (lo, hi))
        place = np.searchsorted(rows, knots, side="right")
        found, exists = _shared_links.fewest_on_grid(rows, *sides, knots, place, beam)
        if exists:
            candidates.append(sign * found[::sign])
    return sorted(candidates, key=len)


def _knots_alone(band: Band) -> Array:
    """The knots that an output has by itself."""
    try:
        return fewest_links(band, band.lo, band.hi).knots
    except TooSteepError:
        return np.empty(0)


def _network(bands: Bands, knots: Array, affine: bool) -> ReLUNetwork | None:
    """The network with those knots whose outputs are within their bands; None where there is none in floats."""
    x, lo, hi = bands.x, bands.lo, bands.hi
    if len(x) == 1:
        ends, values = x, 0.5 * (lo + hi).T
    else:
        place = np.searchsorted(x, knots, side="right")
        values, found = _shared_links.values_at_knots(x, lo, hi, knots, place)
        if not found:
            return None
        ends = np.concatenate([x[:1], knots, x[-1:]])
    try:
        return network_through(ends, values, affine)
    except TooSteepError:  # other knots may do
        return None
