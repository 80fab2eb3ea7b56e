"""The same facts by mixed-integer programs, where there are too many regions: within the tolerances of HiGHS."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.model.milp import add_network, ranges
from reluctant.model.network import ReLUNetwork

_TOLERANCE = 1e-6
"""HiGHS's tolerances of feasibility and integrality; bounds are widened by this share of their terms."""
_STEPS = 60

Numerical = Literal["proved", "numerical"]


class _Bound(NamedTuple):
    """A value that no point of the box exceeds, and the best point found."""

    bound: float
    at: Array
    n_binaries: int


def output_range(
    network: ReLUNetwork, low: Array, high: Array, time_limit: float
) -> tuple[Array, Array, Array, Array, Numerical, str]:
    """The fields of `OutputRange`."""
    m = network.n_outputs
    most = [_largest(network.hinges, low, high, np.eye(m)[j], time_limit) for j in range(m)]
    least = [_largest(network.hinges, low, high, -np.eye(m)[j], time_limit) for j in range(m)]
    return (
        np.array([-end.bound for end in least]),
        np.array([end.bound for end in most]),
        np.array([end.at for end in least]),
        np.array([end.at for end in most]),
        "numerical",
        _reason(most[0].n_binaries),
    )


def equivalent(
    network: ReLUNetwork, other: ReLUNetwork, low: Array, high: Array, tolerance: float, time_limit: float
) -> tuple[bool, float, Array | None, Numerical, str]:
    """The fields of `Fact`."""
    (U, V, A), (U2, V2, A2) = network.hinges, other.hinges
    difference = np.vstack([U, U2]), np.vstack([V, -V2]), A - A2
    largest, reason = 0.0, ""
    for j in range(network.n_outputs):
        for sign in (1.0, -1.0):
            found = _largest(difference, low, high, sign * np.eye(network.n_outputs)[j], time_limit)
            if difference_at(network, other, found.at) > Fraction(tolerance):
                reason = "the difference at the counterexample, in exact arithmetic"
                return False, float(difference_at(network, other, found.at)), found.at, "proved", reason
            largest, reason = max(largest, found.bound), _reason(found.n_binaries)
    if largest > tolerance:
        raise ValueError(
            f"not decided: the networks differ by at most {largest:.3g}, and no difference above the tolerance of "
            f"{tolerance:g} was found; raise tolerance or time_limit"
        )
    return True, largest, None, "numerical", reason


def monotone(
    network: ReLUNetwork, low: Array, high: Array, input: int, output: int, sign: int, time_limit: float
) -> tuple[bool, float, Array | None, Numerical, str]:
    """The fields of `Fact`: the least slope over all combinations of neurons that a point allows to be on."""
    import highspy

    U, V, A = network.hinges
    model = _quiet(time_limit)
    columns = add_network((U, V, A), model, np.column_stack([low, high]))
    smallest, largest = ranges(U, low, high)
    effective = V.any(axis=1)
    either = effective & (smallest < 0) & (largest > 0)
    slopes = sign * V[:, output] * U[:, input]
    fixed = float(sign * A[input, output] + slopes[effective & (smallest >= 0)].sum())
    for column, slope in zip(columns.binaries.tolist(), slopes[either].tolist(), strict=True):
        model.changeColCost(column, slope)
    model.changeObjectiveSense(highspy.ObjSense.kMinimize)
    model.run()
    size = float(np.abs(slopes[either]).sum() + abs(fixed))
    least = fixed + model.getInfo().mip_dual_bound
    if least >= -_TOLERANCE * size:
        return True, least, None, "numerical", _reason(len(columns.binaries))
    x = np.clip(np.array(model.getSolution().col_value)[columns.inputs], low, high)
    pair = _falling_pair(network, x, low, high, input, output, sign)
    if pair is None:
        raise ValueError(
            f"not decided: a slope of {sign * least:.3g} is not ruled out, and no two points show it; "
            "give a smaller box"
        )
    return False, least, pair, "proved", "the values at the counterexample, in exact arithmetic"


def _falling_pair(
    network: ReLUNetwork, x: Array, low: Array, high: Array, input: int, output: int, sign: int
) -> Array | None:
    step = high[input] - low[input]
    for _ in range(_STEPS):
        step /= 2
        for first, second in ((x[input], x[input] + step), (x[input] - step, x[input])):
            pair = np.stack([x, x])
            pair[:, input] = first, second
            inside = low[input] <= first < second <= high[input]
            if inside and sign * exact_values(network, pair[1])[output] < sign * exact_values(network, pair[0])[output]:
                return pair
    return None


def exact_values(network: ReLUNetwork, x: Array) -> list[Fraction]:
    """Outputs at one input, without rounding.

    Examples
    --------
    >>> exact_values(ReLUNetwork([[0.5]], [0.25], [3.0]), np.array([0.5]))
    [Fraction(3, 2)]
    """
    U, V, A = ([[Fraction(v) for v in row] for row in part.tolist()] for part in network.hinges)
    at = [*map(Fraction, x.tolist()), Fraction(1)]
    hidden = [max(sum((a * b for a, b in zip(u, at)), Fraction(0)), Fraction(0)) for u in U]
    return [
        sum((row[j] * a for row, a in zip(A, at)), Fraction(0))
        + sum((v[j] * h for v, h in zip(V, hidden)), Fraction(0))
        for j in range(network.n_outputs)
    ]


def difference_at(network: ReLUNetwork, other: ReLUNetwork, x: Array) -> Fraction:
    """The largest difference of an output at one input, without rounding."""
    return max(abs(a - b) for a, b in zip(exact_values(network, x), exact_values(other, x)))


def _largest(hinges: tuple[Array, Array, Array], low: Array, high: Array, weights: Array, time_limit: float) -> _Bound:
    """The largest weights · f on the box."""
    import highspy

    model = _quiet(time_limit)
    U, V, A = hinges
    columns = add_network((U, (V @ weights)[:, None], (A @ weights)[:, None]), model, np.column_stack([low, high]))
    model.changeColCost(int(columns.outputs[0]), 1.0)
    model.changeObjectiveSense(highspy.ObjSense.kMaximize)
    model.run()
    solution = model.getSolution().col_value
    at = np.clip(np.array(solution)[columns.inputs], low, high) if len(solution) else 0.5 * (low + high)
    bound = model.getInfo().mip_dual_bound if len(columns.binaries) else model.getObjectiveValue()
    smallest, largest = ranges(U, low, high)
    reach = np.maximum(np.abs(low), np.abs(high))
    size = np.maximum(np.abs(smallest), np.abs(largest)) @ np.abs(V @ weights)
    size += np.append(reach, 1.0) @ np.abs(A @ weights)
    return _Bound(bound + _TOLERANCE * float(size), at, len(columns.binaries))


def _quiet(time_limit: float) -> Any:
    import highspy

    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("mip_rel_gap", 0.0)
    model.setOptionValue("time_limit", float(time_limit))
    return model


def _reason(n_binaries: int) -> str:
    return (
        f"a mixed-integer program with {n_binaries} binaries, solved by HiGHS with tolerances of {_TOLERANCE:g}, by "
        "which share of all terms its bound is widened"
    )
