"""The proximal map in the optimiser's metric over flat float32 arrays, in blocks that stay in the cache.

Loops over a block have no branches and a fixed number of Newton steps, so that they become vector instructions; in
float32 Newton's method from above has settled by then. What survives a block is packed before its roots are taken.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit

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
def shrink_flat(u, living, square, correction, rate, eps, alpha, p):
    """Overwrite u by argmin_x ½ (x − u)² + τ|x|^p, τ = α γ / D, p = 0, 1/2, 2/3 or 1; return how many are not zero.

    D = √(c v) + ε, or 1 where `square`, v, has no entries. Where `living` is set, if it has entries, u stays.
    """
    D, root, size = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    keeps, where = np.empty(_BLOCK, np.uint8), np.empty(_BLOCK, np.int32)
    rate, correction, eps = np.float32(rate * alpha), np.float32(correction), np.float32(eps)
    before = np.empty(_BLOCK, np.float32)
    D[:] = _ONE
    left = 0
    for start in range(0, u.size, _BLOCK):
        u_block, v_block = u[start : start + _BLOCK], square[start : start + _BLOCK]
        n = u_block.size
        D_block = D[:n]
        for i in range(v_block.size):
            D_block[i] = np.sqrt(v_block[i] * correction) + eps
        if living.size:
            for i in range(n):
                before[i] = u_block[i]
        if p == 0:
            m = _hard(u_block, D_block, rate)
        elif p == 1:
            m = _soft(u_block, D_block, rate)
        else:
            _survives(u_block, D_block, rate, p, keeps)
            m = _packed(u_block, D_block, keeps, where, size)
            if p == 0.5:
                _rooted_half(size[:m], D_block, rate)
            else:
                _rooted_two_thirds(size[:m], D_block, rate, root)
            for j in range(m):
                u_block[where[j]] = size[j]
            if not square.size:
                D[:] = _ONE
        left += _restored(u_block, before, living[start : start + _BLOCK]) if living.size else m
    return left


@njit(**_OPTIONS)
def _packed(u, D, keeps, where, size):
    """Pack u and D where they are kept, note where that was, and set u to zero; return how many are kept."""
    m = 0
    for i in range(u.size):
        where[m] = i
        m += keeps[i]
    for j in range(m):
        size[j], D[j] = u[where[j]], D[where[j]]
    for i in range(u.size):
        u[i] = _NIL
    return m


@njit(**_OPTIONS)
def _restored(u, before, living):
    """Put back what was there before where `living` is set; return how many are not zero."""
    left = np.int32(0)
    for i in range(u.size):
        x, y = u[i], before[i]
        x = y if living[i] != 0 else x
        u[i] = x
        left += np.int32(x != _NIL)
    return left


@njit(**_OPTIONS)
def _hard(u, D, rate):
    """Zero where u² ≤ 2τ."""
    left = np.int32(0)
    for i in range(u.size):
        keeps = not u[i] * (u[i] * D[i]) <= _TWO * rate
        left += np.int32(keeps)
        u[i] = u[i] if keeps else _NIL
    return left


@njit(**_OPTIONS)
def _soft(u, D, rate):
    """max(|u| − τ, 0) with the sign of u."""
    left = np.int32(0)
    for i in range(u.size):
        tau = rate / D[i]
        keeps = not abs(u[i]) <= tau
        left += np.int32(keeps)
        u[i] = (u[i] - tau if u[i] > _NIL else u[i] + tau) if keeps else _NIL
    return left


@njit(**_OPTIONS)
def _survives(u, D, rate, p, keeps):
    """Where |u|^{2−p} > c τ, or either is NaN; without roots, q² |u| > 1 or q³ |u| > 1 with q = |u| D / (c α γ)."""
    scale = _ONE / ((_ZERO_HALF if p == 0.5 else _ZERO_TWO_THIRDS) * rate)
    if p == 0.5:
        for i in range(u.size):
            size = abs(u[i])
            q = size * (D[i] * scale)
            keeps[i] = not q * q * size <= _ONE
    else:
        for i in range(u.size):
            size = abs(u[i])
            q = size * (D[i] * scale)
            keeps[i] = not q * q * (q * size) <= _ONE


@njit(**_OPTIONS)
def _rooted_half(u, D, rate):
    """Overwrite what survives by r² with r the largest root of r³ − |u| r + τ/2 = 0."""
    for i in range(u.size):
        size, constant = abs(u[i]), _HALF * rate / D[i]
        r = np.sqrt(size)
        for _ in range(4):
            square = r * r
            r = (_TWO * square * r - constant) / (_THREE * square - size)
        u[i] = r * r if u[i] > _NIL else -(r * r)


@njit(**_OPTIONS)
def _rooted_two_thirds(u, D, rate, root):
    """Overwrite what survives by r³ with r the largest root of r⁴ − |u| r + 2τ/3 = 0."""
    _cube_root_from_above(u, root)
    for i in range(u.size):
        size, constant, r = abs(u[i]), _TWO_THIRDS * rate / D[i], root[i]
        for _ in range(6):
            cube = r * r * r
            r = (_THREE * cube * r - constant) / (_FOUR * cube - size)
        x = r * r * r
        u[i] = x if u[i] > _NIL else -x


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
