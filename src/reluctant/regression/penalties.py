"""Penalties on the unknowns of a `Model`: value, and the weights w of the quadratic ½ Σ w_j θ_j² that stands for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reluctant.arrays import Array
from reluctant.objective import majorant_weight, smoothed_power
from reluctant.regression.model import Model, Unknowns


class Penalty(Protocol):
    """A penalty with gradient w θ, w ≥ 0 being weights of the unknowns, and for one output a curvature of at most w."""

    def value(self, model: Model) -> float:
        """The penalty."""

    def weights(self, model: Model, unknowns: Unknowns) -> Array:
        """The weights w, one for each unknown."""


@dataclass(frozen=True)
class Ridge:
    """½ (λ ‖U‖² + λ ‖V‖² + λ_A ‖slopes‖² + λ_c ‖intercept‖²); V counts where it is free, with several outputs."""

    hinges: float
    slopes: float
    intercept: float

    def value(self, model: Model) -> float:
        """The penalty."""
        outgoing = np.vdot(model.V, model.V) if model.n_outputs > 1 else 0.0
        hinges = self.hinges * (np.vdot(model.U, model.U) + outgoing)
        slopes, intercept = model.A[:-1], model.A[-1]
        affine = self.slopes * np.vdot(slopes, slopes) + self.intercept * np.vdot(intercept, intercept)
        return float(0.5 * (hinges + affine))

    def weights(self, model: Model, unknowns: Unknowns) -> Array:
        """The weights w."""
        constant = unknowns.affine == len(model.A) - 1
        hinges = np.full(unknowns.neuron.size + unknowns.out_neuron.size, self.hinges)
        return np.concatenate([hinges, np.where(constant, self.intercept, self.slopes)])


@dataclass(frozen=True)
class PathPower:
    """Σ_k (Σ_c g_ε(v_kc)) (Σ_j a_j g_ε(u_kj)) with g_ε(t) = (t² + ε²)^{p/2} − ε^p: the ℓp path norm as ε → 0.

    For one output |v_k| = 1 and the first factor is 1. The affine part costs `affine`, a small ridge that keeps its
    equations regular.

    With one output ½ Σ w θ² with these weights, and a constant, majorises the penalty. With several it does so in the
    u for given v, and in the v for given u, but not in both at once: there the safeguard is that `minimise` takes a
    step only if the objective falls.

    Parameters
    ----------
    coefficients : ndarray, shape (d + 1,)
        a_j ≥ 0, the bias last.
    p : float
        In (0, 1].
    epsilon : float
        ε ≥ 0; 0 only for `value`.
    affine : float
        Weight of ½ ‖A‖².
    """

    coefficients: Array
    p: float
    epsilon: float
    affine: float = 0.0

    def value(self, model: Model) -> float:
        """The penalty."""
        return float(np.sum(self._incoming(model) * self._outgoing(model)) + 0.5 * self.affine * np.sum(model.A**2))

    def weights(self, model: Model, unknowns: Unknowns) -> Array:
        """P a_j (u² + ε²)^{p/2 − 1}, times the other factor of the neuron."""
        incoming, outgoing = self._incoming(model), self._outgoing(model)
        u = model.U[unknowns.neuron, unknowns.coordinate]
        v = model.V[unknowns.out_neuron, unknowns.output]
        on_u = outgoing[unknowns.neuron] * self.coefficients[unknowns.coordinate] * self._slope(u)
        on_v = incoming[unknowns.out_neuron] * self._slope(v)
        return np.concatenate([on_u, on_v, np.full(unknowns.affine.size, self.affine)])

    def _power(self, t: Array) -> Array:
        return np.asarray(smoothed_power(t, self.p, self.epsilon) - self.epsilon**self.p)

    def _slope(self, t: Array) -> Array:
        return np.asarray(self.p * majorant_weight(t, self.p, self.epsilon))

    def _incoming(self, model: Model) -> Array:
        return self._power(model.U) @ self.coefficients

    def _outgoing(self, model: Model) -> Array:
        return np.ones(model.n_neurons) if model.n_outputs == 1 else self._power(model.V).sum(axis=1)
