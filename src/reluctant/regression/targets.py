"""Targets as the losses want them, checked."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.regression.losses import CLASSIFICATION, Hinge, Huber, Loss, Softmax

LARGEST, MOST_CLASSES = 1e150, 10_000
"""Largest |y| whose square and sums of it are floats; labels from here on are rather codes than classes."""


def as_targets(y: Array, loss: Loss, n_outputs: int | None = None) -> Array:
    """Targets (N, m) as a loss wants them; of a network of `n_outputs` outputs where it is given."""
    if isinstance(loss, Softmax) and y.ndim == 1:
        return one_hot(y, n_outputs)
    targets = y.reshape(len(y), -1)
    if n_outputs is not None and targets.shape[1] != n_outputs:
        raise ValueError(f"y must have {n_outputs} columns, one for each output, got {targets.shape[1]}")
    check_deltas(loss, targets.shape[1])
    if not isinstance(loss, CLASSIFICATION):
        check_squares(targets)
        return targets
    if isinstance(loss, Hinge):
        _check(targets, (targets != 0.0) & (targets != 1.0), "the hinge loss wants classes 0 and 1")
    _check(targets, (targets < 0.0) | (targets > 1.0), "this loss wants classes 0 and 1, or shares between them")
    if isinstance(loss, Softmax):
        total = targets.sum(axis=1, keepdims=True)
        _check(total, np.abs(total - 1.0) > 1e-6, "as the sum of the class shares, which must be 1")
    return targets


def check_squares(targets: Array) -> None:
    """Raise a ValueError naming the first target whose square, or sums of it, are beyond float64."""
    _check(targets, np.abs(targets) > LARGEST, "its square is beyond float64, rescale y")


def check_deltas(loss: Loss, n_outputs: int) -> None:
    """Raise a ValueError where Huber's loss has neither one δ nor one for each output."""
    if isinstance(loss, Huber) and np.size(loss.delta) not in (1, n_outputs):
        raise ValueError(f"delta must be one number or one for each of the {n_outputs} outputs, got {loss.delta!r}")


def one_hot(labels: Array, n_classes: int | None = None) -> Array:
    """Rows of the identity for labels 0 … n_classes − 1; by default as many as the largest label asks for."""
    highest = MOST_CLASSES if n_classes is None else n_classes
    wrong = (labels < 0) | (labels != np.round(labels)) | (labels >= highest)
    _check(labels[:, None], wrong[:, None], f"softmax wants labels 0, 1, 2, … below {highest}, or rows of class shares")
    if n_classes is None:
        present = np.unique(labels)
        empty = np.flatnonzero(present != np.arange(present.size))
        if empty.size:
            raise ValueError(f"softmax has no row of class {empty[0]}; number the classes 0 … m - 1")
    return np.eye(int(labels.max()) + 1 if n_classes is None else n_classes)[labels.astype(np.intp)]


def _check(values: Array, wrong: Mask, remedy: str) -> None:
    """Raise a ValueError naming the first of `values` that is wrong."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(f"y has {values[row, column]:g} at row {row}; {remedy}")
