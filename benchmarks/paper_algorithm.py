"""The paper's algorithm in plain NumPy: Adam, each step followed by a reweighted ℓ1 proximal step [NN, Alg. 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Trained:
    """What the last epoch left; zeros are those the proximal step made."""

    n_parameters: int
    n_neurons: int
    max_error: float


def train(
    X: np.ndarray,
    y: np.ndarray,
    *,
    n_neurons: int,
    p: float = 0.4,
    penalty: float = 0.005,
    rate: float = 0.01,
    epochs: int = 100_000,
    plain_epochs: int = 10,
    seed: int = 0,
) -> Trained:
    """Minimise mean squared error + penalty · Σ|u|^p, biases penalised, without an affine part."""
    rng = np.random.default_rng(seed)
    Xbar = np.column_stack([X, np.ones(len(X))])
    W = rng.uniform(-1, 1, (n_neurons, Xbar.shape[1])) / np.sqrt(Xbar.shape[1])
    v = rng.uniform(-1, 1, n_neurons) / np.sqrt(n_neurons)
    moments = [np.zeros_like(W), np.zeros_like(W), np.zeros_like(v), np.zeros_like(v)]
    for epoch in range(1, epochs + 1):
        before = v[:, None] * W
        hidden = np.maximum(Xbar @ W.T, 0.0)
        slope = 2.0 / len(y) * (hidden @ v - y)
        gradients = ((slope[:, None] * (hidden > 0.0) * v).T @ Xbar, hidden.T @ slope)
        for values, gradient, mean, square in zip((W, v), gradients, moments[::2], moments[1::2]):
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            corrected = mean / (1 - 0.9**epoch)
            values -= rate * corrected / (np.sqrt(square / (1 - 0.999**epoch)) + 1e-8)
        if epoch <= plain_epochs:
            continue
        u = v[:, None] * W
        with np.errstate(divide="ignore"):
            threshold = penalty * rate * p * np.abs(before) ** (p - 1.0)
        u = np.sign(u) * np.maximum(np.abs(u) - threshold, 0.0)
        size = np.sqrt(np.linalg.norm(u, axis=1))
        alive = size > 0.0
        signs = np.sign(v[alive])
        v = signs * size[alive]
        W = u[alive] / v[:, None]
        moments = [moment[alive] for moment in moments]
    error = np.abs(np.maximum(Xbar @ W.T, 0.0) @ v - y).max(initial=0.0)
    return Trained(int(np.count_nonzero(W)), len(v), float(error))
