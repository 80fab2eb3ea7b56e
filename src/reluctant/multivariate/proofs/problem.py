"""An interpolation problem in the form the exact solvers work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.points import INTERPOLATES, distinct_rows, homogeneous, power_of_two
from reluctant.multivariate.proofs.program import hinge_network

MOST_ROWS = 63
"""A set of points is a bit set."""


@dataclass(frozen=True)
class Problem:
    """Distinct rows, columns and labels scaled by powers of two to less than two in size.

    `allowed` is the largest error of a network that counts, in the user's units. `exact` is False where an entry is so
    much smaller than the largest of its column that scaling loses digits of it.
    """

    Xbar: Array
    y: Array
    affine: bool
    allowed: float
    x_unit: Array
    y_unit: float
    exact: bool

    @classmethod
    def of(cls, X: ArrayLike, y: ArrayLike, affine: bool, tolerance: float | None = None) -> Problem:
        """Check, merge and scale the data; without a tolerance it is that of an interpolant."""
        X, y = distinct_rows(X, y)
        if y.ndim != 1:
            raise ValueError(f"y has {y.shape[1]} outputs; the exact solvers take one")
        Xbar = homogeneous(X)
        if len(y) > MOST_ROWS:
            raise ValueError(f"X has {len(y)} distinct rows; an enumeration is for at most {MOST_ROWS}")
        x_unit, y_unit = power_of_two(np.abs(Xbar).max(axis=0)), float(power_of_two(np.abs(y).max()))
        exact = np.array_equal(Xbar / x_unit * x_unit, Xbar) and np.array_equal(y / y_unit * y_unit, y)
        allowed = float(INTERPOLATES * np.abs(y).max()) if tolerance is None else tolerance
        return cls(Xbar / x_unit, y / y_unit, affine, allowed, x_unit, y_unit, exact)

    @property
    def tolerance(self) -> float:
        """The largest error in scaled units, rounded up."""
        return float(np.nextafter(self.allowed / self.y_unit, np.inf))

    def network(self, U: Array, signs: Array, affine: Array) -> ReLUNetwork:
        """Network in the user's units."""
        return hinge_network(U * self.y_unit / self.x_unit, signs, affine * self.y_unit / self.x_unit)

    def accepts(self, network: ReLUNetwork) -> bool:
        """Whether a network meets the labels, evaluated in float64 as it stands."""
        error = np.abs(network((self.Xbar * self.x_unit)[:, :-1]) - self.y * self.y_unit)
        return bool((error <= self.allowed).all())
