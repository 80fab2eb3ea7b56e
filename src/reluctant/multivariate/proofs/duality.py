"""Lower bounds on the ℓ1 path norm from multipliers, rounded so that they hold.

For an interpolant f = Σ_k σ_k (u_k · x̄)_+ and multipliers π (π ⊥ X̄ with a free affine part): π · f(X) ≤ ρ Σ_k ‖u_k‖_1
with ρ the maximum of |Σ_i π_i (u · x̄_i)_+| over ‖u‖_1 = 1, so the path norm is at least (π · y − Σ|π_i| τ_i) / ρ. The
maximum is attained at an extreme ray, one for every support and set of points on the hinge. Orthogonality and the
numerator are made exact; every ray counts with a bound on its error, and in integers where that is large. All this is
done in columns that are centred: only the hinges that no row is on, u = ±e_j, are then as large as the offset.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.multivariate.proofs.cells import inner, orthogonal_part
from reluctant.multivariate.proofs.frame import EPS, Frame
from reluctant.multivariate.proofs.patterns import Row, integer_rows
from reluctant.multivariate.proofs.rational import only_relation
from reluctant.multivariate.proofs.rays import defining_sets

CLEAR = 1e-8
"""A ray whose direction is known less well than this is computed in integers."""
LOOSE = 1e-12
"""So is one whose error could raise the maximum by more than this part of it."""
MOST_IN_INTEGERS = 20_000
"""More such rays, a matter of seconds, leave the maximum open."""
_CORRECTIONS = 3


def orthogonal_multipliers(frame: Frame, pi: list[Fraction]) -> list[Fraction]:
    """What the columns of X̄ leave of multipliers, as a free affine part asks."""
    basis: list[list[Fraction]] = []
    for column in frame.rows.T.tolist():
        rest = orthogonal_part([Fraction(a) for a in column], basis)
        if any(rest):
            basis.append(rest)
    return orthogonal_part(pi, basis)


def priced_multipliers(frame: Frame, pi: Array) -> list[Fraction]:
    """Multipliers with |Σ_i π_i x̄_ij| at most about one for every j, the price of a hinge e_j that is on at every row.

    A linear program in float64 leaves these sums as wrong as its tolerance times the offset of a column. Far from zero
    they are changed by next to nothing in π, a combination of the columns.
    """
    centre, scale = [Fraction(c) for c in frame.centre.tolist()], [Fraction(u) for u in frame.unit.tolist()]
    user = [[Fraction(a) for a in column] for column in frame.Xbar.T.tolist()]
    columns = [[Fraction(a) for a in column] for column in frame.rows.T.tolist()]
    gram = frame.rows.T @ frame.rows
    exact = [Fraction(a) for a in pi.tolist()]
    for _ in range(_CORRECTIONS):
        sums = [inner(exact, column) for column in user]
        *excess, last = [min(max(a, Fraction(-1)), Fraction(1)) - a for a in sums]
        if not any(excess) and not last:
            break
        wanted = [float((a - c * last) / unit) for a, c, unit in zip(excess, centre, scale)]
        change = np.linalg.lstsq(gram, np.array([*wanted, float(last)]), rcond=None)[0]
        for t, column in zip(change.tolist(), columns):
            exact = [a + Fraction(t) * b for a, b in zip(exact, column)]
    return exact


def dual_value(pi: list[Fraction], y: Array, tolerance: Array) -> Fraction:
    """π · y − Σ |π_i| τ_i."""
    labels, bands = ([Fraction(a) for a in values.tolist()] for values in (y, tolerance))
    return inner(pi, labels) - inner([abs(a) for a in pi], bands)


def rounded_down(value: Fraction) -> float:
    """The largest float64 that is at most a fraction."""
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else float(np.nextafter(nearest, -np.inf))


def rounded_up(value: Fraction) -> float:
    """The smallest float64 that is at least a fraction."""
    return -rounded_down(-value)


def largest_over_rays(frame: Frame, pi: list[Fraction], about: float) -> float:
    """Upper bound on the maximum of |Σ_i π_i (u · x̄_i)_+| over ‖u‖_1 = 1, which is `about` so large.

    It is infinite where more than `MOST_IN_INTEGERS` rays are unclear.
    """
    rounded = np.array([float(a) for a in pi])
    integers = _InIntegers(frame.Xbar, pi)
    largest = 0.0
    for support, points in defining_sets(frame.rows):
        upper, clear = _upper_bounds(frame, rounded, support, points)
        clear &= upper <= about * (1 + LOOSE)
        largest = max(largest, float(upper[clear].max(initial=0.0)))
        if integers.count + np.count_nonzero(~clear) > MOST_IN_INTEGERS:
            return np.inf
        for on_hinge in points[~clear]:
            largest = max(largest, integers.value(support, on_hinge))
    return largest


def _upper_bounds(frame: Frame, pi: Array, support: Index, points: Index) -> tuple[Array, Mask]:
    """Upper bounds for both directions of the rays of one support, and which of them are clear.

    A direction off by `blur` moves v · x by that times ‖x‖, and ‖u‖_1 by that times the size of its coefficients.
    """
    hinges, blur, used, with_bias = frame.lines(support, points)
    heights = frame.heights(hinges)
    np.put_along_axis(heights, points, 0.0, axis=1)
    weight = np.abs(pi)
    error = blur * (np.linalg.norm(frame.rows[:, used], axis=1) @ weight)
    error += 4 * len(pi) * EPS * (np.abs(heights) @ weight)
    sums = np.maximum(np.abs(np.maximum(heights, 0) @ pi), np.abs(np.maximum(-heights, 0) @ pi))
    inputs = used[used < len(frame.unit)]
    length = frame.norms(hinges)
    least = length - blur * (1 / frame.unit[inputs]).sum()
    if with_bias:
        centre = np.abs(frame.centre / frame.unit)
        terms = np.abs(hinges[:, -2]) + np.abs(hinges[:, : len(centre)]) @ centre
        least = least - blur * (1 + centre[inputs].sum()) - 4 * len(used) * EPS * terms
    clear = (blur < CLEAR) & (least > 0.5 * length)
    return (sums + error) / np.where(clear, least, 1.0) * (1 + 8 * EPS), clear


class _InIntegers:
    """The same value at one ray, computed in integers and rounded once."""

    def __init__(self, Xbar: Array, pi: list[Fraction]) -> None:
        N, n = Xbar.shape
        flat = integer_rows(Xbar.reshape(1, -1))[0]  # one scale for all entries, that of the last column of ones
        self._rows = [flat[i * n : (i + 1) * n] for i in range(N)]
        self._denominator = lcm(*(a.denominator for a in pi))
        self._pi = [int(a * self._denominator) for a in pi]
        self.count = 0

    def value(self, support: Index, points: Index) -> float:
        """Both directions, rounded up; 0 where the points do not single out a ray."""
        self.count += 1
        rows = [[self._rows[i][j] for j in support] for i in points]
        direction: Row | None = only_relation([tuple(column) for column in zip(*rows)]) if rows else (1,)
        if direction is None:
            return 0.0
        size = self._rows[0][-1] * sum(map(abs, direction)) * self._denominator
        terms = [p * sum(a * row[j] for a, j in zip(direction, support)) for p, row in zip(self._pi, self._rows)]
        sides = [sum(t for t, p in zip(terms, self._pi) if t * p * side > 0) for side in (1, -1)]
        return rounded_up(Fraction(max(map(abs, sides)), size))
