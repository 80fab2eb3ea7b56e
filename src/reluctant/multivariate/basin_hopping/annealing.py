"""Penalised fits on the state of the search, several outputs sharing neurons: majorised descent, kicks and hops.

The objective is ½ dist²(F, labels or band) + (λ/p) Σ_k (Σ_j |u_kj|^p + s_k^p Σ_c |v_kc|^p), |t|^p smoothed to
(t² + ε²)^{p/2}. The inner sum is over the free output weights, all but one ±1 a neuron, and s_k = max_j |u_kj| gives
them the size of their neuron: for p → 0 the sums count parameters, and for one output they are Σ|u|^p. With the s_k
held fixed and F(θ') = F(θ) + A (θ' − θ) up to second order, the quadratic majorant [CWB] is minimised by a weighted
ridge solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.backtracking import backtrack
from reluctant.multivariate.basin_hopping.hops import hop
from reluctant.multivariate.basin_hopping.reweighted import BACKTRACKS, SETTLED, weighted_ridge
from reluctant.multivariate.newton_prune.newton import squared_excess
from reluctant.multivariate.newton_prune.starts import random_hinges, random_outputs
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights
from reluctant.objective import majorant_weight, smoothed_power

SMOOTH = 1e-3
"""ε at the end of every relaxation, relative to the spread of the labels."""
_ROUGH = 0.3
_KICKED = 0.1
_FREE = 1e-6  # weight of the free affine part
_DROPPED = 1e-3
_MOST_KICKED = 3
_NOISE = 0.1  # of the mean weight
_FIRST = 5.0  # times the first λ: where an annealed start begins


@dataclass(frozen=True)
class Penalty:
    """λ, the smoothing ε of weights u, and p; output weights, of size one, are smoothed by `SMOOTH`."""

    lam: float
    eps: float
    p: float

    def value(self, unknowns: Unknowns, values: Array, weights: Weights) -> float:
        """(λ/p) Σ_k (Σ_j |u_kj|^p + s_k^p Σ_c |v_kc|^p), smoothed."""
        smoothing, price = self._parts(unknowns, weights)
        return self.lam / self.p * float(price @ smoothed_power(values[: unknowns.n_hinge], self.p, smoothing))

    def curvatures(self, unknowns: Unknowns, values: Array, weights: Weights) -> Array:
        """Coefficients of ½ λ θ² in the quadratic majorant at `values`, next to none for the affine part."""
        smoothing, price = self._parts(unknowns, weights)
        hinges = price * majorant_weight(values[: unknowns.n_hinge], self.p, smoothing)
        return np.append(hinges, np.full(unknowns.size - unknowns.n_hinge, _FREE))

    def _parts(self, unknowns: Unknowns, weights: Weights) -> tuple[Array, Array]:
        """The smoothing of each weight, and the factor of its power."""
        inner = unknowns.neuron.size
        smoothing, price = np.full(unknowns.n_hinge, self.eps), np.ones(unknowns.n_hinge)
        if inner < unknowns.n_hinge:
            smoothing[inner:] = SMOOTH
            sizes = np.abs(weights.U).max(axis=1, initial=0.0)[unknowns.out_neuron]
            price[inner:] = (sizes + self.eps) ** self.p
        return smoothing, price


def objective(data: Data, weights: Weights, penalty: Penalty) -> float:
    """½ dist² to the labels, or the band, plus the penalty."""
    unknowns = Unknowns.of(data, weights)
    return 0.5 * squared_excess(data, weights) + penalty.value(unknowns, unknowns.gather(weights), weights)


class Point(NamedTuple):
    """The unknowns, the weights they are, and the objective there."""

    values: Array
    weights: Weights
    value: float


def descend(data: Data, weights: Weights, penalty: Penalty, steps: int) -> Weights:
    """Lower the objective over the nonzeros of the weights; the activation pattern may flip on the way."""
    unknowns = Unknowns.of(data, weights)

    def at(values: Array) -> Point:
        trial = unknowns.scatter(weights, values)
        return Point(values, trial, objective(data, trial, penalty))

    point = Point(unknowns.gather(weights), weights, objective(data, weights, penalty))
    for _ in range(steps if unknowns.n_hinge else 0):
        A = unknowns.design(data, point.weights, np.ones(unknowns.size)).T
        aim = data.excess(point.weights.residuals(data)).ravel() + A @ point.values
        curvatures = penalty.curvatures(unknowns, point.values, point.weights)
        fitted = weighted_ridge(A, 1.0 / curvatures, aim, penalty.lam)
        found = None if fitted is None else backtrack(at, point.values, fitted - point.values, point.value, BACKTRACKS)
        if found is None:
            break
        before, (point, _) = point.value, found
        if before - point.value < SETTLED * point.value:
            break
    return point.weights


def without_small(data: Data, weights: Weights) -> Weights:
    """The state less what is negligible, beside the largest weight or in its row of output weights."""
    U = np.where(np.abs(weights.U) < _DROPPED * np.abs(weights.U).max(initial=0.0), 0.0, weights.U)
    return Weights(U, np.where(np.abs(weights.V) < _DROPPED, 0.0, weights.V), weights.affine).normalised(data)


def anneal(data: Data, weights: Weights, lams: Array, epsilons: Array, p: float, steps: int = 3) -> Weights:
    """Descend along a schedule of (λ, ε), dropping what has become negligible after each stage."""
    for lam, eps in zip(lams, epsilons):
        weights = without_small(data, descend(data, weights, Penalty(lam, eps, p), steps))
    return weights


def mean_size(weights: Weights) -> float:
    """Mean |u| over the nonzeros."""
    return float(np.abs(weights.U).sum() / max(np.count_nonzero(weights.U), 1))


def added(data: Data, weights: Weights, rng: np.random.Generator) -> Weights:
    """With one to three random neurons more."""
    n = 1 + int(rng.integers(_MOST_KICKED))
    U = random_hinges(data, n, rng) * (2.0 * mean_size(weights))
    return weights.append(U, random_outputs(n, data.n_outputs, rng))


def replaced(data: Data, weights: Weights, rng: np.random.Generator) -> Weights:
    """With one to three random neurons in the place of some."""
    kept = np.sort(rng.permutation(weights.n_neurons)[1 + int(rng.integers(_MOST_KICKED)) :])
    return added(data, weights.take(kept), rng) if kept.size else added(data, weights, rng)


def filled(data: Data, weights: Weights, rng: np.random.Generator) -> Weights:
    """With small noise on every weight: all zeros may come back."""
    U = weights.U + _NOISE * mean_size(weights) * rng.standard_normal(weights.U.shape)
    noise = _NOISE * rng.standard_normal(weights.V.shape)
    return Weights(U, np.where(np.abs(weights.V) == 1.0, weights.V, weights.V + noise), weights.affine).normalised()


def filled_and_added(data: Data, weights: Weights, rng: np.random.Generator) -> Weights:
    """Both."""
    return added(data, filled(data, weights, rng), rng)


def turned(data: Data, weights: Weights, rng: np.random.Generator) -> Weights:
    """By (t)_+ = (−t)_+ + t for one neuron, the linear term as a pair of neurons for the others to absorb."""
    k = rng.integers(weights.n_neurons)
    U, u, v = weights.U.copy(), weights.U[k], weights.V[k]
    U[k] = -u
    return filled(data, Weights(U, weights.V, weights.affine), rng).append(np.stack([u, -u]), np.stack([v, -v]))


_KICKS = (added, replaced, filled, filled_and_added, turned)


@dataclass(frozen=True)
class Annealing:
    """Starts, relaxations and hops for one set of data; λ counts in `unit`, labels squared per first neuron."""

    data: Data
    p: float
    spread: float
    n_start: int
    unit: float

    @classmethod
    def of(cls, data: Data, p: float) -> Annealing:
        """Sizes of the labels, less their affine part where that is free."""
        rest, basis = data.targets, data.inputs[data.affine]
        if data.affine.size:
            rest = rest - np.linalg.lstsq(basis.T, rest.T)[0].T @ basis
        square = float(np.sum(rest**2))
        spread = float(np.sqrt(np.mean(np.var(data.targets, axis=1)))) or float(np.abs(data.targets).max()) or 1.0
        n_start = max(6, data.n_equations // (2 + 2 * data.n_outputs))
        return cls(data, p, spread, n_start, square / n_start * spread**-p)

    def start(self, rng: np.random.Generator, level: float) -> Weights:
        """Random neurons annealed down to the penalty `level`."""
        n = self.n_start
        U = random_hinges(self.data, n, rng) * (2.0 * np.sqrt(2.0 / n) * self.spread)
        weights = Weights.empty(self.data).append(U, random_outputs(n, self.data.n_outputs, rng))
        return self.cooled(weights, _FIRST * level, level, stages=10, rough=_ROUGH)

    def cooled(self, weights: Weights, above: float, level: float, stages: int = 4, rough: float = SMOOTH) -> Weights:
        """Annealed from one level of the penalty to another, ε going down from `rough`."""
        lams = self.unit * np.geomspace(above, level, stages)
        return anneal(self.data, weights, lams, self.spread * np.geomspace(rough, SMOOTH, stages), self.p)

    def hop(
        self, weights: Weights, level: float, patience: int, rng: np.random.Generator, stop: Callable[[], bool]
    ) -> Weights:
        """Kick, relax and keep what has a lower objective, until `patience` hops in a row gained nothing."""
        sharp = Penalty(self.unit * level, 0.0, self.p)

        def move(weights: Weights) -> Weights | None:
            if not weights.n_neurons:
                return None
            kick = _KICKS[rng.integers(len(_KICKS))]
            return self.cooled(kick(self.data, weights, rng), level, level, stages=6, rough=_KICKED)

        return hop(weights, move, lambda weights: objective(self.data, weights, sharp), patience, stop)
