"""The neuron of two inputs that explains most of a residual, found exactly over hinges through data points.

In the plane of two coordinates of x̄ the active points of a hinge through the origin are half of a circle, so sums
over them are differences of running sums in the order of the angles: all 2N hinges through a data point cost O(N P)
for a pair, once the P directions that the other weights explain are projected out.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.compiling import njit
from reluctant.multivariate.basin_hopping.exchange import unexplained
from reluctant.multivariate.basin_hopping.reweighted import Equations, Hinges

_OWN = 0.05  # share of a hinge's square that the other weights must leave unexplained
_WORK = 2e7  # running sums a sweep may cost: with many inputs some pairs are drawn
_BEST = 8  # pairs among which the neuron is drawn
_SPREAD = 2.5  # mean rank of the pair drawn, were there no end to the list
_MOST_DROPPED = 3


@cache
def warm_up() -> None:
    """Compile the sweep, once on a machine: seconds that no time limit should count."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, 6)
    with_pair_neuron(rng, Equations.of(X, y), Hinges(np.ones(1), np.ones((1, 3))))


def pursue(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """Drop up to three neurons, weak ones rather than strong ones, and fit one or two new ones to what is left."""
    n = hinges.n_neurons
    dropped = int(rng.integers(min(_MOST_DROPPED + 1, n)))
    kept = np.sort(np.argsort(rng.exponential(size=n) * np.abs(hinges.U).sum(axis=1))[dropped:])
    hinges = hinges.take(kept)
    for _ in range(rng.integers(1, 3)):
        hinges = with_pair_neuron(rng, data, hinges)
    return hinges


def with_pair_neuron(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
    """Append a neuron of two coordinates, one of the few that explain most of the residual."""
    basis, r = unexplained(data, hinges)
    if data.complement is not None:
        basis = np.column_stack([np.linalg.qr(data.Xbar).Q, data.complement.T @ basis])
        r = data.complement.T @ r
    pairs = some_pairs(rng, data.n_coordinates, int(_WORK / (len(r) * (3 + basis.shape[1]))))
    gains, weights = best_in_planes(np.ascontiguousarray(data.Xbar.T), pairs, r, np.ascontiguousarray(basis))
    ranked = np.argsort(-gains)[:_BEST]
    pair = ranked[min(int(rng.exponential(_SPREAD)), len(ranked) - 1)]
    sign, *u = weights[pair]
    row = np.zeros(data.n_coordinates)
    row[pairs[pair]] = u
    return hinges.append(sign, row)


def some_pairs(rng: np.random.Generator, n: int, most: int) -> Index:
    """All pairs of n coordinates, or `most` drawn at random where there are more."""
    if n * (n - 1) // 2 <= most:
        return np.array(list(combinations(range(n), 2)))
    first = rng.integers(n, size=max(most, 1))
    return np.column_stack([first, (first + rng.integers(1, n, size=len(first))) % n])


def best_in_planes(Xt: Array, pairs: Index, r: Array, basis: Array) -> tuple[Array, Array]:
    """For each pair of rows of X̄ᵀ the best gain in ‖r‖² and its neuron (sign and two weights).

    r is orthogonal to the columns of `basis`; the gain is (h·r)² / ‖h − basis basisᵀ h‖² for the hinge h.
    """
    angles = np.arctan2(Xt[pairs[:, 1]], Xt[pairs[:, 0]])
    return _best_in_planes(Xt, pairs, angles, np.argsort(angles, axis=1), r, basis)


@njit(cache=True)
def _best_in_planes(
    Xt: Array, pairs: Index, angles: Array, orders: Index, r: Array, basis: Array
) -> tuple[Array, Array]:
    n = len(r)
    gains = np.zeros(len(pairs))
    weights = np.ones((len(pairs), 3))
    for pair in range(len(pairs)):
        x, z = Xt[pairs[pair, 0]], Xt[pairs[pair, 1]]
        angle, order = angles[pair], orders[pair]
        sums = running_sums(x, z, order, r, basis)
        end = 0
        for start in range(n):
            i = order[start]
            end = max(end, start + 1)
            while end < start + n and angle[order[end % n]] + 2 * np.pi * (end // n) < angle[i] + np.pi:
                end += 1
            for side in (1.0, -1.0):
                first, last = (start, end) if side > 0 else (end, start + n)
                c, s = -side * z[i], side * x[i]
                gain, size = gain_of_hinge(c, s, sums[last] - sums[first])
                if gain > gains[pair]:
                    gains[pair] = gain
                    weights[pair, 0] = 1.0 if size > 0.0 else -1.0
                    weights[pair, 1] = abs(size) * c
                    weights[pair, 2] = abs(size) * s
    return gains, weights


@njit(cache=True)
def running_sums(x: Array, z: Array, order: Index, r: Array, basis: Array) -> Array:
    """Sums of x², xz, z², of (x, z) r and of (x, z) times each basis vector, twice round the circle."""
    n = len(r)
    sums = np.zeros((2 * n + 1, 5 + 2 * basis.shape[1]))
    for t in range(2 * n):
        i = order[t % n]
        for k in range(sums.shape[1]):
            sums[t + 1, k] = sums[t, k]
        sums[t + 1, 0] += x[i] * x[i]
        sums[t + 1, 1] += x[i] * z[i]
        sums[t + 1, 2] += z[i] * z[i]
        sums[t + 1, 3] += x[i] * r[i]
        sums[t + 1, 4] += z[i] * r[i]
        for k in range(basis.shape[1]):
            sums[t + 1, 5 + 2 * k] += x[i] * basis[i, k]
            sums[t + 1, 6 + 2 * k] += z[i] * basis[i, k]
    return sums


@njit(cache=True)
def gain_of_hinge(c: float, s: float, sums: Array) -> tuple[float, float]:
    """Gain and factor of the hinge (cx + sz)_+ from the sums over its active points; none where others explain it."""
    square = c * c * sums[0] + 2 * c * s * sums[1] + s * s * sums[2]
    own = square
    for k in range(5, len(sums), 2):
        own -= (c * sums[k] + s * sums[k + 1]) ** 2
    if own <= _OWN * square:
        return 0.0, 0.0
    size = (c * sums[3] + s * sums[4]) / own
    return size * size * own, size
