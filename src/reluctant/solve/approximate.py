"""`approximate`: the fewest neurons, or parameters, within a tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.solution import Solution
from reluctant.solve.requests import check_rtol, check_start, has_affine_part, is_line
from reluctant.validation import check_bool, check_nonnegative, check_table, rounding_of


def approximate(
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: ArrayLike,
    affine: bool | None = None,
    minimize: Count = "parameters",
    target: int | None = None,
    start: ReLUNetwork | None = None,
    rtol: float = 1e-9,
    time_limit: float | None = None,
    random_state: int | np.random.Generator | None = None,
    n_jobs: int = 1,
    verbose: bool = False,
) -> Solution:
    """Fewest neurons, or parameters, with |f(x_i) − y_i| ≤ ε_i at every data point, in every output.

    On the line, with one output, this is solved exactly by one sweep in O(N). Else an interpolant is pruned further,
    the band taking the place of the labels, and a search goes on within the band; what is known about the result
    stands in `certificate`.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs in any order.
    y : array_like, shape (N,) or (N, m)
        Targets; several outputs share the neurons.
    tolerance : float or array_like, shape (N,), (m,) or (N, m)
        ε ≥ 0 in the units of y: one for all, for each row, for each output or for each target. Zero everywhere is
        `interpolate` with p = 0. A row of infinite tolerance does not count.
    affine, minimize, target, start, time_limit, random_state, n_jobs, verbose
        As for `interpolate`.
    rtol : float, default 1e-9
        Tolerances count as ε_i (1 + rtol), because decimals are rounded. On the line they count as ε_i + 2^-50 max|y|
        where that is more, as y is rounded too, and never as less than the rounding of the data,
        2^-51 (max|y| + |slope| max|x|); the 2^-51 is 2^-22 for float32. With 0 they hold strictly, or `reason` says by
        how much rounding in the solution leaves them. In R^d they never count as less than 1e-9 max|y|, as for an
        interpolant.

    Returns
    -------
    Solution
        `p` is None; `value` is the number of neurons on the line, of parameters in R^d; `certificate.reason` names the
        tolerance used.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, a tolerance is negative, slopes are beyond float64, or in R^d no
        network within the tolerance was found in time.
    InfeasibleError
        If y at one x differ by more than their tolerances allow.

    References
    ----------
    Imai and Iri, An optimal algorithm for approximating a piecewise linear function, 1986; Hakimi and Schmeichel,
    Fitting polygonal functions to a set of points in the plane, 1991.

    Examples
    --------
    >>> from reluctant import approximate
    >>> x = [0, 1, 2, 3, 4, 5]
    >>> solution = approximate(x, [0, 1, 4, 9, 16, 25], tolerance=1)
    >>> solution.n_neurons, solution.certificate.kind
    (1, 'proved')
    """
    rtol = check_rtol(rtol)
    affine = None if affine is None else check_bool(affine, "affine")
    given = X, y
    X, y = check_table(X, y)
    epsilon = _check_tolerance(tolerance, y)
    aim, effort = Aim.checked(minimize, target), Effort.checked(time_limit, random_state, n_jobs, verbose)
    check_start(start, X, y)
    if is_line(X, y):
        from reluctant.univariate.interpolation import without_affine_part
        from reluctant.univariate.tolerance import approximate_line

        x = X[:, 0]
        solution = approximate_line(x, y, epsilon, rtol, rounding_of(*given))
        return without_affine_part(solution, x) if affine is False else solution
    from reluctant.multivariate.tolerance import approximate_space

    return approximate_space(X, y, epsilon, rtol, has_affine_part(affine, X), aim, start, effort)


def _check_tolerance(tolerance: ArrayLike, y: Array) -> Array:
    """Tolerances of the shape of y, from one, one for each row, for each output or for each target."""

    def checked(values: ArrayLike) -> Array:
        return check_nonnegative(values, "tolerance", n_rows, infinite=True)

    n_rows, shape = len(y), np.shape(tolerance)
    if y.ndim == 1:
        return checked(tolerance)
    if not shape:
        return np.broadcast_to(checked(tolerance)[:, None], y.shape)
    n_outputs, table = y.shape[1], np.asarray(tolerance)
    if shape == (n_rows,) == (n_outputs,):
        raise ValueError(
            f"tolerance has {n_rows} numbers, one for each row or each output; give a table of shape {y.shape}"
        )
    if shape in ((n_rows,), (n_rows, 1)):
        return np.tile(checked(table)[:, None], n_outputs)
    if shape not in ((n_outputs,), y.shape):
        raise ValueError(
            f"tolerance must be one number, or one for each of the {n_rows} rows, the {n_outputs} outputs or both, "
            f"got shape {shape}"
        )
    return np.column_stack([checked(column) for column in (table if table.ndim == 1 else table.T)])
