"""The proximal map of α|w|^p for each weight on its own, in the optimiser's metric."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reluctant.nn.metric import StepScale
from reluctant.nn.prox import prox_power, prox_power_

_COMPILED = (0.0, 0.5, 2 / 3, 1.0)
"""Powers with a compiled map, of which no power has to be taken."""


def shrink_(weight: Tensor, scale: StepScale, alpha: float, p: float, living: Tensor | None = None) -> int:
    """Overwrite w by argmin_x ½ (x − w)² D / γ + α|x|^p, entry by entry; return how many entries are not zero.

    On the CPU in float32, p = 0, 1/2, 2/3 or 1, in one compiled pass; elsewhere by operations on tensors, in float32
    where the weight has fewer digits.

    Parameters
    ----------
    weight : Tensor
        Without a gradient, or under `torch.no_grad`.
    scale : StepScale
        γ / D.
    alpha, p : float
    living : Tensor, optional
        Mask of entries that stay; none by default.
    """
    if p in _COMPILED and all(_is_flat(a) for a in (weight, scale.square) if a is not None):
        nothing = np.empty(0, np.float32)
        kernels = _kernels()
        return kernels.shrink_flat(
            weight.detach().view(-1).numpy(),
            nothing.view(np.uint8) if living is None else living.view(-1).numpy().view(np.uint8),
            nothing if scale.square is None else scale.square.view(-1).numpy(),
            float(scale.correction),
            float(scale.rate) * alpha,
            scale.eps,
            p,
            kernels.multiple_at_tie(p),
        )
    tau = thresholds(weight, scale, alpha)
    if living is not None:
        tau.masked_fill_(living, 0.0)
    if weight.is_contiguous() and weight.dtype in (torch.float32, torch.float64):
        prox_power_(weight.detach().view(1, -1), tau.view(1, -1), p)
    else:
        weight.copy_(prox_power(weight.to(tau.dtype), tau, p))
    return int(torch.count_nonzero(weight))


def hold_zeros_(weight: Tensor, living: Tensor) -> None:
    """Overwrite w by zero where `living` is not set; on the CPU in float32 in one compiled pass."""
    if _is_flat(weight):
        _kernels().hold_flat(weight.detach().view(-1).numpy(), living.view(-1).numpy().view(np.uint8))
    else:
        weight.mul_(living)


def thresholds(weight: Tensor, scale: StepScale, alpha: float) -> Tensor:
    """τ = α γ / D, of the shape of the weight, in float32 at least."""
    dtype = torch.promote_types(weight.dtype, torch.float32)
    length = torch.as_tensor(scale.length(), dtype=dtype, device=weight.device)
    return (length * alpha).expand_as(weight).contiguous()


def _is_flat(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and tensor.is_contiguous()


@cache
def _kernels() -> Any:
    """The compiled loops, imported with numba on first use."""
    from reluctant.nn import _weight_kernels

    return _weight_kernels
