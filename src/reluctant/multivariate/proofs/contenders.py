"""The candidates of an ℓp minimiser that decide p*, picked out as they are found: millions come and hundreds stay.

A candidate with m nonzeros of geometric mean g has Σ|u|^p ≥ m g^p, by the inequality of the means. Where that is above
the cost of one sparsest candidate for every p in (0, 1], it is no minimiser for any p (ours). As m exceeds the fewest,
one comparison of log g with a number for each m settles that for most. What passes is compared by tangents, since the
cost is convex in p, and what passes that too is kept.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf, log
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Mask
from reluctant.multivariate.proofs.extreme_points import (
    Vertices,
    are_above,
    joined,
    magnitudes_of,
    vertices_in_blocks,
)

MOST_SETS = 100_000_000
"""Sets of rays that are looked at: six points in the plane take some minutes, seven would take hours."""
_P = np.linspace(0.0, 1.0, 101)
_COARSE = np.linspace(0.0, 1.0, 17)
_MARGIN = 1e-9
_MANY = 100_000  # candidates at hand that are looked at again once better ones are known


class Contenders(NamedTuple):
    """Candidates that hold all sparsest ones and an ℓp minimiser for every 0 < p < 1.

    `smallest` and `largest` are the nonzero magnitudes of all candidates, those that were left out too.
    """

    vertices: Vertices
    smallest: float
    largest: float

    @property
    def threshold(self) -> float:
        """log(1 + 1/K0) / log(R / r): every p below it recovers a sparsest network [NN, proof of Thm 4.1]."""
        if self.smallest >= self.largest:
            return inf
        return log(1 + 1 / self.vertices.counts.min()) / log(self.largest / self.smallest)


def contenders(X: ArrayLike, y: ArrayLike, *, most_sets: int = MOST_SETS) -> Contenders:
    """Pick them out among all sets of N independent extreme rays.

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
    kept: list[Vertices] = []
    n_kept, smallest, largest = 0, inf, 0.0
    sparse: Vertices | None = None
    for block in vertices_in_blocks(X, y, most_sets):
        sizes = np.abs(block.hinges[block.hinges != 0])
        smallest, largest = min(smallest, sizes.min(initial=inf)), max(largest, sizes.max(initial=0.0))
        few = block.among(block.counts == block.counts.min())
        if sparse is None or few.counts[0] < sparse.counts[0]:
            sparse = few
        elif few.counts[0] == sparse.counts[0]:
            sparse = joined([sparse, few])
        kept.append(block.among(_may_win(block, sparse)))
        n_kept += len(kept[-1].hinges)
        if n_kept > _MANY:
            kept, n_kept = [_looked_at_again(kept, int(sparse.counts[0]))], 0
    if sparse is None:
        raise ValueError("rows of X are too close for float64 to tell them apart; merge them")
    return Contenders(_looked_at_again(kept, int(sparse.counts[0])), float(smallest), float(largest))


def _looked_at_again(kept: list[Vertices], fewest: int) -> Vertices:
    together = joined(kept)
    sparse = together.among(together.counts == fewest)
    chosen = _may_win(together, sparse)
    return together.among(chosen)


def _limits(sparse: Vertices) -> Array:
    """For every m the logarithm of the geometric mean above which a candidate with m nonzeros is no minimiser."""
    costs = np.array([sparse.costs(p) if p else sparse.counts for p in _P])
    above = np.log(np.maximum(costs[:-1], costs[1:]).min(axis=1))  # convex in p: largest at an end of each interval
    m = np.arange(1, sparse.hinges.shape[1] * sparse.hinges.shape[2] + 1)
    gap = above[:, None] - np.log(m)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(gap < 0, gap / _P[1:, None], gap / _P[:-1, None])
    return np.append(inf, each.max(axis=0))


def _may_win(vertices: Vertices, sparse: Vertices) -> Mask:
    """Whether a candidate has as few nonzeros as the sparsest, or may cost less than all of them for some p."""
    sizes = magnitudes_of(vertices.hinges)
    means = np.log(np.where(sizes > 0, sizes, 1.0)).sum(axis=1) / np.maximum(vertices.counts, 1)
    rivals = np.flatnonzero(
        (vertices.counts > sparse.counts[0]) & (means <= _limits(sparse)[vertices.counts] + _MARGIN)
    )
    chosen = vertices.counts <= sparse.counts[0]
    for a, b in pairwise(_COARSE):
        costs_more = are_above(sizes[rivals], magnitudes_of(sparse.hinges), a, b)
        chosen[rivals[~costs_more]] = True
        rivals = rivals[costs_more]
    return chosen
