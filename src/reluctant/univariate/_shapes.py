"""Lines below a convex chain that cover a list of points from above: the loops behind convex functions in a band.

A convex function within lo ≤ f ≤ hi is the largest of lines, each nowhere above the lower hull of the upper bounds.
Points (x_i, lo_i) are covered by blocks of neighbours, a line for each block. Lines of a block are bounded by the
steepest one, through lo_a and a vertex hi_b of the hull with a < b, and by the shallowest one, through hi_b and lo_a
with b < a; eliminating the intercept shows that a block has a line if and only if the one is as steep as the other.
Turns are exact.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import SMALL, njit
from reluctant.univariate._predicates import turn
from reluctant.univariate._sweep import _line_at


@njit(cache=True, interpreted_below=SMALL)
def rising(lo, hi, low, high):
    """Write the largest lower bound so far, and the smallest upper one from each point on."""
    largest, smallest = lo[0], hi[len(hi) - 1]
    for i in range(len(lo)):
        largest = lo[i] if lo[i] > largest else largest
        low[i] = largest
    for i in range(len(hi) - 1, -1, -1):
        smallest = hi[i] if hi[i] < smallest else smallest
        high[i] = smallest


@njit(cache=True, interpreted_below=SMALL)
def lower_hull(x, y):
    """Indices of the vertices of the lower hull of points sorted by x, without those on its edges."""
    vertices = np.empty(len(x), np.int32)
    size = 0
    for i in range(len(x)):
        while size >= 2:
            j, k = vertices[size - 2], vertices[size - 1]
            if turn(x[j], y[j], x[k], y[k], x[i], y[i]) > 0.0:
                break
            size -= 1
        vertices[size] = i
        size += 1
    return vertices[:size].copy()


@njit(cache=True, interpreted_below=SMALL)
def farthest_above(x, lo, hull_x, hull_y):
    """The point that is farthest above the hull, the vertex left of it, and by how much; −1 twice where none is.

    Whether a point is above is decided exactly, which of them is farthest in floats.
    """
    point = left = -1
    most = -math.inf
    v = 0
    for i in range(len(x)):
        while v + 1 < len(hull_x) and hull_x[v + 1] <= x[i]:
            v += 1
        if v + 1 >= len(hull_x) or x[i] <= hull_x[v]:
            continue
        if turn(hull_x[v], hull_y[v], x[i], lo[i], hull_x[v + 1], hull_y[v + 1]) < 0.0:
            share = (x[i] - hull_x[v]) / (hull_x[v + 1] - hull_x[v])
            above = lo[i] - ((1.0 - share) * hull_y[v] + share * hull_y[v + 1])
            if not above <= most:
                point, left, most = i, v, above
    return point, left, most


@njit(cache=True, interpreted_below=SMALL)
def cover(x, lo, hull_x, hull_y):
    """First points of the fewest blocks that each have a line above their lo and nowhere above the hull.

    No point is above the hull, which is convex, so a block has no line only because a vertex between two of its points
    is below their chord (Helly's theorem): the steepest line through what is left of a point decides.
    """
    n, m = len(x), len(hull_x)
    starts, lows = np.empty(n, np.int32), np.empty(n, np.int32)
    count = i = v = 0
    while i < n:
        starts[count] = i
        count += 1
        head = size = 0
        b = -1
        xa = lo_a = slope = 0.0  # the steepest line goes through this point and vertex b
        while v < m and hull_x[v] <= x[i]:
            v += 1
        while i < n:
            xi, lo_i = x[i], lo[i]
            while v < m and hull_x[v] <= xi:
                xv, yv = hull_x[v], hull_y[v]
                value, margin = _line_at(xv, (xa, lo_a, slope))
                if b < 0 or (not yv >= value + margin and turn(xa, lo_a, hull_x[b], hull_y[b], xv, yv) < 0.0):
                    while head + 1 < size:
                        j, k = lows[head], lows[head + 1]
                        if turn(x[j], lo[j], x[k], lo[k], xv, yv) > 0.0:
                            break
                        head += 1
                    b, xa, lo_a = v, x[lows[head]], lo[lows[head]]
                    slope = (yv - lo_a) / (xv - xa)
                v += 1
            value, margin = _line_at(xi, (xa, lo_a, slope))
            # Turned round so that what is NaN in floats is left to the exact turn.
            if b >= 0 and not lo_i <= value - margin:
                if turn(xa, lo_a, hull_x[b], hull_y[b], xi, lo_i) > 0.0:
                    break
            while size - head >= 2:
                j, k = lows[size - 2], lows[size - 1]
                if turn(x[j], lo[j], x[k], lo[k], xi, lo_i) < 0.0:
                    break
                size -= 1
            lows[size] = i
            size += 1
            i += 1
    return starts[:count].copy()


@njit(cache=True, interpreted_below=SMALL)
def steepest_lines(x, lo, hull_x, hull_y, starts):
    """The steepest line of every block, as a point and a vertex right of it; −1 twice where it may be vertical.

    Lines of later blocks are steeper, so the vertices they touch do not move left, and all blocks share one walk.
    """
    n, m, n_blocks = len(x), len(hull_x), len(starts)
    points, vertices = np.full(n_blocks, -1, np.int32), np.full(n_blocks, -1, np.int32)
    lows = np.empty(n, np.int32)
    v = 0
    for block in range(n_blocks):
        i = np.int64(starts[block])
        stop = np.int64(starts[block + 1]) if block + 1 < n_blocks else n
        while v < m and hull_x[v] <= x[i]:
            v += 1
        if v == m:
            break
        head = size = 0
        while True:
            xv, yv = hull_x[v], hull_y[v]
            while i < stop and x[i] < xv:
                while size - head >= 2:
                    j, k = lows[size - 2], lows[size - 1]
                    if turn(x[j], lo[j], x[k], lo[k], x[i], lo[i]) < 0.0:
                        break
                    size -= 1
                lows[size] = i
                size += 1
                i += 1
            while head + 1 < size:
                j, k = lows[head], lows[head + 1]
                if turn(x[j], lo[j], x[k], lo[k], xv, yv) > 0.0:
                    break
                head += 1
            a = lows[head]
            if v + 1 == m or turn(x[a], lo[a], xv, yv, hull_x[v + 1], hull_y[v + 1]) >= 0.0:
                break
            v += 1
        points[block], vertices[block] = a, v
    return points, vertices


@njit(cache=True, interpreted_below=SMALL)
def strictly_increasing(slopes):
    """Slopes of which each is above the one before, as the lines of a cover are; rounding may tie or swap them."""
    for k in range(1, len(slopes)):
        if not slopes[k] > slopes[k - 1]:
            slopes[k] = np.nextafter(slopes[k - 1], math.inf)
    return slopes
