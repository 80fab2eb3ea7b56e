"""Networks on the line whose neurons face either side, so that they need no affine part.

Facing a neuron the other way changes the function by a line: v (w x + b)_+ = v (w x + b) + v (−w x − b)_+. So neurons
are turned until the slope of the affine part is used up; what is left of it one neuron more makes: a part of one of
them, or a hinge at the left end of the data.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.errors import TooSteepError
from reluctant.model._double_double import two_product
from reluctant.model.links import Links
from reluctant.model.network import ReLUNetwork

ROUNDING = 1e-12
"""Largest change of the function, relative to its largest value, for which no neuron is added."""


class Orientation(NamedTuple):
    """Which kinks are made by neurons that face left, and who makes what is then left of the slope.

    `shared` is a kink that is split between a neuron of either side; −1 stands for a hinge at the left end.
    """

    faces_left: Mask
    shared: int


def turned(network: ReLUNetwork, orientation: Orientation, low: float, high: float) -> ReLUNetwork:
    """The same function on [low, high] without an affine part; the network's neurons, of one output, face right.

    Raises
    ------
    TooSteepError
        If float64 does not hold its weights.
    """
    left, shared = orientation.faces_left.copy(), orientation.shared
    if shared >= 0:
        left[shared] = False
    # In units, powers of two, in which no product overflows.
    w, b, v = network.input_weights[:, 0], network.biases, network.output_weights[:, 0]
    ew, ev, ex = (int(np.frexp(np.max(np.abs(a)))[1]) for a in (w, v, np.array([low, high])))
    w, b, v = np.ldexp(w, -ew), np.ldexp(b, -ew - ex), np.ldexp(v, -ev)
    low, high = np.ldexp([low, high], -ex).tolist()
    slope, intercept = np.ldexp([network.slope[0, 0], network.intercept[0]], [-ew - ev, -ew - ev - ex]).tolist()
    kinks = np.clip(np.append(-b / w, [low, high]), low, high)
    largest = float(np.ldexp(np.max(np.abs(network(np.ldexp(kinks, ex)))), -ew - ev - ex))
    slope = _sum_of_products(v[left], w[left], slope)
    constant = [(v[left], b[left])]
    ws, bs, vs = np.where(left, -w, w), np.where(left, -b, b), v.copy()
    if shared >= 0:
        part = -slope / w[shared]
        rest = v[shared] - part
        constant.append((np.array([part]), b[shared : shared + 1]))
        vs[shared] = 0.0 if abs(rest) * (high - low) <= ROUNDING * largest else rest
        ws, bs, vs = np.append(ws, -w[shared]), np.append(bs, -b[shared]), np.append(vs, part)
    elif not abs(slope) * (high - low) <= ROUNDING * largest:
        constant.append((np.array([slope]), np.array([low])))
        ws, bs, vs = np.append(ws, 1.0), np.append(bs, -low), np.append(vs, slope)
    outgoing, biases = (np.concatenate(parts) for parts in zip(*constant))
    value = _sum_of_products(outgoing, biases, intercept)
    used = vs != 0.0
    with np.errstate(over="ignore"):
        ws, bs, vs = np.ldexp(ws[used], ew), np.ldexp(bs[used], ew + ex), np.ldexp(vs[used], ev)
        value = float(np.ldexp(value, ew + ev + ex))
    if value != 0.0:
        ws, bs, vs = np.append(ws, 0.0), np.append(bs, 1.0), np.append(vs, value)
    if not all(np.isfinite(part).all() for part in (ws, bs, vs)):
        raise TooSteepError("float64 does not hold the weights of the network; rescale x or y")
    return ReLUNetwork(ws[:, None], bs, vs)


def _sum_of_products(a: Array, b: Array, start: float) -> float:
    """The sum of `start` and Σ a b, rounded once."""
    return math.fsum([start, *np.concatenate(two_product(a, b)).tolist()])


def with_first_knot(f: Links, x: float, change: float) -> Links:
    """The function with a kink left of its first, where it changes by so much."""
    y = float(f.at(np.array([x]))[0])
    changes = None if f.changes is None else np.insert(f.changes, 0, change)
    return Links(
        np.insert(f.knots, 0, x),
        np.insert(f.anchors, 0, [x, y], axis=1),
        np.insert(f.slopes, 0, f.slopes[0] - change),
        changes,
    )
