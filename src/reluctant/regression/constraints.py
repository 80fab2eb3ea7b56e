"""What a network may look like: inputs along which it never falls, and inputs that may meet in one neuron.

A network of one output never falls along s x_j, s = ±1, if the least slope s a_j + Σ s v_k w_kj over the paths that can
add up is not negative (`reluctant.model.slopes`). Turning a neuron around, (t)_+ = t + (−t)_+, does not change that
slope, nor do positive units of inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, null_space, solve_triangular
from scipy.optimize import nnls

from reluctant.arrays import Array, Index, Mask
from reluctant.model.slopes import Slopes, slopes_along
from reluctant.regression.model import Model, Unknowns

SURE = 2.0**-40
"""Rises exceed falls by this share of them, far more than rounding here and in the units of the user."""
MARGIN = 1e-9
"""Knots that are nearer than that, in standardised units, may change places there."""
FELT, TIGHT = 1e-9, 1e-6
"""A fall by no more, in standardised units, is left to `repaired`; a slope of no more leaves no room for a fall."""
MOST_ROUNDS = 12
"""Rounds in which a step gets inequalities that it does not meet."""
REGULAR = 1e-12


@dataclass(frozen=True, eq=False)
class Constraints:
    """Signs of slopes, groups of inputs, and the most inputs of a neuron.

    Attributes
    ----------
    signs : ndarray of int, shape (d,)
        1 where the output may never fall as the input grows, −1 where it may never rise, 0 where it is free.
    groups : ndarray of bool, shape (G, d)
        The inputs of a neuron lie in one of them.
    most : int
        Inputs of a neuron.
    margins : ndarray, shape (d,)
        How far apart knots of an input must be to stay in order in the units of the user.
    """

    signs: NDArray[np.intp]
    groups: Mask
    most: int
    margins: Array

    @classmethod
    def of(cls, n_inputs: int, signs: NDArray | None = None, groups: Mask | None = None, most: int = 0) -> Constraints:
        """Constraints on d inputs; none where nothing is given."""
        return cls(
            np.zeros(n_inputs, dtype=np.intp) if signs is None else signs.astype(np.intp),
            np.ones((1, n_inputs), dtype=bool) if groups is None else groups,
            min(most, n_inputs) if most else n_inputs,
            np.full(n_inputs, MARGIN),
        )

    def only(self, columns: Index | None, margins: Array) -> Constraints:
        """Those on some inputs, with wider margins."""
        kept = np.arange(len(self.signs)) if columns is None else columns
        groups = np.unique(self.groups[:, kept], axis=0)
        most = min(self.most, len(kept))
        return Constraints(self.signs[kept], groups[groups.any(axis=1)], most, MARGIN + margins)

    @property
    def monotone(self) -> bool:
        """Whether any slope has a sign."""
        return bool(self.signs.any())

    @property
    def dense(self) -> bool:
        """Whether neurons may read all inputs of a group."""
        return self.most >= int(self.groups.sum(axis=1).max(initial=0))

    def admits(self, U: Array) -> Mask:
        """Which hinges (K, d + 1) read inputs that may meet."""
        reads = U[:, :-1] != 0.0
        outside = (reads[:, None, :] & ~self.groups).any(axis=2).all(axis=1)
        return ~outside & (reads.sum(axis=1) <= self.most)

    # Slopes.

    def suspects(self, model: Model, flat: bool = False) -> list[tuple[int, Slopes]]:
        """Inputs along which the output may fall, or be `flat`, if all paths that fall add up, and the slopes."""
        if not self.monotone:
            return []
        paths = self.signs * model.U[:, :-1] * model.V[:, :1]
        affine = self.signs * model.A[:-1, 0]
        falls = np.minimum(paths, 0.0).sum(axis=0) + np.minimum(affine, 0.0)
        close = np.maximum(affine, 0.0) + falls < TIGHT * (1.0 - falls)
        found = np.flatnonzero((self.signs != 0) & close & (flat | (falls < 0.0)))
        return [(int(j), self._slopes(model, int(j))) for j in found]

    def _slopes(self, model: Model, j: int) -> Slopes:
        margin = float(self.margins[j])
        return slopes_along(model.U, model.V[:, 0], model.A[:, 0], j, int(self.signs[j]), margin)

    def hold(self, model: Model) -> bool:
        """Whether no slope has the wrong sign."""
        pairs = (rises_and_falls(slopes) for _, slopes in self.suspects(model))
        return not any(np.any(rises < (1.0 + SURE) * falls) for rises, falls in pairs)

    def repaired(self, model: Model) -> Model:
        """The model with all that falls along an input reduced by one factor, the largest that leaves no fall.

        Where everything meets the constraints already that is the model; a neuron of one input keeps its knot. One that
        is left without weights goes. A slope that would be zero is next to it, so that it stays among the unknowns.
        """
        U, A = model.U, model.A
        for j, slopes in self.suspects(model):
            rises, falls = rises_and_falls(slopes)
            short = rises < (1.0 + SURE) * falls
            if not short.any():
                continue
            if U is model.U:
                U, A = U.copy(), A.copy()
            factor = float(np.min(rises[short] / falls[short])) / (1.0 + 2.0 * SURE)
            down = slopes.paths < 0.0
            U[down & slopes.alone] *= factor
            U[down & ~slopes.alone, j] *= factor
            if slopes.affine < 0.0:
                A[j] *= factor
            if A[j, 0] == 0.0 != model.A[j, 0]:
                A[j] = self.signs[j] * np.finfo(float).tiny
        if U is model.U:
            return model
        return Model(U, model.V, A).take(np.any(U != 0.0, axis=1))

    def violated(self, model: Model, unknowns: Unknowns, V: Array, room: float = -FELT) -> Array:
        """Rows R (r, P) with R θ < 0 for the unknowns θ of the model: all its falls, as slopes.

        V holds the signs of the neurons that the unknowns are of. With `room` above zero the rows are those of slopes
        that are next to zero.
        """
        rows = []
        for j, slopes in self.suspects(model, flat=room > 0.0):
            rises, falls = rises_and_falls(slopes)
            rows += [
                self._row(j, slopes.together[i], V, unknowns)
                for i in np.flatnonzero(rises - falls < room * (1.0 + falls))
            ]
        return np.array(rows).reshape(len(rows), unknowns.size)

    def _row(self, j: int, together: Mask, V: Array, unknowns: Unknowns) -> Array:
        """Derivatives of a slope by the unknowns."""
        row = np.zeros(unknowns.size)
        mine = (unknowns.coordinate == j) & together[unknowns.neuron]
        row[: unknowns.neuron.size][mine] = self.signs[j] * V[unknowns.neuron[mine], 0]
        row[unknowns.size - unknowns.affine.size :][unknowns.affine == j] = self.signs[j]
        return row

    def blocked(self, model: Model, hinges: Array, amplitudes: Array) -> Mask:
        """Which hinges (n, d + 1), with amplitudes of these signs, fall along an input where the model has no room."""
        falls = self.signs * hinges[:, :-1] * amplitudes[:, None] < 0.0
        return np.asarray((falls & self._tight(model)).any(axis=1))

    def free_directions(self, model: Model, unknowns: Unknowns) -> Array:
        """Columns (P, Q) along which slopes that have no room stay as they are."""
        rows = self.violated(model, unknowns, model.V, TIGHT)
        return null_space(rows) if len(rows) else np.eye(unknowns.size)

    def _tight(self, model: Model) -> Mask:
        """Inputs along which the model rises so little somewhere that there is no room for another fall."""
        tight = np.zeros(len(self.signs), dtype=bool)
        for j, slopes in self.suspects(model, flat=True):
            rises, falls = rises_and_falls(slopes)
            tight[j] = bool(np.any(rises - falls < TIGHT * (1.0 + falls)))
        return tight


def rises_and_falls(slopes: Slopes) -> tuple[Array, Array]:
    """What adds to a slope and what takes from it, in every interval (I,)."""
    rises = slopes.together @ np.maximum(slopes.paths, 0.0) + max(slopes.affine, 0.0)
    return rises, slopes.together @ np.maximum(-slopes.paths, 0.0) + max(-slopes.affine, 0.0)


def constrained_minimum(hessian: Array, gradient: Array, unmet: Callable[[Array], tuple[Array, Array]]) -> Array | None:
    """The s with the least ½ sᵀ H s + gᵀ s among those with R s ≥ b for all that `unmet` ever says; None if H is not
    positive definite.

    `unmet` gives the rows R and b that a step does not meet. They are added and the dual, a problem of least squares
    with multipliers λ ≥ 0, is solved anew, until there are none.
    """
    try:
        factor = cho_factor(hessian, lower=True, check_finite=False)
    except LinAlgError:
        return None
    free = -cho_solve(factor, gradient, check_finite=False)
    step, rows, bounds = free, np.empty((0, len(free))), np.empty(0)
    for _ in range(MOST_ROUNDS):
        more, least = unmet(step)
        if len(more) == 0:
            break
        rows, bounds = np.vstack([rows, more]), np.append(bounds, least)
        reach = solve_triangular(factor[0], rows.T, lower=True, check_finite=False)
        gram = reach.T @ reach
        gram.flat[:: len(gram) + 1] += REGULAR * np.trace(gram) / len(gram)
        root = np.linalg.cholesky(gram)
        multipliers, _ = nnls(root.T, solve_triangular(root, bounds - rows @ free, lower=True, check_finite=False))
        step = free + solve_triangular(factor[0], reach @ multipliers, lower=True, trans=1, check_finite=False)
    return step
