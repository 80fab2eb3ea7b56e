"""`newton.solve` for few equations as one compiled loop: there calls from Python would take most of the time."""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.multivariate.newton_prune import _kernels

_REASSOCIATED = {"reassoc", "contract"}


@njit(cache=True, fastmath=_REASSOCIATED)
def factorised(G, ridge, L):
    """Lower Cholesky factor of G + ridge · mean(diag G) · I in L; whether there is one."""
    n = len(G)
    shift = 0.0
    for i in range(n):
        shift += G[i, i]
    shift = ridge * shift / n + np.finfo(np.float64).tiny
    for i in range(n):
        for j in range(i + 1):
            left = G[i, j]
            for k in range(j):
                left -= L[i, k] * L[j, k]
            if j < i:
                L[i, j] = left / L[j, j]
            else:
                left += shift
                if not left > 0.0:
                    return False
                L[i, i] = np.sqrt(left)
    return True


@njit(cache=True, fastmath=_REASSOCIATED)
def solved(L, b):
    """(L Lᵀ)⁻¹ b."""
    n = len(L)
    x = b.copy()
    for i in range(n):
        left = x[i]
        for k in range(i):
            left -= L[i, k] * x[k]
        x[i] = left / L[i, i]
    for i in range(n - 1, -1, -1):
        x[i] /= L[i, i]
        at = x[i]
        for k in range(i):
            x[k] -= L[i, k] * at
    return x


@njit(cache=True)
def scatter(values, U, V, affine, unknowns):
    """Write the unknowns into the arrays."""
    neuron, coordinate, out_neuron, output, rows = unknowns
    n, m = neuron.size, V.shape[1]
    for q in range(n):
        U[neuron[q], coordinate[q]] = values[q]
    for q in range(out_neuron.size):
        V[out_neuron[q], output[q]] = values[n + q]
    n += out_neuron.size
    for q in range(rows.size * m):
        affine[rows[q // m], q % m] = values[n + q]


@njit(cache=True)
def error_at(inputs, targets, values, U, V, affine, unknowns):
    """Residuals (m N,) of the state with these unknowns, written into U, V, affine, and the sum of their squares."""
    scatter(values, U, V, affine, unknowns)
    R = _kernels.residuals(inputs, targets, _kernels.preactivations(inputs, U), V, affine).ravel()
    return R, np.dot(R, R)


@njit(cache=True)
def excesses(inputs, targets, half_width, trials, U, V, affine, unknowns):
    """Σ dist² of the residuals to [−h, h] for every row of unknowns in `trials`; U, V and affine are overwritten."""
    sums = np.zeros(len(trials))
    for t in range(len(trials)):
        R, _ = error_at(inputs, targets, trials[t], U, V, affine, unknowns)
        for i in range(R.size):
            beyond = abs(R[i]) - half_width[i]
            if beyond > 0.0:
                sums[t] += beyond * beyond
    return sums


@njit(cache=True)
def metric_root(values, n_hinge, n_all, free_weight):
    """√w of `relative_metric`."""
    root = np.empty(n_all)
    total = 0.0
    for q in range(n_hinge):
        total += abs(values[q])
    floor = 1e-3 * (total / n_hinge) if n_hinge else 1e-3
    for q in range(n_hinge):  # loops, for expressions of parts of arrays take seconds to compile
        root[q] = math.sqrt(abs(values[q]) + floor)
    free = math.sqrt(free_weight * max(1.0, largest_size(values, n_hinge)))
    for q in range(n_hinge, n_all):
        root[q] = free
    return root


@njit(cache=True)
def largest_size(values, n):
    """The largest absolute value of the first n numbers, 0 of none; NaN where one is."""
    largest = 0.0
    for q in range(n):
        size = abs(values[q])
        if not size <= largest:
            largest = size
            if size != size:
                break
    return largest


@njit(cache=True)
def newton(
    inputs, targets, values, U, V, affine, unknowns, tol, max_iterations, dampings, stall, weight_limit, constants
):  # the loop of `newton.solve`
    """Semismooth Gauss–Newton from `values`; U, V and affine are overwritten.

    Returns the unknowns, the largest residual and the number of factorisations.
    """
    free_weight, lengths, armijo, chords, chord_fall, window, window_fall, cramped = constants
    neuron, coordinate, out_neuron, output, rows = unknowns
    n_all, n_equations = values.size, targets.size
    n_hinge = neuron.size + out_neuron.size
    tall = n_all < n_equations
    B = np.empty((n_all, n_equations))
    L = np.empty((n_all, n_all)) if tall else np.empty((n_equations, n_equations))
    residual, energy = error_at(inputs, targets, values, U, V, affine, unknowns)
    energies = np.empty(max_iterations + 1)
    energies[0] = energy
    ridge, n_factorisations, before = 1e-12, 0, 1.0
    largest = largest_size(residual, n_equations)
    for done in range(max_iterations):
        if largest <= tol or n_all == 0:
            break
        if stall and done >= window and energies[done] > window_fall * energies[done - window]:
            break
        root = metric_root(values, n_hinge, n_all, free_weight)
        scatter(values, U, V, affine, unknowns)
        Z = _kernels.preactivations(inputs, U)
        _kernels.fill_design(B, root, inputs, Z, V, neuron, coordinate, out_neuron, output, rows)
        G = np.dot(B, B.T) if tall else np.dot(B.T, B)
        ridge = max(ridge, 1e-12)
        found = False
        length = 1.0
        for _attempt in range(dampings):
            while not factorised(G, ridge, L):
                ridge = max(100.0 * ridge, 1e-14)
            n_factorisations += 1
            step = root * (solved(L, np.dot(B, residual)) if tall else np.dot(B, solved(L, residual)))
            length = 1.0
            for _shorter in range(lengths):
                trial = values + length * step
                trial_residual, trial_energy = error_at(inputs, targets, trial, U, V, affine, unknowns)
                if trial_energy < (1.0 - armijo * length) * energy:
                    found = True
                    break
                length *= 0.5
            if found:
                break
            ridge *= 100.0
        if not found:
            break
        values, residual, energy = trial, trial_residual, trial_energy
        ridge = max(ridge / 10.0, 1e-12)
        if length == 1.0:
            for _chord in range(chords):
                trial = values + root * (solved(L, np.dot(B, residual)) if tall else np.dot(B, solved(L, residual)))
                trial_residual, trial_energy = error_at(inputs, targets, trial, U, V, affine, unknowns)
                if not trial_energy < chord_fall * energy:
                    break
                values, residual, energy = trial, trial_residual, trial_energy
        largest = largest_size(residual, n_equations)
        energies[done + 1] = energy
        if largest_size(values, n_hinge) > weight_limit or (dampings == 1 and before + length <= cramped):
            break
        before = length
    return values, largest, n_factorisations
