"""How far a function on the line is from its data, at the rows and between them."""

from __future__ import annotations

import numpy as np

from reluctant.arrays import Array
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate import _evaluation
from reluctant.univariate.points import is_increasing


def values_of(f: PiecewiseLinear, x: Array) -> Array:
    """What f(x) is, in one pass where x is increasing."""
    return _evaluation.values_at(x, f.knots, f.anchors, f.slopes) if x.flags.carray and is_increasing(x) else f(x)


def errors_of(f: PiecewiseLinear, x: Array, y: Array) -> tuple[float, float]:
    """Largest distance of f from the rows, and from the polyline through them on their range.

    Where one x has several y the second is the larger distance from the polylines through the least and through the
    largest of them.
    """
    x, y = (np.require(a, requirements=["C", "W"]) for a in (x, y))  # one kind, as the code is compiled for each
    if is_increasing(x):
        return _evaluation.largest_distances(x, y, f.knots, f.anchors, f.slopes)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    starts = np.flatnonzero(np.concatenate([[True], x[1:] > x[:-1]]))
    polylines = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    errors = [_evaluation.largest_distances(x[starts], ends, f.knots, f.anchors, f.slopes) for ends in polylines]
    at_rows, between = np.max(errors, axis=0).tolist()
    return at_rows, between
