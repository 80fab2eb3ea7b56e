"""A network as constraints of a mixed-integer program: one binary for each neuron that can be on and off in a box.

With z = w · x + b between l < 0 < u on the box, h = (z)_+ is h ≥ 0, h ≥ z, h ≤ u a and h ≤ z − l (1 − a), a binary.
A neuron with l ≥ 0 is z, one with u ≤ 0 is nothing. l and u are attained at corners of the box, so no smaller constants
would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.validation import as_floats

if TYPE_CHECKING:
    from highspy import Highs

_ROUNDING = 2.0**-45
"""Share of their terms by which the ranges of neurons are widened; a program without them would cut off corners."""


@dataclass(frozen=True)
class NetworkColumns:
    """Where a network stands in a program.

    Parameters
    ----------
    inputs, outputs : ndarray of int, shapes (d,) and (m,)
        Columns of x and of f(x).
    binaries : ndarray of int, shape (B,)
        Columns that say which neurons are on, of the B ≤ K neurons that can be either on the box.
    """

    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    binaries: NDArray[np.int64]


def ranges(U: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Smallest and largest U_k · (x, 1) over a box, (K,) each, rounded outwards."""
    w, b = U[:, :-1], U[:, -1]
    at_low, at_high = w * low, w * high
    rounding = _ROUNDING * (np.maximum(np.abs(at_low), np.abs(at_high)).sum(axis=1) + np.abs(b))
    rounding[~w.any(axis=1)] = 0.0
    smallest = np.minimum(at_low, at_high).sum(axis=1) + b - rounding
    return smallest, np.maximum(at_low, at_high).sum(axis=1) + b + rounding


def checked_box(n_inputs: int, bounds: ArrayLike) -> tuple[Array, Array]:
    """Lower and upper bounds (d,) of a box.

    Raises
    ------
    ValueError
        If `bounds` is not one finite pair low ≤ high for each input.
    """
    box = as_floats(bounds, "bounds")
    if box.shape != (n_inputs, 2):
        raise ValueError(f"bounds must have a pair (low, high) for each of {n_inputs} inputs, got {box.shape}")
    crossed = box[:, 0] > box[:, 1]
    if crossed.any():
        j = int(np.argmax(crossed))
        raise ValueError(f"bounds of input {j} cross: {box[j, 0]:g} > {box[j, 1]:g}; give (low, high)")
    return box[:, 0], box[:, 1]


def add_network(hinges: tuple[Array, Array, Array], model: Highs, bounds: ArrayLike) -> NetworkColumns:
    """Append columns and rows to a HiGHS model; see `ReLUNetwork.to_highs` and, for (U, V, A), `.hinges`."""
    U, V, A = hinges
    low, high = checked_box(len(A) - 1, bounds)
    smallest, largest = ranges(U, low, high)
    effective = V.any(axis=1)
    always = effective & (smallest >= 0)
    either = effective & (smallest < 0) & (largest > 0)
    count = int(np.count_nonzero(either))
    inputs = _columns(model, low, high)
    hidden = _columns(model, np.zeros(count), largest[either])
    binaries = _columns(model, np.zeros(count), np.ones(count), integer=True)
    outputs = _columns(model, np.full(V.shape[1], -np.inf), np.full(V.shape[1], np.inf))
    for u, h, a, least, most in zip(U[either], hidden, binaries, smallest[either], largest[either], strict=True):
        z = list(zip(inputs, -u[:-1], strict=True))
        _row(model, u[-1], np.inf, [(h, 1.0), *z])
        _row(model, -np.inf, 0.0, [(h, 1.0), (a, -most)])
        _row(model, -np.inf, u[-1] - least, [(h, 1.0), *z, (a, -least)])
    affine = A + U[always].T @ V[always]  # neurons that are always on join the affine part
    for j, y in enumerate(outputs):
        terms = [(y, 1.0), *zip(inputs, -affine[:-1, j], strict=True), *zip(hidden, -V[either, j], strict=True)]
        _row(model, affine[-1, j], affine[-1, j], terms)
    return NetworkColumns(inputs, outputs, binaries)


def _columns(model: Highs, low: Array, high: Array, *, integer: bool = False) -> NDArray[np.int64]:
    from highspy import HighsVarType

    first = model.getNumCol()
    columns = np.arange(first, first + len(low))
    if len(low):
        model.addVars(len(low), np.ascontiguousarray(low), np.ascontiguousarray(high))
    for column in columns.tolist() if integer else []:
        model.changeColIntegrality(column, HighsVarType.kInteger)
    return columns


def _row(model: Highs, low: float, high: float, terms: list[tuple[int, float]]) -> None:
    kept = [(int(column), float(weight)) for column, weight in terms if weight != 0.0]
    columns, weights = (np.array(part) for part in zip(*kept, strict=True))
    model.addRow(low, high, len(kept), columns.astype(np.int32), weights)
