"""Which layers of a module are hidden layers, and the module of one hidden layer that the trainer trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

_RELU_CALLS = {torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_, "relu", "relu_"}
_TRANSPARENT = (nn.Dropout, nn.Identity)


@dataclass(frozen=True)
class LayerPair:
    """Linear → ReLU → Linear: neuron k has the row w_k of `hidden` and the column v_k of `output`.

    Parameters
    ----------
    hidden, output : torch.nn.Linear
    name : str
        Where the two layers sit in the module.
    """

    hidden: nn.Linear
    output: nn.Linear
    name: str = "hidden -> output"

    @property
    def incoming(self) -> Tensor:
        """Weights w into the neurons, shape (K, d)."""
        return self.hidden.weight

    @property
    def bias(self) -> Tensor | None:
        """Biases b, shape (K,), or None."""
        return self.hidden.bias

    @property
    def outgoing(self) -> Tensor:
        """Weights v out of the neurons, shape (K, m): a view."""
        return self.output.weight.T

    @property
    def hinges(self) -> Tensor:
        """(w_k, b_k), shape (K, d + 1), or w_k, shape (K, d), where there is no bias: a copy."""
        return self.incoming.clone() if self.bias is None else torch.column_stack([self.incoming, self.bias])

    @property
    def n_neurons(self) -> int:
        """Number of hidden neurons K, dead ones included."""
        return self.hidden.weight.shape[0]

    def alive(self) -> Tensor:
        """Mask (K,) of the neurons with v_k (w_k, b_k) ≠ 0."""
        return nonzero_neurons(self.hinges, self.outgoing)

    def counts(self) -> tuple[int, int]:
        """Active neurons and their nonzero parameters, one scale a neuron left out, as `ReLUNetwork` counts them."""
        active = self.alive() if self.hidden.in_features > 1 else self.alive() & (self.incoming[:, 0] != 0)
        weights = torch.count_nonzero(self.hinges[active]) + torch.count_nonzero(self.outgoing[active])
        n_active = int(torch.count_nonzero(active))
        return n_active, int(weights) - n_active

    def counts_bias(self, bias: bool | None) -> bool:
        """Whether b_k is a coordinate of w_k; by default as in the paper, for d ≥ 2 only [NN]."""
        if self.hidden.bias is None:
            return False
        return self.hidden.in_features > 1 if bias is None else bias


def nonzero_neurons(hinges: Tensor, outgoing: Tensor) -> Tensor:
    """Mask (…, K) of the neurons with v_k (w_k, b_k) ≠ 0, from (w_k, b_k) (…, K, c) and v_k (…, K, m)."""
    return hinges.any(dim=-1) & outgoing.any(dim=-1)


def layer_pairs(module: nn.Module) -> list[LayerPair]:
    """Find the pairs Linear → ReLU → Linear of a module, in the order of its forward pass.

    The forward pass is traced with `torch.fx`, so it does not matter how the module is written: an ``nn.Sequential``,
    attributes, functions (``torch.relu``, ``F.relu``, ``x.relu()``). Dropout and identity layers between the two may
    stay. A pair counts only if each step feeds nothing but the next, since otherwise rescaling a neuron changes the
    function. Where a forward pass cannot be traced (it branches on values), its children are searched one by one.

    Parameters
    ----------
    module : torch.nn.Module
        May be wrapped in ``DistributedDataParallel`` or compiled.

    Returns
    -------
    list of LayerPair

    Raises
    ------
    ValueError
        If there is no such pair, or a layer of one is called twice or shares its parameters.

    Examples
    --------
    >>> from torch import nn
    >>> [pair.name for pair in layer_pairs(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)))]
    ['0 -> 2']
    """
    module = unwrapped(module)
    pairs = list(_search(module, ""))
    if not pairs:
        raise ValueError(
            f"module {type(module).__name__} has no Linear -> ReLU -> Linear; "
            "a hidden layer must feed its ReLU and the next Linear and nothing else"
        )
    _refuse_shared_parameters(module, pairs)
    return pairs


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the user's module inside ``DistributedDataParallel`` and ``torch.compile``."""
    while True:
        inner = module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module
        inner = getattr(inner, "_orig_mod", inner)
        if inner is module:
            return module
        module = inner


def _search(module: nn.Module, prefix: str) -> Iterator[LayerPair]:
    try:
        graph = fx.Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, NotImplementedError, ValueError, RuntimeError):
        # A forward that branches on values cannot be traced and fails in its own way; its parts may trace.
        for name, child in module.named_children():
            yield from _search(child, f"{prefix}{name}.")
        return
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for node in graph.nodes:
        pair = _pair_from(node, module, prefix)
        if pair is None:
            continue
        for layer in pair:
            if calls[layer] > 1:
                raise ValueError(
                    f"layer {prefix}{layer} is called {calls[layer]} times; a penalised layer must be used once"
                )
        hidden, output = (module.get_submodule(layer) for layer in pair)
        assert isinstance(hidden, nn.Linear)
        assert isinstance(output, nn.Linear)
        yield LayerPair(hidden, output, f"{prefix}{pair[0]} -> {prefix}{pair[1]}")


def _pair_from(node: fx.Node, root: nn.Module, prefix: str) -> tuple[str, str] | None:
    """Names of the Linear at `node` and of the Linear that its ReLU alone feeds."""
    if not _is_layer(node, root, nn.Linear):
        return None
    rectified, step = False, node
    while len(step.users) == 1:
        (step,) = step.users
        if _is_relu(step, root):
            rectified = True
        elif rectified and _is_layer(step, root, nn.Linear):
            return str(node.target), str(step.target)
        elif not _is_layer(step, root, _TRANSPARENT):
            return None
    return None


def _is_layer(node: fx.Node, root: nn.Module, kind: type | tuple[type, ...]) -> bool:
    return node.op == "call_module" and isinstance(root.get_submodule(str(node.target)), kind)


def _is_relu(node: fx.Node, root: nn.Module) -> bool:
    return _is_layer(node, root, nn.ReLU) or (
        node.op in ("call_function", "call_method") and node.target in _RELU_CALLS
    )


def _refuse_shared_parameters(module: nn.Module, pairs: Sequence[LayerPair]) -> None:
    owners: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        owners.setdefault(id(parameter), []).append(name)
    for pair in pairs:
        for layer in (pair.hidden, pair.output):
            for parameter in layer.parameters():
                names = owners[id(parameter)]
                if len(names) > 1:
                    raise ValueError(
                        f"{' and '.join(names)} are one shared parameter; a penalised layer must own its weights"
                    )


class OneHiddenLayer(nn.Module):
    """f(x) = Σ_k v_k (w_k · x + b_k)_+ with an optional affine part, as a module.

    Parameters
    ----------
    n_inputs, n_neurons, n_outputs : int
    affine : bool
        Whether there is a skip connection and an output bias.

    Examples
    --------
    >>> import torch
    >>> OneHiddenLayer(3, 10, 2, affine=True)(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(self, n_inputs: int, n_neurons: int, n_outputs: int = 1, affine: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, n_neurons)
        self.output = nn.Linear(n_neurons, n_outputs, bias=affine)
        self.skip = nn.Linear(n_inputs, n_outputs, bias=False) if affine else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)
            nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, m) of inputs (N, d)."""
        y = self.output(torch.relu(self.hidden(x)))
        return y if self.skip is None else y + self.skip(x)
