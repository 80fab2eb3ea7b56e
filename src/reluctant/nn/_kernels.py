"""Proximal steps on the CPU, in one pass over the weights: of a pair with one output, and of |u|^p entry by entry."""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit

_MOST = 60
"""Newton steps from above; they end at the first that does not descend, after four or five."""
_ZERO_HALF, _ZERO_TWO_THIRDS = math.sqrt(27 / 8), 2 ** (4 / 3) * 2 / 3
"""Multiples of τ up to which |u|^{2−p} becomes zero."""


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


@njit(cache=True, error_model="numpy")
def shrink_by_powers(u, tau, p):
    """Overwrite u by the global minimiser of ½(x − u)² + τ|x|^p, entry by entry; zero where two minima tie."""
    limit = _limit(p)
    K, d = u.shape
    for k in range(K):
        for i in range(d):
            u[k, i] = _prox(u[k, i], tau[k, i], p, limit)


@njit(cache=True)
def remember_held(w, b, v, dead, kept):
    """Keep v, and which neurons have (w_k, b_k) = 0."""
    K, d = w.shape
    for k in range(K):
        kept[k] = v[k]
        dead[k] = b.size == 0 or b[k] == 0
        for i in range(d):
            if w[k, i] != 0:
                dead[k] = False
                break


@njit(cache=True, error_model="numpy")
def shrink_held(w, b, v, intercept, dead, kept, w_length, b_length, alpha, p, counts_bias):
    """Shrink w, and b where it counts, by the proximal map of α γ/D |x|^p, given γ/D; v is what it was.

    Neurons that were zero stay so. Where the bias does not count, a neuron without weights goes to the intercept, or
    nowhere if there is none. b and `intercept` have no entries where the layers have no bias.
    """
    limit = _limit(p)
    K, d = w.shape
    for k in range(K):
        v[k] = kept[k]
        left = False
        for i in range(d):
            if dead[k]:
                w[k, i] = 0.0
            elif alpha > 0:
                w[k, i] = _prox(w[k, i], alpha * w_length[k, i], p, limit)
            left = left or w[k, i] != 0
        if not b.size:
            continue
        if dead[k]:
            b[k] = 0.0
        elif alpha > 0 and counts_bias:
            b[k] = _prox(b[k], alpha * b_length[k], p, limit)
        elif alpha > 0 and not left:
            if intercept.size:
                intercept[0] += v[k] * max(b[k], 0)
            b[k] = 0.0


@njit(cache=True, error_model="numpy")
def _limit(p):
    """τ |u|^{p−2} from which on the proximal map is zero, for p < 1."""
    return 1.0 if p == 1 else (2 * (1 - p) / (2 - p)) ** (2 - p) / (2 * (1 - p))


@njit(cache=True, error_model="numpy")
def _prox(u, tau, p, limit):
    """Global minimiser of ½(x − u)² + τ|x|^p."""
    size, t = abs(float(u)), float(tau)
    if size == 0 or t == 0:
        return float(u)
    if p == 0.5:
        x = _prox_half(size, t)
    elif p == 1:
        x = _shrunk(size, t)
    elif abs(p - 2 / 3) < 1e-15:
        x = _prox_two_thirds(size, t)
    elif p == 0:
        x = 0.0 if size <= math.sqrt(2 * t) else size
    else:
        x = _prox_by_newton(size, t, p, limit)
    return math.copysign(x, u)


@njit(cache=True)
def _prox_half(size, t):
    """r² with r the largest root of r³ − |u| r + τ/2 = 0; zero where |u|^{3/2} ≤ √(27/8) τ."""
    r = math.sqrt(size)
    if size * r <= _ZERO_HALF * t:
        return 0.0
    for _ in range(_MOST):
        square = r * r
        new = (2 * square * r - 0.5 * t) / (3 * square - size)
        if not new < r:
            break
        r = new
    return r * r


@njit(cache=True)
def _prox_two_thirds(size, t):
    """r³ with r the largest root of r⁴ − |u| r + 2τ/3 = 0; zero where |u|^{4/3} ≤ 2^{4/3} (2/3) τ."""
    r = np.cbrt(size)
    if size * r <= _ZERO_TWO_THIRDS * t:
        return 0.0
    for _ in range(_MOST):
        cube = r * r * r
        new = (3 * cube * r - 2 * t / 3) / (4 * cube - size)
        if not new < r:
            break
        r = new
    return r * r * r


@njit(cache=True)
def _prox_by_newton(size, t, p, limit):
    """|u| s with s the largest root of s − 1 + κ p s^{p−1} = 0, κ = τ |u|^{p−2}; zero where κ is at the limit."""
    kappa = t * size ** (p - 2)
    if kappa >= limit:
        return 0.0
    s = 1.0
    for _ in range(_MOST):
        slope = kappa * p * s ** (p - 2)
        new = s - (s - 1 + slope * s) / (1 - (1 - p) * slope)
        if not new < s:
            break
        s = new
    return size * s
