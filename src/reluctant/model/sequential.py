"""A network as two layers with a ReLU between, for formats and tools that know no skip connection."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork


class Layers(NamedTuple):
    """y = V (W x + b)_+ + c."""

    W: Array  # (K, d)
    b: Array  # (K,)
    V: Array  # (m, K)
    c: Array  # (m,)


def hidden_and_output(network: ReLUNetwork, biases: Array | None = None) -> Layers:
    """The neurons that have an effect, with other biases if given, and what they add up to beside the affine part.

    Examples
    --------
    >>> layers = hidden_and_output(ReLUNetwork([[1.0], [1.0]], [0.0, 0.0], [2.0, 0.0], slope=[3.0], intercept=4.0))
    >>> layers.W.tolist(), layers.V.tolist(), layers.c.tolist()
    ([[1.0]], [[2.0]], [4.0])
    """
    read = (network.input_weights != 0).any(axis=1) | (network.biases > 0)
    keep = read & (network.output_weights != 0).any(axis=1)
    b = network.biases if biases is None else biases
    return Layers(network.input_weights[keep], b[keep], network.output_weights[keep].T, network.intercept)


def sequential_layers(network: ReLUNetwork) -> Layers:
    """The whole network: s · x of an output is (s · x)_+ − (−s · x)_+, so its affine part takes two more neurons.

    Examples
    --------
    >>> sequential_layers(ReLUNetwork([[1.0]], [0.0], [2.0], slope=[3.0], intercept=4.0)).W.tolist()
    [[1.0], [3.0], [-3.0]]
    """
    layers = hidden_and_output(network)
    sloped = np.flatnonzero((network.slope != 0).any(axis=0))
    slopes = network.slope[:, sloped].T
    out = np.zeros((network.n_outputs, len(sloped)))
    out[sloped, np.arange(len(sloped))] = 1.0
    return Layers(
        np.vstack([layers.W, slopes, 0.0 - slopes]),
        np.concatenate([layers.b, np.zeros(2 * len(sloped))]),
        np.hstack([layers.V, out, 0.0 - out]),
        layers.c,
    )
