"""The verbs: check the input, choose the room, nothing else."""

from __future__ import annotations

from numpy.typing import ArrayLike

from reluctant.objective import check_p
from reluctant.solution import Solution
from reluctant.validation import Array, check_nonnegative, check_number, check_table


def interpolate(
    X: ArrayLike,
    y: ArrayLike,
    p: float = 0.0,
    *,
    affine: bool | None = None,
    rtol: float | None = None,
) -> Solution:
    """Fit the data exactly with minimal ℓp path norm; p = 0 asks for the sparsest network.

    One input goes to the exact solver of the line.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs in any order.
    y : array_like, shape (N,)
        Targets.
    p : float, default 0
        Exponent of the path norm Σ_k ‖v_k w_k‖_p^p, in [0, 1]. p = 0 is the limit p → 0+: fewest neurons, and among
        those the smallest Σ log|c| over the slope changes c. p = 1 returns that same solution, which is one of
        the sparsest minimisers of the total variation of f'.
    affine : bool, optional
        Whether the network has a free affine part. By default it does on the line, as in the paper. Without one the
        function on the line is realised by orienting its neurons, with up to two more where that is not enough.
    rtol : float, optional
        On the line, a point is drawn as part of a straight link when it lies within rtol · (max|y| + |slope| max|x|) of
        it; 2^-51 by default, which covers numbers rounded to float64; 0 decides exactly.

    Returns
    -------
    Solution
        With `function` set on the line, where `predict` uses it.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, or the result cannot be held in float64.
    InfeasibleError
        If one x comes with different y.

    References
    ----------
    Nakhleh and Nowak, Global Minimizers of ℓp-Regularized Objectives Yield the Sparsest ReLU Neural Networks,
    NeurIPS 2025, Theorems 3.1 and 3.2; Debarre et al., Sparsest piecewise-linear regression of one-dimensional
    data, 2022, Theorem 4.

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
    """
    p = check_p(p)
    rtol = None if rtol is None else check_number(rtol, "rtol")
    X, y = check_table(X, y)
    _check_one_input_one_output(X, y)
    from reluctant.univariate import interpolation

    x = X[:, 0]
    solution = interpolation.interpolate_line(x, y, p, interpolation.RTOL if rtol is None else rtol)
    return interpolation.without_affine_part(solution, x) if affine is False else solution


def approximate(
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: ArrayLike,
    affine: bool | None = None,
    rtol: float = 1e-9,
) -> Solution:
    """Fewest neurons with |f(x_i) − y_i| ≤ ε_i at every data point.

    On the line this is solved exactly by one sweep in O(N).

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs in any order.
    y : array_like, shape (N,)
        Targets.
    tolerance : float or array_like, shape (N,)
        ε_i ≥ 0 in the units of y. Zero everywhere is `interpolate` with p = 0.
    affine : bool, optional
        As for `interpolate`.
    rtol : float, default 1e-9
        Tolerances count as ε_i (1 + rtol), because decimals are rounded, and never as less than the rounding of the
        data, 2^-51 (max|y| + |slope| max|x|). With 0 they hold strictly.

    Returns
    -------
    Solution
        `p` is None; `value` is the number of neurons; `certificate.reason` names the tolerance used.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, a tolerance is negative, or slopes are beyond float64.
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
    rtol = check_number(rtol, "rtol")
    X, y = check_table(X, y)
    epsilon = check_nonnegative(tolerance, "tolerance", len(y))
    _check_one_input_one_output(X, y)
    from reluctant.univariate import interpolation
    from reluctant.univariate.tolerance import approximate_line

    x = X[:, 0]
    solution = approximate_line(x, y, epsilon, rtol)
    return interpolation.without_affine_part(solution, x) if affine is False else solution


def _check_one_input_one_output(X: Array, y: Array) -> None:
    if X.shape[1] != 1 or y.ndim != 1:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        raise ValueError(f"X has {X.shape[1]} columns and y has {outputs}; this release solves one of each")
