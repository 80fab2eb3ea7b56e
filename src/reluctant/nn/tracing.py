"""What happens after each Linear of a module, and in words what stands where a hidden layer was looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import fx, nn

RELU_CALLS = {torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_, "relu", "relu_"}
TRANSPARENT = (nn.Dropout, nn.Identity)
_CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_SHOWN = 3
_UNTRACEABLE = (fx.proxy.TraceError, TypeError, NotImplementedError, ValueError, RuntimeError)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation; its parts are in their modes again afterwards."""
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def graph_of(module: nn.Module) -> fx.GraphModule:
    """The graph of a module, which shares its layers.

    Raises
    ------
    ValueError
        If it cannot be traced.
    """
    try:
        return fx.symbolic_trace(module)
    except _UNTRACEABLE as error:
        raise ValueError(f"the forward pass of {type(module).__name__} cannot be traced: {error}") from error


@dataclass(frozen=True)
class Chain:
    """A Linear and the steps after it, each fed by the one before alone, up to the next Linear.

    Parameters
    ----------
    names : tuple of str
        Where the first Linear sits in the module, and the one that ends the chain, where one does.
    between : tuple of (str, str or None)
        The steps between: what each is, and where, if it is a module.
    is_hidden : bool
        Whether the chain is a hidden layer: it ends with a Linear, and between are ReLUs and what does nothing.
    n_uses : int
        How many steps the last step feeds.
    calls : tuple of int
        How often the forward pass calls the layers named.
    """

    names: tuple[str, ...]
    between: tuple[tuple[str, str | None], ...] = ()
    is_hidden: bool = False
    n_uses: int = 1
    calls: tuple[int, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        steps = ["Linear", *(what for what, _ in self.between), *(["Linear"] if len(self.names) > 1 else [])]
        fork = f", which feeds {self.n_uses} steps," if self.n_uses > 1 else ""
        return f"{' -> '.join(steps)}{fork} at {', '.join(self.names)}"


def chains(module: nn.Module, prefix: str = "") -> Iterator[Chain]:
    """Follow every Linear of a module, in the order of its forward pass, which is traced by `torch.fx`."""
    try:
        graph = fx.Tracer().trace(module)
    except _UNTRACEABLE:
        # A forward that branches on values cannot be traced and fails in its own way; its parts may trace.
        for name, child in module.named_children():
            yield from chains(child, f"{prefix}{name}.")
        return
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for node in graph.nodes:
        if _is_layer(node, module, nn.Linear):
            yield _chain_from(node, module, prefix, calls)


def _chain_from(node: fx.Node, root: nn.Module, prefix: str, calls: Counter) -> Chain:
    nodes, rectified, plain = [node], False, True
    between: list[tuple[str, str | None]] = []
    while len(nodes[-1].users) == 1:
        (step,) = nodes[-1].users
        if step.op == "output" or len(step.all_input_nodes) > 1:
            break
        nodes.append(step)
        if _is_layer(step, root, nn.Linear):
            break
        is_relu = _is_layer(step, root, nn.ReLU) or (step.op != "call_module" and step.target in RELU_CALLS)
        rectified, plain = rectified or is_relu, plain and (is_relu or _is_layer(step, root, TRANSPARENT))
        is_module = step.op == "call_module"
        between.append((_word(step, root, is_relu), f"{prefix}{step.target}" if is_module else None))
    ends = [n for n in (nodes[0], nodes[-1])[: len(nodes)] if _is_layer(n, root, nn.Linear)]
    return Chain(
        tuple(f"{prefix}{n.target}" for n in ends),
        tuple(between),
        len(ends) == 2 and rectified and plain,
        len(nodes[-1].users),
        tuple(calls[n.target] for n in ends),
    )


def _is_layer(node: fx.Node, root: nn.Module, kind: type | tuple[type, ...]) -> bool:
    return node.op == "call_module" and isinstance(root.get_submodule(str(node.target)), kind)


def _word(node: fx.Node, root: nn.Module, is_relu: bool) -> str:
    if is_relu:
        return "ReLU"
    if node.op == "call_module":
        return type(root.get_submodule(str(node.target))).__name__
    return str(getattr(node.target, "__name__", node.target))


def found_instead(module: nn.Module, found: list[Chain]) -> str:
    """Say what a module without hidden layer has, and what to do."""
    for name, part in module.named_modules():
        if isinstance(part, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            return _of_transformer(name, part)
    for chain in found:
        for what, where in chain.between:
            if what.startswith(("BatchNorm", "LazyBatchNorm")) and len(chain.names) > 1:
                return (
                    f"found {chain}: the {what}{f' at {where}' if where else ''} undoes every rescaling of the Linear "
                    "before it, so its weights have no path norm; put it before that Linear or leave it out"
                )
    worth = [chain for chain in found if chain.between or chain.n_uses > 1] or found
    if not worth:
        return f"found {_linears(module)}{_and_convolutions(module)}"
    shown = "; ".join(str(chain) for chain in worth[:_SHOWN])
    more = f"; and {len(worth) - _SHOWN} more" if len(worth) > _SHOWN else ""
    return (
        f"found {shown}{more}; a hidden layer must feed its ReLU and the next Linear and nothing else; if one does, "
        "name it by pairs=[(hidden, output)]"
    )


def _of_transformer(name: str, part: nn.Module) -> str:
    prefix = f"{name}." if name else ""
    what = f"found {type(part).__name__}{f' at {name}' if name else ''}"
    activation = getattr(part, "activation", None)
    if activation in RELU_CALLS or isinstance(activation, nn.ReLU):
        return (
            f"{what}, whose forward pass cannot be traced; its feed-forward layer has a ReLU, so name it: "
            f"pairs=[({prefix + 'linear1'!r}, {prefix + 'linear2'!r})]"
        )
    word = getattr(activation, "__name__", type(activation).__name__)
    return f"{what}, whose feed-forward layer has the activation {word}; build it with activation='relu'"


def _linears(module: nn.Module) -> str:
    names = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    if len(names) < 2:
        return "a single Linear" if names else "no Linear"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Linear at {', '.join(names[:_SHOWN])}{more} in a forward pass that cannot be traced; name pairs by hand"


def unpenalised_convolutions(module: nn.Module) -> list[str]:
    """Names of the convolutions of a module, which no pair covers."""
    return [name for name, part in module.named_modules() if isinstance(part, _CONVOLUTIONS)]


def _and_convolutions(module: nn.Module) -> str:
    names = unpenalised_convolutions(module)
    return f", but {len(names)} convolution{'s' * (len(names) > 1)}, which have no path norm here" if names else ""
