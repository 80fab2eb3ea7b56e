"""What reaches what in a module: which of its weights lie on a path of nonzero weights from an input to an output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from reluctant.nn.paths import PathSums, power

ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.Sigmoid,
    nn.Tanh,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
)
ELEMENTWISE += (nn.Hardtanh, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Softsign)


@dataclass
class Reached:
    """What the paths say of a layer with weights.

    Attributes
    ----------
    fed : Tensor of bool
        Shape of a row of its input: whether an input of the module reaches this place.
    used : Tensor of bool
        One for each of its outputs or output channels: whether it reaches an output of the module.
    effective : Tensor of bool
        Shape of its weight: the weights that are not zero and lie on a path from an input to an output. Those of a
        batch normalisation do not count.
    n_calls : int
        How often the forward pass calls it.
    """

    fed: Tensor
    used: Tensor
    effective: Tensor
    n_calls: int


def reach(graph: fx.GraphModule, shapes: Sequence[torch.Size]) -> dict[str, Reached]:
    """Follow the paths of nonzero weights forwards and, by the gradient of their number, backwards.

    A bias is no beginning of a path: a unit that only biases reach is a constant.
    """
    paths = _Reach(graph)
    with torch.enable_grad():
        total = torch.stack([out.sum() for out in paths.outputs(shapes)]).sum()
        if total.requires_grad:
            total.backward()
    return {name: trace.result() for name, trace in paths.traces.items()}


@dataclass
class _Trace:
    n_channels: int
    channel_dim: int
    mask: Tensor
    entered: list[Tensor] = field(default_factory=list)
    left: list[Tensor] = field(default_factory=list)

    def result(self) -> Reached:
        fed = torch.stack([x.detach().sum(dim=0) > 0 for x in self.entered]).any(dim=0)
        used = torch.zeros(self.n_channels, dtype=torch.bool, device=self.mask.device)
        for x in self.left:
            if x.grad is not None:
                used |= (x.grad > 0).movedim(self.channel_dim, 0).flatten(1).any(dim=1)
        grad = self.mask.grad
        effective = torch.zeros_like(self.mask) if grad is None else grad * self.mask
        return Reached(fed, used, effective > 0, len(self.left))


class _Reach(PathSums):
    """Numbers of paths, scaled to at most 1 after every layer: only whether there is one counts."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph, power(0), bias=False, elementwise=ELEMENTWISE)
        self.traces: dict[str, _Trace] = {}

    def enters(self, name: str, layer: nn.Module, x: Tensor) -> Tensor:
        """Ones for the nonzeros."""
        if name not in self.traces:
            mask = self.weigh(layer.weight).requires_grad_()
            self.traces[name] = _Trace(len(mask), -1 if isinstance(layer, nn.Linear) else 1, mask)
        self.traces[name].entered.append(x)
        return self.traces[name].mask

    def leaves(self, name: str, x: Tensor) -> Tensor:
        """The same, of which only the sign counts."""
        largest = x.detach().amax()
        x = x / torch.where(largest > 0, largest, 1.0)
        if name not in self.traces:  # a batch normalisation: channel by channel
            self.traces[name] = _Trace(x.shape[1], 1, x.new_zeros(0), entered=[x])
        if x.requires_grad:
            x.retain_grad()
        self.traces[name].left.append(x)
        return x
