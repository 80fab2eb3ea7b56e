"""The convex case p = 1 solved to global optimality, with a dual certificate [PE; pricing over all hinges ours].

The dual of min Σ_k ‖u_k‖_1 over interpolants is max π·y over |Σ_i π_i (u·x̄_i)_+| ≤ ‖u‖_1 for all u (and π ⊥
X̄ with a free affine part). Pricing maximises the left side over ‖u‖_1 = 1; with ρ its maximum, π/ρ is
feasible and π·y/ρ a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import highspy
import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.proofs.duality import (
    dual_value,
    largest_over_rays,
    orthogonal_multipliers,
    rounded_down,
)
from reluctant.multivariate.proofs.program import DataModel, hinge_network
from reluctant.multivariate.proofs.rays import extreme_rays, hinge_values, join_conformal, random_rays, ray_count

ENUMERATED = 30_000_000  # rays times points up to which pricing looks at every ray, in about half a gigabyte
_BATCH = 50  # columns added at a time
_SAMPLES = 500  # random rays looked at before the exact pricing of a large problem
_RANDOM_IMPROVEMENT = 1.01
_TOLERANCE = 1e-9  # of the mixed-integer program
_SMALLEST_ENTRY = 1e-8  # HiGHS refuses coefficients below 1e-9; what they could add is added to the price


@dataclass(frozen=True)
class ConvexSolution:
    """An interpolant, its ℓ1 path norm, a lower bound on that of every other, and how pricing was done."""

    network: ReLUNetwork
    value: float
    lower_bound: float
    pricing: str
    n_columns: int


def minimise_l1(
    X: ArrayLike,
    y: ArrayLike,
    *,
    affine: bool = False,
    tolerance: float = 0.0,
    clock: Clock | None = None,
    random_state: int | np.random.Generator | None = 0,
    enumerate_rays: bool | None = None,
) -> ConvexSolution:
    """Interpolant of least ℓ1 path norm, by column generation over extreme hinges.

    Parameters
    ----------
    X : array_like, shape (N, d)
    y : array_like, shape (N,)
    affine : bool
        Whether a free affine part is added.
    tolerance : float
        Half-width of the band the residuals may lie in.
    clock : Clock, optional
        When it expires the best network so far and the best bound so far are returned.
    random_state : int or numpy.random.Generator, optional
        Columns of the start and of the heuristic pricing.
    enumerate_rays : bool, optional
        Price by looking at every ray (True) or by a mixed-integer program with one binary for each point of
        positive multiplier (False); both are exact. By default the rays where they are few.

    Returns
    -------
    ConvexSolution
        `value` equals `lower_bound` to about 1e-9 unless time ran out.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.

    Examples
    --------
    >>> best = minimise_l1([[0.0], [1.0], [2.0]], [0.0, 0.0, 1.0])
    >>> round(best.value, 9), round(best.lower_bound, 9)
    (2.0, 2.0)
    """
    clock = clock or Clock()
    rng = np.random.default_rng(random_state)
    labels = np.asarray(y, dtype=np.float64)
    unit = 2.0 ** np.frexp(np.abs(labels).max(initial=0.0))[1] if labels.any() else 1.0
    model = DataModel(X, labels / unit, tolerance=tolerance / unit, affine=affine)
    N, n = model.Xbar.shape
    if enumerate_rays is None:
        enumerate_rays = ray_count(N, n - 1) * N <= ENUMERATED
    pricer = _AllRays(model.Xbar) if enumerate_rays else _MixedInteger(model.Xbar, rng)
    columns = _Columns(model)
    columns.add(_interpolating_hinges(model.Xbar, rng))
    proof = _Proof(model, affine)
    improving = True
    while improving:
        value = model.optimise()
        pi = model.duals
        price, rays = pricer.price(pi, max(clock.left(), 0.1))
        proof.offer(pi, price)
        improving = value - proof.estimate > pricer.gap * value and len(rays) > 0 and not clock.expired()
        improving = improving and columns.add(rays)
    network = columns.network(unit)
    return ConvexSolution(
        network, network.path_norm(1.0, bias=True), float(proof.bound(pricer) * unit), pricer.name, len(columns.rays)
    )


class _Proof:
    """The best multipliers so far, and what they prove."""

    def __init__(self, model: DataModel, affine: bool) -> None:
        self._model, self._affine = model, affine
        self._pi, self._price = np.zeros(len(model.y)), 1.0
        self.estimate = 0.0

    def offer(self, pi: Array, price: float) -> None:
        """Keep multipliers whose bound, in float64, is larger."""
        estimate = float(pi @ self._model.y - np.abs(pi) @ self._model.tolerance) / max(price, 1.0)
        if estimate > self.estimate:
            self._pi, self._price, self.estimate = pi, price, estimate

    def bound(self, pricer: _AllRays | _MixedInteger) -> float:
        """The bound that holds, rounded down; 0 where rounding leaves none."""
        pi = orthogonal_multipliers(self._model.Xbar, self._pi, self._affine)
        changed = float(sum(abs(a - Fraction(b)) for a, b in zip(pi, self._pi.tolist())))
        price = pricer.upper_bound(pi, self._price, changed)
        if not 0 < price < np.inf:
            return 0.0
        return max(rounded_down(dual_value(pi, self._model.y, self._model.tolerance) / Fraction(price)), 0.0)


class _Columns:
    """Hinges with ‖u‖_1 = 1, each with both output signs, as columns of the model."""

    def __init__(self, model: DataModel) -> None:
        self.model = model
        self.rays = np.zeros((0, model.Xbar.shape[1]))

    def add(self, rays: Array) -> bool:
        """Append the rays that are not there yet; False where HiGHS's tolerances leave one above its price for good."""
        present = {ray.tobytes() for ray in self.rays}
        rays = rays[[ray.tobytes() not in present for ray in rays]]
        values = hinge_values(self.model.Xbar, rays).T
        count = 2 * len(rays)
        pairs = np.stack([values, -values], axis=2).reshape(len(values), count)
        self.model.add_columns(pairs, np.ones(count), np.zeros(count), np.full(count, np.inf))
        self.rays = np.vstack([self.rays, rays])
        return len(rays) > 0

    def network(self, unit: float) -> ReLUNetwork:
        """The present combination, rays of one sign and one closed cell joined into one neuron."""
        levels = self.model.levels[self.model.n_fixed :].reshape(-1, 2) * unit
        used, side = np.nonzero(levels)
        U = self.rays[used] * levels[used, side, None]
        joined, signs = join_conformal(U, np.where(side == 0, 1.0, -1.0), self.model.Xbar)
        return hinge_network(joined, signs, self.model.affine_part * unit)


class _AllRays:
    """Exact pricing by looking at every extreme ray."""

    name = "looking at every extreme ray, with bounds on rounding"
    gap = 1e-9

    def __init__(self, Xbar: Array) -> None:
        self._Xbar = Xbar
        self._rays, self._values = extreme_rays(Xbar[:, :-1])

    def upper_bound(self, pi: list[Fraction], price: float, changed: float) -> float:
        """Bound on the maximum that holds for exact rays."""
        return largest_over_rays(self._Xbar, pi, price)

    def price(self, pi: Array, time_limit: float) -> tuple[float, Array]:
        """Maximum of |Σ_i π_i (u·x̄_i)_+| over ‖u‖_1 = 1, and hinges where it exceeds one."""
        size = np.abs(self._values @ pi)
        best = np.argsort(-size)[:_BATCH]
        return float(size[best[0]]), self._rays[best[size[best] > 1 + self.gap]]


class _MixedInteger:
    """Random rays while they improve, then the exact maximum by HiGHS; ‖u‖_1 ≤ 1 itself bounds every big-M."""

    name = "a mixed-integer program in float64, less what its tolerances may hide"
    gap = 1e-7

    def __init__(self, Xbar: Array, rng: np.random.Generator) -> None:
        self._Xbar, self._rng = Xbar, rng

    def upper_bound(self, pi: list[Fraction], price: float, changed: float) -> float:
        """What HiGHS proved, plus what its tolerances, dropped entries of X̄ and other multipliers may add.

        With ‖u‖_1 ≤ 1 a height changes by at most what the largest entry of its row does. All variables are bounded, so
        reduced costs that are wrong by a tolerance change the bound by at most that times the sum of their ranges.
        """
        Xbar, weight = self._Xbar, np.array([abs(float(a)) for a in pi])
        largest = np.abs(Xbar).max(axis=1)
        dropped = np.where(np.abs(Xbar) < _SMALLEST_ENTRY, np.abs(Xbar), 0.0).max(axis=1)
        ranges = 3 * Xbar.shape[1] + np.sum(largest + 1)
        return float((price + dropped @ weight + largest.max() * changed + 2 * _TOLERANCE * ranges) * (1 + _TOLERANCE))

    def price(self, pi: Array, time_limit: float) -> tuple[float, Array]:
        """Upper bound on the same maximum (inf after random pricing), and hinges that exceed one."""
        rays = random_rays(self._Xbar, _SAMPLES, self._rng)
        size = np.abs(hinge_values(self._Xbar, rays) @ pi)
        best = np.argsort(-size)[:_BATCH]
        if size[best[0]] > _RANDOM_IMPROVEMENT:
            return np.inf, rays[best[size[best] > 1 + self.gap]]
        found = [self._maximise(sign * pi, time_limit / 2) for sign in (1.0, -1.0)]
        U = np.array([u / np.abs(u).sum() for _, u in found if u.any()]).reshape(-1, self._Xbar.shape[1])
        improving = np.abs(hinge_values(self._Xbar, U) @ pi) > 1 + self.gap
        return max(bound for bound, _ in found), U[improving]

    def _maximise(self, pi: Array, time_limit: float) -> tuple[float, Array]:
        """Max Σ_i π_i h_i over ‖u‖_1 ≤ 1, h_i = (u·x̄_i)_+: its proved upper bound and the best u found.

        Where π_i < 0 the maximum presses h_i down by itself; the others need a binary z_i = 1[u·x̄_i > 0].
        """
        Xbar = self._Xbar
        n = Xbar.shape[1]
        model = highspy.Highs()
        model.silent()
        options = {
            "threads": 1,
            "time_limit": time_limit,
            "mip_rel_gap": _TOLERANCE,
            "mip_feasibility_tolerance": _TOLERANCE,
            "primal_feasibility_tolerance": _TOLERANCE,
            "dual_feasibility_tolerance": _TOLERANCE,
        }
        for option, setting in options.items():
            model.setOptionValue(option, setting)
        big = np.abs(Xbar).max(axis=1)
        u = [model.addVariable(-1.0, 1.0) for _ in range(n)]
        size = [model.addVariable(0.0, 1.0) for _ in range(n)]
        for a, b in zip(u, size):
            model.addConstr(a <= b)
            model.addConstr(-1 * a <= b)
        model.addConstr(sum(size) <= 1)
        heights = []
        for x, price, M in zip(Xbar, pi, big):
            at = sum(float(c) * a for c, a in zip(x, u) if abs(c) >= _SMALLEST_ENTRY)
            h = model.addVariable(0.0, float(M))
            if price > 0:
                z = model.addBinary()
                model.addConstr(h <= at + float(M) * (1 - z))
                model.addConstr(h <= float(M) * z)
            else:
                model.addConstr(h >= at)
            heights.append(h)
        model.maximize(sum(float(price) * h for price, h in zip(pi, heights)))
        solution = np.array(model.getSolution().col_value)[:n]
        bound = model.getInfo().mip_dual_bound if np.any(pi > 0) else 0.0
        return float(bound), solution if len(solution) else np.zeros(n)


def _interpolating_hinges(Xbar: Array, rng: np.random.Generator) -> Array:
    """The constant and N − 1 hinges along one direction, one from each point but the last: triangular at the data."""
    direction = rng.normal(size=Xbar.shape[1] - 1)
    at = np.unique(Xbar[:, :-1] @ direction)
    hinges = np.column_stack([np.tile(direction, (len(at) - 1, 1)), -at[:-1]])
    constant = np.eye(Xbar.shape[1])[-1:]
    hinges = np.vstack([constant, hinges])
    return hinges / np.abs(hinges).sum(axis=1, keepdims=True)
