"""Compiled loops of Newton-prune; arrays hold one contiguous row of N data points per neuron or parameter."""

from __future__ import annotations

import numpy as np

from reluctant.compiling import njit


@njit(cache=True)
def preactivations(inputs, U):
    """Z[k, i] = u_k · x̄_i, skipping the zeros of U; `inputs` is X̄ transposed, (d + 1, N)."""
    K, width = U.shape
    N = inputs.shape[1]
    Z = np.zeros((K, N))
    for k in range(K):
        for j in range(width):
            weight = U[k, j]
            if weight != 0.0:
                for i in range(N):
                    Z[k, i] += weight * inputs[j, i]
    return Z


@njit(cache=True)
def residuals(inputs, targets, Z, V, affine):
    """R[c, i] = y_ic − Σ_k V[k, c] (Z[k, i])_+ − x̄_i · affine[:, c]."""
    R = targets.copy()
    m, N = R.shape
    for k in range(Z.shape[0]):
        for c in range(m):
            weight = V[k, c]
            if weight != 0.0:
                for i in range(N):
                    R[c, i] -= weight * max(Z[k, i], 0.0)
    for j in range(affine.shape[0]):
        for c in range(m):
            weight = affine[j, c]
            if weight != 0.0:
                for i in range(N):
                    R[c, i] -= weight * inputs[j, i]
    return R


@njit(cache=True)
def fill_design(B, scale, inputs, Z, V, neuron, coordinate, out_neuron, output, affine):
    """Rows of B: the derivative of every output at every point along each unknown, times `scale`.

    First the hinge coordinates (neuron, coordinate), then the free output weights (out_neuron, output),
    then the affine part.
    """
    N = inputs.shape[1]
    m = V.shape[1]
    n_inner = neuron.size
    n_outer = out_neuron.size
    for q in range(n_inner):
        k, j = neuron[q], coordinate[q]
        for c in range(m):
            weight = V[k, c] * scale[q]
            start = c * N
            for i in range(N):
                B[q, start + i] = weight * inputs[j, i] if Z[k, i] > 0.0 else 0.0
    for p in range(n_outer):
        q = n_inner + p
        B[q, :] = 0.0
        k, start = out_neuron[p], output[p] * N
        for i in range(N):
            B[q, start + i] = scale[q] * max(Z[k, i], 0.0)
    for p in range(affine.size * m):
        q = n_inner + n_outer + p
        B[q, :] = 0.0
        j, start = affine[p // m], (p % m) * N
        for i in range(N):
            B[q, start + i] = scale[q] * inputs[j, i]
