"""The last two layers of a network as a network of one hidden layer, made smaller by `size_path`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.nn.checks import as_rows
from reluctant.nn.layers import LayerPair, layer_pairs, unwrapped
from reluctant.nn.layerwise import Loss, captured
from reluctant.nn.losses import check_targets
from reluctant.nn.tracing import evaluating
from reluctant.solve.size_path import DEFAULT_RIDGE, size_path
from reluctant.validation import check_choice, check_integer


def prune_head(
    module: nn.Module,
    X: ArrayLike | Tensor,
    y: ArrayLike | Tensor,
    n_nonzeros: int,
    *,
    loss: Loss = "softmax",
    ridge: float = DEFAULT_RIDGE,
    time_limit: float | None = None,
    random_state: int | None = None,
) -> int:
    """Leave so many weights in the last Linear → ReLU → Linear of a trained network, in place, through `size_path`.

    What enters the pair at the rows of X is taken as a table, and the pair as the network to begin with: the optimal
    brain surgeon deletes its weights, joins its neurons and refits them by the curvature of the loss. Time grows with
    the cube of the weights, so the pair should have a few hundred by then; `prune_layerwise` leads there. Biases do not
    count. Nothing is proved about the result.

    Parameters
    ----------
    module : torch.nn.Module
        Its last layers are a pair as `layer_pairs` finds them; the layers before stay.
    X : array_like or Tensor, shape (N, ...)
        Inputs of the module.
    y : array_like or Tensor, shape (N,) or (N, m)
        Targets; class numbers for ``"softmax"``.
    n_nonzeros : int
        Weights of the pair that are left at most.
    loss : str
        ``"squared"``, ``"logistic"`` or ``"softmax"``.
    ridge, time_limit, random_state
        As in `size_path`.

    Returns
    -------
    int
        Weights of the pair that are not zero.

    Raises
    ------
    ValueError
        If data or arguments are bad, there is no such pair, it is not the end of the module, it has fewer weights
        already, or no network of the path is small enough.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> module = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1))
    >>> X = torch.rand(200, 3)
    >>> prune_head(module, X, X[:, :1] - X[:, 1:2], 4, loss="squared", random_state=0) <= 4
    True
    """
    check_choice(loss, "loss", ("squared", "logistic", "softmax"))
    n_nonzeros = check_integer(n_nonzeros, "n_nonzeros", low=1)
    module = unwrapped(module)
    pair = layer_pairs(module)[-1]
    total = int(torch.count_nonzero(pair.incoming) + torch.count_nonzero(pair.outgoing))
    if n_nonzeros > total:
        raise ValueError(f"n_nonzeros = {n_nonzeros} is more than the {total} nonzero weights of {pair.name}")
    like = pair.incoming
    rows, targets = as_rows(X, "X").to(like), as_rows(y, "y")
    targets = targets.reshape(len(targets), -1).double().cpu().numpy()
    check_targets(targets, loss)
    with evaluating(module), torch.no_grad(), captured([pair.hidden, pair.output]) as calls:
        out = module(rows)
    features, left = calls[pair.hidden][0], calls[pair.output][1]
    if not isinstance(out, Tensor) or not torch.equal(out, left):
        raise ValueError(f"{pair.name} is not the end of the module; its last layers must be Linear -> ReLU -> Linear")
    path = size_path(
        features.double().cpu().numpy(),
        targets[:, 0] if loss == "softmax" else targets,
        loss=loss,
        ridge=ridge,
        affine=False,
        start=_network(pair),
        max_neurons=pair.n_neurons,
        time_limit=time_limit,
        random_state=random_state,
    )
    fitting = [network for network in path.networks if _n_weights(network) <= n_nonzeros]
    if not fitting:
        raise ValueError(f"no network of the path has at most {n_nonzeros} weights; give the path more time")
    _store(pair, fitting[0])
    return int(torch.count_nonzero(pair.incoming) + torch.count_nonzero(pair.outgoing))


def _network(pair: LayerPair) -> ReLUNetwork:
    """The pair, with a neuron that is 1 everywhere for the output's bias: the head has no affine part."""
    w, v = _array(pair.incoming), _array(pair.outgoing)
    b = np.zeros(len(w)) if pair.bias is None else _array(pair.bias)
    alive = pair.alive().cpu().numpy()
    w, b, v = w[alive], b[alive], v[alive]
    if pair.output.bias is not None and bool(pair.output.bias.any()):
        w, b = np.vstack([w, np.zeros(w.shape[1])]), np.append(b, 1.0)
        v = np.vstack([v, _array(pair.output.bias)])
    return ReLUNetwork(w, b, v)


def _n_weights(network: ReLUNetwork) -> int:
    """Weights beside those of constant neurons, which become biases."""
    hinges = network.input_weights.any(axis=1)
    return int(np.count_nonzero(network.input_weights) + np.count_nonzero(network.output_weights[hinges]))


@torch.no_grad()
def _store(pair: LayerPair, network: ReLUNetwork) -> None:
    """Put a network into the layers, constants into the biases, zeros where it has no neuron."""
    hinges = network.input_weights.any(axis=1)
    K = int(hinges.sum())
    constant = network.intercept + np.maximum(network.biases[~hinges], 0.0) @ network.output_weights[~hinges]
    if pair.hidden.bias is None:
        pair.hidden.bias = nn.Parameter(pair.incoming.new_zeros(pair.n_neurons))
    if pair.output.bias is None:
        pair.output.bias = nn.Parameter(pair.incoming.new_zeros(pair.output.out_features))
    for tensor, values in (
        (pair.incoming, network.input_weights[hinges]),
        (pair.hidden.bias, network.biases[hinges]),
        (pair.outgoing, network.output_weights[hinges]),
    ):
        tensor.zero_()
        tensor[:K] = torch.as_tensor(values).to(tensor)
    pair.output.bias.copy_(torch.as_tensor(constant))


def _array(tensor: Tensor) -> Array:
    values: Array = tensor.detach().double().cpu().numpy()
    return values
