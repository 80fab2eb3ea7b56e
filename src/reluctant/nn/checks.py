"""What is asked of the parameters of a module, and of its inputs, before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reluctant.validation import as_evaluation_points, check_finite


def names_of_parameters(module: nn.Module) -> dict[Tensor, list[str]]:
    """All names of every parameter: several where it is shared."""
    names: dict[Tensor, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    return names


def check_finite_parameters(named: Iterable[tuple[str, Tensor]]) -> None:
    """Raise a ValueError naming the first of some parameters that is NaN or infinite."""
    for name, parameter in named:
        if not bool(torch.isfinite(parameter).all()):
            raise ValueError(f"{name} is NaN or infinite; go back to the last state that is finite")


def check_not_parametrised(module: nn.Module) -> None:
    """Raise a ValueError naming the first part of a module whose weights are computed from others."""
    for name, part in module.named_modules():
        if parametrize.is_parametrized(part):
            where = name or type(module).__name__
            raise ValueError(f"the weights of {where} are parametrised; remove that first (harden, after factorize)")


def as_rows(values: ArrayLike | Tensor, name: str) -> Tensor:
    """Finite numbers as a tensor of at least one row; one that is given keeps its type and its device."""
    tensor = values.detach() if isinstance(values, Tensor) else torch.as_tensor(as_evaluation_points(values, name))
    if tensor.dim() == 0 or len(tensor) == 0:
        raise ValueError(f"{name} needs at least one row")
    if not bool(torch.isfinite(tensor).all()):
        check_finite(tensor.double().cpu().numpy(), name)
    return tensor
