"""Networks of few dense neurons, found where the labels come from one (ours).

With fewer unknowns than equations a dense network is a small nonlinear least-squares problem: Gauss–Newton meets the
labels from a few of a hundred random starts of rather more neurons than there are, or is stuck within milliseconds.
So hops are many and cheap: drop neurons, weak ones rather than strong ones, add random ones, solve again, and keep
what is better by error and size together. From a network that meets the labels whole neurons are deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from reluctant.effort import never
from reluctant.multivariate.basin_hopping.canonical import canonical_hinges
from reluctant.multivariate.basin_hopping.exchange import UNEXPLAINED
from reluctant.multivariate.basin_hopping.hops import hop
from reluctant.multivariate.basin_hopping.reweighted import Hinges
from reluctant.multivariate.newton_prune.newton import solve, squared_excess
from reluctant.multivariate.newton_prune.pruners import LOOSE, NeuronPruner
from reluctant.multivariate.newton_prune.starts import random_hinges, random_outputs
from reluctant.multivariate.newton_prune.state import Data, Weights

SHARES = 0.3, 0.7
"""A round begins with a random number of neurons whose unknowns are between these shares of the equations."""
PATIENCE = 20
"""Hops without gain after which a round ends."""
MOST_DROPPED, MOST_ADDED = 3, 2
SAMPLE, SAMPLES = 128, 3
"""Of more equations a round looks at a random part, of so many or twice or four times as many, in turn."""
AGREEMENTS = 4
"""Rounds that end with the same number of neurons, none with fewer, after which the search ends."""
MOST_IN_VAIN = 6
"""Rounds that explain next to nothing of the labels after which the search ends."""
_STEPS = 100
_EXACT = LOOSE**2
_POLISHED = 1e-12
_FLOOR = 1e-20  # mean square of rounding


@dataclass(frozen=True)
class _Sized:
    """A state and what it is judged by: (|e|²/n) (n D²)^{P/n} for P unknowns, n equations and D weights a neuron."""

    weights: Weights
    value: float

    @classmethod
    def of(cls, data: Data, weights: Weights) -> _Sized:
        n, width = data.n_equations, data.n_inputs + data.n_outputs
        price = float(n * width**2) ** (weights.n_neurons * width / n)
        return cls(weights, (squared_excess(data, weights) / n + _FLOOR) * price)


def recover_neurons(
    data: Data,
    rng: np.random.Generator,
    *,
    max_rounds: int | None = None,
    target: int = 0,
    stop: Callable[[], bool] = never,
) -> Weights | None:
    """Look for an interpolant of fewer neurons than labels in general position need; None where none was found.

    Parameters
    ----------
    data : Data
    rng : numpy.random.Generator
    max_rounds : int, optional
        Rounds of hops from random neurons.
    target : int
        Neurons at which the search ends.
    stop : callable
        When it says so what was found is returned.

    Returns
    -------
    Weights or None
        What misses no label by more than 1e-6 of the largest. That no network has fewer neurons is not claimed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (60, 3))
    >>> data = Data.from_arrays(X, np.maximum(X @ rng.standard_normal((3, 4)), 0.0).sum(axis=1))
    >>> recover_neurons(data, rng, max_rounds=20).n_neurons
    4
    """
    best: Weights | None = None
    agreements, explained = 0, False
    for k in count() if max_rounds is None else range(max_rounds):
        if stop() or (k >= MOST_IN_VAIN and not explained):
            break
        hops = _Hops(data, _sample(data, rng, SAMPLE << k % SAMPLES), rng, stop)
        nearest, nothing = hops.best(), _Sized.of(hops.sample, Weights.empty(data))
        explained = explained or nearest.value < UNEXPLAINED * nothing.value
        found = hops.interpolant(nearest.weights)
        if found is None:
            continue
        if best is None or found.n_neurons < best.n_neurons:
            best, agreements = found, 0
        agreements += found.n_neurons == best.n_neurons
        if agreements == AGREEMENTS or best.n_neurons <= target:
            break
    return best


def _sample(data: Data, rng: np.random.Generator, n_equations: int) -> Data:
    """Some of the rows, with no more equations than these; all of them where that is enough."""
    if data.n_equations <= n_equations:
        return data
    rows = np.sort(rng.choice(data.n_points, n_equations // data.n_outputs, replace=False))
    return replace(
        data, inputs=np.ascontiguousarray(data.inputs[:, rows]), targets=np.ascontiguousarray(data.targets[:, rows])
    )


@dataclass(frozen=True)
class _Hops:
    """Fits to some of the rows from random neurons and from each other, and interpolants of all of them."""

    data: Data
    sample: Data
    rng: np.random.Generator
    stop: Callable[[], bool]

    @property
    def width(self) -> int:
        """Unknowns of a neuron."""
        return self.data.n_inputs + self.data.n_outputs

    def best(self) -> _Sized:
        """Where hops from random neurons end."""
        n = max(1, int(self.rng.uniform(*SHARES) * self.sample.n_equations / self.width))
        size = np.sqrt(2.0 / n * np.mean(self.data.targets**2))
        start = self.fit(_with_random(self.data, Weights.empty(self.data), self.rng, n, size))

        def move(state: _Sized) -> _Sized:
            return self.fit(self.exchanged(state.weights))

        return hop(start, move, lambda state: state.value, PATIENCE, self.stop, enough=_EXACT)

    def fit(self, weights: Weights) -> _Sized:
        """Least squares."""
        found = solve(self.sample, weights, tol=LOOSE, max_iterations=_STEPS, stop=self.stop)
        return _Sized.of(self.sample, found.weights.normalised(self.sample))

    def exchanged(self, weights: Weights) -> Weights:
        """With some neurons dropped, weak ones rather than strong ones, and random ones in their place."""
        rng, n = self.rng, weights.n_neurons
        if not n:
            return weights
        sizes = np.linalg.norm(weights.U, axis=1)
        dropped = int(rng.integers(min(MOST_DROPPED, n) + 1))
        kept = np.sort(np.argsort(rng.exponential(size=n) * sizes)[dropped:])
        room = int(SHARES[1] * self.sample.n_equations / self.width) - kept.size
        added = max(min(int(rng.integers(1, MOST_ADDED + 1)), room), 0)
        size = float(np.median(sizes)) * 10.0 ** rng.uniform(-1.0, 0.0)
        return _with_random(self.data, weights.take(kept), rng, added, size)

    def interpolant(self, weights: Weights) -> Weights | None:
        """An interpolant of all rows near a state, superfluous neurons deleted; None where none is near."""
        found = self._pruned(weights)
        if found is None or self.data.n_outputs > 1:
            return found
        turned = self._pruned(_canonical(self.data, found))
        return found if turned is None or turned.n_neurons > found.n_neurons else turned

    def _pruned(self, weights: Weights) -> Weights | None:
        found = solve(self.data, weights, tol=LOOSE, max_iterations=_STEPS, stop=self.stop)
        if not found.converged:
            return None
        pruner = NeuronPruner(self.data, self.rng, self.stop, found.weights.weight_limit(), below_generic=True)
        pruned = pruner.prune(found.weights.normalised(self.data))
        return solve(self.data, pruned, tol=_POLISHED, stop=self.stop).weights


def _canonical(data: Data, weights: Weights) -> Weights:
    """Equal kinks joined, and turned round where that saves the linear terms that turned neurons hide in others."""
    hinges = Hinges(weights.V[:, 0], weights.U)
    signs, U = canonical_hinges(data.inputs.T, hinges, data.affine.size > 0)
    return Weights(U, signs[:, None], weights.affine)


def _with_random(data: Data, weights: Weights, rng: np.random.Generator, n: int, size: float) -> Weights:
    return weights.append(random_hinges(data, n, rng) * size, random_outputs(n, data.n_outputs, rng))
