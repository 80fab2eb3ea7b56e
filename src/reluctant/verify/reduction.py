"""What can be removed from a network without changing it on a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from reluctant.model.milp import checked_box
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Solution, counted
from reluctant.verify.regions import network_of
from reluctant.verify.rounding import rounded

Row = list[Fraction]


@dataclass(frozen=True)
class Reduction:
    """A smaller network that is the same function on a box, and what was left out.

    Parameters
    ----------
    network : ReLUNetwork
        The smaller one.
    never, always : tuple of int
        Neurons that are off everywhere in the box or lead nowhere, and those that are on everywhere; the latter joined
        the affine part.
    merged : tuple of tuple of int
        Neurons with one hyperplane; of each group the first stays, if anything of it is left.
    n_before : int
        Neurons before.
    change : float
        Bound of the difference on the box, in exact arithmetic: the sums were rounded once. 0 where none was.
    """

    network: ReLUNetwork
    never: tuple[int, ...]
    always: tuple[int, ...]
    merged: tuple[tuple[int, ...], ...]
    n_before: int
    change: float

    def __str__(self) -> str:
        joined = sum(map(len, self.merged))
        return (
            f"{counted(self.n_before, 'neurons')} -> {len(self.network.biases)}: {len(self.never)} without effect, "
            f"{len(self.always)} always on, {joined} on {counted(len(self.merged), 'hyperplanes')} that they share; "
            f"the outputs change by at most {self.change:.2g}"
        )


def reduced(network: ReLUNetwork | Solution, bounds: ArrayLike) -> Reduction:
    """Leave out what a network does not need on a box: neurons never or always on, and all but one of a hyperplane.

    A neuron that is always on is affine there; of neurons on one hyperplane those of one direction add up, and of
    opposite ones (−t)₊ = (t)₊ − t leaves an affine part. All of it is decided, and added up, in exact arithmetic. For a
    trained PyTorch network see `reluctant.nn.to_network`.

    Parameters
    ----------
    network : ReLUNetwork or Solution
    bounds : array_like, shape (d, 2)
        (low, high) of each input, finite.

    Returns
    -------
    Reduction

    Raises
    ------
    ValueError
        If `bounds` is no box, or sums are beyond float64.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> dense = ReLUNetwork([[1.0], [2.0], [1.0], [-1.0]], [0.0, 0.0, 9.0, -9.0], [1.0, 1.0, 0.5, 3.0])
    >>> print(reduced(dense, [[-1, 1]]))
    4 neurons -> 1: 1 without effect, 1 always on, 2 on 1 hyperplane that they share; the outputs change by at most 0
    """
    network = network_of(network)
    low, high = checked_box(network.n_inputs, bounds)
    box = [(Fraction(a), Fraction(b)) for a, b in zip(low.tolist(), high.tolist())]
    U, V, A = ([[Fraction(v) for v in row] for row in part.tolist()] for part in network.hinges)
    never: list[int] = []
    always: list[int] = []
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for k, (u, v) in enumerate(zip(U, V)):
        least, most = reach(u, box)
        if not any(v) or most <= 0:
            never.append(k)
        elif least >= 0:
            always.append(k)
            A = _added(A, u, v)
        else:
            groups.setdefault(_direction(u), []).append(k)
    kept: list[tuple[Row, Row]] = []
    for members in groups.values():
        out, A = _joined([U[k] for k in members], [V[k] for k in members], A)
        if any(out):
            kept.append((U[members[0]], out))
    smaller = _in_floats(kept, A, network)
    merged = tuple(tuple(members) for members in groups.values() if len(members) > 1)
    change = _change(smaller, kept, A, box)
    return Reduction(smaller, tuple(never), tuple(always), merged, len(U), change)


def reach(u: Row, box: Sequence[tuple[Fraction, Fraction]]) -> tuple[Fraction, Fraction]:
    """The least and the largest w · x + b on a box."""
    ends = [sorted((w * a, w * b)) for w, (a, b) in zip(u, box)]
    return sum((a for a, _ in ends), u[-1]), sum((b for _, b in ends), u[-1])


def _direction(u: Row) -> tuple[Fraction, ...]:
    """The hyperplane: (w, b) over its first nonzero entry."""
    first = next(entry for entry in u if entry)
    return tuple(entry / first for entry in u)


def _added(A: list[Row], u: Row, v: Row) -> list[Row]:
    return [[a + entry * out for a, out in zip(row, v)] for row, entry in zip(A, u)]


def _joined(U: list[Row], V: list[Row], A: list[Row]) -> tuple[Row, list[Row]]:
    """Weights out of the first of neurons on one hyperplane, and the affine part."""
    pivot = next(i for i, entry in enumerate(U[0]) if entry)
    out = [Fraction(0)] * len(V[0])
    for u, v in zip(U, V):
        ratio = u[pivot] / U[0][pivot]
        out = [a + abs(ratio) * b for a, b in zip(out, v)]
        if ratio < 0:
            A = _added(A, U[0], [ratio * b for b in v])
    return out, A


def _in_floats(kept: list[tuple[Row, Row]], A: list[Row], network: ReLUNetwork) -> ReLUNetwork:
    d, m = network.n_inputs, network.n_outputs
    try:
        U = np.array([[float(w) for w in u] for u, _ in kept]).reshape(-1, d + 1)
        V = np.array([[float(w) for w in v] for _, v in kept]).reshape(-1, m)
        affine = np.array([[float(w) for w in row] for row in A])
    except OverflowError:
        raise ValueError("sums of weights are beyond float64; rescale inputs or outputs") from None
    return ReLUNetwork.from_hinges(U, V, affine)


def _change(
    smaller: ReLUNetwork, kept: list[tuple[Row, Row]], A: list[Row], box: Sequence[tuple[Fraction, Fraction]]
) -> float:
    """Bound of the difference that rounding has made, over outputs."""
    _, V, affine = smaller.hinges
    largest = Fraction(0)
    for j in range(smaller.n_outputs):
        change = Fraction(0)
        for (u, exact), held in zip(kept, V[:, j].tolist()):
            change += abs(Fraction(held) - exact[j]) * reach(u, box)[1]
        off = reach([Fraction(held) - row[j] for held, row in zip(affine[:, j].tolist(), A)], box)
        largest = max(largest, change + max(abs(off[0]), abs(off[1])))
    return rounded(largest, np.inf)
