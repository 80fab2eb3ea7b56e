"""One form for the many ways a function can be written with hinges: kinks, weights and a linear remainder.

Since σ(t)_+ = σ(−t)_+ + σt, a neuron can be turned round at the price of a linear term, and such terms can
hide in other neurons. Data cannot tell a neuron that is active on all of them from a linear term either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.model.merging import groups_of_equal_rows, normalised_hinges
from reluctant.multivariate.basin_hopping.reweighted import Hinges

_ENUMERATED = 12
_RTOL = 1e-7


def kinks(Xbar: Array, hinges: Hinges) -> tuple[Array, Array]:
    """Write the hinges, on the data, as Σ_h (κ_h·x̄)_+ sign_h + linear·x̄ with no two kinks on one hyperplane.

    Returns
    -------
    signed : ndarray, shape (H, d + 1)
        The jump of the gradient across each kink, sign_h κ_h for κ_h with its largest entry positive.
    linear : ndarray, shape (d + 1,)
        What the hinges that are active on all data, and those turned round, leave.
    """
    signs, U = hinges
    active = (Xbar @ U.T > 0.0).sum(axis=0)
    always, kinked = active == len(Xbar), (active > 0) & (active < len(Xbar))
    linear = signs[always] @ U[always]
    hinge, scale = normalised_hinges(U[kinked])
    weight = signs[kinked] * np.abs(scale)
    turned = scale < 0
    linear = linear - weight[turned] @ hinge[turned]
    group, first = groups_of_equal_rows(hinge, _RTOL)
    jump = np.bincount(group, weight, minlength=len(first))
    largest = np.zeros(len(first))
    np.maximum.at(largest, group, np.abs(weight))
    kept = np.abs(jump) > _RTOL * largest
    return jump[kept, None] * hinge[first][kept], linear


def sparsest_orientation(jumps: Array, linear: Array) -> tuple[Mask, Array]:
    """Which kinks to turn round so that the linear remainder has the fewest nonzeros, and that remainder.

    All orientations are compared for up to twelve kinks; more are turned one at a time while that helps.
    """
    scale = np.abs(linear) + np.abs(jumps).sum(axis=0)
    if len(jumps) <= _ENUMERATED:
        choices = (np.arange(2 ** len(jumps))[:, None] >> np.arange(len(jumps))) & 1
    else:
        rounded = np.linalg.lstsq(jumps.T, -linear, rcond=None)[0] > 0.5
        choices = _turned_one_at_a_time(jumps, linear, scale, rounded.astype(int))
    remainders = linear + choices @ jumps
    remainders[np.abs(remainders) <= _RTOL * scale] = 0.0
    best = np.argmin(np.count_nonzero(remainders, axis=1))
    return choices[best].astype(bool), remainders[best]


def _turned_one_at_a_time(jumps: Array, linear: Array, scale: Array, choice: NDArray) -> NDArray:
    """The local optimum reached from `choice` by single turns, as the only row."""

    def cost(choice: NDArray) -> int:
        return int(np.count_nonzero(np.abs(linear + choice @ jumps) > _RTOL * scale))

    improved = True
    while improved:
        improved = False
        for h in range(len(choice)):
            trial = choice.copy()
            trial[h] = 1 - trial[h]
            if cost(trial) < cost(choice):
                choice, improved = trial, True
    return choice[None, :]


def canonical_hinges(Xbar: Array, hinges: Hinges, free_affine: bool) -> Hinges:
    """The same function on the data, up to a free affine part: kinks merged, oriented for a sparse remainder."""
    jumps, linear = kinks(Xbar, hinges)
    turned, linear = sparsest_orientation(jumps, linear)
    at = np.argmax(np.abs(jumps), axis=1) if len(jumps) else np.zeros(0, dtype=int)
    sign = np.sign(jumps[np.arange(len(jumps)), at])
    kinked = Hinges(sign, jumps * (sign * np.where(turned, -1.0, 1.0))[:, None])
    if free_affine or not linear.any():
        return kinked
    values = Xbar @ linear
    if values.min() >= 0.0:
        return kinked.append(1.0, linear)
    if values.max() <= 0.0:
        return kinked.append(-1.0, -linear)
    return kinked.append([1.0, -1.0], [linear, -linear])
