"""Networks with fewer parameters than equations, found where the labels come from one.

The search hops between local minima of ½‖r‖² + (λ/p) Σ|u|^p at a few decreasing λ: at a moderate λ the planted
network is nearly the global minimum and its large neurons are found first, at small λ the weak ones follow. Every
basin kept is tried for an exact fit on its support, which is grown by single coordinates, pruned by surgeon
deletions and brought to canonical form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from reluctant.multivariate.canonical import canonical_hinges, kinks
from reluctant.multivariate.hops import EPS, annealed_start, hop, penalty_unit, relax
from reluctant.multivariate.reweighted import (
    Array,
    Clock,
    Equations,
    Hinges,
    HingeSum,
    Support,
    anneal,
    data_scale,
    drop_small,
    newton_on_support,
    one_blas_thread,
    penalised_value,
)

Solve = Callable[[Array, Array], Array | None]  # (signs, U) to the U of a solution on that support
Ladder = tuple[tuple[float, ...], tuple[int, ...]]  # decreasing λ, and hops without gain allowed at each

#: Restarts go round these: none is best on all data.
_LADDERS: tuple[Ladder, ...] = (
    ((1e-2, 1e-3, 1e-4), (15, 25, 25)),
    ((3e-3, 1e-3), (15, 30)),
    ((3e-2, 3e-3, 3e-4, 3e-5), (10, 20, 20, 20)),  # the last rung finds weak weights
)
_EXACT = 1e-10  # of max|y|: a residual that counts as exact
_MOST_UNKNOWNS = 0.6  # of the equations: a basin with more is not tried
_AGREEMENTS = 2
_LAST = 1e-6  # λ from which the support is read off


@dataclass(frozen=True)
class Recovery(HingeSum):
    """A network with fewer parameters than equations, and how often the search ended there.

    Attributes
    ----------
    n_equations : int
        N, less the rank of the free affine part.
    agreements : int
        Independent restarts that ended in this function.
    restarts : int
        Restarts made.
    """

    n_equations: int
    agreements: int
    restarts: int


def recover(
    X: Array,
    y: Array,
    *,
    affine: bool = False,
    time_limit: float | None = 5.0,
    max_restarts: int | None = None,
    p: float = 0.5,
    random_state: int | np.random.Generator | None = None,
) -> Recovery | None:
    """Look for a network with fewer hinge parameters than equations; None where none was found.

    For labels in general position none exists and the search uses up what it is given, so give it a small share
    of the time. A network it returns fits the data to 1e-10 · max|y|; that nothing sparser exists is not claimed.
    At most a third as many parameters as points, or several agreements, is good evidence that it is the source of
    the labels.

    Parameters
    ----------
    X : ndarray, shape (N, d)
    y : ndarray, shape (N,)
    affine : bool
        Whether a free affine part is added, which is not counted.
    time_limit : float, optional
        Seconds.
    max_restarts : int, optional
        Restarts after which to give up; with this limit the answer does not depend on the clock.
    p : float
        Exponent of the penalty; 0.3 and 0.5 work, 1 does not.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Recovery or None
        The search stops at the second independent restart that ends in the same function, or when twice as many
        restarts as led to it have not found a sparser one.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> found = recover(X, np.abs(X[:, 0]), random_state=0)
    >>> found.n_parameters, len(found.signs)
    (2, 2)
    """
    clock = Clock(time_limit)
    rng = np.random.default_rng(random_state)
    scale = data_scale(y)
    data = Equations.of(X, y / scale, affine)
    if not data.n_equations or np.abs(data.targets).max() <= _EXACT * np.abs(data.y).max(initial=0.0):
        empty = np.zeros((0, data.Xbar.shape[1]))
        return _recovery(data, np.zeros(0), empty, scale, 1, 0)

    best: Hinges | None = None
    agreements, restarts, found_at = 0, 0, 0
    with one_blas_thread():
        while not clock.expired() and restarts != max_restarts:
            ladder = _LADDERS[restarts % len(_LADDERS)]
            restarts += 1
            found = descend(data, rng, ladder, p, clock.expired)
            if found is not None:
                size = np.count_nonzero(found[1])
                if best is None or size < np.count_nonzero(best[1]):
                    best, agreements, found_at = found, 1, restarts
                elif size == np.count_nonzero(best[1]) and same_kinks(data, best, found):
                    agreements += 1
            if best is not None and (agreements >= _AGREEMENTS or restarts >= 2 * found_at + 2):
                break
    return None if best is None else _recovery(data, *best, scale, agreements, restarts)


def _recovery(data: Equations, signs: Array, U: Array, scale: float, agreements: int, restarts: int) -> Recovery:
    affine = data.affine_part(signs, U)
    return Recovery(signs, U * scale, affine * scale, data.n_equations, agreements, restarts)


def descend(
    data: Equations, rng: np.random.Generator, ladder: Ladder, p: float, stop: Callable[[], bool]
) -> Hinges | None:
    """One restart: hop at each λ of the ladder in turn; the first exact sparse network, or None."""
    levels, patience = ladder
    unit = penalty_unit(data)
    lams = unit * np.asarray(levels)
    state = annealed_start(data, rng, lams[0], p, stop)
    above = lams[0]
    for lam, hops in zip(lams, patience):
        state = anneal(data, *state, np.geomspace(above, lam, 4), np.full(4, EPS), p, stop=stop)
        if stop():
            return None
        found = exact_network(data, *state, lams[-1], unit * _LAST, p, stop)
        if found is not None:
            return found
        value = partial(penalised_value, data, lam=lam, p=p)
        state = hop(rng, data, state, partial(relax, data, lam=lam, p=p), value, hops, stop)
        above = lam
    return exact_network(data, *state, lams[-1], unit * _LAST, p, stop)


def exact_network(
    data: Equations, signs: Array, U: Array, first: float, last: float, p: float, stop: Callable[[], bool]
) -> Hinges | None:
    """Sparse exact network near a penalised minimum, or None: λ → 0, grow, prune, canonical form, prune."""
    signs, U = anneal(data, signs, U, np.geomspace(first, last, 6), np.full(6, EPS), p)
    if not 0 < np.count_nonzero(U) < _MOST_UNKNOWNS * data.n_equations:
        return None
    tol = _EXACT * float(np.abs(data.y).max())
    U, error = grow(data, signs, U, tol)
    if error > tol:
        return None

    def solve(signs: Array, U: Array) -> Array | None:
        U, error = newton_on_support(data, signs, U, tol / 10)
        return U if error <= tol else None

    signs, U = simplest(data, signs, U, solve, stop)
    return signs, newton_on_support(data, signs, U, 0.0, steps=3)[0]


def simplest(data: Equations, signs: Array, U: Array, solve: Solve, stop: Callable[[], bool]) -> Hinges:
    """Prune, bring to canonical form, prune again; `solve` says what is still a solution."""
    signs, U = prune_below(data, signs, U, solve, stop)
    turned_signs, turned = canonical_hinges(data.Xbar, signs, U, data.complement is not None)
    solved = solve(turned_signs, turned)
    if solved is None:
        return signs, U
    other = prune_below(data, turned_signs, solved, solve, stop)
    return other if np.count_nonzero(other[1]) <= np.count_nonzero(U) else (signs, U)


def grow(data: Equations, signs: Array, U: Array, tol: float, most: int = 4) -> tuple[Array, float]:
    """Fit on the support; while a residual is left, add the zero coordinate that explains most of it."""
    U, error = newton_on_support(data, signs, U, tol / 10)
    for _ in range(most):
        zeros = np.nonzero(U == 0.0)
        if error <= tol or not len(zeros[0]):
            break
        basis = np.linalg.qr(data.design(signs, U, np.nonzero(U))).Q
        r = data.residual(signs, U)
        C = data.design(signs, U, zeros)
        C -= basis @ (basis.T @ C)
        r -= basis @ (basis.T @ r)
        sizes = np.einsum("ij,ij->j", C, C)
        fitted = C.T @ r / np.maximum(sizes, 1e-8)
        best = int(np.argmax(fitted**2 * sizes))
        trial = U.copy()
        trial[zeros[0][best], zeros[1][best]] = fitted[best]
        trial, trial_error = newton_on_support(data, signs, trial, tol / 10)
        if trial_error >= error:
            break
        U, error = trial, trial_error
    return U, error


def prune_below(
    data: Equations, signs: Array, U: Array, solve: Solve, stop: Callable[[], bool], tries: int = 8
) -> Hinges:
    """Delete coordinates of a solution, also below as many as equations, while a re-solve succeeds.

    The order is that of the least-squares price u²/(H⁻¹)_qq, H = AᵀA in the metric |u|.
    """
    share = 0.2
    while U.any() and not stop():
        support = np.nonzero(U)
        order = np.argsort(deletion_prices(data, signs, U, support))
        several = int(share * len(order))
        singles = [order[[i]] for i in range(min(tries, len(order)))]
        for group in ([order[:several]] if several > 1 else []) + singles:
            trial = U.copy()
            trial[support[0][group], support[1][group]] = 0.0
            solved = solve(signs, trial)
            if solved is not None:
                break
            share /= 2
        else:
            break
        signs, U = drop_small(signs, solved, 0.0)
    return signs, U


def deletion_prices(data: Equations, signs: Array, U: Array, support: Support) -> Array:
    """What each deletion costs in the metric |u|, a ridge standing in for directions the data leave free."""
    size = np.abs(U[support])
    root = np.sqrt(size + 1e-3 * size.mean())
    B = data.design(signs, U, support) * root
    H = B.T @ B
    H.flat[:: len(H) + 1] += 1e-10 * np.trace(H) / len(H)
    return (U[support] / root) ** 2 / np.diag(np.linalg.inv(H))


def same_kinks(data: Equations, one: Hinges, other: Hinges, rtol: float = 1e-6) -> bool:
    """Whether two networks have the same kinks, whichever way round their neurons are."""
    a, b = (kinks(data.Xbar, *hinges)[0] for hinges in (one, other))
    if a.shape != b.shape:
        return False
    distance = np.abs(a[:, None] - b[None]).max(axis=2)
    return bool((distance.min(axis=1) <= rtol * np.abs(a).max()).all() if len(a) else True)
