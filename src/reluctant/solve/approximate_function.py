"""`approximate_function`: the fewest links for a function on an interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.effort import Effort
from reluctant.solution import Solution
from reluctant.validation import as_number, check_number

Side = Literal["both", "below", "above"]

DEFAULT_SECONDS = 30.0

_SHIFT: dict[Side, float] = {"both": 0.0, "below": -0.5, "above": 0.5}


def approximate_function(
    f: Callable[[Any], ArrayLike],
    a: float,
    b: float,
    *,
    tolerance: float,
    curvature: float | Callable[[Any, Any], ArrayLike] | None = None,
    side: Side = "both",
    time_limit: float | None = None,
) -> Solution:
    """Fewest links of a continuous piecewise-linear function within ε of f on the whole interval [a, b].

    Samples of f give a lower bound of the links. A bound of |f''| bounds the error of a fit between the samples, and so
    gives an upper bound; samples are added until the two meet.

    Parameters
    ----------
    f : callable
        Takes an array of points, or else one number at a time, and returns real numbers.
    a, b : float
        Ends of the interval, a < b.
    tolerance : float
        ε > 0, in the units of f. It holds strictly.
    curvature : float or callable, optional
        A bound of |f''| on [a, b], or a function of (lo, hi) that returns one on that sub-interval, for example by
        interval arithmetic; it is asked with arrays or else with two numbers at a time. Without it nothing is known of
        f between the samples: the certificate is of kind ``none``, and its reason gives what the samples need and the
        largest error seen.
    side : {"both", "below", "above"}
        ``"below"``: an under-estimator, f − ε ≤ g ≤ f on [a, b]; ``"above"``: an over-estimator.
    time_limit : float, optional
        Seconds, 30 by default, after which the best function so far is returned with the bound so far; the search goes
        on until there is one. `math.inf`: none.

    Returns
    -------
    Solution
        `value` is the number of knots; the links are one more. `max_error` is an upper bound of the error on the whole
        interval, or without `curvature` the largest error seen at 65,537 samples and at the knots;
        `max_error_between` is None, as there are no rows.

    Raises
    ------
    ValueError
        If f is not real and finite at a sample, three samples show that `curvature` is no bound of |f''|, an argument
        is out of range, or the tolerance is beyond what rounding or 4 million samples allow.

    Notes
    -----
    Between neighbouring points u < v among the samples and the knots the error of a fit is at most the larger of its
    errors at the two plus (v − u)² max|f''| / 8. Computed values of f are assumed to be within 2^-50 max|f| of f, four
    to eight units in the last place of the largest; that and the rounding of the fit are taken off the tolerance.

    References
    ----------
    Imai and Iri, An optimal algorithm for approximating a piecewise linear function, 1986, for the samples; the two
    bounds for the interval are this library's own.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import approximate_function
    >>> solution = approximate_function(np.sin, 0, 2 * np.pi, tolerance=0.01, curvature=1)
    >>> solution.n_neurons + 1, solution.is_optimal
    (13, True)
    """
    low, high = check_number(a, "a", low=-np.inf), check_number(b, "b", low=-np.inf)
    if not low < high:
        raise ValueError(f"a must be less than b, got a = {a!r} and b = {b!r}; exchange them")
    if not high - low < np.inf:
        raise ValueError(f"b − a must be finite in float64, got a = {a!r} and b = {b!r}; give a shorter interval")
    epsilon = check_number(tolerance, "tolerance", strict=True)
    if side not in get_args(Side):
        raise ValueError(f"side must be 'both', 'below' or 'above', got {side!r}")
    if not callable(f):
        raise ValueError(f"f must be a function of x, got {f!r}; for a table use approximate")
    clock = Effort.checked(time_limit, None).clock(DEFAULT_SECONDS)
    bound = None if curvature is None else _bound_of(curvature, low, high)
    values = _values_of(f, low, high)
    from reluctant.univariate.functions import Target, approximate_interval

    with clock.listening():
        clock.doing("adding samples of the function")
        return approximate_interval(Target(values, low, high, epsilon, _SHIFT[side]), bound, clock)


def _values_of(f: Callable[[Any], ArrayLike], low: float, high: float) -> Callable[[Array], Array]:
    """`f` on arrays, with every value checked."""
    rows = _by_rows(f, (np.linspace(low, high, 3),))

    def values(x: Array) -> Array:
        return _checked(rows(x), "f", lambda i: f"x = {x[i]!s}", "choose a and b so that f is real and finite there")

    return values


def _bound_of(
    curvature: float | Callable[[Any, Any], ArrayLike], low: float, high: float
) -> Callable[[Array, Array], Array]:
    """The bound of |f''| on sub-intervals, with every value checked."""
    if not callable(curvature):
        if not as_number(curvature) >= 0:
            raise ValueError(f"curvature must be a bound of |f''|, a number of at least 0, got {curvature!r}")
        number = check_number(curvature, "curvature")
        return lambda left, right: np.full(len(left), number)
    ends = np.linspace(low, high, 4)
    rows = _by_rows(curvature, (ends[:-1], ends[1:]))

    def bounds(left: Array, right: Array) -> Array:
        def where(i: int) -> str:
            return f"[{left[i]!s}, {right[i]!s}]"

        found = _checked(rows(left, right), "curvature", where, "give a finite bound of |f''| there")
        if (found < 0).any():
            i = int(np.argmax(found < 0))
            raise ValueError(f"curvature is {found[i]:g} on {where(i)}; give a bound of |f''|, which is at least 0")
        return found

    return bounds


def _by_rows(function: Callable[..., Any], probe: tuple[Array, ...]) -> Callable[..., Any]:
    """`function` on arrays: itself where it takes them, else called with one number at a time.

    NumPy says nothing about infinite values and NaN on the way: those that are returned are refused with their place.
    """

    def on_arrays(*columns: Array) -> Any:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return function(*(column.copy() for column in columns))

    def one_by_one(*columns: Array) -> list[Any]:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return [function(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    try:
        whole = np.shape(on_arrays(*probe)) == probe[0].shape
    except (TypeError, ValueError):  # how functions of one number refuse arrays
        whole = False
    return on_arrays if whole else one_by_one


def _checked(values: Any, name: str, where: Callable[[int], str], remedy: str) -> Array:
    """Finite float64, or a ValueError that names the place of the first value that is not."""
    for i, value in enumerate(values if isinstance(values, list) else ()):
        if np.shape(value):
            raise ValueError(f"{name} has shape {np.shape(value)} at {where(i)}; return one number for every point")
        if not isinstance(value, (complex, float, int, np.number, np.bool_)):
            raise ValueError(f"{name} is {value!r} at {where(i)}; return a real number")
    found = np.asarray(values)
    if found.dtype.kind == "c":
        raise ValueError(f"{name} is complex at {where(int(np.argmax(found.imag != 0)))}; {remedy}")
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{name} is {found.flat[0]!r} at {where(0)}; return a real number")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        i = int(np.argmin(np.isfinite(found)))
        raise ValueError(f"{name} is {found[i]!s} at {where(i)}; {remedy}")
    return found
