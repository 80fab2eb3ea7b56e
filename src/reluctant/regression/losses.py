"""Losses of a prediction f (N, m) against a target (N, m): values, gradients and curvatures, each formula once.

A Gauss-Newton step needs a quadratic model of every row, ½ sᵀ W s + gᵀ s. W is the Hessian where the loss is smooth
(Fisher's information for the likelihoods) and a majoriser of it where it is piecewise linear: |r| lies below
r² / (2c) + c / 2 and touches it at |r| = c.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit

from reluctant.arrays import Array
from reluctant.validation import as_number

SMOOTHING = 1e-3
"""While a piecewise-linear loss is minimised, |r| is replaced by √(r² + c²) − c with this c, in standardised units."""
LEAST_CURVATURE = 1e-4
"""Floor on the curvature of likelihoods, without which confident rows would ask for unbounded steps."""


class Derivatives(NamedTuple):
    """First and second derivatives of the loss by the prediction, row by row.

    The curvature of row i is diag(diagonal_i) − root_i root_iᵀ; `root` is None where it is diagonal.
    """

    gradient: Array
    diagonal: Array
    root: Array | None = None

    def at(self, rows: slice) -> Derivatives:
        """Those of some rows."""
        return Derivatives(self.gradient[rows], self.diagonal[rows], None if self.root is None else self.root[rows])


class Loss(Protocol):
    """A loss, row by row; where it is piecewise linear, |r| is √(r² + c²) − c with c = `smoothing`."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row, shape (N,)."""

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Gradient and curvature of the loss, smoothed where it has kinks."""


@dataclass(frozen=True)
class Squared:
    """½ ‖f − y‖²."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        r = f - target
        return 0.5 * np.einsum("ij,ij->i", r, r)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Residuals and ones."""
        return Derivatives(f - target, np.ones_like(f))


@dataclass(frozen=True)
class Quantile:
    """Pinball loss max(q (y − f), (q − 1)(y − f)) of the quantile level q, summed over outputs."""

    level: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < as_number(self.level) < 1.0:
            raise ValueError(f"level must lie between 0 and 1, got {self.level!r}")

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        r = f - target
        return np.sum(0.5 * _smooth_abs(r, smoothing) + (0.5 - self.level) * r, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Those of ½ √(r² + c²) + (½ − q) r."""
        r = f - target
        length = np.hypot(r, smoothing)
        return Derivatives(0.5 * r / length + (0.5 - self.level), 0.5 / length)


@dataclass(frozen=True)
class Absolute:
    """|f − y|, summed over outputs."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        return np.sum(_smooth_abs(f - target, smoothing), axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Those of √(r² + c²)."""
        r = f - target
        length = np.hypot(r, smoothing)
        return Derivatives(r / length, 1.0 / length)


@dataclass(frozen=True)
class Huber:
    """½ r² up to |r| = δ, then δ |r| − ½ δ², summed over outputs; δ in the units of y, one or one for each output."""

    delta: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        deltas = np.atleast_1d(self.delta).tolist()
        if not deltas or not all(0.0 < as_number(delta) < np.inf for delta in deltas):
            raise ValueError(f"delta must be a positive number, or one for each output, got {self.delta!r}")

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        r = np.abs(f - target)
        inner = np.minimum(r, self.delta)
        return np.sum(inner * (r - 0.5 * inner), axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Clipped residuals, and the majoriser δ / |r| beyond δ."""
        r, delta = f - target, np.asarray(self.delta)
        return Derivatives(np.clip(r, -delta, delta), delta / np.maximum(np.abs(r), delta))


@dataclass(frozen=True)
class Logistic:
    """−log likelihood of a class in [0, 1] with log-odds f: log(1 + e^f) − y f."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        return np.sum(np.logaddexp(0.0, f) - target * f, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """π − y and π (1 − π)."""
        probability = expit(f)
        return Derivatives(probability - target, np.maximum(probability * (1.0 - probability), LEAST_CURVATURE))


@dataclass(frozen=True)
class Softmax:
    """−Σ_c y_c log softmax(f)_c for rows y of class shares."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        return np.sum(target, axis=1) * _log_sum_exp(f) - np.sum(target * f, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """π − y and diag(π) − π πᵀ."""
        probability = np.exp(f - _log_sum_exp(f)[:, None])
        return Derivatives(probability - target, probability + LEAST_CURVATURE, probability)


@dataclass(frozen=True)
class Hinge:
    """max(0, 1 − (2 y − 1) f) of a support vector machine, y in {0, 1}."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        t = 1.0 - (2.0 * target - 1.0) * f
        return np.sum(0.5 * t + 0.5 * _smooth_abs(t, smoothing), axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Those of ½ t + ½ √(t² + c²) with t = 1 − (2 y − 1) f."""
        sign = 2.0 * target - 1.0
        t = 1.0 - sign * f
        length = np.hypot(t, smoothing)
        return Derivatives(-0.5 * sign * (1.0 + t / length), 0.5 / length)


def _log_sum_exp(f: Array) -> Array:
    """The logarithm of Σ_c e^{f_c} for each row; scipy's takes ten times as long for the few rows of many calls."""
    largest = f.max(axis=1)
    return largest + np.log(np.exp(f - largest[:, None]).sum(axis=1))


def _smooth_abs(r: Array, smoothing: float) -> Array:
    return np.abs(r) if smoothing == 0.0 else np.hypot(r, smoothing) - smoothing


LOSSES: dict[str, type] = {
    "squared": Squared,
    "absolute": Absolute,
    "huber": Huber,
    "quantile": Quantile,
    "logistic": Logistic,
    "softmax": Softmax,
    "hinge": Hinge,
}
CLASSIFICATION = (Logistic, Softmax, Hinge)
LIKELIHOODS = (Logistic, Softmax)
REGRESSION = tuple(name for name, kind in LOSSES.items() if kind not in CLASSIFICATION)


def as_loss(loss: str | Loss, offered: Iterable[str] = LOSSES) -> Loss:
    """Return the loss of a name, with its default parameter, or the loss itself; an error names those `offered`."""
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    if isinstance(loss, str) or not isinstance(loss, tuple(LOSSES.values())):
        raise ValueError(f"loss must be one of {', '.join(map(repr, offered))} or one of their objects, got {loss!r}")
    return loss


def class_probabilities(f: Array) -> Array:
    """Probabilities (N, C) of all classes, from log-odds (N, 1) or scores (N, C)."""
    if f.shape[1] == 1:
        return np.hstack([expit(-f), expit(f)])
    return np.exp(f - _log_sum_exp(f)[:, None])
