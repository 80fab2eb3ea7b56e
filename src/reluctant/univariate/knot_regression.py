"""Mean loss plus α times the number of knots, or the least mean loss for a number of knots, in the user's units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.solution import LineSolution, Quantity, counted
from reluctant.univariate._bounds_from_right import Data, Indices, corners_of
from reluctant.univariate._knot_fit import fit_at
from reluctant.univariate.filtering import Bends, Filtered, Rows, rows_of, scaled_alpha
from reluctant.univariate.least_squares import least_cost, rounded_down
from reluctant.univariate.least_squares_path import Hull, best_of_size
from reluctant.univariate.regression import interpolant, proved, solution_of, weighted
from reluctant.validation import check_integer, check_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECONDS = 60.0
"""Time of a least-squares fit with counted knots where no limit is given."""

_LIGHTEST = 2.0**-100  # of the largest weight: lighter rows are left out of the programme
_CLOSEST = 2.0**-100  # of the range of x: the inverses of closer gaps, squared and weighted, are beyond float64
_EXACT = "functional dynamic programme with bounds from the right, less rounding"
_AMONG = "functions with knots at data points"


@dataclass(frozen=True)
class _Problem:
    """Rows as the user has them, merged, and as the programme takes them."""

    x: Array
    y: Array
    s: Array
    rows: Rows
    data: Data

    @classmethod
    def of(cls, x: Array, y: Array, sample_weight: Array | None) -> _Problem:
        x, y, s = weighted(x, y, sample_weight)
        rows = rows_of(x, y, s)
        i = int(np.argmin(rows.gaps)) if len(rows.gaps) else 0
        if len(rows.gaps) and rows.gaps[i] < _CLOSEST:
            raise ValueError(
                f"x = {rows.x[i]!s} and x = {rows.x[i + 1]!s} are closer than 2^-100 of the range of x; "
                "give such rows one x, or rescale x, by a logarithm for example"
            )
        heavy = rows.weights >= _LIGHTEST * np.max(rows.weights)
        rows = rows._replace(
            x=rows.x[heavy], y=rows.y[heavy], weights=rows.weights[heavy], gaps=_gaps(rows, np.flatnonzero(heavy))
        )
        t = np.ldexp(rows.x, -rows.x_exponent)
        return cls(x, y, s, rows, Data(t, np.concatenate([[0.0], rows.gaps]), rows.y, rows.weights))

    def bound(self, objective: float) -> float:
        """A bound of the programme with the loss within rows of one x, less rounding."""
        return rounded_down(objective) + (1 - 2.0**-40) * self.rows.within

    def solution(
        self, knots: Indices, alpha: float, bound: float, reason: str, quantity: Quantity = "objective"
    ) -> LineSolution:
        """The least-squares function with these knots."""
        corners = corners_of(self.data, knots)
        heights, f, _ = fit_at(self.data.x, self.data.y, self.data.w, corners)
        slopes = np.diff(heights) / np.diff(self.data.x[corners])
        m, c = np.zeros(len(f)), np.zeros(len(f))
        m[corners[:-1]], m[-1] = slopes, slopes[-1]
        c[knots] = np.diff(slopes)
        bent = knots[c[knots] != 0.0]
        filtered = Filtered(f, m, c, np.zeros(len(f)))
        certificate = replace(proved(self.rows, bound, reason, _AMONG), quantity=quantity)
        bends = Bends(bent, bent, c[bent])
        return solution_of(self.x, self.y, self.s, self.rows, filtered, bends, alpha, 0.0, certificate)


def _gaps(rows: Rows, kept: Indices) -> Array:
    """Gaps between the rows that are kept: a sum where some are left out between them."""
    if len(kept) == len(rows.x):
        return rows.gaps
    return np.add.reduceat(rows.gaps, kept[:-1])[: len(kept) - 1] if len(kept) > 1 else np.empty(0)


def _ended(clock: Clock, found: float, bound: float) -> str:
    return clock.in_words() if bound < found * (1 - 1e-9) else ""


def regress_knots(x: Array, y: Array, alpha: float, sample_weight: Array | None, clock: Clock) -> LineSolution:
    """Minimise mean loss + α · knots over continuous piecewise-linear functions with knots at data points.

    Parameters
    ----------
    x, y : ndarray, shape (N,)
        Finite data in any order.
    alpha : float
        Price α ≥ 0 of a knot in units of y². α = 0 interpolates the weighted means of rows of one x.
    sample_weight : ndarray, shape (N,), optional
        Weights s_i ≥ 0 of the squared errors, divided by their sum.
    clock : Clock
        When it expires the best solution so far is returned with the bound proved by then.

    Returns
    -------
    LineSolution
        `value` is the number of knots. The bound is one for knots at data points.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(9.0)
    >>> y = np.abs(x - 4) + np.array([0.1, -0.1, 0, 0.1, -0.1, 0, 0.1, 0, -0.1])
    >>> regress_knots(x, y, 0.05, None, Clock()).function.knots
    array([4.])
    """
    alpha = check_number(alpha, "alpha")
    problem = _Problem.of(x, y, sample_weight)
    price = scaled_alpha(problem.rows, alpha, 0.0)
    if price == 0 or len(problem.rows.x) == 1:
        return interpolant(problem.x, problem.y, problem.s, problem.rows, alpha, 0.0)
    with clock.listening():
        best = least_cost(problem.data, price, clock)
    reason = _EXACT + _ended(clock, best.cost(price), best.bound)
    return problem.solution(best.knots, alpha, problem.bound(best.bound), reason)


def regress_size(x: Array, y: Array, max_neurons: int, sample_weight: Array | None, clock: Clock) -> LineSolution:
    """The least mean loss with at most `max_neurons` knots at data points; `alpha` of the solution is 0."""
    problem = _Problem.of(x, y, sample_weight)
    if len(problem.rows.x) <= 2:
        return interpolant(problem.x, problem.y, problem.s, problem.rows, 0.0, 0.0)
    return _of_size(problem, Hull.of(problem.data, clock), max_neurons)


def _of_size(problem: _Problem, hull: Hull, max_neurons: int) -> LineSolution:
    """The least mean loss with at most so many knots, from a hull that grows as far as it has to."""
    with hull.clock.listening() as clock:
        best, anywhere = best_of_size(hull, max_neurons)
    scale = 2.0 ** (2 * problem.rows.y_exponent)
    reason = (
        f"counting {_EXACT}; with at most {counted(max_neurons, 'knots')} anywhere the mean loss is at least "
        f"{problem.bound(anywhere) * scale:.6g}, that of twice as many at data points or of as many jumps"
    )
    reason += _ended(clock, best.loss, best.bound)
    return problem.solution(best.knots, 0.0, problem.bound(best.bound), reason, "loss")


@dataclass(frozen=True, eq=False)
class KnotPath:
    """The least-squares functions with a price per knot, for every price down to `least_alpha`.

    Attributes
    ----------
    solutions : tuple of Solution
        By rising number of knots; each is optimal among knots at data points between two `alphas`. Its own `alpha` is
        the one for which its bound was proved.
    alphas : ndarray, shape (len(solutions) − 1,)
        Falling prices: solutions[i] and solutions[i + 1] cost the same at alphas[i].
    least_alpha : float
        Prices below it were not searched.
    """

    __module__ = "reluctant"

    solutions: tuple[LineSolution, ...]
    alphas: Array
    least_alpha: float
    _sized: Callable[[int], LineSolution] = field(repr=False)

    @property
    def n_knots(self) -> Indices:
        """Knots of every solution."""
        return np.array([solution.n_neurons for solution in self.solutions])

    @property
    def losses(self) -> Array:
        """Mean loss of every solution."""
        return np.array([solution.mean_loss for solution in self.solutions])

    def solution(self, k: int | None = None, *, alpha: float | None = None) -> LineSolution:
        """The solution with at most k knots, or the one for a price.

        Parameters
        ----------
        k : int, optional
            The most knots. A number that is optimal at no price is fitted when it is asked for, within 60 seconds, as
            `regress(x, y, p=0, max_neurons=k)` does it; what is known from the path is used.
        alpha : float, optional
            In its place, a price of at least `least_alpha`; at a tie the solution has fewer knots.

        Raises
        ------
        ValueError
            If not one of the two is given, or it is out of range.
        """
        if (k is None) == (alpha is None):
            raise ValueError("give k, the most knots, or alpha, the price of one")
        if k is not None:
            return self._with_at_most(check_integer(k, "k", low=0))
        alpha = check_number(alpha, "alpha")
        if alpha < self.least_alpha:
            raise ValueError(f"alpha must be at least {self.least_alpha:.6g}, where the path ends, got {alpha!r}")
        return self.solutions[int(np.sum(self.alphas > alpha))]

    def _with_at_most(self, k: int) -> LineSolution:
        fitting = np.flatnonzero(self.n_knots == k)
        return self.solutions[fitting[0]] if len(fitting) else self._sized(k)

    def plot(self, *, ax: Any = None) -> Figure:
        """Draw mean loss against knots with `reluctant.report.plot_knot_path`; needs matplotlib."""
        from reluctant.report.networks import plot_knot_path

        return plot_knot_path(self, ax=ax)

    def __repr__(self) -> str:
        sizes = f"{len(self.solutions)} sizes to {self.n_knots[-1]} knots"
        return f"<KnotPath: {sizes}, alpha ≥ {self.least_alpha:.3g}>"


def knot_path(
    x: Array, y: Array, max_neurons: int, min_alpha: float, sample_weight: Array | None, clock: Clock
) -> KnotPath:
    """Every vertex with at most `max_neurons` knots at prices of at least `min_alpha`, or those the clock allows."""
    problem = _Problem.of(x, y, sample_weight)
    if len(problem.rows.x) <= 2:
        only = interpolant(problem.x, problem.y, problem.s, problem.rows, 0.0, 0.0)
        return KnotPath((only,), np.empty(0), 0.0, lambda _: only)
    hull = Hull.of(problem.data, clock)
    with clock.listening():
        hull.grow(max_neurons + 1, scaled_alpha(problem.rows, min_alpha, 0.0))
    vertices = hull.vertices
    knots = np.array([len(vertex.knots) for vertex in vertices])
    prices = -np.diff([vertex.loss for vertex in vertices]) / np.diff(knots)
    kept = int(np.sum(knots <= max_neurons))
    least = prices[kept - 1] if kept < len(vertices) else hull.reached
    scale = 2.0 ** (2 * problem.rows.y_exponent)
    reason = _EXACT + clock.in_words()
    solutions = []
    for vertex in vertices[:kept]:
        bound = problem.bound(min(vertex.bound, vertex.cost(vertex.price)))
        solutions.append(problem.solution(vertex.knots, vertex.price * scale, bound, reason))

    def sized(k: int) -> LineSolution:
        hull.clock = Clock(SECONDS)
        return _of_size(problem, hull, k)

    return KnotPath(tuple(solutions), prices[: kept - 1] * scale, float(least * scale), sized)
