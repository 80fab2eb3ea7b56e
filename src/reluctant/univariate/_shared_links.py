"""Hot loops for functions of several outputs within bands that bend at common knots.

A function with given knots is a value at each of them. What values it can have at a knot, once it has come so far, is
an interval for each output: the lines v + m (t − s) that leave an interval at s and meet the bounds of the rows between
are a convex polygon of (v, m), which every row cuts.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit

MOST_VERTICES = 512
_FARTHEST = 2.0
"""How far from the bounds of both its neighbours a value at a knot may be, in units of what they span together."""


@njit(cache=True)
def cut(polygon, size, h, bound, side):
    """Keep the part of a polygon (4, ·) of `size` lines (v, m) with side · (v + m h − bound) ≤ 0; returns its size.

    The last two rows of the polygon are room for the new one.
    """
    v, m, new_v, new_m = polygon[0], polygon[1], polygon[2], polygon[3]
    inside, outside = 0, 0
    for i in range(size):
        if side * (v[i] + m[i] * h - bound) <= 0.0:
            inside += 1
        else:
            outside += 1
    if outside == 0:
        return size
    if inside == 0 or size >= MOST_VERTICES - 2:
        return 0
    k = 0
    for i in range(size):
        j = i + 1 if i + 1 < size else 0
        at, beyond = side * (v[i] + m[i] * h - bound), side * (v[j] + m[j] * h - bound)
        if at <= 0.0:
            new_v[k], new_m[k] = v[i], m[i]
            k += 1
        if (at <= 0.0) != (beyond <= 0.0):
            share = at / (at - beyond)
            new_v[k], new_m[k] = v[i] + share * (v[j] - v[i]), m[i] + share * (m[j] - m[i])
            k += 1
    for i in range(k):
        v[i], m[i] = new_v[i], new_m[i]
    return k


@njit(cache=True, inline="always")
def _begin(polygon, low, high, h, below, above):
    """The lines from [low, high] at s to [below, above] at s + h."""
    v, m = polygon[0], polygon[1]
    v[0], m[0] = low, (below - low) / h
    v[1], m[1] = low, (above - low) / h
    v[2], m[2] = high, (above - high) / h
    v[3], m[3] = high, (below - high) / h
    return 4


@njit(cache=True)
def advance(x, lo, hi, s, box, i, polygons, sizes):
    """Let the lines of all outputs, which leave `box` (m, 2) at s, meet the bounds of row i; whether some do.

    Sizes of zero stand for polygons without a row so far.
    """
    h = x[i] - s
    for c in range(len(box)):
        if sizes[c] == 0:
            sizes[c] = _begin(polygons[c], box[c, 0], box[c, 1], h, lo[c, i], hi[c, i])
            continue
        sizes[c] = cut(polygons[c], sizes[c], h, hi[c, i], 1.0)
        if sizes[c] > 0:
            sizes[c] = cut(polygons[c], sizes[c], h, lo[c, i], -1.0)
        if sizes[c] == 0:
            return False
    return True


@njit(cache=True)
def reach(lo, hi, row, polygons, sizes, h, box):
    """The values that the lines can have at s + h, for each output, between the rows `row` − 1 and `row`; if some.

    They stay near the bounds there: knots in every interval could else carry values ever farther off.
    """
    for c in range(len(box)):
        low, high = math.inf, -math.inf
        for k in range(sizes[c]):
            value = polygons[c, 0, k] + polygons[c, 1, k] * h
            low, high = min(low, value), max(high, value)
        last = min(row, lo.shape[1] - 1)
        bottom, top = min(lo[c, row - 1], lo[c, last]), max(hi[c, row - 1], hi[c, last])
        room = _FARTHEST * (top - bottom)
        box[c, 0], box[c, 1] = max(low, bottom - room), min(high, top + room)
        if not box[c, 0] <= box[c, 1]:
            return False
    return True


@njit(cache=True)
def _room(box, unit):
    total = 0.0
    for c in range(len(box)):
        total += math.log(max(box[c, 1] - box[c, 0], 1e-12 * unit[c]) / unit[c])
    return total


@njit(cache=True)
def fewest_on_grid(x, lo, hi, grid, place, beam):
    """Knots on a grid with which all outputs stay in their bands, found by a search; returns (knots, found).

    place[g] is the number of rows at or left of grid[g]. Each knot on the grid keeps two ways to reach it: with as few
    knots as any that were found, and with one more and more room. With a `beam` less than the rows, links end among the
    last `beam` rows that they can reach, and go on only from knots that are so near to the farthest with as many.
    """
    n, n_grid, m = len(x), len(grid), len(lo)
    unit = np.empty(m)
    for c in range(m):
        unit[c] = max(np.max(hi[c] - lo[c]), 1e-300)
    counts = np.full((n_grid + 1, 2), n + 1)
    rooms = np.full((n_grid + 1, 2), -math.inf)
    boxes = np.zeros((n_grid + 1, 2, m, 2))
    parents = np.full((n_grid + 1, 2, 2), -1)
    farthest = np.zeros(n + 3, np.int64)  # rows at or left of the farthest knot with so many knots
    polygons, sizes = np.empty((m, 4, MOST_VERTICES)), np.zeros(m, np.int64)
    best, best_own, best_slot = n + 1, -1, 0
    counts[n_grid, 0] = 0  # the first row, where no knot is
    for c in range(m):
        boxes[n_grid, 0, c, 0], boxes[n_grid, 0, c, 1] = lo[c, 0], hi[c, 0]
    for source in range(-1, n_grid):
        own = n_grid if source < 0 else source
        s = x[0] if source < 0 else grid[source]
        first = 1 if source < 0 else place[source]
        for slot in range(2 if beam >= n else 1):
            count = counts[own, slot]
            if count >= best or (source >= 0 and first < farthest[count] - beam):
                continue
            end = _follow(x, lo, hi, s, boxes[own, slot], first, polygons, sizes)
            if end == n:
                best, best_own, best_slot = count, own, slot
                continue
            sizes[:] = 0
            box, g = np.empty((m, 2)), source + 1
            for i in range(first, end):
                advance(x, lo, hi, s, boxes[own, slot], i, polygons, sizes)
                if i < end - beam:
                    continue
                while g < n_grid and place[g] <= i:
                    g += 1
                while g < n_grid and place[g] == i + 1:
                    if reach(lo, hi, place[g], polygons, sizes, grid[g] - s, box):
                        _offer(counts[g], rooms[g], boxes[g], parents[g], count + 1, box, own, slot, _room(box, unit))
                        farthest[count + 1] = max(farthest[count + 1], place[g])
                    g += 1
    return _way_back(grid, parents, best if best <= n else 0, best_own, best_slot), best <= n


@njit(cache=True)
def _follow(x, lo, hi, s, box, first, polygons, sizes):
    """The first row from `first` on that no line from `box` at s meets."""
    sizes[:] = 0
    end = first
    while end < len(x) and advance(x, lo, hi, s, box, end, polygons, sizes):
        end += 1
    return end


@njit(cache=True)
def _way_back(grid, parents, count, at, slot):
    """The knots of the way to a knot, that knot included."""
    knots = np.empty(count)
    for k in range(count - 1, -1, -1):
        knots[k] = grid[at]
        at, slot = parents[at, slot, 0], parents[at, slot, 1]
    return knots


@njit(cache=True)
def _offer(counts, rooms, boxes, parents, count, box, source, slot, room):
    """Keep a way to a knot if it is among the two that are kept."""
    if count < counts[0] or (count == counts[0] and room > rooms[0]):
        if count < counts[0]:  # the way with fewest knots so far may be the one with one more
            counts[1], rooms[1] = counts[0] if counts[0] == count + 1 else 1 << 40, rooms[0]
            boxes[1] = boxes[0]
            parents[1] = parents[0]
        counts[0], rooms[0] = count, room
        boxes[0] = box
        parents[0, 0], parents[0, 1] = source, slot
    elif count == counts[0] + 1 and room > rooms[0] and (counts[1] != count or room > rooms[1]):
        counts[1], rooms[1] = count, room
        boxes[1] = box
        parents[1, 0], parents[1, 1] = source, slot


@njit(cache=True)
def values_at_knots(x, lo, hi, knots, place):
    """Values (K + 2, m) at the first row, the knots and the last row of a function within the bands; if there is one.

    place[k] is the number of rows at or left of knot k. Each is chosen from its end, near the middle of what it can be.
    """
    n, m, K = len(x), len(lo), len(knots)
    ends = np.empty(K + 2)
    ends[0], ends[1 : K + 1], ends[K + 1] = x[0], knots, x[n - 1]
    boxes = np.empty((K + 2, m, 2))
    for c in range(m):
        boxes[0, c, 0], boxes[0, c, 1] = lo[c, 0], hi[c, 0]
    polygons, sizes = np.empty((m, 4, MOST_VERTICES)), np.zeros(m, np.int64)
    values = np.empty((K + 2, m))
    for k in range(K + 1):
        if not _through(x, lo, hi, ends, place, boxes, k, polygons, sizes):
            return values, False
        row = n if k == K else place[k]
        if not reach(lo, hi, row, polygons, sizes, ends[k + 1] - ends[k], boxes[k + 1]):
            return values, False
    for k in range(K, -1, -1):
        _through(x, lo, hi, ends, place, boxes, k, polygons, sizes)
        h = ends[k + 1] - ends[k]
        for c in range(m):
            v, slope = polygons[c, 0], polygons[c, 1]
            if k == K:
                values[K + 1, c] = np.mean(v[: sizes[c]] + slope[: sizes[c]] * h)
            target, low, high = values[k + 1, c], math.inf, -math.inf
            nearest, gap = v[0], math.inf
            for i in range(sizes[c]):
                j = i + 1 if i + 1 < sizes[c] else 0
                a, b = v[i] + slope[i] * h - target, v[j] + slope[j] * h - target
                if abs(a) < gap:
                    gap, nearest = abs(a), v[i]
                if a * b <= 0.0 and a != b:
                    at = v[i] + a / (a - b) * (v[j] - v[i])
                    low, high = min(low, at), max(high, at)
            values[k, c] = 0.5 * low + 0.5 * high if low <= high else nearest
    return values, True


@njit(cache=True)
def _through(x, lo, hi, ends, place, boxes, k, polygons, sizes):
    """Enter the rows of link k; whether some lines meet them. A link without rows is free."""
    K = len(ends) - 2
    first = 1 if k == 0 else place[k - 1]
    stop = len(x) if k == K else place[k]
    sizes[:] = 0
    for i in range(first, stop):
        if not advance(x, lo, hi, ends[k], boxes[k], i, polygons, sizes):
            return False
    return stop > first
