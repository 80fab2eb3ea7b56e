"""Networks with fewer parameters than equations, found where the labels come from one.

Each restart anneals ½‖r‖² + (λ/p) Σ|u|^p from random neurons down to a moderate λ, where the large neurons of the
planted network show, and goes on without λ: kicks that drop weak neurons and fit new ones to the residual, and
exchanges of single coordinates, judged by error and size together. An exact fit is pruned by surgeon deletions,
brought to canonical form and shaken again for one of fewer parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.basin_hopping.canonical import canonical_hinges, kinks
from reluctant.multivariate.basin_hopping.exchange import EXACT, UNEXPLAINED, exchange, sized_error, without
from reluctant.multivariate.basin_hopping.hops import hop
from reluctant.multivariate.basin_hopping.kicks import KICKS, annealed_start, kicked, penalty_unit, relax, split
from reluctant.multivariate.basin_hopping.pursuit import pursue
from reluctant.multivariate.basin_hopping.reweighted import (
    Equations,
    Hinges,
    Support,
    data_scale,
    drop_small,
    newton_on_support,
    one_blas_thread,
)

Solve = Callable[[Hinges], Hinges | None]  # to a solution on that support

SECONDS = 5.0
"""Time where no clock is given."""
_LEVELS = (1e-2, 3e-3, 3e-2)  # λ of the start, in units of the labels per neuron; restarts go round them
_PATIENCE = 30  # hops without gain after which a restart ends
_PATIENCE_EXACT = 8  # the same for hops from an exact network
_EXACT = 1e-10  # of max|y|: a residual that counts as exact
_AGREEMENTS = 2
_SAMPLE = 500  # rows that show whether there is anything to find


@dataclass(frozen=True)
class Recovery:
    """A network with fewer parameters than equations, and how often the search ended there.

    Attributes
    ----------
    hinges : Hinges
    affine : ndarray, shape (d + 1,)
        Free affine part, intercept last; zero where none was asked for.
    agreements : int
        Independent restarts that ended in this function.
    restarts : int
        Restarts made.
    """

    hinges: Hinges
    affine: Array
    agreements: int
    restarts: int

    @property
    def network(self) -> ReLUNetwork:
        """The network."""
        return self.hinges.network(self.affine)


def recover(
    X: Array,
    y: Array,
    *,
    affine: bool = False,
    clock: Clock | None = None,
    max_restarts: int | None = None,
    glance: bool = False,
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
    clock : Clock, optional
        When it expires what was found is returned.
    max_restarts : int, optional
        Restarts after which to give up; with this limit the answer does not depend on the clock.
    glance : bool
        Whether to give up after one restart that explains next to nothing of the labels, not three.
    p : float
        Exponent of the penalty; 0.3 and 0.5 work, 1 does not.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Recovery or None
        The search stops at the second independent restart that ends in the same function, when twice as many
        restarts as led to it have not found a sparser one, or when the first few have explained next to nothing, of
        all rows or of five hundred.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> found = recover(X, np.abs(X[:, 0]), random_state=0)
    >>> found.hinges.n_parameters, found.hinges.n_neurons
    (2, 2)
    """
    clock = clock or Clock(SECONDS)
    rng = np.random.default_rng(random_state)
    scale = data_scale(y)
    data = Equations.of(X, y / scale, affine)
    if not data.n_equations or np.abs(data.targets).max() <= _EXACT * np.abs(data.y).max(initial=0.0):
        return _recovery(data, Hinges.none(data.n_coordinates), scale, 1, 0)

    best: Hinges | None = None
    agreements, restarts, found_at = 0, 0, 0
    least, explained = UNEXPLAINED * sized_error(data, Hinges.none(data.n_coordinates)), False
    with one_blas_thread():
        if len(data.y) > _SAMPLE and not sample_explained(data, rng, p, clock.expired):
            return None
        while not clock.expired() and restarts != max_restarts:
            level = _LEVELS[restarts % len(_LEVELS)]
            restarts += 1
            state = descend(data, rng, level, p, clock.expired)
            explained = explained or sized_error(data, state) < least
            found = exact_network(data, state, clock.expired)
            if found is not None:
                found = fewer_parameters(data, rng, found, clock.expired)
                if best is None or found.n_parameters < best.n_parameters:
                    best, agreements, found_at = found, 1, restarts
                elif found.n_parameters == best.n_parameters and same_kinks(data, best, found):
                    agreements += 1
            if best is not None and (agreements >= _AGREEMENTS or restarts >= 2 * found_at + 2):
                break
            if not explained and restarts >= (1 if glance else len(_LEVELS)):
                break
    return None if best is None else _recovery(data, best, scale, agreements, restarts)


def _recovery(data: Equations, hinges: Hinges, scale: float, agreements: int, restarts: int) -> Recovery:
    affine = data.affine_part(hinges)
    return Recovery(hinges.with_weights(hinges.U * scale), affine * scale, agreements, restarts)


def sample_explained(data: Equations, rng: np.random.Generator, p: float, stop: Callable[[], bool]) -> bool:
    """Whether a restart explains more than next to nothing of the labels of some of the rows."""
    rows = np.sort(rng.choice(len(data.y), _SAMPLE, replace=False))
    X, y = (data.Xbar * data.units)[rows, :-1], data.y[rows]
    sample = Equations.of(X, y / data_scale(y), data.complement is not None, data.units)
    if not sample.targets.any():
        return True
    most = UNEXPLAINED * sized_error(sample, Hinges.none(sample.n_coordinates))
    return any(sized_error(sample, descend(sample, rng, level, p, stop)) < most for level in _LEVELS)


def descend(data: Equations, rng: np.random.Generator, level: float, p: float, stop: Callable[[], bool]) -> Hinges:
    """One restart: anneal to λ, hop over supports."""
    lam = level * penalty_unit(data)

    def shake(rng: np.random.Generator, data: Equations, hinges: Hinges) -> Hinges:
        """Any kick, relaxed under a random share of λ."""
        kick = KICKS[rng.integers(len(KICKS))]
        return relax(data, kick(rng, data, hinges), lam * 10 ** rng.uniform(-1, 0), p)

    def move(hinges: Hinges) -> Hinges | None:
        shaken = kicked(rng, data, hinges, (pursue, pursue, pursue, shake))
        return None if shaken is None else exchange(data, shaken)

    state = exchange(data, annealed_start(data, rng, lam, p, stop))
    return hop(state, move, partial(sized_error, data), _PATIENCE, stop, enough=EXACT)


def fewer_parameters(data: Equations, rng: np.random.Generator, found: Hinges, stop: Callable[[], bool]) -> Hinges:
    """Hop over exact networks: two hinges with no point between them pass for one with a remainder elsewhere."""

    def move(hinges: Hinges) -> Hinges | None:
        shaken = kicked(rng, data, hinges, (pursue, split))
        if shaken is None:
            return None
        again = exact_network(data, exchange(data, shaken), stop)
        return found if again is None else again

    return hop(found, move, lambda hinges: float(hinges.n_parameters), _PATIENCE_EXACT, stop)


def exact_network(data: Equations, hinges: Hinges, stop: Callable[[], bool]) -> Hinges | None:
    """Sparse exact network on this support or less of it, or None: Newton, prune, canonical form, prune."""
    tol = _EXACT * float(np.abs(data.y).max())

    def solve(hinges: Hinges) -> Hinges | None:
        solved, error = newton_on_support(data, hinges, tol / 10)
        return solved if error <= tol else None

    solved = solve(hinges)
    if solved is None:
        return None
    return newton_on_support(data, simplest(data, solved, solve, stop), 0.0, steps=3)[0]


def simplest(data: Equations, hinges: Hinges, solve: Solve, stop: Callable[[], bool]) -> Hinges:
    """Prune, bring to canonical form, prune again; `solve` says what is still a solution."""
    pruned = prune_below(data, hinges, solve, stop)
    solved = solve(canonical_hinges(data.Xbar, pruned, data.complement is not None))
    if solved is None:
        return pruned
    other = prune_below(data, solved, solve, stop)
    return other if other.n_parameters <= pruned.n_parameters else pruned


def prune_below(data: Equations, hinges: Hinges, solve: Solve, stop: Callable[[], bool], tries: int = 8) -> Hinges:
    """Delete coordinates of a solution, also below as many as equations, while a re-solve succeeds.

    The order is that of the least-squares price u²/(H⁻¹)_qq, H = AᵀA in the metric |u|.
    """
    share = 0.2
    while hinges.U.any() and not stop():
        support = np.nonzero(hinges.U)
        order = np.argsort(deletion_prices(data, hinges, support))
        several = int(share * len(order))
        singles = [order[[i]] for i in range(min(tries, len(order)))]
        for group in ([order[:several]] if several > 1 else []) + singles:
            solved = solve(without(hinges, support, group))
            if solved is not None:
                break
            share /= 2
        else:
            break
        hinges = drop_small(solved, 0.0)
    return hinges


def deletion_prices(data: Equations, hinges: Hinges, support: Support) -> Array:
    """What each deletion costs in the metric |u|, a ridge standing in for directions the data leave free."""
    u = hinges.U[support]
    size = np.abs(u)
    root = np.sqrt(size + 1e-3 * size.mean())
    B = data.design(hinges, support) * root
    H = B.T @ B
    H.flat[:: len(H) + 1] += 1e-10 * np.trace(H) / len(H)
    return (u / root) ** 2 / np.diag(np.linalg.inv(H))


def same_kinks(data: Equations, one: Hinges, other: Hinges, rtol: float = 1e-6) -> bool:
    """Whether two networks have the same kinks, whichever way round their neurons are."""
    a, b = (kinks(data.Xbar, hinges)[0] for hinges in (one, other))
    if a.shape != b.shape:
        return False
    distance = np.abs(a[:, None] - b[None]).max(axis=2)
    return bool((distance.min(axis=1) <= rtol * np.abs(a).max()).all() if len(a) else True)
