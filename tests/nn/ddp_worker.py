"""Run under torchrun: half of the rows each, and what came out, one file a rank."""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from reluctant.nn import ProximalOptimizer, ReweightedL1


def problem():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 1)).double()
    X = torch.rand(40, 3, dtype=torch.float64) * 2 - 1
    return module, X, X[:, :1].abs()


def train(module, X, y, wrap=None, steps=300):
    """Remove dead neurons every twenty steps; returns the last module and how many neurons it lost."""
    optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.05)
    removed = 0
    for step in range(steps):
        optimizer.zero_grad()
        (optimizer.module(X) - y).square().mean().backward()
        optimizer.step()
        if step % 20 == 19:
            removed += optimizer.remove_dead(wrap)
    assert all(len(state["exp_avg"]) == len(weight) for weight, state in optimizer.state.items())
    return optimizer, removed


def train_to_target(module, X, y, target=20):
    """Single weights, steered to a number of them; returns what was left before and after the zeros were fixed."""
    optimizer = ProximalOptimizer(torch.optim.Adam(module.parameters(), lr=0.01), module, target=target, ramp_steps=60)
    for step in range(120):
        if step == 100:
            left = optimizer.n_nonzeros()
            optimizer.freeze()
        optimizer.zero_grad()
        (module(X) - y).square().mean().backward()
        optimizer.step()
    return left, optimizer.n_nonzeros()


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    module, X, y = problem()
    if rank:  # DistributedDataParallel starts from the parameters of rank 0
        with torch.no_grad():
            module[0].weight.add_(1.0)
    optimizer, removed = train(DistributedDataParallel(module), X[rank::2], y[rank::2], DistributedDataParallel)
    try:
        optimizer.remove_dead()
    except ValueError as error:
        refused = str(error)
    steered, X, y = problem()
    left = train_to_target(DistributedDataParallel(steered), X[rank::2], y[rank::2])
    steered = {"left": left, "steered": steered.state_dict()}
    torch.save(
        {**steered, "state": module.state_dict(), "removed": removed, "refused": refused},
        f"{sys.argv[1]}/rank{rank}.pt",
    )
    dist.barrier()  # no rank leaves while the other still talks
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
