"""Deep networks without their dead units and channels: the same function from smaller layers."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from reluctant.nn.checks import check_not_parametrised, names_of_parameters
from reluctant.nn.footprint import Footprint, footprints
from reluctant.nn.layers import unwrapped
from reluctant.nn.paths import BATCH_NORMS, CONVOLUTIONS, Example, input_shapes, tensors_of
from reluctant.nn.reach import Reached, reach
from reluctant.nn.tracing import graph_of

MOST_CHANGE = 1e-5
"""Largest change of an output, relative to the largest output, that is taken for rounding."""
SAME_EVERYWHERE = 1e-9
"""A constant may differ from place to place by this share of its size: rounding."""


@dataclass(frozen=True)
class Compression:
    """A module without its dead units, and what that saves.

    Attributes
    ----------
    module : torch.nn.Module
        The same function as the module that was given, in its mode (training or evaluation) and on its device.
    before, after : Footprint
    removed : dict of str to int
        Units or channels that are gone, by the name of the layer that computed them.
    max_change : float
        Largest change of an output on the example and on noise, relative to the largest output.
    """

    module: nn.Module
    before: Footprint
    after: Footprint
    removed: dict[str, int]
    max_change: float

    def __str__(self) -> str:
        lines = [f"{'':22}{'before':>14}{'after':>14}"]
        for name in ("parameters", "nonzeros", "effective_nonzeros", "flops"):
            old, new = getattr(self.before, name), getattr(self.after, name)
            lines.append(f"{name.replace('_', ' '):22}{old:14,}{new:14,}")
        lines.append(f"{'milliseconds':22}{1e3 * self.before.latency:14.3f}{1e3 * self.after.latency:14.3f}")
        gone = ", ".join(f"{n} of {name}" for name, n in self.removed.items()) or "none"
        lines += [f"units and channels removed: {gone}", f"largest relative change of an output: {self.max_change:.1e}"]
        if self.after.nonzeros < self.after.parameters:
            lines.append("zeros that are left are multiplied like all else: they make nothing faster in PyTorch")
        return "\n".join(lines)


def compress(module: nn.Module, example: Example) -> Compression:
    """Remove the units and channels of a sparse network that do nothing, for good; outputs stay.

    A unit goes if no path of nonzero weights leads from it to an output. One that no path from an input reaches is a
    constant: what it adds to the next layer is folded into that layer's bias first, and then it goes too. Channels
    that are added up or concatenated go together, as the dependency graph of torch-pruning finds them [TP]. What
    stays although it does nothing: a last unit of a layer, constants that a convolution's zero padding cuts off at the
    border, and channels that are added to one in use.

    Zeros between units in use stay. They are multiplied like all other numbers and make nothing faster in PyTorch:
    only removed units save time.

    Parameters
    ----------
    module : torch.nn.Module
        Layers as for `path_norm`, and elementwise activations; each Linear and convolution called once. It stays as it
        is.
    example : Tensor or sequence of Tensor
        Inputs of the module, rows first, on its device. Outputs are compared and times measured on them.

    Returns
    -------
    Compression
        With the smaller module, and parameters, nonzeros, effective nonzeros, operations and time before and after.

    Raises
    ------
    ModuleNotFoundError
        Without torch-pruning: ``pip install "reluctant[compress]"``.
    ValueError
        If the example does not fit, the module cannot be traced or has a layer that is not known, a layer is called
        twice, shares its weights or is factorised, or a weight is not finite.
    RuntimeError
        If an output changed by more than 1e-5 of the largest: then the graph was not understood.

    References
    ----------
    [TP] Fang, Ma, Song, Mi, Wang, DepGraph: towards any structural pruning, CVPR 2023.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> with torch.no_grad():
    ...     _ = module[0].weight[0].zero_(), module[2].weight[:, 1].zero_()
    >>> smaller = compress(module, torch.rand(5, 2))
    >>> smaller.module[0].weight.shape, smaller.removed, smaller.after.parameters
    (torch.Size([2, 2]), {'0': 2}, 9)
    """
    prunes = _torch_pruning()
    module = _checked(module)
    small, whole = copy.deepcopy(module).eval(), copy.deepcopy(module).eval()
    graph = graph_of(small)
    shapes = input_shapes(graph, () if example is None else example)
    inputs = [example] if isinstance(example, Tensor) else list(example)
    reached = reach(graph, shapes)
    _refuse_repeated(reached)
    _refuse_unfit(whole, inputs)
    _fold_constants(small, reached, inputs)
    dead = {name: ~found.used for name, found in reach(graph, shapes).items()}
    removed = _remove(small, dead, inputs, prunes)
    change = _largest_change(whole, small, inputs)
    if not change <= max(MOST_CHANGE, 8 * torch.finfo(inputs[0].dtype).eps):
        raise RuntimeError(
            f"outputs changed by {change:.1e} of the largest: the dependencies of {type(module).__name__} were not "
            "understood, and it is left as it is; please report it with the module"
        )
    before, after = footprints([whole, small], inputs, [reached, reach(graph_of(small), shapes)])
    for name, part in module.named_modules():
        small.get_submodule(name).training = part.training
    return Compression(small, before, after, removed, change)


def _torch_pruning() -> Any:
    try:
        import torch_pruning
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'compress needs torch-pruning; install it with: pip install "reluctant[compress]"', name="torch_pruning"
        ) from None
    return torch_pruning


def _checked(module: nn.Module) -> nn.Module:
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    module = unwrapped(module)
    check_not_parametrised(module)
    for names in names_of_parameters(module).values():
        if len(names) > 1:
            raise ValueError(
                f"{' and '.join(names)} are one shared parameter; a layer that is cut must own its weights"
            )
    return module


def _refuse_repeated(reached: dict[str, Reached]) -> None:
    for name, found in reached.items():
        if found.n_calls > 1:
            raise ValueError(f"layer {name} is called {found.n_calls} times; a layer that is cut must be called once")


def _refuse_unfit(module: nn.Module, inputs: Sequence[Tensor]) -> None:
    if not all(len(x) for x in inputs):
        raise ValueError("example needs at least one row")
    try:
        with torch.no_grad():
            module(*inputs)
    except RuntimeError as error:
        raise ValueError(f"example does not fit the module: {str(error).splitlines()[0]}") from error
    if not all(bool(torch.isfinite(x).all()) for x in inputs):
        raise ValueError("example has an entry that is not finite, so outputs cannot be compared; give rows of data")


@torch.no_grad()
def _fold_constants(module: nn.Module, reached: dict[str, Reached], inputs: Sequence[Tensor]) -> None:
    """Move what constant units add to the next layer into its bias."""
    entering = _entering(module, list(reached), inputs)
    for name, found in reached.items():
        layer = module.get_submodule(name)
        if isinstance(layer, nn.Linear):
            values = entering[name].reshape(-1, layer.in_features)
            constant = ~found.fed.reshape(-1, layer.in_features).any(dim=0) & _is_same(values.T)
            _move_into_bias(layer, constant, layer.weight.double()[:, constant] @ values[0, constant])
        elif isinstance(layer, CONVOLUTIONS) and layer.groups == 1:
            constant = ~found.fed.flatten(1).any(dim=1)
            added = torch.zeros(len(layer.weight), dtype=torch.float64, device=layer.weight.device)
            for channel in torch.nonzero(constant)[:, 0].tolist():
                image = layer._conv_forward(*_alone(entering[name], layer, channel), None)[0].flatten(1)
                if bool(_is_same(image).all()):
                    added += image[:, 0]
                else:  # the padding cuts it off at the border
                    constant[channel] = False
            _move_into_bias(layer, constant, added)


def _is_same(rows: Tensor) -> Tensor:
    """Whether all entries of a row are one number but for rounding."""
    return (rows - rows[:, :1]).abs().amax(dim=1) <= SAME_EVERYWHERE * rows.abs().amax(dim=1)


def _alone(x: Tensor, layer: nn.Module, channel: int) -> tuple[Tensor, Tensor]:
    """The first row of one channel, and the weights that it meets."""
    part = slice(channel, channel + 1)
    return x[:1, part], layer.weight.double()[:, part]


def _move_into_bias(layer: nn.Module, constant: Tensor, added: Tensor) -> None:
    layer.weight[:, constant] = 0.0
    if not bool(added.any()):
        return
    if layer.bias is None:
        layer.bias = nn.Parameter(layer.weight.new_zeros(len(layer.weight)), layer.weight.requires_grad)
    layer.bias.copy_(layer.bias.double() + added)


def _entering(module: nn.Module, names: Sequence[str], inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """What enters some layers, in float64."""
    exact = copy.deepcopy(module).double()
    found: dict[str, Tensor] = {}
    for name in names:
        exact.get_submodule(name).register_forward_pre_hook(
            lambda _, given, name=name: found.__setitem__(name, given[0].clone())
        )
    exact(*(x.double() for x in inputs))
    return found


def _remove(module: nn.Module, dead: dict[str, Tensor], inputs: Sequence[Tensor], prunes: Any) -> dict[str, int]:
    """Cut the dead units, those that go together as one group; returns how many went from each layer."""
    frozen = [name for name, parameter in module.named_parameters() if not parameter.requires_grad]
    module.requires_grad_(True)  # the dependency graph follows gradients
    graph = prunes.DependencyGraph().build_dependency(module, example_inputs=tuple(inputs))
    names = {part: name for name, part in module.named_modules()}
    removed: Counter[str] = Counter()
    for name, mask in dead.items():
        at = torch.nonzero(mask)[:, 0].tolist()
        at = at[1:] if len(at) == len(mask) else at  # a layer needs one
        if not at or name in removed:
            continue
        layer = module.get_submodule(name)
        if isinstance(layer, BATCH_NORMS):
            continue  # goes with the layer before it
        group = graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, idxs=at)
        cuts = {other: where for other, where in _output_cuts(group, graph, names).items() if other in dead}
        if all(bool(dead[other][where].all()) for other, where in cuts.items()):
            group.prune()
            removed.update({other: len(where) for other, where in cuts.items()})
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return dict(removed)


def _output_cuts(group: Any, graph: Any, names: dict[nn.Module, str]) -> dict[str, list[int]]:
    """The layers with weights whose outputs a group cuts, and where."""
    return {
        names[step.dep.target.module]: list(step.idxs)
        for step in group
        if isinstance(step.dep.target.module, (nn.Linear, *CONVOLUTIONS, *BATCH_NORMS))
        and graph.is_out_channel_pruning_fn(step.dep.handler)
    }


@torch.no_grad()
def _largest_change(whole: nn.Module, small: nn.Module, inputs: Sequence[Tensor]) -> float:
    """On the example, and on noise of its size."""
    generator = torch.Generator().manual_seed(0)
    noise = [
        torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x) * x.abs().amax().clamp(min=1.0)
        for x in inputs
    ]
    change = size = 0.0
    for given in (inputs, noise):
        for old, new in zip(tensors_of(whole(*given)), tensors_of(small(*given))):
            change = max(change, float((old.double() - new.double()).abs().amax()))
            size = max(size, float(old.double().abs().amax()))
    return change / size if size else change
