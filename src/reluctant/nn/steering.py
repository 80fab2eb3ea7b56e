"""How strongly weights are shrunk in a step: by a constant that grows, or steered towards a number of weights."""

from __future__ import annotations

import math
from typing import Any, Protocol

GAIN, LARGEST, RELEASE = 0.08, 0.1, 0.03
"""log α moves by the gain times log(weights left / weights wanted) in a step, at most by the largest, and down by the
release at least where there are no more than wanted, so that zeros come back and others go;"""
_LENGTH = 1_000
"""where the fall to the target takes so many steps or more; in shorter ones it moves faster in proportion,"""
_FASTEST = 10.0
"""up to this factor."""


class Strength(Protocol):
    """α of a group, step by step."""

    spares_living: bool
    """Whether weights that are not zero are left alone in this step: zeros alone must stand the test."""

    def alpha(self, share: float) -> float | None:
        """α at this share of the ramp; None where it must be begun."""

    def begin(self, alpha: float) -> None:
        """Begin with this α."""

    def update(self, left: int, share: float) -> None:
        """Take note of the weights left after a step."""

    def state(self) -> dict[str, Any]:
        """What a saved run needs."""

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""


class Ramp:
    """α grows as the square of the share done of the ramp."""

    spares_living = False

    def __init__(self, alpha: float) -> None:
        self.largest = alpha

    def alpha(self, share: float) -> float:
        """α at this share of the ramp."""
        return self.largest * share**2

    def begin(self, alpha: float) -> None:
        """Nothing to be found out."""

    def update(self, left: int, share: float) -> None:
        """Nothing to be learnt."""

    def state(self) -> dict[str, Any]:
        """α may have been changed between steps."""
        return {"alpha": self.largest}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.largest = state["alpha"]


class Steering:
    """α such that the number of weights falls from its first value to the target, evenly in its logarithm.

    It is steered from both sides. While there are too many, log α rises in proportion to log(left / wanted). Where
    there are no more than wanted it falls, and what is left of the weights is not shrunk in that step, so that a step
    undershoots by the weights it kills itself and no more; zeros may return by standing the test of the smaller α.

    Parameters
    ----------
    target, total : int
        Weights wanted in the end, and weights at first.
    ramp_steps : int
        Steps that the fall takes.
    """

    def __init__(self, target: int, total: int, ramp_steps: int) -> None:
        self.target, self.first = target, max(total, target)
        self.pace = min(max(_LENGTH / max(ramp_steps, 1), 1.0), _FASTEST)
        self.log_alpha: float | None = None
        self.spares_living = total <= target

    def alpha(self, share: float) -> float | None:
        """α of this step."""
        return None if self.log_alpha is None else math.exp(self.log_alpha)

    def begin(self, alpha: float) -> None:
        """Begin with this α."""
        self.log_alpha = math.log(alpha)

    def update(self, left: int, share: float) -> None:
        """Take note of the weights left after a step."""
        assert self.log_alpha is not None
        wanted = self.first ** (1 - share) * self.target**share
        self.spares_living = left <= wanted
        move = GAIN * math.log(max(left, 1) / wanted)
        self.log_alpha += self.pace * max(-LARGEST, min(-RELEASE if self.spares_living else LARGEST, move))

    def state(self) -> dict[str, Any]:
        """Where the steering is."""
        return {"log_alpha": self.log_alpha, "first": self.first, "spares_living": self.spares_living}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.log_alpha, self.first, self.spares_living = state["log_alpha"], state["first"], state["spares_living"]
