"""Tables that nearly have a shape, and what every function of one must satisfy."""

from fractions import Fraction

import numpy as np

from shape_oracles import SHAPES
from univariate.checks import assert_consistent
from univariate.strategies import table

UNITS = [Fraction(1), Fraction(1, 10), Fraction(1, 3), Fraction(2) ** 200, Fraction(10) ** -100]


def drawn(rng, n, names):
    """A small table of integers in some units that nearly has the shape, and tolerances of one or of many sizes."""
    slope, bend = SHAPES[names]
    x = np.cumsum(rng.integers(1, 4, n))
    center = int(rng.integers(x[0] - 1, x[-1] + 2)) if slope == 0 else int(x[0] if slope * bend > 0 else x[-1])
    noise = int(rng.integers(1, 4))
    y = rng.integers(-noise, noise + 1, n) + slope * (x * int(rng.integers(0, 5))) // 2
    y += bend * ((x - center) ** 2) // int(rng.integers(1, 20))
    y = y if y.any() else y + 1  # errors are told relative to the largest
    unit_x, unit_y = UNITS[rng.integers(len(UNITS))], UNITS[rng.integers(len(UNITS))]
    halves = rng.integers(0, 5, n) if rng.random() < 0.5 else np.full(n, rng.integers(0, 5))
    data = table(x, y, unit_x, unit_y)
    eps = [Fraction(int(h), 2) * unit_y for h in halves]
    return data, eps, np.array([float(e) for e in eps])


def band_of(data, eps):
    return [y - e for y, e in zip(data.exact_y, eps)], [y + e for y, e in zip(data.exact_y, eps)]


def rounding_of(function, x, y):
    """What rounding of a table and of the function on it may add to a value."""
    slopes = np.concatenate([np.diff(y) / np.diff(x), function.slopes])
    return 2.0**-50 * (np.abs(y).max() + np.abs(slopes).max() * np.abs(x).max())


def assert_of_shape(function, shape):
    """The signs of slopes and slope changes, as they are stored, exactly."""
    slope, bend = shape
    assert (slope * function.slopes >= 0).all()
    assert (bend * np.diff(function.slopes) >= 0).all()
    assert (bend * function.slope_changes >= 0).all()


def assert_right(solution, data, eps, names):
    """The shape holds exactly, the band up to rounding, and values at sorted rows rise up to rounding."""
    shape = SHAPES[names]
    assert_consistent(solution, data.x, data.y)
    assert_of_shape(solution.function, shape)
    assert solution.certificate.lower_bound <= solution.n_neurons
    values = solution.predict(data.x)
    rounding = rounding_of(solution.function, data.x, data.y)
    assert (np.abs(values - data.y) <= eps * (1 + 1e-9) + rounding).all()
    if shape[0]:
        assert (shape[0] * np.diff(values) >= -rounding).all()


def noisy(rng, n, names):
    """Rows about a function of the shape, with noise within a tolerance that mostly allows for it."""
    slope, bend = SHAPES[names]
    x = np.sort(rng.uniform(0, 10, n)) if rng.random() < 0.5 else np.arange(n) * 1.0
    u = (x - x[0]) / max(np.ptp(x), 1.0)
    y = {0: rng.uniform(0.2, 0.8), 1: 0.0, -1: 1.0}[slope * bend] - u
    y = bend * y**2 * rng.uniform(0, 20) if bend else slope * np.tanh(3 * u) * rng.uniform(0, 20)
    y = y + rng.normal(size=n) * rng.choice([0.05, 0.3])
    return (x, np.round(2 * y) / 2, np.full(n, 0.5)) if rng.random() < 0.5 else (x, y, rng.uniform(0.05, 1.5, n))
