"""An interpolation problem in the form the exact solvers work on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.errors import InfeasibleError
from reluctant.multivariate.patterns import homogeneous
from reluctant.multivariate.program import hinge_network
from reluctant.multivariate.state import Weights
from reluctant.network import ReLUNetwork
from reluctant.validation import as_floats

Array = NDArray[np.float64]

MOST_ROWS = 63  # a set of points is a bit set
INTERPOLATES = 1e-9  # largest error, relative to max|y|, of what counts as an interpolant


@dataclass(frozen=True)
class Problem:
    """Distinct rows, columns and labels scaled by powers of two to less than two in size."""

    Xbar: Array
    y: Array
    affine: bool
    x_unit: Array
    y_unit: float

    @classmethod
    def of(cls, X: ArrayLike, y: ArrayLike, affine: bool) -> Problem:
        """Check, merge and scale the data."""
        X, y = distinct_rows(X, y)
        if y.ndim != 1:
            raise ValueError(f"y has {y.shape[1]} outputs; the exact solvers take one")
        Xbar = homogeneous(X)
        if len(y) > MOST_ROWS:
            raise ValueError(f"X has {len(y)} distinct rows; an enumeration is for at most {MOST_ROWS}")
        x_unit, y_unit = power_of_two(np.abs(Xbar).max(axis=0)), float(power_of_two(np.abs(y).max()))
        return cls(Xbar / x_unit, y / y_unit, affine, x_unit, y_unit)

    @property
    def tolerance(self) -> float:
        """Largest error of an interpolant, in scaled units."""
        return INTERPOLATES * float(np.abs(self.y).max())

    def network(self, U: Array, signs: Array, affine: Array) -> ReLUNetwork:
        """Network in the user's units."""
        return hinge_network(U * self.y_unit / self.x_unit, signs, affine * self.y_unit / self.x_unit)

    def accepts(self, network: ReLUNetwork) -> bool:
        """Whether a network meets the labels, evaluated in float64 as it stands."""
        X = (self.Xbar * self.x_unit)[:, :-1]
        return bool(np.abs(network(X) - self.y * self.y_unit).max() <= self.tolerance * self.y_unit)


@dataclass(frozen=True)
class Units:
    """Powers of two that bring every column of X and y to less than one in size; counts do not notice them."""

    x: Array
    y: Array

    @classmethod
    def of(cls, X: Array, y: Array) -> Units:
        """Units of the data."""
        return cls(*(2.0 * power_of_two(np.abs(a).max(axis=0)) for a in (X, y)))

    def network(self, weights: Weights) -> ReLUNetwork:
        """The network in the units of the data."""
        x, y = np.append(self.x, 1.0), self.y
        V = weights.V * y
        size = np.max(np.abs(V), axis=1, initial=0.0, keepdims=True)
        affine = weights.affine * y / x[:, None]
        U = weights.U / x * size
        return ReLUNetwork(U[:, :-1], U[:, -1], V / size, affine[:-1], affine[-1])

    def scaled(self, network: ReLUNetwork, affine: bool = True) -> Weights:
        """The state of a network in the units of the data, without its affine part where none is wanted."""
        x = np.append(self.x, 1.0)
        given = Weights.from_network(network)
        part = given.affine * x[:, None] / self.y if affine else np.zeros_like(given.affine)
        return Weights(given.U * x, given.V / self.y, part).normalised()


def distinct_rows(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """X (N, d) and y (N,) or (N, m) without the repeats of a row.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    """
    X, y = as_floats(X, "X"), as_floats(y, "y")
    if X.ndim != 2 or y.shape[:1] != X.shape[:1]:
        raise ValueError(f"X must have shape (N, d) and y one entry a row, got {X.shape} and {y.shape}")
    _, first, copy_of = np.unique(X, axis=0, return_index=True, return_inverse=True)
    differs = (y != y[first][copy_of]).reshape(len(y), -1).any(axis=1)
    if differs.any():
        i = int(np.argmax(differs))
        j = int(first[copy_of[i]])
        raise InfeasibleError(
            f"rows {j} and {i} of X are equal but have y = {y[j]!s} and y = {y[i]!s}; merge them or allow a tolerance"
        )
    kept = np.sort(first)
    return X[kept], y[kept]


def distinct_bands(X: Array, y: Array, half_width: Array) -> tuple[Array, Array, Array]:
    """X (N, d), middles and half-widths, shaped like y, of the bands y ± half_width, those of equal rows intersected.

    Raises
    ------
    InfeasibleError
        If the bands of equal rows have no value in common.
    """
    rows, copy_of = np.unique(X, axis=0, return_inverse=True)
    if len(rows) == len(X):
        return X, y, half_width
    low, high = (np.full((len(rows), *y.shape[1:]), side) for side in (-np.inf, np.inf))
    np.maximum.at(low, copy_of, y - half_width)
    np.minimum.at(high, copy_of, y + half_width)
    if (low > high).any():
        row, *output = np.argwhere(low > high)[0]
        of_row, values = np.flatnonzero(copy_of == row), y[:, *output]
        i, j = sorted((int(of_row[np.argmin(values[of_row])]), int(of_row[np.argmax(values[of_row])])))
        where = f" in output {output[0]}" if output else ""
        raise InfeasibleError(
            f"rows {i} and {j} of X are equal but y = {values[i]!s} and y = {values[j]!s}{where} differ by more than "
            f"the tolerances allow; a tolerance of {abs(values[i] - values[j]) / 2:g} at both would do"
        )
    return rows, 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low


def power_of_two(size: Array) -> Array:
    """The largest power of two that is at most `size`, so that scaling by it is exact; 1 where size is zero."""
    return 2.0 ** np.where(size > 0, np.frexp(size)[1] - 1, 0)
