"""The optimisation example: all ways that are installed find the same point, and none is better on a grid."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

NEEDS = {
    "HiGHS": (),
    "OMLT, Pyomo": ("omlt", "pyomo", "onnx"),
    "PySCIPOpt-ML": ("pyscipopt", "pyscipopt_ml", "torch"),
    "gurobi-machinelearning": ("gurobipy", "gurobi_ml", "torch"),
}


@pytest.fixture(scope="module")
def example():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "examples")
        yield importlib.import_module("optimise_over_a_network")


@pytest.fixture(scope="module")
def network(example):
    return example.fitted()


@pytest.mark.slow
@pytest.mark.parametrize("way", NEEDS)
def test_every_solver_finds_the_least_losses(example, network, way):
    for module in NEEDS[way]:
        pytest.importorskip(module)
    least, at, binaries = example.WAYS[way](network)
    grid = np.stack(np.meshgrid(*(np.linspace(*pair, 401) for pair in example.BOUNDS)), axis=-1).reshape(-1, 2)
    allowed = grid[grid.mean(axis=1) >= example.WANTED]
    assert least <= network(allowed).min() + 1e-6
    assert least == pytest.approx(network([at])[0], abs=1e-5)
    assert least == pytest.approx(example.by_highs(network)[0], abs=1e-5)
    assert binaries <= network.n_neurons + 2
