"""Joining neurons that share a kink, and comparing networks as functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reluctant.network import ReLUNetwork

Array = NDArray[np.float64]


def merge(network: ReLUNetwork, rtol: float, affine: bool) -> ReLUNetwork:
    """Join same-kink neurons; see `ReLUNetwork.merged`."""
    slope, intercept = network.slope.copy(), network.intercept.copy()
    incoming = np.column_stack([network.input_weights, network.biases])
    outgoing = network.output_weights
    if affine:
        constant = ~network.input_weights.any(axis=1)
        intercept += np.maximum(network.biases[constant], 0.0) @ outgoing[constant]
        incoming, outgoing = incoming[~constant], outgoing[~constant]
    hinge, scale = normalised_hinges(incoming)
    outgoing = outgoing * np.abs(scale)[:, None]
    opposite = scale < 0
    if affine:
        # v (−t)_+ = v (t)_+ − v t
        slope -= hinge[opposite, :-1].T @ outgoing[opposite]
        intercept -= hinge[opposite, -1] @ outgoing[opposite]
    else:
        hinge[opposite] *= -1.0
    group, first = groups_of_equal_rows(hinge, rtol)
    joined = np.zeros((len(first), outgoing.shape[1]))
    np.add.at(joined, group, outgoing)
    # A sum that is only the rounding of terms that cancel is no neuron.
    largest = np.zeros_like(joined)
    np.maximum.at(largest, group, np.abs(outgoing))
    joined[np.abs(joined) <= 4 * np.finfo(float).eps * largest] = 0.0
    kept = joined.any(axis=1)
    h = hinge[first][kept]
    return ReLUNetwork(h[:, :-1], h[:, -1], joined[kept], slope, intercept)


def same_function(f: ReLUNetwork, g: ReLUNetwork, rtol: float) -> bool:
    """Whether merged networks have the same hinges and coefficients within `rtol` of the largest ones."""
    if (f.n_inputs, f.n_outputs) != (g.n_inputs, g.n_outputs):
        return False
    f, g = merge(f, rtol, affine=True), merge(g, rtol, affine=True)
    h = np.concatenate([np.column_stack([n.input_weights, n.biases]) for n in (f, g)])
    h, scale = normalised_hinges(h)
    outgoing = np.concatenate([f.output_weights, -g.output_weights]) * np.abs(scale)[:, None]
    group, first = groups_of_equal_rows(h, rtol)
    difference = np.zeros((len(first), f.n_outputs))
    np.add.at(difference, group, outgoing)

    def close(difference: Array, *sizes: Array) -> bool:
        largest = max(np.max(np.abs(a), initial=0.0) for a in sizes)
        return bool(np.max(np.abs(difference), initial=0.0) <= rtol * largest)

    return (
        close(difference, outgoing)
        and close(f.slope - g.slope, f.slope, g.slope, outgoing)
        and close(f.intercept - g.intercept, f.intercept, g.intercept, outgoing)
    )


def normalised_hinges(incoming: Array) -> tuple[Array, Array]:
    """Return hinges (w, b) with largest entry in size +1 (the first of them), and the signed factors taken out."""
    if len(incoming) == 0:
        return incoming.copy(), np.zeros(0)
    at = np.argmax(np.abs(incoming), axis=1)
    scale = incoming[np.arange(len(incoming)), at]
    return incoming / np.where(scale == 0, 1.0, scale)[:, None], scale


def groups_of_equal_rows(rows: Array, rtol: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (group of every row, first row of every group); equal means no entry differs by more than `rtol`.

    Rows are ranked along one generic direction, in which equal rows are neighbours, then compared in full.
    """
    n = len(rows)
    group = np.full(n, -1, dtype=np.intp)
    first: list[int] = []
    if n == 0:
        return group, np.array(first, dtype=np.intp)
    direction = np.cos(1.0 + np.arange(rows.shape[1]))
    key = rows @ direction
    reach = rtol * np.abs(direction).sum() + 8 * np.finfo(float).eps * rows.shape[1]
    order = np.argsort(key, kind="stable")
    start = 0
    breaks = np.append(np.flatnonzero(np.diff(key[order]) > reach) + 1, n)
    for stop in breaks:
        cluster = sorted(order[start:stop].tolist())
        leaders: list[int] = []
        for i in cluster:
            for leader in leaders:
                if np.max(np.abs(rows[i] - rows[leader])) <= rtol:
                    group[i] = group[leader]
                    break
            else:
                group[i] = len(first)
                first.append(i)
                leaders.append(i)
        start = stop
    return group, np.array(first, dtype=np.intp)
