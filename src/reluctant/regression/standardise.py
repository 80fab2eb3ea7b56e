"""Standardised units: inputs and targets with mean 0 and deviation 1, and the way back to the user's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reluctant.network import ReLUNetwork
from reluctant.regression.model import Model, Rows

Array = NDArray[np.float64]

CONSTANT = 1e-12
"""A column whose deviation is below this share of its largest entry is constant and takes no part."""


@dataclass(frozen=True)
class Standardisation:
    """x ↦ (x − x_mean) / x_scale, y ↦ (y − y_mean) / y_scale; x_scale is infinite for constant columns.

    Where `columns` of d = `width` are named, only these are inputs of the models.
    """

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array
    columns: NDArray | None = None
    width: int = 0

    @classmethod
    def of(cls, X: Array, targets: Array, weights: Array, scale_targets: bool, affine: bool = True) -> Standardisation:
        """Weighted means and deviations of the columns of X (N, d) and targets (N, m).

        Without an affine part targets are not shifted: no intercept would take that up.
        """
        x_mean, x_scale = _moments(X, weights)
        x_scale = np.where(_is_constant(X, x_scale), np.inf, x_scale)
        m = targets.shape[1]
        if not scale_targets:
            return cls(x_mean, x_scale, np.zeros(m), np.ones(m))
        y_mean, y_scale = _moments(targets, weights)
        constant = _is_constant(targets, y_scale)
        shift = np.where(constant, targets[0], y_mean) if affine else np.zeros(m)  # a mean of equal numbers is rounded
        return cls(x_mean, x_scale, shift, np.where(constant, 1.0, y_scale))

    def only(self, columns: NDArray) -> Standardisation:
        """The same units for models of some inputs only."""
        return replace(
            self, x_mean=self.x_mean[columns], x_scale=self.x_scale[columns], columns=columns, width=len(self.x_mean)
        )

    @property
    def n_inputs(self) -> int:
        """Inputs of the models."""
        return len(self.x_mean)

    def inputs(self, X: Array) -> Array:
        """Inputs X̄ (N, d + 1) in standardised units, ones last."""
        standard = np.empty((len(X), self.n_inputs + 1))
        standard[:, :-1] = ((X if self.columns is None else X[:, self.columns]) - self.x_mean) / self.x_scale
        standard[:, -1] = 1.0
        return standard

    def targets(self, targets: Array) -> Array:
        """Targets (N, m) in standardised units."""
        return (targets - self.y_mean) / self.y_scale

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


def _moments(a: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted mean and deviation of the columns; the second pass keeps digits where the mean is large.

    Powers of two bring the columns to size one first, so that no square overflows or vanishes.
    """
    unit = np.ldexp(1.0, np.frexp(np.abs(a).max(axis=0))[1] - 1)
    a = a / unit
    mean = np.average(a, axis=0, weights=weights)
    return mean * unit, np.sqrt(np.average((a - mean) ** 2, axis=0, weights=weights)) * unit


def _is_constant(a: Array, scale: Array) -> NDArray[np.bool_]:
    """Whether the deviation of a column is no more than the rounding of its mean."""
    return scale <= CONSTANT * np.abs(a).max(axis=0)
