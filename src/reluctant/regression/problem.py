"""Solve `reluctant.regress` for checked data: scale, merge equal rows, minimise, and say what came out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.network import ReLUNetwork
from reluctant.regression.losses import CLASSIFICATION, Huber, Loss, Squared
from reluctant.regression.penalised import Penalised, minimise_penalised
from reluctant.regression.size_path import in_standard_units, mean_loss
from reluctant.regression.standardise import Standardisation
from reluctant.solution import Certificate, Solution

Array = NDArray[np.float64]

LOCAL = "a local minimiser that no single deletion improves; nothing is known about the least objective"


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
    rng: np.random.Generator,
    time_limit: float | None,
) -> Solution:
    """Minimise mean loss + α Σ ‖v_k‖_p^p ‖u_k‖_p^p in the user's units; biases count for two inputs or more."""
    rows, labels, weight = distinct_weighted_rows(X, targets, weights)
    units = _uncentred(rows, labels, weight, loss, affine)
    scale = float(units.y_scale[0])
    per_input = np.where(np.isfinite(units.x_scale), units.x_scale, 1.0) ** -p
    bias = 1.0 if X.shape[1] > 1 else 0.0
    coefficients = alpha * weight.sum() * scale ** (p - _degree(loss)) * np.append(per_input, bias)
    problem = Penalised(units.rows(rows, labels, weight), in_standard_units(loss, units), coefficients, p, affine)
    first = None if start is None else units.model(start)
    with threadpool_limits(limits=1, user_api="blas"):
        network = units.network(minimise_penalised(problem, rng, first, time_limit))
    return solution_of(network, X, targets, weights, loss, alpha, p)


def _uncentred(X: Array, targets: Array, weights: Array, loss: Loss, affine: bool) -> Standardisation:
    """Units in which zero weights and biases are those of the user: columns are scaled, not shifted.

    Only y is shifted, by what a free intercept takes up. All outputs share one scale, as they share one penalty.
    """
    centred = Standardisation.of(X, targets, weights, scale_targets=not isinstance(loss, CLASSIFICATION))
    x_scale = np.hypot(centred.x_mean, centred.x_scale)  # the root mean square; infinite for constant columns
    if isinstance(loss, CLASSIFICATION):
        return Standardisation(np.zeros_like(x_scale), x_scale, centred.y_mean, centred.y_scale)
    y_mean = centred.y_mean if affine else np.zeros_like(centred.y_mean)
    spread = float(np.sqrt(np.mean(np.average((targets - y_mean) ** 2, axis=0, weights=weights))))
    return Standardisation(
        np.zeros_like(x_scale), x_scale, y_mean, np.full_like(y_mean, spread if spread > 0.0 else 1.0)
    )


def _degree(loss: Loss) -> int:
    """The loss of targets divided by s is the loss divided by s to this power."""
    return 0 if isinstance(loss, CLASSIFICATION) else 2 if isinstance(loss, (Squared, Huber)) else 1


def solution_of(
    network: ReLUNetwork, X: Array, targets: Array, weights: Array, loss: Loss, alpha: float, p: float
) -> Solution:
    """The solution a network is, with its figures measured on it."""
    errors = np.abs(network(X).reshape(targets.shape) - targets)
    return Solution(
        network=network,
        p=p,
        value=network.path_norm(p),
        max_error=np.nan if isinstance(loss, CLASSIFICATION) else float(errors.max()),
        certificate=Certificate("objective", 0.0, "none", LOCAL),
        alpha=alpha,
        mean_loss=mean_loss(network, X, targets, loss, weights),
    )
