"""Models and problems for the tests of this room."""

import numpy as np
from hypothesis import strategies as st

from reluctant.regression.gauss_newton import Problem
from reluctant.regression.losses import Absolute, Hinge, Huber, Logistic, Softmax, Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalties import PathPower, Ridge

LOSSES = [Squared(), Absolute(), Huber(0.5), Logistic(), Softmax(), Hinge()]
cases = st.tuples(
    st.sampled_from(LOSSES), st.integers(0, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6)
)


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


def problem_of(loss, d, m, seed, n_rows=12, p=None, affine=True):
    """Random rows with weights and a random penalty."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_rows, d)), rng.normal(size=(n_rows, m))
    if isinstance(loss, (Logistic, Hinge)):
        y = (y > 0).astype(float)
    if isinstance(loss, Softmax):
        y = np.eye(m)[rng.integers(m, size=n_rows)]
    rows = Rows.of(X, y, rng.uniform(0.1, 2.0, n_rows))
    ridge = Ridge(*rng.uniform(0.01, 0.3, 3))
    penalty = ridge if p is None else PathPower(rng.uniform(0.01, 0.3, d + 1), p, 0.1, affine=0.02)
    return Problem(rows, loss, penalty, affine)
