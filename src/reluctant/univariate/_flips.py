"""Optimal matchings of the jumps of a run as p moves from 0+ to 1, with a certificate for every interval.

A *flip* of a matching toggles a contiguous stretch of edges that are in turn in it and not. A matching is optimal
iff no flip lowers the cost; it is the only one iff every flip raises it. A flip that exchanges slope changes for equal
ones costs nothing for any p; among the matchings that differ by such flips the one with the leftmost pairs is meant.

On an interval of p the cost increase of a flip is bounded below by a polynomial in Bernstein form, which is positive
where all its coefficients are. An edge is *settled* when, for each coefficient, the cheapest flip through it costs more
than nothing: its state is then the same on the whole interval. Settled edges cut the run, only the rest is bisected.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.compiling import njit
from reluctant.univariate._pair_weights import (
    EPS,
    MOST_COEFFICIENTS,
    cost_increase,
    flip_costs,
    middle_log,
    pair_weight,
)

_NO_FLIP = 1e300
# On the interval (0, p1] costs are divided by p, and it shrinks geometrically.
_FIRST_END = 0.12
_FIRST_SHRINK = 0.24
# Off the middle, so that simple fractions such as p = 1/2 are no ends of intervals.
_SPLIT = 0.4871
# Where doubt goes on although intervals are of the asked width, rounding is in the way: give up longer ones.
_DOUBT_GROWTH = 0.25


@njit(cache=True)
def _pair_from_the_left(lo, hi, matched):
    """Turn `pair j with j + 1 if j is still free' into a matching."""
    j = lo
    while j < hi:
        if matched[j]:
            matched[j + 1] = False
            j += 1
        j += 1


@njit(cache=True)
def _sparsest_matching(lo, hi, edges, prints, matched):
    """Write the p → 0+ optimum of edges lo..hi: most pairs, then least Σ ln of the slope changes, then leftmost pairs.

    The recursion of `best_matching` with gains ordered first by their number of pairs, 0 or 1.
    """
    gains_pair, gain, gain_print = False, 0.0, 0
    for j in range(hi, lo - 1, -1):
        w = edges[j, 0] - edges[j, 1] - edges[j, 2]
        tie = gains_pair and prints[j] == gain_print
        matched[j] = tie or not gains_pair or w >= gain
        if matched[j] and not tie:
            gain, gain_print = w - gain, prints[j] - gain_print
        else:
            gain, gain_print = 0.0, 0
        gains_pair = not gains_pair
    _pair_from_the_left(lo, hi, matched)


@njit(cache=True)
def best_matching(lo, hi, p, edges, prints, matched):
    """Write the optimum of edges lo..hi at 0 < p ≤ 1, leftmost pairs where slope changes tie.

    With M_j the most that jumps j, j + 1, … can save, `gain` is D_j = M_j − M_{j+1} = max(0, w_j − D_{j+1}).
    """
    log_scale = middle_log(lo, hi, edges)
    gain, gain_print = 0.0, 0
    for j in range(hi, lo - 1, -1):
        w = pair_weight(edges[j, 0] - log_scale, edges[j, 1], edges[j, 2], p)
        tie = prints[j] == gain_print
        matched[j] = tie or w >= gain
        if matched[j] and not tie:
            gain, gain_print = w - gain, prints[j] - gain_print
        else:
            gain, gain_print = 0.0, 0
    _pair_from_the_left(lo, hi, matched)


@njit(cache=True)
def _down(x):
    """Lower x by the rounding error of the addition that gave it."""
    return x - EPS * abs(x)


@njit(cache=True)
def _from_free_jump(start, step, n, lo, costs, matched, prints, best):
    """Follow n alternating edges from a free jump; return the cost of toggling them all.

    best[i] becomes the least cost of the flips that reach the i-th edge and free a jump in exchange. Flips that
    exchange equal slope changes are left out, and what has cancelled so far counts as exactly nothing.
    """
    total, fingerprint = 0.0, 0
    for i in range(n):
        j = start + i * step
        total = _down(total + costs[j - lo])
        fingerprint += prints[j] if matched[j] else -prints[j]
        best[i] = total if matched[j] and fingerprint != 0 else _NO_FLIP
        if fingerprint == 0:
            total = 0.0
    for i in range(n - 2, -1, -1):
        best[i] = min(best[i], best[i + 1])
    return total


@njit(cache=True)
def _between_pairs(s, t, lo, costs, matched, extra, work, cheapest):
    """Lower `cheapest` on the alternating stretch s..t to flips that start and end with a pair, at cost + `extra`."""
    best = _NO_FLIP
    for j in range(s, t + 1):
        best = _down(costs[j - lo] + (min(best, 0.0) if matched[j] else best))
        work[j - lo] = best
    best = _NO_FLIP
    for j in range(t, s - 1, -1):
        x = costs[j - lo]
        best = _down(x + (min(best, 0.0) if matched[j] else best))
        through = _down(_down(work[j - lo] - x) + _down(best + extra))
        cheapest[j - lo] = min(cheapest[j - lo], through)


@njit(cache=True)
def _cheapest_flips(s, t, lo, costs, extra, matched, prints, work, cheapest):
    """Lower `cheapest` to the least cost of a flip through each edge of the longest alternating stretch s..t.

    A flip ends at a pair, which it removes and so frees a jump, or where the stretch ends at a jump that is free
    already. Freeing two jumps loses a pair and costs `extra` more.
    """
    _between_pairs(s, t, lo, costs, matched, extra, work[0], cheapest)
    n = t - s + 1
    free_left = not matched[s] and (s == 0 or not matched[s - 1])
    free_right = not matched[t] and not matched[t + 1]
    if free_left:
        whole = _from_free_jump(s, 1, n, lo, costs, matched, prints, work[0])
        for i in range(n):
            cheapest[s + i - lo] = min(cheapest[s + i - lo], work[0, i], whole if free_right else _NO_FLIP)
    if free_right:
        _from_free_jump(t, -1, n, lo, costs, matched, prints, work[0])
        for i in range(n):
            cheapest[t - i - lo] = min(cheapest[t - i - lo], work[0, i])


@njit(cache=True)
def unsettled_edges(lo, hi, p0, p1, edges, prints, matched, work, is_open):
    """Mark the edges of lo..hi that some flip of `matched` passes which may not cost anything somewhere on [p0, p1].

    For p0 = 0 `matched` has to be the p → 0+ optimum; what is bounded then is the cost divided by p, on (0, p1].
    """
    n_coefficients = flip_costs(lo, hi, p0, p1, edges, matched, work)
    cheapest = work[MOST_COEFFICIENTS]
    for j in range(hi - lo + 1):  # loops, not slices, whose compilation takes four times as long as that of the rest
        cheapest[j] = _NO_FLIP
    extra = 1.0 / p1 if p0 == 0.0 else 0.0
    s = lo
    while s <= hi:
        t = s
        while t < hi and matched[t] != matched[t + 1]:
            t += 1
        for k in range(n_coefficients):
            _cheapest_flips(s, t, lo, work[k], extra, matched, prints, work[MOST_COEFFICIENTS + 1 :], cheapest)
        s = t + 1
    for j in range(lo, hi + 1):
        is_open[j] = not cheapest[j - lo] > 0.0


@njit(cache=True)
def _optimum_within(lo, hi, p, edges, prints, matched, candidate):
    """Write to `candidate` the optimum at p on edges lo..hi, its neighbours kept; return whether it differs."""
    for j in range(lo, hi + 1):
        candidate[j] = matched[j]
    # A pair beside an open stretch is rare: only rounding settles it without settling the edge it blocks.
    first = lo + 1 if lo > 0 and matched[lo - 1] else lo
    last = hi - 1 if matched[hi + 1] else hi
    best_matching(first, last, p, edges, prints, candidate)
    differs = False
    for j in range(lo, hi + 1):
        differs |= candidate[j] != matched[j]
    return differs


@njit(cache=True)
def _crossing(lo, hi, p0, p1, edges, matched, candidate):
    """Secant estimate of where the costs of the two matchings cross in (p0, p1); −1 where they do not change order."""
    before = cost_increase(lo, hi, p0, edges, matched, candidate)
    after = cost_increase(lo, hi, p1, edges, matched, candidate)
    return p0 + (p1 - p0) * (before / (before - after)) if before > 0.0 > after else -1.0


@njit(cache=True)
def _push_parts(stack, lo, hi, p0, p1, crossing, width):
    """Push the parts into which [p0, p1] is cut, the first on top: one about the crossing, if known, else two.

    Parts about a crossing are marked, and are cut in two when it comes to it, so that lengths shrink in any case.
    """
    h = p1 - p0
    if crossing > 0.0:
        reach = max(0.45 * width, min(0.1 * h, h * h))
        if crossing + reach < p1:
            stack.append((lo, hi, crossing + reach, p1, True))
        stack.append((lo, hi, max(crossing - reach, p0), min(crossing + reach, p1), True))
        if crossing - reach > p0:
            stack.append((lo, hi, p0, crossing - reach, True))
    else:
        middle = p1 * _FIRST_SHRINK if p0 == 0.0 else p0 + _SPLIT * h
        stack.append((lo, hi, middle, p1, False))
        stack.append((lo, hi, p0, middle, False))


class State(NamedTuple):
    """What the walk in p keeps for every edge, and a buffer for the longest run."""

    matched: Mask  # where the walk has come to
    candidate: Mask  # at the end of an interval
    is_open: Mask
    doubtful_until: Array  # end of the last interval that was given up
    event: NDArray[np.int64]  # and the event it belongs to
    work: Array


@njit(cache=True)
def _root(event, parents):
    while parents[event] != event:
        event = parents[event]
    return event


@njit(cache=True)
def _doubtful_since(lo, hi, p0, state, starts, parents):
    """Where the doubt begins that lasts up to p0 on some of edges lo..hi; p0 if there is none."""
    since = p0
    for j in range(lo, hi + 1):
        if state.doubtful_until[j] == p0:
            since = min(since, starts[_root(state.event[j], parents)])
    return since


@njit(cache=True)
def _give_up(lo, hi, p0, p1, state, starts, ends, parents, toggled, toggled_by):
    """Take over the optimum at p1 on edges lo..hi, in a new event or in those that last up to p0, which become one."""
    event = len(starts)
    for j in range(lo, hi + 1):
        if state.doubtful_until[j] == p0:
            event = min(event, _root(state.event[j], parents))
    if event == len(starts):
        starts.append(p0)
        ends.append(p1)
        parents.append(event)
    for j in range(lo, hi + 1):
        if state.doubtful_until[j] == p0:
            other = _root(state.event[j], parents)
            starts[event] = min(starts[event], starts[other])
            parents[other] = event
        state.doubtful_until[j], state.event[j] = p1, event
        if state.matched[j] != state.candidate[j]:
            state.matched[j] = state.candidate[j]
            toggled.append(j)
            toggled_by.append(event)
    ends[event] = p1


@njit(cache=True, interpreted_below=500)
def trace_runs(run_starts, width, work_limit, edges, prints):
    """Follow all runs; return the p → 0+ matching, then starts, ends and parents of events, toggled edges and by which.

    Outside an event the edges it concerns are certified. An event whose parent is another has become part of it.
    Every run may spend work_limit visits of each of its edges. Runs of at most three jumps never change.
    """
    n = len(edges)
    first_matching = np.zeros(n + 1, dtype=np.bool_)
    longest = 1
    for r in range(len(run_starts) - 1):
        _sparsest_matching(run_starts[r], run_starts[r + 1] - 2, edges, prints, first_matching)
        longest = max(longest, run_starts[r + 1] - run_starts[r])
    state = State(
        first_matching.copy(),
        np.zeros(n + 1, dtype=np.bool_),
        np.zeros(n + 1, dtype=np.bool_),
        np.full(n, -1.0),
        np.zeros(n, dtype=np.int64),
        np.empty((MOST_COEFFICIENTS + 2, longest)),
    )
    starts, ends = [0.0 for _ in range(0)], [0.0 for _ in range(0)]
    parents, toggled, toggled_by = [0 for _ in range(0)], [0 for _ in range(0)], [0 for _ in range(0)]
    for r in range(len(run_starts) - 1):
        first, last = run_starts[r], run_starts[r + 1] - 2
        if last - first < 2:
            continue
        work_left = math.ceil(work_limit * (last - first + 1))
        stack = [(first, last, _FIRST_END, 1.0, False), (first, last, 0.0, _FIRST_END, False)]
        while len(stack) > 0:
            lo, hi, p0, p1, marked = stack.pop()
            work_left -= hi - lo + 1
            unsettled_edges(lo, hi, p0, p1, edges, prints, state.matched, state.work, state.is_open)
            a = lo
            while a <= hi:
                if not state.is_open[a]:
                    a += 1
                    continue
                b = a
                while b < hi and state.is_open[b + 1]:
                    b += 1
                differs = _optimum_within(a, b, p1, edges, prints, state.matched, state.candidate)
                doubt = p0 - _doubtful_since(a, b, p0, state, starts, parents)
                if p1 - p0 <= max(width, _DOUBT_GROWTH * doubt) or work_left < 0:
                    _give_up(a, b, p0, p1, state, starts, ends, parents, toggled, toggled_by)
                else:
                    crossing = -1.0
                    if differs and not marked and p0 > 0.0 and p1 - p0 < 0.1:
                        crossing = _crossing(a, b, p0, p1, edges, state.matched, state.candidate)
                    _push_parts(stack, a, b, p0, p1, crossing, width)
                a = b + 1
    return first_matching[:n], (starts, ends, parents), (toggled, toggled_by)
