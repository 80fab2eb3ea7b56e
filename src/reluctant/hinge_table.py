"""Evaluating a one-input network with many neurons: a search among its kinks, not N x K hinges.

Between two kinks the network is one line S x + B, where S and B are sums over the neurons that are active
there. The sums are kept in double-double arithmetic and turned into the value at the next kink's threshold
before they are rounded, so that half a million steep neurons lose nothing that their float64 parameters hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reluctant._double_double import add, cumulative_sum, two_product, two_sum

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HingeTable:
    """f(x) = values[j] + slopes[j] · (x − origins[j]) with j = number of `thresholds` at or below x."""

    thresholds: Array  # (K,)
    origins: Array  # (K + 1,)
    values: Array  # (K + 1, m)
    slopes: Array  # (K + 1, m)
    x_exponent: int
    y_exponent: int

    def __call__(self, x: Array) -> Array:
        """Values at x, shape (N,), as (N, m)."""
        x = np.ldexp(x, -self.x_exponent)
        j = np.searchsorted(self.thresholds, x, side="right")
        y = self.slopes[j]
        y *= (x - self.origins[j])[:, None]
        y += self.values[j]
        return np.ldexp(y, self.y_exponent)


def hinge_table(w: Array, b: Array, v: Array, slope: Array, intercept: Array) -> HingeTable:
    """Tabulate Σ_k v_k (w_k x + b_k)_+ + slope x + intercept for arrays (K,), (K,), (K, m), (m,), (m,)."""
    w, b, v, slope, intercept, x_exponent, y_exponent = _near_one(w, b, v, slope, intercept)
    kinked = w != 0
    intercept = intercept + np.maximum(b[~kinked], 0.0) @ v[~kinked]
    thresholds = _thresholds(w[kinked], b[kinked])
    order = np.argsort(thresholds, kind="stable")
    w, b, v, thresholds = w[kinked][order], b[kinked][order], v[kinked][order], thresholds[order]

    # Left of every kink the neurons with w < 0 are active; passing a kink switches its neuron.
    rising = (w > 0)[:, None]
    slope_jump = two_product(v, w[:, None])
    value_jump = two_product(v, b[:, None])
    S = _running_sums(slope, slope_jump, rising)
    B = _running_sums(intercept, value_jump, rising)
    origins = np.concatenate([thresholds[:1], thresholds]) if len(thresholds) else np.zeros(1)
    product, error = two_product(S[0], origins[:, None])
    values = add(*add(product, error, *two_product(S[1], origins[:, None])), *B)
    return HingeTable(thresholds, origins, values[0] + values[1], S[0] + S[1], x_exponent, y_exponent)


def _near_one(w: Array, b: Array, v: Array, slope: Array, intercept: Array) -> tuple:
    """Units, powers of two, in which every w is in [1, 2) and kinks and slope changes are at most one."""
    exponent = np.frexp(w)[1] - 1
    w, b, v = np.ldexp(w, -exponent), np.ldexp(b, -exponent), np.ldexp(v, exponent[:, None])
    x_exponent = _exponent_of_largest(b[w != 0])
    b, v = np.ldexp(b, -x_exponent), np.ldexp(v, x_exponent)
    slope = np.ldexp(slope, x_exponent)
    y_exponent = max(_exponent_of_largest(v), _exponent_of_largest(slope), _exponent_of_largest(intercept))
    v, slope, intercept = (np.ldexp(a, -y_exponent) for a in (v, slope, intercept))
    return w, b, v, slope, intercept, x_exponent, y_exponent


def _exponent_of_largest(a: Array) -> int:
    largest = np.max(np.abs(a), initial=0.0)
    return int(np.frexp(largest)[1]) if largest > 0 else 0


def _thresholds(w: Array, b: Array) -> Array:
    """Smallest float at or above each kink −b / w."""
    kink = -b / w
    product, error = two_product(w, kink)
    excess, rest = two_sum(product, b)
    below = np.sign(w) * (excess + (rest + error)) < 0
    return np.where(below, np.nextafter(kink, np.inf), kink)


def _running_sums(start: Array, jumps: tuple[Array, Array], rising: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Coefficient of every line, left to right, as a double-double of shape (K + 1, m)."""
    hi, lo = jumps
    left = np.where(rising, 0.0, hi), np.where(rising, 0.0, lo)
    first = cumulative_sum(
        np.concatenate([start[None], left[0]]), np.concatenate([np.zeros_like(start)[None], left[1]])
    )
    sign = np.where(rising, 1.0, -1.0)
    return cumulative_sum(np.concatenate([first[0][-1:], sign * hi]), np.concatenate([first[1][-1:], sign * lo]))
