"""Basin hopping on sparse hinges: kicks that leave a local minimum, and the loop that accepts what is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reluctant.arrays import Array
from reluctant.multivariate.basin_hopping.reweighted import Equations, Hinges, anneal

Kick = Callable[[np.random.Generator, Equations, Array, Array], Hinges]
EPS = 1e-3
"""Smoothing ε at the end of every relaxation, for labels of spread about one."""
_FILL = 0.1
_GAIN = 1e-6


def random_hinges(rng: np.random.Generator, data: Equations, n: int, size: float) -> Hinges:
    """Dense random neurons, each with its hinge through a data point."""
    W = rng.standard_normal((n, data.Xbar.shape[1] - 1)) / np.sqrt(data.Xbar.shape[1] - 1)
    through = data.Xbar[rng.integers(len(data.Xbar), size=n), :-1]
    return rng.choice([-1.0, 1.0], n), size * np.column_stack([W, -np.sum(W * through, axis=1)])


def penalty_unit(data: Equations) -> float:
    """Size of the labels per neuron of a start; λ is measured in it."""
    return float(data.targets @ data.targets) / n_start(data)


def n_start(data: Equations) -> int:
    """Neurons to start from: a quarter of the equations, at least six."""
    return max(6, data.n_equations // 4)


def annealed_start(data: Equations, rng: np.random.Generator, lam: float, p: float, stop: Callable[[], bool]) -> Hinges:
    """Random neurons annealed down to the penalty λ."""
    n = n_start(data)
    state = random_hinges(rng, data, n, 2 * np.sqrt(2 / n))
    return anneal(data, *state, np.geomspace(5 * lam, lam, 10), np.geomspace(0.3, EPS, 10), p, stop=stop)


def relax(data: Equations, signs: Array, U: Array, lam: float, p: float) -> Hinges:
    """Down to the penalised minimum near a kicked state."""
    return anneal(data, signs, U, np.full(6, lam), np.geomspace(0.1, EPS, 6), p)


def mean_size(U: Array) -> float:
    """Mean |u| over the nonzeros."""
    return float(np.abs(U).sum() / max(np.count_nonzero(U), 1)) or 1.0


def add(rng: np.random.Generator, data: Equations, signs: Array, U: Array) -> Hinges:
    """One to three random neurons more."""
    new_signs, V = random_hinges(rng, data, int(rng.integers(1, 4)), mean_size(U))
    return np.concatenate([signs, new_signs]), np.vstack([U, V])


def replace(rng: np.random.Generator, data: Equations, signs: Array, U: Array) -> Hinges:
    """One to three random neurons in the place of others."""
    n = min(len(U), int(rng.integers(1, 4)))
    which = rng.choice(len(U), n, replace=False)
    signs, U = signs.copy(), U.copy()
    signs[which], U[which] = random_hinges(rng, data, n, mean_size(U))
    return signs, U


def fill(rng: np.random.Generator, data: Equations, signs: Array, U: Array) -> Hinges:
    """Small noise on every weight: all zeros may come back."""
    return signs, U + _FILL * mean_size(U) * rng.standard_normal(U.shape)


def fill_and_add(rng: np.random.Generator, data: Equations, signs: Array, U: Array) -> Hinges:
    """Both."""
    return add(rng, data, *fill(rng, data, signs, U))


def split(rng: np.random.Generator, data: Equations, signs: Array, U: Array) -> Hinges:
    """Two nearby neurons in the place of one, a large one rather than a small one."""
    sizes = np.abs(U).sum(axis=1)
    k = rng.choice(len(U), p=sizes / sizes.sum())
    share = rng.uniform(0.2, 0.8)
    noise = _FILL * np.abs(U[k]).max() * rng.standard_normal((2, U.shape[1]))
    halves = np.array([[share], [1 - share]]) * U[k] + noise
    return np.append(np.delete(signs, k), [signs[k]] * 2), np.vstack([np.delete(U, k, axis=0), halves])


def turn_round(rng: np.random.Generator, data: Equations, signs: Array, U: Array) -> Hinges:
    """σ(t)_+ = σ(−t)_+ + σt for one neuron, the linear term as a pair of neurons for the others to absorb."""
    k = rng.integers(len(U))
    linear = signs[k] * U[k]
    U = U.copy()
    U[k] = -U[k]
    signs, U = fill(rng, data, signs, U)
    return np.concatenate([signs, [1.0, -1.0]]), np.vstack([U, linear, -linear])


KICKS: tuple[Kick, ...] = (add, replace, fill, fill_and_add, turn_round)


def hop(
    rng: np.random.Generator,
    data: Equations,
    state: Hinges,
    relax: Callable[[Array, Array], Hinges],
    value: Callable[[Array, Array], float],
    patience: int,
    stop: Callable[[], bool],
    kicks: tuple[Kick, ...] = KICKS,
    enough: float = -np.inf,
) -> Hinges:
    """Kick, relax and keep what has a lower value, until it is `enough` or `patience` hops in a row gained nothing."""
    best = value(*state)
    idle = 0
    while idle < patience and best > enough and len(state[0]) and not stop():
        kick = kicks[rng.integers(len(kicks))]
        trial = relax(*kick(rng, data, *state))
        trial_value = value(*trial)
        idle = 0 if trial_value < best * (1 - _GAIN) else idle + 1
        if trial_value < best:
            state, best = trial, trial_value
    return state
