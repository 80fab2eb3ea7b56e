"""Networks of few parameters, or neurons, within a tolerance band |f(x_i) − y_i| ≤ ε_i, outputs sharing neurons.

Rounds go down a ladder of ℓp penalties on ½ dist²(f(X), band) by annealing and basin hopping. What stands on a rung is
moved into the band by Newton steps and pruned there by surgeon deletions; the sparsest network is kept. With one output
that of every round is tried in the linear program over its patterns, whose reweighted ℓ1 may need fewer parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, SolverError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.annealing import Annealing
from reluctant.multivariate.basin_hopping.reweighted import Clock, one_blas_thread
from reluctant.multivariate.newton_prune.kicks import KICKS, fill_neurons
from reluctant.multivariate.newton_prune.newton import squared_excess
from reluctant.multivariate.newton_prune.pruners import NeuronPruner, ParameterPruner
from reluctant.multivariate.newton_prune.state import Data, Units, Weights
from reluctant.multivariate.proofs.bounds import Count
from reluctant.multivariate.proofs.program import PatternProgram

_LEVELS = (1e-2, 1e-3, 1e-4, 1e-5)
_PATIENCE = (10, 15, 15, 15)
_REHEATED = 0.5  # share of the rounds that begin from the best network
_LAST = 1e-1  # of the smallest λ: a vanishing penalty
_WORTH_TRYING = 1.5  # times the best size
_KICKS_IN_VAIN = 10
_DELTAS = (1e-1, 1e-1, 1e-2, 1e-2, 1e-3, 1e-3)  # of max|u|
_NO_WEIGHT = 1e-9  # of max|u|: below this a level of the linear program is zero


@dataclass(frozen=True)
class Within:
    """A network within the band; `history` lists (round, count, parameters) of every improvement."""

    network: ReLUNetwork
    history: tuple[tuple[int, int, int], ...]
    interrupted: bool = False


def sparsest_within(
    X: Array,
    y: Array,
    tolerance: float | Array,
    *,
    affine: bool = False,
    minimize: Count = "parameters",
    target: int = 0,
    starts: Sequence[ReLUNetwork] = (),
    p: float = 0.5,
    time_limit: float | None = 10.0,
    max_rounds: int | None = None,
    random_state: int | np.random.Generator | None = None,
) -> Within | None:
    """Look for a network of few hinge parameters, or neurons, with |f(x_i) − y_i| ≤ ε_i in every output.

    Parameters
    ----------
    X : ndarray, shape (N, d)
    y : ndarray, shape (N,) or (N, m)
    tolerance : float or ndarray of the shape of y
        ε_i > 0.
    affine : bool
        Whether a free affine part is added, which is not counted.
    minimize : {"parameters", "neurons"}
        What is counted; with "neurons", their parameters come second.
    target : int
        Count at which to stop.
    starts : sequence of ReLUNetwork
        Networks within the band, an interpolant for example, or near it; they are pruned first.
    p : float
        Exponent of the penalty of the search.
    time_limit, max_rounds : float and int, optional
        When to stop; with rounds alone the answer does not depend on the clock.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Within or None
        The sparsest found; nothing is claimed about the minimum. None where no network
        within the band was reached in time.

    Raises
    ------
    ValueError
        If a tolerance is not positive, or neither limit is given.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    >>> Y = np.abs(X[:, [0]]) * [1.0, -2.0]
    >>> found = sparsest_within(X, Y, 0.01, max_rounds=2, time_limit=None, random_state=0)
    >>> found.network.n_parameters, found.network.n_outputs
    (4, 2)
    """
    tolerance = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), np.shape(y))
    if not (tolerance > 0).all():
        where = tuple(int(i) for i in np.argwhere(~(tolerance > 0))[0])
        raise ValueError(
            f"tolerance must be positive, got {tolerance[where]} at row {where[0]}; use interpolate for exact fits"
        )
    if time_limit is None and max_rounds is None:
        raise ValueError("time_limit and max_rounds are both None; give at least one, or the search never ends")
    clock = Clock(time_limit)
    Y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    units = Units.of(X, Y)
    data = Data.from_arrays(X / units.x, Y / units.y, affine, tolerance.reshape(Y.shape) / units.y)
    search = _Search(data, minimize, target, p, np.random.default_rng(random_state), clock.expired)
    interrupted = False
    try:
        with one_blas_thread():
            search.begin([units.scaled(network, affine) for network in starts])
            while search.round != max_rounds and not clock.expired() and search.count > target:
                search.advance()
    except KeyboardInterrupt:
        if search.best is None:
            raise
        interrupted = True
    return None if search.best is None else Within(units.network(search.best), tuple(search.history), interrupted)


class _Search:
    """The sparsest network within the band so far."""

    def __init__(
        self, data: Data, minimize: Count, target: int, p: float, rng: np.random.Generator, stop: Callable[[], bool]
    ) -> None:
        self.data, self.minimize, self.target, self.rng, self.stop = data, minimize, target, rng, stop
        self.annealing = Annealing.of(data, p)
        self.best: Weights | None = None
        self.history: list[tuple[int, int, int]] = []
        self.round = 0

    def key(self, weights: Weights) -> tuple[float, ...]:
        """The count asked for, then parameters, then the ℓp norm (p = ½)."""
        counts = weights.n_parameters, weights.path_norm(0.5)
        return counts if self.minimize == "parameters" else (weights.n_neurons, *counts)

    @property
    def count(self) -> float:
        """Parameters or neurons of the best; infinite where there is none."""
        return np.inf if self.best is None else self.key(self.best)[0]

    def begin(self, starts: Sequence[Weights]) -> None:
        """Prune what is given, after a constant for every output, which may be zero."""
        empty = Weights.empty(self.data)
        bias = np.append(np.zeros(self.data.n_inputs), 1.0)[None, :]
        constant = empty.append(bias, np.clip(0.0, *self.common_range())[None, :]).normalised()
        for weights in (empty, constant, *starts):
            if self.count > self.target:
                self.prune(weights)

    def advance(self) -> None:
        """One round: states that are not much larger than the best are pruned, and the sparsest of them is kicked."""
        self.round += 1
        best = self.best
        heated = best if best is not None and self.rng.random() < _REHEATED else None
        pruned: list[Weights] = []
        for weights in search_round(self.annealing, self.rng, heated, self.stop):
            if best is None or weights.n_parameters <= _WORTH_TRYING * best.n_parameters:
                pruned += self.prune(weights)
            if self.count <= self.target:
                return
        if pruned:
            self.climb(min(pruned, key=self.key))
        if self.best is not None and self.best is not best and self.data.n_outputs == 1 and not self.stop():
            vertex = reweighted_vertex(self.data, self.best)
            if vertex is not None:
                self.prune(vertex)

    def climb(self, weights: Weights) -> None:
        """Add freedom at random, prune back and keep what is not worse, until a few kicks in a row brought nothing."""
        kicks, idle = KICKS[self.minimize], 0
        while idle < _KICKS_IN_VAIN and self.count > self.target and not self.stop():
            idle += 1
            kick = kicks[self.rng.integers(len(kicks))]
            for kicked in self.prune(kick(self.data, weights, self.rng, 1)):
                if self.key(kicked)[0] <= self.key(weights)[0]:
                    idle = 0 if self.key(kicked)[0] < self.key(weights)[0] else idle
                    weights = kicked

    def prune(self, weights: Weights) -> list[Weights]:
        """Move into the band, prune there, and keep what is better than the best; what it came to, if it got there."""
        pruner = ParameterPruner(self.data, self.rng, self.stop, weights.weight_limit(), self.target)
        solved = None
        if self.minimize == "neurons":
            whole = NeuronPruner(self.data, self.rng, self.stop, weights.weight_limit(), self.target)
            # Dense neurons leave the most freedom for deleting whole ones.
            solved = whole.solve(fill_neurons(self.data, weights, self.rng, weights.n_neurons))
            pruner.target = 0
        if solved is None:
            solved = pruner.solve(weights)
        if solved is None:
            return []
        if self.minimize == "neurons":
            solved = whole.prune(solved)
        pruned = pruner.prune(solved)
        self.offer(pruned)
        return [pruned]

    def offer(self, weights: Weights) -> None:
        """Keep a network within the band if it is sparser than the best."""
        merged = weights.merged(affine=self.data.affine.size > 0)
        if squared_excess(self.data, merged) == 0.0:
            weights = min(weights, merged, key=self.key)
        if self.best is None or self.key(weights) < self.key(self.best):
            self.best = weights
            self.history.append((self.round, int(self.count), weights.n_parameters))

    def common_range(self) -> tuple[Array, Array]:
        """The largest lower and the smallest upper border of each output."""
        assert self.data.half_width is not None
        low = (self.data.targets - self.data.half_width).max(axis=1)
        high = (self.data.targets + self.data.half_width).min(axis=1)
        return np.minimum(low, high), high


def reweighted_vertex(data: Data, weights: Weights) -> Weights | None:
    """A vertex of few nonzeros over the patterns of a network of one output, by linear programs with weights
    1/(|u| + δ) [CWB]. All coordinates may enter, not the support alone; None where HiGHS gives the patterns up.
    """
    assert data.half_width is not None
    if not weights.n_neurons:
        return None
    signs, U = np.sign(weights.V[:, 0]), weights.U
    affine = data.affine.size > 0
    program = PatternProgram(data.inputs[:-1].T, data.targets[0], tolerance=data.half_width[0], affine=affine)
    program.add_neurons((U @ data.inputs > 0.0), signs)
    try:
        for delta in _DELTAS:
            program.set_costs(1.0 / (np.abs(U) + delta * np.abs(weights.U).max()))
            program.solve()
            U = program.hinges
    except (InfeasibleError, SolverError):
        return None
    U = np.where(np.abs(U) > _NO_WEIGHT * np.abs(U).max(initial=0.0), U, 0.0)
    return Weights(U, signs[:, None], program.affine_part[:, None]).normalised()


def search_round(
    annealing: Annealing, rng: np.random.Generator, heated: Weights | None, stop: Callable[[], bool]
) -> Iterator[Weights]:
    """Down the ladder from random neurons, or from `heated` at a random rung: the states to try.

    Every one comes twice: as it is, and relaxed to a vanishing penalty, where more weights survive.
    """
    if heated is None:
        first, state = 0, annealing.start(rng, _LEVELS[0])
    else:
        first, state = int(rng.integers(len(_LEVELS))), heated
    above = _LEVELS[first]
    for level, patience in zip(_LEVELS[first:], _PATIENCE[first:]):
        if stop():
            return
        for hops in (0, patience):
            state = annealing.cooled(state, above, level) if not hops else state
            state = annealing.hop(state, level, hops, rng, stop)
            yield state
            yield annealing.cooled(state, _LEVELS[-1], _LAST * _LEVELS[-1], stages=6)
        above = level
