"""All activation patterns of a data set, from the cells of its arrangement, and which of them share a facet."""

from math import comb

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Mask
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.patterns import Row, arrangement_cells, integer_rows


def pattern_count(n_points: int, n_inputs: int) -> int:
    """2 Σ_{k ≤ d} C(N − 1, k): patterns of N points in general position in R^d (Cover 1965), a bound for all others.

    Examples
    --------
    >>> pattern_count(4, 2)
    14
    """
    return 2 * sum(comb(n_points - 1, k) for k in range(n_inputs + 1))


def enumerate_patterns(X: ArrayLike) -> tuple[Mask, Array]:
    """All activation patterns 1[X̄u ≥ 0] of the rows of X.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Inputs; repeated, collinear and otherwise degenerate rows are welcome.

    Returns
    -------
    patterns : ndarray of bool, shape (J, N)
        Distinct patterns in lexicographic order, the all-false and the all-true one among them.
    representatives : ndarray, shape (J, d + 1)
        A hinge u inside the cell of every pattern, largest entry one, rounded to float64; the rounding
        matters only where a cell is narrower than float64 resolves.

    Notes
    -----
    A row h added to an arrangement splits exactly the cells that its hyperplane h·u = 0 meets, and these are the
    cells of the arrangement the earlier rows induce on that hyperplane, one dimension lower. The recursion runs on
    integers (every float64 is one, scaled), so nothing is decided by rounding.

    Examples
    --------
    >>> patterns, u = enumerate_patterns([[0.0], [1.0], [1.0]])
    >>> patterns.astype(int)
    array([[0, 0, 0],
           [0, 1, 1],
           [1, 0, 0],
           [1, 1, 1]])
    """
    cells = sorted(arrangement_cells(integer_rows(homogeneous(X))))
    patterns = np.array([[s > 0 for s in signs] for signs, _ in cells])
    return patterns, np.array([direction(u) for _, u in cells])


def neighbours(patterns: Mask, X: ArrayLike) -> list[tuple[int, int, int]]:
    """Pairs of patterns whose cells share a facet: they differ at one data point and its copies.

    Parameters
    ----------
    patterns : ndarray of bool, shape (J, N)
        All patterns of X.
    X : array_like, shape (N, d)

    Returns
    -------
    list of (j, k, i)
        Crossing the hinge of point i (the first of its copies) switches it on and leads from pattern j to
        pattern k.

    Examples
    --------
    >>> X = [[0.0], [1.0]]
    >>> neighbours(enumerate_patterns(X)[0], X)
    [(0, 2, 0), (0, 1, 1), (1, 3, 0), (2, 3, 1)]
    """
    _, first, copy_of = np.unique(homogeneous(X), axis=0, return_index=True, return_inverse=True)
    copies = [(int(i), copy_of == copy_of[i]) for i in np.sort(first)]
    index = {pattern.tobytes(): j for j, pattern in enumerate(patterns)}
    found = []
    for j, pattern in enumerate(patterns):
        for i, same in copies:
            if not pattern[i]:
                k = index.get((pattern | same).tobytes())
                if k is not None:
                    found.append((j, k, i))
    return found


def direction(u: Row) -> list[float]:
    largest = max(map(abs, u))
    return [a / largest for a in u]
