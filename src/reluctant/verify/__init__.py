"""Exact facts about a small network on a box, with a counterexample where something does not hold."""

from __future__ import annotations

from reluctant.verify.answers import Fact, Lipschitz, OutputRange
from reluctant.verify.facts import (
    equivalent,
    is_monotone,
    lipschitz,
    output_range,
    zero_set,
)
from reluctant.verify.reduction import Reduction, reduced

__all__ = [
    "Fact",
    "Lipschitz",
    "OutputRange",
    "Reduction",
    "equivalent",
    "is_monotone",
    "lipschitz",
    "output_range",
    "reduced",
    "zero_set",
]


def __dir__() -> list[str]:
    return sorted(__all__)
