"""A network of several inputs or outputs as sparse tables for a forward pass in a target's arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Index
from reluctant.model.centring import products
from reluctant.model.clip import Clip
from reluctant.model.network import ReLUNetwork


@dataclass(frozen=True)
class SparseRows:
    """Nonzero entries of a matrix, row by row: those of row i are first[i] … first[i + 1] − 1."""

    first: Index
    column: Index
    value: NDArray[Any]

    @classmethod
    def of(cls, matrix: Array, dtype: np.dtype) -> SparseRows:
        """Keep the nonzero entries of `matrix`, rounded to `dtype`."""
        row, column = np.nonzero(matrix)
        first = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(matrix)))])
        return cls(first, column, matrix[row, column].astype(dtype))

    def row(self, i: int) -> list[tuple[int, Any]]:
        """Columns and values of row i."""
        part = slice(self.first[i], self.first[i + 1])
        return list(zip(self.column[part].tolist(), self.value[part]))


@dataclass(frozen=True)
class PreparedInputs:
    """z_i = x_{used[i]}, moved to [low_i, high_i], less centre_i, in one floating-point type."""

    used: Index
    low: NDArray[Any]
    high: NDArray[Any]
    centre: NDArray[Any]

    @classmethod
    def of(cls, clip: Clip, used: Index, dtype: np.dtype, centre: Array | None = None) -> PreparedInputs:
        """Bounds and centres of the inputs used, rounded to `dtype`; a bound beyond its largest number is none."""
        centre = np.zeros(len(clip.low)) if centre is None else centre
        with np.errstate(over="ignore"):
            inputs = cls(used, *(part[used].astype(dtype) for part in (clip.low, clip.high, centre)))
        if (inputs.low == np.inf).any() or (inputs.high == -np.inf).any():
            raise ValueError("the clip has bounds beyond single precision; use double")
        return inputs

    @property
    def is_clipped(self) -> bool:
        """Whether any input has a bound."""
        return bool(np.isfinite([self.low, self.high]).any())

    @property
    def is_centred(self) -> bool:
        """Whether any input has a centre."""
        return bool(self.centre.any())

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Inputs (d, N) to (n, N)."""
        return np.clip(x[self.used], self.low[:, None], self.high[:, None]) - self.centre[:, None]


@dataclass(frozen=True)
class ForwardTables:
    """The active neurons and the affine part, in one floating-point type.

    Where inputs are clipped or centred, columns of weights are those of the prepared inputs.
    """

    n_inputs: int
    n_outputs: int
    into: SparseRows  # one row a neuron
    biases: NDArray[Any]
    out: SparseRows  # one row a neuron
    affine: SparseRows  # one row an output
    intercept: NDArray[Any]
    prepared: PreparedInputs | None = None

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.biases)

    @property
    def n_numbers(self) -> int:
        """Floating-point constants held."""
        weights = (self.into.value, self.biases, self.out.value, self.affine.value, self.intercept)
        read = self.prepared
        inputs = [] if read is None else [read.low, read.high] * read.is_clipped + [read.centre] * read.is_centred
        return sum(len(a) for a in (*weights, *inputs))

    @property
    def n_indices(self) -> int:
        """Integer constants held."""
        rows = (self.into, self.out, self.affine)
        used = 0 if self.prepared is None else len(self.prepared.used)
        return used + sum(len(r.first) + len(r.column) for r in rows if len(r.value))

    @property
    def index_type(self) -> np.dtype:
        """Narrowest unsigned type for the indices."""
        return np.min_scalar_type(max(self.n_inputs, self.n_outputs, self.n_numbers))

    @property
    def n_bytes(self) -> int:
        """Bytes of all tables."""
        return self.n_numbers * self.biases.itemsize + self.n_indices * self.index_type.itemsize

    def __call__(self, X: Array) -> NDArray[Any]:
        """Evaluate (N, d) → (N, m) with the operations of the C function, in its order and its type."""
        with np.errstate(over="ignore", invalid="ignore"):  # as C has it: infinite, or NaN where two of them meet
            return self._evaluate(np.asarray(X, dtype=self.biases.dtype).T)

    def _evaluate(self, x: NDArray[Any]) -> NDArray[Any]:
        x = x if self.prepared is None else self.prepared(x)
        y = np.repeat(self.intercept[:, None], x.shape[1], axis=1)
        for j in range(self.n_outputs):
            for i, weight in self.affine.row(j):
                y[j] += weight * x[i]
        for k in range(self.n_neurons):
            hidden = np.full(x.shape[1], self.biases[k])
            for i, weight in self.into.row(k):
                hidden += weight * x[i]
            hidden = np.maximum(hidden, 0)
            for j, weight in self.out.row(k):
                y[j] += weight * hidden
        return y.T


def forward_tables(network: ReLUNetwork, dtype: np.dtype, clip: Clip | None = None) -> ForwardTables:
    """The tables of `network`, behind a clip if there is one, in `dtype`; neurons without effect are left out.

    Raises
    ------
    ValueError
        If a parameter is beyond `dtype`.
    """
    keep = (network.output_weights != 0).any(axis=1) & ((network.input_weights != 0).any(axis=1) | (network.biases > 0))
    used = network.inputs_used
    centre, biases, intercept = centred_in(network, dtype)
    prepared = None
    if used.size and (clip is not None or centre is not None):
        prepared = PreparedInputs.of(Clip.nowhere(network.n_inputs) if clip is None else clip, used, dtype, centre)
        prepared = prepared if prepared.is_clipped or prepared.is_centred else None
    read = np.arange(network.n_inputs) if prepared is None else used
    with np.errstate(over="ignore"):
        tables = ForwardTables(
            network.n_inputs,
            network.n_outputs,
            SparseRows.of(network.input_weights[keep][:, read], dtype),
            biases[keep].astype(dtype),
            SparseRows.of(network.output_weights[keep], dtype),
            SparseRows.of(network.slope[read].T, dtype),
            intercept.astype(dtype),
            prepared,
        )
    numbers = (tables.into.value, tables.biases, tables.out.value, tables.affine.value, tables.intercept)
    if not all(np.isfinite(a).all() for a in numbers):
        raise ValueError("the network has parameters beyond single precision; use double")
    return tables


def centred_in(network: ReLUNetwork, dtype: np.dtype) -> tuple[Array | None, Array, Array]:
    """The centre that the network is counted from in `dtype`, if any, and biases and intercept as they are there."""
    if network.centred is None:
        return None, network.biases, network.intercept
    with np.errstate(over="ignore"):
        centre = network.centred.centre.astype(dtype).astype(np.float64)
    if not np.isfinite(centre).all():
        raise ValueError("the network has parameters beyond single precision; use double")
    biases, _ = products(network.input_weights, centre, network.biases)
    intercept, _ = products(network.slope.T, centre, network.intercept)
    return centre, biases, intercept


def rounding_bound(
    network: ReLUNetwork, dtype: np.dtype, X: Array | None, clip: Clip | None = None, *, centred: bool = True
) -> float | None:
    """Bound of |C(x) − f(clip(x))| over the box around the rows of X, for x of type `dtype`.

    Without X it holds for every x, if the clip bounds all inputs used; else there is none. Every product on the
    longest path is rounded at most n times, n the number of terms and the rounding of a bound of the clip and of a
    difference from a centre among them, so each output is within n u / (1 − n u) of the sum of magnitudes, u = eps / 2.
    Without `centred` that is of a file that does not count from a centre.
    """
    clip = Clip.nowhere(network.n_inputs) if clip is None else clip
    centre, biases, intercept = centred_in(network, dtype) if centred else (None, network.biases, network.intercept)
    centre = np.zeros(network.n_inputs) if centre is None else centre
    low, high = (clip.low, clip.high) if X is None else ((x := clip(X)).min(axis=0), x.max(axis=0))
    reach = np.maximum(np.abs(low - centre), np.abs(high - centre))
    if X is None:
        unused = np.ones(network.n_inputs, dtype=bool)
        unused[network.inputs_used] = False
        reach[unused] = 0.0
        if not np.isfinite(reach).all():
            return None
    u = float(np.finfo(dtype).eps) / 2
    moved = np.where(centre != 0.0, _rounding_of_bounds(clip, dtype) / u, 0.0)  # not small beside the difference
    with np.errstate(over="ignore"):  # an infinite bound
        hidden = np.abs(network.input_weights) @ (reach + moved) + np.abs(biases)
        affine = (reach + moved) @ np.abs(network.slope) + np.abs(intercept)
        magnitude = hidden @ np.abs(network.output_weights) + affine
    n = len(network.biases) + 2 * network.n_inputs + 10
    nu = n * u
    return float(nu / (1 - nu) * magnitude.max())


def _rounding_of_bounds(clip: Clip, dtype: np.dtype) -> Array:
    """By how much the bounds of every input change in `dtype`, those beyond it and infinite ones not counted."""
    bounds = np.array([clip.low, clip.high])
    with np.errstate(over="ignore", invalid="ignore"):
        change = np.abs(bounds.astype(dtype).astype(np.float64) - bounds)
    return np.max(np.where(np.isfinite(change), change, 0.0), axis=0)
