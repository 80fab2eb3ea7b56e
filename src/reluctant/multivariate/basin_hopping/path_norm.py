"""Interpolants of small ℓp path norm Σ|u|^p, 0 < p ≤ 1.

The same hops as for planted networks, carried on among exact interpolants: a ladder of penalties gives a start, then
kicks followed by a relaxation at small λ and an exact solve in the metric |u|^{2−p} are kept when Σ|u|^p drops. Rounds
begin from random neurons or from the best interpolant so far, heated up again to one of the penalties.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock, never
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.hops import hop, reheated, rungs
from reluctant.multivariate.basin_hopping.kicks import EPS, annealed_start, kicked, penalty_unit, relax
from reluctant.multivariate.basin_hopping.reweighted import (
    Equations,
    Hinges,
    anneal,
    data_scale,
    newton_on_support,
    one_blas_thread,
    penalised_value,
)
from reluctant.multivariate.points import power_of_two
from reluctant.objective import lp_power

SECONDS = 10.0
"""Time where neither a clock nor a number of rounds is given."""
_LEVELS = (1e-2, 1e-3, 1e-4)
_PATIENCE = (15, 25, 40)
_PATIENCE_EXACT = 30
_LAST = 1e-8
_EXACT = 1e-10  # of max|y|


@dataclass(frozen=True)
class Interpolant:
    """A network found: `value` is its Σ|u|^p; `history` lists (round, value, parameters) of every improvement."""

    hinges: Hinges
    affine: Array
    value: float
    history: tuple[tuple[int, float, int], ...] = ()

    @property
    def network(self) -> ReLUNetwork:
        """The network."""
        return self.hinges.network(self.affine)


def minimise_path_norm(
    X: Array,
    y: Array,
    p: float,
    *,
    affine: bool = False,
    start: Hinges | None = None,
    clock: Clock | None = None,
    max_rounds: int | None = None,
    random_state: int | np.random.Generator | None = None,
) -> Interpolant | None:
    """Look for an interpolant of small Σ|u|^p, biases counted [NN, eq. 2].

    Parameters
    ----------
    X : ndarray, shape (N, d)
        Distinct rows.
    y : ndarray, shape (N,)
    p : float
        In (0, 1].
    affine : bool
        Whether a free affine part is added, which is not counted.
    start : Hinges, optional
        An interpolant to improve, or a network near one.
    clock, max_rounds : Clock and int, optional
        When to stop; with rounds alone the answer does not depend on the clock. Ten seconds where neither is given.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Interpolant or None
        The best found, within 1e-10 · max|y| of every label; `start` where it is one and nothing better was found.
        A local search: nothing is claimed about the minimum. None where no interpolant was reached in time.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    >>> found = minimise_path_norm(X, np.abs(X[:, 0]), 0.5, max_rounds=2, random_state=0)
    >>> round(found.value, 6), found.hinges.n_parameters
    (2.0, 2)
    """
    clock = clock or Clock(SECONDS if max_rounds is None else np.inf)
    rng = np.random.default_rng(random_state)
    scale = data_scale(y)
    units = np.append(power_of_two(np.abs(X).max(axis=0)), 1.0)
    data = Equations.of(X, y / scale, affine, units)
    tol = _EXACT * float(np.abs(data.y).max(initial=0.0))
    if not data.n_equations or np.abs(data.targets).max() <= tol:
        return _interpolant(data, Hinges.none(data.n_coordinates), p, scale, [])

    value = partial(exact_value, data, p=p, tol=tol)
    best = None if start is None else start.with_weights(start.U * units / scale)
    lowest = np.inf if best is None else value(best)
    history: list[tuple[int, float, int]] = []
    rounds = 0
    with one_blas_thread():
        while rounds != max_rounds and not clock.expired():
            rounds += 1
            # Until an interpolant is known the first round goes on to its end; it begins small.
            stop = never if best is None else clock.expired
            found = search_round(data, rng, reheated(best, rng), p, tol, clock.expired, stop)
            if value(found) < lowest:
                best, lowest = found, value(found)
                history.append((rounds, lowest * scale**p, found.n_parameters))
    return None if best is None or np.isinf(lowest) else _interpolant(data, best, p, scale, history)


def _interpolant(
    data: Equations, hinges: Hinges, p: float, scale: float, history: list[tuple[int, float, int]]
) -> Interpolant:
    U, affine = (part * scale / data.units for part in (hinges.U, data.affine_part(hinges)))
    return Interpolant(hinges.with_weights(U), affine, float(lp_power(U, p)), tuple(history))


def exact_value(data: Equations, hinges: Hinges, p: float, tol: float) -> float:
    """Σ|u|^p of an interpolant, infinite for anything else."""
    return float(lp_power(hinges.U / data.units, p)) if np.abs(data.residual(hinges)).max() <= tol else np.inf


def search_round(
    data: Equations,
    rng: np.random.Generator,
    heated: Hinges | None,
    p: float,
    tol: float,
    stop: Callable[[], bool],
    give_up: Callable[[], bool] = never,
) -> Hinges:
    """Down the ladder from random neurons, or from `heated` at a random rung, then hops among interpolants.

    `stop` ends the hops, `give_up` the round, which then may end at no interpolant.
    """
    unit = penalty_unit(data)
    lams = [unit * level for level in _LEVELS]
    last, vanishing = lams[-1], unit * _LAST
    state = annealed_start(data, rng, lams[0], p, stop) if heated is None else heated

    def move(hinges: Hinges, lam: float, exactly: bool) -> Hinges | None:
        shaken = kicked(rng, data, hinges)
        if shaken is None:
            return None
        relaxed = relax(data, shaken, lam, p, give_up)
        return interpolant_near(data, relaxed, last, vanishing, p, tol, give_up) if exactly else relaxed

    for above, lam, patience in rungs(lams, _PATIENCE, rng, heated is not None):
        state = anneal(data, state, np.geomspace(above, lam, 4), np.full(4, EPS), p, stop=give_up)
        value = partial(penalised_value, data, lam=lam, p=p)
        state = hop(state, partial(move, lam=lam, exactly=False), value, patience, stop)
    state = interpolant_near(data, state, last, vanishing, p, tol, give_up)
    value = partial(exact_value, data, p=p, tol=tol)
    return hop(state, partial(move, lam=last, exactly=True), value, _PATIENCE_EXACT, stop)


def interpolant_near(
    data: Equations,
    hinges: Hinges,
    first: float,
    last: float,
    p: float,
    tol: float,
    stop: Callable[[], bool] = never,
) -> Hinges:
    """λ and ε → 0 from a penalised minimum, then an exact solve on the support, which may fail."""
    lams, epsilons = np.geomspace(first, last, 8), np.geomspace(EPS, EPS / 10, 8)
    hinges = anneal(data, hinges, lams, epsilons, p, drop=1e-4, stop=stop)
    return newton_on_support(data, hinges, tol / 10, p, stop=stop)[0]
