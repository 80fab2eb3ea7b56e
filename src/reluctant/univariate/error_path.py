"""The smallest largest error for every number of knots, from brackets that share their sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.solution import LineSolution
from reluctant.univariate.budget import Brackets, Rows, solution_within
from reluctant.validation import check_integer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST, WORK = 32, 4_000_000
"""A path goes to `FEWEST` neurons, and to more where rows times neurons stay below `WORK`: some seconds of sweeps."""


class ErrorPath:
    """The smallest largest error for every number of neurons on the line; what `reluctant.error_path` returns.

    Attributes
    ----------
    n_neurons : ndarray of int, shape (n,)
        0, 1, …, n − 1: the most neurons.
    errors : ndarray, shape (n,)
        The smallest ε for which so many knots are enough, never rising: each is the float that
        ``approximate(x, y, max_neurons=K)`` has in its certificate, in units of the scale where rows have one.
    n_sweeps : int
        How many sweeps it took.

    Examples
    --------
    >>> from reluctant import error_path
    >>> path = error_path([0, 1, 2, 3, 4, 5], [0, 1, 4, 9, 16, 25])
    >>> path.n_neurons, path.errors
    (array([0, 1, 2]), array([3. , 0.5, 0. ]))
    >>> print(path.solution(1))
    largest error 0.5 with 1 neuron, proved minimal
    """

    __module__ = "reluctant"

    def __init__(self, brackets: Brackets, errors: Array) -> None:
        self._brackets = brackets
        self._solutions: dict[int, LineSolution] = {}
        self.errors = errors
        self.n_neurons: Index = np.arange(len(errors))
        self.n_sweeps = brackets.n_sweeps

    def __len__(self) -> int:
        return len(self.errors)

    @property
    def is_complete(self) -> bool:
        """Whether no further neuron can lower the error: it is zero, or what rows of one x differ by."""
        return bool(self.errors[-1] <= self._brackets.least)

    def solution(self, k: int) -> LineSolution:
        """The solution with at most k neurons, with its certificate; computed when it is asked for.

        Raises
        ------
        ValueError
            If k is not a whole number of at least 0, or beyond the end of a path that is not complete.
        """
        k = check_integer(k, "k", low=0)
        K = min(k, len(self) - 1)
        if k > K and not self.is_complete:
            raise ValueError(f"the path ends with {K} neurons, got k = {k}; raise max_neurons or lower tolerance")
        if k not in self._solutions:
            self._solutions[k] = solution_within(self._brackets, K, float(self.errors[K]), k)
        return self._solutions[k]

    @property
    def elbow(self) -> int | None:
        """The number of neurons whose point lies farthest below the straight line between the ends of the path.

        In the logarithm of the error, over errors above zero. It is a mark in a figure and claims nothing; None where
        no point lies below.
        """
        logs = np.log(self.errors[self.errors > 0.0])
        if len(logs) < 3:
            return None
        below = np.linspace(logs[0], logs[-1], len(logs)) - logs
        return int(np.argmax(below)) if below.max() > 1e-9 else None

    def plot(self, *, ax: Any = None) -> Figure:
        """Draw the errors with `reluctant.report.plot_error_path`, on `ax` or in a new figure; needs matplotlib."""
        from reluctant.report.networks import plot_error_path

        return plot_error_path(self, ax=ax)

    def __repr__(self) -> str:
        return f"<ErrorPath 0 to {len(self) - 1} neurons, largest error {self.errors[0]:.6g} to {self.errors[-1]:.6g}>"


def path_of_errors(x: Array, y: Array, scale: Array, max_neurons: int | None, tolerance: float) -> ErrorPath:
    """The path of checked data; see `reluctant.error_path`."""
    rows = Rows.of(x, y, scale)
    if rows is None:
        raise ValueError("scale is infinite at every row; give one of them a finite scale")
    n_points = len(rows.x)
    cap = max(FEWEST, WORK // n_points) if max_neurons is None else max_neurons
    brackets = Brackets(rows, min(cap, n_points) + 1)
    errors: list[float] = []
    for K in range(brackets.n):
        errors.append(brackets.smallest(K))
        if errors[-1] <= max(tolerance, brackets.least):
            break
    return ErrorPath(brackets, np.array(errors))
