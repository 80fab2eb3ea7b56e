"""The verbs: check the input, choose the room, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from reluctant.model.network import ReLUNetwork, check_start
from reluctant.objective import check_p
from reluctant.solution import Solution
from reluctant.validation import (
    as_floats,
    check_bool,
    check_integer,
    check_nonnegative,
    check_number,
    check_random_state,
    check_table,
    check_weights,
)

if TYPE_CHECKING:
    from reluctant.regression.losses import Loss

Minimize = Literal["parameters", "neurons"]


def interpolate(
    X: ArrayLike,
    y: ArrayLike,
    p: float = 0.0,
    *,
    affine: bool | None = None,
    halve_p: bool = False,
    minimize: Minimize = "parameters",
    target: int | None = None,
    start: ReLUNetwork | None = None,
    rtol: float | None = None,
    time_limit: float | None = None,
    random_state: int | np.random.Generator | None = None,
    n_jobs: int = 1,
    verbose: bool = False,
) -> Solution:
    """Fit the data exactly with minimal ℓp path norm; p = 0 asks for the sparsest network.

    One input and one output go to the exact solver of the line. More go to Newton-prune, a search that reaches the
    generic lower bound on most data of up to a few hundred points and proves nothing by itself; `certificate` says
    what is known. Up to eight points in three dimensions are settled by enumeration, if the time allows. For p > 0 the
    path norm of several outputs is the sum of theirs, and each is solved by itself, over one input exactly.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs in any order.
    y : array_like, shape (N,) or (N, m)
        Targets; for p = 0 several outputs share the neurons.
    p : float, default 0
        Exponent of the path norm Σ_k ‖v_k w_k‖_p^p, in [0, 1]. On the line p = 0 is the limit p → 0+: fewest neurons,
        and among those the smallest Σ log|c| over the slope changes c; p = 1 returns that same solution, which is one
        of the sparsest minimisers of the total variation of f'. In R^d the bias counts as a weight [NN].
    affine : bool, optional
        Whether the network has a free affine part. By default, as in the paper, it does for one input and does not for
        more. Without one the function on the line is realised by orienting its neurons, with up to two more where
        that is not enough.
    halve_p : bool
        Solve for p, p / 2, p / 4, … until nothing gets sparser, the practical rule of [NN], and return the sparsest
        of them; its `p` says which it was. In R^d `time_limit` is for each.
    minimize : {"parameters", "neurons"}
        In R^d with p = 0: what is counted. On the line both are the number of knots.
    target : int, optional
        In R^d with p = 0, and within a tolerance: stop as soon as the count is this low.
    start : ReLUNetwork, optional
        In R^d: a network near an interpolant to begin with.
    rtol : float, optional
        On the line, for one output: a point is drawn as part of a straight link when it lies within
        rtol · (max|y| + |slope| max|x|) of it; 2^-51 by default, which covers numbers rounded to float64; 0 decides
        exactly.
    time_limit : float, optional
        In R^d: seconds, for all outputs, after which the best network so far is returned. By default 10 for searches
        that have no count to stop at, which are those with p > 0 and those of `approximate`; with p = 0 the search ends
        by itself. An interrupt (Ctrl-C) returns the best so far.
    random_state : int, Generator or None
        In R^d: source of all randomness.
    n_jobs : int
        In R^d: independent runs of Newton-prune in parallel, as in joblib; the first to reach the target stops them.
    verbose : bool
        In R^d: print every improvement of Newton-prune to standard error.

    Returns
    -------
    Solution
        With `function` set on the line, where `predict` uses it. Its largest error is at most 1e-9 max|y|.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, an argument is out of range, or the result cannot be held in
        float64.
    InfeasibleError
        If one x comes with different y.

    References
    ----------
    Nakhleh and Nowak, Global Minimizers of ℓp-Regularized Objectives Yield the Sparsest ReLU Neural Networks,
    NeurIPS 2025, Theorems 3.1 and 3.2; Debarre et al., Sparsest piecewise-linear regression of one-dimensional
    data, 2022, Theorem 4. The matching on the line and Newton-prune are this library's own.

    Examples
    --------
    >>> from reluctant import interpolate
    >>> solution = interpolate([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    >>> solution.n_neurons, solution.certificate.kind
    (3, 'proved')
    >>> solution.function.knots
    array([-1. ,  0.5,  2. ])
    >>> solution.network([0.5, 10.0])
    array([1.5, 0. ])

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.uniform(-1, 1, (20, 5)), rng.uniform(-1, 1, 20)
    >>> solution = interpolate(X, y, random_state=0)
    >>> solution.n_parameters, solution.certificate.kind, solution.certificate.lower_bound
    (20, 'generic', 20)
    """
    p = check_p(p)
    rtol = None if rtol is None else _check_rtol(rtol)
    affine = None if affine is None else check_bool(affine, "affine")
    halve_p = check_bool(halve_p, "halve_p")
    X, y = check_table(X, y)
    options = _options(minimize, target, start, time_limit, random_state, n_jobs, verbose, X, y)
    if halve_p and p == 0:
        raise ValueError("halve_p needs a p greater than 0 to begin with, got p = 0")
    if X.shape[1] == 1 and y.ndim == 1:
        from reluctant.univariate import interpolation

        x = X[:, 0]
        line_rtol = interpolation.RTOL if rtol is None else rtol

        def solve(p: float) -> Solution:
            solution = interpolation.interpolate_line(x, y, p, line_rtol)
            return interpolation.without_affine_part(solution, x) if affine is False else solution
    else:
        from reluctant.multivariate import interpolation as solutions

        effort = solutions.Effort(**options)

        def solve(p: float) -> Solution:
            return solutions.interpolate_space(X, y, p, _has_affine_part(affine, X), effort)

    return _sparsest_by_halving(solve, p) if halve_p else solve(p)


def approximate(
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: ArrayLike,
    affine: bool | None = None,
    minimize: Minimize = "parameters",
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
        `interpolate` with p = 0.
    affine, minimize, target, start, time_limit, random_state, n_jobs, verbose
        As for `interpolate`.
    rtol : float, default 1e-9
        Tolerances count as ε_i (1 + rtol), because decimals are rounded, and on the line never as less than the
        rounding of the data, 2^-51 (max|y| + |slope| max|x|). With 0 they hold strictly. In R^d they never count as
        less than 1e-9 max|y|, as for an interpolant.

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
    rtol = _check_rtol(rtol)
    affine = None if affine is None else check_bool(affine, "affine")
    X, y = check_table(X, y)
    epsilon = _check_tolerance(tolerance, y)
    options = _options(minimize, target, start, time_limit, random_state, n_jobs, verbose, X, y)
    if X.shape[1] == 1 and y.ndim == 1:
        from reluctant.univariate import interpolation
        from reluctant.univariate.tolerance import approximate_line

        x = X[:, 0]
        solution = approximate_line(x, y, epsilon, rtol)
        return interpolation.without_affine_part(solution, x) if affine is False else solution
    from reluctant.multivariate.effort import Effort
    from reluctant.multivariate.tolerance import approximate_space

    return approximate_space(X, y, epsilon, rtol, _has_affine_part(affine, X), Effort(**options))


def regress(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float,
    p: float = 0.5,
    loss: str | Loss = "squared",
    affine: bool = True,
    start: ReLUNetwork | None = None,
    sample_weight: ArrayLike | None = None,
    n_starts: int = 1,
    time_limit: float | None = None,
    random_state: int | np.random.Generator | None = None,
    n_jobs: int = 1,
    verbose: bool = False,
) -> Solution:
    """Minimise mean loss + α · ℓp path norm: the trade of error against sparsity for noisy data.

    One input with one output, the squared loss and an affine part goes to the line, where p = 1 is solved to a
    proved duality gap. Everything else is a search: a grown network, majorised steps while |t|^p is smoothed less and
    less, then deletions and new hinges while the objective falls. It proves nothing.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs. They are not standardised: the path norm, which for two inputs or more counts the biases, is that of
        the network in these units.
    y : array_like, shape (N,) or (N, m)
        Targets; several outputs share the neurons. Classes are 0 and 1 for ``"logistic"`` and ``"hinge"``, and labels
        0 … m − 1 or rows of class shares for ``"softmax"``.
    alpha : float
        Weight α ≥ 0 of the path norm, the λ of [NN]; the mean is over the weighted rows.
    p : float, default 0.5
        Exponent in (0, 1].
    loss : str or loss object
        ``"squared"`` (½ r²), ``"absolute"``, ``"huber"``, ``"quantile"``, ``"logistic"``, ``"softmax"`` or ``"hinge"``;
        ``"max"``, the largest |r| over all rows and outputs in the place of the mean loss.
        `reluctant.regression.losses` has their parameters, and what a loss of your own states.
    affine : bool, default True
        Whether the network has an affine part, which is free; for classes it has a ridge of 1e-4 in units of the
        deviations of X, without which separable classes would have no minimiser.
    start : ReLUNetwork, optional
        A network to begin with besides the grown one, for example a trained one; on the line it is only compared. The
        result's objective is never above its own. Without an affine part that of the start is left out.
    sample_weight : array_like, shape (N,), optional
        Weights of the rows, ≥ 0 and not all zero; none with ``"max"``.
    n_starts : int, default 1
        Where it is a search: independent searches, of which the best is returned.
    time_limit : float, optional
        Seconds after which nothing begins any more: no search, hinge, deletion or step, but for the affine fit.
        An interrupt (Ctrl-C) ends the search likewise and returns the best so far.
    random_state : int, Generator or None
        Source of all randomness.
    n_jobs : int
        Searches at a time, as in joblib. The result does not depend on it, unless the time ends first.
    verbose : bool
        Print neurons and objective, in units of the deviation of y, before every round of new hinges to standard error.

    Returns
    -------
    Solution
        With `alpha`, `mean_loss` (with ``"max"`` the largest |r|) and `objective`; `max_error` is NaN for classes.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers or an argument is out of range.

    References
    ----------
    Nakhleh and Nowak, NeurIPS 2025 (the objective); Debarre et al., Sparsest piecewise-linear regression of
    one-dimensional data, 2022 (the line, p = 1).

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import regress
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (200, 2))
    >>> y = np.maximum(X[:, 0], 0) + 0.05 * rng.standard_normal(200)
    >>> solution = regress(X, y, alpha=0.003, random_state=0)
    >>> solution.n_neurons
    1
    """
    p = check_p(p, zero=False)
    alpha = check_number(alpha, "alpha")
    X, y = check_table(X, y)
    affine = check_bool(affine, "affine")
    from reluctant.effort import Effort
    from reluctant.regression.losses import Squared, as_loss
    from reluctant.regression.regress import KEPT, better_of, regress_space, solution_of, without_affine_part
    from reluctant.regression.targets import as_targets

    loss = as_loss(loss)
    if sample_weight is not None and not loss.sums_rows:
        raise ValueError(f"sample_weight has no meaning for loss = {loss!r}, which is no sum over rows; leave it out")
    targets, weights = as_targets(y, loss), check_weights(sample_weight, len(X))
    n_starts = check_integer(n_starts, "n_starts", low=1)
    effort = Effort.checked(time_limit, random_state, n_jobs, verbose)
    check_start(start, X.shape[1], targets.shape[1])
    first = start if affine or start is None else without_affine_part(start)
    if X.shape[1] == 1 and y.ndim == 1 and loss == Squared() and affine:
        from reluctant.univariate.regression import regress_line

        found = regress_line(X[:, 0], y, alpha, p, weights)
    else:
        found = regress_space(X, targets, weights, loss, alpha, p, affine, first, effort, n_starts)
    return found if first is None else better_of(found, solution_of(first, X, targets, weights, loss, alpha, p, KEPT))


def critical_p(X: ArrayLike, y: ArrayLike, *, width: float = 1e-10) -> float:
    """Return p*, the largest q such that every p < q gives a sparsest interpolant; 1.0 if that never ends.

    On the line p* is certified to `width`. In R^d it is known for tiny problems, up to four points in the plane, where
    all extreme points of the finite program [NN, Lemma 4.1] are compared; the lower end of its bracket is returned.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs in any order.
    y : array_like, shape (N,)
        Targets.
    width : float, default 1e-10
        Width to which p* is known; on the line `p_path` tells where something below it stays unresolved.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, or in R^d too large.
    InfeasibleError
        If one x comes with different y.

    Examples
    --------
    >>> critical_p([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    1.0
    """
    X, y = check_table(X, y)
    width = check_number(width, "width", strict=True)
    if X.shape[1] == 1:
        from reluctant.univariate import ppath

        return ppath.critical_p(X, y, width=width)
    from reluctant.multivariate.proofs.extreme_points import critical_exponent, enumerate_vertices

    return critical_exponent(enumerate_vertices(X, y), width).lower


def _sparsest_by_halving(solve: Callable[[float], Solution], p: float) -> Solution:
    best = solve(p)
    while True:
        p /= 2
        next_one = solve(p)
        if (next_one.n_parameters, next_one.n_neurons) >= (best.n_parameters, best.n_neurons):
            return best
        best = next_one


def _has_affine_part(affine: bool | None, X: np.ndarray) -> bool:
    """As in the paper: an affine part for one input, none for more."""
    return X.shape[1] == 1 if affine is None else affine


def _check_tolerance(tolerance: ArrayLike, y: np.ndarray) -> np.ndarray:
    """Tolerances of the shape of y, from one, one for each row, for each output or for each target."""
    n_rows, shape = len(y), as_floats(tolerance, "tolerance").shape
    if y.ndim == 1 or not shape:
        return np.broadcast_to(check_nonnegative(tolerance, "tolerance", n_rows)[:, *[None] * (y.ndim - 1)], y.shape)
    n_outputs, table = y.shape[1], np.asarray(tolerance)
    if shape == (n_rows,) == (n_outputs,):
        raise ValueError(
            f"tolerance has {n_rows} numbers, one for each row or each output; give a table of shape {y.shape}"
        )
    if shape in ((n_rows,), (n_rows, 1)):
        return np.tile(check_nonnegative(table, "tolerance", n_rows)[:, None], n_outputs)
    if shape not in ((n_outputs,), y.shape):
        raise ValueError(
            f"tolerance must be one number, or one for each of the {n_rows} rows, the {n_outputs} outputs or both, "
            f"got shape {shape}"
        )
    columns = table if table.ndim == 1 else table.T
    return np.column_stack([check_nonnegative(column, "tolerance", n_rows) for column in columns])


def _check_rtol(rtol: Any) -> float:
    value = check_number(rtol, "rtol")
    if value >= 1:
        raise ValueError(f"rtol must be less than 1, as it is relative to the size of the data, got {rtol!r}")
    return value


def _options(
    minimize: Any,
    target: Any,
    start: Any,
    time_limit: Any,
    random_state: Any,
    n_jobs: Any,
    verbose: Any,
    X: np.ndarray,
    y: np.ndarray,
) -> dict[str, Any]:
    """The checked arguments that steer a search."""
    if minimize not in get_args(Minimize):
        raise ValueError(f"minimize must be 'parameters' or 'neurons', got {minimize!r}")
    if target is not None:
        target = check_integer(target, "target", low=0)
    if time_limit is not None:
        time_limit = check_number(time_limit, "time_limit", strict=True)
    if check_integer(n_jobs, "n_jobs", low=-1) == 0:
        raise ValueError("n_jobs must be a positive number of processes, or -1 for one a core, got 0")
    check_start(start, X.shape[1], 1 if y.ndim == 1 else y.shape[1])
    return {
        "minimize": minimize,
        "target": target,
        "start": start,
        "time_limit": time_limit,
        "random_state": check_random_state(random_state),
        "n_jobs": n_jobs,
        "verbose": check_bool(verbose, "verbose"),
    }
