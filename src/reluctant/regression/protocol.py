"""What a loss is to the solvers: values, derivatives, and the facts by which they choose units, starts and steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from reluctant.arrays import Array, Mask

SMOOTHING = 1e-3
"""While a piecewise-linear loss is minimised, |r| is replaced by √(r² + c²) − c with this c, in standardised units."""
LARGEST = 1e150
"""Largest |y| whose square and sums of it are floats."""
LEAST_STEEPNESS = 1e-6
"""A loss that is flatter than that at residuals of one deviation shrinks its penalty no further."""

Link = Literal["identity", "log", "logit", "softmax"]
"""A prediction is the mean of y, its logarithm, log-odds, or the logarithm of class shares up to a constant."""


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
    """A loss of predictions f (N, m) against targets (N, m), row by row, and what is true of it.

    `BaseLoss` has all facts of a loss of residuals, so that a loss of one's own is its values and derivatives.
    """

    @property
    def of_residuals(self) -> bool:
        """Whether it depends on f − y alone: targets are then shifted and scaled inside, and largest errors stated."""

    @property
    def for_classes(self) -> bool:
        """Whether targets are classes: paths begin with dense neurons, folds keep the shares of the classes."""

    @property
    def output_per_class(self) -> bool:
        """Whether a column of class numbers 0 … m − 1 stands for m targets of zeros and ones."""

    @property
    def link(self) -> Link:
        """What of the mean of y a prediction is: with ``"log"`` its logarithm, and y is divided by its mean inside."""

    @property
    def is_likelihood(self) -> bool:
        """Whether it is the negative logarithm of a likelihood: outputs have a temperature, errors count in nats."""

    @property
    def sums_rows(self) -> bool:
        """Whether `total` is the weighted sum of the rows, so that they can be read in blocks, weighed and left out."""

    @property
    def degree(self) -> int:
        """The power of the unit of y by which the loss is divided in standardised units; see `scaled`."""

    @property
    def steepness(self) -> float:
        """Slope at residuals of 1, 1 at most: penalties that go with the loss are multiplied by it."""

    def scaled(self, y_scale: Array) -> Loss:
        """The loss of residuals r in units s (m,) of the outputs: r ↦ loss(s r) / s^degree, or what is equivalent."""

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first of the targets (N, m) that is none for this loss."""

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row, shape (N,); where it is piecewise linear, |r| is √(r² + c²) − c with c = `smoothing`."""

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Gradient of the (smoothed) values, and a curvature that is theirs or that of a quadratic above them.

        Where `total` is no sum of the rows, their curvature includes what each of them brings to that of the total, so
        that the latter is about Σ_i multiplier_i curvature_i.
        """

    def total(self, values: Array, weights: Array, smoothing: float = 0.0) -> float:
        """The loss of all rows from that of each, of the size of Σ weights; smoothed where it has kinks of its own."""

    def multipliers(self, values: Array, weights: Array, smoothing: float) -> Array:
        """Derivatives (N,) of the smoothed total by the values of the rows."""


FACTS = tuple(name for name in vars(Loss) if not name.startswith("_"))
"""What every loss has."""


class BaseLoss:
    """Facts of a loss of residuals; a loss of one's own derives from it and adds `values` and `derivatives`.

    Its scaling is right for every loss of residuals. One that is homogeneous, loss(s r) = s^degree loss(r), may return
    itself from `scaled`, as `HomogeneousLoss` does.

    Examples
    --------
    >>> class LogCosh(BaseLoss):
    ...     def values(self, f, target, smoothing=0.0):
    ...         r = np.abs(f - target)
    ...         return np.sum(r + np.log1p(np.exp(-2.0 * r)) - np.log(2.0), axis=1)
    ...
    ...     def derivatives(self, f, target, smoothing=0.0):
    ...         r = f - target
    ...         return Derivatives(np.tanh(r), np.cosh(np.minimum(np.abs(r), 300.0)) ** -2.0)
    >>> loss = LogCosh().scaled(np.array([100.0]))
    >>> round(loss.steepness, 6), loss.values(np.array([[1.0]]), np.array([[0.0]])).round(5).tolist()
    (0.01, [0.00993])
    """

    of_residuals = True
    for_classes = False
    output_per_class = False
    link: Link = "identity"
    is_likelihood = False
    sums_rows = True
    degree = 2

    @property
    def steepness(self) -> float:
        """Slope at residuals of 1, 1 at most."""
        return 1.0

    def scaled(self, y_scale: Array) -> Loss:
        """The same loss for residuals in units of `y_scale`, divided by the largest of them to the power `degree`."""
        return InUnits(self, y_scale)

    def check(self, targets: Array) -> None:
        """Raise a ValueError naming the first target whose square, or sums of it, are beyond float64."""
        refuse(targets, np.abs(targets) > LARGEST, "its square is beyond float64, rescale y")

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        raise NotImplementedError(f"{type(self).__name__} must have values(f, target, smoothing)")

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Gradient and curvature of the values."""
        raise NotImplementedError(f"{type(self).__name__} must have derivatives(f, target, smoothing)")

    def total(self, values: Array, weights: Array, smoothing: float = 0.0) -> float:
        """The weighted sum of the rows."""
        return float(np.dot(weights, values))

    def multipliers(self, values: Array, weights: Array, smoothing: float) -> Array:
        """The weights."""
        return weights


class HomogeneousLoss(BaseLoss):
    """A loss of residuals with loss(s r) = s^degree loss(r): the same in all units."""

    def scaled(self, y_scale: Array) -> Loss:
        """The loss itself."""
        return self


@dataclass(frozen=True)
class InUnits(BaseLoss):
    """A loss of residuals r in units s of the outputs: loss(s r) / (max s)^degree."""

    loss: Loss
    units: Array

    @property
    def degree(self) -> int:  # type: ignore[override]
        """That of the loss."""
        return self.loss.degree

    @property
    def steepness(self) -> float:
        """Slope at residuals of 1, the mean over the outputs."""
        ones = np.ones((1, self.units.size))
        slopes = np.abs(self.derivatives(np.vstack([ones, -ones]), np.zeros((2, self.units.size))).gradient)
        return float(np.mean(np.clip(slopes.max(axis=0), LEAST_STEEPNESS, 1.0)))

    @property
    def sums_rows(self) -> bool:  # type: ignore[override]
        """As the loss."""
        return self.loss.sums_rows

    def total(self, values: Array, weights: Array, smoothing: float = 0.0) -> float:
        """That of the loss, in its units."""
        unit = float(self.units.max())
        return self.loss.total(values * unit**self.degree, weights, smoothing * unit) / unit**self.degree

    def multipliers(self, values: Array, weights: Array, smoothing: float) -> Array:
        """Those of the loss, in its units."""
        unit = float(self.units.max())
        return self.loss.multipliers(values * unit**self.degree, weights, smoothing * unit)

    def values(self, f: Array, target: Array, smoothing: float = 0.0) -> Array:
        """Loss of each row."""
        unit = float(self.units.max())
        return self.loss.values(f * self.units, target * self.units, smoothing * unit) / unit**self.degree

    def derivatives(self, f: Array, target: Array, smoothing: float = SMOOTHING) -> Derivatives:
        """Those of the loss by the chain rule."""
        unit = float(self.units.max())
        at = self.loss.derivatives(f * self.units, target * self.units, smoothing * unit)
        share, root = self.units / unit**self.degree, None
        if at.root is not None:
            root = at.root * self.units / np.sqrt(unit**self.degree)
        return Derivatives(at.gradient * share, at.diagonal * self.units * share, root)


def refuse(values: Array, wrong: Mask, remedy: str) -> None:
    """Raise a ValueError naming the first of the targets `values` (N, m) that is wrong."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(f"y has {values[row, column]:g} at row {row}; {remedy}")
