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
from reluctant.effort import Clock
from reluctant.errors import InfeasibleError, SolverError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.basin_hopping.annealing import Annealing
from reluctant.multivariate.basin_hopping.hops import reheated, rungs
from reluctant.multivariate.basin_hopping.reweighted import one_blas_thread
from reluctant.multivariate.newton_prune.kicks import KICKS, fill_neurons
from reluctant.multivariate.newton_prune.newton import squared_excess
from reluctant.multivariate.newton_prune.pruners import NeuronPruner, ParameterPruner
from reluctant.multivariate.newton_prune.state import Data, Units, Weights
from reluctant.multivariate.proofs.program import PatternProgram

SECONDS = 10.0
"""Time where neither a clock nor a number of rounds is given."""
_LEVELS = (1e-2, 1e-3, 1e-4, 1e-5)
_PATIENCE = (10, 15, 15, 15)
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


def sparsest_within(
    X: Array,
    y: Array,
    tolerance: float | Array,
    *,
    affine: bool = False,
    aim: Aim | None = None,
    starts: Sequence[ReLUNetwork] = (),
    p: float = 0.5,
    clock: Clock | None = None,
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
    aim : Aim, optional
        What is counted, parameters by default, and the count at which to stop.
    starts : sequence of ReLUNetwork
        Networks within the band, an interpolant for example, or near it; they are pruned first.
    p : float
        Exponent of the penalty of the search.
    clock, max_rounds : Clock and int, optional
        When to stop; with rounds alone the answer does not depend on the clock. Ten seconds where neither is given.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Within or None
        The sparsest found; nothing is claimed about the minimum. None where no network
        within the band was reached in time.

    Raises
    ------
    ValueError
        If a tolerance is not positive.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    >>> Y = np.abs(X[:, [0]]) * [1.0, -2.0]
    >>> found = sparsest_within(X, Y, 0.01, max_rounds=2, random_state=0)
    >>> found.network.n_parameters, found.network.n_outputs
    (4, 2)
    """
    tolerance = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), np.shape(y))
    if not (tolerance > 0).all():
        where = tuple(int(i) for i in np.argwhere(~(tolerance > 0))[0])
        raise ValueError(
            f"tolerance must be positive, got {tolerance[where]} at row {where[0]}; use interpolate for exact fits"
        )
    clock = clock or Clock(SECONDS if max_rounds is None else np.inf)
    Y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    units = Units.of(X, Y)
    data = Data.from_arrays(units.rows(X), Y / units.y, affine, tolerance.reshape(Y.shape) / units.y, units.far)
    search = _Search(data, aim or Aim(target=0), p, np.random.default_rng(random_state), clock.expired)
    with one_blas_thread():
        search.begin([units.scaled(network, affine) for network in starts])
        while search.round != max_rounds and not clock.expired() and not search.reached():
            search.advance()
    return None if search.best is None else Within(units.network(search.best), tuple(search.history))


class _Search:
    """The sparsest network within the band so far."""

    def __init__(self, data: Data, aim: Aim, p: float, rng: np.random.Generator, stop: Callable[[], bool]) -> None:
        self.data, self.aim, self.rng, self.stop = data, aim, rng, stop
        self.annealing = Annealing.of(data, p)
        self.best: Weights | None = None
        self.history: list[tuple[int, int, int]] = []
        self.round = 0

    def reached(self) -> bool:
        """Whether the best is as sparse as asked for."""
        return self.aim.reached(self.best)

    def begin(self, starts: Sequence[Weights]) -> None:
        """Prune what is given, after a constant for every output, which may be zero."""
        empty = Weights.empty(self.data)
        bias = np.append(np.zeros(self.data.n_inputs), 1.0)[None, :]
        constant = empty.append(bias, np.clip(0.0, *self.common_range())[None, :]).normalised()
        for weights in (empty, constant, *starts):
            if not self.reached():
                self.prune(weights)

    def advance(self) -> None:
        """One round: states that are not much larger than the best are pruned, and the sparsest of them is kicked."""
        self.round += 1
        best = self.best
        pruned: list[Weights] = []
        for weights in search_round(self.annealing, self.rng, reheated(best, self.rng), self.stop):
            if best is None or weights.n_parameters <= _WORTH_TRYING * best.n_parameters:
                pruned += self.prune(weights)
            if self.reached():
                return
        if pruned:
            self.climb(min(pruned, key=self.aim.key))
        if self.best is not None and self.best is not best and self.data.n_outputs == 1 and not self.stop():
            vertex = reweighted_vertex(self.data, self.best)
            if vertex is not None:
                self.prune(vertex)

    def climb(self, weights: Weights) -> None:
        """Add freedom at random, prune back and keep what is not worse, until a few kicks in a row brought nothing."""
        kicks, idle = KICKS[self.aim.minimize], 0
        while idle < _KICKS_IN_VAIN and not self.reached() and not self.stop():
            idle += 1
            kick = kicks[self.rng.integers(len(kicks))]
            for kicked in self.prune(kick(self.data, weights, self.rng, 1)):
                gain = self.aim.count(weights) - self.aim.count(kicked)
                weights = kicked if gain >= 0 else weights
                idle = 0 if gain > 0 else idle

    def prune(self, weights: Weights) -> list[Weights]:
        """Move into the band, prune there, and keep what is better than the best; what it came to, if it got there."""
        limit, target = weights.weight_limit(), self.aim.target or 0
        pruner = ParameterPruner(self.data, self.rng, self.stop, limit, target)
        solved = None
        if self.aim.minimize == "neurons":
            whole = NeuronPruner(self.data, self.rng, self.stop, limit, target)
            # Dense neurons leave the most freedom for deleting whole ones.
            solved = whole.solve(fill_neurons(self.data, weights, self.rng, weights.n_neurons))
            pruner.target = 0
        if solved is None:
            solved = pruner.solve(weights)
        if solved is None:
            return []
        if self.aim.minimize == "neurons":
            solved = whole.prune(solved)
        pruned = pruner.prune(solved)
        self.offer(pruned)
        return [pruned]

    def offer(self, weights: Weights) -> None:
        """Keep a network within the band if it is sparser than the best."""
        merged = weights.merged(affine=self.data.affine.size > 0)
        if squared_excess(self.data, merged) == 0.0:
            weights = self.aim.better(weights, merged)
        if self.aim.improves(weights, self.best):
            self.best = weights
            self.history.append((self.round, self.aim.count(weights), weights.n_parameters))

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
    state = annealing.start(rng, _LEVELS[0]) if heated is None else heated
    for above, level, patience in rungs(_LEVELS, _PATIENCE, rng, heated is not None):
        if stop():
            return
        for hops in (0, patience):
            state = annealing.cooled(state, above, level) if not hops else state
            state = annealing.hop(state, level, hops, rng, stop)
            yield state
            yield annealing.cooled(state, _LEVELS[-1], _LAST * _LEVELS[-1], stages=6)
