"""Tables whose labels a known network gives, in rationals: no true bound is above what that network has."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from reluctant import ReLUNetwork

KINDS = ("grid", "integers", "close rows", "uneven columns", "uniform", "zeros")


@dataclass(frozen=True)
class Planted:
    """Distinct rows X (N, d), labels within `band` of Σ ±(u · x̄)_+ + slope · x̄, whose hinges are U (K, d + 1)."""

    X: np.ndarray
    y: np.ndarray
    band: float
    U: np.ndarray
    signs: np.ndarray
    slope: np.ndarray
    affine: bool

    @property
    def tolerance(self) -> float:
        """What counts as met: the band, or what an interpolant may miss."""
        return max(self.band, 1e-9 * float(np.abs(self.y).max()))

    @property
    def network(self) -> ReLUNetwork:
        return ReLUNetwork.from_hinges(self.U, self.signs[:, None], self.slope[:, None])

    @property
    def n_parameters(self) -> int:
        return int(np.count_nonzero(self.U))

    @property
    def n_neurons(self) -> int:
        return int(np.count_nonzero(self.U.any(axis=1)))

    def count(self, quantity: str) -> int:
        return self.n_neurons if quantity == "neurons" else self.n_parameters


def planted(seed: int, *, n_rows: tuple[int, int] = (4, 30), most_neurons: int = 4, most_inputs: int = 3) -> Planted:
    """A table by its seed: its kind, size, band and network are all drawn from it."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    d = int(rng.integers(2, most_inputs + 1))
    X = np.unique(_rows(rng, kind, int(rng.integers(*n_rows)), d), axis=0)
    rng.shuffle(X)
    affine = bool(rng.uniform() < 0.3)
    U = np.array([_hinge(rng, X) for _ in range(rng.integers(1, most_neurons + 1))])
    slope = rng.integers(-2, 3, d + 1) * float(affine)
    signs = rng.choice([-1.0, 1.0], len(U))
    rows = [[*map(Fraction, row), Fraction(1)] for row in X.tolist()]
    exact = [
        sum(Fraction(s) * max(_dot(u, row), Fraction(0)) for s, u in zip(signs.tolist(), U.tolist()))
        + _dot(slope.tolist(), row)
        for row in rows
    ]
    size = max(map(abs, exact))
    band = float(size) * rng.choice([0.0, 0.001, 0.03, 0.2])
    moved = [f + Fraction(band * t) for f, t in zip(exact, rng.choice([-1.0, -0.5, 0.0, 1.0], len(X)))]
    return Planted(X, np.array([float(f) for f in moved]), band * (1 + 1e-12), U, signs, slope, affine)


def _rows(rng: np.random.Generator, kind: str, N: int, d: int) -> np.ndarray:
    """Numbers of few digits, so that sums and products of them are exact in float64."""
    whole = rng.integers(-3, 4, (N, d)).astype(float)
    if kind == "grid":
        axes = [np.unique(rng.integers(-4, 5, int(rng.integers(2, 6)))).astype(float) for _ in range(d)]
        return np.array(np.meshgrid(*axes, indexing="ij")).reshape(d, -1).T
    if kind == "close rows":
        gap = 2.0 ** -rng.integers(10, 36)
        return np.vstack([whole, whole[rng.integers(N, size=N // 2)] + gap * rng.integers(-1, 2, (N // 2, d))])
    if kind == "uneven columns":
        return whole * 2.0 ** rng.integers(-30, 31, d) + 2.0 ** rng.integers(-30, 31, d) * rng.integers(0, 2)
    if kind == "uniform":
        return rng.integers(-1000, 1001, (N, d)) / 1024.0
    if kind == "zeros":
        return whole * (rng.uniform(size=(N, d)) < 0.5)
    return whole


def _hinge(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    """Weights on some inputs and perhaps a bias, at times through a row of X, at times steep, never zero."""
    d = X.shape[1]
    while True:
        u = np.append(rng.integers(-3, 4, d) * (rng.uniform(size=d) < 0.6), 0.0)
        u[:d] /= np.maximum(np.abs(X).max(axis=0), 2.0**-40)  # any float: what follows is exact for floats as they are
        if rng.uniform() < 0.2:
            u *= 2.0 ** rng.integers(1, 36)
        if rng.uniform() < 0.7:
            row = X[rng.integers(len(X))]
            u[d] = -float(u[:d] @ row) if rng.uniform() < 0.5 else rng.integers(-3, 4)
        if u.any():
            return u


def _dot(u: list[float], row: list[Fraction]) -> Fraction:
    return sum((Fraction(a) * b for a, b in zip(u, row)), Fraction(0))
