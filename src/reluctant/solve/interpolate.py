"""`interpolate`: an exact fit of minimal ℓp path norm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from reluctant.effort import DEFAULT_SECONDS, Effort
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.objective import Bias, check_p
from reluctant.solution import Solution
from reluctant.solve.requests import (
    check_penalised_bias,
    check_rtol,
    check_start,
    has_affine_part,
    is_line,
    share_exactly,
)
from reluctant.validation import check_bool, check_table, rounding_of


def interpolate(
    X: ArrayLike,
    y: ArrayLike,
    p: float = 0.0,
    *,
    affine: bool | None = None,
    bias: Bias | None = None,
    halve_p: bool = False,
    minimize: Count = "parameters",
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
    what is known. Several outputs over one input share as few knots as can be, exactly, for p = 0, whatever
    `minimize` counts: there, as for one output, it is the knots. Up to ten points in the plane and eight in three
    dimensions are settled by enumeration, if the time allows, and with one output networks of few parameters at any
    number of points. For p > 0 the path norm of several outputs is the sum of theirs, and each is solved by itself,
    over one input exactly.

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
        more. Without one, on the line, p = 1 stays exact, p = 0 takes at most one neuron more, beside a constant one
        that the norm does not count, and 0 < p < 1 is a search with a proved lower bound.
    bias : {"l1", "l2"}, optional
        On the line with p = 1: count the biases too. A neuron c (x − t)_+ then costs |c| (1 + |t|), the path norm with
        the bias as a weight, which is the convention of R^d, or |c| √(1 + t²), the Euclidean norm of (c, −c t) [BF].
        `value` is that sum. The affine part stays free.
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
        rtol · (max|y| + |slope| max|x|) of it; by default 2^-51, which covers numbers rounded to float64, or 2^-22
        where X or y is float32; 0 decides exactly. Where exact signs give less, their solution is returned.
    time_limit : float, optional
        In R^d: seconds, for all outputs, after which the best network so far is returned; 30 by default, ``math.inf``
        for none. With p = 0 the search often ends before, at the bound. An interrupt (Ctrl-C) returns the best so far;
        a second one is raised. For one input and several outputs: the same of the search for shared knots; jumps that
        it has not come to then have a knot each, and the bound is less.
    random_state : int, Generator or None
        In R^d: source of all randomness.
    n_jobs : int
        In R^d: independent runs of Newton-prune in parallel, as in joblib; the first to reach the target stops them.
        The enumeration that proves a small network sparsest shares its work among as many.
    verbose : bool
        In R^d: print every improvement of Newton-prune to standard error.

    Returns
    -------
    Solution
        With `function` set on the line, where `predict` uses it. Its largest error is at most 1e-9 max|y|, on the line
        2 rtol max|y| if that is more.

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
    data, 2022, Theorem 4; [BF] Boursier and Flammarion, Penalising the biases in norm regularisation enforces
    sparsity, NeurIPS 2023. The matching on the line and Newton-prune are this library's own.

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

    Where biases count, knots move towards x = 0, beyond data points if that pays:

    >>> [float(interpolate([-4, 2, 3], [0, 0, 1], 1, bias=bias).function.knots[0]) for bias in (None, "l1", "l2")]
    [2.0, 0.0, 0.25]

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.uniform(-1, 1, (20, 5)), rng.uniform(-1, 1, 20)
    >>> solution = interpolate(X, y, random_state=0)
    >>> solution.n_parameters, solution.certificate.kind, solution.certificate.lower_bound
    (20, 'generic', 20)
    """
    p, halve_p = check_p(p), check_bool(halve_p, "halve_p")
    rtol = None if rtol is None else check_rtol(rtol)
    affine = None if affine is None else check_bool(affine, "affine")
    given = X, y
    X, y = check_table(X, y)
    aim, effort = Aim.checked(minimize, target), Effort.checked(time_limit, random_state, n_jobs, verbose)
    check_start(start, X, y)
    bias = check_penalised_bias(bias, p, X, y, affine, halve_p)
    if halve_p and p == 0:
        raise ValueError("halve_p needs a p greater than 0 to begin with, got p = 0")
    if is_line(X, y):
        from reluctant.univariate import penalised_biases
        from reluctant.univariate.interpolation import interpolate_line
        from reluctant.univariate.without_affine import interpolate_without_affine_part

        line_rtol = rounding_of(*given) if rtol is None else rtol
        solve_line = interpolate_without_affine_part if affine is False else interpolate_line

        def solve(p: float) -> Solution:
            if bias is not None:
                return penalised_biases.interpolate_line(X[:, 0], y, bias, line_rtol)
            return solve_line(X[:, 0], y, p, line_rtol)
    elif p == 0 and share_exactly(X, y):
        from reluctant.univariate.shared_knots import interpolate_shared

        def solve(p: float) -> Solution:
            line_rtol = rounding_of(*given) if rtol is None else rtol
            clock = effort.clock(DEFAULT_SECONDS)
            return interpolate_shared(X[:, 0], y, line_rtol, affine is not False, clock)
    else:
        from reluctant.multivariate.interpolation import interpolate_space

        def solve(p: float) -> Solution:
            return interpolate_space(X, y, p, has_affine_part(affine, X), aim, start, effort)

    return _sparsest_by_halving(solve, p, aim) if halve_p else solve(p)


def _sparsest_by_halving(solve: Callable[[float], Solution], p: float, aim: Aim) -> Solution:
    """The solution for the first of p, p / 2, p / 4, … after which nothing gets sparser."""
    best = solve(p)
    while True:
        p /= 2
        next_one = solve(p)
        if aim.count(next_one.network) >= aim.count(best.network):
            return best
        best = next_one
