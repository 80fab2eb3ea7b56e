"""Fewest parameters or neurons as a mixed-integer program: a proved bound among networks of bounded weights.

Neuron slots have a fixed output sign, so nothing is bilinear. One-parameter hinges (±x_j)_+ and (1)_+ need no
slot: their values at the data are known and one signed coefficient each says it all (ours). A slot has h_i =
(u·x̄_i)_+ through one binary z_i = 1[u·x̄_i > 0] a point and support binaries |u_j| ≤ M t_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.multivariate.patterns import homogeneous
from reluctant.multivariate.problem import INTERPOLATES, distinct_rows
from reluctant.multivariate.program import hinge_network
from reluctant.multivariate.state import Weights
from reluctant.network import ReLUNetwork
from reluctant.validation import check_number

Array = NDArray[np.float64]

_OPTIONS = {
    "threads": 1,
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 0.99,  # the objective is integral
}
_INTEGRAL = 1e-6  # how far below an integer the bound of the solver may lie and still be rounded up


@dataclass(frozen=True)
class BoundedProof:
    """A bound HiGHS proved for networks with |u_kj| ≤ `weight_bound`, the best network seen, the condition in words."""

    lower_bound: int
    network: ReLUNetwork | None
    weight_bound: float
    reason: str


def fewest_by_milp(
    X: ArrayLike,
    y: ArrayLike,
    *,
    minimize: Literal["parameters", "neurons"] = "parameters",
    weight_bound: float = 100.0,
    start: ReLUNetwork | None = None,
    most: int | None = None,
    affine: bool = False,
    tolerance: float = 0.0,
    time_limit: float | None = None,
) -> BoundedProof:
    """Bound the fewest parameters or neurons of networks with bounded effective weights.

    Parameters
    ----------
    X : array_like, shape (N, d)
    y : array_like, shape (N,)
    minimize : {"parameters", "neurons"}
    weight_bound : float
        M: only networks with every effective weight |u_kj| ≤ M are considered.
    start : ReLUNetwork, optional
        A network that meets the request; the solver starts from it where it respects M.
    most : int, optional
        Only networks with at most so many are considered; by default the count of `start`, else N.
    affine : bool
        Whether a free affine part, not counted, is added.
    tolerance : float
        Largest residual allowed.
    time_limit : float, optional
        Seconds; the bound proved by then is returned.

    Returns
    -------
    BoundedProof
        No network with |u_kj| ≤ M that meets the request has fewer than `lower_bound`, in the feasibility
        tolerance of the solver. Larger weights may need fewer; `exact.fewest_parameters` knows no M.
        `network` is the best one seen, or None.

    Raises
    ------
    InfeasibleError
        If equal rows have different labels.
    ValueError
        If an option is not as described.

    Examples
    --------
    With M = 100 two parameters are needed; a weight of 1000 would do with one:

    >>> proof = fewest_by_milp([[0.0, 0.5], [0.001, 0.6]], [0.0, 1.0], most=2)
    >>> proof.lower_bound, proof.network.n_parameters
    (2, 2)
    """
    if minimize not in ("parameters", "neurons"):
        raise ValueError(f"minimize must be 'parameters' or 'neurons', got {minimize!r}")
    M = check_number(weight_bound, "weight_bound", strict=True)
    band = check_number(tolerance, "tolerance")
    rows, y = distinct_rows(X, y)
    Xbar = homogeneous(rows)
    if most is None:
        most = len(y) if start is None else _count(start, minimize)
    model = _Model(Xbar, y, minimize, M, most, affine, band)
    if start is not None:
        model.set_start(start)
    bound, network = model.solve(time_limit)
    if network is None and start is not None and bound <= _count(start, minimize):
        network = start
    reason = f"mixed-integer program among networks with every effective weight at most {M:g} in size"
    return BoundedProof(bound, network, M, reason)


def _count(network: ReLUNetwork, minimize: str) -> int:
    weights = Weights.from_network(network)
    return weights.n_parameters if minimize == "parameters" else weights.n_neurons


class _Model:
    """The program, its variables by name, and the start."""

    def __init__(
        self, Xbar: Array, y: Array, minimize: str, M: float, most: int, affine: bool, tolerance: float
    ) -> None:
        self.Xbar, self.y, self.M, self.most, self.tolerance = Xbar, y, M, most, tolerance
        n = Xbar.shape[1]
        self.highs = highspy.Highs()
        self.highs.silent()
        for option, setting in _OPTIONS.items():
            self.highs.setOptionValue(option, setting)
        self.affine = [self.highs.addVariable(-np.inf, np.inf) for _ in range(n if affine else 0)]
        by_parameters = minimize == "parameters"
        self.singles = self._one_parameter_hinges() if by_parameters else []
        slots = most // 2 if by_parameters else most
        self.slots = [self._slot(sign, 2 if by_parameters else 1) for sign in (1.0, -1.0) for _ in range(slots)]
        if self.slots:
            self.highs.addConstr(_sum(slot.active for slot in self.slots) <= slots)
        for before, after in zip(self.slots, self.slots[1:]):
            if before.sign == after.sign:
                self.highs.addConstr(_sum(before.support) >= _sum(after.support))
        self._fit_data()
        if by_parameters:
            self.objective = [s.used for s in self.singles] + [t for slot in self.slots for t in slot.support]
        else:
            self.objective = [slot.active for slot in self.slots]
        if self.objective:
            self.highs.addConstr(_sum(self.objective) <= most)
        counted = np.array([v.index for v in self.objective], np.int32)
        self.highs.changeColsCost(len(counted), counted, np.ones(len(counted)))

    def _one_parameter_hinges(self) -> list[_Single]:
        """(±x_j)_+ and (1)_+ with a coefficient of either sign."""
        n = self.Xbar.shape[1]
        singles = []
        for j in range(n):
            for direction in (1.0, -1.0):
                values = np.maximum(direction * self.Xbar[:, j], 0.0)
                if values.any():
                    coefficient, used = self.highs.addVariable(-self.M, self.M), self.highs.addBinary()
                    self._switch(coefficient, used)
                    singles.append(_Single(j, direction, values, coefficient, used))
        return singles

    def _slot(self, sign: float, least: int) -> _Slot:
        """A neuron with output sign `sign` and, when active, at least `least` parameters."""
        n = self.Xbar.shape[1]
        u = [self.highs.addVariable(-self.M, self.M) for _ in range(n)]
        support = [self.highs.addBinary() for _ in range(n)]
        active = self.highs.addBinary()
        for coordinate, used in zip(u, support):
            self._switch(coordinate, used)
            self.highs.addConstr(used <= active)
        self.highs.addConstr(_sum(support) >= least * active)
        heights, on = [], []
        for x, largest in zip(self.Xbar, self.M * np.abs(self.Xbar).sum(axis=1)):
            at = _sum(float(a) * b for a, b in zip(x, u) if a)
            h, z = self.highs.addVariable(0.0, float(largest)), self.highs.addBinary()
            self.highs.addConstr(h >= at)
            self.highs.addConstr(h <= at + float(largest) * (1 - z))
            self.highs.addConstr(h <= float(largest) * z)
            self.highs.addConstr(z <= active)
            heights.append(h)
            on.append(z)
        return _Slot(sign, u, support, active, heights, on)

    def _switch(self, value: Any, used: Any) -> None:
        """|value| ≤ M used."""
        self.highs.addConstr(value <= self.M * used)
        self.highs.addConstr(value >= -self.M * used)

    def _fit_data(self) -> None:
        for i, (x, target) in enumerate(zip(self.Xbar, self.y)):
            terms = [float(s.values[i]) * s.coefficient for s in self.singles if s.values[i]]
            terms += [slot.sign * slot.heights[i] for slot in self.slots]
            terms += [float(a) * b for a, b in zip(x, self.affine) if a]
            low, high = float(target - self.tolerance), float(target + self.tolerance)
            if terms:
                self.highs.addConstr(_sum(terms) >= low)
                self.highs.addConstr(_sum(terms) <= high)
            elif not low <= 0 <= high:
                never = self.highs.addVariable(1.0, 1.0)
                self.highs.addConstr(never <= 0)

    def set_start(self, network: ReLUNetwork) -> None:
        """Hand a network to the solver, in the order the slots ask for; it is ignored where it does not fit."""
        weights = Weights.from_network(network)
        U, signs = weights.U, weights.V[:, 0]
        values: dict[int, float] = {v.index: 0.0 for v in self._variables()}
        for s in self.singles:
            same = (np.count_nonzero(U, axis=1) == 1) & (np.sign(U[:, s.input]) == s.direction)
            coefficient = float(np.sum(signs[same] * np.abs(U[same, s.input])))
            values[s.coefficient.index], values[s.used.index] = coefficient, float(coefficient != 0)
        large = np.count_nonzero(U, axis=1) > 1 if self.singles else np.ones(len(U), bool)
        for sign in (1.0, -1.0):
            chosen = U[large & (signs == sign)]
            chosen = chosen[np.argsort(-np.count_nonzero(chosen, axis=1), kind="stable")]
            for slot, u in zip([slot for slot in self.slots if slot.sign == sign], chosen):
                values.update(slot.values(u, self.Xbar))
        affine = np.append(network.slope[:, 0], network.intercept)
        values.update({v.index: float(a) for v, a in zip(self.affine, affine)})
        self.highs.setSolution(len(values), np.array(list(values), np.int32), np.array(list(values.values())))

    def _variables(self) -> list[Any]:
        inside = [v for slot in self.slots for v in [*slot.u, *slot.support, slot.active, *slot.heights, *slot.on]]
        return [*self.affine, *[v for s in self.singles for v in (s.coefficient, s.used)], *inside]

    def solve(self, time_limit: float | None) -> tuple[int, ReLUNetwork | None]:
        """Proved bound and best network."""
        if time_limit is not None:
            self.highs.setOptionValue("time_limit", float(time_limit))
        self.highs.run()
        if self.highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return self.most + 1, None
        info = self.highs.getInfo()
        bound = max(0, ceil(info.mip_dual_bound - _INTEGRAL)) if np.isfinite(info.mip_dual_bound) else 0
        feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        return bound, self._network() if feasible else None

    def _network(self) -> ReLUNetwork | None:
        """The solution with its zeros made exact and its residual removed on the same patterns, if it then fits."""
        level = np.array(self.highs.getSolution().col_value)
        N, n = self.Xbar.shape
        U, signs, patterns = [], [], []
        for s in self.singles:
            if level[s.used.index] > 0.5:
                c = level[s.coefficient.index]
                U.append(np.where(np.arange(n) == s.input, s.direction * abs(c), 0.0))
                signs.append(np.sign(c))
                patterns.append(s.values > 0)
        for slot in self.slots:
            if level[slot.active.index] > 0.5:
                U.append(
                    np.array([level[a.index] if level[t.index] > 0.5 else 0.0 for a, t in zip(slot.u, slot.support)])
                )
                signs.append(slot.sign)
                patterns.append(np.array([level[z.index] > 0.5 for z in slot.on]))
        hinges, output = np.array(U).reshape(-1, n), np.array(signs)
        affine = np.array([level[a.index] for a in self.affine]) if self.affine else np.zeros(n)
        neuron, coordinate = np.nonzero(hinges)
        on = np.array(patterns).reshape(-1, N)
        A = np.hstack(
            [
                (output[neuron, None] * on[neuron]).T * self.Xbar[:, coordinate],
                self.Xbar[:, : len(self.affine)],
            ]
        )
        residual = self.y - hinge_network(hinges, output, affine)(self.Xbar[:, :-1])
        outside = residual - np.clip(residual, -self.tolerance, self.tolerance)
        if A.size:
            change = np.linalg.lstsq(A, outside)[0]
            hinges[neuron, coordinate] += change[: len(neuron)]
            affine[: len(self.affine)] += change[len(neuron) :]
        network = hinge_network(hinges, output, affine)
        error = np.abs(network(self.Xbar[:, :-1]) - self.y).max()
        return network if error <= self.tolerance + INTERPOLATES * np.abs(self.y).max() else None


@dataclass(frozen=True)
class _Single:
    input: int
    direction: float
    values: Array
    coefficient: Any
    used: Any


@dataclass(frozen=True)
class _Slot:
    sign: float
    u: list[Any]
    support: list[Any]
    active: Any
    heights: list[Any]
    on: list[Any]

    def values(self, u: Array, Xbar: Array) -> dict[int, float]:
        """Values of all variables for the hinge u, by index."""
        z = Xbar @ u
        pairs = [*zip(self.u, u), *zip(self.support, u != 0), (self.active, 1.0)]
        pairs += [*zip(self.heights, np.maximum(z, 0.0)), *zip(self.on, z > 0)]
        return {variable.index: float(value) for variable, value in pairs}


def _sum(terms: Any) -> Any:
    return highspy.Highs.qsum(list(terms))
