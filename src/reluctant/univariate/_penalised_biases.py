"""Hot loops of penalised biases: the least angles of every run, the shares of its jumps, and the table they give.

A knot at t is the direction (1, t), and nodes are the directions of the data points. d_k is how far the knots on either
side of node k are turned from it, γ_k the angle between nodes k and k + 1. A run asks for

    min Σ G_k (1 − cos d_k)    with    d_k + d_{k+1} ≥ γ_k,  d ≥ 0,

a chain of convex problems in φ_k cos d_k. Let M_k(d) be the least cost of nodes 1 … k with d_k = d. Then
M'_{k+1}(d) = G_{k+1} sin d − max(0, M'_k(γ_k − d)). Where all constraints are tight every d is ± z plus a constant, and
every piece of M' is one sinusoid in z; each node adds one and cuts what lies beyond a root, at one end of the list.
Nodes go from far to near x = 0, so that small angles far out are not differences of large ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.compiling import SMALL, njit
from reluctant.univariate._kernels import CLOSE, run_end

_RIGHT_ANGLE = 0.5 * math.pi


class Pieces(NamedTuple):
    """Sinusoids a cos z + b sin z from `start` on, to which those of the message are added."""

    start: Array
    a: Array
    b: Array


class Message(NamedTuple):
    """M' of one node: its pieces low … high, what is added to all, and z = side · d − turn."""

    low: int
    high: int
    a: float
    b: float
    side: float
    turn: float


@njit(cache=True, interpreted_below=SMALL)
def angles_between(x):
    """Angles γ_i between the directions (1, x_i) and (1, x_{i+1}), to a few units roundoff of themselves."""
    angles = np.empty(len(x) - 1)
    for i in range(len(x) - 1):
        angles[i] = _turn(x[i], x[i + 1])[1]
    return angles


@njit(cache=True)
def _turn(left, right):
    """Sine and angle from the direction (1, left) to (1, right)."""
    a, b = math.hypot(1.0, left), math.hypot(1.0, right)
    sine = (right - left) / a / b
    return sine, math.atan2(sine, (1.0 / a) * (1.0 / b) + (left / a) * (right / b))


@njit(cache=True, interpreted_below=SMALL)
def split_runs(x, jumps, solid, weights, gamma):
    """The angles d (N,) of all runs, and the shares (N,) of each jump that bend in the gap on its left and right.

    A jump without shares is a knot at its point. No knot is in a solid gap. Weights are G, up to a common factor. Also
    the knot, NaN for none, in the gap about x = 0 if that is between two points of a run.
    """
    n, knot = len(x), math.nan
    d, left, right, roots = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    before = Pieces(np.empty(2 * n + 3), np.empty(2 * n + 3), np.empty(2 * n + 3))
    after = Pieces(np.empty(2 * n + 3), np.empty(2 * n + 3), np.empty(2 * n + 3))
    i = 1
    while i < n - 1:
        if jumps[i] == 0.0:
            i += 1
            continue
        stop = run_end(jumps, solid, i)
        middle = i
        while middle < stop and x[middle] <= 0.0:
            middle += 1
        if middle > i and middle < stop:
            ahead = _messages(i, 1, middle - i, gamma, weights, roots, before)
            back = _messages(stop - 1, -1, stop - middle, gamma, weights, roots, after)
            d[middle - 1], d[middle] = roots[middle - 1], roots[middle]
            if roots[middle - 1] + roots[middle] < gamma[middle - 1]:
                knot, d[middle - 1], d[middle] = _meet(x, weights, middle - 1, ahead, before, back, after)
        elif middle == stop:
            _messages(i, 1, stop - i, gamma, weights, roots, before)
            d[stop - 1] = max(roots[stop - 1], _least_at_end(gamma, solid, stop == n - 1, n - 2))
        else:
            _messages(stop - 1, -1, stop - i, gamma, weights, roots, after)
            d[i] = max(roots[i], _least_at_end(gamma, solid, i == 1, 0))
        _share(i, 1, middle - i, d, roots, gamma, weights, left, right)
        _share(stop - 1, -1, stop - middle, d, roots, gamma, weights, right, left)
        i = stop
    return d, left, right, knot


@njit(cache=True, inline="always")
def _least_at_end(gamma, solid, is_end, gap):
    """The least d next to an end of the data, where the dual function is zero: as from a knot at right angles to it."""
    if not is_end or (len(solid) and solid[gap]):
        return 0.0
    return max(0.0, gamma[gap] - _RIGHT_ANGLE)


@njit(cache=True)
def _messages(first, step, n, gamma, weights, roots, pieces):
    """M' of the last of n nodes first, first + step, …; the least d of each, M'(d) = 0, go to `roots`."""
    low = high = len(pieces.start) // 2
    pieces.a[low], pieces.b[low] = 0.0, 0.0
    side, turn = 1.0, 0.0
    a, b = 0.0, weights[first]
    node = first
    for k in range(n):
        if k > 0:
            turn -= side * gamma[min(node, node + step)]
            side = -side
            node += step
            a += weights[node] * math.sin(turn)
            b += weights[node] * math.cos(turn)
        first, last = low, high
        low, high = _cut(Message(low, high, a, b, side, turn), pieces)
        home = low if side > 0.0 else high
        z = -math.atan2(pieces.a[home] + a, pieces.b[home] + b)
        if home > first:
            z = max(z, pieces.start[home])
        if home < last:
            z = min(z, pieces.start[home + 1])
        roots[node] = max(0.0, side * (z + turn))
        if k == n - 1:
            break
        z = side * roots[node] - turn
        if low == high:  # the sums begin anew, with all their digits
            pieces.a[home] += a
            pieces.b[home] += b
            a = b = 0.0
        if side > 0.0:
            pieces.start[low] = z
            low -= 1
            pieces.a[low], pieces.b[low] = -a, -b
        else:
            high += 1
            pieces.start[high] = z
            pieces.a[high], pieces.b[high] = -a, -b
    return Message(low, high, a, b, side, turn)


@njit(cache=True, inline="always")
def _cut(message, pieces):
    """The first and last piece without those on which M' < 0 throughout."""
    low, high = message.low, message.high
    if message.side > 0.0:
        while low < high and _height(message, pieces, low, pieces.start[low + 1]) <= 0.0:
            low += 1
    else:
        while low < high and _height(message, pieces, high, pieces.start[high]) >= 0.0:
            high -= 1
    return low, high


@njit(cache=True, inline="always")
def _height(message, pieces, k, z):
    """Piece k at z, message added: dM/dz, which goes from below to above zero."""
    return (pieces.a[k] + message.a) * math.cos(z) + (pieces.b[k] + message.b) * math.sin(z)


@njit(cache=True)
def _derivative(message, pieces, d):
    """M'(d)."""
    z = message.side * d - message.turn
    low, high = message.low, message.high
    while low < high:
        k = (low + high + 1) // 2
        if pieces.start[k] <= z:
            low = k
        else:
            high = k - 1
    return message.side * _height(message, pieces, low, z)


@njit(cache=True)
def _meet(x, weights, i, ahead, before, back, after):
    """The knot t and (d, d') of nodes i and i + 1 beside x = 0, where M' from the left and from the right are equal.

    Halving is by t, as angles that are nearly π have lost the digits that matter.
    """
    low, high = x[i], x[i + 1]
    while True:
        t = 0.5 * low + 0.5 * high
        sine, d = _turn(x[i], t)
        sine_after, d_after = _turn(t, x[i + 1])
        if t <= low or t >= high:
            return t, d, d_after
        # beyond a right angle nothing pulls from behind, since all other angles are smaller
        left = _derivative(ahead, before, d) if d < _RIGHT_ANGLE else weights[i] * sine
        right = _derivative(back, after, d_after) if d_after < _RIGHT_ANGLE else weights[i + 1] * sine_after
        if left < right:
            low = t
        else:
            high = t


@njit(cache=True)
def _share(first, step, n, d, roots, gamma, weights, behind, ahead):
    """Go back over the nodes for their angles, then on for the shares of their jumps in the gaps behind and ahead.

    The force T in a gap pulls at both of its nodes: T_{k−1} + T_k = G_k sin d_k, and T_k = 0 unless d_k is above its
    least. Nodes share their jumps as the forces.
    """
    node = first + step * (n - 1)
    for _ in range(n - 1):
        previous = node - step
        d[previous] = max(roots[previous], gamma[min(node, previous)] - d[node])
        node = previous
    force = 0.0
    for k in range(n):
        node = first + step * k
        pull = weights[node] * math.sin(d[node])
        share = min(force / pull, 1.0) if pull > 0.0 else 0.0
        if d[node] > roots[node]:
            behind[node], ahead[node] = share, 1.0 - share
            force = max(pull - force, 0.0)
        else:
            behind[node], ahead[node] = 1.0 if share > 0.0 else 0.0, 0.0
            force = 0.0


@njit(cache=True)
def masses(x, jumps, left, right, end_knots):
    """Slope change that each end of a gap contributes to the knot in it, (2, N − 1) without sign.

    In a gap at an end of the data the knot is given, and the end contributes what that asks for.
    """
    n = len(x)
    a, b = np.zeros(n - 1), np.zeros(n - 1)
    for i in range(1, n - 1):
        a[i] = abs(jumps[i]) * right[i]
        b[i - 1] = abs(jumps[i]) * left[i]
    if n > 2 and b[0] > 0.0:
        a[0] = b[0] * ((x[1] - end_knots[0]) / (end_knots[0] - x[0]))
    if n > 2 and a[n - 2] > 0.0:
        b[n - 2] = a[n - 2] * ((end_knots[1] - x[n - 2]) / (x[n - 1] - end_knots[1]))
    return a, b


@njit(cache=True, interpreted_below=SMALL)
def links_of_shares(x, y, jumps, left, right, end_knots):
    """Knots, anchors, slopes and slope changes of the function whose jumps are shared so.

    Also whether some change is so small a share of its slopes that it is not their difference, and the largest distance
    of a knot from the chord of its two points.
    """
    n = len(x)
    a, b = masses(x, jumps, left, right, end_knots)
    size = 0
    for i in range(n - 1):
        size += (i > 0 and jumps[i] != 0.0 and left[i] + right[i] == 0.0) + (a[i] + b[i] > 0.0)
    knots, changes = np.empty(size), np.empty(size)
    anchors, slopes = np.empty((2, size + 1)), np.empty(size + 1)
    k, farthest = 0, 0.0
    sign = 1.0 if n > 2 and jumps[1] > 0.0 else -1.0
    _set_line(x, y, 0, (y[1] - y[0]) / (x[1] - x[0]) - sign * a[0], a[0] > 0.0, 0, anchors, slopes)
    for i in range(n - 1):
        if i > 0 and jumps[i] != 0.0 and left[i] + right[i] == 0.0:
            knots[k], changes[k] = x[i], jumps[i]
            k += 1
            _set_line(x, y, i, (y[i + 1] - y[i]) / (x[i + 1] - x[i]), False, k, anchors, slopes)
        if a[i] + b[i] > 0.0:
            given = end_knots[0] if i == 0 else (end_knots[1] if i == n - 2 else math.nan)
            sign = 1.0 if (jumps[i] > 0.0 if b[i] == 0.0 or i == n - 2 else jumps[i + 1] > 0.0) else -1.0
            knots[k] = _knot(x[i], x[i + 1], a[i], b[i], given)
            changes[k] = sign * (a[i] + b[i])
            farthest = max(farthest, a[i] * (knots[k] - x[i]))
            k += 1
            _set_line_at(x, y, i + 1, jumps, left, right, sign * b[i], k, anchors, slopes)
    close = False
    for k in range(size):
        close |= abs(changes[k]) < CLOSE * (abs(slopes[k]) + abs(slopes[k + 1]))
    return knots, anchors, slopes, changes, close, farthest


@njit(cache=True, inline="always")
def _knot(low, high, a, b, given):
    """Where masses a at `low` and b at `high` have their centre, kept in (low, high], unless it is given."""
    dx = high - low
    if not math.isnan(given):
        t = given
    elif a >= b:
        t = low + dx * ((b / a) / (1.0 + b / a))
    else:
        t = high - dx * ((a / b) / (1.0 + a / b))
    return min(max(t, np.nextafter(low, math.inf)), high)


@njit(cache=True, inline="always")
def _set_line(x, y, i, slope, alone, k, anchors, slopes):
    """Link k has this slope and passes through point i, and through the next one, unless it is alone."""
    at = i if alone or abs(y[i]) <= abs(y[i + 1]) else i + 1
    slopes[k] = slope
    anchors[0, k], anchors[1, k] = x[at], y[at]


@njit(cache=True, inline="always")
def _set_line_at(x, y, i, jumps, left, right, bend, k, anchors, slopes):
    """Link k is the line with which the function comes to point i, after a knot in the gap before it."""
    before = (y[i] - y[i - 1]) / (x[i] - x[i - 1])
    if i == len(x) - 1 or left[i] + right[i] == 0.0:
        _set_line(x, y, i, before + bend, True, k, anchors, slopes)
        return
    after = (y[i + 1] - y[i]) / (x[i + 1] - x[i])
    if left[i] <= right[i]:
        _set_line(x, y, i, before + jumps[i] * left[i], True, k, anchors, slopes)
    else:
        _set_line(x, y, i, after - jumps[i] * right[i], right[i] > 0.0, k, anchors, slopes)
