"""The functional dynamic programme for knots at data points, in stretches between looks at the clock."""

import numpy as np

from reluctant.compiling import njit
from reluctant.univariate._open_links import (
    MU,
    ROUNDING,
    ROWS,
    B,
    P,
    U,
    V,
    advance,
    begin,
    keep_below,
    lower_envelope,
    thin,
)

_REACH = 16  # links that stay with which one is compared before it may go


@njit(cache=True)
def more_links(links, origin, level, n, room):
    """The tables of open links with room for at least so many."""
    if room <= links.shape[1]:
        return links, origin, level
    capacity = 2 * room
    bigger = np.empty((ROWS, capacity))
    bigger[:, :n] = links[:, :n]
    origins, levels = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    origins[:n], levels[:n] = origin[:n], level[:n]
    return bigger, origins, levels


@njit(cache=True)
def _grown(knot, parent, nodes, more):
    """The tree of knots with room for more nodes."""
    if nodes + more <= len(knot):
        return knot, parent, nodes
    room = np.empty(nodes + more, np.int64)
    return np.concatenate((knot, room)), np.concatenate((parent, room)), nodes


@njit(cache=True)
def _scratch(links, owners, low, high, chosen):
    """Room for as many numbers as there is for open links."""
    size = links.shape[1]
    if size <= len(owners):
        return owners, low, high, chosen
    return np.empty(size, np.int64), np.empty(size), np.empty(size), np.empty(size, np.int64)


@njit(cache=True)
def _bend(links, origin, level, n, owners, count, price, up, t, h, y, w, knot, parent, nodes):
    """Open links from a knot at point t on those of `owners`, `up` levels above them, and write the tree's nodes."""
    for q in range(count):
        k = owners[q]
        begin(links, n, links[MU, k] + price, links[V, k], links[P, k], h[t + 1], y[t + 1], w[t + 1])
        knot[nodes], parent[nodes] = t, origin[k]
        origin[n], level[n] = nodes, level[k] + up
        n += 1
        nodes += 1
    return n, nodes


@njit(cache=True)
def first_links(h, y, w):
    """The state before the second point: one open link, which begins at the first point, and the tree of knots.

    A state is (links, origin, level, n, old, knot, parent, nodes, t): n open links up to point t, of which the last
    n − old begin there; `origin` is the node of the last knot of each, `level` its number of knots where they are
    counted. Node i of the tree is a knot at point knot[i] after those of node parent[i]; node 0 is
    no knot. At the end t is the number of points.
    """
    links, origin, level = np.empty((ROWS, 64)), np.zeros(64, np.int64), np.zeros(64, np.int64)
    begin(links, 0, 0.0, y[0], 1.0 / w[0], h[1], y[1], w[1])
    return links, origin, level, 1, 0, np.zeros(64, np.int64), np.full(64, -1), 1, 1


@njit(cache=True)
def ends_of(first_end, ends, t):
    """The quadratics that `bounds` has recorded at a point: a table with rows cost, value, curvature."""
    return ends[:, first_end[t] : first_end[t + 1]]


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
def programme(h, y, w, price, most_knots, ceiling, rest, allowed, first_end, ends, state, work_limit):
    """Go on from a state until the last point, or until so much work is done.

    `most_knots` is −1 where the number of knots is free; else each number of knots up to it is a level of its own.
    Solutions that cost more than `ceiling` are of no interest; `rest[t]` is a lower bound of what the points after t
    cost, and the `ends` of a point (see `ends_of`) what they cost if the function has a value there. Knots are put
    where `allowed`. Returns the state and the largest number of open links.
    """
    links, origin, level, n, old, knot, parent, nodes, t = state
    size = len(y)
    levels, up = (most_knots + 1, 1) if most_knots >= 0 else (1, 0)
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
            coming = ends_of(first_end, ends, size - 1 - t)
            for c in range(levels):
                at_most = cut[c] * (1.0 + ROUNDING)
                if not (cut[c] > 0.0):
                    continue
                count, more = lower_envelope(
                    links, level, old, c, at_most, coming, ceiling - price, low, high, chosen, owners
                )
                work += more + old * coming.shape[1]
                links, origin, level = more_links(links, origin, level, n, n + count)
                knot, parent, nodes = _grown(knot, parent, nodes, count)
                n, nodes = _bend(links, origin, level, n, owners, count, price, up, t, h, y, w, knot, parent, nodes)
            owners, low, high, chosen = _scratch(links, owners, low, high, chosen)
        t += 1
        if work > work_limit:
            break
    return (links, origin, level, n, old, knot, parent, nodes, t), most


@njit(cache=True)
def _residual_from_the_right(h, y, w, before, end, costs, price, allowed):
    """Least costs[j] + price + residual of the line of points j + 1 … end over allowed j in [before, end), and that j.

    One filter runs leftwards and holds the line through the points it has passed.
    """
    least, best = np.inf, -1
    v, p, m, g, s, residual = y[end], 1.0 / w[end], 0.0, 0.0, 0.0, 0.0
    for j in range(end - 1, before - 1, -1):
        if allowed[j] and costs[j] + price + residual < least:
            least, best = costs[j] + price + residual, j
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
    return least, best


@njit(cache=True)
def first_bounds(h, y, w):
    """The state of `bounds` before the second point."""
    n = len(y)
    ends = np.zeros(n + 1, np.int64), np.empty((3, 64))
    return first_links(h, y, w), np.zeros(n), -1, np.inf, 0, np.inf, np.zeros(n, np.int64), *ends


@njit(cache=True)
def _recorded(links, owners, count, y, w, fresh, dearest, first_end, ends, t):
    """Record the cost of the points before t as a function of the value at t: the least of some quadratics.

    They are those of links that are least somewhere, without the point t itself, and the cost of a line that begins
    at t. Returns the table of ends, which grows.
    """
    size = first_end[t]
    if size + count + 1 > ends.shape[1]:
        bigger = np.empty((3, 2 * (size + count + 1)))
        bigger[:, :size] = ends[:, :size]
        ends = bigger
    for q in range(count):
        k = owners[q]
        a, e = links[B, k], y - links[U, k]
        ends[0, size], ends[1, size], ends[2, size] = links[MU, k] - 0.5 * w * e * e * a / (a + w), links[U, k], a
        size += 1
    if fresh <= dearest:
        ends[0, size], ends[1, size], ends[2, size] = fresh, y, 0.0
        size += 1
    first_end[t + 1] = size
    return ends


@njit(cache=True)
def _worth_keeping(links, origin, level, old, n, fresh, limit):
    """Drop those of the first `old` links that cost more than a free line that begins next; those after them stay."""
    limit[0] = fresh
    kept = keep_below(links, origin, level, old, limit)
    for k in range(old, n):
        for r in range(ROWS):
            links[r, kept + k - old] = links[r, k]
        origin[kept + k - old], level[kept + k - old] = origin[k], level[k]
    return kept, n + kept - old


@njit(cache=True)
def bounds(
    h,
    y,
    w,
    price,
    ceiling,
    rest,
    allowed,
    continuous,
    cell_size,
    debt,
    crowd,
    first_end,
    ends,
    record,
    state,
    work_limit,
):
    """Lower bounds costs[t] of points 0 … t in any solution below the ceiling, going on from a state.

    Where `continuous`, knots are as in `programme`. Elsewhere the points are cut into cells of `cell_size`, and with a
    knot in a cell the function may jump: the old line counts for points up to the knot, free ones for the rest of the
    cell and for what comes after it. So no solution costs more here than there. After a cell in which the cheapest jump
    costs less than an open link, that link is dropped: what begins afresh is no worse than it.

    At allowed points where `record` the cost of what is before them is recorded as a function of the value there.
    `ends` are those of a pass from the other side. More links than `crowd` are thinned, none lowered by more than
    `debt`.
    """
    open_links, costs, cell, fresh, fresh_node, inside, via, own_first, own = state
    links, origin, level, n, old, knot, parent, nodes, t = open_links
    size = len(y)  # a free line begins at t for `fresh`; it began in the cell and ends before t for `inside`
    limit = np.empty(1)
    owners = np.empty(links.shape[1], np.int64)
    low, high, chosen = np.empty(links.shape[1]), np.empty(links.shape[1]), np.empty(links.shape[1], np.int64)
    work, most = 0, n
    thinned = 0
    while True:
        advance(links, old, h[t], y[t], w[t])
        best, via[t] = fresh, fresh_node
        for k in range(n):
            if links[MU, k] < best:
                best, via[t] = links[MU, k], origin[k]
        if cell < 0 and not continuous[t]:
            cell = t
        here, jump = np.inf, -1
        if cell >= 0 and t > cell:
            here, jump = _residual_from_the_right(h, y, w, cell, t, costs, price, allowed)
            work += 4 * (t - cell)
            if here < best:
                knot, parent, nodes = _grown(knot, parent, nodes, 1)
                best, via[t], knot[nodes], parent[nodes] = here, nodes, jump, via[jump]
                nodes += 1
        costs[t] = best
        own_first[t + 1] = own_first[t]
        if t == size - 1:
            t = size
            break
        in_window = continuous[t] and continuous[t + 1] and allowed[t] and allowed[t + 1]
        limit[0] = min(ceiling - rest[t], best + 2.0 * price) if in_window else ceiling - rest[t]
        n = keep_below(links, origin, level, n, limit)
        if debt > 0.0 and n > crowd + thinned + thinned // 4:
            n = thinned = thin(links, origin, level, n, limit[0], debt, _REACH)
            work += _REACH * n
        old = n
        work += n
        most = max(most, n)
        links, origin, level = more_links(links, origin, level, n, n + 2)
        owners, low, high, chosen = _scratch(links, owners, low, high, chosen)
        count = 0
        if allowed[t] and (continuous[t] or record[t]):
            coming = ends_of(first_end, ends, size - 1 - t)
            cut = ceiling - price - rest[t]
            if in_window:
                cut = min(cut, best + price)
            count, more = lower_envelope(
                links, level, old, 0, cut * (1.0 + ROUNDING), coming, ceiling - price, low, high, chosen, owners
            )
            work += more + old * coming.shape[1]
            if record[t]:
                own = _recorded(links, owners, count, y[t], w[t], min(fresh, inside), cut, own_first, own, t)
        begins = fresh
        fresh = inside = np.inf
        if begins < np.inf and begins + rest[t] <= ceiling:
            begin(links, n, begins, y[t], 1.0 / w[t], h[t + 1], y[t + 1], w[t + 1])
            origin[n], level[n] = fresh_node, 0
            n += 1
        if continuous[t]:
            links, origin, level = more_links(links, origin, level, n, n + count + 2)
            knot, parent, nodes = _grown(knot, parent, nodes, count)
            n, nodes = _bend(links, origin, level, n, owners, count, price, 0, t, h, y, w, knot, parent, nodes)
        else:
            inside = here
            if allowed[t] and costs[t] + price < inside:
                inside, jump = costs[t] + price, t
            if t - cell + 1 >= cell_size or continuous[t + 1]:
                cell = -1
                if inside + rest[t] <= ceiling:
                    knot, parent, nodes = _grown(knot, parent, nodes, 1)
                    fresh, fresh_node, knot[nodes], parent[nodes] = inside, nodes, jump, via[jump]
                    nodes += 1
                    old, n = _worth_keeping(links, origin, level, old, n, fresh, limit)
                inside = np.inf
        t += 1
        if work > work_limit:
            break
    tree = (links, origin, level, n, old, knot, parent, nodes, t)
    return (tree, costs, cell, fresh, fresh_node, inside, via, own_first, own), most
