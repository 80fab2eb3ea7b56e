"""Approximation in R^d: an interpolant of the band's middle, then the search within the band."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from reluctant.errors import TooSteepError
from reluctant.multivariate.band import sparsest_within
from reluctant.multivariate.bounds import elementary_bound
from reluctant.multivariate.effort import DEFAULT_SECONDS, Array, Effort, max_error_of
from reluctant.multivariate.problem import INTERPOLATES, distinct_bands
from reluctant.multivariate.search import compile_loops
from reluctant.multivariate.solutions import (
    better_of,
    check_range,
    count_of,
    sparsest,
    sparsest_or_interrupted,
    what_is_known,
)
from reluctant.network import ReLUNetwork
from reluctant.solution import Solution


def approximate_space(X: Array, y: Array, tolerance: Array, slack: float, affine: bool, effort: Effort) -> Solution:
    """Solve `reluctant.approximate` for checked data in R^d: an interpolant of the band's middle, pruned within it."""
    check_range(X, y)
    if not tolerance.any():
        return sparsest(X, y, affine, effort).replace(p=None)
    compile_loops()
    began = time.monotonic()
    # Points without tolerance are met as closely as an interpolant meets them; half of the slack is left for rounding.
    closest = INTERPOLATES * np.max(np.abs(y))
    allowed = np.maximum(tolerance * (1 + slack), closest)
    aimed = np.maximum(tolerance * (1 + 0.5 * slack), 0.1 * closest)
    rows, labels, half_width = distinct_bands(X, y, aimed)
    seconds = DEFAULT_SECONDS if effort.time_limit is None else effort.time_limit
    try:
        first, interrupted = sparsest_or_interrupted(rows, labels, affine, effort._replace(time_limit=0.3 * seconds))
        if interrupted:
            seconds = 0.0
    except TooSteepError:  # for the middle of the band, which need not be met
        first = None
    network = None if first is None else first.network
    widest = half_width.max(axis=0) + np.max(allowed - aimed, axis=0)  # of each output
    found = None
    starts = tuple(start for start in (effort.start, network) if start is not None)
    if network is None or not _is_settled(network, rows, labels / widest, affine, effort):
        try:
            found = sparsest_within(
                rows,
                labels,
                half_width,
                affine=affine,
                minimize=effort.minimize,
                target=0 if effort.target is None else effort.target,
                starts=starts,
                time_limit=max(seconds - (time.monotonic() - began), 0.0),
                random_state=effort.random_state,
            )
        except KeyboardInterrupt:
            if network is None:
                raise
    if found is not None and (np.abs(found.network(X) - y) <= allowed).all():
        network = found.network if network is None else better_of(network, found.network, effort.minimize)
    if network is None:
        raise ValueError(
            f"no network within the tolerance was found in {seconds:g} seconds; raise time_limit or widen the tolerance"
        )
    certificate = what_is_known(network, rows, labels / widest, affine, effort.minimize, tolerance=1.0)
    reason = f"{certificate.reason}; {_band_in_words(tolerance, slack)}"
    return Solution(
        network=network,
        p=None,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, y),
        certificate=replace(certificate, reason=reason),
        history=() if first is None else first.history,
    )


def _is_settled(network: ReLUNetwork, rows: Array, labels: Array, affine: bool, effort: Effort) -> bool:
    """Whether the count is at the caller's target, or at a bound that holds for labels within ±1 too."""
    count = count_of(network, effort.minimize)
    bound, _ = elementary_bound(effort.minimize, rows, labels, affine=affine, tolerance=1.0)
    return count <= max(bound, -1 if effort.target is None else effort.target)


def _band_in_words(tolerance: Array, slack: float) -> str:
    low, high = tolerance.min(), tolerance.max()
    asked = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    widened = f"widened by a relative {slack:g}" if slack else "as given"
    return f"tolerance {asked} {widened}, nowhere below {INTERPOLATES:g} max|y|"
