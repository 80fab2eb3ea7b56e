"""Class probabilities that can be taken at their word: outputs divided by one temperature."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from reluctant.arrays import Array
from reluctant.regression.model import Model
from reluctant.regression.protocol import Loss

PRIOR = 10.0
"""Curvature of the pull of 1/T towards 1, beside the log-likelihood of all rows: a standard deviation of 0.3. Few rows,
or classes that are separable, say little about T."""
COLDEST, HOTTEST = 1.0 / 8.0, 8.0
"""Temperatures beyond these are not considered: outputs that are worse than none would be divided without end."""


def temperature_of(f: Array, targets: Array, weights: Array, n_rows: float, loss: Loss) -> float:
    """Temperature T of outputs f on rows that their networks were not fitted to [GPSW].

    τ = 1 / T minimises Σ w loss(τ f, y) / Σ w + κ (τ − 1)² / (2 N), which is strictly convex, over 1/8 ≤ τ ≤ 8.

    Parameters
    ----------
    f, targets, weights : ndarray
        (M, m), (M, m), (M,): predictions of each row by networks fitted to others, one or more of them.
    n_rows : float
        Number N of different rows; of unequal weights (Σ w)² / Σ w² of them.
    loss : Loss
        A negative log-likelihood.

    Returns
    -------
    float
        More than 1 where the networks are surer than they are right.

    References
    ----------
    [GPSW] Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    Log-odds of 3 that are right in three of four rows:

    >>> from reluctant.regression.losses import Logistic
    >>> f, y = np.full((400, 1), 3.0), np.tile([[1.0], [1.0], [1.0], [0.0]], (100, 1))
    >>> round(temperature_of(f, y, np.ones(400), 400, Logistic()), 1)
    2.7
    """
    w = weights / weights.sum()

    def slope(tau: float) -> float:
        gradient = loss.derivatives(tau * f, targets).gradient
        return float(w @ np.einsum("ij,ij->i", f, gradient)) + PRIOR / n_rows * (tau - 1.0)

    if slope(1.0 / HOTTEST) >= 0.0:
        return HOTTEST
    return COLDEST if slope(1.0 / COLDEST) <= 0.0 else 1.0 / brentq(slope, 1.0 / HOTTEST, 1.0 / COLDEST)


def tempered(model: Model, temperature: float) -> Model:
    """The model with all outputs divided by T > 0; its zeros stay, and so does its size."""
    return Model(model.U / temperature, model.V, model.A / temperature)
