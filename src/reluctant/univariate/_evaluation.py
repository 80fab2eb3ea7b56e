"""Values and errors of link-local tables at sorted points, and the steepest slope that a band asks for, in one pass."""

from __future__ import annotations

import numpy as np

from reluctant.compiling import SMALL, njit


@njit(cache=True, inline="always")
def worse(error, other):
    """The larger of two errors; a NaN is the worst."""
    return other if other > error or other != other else error


@njit(cache=True, interpreted_below=SMALL)
def values_at(x, knots, anchors, slopes):
    """Values of a link-local table at increasing x, as `Links.at` reckons them."""
    values = np.empty(len(x))
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            k += 1
        values[i] = (x[i] - anchors[0, k]) * slopes[k] + anchors[1, k]
    return values


@njit(cache=True, interpreted_below=SMALL)
def largest_residual(x, y, knots, anchors, slopes):
    """max_i |f(x_i) − y_i| of a link-local table, for sorted x."""
    worst = 0.0
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            k += 1
        worst = worse(worst, abs(anchors[1, k] + slopes[k] * (x[i] - anchors[0, k]) - y[i]))
    return worst


@njit(cache=True, interpreted_below=SMALL)
def largest_distances(x, y, knots, anchors, slopes):
    """max_i |f(x_i) − y_i| for sorted x, and the largest distance of f from the polyline through the points.

    The difference is piecewise linear, so between the points it is largest at a knot.
    """
    at_points, at_knots = 0.0, 0.0
    k = 0
    for i in range(len(x)):
        while k < len(knots) and x[i] >= knots[k]:
            t = knots[k]
            k += 1
            if i > 0 and x[i] > t > x[i - 1]:
                chord = y[i] + (y[i] - y[i - 1]) / (x[i] - x[i - 1]) * (t - x[i])
                at_knots = worse(at_knots, abs(anchors[1, k] + slopes[k] * (t - anchors[0, k]) - chord))
        at_points = worse(at_points, abs(anchors[1, k] + slopes[k] * (x[i] - anchors[0, k]) - y[i]))
    return at_points, worse(at_points, at_knots)


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def steepest(x, lo, hi):
    """The largest slope that every function in the band has from one point to the next."""
    worst = 0.0
    for i in range(len(x) - 1):
        slope = max(lo[i + 1] - hi[i], lo[i] - hi[i + 1]) / (x[i + 1] - x[i])
        worst = slope if slope > worst else worst  # not where it is NaN
    return worst


@njit(cache=True, error_model="numpy", interpreted_below=SMALL)
def may_be_steeper(x, lo, hi, limit):
    """Whether a slope that every function in the band has may be as steep as a limit; no division, so a short pass."""
    steeper = 0
    for i in range(len(x) - 1):
        most = limit * (x[i + 1] - x[i])
        steeper += not (lo[i + 1] - hi[i] < most and lo[i] - hi[i + 1] < most)
    return steeper > 0
