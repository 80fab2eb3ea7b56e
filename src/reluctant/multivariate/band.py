"""Networks of few parameters, or neurons, within a tolerance band |f(x_i) − y_i| ≤ ε_i.

The search for planted networks with the labels free in their band: ½ dist²(f(X), band) = min over z in the band of
½‖f(X) − z‖², so the penalised objective is lowered by turns in the weights, at labels z, and in z, by clipping.
Every network kept is tried in the linear program over its patterns, whose reweighted ℓ1 may need fewer parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from reluctant.errors import InfeasibleError, SolverError
from reluctant.multivariate.bounds import Count
from reluctant.multivariate.hops import EPS, annealed_start, fill, hop, penalty_unit
from reluctant.multivariate.planted import Solve, prune_below, simplest
from reluctant.multivariate.program import PatternProgram
from reluctant.multivariate.reweighted import (
    Array,
    Clock,
    Equations,
    Hinges,
    HingeSum,
    data_scale,
    drop_small,
    majorised_descent,
    newton_into_band,
    one_blas_thread,
)
from reluctant.objective import lp_power

_LEVELS = (1e-2, 1e-3, 1e-4, 1e-5)
_PATIENCE = (10, 15, 15, 15)
_REHEATED = 0.5
_LAST = 1e-1  # of the smallest λ: where the support is read off
_WORTH_TRYING = 1.5  # times the best size
_NEURON_TRIES = 6
_DELTAS = (1e-1, 1e-1, 1e-2, 1e-2, 1e-3, 1e-3)  # of max|u|
_NO_WEIGHT = 1e-9  # of max|u|: below this a level of the linear program is zero


@dataclass(frozen=True)
class BandNetwork(HingeSum):
    """A network within the band; `history` lists (round, count, parameters) of every improvement."""

    history: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Band:
    """Equations and the half-width (N,) of the band round every label."""

    data: Equations
    tolerance: Array

    def clip(self, values: Array) -> Array:
        """The nearest labels within the band."""
        return np.clip(values, self.data.y - self.tolerance, self.data.y + self.tolerance)

    def labels(self, signs: Array, U: Array, z: Array) -> tuple[Array, Array]:
        """Predictions with the affine part that fits labels z best, and the nearest labels within the band."""
        data = self.data
        f = np.maximum(data.Xbar @ U.T, 0.0) @ signs
        if data.complement is not None:
            left = z - f
            f = z - data.complement.T @ (data.complement @ left)
        return f, self.clip(f)


def anneal_within(band: Band, signs: Array, U: Array, lams: Array, epsilons: Array, p: float, steps: int = 3) -> Hinges:
    """Majorised descent along a schedule of (λ, ε), the labels moving within the band between the steps."""
    z = band.data.y
    for lam, eps in zip(lams, epsilons):
        for _ in range(steps):
            if not len(signs):
                break
            z = band.labels(signs, U, z)[1]
            U = majorised_descent(replace(band.data, y=z), signs, U, lam, eps, p, 1)
        signs, U = drop_small(signs, U, 1e-3)
    return signs, U


def penalised_within(band: Band, signs: Array, U: Array, lam: float, p: float) -> float:
    """½ dist²(f(X), band) + (λ/p) Σ|u|^p."""
    z = band.data.y
    for _ in range(1 if band.data.complement is None else 3):
        f, z = band.labels(signs, U, z)
    return 0.5 * float(np.sum((f - z) ** 2)) + lam / p * float(lp_power(U, p))


def sparsest_within(
    X: Array,
    y: Array,
    tolerance: float | Array,
    *,
    affine: bool = False,
    minimize: Count = "parameters",
    target: int = 0,
    start: Hinges | None = None,
    p: float = 0.5,
    time_limit: float | None = 10.0,
    max_rounds: int | None = None,
    random_state: int | np.random.Generator | None = None,
) -> BandNetwork | None:
    """Look for a network of few hinge parameters, or neurons, with |f(x_i) − y_i| ≤ ε_i.

    Parameters
    ----------
    X : ndarray, shape (N, d)
    y : ndarray, shape (N,)
    tolerance : float or ndarray, shape (N,)
        ε_i > 0.
    affine : bool
        Whether a free affine part is added, which is not counted.
    minimize : {"parameters", "neurons"}
        What is counted; with "neurons", their parameters come second.
    target : int
        Count at which to stop.
    start : (signs, U), optional
        A network within the band, an interpolant for example; it is pruned first.
    p : float
        Exponent of the penalty of the search.
    time_limit, max_rounds : float and int, optional
        When to stop; with rounds alone the answer does not depend on the clock.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    BandNetwork or None
        The sparsest found; nothing is claimed about the minimum. None where no network
        within the band was reached in time.

    Raises
    ------
    ValueError
        If a tolerance is not positive, or neither limit is given.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    >>> found = sparsest_within(X, np.abs(X[:, 0]), 0.01, max_rounds=2, time_limit=None, random_state=0)
    >>> found.n_parameters
    2
    """
    tolerance = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), np.shape(y))
    if not (tolerance > 0).all():
        row = int(np.argmin(tolerance > 0))
        raise ValueError(
            f"tolerance must be positive, got {tolerance[row]} at row {row}; use interpolate for exact fits"
        )
    if time_limit is None and max_rounds is None:
        raise ValueError("time_limit and max_rounds are both None; give at least one, or the search never ends")
    clock = Clock(time_limit)
    rng = np.random.default_rng(random_state)
    scale = data_scale(y)
    band = Band(Equations.of(X, y / scale, affine), tolerance / scale)
    search = _Search(band, minimize, rng, clock.expired)
    search.offer(np.zeros(0), np.zeros((0, band.data.Xbar.shape[1])))
    try:
        with one_blas_thread():
            if search.best is None and start is not None:
                search.prune(start[0], start[1] / scale)
            while search.round != max_rounds and not clock.expired() and search.count > target:
                search.round += 1
                best = search.best
                heated = (best.signs, best.U) if best is not None and rng.random() < _REHEATED else None
                for signs, U in search_round(band, rng, heated, p, clock.expired):
                    if best is None or np.count_nonzero(U) <= _WORTH_TRYING * best.n_parameters:
                        search.prune(signs, U)
                    if search.count <= target:
                        break
    except KeyboardInterrupt:
        if search.best is None:
            raise
    if search.best is None:
        return None
    return replace(search.best, U=search.best.U * scale, affine=search.best.affine * scale)


@dataclass
class _Search:
    """The sparsest network within the band so far."""

    band: Band
    minimize: Count
    rng: np.random.Generator
    stop: Callable[[], bool]
    best: BandNetwork | None = None
    round: int = 0

    @property
    def count(self) -> float:
        """Parameters or neurons of the best; infinite where there is none."""
        return np.inf if self.best is None else self.key(self.best.U)[0]

    def key(self, U: Array) -> tuple[float, ...]:
        """The count asked for, then parameters, then the ℓp norm (p = ½)."""
        n_parameters, norm = int(np.count_nonzero(U)), float(lp_power(U, 0.5))
        return (n_parameters, norm) if self.minimize == "parameters" else (len(U), n_parameters, norm)

    def solve(self, signs: Array, U: Array) -> Array | None:
        """The hinges moved into the band, or None."""
        moved = newton_into_band(self.band.data, self.band.tolerance, signs, U, self.band.data.affine_part(signs, U))
        return None if moved is None else moved[0]

    def prune(self, signs: Array, U: Array) -> None:
        """Move into the band, prune there, and try the linear program over the patterns of what is left."""
        data = self.band.data
        solved = None
        if self.minimize == "neurons":  # dense neurons leave the most freedom for deleting whole ones
            dense_signs, dense = fill(self.rng, data, signs, U)
            solved = self.solve(dense_signs, dense)
        if solved is None:
            solved = self.solve(signs, U)
        if solved is None:
            return
        if self.minimize == "neurons":
            signs, solved = prune_neurons(data, signs, solved, self.solve, self.stop)
        signs, U = simplest(data, *drop_small(signs, solved, 0.0), self.solve, self.stop)
        if self.offer(signs, U) and not self.stop():
            vertex = reweighted_vertex(self.band, signs, U)
            if vertex is not None:
                solved = self.solve(*vertex)
                if solved is not None:
                    self.offer(*prune_below(data, vertex[0], solved, self.solve, self.stop))

    def offer(self, signs: Array, U: Array) -> bool:
        """Keep the network with its affine part, if it lies within the band and is sparser than the best."""
        data = self.band.data
        moved = newton_into_band(data, self.band.tolerance, signs, U, data.affine_part(signs, U))
        if moved is None or (self.best is not None and self.key(moved[0]) >= self.key(self.best.U)):
            return False
        history = () if self.best is None else self.best.history
        count, size = self.key(moved[0])[0], int(np.count_nonzero(moved[0]))
        self.best = BandNetwork(signs, *moved, (*history, (self.round, int(count), size)))
        return True


def prune_neurons(data: Equations, signs: Array, U: Array, solve: Solve, stop: Callable[[], bool]) -> Hinges:
    """Delete whole neurons of a solution, among the cheapest, while a re-solve succeeds.

    The price of a group g is that of the surgeon, u_gᵀ ((H⁻¹)_gg)⁻¹ u_g, H = AᵀA in the metric |u|.
    """
    while len(U) and not stop():
        signs, U = drop_small(signs, U, 0.0)
        for k in np.argsort(group_prices(data, signs, U))[:_NEURON_TRIES]:
            kept = np.arange(len(U)) != k
            solved = solve(signs[kept], U[kept])
            if solved is not None:
                signs, U = signs[kept], solved
                break
        else:
            break
    return signs, U


def group_prices(data: Equations, signs: Array, U: Array) -> Array:
    """What the deletion of each neuron costs, a ridge standing in for directions the data leave free."""
    support = np.nonzero(U)
    size = np.abs(U[support])
    root = np.sqrt(size + 1e-3 * size.mean())
    B = data.design(signs, U, support) * root
    H = B.T @ B
    H.flat[:: len(H) + 1] += 1e-10 * np.trace(H) / len(H)
    inverse, x = np.linalg.inv(H), U[support] / root
    prices = np.empty(len(U))
    for k in range(len(U)):
        group = np.flatnonzero(support[0] == k)
        prices[k] = x[group] @ np.linalg.solve(inverse[np.ix_(group, group)], x[group])
    return prices


def reweighted_vertex(band: Band, signs: Array, U: Array) -> Hinges | None:
    """A vertex of few nonzeros over the patterns of the network, by linear programs with weights 1/(|u| + δ) [CWB].

    All coordinates are free to enter, not the support alone; None where HiGHS gives the patterns up.
    """
    data = band.data
    program = PatternProgram(data.Xbar[:, :-1], data.y, tolerance=band.tolerance, affine=data.complement is not None)
    program.add_neurons((data.Xbar @ U.T > 0.0).T, signs)
    hinges = U
    try:
        for delta in _DELTAS:
            program.set_costs(1.0 / (np.abs(hinges) + delta * np.abs(U).max()))
            program.solve()
            hinges = program.hinges
    except (InfeasibleError, SolverError):
        return None
    return drop_small(signs, hinges, _NO_WEIGHT)


def search_round(
    band: Band, rng: np.random.Generator, heated: Hinges | None, p: float, stop: Callable[[], bool]
) -> Iterator[Hinges]:
    """Down the ladder from random neurons, or from `heated` at a random rung: the basins to try.

    Every basin comes twice: as it is, and relaxed to a vanishing penalty, where more weights survive.
    """
    data = band.data
    lams = penalty_unit(data) * np.asarray(_LEVELS)
    if heated is None:
        first, state = 0, annealed_start(data, rng, lams[0], p, stop)
    else:
        first, state = int(rng.integers(len(lams))), heated
    vanishing = partial(
        anneal_within, band, lams=np.geomspace(lams[-1], _LAST * lams[-1], 6), epsilons=np.full(6, EPS), p=p
    )
    above = lams[first]
    for lam, patience in zip(lams[first:], _PATIENCE[first:]):
        if stop():
            return
        state = anneal_within(band, *state, np.geomspace(above, lam, 4), np.full(4, EPS), p)
        yield state
        yield vanishing(*state)
        relax = partial(anneal_within, band, lams=np.full(6, lam), epsilons=np.geomspace(0.1, EPS, 6), p=p)
        state = hop(rng, data, state, relax, partial(penalised_within, band, lam=lam, p=p), patience, stop)
        yield state
        yield vanishing(*state)
        above = lam
