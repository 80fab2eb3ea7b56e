"""`critical_p` and `recovery_threshold`: below which p every minimiser of the path norm is sparsest."""

from __future__ import annotations

from numpy.typing import ArrayLike

from reluctant.solve.requests import check_one_curve
from reluctant.validation import check_number, check_table, rounding_of


def critical_p(X: ArrayLike, y: ArrayLike, *, width: float = 1e-10) -> float:
    """Return p*, the largest q such that every p < q gives a sparsest interpolant; 1.0 if that never ends.

    On the line, with a free affine part, p* is certified to `width`. In R^d it is known for tiny problems, where all
    extreme points of the finite program [NN, Lemma 4.1] are compared, in float64: six points in the plane take some
    seconds and seven some minutes, more are refused. The lower end of its bracket is returned.

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
    given = X, y
    X, y = check_table(X, y)
    width = check_number(width, "width", strict=True)
    if X.shape[1] == 1:
        from reluctant.univariate.ppath import path_on_line

        check_one_curve(X, y)
        return path_on_line(X[:, 0], y, width, rounding_of(*given)).critical_p
    from reluctant.multivariate.proofs.contenders import contenders
    from reluctant.multivariate.proofs.extreme_points import critical_exponent

    return critical_exponent(contenders(X, y), width).lower


def recovery_threshold(X: ArrayLike, y: ArrayLike) -> float:
    """The explicit threshold of [NN, proof of Thm 4.1]: every p below it recovers a sparsest interpolant.

    It is log(1 + 1/K₀) / log(R / r), K₀ the fewest parameters, r and R the smallest and largest nonzero magnitude over
    all extreme points of the finite program [NN, Lemma 4.1]. It is never above `critical_p`, as a rule far below, and
    known for still smaller problems, up to six points in the plane, which take minutes.

    Parameters
    ----------
    X : array_like, shape (N, d), d ≥ 2
        Inputs in any order.
    y : array_like, shape (N,)
        Targets.

    Returns
    -------
    float
        Infinite where all magnitudes are equal: then every p in (0, 1) will do.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers, is too large, or has one input, where `critical_p` is exact.
    InfeasibleError
        If one x comes with different y.

    Examples
    --------
    >>> X, y = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 3.0]
    >>> recovery_threshold(X, y) <= critical_p(X, y)
    True
    """
    X, y = check_table(X, y)
    if X.shape[1] == 1:
        raise ValueError("x has one column; on the line critical_p is exact, and the threshold is about more inputs")
    from reluctant.multivariate.proofs.contenders import explicit_threshold

    return explicit_threshold(X, y)
