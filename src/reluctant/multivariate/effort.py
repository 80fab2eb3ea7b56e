"""What a search in R^d may spend, Newton-prune run with it, and how closely a network meets the labels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import TooSteepError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.newton_prune.run import Improvement
from reluctant.multivariate.newton_prune.search import Found, sparsest_interpolant
from reluctant.multivariate.proofs.bounds import Count

DEFAULT_SECONDS = 10.0
"""Time for a search that has no target to stop at."""


class Effort(NamedTuple):
    """How a search may spend its time."""

    minimize: Count = "parameters"
    start: ReLUNetwork | None = None
    target: int | None = None
    time_limit: float | None = None
    random_state: int | np.random.Generator | None = None
    n_jobs: int = 1
    verbose: bool = False

    @property
    def report(self) -> Callable[[Improvement], None] | None:
        """What is called with every improvement."""
        return _print_improvement if self.verbose else None


def _print_improvement(step: Improvement) -> None:
    print(f"{step.seconds:8.2f} s  {step.n_parameters} parameters, {step.n_neurons} neurons", file=sys.stderr)


def newton_prune(X: Array, y: Array, affine: bool, effort: Effort) -> Found:
    """Newton-prune; where pruning whole neurons finds no interpolant, the one with few parameters."""
    if effort.minimize == "neurons":
        try:
            return _search(X, y, affine, effort)
        except TooSteepError:
            effort = effort._replace(minimize="parameters", target=None)
    return _search(X, y, affine, effort)


def _search(X: Array, y: Array, affine: bool, effort: Effort) -> Found:
    return sparsest_interpolant(
        X,
        y,
        affine=affine,
        minimize=effort.minimize,
        start=effort.start,
        time_limit=effort.time_limit,
        target=effort.target,
        n_jobs=effort.n_jobs,
        random_state=effort.random_state,
        report=effort.report,
    )
