"""Whether a set of cells whose span comes near the labels holds an interpolant: output signs and inequalities."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from reluctant.multivariate.cells import Cell
from reluctant.multivariate.problem import Problem
from reluctant.multivariate.program import PatternProgram
from reluctant.network import ReLUNetwork

Array = NDArray[np.float64]
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
        Signed sets that a linear program accepts and evaluation does not.
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

    def _unique_solution(self, chosen: list[int]) -> tuple[Array, Array, list[Signs]] | None:
        """Signed hinges, affine part and the output signs each cell leaves open, fewer than cells if it cannot be.

        None where least squares leaves more than one solution or an uncertain one.
        """
        Xbar, y = self.problem.Xbar, self.problem.y
        n = Xbar.shape[1]
        active = [np.array(self.cells[c][0]) for c in chosen]
        supports = [list(self.cells[c][1]) for c in chosen]
        blocks = [np.where(on[:, None], Xbar[:, S], 0.0) for on, S in zip(active, supports)]
        A = np.hstack([Xbar[:, : n if self.problem.affine else 0], *blocks])
        if A.shape[1] > len(y):
            return None
        size = np.linalg.norm(A, axis=0)
        left, singular, right = np.linalg.svd(A / np.where(size > 0, size, 1.0), full_matrices=False)
        if singular.min(initial=1.0) < _WELL_CONDITIONED:
            return None
        scaled = right.T @ ((left.T @ y) / singular)
        within = np.sqrt(len(y)) * self.problem.tolerance + _ROUNDING
        if np.linalg.norm(y - (A / size) @ scaled) > within:
            return np.zeros((0, n)), np.zeros(n), []
        ends = np.cumsum([A.shape[1] - sum(map(len, supports)), *map(len, supports)])
        affine = np.zeros(n)
        affine[: ends[0]] = (scaled / size)[: ends[0]]
        hinges, options = np.zeros((len(chosen), n)), []
        for u, on, S, begin, end in zip(hinges, active, supports, ends[:-1], ends[1:]):
            u[S] = (scaled / size)[begin:end]
            margin = np.where(on, 1.0, -1.0) * (Xbar @ u)
            slack = 2 * within / singular[-1] * np.linalg.norm(Xbar[:, S] / size[begin:end], axis=1)
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
        if program.solve() > _CLEARLY:
            self.n_excluded += 1
            return None
        network = problem.network(program.hinges, program.signs, program.affine_part)
        if problem.accepts(network):
            return network
        self.undecided += 1
        return None
