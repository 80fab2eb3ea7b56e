"""The compiled loops of the search, made ready before a clock starts."""

from __future__ import annotations

from functools import cache

import numpy as np

from reluctant.multivariate.newton_prune.exchange import exchange_parameters
from reluctant.multivariate.newton_prune.newton import solve, squared_excesses
from reluctant.multivariate.newton_prune.starts import line_start, sparsest_line_start
from reluctant.multivariate.newton_prune.state import Data, Unknowns


@cache
def warm_up(large: bool) -> None:
    """Compile what starts and steps run, once on a machine: seconds that no time limit should count.

    Those in single precision are for `SINGLE_FROM` equations and more. The walk of exchanges, which most searches end
    without, is not among them.
    """
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, (6, 2))
    for affine in (False, True):
        sparsest_line_start(Data.from_arrays(X, Y[:, 0], affine), rng)
        for targets in (Y[:, 0], Y):
            data = Data.from_arrays(X, targets, affine)
            line = line_start(data, rng)
            unknowns = Unknowns.of(data, line)
            solve(data, line, tol=np.inf)
            squared_excesses(data, line, unknowns, unknowns.gather(line)[None])
            for dtype in (np.float64, np.float32)[: 1 + large]:
                unknowns.design(data, line, np.ones(unknowns.size), dtype)


def warm_up_exchanges() -> None:
    """Compile the walk along curves of interpolants."""
    rng = np.random.default_rng(0)
    data = Data.from_arrays(rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, 6))
    exchange_parameters(data, line_start(data, rng), rng, 1)  # many walks: one may find its equations singular
