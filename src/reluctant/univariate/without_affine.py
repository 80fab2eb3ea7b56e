"""Interpolants on the line as networks without an affine part.

Without one the weights of the neurons that face left sum to minus the slope at −∞, beside a constant neuron, which the
norm does not count. A function of K knots takes K neurons where a subset of its slope changes has that sum, and at most
one more where none has: one kink is split into both its orientations, or one neuron has its kink outside the data [DK].

The least Σ|v_k w_k| is max(TV, (TV + |s + t|) / 2), where TV is the total variation of the slopes of the data, s the
first and t the last of them: for a function with slopes a at −∞ and b at +∞ it is max(TV f', |a + b|) [SESS], and to
have other slopes out there than s and t costs |a − s| + |b − t| more variation. Σ|c|^p ≥ (Σ|c|)^p bounds the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.errors import TooSteepError
from reluctant.model.assembly import network_of, network_without_affine_part
from reluctant.model.links import Links
from reluctant.model.network import ReLUNetwork
from reluctant.model.orientation import Orientation, turned, with_first_knot
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.objective import lp_power
from reluctant.solution import Certificate, LineSolution
from reluctant.univariate import _homes, _kernels
from reluctant.univariate.distance import errors_of
from reluctant.univariate.interpolation import RTOL, Corners, Interpolant, Least, interpolant, without_affine_part
from reluctant.univariate.orientations import MOST_ENUMERATED, best_choice, needs_one_more, turns_of

MOST_MATCHINGS = 60
"""Matchings of few jumps that are tried one by one."""
_NEGLIGIBLE = 1e-12
_SLOPES = 2.0**-50
"""Relative error of a slope of the data, and more."""


class Candidate(NamedTuple):
    """A function, what a network without an affine part is expected to cost, and how to build it.

    Neurons face away from the flat link of `links`, or as `orientation` says.
    """

    cost: float
    n_neurons: int
    function: PiecewiseLinear
    links: Links | None
    orientation: Orientation | None

    def network(self, low: float, high: float) -> ReLUNetwork:
        """The network, which equals the function on [low, high]."""
        if self.links is not None:
            return network_without_affine_part(self.links, low, high)[0]
        assert self.orientation is not None
        return turned(network_of(self.function.links), self.orientation, low, high)


def interpolate_without_affine_part(x: Array, y: Array, p: float = 0.0, rtol: float = RTOL) -> LineSolution:
    """The interpolant of checked data as a network without an affine part; see `reluctant.interpolate`."""
    found = interpolant(x, y, p, rtol)
    if found.solution.function.n_knots == 0:  # a line, one neuron with its kink outside
        best = without_affine_part(found.solution, found.x)
    else:
        best = _cheapest(found, p)
    return best.replace(certificate=_certificate(found, best, p))


def _cheapest(found: Interpolant, p: float) -> LineSolution:
    """The cheapest candidate that float64 weights hold."""
    x, y, corners, solution = found
    allowed = corners.allowed * float(np.max(np.abs(y)))
    low, high = float(x[0]), float(x[-1])
    with np.errstate(all="ignore"):
        candidates = sorted(_candidates(found, p), key=lambda c: (c.cost * (1 - _NEGLIGIBLE), c.n_neurons))
    as_it_is = without_affine_part(solution, x)
    # Where points are as dense as floats no weights hold them, and none need hold them better than those.
    reached = max(allowed, 2.0 * float(np.max(np.abs(as_it_is.network(x) - y))))
    for candidate in candidates:
        try:
            network = candidate.network(low, high)
        except TooSteepError:
            continue
        function = _as_table(candidate, network, low)
        max_error, max_error_between = errors_of(function, x, y)
        if max_error <= allowed and (np.abs(network(x) - y) <= reached).all():
            return solution.replace(
                network=network,
                function=function,
                value=network.path_norm(p),
                max_error=max_error,
                max_error_between=max_error_between,
            )
    return as_it_is


def _as_table(candidate: Candidate, network: ReLUNetwork, low: float) -> PiecewiseLinear:
    """The table of the network, with the kink of a hinge at the left end, which comes after the others' neurons."""
    if candidate.orientation is None or candidate.orientation.shared >= 0:
        return candidate.function
    hinges = np.flatnonzero(network.input_weights[:, 0])
    at = int(hinges[-1])
    w, b, v = network.input_weights[at, 0], network.biases[at], network.output_weights[at, 0]
    if len(hinges) == candidate.function.n_knots or -b / w != low:
        return candidate.function
    return PiecewiseLinear(*with_first_knot(candidate.function.links, low, float(w * v)))


def _candidates(found: Interpolant, p: float) -> Iterator[Candidate]:
    x, y, corners, solution = found
    slopes = np.diff(corners.y) / np.diff(corners.x)
    yield _from_home(corners, slopes, p)
    if p == 1 and ((slopes > 0).all() or (slopes < 0).all()):
        yield _of_least_variation(solution.function)
    negligible = _NEGLIGIBLE * float(np.max(np.abs(y))) / float(x[-1] - x[0])
    for merged in _matchings(corners, p):
        function = _table_of(corners, merged)
        if function.n_knots > MOST_ENUMERATED:
            continue
        with np.errstate(all="ignore"):
            turns = list(turns_of(function, x, y))
            choice = best_choice(function, x, y, p, turns, negligible)
        if choice is not None:
            cost = float(lp_power(function.slope_changes, p)) + choice.cost
            yield Candidate(cost, function.n_knots + choice.n_more, choice.function, None, choice.orientation)


def _matchings(corners: Corners, p: float) -> Iterator[Mask]:
    """The best matching, and where jumps are few all of them, for p = 0 those with fewest knots."""
    best = _kernels.match_runs(corners.jumps, corners.solid, p)
    yield best
    n_pairs = np.count_nonzero(best)
    if np.count_nonzero(corners.jumps) > 2 * MOST_ENUMERATED:
        return
    pairs = [j for j in range(1, len(best) - 1) if _homes.can_merge(corners.jumps, corners.solid, j)]
    for number, chosen in enumerate(_disjoint(pairs)):
        if number == MOST_MATCHINGS:
            return
        if p == 0 and len(chosen) < n_pairs:
            continue
        merged = np.zeros_like(best)
        merged[chosen] = True
        if (merged != best).any():
            yield merged


def _disjoint(pairs: list[int]) -> Iterator[list[int]]:
    """All sets of pairs (j, j + 1) that share no jump, those with the first pairs first."""
    if not pairs:
        yield []
        return
    first, *rest = pairs
    for others in _disjoint([j for j in rest if j != first + 1]):
        yield [first, *others]
    yield from _disjoint(rest)


def _table_of(corners: Corners, merged: Mask) -> PiecewiseLinear:
    knots, anchors, slopes, close, _ = _kernels.links_of_matching(corners.x, corners.y, corners.jumps, merged)
    changes = _kernels.changes_of_matching(corners.jumps, merged) if close else None
    return PiecewiseLinear(knots, anchors, slopes, changes)


def _from_home(corners: Corners, slopes: Array, p: float) -> Candidate:
    """The best function whose neurons face away from a flat stretch."""
    x, y, c, solid = corners.x, corners.y, corners.jumps, corners.solid
    values, counts = _homes.least_on_both_sides(c, solid, p), _homes.least_on_both_sides(c, solid, 0.0)
    left, right, pivot = _homes.best_home(slopes, c, solid, p, values, counts)
    before = _side(corners, 0, left + 2, p) if left >= 0 else None
    after = _side(corners, right, len(x), p) if right < len(x) - 1 else None
    if left == right:
        assert before is not None
        assert after is not None
        links = Links.joined([before, after._replace(anchors=after.anchors[:, 1:], slopes=after.slopes[1:])])
        return Candidate(float(lp_power(np.diff(links.slopes), p)), len(links.knots), _table(links), links, None)
    if pivot >= 0:
        X, Y = float(x[pivot]), float(y[pivot])
    else:  # the crossing of the chords beside a shared knot
        X = float(_links(corners, left, left + 4, np.array([False, True, False, False])).knots[0])
        Y = float(y[left + 1] + slopes[left] * (X - x[left + 1]))
    flat = Links(np.empty(0), np.array([[X], [Y]]), np.zeros(1))
    kinks = []
    if before is not None:
        kinks.append(_crossing(x, y, slopes, left, left + 1, X, Y))
    if after is not None:
        kinks.append(_crossing(x, y, slopes, right, right, X, Y))
    if len(kinks) == 2:
        kinks = [min(kinks), max(kinks)]
    parts = [part for part in (before, flat, after) if part is not None]
    joined = Links.joined(parts)
    knots = np.concatenate(
        [np.empty(0) if before is None else before.knots, kinks, np.empty(0) if after is None else after.knots]
    )
    links = joined._replace(knots=knots)
    cost = float(lp_power(np.diff(links.slopes), p))
    at = 0 if before is None else len(before.slopes)
    split = len(kinks) == 2 and kinks[0] == kinks[1]
    if split:  # the flat link has no length
        table = Links(np.delete(knots, at), np.delete(links.anchors, at, axis=1), np.delete(links.slopes, at))
        return Candidate(cost, len(knots), _table(table), links, None)
    return Candidate(cost, len(knots), _table(links), links, None)


def _crossing(x: Array, y: Array, slopes: Array, chord: int, at: int, X: float, Y: float) -> float:
    """Where a chord, which passes point `at`, is at the height Y: between that point and X."""
    if y[at] == Y:
        return float(x[at])
    t = float(x[at] + (Y - y[at]) / slopes[chord])
    low, high = min(float(x[at]), X), max(float(x[at]), X)
    return min(max(t, low), high)


def _side(corners: Corners, start: int, stop: int, p: float) -> Links:
    """The links of the best matching of the points from `start` to `stop`."""
    jumps = _inner_jumps(corners, start, stop)
    return _links(corners, start, stop, _kernels.match_runs(jumps, corners.solid[start : stop - 1], p))


def _links(corners: Corners, start: int, stop: int, merged: Mask) -> Links:
    """The links of a matching of the points from `start` to `stop`."""
    x, y = (np.require(a[start:stop], requirements=["C", "W"]) for a in (corners.x, corners.y))
    return Links(*_kernels.links_of_matching(x, y, _inner_jumps(corners, start, stop), merged)[:3])


def _inner_jumps(corners: Corners, start: int, stop: int) -> Array:
    jumps = corners.jumps[start:stop].copy()
    jumps[0] = jumps[-1] = 0.0
    return jumps


def _table(links: Links) -> PiecewiseLinear:
    return PiecewiseLinear(links.knots, links.anchors, links.slopes)


def _of_least_variation(f: PiecewiseLinear) -> Candidate:
    """A strictly monotone function at the least Σ|v_k w_k|: kinks of one sign face left, until the first slope is made.

    Or, from the right, those of the other sign face right until the last slope is made; the smaller of the two slopes
    is. Where all of them are not enough, a hinge at the left end makes the rest.
    """
    c, first, last = f.slope_changes, float(f.slopes[0]), float(f.slopes[-1])
    sign = 1.0 if first > 0 else -1.0
    falls, rises = np.maximum(-sign * c, 0.0), np.maximum(sign * c, 0.0)
    variation = float(np.abs(c).sum())
    if falls.sum() < abs(first):
        cost = 0.5 * (variation + abs(first + last))
        return Candidate(cost, len(c) + 1, f, None, Orientation(falls > 0, -1))
    if abs(first) <= abs(last):
        enough = int(np.searchsorted(np.cumsum(falls), abs(first)))
        faces_left = falls > 0
        faces_left[enough + 1 :] = False
        return Candidate(variation, len(c) + 1, f, None, Orientation(faces_left, enough))
    made = np.cumsum(rises[::-1])
    enough = len(c) - 1 - int(np.searchsorted(made, abs(last)))
    faces_right = rises > 0
    faces_right[:enough] = False
    return Candidate(variation, len(c) + 1, f, None, Orientation(~faces_right, enough))


def _certificate(found: Interpolant, best: LineSolution, p: float) -> Certificate:
    """What is proved about networks without an affine part."""
    x, y, corners, solution = found
    own = solution.certificate
    if p > 0:
        bound, how = _bound_of_variation(corners, own.lower_bound if p == 1 else math.inf), own.reason
        if p < 1:
            bound = max(own.lower_bound, bound**p * (1 - _SLOPES))
            how += "; without an affine part no less, nor less than the p-th power of what p = 1 takes"
        else:
            how += "; without an affine part max(TV, (TV + |s + t|) / 2), s the first and t the last slope [SESS]"
        return Certificate("value", bound, own.kind, how)
    K, n = int(own.lower_bound), best.n_neurons
    beside = " beside a constant" if len(best.network.biases) > n else ""
    if n > K and needs_one_more(x, y) == K:
        how = (
            f"the interpolant with {K} knots is one alone, as all runs of jumps are even, and no subset of its slope "
            "changes sums to minus its first slope, in rationals, with every point as it is, to the last bit: without "
            f"an affine part one neuron more is needed{beside} [DK]"
        )
        return Certificate("neurons", K + 1, "proved", f"{own.reason}; {how}")
    more = {0: "as many are enough", 1: "one more was used"}.get(n - K, f"{n - K} more were used")
    return replace(own, reason=f"{own.reason}; without an affine part {more}{beside}, and no fewer can do [DK]")


def _bound_of_variation(corners: Corners, at_most: float) -> float:
    """The least Σ|v_k w_k| without an affine part, rounded down, from a bound of the total variation."""
    variation = min(Least.of(corners, 1.0).bound, at_most)
    if len(corners.x) == 1:
        return variation
    first, last = ((corners.y[i + 1] - corners.y[i]) / (corners.x[i + 1] - corners.x[i]) for i in (0, -2))
    ends = (
        abs(float(first)) + abs(float(last)) if (first > 0) == (last > 0) else 0.0
    )  # else they are no more than the variation
    return max(variation, 0.5 * (variation + ends * (1 - _SLOPES)) * (1 - _SLOPES))
