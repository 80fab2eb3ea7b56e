"""The five methods of the paper's experiments, each over several seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.experiments.published_loop import THRESHOLD
from reluctant.nn.batched import Restarts, train_restarts
from reluctant.nn.settings import Recording, Schedule, Shrinkage

_REWEIGHTED = (0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Series:
    """One method over all seeds."""

    label: str
    runs: Restarts

    @property
    def epochs(self) -> NDArray:
        """Epochs of the records."""
        return np.array([record.epoch for record in self.runs.history])

    def over_time(self, quantity: str) -> NDArray:
        """`n_neurons`, `n_parameters` or `mse`, shape (records, seeds)."""
        return np.array([getattr(record, quantity) for record in self.runs.history])

    def final(self, quantity: str) -> NDArray:
        """The same at the end, shape (seeds,)."""
        return self.over_time(quantity)[-1]


def five_series(
    X: NDArray, y: NDArray, *, alpha: float, bias: bool | None = None, say: Callable[[str], None], **settings: Any
) -> list[Series]:
    """Train by Adam, AdamW and reweighted ℓ1 with p = 0.4, 0.7 and 1, from the same initial weights."""
    settings["shrinkage"], settings["schedule"] = Shrinkage(bias=bias, metric="plain"), Schedule.constant()
    say("Adam")
    series = [Series("no regularizer", _plain(X, y, 0.0, settings))]
    say("AdamW")
    series.append(Series("AdamW", _plain(X, y, alpha, settings)))
    for p in _REWEIGHTED:
        say(f"reweighted l1, p = {p:g}")
        # Removing dead neurons would spare p = 1 the revivals that are part of its behaviour in the paper's loop.
        compact = 0 if p == 1 else 50
        runs = train_restarts(X, y, p=p, alpha=alpha, compact_every=compact, **settings)
        series.append(Series(f"reweighted ℓ1, p = {p:g}", runs))
    return series


def _plain(X: NDArray, y: NDArray, weight_decay: float, settings: dict[str, Any]) -> Restarts:
    return train_restarts(
        X,
        y,
        alpha=0.0,
        weight_decay=weight_decay,
        compact_every=0,
        recording=Recording(count_above=THRESHOLD),
        **settings,
    )
