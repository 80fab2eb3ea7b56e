"""The proximal map in the optimiser's metric over flat float32 arrays, in blocks that stay in the cache.

Loops over a block have no branches and a fixed number of Newton steps, so that they become vector instructions; in
float32 Newton's method from above has settled by then. What survives a block is packed before its roots are taken.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_BLOCK = 256
_OPTIONS = {"cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}}
_NIL, _ONE, _TWO, _THREE, _FOUR = (np.float32(i) for i in range(5))
_HALF, _THIRD, _TWO_THIRDS = np.float32(1 / 2), np.float32(1 / 3), np.float32(2 / 3)
_ZERO_HALF, _ZERO_TWO_THIRDS = np.float32(math.sqrt(27 / 8)), np.float32(2 ** (4 / 3) * 2 / 3)
"""Multiples of τ up to which |u|^{2−p} becomes zero."""
_CUBE_ROOT_BITS = np.float32(709921077)
"""What a third of the bits of a float32 lacks to those of its cube root, wrong by 4 % at most."""
_SLACK = np.float32(1.045)


@njit(**_OPTIONS)
def shrink_flat(u, square, correction, rate, eps, alpha, p):
    """Overwrite u by argmin_x ½ (x − u)² + τ|x|^p, τ = α γ / (√(c v) + ε), p = 0, 1/2, 2/3 or 1; return what is left.

    `square` has no entries where γ alone is the step length.
    """
    tau, root, size = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    keeps, where = np.empty(_BLOCK, np.uint8), np.empty(_BLOCK, np.int32)
    rate, correction, eps = np.float32(rate * alpha), np.float32(correction), np.float32(eps)
    left = 0
    for start in range(0, u.size, _BLOCK):
        u_block = u[start : start + _BLOCK]
        n = u_block.size
        t = tau[:n]
        if square.size:
            v_block = square[start : start + _BLOCK]
            for i in range(n):
                t[i] = rate / (np.sqrt(v_block[i] * correction) + eps)
        else:
            t[:] = rate
        if p == 0:
            left += _hard(u_block, t)
        elif p == 1:
            left += _soft(u_block, t)
        else:
            if p == 0.5:
                _may_survive_half(u_block, t, keeps)
            else:
                _may_survive_two_thirds(u_block, t, root, keeps)
            m = 0
            for i in range(n):
                where[m] = i
                m += keeps[i]
            for j in range(m):
                size[j], t[j] = u_block[where[j]], t[where[j]]
            u_block[:] = _NIL
            if p == 0.5:
                left += _rooted_half(size[:m], t[:m])
            else:
                left += _rooted_two_thirds(size[:m], t[:m], root)
            for j in range(m):
                u_block[where[j]] = size[j]
    return left


@njit(**_OPTIONS)
def _hard(u, tau):
    """Zero where |u| ≤ √(2τ)."""
    left = np.int32(0)
    for i in range(u.size):
        keeps = not abs(u[i]) <= np.sqrt(_TWO * tau[i])
        left += np.int32(keeps)
        u[i] = u[i] if keeps else _NIL
    return left


@njit(**_OPTIONS)
def _soft(u, tau):
    """max(|u| − τ, 0) with the sign of u."""
    left = np.int32(0)
    for i in range(u.size):
        keeps = not abs(u[i]) <= tau[i]
        left += np.int32(keeps)
        u[i] = (u[i] - tau[i] if u[i] > _NIL else u[i] + tau[i]) if keeps else _NIL
    return left


@njit(**_OPTIONS)
def _may_survive_half(u, tau, keeps):
    """Where |u|^{3/2} > √(27/8) τ, or either is NaN."""
    for i in range(u.size):
        size = abs(u[i])
        keeps[i] = not size * np.sqrt(size) <= _ZERO_HALF * tau[i]


@njit(**_OPTIONS)
def _rooted_half(u, tau):
    """Overwrite what survives by r² with r the largest root of r³ − |u| r + τ/2 = 0."""
    for i in range(u.size):
        size, half = abs(u[i]), _HALF * tau[i]
        r = np.sqrt(size)
        for _ in range(4):
            square = r * r
            r = (_TWO * square * r - half) / (_THREE * square - size)
        u[i] = r * r if u[i] > _NIL else -(r * r)
    return u.size


@njit(**_OPTIONS)
def _may_survive_two_thirds(u, tau, root, keeps):
    """Where |u|^{4/3} may be above 2^{4/3} (2/3) τ, which a cube root from above decides."""
    _cube_root_from_above(u, root)
    for i in range(u.size):
        keeps[i] = not abs(u[i]) * root[i] <= _ZERO_TWO_THIRDS * tau[i]


@njit(**_OPTIONS)
def _rooted_two_thirds(u, tau, root):
    """Overwrite u by r³ with r the largest root of r⁴ − |u| r + 2τ/3 = 0; zero where r³ ≤ |u| / 2, the tie.

    The root is there up to τ larger than that of the tie by 19 %, and u has come here up to 10 %.
    """
    _cube_root_from_above(u, root)
    left = np.int32(0)
    for i in range(u.size):
        size, constant, r = abs(u[i]), _TWO_THIRDS * tau[i], root[i]
        for _ in range(6):
            cube = r * r * r
            r = (_THREE * cube * r - constant) / (_FOUR * cube - size)
        x = r * r * r
        dead = x <= _HALF * size
        left += np.int32(not dead)
        u[i] = _NIL if dead else (x if u[i] > _NIL else -x)
    return left


@njit(**_OPTIONS)
def _cube_root_from_above(u, root):
    """|u|^{1/3} from a third of the bits of |u|, between 1 and 1.09 of it."""
    bits = root.view(np.int32)
    for i in range(u.size):
        root[i] = abs(u[i])
    for i in range(u.size):
        bits[i] = np.int32(np.float32(bits[i]) * _THIRD + _CUBE_ROOT_BITS)
    for i in range(u.size):
        root[i] *= _SLACK
