"""A small largest error with at most K neurons in R^d: searches within ever smaller tolerances, with refits.

For fixed hinges the weights behind them with the smallest largest error are a linear program; so is the best affine
function, from which the search begins. Nothing is proved about the result, but where several outputs share one input:
there each output by itself errs by at least what the line proves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import DEFAULT_SECONDS, Clock, Effort
from reluctant.errors import InfeasibleError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.chebyshev import smallest_largest
from reluctant.multivariate.interpolation import warm_up
from reluctant.multivariate.points import INTERPOLATES, check_range, homogeneous, interpolates, max_error_of
from reluctant.multivariate.tolerance import Band, within_band
from reluctant.solution import Certificate, Solution, counted
from reluctant.univariate.budget import smallest_error_line

CLOSE = 1.02
"""The search ends where the tolerance that was met is so little above one that was not."""
SHARE = 0.25
"""Share of the time left for one tolerance."""


def smallest_error_space(
    X: Array,
    y: Array,
    scale: Array,
    max_neurons: int,
    slack: float,
    affine: bool,
    start: ReLUNetwork | None,
    effort: Effort,
) -> Solution:
    """The smallest max |f(x_i) − y_i| / s_i that is found with so many neurons; see `reluctant.approximate`."""
    check_range(X, y)
    counted_rows = np.isfinite(scale).reshape(len(X), -1).any(axis=1)
    if counted_rows.any():
        X, y, scale = X[counted_rows], y[counted_rows], scale[counted_rows]
    problem = Problem(X, y, scale, max_neurons, affine)
    warm_up(y.size)
    with effort.clock(DEFAULT_SECONDS).listening() as clock:
        clock.doing("searching for a smaller error")
        best = problem.first(start)
        best = _search(problem, best, start, slack, effort, clock)
        ended = clock.in_words()
    error = problem.error(best)
    certificate = problem.certificate(best)
    return Solution(
        network=best,
        p=None,
        value=float(best.path_norm(0.0)),
        max_error=max_error_of(best, X, y, scale),
        certificate=replace(certificate, reason=f"{certificate.reason}{ended}"),
        max_scaled_error=None if (scale == 1.0).all() else error,
    )


@dataclass(frozen=True)
class Problem:
    """Rows that count, their scales, infinite for targets that do not, and the most neurons."""

    X: Array
    y: Array
    scale: Array
    most: int
    affine: bool

    def error(self, network: ReLUNetwork) -> float:
        """The largest |f(x_i) − y_i| / s_i."""
        return float(np.max(np.abs(network(self.X) - self.y) / self.scale))

    def first(self, start: ReLUNetwork | None) -> ReLUNetwork:
        """The best affine function, zero where there is no affine part, or the caller's start if that is better."""
        nothing = ReLUNetwork.from_hinges(np.zeros((0, self.X.shape[1] + 1)), np.zeros((0, self._n_outputs)))
        best = self.refitted(nothing)
        if start is not None and start.n_neurons <= self.most and (self.affine or not start.n_affine):
            best = min(best, start, self.refitted(start), key=self.error)
        return best

    def refitted(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network with the weights behind its hinges, and the affine part, that err least; itself if it is best."""
        U, _, _ = network.hinges
        rows = homogeneous(self.X)
        values = np.maximum(rows @ U.T, 0.0)
        features = np.column_stack([values, rows]) if self.affine else values
        if features.shape[1] == 0:
            return network
        targets, scales = (a.reshape(len(rows), -1) for a in (self.y, self.scale))
        weights = [smallest_largest(features, targets[:, c], scales[:, c]) for c in range(self._n_outputs)]
        table = np.column_stack(weights)
        V, A = table[: len(U)], table[len(U) :]
        return min(network, ReLUNetwork.from_hinges(U, V, A if self.affine else None), key=self.error)

    def certificate(self, network: ReLUNetwork) -> Certificate:
        """What is known: over one input what each output needs, and where nothing is left to gain."""
        what = f"a search with at most {counted(self.most, 'neurons')}"
        if interpolates(network, self.X, self.y):
            reason = f"{what}; it meets every row within {INTERPOLATES:g} max|y|, and no error is less than zero"
            return Certificate("error", 0.0, "proved", reason, rounding=self.error(network))
        if self.X.shape[1] > 1:
            return Certificate("error", 0.0, "none", what)
        columns = zip(self.y.T, self.scale.T)
        bounds = [smallest_error_line(self.X[:, 0], *column, self.most).certificate.lower_bound for column in columns]
        reason = (
            f"{what}; with as many knots output {np.argmax(bounds)} by itself cannot err by less, as exact sweeps show "
            "with bounds rounded to float64"
        )
        return Certificate("error", max(bounds), "proved", reason)

    @property
    def _n_outputs(self) -> int:
        return 1 if self.y.ndim == 1 else self.y.shape[1]


def _search(
    problem: Problem, best: ReLUNetwork, start: ReLUNetwork | None, slack: float, effort: Effort, clock: Clock
) -> ReLUNetwork:
    """Tolerances between one that was met and one that was not, until they are close or the time is over."""
    aim = Aim("neurons", target=problem.most)
    low, high = 0.0, problem.error(best)
    while problem.most and high > CLOSE * low and not clock.expired():
        eps = 0.5 * high if low <= 0.1 * high else 0.5 * low + 0.5 * high
        band = Band.of(problem.X, problem.y, eps * problem.scale, slack)
        share = clock.share(SHARE, at_most=DEFAULT_SECONDS)
        try:
            found = within_band(band, problem.affine, aim, start or best, effort, share, prove=False)
        except InfeasibleError:  # equal rows whose labels differ by more than this tolerance allows
            found = None
        if found is None or found.n_neurons > problem.most:
            low = eps
            continue
        refitted = problem.refitted(found.network)
        if problem.error(refitted) >= high:
            low = eps
            continue
        best, start, high = refitted, None, problem.error(refitted)
        low = low if low < high else 0.0
    return best
