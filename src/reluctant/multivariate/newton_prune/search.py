"""Newton-prune: the sparsest interpolant in R^d by starts, pruning, kicks and restarts."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import joblib
import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock, Effort
from reluctant.errors import TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.multivariate.newton_prune.race import begin, race
from reluctant.multivariate.newton_prune.run import Ended, Improvement, Search
from reluctant.multivariate.newton_prune.state import Data, Units, Weights
from reluctant.multivariate.points import INTERPOLATES, distinct_rows, label_size

RESTARTS = 20
"""Fresh starts where neither their number nor the time is limited."""
RESTARTS_BY_DEFAULT = 50
"""Fresh starts, forty vain kicks each, where the caller gave no time limit: small data reach them long before."""
RESTARTS_BEFORE_ENUMERATION = 5
"""The same where an enumeration has the last word."""


@dataclass(frozen=True)
class Found:
    """What `sparsest_interpolant` returns.

    Attributes
    ----------
    network : ReLUNetwork
        In the units of the data, with |v_k| = 1 for one output.
    history : tuple of Improvement
        Every improvement, in order.
    max_error : float
        max|f(x_i) − y_i| as the network computes it, at most 1e-9 max|y|.
    ended : {"target", "time", "interrupted", "exhausted"} or None
        Why the search ended; None where it can go on.
    """

    network: ReLUNetwork
    history: tuple[Improvement, ...]
    max_error: float
    ended: Ended | None


def newton_prune(
    X: Array,
    y: Array,
    affine: bool,
    aim: Aim,
    effort: Effort,
    clock: Clock,
    start: ReLUNetwork | None = None,
    *,
    restarts: int = RESTARTS_BY_DEFAULT,
) -> Iterator[Found]:
    """Newton-prune in two stages: what is known at the first local minimum, where that is not the end, and the end.

    Where pruning whole neurons finds no interpolant, the one with few parameters is searched for. Fresh starts are
    counted where the caller gave no time limit.
    """
    limit = restarts if effort.time_limit is None else None
    try:
        yield from _stages(X, y, affine, aim, effort, clock, start, limit)
    except TooSteepError:
        if aim.minimize == "parameters":
            raise
        yield from _stages(X, y, affine, Aim("parameters", p=aim.p), effort, clock, start, limit)


def _stages(
    X: Array,
    y: Array,
    affine: bool,
    aim: Aim,
    effort: Effort,
    clock: Clock,
    start: ReLUNetwork | None,
    restarts: int | None,
) -> Iterator[Found]:
    task = _Task.of(X, y, affine)
    report = _print_improvement if effort.verbose else None
    searches = task.searches(aim, clock, restarts, effort.n_jobs, effort.random_state, start, affine)
    first = begin(searches, report)
    if first.ended is None and first.best is not None:
        yield task.found(first, None)
    yield task.found(*race(searches, report))


def _print_improvement(step: Improvement) -> None:
    print(f"{step.seconds:8.2f} s  {step.n_parameters} parameters, {step.n_neurons} neurons", file=sys.stderr)


def sparsest_interpolant(
    X: Array,
    y: Array,
    *,
    affine: bool = False,
    aim: Aim | None = None,
    start: ReLUNetwork | None = None,
    clock: Clock | None = None,
    restarts: int | None = None,
    n_jobs: int = 1,
    random_state: int | np.random.Generator | None = None,
    report: Callable[[Improvement], None] | None = None,
) -> Found:
    """Search for the interpolant with the fewest parameters or neurons.

    Newton-prune: from a network with more parameters than equations, delete parameters by their surgeon's
    cost, each time returning to the manifold of interpolants by Gauss–Newton steps of minimal weighted norm;
    where no deletion succeeds, add freedom at random, prune back, and keep what is not worse. It stops at the
    generic lower bound and claims nothing about what it did not find.

    Parameters
    ----------
    X : ndarray, shape (N, d)
        Finite rows; equal ones count once.
    y : ndarray, shape (N,) or (N, m)
        Finite labels.
    affine : bool
        Whether the network has an affine part, which costs nothing.
    aim : Aim, optional
        What is counted, parameters by default, and the count at which to stop; where it names none that is the generic
        lower bound m (N − r), or ⌈m (N − r) / (d + m)⌉ neurons, where r = rank X̄ with an affine part and 0 without.
    start : ReLUNetwork, optional
        A network near an interpolant to begin with; its affine part is left out where there is to be none.
    clock : Clock, optional
        When it expires the best so far is returned; one without limit by default.
    restarts : int, optional
        Fresh starts before giving up; by default twenty, or as many as a limited clock allows.
    n_jobs : int
        Number of independent runs in parallel, as in joblib; the best result is returned.
    random_state : int, Generator or None
        Source of all randomness.
    report : callable, optional
        Called with every `Improvement`; those of other processes are known after their turns of about a second.

    Returns
    -------
    Found

    Raises
    ------
    TooSteepError
        If the data need weights that float64 cannot carry to 1e-9.
    InfeasibleError
        If equal rows have different labels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.uniform(-1, 1, (10, 5)), rng.uniform(-1, 1, 10)
    >>> found = sparsest_interpolant(X, y, random_state=0)
    >>> found.network.n_parameters, found.ended
    (10, 'target')
    """
    task = _Task.of(X, y, affine)
    searches = task.searches(aim or Aim(), clock or Clock(), restarts, n_jobs, random_state, start, affine)
    return task.found(*race(searches, report))


@dataclass(frozen=True)
class _Task:
    """Rows and labels (N, m) as the user gave them, and laid out for the search."""

    X: Array
    y: Array
    units: Units
    data: Data
    judge: _Judge | None

    @classmethod
    def of(cls, X: Array, y: Array, affine: bool) -> _Task:
        """Merge equal rows, scale and centre."""
        y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
        rows, labels = distinct_rows(X, y)
        units = Units.of(rows, labels)
        data = Data.from_arrays(units.rows(rows), labels / units.y, affine, far=units.far)
        return cls(X, y, units, data, None if units.far is None else _Judge(rows, labels, units))

    def searches(
        self,
        aim: Aim,
        clock: Clock,
        restarts: int | None,
        n_jobs: int,
        random_state: int | np.random.Generator | None,
        start: ReLUNetwork | None,
        affine: bool,
    ) -> list[Search]:
        """Independent runs, one a process."""
        if aim.target is None:
            aim = aim.at(generic_target(self.data, aim.minimize))
        if restarts is None:
            restarts = RESTARTS if np.isinf(clock.end) else sys.maxsize
        first = None if start is None else self.units.scaled(start, affine)
        rng = np.random.default_rng(random_state)
        n_runs = joblib.effective_n_jobs(n_jobs)
        return [
            Search(self.data, aim, clock, source, -(-restarts // n_runs), first, self.judge)
            for source in ([rng] if n_runs == 1 else rng.spawn(n_runs))
        ]

    def found(self, search: Search, ended: Ended | None) -> Found:
        """The best of a run, checked as the user will call it."""
        size = np.abs(self.y).max(initial=0.0)
        network = None if search.best is None else self.units.network(search.best)
        error = np.inf if network is None else float(np.abs(network(self.X).reshape(self.y.shape) - self.y).max())
        if network is None or error > INTERPOLATES * size:
            far = self.units.far is not None
            raise TooSteepError(_too_far(self.X, self.units) if far else _too_steep(self.X, self.y))
        return Found(network, tuple(search.history), error, ended)


def generic_target(data: Data, minimize: Count) -> int:
    """Fewest parameters, or neurons, that reach almost every label vector."""
    return data.generic_parameters if minimize == "parameters" else data.generic_neurons


@dataclass(frozen=True)
class _Judge:
    """Measures a state where rounding differs between the search's units and the user's."""

    rows: Array
    labels: Array
    units: Units

    def __call__(self, weights: Weights) -> float:
        """Largest error over outputs, each relative to its largest label."""
        errors = np.abs(self.units.network(weights)(self.rows).reshape(self.labels.shape) - self.labels)
        if not self.labels.any():
            return math.inf if errors.any() else 0.0
        return float((errors / label_size(self.labels)).max())


def _too_far(X: Array, units: Units) -> str:
    """Name the column that lies furthest from zero beside its range."""
    spread = np.where(units.centre != 0.0, np.ptp(X, axis=0), np.inf)
    j = int(np.argmax(np.abs(units.centre) / spread))
    return (
        f"column {j} of X lies around {units.centre[j]:.6g} and spans {spread[j]:.3g}: float64 products of weights and "
        f"such numbers lose the digits that an interpolant needs; subtract an offset from column {j}"
    )


def _too_steep(X: Array, y: Array) -> str:
    """Name the two neighbouring rows whose labels change fastest."""
    best: tuple[float, int, int] = (0.0, 0, 0)
    for column in X.T:
        order = np.argsort(column, kind="stable")
        distance = np.abs(np.diff(X[order], axis=0)).max(axis=1)  # squares of small distances underflow
        change = np.abs(np.diff(y[order], axis=0)).max(axis=1)
        with np.errstate(over="ignore"):
            steep = np.divide(change, distance, out=np.zeros_like(change), where=distance > 0)
        if steep.size and steep.max() > best[0]:
            k = int(np.argmax(steep))
            i, j = sorted((int(order[k]), int(order[k + 1])))
            best = (float(steep[k]), i, j)
    return (
        f"no interpolant accurate to 1e-9 was found: between rows {best[1]} and {best[2]} y changes by "
        f"{best[0]:.3g} per unit of X, which float64 weights may not carry; merge such rows or allow a tolerance"
    )
