"""Kernels of the functional dynamic programme for knots at data points [CPOP]: open links, and who bends where.

An open link begins at a knot and has no end yet. Over (v, m), its value at the current point and its slope, the cost of
the points up to there is a convex quadratic. Of each link are kept the least cost `mu`, the minimiser (v, m), and the
inverse Hessian as p = var v, g = cov(v, m) / p and s = var(m | v): a Kalman filter, which subtracts nowhere but in the
innovation y − v. Least over m, the cost is q(v) = mu + (v − v_0)² / (2 p).

Without numpy's error model the test for divisions by zero would keep these loops from SIMD.

References
----------
[CPOP] Fearnhead, Maidstone, Letchford, Detecting changes in slope with an L0 penalty, JCGS 2019.
"""

import numpy as np

from reluctant.compiling import njit

MU, V, M, P, G, S, A, B, U, DEBT = range(10)  # rows of a table of open links; A is 1 / p, B and U are A and V before y
ROWS = 10
ROUNDING = 1e-14  # relative: what a cut is raised by, so that rounding removes nobody from the envelope
_SLIVER = 2.0**-44  # by which a link is lowered at least when it stands for another one
_ROUNDS = 8  # candidates of least cost against which all others are tested before the envelope is built
_FEW = 4


@njit(cache=True, error_model="numpy")
def advance(links, n, h, y, w):
    """Take the next point, at distance h, into the first n open links."""
    for k in range(n):
        p, g, s = links[P, k], links[G, k], links[S, k]
        c = 1.0 + h * g
        before = p * c * c + h * h * s  # variance of v before the point counts
        d = 1.0 + w * before
        inverse = 1.0 / (before * d)
        by_before, by_d = inverse * d, inverse * before
        gain = (g * p * c + h * s) * by_before
        v = links[V, k] + h * links[M, k]
        e = y - v
        step = w * before * by_d * e
        links[MU, k] += 0.5 * w * e * e * by_d
        links[V, k] = v + step
        links[M, k] += gain * step
        links[P, k] = before * by_d
        links[G, k] = gain
        links[S, k] = p * s * by_before
        links[A, k] = by_before * d
        links[B, k] = by_before
        links[U, k] = v


@njit(cache=True, error_model="numpy")
def begin(links, k, mu, v, p, h, y, w):
    """Write to place k the link from a knot with cost mu + (v' − v)² / (2 p) to the next point, at distance h."""
    links[MU, k], links[V, k], links[M, k] = mu, y, (y - v) / h
    links[P, k], links[G, k], links[S, k], links[A, k] = 1.0 / w, 1.0 / h, p / (h * h), w
    links[B, k], links[U, k], links[DEBT, k] = 0.0, y, 0.0


@njit(cache=True, error_model="numpy")
def keep_below(links, origin, level, n, limit):
    """Drop links that cost more than the limit of their level, and return how many stay."""
    kept = 0
    for k in range(n):
        if links[MU, k] <= limit[level[k]]:
            if kept != k:
                for r in range(ROWS):
                    links[r, kept] = links[r, k]
                origin[kept], level[kept] = origin[k], level[k]
            kept += 1
    return kept


@njit(cache=True, error_model="numpy")
def _excess(links, k, j, cut):
    """A bound of the largest Q_j − Q_k over all lines (v, m) that cost link k no more than the cut.

    About the minimiser of Q_k, in units in which its Hessian is 1, the difference is c + b z + z D z / 2, and |z| ≤ r.
    """
    p, s = np.sqrt(links[P, k] / links[P, j]), np.sqrt(links[S, k] / links[S, j])
    apart = links[V, k] - links[V, j]
    one = apart / np.sqrt(links[P, j])
    two = (links[M, k] - links[M, j] - links[G, j] * apart) / np.sqrt(links[S, j])
    tilt = (links[G, k] - links[G, j]) * np.sqrt(links[P, k] / links[S, j])
    level = links[MU, j] - links[MU, k] + 0.5 * (one * one + two * two)
    slope = np.sqrt((one * p + two * tilt) ** 2 + (two * s) ** 2)
    first, both, second = p * p + tilt * tilt - 1.0, tilt * s, s * s - 1.0
    bend = 0.5 * (first + second + np.sqrt((first - second) ** 2 + 4.0 * both * both))
    radius = np.sqrt(max(2.0 * (cut - links[MU, k]), 0.0))
    return level + slope * radius + 0.5 * max(bend, 0.0) * radius * radius


@njit(cache=True, error_model="numpy")
def thin(links, origin, level, n, cut, most_debt, reach):
    """Drop links where another one, lowered a little, costs no more for all lines up to the cut; return how many stay.

    A link is compared with the last `reach` that stay; none is lowered by more than `most_debt` in all.
    """
    kept = 0
    for k in range(n):
        dropped = False
        for j in range(kept - 1, max(-1, kept - 1 - reach), -1):
            debt = max(0.0, _excess(links, k, j, cut)) + _SLIVER * cut
            if links[DEBT, j] + debt <= most_debt:
                links[MU, j] -= debt
                links[DEBT, j] += debt
                dropped = True
                break
        if not dropped:
            if kept != k:
                for r in range(ROWS):
                    links[r, kept] = links[r, k]
                origin[kept], level[kept] = origin[k], level[k]
            kept += 1
    return kept


@njit(cache=True, error_model="numpy", inline="always")
def _difference(mu, v, a, k, o, at):
    """q_k − q_o at a value."""
    return mu[k] - mu[o] + 0.5 * a[k] * (at - v[k]) ** 2 - 0.5 * a[o] * (at - v[o]) ** 2


@njit(cache=True, error_model="numpy", inline="always")
def _below_somewhere(mu, v, a, k, o, left, right):
    """Whether q_k < q_o somewhere in [left, right]."""
    if _difference(mu, v, a, k, o, left) < 0 or _difference(mu, v, a, k, o, right) < 0:
        return True
    bend = a[k] - a[o]
    if bend <= 0:
        return False
    lowest = (a[k] * v[k] - a[o] * v[o]) / bend
    return left < lowest < right and _difference(mu, v, a, k, o, lowest) < 0


@njit(cache=True, error_model="numpy")
def _meeting(mu, v, a, ends, cut):
    """Where a quadratic and one of the `ends` (rows cost, value, curvature) together are below the cut, as a hull."""
    low, high = np.inf, -np.inf
    for j in range(ends.shape[1]):
        by_sum = 1.0 / (a + ends[2, j])
        apart = v - ends[1, j]
        slack = cut - mu - ends[0, j] - 0.5 * a * ends[2, j] * by_sum * apart * apart
        if slack >= 0.0:
            middle = ends[1, j] + a * by_sum * apart
            radius = np.sqrt(2.0 * slack * by_sum)
            low, high = min(low, middle - radius), max(high, middle + radius)
    return low, high


@njit(cache=True, error_model="numpy")
def _contenders(links, level, n, which, cut, ends, meeting_cut, low, high, chosen):
    """Links of a level that may be least at some v; `low` and `high` bound where each is below the cuts.

    With `ends`, what is to come, both together are below `meeting_cut` there.
    """
    mu, v, a = links[MU], links[V], links[A]
    count = 0
    for k in range(n):
        if level[k] == which and mu[k] < cut:
            radius = np.sqrt(2.0 * links[P, k] * (cut - mu[k]))
            low[k], high[k] = v[k] - radius, v[k] + radius
            if ends.shape[1] > 0:
                left, right = _meeting(mu[k], v[k], a[k], ends, meeting_cut)
                low[k], high[k] = max(low[k], left), min(high[k], right)
                if not low[k] < high[k]:
                    continue
            chosen[count] = k
            count += 1
    for first in range(_ROUNDS):
        if count - first <= _FEW:
            break
        least = first
        for i in range(first, count):
            if mu[chosen[i]] < mu[chosen[least]]:
                least = i
        best = chosen[least]
        chosen[least] = chosen[first]
        chosen[first] = best
        kept = first + 1
        for i in range(first + 1, count):
            k = chosen[i]
            if _below_somewhere(mu, v, a, k, best, low[k], high[k]):
                chosen[kept] = k
                kept += 1
        count = kept
    return count


@njit(cache=True, error_model="numpy")
def _crossings(mu, v, a, k, o, left, right):
    """The roots of q_k − q_o in increasing order, infinite where there are none; solved about the middle."""
    middle = 0.5 * (left + right)
    second = 0.5 * (a[k] - a[o])
    first = a[k] * (middle - v[k]) - a[o] * (middle - v[o])
    zeroth = _difference(mu, v, a, k, o, middle)
    discriminant = first * first - 4.0 * second * zeroth
    one, two = np.inf, np.inf
    if discriminant > 0:
        root = np.sqrt(discriminant)
        q = -0.5 * (first + (root if first >= 0 else -root))
        if q != 0:
            one = middle + zeroth / q
        if second != 0:
            two = middle + q / second
    return min(one, two), max(one, two)


@njit(cache=True, error_model="numpy")
def _append(breaks, owners, count, left, owner):
    """A piece from `left` on, unless the one before has the same owner."""
    if count == 0 or owners[count - 1] != owner:
        breaks[count], owners[count] = left, owner
        count += 1
    return count


@njit(cache=True, error_model="numpy")
def _insert(mu, v, a, k, low, high, old_breaks, old_owners, first, n, breaks, owners):
    """Insert q_k on [low, high] into the envelope's pieces `first` … n − 1; the new ones are written from `first` on.

    Every part between crossings is decided by evaluation in its middle, so an inexact root costs a rounding error.
    """
    count = first
    for j in range(first, n):
        left, right, o = old_breaks[j], old_breaks[j + 1], old_owners[j]
        if right <= low or left >= high:
            count = _append(breaks, owners, count, left, o)
            continue
        if low > left:
            count = _append(breaks, owners, count, left, o)
        begin_, end = max(left, low), min(right, high)
        if o < 0:
            count = _append(breaks, owners, count, begin_, k)
        else:
            one, two = _crossings(mu, v, a, k, o, begin_, end)
            for q in range(3):
                part = min(one if q == 0 else (two if q == 1 else end), end)
                if part <= begin_:
                    continue
                owner = k if _difference(mu, v, a, k, o, 0.5 * (begin_ + part)) < 0 else o
                count = _append(breaks, owners, count, begin_, owner)
                begin_ = part
        if end < right:
            count = _append(breaks, owners, count, end, o)
    breaks[count] = old_breaks[n]
    return count


@njit(cache=True, error_model="numpy")
def lower_envelope(links, level, n, which, cut, ends, meeting_cut, low, high, chosen, owners_out):
    """Links of level `which` that are least at some v where they cost less than `cut`.

    With `ends`, what is to come at least, both together are to cost less than `meeting_cut` too.
    `low`, `high` and `chosen` are room for n numbers each. The owners are written to `owners_out`; returned are their
    number and the work done, in comparisons.
    """
    count = _contenders(links, level, n, which, cut, ends, meeting_cut, low, high, chosen)
    if count == 0:
        return 0, n
    mu, v, a = links[MU], links[V], links[A]
    breaks, owners = np.empty(64), np.empty(64, np.int64)
    new_breaks, new_owners = np.empty(64), np.empty(64, np.int64)
    left, right = np.inf, -np.inf
    for q in range(count):
        left, right = min(left, low[chosen[q]]), max(right, high[chosen[q]])
    breaks[0], breaks[1], owners[0] = left, right, -1
    pieces, work = 1, n
    for q in range(count):
        k = chosen[q]
        first, last = _overlap(mu, v, a, k, low[k], high[k], breaks, owners, pieces)
        work += 4 * (last - first + 1)
        if last > pieces:
            continue
        if 5 * (pieces + 1) + 8 > len(new_breaks):
            new_breaks, new_owners = np.empty(10 * (pieces + 1)), np.empty(10 * (pieces + 1), np.int64)
        new_breaks[:first], new_owners[:first] = breaks[:first], owners[:first]
        new = _insert(mu, v, a, k, low[k], high[k], breaks, owners, first, pieces, new_breaks, new_owners)
        work += 4 * (pieces - first)
        breaks, new_breaks = new_breaks, breaks
        owners, new_owners = new_owners, owners
        pieces = new
    return _distinct(owners, pieces, chosen, owners_out), work


@njit(cache=True, error_model="numpy")
def _overlap(mu, v, a, k, low, high, breaks, owners, pieces):
    """The first piece that q_k overlaps on [low, high] and the first that it is below of; pieces + 1 for none."""
    first, beyond = 0, pieces
    while beyond - first > 1:
        middle = (first + beyond) // 2
        if breaks[middle] <= low:
            first = middle
        else:
            beyond = middle
    j = first
    while j < pieces and breaks[j] < high:
        begin_, end, o = max(low, breaks[j]), min(high, breaks[j + 1]), owners[j]
        if begin_ < end and (o < 0 or _below_somewhere(mu, v, a, k, o, begin_, end)):
            return first, j
        j += 1
    return first, pieces + 1


@njit(cache=True, error_model="numpy")
def _distinct(owners, pieces, marks, out):
    """Write every owner once; `marks` is room for as many numbers as there are links."""
    count = 0
    for i in range(pieces):
        if owners[i] >= 0:
            marks[owners[i]] = -1
    for i in range(pieces):
        k = owners[i]
        if k >= 0 and marks[k] == -1:
            marks[k] = 0
            out[count] = k
            count += 1
    return count
