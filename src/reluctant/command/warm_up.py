"""Small calls that have every loop compiled, so that no later one waits."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator

import numpy as np

from reluctant.compiling import interpret_nothing
from reluctant.estimators import SparseReLUClassifier, SparseReLURegressor
from reluctant.multivariate.interpolation import warm_up as loops_of_searches
from reluctant.multivariate.newton_prune.warm_up import warm_up_exchanges
from reluctant.solve import (
    approximate,
    approximate_function,
    critical_p,
    error_path,
    interpolate,
    p_path,
    regress,
    regress_path,
)
from reluctant.univariate.stream import LinkStream


def warm_up() -> Iterator[tuple[str, float]]:
    """Call after call, what was compiled and in how many seconds."""
    interpret_nothing()
    for what, call in tasks():
        began = time.monotonic()
        call()
        yield what, time.monotonic() - began


def tasks() -> Iterator[tuple[str, Callable[[], object]]]:
    """What is compiled, and a call that has it compiled."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 1, 60))
    y = np.exp(3 * x) + rng.uniform(0, 0.1, 60)
    smooth, Y = np.exp(3 * x), np.column_stack([y, np.sin(9 * x)])
    X, labels = rng.uniform(-1, 1, (24, 3)), rng.uniform(-1, 1, 24)

    def interpolation() -> None:
        for p in (0, 0.5, 1):
            interpolate(x, y, p=p).network(x)
            interpolate(x, smooth, p=p, affine=False).predict(x)
        interpolate(x, np.round(y, 1))
        interpolate(x, Y)
        for bias in ("l1", "l2"):
            interpolate(x, y, p=1, bias=bias)

    def bands() -> None:
        approximate(x, y, tolerance=0.1).network(x)
        approximate(x, y, tolerance=0.1, rtol=0)
        approximate(x, y, tolerance=0.1, between="lines")
        approximate(x, smooth, tolerance=0.1, shape=("increasing", "convex"))
        approximate(x, Y, tolerance=0.1, time_limit=1)

    def budgets() -> None:
        approximate(x, y, max_neurons=3)
        error_path(x, y, max_neurons=3)
        approximate_function(np.sin, 0, 3, tolerance=0.01, curvature=1.0)

    def streams() -> None:
        for between in ("rows", "lines"):
            stream = LinkStream(0.1, between=between)
            stream.push(x, y)
            stream.finish()

    def paths() -> None:
        p_path(x, smooth).solution(0.5)
        critical_p(x, smooth)

    def regressions() -> None:
        regress(x, y, alpha=0.01, p=1)
        regress(x, y, alpha=0.01, p=0)
        regress_path(x, y, max_neurons=3)

    def many_inputs() -> None:
        loops_of_searches(10**4)
        warm_up_exchanges()
        interpolate(X, labels, random_state=0, time_limit=2)
        interpolate(X, labels, p=0.5, random_state=0, time_limit=1)
        interpolate(X[:8], labels[:8], p=1)
        critical_p(X[:3], labels[:3])
        approximate(X, np.maximum(X[:, 0], 0), tolerance=0.01, random_state=0, time_limit=2)

    def noisy_tables() -> None:
        SparseReLURegressor(random_state=0).fit(X, labels)
        SparseReLUClassifier(random_state=0).fit(X, labels > 0)
        regress(X, labels, alpha=0.01, random_state=0)

    yield "interpolation on the line", interpolation
    yield "bands on the line", bands
    yield "budgets and functions", budgets
    yield "streams", streams
    yield "paths in p", paths
    yield "noisy curves", regressions
    yield "many inputs", many_inputs
    yield "noisy tables", noisy_tables
    if importlib.util.find_spec("torch") is not None:
        yield "training", _training


def _training() -> None:
    import torch

    from reluctant import nn

    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 12)[:, None]
    for metric in ("optimizer", "plain"):
        module = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        adam = torch.optim.Adam(module.parameters())
        optimizer = nn.ReweightedL1(adam, module, p=0.5, alpha=1e-3, metric=metric)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(module(x), x.abs()).backward()
            optimizer.step()
    nn.train_restarts(x.numpy(), x.abs().numpy(), n_neurons=8, restarts=2, alpha=1e-3, epochs=20)
