"""The state of a fit: f(x) = Vᵀ (U x̄)_+ + Aᵀ x̄ as arrays whose zeros are exact, and its unknowns as one vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.model.network import ReLUNetwork

NOTHING = 1e-300
"""An entry of the affine part up to this, in standardised units, was let move and did not."""
BLOCK = 1 << 16
"""Rows handled at a time: a million rows of a hundred unknowns then need some fifty megabytes."""


class Block(NamedTuple):
    """Some rows: inputs X̄ (N, d + 1), ones last; targets (N, m); weights (N,)."""

    inputs: Array
    targets: Array
    weights: Array


@dataclass(frozen=True)
class Rows:
    """Rows in memory. Solvers ask for `blocks`, `n_inputs`, `n_outputs` and `total_weight` only.

    The last `n_slopes` inputs are for the affine part alone and the others for hinges; none: all are for both.
    """

    inputs: Array
    targets: Array
    weights: Array
    n_slopes: int = 0

    @classmethod
    def of(cls, X: Array, targets: Array, weights: Array | None = None) -> Rows:
        """Lay out X (N, d), targets (N,) or (N, m) and weights (N,)."""
        inputs = np.column_stack([X, np.ones(len(X))])
        return cls(inputs, targets.reshape(len(X), -1), np.ones(len(X)) if weights is None else weights)

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.inputs.shape[1] - 1

    @property
    def n_outputs(self) -> int:
        """Number of outputs m."""
        return self.targets.shape[1]

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def by_input(self) -> tuple[Array, Array, Array]:
        """Inputs X̄ᵀ (d + 1, N), first targets (N,) and weights (N,), laid out for compiled loops."""
        parts = self.inputs.T, self.targets[:, 0], self.weights
        inputs, target, weights = (np.ascontiguousarray(part, dtype=np.float64) for part in parts)
        return inputs, target, weights

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks."""
        for start in range(0, len(self.inputs), BLOCK):
            part = slice(start, start + BLOCK)
            yield Block(self.inputs[part], self.targets[part], self.weights[part])

    def take(self, rows: NDArray) -> Rows:
        """Some of the rows."""
        return Rows(self.inputs[rows], self.targets[rows], self.weights[rows], self.n_slopes)


@dataclass(frozen=True)
class Model:
    """f(x) = Vᵀ (U x̄)_+ + Aᵀ x̄ with U (K, d + 1), V (K, m), A (d + 1, m); for one output V = ±1 is fixed."""

    U: Array
    V: Array
    A: Array

    @classmethod
    def zero(cls, n_inputs: int, n_outputs: int) -> Model:
        """The network without neurons that is zero everywhere."""
        return cls(np.zeros((0, n_inputs + 1)), np.zeros((0, n_outputs)), np.zeros((n_inputs + 1, n_outputs)))

    @property
    def n_neurons(self) -> int:
        """Number of neurons K."""
        return len(self.U)

    @property
    def n_outputs(self) -> int:
        """Number of outputs m."""
        return self.V.shape[1]

    @property
    def is_constant(self) -> bool:
        """Whether it has neither neurons nor slopes."""
        return self.n_neurons == 0 and not self.A[:-1].any()

    @cached_property
    def size(self) -> int:
        """Nonzeros of hinges and affine part; of each neuron one is fixed by rescaling, but its bias always counts.

        Biases, and the intercepts of an affine part, count even where they are zero: in the user's units, with another
        origin, they are not.
        """
        hinges = np.count_nonzero(self.U[:, :-1]) + np.count_nonzero(self.V)
        affine = np.count_nonzero(self.A[:-1]) + self.n_outputs if self.A.any() else 0
        return int(hinges + affine)

    def __call__(self, inputs: Array) -> Array:
        """Predictions (N, m) for X̄ (N, d + 1)."""
        return np.maximum(inputs @ self.U.T, 0.0) @ self.V + inputs @ self.A

    def to_network(self) -> ReLUNetwork:
        """The same function as a network."""
        return ReLUNetwork.from_hinges(self.U, self.V, self.A)

    @classmethod
    def from_network(cls, network: ReLUNetwork) -> Model:
        """The same function, with V = ±1 for one output."""
        network = network.canonical() if network.n_outputs == 1 else network.balanced()
        U, V, A = network.hinges
        return cls(U, np.sign(V) if network.n_outputs == 1 else V, A)

    def take(self, neurons: NDArray) -> Model:
        """Keep the chosen neurons only."""
        return Model(self.U[neurons], self.V[neurons], self.A)

    def append(self, U: Array, V: Array) -> Model:
        """Add neurons."""
        return Model(np.vstack([self.U, U]), np.vstack([self.V, V]), self.A)

    def flipped(self, k: int) -> Model:
        """The same function with neuron k turned around, (t)_+ = t + (−t)_+, and its line in the affine part."""
        U = self.U.copy()
        U[k] *= -1.0
        return Model(U, self.V, self.A + np.outer(self.U[k], self.V[k]))

    def trimmed(self) -> Model:
        """Exact zeros in the affine part where nothing pulled at an entry."""
        return Model(self.U, self.V, np.where(np.abs(self.A) <= NOTHING, 0.0, self.A))

    def balanced(self) -> Model:
        """The same function with ‖u_k‖ = ‖v_k‖, so that a ridge on both costs least; one output stays as it is."""
        if self.n_outputs == 1 or self.n_neurons == 0:
            return self
        incoming, outgoing = np.linalg.norm(self.U, axis=1), np.linalg.norm(self.V, axis=1)
        alive = (incoming > 0.0) & (outgoing > 0.0)
        factor = np.sqrt(np.where(alive, outgoing, 1.0) / np.where(alive, incoming, 1.0))[:, None]
        return Model(self.U * factor, self.V / factor, self.A)

    def cleaned(self, ever_on: Mask, ever_off: Mask, affine: bool = True, lines: Array | None = None) -> Model:
        """The same function at the data with fewer neurons.

        Neurons that are nowhere on, or lead nowhere, are dropped; those that are nowhere off, or that have a bias only,
        are linear and go into the affine part where there is one, on its own inputs through `lines` if it has some. One
        of several outputs stays where it has fewer parameters than the slopes that it would leave.
        """
        leads = np.any(self.V != 0.0, axis=1)
        keep = leads & ever_on
        linear = keep & (~ever_off | ~np.any(self.U[:, :-1] != 0.0, axis=1)) & affine
        A = self.A
        for k in np.flatnonzero(linear):
            line = np.outer(self.U[k], self.V[k])
            folded = A + (line if lines is None else lines @ line)
            own = np.count_nonzero(self.U[k, :-1]) + np.count_nonzero(self.V[k])
            if np.count_nonzero(folded[:-1]) <= np.count_nonzero(A[:-1]) + own:
                A, keep[k] = folded, False
        return Model(self.U[keep], self.V[keep], A)


@dataclass(frozen=True)
class Unknowns:
    """The entries of a `Model` that may move: nonzeros of U, of V where there are several outputs, and of A."""

    neuron: NDArray
    coordinate: NDArray
    out_neuron: NDArray
    output: NDArray
    affine: NDArray
    affine_output: NDArray

    @classmethod
    def of(cls, model: Model, affine: bool = True, constants: bool = True) -> Unknowns:
        """Unknowns of a model, in the order U, V, A; without an affine part A stays as it is.

        With `constants` every neuron has a bias and every output an intercept, zero or not: see `Model.size`.
        """
        free_U = model.U != 0.0
        free_A = model.A != 0.0
        if constants:
            free_U[:, -1] = True
            free_A[-1] = True
        if not affine:
            free_A[:] = False
        free_V = (model.V != 0.0) if model.n_outputs > 1 else np.zeros_like(model.V, dtype=bool)
        return cls(*np.nonzero(free_U), *np.nonzero(free_V), *np.nonzero(free_A))

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.neuron.size + self.out_neuron.size + self.affine.size

    def gather(self, model: Model) -> Array:
        """Values of the unknowns, one vector."""
        return np.concatenate(
            [
                model.U[self.neuron, self.coordinate],
                model.V[self.out_neuron, self.output],
                model.A[self.affine, self.affine_output],
            ]
        )

    def scatter(self, model: Model, values: Array) -> Model:
        """The model with its unknowns set to `values`."""
        inner, hinge = self.neuron.size, self.neuron.size + self.out_neuron.size
        U, V, A = model.U.copy(), model.V, model.A.copy()
        U[self.neuron, self.coordinate] = values[:inner]
        if self.out_neuron.size:
            V = V.copy()
            V[self.out_neuron, self.output] = values[inner:hinge]
        A[self.affine, self.affine_output] = values[hinge:]
        return Model(U, V, A)

    def jacobian(self, model: Model, inputs: Array, on: Mask) -> Array:
        """Derivatives of the one output of a model by its unknowns, (N, P)."""
        slopes = on * model.V[:, 0]
        return np.hstack([inputs[:, self.coordinate] * slopes[:, self.neuron], inputs[:, self.affine]])

    def jacobians(self, model: Model, inputs: Array, on: Mask, hidden: Array) -> Array:
        """Derivatives of all outputs of a model by its unknowns, (m, N, P)."""
        moved = inputs[:, self.coordinate] * on[:, self.neuron]
        linear = np.hstack([hidden[:, self.out_neuron], inputs[:, self.affine]])
        output = np.concatenate([self.output, self.affine_output])
        by_weights = model.V[self.neuron].T[:, None, :] * moved
        by_linear = np.where(np.arange(model.n_outputs)[:, None, None] == output, linear, 0.0)
        return np.concatenate([by_weights, by_linear], axis=2)
