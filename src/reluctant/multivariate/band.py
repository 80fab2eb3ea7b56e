"""Networks of few parameters within a tolerance band |f(x_i) − y_i| ≤ ε_i.

The search for planted networks with the labels free in their band: ½ dist²(f(X), band) = min over z in the band of
½‖f(X) − z‖², so the penalised objective is lowered by turns in the weights, at labels z, and in z, by clipping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from reluctant.multivariate.hops import EPS, annealed_start, hop, penalty_unit
from reluctant.multivariate.path_norm import Interpolant
from reluctant.multivariate.planted import simplest
from reluctant.multivariate.reweighted import (
    Array,
    Clock,
    Equations,
    Hinges,
    data_scale,
    drop_small,
    majorised_descent,
    one_blas_thread,
    weighted_ridge,
)
from reluctant.objective import lp_power

_LEVELS = (1e-2, 1e-3, 1e-4, 1e-5)
_PATIENCE = (10, 15, 15, 15)
_REHEATED = 0.5
_LAST = 1e-1  # of the smallest λ: where the support is read off
_WORTH_TRYING = 1.5  # times the best size
_MARGIN = 1e-3  # share of the tolerance kept free when aiming into the band
_GUARD = 0.9  # points beyond this share of their tolerance are held where they are
_FREE = 1e3  # metric of the free affine part


@dataclass(frozen=True)
class Band:
    """Equations and the half-width (N,) of the band round every label."""

    data: Equations
    tolerance: Array

    def clip(self, values: Array) -> Array:
        """The nearest labels within the band."""
        return np.clip(values, self.data.y - self.tolerance, self.data.y + self.tolerance)

    def labels(self, signs: Array, U: Array, z: Array) -> tuple[Array, Array]:
        """Predictions with the affine part that fits labels z best, and the nearest labels within the band."""
        data = self.data
        f = np.maximum(data.Xbar @ U.T, 0.0) @ signs
        if data.complement is not None:
            left = z - f
            f = z - data.complement.T @ (data.complement @ left)
        return f, self.clip(f)


def anneal_within(band: Band, signs: Array, U: Array, lams: Array, epsilons: Array, p: float, steps: int = 3) -> Hinges:
    """Majorised descent along a schedule of (λ, ε), the labels moving within the band between the steps."""
    z = band.data.y
    for lam, eps in zip(lams, epsilons):
        for _ in range(steps):
            if not len(signs):
                break
            z = band.labels(signs, U, z)[1]
            U = majorised_descent(replace(band.data, y=z), signs, U, lam, eps, p, 1)
        signs, U = drop_small(signs, U, 1e-3)
    return signs, U


def penalised_within(band: Band, signs: Array, U: Array, lam: float, p: float) -> float:
    """½ dist²(f(X), band) + (λ/p) Σ|u|^p."""
    z = band.data.y
    for _ in range(1 if band.data.complement is None else 3):
        f, z = band.labels(signs, U, z)
    return 0.5 * float(np.sum((f - z) ** 2)) + lam / p * float(lp_power(U, p))


def newton_into_band(band: Band, signs: Array, U: Array, affine: Array, steps: int = 30) -> tuple[Array, Array] | None:
    """Move the nonzeros of U, and a free affine part, into the band; (U, affine), or None where that fails.

    Each step is the damped weighted least-squares step on the points outside a slightly narrower band, the points
    close to its border being held; it is halved until the sum of squared excesses falls.
    """
    data, free = band.data, band.data.complement is not None
    support = np.nonzero(U)
    x = np.concatenate([U[support], affine]) if free else U[support]
    n = len(support[0])
    aim = (1 - _MARGIN) * band.tolerance
    hinge_slopes = signs[support[0]]

    def state(x: Array) -> tuple[Array, Array, Array]:
        trial = np.zeros_like(U)
        trial[support] = x[:n]
        a = x[n:] if free else affine
        r = data.y - np.maximum(data.Xbar @ trial.T, 0.0) @ signs - data.Xbar @ a
        return trial, a, r

    U, affine, r = state(x)
    damping = 1e-9
    energies = [float(np.sum((r - np.clip(r, -aim, aim)) ** 2))]
    for _ in range(steps):
        if (np.abs(r) <= band.tolerance).all():
            return U, affine
        if not len(x):
            return None
        rows = np.abs(r) > _GUARD * band.tolerance
        excess = (r - np.clip(r, -aim, aim))[rows]
        Xbar = data.Xbar[rows]
        A = (Xbar @ U.T > 0.0)[:, support[0]] * hinge_slopes * Xbar[:, support[1]]
        size = np.abs(x[:n])
        v = size + 1e-3 * (size.mean() if n else 1.0)
        if free:
            A, v = np.column_stack([A, Xbar]), np.concatenate([v, np.full(len(affine), _FREE)])
        scale = float(np.mean((A * A) @ v))
        for _ in range(3):
            step = weighted_ridge(A, v, excess, max(damping * scale, 1e-300))
            if step is not None:
                accepted = _shortened(state, x, step, aim, energies[-1])
                if accepted is not None:
                    break
            damping = max(100 * damping, 1e-14)
        else:
            return None
        x, U, affine, r = accepted
        energies.append(float(np.sum((r - np.clip(r, -aim, aim)) ** 2)))
        damping = max(damping / 10, 1e-14)
        if len(energies) > 6 and energies[-1] > 0.5 * energies[-6]:
            break
    return (U, affine) if (np.abs(r) <= band.tolerance).all() else None


def _shortened(
    state: Callable[[Array], tuple[Array, Array, Array]], x: Array, step: Array, aim: Array, energy: float
) -> tuple[Array, Array, Array, Array] | None:
    """First of the steps 1, ½, … 1/16 that lowers the squared excess enough, as (x, U, affine, r)."""
    length = 1.0
    for _ in range(5):
        trial = x + length * step
        U, affine, r = state(trial)
        if np.sum((r - np.clip(r, -aim, aim)) ** 2) < (1 - 0.1 * length) * energy:
            return trial, U, affine, r
        length *= 0.5
    return None


def sparsest_within(
    X: Array,
    y: Array,
    tolerance: float | Array,
    *,
    affine: bool = False,
    start: Hinges | None = None,
    p: float = 0.5,
    time_limit: float | None = 10.0,
    max_rounds: int | None = None,
    random_state: int | np.random.Generator | None = None,
) -> Interpolant | None:
    """Look for a network of few hinge parameters with |f(x_i) − y_i| ≤ ε_i.

    Parameters
    ----------
    X : ndarray, shape (N, d)
    y : ndarray, shape (N,)
    tolerance : float or ndarray, shape (N,)
        ε_i > 0.
    affine : bool
        Whether a free affine part is added, which is not counted.
    start : (signs, U), optional
        A network within the band, an interpolant for example; it is pruned first.
    p : float
        Exponent of the penalty of the search.
    time_limit, max_rounds : float and int, optional
        When to stop; with rounds alone the answer does not depend on the clock.
    random_state : int or numpy.random.Generator, optional

    Returns
    -------
    Interpolant or None
        The fewest parameters found, `value` being their number; nothing is claimed about the minimum. None where no
        network within the band was reached in time.

    Raises
    ------
    ValueError
        If a tolerance is not positive, or neither limit is given.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    >>> found = sparsest_within(X, np.abs(X[:, 0]), 0.01, max_rounds=2, time_limit=None, random_state=0)
    >>> found.n_parameters
    2
    """
    tolerance = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), np.shape(y))
    if not (tolerance > 0).all():
        row = int(np.argmin(tolerance > 0))
        raise ValueError(
            f"tolerance must be positive, got {tolerance[row]} at row {row}; use interpolate for exact fits"
        )
    if time_limit is None and max_rounds is None:
        raise ValueError("time_limit and max_rounds are both None; give at least one, or the search never ends")
    clock = Clock(time_limit)
    rng = np.random.default_rng(random_state)
    scale = data_scale(y)
    band = Band(Equations.of(X, y / scale, affine), tolerance / scale)
    width = band.data.Xbar.shape[1]
    best: Interpolant | None = _checked(band, np.zeros(0), np.zeros((0, width)), 0, ())
    if best is None and start is not None:
        best = _pruned(band, start[0], start[1] / scale, 0, (), clock.expired)
    rounds = 0
    try:
        with one_blas_thread():
            while rounds != max_rounds and not clock.expired() and (best is None or best.n_parameters):
                rounds += 1
                heated = (best.signs, best.U) if best is not None and rng.random() < _REHEATED else None
                history = () if best is None else best.history
                for signs, U in search_round(band, rng, heated, p, clock.expired):
                    if best is not None and np.count_nonzero(U) > _WORTH_TRYING * best.n_parameters:
                        continue
                    found = _pruned(band, signs, U, rounds, history, clock.expired)
                    if found is not None and (best is None or _order(found) < _order(best)):
                        best, history = found, found.history
    except KeyboardInterrupt:
        if best is None:
            raise
    if best is None:
        return None
    return replace(best, U=best.U * scale, affine=best.affine * scale)


def _order(network: Interpolant) -> tuple[int, float]:
    """Fewest parameters first, then the smaller ℓp norm (p = ½)."""
    return network.n_parameters, float(lp_power(network.U, 0.5))


def search_round(
    band: Band, rng: np.random.Generator, heated: Hinges | None, p: float, stop: Callable[[], bool]
) -> Iterator[Hinges]:
    """Down the ladder from random neurons, or from `heated` at a random rung: the basins to try.

    Every basin comes twice: as it is, and relaxed to a vanishing penalty, where more weights survive.
    """
    data = band.data
    lams = penalty_unit(data) * np.asarray(_LEVELS)
    if heated is None:
        first, state = 0, annealed_start(data, rng, lams[0], p, stop)
    else:
        first, state = int(rng.integers(len(lams))), heated
    vanishing = partial(
        anneal_within, band, lams=np.geomspace(lams[-1], _LAST * lams[-1], 6), epsilons=np.full(6, EPS), p=p
    )
    above = lams[first]
    for lam, patience in zip(lams[first:], _PATIENCE[first:]):
        if stop():
            return
        state = anneal_within(band, *state, np.geomspace(above, lam, 4), np.full(4, EPS), p)
        yield state
        yield vanishing(*state)
        relax = partial(anneal_within, band, lams=np.full(6, lam), epsilons=np.geomspace(0.1, EPS, 6), p=p)
        state = hop(rng, data, state, relax, partial(penalised_within, band, lam=lam, p=p), patience, stop)
        yield state
        yield vanishing(*state)
        above = lam


def _pruned(
    band: Band,
    signs: Array,
    U: Array,
    round_: int,
    history: tuple[tuple[int, float, int], ...],
    stop: Callable[[], bool],
) -> Interpolant | None:
    """The network moved into the band and pruned there, or None."""

    def solve(signs: Array, U: Array) -> Array | None:
        moved = newton_into_band(band, signs, U, band.data.affine_part(signs, U))
        return None if moved is None else moved[0]

    solved = solve(signs, U)
    if solved is None:
        return None
    signs, U = simplest(band.data, *drop_small(signs, solved, 0.0), solve, stop)
    return _checked(band, signs, U, round_, history)


def _checked(
    band: Band, signs: Array, U: Array, round_: int, history: tuple[tuple[int, float, int], ...]
) -> Interpolant | None:
    """The network with its affine part, if it lies within the band."""
    moved = newton_into_band(band, signs, U, band.data.affine_part(signs, U))
    if moved is None:
        return None
    size = int(np.count_nonzero(moved[0]))
    return Interpolant(signs, *moved, float(size), (*history, (round_, float(size), size)))
