"""Columns of X far from zero counted from one of their entries, and all brought to size one.

A hinge w·x + b on such a column has a bias about −w·c, and w·x + b loses the digits by which c exceeds the column's
spread. Counted from c, as w·(x − c) + b′, nothing is lost, and b = b′ − w·c is one coordinate more: hinges are rows
(w · unit, b′, b) here. For c an entry and entries within a factor two of one another x − c is exact [Sterbenz 1974].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index
from reluctant.model.centring import carried_back, products
from reluctant.multivariate.points import homogeneous, power_of_two

EPS = float(np.finfo(float).eps)
ZERO = 1e-12
"""Relative size of what counts as zero when a hinge is computed."""


class Lines(NamedTuple):
    """Hinges through given points, up to their sign and size; `blur` bounds the norm of each one's error."""

    hinges: Array
    blur: Array
    used: Index  # coordinates w · unit and b′ that may differ from zero
    with_bias: bool


@dataclass(frozen=True)
class Frame:
    """Rows in other coordinates, exactly.

    Parameters
    ----------
    Xbar : ndarray, shape (N, d + 1)
        X̄ = (X, 1).
    rows : ndarray, shape (N, d + 1)
        ((X − centre) / unit, 1), without rounding.
    unit : ndarray, shape (d,)
        Powers of two.
    centre : ndarray, shape (d,)
        Zero for columns that are not far.
    """

    Xbar: Array
    rows: Array
    unit: Array
    centre: Array

    @classmethod
    def of(cls, X: ArrayLike, *, centred: bool = True) -> Frame:
        """The frame of rows X (N, d); with `centred` false every centre is zero."""
        Xbar = homogeneous(X)
        columns = Xbar[:, :-1]
        size = np.abs(columns)
        near = (2 * size.min(axis=0) < size.max(axis=0)) | (columns.min(axis=0) * columns.max(axis=0) <= 0)
        entry = np.sort(columns, axis=0)[len(columns) // 2]
        centre = np.where(near, 0.0, entry) if centred else np.zeros(columns.shape[1])
        unit = power_of_two(np.abs(columns - centre).max(axis=0))
        return cls(Xbar, homogeneous((columns - centre) / unit), unit, centre)

    def heights(self, hinges: Array) -> Array:
        """u·x̄ at every row, shape (K, N)."""
        return hinges[:, : self.rows.shape[1]] @ self.rows.T

    def sizes(self, hinges: Array) -> Array:
        """Sums of the sizes of the terms of `heights`."""
        return np.abs(hinges[:, : self.rows.shape[1]]) @ np.abs(self.rows.T)

    def values(self, hinges: Array) -> Array:
        """(u·x̄)_+ with exact zeros where a point is on the hinge to rounding."""
        Z = self.heights(hinges)
        Z[ZERO * self.sizes(hinges) > Z] = 0.0
        return Z

    def signs(self, hinges: Array) -> Array:
        """sign(u·x̄) with zeros where a point is on the hinge to rounding."""
        Z = self.heights(hinges)
        return np.where(np.abs(Z) <= ZERO * self.sizes(hinges), 0.0, np.sign(Z))

    def norms(self, hinges: Array) -> Array:
        """‖u‖_1 in the user's units, biases counted."""
        return np.abs(hinges[:, :-2]) @ (1 / self.unit) + np.abs(hinges[:, -1])

    def hinges(self, U: Array) -> Array:
        """Hinges u (K, d + 1) of x̄ in these coordinates."""
        moved, _ = products(U[:, :-1], self.centre, U[:, -1])
        return np.column_stack([U[:, :-1] * self.unit, moved, U[:, -1]])

    def weights(self, hinges: Array, exactly: bool = False) -> Array:
        """Effective weights u (K, d + 1) of hinges in these coordinates.

        Biases that are zero stay zero, unless what rounding of weights does at the centre is to be made up for.
        """
        W, b = hinges[:, :-2] / self.unit, hinges[:, -1].copy()
        biased = b != 0
        if self.centre.any() and biased.any():
            beside = self.centre + np.where(self.centre != 0, 0.75 * self.unit, 0.0)
            W[biased], b[biased] = carried_back(W[biased], hinges[biased, -2], self.centre, beside)
        if exactly:
            b = np.where(biased, b, products(-W, self.centre, hinges[:, -2])[0])
        return np.column_stack([W, b])

    def affine_weights(self, affine: Array) -> Array:
        """(slope, intercept) of an affine function of `rows`."""
        bias = affine[-1] - affine[:-1] @ (self.centre / self.unit)
        return self.weights(np.append(affine, bias)[None])[0]

    def lines(self, support: Index, points: Index) -> Lines:
        """Hinges u with u_j = 0 outside `support` and every row of `points` on them, |support| − 1 points each.

        Null vectors v of unit rows A, by singular values, are off by at most ‖E‖ / σ with ‖E‖ ≤ 100 s ε ‖A‖ and σ the
        smallest but the zero one [Wedin 1972]. Where it is zero the points do not single out a hinge.
        """
        d = len(self.unit)
        centre = self.centre / self.unit
        with_bias, inputs = bool(support[-1] == d), support[support < d]
        moves = bool(centre[inputs].any())
        used = np.append(inputs, d) if with_bias or moves else inputs
        A = self.rows[points[:, :, None], used]
        if moves and not with_bias:  # b′ = w·c
            row = np.append(centre[inputs], -1.0)
            A = np.concatenate([A, np.broadcast_to(row, (len(A), 1, len(row)))], axis=1)
        if A.shape[1] == 0:
            v, blur = np.ones((len(points), 1)), np.zeros(len(points))
        else:
            length = np.linalg.norm(A, axis=2, keepdims=True)
            _, singular, V = np.linalg.svd(A / np.where(length > 0, length, 1.0))
            v = V[:, -1]
            blur = 100 * len(used) * EPS * singular[:, 0] / np.maximum(singular[:, -1], EPS)
        hinges = np.zeros((len(points), d + 2))
        hinges[:, used] = v
        if with_bias:
            hinges[:, -1] = hinges[:, -2] - hinges[:, :d] @ centre
        return Lines(hinges, blur + 4 * len(used) * EPS, used, with_bias)
