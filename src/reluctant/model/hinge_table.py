"""Evaluating a one-input network with many neurons: a search among its kinks, not N x K hinges.

Between two kinks the network is one line S x + B, where S and B are sums over the neurons that are active
there. The sums are kept in double-double arithmetic and turned into the value at one end of the link before
they are rounded, so that half a million steep neurons lose nothing that their float64 parameters hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.model._double_double import add, cumulative_sum, two_product, two_sum

Exponents = NDArray[np.intc]

_LARGEST = 480  # exponent up to which sums of products of two numbers cannot overflow
_SAFE_SLOPE = 900  # slopes of a larger exponent, or one below its negative, are tabulated in another unit of y


@dataclass(frozen=True)
class HingeTable:
    """f(x) = 2^exponent (values[j] + slopes[j] · (x − origins[j])), j = number of `thresholds` at or below x."""

    thresholds: Array  # (K,)
    origins: Array  # (K + 1,)
    values: Array  # (K + 1, m)
    slopes: Array  # (K + 1, m)
    exponent: int

    def __call__(self, x: Array) -> Array:
        """Values at x, shape (N,), as (N, m)."""
        j = np.searchsorted(self.thresholds, x, side="right")
        y = self.slopes[j]
        y *= (x - self.origins[j])[:, None]
        y += self.values[j]
        return y if self.exponent == 0 else np.ldexp(y, self.exponent)


def hinge_table(w: Array, b: Array, v: Array, slope: Array, intercept: Array) -> HingeTable:
    """Tabulate Σ_k v_k (w_k x + b_k)_+ + slope x + intercept for arrays (K,), (K,), (K, m), (m,), (m,).

    Accurate while the nonzero kinks, and likewise the slope changes in their unit, span less than about 2^1500.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kink = -b / w
    # No float lies beyond the kink of a neuron that is left out here: it is a line or never active.
    reached = np.abs(kink) < np.finfo(np.float64).max
    always = ~reached & (b > 0)
    slope = slope + w[always] @ v[always]
    intercept = intercept + b[always] @ v[always]
    order = np.flatnonzero(reached)[np.argsort(kink[reached], kind="stable")]
    kink = kink[order]
    w, b, v, slope, intercept, x_exponent, y_exponent = _near_one(kink, w[order], b[order], v[order], slope, intercept)

    thresholds = np.where(_kink_is_below(np.ldexp(kink, -x_exponent), w, b), np.nextafter(kink, np.inf), kink)
    origins = _nearer_ends(thresholds)
    # Left of every kink the neurons with w < 0 are active; passing a kink switches its neuron.
    rising = (w > 0)[:, None]
    S = _running_sums(slope, two_product(v, w[:, None]), rising)
    B = _running_sums(intercept, two_product(v, b[:, None]), rising)
    at = np.ldexp(origins, -x_exponent)[:, None]
    value = add(*add(*two_product(S[0], at), *two_product(S[1], at)), *B)
    values, slopes = value[0] + value[1], S[0] + S[1]
    exponent = _unit_of_table(_exponents(slopes, y_exponent - x_exponent), _exponents(values, y_exponent))
    return HingeTable(
        thresholds,
        origins,
        np.ldexp(values, y_exponent - exponent),
        np.ldexp(slopes, y_exponent - x_exponent - exponent),
        exponent,
    )


def _near_one(kink: Array, w: Array, b: Array, v: Array, slope: Array, intercept: Array) -> tuple:
    """Units, powers of two, in which |w| is in [1/2, 1) and neither kinks nor slope changes are large or small."""
    w, e = np.frexp(w)
    x_exponent = _middle(_exponents(kink))
    change = _exponents(v, e[:, None])
    y_exponent = _middle(change + x_exponent, _exponents(slope) + x_exponent, _exponents(intercept))
    b = np.ldexp(b, -e - x_exponent)
    v = np.ldexp(v, e[:, None] + (x_exponent - y_exponent))
    return w, b, v, np.ldexp(slope, x_exponent - y_exponent), np.ldexp(intercept, -y_exponent), x_exponent, y_exponent


def _exponents(a: Array, shift: Exponents | int = 0) -> Exponents:
    """Binary exponents, plus `shift`, of the entries that are not zero."""
    return (np.frexp(a)[1] + shift)[a != 0]


def _middle(*exponents: Exponents) -> int:
    """An exponent amid all those given, and so high that the largest exceeds it by little enough."""
    e = np.concatenate(exponents)
    return max((int(e.min()) + int(e.max())) // 2, int(e.max()) - _LARGEST) if len(e) else 0


def _unit_of_table(slopes: Exponents, values: Exponents) -> int:
    """Exponent of the unit of y in which neither slopes nor values overflow: 0 but for extreme slopes."""
    steepest = int(slopes.max()) if len(slopes) else 0
    unit = steepest if abs(steepest) > _SAFE_SLOPE else 0
    return max(unit, int(values.max()) - 1000) if len(values) else unit


def _kink_is_below(rounded: Array, w: Array, b: Array) -> Mask:
    """Whether a rounded kink lies below the true one, −b / w."""
    product, error = two_product(w, rounded)
    excess, rest = two_sum(product, b)
    return np.sign(w) * (excess + (rest + error)) < 0


def _nearer_ends(thresholds: Array) -> Array:
    """The end of each link that is nearer to zero, shape (K + 1,); zero for a line without kinks."""
    if len(thresholds) == 0:
        return np.zeros(1)
    left = np.concatenate([thresholds[:1], thresholds])
    right = np.concatenate([thresholds, thresholds[-1:]])
    return np.where(np.abs(left) <= np.abs(right), left, right)


def _running_sums(start: Array, jumps: tuple[Array, Array], rising: Mask) -> tuple[Array, Array]:
    """Coefficient of every line, left to right, as a double-double of shape (K + 1, m)."""
    hi, lo = jumps
    left = np.where(rising, 0.0, hi), np.where(rising, 0.0, lo)
    first = cumulative_sum(
        np.concatenate([start[None], left[0]]), np.concatenate([np.zeros_like(start)[None], left[1]])
    )
    sign = np.where(rising, 1.0, -1.0)
    return cumulative_sum(np.concatenate([first[0][-1:], sign * hi]), np.concatenate([first[1][-1:], sign * lo]))
