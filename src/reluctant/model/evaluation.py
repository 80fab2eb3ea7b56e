"""The arrays of a network: kept so that nobody changes them, and put through a forward pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.validation import as_floats

_BLOCK = 1 << 22  # hidden activations held at a time


def forward(
    X: Array, input_weights: Array, biases: Array, output_weights: Array, slope: Array, intercept: Array
) -> Array:
    """Outputs (N, m) of inputs (N, d), from the arrays that a network names so."""
    y = X @ slope + intercept
    rows = max(1, _BLOCK // max(1, len(biases)))
    for start in range(0, len(X), rows):
        block = slice(start, start + rows)
        hidden = X[block] @ input_weights.T
        hidden += biases
        np.maximum(hidden, 0.0, out=hidden)
        y[block] += hidden @ output_weights
    return y


def frozen(value: ArrayLike, name: str, ndim: int) -> Array:
    """Return a read-only float64 copy with `ndim` axes; a missing last axis is one output."""
    a = np.array(as_floats(value, name), order="C")
    if a.ndim == ndim - 1:
        a = a[..., None]
    if a.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {a.shape}")
    a.flags.writeable = False
    return a
