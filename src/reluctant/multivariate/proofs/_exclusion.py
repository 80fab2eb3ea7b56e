"""Compiled search through sets of cells for those whose span comes near the labels.

Columns of all cells that may follow are kept with what the chosen cells span already taken off, by the modified
Gram–Schmidt process; so the last cell of a set, of which there are some hundred for every choice of the others, is
settled by a few short inner products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.compiling import njit

_DEPENDENT = 1e-12
"""Product of the parts of unit columns orthogonal to the columns before, below which floats do not tell their rank."""
_MOST_SPLIT = 6
"""Sets of no more cells have their rank bounded by every part of them."""


def distance_blur(y: NDArray) -> float:
    """Bound on the error of the computed distance of y from the span of unit columns, times their volume.

    The volume is the product of the parts orthogonal to the columns before. The parts that modified Gram–Schmidt finds
    are those of columns, and of labels, with a backward error E [Björck 1967; Higham 2002, Theorem 19.13]; ‖E‖ ≤
    16 N² ε, as every entry takes part in fewer than N steps, each an inner product of length N and a subtraction.
    Projections on two spans of one dimension differ by at most ‖E‖ / s_n [Wedin 1973]. With singular values s_1 ≥ … ≥
    s_n the volume is Π s_i and Σ s_i² = n, so that the others have a product of at most
    (n / (n − 1))^((n − 1) / 2) < √e, and s_n is at least 0.6 times the volume.
    """
    N = len(y)
    return float(16 * N**2 * np.finfo(float).eps / 0.6 * np.linalg.norm(y))


class CellTable(NamedTuple):
    """Cells sorted by cost; cell c reaches the span of the unit columns start[c]:start[c + 1].

    `residues` (primes, columns, N) are the same columns as integers modulo each prime, up to scaling; `base`
    and `base_residues` belong to the free affine part. No integer minor of these matrices is as large as the
    product of the primes, so a minor that vanishes modulo all of them is zero.
    """

    columns: NDArray
    start: NDArray
    cost: NDArray
    covers: NDArray  # bit set of the points the cell is active on
    supports: NDArray  # bit set of its support
    first_of_cost: NDArray
    base: NDArray
    primes: NDArray
    residues: NDArray
    base_residues: NDArray


class Search(NamedTuple):
    """A depth-first search through the sets of cells of one total cost, stopped anywhere; indexed by chosen cells.

    With k cells chosen, `columns[k]` and `rest[k]` are what their span leaves of the columns that may follow and of y,
    rank[k] is its dimension, `volume[k]` the product of the parts that made its directions (0 where the rank is not
    what the floats say), `covered[k]` the points they are active on and `left[k]` the cost that is left to choose.
    """

    columns: NDArray
    rest: NDArray
    independent: NDArray  # the column that gave each direction
    rank: NDArray
    volume: NDArray
    covered: NDArray
    left: NDArray
    chosen: NDArray
    depth: NDArray  # one number; -1 when all sets have been looked at
    blur: float  # of `distance_blur`


def start_search(cells: CellTable, y: NDArray, cost: int) -> Search:
    """A search through all nonempty sets of total cost `cost`."""
    N, n_base = len(y), len(cells.base)
    search = Search(
        columns=np.empty((1 + _deepest(cells, cost), *cells.columns.shape)),
        rest=np.zeros((cost + 1, N)),
        independent=np.zeros(N, np.int64),
        rank=np.full(cost + 1, n_base),
        volume=np.ones(cost + 1),
        covered=np.zeros(cost + 1, np.uint64),
        left=np.full(cost + 1, cost),
        chosen=np.zeros(max(cost, 1), np.int64),
        depth=np.zeros(1, np.int64),
        blur=distance_blur(y),
    )
    search.rest[0] = y - cells.base.T @ (cells.base @ y)
    if cost:
        search.columns[0] = cells.columns - (cells.columns @ cells.base.T) @ cells.base
    return search


def _deepest(cells: CellTable, cost: int) -> int:
    """Most cells that no more than this cost has room for: those that cost least."""
    return int(np.searchsorted(np.cumsum(cells.cost), cost, side="right"))


@njit(cache=True)
def spans_near(cells, search, must_cover, within, found, quota):
    """Go on with a search until `quota` sets have been looked at, `found` is full or the search is done.

    A set is dismissed when it is inactive on a point of `must_cover`, or when the computed distance of y from its span
    exceeds `within` by more than its error, see `distance_blur`. Ranks that floats leave open are decided exactly. The
    sets that stay go to the rows of `found`, padded with -1.

    Returns
    -------
    (n_found, n_sets) : how many stay, how many were looked at.
    """
    rank, volume, covered, left, chosen = search.rank, search.volume, search.covered, search.left, search.chosen
    columns, rest, independent, blur = search.columns, search.rest, search.independent, search.blur
    cost, covers, start, first_of_cost = cells.cost, cells.covers, cells.start, cells.first_of_cost
    scratch = np.empty((columns.shape[2] + 1, columns.shape[2]))
    depth, n_found, n_sets = search.depth[0], 0, 0
    while depth >= 0 and n_found < len(found) and n_sets < quota:
        c = chosen[depth]
        if c >= len(cost) or cost[c] > left[depth]:
            depth -= 1
            if depth >= 0:
                chosen[depth] += 1
            continue
        remaining = left[depth] - cost[c]
        if 0 < remaining < cost[c]:  # only one more cell fits, and it must use up what is left
            chosen[depth] = max(c + 1, first_of_cost[left[depth]])
            continue
        cover = covered[depth] | covers[c]
        if remaining > 0:
            # What follows either costs all that remains, or leaves room for another cell that costs no less than this.
            room = remaining - cost[c]
            few_end = start[max(first_of_cost[room + 1], c + 1)] if room >= cost[c] else start[c + 1]
            last = max(start[first_of_cost[remaining]], few_end), max(start[first_of_cost[remaining + 1]], few_end)
            span = start[c], start[c + 1]
            grown, shrunk, dependent = _choose(
                columns, rest, depth, span, few_end, last, rank[depth], volume[depth], independent
            )
            if dependent and not _has_rank(cells, chosen[: depth + 1], independent, grown):
                shrunk = 0.0
            depth += 1
            rank[depth], volume[depth], covered[depth], left[depth] = grown, shrunk, cover, remaining
            chosen[depth] = c + 1
            continue
        n_sets += 1
        if not must_cover & ~cover:
            near = volume[depth] == 0.0
            if not near:
                grown, shrunk, dependent, distance = _completed(
                    columns, rest, depth, start[c], start[c + 1], rank[depth], volume[depth], independent, scratch
                )
                near = distance <= within + blur / shrunk
                if not near and dependent:
                    near = not _has_rank(cells, chosen[: depth + 1], independent, grown)
            if near:
                found[n_found, : depth + 1] = chosen[: depth + 1]
                found[n_found, depth + 1 :] = -1
                n_found += 1
        chosen[depth] += 1
    search.depth[0] = depth
    return n_found, n_sets


@njit(cache=True)
def _choose(columns, rest, depth, span, few_end, last, rank, volume, independent):
    """Take off what the columns span[0]:span[1] add, of those up to `few_end` and of last[0]:last[1].

    Returns rank and volume of what is chosen then, and whether a column seems to depend on those before.
    """
    N = columns.shape[2]
    dependent = False
    columns[depth + 1, span[0] : few_end] = columns[depth, span[0] : few_end]
    columns[depth + 1, last[0] : last[1]] = columns[depth, last[0] : last[1]]
    rest[depth + 1] = rest[depth]
    after = columns[depth + 1]
    for k in range(span[0], span[1]):
        if rank == N:
            break
        size = _norm(after, k)
        if volume * size < _DEPENDENT:
            dependent = True
            continue
        volume *= size
        for i in range(N):
            after[k, i] /= size
        for other in range(k + 1, few_end):
            _remove(after, other, after, k)
        for other in range(last[0], last[1]):
            _remove(after, other, after, k)
        _remove(rest, depth + 1, after, k)
        independent[rank] = k
        rank += 1
    return rank, volume, dependent


@njit(cache=True)
def _completed(columns, rest, depth, begin, end, rank, volume, independent, scratch):
    """Rank and volume with the columns begin:end, whether one seems to depend on others, and the distance of y."""
    N, n = columns.shape[2], end - begin
    dependent = False
    for k in range(n):
        for i in range(N):
            scratch[k, i] = columns[depth, begin + k, i]
    for i in range(N):
        scratch[n, i] = rest[depth, i]
    for k in range(n):
        if rank == N:
            return rank, volume, dependent, 0.0
        size = _norm(scratch, k)
        if volume * size < _DEPENDENT:
            dependent = True
            continue
        volume *= size
        for i in range(N):
            scratch[k, i] /= size
        for other in range(k + 1, n + 1):
            _remove(scratch, other, scratch, k)
        independent[rank] = begin + k
        rank += 1
    return rank, volume, dependent, _norm(scratch, n)


@njit(cache=True, inline="always")
def _remove(A, k, directions, q):
    product = 0.0
    for i in range(A.shape[1]):
        product += A[k, i] * directions[q, i]
    for i in range(A.shape[1]):
        A[k, i] -= product * directions[q, i]


@njit(cache=True, inline="always")
def _norm(A, k):
    total = 0.0
    for i in range(A.shape[1]):
        total += A[k, i] * A[k, i]
    return np.sqrt(total)


@njit(cache=True)
def _has_rank(cells, chosen, independent, rank):
    """Whether the chosen cells have exactly this rank, which the floats show at least."""
    if len(chosen) + (len(cells.base) > 0) <= _MOST_SPLIT and _rank_by_regions(cells, chosen, rank) <= rank:
        return True
    return _adds_nothing(cells, independent[len(cells.base) : rank], chosen[-1])


@njit(cache=True)
def _rank_by_regions(cells, chosen, enough):
    """A bound on the rank of a set of cells, for any data; no more than `enough` is asked for.

    At points where the same cells are active the rows of their columns are one linear image of the x̄_i, restricted to
    the union of the supports: they have no more rank than points, or than entries. The sum of this over the regions,
    and the columns of cells that are counted by themselves, which is tried for every part of the set.
    """
    n, N = len(chosen), cells.columns.shape[1]
    has_base = len(cells.base) > 0
    active = np.zeros(N, np.uint64)
    for k in range(n):
        for i in range(N):
            if (cells.covers[chosen[k]] >> np.uint64(i)) & np.uint64(1):
                active[i] |= np.uint64(1) << np.uint64(k)
    if has_base:
        active |= np.uint64(1) << np.uint64(n)
    n_sets = n + has_base
    smallest = N
    for apart in range(1 << n_sets):
        rank = 0
        for k in range(n):
            if (apart >> k) & 1:
                rank += cells.start[chosen[k] + 1] - cells.start[chosen[k]]
        if has_base and (apart >> n) & 1:
            rank += len(cells.base)
        seen = np.uint64(0)
        for i in range(N):
            if rank >= smallest:
                break
            if (seen >> np.uint64(i)) & np.uint64(1):
                continue
            region = active[i] & ~np.uint64(apart)
            size = 0
            for j in range(i, N):
                if active[j] & ~np.uint64(apart) == region:
                    seen |= np.uint64(1) << np.uint64(j)
                    size += 1
            rank += min(size, _size_of_supports(cells, chosen, region, n))
        smallest = min(smallest, rank)
        if smallest <= enough:
            break
    return smallest


@njit(cache=True)
def _size_of_supports(cells, chosen, region, n):
    """Entries of x̄ that the cells of a region see."""
    if (region >> np.uint64(n)) & np.uint64(1):
        return len(cells.base)
    union = np.uint64(0)
    for k in range(n):
        if (region >> np.uint64(k)) & np.uint64(1):
            union |= cells.supports[chosen[k]]
    size = 0
    while union:
        union &= union - np.uint64(1)
        size += 1
    return size


@njit(cache=True)
def _adds_nothing(cells, independent, c):
    """Whether base, `independent` and the columns of cell c have exact rank len(base) + len(independent)."""
    n_base, n_kept = cells.base_residues.shape[1], len(independent)
    begin, end = cells.start[c], cells.start[c + 1]
    M = np.empty((n_base + n_kept + end - begin, cells.residues.shape[2]), np.uint64)
    for i in range(len(cells.primes)):
        M[:n_base] = cells.base_residues[i]
        for k in range(n_kept):
            M[n_base + k] = cells.residues[i, independent[k]]
        M[n_base + n_kept :] = cells.residues[i, begin:end]
        if rank_modulo(M, cells.primes[i]) > len(cells.base) + n_kept:
            return False
    return True


@njit(cache=True)
def rank_modulo(M, prime):
    """Rank of an integer matrix modulo a prime below 2^31, by elimination in place without division."""
    rank = 0
    for j in range(M.shape[1]):
        pivot = rank
        while pivot < len(M) and M[pivot, j] == 0:
            pivot += 1
        if pivot == len(M):
            continue
        for k in range(j, M.shape[1]):
            M[rank, k], M[pivot, k] = M[pivot, k], M[rank, k]
        for r in range(rank + 1, len(M)):
            factor = prime - M[r, j]
            if M[r, j] != 0:
                for k in range(j, M.shape[1]):
                    M[r, k] = (M[r, k] * M[rank, j] + factor * M[rank, k]) % prime
        rank += 1
        if rank == len(M):
            break
    return rank
