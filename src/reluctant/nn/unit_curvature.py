"""What a weight of a layer costs, and how its unit is fitted again, with what enters the layer held fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reluctant.arrays import Array, Index, Mask
from reluctant.regression.deletions import downdate, inverse, regular
from reluctant.regression.gauss_newton import solved

DOWNDATED = 256
"""A unit with so many weights at most has a curvature of its own, down-dated after every deletion. Larger ones share
that of the mean unit and go by the costs at first: what goes that early is far from what stays."""
PLACES = 4
"""Places of a convolution looked at in each row."""


class Seen(NamedTuple):
    """What a layer saw: inputs (R, d + 1) with ones last, and the slopes of the loss by its outputs (R, K).

    A row of data has `n_places`, of which some are seen: those of a convolution, or of a sequence.
    """

    inputs: Tensor
    slopes: Tensor
    n_places: int = 1


def design(layer: Any, x: Tensor) -> Tensor:
    """What the weights of each unit multiply, one row for each place, ones last: (R, d + 1)."""
    if isinstance(layer, nn.Conv2d):
        patches = F.unfold(_padded(layer, x), layer.kernel_size, layer.dilation, 0, layer.stride)
        x = _some(patches.movedim(1, 2))
    x = x.reshape(-1, x.shape[-1])
    return torch.cat([x, x.new_ones(len(x), 1)], dim=1)


def _padded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    return F.pad(x, layer._reversed_padding_repeated_twice)


def per_place(layer: Any, slopes: Tensor) -> Tensor:
    """Slopes by what each unit passes on, rows as in `design`: (R, K)."""
    if isinstance(layer, nn.Conv2d):
        slopes = _some(slopes.flatten(2).movedim(1, 2))
    return slopes.reshape(-1, slopes.shape[-1])


def _some(places: Tensor) -> Tensor:
    """A few places of each row, the same ones every time."""
    kept = torch.randperm(places.shape[1], generator=torch.Generator().manual_seed(0))[:PLACES]
    return places[:, kept.to(places.device)]


def mean_slopes(slopes: Tensor) -> Tensor:
    """The same for every row of a unit: the root of the mean of their squares."""
    return slopes.square().mean(dim=0, keepdim=True).sqrt().expand_as(slopes)


def costs_of(layer: Any, seen: Seen, damping: float) -> Array:
    """What each weight is expected to cost a row when its turn has come, (K, d); −∞ for those that are gone.

    Slopes at different places are taken as independent.
    """
    weights = _with_bias(layer)
    n_inputs = weights.shape[1] - 1
    costs = np.full((len(weights), n_inputs), -np.inf)
    sizes = np.count_nonzero(weights[:, :-1], axis=1)
    strength = seen.slopes.square().mean(dim=0).double().cpu().numpy()
    bias = [] if layer.bias is None else [n_inputs]
    if (sizes > DOWNDATED).any():
        every = np.append(np.arange(n_inputs), bias).astype(int)
        shared = np.diag(inverse(regular(_gram(seen, every), damping)))
    for k, w in enumerate(weights):
        alive = np.flatnonzero(w[:-1])
        if sizes[k] > DOWNDATED:
            costs[k, alive] = 0.5 * strength[k] * w[alive] ** 2 / shared[alive]
            continue
        at = np.append(alive, bias).astype(int)
        gram = _gram(seen, at, k)
        # Of a unit that passes nothing on every weight is free.
        costs[k, alive] = deletion_costs(regular(gram, damping), w[at], alive.size) if gram.any() else 0.0
    return seen.n_places * costs


def deletion_costs(hessian: Array, w: Array, n: int) -> Array:
    """½ w² / (H⁻¹)_qq of each of the first n weights when it goes, the cheapest first, H⁻¹ down-dated each time."""
    C, expected, costs = inverse(hessian), w.copy(), np.zeros(n)
    alive, level = np.ones(n, dtype=bool), 0.0
    for _ in range(n):
        curvature = np.where(alive, np.diag(C)[:n], 1.0)  # what is gone has none
        cost = np.where(alive, 0.5 * expected[:n] ** 2 / np.maximum(curvature, 1e-300), np.inf)
        q = int(np.argmin(cost))
        level = max(level, float(cost[q]))  # a weight goes with those that went before it
        costs[q], alive[q] = level, False
        downdate(C, expected, q)
    return costs


def dearest(costs: Sequence[Array], target: int) -> list[Mask]:
    """The weights of the highest costs over all layers, so many of them."""
    every = np.concatenate([cost.ravel() for cost in costs])
    kept = np.zeros(every.size, dtype=bool)
    kept[np.argsort(-every, kind="stable")[:target]] = True
    ends = np.cumsum([cost.size for cost in costs])
    return [part.reshape(cost.shape) for part, cost in zip(np.split(kept, ends[:-1]), costs)]


def _gram(seen: Seen, at: Index, k: int | None = None) -> Array:
    """Mean of s² x̄ x̄ᵀ over the rows of unit k, for some of its weights; without a unit of x̄ x̄ᵀ."""
    x = seen.inputs[:, torch.as_tensor(at, device=seen.inputs.device)]
    x = x if k is None else x * seen.slopes[:, k : k + 1]
    return _products(x, x)


@torch.no_grad()
def refit_layer(layer: Any, before: Seen, now: Tensor, keep: Mask, damping: float) -> None:
    """Fit the weights that are kept, and the bias, to what each unit passed on before, from what enters now."""
    weights = _with_bias(layer)
    bias = [] if layer.bias is None else [weights.shape[1] - 1]
    shared = None
    if (keep.sum(axis=1) > DOWNDATED).any():
        shared = _products(now, now), _products(now, before.inputs)
    for k, w in enumerate(weights):
        at = np.append(np.flatnonzero(keep[k]), bias).astype(int)
        new = np.zeros_like(w)
        if at.size:
            if shared is not None and at.size > DOWNDATED:
                gram, pull = shared[0][np.ix_(at, at)], shared[1][at] @ w
            else:
                slopes = before.slopes[:, k : k + 1]
                rows = now[:, torch.as_tensor(at, device=now.device)] * slopes
                passed = before.inputs @ torch.as_tensor(w).to(now)[:, None]
                gram, pull = _products(rows, rows), _products(rows, passed * slopes)[:, 0]
            ridge = damping * np.trace(gram) / at.size
            solution = solved(gram, np.full(at.size, ridge), pull + ridge * w[at])
            new[at] = w[at] if solution is None else solution
        _store(layer, k, new)


def _products(left: Tensor, right: Tensor) -> Array:
    """Mean of x yᵀ over the rows."""
    mean: Array = (left.T @ right).double().cpu().numpy() / len(left)
    return mean


def _with_bias(layer: Any) -> Array:
    """Weights and bias of each unit, (K, d + 1); zero where there is no bias."""
    weight = layer.weight.detach().flatten(1)
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    both: Array = torch.column_stack([weight, bias]).double().cpu().numpy()
    return both


def _store(layer: Any, k: int, w: Array) -> None:
    new = torch.as_tensor(w).to(layer.weight)
    layer.weight[k] = new[:-1].reshape(layer.weight.shape[1:])
    if layer.bias is not None:
        layer.bias[k] = new[-1]
