"""All sets of N extreme rays, walked by compiled loops; those whose network may be an ℓp minimiser come out.

A set of N independent rays has one combination Σ ± c_k r_k that meets the labels, and its network joins rays of one
output sign within one cell and orthant. Joined or not, coordinate j of the rays that *may* be joined with one another
adds up to some s_j = Σ c_k |r_kj|, and their neurons cost at least s_j^p, because t^p is subadditive. So with rays
put together whenever a chain of pairs that may be joined leads from one to the other, Σ s^p over these groups and
their coordinates is a lower bound on the cost (ours). It is convex in p: where its tangent at the middle of an interval
of p lies above the cost of a known network at both ends, the set holds no minimiser for these p. With m sums of
geometric mean g the bound is at least m g^p, which one product shows to be too much for nine sets of ten.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Index, Mask
from reluctant.compiling import njit

SINGULAR = 1e-10
"""Sets of unit columns with a smaller determinant count as dependent."""
_ROUNDING = 1e-13  # of coefficients, in units of the largest, for a determinant of one


class Columns(NamedTuple):
    """R rays as the walk needs them, in C order."""

    lengths: Array
    """Of their values at the N data points, (R,)."""
    weights: Array
    """|r|, shape (R, n)."""
    bins: Index
    """2 j + [r_j < 0], shape (R, n)."""
    joinable: Mask
    """Pairs in one closed cell and one orthant, (R, R)."""
    negligible: Array
    """Coefficients that count as zero, (R,)."""


class Walk(NamedTuple):
    """Where a walk is: rays chosen in ascending order, all of a set but the last.

    After k rays are chosen `tableaux[k]` holds the values of all later ones, and the labels in its last column, in a
    basis of these k and of N − k axes.
    """

    depth: Index
    chosen: Index
    pivots: Index
    """The row of the tableau that belongs to each ray, (N,)."""
    determinants: Array
    """Of the unit columns chosen so far, (N,)."""
    tableaux: Array
    """(N, N, R + 1)"""

    @classmethod
    def before(cls, values: Array, labels: Array) -> Walk:
        """Before the first set; values (N, R) and labels (N,)."""
        N, R = values.shape
        tableaux = np.zeros((N, N, R + 1))
        tableaux[0] = np.column_stack([values, labels])
        return cls(np.zeros(1, np.int64), np.full(N, -1), np.zeros(N, np.int64), np.ones(N), tableaux)


@njit(cache=True)
def walk_on(columns: Columns, walk: Walk, means: Array, above: Array, steps: int, out: Index) -> tuple[int, bool]:
    """Go on by about `steps` sets, or until `out` (B, N) may be full: how many sets it holds, and whether all are done.

    Parameters
    ----------
    columns, walk
        The walk is moved.
    means : ndarray, shape (N n + 1,)
        For m sums the largest product with which they may be a minimiser's, 1 % more for rounding.
    above : ndarray, shape (P,)
        For P intervals of p in (0, 1] what some network costs at most.
    """
    R, n = columns.weights.shape
    N = len(walk.chosen)
    coefficients, bins = np.zeros((N, R)), np.zeros((4 * n, R))
    rounding, product, count = np.zeros(R), np.zeros(R), np.zeros(R, np.int64)
    c, group, work = np.zeros(N), np.zeros(N, np.int64), np.zeros((3, N * n))
    found, k = 0, walk.depth[0]
    while k >= 0 and steps > 0 and found + R <= len(out):
        if k < N - 1:
            walk.chosen[k] += 1
            if walk.chosen[k] > R - (N - k):
                k -= 1
            elif _choose(columns, walk, k):
                walk.chosen[k + 1] = walk.chosen[k]
                k += 1
            continue
        first = walk.chosen[k] + 1
        steps -= R - first
        _solve(columns, walk, first, coefficients, rounding)
        _multiply(columns, walk.chosen, first, coefficients, bins, product, count)
        for last in range(first, R):
            if rounding[last] < np.inf and product[last] <= means[count[last]]:
                walk.chosen[k] = last
                c[:] = coefficients[:, last]
                m = _sums(columns, walk.chosen, c, group, work[0])
                if _small(work[0, :m], means) and _may_win(work[:, :m], above, rounding[last] * np.abs(c).max()):
                    out[found] = walk.chosen
                    found += 1
        k -= 1
    walk.depth[0] = k
    return found, k < 0


@njit(cache=True, _nrt=False)
def _choose(columns, walk, k):
    """Whether ray k is independent of those before it; if so the next tableau is one step of Gauss and Jordan on."""
    ray, before, after = walk.chosen[k], walk.tableaux[k], walk.tableaux[k + 1]
    N = len(before)
    pivot, size = 0, -1.0
    for row in range(N):
        free = True
        for m in range(k):
            free = free and walk.pivots[m] != row
        if free and abs(before[row, ray]) > size:
            pivot, size = row, abs(before[row, ray])
    walk.pivots[k] = pivot
    walk.determinants[k + 1] = walk.determinants[k] * size / columns.lengths[ray]
    if walk.determinants[k + 1] <= SINGULAR:
        return False
    entry = before[pivot, ray]
    source, target = before[pivot, ray + 1 :], after[pivot, ray + 1 :]
    for at in range(len(source)):
        target[at] = source[at] / entry
    for row in range(N):
        if row != pivot:
            factor, old, new = before[row, ray], before[row, ray + 1 :], after[row, ray + 1 :]
            for at in range(len(old)):
                new[at] = old[at] - factor * target[at]
    return True


@njit(cache=True, _nrt=False)
def _solve(columns, walk, first, c, rounding):
    """Coefficients (N, R) of the sets that end with any ray from `first` on, side by side.

    Their rounding is in units of the largest of a set, and infinite where the rays are dependent.
    """
    N, R = c.shape
    tableau = walk.tableaux[N - 1]
    free = N * (N - 1) // 2  # the row that is no pivot
    for m in range(N - 1):
        free -= walk.pivots[m]
    entries, end = tableau[free, first:R], c[N - 1, first:]
    blurs, lengths, least = rounding[first:], columns.lengths[first:], columns.negligible[first:]
    for at in range(len(end)):
        determinant = abs(entries[at]) / lengths[at] * walk.determinants[N - 1]
        dependent = determinant <= SINGULAR
        blurs[at] = np.inf if dependent else _ROUNDING / determinant
        end[at] = 0.0 if dependent else tableau[free, R] / entries[at]
    for m in range(N - 1):
        row, coefficient = tableau[walk.pivots[m], first:R], c[m, first:]
        offset, negligible = tableau[walk.pivots[m], R], columns.negligible[walk.chosen[m]]
        for at in range(len(end)):
            value = offset - row[at] * end[at]
            coefficient[at] = value if abs(value) > negligible else 0.0
    for at in range(len(end)):
        end[at] = end[at] if abs(end[at]) > least[at] else 0.0


@njit(cache=True, _nrt=False)
def _multiply(columns, chosen, first, c, bins, product, count):
    """Of each set Σ c_k |r_kj| over rays of one output sign and one sign of r_kj: their product, and how many."""
    N, n = len(c), columns.weights.shape[1]
    products, counts, end = product[first:], count[first:], c[N - 1, first:]
    for b in range(len(bins)):
        sums = bins[b, first:]
        for at in range(len(sums)):
            sums[at] = 0.0
    for m in range(N - 1):
        coefficient = c[m, first:]
        for j in range(n):
            weight = columns.weights[chosen[m], j]
            if weight > 0:
                up, down = bins[columns.bins[chosen[m], j], first:], bins[2 * n + columns.bins[chosen[m], j], first:]
                for at in range(len(up)):
                    up[at] += weight * coefficient[at] if coefficient[at] > 0 else 0.0
                    down[at] -= weight * coefficient[at] if coefficient[at] < 0 else 0.0
    for at in range(len(end)):
        products[at], counts[at] = 1.0, 0
        shift = 2 * n if end[at] < 0 else 0
        for j in range(n):
            bins[shift + columns.bins[first + at, j], first + at] += abs(end[at]) * columns.weights[first + at, j]
    for b in range(len(bins)):
        sums = bins[b, first:]
        for at in range(len(sums)):
            products[at] *= sums[at] if sums[at] > 0 else 1.0
            counts[at] += 1 if sums[at] > 0 else 0


@njit(cache=True, _nrt=False)
def _sums(columns, chosen, c, group, sums):
    """Σ c_k |r_kj| over rays that a chain of joinable pairs connects, and every j; the nonzero ones come first."""
    N, n = len(c), columns.weights.shape[1]
    for m in range(N):
        group[m] = m
        for other in range(m):
            if columns.joinable[chosen[m], chosen[other]] and c[m] * c[other] > 0 and group[m] != group[other]:
                old, new = max(group[m], group[other]), min(group[m], group[other])
                for moved in range(m + 1):
                    if group[moved] == old:
                        group[moved] = new
    sums[: N * n] = 0.0
    for m in range(N):
        for j in range(n):
            sums[group[m] * n + j] += abs(c[m]) * columns.weights[chosen[m], j]
    count = 0
    for at in range(N * n):
        if sums[at] > 0:
            sums[count] = sums[at]
            count += 1
    return count


@njit(cache=True, _nrt=False)
def _small(sums, means):
    """Whether the product of the sums is at most what `means` allows their number."""
    product = 1.0
    for value in sums:
        product *= value
    return product <= means[len(sums)]


@njit(cache=True, _nrt=False)
def _may_win(work, above, rounding):
    """Whether on some interval of p the tangent of Σ s^p at its middle comes below what is known.

    The sums are in work[0], and off by `rounding`.
    """
    logarithms, powers, factors = work
    half = 0.5 / len(above)
    for at in range(len(powers)):
        logarithms[at] = np.log(max(logarithms[at] - rounding, 1e-300))
        powers[at] = np.exp(half * logarithms[at])
        factors[at] = powers[at] * powers[at]
    for known in above:
        cost, slope = 0.0, 0.0
        for at in range(len(powers)):
            cost += powers[at]
            slope += powers[at] * logarithms[at]
            powers[at] *= factors[at]
        if cost - half * abs(slope) <= known:
            return True
    return False
