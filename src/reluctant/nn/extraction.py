"""From a trained module to the network it computes."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.nn.layers import OneHiddenLayer, layer_pairs, unwrapped

SAME_HINGE = 1e-6
"""Hinges that differ by no larger share of any entry are equal; with float64 and float32 four units of rounding are."""


@torch.no_grad()
def to_network(module: nn.Module) -> ReLUNetwork:
    """Extract the network a module computes, dead neurons left out and equal ones merged.

    Training often ends with copies of a neuron: hinges (w_k, b_k) that are equal up to a positive factor and the
    rounding of the module's type. They become one neuron with the sum of their output weights, so the network may
    have fewer neurons than the module, never a larger path norm. Neurons of opposite directions stay two, since joining
    them would take an affine part.

    Parameters
    ----------
    module : torch.nn.Module
        Linear → ReLU → Linear, or a `OneHiddenLayer`.

    Returns
    -------
    ReLUNetwork

    Raises
    ------
    ValueError
        If the module computes anything else.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> to_network(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))).n_neurons
    5
    """
    module = unwrapped(module)
    pairs = layer_pairs(module)
    if len(pairs) > 1:
        raise ValueError(f"module has {len(pairs)} hidden layers; a network has one")
    (pair,) = pairs
    w, v = _array(pair.incoming), _array(pair.outgoing)
    b = np.zeros(len(w)) if pair.bias is None else _array(pair.bias)
    intercept = np.zeros(v.shape[1]) if pair.output.bias is None else _array(pair.output.bias)
    slope = np.zeros((w.shape[1], v.shape[1]))
    if isinstance(module, OneHiddenLayer) and module.skip is not None:
        slope = _array(module.skip.weight.T)
    alive = pair.alive().cpu().numpy()
    rtol = min(SAME_HINGE, 4 * torch.finfo(pair.hidden.weight.dtype).eps)
    network = ReLUNetwork(w[alive], b[alive], v[alive], slope, intercept).merged(rtol, affine=False)
    if not isinstance(module, OneHiddenLayer):
        _check_same_function(module, network)
    return network


def _array(tensor: torch.Tensor) -> Array:
    return tensor.detach().double().cpu().numpy()


def _check_same_function(module: nn.Module, network: ReLUNetwork) -> None:
    """Compare the two on a few points: a module may do more than its layers tell."""
    X = np.random.default_rng(0).standard_normal((16, network.n_inputs))
    parameter = next(module.parameters())
    training = module.training
    try:
        outputs = module.eval()(torch.as_tensor(X, dtype=parameter.dtype, device=parameter.device))
    finally:
        module.train(training)
    expected = network(X).reshape(16, -1)
    size = np.abs(network.output_weights).T @ (np.abs(X @ network.input_weights.T) + np.abs(network.biases)).T
    scale = size.max(initial=0.0) + np.abs(expected).max(initial=0.0)
    found = _array(outputs)
    if found.shape != expected.shape or np.abs(found - expected).max() > 1e3 * torch.finfo(parameter.dtype).eps * scale:
        raise ValueError("module is not Linear -> ReLU -> Linear alone; extract its hidden layer first")
