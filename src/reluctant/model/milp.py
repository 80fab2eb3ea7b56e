"""A network as constraints of a mixed-integer program: binaries for the neurons that can be on and off in a box.

With z = w · x + b between l < 0 < u on the box, h = (z)_+ is h ≥ 0, h ≥ z, h ≤ u a and h ≤ z − l (1 − a), a binary.
A neuron with l ≥ 0 is z, one with u ≤ 0 is nothing. l and u are attained at corners of the box, so no smaller constants
would do.

Neurons on parallel hyperplanes, on one input all of them, are together a piecewise-linear function g of t = w · x
with n segments. With λ_i ≥ 0, Σ λ_i = 1 and t = Σ λ_i t_i over the ends t_i of the segments, g = Σ λ_i g(t_i) where at
most two neighbours are not zero. Segments are numbered by a Gray code, and each of its ⌈log₂ n⌉ digits is a binary that
lets only those λ be positive whose ends touch a segment with that digit [Vielma and Nemhauser, Mathematical Programming
128, 2011].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array, Index
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
        Columns of the binaries: one for each neuron that can be on and off in the box, and for n segments between
        parallel hyperplanes the ⌈log₂ n⌉ of their number, where these are fewer.
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


def parallel(U: Array) -> list[Index]:
    """Neurons (w, b) whose hyperplanes are parallel, in sets; w = 0 is none."""
    W = U[:, :-1]
    there = np.flatnonzero(W.any(axis=1))
    first = np.argmax(W[there] != 0.0, axis=1)
    with np.errstate(over="ignore"):
        directions = W[there] / W[there, first][:, None] + 0.0  # a zero has no sign
    _, of = np.unique(directions, axis=0, return_inverse=True)
    return [there[of == k] for k in range(of.max(initial=-1) + 1)]


def add_network(
    hinges: tuple[Array, Array, Array], model: Highs, bounds: ArrayLike, sets: Sequence[Index] = ()
) -> NetworkColumns:
    """Append columns and rows to a HiGHS model; see `ReLUNetwork.to_highs` and, for (U, V, A), `.hinges`.

    Of the `sets` of neurons on parallel hyperplanes those are joined that take fewer binaries so.
    """
    U, V, A = hinges
    low, high = checked_box(len(A) - 1, bounds)
    smallest, largest = ranges(U, low, high)
    effective = V.any(axis=1)
    always = effective & (smallest >= 0)
    either = effective & (smallest < 0) & (largest > 0)
    inputs = _columns(model, low, high)
    functions = []
    for members in sets:
        function = _along(U, V, members[either[members]], low, high)
        if function is not None:
            functions.append(function)
            either[members] = False
    count = int(np.count_nonzero(either))
    hidden = _columns(model, np.zeros(count), largest[either])
    binaries = _columns(model, np.zeros(count), np.ones(count), integer=True)
    outputs = _columns(model, np.full(V.shape[1], -np.inf), np.full(V.shape[1], np.inf))
    for u, h, a, least, most in zip(U[either], hidden, binaries, smallest[either], largest[either], strict=True):
        z = list(zip(inputs, -u[:-1], strict=True))
        _row(model, u[-1], np.inf, [(h, 1.0), *z])
        _row(model, -np.inf, 0.0, [(h, 1.0), (a, -most)])
        _row(model, -np.inf, u[-1] - least, [(h, 1.0), *z, (a, -least)])
    added = [_add_function(model, inputs, function) for function in functions]
    shares = np.concatenate([hidden, *(ends for ends, _ in added)])
    weights = np.concatenate([V[either], *(function.values for function in functions)])
    affine = A + U[always].T @ V[always]  # neurons that are always on join the affine part
    for j, y in enumerate(outputs):
        terms = [(y, 1.0), *zip(inputs, -affine[:-1, j], strict=True), *zip(shares, -weights[:, j], strict=True)]
        _row(model, affine[-1, j], affine[-1, j], terms)
    return NetworkColumns(inputs, outputs, np.concatenate([binaries, *(digits for _, digits in added)]))


class _Along(NamedTuple):
    """A piecewise-linear function along a direction (d,): the n + 1 ends of its segments, and values (·, m) there."""

    direction: Array
    ends: Array
    values: Array


def _along(U: Array, V: Array, members: Index, low: Array, high: Array) -> _Along | None:
    """What neurons on parallel hyperplanes add up to on a box; None where a binary for each is as good."""
    if len(members) < 2:
        return None
    w = U[members[0], :-1]
    j = int(np.argmax(np.abs(w)))
    scale, b = U[members, j] / w[j], U[members, -1]
    (start,), (stop,) = ranges(np.append(w, 0.0)[None], low, high)
    knots = -b / scale
    ends = np.unique(np.concatenate([[start], knots[(knots > start) & (knots < stop)], [stop]]))
    if len(ends) < 3 or _digits(len(ends) - 1) >= len(members):
        return None
    return _Along(w, ends, np.maximum(np.outer(ends, scale) + b, 0.0) @ V[members])


def _digits(n: int) -> int:
    """Binary digits of the numbers below n."""
    return (n - 1).bit_length()


def _add_function(model: Highs, inputs: NDArray[np.int64], f: _Along) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns of the weights of the ends of the segments, and of the binaries; the rows between them and the inputs."""
    n = len(f.ends) - 1
    weights = _columns(model, np.zeros(n + 1), np.ones(n + 1))
    digits = _columns(model, np.zeros(_digits(n)), np.ones(_digits(n)), integer=True)
    _row(model, 1.0, 1.0, [(c, 1.0) for c in weights])
    middle = 0.5 * f.ends[0] + 0.5 * f.ends[-1]  # so that an offset costs the solver no digits
    along = zip(inputs, -f.direction, strict=True)
    _row(model, -middle, -middle, [*zip(weights, f.ends - middle, strict=True), *along])
    gray = np.arange(n) ^ (np.arange(n) >> 1)
    for bit, a in enumerate(digits):
        is_one = (gray >> bit & 1).astype(bool)
        left, right = np.append(is_one[:1], is_one), np.append(is_one, is_one[-1:])  # segments on either side of an end
        _row(model, -np.inf, 0.0, [*((c, 1.0) for c in weights[left & right]), (a, -1.0)])
        _row(model, -np.inf, 1.0, [*((c, 1.0) for c in weights[~(left | right)]), (a, 1.0)])
    return weights, digits


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
