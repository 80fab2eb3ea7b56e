"""The convex case p = 1 solved to global optimality, with a dual certificate [PE; pricing over all hinges ours].

The dual of min Σ_k ‖u_k‖_1 over interpolants is max π·y over |Σ_i π_i (u·x̄_i)_+| ≤ ‖u‖_1 for all u (and π ⊥
X̄ with a free affine part). Pricing maximises the left side over ‖u‖_1 = 1; with ρ its maximum, π/ρ is
feasible and π·y/ρ a lower bound. Hinges are computed in the coordinates of a `Frame`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import highspy
import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.effort import Clock
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.points import INTERPOLATES, power_of_two
from reluctant.multivariate.proofs.duality import (
    dual_value,
    largest_over_rays,
    orthogonal_multipliers,
    priced_multipliers,
    rounded_down,
)
from reluctant.multivariate.proofs.frame import EPS, Frame
from reluctant.multivariate.proofs.program import DataModel, hinge_network
from reluctant.multivariate.proofs.rays import extreme_hinges, join_conformal, random_hinges, ray_count

ENUMERATED = 30_000_000  # rays times points up to which pricing looks at every ray, in about half a gigabyte
_BATCH = 50  # columns added at a time
_SMALL = 1e-2  # part of the value thought of at first, below which all is done again with the value that was found
_REFITS, _LEAST_SINGULAR = 2, 1e-8
_SAMPLES = 500  # random rays looked at before the exact pricing of a large problem
_RANDOM_IMPROVEMENT = 1.01
_TOLERANCE = 1e-9  # of the mixed-integer program
_LARGEST_ENTRY = 2.0**20  # of a column of the linear program; what is larger costs less than one there instead
_LARGEST_IN_MIP = 4.0  # beyond, HiGHS has claimed bounds for the mixed-integer program that are false by any factor
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
    rows = np.asarray(X, dtype=np.float64)
    if enumerate_rays is None:
        enumerate_rays = rays_are_few(*rows.shape)
    frame = Frame.of(rows, centred=enumerate_rays)
    pricer = _AllRays(frame) if enumerate_rays else _MixedInteger(frame, rng)
    start = _interpolating_hinges(frame, rng)
    if not affine:
        start = np.vstack([start, _hinges_at_the_offset(frame)])
    columns = _Columns(labels / unit, tolerance / unit, affine, frame, start, _typical_size(frame, start))
    proof = _Proof(columns.model, frame, affine)
    value = _generate(columns, pricer, proof, clock)
    if 0 < value < _SMALL * columns.scale and not clock.expired():
        columns = _Columns(labels / unit, tolerance / unit, affine, frame, columns.rays, value)
        _generate(columns, pricer, proof, clock)
    network = columns.network(unit)
    return ConvexSolution(
        network, network.path_norm(1.0, bias=True), float(proof.bound(pricer) * unit), pricer.name, len(columns.rays)
    )


def _generate(columns: _Columns, pricer: _AllRays | _MixedInteger, proof: _Proof, clock: Clock) -> float:
    """Solve and price until no column improves the value, which is returned, or the time is up."""
    improving = True
    while improving:
        value = columns.model.optimise() * columns.scale
        exact = proof.multipliers(columns.model.duals * columns.scale)
        price, rays = pricer.price(np.array([float(a) for a in exact]), max(clock.left(), 0.1))
        proof.offer(exact, price)
        improving = value - proof.estimate > pricer.gap * value and len(rays) > 0 and not clock.expired()
        improving = improving and columns.add(rays)
    return value


def rays_are_few(n_points: int, n_inputs: int) -> bool:
    """Whether pricing looks at every ray, in columns that are centred."""
    return ray_count(n_points, n_inputs) * n_points <= ENUMERATED


class _Proof:
    """The best multipliers so far, and what they prove."""

    def __init__(self, model: DataModel, frame: Frame, affine: bool) -> None:
        self._model, self._frame, self._affine = model, frame, affine
        self._pi, self._price = [Fraction(0)] * len(model.y), 1.0
        self.estimate = 0.0

    def multipliers(self, pi: Array) -> list[Fraction]:
        """Multipliers of the linear program, fit to be priced."""
        far = bool(self._frame.centre.any()) and not self._affine
        return priced_multipliers(self._frame, pi) if far else [Fraction(a) for a in pi.tolist()]

    def offer(self, pi: list[Fraction], price: float) -> None:
        """Keep multipliers whose bound, in float64, is larger."""
        estimate = float(dual_value(pi, self._model.y, self._model.tolerance)) / max(price, 1.0)
        if estimate > self.estimate:
            self._pi, self._price, self.estimate = pi, price, estimate

    def bound(self, pricer: _AllRays | _MixedInteger) -> float:
        """The bound that holds, rounded down; 0 where rounding leaves none."""
        pi = orthogonal_multipliers(self._frame, self._pi) if self._affine else self._pi
        changed = float(sum(abs(a - b) for a, b in zip(pi, self._pi)))
        price = pricer.upper_bound(pi, self._price, changed)
        if not 0 < price < np.inf:
            return 0.0
        return max(rounded_down(dual_value(pi, self._model.y, self._model.tolerance) / Fraction(price)), 0.0)


class _Columns:
    """Hinges with ‖u‖_1 = 1, each with both output signs, as columns of the model.

    Values are multiplied by `scale`, a value of the program, so that levels and multipliers are about one in size. A
    column with values far beyond that, as of a hinge at the offset of X, is made smaller, and so is its cost.
    """

    def __init__(self, y: Array, tolerance: float, affine: bool, frame: Frame, start: Array, scale: float) -> None:
        self.model, self._frame = DataModel(frame.rows[:, :-1], y, tolerance=tolerance, affine=affine), frame
        self.rays, self._costs = np.zeros((0, frame.rows.shape[1] + 1)), np.zeros(0)
        self.scale = 2.0 ** np.frexp(scale)[1]
        self.add(start)

    def add(self, rays: Array) -> bool:
        """Append the rays that are not there yet; False where HiGHS's tolerances leave one above its price for good."""
        present = {ray.tobytes() for ray in self.rays}
        rays = rays[[ray.tobytes() not in present for ray in rays]]
        values = self._frame.values(rays) * self.scale
        costs = 1 / power_of_two(np.maximum(values.max(axis=1, initial=0.0) / _LARGEST_ENTRY, 1.0))
        values, count = (values * costs[:, None]).T, 2 * len(rays)
        pairs = np.stack([values, -values], axis=2).reshape(len(values), count)
        self.model.add_columns(pairs, np.repeat(costs, 2), np.zeros(count), np.full(count, np.inf))
        self.rays, self._costs = np.vstack([self.rays, rays]), np.append(self._costs, costs)
        return len(rays) > 0

    def network(self, unit: float) -> ReLUNetwork:
        """The present combination: the first of several forms that meets the labels in float64, or the closest."""
        networks, missed = [], []
        for network in self._forms(unit):
            error = np.abs(network(self._frame.Xbar[:, :-1]) - self.model.y * unit)
            networks.append(network)
            missed.append(float((error - self.model.tolerance * unit).max()))
            if missed[-1] <= INTERPOLATES * unit / 2:  # max|y| is between a half and one unit
                return network
        return networks[int(np.argmin(missed))]

    def _forms(self, unit: float) -> Iterator[ReLUNetwork]:
        """Rays of one sign and one closed cell joined into one neuron.

        Then, far from zero, where weights in float64 may not hold it: biases of zero may make up for the rounding of
        weights, and rays stay apart, with output weights fitted to the hinges as rounded.
        """
        frame = self._frame
        levels = self.model.levels[self.model.n_fixed :].reshape(-1, 2) @ [1.0, -1.0]
        levels *= self._costs * self.scale * unit
        used = np.flatnonzero(levels)
        hinges, signs = self.rays[used] * np.abs(levels[used, None]), np.sign(levels[used])
        affine = frame.affine_weights(self.model.affine_part * unit)
        joined, outputs = join_conformal(hinges, signs, frame)
        for exactly in (False, True) if frame.centre.any() else (False,):
            yield hinge_network(frame.weights(joined, exactly), outputs, affine)
        for exactly in (False, True) if frame.centre.any() else ():
            U = frame.weights(hinges, exactly)
            values, added = frame.values(frame.hinges(U)), frame.heights(frame.hinges(affine[None]))[0]
            fitted = signs
            for _ in range(_REFITS):
                rest = self.model.y * unit - values.T @ fitted - added
                fitted = fitted + np.linalg.lstsq(values.T, rest, rcond=_LEAST_SINGULAR)[0]
            yield hinge_network(U, fitted, affine)


class _AllRays:
    """Exact pricing by looking at every extreme ray."""

    name = "looking at every extreme ray, with bounds on rounding"
    gap = 1e-9

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._rays, self._values = extreme_hinges(frame)

    def upper_bound(self, pi: list[Fraction], price: float, changed: float) -> float:
        """Bound on the maximum that holds for exact rays."""
        return largest_over_rays(self._frame, pi, float(self._sizes(np.array([float(a) for a in pi])).max(initial=0.0)))

    def price(self, pi: Array, time_limit: float) -> tuple[float, Array]:
        """Maximum of |Σ_i π_i (u·x̄_i)_+| over ‖u‖_1 = 1, and hinges where it exceeds one."""
        size = self._sizes(pi)
        best = np.argsort(-size)[:_BATCH]
        return float(size[best[0]]), self._rays[best[size[best] > 1 + self.gap]]

    def _sizes(self, pi: Array) -> Array:
        """What rounding leaves no doubt of."""
        return np.abs(self._values @ pi) - 4 * len(pi) * EPS * (self._values @ np.abs(pi))


class _MixedInteger:
    """Random rays while they improve, then the exact maximum by HiGHS; ‖u‖_1 ≤ 1 itself bounds every big-M."""

    name = "a mixed-integer program in float64, less what its tolerances may hide"
    gap = 1e-7

    def __init__(self, frame: Frame, rng: np.random.Generator) -> None:
        self._frame, self._Xbar, self._rng = frame, frame.Xbar, rng

    def upper_bound(self, pi: list[Fraction], price: float, changed: float) -> float:
        """What HiGHS proved, plus what its tolerances, dropped entries of X̄ and other multipliers may add.

        With ‖u‖_1 ≤ 1 a height changes by at most what the largest entry of its row does. All variables are bounded, so
        reduced costs that are wrong by a tolerance change the bound by at most that times the sum of their ranges.
        """
        Xbar, weight = self._Xbar, np.array([abs(float(a)) for a in pi])
        largest = np.abs(Xbar).max(axis=1)
        if largest.max() > _LARGEST_IN_MIP:
            return np.inf
        dropped = np.where(np.abs(Xbar) < _SMALLEST_ENTRY, np.abs(Xbar), 0.0).max(axis=1)
        ranges = 3 * Xbar.shape[1] + np.sum(largest + 1)
        return float((price + dropped @ weight + largest.max() * changed + 2 * _TOLERANCE * ranges) * (1 + _TOLERANCE))

    def price(self, pi: Array, time_limit: float) -> tuple[float, Array]:
        """Upper bound on the same maximum (inf after random pricing), and hinges that exceed one."""
        rays = random_hinges(self._frame, _SAMPLES, self._rng)
        size = np.abs(self._frame.values(rays) @ pi)
        best = np.argsort(-size)[:_BATCH]
        if size[best[0]] > _RANDOM_IMPROVEMENT:
            return np.inf, rays[best[size[best] > 1 + self.gap]]
        found = [self._maximise(sign * pi, time_limit / 2) for sign in (1.0, -1.0)]
        U = self._frame.hinges(np.array([u for _, u in found if u.any()]).reshape(-1, self._Xbar.shape[1]))
        U /= self._frame.norms(U)[:, None]
        improving = np.abs(self._frame.values(U) @ pi) > 1 + self.gap
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


def _hinges_at_the_offset(frame: Frame) -> Array:
    """The hinges ±e_j of columns far from zero, which no row is on; `priced_multipliers` sees to their price."""
    return frame.hinges(np.diag(np.append(np.sign(frame.centre), 0.0)))[frame.centre.nonzero()[0]]


def _typical_size(frame: Frame, rays: Array) -> float:
    """What a hinge of height one costs."""
    return float(1 / np.median(frame.values(rays).max(axis=1)))


def _interpolating_hinges(frame: Frame, rng: np.random.Generator) -> Array:
    """The constant and N − 1 hinges along one direction, one from each point but the last: triangular at the data."""
    rows, centre = frame.rows[:, :-1], frame.centre / frame.unit
    direction = rng.normal(size=rows.shape[1])
    at = np.unique(rows @ direction)[:-1]
    along = np.tile(direction, (len(at), 1))
    constant = np.zeros((1, rows.shape[1] + 2))
    constant[0, -2:] = 1.0
    hinges = np.vstack([constant, np.column_stack([along, -at, -at - direction @ centre])])
    return hinges / frame.norms(hinges)[:, None]
