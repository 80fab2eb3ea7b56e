"""Better networks of the sizes of a path: add neurons to one of them, and descend again while that pays."""

from __future__ import annotations

import numpy as np

from reluctant.effort import Clock
from reluctant.regression.gauss_newton import Problem
from reluctant.regression.model import Rows
from reluctant.regression.starts import grown
from reluctant.regression.surgeon import Front, descend

ADDED = 5
"""Neurons added at a time."""
SLACK = 0.005
"""A descent ends where its objective is above the least of that size by more than this share."""


def kick(front: Front, problem: Problem, rows: Rows, n_kicks: int, rng: np.random.Generator, clock: Clock) -> None:
    """Improve networks of a path in place.

    Each kick takes one of the networks at random, adds the neurons that explain most of its gradient among many random
    ones, and deletes parameters again, past the size it came from, as long as no better network of that size is known.
    """
    for _ in range(n_kicks):
        if clock.expired():
            return
        models = front.models()
        larger = grown(models[rng.integers(len(models))], problem, rows, rng, ADDED)
        if larger is None:
            continue
        for size, value in descend(larger, problem, front, clock):
            least = front.least(size)
            if value > least + SLACK * abs(least):
                break
