"""`regress_path`: least squares on the line for every price of a knot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from reluctant.effort import Effort
from reluctant.solve.requests import is_line
from reluctant.validation import check_integer, check_number, check_table, check_weights

if TYPE_CHECKING:
    from reluctant.univariate.knot_regression import KnotPath


def regress_path(
    x: ArrayLike,
    y: ArrayLike,
    *,
    max_neurons: int = 20,
    min_alpha: float = 0.0,
    sample_weight: ArrayLike | None = None,
    time_limit: float | None = None,
) -> KnotPath:
    """Minimise mean loss + α · knots on the line for all α at once, exactly for knots at data points.

    Parameters
    ----------
    x, y : array_like, shape (N,)
        Data in any order.
    max_neurons : int, default 20
        The path ends before the first solution with more knots.
    min_alpha : float, default 0
        The path ends at this price too, in units of y². Small prices, at which knots fit noise, take most of the time.
    sample_weight : array_like, shape (N,), optional
        Weights of the rows, ≥ 0 and not all zero.
    time_limit : float, optional
        Seconds, 60 by default, after which the path ends with what is complete by then; `least_alpha` says where.

    Returns
    -------
    KnotPath
        Numbers of knots that are optimal for some α; its `solution(k)` fits any other one, and `solution(alpha=…)` is
        that for a price.

    Raises
    ------
    ValueError
        If the input is not two columns of finite numbers, squares of y are beyond float64, or an argument is out of
        range.

    References
    ----------
    Haynes, Eckley, Fearnhead, Computationally efficient changepoint detection for a range of penalties, JCGS 2017;
    Fearnhead, Maidstone, Letchford, Detecting changes in slope with an L0 penalty, JCGS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import regress_path
    >>> x = np.arange(40.0)
    >>> y = np.interp(x, [0, 10, 25, 39], [0, 8, -3, 4]) + 0.3 * np.sin(7.0 * x)
    >>> path = regress_path(x, y, max_neurons=3)
    >>> path.n_knots.tolist()
    [0, 2]
    >>> path.solution(alpha=0.5).function.knots
    array([10., 25.])
    """
    max_neurons = check_integer(max_neurons, "max_neurons", low=0)
    min_alpha = check_number(min_alpha, "min_alpha")
    X, targets = check_table(x, y)
    if not is_line(X, targets):
        raise ValueError("regress_path is for one input and one output; use size_path for more")
    weights = check_weights(sample_weight, len(X))
    effort = Effort.checked(time_limit, None)
    from reluctant.regression.losses import Squared
    from reluctant.univariate.knot_regression import SECONDS, knot_path

    Squared().check(targets[:, None])
    return knot_path(X[:, 0], targets, max_neurons, min_alpha, weights, effort.clock(SECONDS))
