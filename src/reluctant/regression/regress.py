"""Solve `reluctant.regress` for checked data: scale, merge equal rows, minimise, and say what came out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork
from reluctant.regression.losses import mean_loss
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalised import Penalised, minimise_penalised
from reluctant.regression.protocol import Loss
from reluctant.regression.standardise import Standardisation
from reluctant.solution import Certificate, Solution

_DEAREST = 400
"""Exponent of the highest price of a hinge: far beyond what it could gain in standardised units."""
LOCAL = "the best of a local search, whose results from other starts may be lower"
KEPT = "the given start, on which a local search did not improve"


def distinct_weighted_rows(X: Array, targets: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Rows in lexicographic order, equal ones joined and their weights added; rows of weight zero are left out.

    What follows depends on neither the order of the rows nor on whether a row is repeated or weighs more.
    """
    kept = weights > 0.0
    table = np.column_stack([X, targets])[kept] + 0.0  # no negative zeros
    rows, index = np.unique(table, axis=0, return_inverse=True)
    total = np.bincount(index.ravel(), weights=weights[kept]).astype(np.float64)
    return rows[:, : X.shape[1]], rows[:, X.shape[1] :], total


def regress_space(
    X: Array,
    targets: Array,
    weights: Array,
    loss: Loss,
    alpha: float,
    p: float,
    affine: bool,
    start: ReLUNetwork | None,
    effort: Effort,
    n_starts: int = 1,
) -> Solution:
    """Minimise mean loss + α Σ ‖v_k‖_p^p ‖u_k‖_p^p in the user's units; biases count for two inputs or more.

    Every model is an answer, so that an interrupt ends the search at any moment and returns the best so far.
    """
    rows, labels, weight = distinct_weighted_rows(X, targets, weights)
    units = _Units.of(rows, labels, weight, loss, affine)
    coefficients = units.norm_coefficients(alpha, weight.sum(), p, loss.degree)
    loss_inside = loss.scaled(units.hinges.y_scale)
    problem = Penalised(units.rows(rows, labels, weight), loss_inside, coefficients, p, affine, units.lines())
    first = None if start is None else units.model(start)
    with effort.clock().listening() as clock:
        network = units.network(minimise_penalised(problem, first, effort, clock, n_starts))
    return solution_of(network, X, targets, weights, loss, alpha, p)


def without_affine_part(network: ReLUNetwork) -> ReLUNetwork:
    """The hinges alone."""
    return ReLUNetwork(network.input_weights, network.biases, network.output_weights)


def better_of(found: Solution, given: Solution) -> Solution:
    """What was found, unless the start that was given has a smaller objective; both have one.

    Where the bound holds for all functions and is met, less is rounding.
    """
    proved = found.certificate.kind == "proved" and not found.certificate.among
    return found if proved or found.objective <= given.objective else given  # type: ignore[operator]


class _Units(NamedTuple):
    """Units of hinges and those of the affine part: inputs of a model are the columns of the one, then of the other.

    Where biases are penalised, zero weights and biases must be those of the user, and columns are scaled but not
    shifted. The affine part is free, so it has centred columns, on which every offset of X gives the same equations.
    """

    hinges: Standardisation
    slopes: Standardisation

    @classmethod
    def of(cls, X: Array, targets: Array, weights: Array, loss: Loss, affine: bool) -> _Units:
        """All outputs share one scale, as they share one penalty; only a free intercept takes up a shift of y."""
        centred = Standardisation.of(X, targets, weights, loss.of_residuals, affine, loss.link)
        if loss.of_residuals:
            y_mean = centred.y_mean if affine else np.zeros_like(centred.y_mean)
            spread = _root_mean_square(targets - y_mean, weights)
            centred = replace(centred, y_mean=y_mean, y_scale=np.full_like(y_mean, spread if spread > 0.0 else 1.0))
        elif centred.y_unit is not None:
            unit = np.full_like(centred.y_unit, centred.y_unit.mean())
            centred = replace(centred, y_mean=np.log(unit), y_unit=unit)
        centred.check_slopes()
        if X.shape[1] == 1:  # biases are free
            return cls(centred, centred)
        root_mean_square = np.hypot(centred.x_mean, centred.x_scale)  # infinite for constant columns
        return cls(replace(centred, x_mean=np.zeros_like(centred.x_mean), x_scale=root_mean_square), centred)

    def norm_coefficients(self, alpha: float, weight: float, p: float, degree: int) -> Array:
        """What |u_j|^p of a hinge in these units counts in `weight` times the objective; the bias comes last.

        α · weight · y_scale^(p − degree) / x_scale^p, where a loss grows with y to the power `degree`; outputs that are
        logarithms have no scale, and y then has its unit. Exponents are added before they are applied, so that no power
        overflows; what no data can pay for is cut off.
        """
        of_hinges = self.hinges
        power, unit = (p - degree, of_hinges.y_scale) if of_hinges.y_unit is None else (-degree, of_hinges.y_unit)
        d = self.hinges.n_inputs
        scale = np.append(np.where(np.isfinite(self.hinges.x_scale), self.hinges.x_scale, 1.0), 1.0)
        (a, of_alpha), (y, of_y), (x, of_x) = np.frexp(alpha), np.frexp(unit[0]), np.frexp(scale)
        exponent = power * of_y - p * of_x
        whole = np.floor(exponent)
        mantissa = a * weight * y**power / x**p * np.exp2(exponent - whole)
        price = np.ldexp(mantissa, np.minimum(whole + of_alpha, _DEAREST).astype(np.intp))
        return np.concatenate([price[:d], np.zeros(d), [price[d] if d > 1 else 0.0]])

    def rows(self, X: Array, targets: Array, weights: Array) -> Rows:
        """All rows in these units."""
        inputs = np.hstack([self.hinges.inputs(X)[:, :-1], self.slopes.inputs(X)])
        return Rows(inputs, self.hinges.targets(targets), weights, n_slopes=X.shape[1])

    def model(self, network: ReLUNetwork) -> Model:
        """The model that stands for a network in the user's units."""
        hinges, A = self.hinges.model(network), self.slopes.model(network).A
        unused = np.zeros((hinges.n_neurons, network.n_inputs))
        U = np.hstack([hinges.U[:, :-1], unused, hinges.U[:, -1:]])
        return Model(U, hinges.V, np.vstack([np.zeros_like(A[:-1]), A]))

    def lines(self) -> Array:
        """Matrix that takes the coefficients of a line on the columns of hinges to those on centred columns."""
        d = self.hinges.n_inputs
        ratio = np.zeros(d)
        np.divide(self.slopes.x_scale, self.hinges.x_scale, out=ratio, where=np.isfinite(self.hinges.x_scale))
        lines = np.zeros((2 * d + 1, 2 * d + 1))
        lines[d : 2 * d, :d] = np.diag(ratio)
        lines[-1, :d] = (self.slopes.x_mean - self.hinges.x_mean) / self.hinges.x_scale
        lines[-1, -1] = 1.0
        return lines

    def network(self, model: Model) -> ReLUNetwork:
        """The network in the user's units that a model stands for."""
        d, m = self.hinges.n_inputs, model.n_outputs
        hinges = Model(model.U[:, np.r_[:d, 2 * d]], model.V, np.zeros((d + 1, m)))
        affine = self.slopes.network(replace(Model.zero(d, m), A=model.A[d:]))
        return replace(self.hinges.network(hinges), slope=affine.slope, intercept=affine.intercept)


def _root_mean_square(a: Array, weights: Array) -> float:
    """√ of the weighted mean of squares of a (N, m), none of which overflows or vanishes."""
    unit = np.ldexp(1.0, int(np.frexp(np.max(np.abs(a)))[1]) - 1)
    return float(unit * np.sqrt(np.mean(np.average((a / unit) ** 2, axis=0, weights=weights))))


def solution_of(
    network: ReLUNetwork,
    X: Array,
    targets: Array,
    weights: Array,
    loss: Loss,
    alpha: float,
    p: float,
    reason: str = LOCAL,
) -> Solution:
    """The solution a network is, with its figures measured on it."""
    errors = np.abs(network(X).reshape(targets.shape) - targets)
    return Solution(
        network=network,
        p=p,
        value=network.path_norm(p),
        max_error=float(errors.max()) if loss.of_residuals else np.nan,
        certificate=Certificate("objective", 0.0, "none", reason),
        alpha=alpha,
        mean_loss=mean_loss(network, X, targets, loss, weights),
    )
