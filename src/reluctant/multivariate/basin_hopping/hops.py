"""Basin hopping: leave a local minimum, relax, and keep what is lower; and the ladder of penalties it goes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

S = TypeVar("S")

GAIN = 1e-6
"""Relative fall of the value from which a hop has gained something."""
REHEATED = 0.5
"""Share of the rounds that begin from the best state so far, not from random neurons."""


def hop(
    state: S,
    move: Callable[[S], S | None],
    value: Callable[[S], float],
    patience: int,
    stop: Callable[[], bool],
    enough: float = -np.inf,
) -> S:
    """Move and keep what has a lower value, until it is `enough` or `patience` moves in a row gained nothing.

    A move is a kick and a relaxation; it is None where there is nothing to kick.
    """
    best = value(state)
    idle = 0
    while idle < patience and best > enough and not stop():
        trial = move(state)
        if trial is None:
            break
        trial_value = value(trial)
        idle = 0 if trial_value < best * (1 - GAIN) else idle + 1
        if trial_value < best:
            state, best = trial, trial_value
    return state


def reheated(best: S | None, rng: np.random.Generator) -> S | None:
    """The best state so far, for half of the rounds; None for the others, which begin from random neurons."""
    return best if best is not None and rng.random() < REHEATED else None


def rungs(
    levels: Sequence[float], patience: Sequence[int], rng: np.random.Generator, heated: bool
) -> Iterator[tuple[float, float, int]]:
    """Rungs of a ladder of penalties, the one above, this one and its hops: all of them, or from a random one on."""
    first = int(rng.integers(len(levels))) if heated else 0
    above = levels[first]
    for level, hops in zip(levels[first:], patience[first:]):
        yield above, level, hops
        above = level
