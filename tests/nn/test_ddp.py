"""Two processes under torchrun with gloo."""

import os
import subprocess
import sys
from pathlib import Path

import torch

WORKER = Path(__file__).with_name("ddp_worker.py")


def test_two_processes_remove_the_same_neurons_and_end_with_the_parameters_of_one(tmp_path):
    import importlib.util

    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(WORKER), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    for kind in ("state", "steered"):
        for name, tensor in ranks[0][kind].items():
            assert torch.equal(tensor, ranks[1][kind][name]), name
    assert ranks[0]["left"] == ranks[1]["left"]
    assert 15 <= ranks[0]["left"][1] <= 20
    assert "remove_dead(wrap=DistributedDataParallel)" in ranks[0]["refused"]

    spec = importlib.util.spec_from_file_location("ddp_worker", WORKER)
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    module, X, y = worker.problem()
    _, removed = worker.train(module, X, y)
    assert ranks[0]["removed"] == ranks[1]["removed"] == removed > 0
    assert len(module[0].weight) == 20 - removed
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, ranks[0]["state"][name], rtol=1e-7, atol=1e-9)
