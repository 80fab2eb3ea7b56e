"""Deep networks of one input as the piecewise-linear functions that they are."""

from __future__ import annotations

import copy
import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from reluctant.arrays import Array
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.nn.checks import check_finite_parameters
from reluctant.nn.layers import unwrapped
from reluctant.nn.tracing import RELU_CALLS, graph_of
from reluctant.validation import check_number

LINEAR_LAYERS = (nn.Linear, nn.Identity, nn.Dropout, nn.Flatten, nn.BatchNorm1d)
LINEAR_CALLS = {torch.add, torch.sub, torch.cat, torch.neg, torch.flatten, torch.squeeze, torch.unsqueeze}
LINEAR_CALLS |= {operator.add, operator.sub, operator.neg, operator.iadd, operator.isub}
LINEAR_METHODS = {"add", "sub", "neg", "flatten", "squeeze", "unsqueeze", "view", "reshape", "contiguous", "size"}
SAME_SLOPE = 1e-12
"""Changes of the slope below this share of the largest slope are rounding."""


def to_piecewise_linear(module: nn.Module, low: float, high: float) -> PiecewiseLinear:
    """Return the function that a trained ReLU network of one input and one output computes on an interval.

    Kinks are found layer by layer: between the kinks of all layers before, what enters a ReLU is linear, so it changes
    sign at most once, at a place that two values give. The network is evaluated in float64. With an affine part as many
    neurons in one hidden layer as there are knots compute the same on the interval, and no fewer; `approximate` finds
    fewer within a tolerance.

    Parameters
    ----------
    module : torch.nn.Module
        Linear layers, ReLUs, sums, concatenations, batch normalisation and dropout as they are in evaluation, in any
        order that `torch.fx` can trace.
    low, high : float
        Ends of the interval. Beyond them the function goes on straight, whatever the network does there.

    Returns
    -------
    PiecewiseLinear
        Its knots within the interval, where the slope changes by more than 1e-12 of the largest slope; the kinks of
        single neurons that cancel are none.

    Raises
    ------
    ValueError
        If low < high does not hold, a part of the module is not known to be piecewise linear, a parameter is not
        finite, or the module has more than one input or output.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1), nn.ReLU())
    >>> for layer, weight, bias in ((module[0], 1.0, 0.0), (module[2], -1.0, 1.0)):
    ...     _ = nn.init.constant_(layer.weight, weight), nn.init.constant_(layer.bias, bias)
    >>> f = to_piecewise_linear(module, -2, 3)
    >>> f.knots, f.slopes
    (array([0., 1.]), array([ 0., -1.,  0.]))
    """
    low, high = check_number(low, "low", low=-np.inf), check_number(high, "high", low=-np.inf)
    if not low < high:
        raise ValueError(f"low must be less than high, got low = {low:g} and high = {high:g}")
    traced = _traced(module)
    relus = _relus(traced)
    x = np.array([low, high])
    for relu in relus:
        x = _with_sign_changes(x, _entering(traced, relu, x))
    middle = x[:-1] + 0.5 * (x[1:] - x[:-1])
    values, slopes = torch.func.jvp(traced, (_column(middle),), (_column(np.ones_like(middle)),))
    y, m = (a.detach().reshape(len(middle), -1).numpy() for a in (values, slopes))
    if y.shape[1] != 1:
        raise ValueError(f"module has {y.shape[1]} outputs; give one of one output")
    return _without_idle_knots(x[1:-1], np.array([middle, y[:, 0]]), m[:, 0])


def _traced(module: nn.Module) -> fx.GraphModule:
    """The module in float64 and in evaluation, its parts known one by one."""
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    module = copy.deepcopy(unwrapped(module)).double().cpu().eval()
    check_finite_parameters(module.named_parameters())
    traced = graph_of(nn.Sequential(module) if isinstance(module, (*LINEAR_LAYERS, nn.ReLU)) else module)
    for node in traced.graph.nodes:
        if not _is_known(node, traced):
            is_part = node.op == "call_module"
            part = traced.get_submodule(str(node.target)) if is_part else node.target
            word = type(part).__name__ if is_part else getattr(part, "__name__", str(part))
            where = node.target if is_part else node.name
            raise ValueError(f"{word} at {where} is not known to be piecewise linear; leave it out")
    try:
        with torch.no_grad():
            traced(_column(np.zeros(2)))
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"module does not take one input, a column: {error}") from error
    return traced


def _is_known(node: fx.Node, traced: fx.GraphModule) -> bool:
    if node.op in ("placeholder", "output", "get_attr") or _is_relu(node, traced):
        return True
    if node.op == "call_module":
        part = traced.get_submodule(str(node.target))
        depends_on_batch = isinstance(part, nn.BatchNorm1d) and part.running_mean is None
        return isinstance(part, LINEAR_LAYERS) and not depends_on_batch
    computed = [isinstance(argument, fx.Node) for argument in node.args]
    if node.target in (operator.mul, torch.mul, "mul"):
        return computed.count(True) == 1
    if node.target in (operator.truediv, torch.div, "div"):
        return computed == [True, False]
    return node.target in (LINEAR_CALLS if node.op == "call_function" else LINEAR_METHODS)


def _is_relu(node: fx.Node, traced: fx.GraphModule) -> bool:
    if node.op == "call_module":
        return isinstance(traced.get_submodule(str(node.target)), nn.ReLU)
    return node.op in ("call_function", "call_method") and node.target in RELU_CALLS


def _relus(traced: fx.GraphModule) -> list[fx.Node]:
    return [node for node in traced.graph.nodes if _is_relu(node, traced)]


class _Until(fx.Interpreter):
    """Run a graph and keep what enters one node, before an in-place ReLU overwrites it."""

    def __init__(self, traced: fx.GraphModule, node: fx.Node) -> None:
        super().__init__(traced)
        self.node = node
        self.entered = torch.empty(0)

    def run_node(self, n: fx.Node) -> Any:
        """Run a node."""
        if n is self.node:
            self.entered = self.fetch_args_kwargs_from_env(n)[0][0].clone()
        return super().run_node(n)


@torch.no_grad()
def _entering(traced: fx.GraphModule, relu: fx.Node, x: Array) -> Array:
    """What enters a ReLU at every x, shape (N, features)."""
    run = _Until(traced, relu)
    run.run(_column(x))
    return run.entered.reshape(len(x), -1).numpy()


def _with_sign_changes(x: Array, z: Array) -> Array:
    """x, and where a column of z, linear from each x to the next, changes its sign."""
    before, after = z[:-1], z[1:]
    k, j = np.nonzero((before < 0) & (after > 0) | (before > 0) & (after < 0))
    share = np.abs(before[k, j]) / (np.abs(before[k, j]) + np.abs(after[k, j]))
    return np.unique(np.concatenate([x, x[k] + share * (x[k + 1] - x[k])]))


def _without_idle_knots(knots: Array, anchors: Array, slopes: Array) -> PiecewiseLinear:
    """Join links of one slope."""
    tolerance = SAME_SLOPE * np.abs(slopes).max()
    kept = [0]
    for k in range(1, len(slopes)):
        if abs(slopes[k] - slopes[kept[-1]]) > tolerance:
            kept.append(k)
    return PiecewiseLinear(knots[[k - 1 for k in kept[1:]]], anchors[:, kept], slopes[kept])


def _column(x: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))[:, None]
