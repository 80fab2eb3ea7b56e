"""From a network to a module, the way back of `to_network`."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.model.sequential import hidden_and_output, sequential_layers
from reluctant.nn.layers import OneHiddenLayer


def to_module(
    network: ReLUNetwork, sequential: bool = True, *, dtype: torch.dtype = torch.float64
) -> nn.Sequential | OneHiddenLayer:
    """Turn a network into a module, ready to call, to train on or to export.

    Parameters
    ----------
    network : ReLUNetwork
        For a solution, ``solution.network``.
    sequential : bool
        Whether to return ``nn.Sequential(Linear, ReLU, Linear)``, in which the affine part of each output is two more
        neurons, s · x = (s · x)_+ − (−s · x)_+, exactly. If False, a `OneHiddenLayer` with a skip connection, where
        there is an affine part.
    dtype : torch.dtype
        Type of the parameters. The numbers are those of the network, rounded to it once; in double precision
        ``to_network(to_module(network, sequential=False))`` has the parameters of the network, its neurons without
        effect left out and equal ones merged.

    Returns
    -------
    nn.Sequential or OneHiddenLayer

    Raises
    ------
    ValueError
        If `network` is no ReLUNetwork, or a number is beyond `dtype`.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> from reluctant.nn import to_module
    >>> to_module(ReLUNetwork([[1.0, 2.0]], [0.5], [3.0], slope=[1.0, 0.0]))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    """
    if not isinstance(network, ReLUNetwork):
        raise ValueError(f"network must be a ReLUNetwork, for example solution.network; got {type(network).__name__}")
    affine = bool(network.slope.any() or network.intercept.any())
    layers = sequential_layers(network) if sequential else hidden_and_output(network)
    module: nn.Sequential | OneHiddenLayer
    if sequential:
        hidden = nn.Linear(network.n_inputs, len(layers.b), dtype=dtype)
        output = nn.Linear(len(layers.b), network.n_outputs, dtype=dtype)
        module = nn.Sequential(hidden, nn.ReLU(), output)
    else:
        module = OneHiddenLayer(network.n_inputs, len(layers.b), network.n_outputs, affine).to(dtype)
        hidden, output = module.hidden, module.output
    _fill(hidden.weight, layers.W)
    _fill(hidden.bias, layers.b)
    _fill(output.weight, layers.V)
    if output.bias is not None:
        _fill(output.bias, layers.c)
    if isinstance(module, OneHiddenLayer) and module.skip is not None:
        _fill(module.skip.weight, network.slope.T)
    return module


@torch.no_grad()
def _fill(parameter: torch.Tensor, values: Array) -> None:
    parameter.copy_(torch.from_numpy(np.array(values)))
    if not torch.isfinite(parameter).all():
        raise ValueError(f"the network has parameters beyond {parameter.dtype}; use torch.float64")
