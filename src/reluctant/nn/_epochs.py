"""Whole epochs of runs with output weights ±1, all rows at once, on the CPU: one compiled loop over runs."""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.nn._kernels import _limit, _prox

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
"""Of torch's Adam."""


@njit(cache=True, error_model="numpy")
def train(theta, mean, square, done, inputs, targets, rates, shares, alpha, p, n_counted, decay):
    """Take len(rates) steps of AdamW on the mean squared error and of the proximal map in its metric, in place.

    θ (R, K, c + 1) has rows (u_k, s_k), s_k = ±1; mean and square are its moments after `done` steps; inputs (c, N)
    has the ones as its last row. `shares` are those of α (R,), negative where zeros are fixed. Neurons that are zero
    stay so.
    """
    R, K, _ = theta.shape
    c, N = inputs.shape
    z, residual, alive = np.empty((K, N), theta.dtype), np.empty(N, theta.dtype), np.empty(K, np.bool_)
    for r in range(R):
        limit = _limit(p[r])
        for k in range(K):
            alive[k] = np.any(theta[r, k, :c] != 0)
        for e in range(len(rates)):
            residual[:] = -targets
            for k in range(K):
                if alive[k]:
                    _activate(theta[r, k], inputs, z[k], residual)
            residual *= 2.0 / N
            first, second = 1 - BETA1 ** (done + e + 1), 1 - BETA2 ** (done + e + 1)
            for k in range(K):
                if alive[k]:
                    _mask(z[k], theta[r, k, c], residual)
                    alive[k] = _step(
                        theta[r, k], mean[r, k], square[r, k], inputs, z[k], n_counted,
                        rates[e], first, second, shares[e], alpha[r], p[r], limit, decay,
                    )  # fmt: skip


@njit(cache=True)
def _activate(u, inputs, z, residual):
    """Z = u · x̄ at every point, whose positive part goes into the residual; zeros of u cost nothing."""
    c, N = inputs.shape
    z[:] = 0
    for i in range(c):
        if u[i] != 0:
            for n in range(N):
                z[n] += u[i] * inputs[i, n]
    for n in range(N):
        residual[n] += u[c] * max(z[n], 0)


@njit(cache=True)
def _mask(z, sign, residual):
    """Overwrite z by the gradient with respect to it."""
    for n in range(len(z)):
        z[n] = sign * residual[n] if z[n] > 0 else 0


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b):
    total = a.dtype.type(0)
    for n in range(len(a)):
        total += a[n] * b[n]
    return total


@njit(cache=True, error_model="numpy")
def _step(u, mean, square, inputs, g, n_counted, rate, first, second, share, alpha, p, limit, decay):
    """Both halves of the step for one neuron; whether anything is left of it."""
    c = len(inputs)
    left = False
    for i in range(c):
        if share < 0 and u[i] == 0:
            continue
        gradient = float(_dot(g, inputs[i]))
        mean[i] += (1 - BETA1) * (gradient - mean[i])
        square[i] = BETA2 * square[i] + (1 - BETA2) * gradient * gradient
        D = math.sqrt(square[i] / second) + EPS
        new = u[i] * (1 - rate * decay) - rate / first * mean[i] / D
        if share > 0 and i < n_counted:
            new = _prox(new, share * alpha * rate / D, p, limit)
        u[i] = new
        left = left or (i < n_counted and u[i] != 0)
    if left or share <= 0:
        return np.any(u[:c] != 0)
    u[:c] = 0
    return False
