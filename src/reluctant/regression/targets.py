"""Targets as the losses want them, checked."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.regression.protocol import Loss, refuse

MOST_CLASSES = 10_000
"""Labels from here on are rather codes than classes."""


def as_targets(y: Array, loss: Loss, n_outputs: int | None = None) -> Array:
    """Targets (N, m) as a loss wants them; of a network of `n_outputs` outputs where it is given."""
    if loss.output_per_class and y.ndim == 1:
        return one_hot(y, n_outputs)
    targets = y.reshape(len(y), -1)
    if n_outputs is not None and targets.shape[1] != n_outputs:
        raise ValueError(f"y must have {n_outputs} columns, one for each output, got {targets.shape[1]}")
    loss.check(targets)
    return targets


def one_hot(labels: Array, n_classes: int | None = None) -> Array:
    """Rows of the identity for labels 0 … n_classes − 1; by default as many as the largest label asks for."""
    highest = MOST_CLASSES if n_classes is None else n_classes
    wrong = (labels < 0) | (labels != np.round(labels)) | (labels >= highest)
    refuse(labels[:, None], wrong[:, None], f"softmax wants labels 0, 1, 2, … below {highest}, or rows of class shares")
    if n_classes is None:
        present = np.unique(labels)
        empty = np.flatnonzero(present != np.arange(present.size))
        if empty.size:
            raise ValueError(f"softmax has no row of class {empty[0]}; number the classes 0 … m - 1")
    return np.eye(int(labels.max()) + 1 if n_classes is None else n_classes)[labels.astype(np.intp)]
