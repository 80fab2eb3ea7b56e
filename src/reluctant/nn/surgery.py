"""Removing neurons from a layer pair, gradients and optimiser state included."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reluctant.nn.penalty import LayerPair


@torch.no_grad()
def keep_neurons(pair: LayerPair, keep: Tensor, optimizer: Optimizer | None = None) -> None:
    """Keep the masked neurons only.

    The parameters stay the same objects, so whoever holds them, an optimiser or a scheduler, goes on.

    Parameters
    ----------
    pair : LayerPair
    keep : Tensor
        Boolean mask, shape (K,).
    optimizer : torch.optim.Optimizer, optional
        Every tensor of its state that runs along the neurons is cut as well.
    """
    where = torch.nonzero(keep)[:, 0]
    _cut(pair.hidden.weight, 0, where, optimizer)
    if pair.hidden.bias is not None:
        _cut(pair.hidden.bias, 0, where, optimizer)
    _cut(pair.output.weight, 1, where, optimizer)
    pair.hidden.out_features = pair.output.in_features = len(where)


def _cut(parameter: nn.Parameter, dim: int, where: Tensor, optimizer: Optimizer | None) -> None:
    shape, gradient = parameter.shape, parameter.grad
    parameter.grad = None
    parameter.data = parameter.data.index_select(dim, where)
    if gradient is not None:
        parameter.grad = gradient.index_select(dim, where)
    if optimizer is None or parameter not in optimizer.state:
        return
    state = optimizer.state[parameter]
    for name, value in state.items():
        if isinstance(value, Tensor) and value.ndim == len(shape) and value.shape[dim] == shape[dim]:
            state[name] = value.index_select(dim, where)
