"""Interpolants of small ℓp path norm Σ|u|^p, 0 < p ≤ 1.

The same hops as for planted networks, carried on among exact interpolants: a ladder of penalties gives a start, then
kicks followed by a relaxation at small λ and an exact solve in the metric |u|^{2−p} are kept when Σ|u|^p drops. Rounds
begin from random neurons or from the best interpolant so far, heated up again to one of the penalties.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from reluctant.arrays import Array
from reluctant.multivariate.basin_hopping.hops import EPS, annealed_start, hop, penalty_unit, relax
from reluctant.multivariate.basin_hopping.reweighted import (
    Clock,
    Equations,
    Hinges,
    HingeSum,
    anneal,
    data_scale,
    newton_on_support,
    one_blas_thread,
    penalised_value,
)
from reluctant.multivariate.points import power_of_two
from reluctant.objective import check_p, lp_power

_LEVELS = (1e-2, 1e-3, 1e-4)
_PATIENCE = (15, 25, 40)
_PATIENCE_EXACT = 30
_REHEATED = 0.5  # share of the rounds that begin from the best interpolant
_LAST = 1e-8
_EXACT = 1e-10  # of max|y|


@dataclass(frozen=True)
class Interpolant(HingeSum):
    """A network found: `value` is its Σ|u|^p; `history` lists (round, value, parameters) of every improvement."""

    value: float
    history: tuple[tuple[int, float, int], ...] = ()
    interrupted: bool = False  # whether the user ended the search


def minimise_path_norm(
    X: Array,
    y: Array,
    p: float,
    *,
    affine: bool = False,
    start: Hinges | None = None,
    time_limit: float | None = 10.0,
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
    start : (signs, U), optional
        An interpolant to improve, or a network near one.
    time_limit, max_rounds : float and int, optional
        When to stop; with rounds alone the answer does not depend on the clock.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Interpolant or None
        The best found, within 1e-10 · max|y| of every label; `start` where it is one and nothing better was found.
        A local search: nothing is claimed about the minimum. None where no interpolant was reached in time.

    Raises
    ------
    ValueError
        If p is not in (0, 1], or neither limit is given.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    >>> found = minimise_path_norm(X, np.abs(X[:, 0]), 0.5, max_rounds=2, time_limit=None, random_state=0)
    >>> round(found.value, 6), found.n_parameters
    (2.0, 2)
    """
    p = check_p(p, zero=False)
    if time_limit is None and max_rounds is None:
        raise ValueError("time_limit and max_rounds are both None; give at least one, or the search never ends")
    clock = Clock(time_limit)
    rng = np.random.default_rng(random_state)
    scale = data_scale(y)
    units = np.append(power_of_two(np.abs(X).max(axis=0)), 1.0)
    data = Equations.of(X, y / scale, affine, units)
    tol = _EXACT * float(np.abs(data.y).max(initial=0.0))
    if not data.n_equations or np.abs(data.targets).max() <= tol:
        return _interpolant(data, np.zeros(0), np.zeros((0, data.Xbar.shape[1])), p, scale, ())

    value = partial(exact_value, data, p=p, tol=tol)
    best = None if start is None else (start[0], start[1] * units / scale)
    lowest = np.inf if best is None else value(*best)
    history: list[tuple[int, float, int]] = []
    rounds, interrupted = 0, False
    try:
        with one_blas_thread():
            while rounds != max_rounds and not clock.expired():
                rounds += 1
                heated = best if best is not None and rng.random() < _REHEATED else None
                found = search_round(data, rng, heated, p, tol, clock.expired)
                if value(*found) < lowest:
                    best, lowest = found, value(*found)
                    history.append((rounds, lowest * scale**p, int(np.count_nonzero(found[1]))))
    except KeyboardInterrupt:
        if best is None:
            raise
        interrupted = True
    if best is None or np.isinf(lowest):
        return None
    return replace(_interpolant(data, *best, p, scale, tuple(history)), interrupted=interrupted)


def _interpolant(
    data: Equations, signs: Array, U: Array, p: float, scale: float, history: tuple[tuple[int, float, int], ...]
) -> Interpolant:
    affine = data.affine_part(signs, U)
    U, affine = U * scale / data.units, affine * scale / data.units
    return Interpolant(signs, U, affine, float(lp_power(U, p)), history)


def exact_value(data: Equations, signs: Array, U: Array, p: float, tol: float) -> float:
    """Σ|u|^p of an interpolant, infinite for anything else."""
    return float(lp_power(U / data.units, p)) if np.abs(data.residual(signs, U)).max() <= tol else np.inf


def search_round(
    data: Equations, rng: np.random.Generator, heated: Hinges | None, p: float, tol: float, stop: Callable[[], bool]
) -> Hinges:
    """Down the ladder from random neurons, or from `heated` at a random rung, then hops among interpolants."""
    unit = penalty_unit(data)
    lams = unit * np.asarray(_LEVELS)
    if heated is None:
        first, state = 0, annealed_start(data, rng, lams[0], p, stop)
    else:
        first, state = int(rng.integers(len(lams))), heated
    above = lams[first]
    for lam, patience in zip(lams[first:], _PATIENCE[first:]):
        state = anneal(data, *state, np.geomspace(above, lam, 4), np.full(4, EPS), p)
        value = partial(penalised_value, data, lam=lam, p=p)
        state = hop(rng, data, state, partial(relax, data, lam=lam, p=p), value, patience, stop)
        above = lam

    def relax_exactly(signs: Array, U: Array) -> Hinges:
        return interpolant_near(data, *relax(data, signs, U, lams[-1], p), lams[-1], unit * _LAST, p, tol)

    state = interpolant_near(data, *state, lams[-1], unit * _LAST, p, tol)
    return hop(rng, data, state, relax_exactly, partial(exact_value, data, p=p, tol=tol), _PATIENCE_EXACT, stop)


def interpolant_near(
    data: Equations, signs: Array, U: Array, first: float, last: float, p: float, tol: float
) -> Hinges:
    """λ and ε → 0 from a penalised minimum, then an exact solve on the support, which may fail."""
    lams, epsilons = np.geomspace(first, last, 8), np.geomspace(EPS, EPS / 10, 8)
    signs, U = anneal(data, signs, U, lams, epsilons, p, drop=1e-4)
    return signs, newton_on_support(data, signs, U, tol / 10, p)[0]
