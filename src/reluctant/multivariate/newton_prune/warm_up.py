"""The compiled loops of the searches, made ready before a clock starts."""

from __future__ import annotations

from functools import cache

import numpy as np

from reluctant.multivariate.basin_hopping.pursuit import with_pair_neuron
from reluctant.multivariate.basin_hopping.reweighted import Equations
from reluctant.multivariate.newton_prune.starts import line_start, sparsest_line_start
from reluctant.multivariate.newton_prune.state import Data, Unknowns


@cache
def compile_loops() -> None:
    """Compile what starts, steps and pursuit run, once on a machine: seconds that no time limit should count."""
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, (6, 2))
    for affine in (False, True):
        data = Data.from_arrays(X, Y[:, 0], affine)
        if sparsest_line_start(data, rng) is not None:
            with_pair_neuron(rng, Equations.of(X, Y[:, 0], affine), np.ones(1), np.ones((1, 3)))
        for targets in (Y[:, 0], Y):
            data = Data.from_arrays(X, targets, affine)
            line = line_start(data, rng)
            unknowns = Unknowns.of(data, line)
            for dtype in (np.float32, np.float64):
                unknowns.design(data, line, np.ones(unknowns.size), dtype)
