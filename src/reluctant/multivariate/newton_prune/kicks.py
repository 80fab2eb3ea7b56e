"""Moves that leave a minimum of the pruning: add freedom somewhere, solve again, prune back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.multivariate.newton_prune.exchange import exchange_parameters, number_of_walks
from reluctant.multivariate.newton_prune.starts import random_hinges, random_outputs
from reluctant.multivariate.newton_prune.state import Data, Weights


def add_neurons(data: Data, weights: Weights, rng: np.random.Generator, n: int) -> Weights:
    """Add n dense random neurons of small weight."""
    sizes = np.linalg.norm(weights.U, axis=1)
    scale = (np.median(sizes) if sizes.size else 1.0) * 10.0 ** rng.uniform(-1.0, 0.0)
    return weights.append(random_hinges(data, n, rng) * scale, random_outputs(n, data.n_outputs, rng))


def fill_neurons(data: Data, weights: Weights, rng: np.random.Generator, n: int) -> Weights:
    """Fill the zeros of n neurons with small numbers."""
    chosen = _some(weights, rng, n)
    scale = 10.0 ** rng.uniform(-2.0, -0.5, (chosen.size, 1))
    return Weights(_filled(weights.U, chosen, scale, rng), _filled(weights.V, chosen, scale, rng), weights.affine)


def split_neurons(data: Data, weights: Weights, rng: np.random.Generator, n: int) -> Weights:
    """Halve n neurons and add a perturbed dense copy of each half."""
    chosen = _some(weights, rng, n)
    U = weights.U.copy()
    U[chosen] *= 0.5
    copies = U[chosen]
    copies = copies + 0.3 * np.abs(copies).max(axis=1, keepdims=True) * rng.standard_normal(copies.shape)
    return Weights(U, weights.V, weights.affine).append(copies, weights.V[chosen])


def replace_neurons(data: Data, weights: Weights, rng: np.random.Generator, n: int) -> Weights:
    """Delete n neurons and add n + 1 random ones."""
    kept = np.setdiff1d(np.arange(weights.n_neurons), _some(weights, rng, n))
    return add_neurons(data, weights.take(kept), rng, n + 1)


KICKS = {
    "parameters": (add_neurons, fill_neurons, split_neurons, replace_neurons),
    "neurons": (add_neurons, split_neurons, replace_neurons),
}
"""Kicks by what is being minimised; filling zeros means nothing where neurons are dense."""
EXCHANGED_UNTIL = 64
"""Up to so many equations parameters of one output are exchanged too; at a hundred that costs more than it brings."""


def _some(weights: Weights, rng: np.random.Generator, n: int) -> NDArray:
    return rng.permutation(weights.n_neurons)[:n]


def _filled(rows: NDArray, chosen: NDArray, scale: NDArray, rng: np.random.Generator) -> NDArray:
    filled = rows.copy()
    size = scale * np.abs(rows[chosen]).max(axis=1, keepdims=True)
    noise = rng.standard_normal((chosen.size, rows.shape[1])) * size
    filled[chosen] = np.where(rows[chosen] == 0.0, noise, rows[chosen])
    return filled


class KickChooser:
    """Chooses a kick by improvements per unit of work, with 30 % uniform choices."""

    def __init__(self, minimize: str, data: Data) -> None:
        self.kicks = KICKS[minimize]
        exchanges = minimize == "parameters" and data.n_outputs == 1 and data.n_equations <= EXCHANGED_UNTIL
        if exchanges:
            self.kicks = (*self.kicks, exchange_parameters)
        self.dearer = number_of_walks(data) if exchanges else 0
        self.gain = np.ones(len(self.kicks))
        self.work = np.ones(len(self.kicks))

    def choose(self, rng: np.random.Generator) -> int:
        """Index into `kicks`."""
        if rng.random() < 0.3:
            return int(rng.integers(len(self.kicks)))
        rate = self.gain / self.work
        return int(rng.choice(len(self.kicks), p=rate / rate.sum()))

    def cost(self, kick: int) -> int:
        """Factorisations that the kick itself took."""
        return self.dearer if self.kicks[kick] is exchange_parameters else 0

    def record(self, kick: int, gain: float, work: float) -> None:
        """Note what a kick brought and what it cost, old outcomes fading."""
        self.gain[kick] = 0.97 * self.gain[kick] + gain
        self.work[kick] = 0.97 * self.work[kick] + work
