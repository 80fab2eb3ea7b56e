"""What a module costs: its numbers, those that do something, its operations and its time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from reluctant.nn.paths import CONVOLUTIONS
from reluctant.nn.reach import Reached

RUNS = 15
"""Forward passes of each module whose median is its time."""


@dataclass(frozen=True)
class Footprint:
    """The size of a module.

    Attributes
    ----------
    parameters : int
        All its parameters, zeros and biases included.
    nonzeros : int
        Weights of Linear layers and convolutions that are not zero; biases and norms do not count.
    effective_nonzeros : int
        Those of them on a path of nonzero weights from an input to an output; the others only add constants.
    flops : int
        Floating-point operations of the matrix products and convolutions of one row, zeros multiplied like all else.
    latency : float
        Seconds of one forward pass on the example, in evaluation, measured on the device where the module is.
    """

    parameters: int
    nonzeros: int
    effective_nonzeros: int
    flops: int
    latency: float


def footprints(
    modules: Sequence[nn.Module], inputs: Sequence[Tensor], reached: Sequence[dict[str, Reached]]
) -> list[Footprint]:
    """Measure modules in evaluation beside one another: their forward passes are timed in turns."""
    times = _latencies(modules, inputs)
    return [_footprint(*of_one, inputs) for of_one in zip(modules, reached, times)]


def _footprint(module: nn.Module, reached: dict[str, Reached], latency: float, inputs: Sequence[Tensor]) -> Footprint:
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Linear, *CONVOLUTIONS))]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    return Footprint(
        sum(parameter.numel() for parameter in module.parameters()),
        sum(int(torch.count_nonzero(layer.weight)) for layer in layers),
        sum(int(trace.effective.sum()) for trace in reached.values()),
        counter.get_total_flops() // len(inputs[0]),
        latency,
    )


@torch.no_grad()
def _latencies(modules: Sequence[nn.Module], inputs: Sequence[Tensor]) -> list[float]:
    device = inputs[0].device
    times: list[list[float]] = [[] for _ in modules]
    for _ in range(RUNS + 1):
        for module, found in zip(modules, times):
            _wait_for(device)
            began = time.perf_counter()
            module(*inputs)
            _wait_for(device)
            found.append(time.perf_counter() - began)
    return [statistics.median(found[1:]) for found in times]


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
