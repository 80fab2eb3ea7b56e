"""What is answered about a network on a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reluctant.arrays import Array

Proof = Literal["proved", "numerical"]


@dataclass(frozen=True)
class OutputRange:
    """Bounds of the outputs on a box.

    Parameters
    ----------
    low, high : ndarray, shape (m,)
        Every output lies between them; proved ones are attained, up to their rounding outwards in the last digit.
    at_low, at_high : ndarray, shape (m, d)
        Inputs at which outputs are least and largest, rounded to float64.
    kind : {"proved", "numerical"}
        Whether the bounds hold in exact arithmetic, or within the tolerances that `reason` names.
    reason : str
        By which argument.
    """

    low: Array
    high: Array
    at_low: Array
    at_high: Array
    kind: Proof
    reason: str


@dataclass(frozen=True)
class Lipschitz:
    """The smallest Lipschitz constants of the outputs on a box.

    Parameters
    ----------
    constants : ndarray, shape (m,)
        The largest dual norm of a gradient, rounded up in the last digit.
    gradients, at : ndarray, shape (m, d)
        That gradient, and a point of its region.
    reason : str
        By which argument; it is proved.
    """

    constants: Array
    gradients: Array
    at: Array
    reason: str


@dataclass(frozen=True)
class Fact:
    """Whether something holds on a box; true and false like the answer.

    Parameters
    ----------
    holds : bool
        The answer.
    value : float
        What decides it: the largest difference, or the least slope in the direction asked for.
    counterexample : ndarray or None
        Where it does not hold: an input (d,), or two (2, d) of which the second is larger in the one input. Checked in
        exact arithmetic; None where it holds, or where no floats show it.
    kind : {"proved", "numerical"}
        Whether the answer holds in exact arithmetic, or within the tolerances that `reason` names.
    reason : str
        By which argument.
    """

    holds: bool
    value: float
    counterexample: Array | None
    kind: Proof
    reason: str

    def __bool__(self) -> bool:
        return self.holds
