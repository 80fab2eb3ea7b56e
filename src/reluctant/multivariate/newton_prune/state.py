"""The state of the search in R^d: dense arrays whose zeros are exact, and the unknowns as one vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from reluctant.arrays import Array, Mask
from reluctant.model.centring import carried_back, products
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.newton_prune import _kernels
from reluctant.multivariate.points import power_of_two
from reluctant.objective import path_norm


@dataclass(frozen=True)
class Data:
    """Data laid out for the solver: labels to interpolate, or bands round them.

    `inputs` is X̄ᵀ (d + 1, N), ones last; `targets` is yᵀ (m, N); `affine` lists the rows of `inputs` that span a free
    affine part, a basis of the column space of X̄, or is empty where the network has none. `half_width` (m, N), all
    positive, is how far each label may be missed; None where all are to be met. `far` (d,) marks columns that are
    centred here and lie far from zero for the user: a neuron on one of them has a bias there, whatever it is here.
    """

    inputs: Array
    targets: Array
    affine: NDArray
    half_width: Array | None = None
    far: Mask | None = None

    @classmethod
    def from_arrays(
        cls, X: Array, y: Array, affine: bool = False, half_width: Array | None = None, far: Mask | None = None
    ) -> Data:
        """Lay out X (N, d), y (N,) or (N, m) and half-widths of the shape of y."""
        X = np.asarray(X, dtype=np.float64)
        inputs = np.vstack([X.T, np.ones(len(X))])
        basis = independent_rows(inputs) if affine else np.empty(0, dtype=np.intp)
        band = None if half_width is None else by_output(half_width, len(X))
        return cls(np.ascontiguousarray(inputs), by_output(y, len(X)), basis, band, far)

    def excess(self, residual: Array, share: float = 1.0) -> Array:
        """By how much residuals (m, N) leave this share of the band, signed; the residuals themselves without one."""
        if self.half_width is None:
            return residual
        aim = share * self.half_width
        return residual - np.clip(residual, -aim, aim)

    @property
    def n_points(self) -> int:
        """N."""
        return self.inputs.shape[1]

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.inputs.shape[0] - 1

    @property
    def n_outputs(self) -> int:
        """Number of outputs m."""
        return self.targets.shape[0]

    @property
    def n_equations(self) -> int:
        """Number of equations m N."""
        return self.targets.size

    @property
    def generic_parameters(self) -> int:
        """Only special labels need fewer than m (N − r) parameters; r = rank X̄ with an affine part, else 0.

        Within a band nothing of the kind is known.
        """
        return 0 if self.half_width is not None else self.n_outputs * (self.n_points - self.affine.size)

    @property
    def generic_neurons(self) -> int:
        """Neurons of d + m parameters that hold so many."""
        return -(-self.generic_parameters // (self.n_inputs + self.n_outputs))


def by_output(a: Array, n_points: int) -> Array:
    """Values (N,) or (N, m) as a contiguous array (m, N)."""
    return np.ascontiguousarray(np.asarray(a, dtype=np.float64).reshape(n_points, -1).T)


def independent_rows(inputs: Array) -> NDArray:
    """Indices of a largest set of independent rows, by QR with column pivoting."""
    _, R, order = qr(inputs.T, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(R))
    rank = int(np.count_nonzero(diagonal > 1e-10 * diagonal.max(initial=0.0)))
    return np.sort(order[:rank]).astype(np.intp)


@dataclass(frozen=True)
class Weights:
    """f(x) = Σ_k V_k (u_k · x̄)_+ + affineᵀ x̄ with U (K, d + 1), V (K, m) and affine (d + 1, m).

    The largest entry of every row of V is exactly ±1: this fixes the scale of the neuron (u, v) → (u/α, α v), so
    for one output V holds the signs and U the effective weights, and there are as many unknowns as the path norm
    counts [NN].
    """

    U: Array
    V: Array
    affine: Array

    @property
    def n_neurons(self) -> int:
        """Number of neurons K."""
        return len(self.U)

    @property
    def n_parameters(self) -> int:
        """ℓ0 path norm for one output; Σ_k ‖u_k‖_0 + ‖v_k‖_0 − 1 in general."""
        return int(np.count_nonzero(self.U) + np.count_nonzero(self.V)) - self.n_neurons

    def path_norm(self, p: float) -> float:
        """Σ_k ‖v_k‖_p^p ‖u_k‖_p^p, biases counted."""
        return path_norm(self.U, self.V, p)

    @classmethod
    def empty(cls, data: Data) -> Weights:
        """The zero network."""
        d, m = data.n_inputs, data.n_outputs
        return cls(np.zeros((0, d + 1)), np.zeros((0, m)), np.zeros((d + 1, m)))

    @classmethod
    def from_network(cls, network: ReLUNetwork) -> Weights:
        """The state of a network, its dead neurons left out."""
        return cls(*network.hinges).normalised()

    def to_network(self) -> ReLUNetwork:
        """The network with |v_k| = 1 for one output."""
        return ReLUNetwork.from_hinges(self.U, self.V, self.affine)

    def residuals(self, data: Data) -> Array:
        """Residuals y − f(X), shape (m, N)."""
        Z = _kernels.preactivations(data.inputs, self.U)
        return _kernels.residuals(data.inputs, data.targets, Z, self.V, self.affine)

    def normalised(self, data: Data | None = None) -> Weights:
        """The same function without dead neurons and with the largest entry of each row of V equal to ±1.

        Given data, neurons that are inactive at every point go too: they are free, whatever the surgeon's costs say.
        """
        alive = np.any(self.U != 0.0, axis=1) & np.any(self.V != 0.0, axis=1)
        if data is not None:
            alive &= np.any(_kernels.preactivations(data.inputs, self.U) > 0.0, axis=1)
        U, V = self.U[alive], self.V[alive]
        largest = np.max(np.abs(V), axis=1, initial=0.0, keepdims=True)
        return Weights(U * largest, V / largest, self.affine)

    def merged(self, affine: bool) -> Weights:
        """The same function with neurons of one hinge joined, opposite ones too where there is an affine part."""
        return Weights.from_network(self.to_network().merged(affine=affine))

    def weight_limit(self) -> float:
        """Bound on |u| in a search that begins here: deletions that need more are not worth having."""
        return max(1e3, 10.0 * float(np.abs(self.U).max(initial=0.0)))

    def take(self, neurons: NDArray) -> Weights:
        """Keep the chosen neurons only."""
        return Weights(self.U[neurons], self.V[neurons], self.affine)

    def append(self, U: Array, V: Array) -> Weights:
        """Add neurons."""
        return Weights(np.vstack([self.U, U]), np.vstack([self.V, V]), self.affine)


@dataclass(frozen=True)
class Unknowns:
    """Which entries of `Weights` are unknown: nonzeros of U, nonzeros of V except one ±1 a row, and the affine part.

    `deletable` says of each whether a parameter is saved where it becomes zero.
    """

    neuron: NDArray
    coordinate: NDArray
    out_neuron: NDArray
    output: NDArray
    affine: NDArray
    n_outputs: int
    deletable: Mask

    @classmethod
    def of(cls, data: Data, weights: Weights) -> Unknowns:
        """Unknowns of a state, in the order hinge coordinates, free output weights, affine part."""
        # Contiguous ones: the compiled code is compiled again for strided ones, which `nonzero` gives.
        neuron, coordinate = map(np.ascontiguousarray, np.nonzero(weights.U))
        free = weights.V != 0.0
        free[np.arange(len(free)), np.argmax(np.abs(weights.V), axis=1)] = False
        out_neuron, output = map(np.ascontiguousarray, np.nonzero(free))
        n_hinge = neuron.size + out_neuron.size
        deletable = np.arange(n_hinge + data.affine.size * data.n_outputs) < n_hinge
        if data.far is not None:
            on_far = (weights.U[:, :-1][:, data.far] != 0.0).any(axis=1)
            deletable[: neuron.size] &= ~((coordinate == data.n_inputs) & on_far[neuron])
        return cls(neuron, coordinate, out_neuron, output, data.affine, data.n_outputs, deletable)

    @property
    def n_hinge(self) -> int:
        """Number of unknowns that are not of the affine part."""
        return self.neuron.size + self.out_neuron.size

    @property
    def size(self) -> int:
        """Number of all unknowns."""
        return self.n_hinge + self.affine.size * self.n_outputs

    @property
    def places(self) -> tuple[NDArray, ...]:
        """Where the unknowns stand, as the compiled loops take it."""
        return self.neuron, self.coordinate, self.out_neuron, self.output, self.affine

    def of_neuron(self, k: int) -> NDArray:
        """Places of the unknowns that belong to neuron k."""
        return np.flatnonzero(np.concatenate([self.neuron, self.out_neuron]) == k)

    def gather(self, weights: Weights) -> Array:
        """Values of the unknowns, one vector."""
        return np.concatenate(
            [
                weights.U[self.neuron, self.coordinate],
                weights.V[self.out_neuron, self.output],
                weights.affine[self.affine].ravel(),
            ]
        )

    def scatter(self, weights: Weights, values: Array) -> Weights:
        """The state with its unknowns set to `values`."""
        U, V, affine = weights.U.copy(), weights.V, weights.affine
        inner = self.neuron.size
        U[self.neuron, self.coordinate] = values[:inner]
        if self.out_neuron.size:
            V = V.copy()
            V[self.out_neuron, self.output] = values[inner : self.n_hinge]
        if self.affine.size:
            affine = affine.copy()
            affine[self.affine] = values[self.n_hinge :].reshape(self.affine.size, self.n_outputs)
        return Weights(U, V, affine)

    def design(self, data: Data, weights: Weights, scale: Array, dtype: type = np.float64) -> NDArray:
        """Derivatives of all outputs with respect to the unknowns, times `scale`, transposed: (size, m N)."""
        Z = _kernels.preactivations(data.inputs, weights.U)
        B: NDArray = np.empty((self.size, data.n_equations), dtype=dtype)
        _kernels.fill_design(
            B,
            scale.astype(dtype),
            data.inputs,
            Z,
            weights.V,
            self.neuron,
            self.coordinate,
            self.out_neuron,
            self.output,
            self.affine,
        )
        return B


def carried(hinges: Array, centre: Array, beside: Array) -> Array:
    """Rows (w, b) of hinges of x − centre as rows of x; see `carried_back`."""
    return np.column_stack(carried_back(hinges[:, :-1], hinges[:, -1], centre, beside))


FAR = 8.0
"""A column whose middle lies so many times its half-range from zero is searched centred."""
BESIDE = 0.38
"""Where, in its unit from the middle of such a column, a weight changed by last places leaves a hinge as it is."""


@dataclass(frozen=True)
class Units:
    """Centres and powers of two that bring every column of X and y to at most one in size; y is not shifted.

    Scaling changes no count. A centre moves the biases of neurons on its column, so only columns far from zero get
    one, such as years or time stamps, on which a bias of exactly zero means nothing.
    """

    x: Array
    y: Array
    centre: Array

    @classmethod
    def of(cls, X: Array, y: Array) -> Units:
        """Units of the data."""
        low, high = X.min(axis=0), X.max(axis=0)
        middle, reach = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
        centre = np.where((np.abs(middle) > FAR * reach) & (reach > 0.0), middle, 0.0)
        size = np.abs(X - centre).max(axis=0)
        return cls(2.0 * power_of_two(size), 2.0 * power_of_two(np.abs(y).max(axis=0)), centre)

    @property
    def far(self) -> Mask | None:
        """The columns that have a centre, shape (d,); None where none has."""
        far = self.centre != 0.0
        return far if far.any() else None

    def rows(self, X: Array) -> Array:
        """X (N, d) in these units."""
        return (X - self.centre) / self.x

    def network(self, weights: Weights) -> ReLUNetwork:
        """The network in the units of the data."""
        x, y = np.append(self.x, 1.0), self.y
        V = weights.V * y
        size = np.max(np.abs(V), axis=1, initial=0.0, keepdims=True)
        U, affine = weights.U / x * size, weights.affine * y / x[:, None]
        if self.far is not None:
            beside = self.centre + np.where(self.far, BESIDE * self.x, 0.0)
            U, affine = (carried(hinges, self.centre, beside) for hinges in (U, affine.T))
            affine = affine.T
        return ReLUNetwork.from_hinges(U, V / size, affine)

    def scaled(self, network: ReLUNetwork, affine: bool = True) -> Weights:
        """The state of a network in the units of the data, without its affine part where none is wanted."""
        x = np.append(self.x, 1.0)
        U, V, A = (np.array(part) for part in network.hinges)
        U[:, -1], _ = products(U[:, :-1], self.centre, U[:, -1])
        A[-1], _ = products(A[:-1].T, self.centre, A[-1])
        part = A * x[:, None] / self.y if affine else np.zeros_like(A)
        return Weights(U * x, V / self.y, part).normalised()
