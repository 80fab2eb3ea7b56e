"""Losses of a prediction f (N, m) against a target (N, m): values, gradients and curvatures, each formula once.

A Gauss-Newton step needs a quadratic model of every row, ½ sᵀ W s + gᵀ s. W is the Hessian where the loss is smooth
(Fisher's information for the likelihoods) and a majoriser of it where it is piecewise linear: |r| lies below
r² / (2c) + c / 2 and touches it at |r| = c.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, xlogy

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.regression.protocol import (
    FACTS,
    SMOOTHING,
    BaseLoss,
    Derivatives,
    HomogeneousLoss,
    Loss,
    refuse,
)
from reluctant.validation import as_number

__all__ = [
    "Absolute",
    "BaseLoss",
    "Derivatives",
    "Gamma",
    "Hinge",
    "HomogeneousLoss",
    "Huber",
    "Largest",
    "Logistic",
    "Loss",
    "Poisson",
    "Quantile",
    "Softmax",
    "Squared",
    "as_loss",
]

LARGEST_LOG = 700.0
"""Above it the exponential of a prediction is hardly a float."""
LEAST_CURVATURE = 1e-4
"""Floor on the curvature of likelihoods, without which confident rows would ask for unbounded steps."""


@dataclass(frozen=True)
class Squared(HomogeneousLoss):
    """½ ‖f − y‖²."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        r = f - target
        return 0.5 * np.einsum("ij,ij->i", r, r)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Residuals and ones."""
        return Derivatives(f - target, np.ones_like(f))


@dataclass(frozen=True)
class Quantile(HomogeneousLoss):
    """Pinball loss max(q (y − f), (q − 1)(y − f)) of the quantile level q, summed over outputs."""

    level: float = 0.5
    degree = 1

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
class Absolute(HomogeneousLoss):
    """|f − y|, summed over outputs."""

    degree = 1

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        return np.sum(_smooth_abs(f - target, smoothing), axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Those of √(r² + c²)."""
        r = f - target
        length = np.hypot(r, smoothing)
        return Derivatives(r / length, 1.0 / length)


@dataclass(frozen=True)
class Huber(BaseLoss):
    """½ r² up to |r| = δ, then δ |r| − ½ δ², summed over outputs; δ in the units of y, one or one for each output."""

    delta: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        deltas = np.atleast_1d(self.delta).tolist()
        if not deltas or not all(0.0 < as_number(delta) < np.inf for delta in deltas):
            raise ValueError(f"delta must be a positive number, or one for each output, got {self.delta!r}")

    @property
    def steepness(self) -> float:
        """The mean of δ, each 1 at most."""
        return float(np.mean(np.minimum(1.0, self.delta)))

    def scaled(self, y_scale: Array) -> Huber:
        """The loss with δ in units of each output."""
        return Huber(tuple(self.delta / y_scale))

    def check(self, targets: Array) -> None:
        """Raise a ValueError where there is neither one δ nor one for each output, or y is beyond float64."""
        if np.size(self.delta) not in (1, targets.shape[1]):
            raise ValueError(
                f"delta must be one number or one for each of the {targets.shape[1]} outputs, got {self.delta!r}"
            )
        super().check(targets)

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
class Largest(HomogeneousLoss):
    """max_i |f_i − y_i| over all rows and outputs, in the place of a mean; rows have no weights in it.

    Smoothed it is c log Σ e^{±r/c} over all residuals r, at most c log 2Nm above. Its gradient is that of the
    residuals, shared out as e^{±r/c}, and its curvature at most the same shares over c.
    """

    degree = 1
    sums_rows = False

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Largest |r| of each row."""
        r = np.abs(f - target)
        if smoothing == 0.0:
            return np.max(r, axis=1)
        return smoothing * _log_sum_exp(np.hstack([r, -r]) / smoothing)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Shares of the outputs of a row."""
        r = (f - target) / smoothing
        level = _log_sum_exp(np.hstack([r, -r]))[:, None]
        up, down = np.exp(r - level), np.exp(-r - level)
        return Derivatives(up - down, (up + down) / smoothing)

    def total(self, values: Array, weights: Array, smoothing: float = 0.0) -> float:
        """The largest, times the sum of the weights."""
        largest = np.max(values) if smoothing == 0.0 else smoothing * _log_sum_exp(values[None] / smoothing)[0]
        return float(weights.sum() * largest)

    def multipliers(self, values: Array, weights: Array, smoothing: float) -> Array:
        """Shares of the rows in the smoothed maximum."""
        shares = np.exp((values - np.max(values)) / smoothing)
        return np.asarray(weights.sum() * shares / shares.sum())


class _ClassLoss(HomogeneousLoss):
    """Facts of a loss whose targets are classes 0 and 1, or shares between them."""

    of_residuals = False
    for_classes = True
    degree = 0

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first target that is no share."""
        refuse(targets, (targets < 0.0) | (targets > 1.0), "this loss wants classes 0 and 1, or shares between them")


@dataclass(frozen=True)
class Logistic(_ClassLoss):
    """−log likelihood of a class in [0, 1] with log-odds f: log(1 + e^f) − y f."""

    is_likelihood = True
    link = "logit"

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        return np.sum(np.logaddexp(0.0, f) - target * f, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """π − y and π (1 − π)."""
        probability = expit(f)
        return Derivatives(probability - target, np.maximum(probability * (1.0 - probability), LEAST_CURVATURE))


@dataclass(frozen=True)
class Softmax(_ClassLoss):
    """−Σ_c y_c log softmax(f)_c for rows y of class shares."""

    is_likelihood = True
    link = "softmax"
    output_per_class = True

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first row that is none of class shares."""
        super().check(targets)
        total = targets.sum(axis=1, keepdims=True)
        refuse(total, np.abs(total - 1.0) > 1e-6, "as the sum of the class shares, which must be 1")

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        return np.sum(target, axis=1) * _log_sum_exp(f) - np.sum(target * f, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """π − y and diag(π) − π πᵀ."""
        probability = np.exp(f - _log_sum_exp(f)[:, None])
        return Derivatives(probability - target, probability + LEAST_CURVATURE, probability)


@dataclass(frozen=True)
class Hinge(_ClassLoss):
    """max(0, 1 − (2 y − 1) f) of a support vector machine, y in {0, 1}."""

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first target that is not 0 or 1."""
        refuse(targets, (targets != 0.0) & (targets != 1.0), "the hinge loss wants classes 0 and 1")

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


class _LogLink(BaseLoss):
    """Facts of half a deviance of y from its mean e^f; the same in all units of y, but for the power `degree`."""

    of_residuals = False
    link = "log"

    def scaled(self, y_scale: Array) -> Loss:
        """The loss itself: outputs are logarithms."""
        return self


@dataclass(frozen=True)
class Poisson(_LogLink):
    """Half the Poisson deviance of counts or rates y ≥ 0 from their mean μ = e^f: y log(y / μ) − y + μ."""

    degree = 1

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first target that is negative."""
        super().check(targets)
        refuse(targets, targets < 0.0, "the Poisson loss wants counts or rates, y ≥ 0")

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        with np.errstate(over="ignore"):
            return np.sum(np.exp(f) - target + xlogy(target, target) - target * f, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """μ − y and (μ + y) / 2, whose expectation is Fisher's information μ, and by which no step exceeds 2."""
        mean = np.exp(np.minimum(f, LARGEST_LOG))
        return Derivatives(mean - target, np.maximum(0.5 * (mean + target), LEAST_CURVATURE))


@dataclass(frozen=True)
class Gamma(_LogLink):
    """Half the gamma deviance of amounts y > 0 from their mean μ = e^f: y / μ − 1 − log(y / μ)."""

    degree = 0

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first target that is not positive."""
        super().check(targets)
        refuse(targets, targets <= 0.0, "the gamma loss wants amounts y > 0")

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        distance = np.log(np.maximum(target, np.finfo(float).tiny)) - f
        with np.errstate(over="ignore"):
            return np.sum(np.expm1(distance) - distance, axis=1)

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """1 − y / μ and (1 + y / μ) / 2, whose expectation is Fisher's information 1; no step exceeds 2."""
        ratio = target * np.exp(np.minimum(-f, LARGEST_LOG))
        return Derivatives(1.0 - ratio, 0.5 * (1.0 + ratio))


def _log_sum_exp(f: Array) -> Array:
    """The logarithm of Σ_c e^{f_c} for each row; scipy's takes ten times as long for the few rows of many calls."""
    largest = f.max(axis=1)
    return largest + np.log(np.exp(f - largest[:, None]).sum(axis=1))


def _smooth_abs(r: Array, smoothing: float) -> Array:
    return np.abs(r) if smoothing == 0.0 else np.hypot(r, smoothing) - smoothing


LOSSES: dict[str, type[BaseLoss]] = {
    "squared": Squared,
    "absolute": Absolute,
    "huber": Huber,
    "quantile": Quantile,
    "max": Largest,
    "logistic": Logistic,
    "softmax": Softmax,
    "hinge": Hinge,
    "poisson": Poisson,
    "gamma": Gamma,
}
REGRESSION = tuple(name for name, kind in LOSSES.items() if kind.sums_rows and not kind.for_classes)
"""Those of the estimators that predict numbers."""


def as_loss(loss: Any, offered: Iterable[str] = LOSSES) -> Loss:
    """Return the loss of a name, with its default parameter, or the loss itself.

    Raises
    ------
    ValueError
        If it is no name of a loss, and no object with what a `Loss` has; the message names what is missing.
    """
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    if isinstance(loss, (str, type)) or not (hasattr(loss, "values") and hasattr(loss, "derivatives")):
        raise ValueError(
            f"loss must be one of {', '.join(map(repr, offered))} or a loss object, such as those of "
            f"reluctant.regression.losses, got {loss!r}"
        )
    missing = [name for name in FACTS if not hasattr(loss, name)]
    if missing:
        raise ValueError(
            f"loss = {loss!r} does not state {', '.join(missing)}; derive its class from "
            "reluctant.regression.losses.BaseLoss, or add them"
        )
    return loss


def class_probabilities(f: Array) -> Array:
    """Probabilities (N, C) of all classes, from log-odds (N, 1) or scores (N, C)."""
    if f.shape[1] == 1:
        return np.hstack([expit(-f), expit(f)])
    return np.exp(f - _log_sum_exp(f)[:, None])


def mean_loss(network: ReLUNetwork, X: Array, targets: Array, loss: Loss, weights: Array | None = None) -> float:
    """Mean loss of a network in the user's units; of a loss that is no sum over rows, what it has in its place."""
    values = loss.values(network(X).reshape(len(X), -1), targets)
    if loss.sums_rows:
        return float(np.average(values, weights=weights))
    return loss.total(values, np.full(len(X), 1.0 / len(X)))
