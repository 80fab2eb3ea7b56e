"""Gauss-Newton and Fisher steps with Levenberg's damping on the unknowns of a network; rows come in blocks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from reluctant.arrays import Array, Mask
from reluctant.effort import never
from reluctant.regression.constraints import Constraints, constrained_minimum
from reluctant.regression.model import Block, Model, Rows, Unknowns
from reluctant.regression.penalties import Penalty, Ridge
from reluctant.regression.protocol import SMOOTHING, Derivatives, Loss

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-9, 1e6
SMALL = 100_000
"""Up to so many entries the Jacobian of several outputs is written out: faster than its many small blocks."""
SLICE = 4096
"""Rows whose products are formed at a time: their Jacobian then stays near the processor."""
FLAT = 1e-3
"""Share of the mean curvature that damping adds for unknowns without any."""
CHORDS = 2
"""Steps in a row that may keep the curvature of the one before: they cost a fifth of that (Shamanskii, 1967)."""


class Data(Protocol):
    """Rows in memory or streamed."""

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""

    @property
    def n_outputs(self) -> int:
        """Number of outputs m."""

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks."""


class Problem(NamedTuple):
    """Σ_i weight_i loss_i + penalty over the unknowns of a model.

    `lines` takes the coefficients of a line on the inputs of hinges to those on the inputs of the affine part, where
    that has inputs of its own; `smoothing` is that of the loss. Steps keep to the `constraints`, and begin at models
    that do.
    """

    data: Data
    loss: Loss
    penalty: Penalty
    affine: bool = True
    constants: bool = True
    lines: Array | None = None
    smoothing: float = SMOOTHING
    constraints: Constraints | None = None

    @property
    def monotone(self) -> bool:
        """Whether slopes have signs to keep."""
        return self.constraints is not None and self.constraints.monotone

    def kept(self, model: Model) -> Model:
        """The model, or the one next to it whose slopes have their signs."""
        return model if self.constraints is None else self.constraints.repaired(model)

    def unknowns(self, model: Model) -> Unknowns:
        """What may move."""
        return Unknowns.of(model, self.affine, self.constants)

    def objective(self, model: Model) -> float:
        """The smoothed objective at a model."""
        return summed_loss(model, self.data, self.loss, self.smoothing) + self.penalty.value(model)


class Quadratic(NamedTuple):
    """The quadratic model of an objective at a point: ½ sᵀ H s + gᵀ s."""

    hessian: Array
    gradient: Array
    ever_on: Mask
    ever_off: Mask


def summed_loss(model: Model, data: Data, loss: Loss, smoothing: float = 0.0) -> float:
    """Σ_i weight_i loss_i, or what the loss has in its place."""
    if not loss.sums_rows:
        return loss.total(*_values_and_weights(model, data, loss, smoothing), smoothing)
    return float(sum(np.dot(b.weights, loss.values(model(b.inputs), b.targets, smoothing)) for b in data.blocks()))


def multiplied_blocks(model: Model, problem: Problem) -> Iterator[Block]:
    """The blocks with the derivatives of the loss by the rows' own losses in the place of weights."""
    if problem.loss.sums_rows:
        yield from problem.data.blocks()
        return
    values, weights = _values_and_weights(model, problem.data, problem.loss, problem.smoothing)
    multipliers = problem.loss.multipliers(values, weights, problem.smoothing)
    start = 0
    for block in problem.data.blocks():
        yield block._replace(weights=multipliers[start : start + len(block.weights)])
        start += len(block.weights)


def _values_and_weights(model: Model, data: Data, loss: Loss, smoothing: float) -> tuple[Array, Array]:
    """Loss (N,) of each row, and its weight."""
    parts = [(loss.values(model(b.inputs), b.targets, smoothing), b.weights) for b in data.blocks()]
    values, weights = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(weights)


def quadratic_model(model: Model, unknowns: Unknowns, problem: Problem) -> Quadratic:
    """H = Jᵀ W J + diag(w) and g = Jᵀ l' + w θ, summed over the blocks, and which neurons are on or off somewhere."""
    P, K = unknowns.size, model.n_neurons
    hessian, gradient = np.zeros((P, P)), np.zeros(P)
    ever_on, ever_off = np.zeros(K, dtype=bool), np.zeros(K, dtype=bool)
    for block in multiplied_blocks(model, problem):
        Z = block.inputs @ model.U.T
        on = Z > 0.0
        ever_on |= on.any(axis=0)
        ever_off |= ~on.all(axis=0)
        hidden = np.where(on, Z, 0.0)
        f = hidden @ model.V + block.inputs @ model.A
        slopes = problem.loss.derivatives(f, block.targets, problem.smoothing)
        h, g = _gram(model, unknowns, block, on, hidden, slopes)
        hessian += h
        gradient += g
    w = problem.penalty.weights(model, unknowns)
    hessian.flat[:: P + 1] += w
    return Quadratic(hessian, gradient + w * unknowns.gather(model), ever_on, ever_off)


def curvatures(model: Model, unknowns: Unknowns, problem: Problem) -> Array:
    """The diagonal of the H of the quadratic model, without the rest."""
    of_U, of_V, of_A = np.zeros_like(model.U), np.zeros_like(model.V), np.zeros_like(model.A)
    for block in multiplied_blocks(model, problem):
        Z, squares = block.inputs @ model.U.T, block.inputs**2
        hidden = np.maximum(Z, 0.0)
        slopes = problem.loss.derivatives(hidden @ model.V + block.inputs @ model.A, block.targets, problem.smoothing)
        weights = block.weights[:, None]
        of_outputs, of_neurons = weights * slopes.diagonal, weights * (slopes.diagonal @ (model.V**2).T)
        if slopes.root is not None and model.n_outputs > 1:
            of_outputs = of_outputs - weights * slopes.root**2
            of_neurons = of_neurons - weights * (slopes.root @ model.V.T) ** 2
        of_U += (of_neurons * (Z > 0.0)).T @ squares
        of_V += (hidden**2).T @ of_outputs
        of_A += squares.T @ of_outputs
    return unknowns.gather(Model(of_U, of_V, of_A)) + problem.penalty.weights(model, unknowns)


def value_and_gradient(model: Model, unknowns: Unknowns, problem: Problem) -> tuple[float, Array]:
    """The smoothed objective and Jᵀ l' + w θ, summed over the blocks."""
    value, sums = problem.penalty.value(model), problem.loss.sums_rows
    if not sums:
        value = problem.objective(model)
    of_U, of_V, of_A = np.zeros_like(model.U), np.zeros_like(model.V), np.zeros_like(model.A)
    for block in multiplied_blocks(model, problem):
        hidden = np.maximum(block.inputs @ model.U.T, 0.0)
        f = hidden @ model.V + block.inputs @ model.A
        if sums:
            value += float(block.weights @ problem.loss.values(f, block.targets, problem.smoothing))
        slopes = block.weights[:, None] * problem.loss.derivatives(f, block.targets, problem.smoothing).gradient
        of_U += ((slopes @ model.V.T) * (hidden > 0.0)).T @ block.inputs
        of_V += hidden.T @ slopes
        of_A += block.inputs.T @ slopes
    pull = problem.penalty.weights(model, unknowns) * unknowns.gather(model)
    return value, unknowns.gather(Model(of_U, of_V, of_A)) + pull


def minimise(
    model: Model, problem: Problem, max_steps: int, rtol: float = 1e-4, stop: Callable[[], bool] = never
) -> tuple[Model, float]:
    """Levenberg's steps from a model until the objective falls by less than `rtol` of itself; dead neurons are removed.

    Some of the steps may be chords, which keep the curvature of the one before; they count whether they pay or not.
    No step begins where `stop` says so.

    Returns the model and its objective, above that of the first only if a neuron that is linear at the data went into
    the affine part where the penalty charges it more.
    """
    damping, begun = FIRST_DAMPING, 0
    value = problem.objective(model)
    while begun < max_steps:
        unknowns = problem.unknowns(model)
        if unknowns.size == 0 or stop():
            break
        local = quadratic_model(model, unknowns, problem)
        model = problem.kept(model.cleaned(local.ever_on, local.ever_off, problem.affine, problem.lines))
        if model.n_neurons < local.ever_on.size:
            value = problem.objective(model)
            unknowns = problem.unknowns(model)
            if unknowns.size == 0:
                break
            local = quadratic_model(model, unknowns, problem)
        taken = _damped_step(model, unknowns, problem, local, value, damping)
        if taken is None:
            break
        before, damping = value, taken.damping
        n_chords = min(CHORDS, max_steps - begun - 1) if _has_chords(problem) else 0
        model, value = _after_chords(taken, before, unknowns, problem, n_chords, rtol)
        begun += 1 + n_chords
        if before - value <= rtol * abs(value):
            break
    return model, value


def _has_chords(problem: Problem) -> bool:
    """Whether the curvature is worth keeping: under a ridge it hardly changes, and rows in memory are quickly read."""
    in_memory = isinstance(problem.data, Rows)
    return in_memory and isinstance(problem.penalty, Ridge) and problem.loss.sums_rows and not problem.monotone


class _Taken(NamedTuple):
    """A step that lowered the objective.

    `moved` is the model as it leads there, `model` the same balanced and within constraints, `value` its objective;
    `damping` is for the next step, `factor` that of the damped curvature where no constraint changed the step.
    """

    moved: Model
    model: Model
    value: float
    damping: float
    factor: Array | None


def _damped_step(
    model: Model, unknowns: Unknowns, problem: Problem, local: Quadratic, value: float, damping: float
) -> _Taken | None:
    """The first of ever shorter steps that lowers the objective; None if none does."""
    theta = unknowns.gather(model)
    curvature = np.diag(local.hessian)
    damped = curvature + FLAT * curvature.mean()
    while damping <= MOST_DAMPING:
        step, factor = _step(model, unknowns, problem, local, damping * damped)
        if step is not None:
            moved = unknowns.scatter(model, theta + step)
            trial = problem.kept(moved.balanced())
            reached = problem.objective(trial)
            if reached < value:
                predicted = -(local.gradient @ step) - 0.5 * step @ (local.hessian @ step)
                gain = (value - reached) / max(float(predicted), 1e-300)
                damping *= 0.25 if gain > 0.5 else 3.0 if gain < 0.1 else 1.0
                return _Taken(moved, trial, reached, max(damping, LEAST_DAMPING), factor)
        damping *= 6.0
    return None


def _after_chords(
    taken: _Taken, before: float, unknowns: Unknowns, problem: Problem, n_chords: int, rtol: float
) -> tuple[Model, float]:
    """The model and its objective after a step and the chords with its curvature that pay."""
    moved, model, value, _, factor = taken
    for _ in range(n_chords):
        if before - value <= rtol * abs(value):
            break
        gradient = value_and_gradient(moved, unknowns, problem)[1]
        moved = unknowns.scatter(moved, unknowns.gather(moved) - dpotrs(factor, gradient, lower=1)[0])
        trial = problem.kept(moved.balanced())
        reached = problem.objective(trial)
        if not reached < value:
            break
        before, model, value = value, trial, reached
    return model, value


def _step(
    model: Model, unknowns: Unknowns, problem: Problem, local: Quadratic, damping: Array
) -> tuple[Array | None, Array | None]:
    """The step to the damped minimum of the quadratic model, of all models or of those that the constraints allow.

    With it comes the factor of the damped curvature, where that alone decided.
    """
    if problem.constraints is None or not problem.constraints.monotone:
        factor = factored(local.hessian, damping)
        return (None if factor is None else dpotrs(factor, -local.gradient, lower=1)[0]), factor
    constraints, theta = problem.constraints, unknowns.gather(model)

    def unmet(step: Array) -> tuple[Array, Array]:
        rows = constraints.violated(unknowns.scatter(model, theta + step), unknowns, model.V)
        return rows, -(rows @ theta)

    return constrained_minimum(local.hessian + np.diag(damping), local.gradient, unmet), None


def regular(hessian: Array, share: float) -> Array:
    """H + share · mean(diag H) · I, which has an inverse where H is singular."""
    return hessian + share * np.trace(hessian) / max(len(hessian), 1) * np.eye(len(hessian))


def factored(hessian: Array, damping: Array) -> Array | None:
    """Lower Cholesky factor of H + diag(damping), or None where that is not positive definite in float64."""
    damped = hessian.copy()
    damped.flat[:: len(damped) + 1] += damping
    factor, failed = dpotrf(damped, lower=1, overwrite_a=1)
    return None if failed else factor


def solved(hessian: Array, damping: Array, right: Array) -> Array | None:
    """(H + diag(damping))⁻¹ right, or None where that matrix is not positive definite in float64."""
    factor = factored(hessian, damping)
    return None if factor is None else np.asarray(dpotrs(factor, right, lower=1)[0], dtype=np.float64)


def _gram(
    model: Model, unknowns: Unknowns, block: Block, on: Mask, hidden: Array, slopes: Derivatives
) -> tuple[Array, Array]:
    """Jᵀ W J and Jᵀ l' of a block."""
    if model.n_outputs > 1 and slopes.gradient.size * unknowns.size <= SMALL:
        return _gram_of_few_rows(model, unknowns, block, on, hidden, slopes)
    gram = _gram_of_one_output if model.n_outputs == 1 else _gram_of_many_outputs
    hessian, gradient = np.zeros((unknowns.size, unknowns.size)), np.zeros(unknowns.size)
    for start in range(0, len(block.weights), SLICE):
        rows = slice(start, start + SLICE)
        parts = (Block(*(a[rows] for a in block)), on[rows], hidden[rows], slopes.at(rows))
        h, g = gram(model, unknowns, *parts)
        hessian += h
        gradient += g
    return hessian, gradient


def _gram_of_one_output(
    model: Model, unknowns: Unknowns, block: Block, on: Mask, hidden: Array, slopes: Derivatives
) -> tuple[Array, Array]:
    """Jᵀ W J and Jᵀ l' with the Jacobian J (N, P) written out."""
    J = unknowns.jacobian(model, block.inputs, on)
    gradient = J.T @ (block.weights * slopes.gradient[:, 0])
    J *= np.sqrt(block.weights * slopes.diagonal[:, 0])[:, None]
    return J.T @ J, gradient


def _gram_of_few_rows(
    model: Model, unknowns: Unknowns, block: Block, on: Mask, hidden: Array, slopes: Derivatives
) -> tuple[Array, Array]:
    """Jᵀ W J and Jᵀ l' with the Jacobians J_c (N, P) of all outputs c written out.

    With W_i = diag(D_i) − q_i q_iᵀ and Q = Σ_c q_c J_c the first is Σ_c J_cᵀ D_c J_c − QᵀQ.
    """
    J = unknowns.jacobians(model, block.inputs, on, hidden)
    weights = block.weights[:, None]
    gradient = np.einsum("cnp,nc->p", J, weights * slopes.gradient)
    Q = None if slopes.root is None else np.einsum("cnp,nc->np", J, np.sqrt(weights) * slopes.root)
    J *= np.sqrt(weights * slopes.diagonal).T[:, :, None]
    rows = J.reshape(slopes.gradient.size, unknowns.size)
    hessian = rows.T @ rows
    return (hessian if Q is None else hessian - Q.T @ Q), gradient


def _gram_of_many_outputs(
    model: Model, unknowns: Unknowns, block: Block, on: Mask, hidden: Array, slopes: Derivatives
) -> tuple[Array, Array]:
    """Jᵀ W J and Jᵀ l' without J, which has N m rows.

    The Jacobian of output c has columns v_kc x_j 1[k is on] for the weights of neuron k, and for the linear unknowns
    of c alone their inputs. So, with W_i = diag(D_i) − q_i q_iᵀ and before Q = Σ_c q_c J_c is taken off as QᵀQ, neurons
    k and l meet with the weights Σ_c D_c v_kc v_lc, a neuron and a linear unknown of c with v_kc D_c, two linear
    unknowns of c with D_c, and those of different outputs not at all.
    """
    inputs, n_weights = block.inputs, unknowns.neuron.size
    D = slopes.diagonal * block.weights[:, None]
    g = slopes.gradient * block.weights[:, None]
    output = np.concatenate([unknowns.output, unknowns.affine_output])
    moved = inputs[:, unknowns.coordinate] * on[:, unknowns.neuron]
    linear = np.hstack([hidden[:, unknowns.out_neuron], inputs[:, unknowns.affine]])
    back = g @ model.V.T
    gradient = np.concatenate(
        [np.einsum("np,np->p", moved, back[:, unknowns.neuron]), np.einsum("np,np->p", linear, g[:, output])]
    )
    hessian = np.zeros((unknowns.size, unknowns.size))
    if slopes.root is not None:
        q = slopes.root * np.sqrt(block.weights)[:, None]
        Q = np.hstack([moved * (q @ model.V.T)[:, unknowns.neuron], linear * q[:, output]])
        hessian = np.negative(Q.T @ Q)

    ends = np.searchsorted(unknowns.neuron, np.arange(model.n_neurons + 1))
    for k, (start, end) in enumerate(itertools.pairwise(ends)):
        weights = (D * model.V[k]) @ model.V[: k + 1].T
        met = moved[:, start:end].T @ (moved[:, :end] * weights[:, unknowns.neuron[:end]])
        hessian[start:end, :end] += met
        hessian[:start, start:end] += met[:, :start].T
    for c in range(model.n_outputs):
        mine = np.flatnonzero(output == c)
        weighted = linear[:, mine] * D[:, c, None]
        met = (moved.T @ weighted) * model.V[unknowns.neuron, c, None]
        at = n_weights + mine
        hessian[:n_weights, at] += met
        hessian[at, :n_weights] += met.T
        hessian[np.ix_(at, at)] += linear[:, mine].T @ weighted
    return hessian, gradient
