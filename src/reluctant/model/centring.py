"""Networks whose kinks lie far from zero: the same function counted from a point among them.

A bias b = b′ − w·c carries the product w·c, and a float64 forward pass at x near c loses the digits by which |w·c|
exceeds |b′|. Counted from c, as w·(x − c) + b′, nothing is lost but what the bias itself has no room for; and where
that is too much, a weight a few last places off brings a bias that nearly is a float.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.model import evaluation
from reluctant.model._double_double import add, two_product

FAR = 256.0
"""Terms w_j c_j so many times larger than what is left of the biases count as far: eight bits are lost."""
HARMLESS = 8.0
"""A centre whose terms are so many times larger than the biases would lose digits elsewhere."""
MOST_STEPS = 4096
"""Last places by which a weight is moved at most."""


class Centred(NamedTuple):
    """Biases (K,) and intercept (m,) of the same function of x − centre."""

    centre: Array
    biases: Array
    intercept: Array


def forward(X: Array, centred: Centred | None, fields: dict[str, Array]) -> Array:
    """Outputs (N, m) of inputs (N, d), counted from the centre if there is one; `fields` are those of a network."""
    if centred is None:
        return evaluation.forward(X, **fields)
    moved = fields | {"biases": centred.biases, "intercept": centred.intercept}
    return evaluation.forward(X - centred.centre, **moved)


def products(W: Array, c: Array, b: Array) -> tuple[Array, Array]:
    """W c + b, row by row, as double-doubles: W (n, d), c (d,), b (n,)."""
    hi, lo = np.array(b, dtype=np.float64), np.zeros(len(b))
    for column, at in zip(W.T, c):
        if at != 0.0:
            hi, lo = add(hi, lo, *two_product(column, at))
    return hi, lo


def centred(w: Array, b: Array, v: Array, slope: Array, intercept: Array) -> Centred | None:
    """The network counted from a point near all its kinks, where these are far from zero; None where they are not.

    The point is the least-squares solution of w_k·c = −b_k, rounded to few digits. There must be two neurons more than
    inputs they read: the kinks of fewer have nearly a common point by chance.
    """
    size = np.max(np.abs(v), axis=1, initial=0.0)
    read = np.any(w[size > 0.0] != 0.0, axis=0)
    if np.count_nonzero(np.any(w != 0.0, axis=1) & (size > 0.0)) < np.count_nonzero(read) + 2 or not b.any():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        W, t = w[:, read] * size[:, None], b * size
        c = np.zeros(w.shape[1])
        c[read] = _common_point(W, t, np.abs(W).max(axis=0))
        left = np.abs(products(w, c, b)[0]) * size
        c = _short(c, np.abs(w * size[:, None]).max(axis=0), float(left.max()))
        hi, _ = products(w, c, b)
        terms = np.abs(w * size[:, None]) * np.abs(c)
        far = FAR * float(np.max(np.abs(hi) * size)) <= terms.max() and terms.sum() <= HARMLESS * np.abs(t).sum()
        moved, _ = products(slope.T, c, intercept)
    return Centred(c, hi, moved) if far and np.isfinite(hi).all() and np.isfinite(moved).all() else None


def _common_point(W: Array, t: Array, unit: Array) -> Array:
    """Least-squares solution of W c = −t for columns of the sizes `unit`; NaN where there is none."""
    scaled = W / unit
    gram = scaled.T @ scaled
    c = np.zeros(len(unit))
    try:
        for _ in range(2):
            c -= np.linalg.solve(gram, scaled.T @ (scaled @ c + t))
    except np.linalg.LinAlgError:
        c[:] = np.nan
    return c / unit


def _short(c: Array, unit: Array, left: float) -> Array:
    """Zero where a column is not far; else few digits, so that few are needed for x − c."""
    far = unit * np.abs(c) > FAR * left
    step = np.exp2(np.floor(np.log2(np.divide(left, unit, out=np.ones_like(unit), where=far & (left > 0.0)))))
    return np.where(far, np.round(c / step) * step, 0.0)


def carried_back(W: Array, b: Array, centre: Array, beside: Array) -> tuple[Array, Array]:
    """Weights and biases (n, d), (n,) of hinges W·(x − centre) + b as functions of x.

    A bias in float64 has room for b − W·centre to half its last place alone, about |W·centre| 2⁻⁵³. So the weight with
    the largest term is tried some last places off, with the value at `beside`, a point of the data, kept, and that one
    is taken whose bias is closest to a float. The error is smaller by about the number of places tried, the root of
    |W·centre| / |W·(beside − centre)|, and the weight is off by as many; within its range of a power of two a column
    gives no choice, and nothing is gained.
    """
    W = np.array(W, dtype=np.float64)
    hi, lo = products(-W, centre, b)
    rows = np.arange(len(W))
    terms = np.abs(W * centre)
    j = np.argmax(terms, axis=1) if W.size else np.zeros(len(W), dtype=np.intp)
    near = np.abs(W * (beside - centre))[rows, j]
    ratio = float(np.max(np.divide(terms[rows, j], near, out=np.zeros(len(W)), where=near > 0.0), initial=0.0))
    steps = np.arange(min(int(np.sqrt(ratio)), MOST_STEPS) + 1.0)
    tried = W[rows, j, None] + steps * np.spacing(np.abs(W[rows, j, None]))
    hi, lo = add(hi[:, None], lo[:, None], *two_product(tried - W[rows, j, None], -beside[j][:, None]))
    best = np.argmin(np.abs(lo), axis=1)
    W[rows, j] = tried[rows, best]
    return W, hi[rows, best]
