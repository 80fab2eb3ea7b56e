"""Removing neurons from a layer pair, gradients and optimiser state included."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reluctant.nn.layers import LayerPair


@torch.no_grad()
def keep_neurons(pair: LayerPair, keep: Tensor, optimizer: Optimizer | None = None) -> None:
    """Keep the masked neurons only.

    The layers get new, smaller parameters; in the optimiser they take the places and the state of the old ones.

    Parameters
    ----------
    pair : LayerPair
    keep : Tensor
        Boolean mask, shape (K,).
    optimizer : torch.optim.Optimizer, optional
        Every tensor of its state that runs along the neurons is cut as well.
    """
    where = torch.nonzero(keep)[:, 0]
    _cut(pair.hidden, "weight", 0, where, optimizer)
    if pair.hidden.bias is not None:
        _cut(pair.hidden, "bias", 0, where, optimizer)
    _cut(pair.output, "weight", 1, where, optimizer)
    pair.hidden.out_features = pair.output.in_features = len(where)


def _cut(layer: nn.Linear, name: str, dim: int, where: Tensor, optimizer: Optimizer | None) -> None:
    # Not `old.data = ...`: a graph that the caller still holds would keep the old shape for the gradient.
    old = getattr(layer, name)
    new = nn.Parameter(old.index_select(dim, where))
    if old.grad is not None:
        new.grad = old.grad.index_select(dim, where)
    setattr(layer, name, new)
    if optimizer is None:
        return
    for group in optimizer.param_groups:
        group["params"] = [new if member is old else member for member in group["params"]]
    if old in optimizer.state:
        optimizer.state[new] = {k: _cut_state(v, old.shape, dim, where) for k, v in optimizer.state.pop(old).items()}


def _cut_state(value: Any, shape: torch.Size, dim: int, where: Tensor) -> Any:
    along = isinstance(value, Tensor) and value.ndim == len(shape) and value.shape[dim] == shape[dim]
    return value.index_select(dim, where) if along else value
