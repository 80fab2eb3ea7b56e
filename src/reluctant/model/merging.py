"""Joining neurons that share a kink, and comparing networks as functions.

A network is three arrays here, as `ReLUNetwork.hinges` gives them: U (K, d + 1), V (K, m) and A (d + 1, m).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index

Hinges = tuple[Array, Array, Array]


def merge(U: Array, V: Array, A: Array, rtol: float, affine: bool, floor: ArrayLike = 0.0) -> Hinges:
    """Join the neurons of one kink; see `ReLUNetwork.merged` and, for `floor`, `groups_of_equal_rows`."""
    constant = ~U[:, :-1].any(axis=1)
    folded = constant & (affine | (U[:, -1] <= 0.0))
    lines = np.maximum(U[folded], 0.0)[:, :, None] * V[folded][:, None, :]
    U, V = U[~folded], V[~folded]

    hinge, scale = scaled_hinges(U)
    group, first = groups_of_equal_rows(hinge, rtol, floor, up_to_sign=affine)
    leader = first[group]
    # v (t)_+ = v (−t)_+ + v t
    turned = np.sum(hinge[:, :-1] * hinge[leader, :-1], axis=1) < 0
    lines = np.concatenate([A[None], lines, U[turned][:, :, None] * V[turned][:, None, :]])
    joined = _sums(V * (scale / scale[leader])[:, None], group, len(first))
    kept = joined.any(axis=1)
    return U[first][kept], joined[kept], _sums(lines, np.zeros(len(lines), dtype=np.intp), 1)[0]


def same_function(f: Hinges, g: Hinges, rtol: float) -> bool:
    """Whether the merged difference of two functions of as many inputs and outputs vanishes within `rtol`.

    Each coordinate is compared with its own largest coefficient.
    """
    U, V = np.concatenate([f[0], g[0]]), np.concatenate([f[1], -g[1]])
    floor = np.max(np.abs(scaled_hinges(U)[0]), axis=0, initial=0.0)
    rest = merge(U, V, f[2] - g[2], rtol, affine=True, floor=floor)
    size = np.maximum(_largest_coefficients(*f), _largest_coefficients(*g))
    return bool((_largest_coefficients(*rest) <= rtol * size).all())


def scaled_hinges(incoming: Array) -> tuple[Array, Array]:
    """Return hinges (w, b) with max|w| = 1, or |b| = 1 where w = 0, and the positive factors taken out."""
    scale = np.max(np.abs(incoming[:, :-1]), axis=1)
    scale = np.where(scale == 0, np.abs(incoming[:, -1]), scale)
    with np.errstate(over="ignore"):
        return incoming / np.where(scale == 0, 1.0, scale)[:, None], scale


def normalised_hinges(incoming: Array) -> tuple[Array, Array]:
    """Return hinges (w, b) with largest entry in size +1 (the first of them), and the signed factors taken out."""
    if len(incoming) == 0:
        return incoming.copy(), np.zeros(0)
    at = np.argmax(np.abs(incoming), axis=1)
    scale = incoming[np.arange(len(incoming)), at]
    return incoming / np.where(scale == 0, 1.0, scale)[:, None], scale


def groups_of_equal_rows(
    rows: Array, rtol: float, floor: ArrayLike = 1.0, up_to_sign: bool = False
) -> tuple[Index, Index]:
    """Return (group of every row, first row of every group).

    Rows are equal when no entry differs by more than `rtol` times the larger of both and `floor`, a number or one
    for each column. They are ranked along one generic direction, in which equal rows are neighbours, then compared
    in full with the first row of each group.
    """

    def equal(a: Array, b: Array) -> bool:
        return bool((np.abs(a - b) <= rtol * np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)).all())

    leader = np.arange(len(rows))
    weight = np.abs(np.cos(1.0 + np.arange(rows.shape[1])))
    with np.errstate(invalid="ignore", over="ignore"):
        key = rows @ np.cos(1.0 + np.arange(rows.shape[1]))
        key = np.abs(key) if up_to_sign else key
        reach = 2 * rtol * np.maximum(np.abs(rows), floor) @ weight + 1e-14 * np.abs(rows) @ weight
        order = np.argsort(key, kind="stable")
        apart = np.diff(key[order]) > np.maximum(reach[order][1:], reach[order][:-1])
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(rows)]])
        for k in np.flatnonzero(np.diff(starts) > 1):
            leaders: list[int] = []
            for i in np.sort(order[starts[k] : starts[k + 1]]):
                same = (j for j in leaders if equal(rows[i], rows[j]) or (up_to_sign and equal(rows[i], -rows[j])))
                leader[i] = next(same, i)
                if leader[i] == i:
                    leaders.append(i)
    first, group = np.unique(leader, return_inverse=True)
    return group, first


def _sums(terms: Array, group: Index, n_groups: int) -> Array:
    """Sums of the terms of each group, along axis 0; one that is only the rounding of terms that cancel is zero."""
    total = np.zeros((n_groups, *terms.shape[1:]))
    largest = np.zeros_like(total)
    np.add.at(total, group, terms)
    np.maximum.at(largest, group, np.abs(terms))
    total[np.abs(total) <= 4 * np.finfo(float).eps * largest] = 0.0
    return total


def _largest_coefficients(U: Array, V: Array, A: Array) -> Array:
    """Largest |v_k (w_k, b_k)_j|, and affine coefficient, for each coordinate j; shape (d + 1,)."""
    hinges = np.abs(U) * np.max(np.abs(V), axis=1)[:, None]
    return np.maximum(np.max(hinges, axis=0, initial=0.0), np.abs(A).max(axis=1))
