"""Networks for the tests, and what they are in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from reluctant import ReLUNetwork
from reluctant.model.centring import carried_back

FIELDS = ("input_weights", "biases", "output_weights", "slope", "intercept")


def exact_values(network: ReLUNetwork, X) -> list[list[Fraction]]:
    """Values of a network at the rows of X, without any rounding."""

    def fractions(a):
        return [[Fraction(float(e)) for e in row] for row in np.atleast_2d(a)]

    W, V, A = (fractions(a) for a in (network.input_weights, network.output_weights, network.slope))
    b, c = fractions(network.biases)[0], fractions(network.intercept)[0]
    values = []
    for x in fractions(X):
        hidden = [max(sum(w * e for w, e in zip(row, x)) + bk, Fraction(0)) for row, bk in zip(W, b)]
        linear = [sum(row[j] * e for row, e in zip(A, x)) + c[j] for j in range(len(c))]
        values.append([linear[j] + sum(row[j] * h for row, h in zip(V, hidden)) for j in range(len(c))])
    return values


def random_network(rng: np.random.Generator, K: int, d: int, m: int, affine: bool = True) -> ReLUNetwork:
    parts = (rng.normal(size=(d, m)), rng.normal(size=m)) if affine else ()
    return ReLUNetwork(rng.normal(size=(K, d)), rng.normal(size=K), rng.normal(size=(K, m)), *parts)


def bits(network: ReLUNetwork) -> list[bytes]:
    """The arrays of a network, bit for bit, with their shapes."""
    return [repr(getattr(network, name).shape).encode() + getattr(network, name).tobytes() for name in FIELDS]


@st.composite
def networks(draw, d: int | None = None, m: int | None = None) -> ReLUNetwork:
    """Networks with small integer weights, so that zeros, constants, dead neurons and shared kinks are common."""
    d = draw(st.integers(1, 3)) if d is None else d
    m = draw(st.integers(1, 2)) if m is None else m
    K = draw(st.integers(0, 6))

    def integers(*shape):
        n = int(np.prod(shape))
        return np.array(draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n)), dtype=float).reshape(shape)

    return ReLUNetwork(integers(K, d), integers(K), integers(K, m), integers(d, m), integers(m))


AT = {
    "time stamps": (np.array([1.6e9, 0.0, 5.0]), np.array([1e4, 1.0, 2.0])),
    "a million spreads": (np.full(3, 1e6), np.ones(3)),
    "a column of three": (np.array([0.0, 101325.0, 0.0]), np.array([1.0, 1e-3, 1.0])),
}
"""Offsets and spreads of three columns."""


def far_network(name: str) -> tuple[ReLUNetwork, np.ndarray]:
    """A network of twelve neurons whose kinks lie among the rows that come with it, far from zero."""
    offset, spread = AT[name]
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(12, 3)) / spread, rng.normal(size=12)
    beside = offset + 0.38 * spread * (offset != 0)
    slope, intercept = carried_back(rng.normal(size=(1, 3)) / spread, np.ones(1), offset, beside)
    far = ReLUNetwork(*carried_back(W, b, offset, beside), rng.normal(size=12), slope.T, intercept)
    return far, offset + spread * rng.uniform(-1, 1, (50, 3))
