"""Weights of given features with the smallest largest error: a linear program."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array


def smallest_largest(features: Array, y: Array, scale: Array) -> Array:
    """The weights w with the smallest max |features w − y| / scale, (q,); least squares if the program gives up."""
    from scipy.optimize import linprog

    counts = np.isfinite(scale)
    features, y, scale = features[counts], y[counts], scale[counts]
    if not len(y):
        return np.zeros(features.shape[1])
    size = np.maximum(np.abs(features).max(axis=0), np.finfo(np.float64).tiny)
    unit = max(float(np.abs(y).max()), np.finfo(np.float64).tiny)
    A = np.column_stack([features / size, -scale / scale.max()])
    below = A * np.append(-np.ones(features.shape[1]), 1.0)
    objective = np.append(np.zeros(features.shape[1]), 1.0)
    limits = np.concatenate([y, -y]) / unit
    free = [(None, None)] * features.shape[1] + [(0.0, None)]
    result = linprog(objective, A_ub=np.concatenate([A, below]), b_ub=limits, bounds=free, method="highs")
    if result.status == 0:
        return result.x[:-1] * unit / size
    return np.linalg.lstsq(features / size / scale[:, None], y / scale, rcond=None)[0] / size
