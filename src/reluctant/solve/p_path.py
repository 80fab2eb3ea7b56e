"""`p_path`: the interpolant of minimal ℓp path norm for every p at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from reluctant.solve.requests import check_one_curve
from reluctant.validation import check_number, check_table, rounding_of

if TYPE_CHECKING:
    from reluctant.univariate.ppath import PPath


def p_path(
    x: ArrayLike, y: ArrayLike, *, width: float = 1e-10, rtol: float | None = None, tie_rtol: float = 1e-10
) -> PPath:
    """Find the minimal-ℓp-path-norm interpolant, with a free affine part, for every p in (0, 1) at once.

    Parameters
    ----------
    x, y : array_like, shape (N,)
        Data in any order.
    width : float, default 1e-10
        Largest width of the bracket of a breakpoint.
    rtol : float, optional
        A point within rtol · (max|y| + |slope| max|x|) of the chord of its neighbours counts as collinear, as in
        `reluctant.interpolate`. Where exact signs give fewer knots at p → 0+, the path is that of exact signs.
    tie_rtol : float, default 1e-10
        Slope changes closer than this, relatively, count as equal. Solutions with the same slope changes tie for every
        p; the one whose merged pairs lie leftmost is returned. Raise it where rounding of y alone makes equal jumps
        differ by more, as for a parabola on a fine grid.

    Returns
    -------
    PPath

    Raises
    ------
    ValueError
        If the input is not two columns of finite numbers, or a tolerance is out of range.
    InfeasibleError
        If one x comes with two different y.

    Notes
    -----
    V_p is a maximum-weight matching problem on a path for every run of equal curvature; by [NN, Thm 3.2] the solution
    changes at finitely many p only. A matching is certified on an interval when no alternating flip can lower its
    cost there (ours): rounding errors and interpolation errors are bounded, equal slope changes are recognised by
    64-bit fingerprints.

    References
    ----------
    [NN] Nakhleh and Nowak, Global Minimizers of ℓp-Regularized Objectives Yield the Sparsest ReLU Neural Networks,
    NeurIPS 2025, Theorem 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import p_path
    >>> x = np.arange(10.0)
    >>> y = np.concatenate([[0], np.cumsum(np.cumsum([0, 0.01, 1.1, 6.5, 4.6, 2.5, 0.1, 1.2, 0.8]))])
    >>> path = p_path(x, y)
    >>> path.breakpoints.round(4)
    array([0.2785, 0.9166])
    >>> [path.n_knots(p) for p in (0.1, 0.5, 0.95)]
    [4, 5, 4]
    """
    width = check_number(width, "width", strict=True)
    rtol = rounding_of(x, y) if rtol is None else check_number(rtol, "rtol")
    tie_rtol = check_number(tie_rtol, "tie_rtol")
    X, y = check_table(x, y)
    check_one_curve(X, y)
    from reluctant.univariate.ppath import path_on_line

    return path_on_line(X[:, 0], y, width, rtol, tie_rtol)
