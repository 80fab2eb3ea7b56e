"""A multilayer perceptron pruned by global magnitude, with fine-tuning after every cut [Han et al. 2015].

One hidden layer, f(x) = Vᵀ(Wᵀx + b)_+ + c. Fine-tuning minimises scikit-learn's own objective, mean loss +
weight_decay ‖(W, V)‖² / (2 N), over the surviving parameters alone: a pruned parameter is exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

KEPT_PER_CUT = 0.75
ITERATIONS_PER_CUT = 40
LAST_ITERATIONS = 400


@dataclass(frozen=True)
class Perceptron:
    """Weights W (d, K), biases b (K,), output weights V (K, m) and intercepts c (m,)."""

    W: np.ndarray
    b: np.ndarray
    V: np.ndarray
    c: np.ndarray

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """W, b, V, c."""
        return self.W, self.b, self.V, self.c

    @property
    def flat(self) -> np.ndarray:
        """All parameters as one vector, the intercepts last."""
        return np.concatenate([part.ravel() for part in self.parts])

    @property
    def n_parameters(self) -> int:
        """Nonzero parameters."""
        return np.count_nonzero(self.flat)

    def reshaped(self, flat: np.ndarray) -> Perceptron:
        """The perceptron of the same shapes with the parameters `flat`."""
        pieces = np.split(flat, np.cumsum([part.size for part in self.parts])[:-1])
        return Perceptron(*(piece.reshape(part.shape) for piece, part in zip(pieces, self.parts)))

    def hidden(self, X: np.ndarray) -> np.ndarray:
        """Values (N, K) of the neurons."""
        return np.maximum(X @ self.W + self.b, 0)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Outputs (N, m)."""
        return self.hidden(X) @ self.V + self.c

    def without_dead_neurons(self) -> Perceptron:
        """Drop neurons without outgoing weights; one without incoming weights is a constant, which c takes over."""
        constant = ~self.W.any(axis=0)
        live = ~constant & self.V.any(axis=1)
        c = self.c + np.maximum(self.b[constant], 0) @ self.V[constant]
        return Perceptron(self.W[:, live], self.b[live], self.V[live], c)


def prune(network: Perceptron, X: np.ndarray, Y: np.ndarray, link: str, weight_decay: float, size: int) -> Perceptron:
    """Prune to at most `size` nonzero parameters, of which the intercepts c always stay.

    `Y` is (N, m): real targets (link "identity"), 0 and 1 ("logistic") or one-hot classes ("softmax").
    """
    while network.n_parameters > max(size, len(network.c)):
        network = cut(network, max(size, int(KEPT_PER_CUT * network.n_parameters)))
        network = fine_tuned(network, X, Y, link, weight_decay, ITERATIONS_PER_CUT)
    return fine_tuned(network, X, Y, link, weight_decay, LAST_ITERATIONS)


def cut(network: Perceptron, most: int) -> Perceptron:
    """Zero as few of the smallest parameters as leave at most `most` once dead neurons are gone."""
    flat = network.flat
    order = np.argsort(np.abs(flat[: -len(network.c)]), kind="stable")

    def after(deletions: int) -> Perceptron:
        left = flat.copy()
        left[order[:deletions]] = 0.0
        return network.reshaped(left).without_dead_neurons()

    too_few, enough = 0, len(order)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if after(middle).n_parameters <= most else (middle, enough)
    return after(enough)


def fine_tuned(
    network: Perceptron, X: np.ndarray, Y: np.ndarray, link: str, weight_decay: float, iterations: int
) -> Perceptron:
    """L-BFGS over the nonzero parameters."""
    flat = network.flat
    free = flat != 0
    free[-len(network.c) :] = True

    def with_free(values: np.ndarray) -> Perceptron:
        full = np.zeros_like(flat)
        full[free] = values
        return network.reshaped(full)

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss_and_gradient(with_free(values), X, Y, link, weight_decay)
        return value, gradient[free]

    best = minimize(objective, flat[free], jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    return with_free(best.x)


def loss_and_gradient(
    network: Perceptron, X: np.ndarray, Y: np.ndarray, link: str, weight_decay: float
) -> tuple[float, np.ndarray]:
    hidden = network.hidden(X)
    loss, slope = output_loss(hidden @ network.V + network.c, Y, link)
    back = (slope @ network.V.T) * (hidden > 0)
    decay = weight_decay / len(X)
    value = loss + decay / 2 * (np.sum(network.W**2) + np.sum(network.V**2))
    parts = (X.T @ back + decay * network.W, back.sum(axis=0), hidden.T @ slope + decay * network.V, slope.sum(axis=0))
    return value, np.concatenate([part.ravel() for part in parts])


def output_loss(Z: np.ndarray, Y: np.ndarray, link: str) -> tuple[float, np.ndarray]:
    """Mean loss of the outputs Z and its derivative in Z."""
    if link == "identity":
        return float(np.mean((Z - Y) ** 2)) / 2, (Z - Y) / Z.size
    if link == "logistic":
        return float(np.mean(np.logaddexp(0, Z) - Y * Z)), (expit(Z) - Y) / Z.size
    return -float(np.sum(Y * log_softmax(Z, axis=1))) / len(Z), (softmax(Z, axis=1) - Y) / len(Z)
