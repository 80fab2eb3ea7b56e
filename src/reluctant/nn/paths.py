"""Sums over all paths through the graph of a module, by one forward pass on the all-ones input.

Every weight w is replaced by what a path is charged for it, |w|^p, every ReLU by the identity and every maximum by a
sum: what comes out is Σ over paths of Π |w|^p along the path (Neyshabur et al. 2015; for graphs with pooling and skip
connections Gonon et al. 2024). A batch of two rows is sent through: row 0 has the paths that have passed no ReLU and no
maximum so far, row 1 all others. Row 0 of the outputs is the affine part, which costs nothing [NN].
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from reluctant.nn.checks import check_finite_parameters
from reluctant.nn.pools import POOLS, TAKE_THE_LARGEST, pool_of_call, pooled
from reluctant.nn.tracing import RELU_CALLS, evaluating, graph_of

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_AS_THEY_ARE = (nn.Identity, nn.Flatten, nn.Unflatten)
_MOVES = {torch.flatten, torch.cat, torch.concat, torch.stack, torch.squeeze, torch.unsqueeze, torch.reshape}
_MOVES |= {torch.permute, torch.transpose, torch.chunk, torch.split, torch.sum, torch.unflatten}
_MOVES |= {operator.getitem, getattr}
_MOVE_METHODS = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "contiguous", "clone"}
_MOVE_METHODS |= {"chunk", "split", "sum", "size", "dim", "unflatten", "float", "double"}
_ADDITIONS = {operator.add, operator.iadd, operator.sub, operator.isub, torch.add, torch.sub, "add", "add_", "sub"}
_ADDITIONS |= {"sub_"}
_PRODUCTS = {operator.mul, operator.imul, torch.mul, "mul", "mul_"}
_QUOTIENTS = {operator.truediv, torch.div, "div", "div_"}
_MEANS = {torch.mean, "mean"}
_DROPOUT_CALLS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, torch.dropout}
_UNCHANGED = {operator.neg, torch.neg, "neg"} | _DROPOUT_CALLS

Weigh = Callable[[Tensor], Tensor]
"""What a path is charged for each of some weights, in float64: zero for a zero."""
Example: TypeAlias = Tensor | Sequence[Tensor]
"""Inputs of a module, of which the shapes without the first dimension count."""


def power(p: float) -> Weigh:
    """|w|^p, for p = 0 one for every w ≠ 0."""

    def weigh(weight: Tensor) -> Tensor:
        size = weight.detach().double().abs()
        return (size > 0).double() if p == 0 else size.pow(p)

    return weigh


@torch.no_grad()
def path_sum(module: nn.Module, p: float, bias: bool | None, example: Example | None) -> float:
    """Σ over the paths of a module that pass a ReLU or a maximum of Π |w|^p along each.

    Raises
    ------
    ValueError
        If the module cannot be traced, a part of it is not known, no shape of an input can be told, the example does
        not fit, nothing is a ReLU, a weight is not finite, or the sum is beyond float64.
    """
    with evaluating(module):
        graph = graph_of(module)
        shapes = input_shapes(graph, example)
        counts_bias = sum(map(math.prod, shapes)) > 1 if bias is None else bias
        paths = PathSums(graph, power(p), counts_bias)
        total = float(sum(out[1].sum() for out in paths.outputs(shapes)))
    if not paths.has_relu:
        raise ValueError(f"module {type(module).__name__} has no ReLU on the way from its input to its output")
    if not math.isfinite(total):
        raise ValueError(f"the path norm of {type(module).__name__} is beyond float64; rescale its weights")
    return total


def input_shapes(graph: fx.GraphModule, example: Example | None) -> list[torch.Size]:
    """The shape of one row of each input: of the examples, or what the first Linear takes."""
    inputs = [node for node in graph.graph.nodes if node.op == "placeholder" and not node.args]
    if example is not None:
        given = [example] if isinstance(example, Tensor) else list(example)
        if len(given) != len(inputs) or not all(isinstance(part, Tensor) and part.dim() > 0 for part in given):
            raise ValueError(
                f"example must be {len(inputs)} tensor{'s' * (len(inputs) > 1)} with a first dimension of rows, one "
                f"for each input of the module, got {_shapes_in_words(example)}"
            )
        return [part.shape[1:] for part in given]
    return [_taken_by_first_linear(node, graph) for node in inputs]


def _shapes_in_words(example: Any) -> str:
    parts = example if isinstance(example, list | tuple) else [example]
    return (
        "none"
        if not parts
        else ", ".join(f"shape {tuple(a.shape)}" if isinstance(a, Tensor) else type(a).__name__ for a in parts)
    )


def _taken_by_first_linear(node: fx.Node, graph: fx.GraphModule) -> torch.Size:
    for user in node.users:
        layer = graph.get_submodule(str(user.target)) if user.op == "call_module" else None
        if isinstance(layer, nn.Linear):
            return torch.Size([layer.in_features])
        if isinstance(layer, (*_DROPOUTS, nn.Identity, nn.Flatten)):
            return _taken_by_first_linear(user, graph)
    raise ValueError(
        "the shape of an input cannot be told from the module, which does not begin with a Linear; give an input as "
        "example="
    )


class PathSums(fx.Interpreter):
    """Send paths through a traced module.

    Parameters
    ----------
    traced : torch.fx.GraphModule
        In evaluation.
    weigh : callable
        See `Weigh`.
    bias : bool
        Whether a bias is a path from a constant 1, charged like a weight.
    elementwise : tuple of type
        Other activations that are let through as ReLUs are, where only the question is what reaches what.
    """

    def __init__(
        self,
        traced: fx.GraphModule,
        weigh: Weigh,
        bias: bool,
        elementwise: tuple[type[nn.Module], ...] = (),
    ) -> None:
        super().__init__(traced)
        self.extra_traceback = False  # errors say where by themselves
        self.weigh, self.bias, self.elementwise = weigh, bias, elementwise
        self.has_relu = False
        self._node = next(iter(traced.graph.nodes))
        self._computed: set[fx.Node] = set()

    def outputs(self, shapes: Sequence[torch.Size]) -> list[Tensor]:
        """What leaves the module, two rows in each tensor, for inputs whose rows have these shapes."""
        device = next((q.device for q in self.module.parameters()), torch.device("cpu"))
        inputs = [torch.zeros(2, *shape, dtype=torch.float64, device=device) for shape in shapes]
        for x in inputs:
            x[0] = 1.0
        try:
            found = list(tensors_of(self.run(*inputs)))
        except RuntimeError as error:
            raise ValueError(f"an input of shape {tuple(shapes[0])} does not fit the module: {error}") from error
        if not all(out.dim() > 0 and len(out) == 2 for out in found):
            raise ValueError("the module does not keep rows apart; its outputs need their rows as first dimension")
        return found

    def run_node(self, n: fx.Node) -> Any:
        """Run a node and know which one it is."""
        self._node = n
        if n.op == "placeholder" or any(node in self._computed for node in n.all_input_nodes):
            self._computed.add(n)
        return super().run_node(n)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Layers."""
        layer, name = self.fetch_attr(target), str(target)
        x = args[0]
        if isinstance(layer, (nn.Linear, *CONVOLUTIONS)):
            _refuse_without_numbers(layer, name)
            weight = self.enters(name, layer, x)
            if isinstance(layer, nn.Linear):
                return self.leaves(name, self._with_bias(F.linear(x, weight), layer.bias))
            out = layer._conv_forward(x, weight, None)
            return self.leaves(name, self._with_bias(out, _for_channels(layer.bias, out)))
        if isinstance(layer, BATCH_NORMS):
            return self.leaves(name, self._batch_norm(layer, name, x))
        if isinstance(layer, (nn.ReLU, *self.elementwise)):
            return self._past_relu(x, in_place=getattr(layer, "inplace", False))
        if isinstance(layer, POOLS) and not getattr(layer, "return_indices", False):
            return self._pool(layer, x)
        if isinstance(layer, _DROPOUTS):
            return x
        if isinstance(layer, _AS_THEY_ARE):
            return super().call_module(target, args, kwargs)
        raise self._unknown(type(layer).__name__, name)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Functions."""
        if self._node not in self._computed or target in _MOVES:
            return super().call_function(target, args, kwargs)
        pool = pool_of_call(target, args[1:], kwargs)
        if pool is not None:
            return self._pool(pool, args[0])
        if (
            target in (F.linear, torch._C._nn.linear)
            and self._computed_arguments() == [True, False, False][: len(args)]
        ):
            bias = args[2] if len(args) > 2 else kwargs.get("bias")
            return self._with_bias(F.linear(args[0], self.weigh(args[1])), bias)
        return self._arithmetic(target, args, kwargs, getattr(target, "__name__", str(target)))

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Methods of tensors."""
        if self._node not in self._computed or target in _MOVE_METHODS:
            return super().call_method(target, args, kwargs)
        return self._arithmetic(target, args, kwargs, str(target))

    def enters(self, name: str, layer: nn.Module, x: Tensor) -> Tensor:
        """What the weights of a Linear or convolution are charged, which x enters."""
        return self.weigh(layer.weight)

    def leaves(self, name: str, x: Tensor) -> Tensor:
        """What goes on from a layer that x leaves."""
        return x

    def _arithmetic(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], word: str) -> Any:
        x = args[0]
        if not isinstance(x, Tensor) and not (len(args) > 1 and isinstance(args[1], Tensor)):
            return target(*args, **kwargs)  # on sizes
        if target in RELU_CALLS:
            return self._past_relu(x, in_place=target in (torch.relu_, "relu_") or bool(kwargs.get("inplace", False)))
        if target in _UNCHANGED:
            return x
        if target in _MEANS:
            mean = torch.mean(*args, **kwargs)
            n = x.numel() / mean.numel()
            return mean * n * self.weigh(x.new_tensor(1 / n))
        computed = self._computed_arguments()
        if target in _ADDITIONS and len(args) == 2 and not kwargs:
            if computed == [True, True]:
                return torch.add(x, args[1])
            paths, constant = (x, args[1]) if computed[0] else (args[1], x)
            return self._with_bias(paths, constant)
        if target in _PRODUCTS and sorted(computed) == [False, True]:
            paths, factor = (x, args[1]) if computed[0] else (args[1], x)
            return paths * self.weigh(torch.as_tensor(factor, device=paths.device))
        if target in _QUOTIENTS and computed == [True, False] and not kwargs:
            return x * self.weigh(1 / torch.as_tensor(args[1], dtype=x.dtype, device=x.device))
        raise self._unknown(word, self._node.name)

    def _computed_arguments(self) -> list[bool]:
        return [isinstance(a, fx.Node) and a in self._computed for a in self._node.args]

    def _past_relu(self, x: Tensor, in_place: bool = False) -> Tensor:
        self.has_relu = True
        after = torch.stack([torch.zeros_like(x[0]), x[0] + x[1]])
        return x.copy_(after) if in_place else after  # what else reads x sees it rectified, as in the module

    def _pool(self, layer: nn.Module, x: Tensor) -> Tensor:
        out = pooled(layer, x, self.weigh)
        return self._past_relu(out) if isinstance(layer, TAKE_THE_LARGEST) else out

    def _batch_norm(self, layer: Any, name: str, x: Tensor) -> Tensor:
        if layer.running_mean is None:
            raise ValueError(
                f"{type(layer).__name__} at {name} has no running statistics: what it computes depends on the batch; "
                "build it with track_running_stats=True"
            )
        _refuse_without_numbers(layer, name)
        scale = (layer.running_var.double() + layer.eps).rsqrt()
        if layer.weight is not None:
            scale = scale * layer.weight
        shift = -scale * layer.running_mean
        if layer.bias is not None:
            shift = shift + layer.bias
        return self._with_bias(x * _for_channels(self.weigh(scale), x), _for_channels(shift, x))

    def _with_bias(self, x: Tensor, bias: Any) -> Tensor:
        """Add the charged bias, which meets x as it stands, to the paths that have passed no ReLU."""
        if bias is None or not self.bias:
            return x
        new = (x + self.weigh(torch.as_tensor(bias, device=x.device)))[0]
        return torch.stack([new, x[1].expand_as(new)])

    def _unknown(self, word: str, where: str) -> ValueError:
        return ValueError(
            f"{word} at {where} is no part of a ReLU graph that paths can be followed through: Linear, convolutions, "
            "ReLU, BatchNorm with running statistics, max and average pooling, Flatten, Dropout, sums, concatenations; "
            "replace it, or measure the part of the module without it"
        )


def tensors_of(out: Any) -> Iterator[Tensor]:
    """The tensors in what a module returns."""
    if isinstance(out, Tensor):
        yield out
    elif isinstance(out, dict):
        yield from tensors_of(list(out.values()))
    elif isinstance(out, list | tuple):
        for part in out:
            yield from tensors_of(part)


def _for_channels(values: Tensor | None, x: Tensor) -> Tensor | None:
    """One value for each channel, shaped to meet x (rows, channels, …)."""
    return None if values is None else values.reshape(-1, *(1 for _ in x.shape[2:]))


def _refuse_without_numbers(layer: nn.Module, name: str) -> None:
    for kind, tensor in (*layer.named_parameters(), *layer.named_buffers()):
        if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
            raise ValueError(f"{name}.{kind} has no shape yet; run the module once on an input")
        check_finite_parameters([(f"{name}.{kind}", tensor)])
