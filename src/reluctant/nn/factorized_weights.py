"""Single weights, and whole units, as products: the penalties of `factorize` that take no pairs of layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reluctant.nn.layers import unwrapped
from reluctant.nn.tracing import graph_of
from reluctant.nn.weight_groups import WeightGroup, resolved

_LEAST, _MOST = 0.3, 2.0
"""Bounds of the size of a drawn factor, in standard deviations before they cut it."""
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class WeightProduct(nn.Module):
    """w = ω_1 ⊙ … ⊙ ω_D, all of one shape; a weight on its own [Kolb et al. 2025].

    Weight decay drives every factor to zero where one is near it, and where two are, no gradient leads away. So all
    but the first are drawn away from zero, and the first is what the weight asks for.
    """

    def __init__(self, depth: int, seed: int) -> None:
        super().__init__()
        self.depth, self.seed = depth, seed

    def forward(self, *factors: Tensor) -> Tensor:
        """Product of the factors."""
        return reduce(torch.mul, factors)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """Return factors with this product, of the size that gives it its variance, all but the first not near zero."""
        spread = float(weight.square().mean()) ** (0.5 / self.depth)
        generator = torch.Generator().manual_seed(self.seed)
        others = [_drawn(weight, spread, generator) for _ in range(self.depth - 1)]
        return (weight / reduce(torch.mul, others), *others)


def _drawn(like: Tensor, spread: float, generator: torch.Generator) -> Tensor:
    """Numbers of random sign and of the size of a normal one between the bounds, with mean square spread²."""
    ends = torch.special.ndtr(torch.tensor([_LEAST, _MOST], dtype=torch.float64))
    uniform = torch.rand(like.shape, generator=generator, dtype=torch.float64)
    size = torch.special.ndtri(ends[0] + uniform * (ends[1] - ends[0])) * (spread / math.sqrt(_mean_square()))
    return (size * (torch.randint(2, like.shape, generator=generator) * 2 - 1)).to(like)


def _mean_square() -> float:
    """E z² of a normal number with _LEAST ≤ |z| ≤ _MOST."""
    density = [math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) for z in (_LEAST, _MOST)]
    mass = 0.5 * (math.erf(_MOST / math.sqrt(2)) - math.erf(_LEAST / math.sqrt(2)))
    return 1 + (_LEAST * density[0] - _MOST * density[1]) / mass


class Gate(nn.Module):
    """w_k = ω_k · γ_k1 ⋯ γ_k,D−1: the weights into unit k, a row or a channel, times D − 1 numbers [Kolb et al. 2025].

    The smallest ½ (‖ω_k‖² + Σ_j γ_kj²) with product w_k is (D/2) ‖w_k‖_2^{2/D}, so weight decay on both makes units
    zero as a whole, like a group penalty and smoothly.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.depth = depth

    def forward(self, direction: Tensor, gates: Tensor) -> Tensor:
        """Weights of all units from directions (K, …) and gates (K, D − 1)."""
        return direction * gates.prod(dim=1).view(-1, *[1] * (direction.dim() - 1))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Balanced factors, ‖ω_k‖ = γ_kj = ‖w_k‖^{1/D}: the cheapest ones."""
        root = weight.flatten(1).norm(dim=1).pow(1 / self.depth)
        direction = weight / root.pow(self.depth - 1).masked_fill(root == 0, 1.0).view(-1, *[1] * (weight.dim() - 1))
        return direction, root[:, None].repeat(1, self.depth - 1)


def factorize_weights(module: nn.Module, depth: int, random_state: int) -> list[nn.Parameter]:
    """Parametrise every weight of a module as a product; returns the factors."""
    module = unwrapped(module)
    found = _trained(module)
    factors: list[nn.Parameter] = []
    for i, (layer, name) in enumerate(found):
        parametrize.register_parametrization(layer, name, WeightProduct(depth, random_state + i))
        factors += layer.parametrizations[name].parameters()
    return factors


def factorize_units(module: nn.Module, depth: int) -> list[nn.Parameter]:
    """Gate the units of every layer but the last ones; returns directions, gates and the weights of the last ones."""
    module = unwrapped(module)
    last = {id(layer) for layer in _output_layers(module)}
    found = _trained(module)
    for layer, _ in found:
        if not isinstance(layer, _LAYERS):
            raise ValueError(f"{type(layer).__name__} has no units to gate; by='unit' takes Linear and convolutions")
    factors: list[nn.Parameter] = []
    if all(id(layer) in last for layer, _ in found):
        raise ValueError("module has no hidden layer whose units a gate could close")
    for layer, name in found:
        if id(layer) in last:
            factors.append(getattr(layer, name))
        else:
            parametrize.register_parametrization(layer, name, Gate(depth))
            factors += layer.parametrizations[name].parameters()
    return factors


def products(module: nn.Module) -> Iterator[tuple[nn.Module, str, WeightProduct | Gate]]:
    """The weights that have been parametrised here: layer, name and parametrisation."""
    for layer in module.modules():
        if parametrize.is_parametrized(layer):
            for name, chain in layer.parametrizations.items():
                if isinstance(chain[0], WeightProduct | Gate):
                    yield layer, name, chain[0]


@torch.no_grad()
def cut(weights: list[tuple[Tensor, bool]], threshold: float | None, n_left: int | None) -> None:
    """Set to zero what is at most the threshold in size or not among the largest: entries, or rows where it is set."""
    sizes = [weight.flatten(1).norm(dim=1) if by_row else weight.abs().flatten() for weight, by_row in weights]
    together = torch.cat(sizes)
    if threshold is not None:
        kept = together > threshold
    else:
        assert n_left is not None
        kept = torch.zeros_like(together, dtype=torch.bool)
        kept[torch.topk(together, min(n_left, len(together))).indices] = True
    for (weight, by_row), part in zip(weights, kept.split([len(size) for size in sizes])):
        weight.mul_(part.view(-1, *[1] * (weight.dim() - 1)) if by_row else part.view_as(weight))


def _trained(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """Layers and names of all weights, each of which must be trained."""
    (found,) = resolved(module, [WeightGroup(alpha=0.0)])
    for name, weight in found.items():
        if not weight.requires_grad:
            raise ValueError(f"{name} is frozen; set requires_grad or factorize the parts that are trained")
    return [(module.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in found]


def _output_layers(module: nn.Module) -> list[nn.Module]:
    """Layers whose units reach the output without another layer between."""
    if isinstance(module, _LAYERS):
        return [module]
    found, seen = [], set()
    waiting = [node for node in graph_of(module).graph.nodes if node.op == "output"]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        part = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(part, _LAYERS):
            found.append(part)
        else:
            waiting += node.all_input_nodes
    return found
