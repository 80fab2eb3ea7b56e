"""Whether a set of cells whose span comes near the labels holds an interpolant: output signs and inequalities."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import SolverError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.proofs.cells import Cell
from reluctant.multivariate.proofs.problem import Problem
from reluctant.multivariate.proofs.program import PatternProgram

Signs = tuple[float, ...]

_WELL_CONDITIONED = 1e-7  # smallest singular value, for unit columns, from which a least-squares solution is trusted
_ROUNDING = 1e-13
_CLEARLY = 1e-6  # a smallest violation above this, in scaled data, is not rounding


class Examiner:
    """Decides sets of cells one by one and keeps account of how.

    Attributes
    ----------
    n_excluded : int
        Signed sets excluded by a linear program in float64.
    undecided : int
        Signed sets that a linear program accepts and evaluation does not, or that HiGHS gives up on.
    """

    def __init__(self, problem: Problem, cells: list[Cell]) -> None:
        self.problem, self.cells = problem, cells
        self.n_excluded = 0
        self.undecided = 0

    def realise(self, chosen: list[int], doubled: list[int]) -> ReLUNetwork | None:
        """An interpolant with one neuron in every chosen cell, or one of each output sign in the doubled ones."""
        options: list[Signs] = [(0.0,) if c in doubled else (1.0, -1.0) for c in chosen]
        if not doubled:
            solution = self._unique_solution(chosen)
            if solution is not None:
                hinges, affine, options = solution
                if len(options) < len(chosen):
                    return None
                signs = np.array([fits[0] for fits in options])
                network = self.problem.network(signs[:, None] * hinges, signs, affine)
                if self.problem.accepts(network):
                    return network
        for assignment in product(*options):
            programmed = self._by_linear_program(chosen, assignment)
            if programmed is not None:
                return programmed
        return None

    def is_apart(self, chosen: list[int]) -> bool:
        """Whether y is further from the span of the cells than any interpolant, in exact arithmetic if need be."""
        A, y = self._columns(chosen), self.problem.y
        _, singular, solution = _least_squares(A, y)
        if singular.min(initial=1.0) >= _WELL_CONDITIONED:
            return bool(np.linalg.norm(y - A @ solution) > self._within)
        return squared_distance(A, y) > Fraction(self._within) ** 2

    @property
    def _within(self) -> float:
        """Bound on the norm of the residuals of an interpolant, with room for rounding."""
        return float(np.sqrt(len(self.problem.y))) * self.problem.tolerance + _ROUNDING

    def _columns(self, chosen: list[int]) -> Array:
        """Columns that span what the affine part and the chosen cells add at the data."""
        Xbar = self.problem.Xbar
        blocks = [np.where(np.array(D)[:, None], Xbar[:, S], 0.0) for D, S in (self.cells[c] for c in chosen)]
        return np.hstack([Xbar if self.problem.affine else np.zeros((len(Xbar), 0)), *blocks])

    def _unique_solution(self, chosen: list[int]) -> tuple[Array, Array, list[Signs]] | None:
        """Signed hinges, affine part and the output signs each cell leaves open, fewer than cells if it cannot be.

        None where least squares leaves more than one solution or an uncertain one.
        """
        A, y = self._columns(chosen), self.problem.y
        size, singular, solution = _least_squares(A, y)
        if A.shape[1] > len(y) or singular.min(initial=1.0) < _WELL_CONDITIONED:
            return None
        Xbar = self.problem.Xbar
        n = Xbar.shape[1]
        end = n if self.problem.affine else 0
        affine = np.zeros(n)
        affine[:end] = solution[:end]
        hinges, options = np.zeros((len(chosen), n)), []
        for u, (D, S) in zip(hinges, (self.cells[c] for c in chosen)):
            begin, end = end, end + len(S)
            u[list(S)] = solution[begin:end]
            margin = np.where(D, 1.0, -1.0) * (Xbar @ u)
            slack = 2 * self._within / singular[-1] * np.linalg.norm(Xbar[:, S] / size[begin:end], axis=1)
            fits = tuple(sign for sign in (1.0, -1.0) if np.all(sign * margin >= -slack))
            if not fits:
                break
            options.append(fits)
        return hinges, affine, options

    def _by_linear_program(self, chosen: list[int], signs: Signs) -> ReLUNetwork | None:
        """The smallest violation for given output signs (0: a neuron of each)."""
        problem = self.problem
        program = PatternProgram(problem.Xbar[:, :-1], problem.y, loss="maximum", affine=problem.affine)
        for c, sign in zip(chosen, signs):
            pattern, support = self.cells[c]
            costs = np.full(problem.Xbar.shape[1], np.inf)
            costs[list(support)] = 0.0
            both = [sign] if sign else [1.0, -1.0]
            program.add_neurons([pattern] * len(both), both, costs)
        try:
            violation = program.solve()
        except SolverError:
            self.undecided += 1
            return None
        if violation > _CLEARLY:
            self.n_excluded += 1
            return None
        network = problem.network(program.hinges, program.signs, program.affine_part)
        if problem.accepts(network):
            return network
        self.undecided += 1
        return None


def _least_squares(A: Array, y: Array) -> tuple[Array, Array, Array]:
    """Column norms, singular values of the columns scaled to norm one, and the solution where those are positive."""
    size = np.linalg.norm(A, axis=0)
    left, singular, right = np.linalg.svd(A / np.where(size > 0, size, 1.0), full_matrices=False)
    inverse = np.where(singular > 0, 1 / np.where(singular > 0, singular, 1.0), 0.0)
    return size, singular, right.T @ (inverse * (left.T @ y)) / np.where(size > 0, size, 1.0)


def squared_distance(A: Array, y: Array) -> Fraction:
    """Squared distance of y from the span of the columns, exactly, by Gram–Schmidt in rationals.

    Examples
    --------
    >>> squared_distance(np.array([[1.0], [1.0]]), np.array([0.0, 1.0]))
    Fraction(1, 2)
    """
    basis: list[list[Fraction]] = []
    for column in [*A.T.tolist(), y.tolist()]:
        rest = [Fraction(a) for a in column]
        for b in basis:
            factor = _dot(rest, b) / _dot(b, b)
            rest = [r - factor * c for r, c in zip(rest, b)]
        if any(rest):
            basis.append(rest)
    return _dot(rest, rest)


def _dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b)), Fraction(0))
