"""Exact solves on a fixed support: semismooth Gauss–Newton with the step of minimal weighted norm.

For a fixed activation pattern the network is linear in the unknowns, F(u) = A u with
A[i, (k, j)] = σ_k 1[x̄_i·u_k > 0] x̄_ij, so every step solves the linear system exactly and the pattern is read
off again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.linalg.blas import dsyrk, ssyrk

from reluctant.multivariate.state import Array, Data, Unknowns, Weights

#: Systems this large are factorised in single precision while the residual is above `SINGLE_UNTIL`.
SINGLE_FROM = 256
SINGLE_UNTIL = 1e-5
FREE_WEIGHT = 10.0
CHORD_STEPS = 5
CHORD_FALL = 0.3
STALL_WINDOW = 5
STALL_FALL = 0.5


@dataclass(frozen=True)
class Solve:
    """Outcome of `solve`: the state reached, the largest |residual| there, and whether that is within the tolerance."""

    weights: Weights
    max_residual: float
    converged: bool
    n_factorisations: int


def relative_metric(values: Array, unknowns: Unknowns) -> Array:
    """Metric w = |u| + 1e-3 mean|u|: what is small stays small; the affine part, never penalised, is free to move."""
    size = np.abs(values)
    hinge = size[: unknowns.n_hinge]
    floor = 1e-3 * (hinge.mean() if hinge.size else 1.0)
    metric = size + floor
    if unknowns.affine.size:
        metric[unknowns.n_hinge :] = FREE_WEIGHT * max(1.0, float(hinge.max(initial=0.0)))
    return metric


def gram(B: NDArray) -> NDArray:
    """Lower triangle of BᵀB in Fortran order, for the transposed design B (size, m N)."""
    syrk = ssyrk if B.dtype == np.float32 else dsyrk
    return syrk(1.0, B.T, lower=1)


def cholesky(G: NDArray, ridge: float) -> NDArray | None:
    """Lower Cholesky factor of G + ridge · mean(diag G) · I, or None where that is not positive definite."""
    shifted = G.copy(order="F")
    diagonal = np.einsum("ii->i", shifted)
    diagonal += ridge * diagonal.mean() + np.finfo(G.dtype).tiny
    potrf = lapack.spotrf if G.dtype == np.float32 else lapack.dpotrf
    factor, info = potrf(shifted, lower=1, overwrite_a=1, clean=0)
    return factor if info == 0 else None


def cholesky_solve(factor: NDArray, rhs: NDArray) -> NDArray:
    """Solve with the factor of `cholesky`."""
    potrs = lapack.spotrs if factor.dtype == np.float32 else lapack.dpotrs
    return potrs(factor, rhs.astype(factor.dtype, copy=False), lower=1)[0]


class _Step:
    """The linear map r ↦ diag(w) Aᵀ (A diag(w) Aᵀ + λI)⁻¹ r at one state; λ can be raised without building A again."""

    def __init__(self, data: Data, weights: Weights, unknowns: Unknowns, metric: Array, dtype: type) -> None:
        self.root = np.sqrt(metric)
        self.design = unknowns.design(data, weights, self.root, dtype)
        self.gram = gram(self.design)
        self.factor: NDArray | None = None

    def factorise(self, ridge: float) -> float:
        """Factorise with the smallest working ridge at or above the one given, and return it."""
        while (factor := cholesky(self.gram, ridge)) is None:
            ridge = max(100.0 * ridge, 1e-14)
        self.factor = factor
        return ridge

    def __call__(self, residual: Array) -> Array:
        assert self.factor is not None
        multipliers = cholesky_solve(self.factor, residual.ravel())
        return self.root * (self.design @ multipliers)


def solve(
    data: Data,
    weights: Weights,
    *,
    tol: float = 1e-11,
    max_iterations: int = 25,
    stall: bool = True,
    weight_limit: float = np.inf,
    stop: Callable[[], bool] = lambda: False,
) -> Solve:
    """Move the unknowns of `weights` to an interpolant, by steps of minimal weighted norm.

    Every step is Δu = W Aᵀ (A W Aᵀ + λI)⁻¹ r with W = diag(w); it is halved until |r|² falls, and the
    activation pattern may flip on the way. Between factorisations up to five steps reuse the last one while
    |r|² falls fast.
    """
    unknowns = Unknowns.of(data, weights)
    values = unknowns.gather(weights)
    residual = weights.residuals(data)
    energy = float(np.vdot(residual, residual))
    ridge, n_factorisations = 1e-12, 0
    energies = [energy]
    largest = float(np.abs(residual).max(initial=0.0))

    for _ in range(max_iterations):
        if largest <= tol or not unknowns.size or stop():
            break
        if stall and len(energies) > STALL_WINDOW and energies[-1] > STALL_FALL * energies[-1 - STALL_WINDOW]:
            break
        single = data.n_equations >= SINGLE_FROM and largest > SINGLE_UNTIL
        lowest = 1e-7 if single else 1e-12
        step = _Step(data, weights, unknowns, relative_metric(values, unknowns), np.float32 if single else np.float64)
        ridge = max(ridge, lowest)
        accepted = False
        for _attempt in range(4):
            ridge = step.factorise(ridge)
            n_factorisations += 1
            direction = step(residual)
            length = 1.0
            while length > 1 / 64:
                trial_values = values + length * direction
                trial = unknowns.scatter(weights, trial_values)
                trial_residual = trial.residuals(data)
                trial_energy = float(np.vdot(trial_residual, trial_residual))
                if trial_energy < (1.0 - 0.1 * length) * energy:
                    accepted = True
                    break
                length *= 0.5
            if accepted:
                break
            ridge *= 100.0
        if not accepted:
            break
        weights, values, residual, energy = trial, trial_values, trial_residual, trial_energy
        ridge = max(ridge / 10.0, lowest)
        if length == 1.0:
            for _chord in range(CHORD_STEPS):
                trial_values = values + step(residual)
                trial = unknowns.scatter(weights, trial_values)
                trial_residual = trial.residuals(data)
                trial_energy = float(np.vdot(trial_residual, trial_residual))
                if not trial_energy < CHORD_FALL * energy:
                    break
                weights, values, residual, energy = trial, trial_values, trial_residual, trial_energy
        largest = float(np.abs(residual).max())
        energies.append(energy)
        if np.abs(values[: unknowns.n_hinge]).max(initial=0.0) > weight_limit:
            break
    return Solve(weights, largest, largest <= tol, n_factorisations)
