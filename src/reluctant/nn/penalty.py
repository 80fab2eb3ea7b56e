"""The ℓp path norm of a module's hidden layers, and which layers those are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from reluctant.objective import check_p
from reluctant.validation import check_number

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
    def n_neurons(self) -> int:
        """Number of hidden neurons K, dead ones included."""
        return self.hidden.weight.shape[0]

    def counts_bias(self, bias: bool | None) -> bool:
        """Whether b_k is a coordinate of w_k; by default as in the paper, for d ≥ 2 only [NN]."""
        if self.hidden.bias is None:
            return False
        return self.hidden.in_features > 1 if bias is None else bias


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


class PathNorm:
    """The ℓp path norm Σ_k ‖v_k‖_p^p ‖w_k‖_p^p of a module, to be added to a loss [NN, eq. 2].

    For every effective weight u = v w the summand is (u² + ε²)^{p/2} − ε^p, which lies within ε^p below |u|^p. It is
    smooth, and no rescaling (v, w, b) → (v/α, αw, αb) of a neuron changes it. The sum is over the layer pairs of the
    module. Training on it leaves small weights, never zeros: `ReweightedL1` leaves zeros.

    Parameters
    ----------
    p : float
        In (0, 1].
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    smoothing : float
        ε ≥ 0, in the units of u. With 0 the value is exact and the gradient at u = 0 is taken as 0.

    Raises
    ------
    ValueError
        If p is outside (0, 1], `smoothing` is negative, or the module has no Linear → ReLU → Linear.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1))
    >>> for parameter in module.parameters():
    ...     _ = nn.init.constant_(parameter, 4.0)
    >>> PathNorm(0.5, smoothing=0.0)(module).item()
    12.0
    """

    def __init__(self, p: float, bias: bool | None = None, smoothing: float = 1e-3) -> None:
        self.p = check_p(p, zero=False)
        self.bias = bias
        self.smoothing = check_number(smoothing, "smoothing")
        self._pairs: tuple[nn.Module, list[LayerPair]] | None = None

    def __call__(self, module: nn.Module) -> Tensor:
        """Return the penalty of `module`, a scalar that can be differentiated."""
        if self._pairs is None or self._pairs[0] is not module:
            self._pairs = module, layer_pairs(module)
        terms = [smoothed_power(u, self.p, self.smoothing).sum() for u in self._effective(self._pairs[1])]
        return torch.stack(terms).sum()

    def _effective(self, pairs: Sequence[LayerPair]) -> Iterator[Tensor]:
        for pair in pairs:
            v = pair.outgoing[:, :, None]
            yield v * pair.incoming[:, None, :]
            if pair.counts_bias(self.bias):
                assert pair.bias is not None
                yield v[:, :, 0] * pair.bias[:, None]


def smoothed_power(u: Tensor, p: float, smoothing: float) -> Tensor:
    """(u² + ε²)^{p/2} − ε^p; for ε = 0 it is |u|^p with gradient 0 at 0."""
    if smoothing:
        return (u.square() + smoothing**2).pow(p / 2) - smoothing**p
    nonzero = u != 0
    return torch.where(nonzero, u, 1.0).abs().pow(p) * nonzero


@torch.no_grad()
def path_norm(module: nn.Module, p: float, bias: bool | None = None) -> float:
    """ℓp path norm of a module's layer pairs, exact; p = 0 counts the nonzero paths.

    Parameters
    ----------
    module : torch.nn.Module
    p : float
        In [0, 1].
    bias : bool, optional
        As in `PathNorm`.
    """
    if check_p(p) > 0:
        return PathNorm(p, bias, smoothing=0.0)(module).item()
    norm = PathNorm(1.0, bias)
    return float(sum(torch.count_nonzero(u) for u in norm._effective(layer_pairs(module))))
