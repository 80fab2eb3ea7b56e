"""Models for the tests of this room."""

import numpy as np

from reluctant.regression.model import Model


def sparse_model(K, d, m, seed, scale_of_biases=1.0, live=False):
    """A model with about a third of its entries zero; `live`: every neuron has an input, a bias and an output."""
    rng = np.random.default_rng(seed)
    U = rng.normal(size=(K, d + 1)) * (rng.random((K, d + 1)) < 0.65)
    U[:, -1] *= scale_of_biases
    V = rng.normal(size=(K, m)) * (rng.random((K, m)) < 0.65) if m > 1 else rng.choice([-1.0, 1.0], (K, 1))
    A = rng.normal(size=(d + 1, m)) * (rng.random((d + 1, m)) < 0.65)
    if live:
        every = np.arange(K)
        U[every, rng.integers(d, size=K)] = rng.uniform(0.5, 1.5, K)
        U[:, -1] = rng.normal(size=K)
        V[every, rng.integers(m, size=K)] = 1.0
        A[-1] = rng.normal(size=m)
    return Model(U, V, A)


def on_and_off(model, inputs):
    """Which neurons are on, and off, at some row."""
    on = inputs @ model.U.T > 0.0
    return on.any(axis=0), ~on.all(axis=0)
