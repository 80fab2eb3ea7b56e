"""Compiled search through sets of cells for those whose span comes near the labels.

The orthogonal complement of what the chosen cells span is kept, in coordinates in which the labels' part of it is the
first axis. So the last cell of a set, of which there are some hundred for every choice of the others, has as many
coordinates as rows are left, a handful, all last cells get theirs in one matrix product, and y is far from a span
where one small determinant is not zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.compiling import njit
from reluctant.multivariate.proofs._ranks import MOST_SETS, places_bound_rank, primes_bound_rank
from reluctant.multivariate.proofs._reflections import (
    by_elimination,
    coordinates_in,
    determinant,
    norm,
    product_with,
    reflect,
    reflect_rows,
    reflection,
    turn_to,
)

_DEPENDENT = 1e-12
"""Product of the parts of unit columns orthogonal to the columns before, below which floats do not tell their rank."""
_NOTHING = 1e-9
"""What is left of a row of a basis that counts as nothing; a wrong guess costs time, not truth."""
_CLEAR = 1e-9
"""Determinants of unit columns above this have three digits at least, see `_close`."""


def distance_blur(y: NDArray) -> float:
    """Bound on the error of the computed distance of y from the span of unit columns, times their volume.

    The volume is the product of the parts orthogonal to the columns before. Reflections find the parts of columns, and
    of labels, with an error E: that of one in R^N is at most (N + 6) ε of the norm of what it is applied to [Higham
    2002, Lemma 19.2], the norm of the complement's basis at most √N, and there are at most N, whose errors act on at
    most N columns; so ‖E‖ ≤ (N + 6) N² ε, and with the inner products and the determinant (N + 9) N² ε. Projections
    on two spans of one dimension differ by at most ‖E‖ / s_n [Wedin 1973], and twice that allows for E in s_n. With
    singular values s_1 ≥ … ≥ s_n the volume is Π s_i and Σ s_i² = n, so that the others have a product of at most
    (n / (n − 1))^((n − 1) / 2) < √e, and s_n is at least 0.6 times the volume.
    """
    N = len(y)
    return float(2 * (N + 9) * max(N, 4) ** 2 * np.finfo(float).eps / 0.6 * np.linalg.norm(y))


class CellTable(NamedTuple):
    """Cells sorted by cost; cell c reaches the span of the unit columns start[c]:start[c + 1].

    `columns` are theirs, a row each, and `entries` the same with a row for each point, and rows of zeros up to a
    multiple of four. `residues` (primes, columns, N) are the same columns as integers modulo each prime, up to scaling;
    `base` and `base_residues` belong to the free affine part. No integer minor of these matrices is as large as the
    product of the primes, so a minor that vanishes modulo all of them is zero.
    """

    columns: NDArray
    entries: NDArray
    start: NDArray
    cost: NDArray
    covers: NDArray  # bit set of the points the cell is active on
    supports: NDArray  # bit set of its support
    n_inputs: int  # with the constant
    everywhere: np.uint64  # bit set of all points if there is an affine part, else empty
    first_of_cost: NDArray  # up to the dearest cell, and the number of cells behind that
    base: NDArray
    primes: NDArray
    residues: NDArray
    base_residues: NDArray


class Search(NamedTuple):
    """A depth-first search through the sets of cells of one total cost, stopped anywhere; indexed by chosen cells.

    With k cells chosen, rank[k] is the dimension of their span and of the affine part, the first N − rank[k] rows of
    `complement[k]` are an orthonormal basis of what is orthogonal to it, y has `distance[k]` along the first of them
    and nothing along the others, `volume[k]` is the product of the parts that made the span's directions (0 where the
    rank is not what the floats say), `covered[k]` the points they are active on, `left[k]` the cost that is left to
    choose, chosen[k] the next cell that others are to follow, and closing[k]:closed[k] those to be the last.
    """

    complement: NDArray
    distance: NDArray
    independent: NDArray  # the column that gave each direction
    rank: NDArray
    volume: NDArray
    covered: NDArray
    left: NDArray
    chosen: NDArray
    closing: NDArray
    closed: NDArray
    depth: NDArray  # one number; -1 when all sets have been looked at
    end: int  # of the cells that the sets begin with
    blur: float  # of `distance_blur`


class Work(NamedTuple):
    """Arrays that are written before they are read, made once."""

    unclear: NDArray  # cells that a determinant does not exclude
    tails: NDArray  # the coordinates of all columns that are tried as the last
    tail: NDArray  # those of one cell's, and of y: first the vectors of reflections, then what these make of the others
    scales: NDArray
    which: NDArray  # of the rows of `tail` each reflection is
    rest: NDArray
    products: NDArray
    sets: NDArray
    indicators: NDArray


@njit(cache=True, error_model="numpy")
def _work(cells):
    n_most, N, width = 0, cells.columns.shape[1], cells.entries.shape[0]
    for c in range(len(cells.cost)):
        n_most = max(n_most, cells.start[c + 1] - cells.start[c])
    return Work(
        np.empty(len(cells.cost), np.int64),
        np.empty((N, len(cells.columns))),
        np.empty((n_most + 1, N)),
        np.empty(n_most),
        np.empty(n_most, np.int64),
        np.empty((N, width)),
        np.empty(width),
        np.empty(MOST_SETS, np.uint64),
        np.empty((MOST_SETS, N), np.int64),
    )


def start_search(cells: CellTable, y: NDArray, cost: int, first: int = 0, end: int | None = None) -> Search:
    """A search through all nonempty sets of total cost `cost`, or those whose first cell is one of first:end.

    Sets of one cell belong to the search that begins with the first of all cells.
    """
    N, n_base = len(y), len(cells.base)
    size = 2 + int(np.searchsorted(np.cumsum(cells.cost), cost, side="right"))  # those that cost least
    basis, _ = np.linalg.qr(np.hstack([cells.base.T, np.zeros((N, 0))]), mode="complete")
    search = Search(
        complement=np.zeros((size, N, cells.entries.shape[0])),
        distance=np.zeros(size),
        independent=np.zeros(N, np.int64),
        rank=np.full(size, n_base),
        volume=np.ones(size),
        covered=np.zeros(size, np.uint64),
        left=np.full(size, cost),
        chosen=np.full(size, first),
        closing=np.zeros(size, np.int64),
        closed=np.zeros(size, np.int64),
        depth=np.zeros(1, np.int64),
        end=len(cells.cost) if end is None else end,
        blur=distance_blur(y),
    )
    rest = search.complement[0, : N - n_base]
    rest[:, :N] = basis[:, n_base:].T
    coordinates = (rest[:, :N] @ y)[None]
    search.distance[0] = turn_to(rest, coordinates, 0, N - n_base, np.empty(rest.shape[1]))
    if first == 0:
        search.closing[0], search.closed[0] = _of_cost(cells.first_of_cost, cost)
    return search


@njit(cache=True, error_model="numpy")
def spans_near(cells, search, must_cover, within, found, quota):
    """Go on with a search until `quota` sets have been looked at, `found` is full or the search is done.

    A set is dismissed when it is inactive on a point of `must_cover`, or when the computed distance of y from its span
    exceeds `within` by more than its error, see `distance_blur`. Ranks that floats leave open are decided exactly. The
    sets that stay go to the rows of `found`, padded with -1.

    Returns
    -------
    (n_found, n_sets) : how many stay, how many were looked at.
    """
    chosen, left = search.chosen, search.left
    cost, covers, first_of_cost = cells.cost, cells.covers, cells.first_of_cost
    work = _work(cells)
    depth, n_found, n_sets = search.depth[0], np.int64(0), 0  # called with a literal, loops are compiled twice
    while depth >= 0 and n_found < len(found) and n_sets < quota:
        if search.closing[depth] < search.closed[depth]:
            n_found, n_more = _close(cells, search, depth, must_cover, within, found, n_found, work)
            n_sets += n_more
            continue
        c = chosen[depth]
        if c >= (search.end if depth == 0 else len(cost)) or 2 * cost[c] > left[depth]:  # no other could follow it
            depth -= 1
            if depth >= 0:
                chosen[depth] += 1
            continue
        _choose(cells, search, depth, c, work)
        depth += 1
        search.covered[depth] = search.covered[depth - 1] | covers[c]
        left[depth] = left[depth - 1] - cost[c]
        chosen[depth] = c + 1
        begin, end = _of_cost(first_of_cost, left[depth])
        search.closing[depth], search.closed[depth] = max(begin, c + 1), end
    search.depth[0] = depth
    return n_found, n_sets


@njit(cache=True, error_model="numpy")
def _of_cost(first_of_cost, cost):
    """The cells of one cost."""
    if cost + 1 >= len(first_of_cost):
        return 0, 0
    return first_of_cost[cost], first_of_cost[cost + 1]


@njit(cache=True, error_model="numpy")
def _choose(cells, search, depth, c, work):
    """Take what cell c adds to the span off the complement."""
    rank, after, tail = search.rank[depth], search.complement[depth + 1], work.tail
    begin, n = cells.start[c], cells.start[c + 1] - cells.start[c]
    size = cells.columns.shape[1] - rank
    _copy_rows(search.complement[depth], after, size)
    coordinates_in(cells.columns, begin, n, after, size, tail)
    grown, volume, dependent = _reduce(
        tail, n, size, search.distance[depth], search.volume[depth], work.scales, work.which
    )
    for k in range(grown):
        reflect_rows(tail, work.which[k], work.scales[k], k, size, after, work.products)
        search.independent[rank + k] = begin + work.which[k]
    for r in range(grown, size):
        for i in range(after.shape[1]):
            after[r - grown, i] = after[r, i]
    if dependent:
        apart = _spanned_rows(after, np.int64(0), size - grown, cells.columns.shape[1])
        seen, enough = (cells.covers, cells.supports, cells.n_inputs, cells.everywhere), rank + grown
        if not (
            places_bound_rank(*seen, search.chosen, depth, c, apart, enough, work.sets, work.indicators)
            or _primes_show_rank(cells, search, c, enough)
        ):
            volume = 0.0
    search.rank[depth + 1], search.volume[depth + 1] = rank + grown, volume
    for r in range(grown, size):
        tail[n, r - grown] = tail[n, r]
    search.distance[depth + 1] = turn_to(after, tail, n, size - grown, work.products)


@njit(cache=True, error_model="numpy")
def _reduce(tail, n, size, distance, volume, scales, which):
    """Reflect n columns, and y, in coordinates of which y has the first alone, so that they are triangular.

    Returns
    -------
    (grown, volume, dependent) : the rank they add, the volume with them, whether one seems to depend on others.
    """
    tail[n, :size] = 0.0
    if size:
        tail[n, 0] = distance
    grown, dependent = 0, False
    for k in range(n):
        if grown == size:
            break
        length = norm(tail, k, grown, size)
        if volume * length < _DEPENDENT:
            dependent = True
            continue
        volume *= length
        scales[grown], which[grown] = reflection(tail, k, grown, length), k
        for other in range(k + 1, n + 1):
            reflect(tail, k, scales[grown], grown, size, other)
        grown += 1
    return grown, volume, dependent


@njit(cache=True, error_model="numpy")
def _close(cells, search, depth, must_cover, within, found, n_found, work):
    """Try cells as the last of a set, as many as `found` has room for.

    y keeps at least as much of its distance as the determinant of a cell's columns in the coordinates behind the first,
    for their norms are one at most. A sum of products of n entries is right to 10 n ε n^(n/2), and elimination with
    pivots to 2^n n³ ε: a thousandth is taken off what is above `_CLEAR`.
    """
    volume, distance, blur = search.volume[depth], search.distance[depth], search.blur
    start, covers, tails, tail, unclear = cells.start, cells.covers, work.tails, work.tail, work.unclear
    size = cells.columns.shape[1] - search.rank[depth]
    first = search.closing[depth]
    end = min(search.closed[depth], first + len(found) - n_found)
    offset = start[first]
    product_with(search.complement[depth], size, cells.entries, offset, start[end], tails)
    needed = must_cover & ~search.covered[depth]
    n_unclear = np.int64(0)
    for c in range(first, end):
        if needed & ~covers[c]:
            continue
        if volume > 0.0:
            n, at = start[c + 1] - start[c], start[c] - offset
            clear = 0.0
            if size > n:
                clear = 0.999 * abs(determinant(tails, at, n) if n <= 4 else by_elimination(tails, at, n, tail))
            if clear > _CLEAR and distance * clear > within + blur / (volume * clear):
                continue
        unclear[n_unclear] = c
        n_unclear += 1
    if volume > 0.0 and n_unclear:
        n_unclear = _leave_near(cells, search, depth, within, offset, work, n_unclear)
    for k in range(n_unclear):
        found[n_found] = -1
        for i in range(depth):
            found[n_found, i] = search.chosen[i]
        found[n_found, depth] = unclear[k]
        n_found += 1
    search.closing[depth] = end
    return n_found, end - first


@njit(cache=True, error_model="numpy")
def _leave_near(cells, search, depth, within, offset, work, n_unclear):
    """Leave those cells of `work.unclear` whose span with the chosen ones y may be near; how many."""
    tail, tails, rest, scales, which, products = (
        work.tail,
        work.tails,
        work.rest,
        work.scales,
        work.which,
        work.products,
    )
    start, unclear, independent, complement = cells.start, work.unclear, search.independent, search.complement[depth]
    rank, volume, distance, blur = search.rank[depth], search.volume[depth], search.distance[depth], search.blur
    covers, supports, n_inputs, everywhere = cells.covers, cells.supports, cells.n_inputs, cells.everywhere
    chosen, sets, indicators = search.chosen, work.sets, work.indicators
    N, n_near = cells.columns.shape[1], 0
    size = N - rank
    for at in range(n_unclear):
        c = unclear[at]
        begin, n = start[c], start[c + 1] - start[c]
        for k in range(n):
            for r in range(size):
                tail[k, r] = tails[r, begin - offset + k]
        grown, shrunk, dependent = _reduce(tail, n, size, distance, volume, scales, which)
        near = norm(tail, n, grown, size) <= within + blur / shrunk
        if dependent and not near:
            _copy_rows(complement, rest, size)
            for k in range(grown):
                reflect_rows(tail, which[k], scales[k], k, size, rest, products)
                independent[rank + k] = begin + which[k]
            apart, enough = _spanned_rows(rest, grown, size, N), rank + grown
            near = not (
                places_bound_rank(
                    covers, supports, n_inputs, everywhere, chosen, depth, c, apart, enough, sets, indicators
                )
                or _primes_show_rank(cells, search, c, enough)
            )
        if near:
            unclear[n_near] = c
            n_near += 1
    return n_near


@njit(cache=True, error_model="numpy", inline="always")
def _copy_rows(rows, to, n):
    for r in range(n):
        for i in range(rows.shape[1]):
            to[r, i] = rows[r, i]


@njit(cache=True, error_model="numpy")
def _spanned_rows(complement, first, end, N):
    """The points at which nothing that is orthogonal to the span has an entry, as a bit set."""
    spanned = np.uint64(0)
    for i in range(N):
        left = 0.0
        for r in range(first, end):
            left += abs(complement[r, i])
        if left < _NOTHING:
            spanned |= np.uint64(1) << np.uint64(i)
    return spanned


@njit(cache=True, error_model="numpy")
def _primes_show_rank(cells, search, c, rank):
    """Whether the chosen cells and c have exactly this rank, which the floats show at least."""
    return primes_bound_rank(
        cells.base_residues,
        cells.residues,
        cells.primes,
        search.independent[len(cells.base) : rank],
        cells.start[c],
        cells.start[c + 1],
        rank,
    )
