"""What can be asked of a network on a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.milp import checked_box
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Solution, counted
from reluctant.validation import check_choice, check_integer, check_number
from reluctant.verify import programs
from reluctant.verify.answers import Fact, Lipschitz, OutputRange
from reluctant.verify.regions import (
    MOST_INPUTS,
    MOST_REGIONS,
    Exact,
    Region,
    TooManyRegions,
    centre,
    network_of,
    section,
    value,
)
from reluctant.verify.rounding import floats, root_up, rounded

Norm = Literal[1, 2] | float


def output_range(network: ReLUNetwork | Solution, bounds: ArrayLike, *, time_limit: float = 60.0) -> OutputRange:
    """The least and the largest value of each output on a box.

    A piecewise-linear function takes them at corners of its linear regions, which are found and evaluated in integers.
    Beyond 5,000 regions or six inputs HiGHS solves a program with a binary for each neuron that can be on and off.

    Parameters
    ----------
    network : ReLUNetwork or Solution
    bounds : array_like, shape (d, 2)
        (low, high) of each input, finite.
    time_limit : float
        Seconds that a program may take, for each end of each output; its bounds hold whenever it ends.

    Returns
    -------
    OutputRange

    Raises
    ------
    ValueError
        If `bounds` is no box.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> found = output_range(ReLUNetwork([[1.0, 1.0]], [0.0], [1.0]), [[-1, 1], [-1, 3]])
    >>> found.low, found.high, found.kind
    (array([0.]), array([4.]), 'proved')
    """
    network = network_of(network)
    low, high = checked_box(network.n_inputs, bounds)
    try:
        exact = Exact([(1, network)], low, high)
        regions = exact.regions()
    except TooManyRegions:
        return OutputRange(*programs.output_range(network, low, high, time_limit))
    ends = [_extremes(exact, regions, j) for j in range(network.n_outputs)]
    return OutputRange(
        np.array([rounded(least[0], -np.inf) for least, _ in ends]),
        np.array([rounded(most[0], np.inf) for _, most in ends]),
        np.array([floats(exact.point(least[1])) for least, _ in ends]),
        np.array([floats(exact.point(most[1])) for _, most in ends]),
        "proved",
        _all_regions(regions, "corners"),
    )


def lipschitz(network: ReLUNetwork | Solution, bounds: ArrayLike, *, norm: Norm = 2) -> Lipschitz:
    """The smallest L with |f(x) − f(x')| ≤ L ‖x − x'‖ on a box, for each output.

    It is the largest dual norm of the gradients of the linear regions: the line between two points passes through
    regions, and two points within one region attain it.

    Parameters
    ----------
    network : ReLUNetwork or Solution
    bounds : array_like, shape (d, 2)
        (low, high) of each input, finite; inputs that cannot change do not count.
    norm : {1, 2, inf}
        Of the inputs.

    Returns
    -------
    Lipschitz

    Raises
    ------
    ValueError
        If `bounds` is no box, `norm` is another, or there are more regions than are looked at.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> lipschitz(ReLUNetwork([[3.0, 4.0]], [0.0], [1.0]), [[-1, 1], [-1, 1]]).constants
    array([5.])
    """
    network = network_of(network)
    if norm not in (1, 2, math.inf):
        raise ValueError(f"norm must be 1, 2 or inf, got {norm!r}")
    exact, regions = _regions(network, bounds, "lipschitz")
    found = [
        max((_gradient(exact, region, j, norm) for region in regions), key=lambda g: g[0])
        for j in range(network.n_outputs)
    ]
    return Lipschitz(
        np.array([root_up(size) if norm == 2 else rounded(size, np.inf) for size, _, _ in found]),
        np.array([floats(gradient) for _, gradient, _ in found]),
        np.array([floats(exact.point(centre(region))) for _, _, region in found]),
        _all_regions(regions, "gradients"),
    )


def is_monotone(
    network: ReLUNetwork | Solution,
    bounds: ArrayLike,
    input: int,
    *,
    direction: Literal["increasing", "decreasing"] = "increasing",
    output: int = 0,
    time_limit: float = 60.0,
) -> Fact:
    """Whether an output never falls, or never rises, as one input grows, wherever the others stand in a box.

    Parameters
    ----------
    network : ReLUNetwork or Solution
    bounds : array_like, shape (d, 2)
        (low, high) of each input, finite.
    input : int
        Which input.
    direction : {"increasing", "decreasing"}
        Not strictly.
    output : int
        Which output.
    time_limit : float
        Seconds that a program may take where there are too many regions; see `output_range`.

    Returns
    -------
    Fact
        Its `value` is the least slope, for ``"decreasing"`` that of −f.

    Raises
    ------
    ValueError
        If `bounds` is no box, there is no such input or output, or a program does not decide it.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> f = ReLUNetwork([[1.0], [1.0]], [0.0, -1.0], [1.0, -2.0])
    >>> bool(is_monotone(f, [[-5, 1]], 0)), bool(is_monotone(f, [[-5, 2]], 0))
    (True, False)
    """
    network = network_of(network)
    low, high = checked_box(network.n_inputs, bounds)
    _check_index(input, "input", network.n_inputs)
    _check_index(output, "output", network.n_outputs)
    check_choice(direction, "direction", ("increasing", "decreasing"))
    sign = 1 if direction == "increasing" else -1
    try:
        exact = Exact([(sign, network)], low, high)
        regions = exact.regions()
    except TooManyRegions:
        return Fact(*programs.monotone(network, low, high, input, output, sign, time_limit))
    if input not in exact.free:
        return Fact(True, 0.0, None, "proved", f"input {input} cannot change in the box")
    position = exact.free.index(input)
    slopes = [Fraction(plane[position], over) for plane, over in (exact.plane(region, output) for region in regions)]
    i = min(range(len(regions)), key=slopes.__getitem__)
    pair = None if slopes[i] >= 0 else _falling_pair(exact, regions[i], position)
    return Fact(slopes[i] >= 0, rounded(slopes[i], -np.inf), pair, "proved", _all_regions(regions, "slopes"))


def equivalent(
    network: ReLUNetwork | Solution,
    other: ReLUNetwork | Solution,
    bounds: ArrayLike,
    *,
    tolerance: float = 0.0,
    time_limit: float = 60.0,
) -> Fact:
    """Whether two networks differ by at most a tolerance in every output on a box.

    Parameters
    ----------
    network, other : ReLUNetwork or Solution
        With as many inputs and outputs as each other.
    bounds : array_like, shape (d, 2)
        (low, high) of each input, finite.
    tolerance : float
        In the units of the outputs; 0 asks for the same function.
    time_limit : float
        Seconds that a program may take where there are too many regions; see `output_range`.

    Returns
    -------
    Fact
        Its `value` is the largest difference, rounded up.

    Raises
    ------
    ValueError
        If shapes differ, `bounds` is no box, the tolerance is negative, or a program does not decide it.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> f, g = ReLUNetwork([[1.0]], [0.0], [1.0]), ReLUNetwork([[-1.0]], [0.0], [1.0], slope=[1.0])
    >>> bool(equivalent(f, g, [[-9, 9]]))
    True
    """
    network, other = network_of(network), network_of(other)
    if (network.n_inputs, network.n_outputs) != (other.n_inputs, other.n_outputs):
        raise ValueError(
            f"networks must have as many inputs and outputs as each other, got {network.n_inputs} -> "
            f"{network.n_outputs} and {other.n_inputs} -> {other.n_outputs}"
        )
    low, high = checked_box(network.n_inputs, bounds)
    check_number(tolerance, "tolerance")
    try:
        exact = Exact([(1, network), (-1, other)], low, high)
        regions = exact.regions()
    except TooManyRegions:
        return Fact(*programs.equivalent(network, other, low, high, tolerance, time_limit))
    ends = [end for j in range(network.n_outputs) for end in _extremes(exact, regions, j)]
    size, at = max(((abs(size), at) for size, at in ends), key=lambda end: end[0])
    holds = size <= Fraction(tolerance)
    x = floats(exact.point(at))
    shown = not holds and programs.difference_at(network, other, x) > Fraction(tolerance)
    return Fact(holds, rounded(size, np.inf), x if shown else None, "proved", _all_regions(regions, "corners"))


def zero_set(network: ReLUNetwork | Solution, bounds: ArrayLike, *, output: int = 0) -> tuple[Array, ...]:
    """Where an output is zero in a box: polytopes, one a linear region or a face of several, as their corners.

    Found in exact arithmetic; corners are then rounded to float64.

    Parameters
    ----------
    network : ReLUNetwork or Solution
    bounds : array_like, shape (d, 2)
        (low, high) of each input, finite.
    output : int
        Which output.

    Returns
    -------
    tuple of ndarray, shape (n, d)
        The zeros are the convex hulls of these corners, together; empty where there are none.

    Raises
    ------
    ValueError
        If `bounds` is no box, there is no such output, or there are more regions than are looked at.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> hat = ReLUNetwork([[1.0], [1.0], [1.0]], [0.0, -1.0, -2.0], [1.0, -2.0, 1.0], intercept=-0.5)
    >>> [corners.tolist() for corners in zero_set(hat, [[-1, 3]])]
    [[[0.5]], [[1.5]]]
    """
    network = network_of(network)
    _check_index(output, "output", network.n_outputs)
    exact, regions = _regions(network, bounds, "zero_set")
    pieces: dict[frozenset[tuple[Fraction, ...]], Array] = {}
    for region in regions:
        plane, _ = exact.plane(region, output)
        corners = section(region.corners, [value(plane, corner.at) for corner in region.corners])
        points = [tuple(exact.point(corner.at)) for corner in corners]
        if points:
            pieces.setdefault(frozenset(points), np.array([floats(point) for point in points]))
    whole = [key for key in pieces if not any(key < other for other in pieces)]
    return tuple(pieces[key] for key in sorted(whole, key=min))


def _check_index(index: int, name: str, count: int) -> None:
    if check_integer(index, name, low=0) >= count:
        raise ValueError(f"{name} must be less than {count}, the number of {name}s, got {index}")


def _regions(network: ReLUNetwork, bounds: ArrayLike, asked: str) -> tuple[Exact, list[Region]]:
    try:
        exact = Exact([(1, network)], *checked_box(network.n_inputs, bounds))
        return exact, exact.regions()
    except TooManyRegions:
        raise ValueError(
            f"{asked} looks at every linear region, at most {MOST_REGIONS:,} over {MOST_INPUTS} inputs, and there are "
            "more; give a smaller box or a smaller network"
        ) from None


def _all_regions(regions: Sequence[Region], what: str) -> str:
    return f"the {what} of all {counted(len(regions), 'linear regions')}, in exact arithmetic"


def _extremes(
    exact: Exact, regions: Sequence[Region], output: int
) -> tuple[tuple[Fraction, tuple[int, ...]], tuple[Fraction, tuple[int, ...]]]:
    """The least and the largest value of an output, and where."""
    values = []
    for region in regions:
        plane, denominator = exact.plane(region, output)
        values += [(Fraction(value(plane, c.at), denominator * c.at[-1]), c.at) for c in region.corners]
    return min(values, key=lambda end: end[0]), max(values, key=lambda end: end[0])


def _gradient(exact: Exact, region: Region, output: int, norm: Norm) -> tuple[Fraction, list[Fraction], Region]:
    """Its dual norm, of the Euclidean one the square; the gradient; the region."""
    plane, denominator = exact.plane(region, output)
    slopes = [Fraction(0)] * len(exact.low)
    for j, slope in zip(exact.free, plane):
        slopes[j] = Fraction(slope, denominator)
    sizes = [abs(slope) for slope in slopes]
    size = (
        max(sizes) if norm == 1 else sum((s * s for s in sizes), Fraction(0)) if norm == 2 else sum(sizes, Fraction(0))
    )
    return size, slopes, region


def _falling_pair(exact: Exact, region: Region, position: int) -> Array | None:
    """Two points of a region, apart in one input, the larger with the smaller value; None if floats show none."""
    middle = exact.point(centre(region))
    j = exact.free[position]
    step = exact.high[j] - exact.low[j]
    for _ in range(200):
        step /= 2
        pair = np.array([floats(middle), floats(middle)])
        pair[1, j] = float(middle[j] + step)
        if pair[0, j] < pair[1, j] and _within(exact, region, pair):
            return pair
        if pair[0, j] == pair[1, j]:
            return None
    return None


def _within(exact: Exact, region: Region, pair: Array) -> bool:
    """Whether both points lie in the box and in the region."""
    for x in pair.tolist():
        at = [Fraction(v) for v in x]
        if any(not lo <= v <= hi for lo, v, hi in zip(exact.low, at, exact.high)):
            return False
        free = [*(at[j] for j in exact.free), Fraction(1)]
        for k, plane in enumerate(exact.hinges):
            side = sum(a * b for a, b in zip(plane, free))
            if side < 0 if region.active >> k & 1 else side > 0:
                return False
    return True
