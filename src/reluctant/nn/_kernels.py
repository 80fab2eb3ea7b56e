"""The proximal step of a pair with one output on the CPU, in one pass over its weights."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def reweighted_thresholds(w, b, v, factor, exponent, C):
    """Write C_ki = factor · |v_k w_ki|^exponent into C, which has a last column for b_k where the bias counts."""
    K, d = w.shape
    factor, exponent = w.dtype.type(factor), w.dtype.type(exponent)
    for k in range(K):
        for i in range(d):
            C[k, i] = _slope(abs(v[k] * w[k, i]), factor, exponent)
        if C.shape[1] > d:
            C[k, d] = _slope(abs(v[k] * b[k]), factor, exponent)


@njit(cache=True, error_model="numpy")
def shrink_and_balance(w, b, v, intercept, C):
    """Shrink |u_ki| = |v_k w_ki| by C_ki, then set ‖(w_k, b_k)‖ = |v_k| with the signs kept; C is overwritten by |u|.

    b and `intercept` have no entries where the layers have no bias.
    """
    K, d = w.shape
    for k in range(K):
        size, square = abs(v[k]), 0.0
        for i in range(d):
            C[k, i] = _shrunk(size * abs(w[k, i]), C[k, i])
            square += C[k, i] * C[k, i]
        u_bias = 0.0
        if b.size:
            u_bias = size * abs(b[k])
            if C.shape[1] > d:
                u_bias = _shrunk(u_bias, C[k, d])
            elif square == 0 and (intercept.size or b[k] <= 0):
                if intercept.size:
                    intercept[0] += v[k] * max(b[k], 0)
                u_bias = 0.0
        root = math.sqrt(math.hypot(math.sqrt(square), u_bias))
        inverse = 0.0 if root == 0 else 1 / root
        for i in range(d):
            w[k, i] = math.copysign(C[k, i] * inverse, w[k, i])
        if b.size:
            b[k] = math.copysign(u_bias * inverse, b[k])
        v[k] = math.copysign(root, v[k])


@njit(cache=True, error_model="numpy")
def _slope(size, factor, exponent):
    """Return factor · |u|^exponent, infinite at zero for exponents below 0."""
    if exponent == 0:
        return factor
    if size == 0:
        return np.inf
    if exponent == -0.5:
        return factor / math.sqrt(size)
    return factor * size**exponent


@njit(cache=True)
def _shrunk(size, threshold):
    """max(size − threshold, 0); NaN stays NaN."""
    rest = size - threshold
    return 0.0 if rest <= 0 else rest
