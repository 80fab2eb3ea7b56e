"""The affine function with all its slopes and a ridge of its own: what a network of few rows has to beat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.regression.folds import Config, Fold, Trial, units_of
from reluctant.regression.path import Shrinkage, affine_of
from reluctant.regression.protocol import Loss
from reluctant.regression.standardise import Standardisation
from reluctant.regression.surgeon import Stage

RIDGES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)


class Linear(NamedTuple):
    """The affine function whose ridge has the least validation loss.

    What it is computed with, its number of parameters, and its validation loss (N,) for every row.
    """

    trial: Trial
    size: int
    losses: Array


def best_linear(
    X: Array,
    targets: Array,
    weights: Array,
    config: Config,
    folds: list[tuple[NDArray, NDArray]],
    units: Standardisation,
    loss: Loss,
) -> Linear:
    """Cross-validate affine functions over the ridges on the given folds; `loss` counts in `units` of all rows.

    Rows that no fold has left out have a loss of NaN.
    """
    sums, counts, size = np.zeros((len(RIDGES), len(X))), np.zeros(len(X)), 0
    for train, test in folds:
        for i, path in enumerate(_paths(X[train], targets[train], weights[train], config)):
            affine = path[1][0]
            size = max(size, affine.size)
            sums[i, test] += Fold(test, *path).losses(X, targets, np.array([affine.size]), units, loss)[0]
        counts[test] += 1
    seen = counts > 0
    best = int(np.argmin(sums[:, seen] / counts[seen] @ weights[seen]))
    losses = np.full(len(X), np.nan)
    losses[seen] = sums[best, seen] / counts[seen]
    return Linear(_trial(RIDGES[best]), size, losses)


def _trial(ridge: float) -> Trial:
    return Trial(Shrinkage(ridge, ridge), linear=True)


def _paths(X: Array, targets: Array, weights: Array, config: Config) -> list[tuple[Standardisation, list[Stage]]]:
    """The affine functions of some rows in their own standardised units, one a ridge, as paths of one size."""
    units = units_of(X, targets, weights, config)
    rows, config = units.rows(X, targets, weights), config.inside(units)
    return [(units, [affine_of(rows, config.loss, config.plan(_trial(ridge)))]) for ridge in RIDGES]
