"""Newton-prune: the sparsest interpolant in R^d by starts, pruning, kicks and restarts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import joblib
import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock, Effort
from reluctant.errors import TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.multivariate.newton_prune.race import race
from reluctant.multivariate.newton_prune.run import Ended, Improvement, Search
from reluctant.multivariate.newton_prune.state import Data, Units
from reluctant.multivariate.points import INTERPOLATES, distinct_rows

RESTARTS = 20
"""Fresh starts where neither their number nor the time is limited."""


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
    ended : {"target", "time", "interrupted", "exhausted"}
        Why the search ended.
    """

    network: ReLUNetwork
    history: tuple[Improvement, ...]
    max_error: float
    ended: Ended


def newton_prune(
    X: Array, y: Array, affine: bool, aim: Aim, effort: Effort, clock: Clock, start: ReLUNetwork | None = None
) -> Found:
    """Newton-prune; where pruning whole neurons finds no interpolant, the one with few parameters."""
    report = _print_improvement if effort.verbose else None

    def search(aim: Aim) -> Found:
        return sparsest_interpolant(
            X,
            y,
            affine=affine,
            aim=aim,
            start=start,
            clock=clock,
            n_jobs=effort.n_jobs,
            random_state=effort.random_state,
            report=report,
        )

    try:
        return search(aim)
    except TooSteepError:
        if aim.minimize == "parameters":
            raise
        return search(Aim("parameters", p=aim.p))


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
    aim, clock = aim or Aim(), clock or Clock()
    y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    rows, labels = distinct_rows(X, y)
    units = Units.of(rows, labels)
    data = Data.from_arrays(rows / units.x, labels / units.y, affine)
    if aim.target is None:
        aim = aim.at(generic_target(data, aim.minimize))
    first = None if start is None else units.scaled(start, affine)
    if restarts is None:
        restarts = RESTARTS if np.isinf(clock.end) else sys.maxsize
    rng = np.random.default_rng(random_state)
    n_runs = joblib.effective_n_jobs(n_jobs)
    searches = [
        Search(data, aim, clock, source, -(-restarts // n_runs), first)
        for source in ([rng] if n_runs == 1 else rng.spawn(n_runs))
    ]
    return _found(X, y, units, *race(searches, report))


def generic_target(data: Data, minimize: Count) -> int:
    """Fewest parameters, or neurons, that reach almost every label vector."""
    parameters = data.generic_parameters
    return parameters if minimize == "parameters" else -(-parameters // (data.n_inputs + data.n_outputs))


def _found(X: Array, y: Array, units: Units, search: Search, ended: Ended) -> Found:
    """Check the network as the user will call it."""
    size = np.abs(y).max(initial=0.0)
    network = None if search.best is None else units.network(search.best)
    error = np.inf if network is None else float(np.abs(network(X).reshape(y.shape) - y).max(initial=0.0))
    if network is None or error > INTERPOLATES * size:
        raise TooSteepError(_too_steep(X, y))
    return Found(network, tuple(search.history), error, ended)


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
