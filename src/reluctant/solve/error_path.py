"""`error_path`: the smallest largest error on the line for every number of neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from reluctant.solve.requests import check_curve, check_scale
from reluctant.validation import check_integer, check_number, check_table

if TYPE_CHECKING:
    from reluctant.univariate.error_path import ErrorPath


def error_path(
    x: ArrayLike,
    y: ArrayLike,
    *,
    max_neurons: int | None = None,
    tolerance: float = 0.0,
    scale: ArrayLike | None = None,
) -> ErrorPath:
    """Find the smallest largest error for every number of neurons at once.

    Parameters
    ----------
    x, y : array_like, shape (N,)
        Data in any order; one x may come with several y.
    max_neurons : int, optional
        The most neurons. By default 32, and more where rows times neurons stay below 4,000,000, which takes some
        seconds: all numbers of neurons for tables of up to 2,000 rows.
    tolerance : float, default 0
        The path ends with the first error that is no larger, in units of y or of the scale. It always ends where no
        further neuron can lower the error.
    scale : float or array_like, shape (N,), optional
        As for `reluctant.approximate`: errors count as |f(x_i) − y_i| / scale_i.

    Returns
    -------
    ErrorPath

    Raises
    ------
    ValueError
        If the input is not two columns of finite numbers, or an argument is out of range.

    Notes
    -----
    Each error is that of ``approximate(x, y, max_neurons=K)``, to the last bit: the number of knots that a tolerance
    needs never rises with it [II], so two adjacent floats bracket each error. A sweep narrows the brackets of all
    numbers of knots.

    References
    ----------
    [II] Imai and Iri, An optimal algorithm for approximating a piecewise linear function, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import error_path
    >>> x = np.linspace(0, 6, 200)
    >>> path = error_path(x, np.sin(x), tolerance=0.05)
    >>> path.errors.round(3)
    array([0.682, 0.575, 0.118, 0.103, 0.047])
    >>> path.solution(2).n_neurons
    2
    """
    max_neurons = None if max_neurons is None else check_integer(max_neurons, "max_neurons", low=0)
    tolerance = check_number(tolerance, "tolerance")
    X, y = check_table(x, y)
    check_curve(X, y, "the path of errors")
    from reluctant.univariate.error_path import path_of_errors

    return path_of_errors(X[:, 0], y, check_scale(scale, y), max_neurons, tolerance)
