"""Networks of one input to begin a path with: least-squares functions with counted knots at data points."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.effort import Clock
from reluctant.regression.losses import Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.protocol import Loss
from reluctant.univariate.least_squares_path import sketch

GROUPS = 256
"""More rows than that are taken together by neighbours: these are starts, and knots will move."""
MOST_KNOTS, ROWS_PER_KNOT = 40, 4
"""The most knots, or fewer where rows are few."""
FINEST = 2.0**-30
"""Share of the range of x within which rows have one x."""


def has_knots(rows: Rows, loss: Loss, affine: bool) -> bool:
    """Whether the knots of a function are what a network of these rows is made of: one input and one output."""
    return rows.n_inputs == 1 and rows.n_outputs == 1 and rows.n_slopes == 0 and affine and loss == Squared()


def knot_starts(rows: Rows, max_neurons: int | None = None) -> list[Model]:
    """Good functions of one input with ever fewer knots; the knots of neighbouring rows that bend one way are joined.

    They come from the functional dynamic programme on a grid that becomes finer near good knots, at falling prices, and
    nothing is proved about them. The slopes are those of least squares.
    """
    x, y, w = _grouped(rows.inputs[:, 0], rows.targets[:, 0], rows.weights)
    most = min(MOST_KNOTS, len(rows) // ROWS_PER_KNOT, np.inf if max_neurons is None else max_neurons)
    if len(x) < 4 or most < 1:
        return []
    starts = {}
    for knots in _sketched(x.tobytes(), y.tobytes(), w.tobytes(), int(most)):
        for places in (x[knots], _joined(x, y, w, knots)):
            starts[len(places), places.tobytes()] = _fitted(x, y, w, places)
    return [starts[key] for key in sorted(starts, reverse=True)]


@lru_cache(maxsize=2)
def _sketched(x: bytes, y: bytes, w: bytes, most: int) -> list[Index]:
    """The knots, found once for all ridges that are compared on the same rows."""
    return sketch(np.frombuffer(x), np.frombuffer(y), np.frombuffer(w), most, Clock())


def _grouped(x: Array, y: Array, w: Array) -> tuple[Array, Array, Array]:
    """Weighted means of neighbours in x, and their weights, which sum to 1."""
    order = np.argsort(x, kind="stable")
    x, y, w = x[order], y[order], w[order] / w.sum()
    cell = np.floor((x - x[0]) / (FINEST * max(x[-1] - x[0], np.finfo(float).tiny)))
    group = np.cumsum(np.diff(cell, prepend=cell[0]) > 0)
    if group[-1] >= GROUPS:
        group = group * GROUPS // (group[-1] + 1)
    total, sum_x, sum_y = (np.bincount(group, a).astype(np.float64) for a in (w, w * x, w * y))
    return sum_x / total, sum_y / total, total


def _basis(x: Array, places: Array) -> Array:
    return np.column_stack([np.ones(len(x)), x, np.maximum(x[:, None] - places, 0.0)])


def _coefficients(x: Array, y: Array, w: Array, places: Array) -> Array:
    """Intercept, slope and changes of slope of the least-squares function with these knots."""
    root = np.sqrt(w)
    return np.linalg.lstsq(root[:, None] * _basis(x, places), root * y, rcond=None)[0].astype(np.float64)


def _joined(x: Array, y: Array, w: Array, knots: Index) -> Array:
    """Places of the knots where each two of neighbours that bend one way become one, which bends as much as both."""
    change = _coefficients(x, y, w, x[knots])[2:]
    places = []
    k = 0
    while k < len(knots):
        pair = k + 1 < len(knots) and knots[k + 1] == knots[k] + 1 and change[k] * change[k + 1] > 0
        here = slice(k, k + 2 if pair else k + 1)
        places.append(np.average(x[knots[here]], weights=np.abs(change[here])) if pair else x[knots[k]])
        k = here.stop
    return np.array(places)


def _fitted(x: Array, y: Array, w: Array, places: Array) -> Model:
    found = _coefficients(x, y, w, places)
    bent = found[2:] != 0.0
    change, places = found[2:][bent], places[bent]
    U = np.abs(change)[:, None] * np.column_stack([np.ones(len(places)), -places])
    return Model(U, np.sign(change)[:, None], found[[1, 0]][:, None])
