"""After `reluctant warm-up` no call compiles anything. Slow: it compiles every loop."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CALLS = """
import numpy as np
from numba.core import event

import reluctant

compiled = []


class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(str(event.data.get("dispatcher")))

    def on_end(self, event):
        pass


event.register("numba:compile", Listener())
rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-5, 5, 200))
y = np.cumsum(rng.normal(0, 1, 200))
reluctant.interpolate(list(x), list(y))
reluctant.interpolate(x, y, p=0.3)
reluctant.approximate(x, y, tolerance=0.5).network(x)
reluctant.approximate(x, y, tolerance=0.5, between="lines")
reluctant.error_path(x, y, max_neurons=4)
reluctant.p_path(x, np.exp(x)).solution(0.3)
reluctant.regress(x, y, alpha=0.1, p=0)
X = rng.uniform(-1, 1, (15, 2))
reluctant.interpolate(X, rng.uniform(-1, 1, 15), random_state=0, time_limit=3)
reluctant.SparseReLURegressor(random_state=0).fit(X, X[:, 0])
print(compiled)
"""


@pytest.mark.slow
def test_after_a_warm_up_nothing_is_compiled(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def run(*arguments):
        done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert "many inputs" in run("-m", "reluctant", "warm-up")
    assert run("-c", CALLS).strip() == "[]"
