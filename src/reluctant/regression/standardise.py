"""Standardised units: inputs and targets with mean 0 and deviation 1, and the way back to the user's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.model.clip import Clip
from reluctant.model.network import ReLUNetwork
from reluctant.regression.model import Model, Rows
from reluctant.regression.protocol import Link

OCTAVES = 1000
"""Slopes of more than 2^±1000 leave too little room for weights."""
RESOLVED = 1e-12
"""From which deviation, as a share of the largest entry, float64 has digits enough for hinges in units of the data."""


class Moments(NamedTuple):
    """Sum of weights; weighted mean and deviation, least and greatest entry of the columns of a table, (d,) each."""

    weight: float
    mean: Array
    deviation: Array
    low: Array
    high: Array

    @property
    def largest(self) -> Array:
        """Largest |entry| of the columns."""
        return np.maximum(-self.low, self.high)

    @property
    def constant(self) -> Mask:
        """Which columns have one value, or two that are neighbours in float64."""
        return self.high <= np.nextafter(self.low, np.inf)

    @classmethod
    def of(cls, a: Array, weights: Array) -> Moments:
        """Moments of the columns of a (N, d).

        Powers of two bring the columns to size one first, so that no square overflows or vanishes; the first row is
        taken off, so that equal entries have themselves as mean and digits stay where the mean is large.
        """
        low, high = a.min(axis=0), a.max(axis=0)
        largest = np.maximum(-low, high)
        unit = np.ldexp(1.0, np.frexp(largest)[1] - 1)
        first = a[0] / unit
        a = a / unit - first
        mean = np.average(a, axis=0, weights=weights)
        deviation = np.sqrt(np.average((a - mean) ** 2, axis=0, weights=weights))
        return cls(float(weights.sum()), (first + mean) * unit, deviation * unit, low, high)

    def joined(self, other: Moments) -> Moments:
        """Moments of the rows of both tables (Chan, Golub and LeVeque, 1979)."""
        weight = self.weight + other.weight
        mine, theirs = self.weight / weight, other.weight / weight
        step = other.mean - self.mean
        within = np.hypot(np.sqrt(mine) * self.deviation, np.sqrt(theirs) * other.deviation)
        return Moments(
            weight,
            self.mean + theirs * step,
            np.hypot(within, np.sqrt(mine * theirs) * step),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    def input_scale(self, first: int = 0) -> Array:
        """Deviations, infinite for constant columns; columns in messages are counted from `first`.

        Raises
        ------
        ValueError
            If a column varies, but by so little of its size that float64 cannot hold a hinge on it.
        """
        faint = ~self.constant & (self.deviation <= RESOLVED * self.largest)
        if faint.any():
            j = int(np.argmax(faint))
            raise ValueError(
                f"column {first + j} of X varies by {self.deviation[j]:.2g} around {self.mean[j]:.6g}, which float64 "
                "cannot resolve; subtract an offset from it, or leave it out"
            )
        return np.where(self.constant, np.inf, self.deviation)


@dataclass(frozen=True)
class Standardisation:
    """x ↦ (x − x_mean) / x_scale, y ↦ (y − y_mean) / y_scale; x_scale is infinite for constant columns.

    Where `columns` of d = `width` are named, only these are inputs of the models; a `clip` comes before all.
    Where the outputs are logarithms of means, `y_unit` is the mean of y, by which targets are divided, and y_mean its
    logarithm.
    """

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array
    columns: NDArray | None = None
    width: int = 0
    y_unit: Array | None = None
    clip: Clip | None = None

    @classmethod
    def of(
        cls,
        X: Array,
        targets: Array,
        weights: Array,
        scale_targets: bool,
        affine: bool = True,
        link: Link = "identity",
    ) -> Standardisation:
        """Weighted means and deviations of the columns of X (N, d) and targets (N, m).

        Without an affine part outputs are not shifted: no intercept would take that up. A column that varies by less
        of its size than float64 can resolve is a ValueError.
        """
        inputs, m = Moments.of(X, weights), targets.shape[1]
        if link == "log" and affine:
            unit = Moments.of(targets, weights).mean
            unit = np.where(unit > 0.0, unit, 1.0)
            return cls(inputs.mean, inputs.input_scale(), np.log(unit), np.ones(m), y_unit=unit)
        if not scale_targets:
            return cls(inputs.mean, inputs.input_scale(), np.zeros(m), np.ones(m))
        outputs = Moments.of(targets, weights)
        constant = outputs.deviation <= RESOLVED * outputs.largest
        shift = outputs.mean if affine else np.zeros(m)
        return cls(inputs.mean, inputs.input_scale(), shift, np.where(constant, 1.0, outputs.deviation))

    def only(self, columns: NDArray) -> Standardisation:
        """The same units for models of some inputs only."""
        return replace(
            self, x_mean=self.x_mean[columns], x_scale=self.x_scale[columns], columns=columns, width=len(self.x_mean)
        )

    @property
    def n_inputs(self) -> int:
        """Inputs of the models."""
        return len(self.x_mean)

    @property
    def blur(self) -> Array:
        """How far knots may move, in these units, when they are rounded in those of the user."""
        return 16.0 * np.finfo(float).eps * np.abs(self.x_mean) / self.x_scale

    def inputs(self, X: Array) -> Array:
        """Inputs X̄ (N, d + 1) in standardised units, ones last, moved within the clip if there is one."""
        X = X if self.clip is None else self.clip(X)
        X = X if self.columns is None else X[:, self.columns]
        standard = np.empty((len(X), self.n_inputs + 1))
        standard[:, :-1] = (X - self.x_mean) / self.x_scale
        standard[:, -1] = 1.0
        return standard

    def check_slopes(self) -> None:
        """Raise a ValueError naming the first column of X over which y has slopes that float64 cannot hold."""
        octaves = np.frexp(self.y_scale)[1] - np.frexp(self.x_scale)[1][:, None]
        beyond = np.isfinite(self.x_scale)[:, None] & (np.abs(octaves) > OCTAVES)
        if beyond.any():
            j, k = np.argwhere(beyond)[0]
            raise ValueError(
                f"y deviates by {self.y_scale[k]:.3g} and column {j} of X by {self.x_scale[j]:.3g}: such slopes are "
                "beyond float64; rescale X or y"
            )

    def targets(self, targets: Array) -> Array:
        """Targets (N, m) in standardised units."""
        return (targets - self.y_mean) / self.y_scale if self.y_unit is None else targets / self.y_unit

    def compared(self, f: Array, targets: Array) -> tuple[Array, Array]:
        """Outputs f and targets of the user in units in which losses are compared; residuals need no shift for that."""
        if self.y_unit is None:
            return f / self.y_scale, targets / self.y_scale
        return f - self.y_mean, targets / self.y_unit

    def rows(self, X: Array, targets: Array, weights: Array) -> Rows:
        """All rows in standardised units."""
        return Rows(self.inputs(X), self.targets(targets), weights)

    def network(self, model: Model) -> ReLUNetwork:
        """The network in the user's units that a model in standardised units stands for."""
        w, slope = model.U[:, :-1] / self.x_scale, model.A[:-1] * self.y_scale / self.x_scale[:, None]
        biases = model.U[:, -1] - w @ self.x_mean
        intercept = model.A[-1] * self.y_scale + self.y_mean - self.x_mean @ slope
        if self.columns is not None:
            w, slope = self._widened(w.T).T, self._widened(slope)
        return ReLUNetwork(w, biases, model.V * self.y_scale, slope, intercept)

    def model(self, network: ReLUNetwork) -> Model:
        """The model in standardised units that stands for a network in the user's units, other inputs left out."""
        if self.columns is not None:
            w, slope = network.input_weights[:, self.columns], network.slope[self.columns]
            network = ReLUNetwork(w, network.biases, network.output_weights, slope, network.intercept)
        scale = np.where(np.isfinite(self.x_scale), self.x_scale, 0.0)
        biases = network.biases + network.input_weights @ self.x_mean
        slope = network.slope * scale[:, None] / self.y_scale
        intercept = (network.intercept + self.x_mean @ network.slope - self.y_mean) / self.y_scale
        standard = ReLUNetwork(
            network.input_weights * scale, biases, network.output_weights / self.y_scale, slope, intercept
        )
        return Model.from_network(standard)

    def _widened(self, rows: Array) -> Array:
        """Rows of zeros where an input takes no part."""
        wide = np.zeros((self.width, rows.shape[1]))
        wide[self.columns] = rows
        return wide
