"""How steep one output can be along one input, whatever the inputs are: what its paths add, and which add at once."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask

_exact = np.vectorize(Fraction, otypes=[object])


class Slopes(NamedTuple):
    """The slopes s ∂f/∂x_j for s = ±1: an affine one, and those of the paths through the neurons that are on.

    Neurons that read x_j alone are on or off together as x_j runs over its line, so that what they add is known in each
    of the I intervals between their knots. Of a neuron that reads other inputs too nothing is known but that it is on
    or off: its path counts where it falls.

    Attributes
    ----------
    affine : float or Fraction
        s a_j.
    paths : ndarray, shape (K,)
        s v_k w_kj.
    together : ndarray of bool, shape (I, K)
        For each interval the paths that add up to the least slope in it.
    alone : ndarray of bool, shape (K,)
        Neurons that read x_j and no other input.
    """

    affine: Any
    paths: NDArray[Any]
    together: Mask
    alone: Mask

    @property
    def least(self) -> NDArray[Any]:
        """What the slope is at least in each interval (I,); attained if no neuron reads two inputs."""
        return self.affine + self.together @ self.paths


def slopes_along(U: NDArray[Any], v: NDArray[Any], A: NDArray[Any], j: int, sign: int, margin: float = 0.0) -> Slopes:
    """The slopes of f(x) = vᵀ (U x̄)_+ + Aᵀ x̄ along x_j, in floats or, for objects, in exact numbers.

    f never falls along s x_j if `Slopes.least` is nowhere negative. Without neurons of several inputs that is necessary
    too: the knots of different inputs are passed independently of each other.

    Parameters
    ----------
    U, v, A : ndarray
        (K, d + 1), (K,), (d + 1,); biases last.
    j : int
        The input.
    sign : {1, -1}
        s.
    margin : float
        Knots are taken to lie anywhere within that distance, so that falls may come earlier than rises.
    """
    paths = sign * U[:, j] * v
    reads = paths != 0
    alone = reads & (np.count_nonzero(U[:, :-1], axis=1) == 1)
    own = np.flatnonzero(alone)
    right, falls = U[own, j] > 0, paths[own] < 0
    with np.errstate(over="ignore"):
        knots = -U[own, -1] / U[own, j]
    if margin:
        knots = knots + np.where(falls, np.where(right, -margin, margin), 0.0)
    order = np.argsort(knots, kind="stable")
    passed = np.arange(own.size + 1)[:, None] > np.argsort(order)
    distinct = np.ones(own.size + 1, dtype=bool)
    distinct[1:-1] = np.diff(knots[order]) > 0
    together = np.zeros((int(distinct.sum()), len(paths)), dtype=bool)
    together[:, own] = (passed == right)[distinct]
    together[:, reads & ~alone & (paths < 0)] = True
    return Slopes(sign * A[j], paths, together, alone)


def never_falls(U: Array, v: Array, A: Array, j: int, sign: int) -> bool:
    """Whether the least sums of paths, in exact arithmetic, show that vᵀ (U x̄)_+ + Aᵀ x̄ never falls along s x_j."""
    U, v, A = (_exact(a) if a.size else a for a in (U, v, A))
    return bool(min(slopes_along(U, v, A, j, sign).least) >= 0)


def trends(U: Array, V: Array, A: Array) -> NDArray[np.intp]:
    """1 where an output (m) never falls as an input (d) grows, −1 where it never rises, 0 else, as far as paths show.

    An input that no path reads has 0.
    """
    found = np.zeros((len(A) - 1, A.shape[1]), dtype=np.intp)
    for j, c in np.ndindex(found.shape):
        if A[j, c] != 0 or np.any((U[:, j] != 0) & (V[:, c] != 0)):
            holds = (sign for sign in (1, -1) if never_falls(U, V[:, c], A[:, c], j, sign))
            found[j, c] = next(holds, 0)
    return found


def trend(signs: NDArray[np.intp], labels: Sequence[str]) -> str:
    """``increasing in age and dose, decreasing in distance``; empty where all signs are zero."""
    parts = []
    for sign, word in ((1, "increasing"), (-1, "decreasing")):
        named = [labels[j] for j in np.flatnonzero(signs == sign).tolist()]
        if named:
            parts.append(f"{word} in {' and '.join([', '.join(named[:-1]), named[-1]] if len(named) > 1 else named)}")
    return ", ".join(parts)
