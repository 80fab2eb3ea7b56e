"""Optimal-brain-surgeon deletions on the manifold of interpolants.

At an interpolant with design A and metric w let B = A diag(√w) and x = u/√w. The moves that keep every label, to
first order, are the null space of B. Deleting unknown q at the least weighted cost moves x by −x_q Π_q/Π_qq, Π the
projector on that null space, and costs x_q²/Π_qq [Hassibi and Stork 1993, in the metric w].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm, strsm

from reluctant.arrays import Array
from reluctant.multivariate.newton_prune.newton import cholesky, cholesky_solve, gram, relative_metric
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights

_TINY = 1e-12
_RIDGE = 1e-10


def _factorised(B: NDArray) -> NDArray:
    G = gram(B)
    ridge = 1e-7 if B.dtype == np.float32 else 1e-12
    while (factor := cholesky(G, ridge)) is None:
        ridge *= 100.0
    return factor


def deletion_costs(data: Data, weights: Weights, unknowns: Unknowns, dtype: type = np.float64) -> Array:
    """x_q²/Π_qq for every deletable unknown, with Π_qq = 1 − ‖V_q‖²."""
    x, V = _projected(data, weights, unknowns, dtype)
    free = 1.0 - np.einsum("ij,ij->j", V, V)[: unknowns.n_hinge]
    x = x[: unknowns.n_hinge]
    return np.where(unknowns.deletable[: unknowns.n_hinge], x**2 / np.maximum(free, 1e-9), np.inf)


def neuron_deletion_costs(data: Data, weights: Weights, dtype: type = np.float64) -> Array:
    """x_gᵀ Π_gg⁻¹ x_g for the unknowns g of every neuron, with Π_gg = I − V_gᵀ V_g."""
    unknowns = Unknowns.of(data, weights)
    x, V = _projected(data, weights, unknowns, dtype)
    costs = np.empty(weights.n_neurons)
    for k in range(weights.n_neurons):
        group = unknowns.of_neuron(k)
        columns = V[:, group].astype(np.float64)
        free = np.eye(group.size) - columns.T @ columns
        costs[k] = x[group] @ np.linalg.solve(free + 1e-6 * np.eye(group.size), x[group])
    return costs


def _projected(data: Data, weights: Weights, unknowns: Unknowns, dtype: type) -> tuple[Array, NDArray]:
    """x, and V = L⁻¹B with the Cholesky factor L of B Bᵀ, by one triangular solve: Π = I − VᵀV."""
    values = unknowns.gather(weights)
    root = np.sqrt(relative_metric(values, unknowns))
    B = unknowns.design(data, weights, root, dtype)
    factor = _factorised(B)
    trsm = strsm if dtype == np.float32 else dtrsm
    return values / root, trsm(1.0, factor, B.T, lower=1, overwrite_b=1)


@dataclass
class Tangent:
    """The null space of the design at an interpolant, as an orthonormal basis (size, e), with x and √w of the point.

    Deletions are applied to it one after the other, each linearised at the same interpolant.
    """

    weights: Weights
    unknowns: Unknowns
    root: Array
    x: Array
    basis: Array
    alive: NDArray

    @classmethod
    def at(cls, data: Data, weights: Weights, rng: np.random.Generator) -> Tangent:
        """Project random vectors on the null space: N P e work, for a full orthogonal factorisation is N² P."""
        unknowns = Unknowns.of(data, weights)
        values = unknowns.gather(weights)
        root = np.sqrt(relative_metric(values, unknowns))
        B = unknowns.design(data, weights, root)
        factor = _factorised(B)
        basis = rng.standard_normal((unknowns.size, unknowns.size - data.n_equations))
        for _ in range(2):
            basis -= B @ cholesky_solve(factor, np.asfortranarray(B.T @ basis))
            basis = np.linalg.qr(basis)[0]
        alive = np.arange(unknowns.size) < unknowns.n_hinge
        return cls(weights, unknowns, root, values / root, basis, alive)

    def costs(self) -> Array:
        """x_q²/Π_qq, infinite for what is deleted already or cannot be deleted."""
        free = np.einsum("qe,qe->q", self.basis, self.basis)
        possible = self.alive & self.unknowns.deletable & (free > _TINY)
        return np.where(possible, self.x**2 / np.maximum(free, _TINY), np.inf)

    def cheapest(self, n: int) -> NDArray:
        """The n deletable unknowns of least cost, cheapest first."""
        costs = self.costs()
        order = np.argpartition(costs, n)[:n] if n < costs.size else np.arange(costs.size)
        order = order[np.isfinite(costs[order])]
        return order[np.argsort(costs[order], kind="stable")]

    def trials(self, chosen: NDArray) -> Array:
        """Values of the unknowns with each of these deleted, to first order, shape (len(chosen), size)."""
        rows = self.basis[chosen]
        lengths = -self.x[chosen] / np.einsum("qe,qe->q", rows, rows)
        values = self.root * (self.x + (lengths[:, None] * rows) @ self.basis.T)
        values[:, : self.unknowns.n_hinge][:, ~self.alive[: self.unknowns.n_hinge]] = 0.0
        values[np.arange(len(chosen)), chosen] = 0.0
        return values

    def _neuron_shift(self, k: int) -> Array:
        """Coordinates, in the basis, of the least move that deletes neuron k."""
        members = self.unknowns.of_neuron(k)
        return np.linalg.lstsq(self.basis[members], -self.x[members], rcond=1e-6)[0]

    def neuron_costs(self) -> Array:
        """Squared length of the least move that deletes each neuron, plus what of the neuron no move reaches."""
        costs = np.empty(self.weights.n_neurons)
        for k in range(costs.size):
            members, shift = self.unknowns.of_neuron(k), self._neuron_shift(k)
            left = self.x[members] + self.basis[members] @ shift
            costs[k] = shift @ shift + left @ left
        return costs

    def without_neuron(self, k: int) -> Weights:
        """The state with neuron k deleted, to first order."""
        moved = self.unknowns.scatter(self.weights, self.root * (self.x + self.basis @ self._neuron_shift(k)))
        return moved.take(np.delete(np.arange(moved.n_neurons), k))

    def delete(self, q: int) -> None:
        """Move x by the deletion of q and keep the null directions that leave q alone (one Householder reflection)."""
        row = self.basis[q].copy()
        self.x = self.x + self.basis @ (row * (-self.x[q] / (row @ row)))
        reflector = row
        reflector[0] += np.copysign(np.linalg.norm(row), row[0])
        image = self.basis @ reflector
        self.basis = (self.basis - np.outer(image, reflector * (2.0 / (reflector @ reflector))))[:, 1:]
        self.alive[q] = False
        self.basis[q] = 0.0
        self.x[q] = 0.0


@dataclass
class Curvature:
    """C = (B Bᵀ + λI)⁻¹ at a state, with x and √w: where no move keeps all labels, those that change them least.

    Deleting unknown q moves x by −x_q C_q/C_qq at the price x_q²/C_qq, the least rise of |r|² to second order; λ is
    small and stands in for directions the data leave free. A group g moves x by −C_g C_gg⁻¹ x_g.
    """

    weights: Weights
    unknowns: Unknowns
    root: Array
    x: Array
    inverse: Array

    @classmethod
    def at(cls, data: Data, weights: Weights) -> Curvature:
        """Invert in the metric of the steps."""
        unknowns = Unknowns.of(data, weights)
        values = unknowns.gather(weights)
        root = np.sqrt(relative_metric(values, unknowns))
        B = unknowns.design(data, weights, root)
        H = B @ B.T
        H.flat[:: len(H) + 1] += _RIDGE * np.trace(H) / len(H) + np.finfo(np.float64).tiny
        return cls(weights, unknowns, root, values / root, np.linalg.inv(H))

    def costs(self) -> Array:
        """x_q²/C_qq, infinite for what cannot be deleted."""
        n = self.unknowns.n_hinge
        return np.where(self.unknowns.deletable[:n], self.x[:n] ** 2 / np.diag(self.inverse)[:n], np.inf)

    def cheapest(self, n: int) -> NDArray:
        """The n deletable unknowns of least cost, cheapest first."""
        costs = self.costs()
        order = np.argsort(costs, kind="stable")[:n]
        return order[np.isfinite(costs[order])]

    def trials(self, chosen: NDArray) -> Array:
        """Values of the unknowns with each of these deleted, to first order, shape (len(chosen), size)."""
        lengths = self.x[chosen] / self.inverse[chosen, chosen]
        values = self.root * (self.x - lengths[:, None] * self.inverse[chosen])
        values[np.arange(len(chosen)), chosen] = 0.0
        return values

    def without_all(self, unknowns: NDArray) -> Weights:
        """The state with these set to zero and the others left where they are."""
        values = self.root * self.x
        values[unknowns] = 0.0
        return self.unknowns.scatter(self.weights, values).normalised()

    def _solved_group(self, k: int) -> tuple[NDArray, Array]:
        """The unknowns g of neuron k and C_gg⁻¹ x_g."""
        members = self.unknowns.of_neuron(k)
        return members, np.linalg.solve(self.inverse[np.ix_(members, members)], self.x[members])

    def neuron_costs(self) -> Array:
        """x_gᵀ C_gg⁻¹ x_g of every neuron."""
        groups = [self._solved_group(k) for k in range(self.weights.n_neurons)]
        return np.array([self.x[members] @ solved for members, solved in groups])

    def without_neuron(self, k: int) -> Weights:
        """The state with neuron k deleted, to first order."""
        members, solved = self._solved_group(k)
        moved = self.unknowns.scatter(self.weights, self.root * (self.x - self.inverse[:, members] @ solved))
        return moved.take(np.delete(np.arange(moved.n_neurons), k))
