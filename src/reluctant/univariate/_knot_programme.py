"""The functional dynamic programme for knots at data points, in stretches between looks at the clock."""

import numpy as np
from numba import njit

from reluctant.univariate._open_links import MU, ROUNDING, P, V, advance, begin, keep_below, lower_envelope


@njit(cache=True)
def more_links(links, origin, level, n, room):
    """The tables of open links with room for at least so many."""
    if room <= links.shape[1]:
        return links, origin, level
    capacity = 2 * room
    bigger = np.empty((7, capacity))
    bigger[:, :n] = links[:, :n]
    origins, levels = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    origins[:n], levels[:n] = origin[:n], level[:n]
    return bigger, origins, levels


@njit(cache=True)
def first_links(h, y, w):
    """The state before the second point: one open link, which begins at the first point, and the tree of knots.

    A state is (links, origin, level, n, old, knot, parent, nodes, t): n open links up to point t, of which the last
    n − old begin there; `origin` is the node of the last knot of each, `level` its number of knots where they are
    counted. Node i of the tree is a knot at point knot[i] after those of node parent[i]; node 0 is
    no knot. At the end t is the number of points.
    """
    links, origin, level = np.empty((7, 64)), np.zeros(64, np.int64), np.zeros(64, np.int64)
    begin(links, 0, 0.0, y[0], 1.0 / w[0], h[1], y[1], w[1])
    return links, origin, level, 1, 0, np.zeros(64, np.int64), np.full(64, -1), 1, 1


@njit(cache=True)
def _limits(links, level, n, price, most_knots, rest, ceiling, limit, cut):
    """What an open link, and a new knot, may cost at most on each level.

    An open link is replaced by the cheapest one and two knots, at this point and the next; a new knot by the cheapest
    one, a knot here and one at the next point. What cannot end below the ceiling, with at least `rest` to come, goes.
    """
    limit[:], cut[:] = np.inf, np.inf
    least = limit  # of every level, until it is overwritten
    for k in range(n):
        least[level[k]] = min(least[level[k]], links[MU, k])
    if most_knots < 0:
        cut[0] = min(least[0] + price, ceiling - price - rest)
        limit[0] = min(least[0] + 2.0 * price, ceiling - rest)
        return
    two, one = np.inf, np.inf  # least loss, without prices, with at most c − 2 and c − 1 knots
    for c in range(most_knots + 1):
        now = least[c] - price * c
        limit[c] = min(two + price * c, ceiling - rest)
        cut[c] = min(one + price * c, ceiling - price - rest) if c < most_knots else -np.inf
        two, one = one, min(one, now)


@njit(cache=True)
def programme(h, y, w, price, most_knots, ceiling, rest, allowed, state, work_limit):
    """Go on from a state until the last point, or until so much work is done.

    `most_knots` is −1 where the number of knots is free; else each number of knots up to it is a level of its own.
    Solutions that cost more than `ceiling` are of no interest; `rest[t]` is a lower bound of what the points after t
    cost. Knots are put where `allowed`. Returns the state and the largest number of open links.
    """
    links, origin, level, n, old, knot, parent, nodes, t = state
    size = len(y)
    levels = most_knots + 1 if most_knots >= 0 else 1
    limit, cut = np.empty(levels), np.empty(levels)
    owners = np.empty(links.shape[1], np.int64)
    low, high, chosen = np.empty(links.shape[1]), np.empty(links.shape[1]), np.empty(links.shape[1], np.int64)
    work, most = 0, n
    while True:
        advance(links, old, h[t], y[t], w[t])
        _limits(links, level, n, price, most_knots, rest[t], ceiling, limit, cut)
        n = keep_below(links, origin, level, n, limit)
        work += n
        most = max(most, n)
        old = n
        if n == 0 or t == size - 1:
            t = size
            break
        if allowed[t]:
            for c in range(levels):
                at_most = cut[c] * (1.0 + ROUNDING)
                if not (cut[c] > 0.0):
                    continue
                count, more = lower_envelope(links, level, old, c, at_most, low, high, chosen, owners)
                work += more
                links, origin, level = more_links(links, origin, level, n, n + count)
                if nodes + count > len(knot):
                    knot = np.concatenate((knot, np.empty(nodes + count, np.int64)))
                    parent = np.concatenate((parent, np.empty(nodes + count, np.int64)))
                for q in range(count):
                    k = owners[q]
                    begin(links, n, links[MU, k] + price, links[V, k], links[P, k], h[t + 1], y[t + 1], w[t + 1])
                    knot[nodes], parent[nodes] = t, origin[k]
                    origin[n], level[n] = nodes, (c + 1 if most_knots >= 0 else 0)
                    n += 1
                    nodes += 1
            if links.shape[1] > len(owners):
                owners = np.empty(links.shape[1], np.int64)
                low, high, chosen = np.empty(len(owners)), np.empty(len(owners)), np.empty(len(owners), np.int64)
        t += 1
        if work > work_limit:
            break
    return (links, origin, level, n, old, knot, parent, nodes, t), most


@njit(cache=True)
def _residual_from_the_right(h, y, w, before, end, costs, price, allowed):
    """Least of costs[j] + price + the least-squares residual of points j + 1 … end over allowed j in [before, end).

    One filter runs leftwards and holds the line through the points it has passed.
    """
    least = np.inf
    v, p, m, g, s, residual = y[end], 1.0 / w[end], 0.0, 0.0, 0.0, 0.0
    for j in range(end - 1, before - 1, -1):
        if allowed[j]:
            least = min(least, costs[j] + price + residual)
        if j == before:
            break
        d = h[j + 1]
        if j == end - 1:
            m, s, g = (y[j] - v) / d, p / (d * d), 1.0 / d
            v, p = y[j], 1.0 / w[j]
            continue
        c = 1.0 + d * g
        ahead = p * c * c + d * d * s
        gain = (g * p * c + d * s) / ahead
        s = p * s / ahead
        v += d * m
        e = y[j] - v
        total = 1.0 + w[j] * ahead
        step = w[j] * ahead / total * e
        v += step
        m += gain * step
        residual += 0.5 * w[j] * e * e / total
        p, g = ahead / total, gain
    return least


@njit(cache=True)
def first_bounds(h, y, w):
    """The state of `bounds` before the second point."""
    costs = np.zeros(len(y))
    return first_links(h, y, w), costs, -1, np.inf


@njit(cache=True)
def bounds(h, y, w, price, ceiling, rest, allowed, continuous, cell_size, state, work_limit):
    """Lower bounds costs[t] of points 0 … t in any solution below the ceiling, going on from a state.

    Where `continuous`, knots are as in `programme`. Elsewhere the points are cut into cells of `cell_size`, and with a
    knot in a cell the function may jump: the old line counts for points up to the knot, free ones for the rest of the
    cell and for what comes after it. So no solution costs more here than there. After a cell in which the cheapest jump
    costs less than an open link, that link is dropped: what begins afresh is no worse than it.
    """
    (links, origin, level, n, old, knot, parent, nodes, t), costs, cell, fresh = state  # a free line begins for `fresh`
    size = len(y)
    limit = np.empty(1)
    owners = np.empty(links.shape[1], np.int64)
    low, high, chosen = np.empty(links.shape[1]), np.empty(links.shape[1]), np.empty(links.shape[1], np.int64)
    work, most = 0, n
    while True:
        advance(links, old, h[t], y[t], w[t])
        best = fresh
        for k in range(n):
            best = min(best, links[MU, k])
        if cell < 0 and not continuous[t]:
            cell = t
        if cell >= 0 and t > cell:
            best = min(best, _residual_from_the_right(h, y, w, cell, t, costs, price, allowed))
            work += 4 * (t - cell)
        costs[t] = best
        if t == size - 1:
            t = size
            break
        limit[0] = ceiling - rest[t]
        in_window = continuous[t] and continuous[t + 1] and allowed[t] and allowed[t + 1]
        if in_window:
            limit[0] = min(limit[0], best + 2.0 * price)
        n = keep_below(links, origin, level, n, limit)
        old = n
        work += n
        most = max(most, n)
        links, origin, level = more_links(links, origin, level, n, n + 2)
        if len(owners) < links.shape[1]:
            owners = np.empty(links.shape[1], np.int64)
            low, high, chosen = np.empty(len(owners)), np.empty(len(owners)), np.empty(len(owners), np.int64)
        if fresh < np.inf and fresh + rest[t] <= ceiling:
            begin(links, n, fresh, y[t], 1.0 / w[t], h[t + 1], y[t + 1], w[t + 1])
            origin[n], level[n] = 0, 0
            n += 1
        fresh = np.inf
        if continuous[t]:
            if allowed[t]:
                cut = ceiling - price - rest[t]
                if in_window:
                    cut = min(cut, best + price)
                count, more = lower_envelope(links, level, old, 0, cut * (1.0 + ROUNDING), low, high, chosen, owners)
                work += more
                links, origin, level = more_links(links, origin, level, n, n + count + 2)
                for q in range(count):
                    k = owners[q]
                    begin(links, n, links[MU, k] + price, links[V, k], links[P, k], h[t + 1], y[t + 1], w[t + 1])
                    origin[n], level[n] = 0, 0
                    n += 1
        elif t - cell + 1 >= cell_size or continuous[t + 1]:
            least = _residual_from_the_right(h, y, w, cell, t, costs, price, allowed)
            if allowed[t]:
                least = min(least, costs[t] + price)
            cell = -1
            if least + rest[t] <= ceiling:
                fresh = least
                limit[0] = fresh
                kept = keep_below(links, origin, level, old, limit)
                for k in range(old, n):  # those that begin here stay
                    for r in range(7):
                        links[r, kept + k - old] = links[r, k]
                n += kept - old
                old = kept
        t += 1
        if work > work_limit:
            break
    return ((links, origin, level, n, old, knot, parent, nodes, t), costs, cell, fresh), most
