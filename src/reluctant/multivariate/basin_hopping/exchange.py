"""Local search on the support itself: least squares without shrinkage, judged by error and size together.

The value of a network is ‖r‖²/N times a factor for each parameter, the exponential of the extended Bayesian
information criterion [Chen, Chen 2008]: a weight stays if it lowers the error by more than the best of so many
weights would by chance. Nothing is shrunk, so nothing spurious has to fill in for what shrinking takes away, and at
a network that generated the labels the value falls to rounding.
"""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.multivariate.basin_hopping.reweighted import Equations, Hinges, Support, drop_small, majorised_descent

EXACT = 1e-12
"""Value below which only rounding is left, for labels of spread about one."""
UNEXPLAINED = 0.8
"""Of the value of no network at all: labels in general position end above, planted ones below a half as a rule."""
_FLOOR = 1e-20  # mean square of rounding
_MOST_UNKNOWNS = 0.6  # of the equations: beyond, a small error means nothing
_RIDGE = 1e-10  # keeps least squares bounded in directions that the data leave free
_STEPS = 8
_ADDED = (1, 3, 6)  # coordinates tried at once
_GAIN = 1e-3


def sized_error(data: Equations, hinges: Hinges) -> float:
    """(‖r‖²/N) (N D²)^{P/N} for P nonzeros, D coordinates a neuron; infinite where P is too large for N."""
    n, n_nonzero = data.n_equations, hinges.n_parameters
    if n_nonzero > _MOST_UNKNOWNS * n:
        return float("inf")
    r = data.residual(hinges)
    return (float(r @ r) / n + _FLOOR) * price_of_one(data) ** n_nonzero


def price_of_one(data: Equations) -> float:
    """(N D²)^{1/N}: the factor by which a further parameter must lower the squared error."""
    return float((data.n_equations * data.n_coordinates**2) ** (1 / data.n_equations))


def exchange(data: Equations, hinges: Hinges) -> Hinges:
    """Delete what does not pay; then add coordinates to the neurons and delete again, while the value falls."""
    hinges = delete_unpaid(data, least_squares(data, largest(data, hinges)))
    value = sized_error(data, hinges)
    improved = True
    while improved and hinges.U.any() and value > EXACT:
        improved = False
        for n in _ADDED:
            trial = delete_unpaid(data, least_squares(data, with_best_zeros(data, hinges, n)))
            trial_value = sized_error(data, trial)
            if trial_value < (1 - _GAIN) * value:
                hinges, value, improved = trial, trial_value, True
                break
    return drop_small(hinges, 0.0)


def least_squares(data: Equations, hinges: Hinges) -> Hinges:
    """Least-squares weights on the nonzeros of U, the activation pattern moving with them."""
    return majorised_descent(data, hinges, _RIDGE * data.n_equations, 0.0, 2.0, _STEPS)


def largest(data: Equations, hinges: Hinges) -> Hinges:
    """With only as many of the weights, the largest, as the equations can tell apart."""
    most = int(_MOST_UNKNOWNS * data.n_equations)
    if hinges.n_parameters <= most:
        return hinges
    sizes = np.abs(hinges.U)
    return hinges.with_weights(np.where(sizes > np.partition(sizes, -most - 1, axis=None)[-most - 1], hinges.U, 0.0))


def unexplained(data: Equations, hinges: Hinges) -> tuple[Array, Array]:
    """Orthonormal basis of what the nonzeros of U explain to first order, and the residual outside its span."""
    r = data.residual(hinges)
    basis = np.linalg.qr(data.design(hinges, np.nonzero(hinges.U))).Q
    return basis, r - basis @ (basis.T @ r)


def with_best_zeros(data: Equations, hinges: Hinges, n: int) -> Hinges:
    """With the n zeros of the neurons filled that each alone explain most of the residual."""
    zeros = np.nonzero((hinges.U == 0.0) & np.any(hinges.U, axis=1, keepdims=True))
    basis, r = unexplained(data, hinges)
    C = data.design(hinges, zeros)
    C -= basis @ (basis.T @ C)
    sizes = np.einsum("ij,ij->j", C, C)
    fitted = C.T @ r / np.maximum(sizes, 1e-8)
    best = np.argsort(-(fitted**2) * sizes)[:n]
    filled = hinges.U.copy()
    filled[zeros[0][best], zeros[1][best]] = fitted[best] / n
    return hinges.with_weights(filled)


def delete_unpaid(data: Equations, hinges: Hinges) -> Hinges:
    """Delete coordinates as long as the value falls, as many at a time as the model of fixed patterns promises."""
    value = sized_error(data, hinges)
    while True:
        support = np.nonzero(hinges.U)
        chosen = unpaid(data, hinges)
        while len(chosen):
            trial = least_squares(data, without(hinges, support, chosen))
            trial_value = sized_error(data, trial)
            if trial_value < value:
                break
            chosen = chosen[: len(chosen) // 2]
        else:
            return hinges
        hinges, value = trial, trial_value


def without(hinges: Hinges, support: Support, chosen: list[int] | Index) -> Hinges:
    """With the chosen places of the support set to zero."""
    U = hinges.U.copy()
    U[support[0][chosen], support[1][chosen]] = 0.0
    return hinges.with_weights(U)


def unpaid(data: Equations, hinges: Hinges) -> list[int]:
    """Places in the support, cheapest first, whose deletion lowers the value as long as the pattern stays.

    The price of one is the surgeon's u²/C_qq with C = (AᵀA)⁻¹; both are updated after each deletion.
    """
    support = np.nonzero(hinges.U)
    u, r = hinges.U[support], data.residual(hinges)
    A = data.design(hinges, support)
    H = A.T @ A
    H.flat[:: len(H) + 1] += 1e-9 * max(np.trace(H), 1.0) / max(len(H), 1)
    C = np.linalg.inv(H)
    error = float(r @ r) + _FLOOR * len(r)
    chosen: list[int] = []
    while len(chosen) < len(u) - 1:
        prices = u * u / np.diag(C)
        prices[chosen] = np.inf
        q = int(np.argmin(prices))
        if error + prices[q] >= price_of_one(data) * error:
            break
        chosen.append(q)
        error += prices[q]
        column = C[:, q] / C[q, q]
        u, C = u - column * u[q], C - np.outer(column, C[q])
        C[q, q] = 1.0
    return chosen
