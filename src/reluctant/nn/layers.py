"""Which layers of a module are hidden layers, and the module of one hidden layer that the trainer trains."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakSet

import torch
from torch import Tensor, nn

from reluctant.nn.checks import names_of_parameters
from reluctant.nn.tracing import chains, found_instead, unpenalised_convolutions

Pairs = Sequence[tuple[str | nn.Module, str | nn.Module]]
_TOLD: WeakSet[nn.Module] = WeakSet()
"""Modules of whose convolutions the user has been told."""


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


def layer_pairs(module: nn.Module, pairs: Pairs | None = None) -> list[LayerPair]:
    """Find the pairs Linear → ReLU → Linear of a module, in the order of its forward pass.

    The forward pass is traced with `torch.fx`, so it does not matter how the module is written: an ``nn.Sequential``,
    attributes, functions (``torch.relu``, ``F.relu``, ``x.relu()``). Dropout and identity layers between the two may
    stay. A pair counts only if each step feeds nothing but the next, since otherwise rescaling a neuron changes the
    function. Where a forward pass cannot be traced (it branches on values), its children are searched one by one.

    Parameters
    ----------
    module : torch.nn.Module
        May be wrapped in ``DistributedDataParallel`` or compiled.
    pairs : sequence of (hidden, output), optional
        Names of submodules, or the modules themselves, instead of a search. That a ReLU and nothing else lies between
        the two is then up to the caller.

    Returns
    -------
    list of LayerPair

    Warns
    -----
    UserWarning
        Once for a module, if it has convolutions beside its pairs: they are not penalised.

    Raises
    ------
    ValueError
        If there is no such pair, in words that say what was found instead; if a layer of one is called twice or shares
        its parameters; or if what was named is no pair of Linear layers that fit.

    Examples
    --------
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> [pair.name for pair in layer_pairs(module)]
    ['0 -> 2']
    >>> layer_pairs(module, pairs=[("0", module[2])])[0].name
    '0 -> 2'
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    module = unwrapped(module)
    if pairs is not None:
        found = _named(module, pairs)
    else:
        found = _searched(module)
        _tell_of_convolutions(module)
    _refuse_shared_parameters(module, found)
    return found


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the user's module inside ``DistributedDataParallel`` and ``torch.compile``."""
    while True:
        inner = module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module
        inner = getattr(inner, "_orig_mod", inner)
        if inner is module:
            return module
        module = inner


def _searched(module: nn.Module) -> list[LayerPair]:
    found = list(chains(module))
    hidden = [chain for chain in found if chain.is_hidden]
    if not hidden:
        raise ValueError(
            f"module {type(module).__name__} has no Linear -> ReLU -> Linear; {found_instead(module, found)}"
        )
    for chain in hidden:
        for name, calls in zip(chain.names, chain.calls):
            if calls > 1:
                raise ValueError(f"layer {name} is called {calls} times; a penalised layer must be used once")
    return [_pair_of(module, *chain.names) for chain in hidden]


def _named(module: nn.Module, pairs: Pairs) -> list[LayerPair]:
    names = {part: name for name, part in module.named_modules()}
    parts = dict(module.named_modules())

    def name_of(given: str | nn.Module) -> str:
        name = given if isinstance(given, str) else names.get(given)
        if name is None or not isinstance(parts.get(name), nn.Linear):
            what = repr(given) if isinstance(given, str) else type(given).__name__
            raise ValueError(f"pairs must name Linear layers of {type(module).__name__}, got {what}")
        return name

    if not (isinstance(pairs, Sequence) and pairs and all(isinstance(p, Sequence) and len(p) == 2 for p in pairs)):
        raise ValueError(f"pairs must be a list of pairs (hidden, output), got {pairs!r}")
    found = [_pair_of(module, name_of(hidden), name_of(output)) for hidden, output in pairs]
    for pair in found:
        if pair.hidden is pair.output or pair.hidden.out_features != pair.output.in_features:
            raise ValueError(
                f"pairs has {pair.name}, but {pair.hidden.out_features} outputs do not meet "
                f"{pair.output.in_features} inputs of another layer"
            )
    for role in ("hidden", "output"):
        layers = [getattr(pair, role) for pair in found]
        if len(set(layers)) < len(layers):
            raise ValueError(f"pairs names one {role} layer twice; a layer is penalised once")
    return found


def _pair_of(module: nn.Module, hidden: str, output: str) -> LayerPair:
    first, second = module.get_submodule(hidden), module.get_submodule(output)
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    return LayerPair(first, second, f"{hidden} -> {output}")


def _tell_of_convolutions(module: nn.Module) -> None:
    names = unpenalised_convolutions(module)
    if names and module not in _TOLD:
        _TOLD.add(module)
        warnings.warn(
            f"convolutions are not penalised, only the pairs Linear -> ReLU -> Linear: {', '.join(names)} stay as they "
            "are; name pairs=[(hidden, output)] to say that this is meant",
            UserWarning,
            stacklevel=4,
        )


def _refuse_shared_parameters(module: nn.Module, pairs: Sequence[LayerPair]) -> None:
    owners = names_of_parameters(module)
    for pair in pairs:
        for layer in (pair.hidden, pair.output):
            for parameter in layer.parameters():
                names = owners[parameter]
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
