"""Networks within a tolerance in R^d: an interpolant of the band's middle, then the search within the band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.effort import DEFAULT_SECONDS, Clock, Effort
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.basin_hopping.band import sparsest_within
from reluctant.multivariate.chebyshev import smallest_largest
from reluctant.multivariate.forward import forward_within
from reluctant.multivariate.interpolation import sparsest, warm_up
from reluctant.multivariate.outputs import combined
from reluctant.multivariate.points import (
    INTERPOLATES,
    check_range,
    distinct_bands,
    homogeneous,
    label_size,
    max_error_of,
)
from reluctant.multivariate.proofs.bounds import NOTHING, Bound, elementary_bound, what_is_known
from reluctant.multivariate.proofs.lines import bound_on_lines
from reluctant.multivariate.proofs.subsample import Rows, bound_from_few_rows
from reluctant.solution import Certificate, Solution
from reluctant.text import spelled_range

FIRST_SHARE, SECOND_SHARE = 0.3, 0.1
"""Share of the time for the middle of the band, and for the outputs one by one; and where forward selection came first.
"""
PROOF_SHARE, PROOF_SECONDS = 0.15, 5.0
"""Share of the time left, and longest time, for a bound from some of the rows, before the search in the band."""
SETS_A_SECOND = 20_000
"""What such an enumeration looks at, roughly: within a band many sets ask for a linear program."""


def approximate_space(
    X: Array,
    y: Array,
    tolerance: Array,
    slack: float,
    affine: bool,
    aim: Aim,
    start: ReLUNetwork | None,
    effort: Effort,
) -> Solution:
    """Solve `reluctant.approximate` for checked data in R^d; rows of infinite tolerance do not count."""
    counted = np.isfinite(tolerance).reshape(len(X), -1).any(axis=1)
    band = (
        Band.of(X[counted], y[counted], tolerance[counted], slack) if counted.any() else Band.of(X, y, tolerance, slack)
    )
    check_range(band.X, band.y)
    zero = ReLUNetwork.from_hinges(np.zeros((0, X.shape[1] + 1)), np.zeros((0, 1 if y.ndim == 1 else y.shape[1])))
    if band.holds(zero):
        return _solution(
            zero, band, Certificate(aim.minimize, 0, "proved", "the zero function meets the tolerance"), ()
        )
    plane = _plane(band, affine)
    if plane is not None:
        bound = elementary_bound(aim.minimize, band.X, band.y / band.allowed, tolerance=1.0) if not affine else NOTHING
        least = max(bound.least, 0 if affine else 1)
        if aim.count(plane) <= least:
            alone = (
                "an affine function meets the tolerance" if affine else "the zero function does not meet the tolerance"
            )
            reason = bound.reason if bound.least > 1 else alone
            return _solution(plane, band, Certificate(aim.minimize, least, "proved", reason), ())
    warm_up(band.y.size)
    with effort.clock(DEFAULT_SECONDS).listening() as clock:
        solution = within_band(band, affine, aim, start, effort, clock)
        if solution is not None:
            return solution
        if clock.interrupted:
            raise KeyboardInterrupt
    seconds = DEFAULT_SECONDS if effort.time_limit is None else effort.time_limit
    raise ValueError(
        f"no network within the tolerance was found in {seconds:g} seconds; raise time_limit or widen the tolerance"
    )


def _plane(band: Band, affine: bool) -> ReLUNetwork | None:
    """An affine function within the band, where there is one and an affine part is free; else, for one output, its
    positive part, its negative part, or the two neurons that it is.
    """
    rows = homogeneous(band.X)
    targets, allowed = (a.reshape(len(rows), -1) for a in (band.y, band.allowed))
    if not affine and targets.shape[1] > 1:
        return None
    weights = np.column_stack([smallest_largest(rows, y, h) for y, h in zip(targets.T, allowed.T)])
    none = np.zeros((0, rows.shape[1])), np.zeros((0, targets.shape[1]))
    both = np.vstack([weights.T, -weights.T]), np.array([[1.0], [-1.0]])
    networks = (
        [ReLUNetwork.from_hinges(*none, weights)]
        if affine
        else [ReLUNetwork.from_hinges(*(a[k] for a in both)) for k in (slice(1), slice(1, 2), slice(2))]
    )
    return next((network for network in networks if band.holds(network)), None)


def _within_known(y: Array, counts: NDArray[np.bool_]) -> Array:
    """Targets that do not count are moved to those of their output that do, or they would set its unit; 0 for none."""
    low = np.min(y, axis=0, where=counts, initial=np.inf)
    high = np.max(y, axis=0, where=counts, initial=-np.inf)
    return np.where(counts, y, np.where(low <= high, np.clip(y, low, np.maximum(low, high)), 0.0))


@dataclass(frozen=True)
class Band:
    """Targets y, (N,) or (N, m), that may be missed by `allowed`; a search aims at the narrower `aimed`.

    Points without tolerance are met as closely as an interpolant meets them; half of the slack is left for rounding.
    """

    X: Array
    y: Array
    tolerance: Array
    slack: float
    allowed: Array
    aimed: Array

    @classmethod
    def of(cls, X: Array, y: Array, tolerance: Array, slack: float) -> Band:
        """The band of tolerances that count as ε (1 + slack)."""
        y = _within_known(y, np.isfinite(tolerance))
        closest = INTERPOLATES * label_size(y)
        allowed = np.maximum(tolerance * (1 + slack), closest)
        aimed = np.maximum(tolerance * (1 + 0.5 * slack), 0.1 * closest)
        return cls(X, y, tolerance, slack, allowed, aimed)

    def output(self, c: int) -> Band:
        """The band of one output by itself."""
        return Band.of(self.X, self.y[:, c], self.tolerance[:, c], self.slack)

    def holds(self, network: ReLUNetwork) -> bool:
        """Whether the network stays within what is allowed."""
        return bool((np.abs(network(self.X) - self.y) <= self.allowed).all())

    def limits(self) -> tuple[Array, Array, Array]:
        """Distinct rows, and bounds on what a network may be there, rounded outward."""
        rows, middle, half_width = distinct_bands(self.X, self.y, self.allowed)
        beyond = half_width + 2.0 * np.spacing(np.abs(middle) + half_width)
        return rows, middle - beyond, middle + beyond

    def in_words(self) -> str:
        """The tolerance that was used."""
        widened = f"widened by a relative {self.slack:g}" if self.slack else "as given"
        return f"tolerance {spelled_range(self.tolerance)} {widened}, nowhere below {INTERPOLATES:g} max|y|"


def within_band(
    band: Band,
    affine: bool,
    aim: Aim,
    start: ReLUNetwork | None,
    effort: Effort,
    clock: Clock,
    *,
    prove: bool = True,
) -> Solution | None:
    """The sparsest network within the band that the searches find; None where they find none in time.

    1. Without a tolerance, or for labels that are zero, an interpolant.
    2. Rows on one line give a bound, at which every search may stop.
    3. Forward selection within the band, then the middle of the band is interpolated, in less of the time where the
       former found fewer parameters than there are rows; a count at a bound, or at the target, is the answer.
    4. With one output, and where a proof is wanted, networks that are much sparser are excluded on some of the rows.
    5. Several outputs are solved one by one.
    6. From what is known by then, and the caller's start, the search within the band.
    7. The certificate.
    """
    X, y = band.X, band.y
    clock.doing("searching within the tolerance")
    if not (band.tolerance.any() and y.any()):
        return sparsest(X, y, affine, aim, start, effort, clock).replace(p=None)
    rows, labels, half_width = distinct_bands(X, y, band.aimed)
    if not (half_width > 0.0).all():
        raise InfeasibleError(
            "the tolerance bands of equal rows of X have a single value in common, which float64 may miss; "
            "widen a tolerance a little or leave rtol at its default"
        )
    bound = NOTHING if X.shape[1] == 1 else bound_on_lines(aim.minimize, *band.limits())
    rng = np.random.default_rng(effort.random_state)
    selected = forward_within(rows, labels, half_width, affine=affine, clock=clock.share(FIRST_SHARE), random_state=rng)
    if selected is not None and selected.n_parameters > labels.size:
        selected = None
    share = clock.share(FIRST_SHARE if selected is None else SECOND_SHARE)
    try:
        middle = sparsest(rows, labels, affine, aim, start, effort, share, prove=False)
    except TooSteepError:  # the middle of the band need not be met
        middle = None
    found = [network for network in (selected, None if middle is None else middle.network) if network is not None]
    best = min((network for network in found if band.holds(network)), key=aim.key, default=None)
    counted = np.isfinite(band.allowed)
    room = np.subtract(band.allowed, band.aimed, out=np.zeros_like(band.allowed), where=counted)
    in_bands = labels / (half_width.max(axis=0) + room.max(axis=0))  # widest of each output
    aim_within = aim.at(max(aim.target or 0, bound.least))
    if prove and best is not None and y.ndim == 1 and not _is_settled(best, rows, in_bands, affine, aim_within):
        best, bound = _from_few_rows(band, best, bound, affine, aim, clock)
        aim_within = aim.at(max(aim.target or 0, bound.least))
    if best is None or not (clock.interrupted or _is_settled(best, rows, in_bands, affine, aim_within)):
        apart = None if clock.expired() else _one_by_one(band, affine, aim, effort, clock)
        within = sparsest_within(
            rows,
            labels,
            half_width,
            affine=affine,
            aim=aim_within,
            starts=[network for network in (start, apart, selected, best) if network is not None],
            clock=clock,
            random_state=effort.random_state,
        )
        if within is not None and band.holds(within.network):
            best = within.network if best is None else aim.better(best, within.network)
    if best is None:
        return None
    certificate = what_is_known(best, rows, in_bands, affine, aim, tolerance=1.0, proved=bound)
    certificate = replace(certificate, reason=f"{certificate.reason}{clock.in_words()}")
    return _solution(best, band, certificate, () if middle is None else middle.history)


def _from_few_rows(
    band: Band, network: ReLUNetwork, known: Bound, affine: bool, aim: Aim, clock: Clock
) -> tuple[ReLUNetwork, Bound]:
    """The network, or a sparser one, and the better of what is known and what some of the rows prove.

    There the widest of their bands counts for all of them.
    """
    if clock.expired():
        return network, known
    X, lo, hi = band.limits()
    clock.doing("excluding much sparser networks on some of the rows")
    within = clock.share(PROOF_SHARE, at_most=PROOF_SECONDS)
    widest = float(np.nextafter(0.5 * np.max(hi - lo), np.inf))
    rows = Rows(X, 0.5 * lo + 0.5 * hi, affine, widest + float(np.spacing(np.abs(lo).max() + np.abs(hi).max())))
    found, bound = bound_from_few_rows(aim.minimize, rows, network, within, int(SETS_A_SECOND * within.left()))
    better = aim.better(network, found) if band.holds(found) else network
    return better, max(known, bound, key=lambda bound: bound.least)


def _solution(network: ReLUNetwork, band: Band, certificate: Certificate, history: Sequence) -> Solution:
    """The figures of a network, over the targets that count, and what is known about it."""
    return Solution(
        network=network,
        p=None,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, band.X, band.y, band.tolerance),
        certificate=replace(certificate, reason=f"{certificate.reason}; {band.in_words()}"),
        history=history,
    )


def _one_by_one(band: Band, affine: bool, aim: Aim, effort: Effort, clock: Clock) -> ReLUNetwork | None:
    """Networks of the single outputs side by side, in equal shares of the time; None for one output."""
    if band.y.ndim == 1:
        return None
    m = band.y.shape[1]
    seconds = FIRST_SHARE * clock.left() / m
    networks = []
    for c in range(m):
        solution = within_band(
            band.output(c), affine, aim.at(None), None, effort, clock.share(at_most=seconds), prove=False
        )
        if solution is None or clock.interrupted:
            return None
        networks.append(solution.network)
    return combined(networks, np.eye(m), band.X.shape[1])


def _is_settled(network: ReLUNetwork, rows: Array, labels: Array, affine: bool, aim: Aim) -> bool:
    """Whether the count is at the caller's target, or at a bound that holds for labels within ±1 too."""
    bound = elementary_bound(aim.minimize, rows, labels, affine=affine, tolerance=1.0)
    return aim.reached(network) or aim.count(network) <= bound.least
