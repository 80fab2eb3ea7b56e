"""Random neurons, starts and kicks for the sparse fits of `reweighted`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import never
from reluctant.multivariate.basin_hopping.reweighted import Equations, Hinges, anneal

Kick = Callable[[np.random.Generator, Equations, Hinges], Hinges]

EPS = 1e-3
"""Smoothing ε at the end of every relaxation, for labels of spread about one."""
_FILL = 0.1


def random_hinges(rng: np.random.Generator, data: Equations, n: int, size: float) -> Hinges:
    """Dense random neurons, each with its hinge through a data point."""
    W = rng.standard_normal((n, data.n_coordinates - 1)) / np.sqrt(data.n_coordinates - 1)
    through = data.Xbar[rng.integers(len(data.Xbar), size=n), :-1]
    return Hinges(rng.choice([-1.0, 1.0], n), size * np.column_stack([W, -np.sum(W * through, axis=1)]))


def penalty_unit(data: Equations) -> float:
    """Size of the labels per neuron of a start; λ is measured in it."""
    return float(data.targets @ data.targets) / n_start(data)


def n_start(data: Equations) -> int:
    """Neurons to start from: a quarter of the equations, at least six."""
    return max(6, data.n_equations // 4)


def annealed_start(data: Equations, rng: np.random.Generator, lam: float, p: float, stop: Callable[[], bool]) -> Hinges:
    """Random neurons annealed down to the penalty λ."""
    n = n_start(data)
    hinges = random_hinges(rng, data, n, 2 * np.sqrt(2 / n))
    return anneal(data, hinges, np.geomspace(5 * lam, lam, 10), np.geomspace(0.3, EPS, 10), p, stop=stop)


def relax(data: Equations, hinges: Hinges, lam: float, p: float, stop: Callable[[], bool] = never) -> Hinges:
    """Down to the penalised minimum near a kicked state."""
    return anneal(data, hinges, np.full(6, lam), np.geomspace(0.1, EPS, 6), p, stop=stop)


def mean_size(U: Array) -> float:
    """Mean |u| over the nonzeros."""
    return float(np.abs(U).sum() / max(np.count_nonzero(U), 1)) or 1.0


def add(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """One to three random neurons more."""
    return hinges.append(*random_hinges(rng, data, int(rng.integers(1, 4)), mean_size(hinges.U)))


def replace(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """One to three random neurons in the place of others."""
    n = min(hinges.n_neurons, int(rng.integers(1, 4)))
    which = rng.choice(hinges.n_neurons, n, replace=False)
    signs, U = hinges.signs.copy(), hinges.U.copy()
    signs[which], U[which] = random_hinges(rng, data, n, mean_size(U))
    return Hinges(signs, U)


def fill(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """Small noise on every weight: all zeros may come back."""
    U = hinges.U
    return hinges.with_weights(U + _FILL * mean_size(U) * rng.standard_normal(U.shape))


def fill_and_add(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """Both."""
    return add(rng, data, fill(rng, data, hinges))


def split(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """Two nearby neurons in the place of one, a large one rather than a small one."""
    signs, U = hinges
    sizes = np.abs(U).sum(axis=1)
    k = rng.choice(len(U), p=sizes / sizes.sum())
    share = rng.uniform(0.2, 0.8)
    noise = _FILL * np.abs(U[k]).max() * rng.standard_normal((2, U.shape[1]))
    halves = np.array([[share], [1 - share]]) * U[k] + noise
    return Hinges(np.delete(signs, k), np.delete(U, k, axis=0)).append([signs[k]] * 2, halves)


def turn_round(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """σ(t)_+ = σ(−t)_+ + σt for one neuron, the linear term as a pair of neurons for the others to absorb."""
    k = rng.integers(hinges.n_neurons)
    linear = hinges.signs[k] * hinges.U[k]
    U = hinges.U.copy()
    U[k] = -U[k]
    return fill(rng, data, hinges.with_weights(U)).append([1.0, -1.0], [linear, -linear])


KICKS: tuple[Kick, ...] = (add, replace, fill, fill_and_add, turn_round)


def kicked(rng: np.random.Generator, data: Equations, hinges: Hinges, kicks: tuple[Kick, ...] = KICKS) -> Hinges | None:
    """One of the kicks, drawn at random; None where there is no neuron to kick."""
    return kicks[rng.integers(len(kicks))](rng, data, hinges) if hinges.n_neurons else None
