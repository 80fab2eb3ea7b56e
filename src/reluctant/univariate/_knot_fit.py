"""The least-squares function that bends at given data points, and its loss."""

import numpy as np

from reluctant.compiling import njit


@njit(cache=True)
def _heights(x, r, w, corners):
    """Values at the corners of the least-squares function, from the normal equations of hat functions."""
    n = len(corners)
    diagonal, beside, b = np.zeros(n), np.zeros(n), np.zeros(n)
    for k in range(n - 1):
        begin, end = corners[k], corners[k + 1]
        for j in range(begin if k == 0 else begin + 1, end + 1):
            right = (x[j] - x[begin]) / (x[end] - x[begin])
            left = (x[end] - x[j]) / (x[end] - x[begin])
            diagonal[k] += w[j] * left * left
            diagonal[k + 1] += w[j] * right * right
            beside[k] += w[j] * left * right
            b[k] += w[j] * left * r[j]
            b[k + 1] += w[j] * right * r[j]
    for k in range(1, n):
        share = beside[k - 1] / diagonal[k - 1]
        diagonal[k] -= share * beside[k - 1]
        b[k] -= share * b[k - 1]
    b[n - 1] /= diagonal[n - 1]
    for k in range(n - 2, -1, -1):
        b[k] = (b[k] - beside[k] * b[k + 1]) / diagonal[k]
    return b


@njit(cache=True)
def _values(x, corners, heights, f):
    """Add to f the values at all points of the function with these heights at the corners."""
    for k in range(len(corners) - 1):
        begin, end = corners[k], corners[k + 1]
        for j in range(begin if k == 0 else begin + 1, end + 1):
            share = (x[j] - x[begin]) / (x[end] - x[begin])
            f[j] += heights[k] + (heights[k + 1] - heights[k]) * share


@njit(cache=True)
def fit_at(x, y, w, corners):
    """Heights at the corners (both ends of the data among them), values at all points, and the loss Σ w ½ (f − y)².

    The fit of the residuals is added once, which makes good what the normal equations lose.
    """
    f = np.zeros(len(y))
    heights = np.zeros(len(corners))
    for _ in range(2):
        more = _heights(x, y - f, w, corners)
        heights += more
        _values(x, corners, more, f)
    return heights, f, 0.5 * np.sum(w * (f - y) ** 2)
