"""Exact solves on a fixed support, of equations or bands: semismooth Gauss–Newton, steps of minimal weighted norm.

For a fixed activation pattern the network is linear in the unknowns, F(u) = A u with
A[i, (k, j)] = σ_k 1[x̄_i·u_k > 0] x̄_ij, so every step solves the linear system exactly and the pattern is read
off again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.linalg.blas import dsyrk, ssyrk

from reluctant.arrays import Array
from reluctant.backtracking import ARMIJO, backtrack
from reluctant.effort import never
from reluctant.multivariate.newton_prune import _small
from reluctant.multivariate.newton_prune.state import Data, Unknowns, Weights

SINGLE_FROM = 256
"""Systems this large are factorised in single precision while the residual is above `SINGLE_UNTIL`."""
SINGLE_UNTIL = 1e-5
FREE_WEIGHT = 10.0
DAMPINGS, LENGTHS = 4, 6
"""Ridges, and lengths of the step for each, that are tried."""
CHORD_STEPS = 5
CHORD_FALL = 0.3
STALL_WINDOW = 5
STALL_FALL = 0.5
CRAMPED = 0.5
"""A solve with one damping ends where the lengths of two steps in a row add up to no more: it would seldom succeed."""
COMPILED_UNTIL = 128
"""Up to so many equations the whole solve is one compiled loop."""
_CONSTANTS = (FREE_WEIGHT, LENGTHS, ARMIJO, CHORD_STEPS, CHORD_FALL, STALL_WINDOW, STALL_FALL, CRAMPED)
AIM, GUARD = 1 - 1e-3, 0.9
"""Steps into a band aim at this share of it and hold the points beyond that share."""


@dataclass(frozen=True)
class Solve:
    """Outcome of `solve`: the state reached, the largest |residual| beyond the band there, and whether that will do."""

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


def squared_excess(data: Data, weights: Weights) -> float:
    """Sum of squared residuals, or within a band of their squared distances to it."""
    error = data.excess(weights.residuals(data))
    return float(np.vdot(error, error))


def squared_excesses(data: Data, weights: Weights, unknowns: Unknowns, trials: Array) -> Array:
    """`squared_excess` of the states with these values (T, size) of the unknowns, shape (T,)."""
    band = np.zeros(data.n_equations) if data.half_width is None else data.half_width.ravel()
    state = weights.U.copy(), weights.V.copy(), weights.affine.copy()
    return np.asarray(_small.excesses(data.inputs, data.targets, band, trials, *state, unknowns.places))


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
    """The damped least-squares step of least weighted norm, e ↦ diag(w) Aᵀ (A diag(w) Aᵀ + λI)⁻¹ e, at one state.

    Only the `held` equations enter. The smaller of A diag(w) Aᵀ and diag(√w) Aᵀ A diag(√w) is factorised; λ can be
    raised without building A again.
    """

    def __init__(
        self, data: Data, weights: Weights, unknowns: Unknowns, metric: Array, dtype: type, held: NDArray | None
    ) -> None:
        self.root = np.sqrt(metric)
        self.held = slice(None) if held is None else np.flatnonzero(held)
        design = unknowns.design(data, weights, self.root, dtype)
        self.design = design if held is None else np.ascontiguousarray(design[:, self.held])
        self.tall = len(self.design) < self.design.shape[1]
        self.gram = gram(self.design.T if self.tall else self.design)
        self.factor: NDArray | None = None

    def factorise(self, ridge: float) -> float:
        """Factorise with the smallest working ridge at or above the one given, and return it."""
        while (factor := cholesky(self.gram, ridge)) is None:
            ridge = max(100.0 * ridge, 1e-14)
        self.factor = factor
        return ridge

    def __call__(self, error: Array) -> Array:
        assert self.factor is not None
        e = error.ravel()[self.held]
        if self.tall:
            return self.root * cholesky_solve(self.factor, self.design @ e)
        return self.root * (self.design @ cholesky_solve(self.factor, e))


class _Point(NamedTuple):
    """A state on the way of `solve`, its residuals, by how much they miss what is aimed at, and the square of that."""

    weights: Weights
    values: Array
    residual: Array
    error: Array
    value: float

    @classmethod
    def of(cls, data: Data, weights: Weights, values: Array) -> _Point:
        residual = weights.residuals(data)
        error = data.excess(residual, AIM)
        return cls(weights, values, residual, error, float(np.vdot(error, error)))


def solve(
    data: Data,
    weights: Weights,
    *,
    tol: float = 1e-11,
    max_iterations: int = 25,
    dampings: int = DAMPINGS,
    stall: bool = True,
    weight_limit: float = np.inf,
    stop: Callable[[], bool] = never,
) -> Solve:
    """Move the unknowns of `weights` to an interpolant, or into the band, by steps of minimal weighted norm.

    Every step is Δu = W Aᵀ (A W Aᵀ + λI)⁻¹ e with W = diag(w), e the residuals; it is halved until |e|² falls, and
    the activation pattern may flip on the way. Between factorisations up to five steps reuse the last one while
    |e|² falls fast. Within a band e is the signed distance to a slightly narrower one; points well inside do not enter
    a step, those close to the border are held where they are, and `tol` is 0.
    """
    unknowns = Unknowns.of(data, weights)
    if data.half_width is None and data.n_equations <= COMPILED_UNTIL:
        return _solve_small(data, weights, unknowns, tol, max_iterations, dampings, stall, weight_limit)

    def at(values: Array) -> _Point:
        return _Point.of(data, unknowns.scatter(weights, values), values)

    point = _Point.of(data, weights, unknowns.gather(weights))
    ridge, n_factorisations, before = 1e-12, 0, 1.0
    energies = [point.value]
    tol = tol if data.half_width is None else 0.0
    largest = float(np.abs(data.excess(point.residual)).max(initial=0.0))
    for _ in range(max_iterations):
        if largest <= tol or not unknowns.size or stop():
            break
        if stall and len(energies) > STALL_WINDOW and energies[-1] > STALL_FALL * energies[-1 - STALL_WINDOW]:
            break
        single = data.n_equations >= SINGLE_FROM and largest > SINGLE_UNTIL
        lowest = 1e-7 if single else 1e-12
        held = None if data.half_width is None else np.abs(point.residual).ravel() > GUARD * data.half_width.ravel()
        metric, dtype = relative_metric(point.values, unknowns), np.float32 if single else np.float64
        step = _Step(data, point.weights, unknowns, metric, dtype, held)
        ridge = max(ridge, lowest)
        for _attempt in range(dampings):
            ridge = step.factorise(ridge)
            n_factorisations += 1
            found = backtrack(at, point.values, step(point.error), point.value, LENGTHS, ARMIJO)
            if found is not None:
                break
            ridge *= 100.0
        if found is None:
            break
        point, length = found
        ridge = max(ridge / 10.0, lowest)
        if length == 1.0:
            point = _chord_steps(at, step, point)
        largest = float(np.abs(data.excess(point.residual)).max())
        energies.append(point.value)
        if np.abs(point.values[: unknowns.n_hinge]).max(initial=0.0) > weight_limit:
            break
        if dampings == 1 and before + length <= CRAMPED:
            break
        before = length
    return Solve(point.weights, largest, largest <= tol, n_factorisations)


def _solve_small(
    data: Data,
    weights: Weights,
    unknowns: Unknowns,
    tol: float,
    max_iterations: int,
    dampings: int,
    stall: bool,
    weight_limit: float,
) -> Solve:
    """The same loop, compiled."""
    values, largest, n_factorisations = _small.newton(
        data.inputs,
        data.targets,
        unknowns.gather(weights),
        weights.U.copy(),
        weights.V.copy(),
        weights.affine.copy(),
        unknowns.places,
        tol,
        max_iterations,
        dampings,
        stall,
        weight_limit,
        _CONSTANTS,
    )
    return Solve(unknowns.scatter(weights, values), largest, largest <= tol, n_factorisations)


def _chord_steps(at: Callable[[Array], _Point], step: _Step, point: _Point) -> _Point:
    """Go on with the last factorisation while |e|² falls fast."""
    for _ in range(CHORD_STEPS):
        trial = at(point.values + step(point.error))
        if not trial.value < CHORD_FALL * point.value:
            break
        point = trial
    return point
