"""How far to go along a step: the one rule of all descents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from reluctant.arrays import Array


class Valued(Protocol):
    """A point that a descent has come to."""

    @property
    def value(self) -> float:
        """What is to fall."""


P = TypeVar("P", bound=Valued)

ARMIJO = 0.1
"""Share of the fall of a squared residual, per unit of length, that a step must bring (Armijo 1966)."""


def backtrack(
    at: Callable[[Array], P], x: Array, step: Array, value: float, lengths: int, armijo: float = 0.0
) -> tuple[P, float] | None:
    """The first point x + t step, t = 1, ½, ¼, …, whose value is below (1 − armijo · t) value, and t.

    Parameters
    ----------
    at : callable
        ``at(x)`` is the point there, with its value.
    x, step : ndarray
        Of one shape.
    value : float
        The value at x.
    lengths : int
        So many lengths are tried; None is returned where none of them will do.
    armijo : float
        0 takes any fall.

    Examples
    --------
    >>> from collections import namedtuple
    >>> Point = namedtuple("Point", ["x", "value"])
    >>> backtrack(lambda x: Point(x, x**2), 1.0, -2.5, 1.0, 4)
    (Point(x=-0.25, value=0.0625), 0.5)
    """
    length: Any = 1.0
    for _ in range(lengths):
        point = at(x + length * step)
        if point.value < (1.0 - armijo * length) * value:
            return point, length
        length *= 0.5
    return None
