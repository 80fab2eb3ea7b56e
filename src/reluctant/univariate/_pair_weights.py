"""What merging two neighbouring slope jumps saves, as a function of p, evaluated and bounded without cancellation.

Edge j joins the jumps a = g_j and b = g_{j+1} of a run; S = a + b. Merging saves a^p + b^p − S^p. Divided by
(1 − p) G^p, with any scale G > 0, and with a, b, S counted in units of G, this is

    ŵ(p) = a^p (1 − (a/S)^(1−p)) / (1−p) + b^p (1 − (b/S)^(1−p)) / (1−p)
         = ∫ e^{pz} dμ(z),   a positive measure on [ln a, ln S] for the first term, on [ln b, ln S] for the second.

So ŵ is smooth and convex up to p = 1, equals 1 at p = 0, and its m-th derivative is at most max|z|^m times ŵ.
An edge is held as (ln S, ln(S/a), ln(S/b)). Edges carry the number of their left jump; the last jump of a run has none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.compiling import SMALL, njit

EPS = float(np.finfo(np.float64).eps)


class Rule(NamedTuple):
    """Interpolation on [0, 1] in Bernstein form."""

    nodes: Array
    to_bernstein: Array  # from values at the nodes to Bernstein coefficients
    amplification: Array  # of errors in the values, for each coefficient
    remainder: float  # |f − interpolant| ≤ remainder · max|f^(degree + 1)|


def interpolation_rule(degree: int) -> Rule:
    """Interpolation at the Chebyshev–Lobatto points."""
    k = np.arange(degree + 1)
    nodes = (1 - np.cos(np.pi * k / degree)) / 2
    binomials = np.array([math.comb(degree, i) for i in k], dtype=np.float64)
    t = nodes[:, None]
    to_bernstein = np.ascontiguousarray(np.linalg.inv(binomials * t**k * (1 - t) ** (degree - k)))
    product = np.poly1d(nodes, r=True)
    largest = float(np.max(np.abs(product(product.deriv().roots.real))))
    return Rule(nodes, to_bernstein, np.abs(to_bernstein).sum(axis=1), largest / math.factorial(degree + 1))


# A high degree serves long intervals with flips that nearly cancel; on short ones it would only magnify rounding.
LONG, SHORT = interpolation_rule(4), interpolation_rule(2)
MOST_COEFFICIENTS = 5
_SHORT = 2.0**-10


@njit(cache=True, interpreted_below=SMALL)
def edge_logs(jumps, run_starts):
    """Return ln g of every jump and (ln S, ln(S/a), ln(S/b)) of every edge, in units of a power of two for each run."""
    log_jumps, edges = np.zeros(len(jumps)), np.zeros((len(jumps), 3))
    for r in range(len(run_starts) - 1):
        first, last = run_starts[r], run_starts[r + 1] - 1
        if first == last:
            continue
        largest = 0.0
        for j in range(first, last + 1):
            largest = max(largest, jumps[j])
        unit = math.frexp(largest)[1]
        for j in range(first, last + 1):
            mantissa, exponent = math.frexp(jumps[j])
            log_jumps[j] = math.log(mantissa) + (exponent - unit) * math.log(2.0)
        for j in range(first, last):
            small, large = (j, j + 1) if jumps[j] < jumps[j + 1] else (j + 1, j)
            ratio = jumps[small] / jumps[large]
            to_large = math.log1p(ratio)
            log_sum = log_jumps[large] + to_large
            to_small = math.log1p(1.0 / ratio) if ratio > 0.1 else log_sum - log_jumps[small]
            edges[j, 0] = log_sum
            edges[j, 1], edges[j, 2] = (to_small, to_large) if small == j else (to_large, to_small)
    return log_jumps, edges


@njit(cache=True)
def _half_weight(log_sum, log_ratio, p):
    """a^p (1 − (a/S)^(1−p)) / (1−p) from ln S and ln(S/a)."""
    x = (1.0 - p) * log_ratio
    return math.exp(p * (log_sum - log_ratio)) * log_ratio * (-math.expm1(-x) / x if x > 0.0 else 1.0)


@njit(cache=True)
def pair_weight(log_sum, to_a, to_b, p):
    """ŵ(p) for 0 ≤ p ≤ 1 from ln(S/G), ln(S/a), ln(S/b)."""
    return _half_weight(log_sum, to_a, p) + _half_weight(log_sum, to_b, p)


@njit(cache=True)
def _exponential_slope(z, p):
    """(e^{pz} − 1) / p."""
    return math.expm1(p * z) / p if p > 0.0 else z


@njit(cache=True)
def pair_weight_slope(log_sum, to_a, to_b, p):
    """(ŵ(p) − 1) / p for 0 ≤ p < 1; at p = 0 its limit ln(a b / S) + 1."""
    powers = (
        _exponential_slope(log_sum - to_a, p) + _exponential_slope(log_sum - to_b, p) - _exponential_slope(log_sum, p)
    )
    return (powers + 1.0) / (1.0 - p)


@njit(cache=True)
def middle_log(lo, hi, edges):
    """The ln G that is the middle of all logarithms on edges lo..hi, so that the |z| stay small."""
    low, high = np.inf, -np.inf
    for j in range(lo, hi + 1):
        low = min(low, edges[j, 0] - max(edges[j, 1], edges[j, 2]))
        high = max(high, edges[j, 0])
    return 0.5 * (low + high)


@njit(cache=True)
def flip_costs(lo, hi, p0, p1, edges, matched, out):
    """Write lower Bernstein coefficients on [p0, p1] of what toggling each of edges lo..hi adds to the cost.

    Removing a pair costs ŵ, adding one saves it; for p0 = 0, (ŵ − 1)/p takes the place of ŵ. Every coefficient is
    lowered by the interpolation error and by a bound on the rounding error. Returns the number of coefficients.
    """
    h = p1 - p0
    rule = SHORT if h < _SHORT else LONG
    n_coefficients = len(rule.nodes)
    order = n_coefficients
    reach = rule.remainder * h**order
    log_scale = middle_log(lo, hi, edges)
    values = np.empty(MOST_COEFFICIENTS)
    for j in range(lo, hi + 1):
        log_sum, to_a, to_b = edges[j, 0] - log_scale, edges[j, 1], edges[j, 2]
        # Both terms are convex in p, hence largest at an end.
        high_a = max(_half_weight(log_sum, to_a, p0), _half_weight(log_sum, to_a, p1))
        high_b = max(_half_weight(log_sum, to_b, p0), _half_weight(log_sum, to_b, p1))
        z_a = max(abs(log_sum), abs(log_sum - to_a))
        z_b = max(abs(log_sum), abs(log_sum - to_b))
        rounding = EPS * (8.0 + 2.0 * (abs(log_sum) + abs(edges[j, 0]) + to_a + to_b))
        if p0 > 0.0:
            error = reach * (z_a**order * high_a + z_b**order * high_b)
            rounding *= high_a + high_b
            for i in range(n_coefficients):
                values[i] = pair_weight(log_sum, to_a, to_b, p0 + h * rule.nodes[i])
        else:
            # The m-th derivative of (e^{pz} − 1)/p is at most |z|^{m+1} / (m + 1) · (1 + e^{pz}).
            error = 2.0 * reach / (order + 1) * (z_a ** (order + 1) * high_a + z_b ** (order + 1) * high_b)
            rounding *= 2.0 * (1.0 + math.exp(p1 * max(log_sum, 0.0)))
            for i in range(n_coefficients):
                values[i] = pair_weight_slope(log_sum, to_a, to_b, p1 * rule.nodes[i])
        sign = 1.0 if matched[j] else -1.0
        for k in range(n_coefficients):
            coefficient = 0.0
            for i in range(n_coefficients):
                coefficient += rule.to_bernstein[k, i] * values[i]
            out[k, j - lo] = sign * coefficient - error - rule.amplification[k] * rounding
    return n_coefficients


@njit(cache=True)
def cost_increase(lo, hi, p, edges, old, new):
    """What going from matching `old` to `new` on edges lo..hi adds to the scaled cost at p > 0."""
    log_scale = middle_log(lo, hi, edges)
    total = 0.0
    for j in range(lo, hi + 1):
        if old[j] != new[j]:
            w = pair_weight(edges[j, 0] - log_scale, edges[j, 1], edges[j, 2], p)
            total += w if old[j] else -w
    return total


@njit(cache=True, interpreted_below=SMALL)
def classes_of_equal_values(ascending, gap):
    """Number ascending values so that those within `gap` of the first of their class share a number."""
    numbers = np.zeros(len(ascending), dtype=np.int64)
    first = 0
    for i in range(1, len(ascending)):
        numbers[i] = numbers[i - 1]
        if ascending[i] - ascending[first] > gap:
            first = i
            numbers[i] += 1
    return numbers


def fingerprints(
    log_jumps: Array,
    edges: Array,
    run_starts: NDArray[np.int64],
    tie_rtol: float,
) -> NDArray[np.int64]:
    """Return for every edge a 64-bit sum, h(a) + h(b) − h(S), of random marks of its slope changes.

    Slope changes within a relative `tie_rtol` share a mark. A flip whose signed sum of fingerprints is zero exchanges
    slope changes for equal ones (up to a chance of 2^−64) and so leaves the cost as it is for every p.
    """
    joins = np.ones(len(log_jumps), dtype=np.bool_)
    joins[run_starts[1:] - 1] = False
    left = np.flatnonzero(joins)
    joined = joins.copy()
    joined[1:] |= joins[:-1]
    ends = np.flatnonzero(joined)
    logs = np.concatenate([log_jumps[ends], edges[left, 0]])
    order = np.argsort(logs)
    marks = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, len(logs), dtype=np.int64)
    mark_of = np.empty_like(marks)
    mark_of[order] = marks[classes_of_equal_values(logs[order], tie_rtol)]
    jump_mark = np.zeros(len(log_jumps), dtype=np.int64)
    jump_mark[ends] = mark_of[: len(ends)]
    prints = np.zeros(len(log_jumps), dtype=np.int64)
    prints[left] = jump_mark[left] + jump_mark[left + 1] - mark_of[len(ends) :]
    return prints
