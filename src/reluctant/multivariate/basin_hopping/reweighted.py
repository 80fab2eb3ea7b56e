"""Sparse fits of one output by majorised reweighted Gauss–Newton on `Hinges`: signs (K,) and weights U (K, d + 1).

The objective is ½‖T(y − F(U))‖² + (λ/p) Σ (u² + ε²)^{p/2} with F(U) = Σ_k σ_k (X̄u_k)_+ and T the map that takes
out a free affine part (the identity without one). F is positively homogeneous, so F(U) = A u exactly for a fixed
activation pattern, and the quadratic majorant [CWB] is minimised by a weighted ridge solution on y itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.arrays import Array, Index
from reluctant.backtracking import ARMIJO, backtrack
from reluctant.effort import never
from reluctant.model.network import ReLUNetwork
from reluctant.objective import lp_power, smoothed_power

Support = tuple[Index, ...]  # neurons and coordinates

BACKTRACKS, LENGTHS = 6, 5
"""Lengths of a step that a majorised descent and Newton's method try."""
SETTLED = 1e-3
"""Relative decrease below which a majorised descent stops."""


def one_blas_thread() -> threadpool_limits:
    """Context in which BLAS uses one thread: on matrices of a few hundred rows two are several times slower."""
    return threadpool_limits(limits=1, user_api="blas")


def data_scale(y: Array) -> float:
    """Power of two nearest to the spread of y, so that scaling by it is exact; 1 where y is zero."""
    spread = float(np.std(y)) or float(np.abs(y).max(initial=0.0))
    return float(2.0 ** np.round(np.log2(spread))) if spread > 0 else 1.0


class Hinges(NamedTuple):
    """F(x) = Σ_k σ_k (u_k · x̄)_+ with signs σ_k = ±1, shape (K,), and weights U (K, d + 1), bias last, zeros exact."""

    signs: Array
    U: Array

    @classmethod
    def none(cls, n_coordinates: int) -> Hinges:
        """No hinge at all."""
        return cls(np.zeros(0), np.zeros((0, n_coordinates)))

    @property
    def n_neurons(self) -> int:
        """K."""
        return len(self.signs)

    @property
    def n_parameters(self) -> int:
        """Nonzero weights."""
        return int(np.count_nonzero(self.U))

    def at(self, Xbar: Array) -> Array:
        """F at rows X̄ (N, d + 1)."""
        return np.maximum(Xbar @ self.U.T, 0.0) @ self.signs

    def with_weights(self, U: Array) -> Hinges:
        """The same signs with other weights."""
        return Hinges(self.signs, U)

    def take(self, neurons: Index) -> Hinges:
        """Keep the chosen neurons, in the order given."""
        return Hinges(self.signs[neurons], self.U[neurons])

    def append(self, signs: ArrayLike, U: ArrayLike) -> Hinges:
        """Add neurons."""
        return Hinges(np.append(self.signs, signs), np.vstack([self.U, U]))

    def network(self, affine: Array) -> ReLUNetwork:
        """The network with output weights σ_k and affine part (d + 1,)."""
        return ReLUNetwork.from_hinges(self.U, self.signs, affine)


@dataclass(frozen=True)
class Equations:
    """Inputs with a column of ones, labels, and the rows that project a free affine part out of label space.

    `complement` (N − r, N) has orthonormal rows orthogonal to the columns of X̄, whose rank is r; None without an
    affine part. `units` (d + 1,) are the sizes by which columns of X̄ were divided, so that Σ|u/units|^p is penalised.
    """

    Xbar: Array
    y: Array
    units: Array
    complement: Array | None = None

    @classmethod
    def of(cls, X: Array, y: Array, affine: bool = False, units: Array | None = None) -> Equations:
        """Lay out X (N, d) and y (N,), columns in the given units."""
        units = np.ones(X.shape[1] + 1) if units is None else units
        Xbar = np.column_stack([X, np.ones(len(X))]) / units
        return cls(Xbar, np.asarray(y, dtype=np.float64), units, orthogonal_complement(Xbar) if affine else None)

    @cached_property
    def targets(self) -> Array:
        """T y."""
        return self.project(self.y)

    @property
    def n_equations(self) -> int:
        """N − r."""
        return len(self.targets)

    @property
    def n_coordinates(self) -> int:
        """D + 1."""
        return self.Xbar.shape[1]

    def project(self, values: Array) -> Array:
        """T applied to values (N,) or (N, P) at the data points."""
        return values if self.complement is None else self.complement @ values

    def residual(self, hinges: Hinges) -> Array:
        """T (y − F(U))."""
        return self.targets - self.project(hinges.at(self.Xbar))

    def design(self, hinges: Hinges, support: Support) -> Array:
        """T A, one column for each (neuron, coordinate) of `support`."""
        neuron, coordinate = support
        slopes = (self.Xbar @ hinges.U.T > 0.0) * hinges.signs
        return self.project(slopes[:, neuron] * self.Xbar[:, coordinate])

    def affine_part(self, hinges: Hinges) -> Array:
        """Free affine part (d + 1,) that fits what the hinges leave; zero without one."""
        if self.complement is None:
            return np.zeros(self.n_coordinates)
        left = self.y - hinges.at(self.Xbar)
        return np.asarray(np.linalg.lstsq(self.Xbar, left, rcond=None)[0], dtype=np.float64)


def orthogonal_complement(Xbar: Array) -> Array:
    """Orthonormal rows that span the orthogonal complement of the columns of X̄."""
    left, sizes, _ = np.linalg.svd(Xbar, full_matrices=True)
    rank = int(np.count_nonzero(sizes > 1e-10 * sizes[0]))
    return np.ascontiguousarray(left[:, rank:].T)


def weighted_ridge(A: Array, v: Array, b: Array, lam: float) -> Array | None:
    """Minimiser of ‖A x − b‖² + λ Σ x²/v, in the smaller of the two spaces; None where λ is lost in rounding."""
    if not v.size:
        return v  # every neuron has died
    root = np.sqrt(v)
    B = A * root
    wide = B.shape[1] >= B.shape[0]
    G = B @ B.T if wide else B.T @ B
    G.flat[:: len(G) + 1] += lam
    factor, info = lapack.dpotrf(G, lower=1, clean=0, overwrite_a=1)
    if info:
        return None
    if wide:
        return root * (B.T @ lapack.dpotrs(factor, b, lower=1)[0])
    return root * lapack.dpotrs(factor, B.T @ b, lower=1)[0]


class Point(NamedTuple):
    """Weights u on a support, the hinges they make, their residual, and the value that a descent lowers."""

    u: Array
    hinges: Hinges
    residual: Array
    value: float


def majorised_descent(
    data: Equations,
    hinges: Hinges,
    lam: float,
    eps: float,
    p: float,
    steps: int,
    stop: Callable[[], bool] = never,
) -> Hinges:
    """Lower ½‖r‖² + (λ/p) Σ (u² + ε²)^{p/2} over the nonzeros of U; the activation pattern may flip on the way."""
    support = np.nonzero(hinges.U)
    prices = data.units[support[1]] ** -p

    def at(u: Array) -> Point:
        trial = with_values(hinges, support, u)
        r = data.residual(trial)
        return Point(u, trial, r, 0.5 * float(r @ r) + lam / p * float(prices @ smoothed_power(u, p, eps)))

    point = at(hinges.U[support])
    for _ in range(steps if len(point.u) else 0):
        if stop():
            break
        A = data.design(point.hinges, support)
        # The reciprocals of the weights of the majorant.
        target = weighted_ridge(A, smoothed_power(point.u, 2 - p, eps) / prices, data.targets, lam)
        found = None if target is None else backtrack(at, point.u, target - point.u, point.value, BACKTRACKS)
        if found is None:
            break
        before, (point, _) = point.value, found
        if before - point.value < SETTLED * point.value:
            break
    return point.hinges


def with_values(hinges: Hinges, support: Support, u: Array) -> Hinges:
    """The same signs with weights u on the support and zeros elsewhere."""
    U = np.zeros_like(hinges.U)
    U[support] = u
    return hinges.with_weights(U)


def drop_small(hinges: Hinges, relative: float) -> Hinges:
    """Zero what lies below `relative` · max|U| and remove neurons without weights."""
    U = np.where(np.abs(hinges.U) < relative * np.abs(hinges.U).max(initial=0.0), 0.0, hinges.U)
    return hinges.with_weights(U).take(np.flatnonzero(U.any(axis=1)))


def anneal(
    data: Equations,
    hinges: Hinges,
    lams: Array,
    epsilons: Array,
    p: float,
    steps: int = 3,
    drop: float = 1e-3,
    stop: Callable[[], bool] = never,
) -> Hinges:
    """Majorised descent along a schedule of (λ, ε), dropping what has become negligible after each stage."""
    for lam, eps in zip(lams, epsilons):
        if not hinges.n_neurons or stop():
            break
        hinges = drop_small(majorised_descent(data, hinges, lam, eps, p, steps, stop), drop)
    return hinges


def penalised_value(data: Equations, hinges: Hinges, lam: float, p: float) -> float:
    """½‖r‖² + (λ/p) Σ|u|^p, u in the units of the data."""
    r = data.residual(hinges)
    return 0.5 * float(r @ r) + lam / p * float(lp_power(hinges.U / data.units, p))


def newton_on_support(
    data: Equations,
    hinges: Hinges,
    tol: float,
    p: float = 1.0,
    steps: int = 30,
    patience: int = 5,
    stop: Callable[[], bool] = never,
) -> tuple[Hinges, float]:
    """Levenberg–Marquardt on the nonzeros of U in the metric |u|^{2−p}; returns what it reaches and max|r| there.

    With more unknowns than equations the step is the one of least weighted norm, with fewer the least-squares step.
    """
    support = np.nonzero(hinges.U)

    def at(u: Array) -> Point:
        trial = with_values(hinges, support, u)
        r = data.residual(trial)
        return Point(u, trial, r, float(r @ r))

    point = at(hinges.U[support])
    energies = [point.value]
    damping = 1e-9
    for _ in range(steps):
        if not len(point.u) or np.abs(point.residual).max() <= tol or stop():
            break
        A = data.design(point.hinges, support)
        size = np.abs(point.u)
        v = (size + 1e-3 * size.mean()) ** (2 - p) * data.units[support[1]] ** p
        scale = float(np.mean((A * A) @ v))
        for _ in range(4):
            step = weighted_ridge(A, v, point.residual, max(damping * scale, 1e-300))
            found = None if step is None else backtrack(at, point.u, step, point.value, LENGTHS, ARMIJO)
            if found is not None:
                break
            damping = max(100 * damping, 1e-14)
        if found is None:
            break
        point, _ = found
        energies.append(point.value)
        damping = max(damping / 10, 1e-14)
        if len(energies) > patience and energies[-1] > 0.25 * energies[-1 - patience]:
            break
    return point.hinges, float(np.abs(point.residual).max(initial=0.0))
