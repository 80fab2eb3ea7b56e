"""The finite program over fixed signed activation patterns as one HiGHS model that is edited in place.

For hinges u_k with patterns D_k and signs σ_k [NN, Lemma 4.1]: minimise Σ_kj c_kj |u_kj| + loss(f) over (2
D_k − I) X̄ u_k ≥ 0, where f = Σ_k σ_k D_k X̄ u_k (+ X̄ (slope, intercept)). The sign rows enter when they are
violated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import highspy
import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, SolverError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.points import homogeneous

Loss = Literal["equality", "absolute", "maximum", "hinge"]

FEASIBILITY = 1e-10  # primal and dual tolerance of HiGHS, the smallest it accepts
_SMALLEST_ENTRY = 1e-12  # smaller coefficients are dropped; the default of 1e-9 would lose close points
_SIGN_SLACK = 1e-9  # a sign row violated by more, relative to the sizes that meet in it, is added


@dataclass(frozen=True)
class _DataRows:
    """lower ≤ f + under − over ≤ upper; slacks cost `slack_cost` each (inf: none) or, shared, their maximum."""

    lower: Array
    upper: Array
    slack_cost: float
    shared: bool = False


def _data_rows(y: Array, loss: Loss, tolerance: Array) -> _DataRows:
    if loss == "hinge":
        if not np.all(np.abs(y) == 1):
            row = int(np.argmax(np.abs(y) != 1))
            raise ValueError(f"y must be −1 or +1 for the hinge loss, got {y[row]:g} at row {row}")
        return _DataRows(np.where(y > 0, 1.0, -np.inf), np.where(y > 0, np.inf, -1.0), 1 / len(y))
    lower, upper = y - tolerance, y + tolerance
    if loss == "equality":
        return _DataRows(lower, upper, np.inf)
    if loss == "absolute":
        return _DataRows(lower, upper, 1 / len(y))
    if loss == "maximum":
        return _DataRows(lower, upper, 0.0, shared=True)
    raise ValueError(f"loss must be 'equality', 'absolute', 'maximum' or 'hinge', got {loss!r}")


LEAST_ITERATIONS, ITERATIONS_PER_LINE = 1000, 50
"""After so many iterations, and for each row and column, HiGHS cycles on numbers that it cannot tell apart."""
USUAL_SCALING, OTHER_SCALINGS = 1, (4, 0)
"""Scalings of HiGHS: it gives up on badly scaled numbers with one, and not with another."""


class DataModel:
    """A linear program in which columns of values at the data are combined to fit y.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Inputs.
    y : array_like, shape (N,)
        Labels; −1 or +1 for the hinge loss.
    loss : {"equality", "absolute", "maximum", "hinge"}
        ``equality``: every residual within `tolerance`. ``absolute``: mean of max(|r_i| − tolerance, 0), the
        ε-insensitive loss when `tolerance` is positive. ``maximum``: the largest of them. ``hinge``: mean of
        max(1 − y_i f_i, 0).
    tolerance : float or array_like, shape (N,)
        Half-width of the band in which a residual costs nothing.
    affine : bool
        Whether a free affine part is among the columns.

    Raises
    ------
    ValueError
        If the loss is unknown, or a label is not one of the hinge loss.
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: Loss = "equality",
        tolerance: ArrayLike = 0.0,
        affine: bool = False,
    ) -> None:
        self.Xbar = homogeneous(X)
        self.y = np.asarray(y, dtype=np.float64)
        self.tolerance = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), self.y.shape)
        rows = _data_rows(self.y, loss, self.tolerance)
        self._highs = highspy.Highs()
        self._highs.silent()
        for option in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            self._highs.setOptionValue(option, FEASIBILITY)
        self._highs.setOptionValue("small_matrix_value", _SMALLEST_ENTRY)
        self._highs.setOptionValue("threads", 1)
        self._highs.setOptionValue("presolve", "off")  # it would throw the warm start away
        self._add_rows(np.zeros((len(self.y), 0)), rows.lower, rows.upper)
        self.n_affine = self.Xbar.shape[1] if affine else 0
        if affine:
            free = np.full(self.n_affine, np.inf)
            self.add_columns(self.Xbar, np.zeros(self.n_affine), -free, free)
        self._add_slacks(rows)
        self.n_fixed = self._highs.getNumCol()
        self.n_fixed_rows = self._highs.getNumRow()

    def add_columns(self, values: Array, costs: Array, lower: Array, upper: Array) -> None:
        """Append columns; `values` (N, C) are their values at the data."""
        rows, columns = np.nonzero(values.T)[::-1]
        starts = np.searchsorted(columns, np.arange(len(costs)))
        self._highs.addCols(
            len(costs),
            costs,
            lower,
            upper,
            len(rows),
            starts.astype(np.int32),
            rows.astype(np.int32),
            values[rows, columns],
        )

    def optimise(self) -> float:
        """Solve from the last basis and return the optimal value.

        Raises
        ------
        InfeasibleError
            If no combination of the columns meets the constraints.
        SolverError
            If HiGHS ends in any other way.
        """
        size = self._highs.getNumCol() + self._highs.getNumRow()
        self._highs.setOptionValue("simplex_iteration_limit", LEAST_ITERATIONS + ITERATIONS_PER_LINE * size)
        status = self._run()
        if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            raise InfeasibleError("these signed patterns cannot meet the labels; add neurons or widen the tolerance")
        for scaling in (*OTHER_SCALINGS, USUAL_SCALING):
            if status in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kIterationLimit):
                break
            self._highs.clearSolver()
            self._highs.setOptionValue("simplex_scale_strategy", scaling)
            status = self._run()
        self._highs.setOptionValue("simplex_scale_strategy", USUAL_SCALING)
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS stopped with status {self._highs.modelStatusToString(status)}")
        return self.value

    def _run(self) -> highspy.HighsModelStatus:
        self._highs.run()
        return self._highs.getModelStatus()

    @property
    def value(self) -> float:
        """Objective of the last solution."""
        return float(self._highs.getInfo().objective_function_value)

    @property
    def levels(self) -> Array:
        """Values of the columns in the last solution."""
        return np.array(self._highs.getSolution().col_value)

    @property
    def duals(self) -> Array:
        """Multipliers π (N,) of the data rows: a column a of cost c improves the solution when π·a > c."""
        return np.array(self._highs.getSolution().row_dual)[: len(self.y)]

    @property
    def affine_part(self) -> Array:
        """(slope, intercept), zeros where there is none."""
        return self.levels[: self.n_affine] if self.n_affine else np.zeros(self.Xbar.shape[1])

    def _add_rows(self, values: Array, lower: Array, upper: Array) -> None:
        """Append rows; `values` (R, C) are their coefficients on the first C columns."""
        rows, columns = np.nonzero(values)
        starts = np.searchsorted(rows, np.arange(len(lower)))
        self._highs.addRows(
            len(lower),
            lower,
            upper,
            len(rows),
            starts.astype(np.int32),
            columns.astype(np.int32),
            values[rows, columns],
        )

    def _add_slacks(self, rows: _DataRows) -> None:
        if np.isinf(rows.slack_cost):
            return
        N = len(self.y)
        first = self._highs.getNumCol()
        both = np.hstack([np.eye(N), -np.eye(N)])
        self.add_columns(both, np.full(2 * N, rows.slack_cost), np.zeros(2 * N), np.full(2 * N, np.inf))
        if rows.shared:
            self.add_columns(np.zeros((N, 1)), np.ones(1), np.zeros(1), np.full(1, np.inf))
            largest_minus_slacks = np.hstack([np.zeros((N, first)), -np.abs(both), np.ones((N, 1))])
            self._add_rows(largest_minus_slacks, np.zeros(N), np.full(N, np.inf))


class PatternProgram(DataModel):
    """Weighted ℓ1 over signed activation patterns, with neurons added and repriced between solves.

    Parameters
    ----------
    X, y, loss, tolerance, affine
        As for `DataModel`.

    Attributes
    ----------
    patterns : ndarray of bool, shape (K, N)
    signs : ndarray, shape (K,)
        σ_k = ±1.

    Examples
    --------
    >>> program = PatternProgram([[0.0], [1.0], [2.0]], [0.0, 0.0, 1.0])
    >>> program.add_neurons([[False, False, True]], [1.0])
    >>> round(program.solve(), 6), program.hinges.round(6).tolist()
    (2.0, [[1.0, -1.0]])
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: Loss = "equality",
        tolerance: ArrayLike = 0.0,
        affine: bool = False,
    ) -> None:
        super().__init__(X, y, loss=loss, tolerance=tolerance, affine=affine)
        self.patterns = np.zeros((0, len(self.y)), bool)
        self.signs = np.zeros(0)
        self._sign_rows: list[tuple[int, int]] = []  # (neuron, point) of every row after the fixed ones

    def add_neurons(self, patterns: ArrayLike, signs: ArrayLike, costs: ArrayLike = 1.0) -> None:
        """Append neurons.

        Parameters
        ----------
        patterns : array_like of bool, shape (K, N)
        signs : array_like, shape (K,)
            ±1.
        costs : array_like, broadcast to (K, d + 1)
            Cost of |u_kj|; inf fixes u_kj at zero, which is how a support is given.
        """
        patterns, signs = np.asarray(patterns, bool), np.asarray(signs, np.float64)
        K, n = len(patterns), self.Xbar.shape[1]
        costs = np.broadcast_to(np.asarray(costs, np.float64), (K, n))
        for pattern, sign, cost in zip(patterns, signs, costs):
            values = sign * np.where(pattern[:, None], self.Xbar, 0.0)
            upper = np.where(np.isinf(cost), 0.0, np.inf)
            finite = np.where(np.isinf(cost), 0.0, cost)
            self.add_columns(np.hstack([values, -values]), np.tile(finite, 2), np.zeros(2 * n), np.tile(upper, 2))
        self.patterns = np.vstack([self.patterns, patterns])
        self.signs = np.append(self.signs, signs)

    def set_costs(self, costs: ArrayLike) -> None:
        """Change the cost of every |u_kj|; shape (K, d + 1), inf fixes at zero."""
        costs = np.broadcast_to(np.asarray(costs, np.float64), (len(self.signs), self.Xbar.shape[1]))
        both = np.hstack([costs, costs]).ravel()
        columns = np.arange(self.n_fixed, self.n_fixed + both.size, dtype=np.int32)
        fixed = np.isinf(both)
        self._highs.changeColsCost(both.size, columns, np.where(fixed, 0.0, both))
        self._highs.changeColsBounds(both.size, columns, np.zeros(both.size), np.where(fixed, 0.0, np.inf))

    def solve(self) -> float:
        """Optimal value over the present neurons; adds violated sign rows and solves again until there are none."""
        value = self.optimise()
        while self._add_violated_signs():
            value = self.optimise()
        return value

    @property
    def sign_duals(self) -> dict[tuple[int, int], float]:
        """Multipliers of the sign rows (neuron, point) that hold the last solution back."""
        duals = np.array(self._highs.getSolution().row_dual)[self.n_fixed_rows :]
        return {row: float(dual) for row, dual in zip(self._sign_rows, duals) if dual}

    @property
    def hinges(self) -> Array:
        """u_k of the last solution, shape (K, d + 1)."""
        n = self.Xbar.shape[1]
        halves = self.levels[self.n_fixed :].reshape(len(self.signs), 2, n)
        return halves[:, 0] - halves[:, 1]

    def network(self) -> ReLUNetwork:
        """The last solution; hinges that are zero are left out."""
        return hinge_network(self.hinges, self.signs, self.affine_part)

    def _sizes(self, U: Array) -> Array:
        return np.abs(U) @ np.abs(self.Xbar.T)

    def _add_violated_signs(self) -> bool:
        U = self.hinges
        margin = np.where(self.patterns, 1.0, -1.0) * (U @ self.Xbar.T)
        present = set(self._sign_rows)
        violated = [
            (int(k), int(i)) for k, i in np.argwhere(margin < -_SIGN_SLACK * self._sizes(U)) if (k, i) not in present
        ]
        if not violated:
            return False
        n = self.Xbar.shape[1]
        values = np.zeros((len(violated), self.n_fixed + 2 * n * len(self.signs)))
        for row, (k, i) in zip(values, violated):
            x = self.Xbar[i] if self.patterns[k, i] else -self.Xbar[i]
            row[self.n_fixed + 2 * n * k : self.n_fixed + 2 * n * (k + 1)] = np.concatenate([x, -x])
        self._add_rows(values, np.zeros(len(violated)), np.full(len(violated), np.inf))
        self._sign_rows += violated
        return True


def hinge_network(U: Array, signs: Array, affine: Array) -> ReLUNetwork:
    """Network Σ_k σ_k (u_k · x̄)_+ + affine · x̄ without its zero hinges."""
    alive = U.any(axis=1)
    return ReLUNetwork.from_hinges(U[alive], signs[alive], affine)
