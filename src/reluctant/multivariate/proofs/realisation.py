"""Whether a set of cells whose span comes near the labels holds an interpolant: output signs and inequalities."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.errors import InfeasibleError, SolverError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.proofs.cells import Cell, inner, orthogonal_part
from reluctant.multivariate.proofs.problem import Problem
from reluctant.multivariate.proofs.program import PatternProgram
from reluctant.multivariate.proofs.signed_set import SignedSet

Signs = tuple[float, ...]

_BOTH = (1.0, -1.0)
_WELL_CONDITIONED = 1e-7
"""Smallest singular value, for unit columns, from which signs are read off a least-squares solution."""
_CLEARLY = 1e-6
"""A smallest violation this far above the tolerance, in scaled data, is no network that evaluates to the labels."""
_ROUNDINGS = 100.0
"""Backward error of a least-squares problem by singular values, in units of N ε ‖A‖; LAPACK's is a few."""


class Examiner:
    """Decides sets of cells one by one and keeps account of how.

    Attributes
    ----------
    n_excluded : int
        Signed sets excluded by a relation between inequalities, in rationals.
    undecided : int
        Signed sets that hold weights in rationals, which rounded to float64 miss a label.
    """

    def __init__(self, problem: Problem, cells: list[Cell], clock: Clock | None = None) -> None:
        self.problem, self.cells, self.clock = problem, cells, clock or Clock()
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
            if self.clock.expired():  # the caller looks at it too, and claims nothing then
                return None
            programmed = self._by_linear_program(chosen, assignment)
            if programmed is not None:
                return programmed
        return None

    def is_apart(self, chosen: list[int]) -> bool:
        """Whether y is shown to be further from the span of the cells than any interpolant.

        The residuals of an interpolant have norm at most √N τ, whatever its weights. Rationals decide where floats are
        not sure that y is further.
        """
        A, y = self._columns(chosen), self.problem.y
        _, singular, solution = _least_squares(A, y)
        distance, blur = float(np.linalg.norm(y - A @ solution)), _blur(A, y, singular)
        if distance <= self._within:
            return False
        if distance > self._within + blur:
            return True
        return squared_distance(A, y) > len(y) * Fraction(self.problem.tolerance) ** 2

    @property
    def _within(self) -> float:
        """Bound on the norm of the residuals of an interpolant."""
        return float(np.sqrt(len(self.problem.y))) * self.problem.tolerance

    def _columns(self, chosen: list[int]) -> Array:
        """Columns that span what the affine part and the chosen cells add at the data."""
        Xbar = self.problem.Xbar
        blocks = [np.where(np.array(D)[:, None], Xbar[:, S], 0.0) for D, S in (self.cells[c] for c in chosen)]
        return np.hstack([Xbar if self.problem.affine else np.zeros((len(Xbar), 0)), *blocks])

    def _unique_solution(self, chosen: list[int]) -> tuple[Array, Array, list[Signs]] | None:
        """Signed hinges, affine part and the output signs each cell leaves open, fewer than cells if it cannot be.

        None where least squares leaves more than one solution or an uncertain one. With unit columns, the weights of
        an interpolant are within √N τ / σ of those of least squares, and these within blur / σ of the computed ones
        (σ: the smallest singular value). What x̄ · u may differ by follows by Cauchy–Schwarz, and a sign is dropped
        only where some point is on the wrong side by more.
        """
        A, y = self._columns(chosen), self.problem.y
        size, singular, solution = _least_squares(A, y)
        if A.shape[1] > len(y) or singular.min(initial=1.0) < _WELL_CONDITIONED:
            return None
        apart = (self._within + _blur(A, y, singular)) / singular.min(initial=1.0)
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
            slack = apart * np.linalg.norm(Xbar[:, S] / size[begin:end], axis=1)
            fits = tuple(sign for sign in (1.0, -1.0) if np.all(sign * margin >= -slack))
            if not fits:
                break
            options.append(fits)
        return hinges, affine, options

    def _by_linear_program(self, chosen: list[int], signs: Signs) -> ReLUNetwork | None:
        """A network with given output signs (0: a neuron of each), or the proof that there is none.

        A linear program in float64 proposes both; what it proposes is evaluated, the network as it stands and the proof
        in integers. Where neither holds the inequalities are solved in rationals.
        """
        pairs = [(self.cells[c], sign) for c, option in zip(chosen, signs) for sign in ([option] if option else _BOTH)]
        signed_set = SignedSet.of(self.problem, [cell for cell, _ in pairs], [sign for _, sign in pairs])
        try:
            program = self.solved(pairs)
        except (InfeasibleError, SolverError):  # neither can be: HiGHS gave up on these numbers
            program = None
        if program is not None:
            if program.value <= self.problem.tolerance + _CLEARLY:
                network = self._accepted(program.hinges, program.signs, program.affine_part)
                if network is not None:
                    return network
            if signed_set.refuted_by(program.duals, program.sign_duals):
                self.n_excluded += 1
                return None
        return self._in_rationals(signed_set)

    def solved(self, pairs: list[tuple[Cell, float]]) -> PatternProgram:
        """The linear program of the smallest violation, solved."""
        problem = self.problem
        program = PatternProgram(problem.Xbar[:, :-1], problem.y, loss="maximum", affine=problem.affine)
        for (pattern, support), sign in pairs:
            costs = np.full(problem.Xbar.shape[1], np.inf)
            costs[list(support)] = 0.0
            program.add_neurons([pattern], [sign], costs)
        program.solve()
        return program

    def _in_rationals(self, signed_set: SignedSet) -> ReLUNetwork | None:
        """The same without a proposal: some network, in the middle of the tolerance if that can be."""
        point = signed_set.point()
        if point is None:
            self.n_excluded += 1
            return None
        for weights in (signed_set.point(0.0), point):
            if weights is None:
                continue
            hinges, affine = signed_set.hinges(weights)
            network = self._accepted(hinges, signed_set.signs, affine)
            if network is not None:
                return network
        self.undecided += 1
        return None

    def _accepted(self, hinges: Array, signs: Array, affine: Array) -> ReLUNetwork | None:
        network = self.problem.network(hinges, signs, affine)
        return network if self.problem.accepts(network) else None


def _least_squares(A: Array, y: Array) -> tuple[Array, Array, Array]:
    """Column norms, singular values of the columns scaled to norm one, and the solution where those are positive."""
    size = np.linalg.norm(A, axis=0)
    left, singular, right = np.linalg.svd(A / np.where(size > 0, size, 1.0), full_matrices=False)
    inverse = np.where(singular > 0, 1 / np.where(singular > 0, singular, 1.0), 0.0)
    return size, singular, right.T @ (inverse * (left.T @ y)) / np.where(size > 0, size, 1.0)


def _blur(A: Array, y: Array, singular: Array) -> float:
    """Bound on the error of computed residuals, and of σ times computed weights, for unit columns; inf without one.

    The computed weights solve a problem with columns A + E, ‖E‖ ≤ e = 100 N ε ‖A‖. Projections on two spans of one
    dimension differ by at most ‖E‖ / σ [Wedin 1973], residuals by three times that times ‖y‖, evaluation included, and
    weights by as much over σ, since the first-order terms are ‖E‖ ‖c‖ / σ and ‖E‖ ‖r‖ / σ² with ‖c‖ ≤ ‖y‖ / σ.
    """
    smallest = singular.min(initial=1.0)
    error = _ROUNDINGS * len(y) * np.finfo(float).eps * singular.max(initial=1.0)
    if A.shape[1] > len(y) or smallest <= 4 * error:
        return np.inf
    return float(4 * error / smallest * np.linalg.norm(y))


def squared_distance(A: Array, y: Array) -> Fraction:
    """Squared distance of y from the span of the columns, exactly, by Gram–Schmidt in rationals.

    Examples
    --------
    >>> squared_distance(np.array([[1.0], [1.0]]), np.array([0.0, 1.0]))
    Fraction(1, 2)
    """
    basis: list[list[Fraction]] = []
    for column in [*A.T.tolist(), y.tolist()]:
        rest = orthogonal_part([Fraction(a) for a in column], basis)
        if any(rest):
            basis.append(rest)
    return inner(rest, rest)
