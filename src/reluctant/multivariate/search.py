"""Newton-prune: the sparsest interpolant in R^d by starts, pruning, kicks and restarts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from reluctant.multivariate.kicks import KICKS, KickChooser
from reluctant.multivariate.newton import solve
from reluctant.multivariate.pruning import LOOSE, Pruner
from reluctant.multivariate.starts import line_start, solved_start, telling_direction
from reluctant.multivariate.state import Array, Data, Weights

TIGHT = 1e-12
PATIENCE = 40
PREFERENCE = 0.5


@dataclass(frozen=True)
class Improvement:
    """One record of the history: when, and how sparse."""

    seconds: float
    n_parameters: int
    n_neurons: int
    path_norm: float


@dataclass
class Search:
    """The best interpolant so far, and when to stop."""

    data: Data
    target: int
    deadline: float
    report: Callable[[Improvement], None] | None = None
    began: float = field(default_factory=time.monotonic)
    best: Weights | None = None
    history: list[Improvement] = field(default_factory=list)

    def expired(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def done(self) -> bool:
        """Whether the target is reached or the time is up."""
        return self.expired() or (self.best is not None and self.best.n_parameters <= self.target)

    def offer(self, weights: Weights) -> None:
        """Keep a state that interpolates to rounding and is sparser, or as sparse with a smaller path norm."""
        if self.best is not None and self.key(weights) >= self.key(self.best):
            return
        polished = solve(self.data, weights, tol=TIGHT).weights.normalised()
        error = np.abs(polished.residuals(self.data)).max(initial=0.0)
        if error > 1e-10:
            return
        self.best = polished
        step = Improvement(
            time.monotonic() - self.began,
            polished.n_parameters,
            polished.n_neurons,
            polished.path_norm(PREFERENCE),
        )
        self.history.append(step)
        if self.report is not None:
            self.report(step)

    def key(self, weights: Weights) -> tuple[int, float]:
        """What is compared: parameters, then the path norm."""
        return weights.n_parameters, weights.path_norm(PREFERENCE)


def climb(search: Search, pruner: Pruner, weights: Weights, chooser: KickChooser, rng: np.random.Generator) -> None:
    """Kick until `PATIENCE` kicks in a row bring nothing; equally sparse networks are accepted, they are the way across plateaus."""
    idle = 0
    most = 1 + search.data.n_equations // 100
    while idle < PATIENCE and not search.done():
        kick = chooser.choose(rng)
        before = pruner.work
        kicked = pruner.solve(KICKS[kick](search.data, weights, rng, 1 + int(rng.integers(most))))
        idle += 1
        gain = 0
        if kicked is not None:
            pruned = pruner.prune(kicked)
            gain = max(0, weights.n_parameters - pruned.n_parameters)
            if pruned.n_parameters <= weights.n_parameters:
                weights = pruned
                search.offer(weights)
            if gain:
                idle = 0
        chooser.record(kick, gain, pruner.work - before)


def sparsest_interpolant(
    X: Array,
    y: Array,
    *,
    affine: bool = False,
    start: Weights | None = None,
    time_limit: float | None = None,
    target: int | None = None,
    rng: np.random.Generator,
    report: Callable[[Improvement], None] | None = None,
    restarts: int = 20,
) -> tuple[Weights, list[Improvement]]:
    """Search for the interpolant with the fewest parameters."""
    data = Data.from_arrays(X, y, affine)
    deadline = np.inf if time_limit is None else time.monotonic() + time_limit
    search = Search(data, data.generic_parameters if target is None else target, deadline, report)
    chooser = KickChooser()
    try:
        for restart in range(restarts):
            pruner = Pruner(data, rng, search.expired)
            if restart == 0 and start is not None:
                found = solve(data, start, tol=LOOSE)
            else:
                found = solved_start(data, rng, LOOSE)
            if found is None or not found.converged:
                found = solve(data, line_start(data, telling_direction(data, rng)), tol=LOOSE)
            weights = pruner.prune(found.weights)
            search.offer(weights)
            climb(search, pruner, weights, chooser, rng)
            if search.done():
                break
    except KeyboardInterrupt:
        if search.best is None:
            raise
    assert search.best is not None
    return search.best, search.history
