"""New hinges for a model: which of many explain most of its gradient, and with which amplitudes they enter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtrs

from reluctant.arrays import Array
from reluctant.regression.constraints import Constraints, constrained_minimum
from reluctant.regression.gauss_newton import Problem, multiplied_blocks, regular, solved
from reluctant.regression.model import Model, Rows, Unknowns
from reluctant.regression.steps import hinge_sums, jacobian, objective, quadratic_model

NARROW, DEPENDENT, NOTHING = 1e-4, 1e-3, 1e-300
"""Shares of the curvature: hinges that act on less are left out; at least so much of a hinge is taken as its own."""
SCORING_ROWS = 2000
"""Candidates are scored on at most so many rows."""
DAMPED, REGULAR = 1e-3, 1e-9
"""Shares of the curvature added for new amplitudes and for the unknowns that there are, when they are solved for."""
SHORTLIST = 40
"""Candidates that are scored in full, with one output."""
SCALES = (1.0, 0.5, 0.25)
"""Shares of the step to new amplitudes that are tried in turn."""
SEED = 1e-150
"""Amplitude of a new hinge before it has one: it acts on nothing, and its unknowns are free."""


Draw = Callable[[Rows, int, NDArray, np.random.Generator], Array]
"""What draws so many hinges (n, d + 1) on some columns."""


def scoring_rows(rows: Rows, rng: np.random.Generator) -> Rows:
    """The rows, or a sample of them where they are many, of the same total weight."""
    if len(rows) <= SCORING_ROWS:
        return rows
    sample = rows.take(rng.choice(len(rows), SCORING_ROWS, replace=False))
    return replace(sample, weights=sample.weights * (rows.total_weight / sample.total_weight))


def random_hinges(rows: Rows, n_hinges: int, columns: NDArray, rng: np.random.Generator) -> Array:
    """Unit directions on one or two inputs, (n, d + 1), each hinge through a data point."""
    hinges = np.zeros((n_hinges, rows.n_inputs + 1))
    first = rng.choice(columns, size=n_hinges)
    second = rng.choice(columns, size=n_hinges)
    angle = rng.uniform(-np.pi, np.pi, n_hinges)
    angle[rng.random(n_hinges) < 0.5] = 0.0
    every = np.arange(n_hinges)
    hinges[every, second] = np.sin(angle)
    hinges[every, first] = np.where(first == second, 1.0, np.cos(angle))
    return _through_rows(hinges, rows, rng)


def dense_hinges(rows: Rows, n_hinges: int, columns: NDArray, rng: np.random.Generator) -> Array:
    """Unit directions on all inputs, uniform on the sphere, (n, d + 1), each hinge through a data point."""
    hinges = np.zeros((n_hinges, rows.n_inputs + 1))
    directions = rng.standard_normal((n_hinges, columns.size))
    hinges[:, columns] = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return _through_rows(hinges, rows, rng)


def _through_rows(hinges: Array, rows: Rows, rng: np.random.Generator) -> Array:
    """The hinges (n, d + 1) with biases that put the kink of each at a random row."""
    points = rows.inputs[rng.integers(len(rows), size=len(hinges))]
    hinges[:, -1] = -np.sum(hinges[:, :-1] * points[:, :-1], axis=1)
    return hinges


def drawn(
    draw: Draw,
    rows: Rows,
    n_hinges: int,
    columns: NDArray,
    rng: np.random.Generator,
    constraints: Constraints | None,
) -> Array:
    """Hinges on inputs that may meet; where slopes have signs, on either side of their knots."""
    if constraints is None:
        return draw(rows, n_hinges, columns, rng)
    groups = constraints.groups[:, columns]
    groups = groups[groups.any(axis=1)]
    hinges = np.zeros((n_hinges, rows.n_inputs + 1))
    group_of = rng.integers(len(groups), size=n_hinges)
    for g in np.unique(group_of):
        mine = group_of == g
        hinges[mine] = draw(rows, int(mine.sum()), columns[groups[g]], rng)
    weights = hinges[:, :-1]
    least = -np.sort(-np.abs(weights), axis=1)[:, constraints.most - 1]
    weights[np.abs(weights) < least[:, None]] = 0.0
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    if constraints.monotone:
        weights[rng.random(n_hinges) < 0.5] *= -1.0
    return _through_rows(hinges, rows, rng)


def with_best_hinges(model: Model, problem: Problem, sample: Rows, hinges: Array, n_added: int) -> Model | None:
    """The model with the best of some hinges added, its objective lower; None where they do not lower it.

    Amplitudes solve the quadratic model of the objective with the shapes of the new hinges held, once together with all
    that may move and once with the rest held, and are halved up to twice: a hinge that starts too large cannot be
    brought back by a few steps.
    """
    best = _best(model, problem, sample, hinges, n_added)
    if not best:
        return None
    value = objective(model, problem)
    joining = _Joining.of(model, problem, hinges[best])
    for trials in joining.trials(problem):
        reached, least = min(((objective(m, problem), i) for i, m in enumerate(trials)), default=(np.inf, 0))
        if reached < value:
            return trials[least]
    return None


class _Joining(NamedTuple):
    """A model with new hinges whose amplitudes are next to zero, and directions (P, A) in which it may move.

    The first `n_old` directions are the unknowns that there were. For one output the direction of an amplitude is along
    the weights of the hinge, for several its output weights are amplitudes.
    """

    model: Model
    hinges: Array
    unknowns: Unknowns
    directions: Array
    n_old: int

    @classmethod
    def of(cls, model: Model, problem: Problem, hinges: Array) -> _Joining:
        """Join hinges (n, d + 1) to a model."""
        one = model.n_outputs == 1
        outgoing = np.full((len(hinges), model.n_outputs), 1.0 if one else SEED)
        larger = model.append(SEED * hinges if one else hinges, outgoing)
        unknowns = problem.unknowns(larger)
        K = model.n_neurons
        old = np.concatenate([unknowns.neuron < K, unknowns.out_neuron < K, np.ones(unknowns.affine.size, dtype=bool)])
        every = np.eye(unknowns.size)
        if not one:
            new = np.flatnonzero(unknowns.out_neuron >= K) + unknowns.neuron.size
            return cls(larger, hinges, unknowns, np.hstack([every[:, old], every[:, new]]), int(old.sum()))
        mine = np.flatnonzero(unknowns.neuron >= K)
        along = np.zeros((unknowns.size, len(hinges)))
        owner = unknowns.neuron[mine] - K
        along[mine, owner] = hinges[owner, unknowns.coordinate[mine]]
        return cls(larger, hinges, unknowns, np.hstack([every[:, old], along]), int(old.sum()))

    def trials(self, problem: Problem) -> Iterator[list[Model]]:
        """For each share of the step the models that it leads to: of everything together, of the amplitudes alone."""
        local = quadratic_model(self.model, self.unknowns, problem)
        hessian = self.directions.T @ local.hessian @ self.directions
        gradient = self.directions.T @ local.gradient
        damping = DAMPED * np.diag(hessian)
        damping[: self.n_old] = REGULAR * np.diag(hessian)[: self.n_old].mean() if self.n_old else 0.0
        new = slice(self.n_old, None)
        together = self._amplitudes(problem, self.directions, hessian, gradient, damping)
        alone = self._amplitudes(problem, self.directions[:, new], hessian[new, new], gradient[new], damping[new])
        steps = [] if together is None else [self.directions @ together]
        if alone is not None:
            steps.append(self.directions[:, new] @ alone)
        for scale in SCALES:
            yield [problem.kept(self._moved(scale * step)) for step in steps]

    def _amplitudes(
        self, problem: Problem, directions: Array, hessian: Array, gradient: Array, damping: Array
    ) -> Array | None:
        """The step along some directions to the damped minimum of the quadratic model, or of what is allowed of it."""
        if problem.constraints is None or not problem.constraints.monotone:
            return solved(hessian, damping, -gradient)
        constraints, theta = problem.constraints, self.unknowns.gather(self.model)

        def unmet(step: Array) -> tuple[Array, Array]:
            rows = constraints.violated(self._moved(directions @ step), self.unknowns, self.model.V)
            return rows @ directions, -(rows @ theta)

        return constrained_minimum(hessian + np.diag(damping), gradient, unmet)

    def _moved(self, step: Array) -> Model:
        """The model after a step; a hinge of one output whose amplitude fell below zero points down."""
        moved = self.unknowns.scatter(self.model, self.unknowns.gather(self.model) + step)
        if moved.n_outputs > 1:
            return moved.balanced()
        sign = np.ones((moved.n_neurons, 1))
        first = moved.n_neurons - len(self.hinges)
        sign[first:, 0] = np.where(np.sum(moved.U[first:] * self.hinges, axis=1) < 0.0, -1.0, 1.0)
        return Model(moved.U * sign, moved.V * sign, moved.A)


def _best(model: Model, problem: Problem, sample: Rows, hinges: Array, n_added: int) -> list[int]:
    """Indices of the hinges that explain most of the gradient.

    A hinge is as good as the part of the gradient it explains when all unknowns so far may follow: |cᵀ r|² / cᵀ M c
    with the candidate c, the residual r of the step and M the projector off the tangent space. With one output that is
    worked out for those alone that are best where M only takes off the mean.
    """
    constrained = problem.constraints if problem.monotone else None
    sampled = problem._replace(data=sample)
    slopes = problem.loss.derivatives(model(sample.inputs), sample.targets, problem.smoothing)
    weights = np.concatenate([block.weights for block in multiplied_blocks(model, sampled)])
    gradient = slopes.gradient * weights[:, None]
    curvature = np.mean(slopes.diagonal, axis=1) * weights
    tangent = _Tangent.of(model, sampled, sample) if model.n_outputs == 1 else None
    if tangent is not None:
        gradient = gradient - tangent.explained(curvature)[:, None]
    norms, sums, pulls = hinge_sums(hinges, sample, curvature, gradient[:, 0])
    tried = np.flatnonzero(norms > NARROW * curvature.sum())
    if constrained is not None:
        tried = tried[~constrained.blocked(model, hinges[tried], -pulls[tried])]
    if tangent is not None:
        scores = pulls**2 / np.maximum(norms - sums**2 / curvature.sum(), DEPENDENT * norms + NOTHING)
        tried = tried[np.argsort(-scores[tried], kind="stable")[:SHORTLIST]]
    hidden, norms = np.maximum(hinges[tried] @ sample.inputs.T, 0.0), norms[tried]
    covered = np.zeros((0, tried.size)) if tangent is None else tangent.covered(hidden * curvature)
    pull = hidden @ gradient
    left = np.maximum(norms - np.sum(covered**2, axis=0), DEPENDENT * norms)
    best: list[int] = []
    for _ in range(min(n_added, tried.size)):
        scores = np.sum(pull**2, axis=1) / left
        scores[best] = 0.0
        if constrained is not None:
            scores[constrained.blocked(model, hinges[tried], -pull[:, 0])] = 0.0
        j = int(np.argmax(scores))
        if scores[j] <= 0.0:
            break
        best.append(j)
        shared = (hidden @ (curvature * hidden[j]) - covered.T @ covered[:, j]) / left[j]
        pull = pull - shared[:, None] * pull[j]
        left = np.maximum(left - shared**2 * left[j], DEPENDENT * norms)
    return [int(j) for j in tried[best]]


class _Tangent(NamedTuple):
    """What the unknowns of a model of one output can follow: Jᵀ (P, N), the factor L of H = L Lᵀ, and L⁻¹ g."""

    jacobian: Array
    factor: Array
    rest: Array

    @classmethod
    def of(cls, model: Model, problem: Problem, rows: Rows) -> _Tangent:
        """At a model, over some rows."""
        unknowns = problem.unknowns(model)
        local = quadratic_model(model, unknowns, problem)
        J, curved, slope = jacobian(model, unknowns, rows), local.hessian, local.gradient
        if problem.monotone:
            free = problem.constraints.free_directions(model, unknowns)  # type: ignore[union-attr]
            J, curved, slope = free.T @ J, free.T @ curved @ free, free.T @ slope
        factor = np.asarray(np.linalg.cholesky(regular(curved, REGULAR)), dtype=np.float64)
        return cls(J, factor, _below(factor, slope))

    def explained(self, curvature: Array) -> Array:
        """What of the gradient (N,) goes when the unknowns follow."""
        step = _below(self.factor, self.rest, transposed=True)
        return curvature * (step @ self.jacobian)

    def covered(self, weighted: Array) -> Array:
        """L⁻¹ Jᵀ W c (P, n) of weighted candidates W c (n, N), whose norm is what of c is no new direction."""
        return _below(self.factor, self.jacobian @ weighted.T)


def _below(factor: Array, right: Array, transposed: bool = False) -> Array:
    """L⁻¹ or L⁻ᵀ times the right side; the checks of scipy's function take longer than the work."""
    if not factor.size:
        return right
    return np.asarray(dtrtrs(factor, right, lower=1, trans=int(transposed))[0], dtype=np.float64)
