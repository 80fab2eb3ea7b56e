"""Neurons with given cells and output signs: which weights they may have, decided in rationals.

Their stacked weights c are bound by linear inequalities: every label is met within the tolerance, |F c − y| ≤ τ, and
every hinge stays in its closed cell, G c ≥ 0. Nothing bounds |c|, so a violation in float64, however large, says
nothing where rows of X are close: weights may be as large as the rows are close. What excludes a set for all weights
is a relation λ F = μ G with μ ≥ 0 that holds exactly: then λ · F c ≥ 0 for all c in the cells, and none of them meets
the labels if λ · y < −τ Σ|λ_i|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.multivariate.proofs.cells import Cell
from reluctant.multivariate.proofs.patterns import integer_rows
from reluctant.multivariate.proofs.problem import Problem
from reluctant.multivariate.proofs.rational import feasible_point, only_relation

_NEGLIGIBLE = 1e-9
"""Multipliers smaller than this part of the largest are taken for zeros; a wrong guess costs time, not truth."""


@dataclass(frozen=True)
class SignedSet:
    """Inequalities on the stacked weights of the affine part, where there is one, and of neurons with output signs.

    Attributes
    ----------
    values : ndarray, shape (N, n)
        F: what the weights add at the data.
    margins : ndarray, shape (K, N, n)
        G: neuron k is on the right side of point i where margins[k, i] · c ≥ 0.
    where : ndarray of int, shape (n,)
        Entry of the affine part and of the hinges, one after the other, that a weight is.
    """

    problem: Problem
    values: Array
    margins: Array
    where: NDArray
    signs: Array

    @classmethod
    def of(cls, problem: Problem, cells: Sequence[Cell], signs: Sequence[float]) -> SignedSet:
        """One neuron for every cell and sign ±1."""
        Xbar = problem.Xbar
        N, m = Xbar.shape
        blocks = [Xbar] if problem.affine else []
        where = [np.arange(m)] if problem.affine else []
        sides = []
        for k, ((pattern, support), sign) in enumerate(zip(cells, signs)):
            on = np.array(pattern)[:, None]
            blocks.append(sign * np.where(on, Xbar[:, support], 0.0))
            where.append((k + 1) * m + np.array(support))
            sides.append(np.where(on, Xbar[:, support], -Xbar[:, support]))
        margins = np.zeros((len(cells), N, sum(block.shape[1] for block in blocks)))
        at = m if problem.affine else 0
        for margin, side in zip(margins, sides):
            margin[:, at : at + side.shape[1]] = side
            at += side.shape[1]
        values = np.hstack([np.zeros((N, 0)), *blocks])
        return cls(problem, values, margins, np.concatenate([np.zeros(0, int), *where]), np.array(signs))

    def refuted_by(self, duals: Array, sign_duals: dict[tuple[int, int], float]) -> bool:
        """Whether rows with these multipliers, those of a solver in float64, exclude all weights.

        Only which of them are zero is taken from the solver; the others are the relation between their rows, exactly.
        """
        size = max(np.abs(duals).max(initial=0.0), max(map(abs, sign_duals.values()), default=0.0))
        rows = np.flatnonzero(np.abs(duals) > _NEGLIGIBLE * size)
        sides = [at for at, dual in sign_duals.items() if abs(dual) > _NEGLIGIBLE * size]
        if not rows.size:
            return False
        values = integer_rows(np.column_stack([self.values, self.problem.y, self._tolerances])[rows])
        margins = integer_rows(np.array([self.margins[at] for at in sides]).reshape(len(sides), self.values.shape[1]))
        relation = only_relation([row[:-2] for row in values] + margins)
        if relation is None:
            return False
        weights, others = relation[: len(rows)], relation[len(rows) :]
        return any(
            all(sign * a <= 0 for a in others)
            and sum(sign * a * row[-2] + abs(a) * row[-1] for a, row in zip(weights, values)) < 0
            for sign in (1, -1)
        )

    def point(self, within: float = 1.0) -> list[Fraction] | None:
        """Weights that meet all labels within this part of the tolerance; None where there are none."""
        rows = integer_rows(np.column_stack([self.values, self.problem.y, within * self._tolerances]))
        inequalities = [(row[:-2], row[-2] + row[-1]) for row in rows]
        inequalities += [(tuple(-a for a in row[:-2]), row[-1] - row[-2]) for row in rows]
        margins = integer_rows(self.margins.reshape(-1, self.values.shape[1]))
        inequalities += [(tuple(-a for a in row), 0) for row in dict.fromkeys(margins) if any(row)]
        return feasible_point(inequalities)

    def hinges(self, point: Sequence[Fraction]) -> tuple[Array, Array]:
        """Hinges (K, d + 1) and affine part of such weights, rounded to float64."""
        m = self.problem.Xbar.shape[1]
        flat = np.zeros((len(self.signs) + 1) * m)
        flat[self.where] = [float(a) for a in point]
        return flat[m:].reshape(-1, m), flat[:m]

    @property
    def _tolerances(self) -> Array:
        return np.full(len(self.problem.y), self.problem.tolerance)
