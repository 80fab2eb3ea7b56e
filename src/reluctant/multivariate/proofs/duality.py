"""Lower bounds on the ℓ1 path norm from multipliers, rounded so that they hold.

For an interpolant f = Σ_k σ_k (u_k · x̄)_+ and multipliers π (π ⊥ X̄ with a free affine part): π · f(X) ≤ ρ Σ_k ‖u_k‖_1
with ρ the maximum of |Σ_i π_i (u · x̄_i)_+| over ‖u‖_1 = 1, so the path norm is at least (π · y − Σ|π_i| τ_i) / ρ. The
maximum is attained at an extreme ray, one for every support and set of points on the hinge. Orthogonality and the
numerator are made exact; every ray counts with a bound on its error, and in integers where that is large.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.multivariate.points import power_of_two
from reluctant.multivariate.proofs.cells import inner, orthogonal_part
from reluctant.multivariate.proofs.patterns import Row, integer_rows
from reluctant.multivariate.proofs.rational import only_relation
from reluctant.multivariate.proofs.rays import defining_sets

EPS = float(np.finfo(float).eps)
CLEAR = 1e-8
"""A ray whose direction is known less well than this is computed in integers."""
LOOSE = 1e-12
"""So is one whose error could raise the maximum by more than this part of it."""
MOST_IN_INTEGERS = 20_000
"""More such rays, a matter of seconds, leave the maximum open."""


def orthogonal_multipliers(Xbar: Array, pi: Array, affine: bool) -> list[Fraction]:
    """Multipliers as fractions; with a free affine part what the columns of X̄ leave of them."""
    basis: list[list[Fraction]] = []
    for column in Xbar.T.tolist() if affine else []:
        rest = orthogonal_part([Fraction(a) for a in column], basis)
        if any(rest):
            basis.append(rest)
    return orthogonal_part([Fraction(a) for a in pi.tolist()], basis)


def dual_value(pi: list[Fraction], y: Array, tolerance: Array) -> Fraction:
    """π · y − Σ |π_i| τ_i."""
    labels, bands = ([Fraction(a) for a in values.tolist()] for values in (y, tolerance))
    return inner(pi, labels) - inner([abs(a) for a in pi], bands)


def rounded_down(value: Fraction) -> float:
    """The largest float64 that is at most a fraction."""
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else float(np.nextafter(nearest, -np.inf))


def largest_over_rays(Xbar: Array, pi: list[Fraction], about: float) -> float:
    """Upper bound on the maximum of |Σ_i π_i (u · x̄_i)_+| over ‖u‖_1 = 1, which is `about` so large.

    It is infinite where more than `MOST_IN_INTEGERS` rays are unclear.
    """
    rounded = np.array([float(a) for a in pi])
    unit = power_of_two(np.abs(Xbar).max(axis=0))
    integers = _InIntegers(Xbar, rounded)
    largest = 0.0
    for support, points in defining_sets(Xbar):
        upper, clear = _upper_bounds(Xbar / unit, unit, rounded, support, points)
        clear &= upper <= about * (1 + LOOSE)
        largest = max(largest, float(upper[clear].max(initial=0.0)))
        if integers.count + np.count_nonzero(~clear) > MOST_IN_INTEGERS:
            return np.inf
        for on_hinge in points[~clear]:
            largest = max(largest, integers.value(support, on_hinge))
    return largest


def _upper_bounds(X: Array, unit: Array, pi: Array, support: Index, points: Index) -> tuple[Array, Mask]:
    """Upper bounds for both directions of the rays of one support, and which of them are clear.

    The null vector v of unit rows A, by singular values, is off by at most ‖E‖ / σ with ‖E‖ ≤ 100 s ε ‖A‖ and σ the
    smallest but the zero one [Wedin 1972], so v · x by that times ‖x‖, and Σ|v_j| / unit_j by that times Σ 1 / unit_j.
    """
    columns, size = X[:, support], len(support)
    if size == 1:
        v, blur = np.ones((len(points), 1)), np.zeros(len(points))
    else:
        A = columns[points]
        length = np.linalg.norm(A, axis=2, keepdims=True)
        _, singular, V = np.linalg.svd(A / np.where(length > 0, length, 1.0))
        v = V[:, -1]
        blur = 100 * size * EPS * singular[:, 0] / np.maximum(singular[:, -1], EPS)
    blur = blur + 4 * size * EPS
    heights = v @ columns.T
    np.put_along_axis(heights, points, 0.0, axis=1)
    weight = np.abs(pi)
    error = blur * (np.linalg.norm(columns, axis=1) @ weight) + 4 * len(X) * EPS * (np.abs(heights) @ weight)
    sums = np.maximum(np.abs(np.maximum(heights, 0) @ pi), np.abs(np.maximum(-heights, 0) @ pi))
    length_1 = np.abs(v) @ (1 / unit[support])
    least = length_1 - blur * (1 / unit[support]).sum()
    clear = (blur < CLEAR) & (least > 0.5 * length_1)
    return (sums + error) / np.where(clear, least, 1.0) * (1 + 8 * EPS), clear


class _InIntegers:
    """The same value at one ray, its direction and heights computed in integers and rounded once."""

    def __init__(self, Xbar: Array, pi: Array) -> None:
        N, n = Xbar.shape
        flat = integer_rows(Xbar.reshape(1, -1))[0]  # one scale for all entries, that of the last column of ones
        self._rows = [flat[i * n : (i + 1) * n] for i in range(N)]
        self._pi = pi
        self.count = 0

    def value(self, support: Index, points: Index) -> float:
        """Upper bound for both directions; 0 where the points do not single out a ray."""
        self.count += 1
        rows = [[self._rows[i][j] for j in support] for i in points]
        direction: Row | None = only_relation([tuple(column) for column in zip(*rows)]) if rows else (1,)
        if direction is None:
            return 0.0
        size = self._rows[0][-1] * sum(map(abs, direction))
        heights = np.array(
            [float(Fraction(sum(a * row[j] for a, j in zip(direction, support)), size)) for row in self._rows]
        )
        weight = np.abs(heights) @ np.abs(self._pi)
        sums = max(abs(float(np.maximum(side, 0) @ self._pi)) for side in (heights, -heights))
        return float(sums + 4 * len(heights) * EPS * weight)
