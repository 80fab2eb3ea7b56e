"""Approximation in R^d: an interpolant of the band's middle, then the search within the band."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.band import sparsest_within
from reluctant.multivariate.effort import DEFAULT_SECONDS, Effort
from reluctant.multivariate.interpolation import better_of, count_of, sparsest_or_interrupted, what_is_known
from reluctant.multivariate.newton_prune.warm_up import compile_loops
from reluctant.multivariate.outputs import combined
from reluctant.multivariate.points import INTERPOLATES, check_range, distinct_bands, label_size, max_error_of
from reluctant.multivariate.proofs.bounds import elementary_bound
from reluctant.solution import Solution


def approximate_space(X: Array, y: Array, tolerance: Array, slack: float, affine: bool, effort: Effort) -> Solution:
    """Solve `reluctant.approximate` for checked data in R^d: an interpolant of the band's middle, pruned within it."""
    check_range(X, y)
    solution, _ = _sparsest_or_interrupted(X, y, tolerance, slack, affine, effort)
    if solution is None:
        seconds = DEFAULT_SECONDS if effort.time_limit is None else effort.time_limit
        raise ValueError(
            f"no network within the tolerance was found in {seconds:g} seconds; raise time_limit or widen the tolerance"
        )
    return solution


def _sparsest_or_interrupted(
    X: Array, y: Array, tolerance: Array, slack: float, affine: bool, effort: Effort
) -> tuple[Solution | None, bool]:
    """The same, None where no network was found in time, and whether the user interrupted a search."""
    if not (tolerance.any() and y.any()):
        solution, interrupted = sparsest_or_interrupted(X, y, affine, effort)
        return solution.replace(p=None), interrupted
    compile_loops()
    began = time.monotonic()
    # Points without tolerance are met as closely as an interpolant meets them; half of the slack is left for rounding.
    closest = INTERPOLATES * label_size(y)
    allowed = np.maximum(tolerance * (1 + slack), closest)
    aimed = np.maximum(tolerance * (1 + 0.5 * slack), 0.1 * closest)
    rows, labels, half_width = distinct_bands(X, y, aimed)
    if not (half_width > 0.0).all():
        raise InfeasibleError(
            "the tolerance bands of equal rows of X have a single value in common, which float64 may miss; "
            "widen a tolerance a little or leave rtol at its default"
        )
    seconds = DEFAULT_SECONDS if effort.time_limit is None else effort.time_limit
    try:
        some = effort._replace(time_limit=0.3 * seconds)
        first, interrupted = sparsest_or_interrupted(rows, labels, affine, some, prove=False)
    except TooSteepError:  # for the middle of the band, which need not be met
        first, interrupted = None, False
    network = None if first is None or not _is_within(first.network, X, y, allowed) else first.network
    widest = half_width.max(axis=0) + np.max(allowed - aimed, axis=0)  # of each output
    found = None
    if network is None or not (interrupted or _is_settled(network, rows, labels / widest, affine, effort)):
        try:
            apart, interrupted = _one_by_one(X, y, tolerance, slack, affine, effort._replace(time_limit=0.3 * seconds))
            starts = [start for start in (effort.start, apart, network) if start is not None]
            found = sparsest_within(
                rows,
                labels,
                half_width,
                affine=affine,
                minimize=effort.minimize,
                target=0 if effort.target is None else effort.target,
                starts=starts,
                time_limit=0.0 if interrupted else max(seconds - (time.monotonic() - began), 0.0),
                random_state=effort.random_state,
            )
            interrupted = interrupted or (found is not None and found.interrupted)
        except KeyboardInterrupt:
            if network is None:
                raise
            interrupted = True
    if found is not None and _is_within(found.network, X, y, allowed):
        network = found.network if network is None else better_of(network, found.network, effort.minimize)
    if network is None:
        return None, interrupted
    certificate = what_is_known(network, rows, labels / widest, affine, effort.minimize, tolerance=1.0)
    reason = f"{certificate.reason}; {_band_in_words(tolerance, slack)}"
    solution = Solution(
        network=network,
        p=None,
        value=float(network.path_norm(0.0)),
        max_error=max_error_of(network, X, y),
        certificate=replace(certificate, reason=reason),
        history=() if first is None else first.history,
    )
    return solution, interrupted


def _one_by_one(
    X: Array, y: Array, tolerance: Array, slack: float, affine: bool, effort: Effort
) -> tuple[ReLUNetwork | None, bool]:
    """Networks of the single outputs side by side, in equal shares of the time; None for one output."""
    if y.ndim == 1:
        return None, False
    m = y.shape[1]
    share = effort._replace(start=None, target=None, time_limit=(effort.time_limit or DEFAULT_SECONDS) / m)
    networks = []
    for c in range(m):
        solution, interrupted = _sparsest_or_interrupted(X, y[:, c], tolerance[:, c], slack, affine, share)
        if solution is None or interrupted:
            return None, interrupted
        networks.append(solution.network)
    return combined(networks, np.eye(m), X.shape[1]), False


def _is_within(network: ReLUNetwork, X: Array, y: Array, allowed: Array) -> bool:
    return bool((np.abs(network(X) - y) <= allowed).all())


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
