"""Newton-prune: the sparsest interpolant in R^d by starts, pruning, kicks and restarts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import joblib
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.errors import TooSteepError
from reluctant.multivariate.kicks import KickChooser
from reluctant.multivariate.newton import solve
from reluctant.multivariate.problem import INTERPOLATES, distinct_rows
from reluctant.multivariate.pruning import LOOSE, NeuronPruner, ParameterPruner, never
from reluctant.multivariate.search import Improvement, Minimize, Search, climb, thin
from reluctant.multivariate.starts import line_start, simple_start, solved_start
from reluctant.multivariate.state import Array, Data, Weights
from reluctant.network import ReLUNetwork

Ended = Literal["target", "time", "interrupted", "exhausted"]

#: Among equally sparse networks the one of smaller ℓp path norm wins, with this p where none is given.
PREFERRED_P = 0.5
#: Fresh starts where neither their number nor the time is limited.
RESTARTS = 20


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
    max_weight : float
        Largest |u| of the network.
    hinge_distance : float
        Smallest Euclidean distance of a data point to a hinge w·x + b = 0; infinite without hinges.
    ended : {"target", "time", "interrupted", "exhausted"}
        Why the search ended.
    """

    network: ReLUNetwork
    history: tuple[Improvement, ...]
    max_error: float
    max_weight: float
    hinge_distance: float
    ended: Ended


def sparsest_interpolant(
    X: Array,
    y: Array,
    *,
    affine: bool = False,
    minimize: Minimize = "parameters",
    p: float = PREFERRED_P,
    start: ReLUNetwork | None = None,
    time_limit: float | None = None,
    target: int | None = None,
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
    minimize : {"parameters", "neurons"}
        What is counted; with "neurons", their parameters come second.
    p : float
        Among equally sparse networks the smaller ℓp path norm wins.
    start : ReLUNetwork, optional
        A network near an interpolant to begin with.
    time_limit : float, optional
        Seconds of wall time; the best so far is returned.
    target : int, optional
        Count at which to stop; by default the generic lower bound m (N − r), or ⌈m (N − r) / (d + m)⌉ neurons, where
        r = rank X̄ with an affine part and 0 without.
    restarts : int, optional
        Fresh starts before giving up; by default twenty, or as many as the time limit allows.
    n_jobs : int
        Number of independent searches, as in joblib; the best result is returned.
    random_state : int, Generator or None
        Source of all randomness.
    report : callable, optional
        Called with every `Improvement` (of a search in this process).

    Returns
    -------
    Found

    Raises
    ------
    ValueError
        If an argument is unknown.
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
    if minimize not in ("parameters", "neurons"):
        raise ValueError(f"minimize must be 'parameters' or 'neurons', got {minimize!r}")
    y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    rows, labels = distinct_rows(X, y)
    units = Units.of(rows, labels)
    data = Data.from_arrays(rows / units.x, labels / units.y, affine)
    target = generic_target(data, minimize) if target is None else target
    first = None if start is None else units.scaled(start)
    deadline = np.inf if time_limit is None else time.monotonic() + time_limit
    if restarts is None:
        restarts = RESTARTS if time_limit is None else sys.maxsize
    rng = np.random.default_rng(random_state)
    n_searches = joblib.effective_n_jobs(n_jobs)

    def run(seed: np.random.Generator, report: Callable[[Improvement], None] | None) -> tuple[Search, Ended]:
        left = deadline - time.monotonic()
        return _run(data, minimize, target, left, p, first, -(-restarts // n_searches), seed, report)

    if n_searches == 1:
        outcomes = [run(rng, report)]
    else:
        jobs = (joblib.delayed(run)(seed, None) for seed in rng.spawn(n_searches))
        outcomes = joblib.Parallel(n_jobs=n_searches)(jobs)
    search, ended = min(outcomes, key=lambda outcome: _rank(outcome[0]))
    return _found(X, y, units, search, ended)


def generic_target(data: Data, minimize: Minimize) -> int:
    """Fewest parameters, or neurons, that reach almost every label vector."""
    parameters = data.generic_parameters
    return parameters if minimize == "parameters" else -(-parameters // (data.n_inputs + data.n_outputs))


@dataclass(frozen=True)
class Units:
    """Powers of two that bring every column of X and y to size at most one; counts do not notice them."""

    x: Array
    y: Array

    @classmethod
    def of(cls, X: Array, y: Array) -> Units:
        """Units of the data."""
        return cls(*(_power_of_two(np.abs(a).max(axis=0)) for a in (X, y)))

    def network(self, weights: Weights) -> ReLUNetwork:
        """The network in the units of the data."""
        x, y = np.append(self.x, 1.0), self.y
        V = weights.V * y
        size = np.max(np.abs(V), axis=1, initial=0.0, keepdims=True)
        affine = weights.affine * y / x[:, None]
        U = weights.U / x * size
        return ReLUNetwork(U[:, :-1], U[:, -1], V / size, affine[:-1], affine[-1])

    def scaled(self, network: ReLUNetwork) -> Weights:
        """The state of a network in the units of the data."""
        x = np.append(self.x, 1.0)
        given = Weights.from_network(network)
        return Weights(given.U * x, given.V / self.y, given.affine * x[:, None] / self.y).normalised()


def _power_of_two(size: Array) -> Array:
    return np.where(size > 0.0, np.exp2(np.ceil(np.log2(np.where(size > 0.0, size, 1.0)))), 1.0)


def _rank(search: Search) -> tuple[float, ...]:
    return (np.inf,) if search.best is None else search.key(search.best)


def _run(
    data: Data,
    minimize: Minimize,
    target: int,
    seconds: float,
    p: float,
    first: Weights | None,
    restarts: int,
    rng: np.random.Generator,
    report: Callable[[Improvement], None] | None,
) -> tuple[Search, Ended]:
    """One search in one process, one thread."""
    search = Search(data, minimize, target, time.monotonic() + seconds, p, report)
    try:
        with threadpool_limits(1):
            _restart(search, first, restarts, rng)
            if minimize == "neurons":
                thin(search, rng)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        return search, "interrupted"
    return search, "target" if search.reached() else "time" if search.expired() else "exhausted"


def _restart(search: Search, first: Weights | None, restarts: int, rng: np.random.Generator) -> None:
    """Start, prune and climb until done; what interpolates is offered before anything is tried with it."""
    data = search.data
    simple = simple_start(data)
    if simple is not None:
        search.offer(simple)
    chooser = KickChooser(search.minimize)
    for restart in range(restarts):
        if search.reached() or (restart and search.expired()):
            return
        weights = solve(data, first, tol=LOOSE).weights if first is not None and restart == 0 else None
        if weights is None or np.abs(weights.residuals(data)).max(initial=0.0) > LOOSE:
            weights = solved_start(data, rng, LOOSE, search.expired)
        if weights is None:
            weights = line_start(data, rng)
            search.offer(weights)
            if search.best is None:  # too steep for float64: an interpolant matters more than the time limit
                weights = solved_start(data, rng, LOOSE, never) or weights
        Pruner = ParameterPruner if search.minimize == "parameters" else NeuronPruner
        if search.best is None:  # so that an interruption finds something
            search.offer(weights if weights.n_neurons <= data.n_equations else line_start(data, rng))
        pruner = Pruner(data, rng, search.expired, weights.weight_limit(), search.target)
        weights = pruner.prune(weights)
        search.offer(weights)
        climb(search, pruner, weights, chooser, rng)


def _found(X: Array, y: Array, units: Units, search: Search, ended: Ended) -> Found:
    """Check the network as the user will call it."""
    size = np.abs(y).max(initial=0.0)
    network = None if search.best is None else units.network(search.best)
    error = np.inf if network is None else float(np.abs(network(X).reshape(y.shape) - y).max(initial=0.0))
    if network is None or error > INTERPOLATES * size:
        raise TooSteepError(_too_steep(X, y))
    weights = Weights.from_network(network)
    return Found(
        network,
        tuple(search.history),
        error,
        float(np.abs(weights.U).max(initial=0.0)),
        weights.hinge_distance(X),
        ended,
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
