"""What a family of trials is, what it keeps, and when a refusal counts as clear."""

from __future__ import annotations

import os
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import reluctant

PACKAGE = str(Path(reluctant.__file__).parent)
PIECE = 5.0
"""Seconds after which what was found is kept."""


@dataclass(frozen=True)
class Family:
    """Trials that are numbered: `check(seed)` raises where one fails."""

    name: str
    what: str  # for the table: what is tried, and what must not happen
    count: int
    check: Callable[[int], None]
    each: bool = False  # the numbers are places, of which none is left out whatever the share


@dataclass
class Outcome:
    """How far a family has come, and which trials failed."""

    first: int
    wanted: int
    done: int = 0
    seconds: float = 0.0
    failures: list[tuple[int, str]] = field(default_factory=list)


def go_on(family: Family, outcome: Outcome, deadline: float) -> None:
    """Run a piece of a family, in CPU seconds of this process and its children."""
    began, until = _cpu(), min(time.monotonic() + PIECE, deadline)
    while outcome.done < outcome.wanted and time.monotonic() < until:
        seed = outcome.first + outcome.done
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                family.check(seed)
        except Exception as error:  # whatever it is, it is a trial that failed
            outcome.failures.append((seed, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"))
        outcome.done += 1
    outcome.seconds += _cpu() - began


def _cpu() -> float:
    return sum(os.times()[:4])


class Unclear(AssertionError):
    """A refusal that is no sentence of this library."""


def refused_clearly(error: Exception) -> None:
    """A ValueError or TypeError that this library raised itself, in one sentence a person can use."""
    frames = traceback.extract_tb(error.__traceback__)
    if not isinstance(error, (ValueError, TypeError)):
        raise Unclear(f"{type(error).__name__}: {error}") from error
    if not frames[-1].filename.startswith(PACKAGE):
        raise Unclear(f"raised by {Path(frames[-1].filename).name}: {error}") from error
    if not 12 <= len(str(error)) <= 900 or "\n" in str(error):
        raise Unclear(f"not one sentence: {error}") from error
