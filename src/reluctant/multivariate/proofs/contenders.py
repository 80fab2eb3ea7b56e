"""The candidates of an ℓp minimiser that decide p*, picked out of millions of sets of rays: hundreds stay.

What is known to cost so much, at every p, leaves no chance to most sets, and what is found on the way lowers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb, inf, log

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index, Mask
from reluctant.multivariate.proofs._ray_sets import Columns, Walk, walk_on
from reluctant.multivariate.proofs.extreme_points import (
    RayTable,
    Vertices,
    joined,
    magnitudes_of,
    pairs_without_opposites,
    tangent_above,
)

MOST_SETS = 4_000_000_000
"""Sets of rays that are looked at: seven points in the plane take some minutes, eight would take a day."""
MOST_CANDIDATES = 100_000_000
"""Sets whose candidates are all computed: six points in the plane take some minutes."""
_P = np.linspace(0.0, 1.0, 51)
_MARGIN = 1e-9
_FIRST = 20_000  # sets at random, for a first idea of the least cost
_BLOCK = 20_000
_STEPS = 20_000_000  # sets between two answers of the compiled walk: a second or two, after which Ctrl-C is heard
_MANY = 100_000  # candidates at hand that are looked at again once better ones are known


def contenders(X: ArrayLike, y: ArrayLike, *, most_sets: int = MOST_SETS) -> Vertices:
    """Candidates with an ℓp minimiser for every 0 < p < 1 among them, out of all sets of N independent extreme rays.

    Their labels, and so their weights, are divided by a power of two that brings max|y| to between one and two.

    Parameters
    ----------
    X : array_like, shape (N, d)
    y : array_like, shape (N,)
    most_sets : int
        Number of sets above which the problem is refused.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    ValueError
        If there are too many sets, or none because rows are closer than float64 resolves.
    """
    table = RayTable.of(X, y, most_sets).with_labels_of_size_one()
    known = _Known(table)
    kept: list[Vertices] = []
    for sets in sets_that_may_win(table, known):
        for block in table.vertices(sets):
            known.learn(block)
            kept.append(block.among(known.leaves_a_chance(block)))
        if sum(len(part.hinges) for part in kept) > _MANY:
            kept = [_looked_at_again(kept, known)]
    if not kept:
        raise ValueError("rows of X are too close for float64 to tell them apart; merge them")
    return _looked_at_again(kept, known)


def explicit_threshold(X: ArrayLike, y: ArrayLike) -> float:
    """log(1 + 1/K0) / log(R / r): every p below it recovers a sparsest network [NN, proof of Thm 4.1].

    K0 is the least number of parameters, r and R the smallest and largest nonzero magnitude over all candidates. They
    include the extreme points, so the threshold holds; it is infinite when all magnitudes are equal.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    ValueError
        If there are too many sets, or none because rows are closer than float64 resolves.
    """
    fewest, smallest, largest = inf, inf, 0.0
    for block in RayTable.of(X, y, MOST_CANDIDATES).with_labels_of_size_one().candidates():
        sizes = np.abs(block.hinges[block.hinges != 0])
        fewest = min(fewest, block.counts.min())
        smallest, largest = min(smallest, sizes.min(initial=inf)), max(largest, sizes.max(initial=0.0))
    if fewest == inf:
        raise ValueError("rows of X are too close for float64 to tell them apart; merge them")
    return inf if smallest >= largest else log(1 + 1 / fewest) / log(largest / smallest)


class _Known:
    """For intervals of p what the cheapest candidate so far costs at most."""

    def __init__(self, table: RayTable) -> None:
        self.above = np.full(len(_P) - 1, inf)
        rng = np.random.default_rng(0)
        N, R = len(table.labels), len(table.rays)
        sets = np.sort(rng.permuted(np.tile(np.arange(R), (min(_FIRST, comb(R, N)), 1)), axis=1)[:, :N], axis=1)
        for block in table.vertices(sets):
            self.learn(block)

    def learn(self, block: Vertices) -> None:
        """Take in the costs of candidates, convex in p and so largest at an end of an interval."""
        costs = np.array([block.counts if p == 0 else block.costs(p) for p in _P])
        self.above = np.minimum(self.above, np.maximum(costs[:-1], costs[1:]).min(axis=1))

    @property
    def at_most(self) -> Array:
        """The same with a margin for rounding."""
        return self.above * (1 + _MARGIN)

    def leaves_a_chance(self, block: Vertices) -> Mask:
        """Candidates that may cost as little for some p."""
        sizes = magnitudes_of(block.hinges)
        chance = np.zeros(len(sizes), bool)
        for low, high, most in zip(_P[:-1], _P[1:], self.at_most):
            left = np.flatnonzero(~chance)
            chance[left] = ~tangent_above(sizes[left], low, high, most, most)
        return chance

    def means(self, size: int) -> Array:
        """For up to `size` nonzeros the product above which a candidate with so many is no minimiser.

        m nonzeros of geometric mean g cost at least m g^p. One per cent more is allowed, since sets of nearly dependent
        rays know their product no better.
        """
        m = np.arange(1, size + 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            gap = np.log(self.at_most)[:, None] - np.log(m)  # not zero for m = K0 and p = 0: there no m ≤ K0 costs more
            each = np.where(gap < 0, gap / _P[1:, None], gap / _P[:-1, None])
            return np.append(inf, 1.01 * np.exp(m * each.max(axis=0)))


def sets_that_may_win(table: RayTable, known: _Known) -> Iterator[Index]:
    """Sets of rays (S, N), by the compiled walk over all of them."""
    values, n = table.values, table.rays.shape[1]
    columns = Columns(
        np.linalg.norm(values, axis=1),
        np.abs(table.rays),
        2 * np.arange(n) + (table.rays < 0),
        table.conformal & pairs_without_opposites(np.sign(table.rays)),
        table.negligible / values.max(axis=1),
    )
    walk, done = Walk.before(values.T, table.labels), False
    out = np.zeros((_BLOCK, len(table.labels)), np.int64)
    while not done:
        found, done = walk_on(columns, walk, known.means(out.shape[1] * n), known.at_most, _STEPS, out)
        yield out[:found].copy()


def _looked_at_again(kept: list[Vertices], known: _Known) -> Vertices:
    together = joined(kept)
    return together.among(known.leaves_a_chance(together))
