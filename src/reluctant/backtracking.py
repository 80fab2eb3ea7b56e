"""How far to go along a step: the one rule of all descents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

ARMIJO = 0.1
"""Share of the decrease that a full step promises which the step taken must bring, per unit of its length."""


def first_accepted(
    trial: Callable[[float], T], accepts: Callable[[T, float], bool], most: int
) -> tuple[T, float] | None:
    """The first of the steps of length 1, ½, ¼, … that is accepted, and its length; None after `most` lengths.

    Parameters
    ----------
    trial : callable
        ``trial(length)`` is what a step of that length leads to.
    accepts : callable
        ``accepts(trial(length), length)`` tells whether that will do.
    most : int

    Examples
    --------
    >>> first_accepted(lambda length: 3.0 - 4.0 * length, lambda x, length: x**2 < 9.0, 5)
    (-1.0, 1.0)
    """
    length = 1.0
    for _ in range(most):
        found = trial(length)
        if accepts(found, length):
            return found, length
        length *= 0.5
    return None


def falls_enough(energy: float, before: float, length: float) -> bool:
    """Whether a squared residual has fallen by a tenth of what a step of this length promises (Armijo 1966)."""
    return energy < (1.0 - ARMIJO * length) * before
