"""The linear regions of a network on a box, in integers: nothing here is rounded.

A region is a polytope, held by its corners. Corners are integer vectors (X, W) with W > 0, for the point X / W, so that
a hyperplane h · (x, 1) = 0 has a corner on the side that the sign of the integer h · (X, W) says. Where it passes
between two adjacent corners, on which it is P > 0 and −Q < 0, it meets their edge at Q (X, W)₊ + P (X, W)₋. Two corners
are adjacent where no third one lies on all of the bounding planes that both lie on [double description: Fukuda and
Prodon 1996].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Solution

MOST_REGIONS = 5_000
"""So many regions are looked at one by one; more are left to a program."""
MOST_INPUTS = 6
"""A box has 2^d corners."""

Plane = tuple[int, ...]  # (w, b), d + 1 integers


class Corner(NamedTuple):
    """A point X / W as (X, W), and the bounding planes it lies on, as the bits of an integer."""

    at: tuple[int, ...]
    on: int


@dataclass(frozen=True)
class Region:
    """A polytope with inner points, and which neurons are on there, as the bits of an integer."""

    corners: tuple[Corner, ...]
    active: int


class TooManyRegions(Exception):
    """More than are looked at one by one."""


def network_of(model: ReLUNetwork | Solution) -> ReLUNetwork:
    """The network of a solution, or the network itself."""
    if isinstance(model, Solution):
        return model.network
    if not isinstance(model, ReLUNetwork):
        raise ValueError(f"network must be a ReLUNetwork or a Solution, got a {type(model).__name__}")
    return model


def value(plane: Plane, at: tuple[int, ...]) -> int:
    """The integer h · (X, W)."""
    return sum(a * b for a, b in zip(plane, at))


def in_integers(row: Sequence[Fraction]) -> tuple[Plane, int]:
    """Integers and the denominator that they all stand over."""
    denominator = lcm(*(entry.denominator for entry in row))
    return tuple(int(entry * denominator) for entry in row), denominator


def split(corners: Sequence[Corner], plane: Plane, bit: int) -> tuple[tuple[Corner, ...], tuple[Corner, ...]]:
    """The parts of a polytope where the plane is at least, and at most, zero; a part without inner points is empty."""
    values = [value(plane, corner.at) for corner in corners]
    above, below = any(v > 0 for v in values), any(v < 0 for v in values)
    if not (above and below):
        return (tuple(corners), ()) if above else ((), tuple(corners))
    cut = section(corners, values, bit)
    upper = tuple(corner for corner, v in zip(corners, values) if v > 0)
    lower = tuple(corner for corner, v in zip(corners, values) if v < 0)
    return upper + cut, lower + cut


def section(corners: Sequence[Corner], values: Sequence[int], bit: int = 0) -> tuple[Corner, ...]:
    """Corners of the part where the plane, which takes these values, is zero."""
    found = [Corner(corner.at, corner.on | bit) for corner, v in zip(corners, values) if v == 0]
    upper = [i for i, v in enumerate(values) if v > 0]
    lower = [i for i, v in enumerate(values) if v < 0]
    for i in upper:
        for j in lower:
            common = corners[i].on & corners[j].on
            if _adjacent(corners, i, j, common):
                P, Q = values[i], -values[j]
                at = tuple(Q * a + P * b for a, b in zip(corners[i].at, corners[j].at))
                divisor = gcd(*at)
                found.append(Corner(tuple(a // divisor for a in at), common | bit))
    return tuple(found)


def _adjacent(corners: Sequence[Corner], i: int, j: int, common: int) -> bool:
    if common.bit_count() < len(corners[i].at) - 2:
        return False  # an edge lies on d − 1 planes at least
    return not any(common & ~corner.on == 0 for k, corner in enumerate(corners) if k not in (i, j))


class Exact:
    """A network, or the difference of two, on a box: hinges and outputs as integers, in the inputs that can change.

    Parameters
    ----------
    networks : sequence of (int, ReLUNetwork)
        Whose multiples are added up.
    low, high : ndarray, shape (d,)
        The box.

    Raises
    ------
    TooManyRegions
        If more inputs can change than boxes have corners for.
    """

    def __init__(self, networks: Sequence[tuple[int, ReLUNetwork]], low: Array, high: Array) -> None:
        self.low, self.high = [[Fraction(v) for v in side.tolist()] for side in (low, high)]
        self.free = [j for j in range(len(low)) if self.low[j] < self.high[j]]
        if len(self.free) > MOST_INPUTS:
            raise TooManyRegions
        n_outputs = networks[0][1].n_outputs
        self.hinges: list[Plane] = []
        parts: list[list[list[Fraction]]] = [[[Fraction(0)] * (len(self.free) + 1)] for _ in range(n_outputs)]
        for factor, network in networks:
            U, V, A = ([[Fraction(v) for v in row] for row in part.tolist()] for part in network.hinges)
            for j in range(n_outputs):
                affine = self._reduced([row[j] for row in A])
                parts[j][0] = [a + factor * b for a, b in zip(parts[j][0], affine)]
            for u, v in zip(U, V):
                reduced = self._reduced(u)
                if not any(v) or not any(reduced):
                    continue
                self.hinges.append(in_integers(reduced)[0])
                for j in range(n_outputs):
                    parts[j].append([factor * v[j] * entry for entry in reduced])
        self.outputs = [self._over_one_denominator(rows) for rows in parts]

    def _reduced(self, row: list[Fraction]) -> list[Fraction]:
        """(w, b) in the inputs that can change."""
        fixed = sum((row[j] * self.low[j] for j in range(len(self.low)) if j not in self.free), row[-1])
        return [*(row[j] for j in self.free), fixed]

    @staticmethod
    def _over_one_denominator(rows: list[list[Fraction]]) -> tuple[list[Plane], int]:
        denominator = lcm(*(entry.denominator for row in rows for entry in row))
        return [tuple(int(entry * denominator) for entry in row) for row in rows], denominator

    def box(self) -> Region:
        """The box as a region in which no neuron has been asked for."""
        corners = [Corner((1,), 0)]
        for position, j in enumerate(self.free):
            corners = [
                Corner((*_scaled(corner.at, side)[:-1], *_last(corner.at, side)), corner.on | 1 << (2 * position + k))
                for corner in corners
                for k, side in enumerate((self.low[j], self.high[j]))
            ]
        return Region(tuple(corners), 0)

    def regions(self) -> list[Region]:
        """All linear regions.

        Raises
        ------
        TooManyRegions
            If there are more than `MOST_REGIONS`.
        """
        regions = [self.box()]
        for k, plane in enumerate(self.hinges):
            bit = 1 << (2 * len(self.free) + k)
            regions = list(self._divided(regions, plane, bit, 1 << k))
            if len(regions) > MOST_REGIONS:
                raise TooManyRegions
        return regions

    def _divided(self, regions: list[Region], plane: Plane, bit: int, neuron: int) -> Iterator[Region]:
        if not any(plane[:-1]):  # on or off everywhere
            for region in regions:
                yield Region(region.corners, region.active | neuron if plane[-1] > 0 else region.active)
            return
        for region in regions:
            upper, lower = split(region.corners, plane, bit)
            if upper:
                yield Region(upper, region.active | neuron)
            if lower:
                yield Region(lower, region.active)

    def plane(self, region: Region, output: int) -> tuple[Plane, int]:
        """(slopes, intercept) of an output on a region, over a denominator."""
        rows, denominator = self.outputs[output]
        total = list(rows[0])
        for k, row in enumerate(rows[1:]):
            if region.active >> k & 1:
                total = [a + b for a, b in zip(total, row)]
        return tuple(total), denominator

    def point(self, at: tuple[int, ...]) -> list[Fraction]:
        """All d inputs of a point (X, W)."""
        x = list(self.low)
        for j, a in zip(self.free, at):
            x[j] = Fraction(a, at[-1])
        return x


def _scaled(at: tuple[int, ...], side: Fraction) -> tuple[int, ...]:
    return tuple(a * side.denominator for a in at)


def _last(at: tuple[int, ...], side: Fraction) -> tuple[int, int]:
    """The next coordinate of a corner of the box, and its denominator."""
    return side.numerator * at[-1], side.denominator * at[-1]


def centre(region: Region) -> tuple[int, ...]:
    """A point within: the mean of the corners."""
    weight = lcm(*(corner.at[-1] for corner in region.corners))
    sums = [
        sum(corner.at[i] * (weight // corner.at[-1]) for corner in region.corners)
        for i in range(len(region.corners[0].at) - 1)
    ]
    return (*sums, weight * len(region.corners))
