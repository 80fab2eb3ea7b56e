"""Sparse fits by majorised reweighted Gauss–Newton, on plain arrays: signs (K,) and effective weights U (K, d + 1).

The objective is ½‖T(y − F(U))‖² + (λ/p) Σ (u² + ε²)^{p/2} with F(U) = Σ_k σ_k (X̄u_k)_+ and T the map that takes
out a free affine part (the identity without one). F is positively homogeneous, so F(U) = A u exactly for a fixed
activation pattern, and the quadratic majorant [CWB] is minimised by a weighted ridge solution on y itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.arrays import Array, Index
from reluctant.model.network import ReLUNetwork
from reluctant.objective import lp_power

Support = tuple[Index, ...]  # neurons and coordinates
Hinges = tuple[Array, Array]  # signs (K,) and effective weights (K, d + 1)

_BACKTRACKS = 6
_SETTLED = 1e-3  # relative decrease below which a majorised descent stops


class Clock:
    """Wall-clock seconds left."""

    def __init__(self, time_limit: float | None) -> None:
        self._end = np.inf if time_limit is None else time.monotonic() + time_limit

    def expired(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end


def one_blas_thread() -> threadpool_limits:
    """Context in which BLAS uses one thread: on matrices of a few hundred rows two are several times slower."""
    return threadpool_limits(limits=1, user_api="blas")


def data_scale(y: Array) -> float:
    """Power of two nearest to the spread of y, so that scaling by it is exact; 1 where y is zero."""
    spread = float(np.std(y)) or float(np.abs(y).max(initial=0.0))
    return float(2.0 ** np.round(np.log2(spread))) if spread > 0 else 1.0


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

    def project(self, values: Array) -> Array:
        """T applied to values (N,) or (N, P) at the data points."""
        return values if self.complement is None else self.complement @ values

    def residual(self, signs: Array, U: Array) -> Array:
        """T (y − F(U))."""
        return self.targets - self.project(np.maximum(self.Xbar @ U.T, 0.0) @ signs)

    def design(self, signs: Array, U: Array, support: Support) -> Array:
        """T A, one column for each (neuron, coordinate) of `support`."""
        neuron, coordinate = support
        slopes = (self.Xbar @ U.T > 0.0) * signs
        return self.project(slopes[:, neuron] * self.Xbar[:, coordinate])

    def affine_part(self, signs: Array, U: Array) -> Array:
        """Free affine part (d + 1,) that fits what the hinges leave; zero without one."""
        if self.complement is None:
            return np.zeros(self.Xbar.shape[1])
        left = self.y - np.maximum(self.Xbar @ U.T, 0.0) @ signs
        return np.asarray(np.linalg.lstsq(self.Xbar, left, rcond=None)[0], dtype=np.float64)


@dataclass(frozen=True)
class HingeSum:
    """f(x) = Σ_k σ_k (u_k · x̄)_+ + affine · x̄.

    Attributes
    ----------
    signs : ndarray, shape (K,)
        σ_k = ±1.
    U : ndarray, shape (K, d + 1)
        Effective weights, bias last, with exact zeros.
    affine : ndarray, shape (d + 1,)
        Free affine part, intercept last; zero where none was asked for.
    """

    signs: Array
    U: Array
    affine: Array

    @property
    def n_parameters(self) -> int:
        """Nonzero hinge parameters."""
        return int(np.count_nonzero(self.U))

    def __call__(self, X: Array) -> Array:
        """Value at X (n, d)."""
        Xbar = np.column_stack([X, np.ones(len(X))])
        return np.maximum(Xbar @ self.U.T, 0.0) @ self.signs + Xbar @ self.affine

    def to_network(self) -> ReLUNetwork:
        """The network with output weights σ_k."""
        return ReLUNetwork.from_hinges(self.U, self.signs, self.affine)


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


def majorised_descent(data: Equations, signs: Array, U: Array, lam: float, eps: float, p: float, steps: int) -> Array:
    """Lower ½‖r‖² + (λ/p) Σ (u² + ε²)^{p/2} over the nonzeros of U; the activation pattern may flip on the way."""
    support = np.nonzero(U)
    u = U[support]
    prices = data.units[support[1]] ** -p

    def objective(u: Array) -> tuple[float, Array]:
        trial = np.zeros_like(U)
        trial[support] = u
        r = data.residual(signs, trial)
        return 0.5 * float(r @ r) + lam / p * float(prices @ (u * u + eps * eps) ** (p / 2)), trial

    value, U = objective(u)
    for _ in range(steps if len(u) else 0):
        A = data.design(signs, U, support)
        target = weighted_ridge(A, (u * u + eps * eps) ** (1 - p / 2) / prices, data.targets, lam)
        if target is None:
            break
        step = target - u
        for _ in range(_BACKTRACKS):
            trial_value, trial = objective(u + step)
            if trial_value < value:
                break
            step *= 0.5
        else:
            break
        decrease, value, U, u = value - trial_value, trial_value, trial, u + step
        if decrease < _SETTLED * value:
            break
    return U


def drop_small(signs: Array, U: Array, relative: float) -> Hinges:
    """Zero what lies below `relative` · max|U| and remove neurons without weights."""
    U = np.where(np.abs(U) < relative * np.abs(U).max(initial=0.0), 0.0, U)
    alive = U.any(axis=1)
    return signs[alive], U[alive]


def anneal(
    data: Equations,
    signs: Array,
    U: Array,
    lams: Array,
    epsilons: Array,
    p: float,
    steps: int = 3,
    drop: float = 1e-3,
    stop: Callable[[], bool] = lambda: False,
) -> Hinges:
    """Majorised descent along a schedule of (λ, ε), dropping what has become negligible after each stage."""
    for lam, eps in zip(lams, epsilons):
        if not len(signs) or stop():
            break
        signs, U = drop_small(signs, majorised_descent(data, signs, U, lam, eps, p, steps), drop)
    return signs, U


def penalised_value(data: Equations, signs: Array, U: Array, lam: float, p: float) -> float:
    """½‖r‖² + (λ/p) Σ|u|^p, u in the units of the data."""
    r = data.residual(signs, U)
    return 0.5 * float(r @ r) + lam / p * float(lp_power(U / data.units, p))


def newton_on_support(
    data: Equations, signs: Array, U: Array, tol: float, p: float = 1.0, steps: int = 30, patience: int = 5
) -> tuple[Array, float]:
    """Levenberg–Marquardt on the nonzeros of U in the metric |u|^{2−p}; returns U and max|r|.

    With more unknowns than equations the step is the one of least weighted norm, with fewer the least-squares step.
    """
    support = np.nonzero(U)

    def at(u: Array) -> tuple[Array, Array]:
        moved = np.zeros_like(U)
        moved[support] = u
        return moved, data.residual(signs, moved)

    u = U[support]
    r = data.residual(signs, U)
    energies = [float(r @ r)]
    damping = 1e-9
    for _ in range(steps):
        if not len(u) or np.abs(r).max() <= tol:
            break
        A = data.design(signs, U, support)
        size = np.abs(u)
        v = (size + 1e-3 * size.mean()) ** (2 - p) * data.units[support[1]] ** p
        scale = float(np.mean((A * A) @ v))
        for _ in range(4):
            step = weighted_ridge(A, v, r, max(damping * scale, 1e-300))
            accepted = None if step is None else first_shortened(u, step, energies[-1], at)
            if accepted is not None:
                break
            damping = max(100 * damping, 1e-14)
        if accepted is None:
            break
        u, U, r = accepted
        energies.append(float(r @ r))
        damping = max(damping / 10, 1e-14)
        if len(energies) > patience and energies[-1] > 0.25 * energies[-1 - patience]:
            break
    return U, float(np.abs(r).max(initial=0.0))


def first_shortened(
    x: Array, step: Array, energy: float, at: Callable[[Array], tuple[Array, Array]]
) -> tuple[Array, Array, Array] | None:
    """First of the steps 1, ½, … 1/16 that lowers ‖r‖² enough; `at(x)` is (U, r), the result (x, U, r)."""
    length = 1.0
    for _ in range(5):
        trial = x + length * step
        U, r = at(trial)
        if r @ r < (1 - 0.1 * length) * energy:
            return trial, U, r
        length *= 0.5
    return None
