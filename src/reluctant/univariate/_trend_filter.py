"""Hot loops of ℓ1 trend filtering: least squares steered by slope changes, solved by a Riccati recursion.

A function that bends at data points only is a state (f, m), its value and outgoing slope. It moves by f ← f + h m and
is steered by the slope changes, m ← m + c. What lies to the right of a point costs
V(f, m) = ½ P (m + g f)² − q (m + g f) − β m + ½ d f² − k f + const. The recursion only adds and multiplies positive
numbers in P, g and d, so these keep full relative accuracy whatever the spacing and the weights; banded normal
equations lose digits with the fourth power of the ratio of gaps.
"""

from __future__ import annotations

import math

import numpy as np

from reluctant.compiling import njit
from reluctant.model._compiled_sums import add, two_product, two_sum

FREE = 2.0**400
"""σ of a slope change that costs nothing quadratic."""

_ULP = 2.0**-52
_SLACK = 1e-9  # a multiplier beyond its bound by less than this share counts as on it


@njit(cache=True, interpreted_below=1_000)
def least_squares(h, w, y, sigma, push, P, q, g, f, m, c, u):
    """Minimise Σ_i ½ w_i (f_i − y_i)² + Σ_j c_j² / (2 σ_j) + b_j c_j, with push = σ b; fills f, m, c and u.

    σ_j = 0 forbids a kink at point j. u_j = −∂V/∂m is its multiplier, Σ_{i>j} r_i (x_i − x_j) for r = w (y − f).
    P, q and g are workspace of the length of y.
    """
    n = len(y)
    d = w[n - 1]
    k = d * y[n - 1]
    P_in, q_in, g_in, beta = 0.0, 0.0, 0.0, 0.0
    for i in range(n - 2, -1, -1):
        step = h[i]
        a = 1.0 + g_in * step
        Pa, dh = P_in * a, d * step
        P_out = Pa * a + dh * step
        inverse = 1.0 / P_out
        g_out = (Pa * g_in + dh) * inverse
        q_out = a * q_in + k * step
        k = (Pa * k - q_in * dh) * inverse + w[i] * y[i]
        d = P_in * d * inverse + w[i]
        P[i], q[i], g[i] = P_out, q_out + beta, g_out
        if i > 0:
            shrink = 1.0 / (1.0 + sigma[i] * P_out)
            # Multipliers stay apart from the data, which between close points are small against them.
            turned = P_out * shrink * (push[i] - sigma[i] * beta)
            P_in, q_in, g_in = P_out * shrink, q_out * shrink, g_out
            beta += turned
            k += turned * g_out
    f[0] = (k - beta * g[0]) / d
    m[0] = q[0] / P[0] - g[0] * f[0]
    c[0], u[0], c[n - 1], u[n - 1] = 0.0, 0.0, 0.0, 0.0
    for i in range(1, n - 1):
        f[i] = f[i - 1] + h[i - 1] * m[i - 1]
        t = P[i] * (m[i - 1] + g[i] * f[i]) - q[i]
        c[i] = -(push[i] + sigma[i] * t) / (1.0 + sigma[i] * P[i])
        u[i] = -t - P[i] * c[i]
        m[i] = m[i - 1] + c[i]
    f[n - 1] = f[n - 2] + h[n - 2] * m[n - 2]


@njit(cache=True, interpreted_below=1_000)
def interior_point(h, w, y, up, down, mu, accuracy, limit):
    """Mehrotra's predictor-corrector method for Σ ½ w_i (f_i − y_i)² + Σ_j up_j (c_j)_+ + down_j (−c_j)_+.

    The dual is −down ≤ u ≤ up. With c = rise − fall, rise, fall ≥ 0, the optimum has rise · above = fall · below = 0
    for the slacks above = up − u, below = u + down. Starts from u = 0 and products `mu`, ends when they sum to
    `accuracy`.

    Returns the signs of the kinks and the number of steps. A point is a kink when its slope change falls more slowly
    than the slack (Tapia's indicators).
    """
    n = len(y)
    P, q, g, f, m, c = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    work = (P, q, g, f, m, c)
    sigma, push, new = np.zeros(n), np.zeros(n), np.zeros(n)
    u, above, below = np.zeros(n), up.copy(), down.copy()
    rise, fall = mu / up, mu / down
    rise_aim, fall_aim = np.empty(n), np.empty(n)  # what rise · above and fall · below are to become, to first order
    sign = np.zeros(n, np.int8)
    steps = 0
    while steps < limit and 2 * (n - 2) * mu > accuracy:
        steps += 1
        rise_aim[:] = 0.0
        fall_aim[:] = 0.0
        blocked = _newton_step(h, w, y, rise_aim, fall_aim, u, above, below, rise, fall, sigma, push, work, new)
        t = min(1.0, 1.0 / blocked)
        predicted = 0.0
        for j in range(1, n - 1):
            du = new[j] - u[j]
            d_rise = rise[j] * du / above[j] - rise[j]
            d_fall = -fall[j] * du / below[j] - fall[j]
            predicted += (rise[j] + t * d_rise) * (above[j] - t * du) + (fall[j] + t * d_fall) * (below[j] + t * du)
            rise_aim[j], fall_aim[j] = d_rise * du, -d_fall * du
        target = mu * (predicted / (2 * (n - 2) * mu)) ** 3
        rise_aim += target
        fall_aim += target
        blocked = _newton_step(h, w, y, rise_aim, fall_aim, u, above, below, rise, fall, sigma, push, work, new)
        t = min(1.0, 0.99 / blocked)
        mu = 0.0
        for j in range(1, n - 1):
            du = new[j] - u[j]
            d_rise = (rise_aim[j] + rise[j] * du) / above[j] - rise[j]
            d_fall = (fall_aim[j] - fall[j] * du) / below[j] - fall[j]
            sign[j] = int(d_rise / rise[j] > -du / above[j]) - int(d_fall / fall[j] > du / below[j])
            u[j] += t * du
            above[j] -= t * du
            below[j] += t * du
            rise[j] += t * d_rise
            fall[j] += t * d_fall
            mu += rise[j] * above[j] + fall[j] * below[j]
        mu /= 2 * (n - 2)
    return sign, steps


@njit(cache=True)
def _newton_step(h, w, y, rise_aim, fall_aim, u, above, below, rise, fall, sigma, push, work, new):
    """Sets `new` to the multipliers of the Newton step; returns the reciprocal of the longest step to the boundary."""
    n = len(y)
    for j in range(1, n - 1):
        sigma[j] = rise[j] / above[j] + fall[j] / below[j]
        push[j] = sigma[j] * u[j] - rise_aim[j] / above[j] + fall_aim[j] / below[j]
    P, q, g, f, m, c = work
    least_squares(h, w, y, sigma, push, P, q, g, f, m, c, new)
    blocked = 1e-300
    for j in range(1, n - 1):
        du = new[j] - u[j]
        r, s = du / above[j], du / below[j]
        blocked = max(blocked, r, -s)
        blocked = max(blocked, 1.0 - r - rise_aim[j] / (rise[j] * above[j]))
        blocked = max(blocked, 1.0 + s - fall_aim[j] / (fall[j] * below[j]))
    return blocked


@njit(cache=True, interpreted_below=1_000)
def objective(w, y, up, down, f, c):
    """Σ ½ w_i (f_i − y_i)² + Σ_j up_j (c_j)_+ + down_j (−c_j)_+."""
    total = 0.0
    for i in range(len(y)):
        r = f[i] - y[i]
        total += 0.5 * w[i] * r * r
        if c[i] != 0.0:
            total += c[i] * up[i] if c[i] > 0.0 else -c[i] * down[i]
    return total


@njit(cache=True, interpreted_below=1_000)
def settle(h, w, y, up, down, sign, limit):
    """From kinks of guessed sign to the optimum by exact solves; returns (f, m, c, u, objective, settled) of the best.

    Kinks of the wrong sign are dropped; when none is left, the worst multiplier of every excursion beyond the bounds
    becomes a kink. With neither left the conditions for the optimum hold. When many changes at once no longer lower the
    objective, they are made one by one, as in non-negative least squares, which cannot cycle. No kink is added after
    `limit` solves.
    """
    n = len(y)
    P, q, g = np.empty(n), np.empty(n), np.empty(n)
    f, m, c, u = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    sigma, push = np.zeros(n), np.zeros(n)
    best_f, best_m, best_c, best_u, best = f.copy(), m.copy(), np.zeros(n), u.copy(), np.inf
    feasible = np.zeros(n)  # slope changes of right sign, from which a careful step starts
    sign = sign.copy()
    careful = False
    solves = 0
    while True:
        solves += 1
        for j in range(1, n - 1):
            sigma[j] = FREE if sign[j] != 0 else 0.0
            push[j] = FREE * up[j] if sign[j] > 0 else (-FREE * down[j] if sign[j] < 0 else 0.0)
        least_squares(h, w, y, sigma, push, P, q, g, f, m, c, u)
        for j in range(1, n - 1):
            if sign[j] != 0:
                u[j] = up[j] if sign[j] > 0 else -down[j]
        if careful:
            if _stop_at_first_zero(c, sign, feasible):
                continue
        elif _drop_wrong(c, sign):
            continue
        value = objective(w, y, up, down, f, c)
        if solves >= limit and best < np.inf:
            break
        if not careful and value >= best:
            careful = True
            feasible[:] = best_c
            for j in range(n):
                sign[j] = np.sign(best_c[j])
            _add_kinks(best_u, up, down, sign, True)
            continue
        if value < best:
            best = value
            best_f[:], best_m[:], best_c[:], best_u[:] = f, m, c, u
        if _add_kinks(u, up, down, sign, careful) == 0:
            return f, m, c, u, value, True
    return best_f, best_m, best_c, best_u, best, False


@njit(cache=True)
def _drop_wrong(c, sign):
    """Unmarks the kinks of the wrong sign; returns how many there are."""
    wrong = 0
    for j in range(len(c)):
        if sign[j] != 0 and not c[j] * sign[j] > 0.0:
            sign[j] = 0
            wrong += 1
    return wrong


@njit(cache=True)
def _stop_at_first_zero(c, sign, feasible):
    """Moves `feasible` towards c up to the first kink that vanishes and unmarks it; returns whether there is one."""
    first, t = -1, 1.0
    for j in range(len(c)):
        if sign[j] != 0 and not c[j] * sign[j] > 0.0:
            share = feasible[j] / (feasible[j] - c[j]) if feasible[j] != c[j] else 0.0
            if first < 0 or share < t:
                first, t = j, share
    feasible += t * (c - feasible)
    if first < 0:
        return False
    feasible[first] = 0.0
    sign[first] = 0
    return True


@njit(cache=True)
def _add_kinks(u, up, down, sign, one):
    """Marks the worst point of every excursion of u beyond its bounds, or of `one` only; returns how many."""
    added = 0
    worst, at, side = 1.0 + _SLACK, -1, 0
    for j in range(1, len(u)):
        over = max(u[j] / up[j], -u[j] / down[j]) if j < len(u) - 1 and sign[j] == 0 else 0.0
        here = 0 if over <= 1.0 + _SLACK else (1 if u[j] > 0.0 else -1)
        if not one:
            if side != 0 and here != side:
                sign[at] = side
                added += 1
                worst = 1.0 + _SLACK
            side = here
        if here != 0 and over > worst:
            worst, at, side = over, j, here
    if one and at >= 0:
        sign[at] = side
        added = 1
    return added


@njit(cache=True, interpreted_below=1_000)
def dual_value(x, w, y, y_error, r, up, down):
    """A lower bound of the objective from residual-like numbers r_i, rounded down; |y_i| ≤ 1 is known to ± `y_error`.

    For r with Σ r = Σ r x = 0 and u_j = Σ_{i<j} r_i (x_j − x_i) within the bounds, Σ r y − r² / (2 w) is at most the
    objective of any function. The given r is projected along w and w x, then shrunk until u is within the bounds. At
    the optimum r = w (y − f).

    Each of the n additions in double-double arithmetic errs by 2^-104 of Σ|terms|, each term by less than 2^-101 of
    itself: together less than n 2^-100 Σ|terms|. What is left of Σ r and Σ r x is projected away in thought: that moves
    r by at most `shift` in Σ|r|, and does not increase Σ r² / w.
    """
    n = len(y)
    r, low, t = r.copy(), np.zeros(n), x - x[0]
    length, total = t[n - 1], np.sum(w)
    centre = np.sum(w * t) / total
    centre += np.sum(w * (t - centre)) / total
    spread = np.sum(w * (t - centre) ** 2)
    for _ in range(2):
        zeroth, first = (0.0, 0.0), (0.0, 0.0)
        for i in range(n):
            zeroth, first = _moments(zeroth, first, x[0], x[i], r[i], low[i])
        level = zeroth[0] / total
        tilt = (first[0] - centre * zeroth[0]) / spread
        for i in range(n):
            r[i], low[i] = add(r[i], low[i], -w[i] * (level + tilt * (t[i] - centre)), 0.0)
    zeroth, first, linear, square = (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)
    size, over = 0.0, 0.0
    for i in range(n):
        if 0 < i < n - 1:
            dx = two_sum(x[i], -x[0])
            product = two_product(dx[0], zeroth[0])
            u = add(product[0], product[1] + dx[0] * zeroth[1] + dx[1] * zeroth[0], -first[0], -first[1])
            over = max(over, u[0] / up[i], -u[0] / down[i])
        zeroth, first = _moments(zeroth, first, x[0], x[i], r[i], low[i])
        product = two_product(r[i], y[i])
        linear = add(linear[0], linear[1], product[0], product[1] + low[i] * y[i])
        square = add(square[0], square[1], r[i] * (r[i] / w[i]), 0.0)
        size += abs(r[i])
    size *= 1.0 + n * _ULP
    error = n * 2.0**-99 * size
    width = 0.9 * math.sqrt(spread) - 2 * _ULP * length  # below the standard deviation of x
    if not width > 0.0:
        return 0.0
    shift = 2.0 * (abs(zeroth[0]) + error + (abs(first[0] - centre * zeroth[0]) + error * length) / width)
    over += length * (shift + error) / min(up.min(), down.min())
    over = max(1.0, over * (1.0 + 8 * _ULP))
    size = size / over + shift
    value = linear[0] / over - 0.5 * (1.0 + 8 * _ULP) * square[0] / (over * over)
    value -= shift + (y_error + 4 * _ULP) * size
    return value if value > 0.0 else 0.0


@njit(cache=True, inline="always")
def _moments(zeroth, first, origin, x, r, low):
    """Σ r and Σ r (x − origin) with one term more."""
    dx = two_sum(x, -origin)
    product = two_product(dx[0], r)
    zeroth = add(zeroth[0], zeroth[1], r, low)
    first = add(first[0], first[1], product[0], product[1] + dx[0] * low + dx[1] * r)
    return zeroth, first


@njit(cache=True, interpreted_below=1_000)
def merge_ties(y, s, starts):
    """Σ s, the mean of y weighted by s, and Σ s (y − mean)² of every group of rows, summed as double-doubles."""
    n = len(starts)
    weights, means, squares = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        begin, end = starts[k], starts[k + 1] if k + 1 < n else len(y)
        zeroth, first, square = (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)
        for i in range(begin, end):
            product = two_product(s[i], y[i] - y[begin])
            zeroth = add(zeroth[0], zeroth[1], s[i], 0.0)
            first = add(first[0], first[1], product[0], product[1])
        weights[k], means[k] = zeroth[0], y[begin] + first[0] / zeroth[0]
        for i in range(begin, end):
            square = add(square[0], square[1], s[i] * (y[i] - means[k]) ** 2, 0.0)
        squares[k] = square[0]
    return weights, means, squares
