"""Which weights of a module are shrunk, and how strongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from reluctant.nn.checks import check_finite_parameters, names_of_parameters
from reluctant.nn.layers import unwrapped
from reluctant.objective import check_p
from reluctant.validation import check_integer, check_number

Named: TypeAlias = str | nn.Module | Tensor
NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


@dataclass(frozen=True, eq=False)
class WeightGroup:
    """Weights that share a penalty α Σ|w|^p; see `ProximalOptimizer`.

    Parameters
    ----------
    weights : str, module, parameter, or a sequence of these, optional
        Names of submodules or parameters, or the objects themselves. Of a module its weights count, not biases and
        norms; a parameter that is named itself counts whatever it is. By default all weights of the module.
    p : float
        In [0, 1].
    alpha : float, optional
        Weight of the penalty, constant after its ramp.
    target : int, optional
        Number of weights to leave, for which α is steered. Exactly one of `alpha` and `target` is given.

    Raises
    ------
    ValueError
        If an argument is out of range, or both or neither of `alpha` and `target` are given.

    Examples
    --------
    >>> WeightGroup(["0", "2"], alpha=1e-3).p == 2 / 3
    True
    """

    weights: Named | Sequence[Named] | None = None
    p: float = field(default=2 / 3, kw_only=True)
    alpha: float | None = field(default=None, kw_only=True)
    target: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", check_p(self.p))
        if (self.alpha is None) == (self.target is None):
            raise ValueError("give either alpha, the weight of the penalty, or target, the number of weights to leave")
        if self.alpha is not None:
            check_number(self.alpha, "alpha")
        if self.target is not None:
            check_integer(self.target, "target", low=1)

    def members(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """The weights by name.

        Raises
        ------
        ValueError
            If a name is no part of the module, there is no weight, or the target is above the number of weights.
        """
        found = self._named(module)
        if not found:
            others = ", ".join(name for name, _ in module.named_parameters()) or "no parameters at all"
            raise ValueError(
                f"module {type(module).__name__} has no weights to shrink, only {others}; biases and norms are "
                "skipped unless groups=[WeightGroup(names, ...)] names them"
            )
        total = sum(weight.numel() for weight in found.values())
        if self.target is not None and self.target > total:
            raise ValueError(f"target must be at most the {total:,} weights there are, got {self.target:,}")
        return found

    def _named(self, module: nn.Module) -> dict[str, nn.Parameter]:
        if self.weights is None:
            found = weights_of(module)
            _refuse_shared(module, found)
            return found
        given = [self.weights] if isinstance(self.weights, str | nn.Module | Tensor) else self.weights
        found = {}
        for one in given:
            found.update(_weights_named(module, one))
        return found


def weights_of(module: nn.Module, prefix: str = "") -> dict[str, nn.Parameter]:
    """Weights of a module by name: its parameters of two dimensions and more, those of norms left out."""
    norms = {id(q) for part in module.modules() if isinstance(part, NORMS) for q in part.parameters(recurse=False)}
    return {
        f"{prefix}{name}": weight
        for name, weight in module.named_parameters()
        if weight.dim() > 1 and id(weight) not in norms
    }


def _weights_named(module: nn.Module, one: Named) -> dict[str, nn.Parameter]:
    parts, parameters = dict(module.named_modules()), dict(module.named_parameters(remove_duplicate=False))
    if isinstance(one, str):
        if one in parameters:
            return {one: parameters[one]}
        if one in parts:
            return weights_of(parts[one], f"{one}." if one else "")
        raise ValueError(f"groups name {one!r}, which is no submodule and no parameter of {type(module).__name__}")
    for name, parameter in parameters.items():
        if parameter is one:
            return {name: parameter}
    for name, part in parts.items():
        if part is one:
            return weights_of(part, f"{name}." if name else "")
    raise ValueError(f"groups name a {type(one).__name__} that is no part of {type(module).__name__}")


def resolved(module: nn.Module, groups: Sequence[WeightGroup]) -> list[dict[str, nn.Parameter]]:
    """The weights of every group.

    Raises
    ------
    ValueError
        If a weight is in two groups, parametrised, not a floating number or without entries; and as
        `WeightGroup.members`.
    """
    module = unwrapped(module)
    for name, parameter in module.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter):
            raise ValueError(f"{name} has no shape yet; call the lazy module once before")
    found = [group.members(module) for group in groups]
    seen: dict[int, str] = {}
    for members in found:
        for name, weight in members.items():
            if id(weight) in seen:
                raise ValueError(f"{name} is in two groups, also as {seen[id(weight)]}; a weight is shrunk once")
            seen[id(weight)] = name
            if ".parametrizations." in f".{name}":
                raise ValueError(f"{name} belongs to a parametrised weight; remove the parametrisation first")
            if not weight.is_floating_point():
                raise ValueError(f"{name} has type {weight.dtype}; only real floating weights can be shrunk")
        check_finite_parameters(members.items())
    for name, part in module.named_modules():
        if isinstance(part, nn.Embedding | nn.EmbeddingBag) and part.sparse and id(part.weight) in seen:
            raise ValueError(f"the gradient of {seen[id(part.weight)]} is sparse; build {name} with sparse=False")
    return found


def _refuse_shared(module: nn.Module, found: dict[str, nn.Parameter]) -> None:
    names = names_of_parameters(module)
    for weight in found.values():
        shared = names[weight]
        if len(shared) > 1:
            raise ValueError(
                f"{' and '.join(shared)} are one shared weight; name it in groups=[WeightGroup(...)] if it is meant to "
                "be shrunk for all its uses, once"
            )
