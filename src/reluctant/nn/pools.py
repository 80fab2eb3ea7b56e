"""Pooling layers as sums over windows, one matrix for each dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
ADAPTIVE_MAX_POOLS = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ADAPTIVE_AVERAGE_POOLS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
POOLS = MAX_POOLS + ADAPTIVE_MAX_POOLS + AVERAGE_POOLS + ADAPTIVE_AVERAGE_POOLS
TAKE_THE_LARGEST = MAX_POOLS + ADAPTIVE_MAX_POOLS

_MAX_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_AVERAGE_ARGUMENTS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
_CALLS: dict[Any, tuple[type[nn.Module], tuple[str, ...]]] = {
    F.max_pool1d: (nn.MaxPool1d, _MAX_ARGUMENTS),
    F.max_pool2d: (nn.MaxPool2d, _MAX_ARGUMENTS),
    F.max_pool3d: (nn.MaxPool3d, _MAX_ARGUMENTS),
    torch.max_pool1d: (nn.MaxPool1d, _MAX_ARGUMENTS),
    torch.max_pool2d: (nn.MaxPool2d, _MAX_ARGUMENTS),
    torch.max_pool3d: (nn.MaxPool3d, _MAX_ARGUMENTS),
    F.avg_pool1d: (nn.AvgPool1d, _AVERAGE_ARGUMENTS),
    F.avg_pool2d: (nn.AvgPool2d, _AVERAGE_ARGUMENTS),
    F.avg_pool3d: (nn.AvgPool3d, _AVERAGE_ARGUMENTS),
    F.adaptive_max_pool1d: (nn.AdaptiveMaxPool1d, ("output_size",)),
    F.adaptive_max_pool2d: (nn.AdaptiveMaxPool2d, ("output_size",)),
    F.adaptive_max_pool3d: (nn.AdaptiveMaxPool3d, ("output_size",)),
    F.adaptive_avg_pool1d: (nn.AdaptiveAvgPool1d, ("output_size",)),
    F.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
    F.adaptive_avg_pool3d: (nn.AdaptiveAvgPool3d, ("output_size",)),
}


def pool_of_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module | None:
    """The layer that does what a call of `torch.nn.functional` does, its input left out; None for other functions."""
    if function not in _CALLS:
        return None
    kind, names = _CALLS[function]
    return kind(**dict(zip(names, args)), **{name: value for name, value in kwargs.items() if name in names})


def pooled(layer: nn.Module, x: Tensor, weigh: Callable[[Tensor], Tensor]) -> Tensor:
    """Σ_j weigh(a_ij) x_j over each window: a_ij = 1 where the largest is taken, else one over the divisor.

    A window is the product of one window for each dimension, and so is the divisor of an average.
    """
    n_dims = next(n for n, name in enumerate("123", start=1) if type(layer).__name__.endswith(f"{name}d"))
    for dim in range(n_dims):
        windows = weigh(_windows(layer, dim, n_dims, x.shape[dim - n_dims], x))
        x = torch.movedim(torch.movedim(x, dim - n_dims, -1) @ windows.T, -1, dim - n_dims)
    override = getattr(layer, "divisor_override", None)
    return x if override is None else x * weigh(x.new_tensor(1 / override))


def _windows(layer: nn.Module, dim: int, n_dims: int, length: int, like: Tensor) -> Tensor:
    """The pool along one dimension as a matrix (outputs, inputs), found from what it makes of unit vectors."""
    units = torch.eye(length, dtype=like.dtype, device=like.device)[None]

    def along(name: str) -> Any:
        value = getattr(layer, name)
        return value[dim] if isinstance(value, tuple | list) else value

    if isinstance(layer, ADAPTIVE_MAX_POOLS + ADAPTIVE_AVERAGE_POOLS):
        size = along("output_size")
        size = length if size is None else size
        adaptive = F.adaptive_max_pool1d if isinstance(layer, ADAPTIVE_MAX_POOLS) else F.adaptive_avg_pool1d
        return adaptive(units, size)[0].T
    shape = along("kernel_size"), along("stride"), along("padding")
    if isinstance(layer, MAX_POOLS):
        return F.max_pool1d(units, *shape, along("dilation"), ceil_mode=layer.ceil_mode)[0].T
    overridden = getattr(layer, "divisor_override", None) is not None
    averages = F.avg_pool1d(units, *shape, layer.ceil_mode, layer.count_include_pad)[0].T
    return (averages > 0).to(averages) if overridden else averages
