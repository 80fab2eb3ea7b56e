"""The proximal map in the optimiser's metric over flat float32 arrays, in blocks that stay in the cache.

What is left of a weight depends on one number. With κ = τ|u|^{p−2} the map takes u to u·s, s the largest root of
s + pκ s^{p−1} = 1, and to zero where κ passes κ_0 = (1 − s_0) s_0^{1−p} / p, s_0 = (2 − 2p) / (2 − p). That root meets
the smaller one at κ_1 = ((1 − p) / (2 − p))^{1−p} / (p (2 − p)) > κ_0, as a square root does, so s is smooth in
√(κ_1 − κ): with z = κ / κ_0 in [0, 1] and h = √ζ − √(ζ − z), ζ = κ_1 / κ_0, five powers of h give 1 − s to 4e-9. So
no roots of polynomials are sought, nothing is packed, and loops have no branches: they become vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reluctant.compiling import njit

_BLOCK = 256
_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}}
_NIL, _ONE, _LARGE = np.float32(0), np.float32(1), np.float32(1e30)
_THIRD, _INVERSE_ROOT_BITS = np.float32(1 / 3), np.float32(1419900341)
"""Bits less a third of the bits of a float32 are those of its inverse cube root r^{−1/3}, wrong by 3.5 % at most:"""
_ROOT = tuple(np.float32(c) for c in (0.33333335, 0.22221689, 0.17282983, 0.14566969, 0.12667931))
"""(1 − e)^{−1/3} − 1 in powers of e = 1 − r y³ of that, to 5e-9."""
_HALVES = tuple(
    np.float32(c) for c in (1.4142135623730951, 0.64732223, -0.062649069, -0.0066778594, -0.0011182636, -0.00041423949)
)
_TWO_THIRDS = tuple(
    np.float32(c) for c in (1.19055078897615, 0.86602512, -0.14684422, -0.012657205, -0.0019589120, -0.00057161840)
)
"""ζ, and 1 − s in powers of h, for p = 1/2 and 2/3."""
_TIES = {0.0: 2.0, 0.5: 1.8371173070873836, 2 / 3: 1.6798947331931646, 1.0: 1.0}


def multiple_at_tie(p: float) -> float:
    """The c = 1 / κ_0 of zero where |u|^{2−p} ≤ c τ."""
    return _TIES[p]


@njit(**_OPTIONS)
def shrink_flat(u, living, square, correction, rate, eps, p, tie):
    """Overwrite u by argmin_x ½ (x − u)² + τ|x|^p, τ = ρ / D, p = 0, 1/2, 2/3 or 1; return how many are not zero.

    ρ is the `rate`, D = √(c v) + ε, or 1 where `square`, v, has no entries. Where `living` is set, if it has entries, u
    stays. `tie` is `multiple_at_tie(p)`.
    """
    ratio, z = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    D = np.full(_BLOCK, np.float32(_ONE))
    correction, eps, scale = np.float32(correction), np.float32(eps), np.float32(1 / (tie * rate))
    left = 0
    for start in range(0, u.size, _BLOCK):
        u_block, v_block = u[start : start + _BLOCK], square[start : start + _BLOCK]
        n = u_block.size
        for i in range(v_block.size):
            D[i] = np.sqrt(v_block[i] * correction) + eps
        shrinks = _sizes(u_block, D, scale, p, ratio)
        if living.size:
            shrinks = _spare(living[start : start + _BLOCK], ratio)
        if shrinks:
            if p == 0.5:
                _inverse_square_root(ratio[:n], z)
                _shrink(u_block, z, _HALVES)
            elif p == 1:
                for i in range(n):
                    u_block[i] -= u_block[i] / ratio[i]
            elif p > 0:
                _inverse_cube_root(ratio[:n], z)
                _shrink(u_block, z, _TWO_THIRDS)
        left += _cut(u_block, ratio)
    return left


@njit(**_OPTIONS)
def hold_flat(u, living):
    """Overwrite u by zero where `living` is not set."""
    for i in range(u.size):
        u[i] = u[i] if living[i] != 0 else _NIL


@njit(**_OPTIONS)
def _sizes(u, D, scale, p, ratio):
    """|u|^{2−p} / (c τ) to the power 1, 2, 3 or 1 for p = 0, 1/2, 2/3 or 1, without roots; whether one is above 1."""
    above = np.int32(0)
    for i in range(u.size):
        size = abs(u[i])
        q = size * (D[i] * scale)
        if p == 1:
            r = q
        elif p == 0:
            r = q * size
        elif p == 0.5:
            r = q * (q * size)
        else:
            r = q * q * (q * size)
        ratio[i] = _LARGE if r > _LARGE else r
        above |= np.int32(not r <= _ONE)
    return above != 0


@njit(**_OPTIONS)
def _spare(living, ratio):
    """Make large what is not to be shrunk; return whether one of the others is above 1."""
    above = np.int32(0)
    for i in range(living.size):
        spared = living[i] != 0
        above |= np.int32(not (spared or ratio[i] <= _ONE))
        ratio[i] = _LARGE if spared else ratio[i]
    return above != 0


@njit(**_OPTIONS)
def _cut(u, ratio):
    """Zero up to the tie; return how many are not zero."""
    left = np.int32(0)
    for i in range(u.size):
        x = _NIL if ratio[i] <= _ONE else u[i]
        u[i] = x
        left += np.int32(x != _NIL)
    return left


@njit(**_OPTIONS)
def _inverse_square_root(ratio, z):
    for i in range(ratio.size):
        z[i] = _ONE / np.sqrt(ratio[i])


@njit(**_OPTIONS)
def _inverse_cube_root(ratio, z):
    of_ratio, of_z = ratio.view(np.int32), z.view(np.int32)
    for i in range(ratio.size):
        of_z[i] = np.int32(_INVERSE_ROOT_BITS - np.float32(of_ratio[i]) * _THIRD)
    c0, c1, c2, c3, c4 = _ROOT
    for i in range(ratio.size):
        y = z[i]
        e = _ONE - ratio[i] * y * (y * y)
        z[i] = y + y * (e * (c0 + e * (c1 + e * (c2 + e * (c3 + e * c4)))))


@njit(**_OPTIONS)
def _shrink(u, z, coefficients):
    """Overwrite u by u s where z ≤ 1; what is above is cut afterwards."""
    zeta, c0, c1, c2, c3, c4 = coefficients
    root = np.sqrt(zeta)
    for i in range(u.size):
        h = z[i] / (root + np.sqrt(zeta - z[i]))
        u[i] -= u[i] * (h * (c0 + h * (c1 + h * (c2 + h * (c3 + h * c4)))))
