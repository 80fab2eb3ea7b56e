"""Settings are checked once, when they are built."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import (
    Checkpoint,
    Recording,
    ReweightedL1,
    Schedule,
    Shrinkage,
    TensorOptions,
    Validation,
    train_restarts,
)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Shrinkage, {"warmup_steps": -1}, "warmup_steps must be an integer of at least 0, got -1"),
        (Shrinkage, {"ramp_steps": 1.5}, "ramp_steps must be an integer"),
        (Shrinkage, {"step": "soft"}, "step must be 'reweighted' or 'prox', got 'soft'"),
        (Shrinkage, {"bias": 1}, "bias must be True or False, got 1"),
        (Shrinkage, {"metric": "adam"}, "metric must be 'optimizer' or 'plain', got 'adam'"),
        (Shrinkage, {"freeze_output": 1}, "freeze_output must be True or False, got 1"),
        (Shrinkage, {"step": "reweighted"}, "step='reweighted' goes with metric='plain'"),
        (Shrinkage, {"metric": "plain", "freeze_output": True}, "freeze_output goes with metric='optimizer'"),
        (Schedule, {"grown": -0.1}, "grown must be at least 0, got -0.1"),
        (Schedule, {"frozen": 1.5}, "frozen must be at most 1, got 1.5"),
        (Schedule, {"consolidate": float("nan")}, "consolidate must be a finite number, got nan"),
        (Schedule, {"last_rate": 0}, "last_rate must be greater than 0, got 0"),
        (Validation, {"X": [0.0], "y": [0.0], "patience": 0}, "patience must be an integer of at least 1"),
        (Checkpoint, {"path": 5}, "checkpoint must be a path or a Checkpoint, got 5"),
        (Checkpoint, {"path": "no/such/folder/run.pt"}, "the folder of checkpoint 'no/such/folder/run.pt' does not"),
        (Checkpoint, {"path": "."}, "checkpoint '.' is not a file"),
        (Checkpoint, {"path": "run.pt", "every": 0}, "every must be an integer of at least 1"),
        (Checkpoint, {"path": "run.pt", "resume": "yes"}, "resume must be True or False"),
        (TensorOptions, {"dtype": torch.int32}, "dtype must be a floating type"),
        (TensorOptions, {"dtype": torch.complex64}, "dtype must be a floating type"),
        (TensorOptions, {"dtype": "float32"}, "dtype must be a floating type"),
        (TensorOptions, {"device": "xyz"}, "device 'xyz' does not hold tensors here"),
        (Recording, {"every": 0}, "every must be an integer of at least 1"),
        (Recording, {"count_above": -1}, "count_above must be at least 0"),
    ],
)
def test_what_is_out_of_range_is_refused_when_the_settings_are_built(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@pytest.mark.parametrize("made", [Shrinkage(), Schedule(), Checkpoint("run.pt"), TensorOptions(), Recording()])
def test_settings_do_not_change_after_their_check(made):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(made)[0].name, -1)


@pytest.mark.parametrize(
    "shrinkage",
    [
        Shrinkage(warmup_steps=3, ramp_steps=40, metric="plain"),
        Shrinkage(step="prox", metric="plain"),
        Shrinkage(bias=False, metric="plain"),
        Shrinkage(warmup_steps=3, ramp_steps=40, freeze_output=True),
        Shrinkage(bias=False, freeze_output=False),
    ],
)
def test_stacked_runs_shrink_as_the_wrapper_does(shrinkage):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (8, 3)), rng.uniform(-1, 1, (8, 1))
    runs = train_restarts(
        X,
        y,
        n_neurons=10,
        alpha=0.03,
        restarts=1,
        epochs=60,
        shrinkage=shrinkage,
        schedule=Schedule.constant(),
        tensors=TensorOptions(torch.float64),
    )
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 10), nn.ReLU(), nn.Linear(10, 1, bias=False)).double()
    adam = torch.optim.Adam(module.parameters(), lr=0.01)
    optimizer = ReweightedL1(adam, module, alpha=0.03, **dataclasses.asdict(shrinkage))
    for _ in range(60):
        optimizer.zero_grad()
        (module(torch.from_numpy(X)) - torch.from_numpy(y)).square().mean().backward()
        optimizer.step()
    expected = module(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(runs.networks[0](X), expected[:, 0], rtol=1e-8, atol=1e-10)
