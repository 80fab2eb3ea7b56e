"""Compiled walk along a curve of interpolants."""

from __future__ import annotations

import numpy as np

from reluctant.compiling import njit

_SINGULAR = 1e-10
"""A change of pattern that makes the determinant smaller by so much ends the walk."""
_AT_ONCE = 1e-9
"""Where the only weight of a neuron becomes zero all points cross its hinge: what is so close to a zero comes after."""


@njit(cache=True)
def walk(inputs, neuron, coordinate, signs, moving, deletable, values, inverse, direction, most, limit):
    """Follow the curve on which N + 1 unknowns move and N labels are met, until a deletable one is zero.

    In a pattern the labels are linear in the unknowns, so that the curve is a line, along the null vector of their
    N derivatives. Where a point crosses a hinge one row of these changes, and with it the inverse by one rank; of the
    two ways to go on along the new null vector one leaves the hinge on its other side. `inverse` is that of the
    derivatives with one more row, `neuron` is -1 for the affine part; `values` and `inverse` are overwritten.

    Returns
    -------
    The unknown that became zero; -1 where after `most` crossings, or beyond the limit of their size, none did.
    """
    n, N = len(moving), inputs.shape[1]
    H = np.zeros((len(signs), N))
    for q in range(len(values)):
        if neuron[q] >= 0:
            _add_row(H, neuron[q], values[q], inputs, coordinate[q])
    active = H > 0.0
    D, changed, image = np.empty(H.shape), np.empty(n), np.empty(n)
    last_k, last_i = -1, -1
    for _crossing in range(most):
        D[:] = 0.0
        for c in range(n):
            q = moving[c]
            if neuron[q] >= 0:
                _add_row(D, neuron[q], direction * inverse[c, n - 1], inputs, coordinate[q])
        to_zero, zero, k_crossed, i_crossed = np.inf, -1, -1, -1
        for c in range(n):
            q, rate = moving[c], direction * inverse[c, n - 1]
            if deletable[q] and values[q] * rate < 0.0 and -values[q] / rate < to_zero:
                to_zero, zero = -values[q] / rate, q
        length = (1.0 - _AT_ONCE) * to_zero
        for k in range(len(H)):
            for i in range(N):
                if (D[k, i] < 0.0) == active[k, i] and D[k, i] != 0.0 and not (k == last_k and i == last_i):
                    to_hinge = max(-H[k, i] / D[k, i], 0.0)
                    if to_hinge < length:
                        length, k_crossed, i_crossed = to_hinge, k, i
        if length == np.inf:
            return -1
        if k_crossed < 0:
            length = to_zero
        largest = 0.0
        for c in range(n):
            values[moving[c]] += length * direction * inverse[c, n - 1]
            largest = max(largest, abs(values[moving[c]]))
        if k_crossed < 0:
            values[zero] = 0.0
            return zero
        if not largest <= limit:
            return -1
        for k in range(len(H)):
            for i in range(N):
                H[k, i] += length * D[k, i]
        sign = -signs[k_crossed] if active[k_crossed, i_crossed] else signs[k_crossed]
        active[k_crossed, i_crossed] = not active[k_crossed, i_crossed]
        changed[:] = 0.0
        for c in range(n):
            q = moving[c]
            if neuron[q] == k_crossed:
                weight = sign * inputs[coordinate[q], i_crossed]
                for r in range(n):
                    changed[r] += weight * inverse[c, r]
        factor = 1.0 + changed[i_crossed]
        if not abs(factor) > _SINGULAR:
            return -1
        for c in range(n):
            image[c] = inverse[c, i_crossed] / factor
        for c in range(n):
            for r in range(n):
                inverse[c, r] -= image[c] * changed[r]
        if factor < 0.0:
            direction = -direction
        last_k, last_i = k_crossed, i_crossed
    return -1


@njit(cache=True, inline="always")
def _add_row(H, k, weight, inputs, j):
    for i in range(inputs.shape[1]):
        H[k, i] += weight * inputs[j, i]
