"""What a user writes, for the type checker alone: mypy reads this file strictly, nothing runs it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant import PiecewiseLinear, Solution, approximate, interpolate, regress


def knots_on_the_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Code on the line needs no assertion that there is a function, whichever verb it calls."""
    f: PiecewiseLinear = interpolate(x, y).function
    g: PiecewiseLinear = approximate([0, 1, 2], [0, 1, 0], tolerance=0.5).function
    h = regress(x, y, alpha=0.1, p=1).function
    k = approximate(x, y, bounds=(y - 1, np.inf), between="lines").function
    return np.concatenate([f.knots, g.knots, h.knots, k.knots])


def segments(solution: Solution) -> int:
    """Code that does not know where its solution comes from may ask."""
    return solution.n_neurons if solution.function is None else solution.function.n_knots + 1
