"""Hot loops of paths of one output under a ridge: evaluation, curvature, Levenberg's steps, deletions.

Inputs are laid out X̄ᵀ (d + 1, N), ones last; a model is U (K, d + 1), V (K,) of ±1 and A (d + 1,), and a ridge the
weights of hinges, slopes and intercept. `gauss_newton` and `surgeon` say the same in arrays, for all models.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit

SQUARED, LOGISTIC, HUBER = 0, 1, 2
BLOCK = 40
"""Unknowns whose products with the ones after them are formed at a time: half of the symmetric matrix is enough."""


@njit(cache=True, error_model="numpy")
def loss_terms(kind, delta, f, y, w, gradient, curvature):
    """Σ w loss; fills its gradient and curvature by f. The formulas are those of `losses`."""
    value = 0.0
    if kind == SQUARED:
        for i in range(f.size):
            r = f[i] - y[i]
            gradient[i] = w[i] * r
            value += 0.5 * gradient[i] * r
        curvature[:] = w
    elif kind == LOGISTIC:
        for i in range(f.size):
            e = math.exp(-abs(f[i]))
            p = 1.0 / (1.0 + e) if f[i] >= 0.0 else e / (1.0 + e)
            value += w[i] * (max(f[i], 0.0) + math.log1p(e) - y[i] * f[i])
            gradient[i] = w[i] * (p - y[i])
            curvature[i] = w[i] * max(p * (1.0 - p), 1e-4)
    else:
        for i in range(f.size):
            r = f[i] - y[i]
            inner = min(abs(r), delta)
            value += w[i] * inner * (abs(r) - 0.5 * inner)
            gradient[i] = w[i] * min(max(r, -delta), delta)
            curvature[i] = w[i] * delta / max(abs(r), delta)
    return value


@njit(cache=True, error_model="numpy")
def evaluate(X, y, w, kind, delta, ridge, U, V, A, Z, gradient, curvature):
    """The objective; fills Z = U X̄ᵀ, and gradient and curvature of the loss by the predictions."""
    width, n = X.shape
    f = np.zeros(n)
    penalty = ridge[2] * A[width - 1] ** 2
    for j in range(width):
        a, x = A[j], X[j]
        if a != 0.0:
            for i in range(n):
                f[i] += a * x[i]
        if j < width - 1:
            penalty += ridge[1] * a * a
    for k in range(len(V)):
        z, v = Z[k], V[k]
        z[:] = U[k, width - 1]
        penalty += ridge[0] * U[k, width - 1] ** 2
        for j in range(width - 1):
            u, x = U[k, j], X[j]
            if u != 0.0:
                penalty += ridge[0] * u * u
                for i in range(n):
                    z[i] += u * x[i]
        for i in range(n):
            f[i] += v * max(z[i], 0.0)
    return loss_terms(kind, delta, f, y, w, gradient, curvature) + 0.5 * penalty


@njit(cache=True, error_model="numpy")
def objective(X, y, w, kind, delta, ridge, U, V, A):
    """The objective alone."""
    n = X.shape[1]
    return evaluate(X, y, w, kind, delta, ridge, U, V, A, np.empty((len(V), n)), np.empty(n), np.empty(n))


@njit(cache=True, error_model="numpy")
def unknowns_of(U, A, affine):
    """Neuron, −1 for the affine part, and coordinate of every unknown, in the order of `Unknowns`."""
    K, width = U.shape
    neuron, coordinate = np.empty((K + 1) * width, dtype=np.int64), np.empty((K + 1) * width, dtype=np.int64)
    P = 0
    for k in range(K + 1 if affine else K):
        for j in range(width):
            if j == width - 1 or (U[k, j] if k < K else A[j]) != 0.0:
                neuron[P], coordinate[P] = k if k < K else -1, j
                P += 1
    return neuron[:P], coordinate[:P]


@njit(cache=True, error_model="numpy")
def ridge_of(U, A, ridge, neuron, coordinate):
    """Ridge and value of every unknown."""
    weights, theta = np.empty(len(neuron)), np.empty(len(neuron))
    for q in range(len(neuron)):
        k, j = neuron[q], coordinate[q]
        weights[q] = ridge[0] if k >= 0 else ridge[2] if j == len(A) - 1 else ridge[1]
        theta[q] = U[k, j] if k >= 0 else A[j]
    return weights, theta


@njit(cache=True, error_model="numpy")
def jacobian(X, Z, V, neuron, coordinate, root):
    """Derivatives of the predictions by the unknowns, times `root` of the rows, (P, N)."""
    P, n = len(neuron), X.shape[1]
    J = np.empty((P, n))
    for q in range(P):
        k, x, row = neuron[q], X[coordinate[q]], J[q]
        if k < 0:
            for i in range(n):
                row[i] = root[i] * x[i]
        else:
            v, z = V[k], Z[k]
            for i in range(n):
                row[i] = v * root[i] * x[i] if z[i] > 0.0 else 0.0
    return J


@njit(cache=True, error_model="numpy")
def quadratic(X, Z, V, U, A, ridge, neuron, coordinate, gradient, curvature):
    """Hessian and gradient of the quadratic model of the objective at a model that has been evaluated."""
    P = len(neuron)
    root = np.sqrt(curvature)
    J = jacobian(X, Z, V, neuron, coordinate, root)
    pull = np.dot(J, gradient / root)
    hessian = np.empty((P, P))
    for start in range(0, P, BLOCK):
        end = min(start + BLOCK, P)
        part = np.dot(J[start:], J[start:end].T)
        hessian[start:, start:end] = part
        hessian[start:end, end:] = part[end - start :].T
    weights, theta = ridge_of(U, A, ridge, neuron, coordinate)
    for q in range(P):
        hessian[q, q] += weights[q]
        pull[q] += weights[q] * theta[q]
    return hessian, pull


@njit(cache=True, error_model="numpy")
def pull_at(X, Z, V, U, A, ridge, neuron, coordinate, gradient):
    """The gradient of the objective alone, as `quadratic` has it."""
    weights, theta = ridge_of(U, A, ridge, neuron, coordinate)
    pull, mine, owner = weights * theta, gradient, -1
    for q in range(len(neuron)):
        k = neuron[q]
        if k != owner:
            owner, mine = k, gradient if k < 0 else np.where(Z[k] > 0.0, V[k] * gradient, 0.0)
        pull[q] += np.dot(X[coordinate[q]], mine)
    return pull


@njit(cache=True, error_model="numpy")
def factor_of(hessian, damping, flat):
    """Lower factor of H + damping · (diag H + flat · mean); NaN where that is not positive definite in float64."""
    P = len(hessian)
    damped = hessian.copy()
    mean = np.trace(hessian) / P
    for q in range(P):
        damped[q, q] += damping * (hessian[q, q] + flat * mean)
    try:
        factor = np.linalg.cholesky(damped)
    except Exception:
        factor = np.full((P, P), np.nan)
    return factor


@njit(cache=True, error_model="numpy")
def solved(factor, right):
    """(L Lᵀ)⁻¹ times the right side."""
    x = right.copy()
    for q in range(len(x)):
        x[q] = (x[q] - np.dot(factor[q, :q], x[:q])) / factor[q, q]
    for q in range(len(x) - 1, -1, -1):
        x[q] /= factor[q, q]
        x[:q] -= x[q] * factor[q, :q]
    return x


@njit(cache=True, error_model="numpy")
def moved(U, A, neuron, coordinate, step):
    """The weights after a step of the unknowns."""
    U, A = U.copy(), A.copy()
    for q in range(len(step)):
        if neuron[q] >= 0:
            U[neuron[q], coordinate[q]] += step[q]
        else:
            A[coordinate[q]] += step[q]
    return U, A


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def hinge_sums(hinges, X, curvature, gradient):
    """Σ w c², Σ w c and Σ g c of hinges c, (3, n)."""
    n, width = hinges.shape
    found, z = np.empty((3, n)), np.empty(X.shape[1])
    for m in range(n):
        z[:] = hinges[m, width - 1]
        for j in range(width - 1):
            a, x = hinges[m, j], X[j]
            if a != 0.0:
                for i in range(len(z)):
                    z[i] += a * x[i]
        square, total, pull = 0.0, 0.0, 0.0
        for i in range(len(z)):
            c = max(z[i], 0.0)
            square += curvature[i] * c * c
            total += curvature[i] * c
            pull += gradient[i] * c
        found[0, m], found[1, m], found[2, m] = square, total, pull
    return found


@njit(cache=True, error_model="numpy")
def needs_cleaning(Z, affine):
    """Whether a neuron is on nowhere, or everywhere where there is an affine part that can take it."""
    for k in range(len(Z)):
        on = 0
        for i in range(Z.shape[1]):
            on += Z[k, i] > 0.0
        if on == 0 or (affine and on == Z.shape[1]):
            return True
    return False


@njit(cache=True, error_model="numpy")
def steps(X, y, w, kind, delta, ridge, affine, U, V, A, damping, max_steps, rtol, limits):
    """Levenberg's steps until the objective falls by less than `rtol` of itself, or a neuron is to be cleaned away.

    `limits` are the least and the greatest damping, the share of the mean curvature in it, and how many steps in a row
    may be chords, which keep the curvature of the one before and count whether they pay or not. Returns the model, its
    objective, the damping, how many steps were begun (`max_steps` unless a neuron is to be cleaned away), and U X̄ᵀ.
    """
    least, most, flat, chords = limits
    K, n = len(V), X.shape[1]
    Z, gradient, curvature = np.empty((K, n)), np.empty(n), np.empty(n)
    value = evaluate(X, y, w, kind, delta, ridge, U, V, A, Z, gradient, curvature)
    begun = 0
    while begun < max_steps:
        if needs_cleaning(Z, affine):
            return U, A, value, damping, begun, Z
        neuron, coordinate = unknowns_of(U, A, affine)
        if len(neuron) == 0:
            break
        hessian, pull = quadratic(X, Z, V, U, A, ridge, neuron, coordinate, gradient, curvature)
        factor = factor_of(hessian, damping, flat)
        before, taken, in_a_row = value, 0, min(1 + chords, max_steps - begun)
        while taken < in_a_row and damping <= most and np.trace(hessian) > 0.0:
            step = solved(factor, -pull)
            U_moved, A_moved = moved(U, A, neuron, coordinate, step)
            Z_moved, gradient_moved, curvature_moved = np.empty((K, n)), np.empty(n), np.empty(n)
            reached = evaluate(
                X, y, w, kind, delta, ridge, U_moved, V, A_moved, Z_moved, gradient_moved, curvature_moved
            )
            if reached < value:
                gained = value - reached
                if taken == 0:
                    predicted = -np.dot(pull, step) - 0.5 * np.dot(step, np.dot(hessian, step))
                    gain = gained / max(predicted, 1e-300)
                    damping = max(damping * (0.25 if gain > 0.5 else 3.0 if gain < 0.1 else 1.0), least)
                U, A, Z, value = U_moved, A_moved, Z_moved, reached
                gradient, curvature, taken = gradient_moved, curvature_moved, taken + 1
                if gained <= rtol * abs(value):
                    break
                pull = pull_at(X, Z, V, U, A, ridge, neuron, coordinate, gradient)
            elif taken == 0:
                damping *= 6.0
                factor = factor_of(hessian, damping, flat)
            else:
                break
        begun += in_a_row
        if before - value <= rtol * abs(value):
            break
    return U, A, value, damping, max_steps, Z


@njit(cache=True, error_model="numpy")
def kept_by_surgeon(inverse, theta, neuron, free, n_incoming, n_deleted):
    """Which unknowns stay when the cheapest go one after the other by ½ θ² / C_qq for each parameter saved.

    C is the inverse, down-dated in place, and the others follow; a neuron goes with the last of its `n_incoming`.
    """
    P = len(theta)
    expected, kept = theta.copy(), np.ones(P, dtype=np.bool_)
    left = n_deleted
    while left > 0:
        best, least = -1, np.inf
        for q in range(P):
            if free[q]:
                saved = 2.0 if neuron[q] >= 0 and n_incoming[neuron[q]] <= 1 else 1.0
                cost = expected[q] ** 2 / max(inverse[q, q], 1e-300) / saved
                if cost < least:
                    best, least = q, cost
        if best < 0:
            break
        k = neuron[best]
        whole = k >= 0 and n_incoming[k] <= 1
        left -= 2 if whole else 1
        if k >= 0:
            n_incoming[k] -= 1
        row, shift = inverse[best] / inverse[best, best], expected[best]
        column = inverse[:, best].copy()
        for q in range(P):
            expected[q] -= shift * row[q]
            c = column[q]
            for r in range(P):
                inverse[q, r] -= c * row[r]
        for q in range(P):
            if q == best or (whole and neuron[q] == k):
                kept[q] = free[q] = False
                expected[q] = 0.0
    return kept


@njit(cache=True, error_model="numpy")
def without_cheapest(X, y, w, kind, delta, ridge, affine, U, V, A, n_deleted, regular):
    """The model without the unknowns that the surgeon finds cheapest, the others following where that helps.

    Returns whether there was one to delete, U, V, A, and the objective. Constants go with their neuron only.
    """
    (K, width), n = U.shape, X.shape[1]
    neuron, coordinate = unknowns_of(U, A, affine)
    P = len(neuron)
    n_incoming, free = np.zeros(K, dtype=np.int64), np.empty(P, dtype=np.bool_)
    theta = ridge_of(U, A, ridge, neuron, coordinate)[1]
    for q in range(P):
        k, j = neuron[q], coordinate[q]
        free[q] = j < width - 1
        if k >= 0 and j < width - 1:
            n_incoming[k] += 1
    for q in range(P):
        free[q] |= neuron[q] >= 0 and n_incoming[neuron[q]] == 0
    if not free.any():
        return False, U, V, A, np.inf
    Z, gradient, curvature = np.empty((K, n)), np.empty(n), np.empty(n)
    evaluate(X, y, w, kind, delta, ridge, U, V, A, Z, gradient, curvature)
    hessian, _ = quadratic(X, Z, V, U, A, ridge, neuron, coordinate, gradient, curvature)
    mean = np.trace(hessian) / P
    for q in range(P):
        hessian[q, q] += regular * mean
    kept = kept_by_surgeon(np.linalg.inv(hessian), theta, neuron, free, n_incoming, n_deleted)
    stay, go = np.flatnonzero(kept), np.flatnonzero(~kept)
    inner, right = np.empty((len(stay), len(stay))), np.zeros(len(stay))
    for a in range(len(stay)):
        for b in range(len(stay)):
            inner[a, b] = hessian[stay[a], stay[b]]
        for q in go:
            right[a] += hessian[stay[a], q] * theta[q]
    U_plain, A_plain = U.copy(), A.copy()
    for q in go:
        if neuron[q] >= 0:
            U_plain[neuron[q], coordinate[q]] = 0.0
        else:
            A_plain[coordinate[q]] = 0.0
    U_moved, A_moved = U_plain.copy(), A_plain.copy()
    move = np.linalg.solve(inner, right) if len(stay) else right
    for a in range(len(stay)):
        k, j = neuron[stay[a]], coordinate[stay[a]]
        if k >= 0:
            U_moved[k, j] += move[a]
        else:
            A_moved[j] += move[a]
    alive = np.zeros(K, dtype=np.bool_)
    for q in stay:
        if neuron[q] >= 0:
            alive[neuron[q]] = True
    U_plain, U_moved, V = U_plain[alive], U_moved[alive], V[alive]
    plain = objective(X, y, w, kind, delta, ridge, U_plain, V, A_plain)
    moved = objective(X, y, w, kind, delta, ridge, U_moved, V, A_moved)
    if moved < plain:
        return True, U_moved, V, A_moved, moved
    return True, U_plain, V, A_plain, plain
