"""`approximate`: the fewest neurons, or parameters, within a tolerance; the smallest error for so many neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.solution import Solution
from reluctant.solve.requests import (
    check_exactly_one,
    check_half_widths,
    check_rtol,
    check_scale,
    check_start,
    has_affine_part,
    is_line,
    shares_of,
)
from reluctant.validation import check_bool, check_integer, check_table, rounding_of


def approximate(
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: ArrayLike | None = None,
    relative: ArrayLike | None = None,
    max_neurons: int | None = None,
    scale: ArrayLike | None = None,
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

    On the line, with one output, this is solved exactly by one sweep in O(N). Several outputs over one input share few
    knots, whatever `minimize` says, with a proved bound of half as many or better. Else an interpolant is pruned
    further, the band taking the place of the labels, and a search goes on within the band; what is known about the
    result stands in `certificate`.

    With `max_neurons` in the place of `tolerance`: the smallest largest error with so many neurons. On the line it is
    found to the last bit, by some twenty sweeps; else by searches within ever smaller tolerances.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs in any order.
    y : array_like, shape (N,) or (N, m)
        Targets; several outputs share the neurons.
    tolerance : float or array_like, shape (N,), (m,) or (N, m), optional
        ε ≥ 0 in the units of y: one for all, for each row, for each output or for each target. Zero everywhere is
        `interpolate` with p = 0. A row of infinite tolerance does not count.
    relative : float or array_like, of one of those shapes, optional
        r ≥ 0: tolerances are ε + r |y_i|, with ε = 0 where `tolerance` is not given, so that 0.01 stands for one per
        cent of each target.
    max_neurons : int, optional
        The most neurons; give this or `tolerance`. On the line `function` has at most so many knots and comes with an
        affine part, and 0 asks for the best line.
    scale : float or array_like, shape (N,), (m,) or (N, m), optional
        With `max_neurons`: the largest |f(x_i) − y_i| / scale_i is to be small, scale_i > 0; 1 by default. A row of
        infinite scale does not count.
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
        tolerance used. With `max_neurons` the certificate is about the error: on the line its `lower_bound` is the ε
        for which so many knots are enough while for the next smaller float they are not.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, not exactly one of `tolerance` and `max_neurons` is given or one
        is negative, slopes are beyond float64, or in R^d no network within the tolerance was found in time.
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
    >>> print(approximate(x, [0, 1, 4, 9, 16, 25], max_neurons=1))
    largest error 0.5 with 1 neuron, proved minimal
    """
    if relative is not None and max_neurons is not None:
        raise ValueError("relative goes with tolerance; with max_neurons give scale = |y| for relative errors")
    if relative is not None and tolerance is None:
        tolerance = 0.0
    check_exactly_one(tolerance=tolerance, max_neurons=max_neurons)
    rtol = check_rtol(rtol)
    affine = None if affine is None else check_bool(affine, "affine")
    given = X, y
    X, y = check_table(X, y)
    aim, effort = Aim.checked(minimize, target), Effort.checked(time_limit, random_state, n_jobs, verbose)
    check_start(start, X, y)
    if max_neurons is not None:
        return _smallest_error(X, y, max_neurons, scale, rtol, affine, target, start, effort)
    if scale is not None:
        raise ValueError("scale goes with max_neurons; beside tolerance give a tolerance for each row")
    assert tolerance is not None
    epsilon = check_half_widths(tolerance, y, "tolerance")
    if relative is not None:
        epsilon = epsilon + shares_of(y, relative)
    if is_line(X, y):
        from reluctant.univariate.interpolation import without_affine_part
        from reluctant.univariate.tolerance import approximate_line

        x = X[:, 0]
        solution = approximate_line(x, y, epsilon, rtol, rounding_of(*given))
        return without_affine_part(solution, x) if affine is False else solution
    if X.shape[1] == 1:
        return _over_one_input(X, y, epsilon, rtol, rounding_of(*given), has_affine_part(affine, X), aim, start, effort)
    from reluctant.multivariate.tolerance import approximate_space

    return approximate_space(X, y, epsilon, rtol, has_affine_part(affine, X), aim, start, effort)


def _over_one_input(
    X: Array,
    Y: Array,
    epsilon: Array,
    slack: float,
    rounding: float,
    affine: bool,
    aim: Aim,
    start: ReLUNetwork | None,
    effort: Effort,
) -> Solution:
    """Few knots that all outputs share; where rows are few the search in R^d goes on from them while a gap is left."""
    from reluctant.univariate.shared_knots import interpolate_shared
    from reluctant.univariate.shared_tolerance import better_known, may_be_searched, shared_within

    if not epsilon.any():
        return interpolate_shared(X[:, 0], Y, rounding, affine).replace(p=None)
    aim = Aim.checked("neurons", aim.target)
    solution, certificate = shared_within(X[:, 0], Y, epsilon, slack, rounding, affine)
    if solution is not None:
        if solution.is_optimal or aim.reached(solution.network) or not may_be_searched(X[:, 0], Y):
            return solution
    from reluctant.multivariate.tolerance import approximate_space

    first = start if solution is None else solution.network
    try:
        found = approximate_space(X, Y, epsilon, slack, affine, aim, first, effort)
    except ValueError:  # the search found none in time, or is too coarse for the table: what is known is the answer
        if solution is None:
            raise
        return solution
    return better_known(solution, found, certificate)


def _smallest_error(
    X: Array,
    y: Array,
    max_neurons: int,
    scale: ArrayLike | None,
    rtol: float,
    affine: bool | None,
    target: int | None,
    start: ReLUNetwork | None,
    effort: Effort,
) -> Solution:
    """The smallest largest error with so many neurons; all that `max_neurons` does not go with is refused here."""
    max_neurons = check_integer(max_neurons, "max_neurons", low=0)
    if target is not None:
        raise ValueError("target goes with tolerance; with max_neurons the number of neurons is given")
    scales = check_scale(scale, y)
    if is_line(X, y):
        if affine is False:
            raise ValueError(
                "max_neurons on the line needs the affine part; leave affine out, or give a tolerance in its place"
            )
        from reluctant.univariate.budget import smallest_error_line

        return smallest_error_line(X[:, 0], y, scales, max_neurons)
    from reluctant.multivariate.budget import smallest_error_space

    return smallest_error_space(X, y, scales, max_neurons, rtol, has_affine_part(affine, X), start, effort)
