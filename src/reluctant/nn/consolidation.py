"""Neurons that the data cannot tell apart become one: the same outputs at the data, no larger path norm.

Theorem. Let v_j = c v_i with c > 0, and let no data point lie strictly inside one half-space {u · x̄ > 0} and
strictly outside the other. Then replacing the two neurons by one, (u_i + c u_j, v_i), changes no output at the data
and raises Σ_k ‖v_k‖_p^p ‖w_k‖_p^p for no p in [0, 1]: at each point (z_i)_+ + c (z_j)_+ = (z_i + c z_j)_+ since z_i and
z_j do not have opposite signs, and |a + b|^p ≤ |a|^p + |b|^p. The sum is strictly inside, or outside, where one of the
two is, so whether it may be joined with a third follows from the signs of the two, without another look at the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from reluctant.arrays import Array
from reluctant.nn.checks import as_rows, check_finite_parameters
from reluctant.nn.layers import LayerPair, Pairs, layer_pairs, unwrapped
from reluctant.nn.removal import keep_neurons
from reluctant.nn.tracing import evaluating
from reluctant.objective import check_p, lp_power
from reluctant.validation import check_integer

Bools = NDArray[np.bool_]
_BLOCK = 65_536
_NEVER = -np.inf


@dataclass
class Crossings:
    """What the data say of K half-spaces.

    Attributes
    ----------
    active : ndarray of bool, shape (K,)
        Whether a data point lies strictly inside.
    crossed : ndarray of bool, shape (K, K)
        Whether a data point lies strictly inside the one and strictly outside the other, in either order.
    """

    active: Bools
    crossed: Bools

    @classmethod
    def of(cls, weights: Tensor, bias: Tensor | None, inputs: Iterable[Tensor]) -> Crossings:
        """Look at the inputs (n, d) of neurons w (K, d), b (K,), batch by batch."""
        found = cls.none(len(weights))
        for batch in inputs:
            found.add(weights, bias, batch)
        return found

    @classmethod
    def none(cls, K: int) -> Crossings:
        """Before any data."""
        return cls(np.zeros(K, bool), np.zeros((K, K), bool))

    @torch.no_grad()
    def add(self, weights: Tensor, bias: Tensor | None, inputs: Tensor) -> None:
        """Take in more data."""
        dtype = torch.promote_types(weights.dtype, torch.float32)
        z = inputs.to(dtype) @ weights.to(dtype).T
        if bias is not None:
            z += bias.to(dtype)
        inside, outside = z > 0, z < 0
        between = inside.T.float() @ outside.float() > 0
        self.active |= inside.any(dim=0).cpu().numpy()
        self.crossed |= (between | between.T).cpu().numpy()


@dataclass(frozen=True)
class Joined:
    """Which neurons stay, and what was added to them.

    Attributes
    ----------
    keep : ndarray of bool, shape (K,)
    hinges : ndarray, shape (K, c)
        u_k of those that stay, in the units of their own v_k.
    grown : ndarray of bool, shape (K,)
        Those that another was added to.
    """

    keep: Bools
    hinges: Array
    grown: Bools


def joined(hinges: Array, outgoing: Array, data: Crossings, *, p: float, n_counted: int, rtol: float) -> Joined:
    """Join what the theorem allows, the largest fall of the path norm first; leave out what is inactive at the data.

    Parameters
    ----------
    hinges : ndarray, shape (K, c)
        Rows u_k, their first `n_counted` entries counted in the path norm.
    outgoing : ndarray, shape (K, m)
        Rows v_k.
    data : Crossings
    p : float
        Exponent that decides the order; for no other does the norm rise either.
    rtol : float
        Largest difference of two output weights, relative to the largest of their neuron, that still counts as none.
    """
    size = np.abs(outgoing).max(axis=1)
    keep = data.active & (size > 0)
    size = np.where(size > 0, size, 1.0)
    direction, u = outgoing / size[:, None], hinges * size[:, None]
    crossed, grown = data.crossed.copy(), np.zeros(len(u), bool)
    norms, weight = lp_power(u[:, :n_counted], p, axis=1), lp_power(direction, p, axis=1)

    def falls(i: int) -> Array:
        """By how much the norm falls when i is joined with each other neuron; −∞ where it cannot be."""
        fall = np.full(len(u), _NEVER)
        if keep[i]:
            fits = np.flatnonzero(keep & ~crossed[i] & (np.abs(direction - direction[i]).max(axis=1) <= rtol))
            fits = fits[fits != i]
            apart, together = norms[i] + norms[fits], lp_power(u[fits, :n_counted] + u[i, :n_counted], p, axis=1)
            fall[fits] = weight[i] * (apart - together)
        return fall

    table = np.array([falls(i) for i in range(len(u))]).reshape(len(u), len(u))
    while table.size and table.max() > _NEVER:
        i, j = divmod(int(table.argmax()), len(u))
        if np.abs(u[j]).max() > np.abs(u[i]).max():  # u_j in the units of a tiny v_i would overflow
            i, j = j, i
        u[i] += u[j]
        crossed[i] |= crossed[j]
        crossed[:, i] = crossed[i]
        keep[j], grown[i] = False, True
        norms[i] = lp_power(u[i, :n_counted], p)
        table[j] = table[:, j] = _NEVER
        table[i] = table[:, i] = falls(i)
    return Joined(keep, u / size[:, None], grown & keep)


def consolidate(
    module: nn.Module,
    X: ArrayLike | Tensor | Iterator[Tensor],
    *,
    p: float = 0.5,
    pairs: Pairs | None = None,
    batch_size: int = _BLOCK,
) -> int:
    """Join hidden neurons that the data do not tell apart, in place; outputs at the data stay.

    Two neurons whose output weights are positive multiples of one another (for one output: of one sign) are added up,
    (w_i + c w_j, b_i + c b_j) with v_j = c v_i, if no row of X lies strictly inside the half-space of one and strictly
    outside that of the other; those that no row of X activates are removed. No output at the rows of X changes but by
    rounding, and Σ_k ‖v_k‖_p^p ‖w_k‖_p^p does not rise for any p in [0, 1]. Between the rows the function changes.
    Frozen weights (`requires_grad=False`) are changed as others are; name `pairs` to leave layers out.

    Parameters
    ----------
    module : torch.nn.Module
        With layer pairs as `layer_pairs` finds them. In deeper modules each pair is looked at with the inputs that
        reach it, and the sum over all paths through the network is what does not rise.
    X : array_like or Tensor, shape (N, ...), or an iterator over tensors
        Inputs of the module, all that matter; an iterator gives them batch by batch.
    p : float
        In [0, 1]: the pair whose sum has the smaller norm goes first.
    pairs : sequence of (hidden, output), optional
        As in `layer_pairs`.
    batch_size : int
        Rows looked at together; memory beside them grows with the square of the number of neurons.

    Returns
    -------
    int
        How many neurons there are fewer.

    Raises
    ------
    ValueError
        If X has a row that is not finite or does not fit the module, or a weight is not finite.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> with torch.no_grad():
    ...     _ = module[0].weight.fill_(1.0), module[0].bias.copy_(torch.tensor([-0.2, -0.6, -1.5]))
    ...     _ = module[2].weight.fill_(1.0)
    >>> X = torch.tensor([[0.0], [1.0], [2.0]])
    >>> before = module(X)
    >>> consolidate(module, X), torch.allclose(module(X), before)
    (1, True)
    """
    return consolidate_pairs(module, layer_pairs(module, pairs), X, p=check_p(p), bias=None, batch_size=batch_size)


def consolidate_pairs(
    module: nn.Module,
    pairs: Sequence[LayerPair],
    X: ArrayLike | Tensor | Iterator[Tensor],
    *,
    p: float,
    bias: bool | None,
    batch_size: int = _BLOCK,
    optimizer: torch.optim.Optimizer | None = None,
) -> int:
    """The same for pairs that are known, their state in an optimiser cut as `keep_neurons` does."""
    module = unwrapped(module)
    for pair in pairs:
        check_finite_parameters((f"a weight of {pair.name}", weight) for weight in (pair.hinges, pair.outgoing))
    batch_size = check_integer(batch_size, "batch_size", low=1)
    batches = _batches(module, X, batch_size)
    found = {pair.hidden: Crossings.none(pair.n_neurons) for pair in pairs}

    def look(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        found[layer].add(layer.weight, layer.bias, arguments[0].reshape(-1, layer.in_features))

    with _watched(module, found, look), torch.no_grad():
        for batch in batches:
            try:
                module(batch)
            except RuntimeError as error:
                shape = tuple(batch.shape[1:])
                raise ValueError(f"X has rows of shape {shape}, which do not fit the module: {error}") from error
    return sum(_apply(pair, found[pair.hidden], p, bias, optimizer) for pair in pairs)


@torch.no_grad()
def _apply(
    pair: LayerPair, data: Crossings, p: float, bias: bool | None, optimizer: torch.optim.Optimizer | None
) -> int:
    hinges, outgoing = (a.detach().double().cpu().numpy() for a in (pair.hinges, pair.outgoing))
    d = pair.hidden.in_features
    rtol = 4 * torch.finfo(pair.incoming.dtype).eps
    result = joined(hinges, outgoing, data, p=p, n_counted=d + int(pair.counts_bias(bias)), rtol=rtol)
    grown = torch.as_tensor(np.flatnonzero(result.grown), device=pair.incoming.device)
    sums = torch.as_tensor(result.hinges[result.grown]).to(pair.incoming)
    pair.incoming[grown] = sums[:, :d]
    if pair.bias is not None:
        pair.bias[grown] = sums[:, d]
    gone = int(np.count_nonzero(~result.keep))
    if gone:
        keep_neurons(pair, torch.as_tensor(result.keep, device=pair.incoming.device), optimizer)
    return gone


def _batches(module: nn.Module, X: ArrayLike | Tensor | Iterator[Tensor], batch_size: int) -> Iterator[Tensor]:
    like = next(module.parameters())
    if isinstance(X, Iterator):
        return (batch.to(like.device) for batch in X)
    rows = as_rows(X, "X")
    if not isinstance(X, Tensor):
        rows = (rows[:, None] if rows.dim() == 1 else rows).to(like.dtype)
    return (batch.to(like.device) for batch in rows.split(batch_size))


@contextmanager
def _watched(
    module: nn.Module, layers: Iterable[nn.Module], look: Callable[[nn.Module, tuple[Any, ...]], None]
) -> Iterator[None]:
    """Evaluate the module, its modes as they were afterwards, and see what reaches these layers."""
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        with evaluating(module):
            yield
    finally:
        for hook in hooks:
            hook.remove()
