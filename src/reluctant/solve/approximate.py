"""`approximate`: the fewest neurons, or parameters, within a tolerance; the smallest error for so many neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.effort import DEFAULT_SECONDS, Effort
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.solution import LineSolution, Solution
from reluctant.solve.requests import (
    Between,
    check_bounds,
    check_curve,
    check_exactly_one,
    check_half_widths,
    check_rtol,
    check_scale,
    check_start,
    has_affine_part,
    is_line,
    middle_of,
    shares_of,
)
from reluctant.univariate.integers import Differences
from reluctant.validation import check_bool, check_choice, check_integer, check_table, rounding_of


def approximate(
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: ArrayLike | None = None,
    relative: ArrayLike | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    max_neurons: int | None = None,
    scale: ArrayLike | None = None,
    between: Between = "rows",
    shape: str | Sequence[str] | None = None,
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
        Inputs in any order. On the line integers beyond 2^53, of x and of y, are taken as they are: `function` is then
        about differences from an origin, `predict` about the integers.
    y : array_like, shape (N,) or (N, m)
        Targets; several outputs share the neurons.
    tolerance : float or array_like, shape (N,), (m,) or (N, m), optional
        ε ≥ 0 in the units of y: one for all, for each row, for each output or for each target. Zero everywhere is
        `interpolate` with p = 0. A row of infinite tolerance does not count.
    relative : float or array_like, of one of those shapes, optional
        r ≥ 0: tolerances are ε + r |y_i|, with ε = 0 where `tolerance` is not given, so that 0.01 stands for one per
        cent of each target.
    bounds : (lo, hi), each a number or array_like of the shape of y, optional
        In the place of a tolerance: lo_i ≤ f(x_i) ≤ hi_i. An infinite bound is none; a row without a finite one does
        not count. ``bounds=(y - eps, y)`` gives an under-estimator, ``(y, y + eps)`` an over-estimator; with ``rtol=0``
        they are strict. In R^d, and for several outputs, both bounds of a target are finite, or none is.
    max_neurons : int, optional
        The most neurons; give one of this, `tolerance` and `bounds`. On the line `function` has at most so many knots
        and comes with an affine part, and 0 asks for the best line.
    scale : float or array_like, shape (N,), (m,) or (N, m), optional
        With `max_neurons`: the largest |f(x_i) − y_i| / scale_i is to be small, scale_i > 0; 1 by default. A row of
        infinite scale does not count.
    between : {"rows", "lines"}, default "rows"
        Whether the tolerance holds at the rows, or on the line also along the straight lines between them: f is
        between the polylines through y_i − ε_i and through y_i + ε_i, on the range of x. At a repeated x they go
        through the largest lower and the smallest upper bound; a row that does not count is no vertex.
    shape : {"increasing", "decreasing", "convex", "concave"}, or one of the first two and one of the others, optional
        On the line, with `tolerance` or `bounds`: what `function` is to be, everywhere, while the bounds hold at the
        rows. Increasing allows level links. Where there is such a function within the bounds, the shape costs no knot.
    affine, minimize, target, start, time_limit, random_state, n_jobs, verbose
        As for `interpolate`.
    rtol : float, default 1e-9
        Tolerances count as ε_i (1 + rtol), because decimals are rounded; for bounds ε_i is half their distance. On the
        line they count as ε_i + 2^-50 max|y| where that is more, as y is rounded too, and never as less than the
        rounding of the data, 2^-51 (max|y| + |slope| max|x|); the 2^-51 is 2^-22 for float32. A bound without another
        one moves by that rounding alone. With 0 they hold strictly, or `reason` says by how much rounding in the
        solution leaves them; along lines it says so for any rtol. In R^d they never count as less than 1e-9 max|y|, as
        for an interpolant.

    Returns
    -------
    Solution
        `p` is None; `value` is the number of neurons on the line, of parameters in R^d; `certificate.reason` names the
        tolerance used. `max_error` is the largest |f(x_i) − y_i| at the rows that count, with bounds as well, where it
        may be more than the distance from the nearer one. With `max_neurons` the certificate is about the error: on
        the line its `lower_bound` is the ε for which so many knots are enough while for the next smaller float they are
        not.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, not exactly one of `tolerance`, `bounds` and `max_neurons` is
        given, one is negative or bounds cross, slopes are beyond float64, or in R^d no network within the tolerance was
        found in time.
    InfeasibleError
        If y at one x differ by more than their tolerances allow, or rows forbid the shape.

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
    >>> print(approximate(x, [0, 1, 4, 9, 16, 25], tolerance=0.25, between="lines"))
    4 neurons, proved minimal; largest error 0.25
    >>> approximate(x, [0, 2, 1, 3, 3, 4], tolerance=0.5, shape="increasing").function.slopes.round(6)
    array([1., 0., 1.])
    """
    if relative is not None and max_neurons is not None:
        raise ValueError("relative goes with tolerance; with max_neurons give scale = |y| for relative errors")
    if relative is not None and bounds is not None:
        raise ValueError("relative goes with tolerance; with bounds make it a part of them")
    if relative is not None and tolerance is None:
        tolerance = 0.0
    check_exactly_one(tolerance=tolerance, max_neurons=max_neurons, bounds=bounds)
    along_lines = check_choice(between, "between", get_args(Between)) == "lines"
    rtol = check_rtol(rtol)
    affine = None if affine is None else check_bool(affine, "affine")
    given = X, y
    counted = Differences.of(X, y)
    X, y = check_table(X, y) if counted is None else counted.table(X, y)
    aim, effort = Aim.checked(minimize, target), Effort.checked(time_limit, random_state, n_jobs, verbose)
    check_start(start, X, y)
    request = _Request(X, y, given, counted, rtol, along_lines, shape, affine, aim, start, effort)
    _check_goes_together(request, max_neurons, bounds, scale)
    if max_neurons is not None:
        solution = _smallest_error(request, max_neurons, scale)
        return solution if counted is None else counted.taken(solution)
    if bounds is not None:
        return _within_bounds(request, bounds)
    assert tolerance is not None
    return _within_tolerance(request, tolerance, relative)


@dataclass(frozen=True)
class _Request:
    """The checked table, and what is asked beside how far a network may be from it."""

    X: Array
    y: Array
    given: tuple[ArrayLike, ...]
    """X and y, or X and bounds, as they came, which tells how they are rounded."""
    counted: Differences | None
    """What X and y are differences of, where they are of integers beyond float64."""
    rtol: float
    along_lines: bool
    shape: str | Sequence[str] | None
    affine: bool | None
    aim: Aim
    start: ReLUNetwork | None
    effort: Effort

    @property
    def rounding(self) -> float:
        return rounding_of(*self.given)

    @property
    def is_line(self) -> bool:
        return is_line(self.X, self.y)

    @property
    def has_affine_part(self) -> bool:
        return has_affine_part(self.affine, self.X)

    def answered(self, solution: LineSolution) -> Solution:
        """A solution on the line with neurons in the place of an affine part, about integers, where that is asked."""
        from reluctant.univariate.interpolation import without_affine_part

        solution = without_affine_part(solution, self.X[:, 0]) if self.affine is False else solution
        return solution if self.counted is None else self.counted.taken(solution)


def _check_goes_together(request: _Request, max_neurons: int | None, bounds: Any, scale: Any) -> None:
    """Raise a ValueError at arguments that are right one by one, but not together."""
    X, y, counted = request.X, request.y, request.counted
    if request.along_lines:
        if max_neurons is not None:
            raise ValueError('between="lines" goes with tolerance or bounds, not with max_neurons; leave it out')
        check_curve(X, y, 'between="lines"')
    if request.shape is not None:
        if max_neurons is not None:
            raise ValueError("shape goes with tolerance or bounds, not with max_neurons; leave it out")
        if request.along_lines:
            raise ValueError('shape holds within bounds at the rows, not with between="lines"; leave one of them out')
        check_curve(X, y, "a shape")
        if request.affine is False:
            raise ValueError("shape needs the affine part, as kinks outside the data break it; leave affine out")
    if counted is not None:
        if bounds is not None and counted.y is not None:
            raise ValueError(
                "bounds are floats, which do not hold integers such as y; subtract an offset from all of them"
            )
        asked = any(one is not None for one in (max_neurons, bounds, request.shape))
        if counted.wide and (request.along_lines or asked):
            raise ValueError(
                f"{counted.wide} reaches over more than 2^53, where only a tolerance at the rows is known for "
                f"integers; give {counted.wide} as floats, which rounds it"
            )
    if scale is not None and max_neurons is None:
        raise ValueError("scale goes with max_neurons; beside tolerance give a tolerance for each row")


def _within_tolerance(request: _Request, tolerance: ArrayLike, relative: ArrayLike | None) -> Solution:
    """The fewest neurons, or parameters, within ε + r |y|."""
    X, y, counted = request.X, request.y, request.counted
    epsilon = check_half_widths(tolerance, y, "tolerance")
    if relative is not None:
        epsilon = epsilon + shares_of(y if counted is None else counted.sizes_of(y), relative)
    with np.errstate(over="ignore"):  # beyond float64 there is no bound
        asked: dict[str, Any] = {"bounds": (y - epsilon, y + epsilon)}
    if relative is None and np.ndim(tolerance) == 0:
        asked = {"tolerance": float(tolerance)}  # type: ignore[arg-type]
    if not request.is_line:
        return _within_half_widths(request, epsilon).replace(**asked)
    from reluctant.univariate.shapes import Shape
    from reluctant.univariate.tolerance import approximate_line

    band = X[:, 0], y, epsilon, request.rtol, request.rounding
    shape = Shape.checked(request.shape)
    try:
        solution = approximate_line(*band, request.along_lines, shape)
    except (InfeasibleError, TooSteepError) as error:
        raise error if counted is None else counted.explained(error) from None
    if counted is not None and counted.wide:
        solution = counted.proved(solution, *band)
    return request.answered(solution).replace(**asked)


def _within_bounds(request: _Request, bounds: tuple[ArrayLike, ArrayLike]) -> Solution:
    """The fewest neurons, or parameters, between bounds; in R^d they are tolerances about their middle."""
    X, y = request.X, request.y
    lo, hi = check_bounds(bounds, y)
    request = replace(request, given=(request.given[0], *bounds))
    if request.is_line:
        from reluctant.univariate.shapes import Shape
        from reluctant.univariate.tolerance import bounded_line

        band = X[:, 0], y, lo, hi, request.rtol, request.rounding
        found = bounded_line(*band, request.along_lines, Shape.checked(request.shape))
        return request.answered(found).replace(bounds=(lo, hi))
    from reluctant.multivariate.points import check_bounds_meet, max_error_of

    middle, half = middle_of(y, lo, hi)
    try:
        solution = _within_half_widths(replace(request, y=middle), half)
    except InfeasibleError:
        check_bounds_meet(X, lo, hi)  # which names the bounds, not their middles
        raise
    reason = f"{solution.certificate.reason}, about the middle of the bounds"
    return solution.replace(
        max_error=max_error_of(solution.network, X, y, half),
        certificate=replace(solution.certificate, reason=reason),
        bounds=(lo, hi),
    )


def _within_half_widths(request: _Request, epsilon: Array) -> Solution:
    """A network within ε of several outputs, or in R^d.

    Several outputs over one input share few knots; where rows are few the search in R^d goes on from them while a gap
    is left.
    """
    from reluctant.univariate.shared_knots import interpolate_shared
    from reluctant.univariate.shared_tolerance import better_known, may_be_searched, shared_within

    X, y, effort = request.X, request.y, request.effort
    if X.shape[1] > 1:
        return _searched(request, epsilon)
    x, rounding, affine = X[:, 0], request.rounding, request.has_affine_part
    if not epsilon.any():
        return interpolate_shared(x, y, rounding, affine, effort.clock(DEFAULT_SECONDS)).replace(p=None)
    aim = Aim.checked("neurons", request.aim.target)
    solution, certificate = shared_within(x, y, epsilon, request.rtol, rounding, affine)
    if solution is not None:
        if solution.is_optimal or aim.reached(solution.network) or not may_be_searched(X, y):
            return solution
        request = replace(request, start=solution.network)
    try:
        found = _searched(replace(request, aim=aim), epsilon)
    except ValueError:  # the search found none in time, or is too coarse for the table: what is known is the answer
        if solution is None:
            raise
        return solution
    return better_known(solution, found, certificate)


def _searched(request: _Request, epsilon: Array) -> Solution:
    from reluctant.multivariate.tolerance import approximate_space

    band = request.X, request.y, epsilon, request.rtol
    return approximate_space(*band, request.has_affine_part, request.aim, request.start, request.effort)


def _smallest_error(request: _Request, max_neurons: int, scale: ArrayLike | None) -> Solution:
    """The smallest largest error with so many neurons; what `max_neurons` does not go with is refused here."""
    X, y = request.X, request.y
    max_neurons = check_integer(max_neurons, "max_neurons", low=0)
    if request.aim.target is not None:
        raise ValueError("target goes with tolerance; with max_neurons the number of neurons is given")
    scales = check_scale(scale, y)
    if request.is_line:
        if request.affine is False:
            raise ValueError(
                "max_neurons on the line needs the affine part; leave affine out, or give a tolerance in its place"
            )
        from reluctant.univariate.budget import smallest_error_line

        return smallest_error_line(X[:, 0], y, scales, max_neurons)
    from reluctant.multivariate.budget import smallest_error_space

    known = X, y, scales, max_neurons, request.rtol
    return smallest_error_space(*known, request.has_affine_part, request.start, request.effort)
