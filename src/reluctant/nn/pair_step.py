"""The proximal step of one layer pair [NN, Algorithm 1], on any device and for any number of outputs.

Neuron k has the row ū_k = (w_k, b_k) of `incoming` (K, c), whose first `n_counted` entries are penalised, and the row
v_k of `outgoing` (K, m).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from reluctant.nn.layers import LayerPair
from reluctant.nn.prox import kernels, prox_power, reweighted_threshold_
from reluctant.nn.settings import Step

Map = Callable[[Tensor], Tensor]


def reweighted_maps(incoming: Tensor, outgoing: Tensor, n_counted: int, tau: float | Tensor, p: float) -> list[Map]:
    """Soft thresholds at τ p |u|^{p−1}, one map for the incoming magnitudes and one for the outgoing ones."""
    counted = incoming[:, :n_counted]
    thresholds = [reweighted_threshold_(counted * row_norm(outgoing), tau, p)]
    if outgoing.shape[-1] > 1:
        thresholds[0] *= relative_power(outgoing, p)
        thresholds.append(reweighted_threshold_(outgoing * row_norm(counted), tau, p).mul_(relative_power(counted, p)))
    return [partial(_shrunk, threshold) for threshold in thresholds]


def prox_maps(incoming: Tensor, outgoing: Tensor, n_counted: int, tau: float | Tensor, p: float) -> list[Map]:
    """Exact proximal maps of τ|u|^p, likewise."""
    if outgoing.shape[-1] == 1:
        return [partial(prox_power, tau=tau, p=p)]
    weights = tau * relative_power(outgoing, p), tau * relative_power(incoming[:, :n_counted], p)
    return [partial(prox_power, tau=weight, p=p) for weight in weights]


def _shrunk(threshold: Tensor, u: Tensor) -> Tensor:
    return (u - threshold).clamp_(min=0)


def shrink_and_balance_(
    incoming: Tensor, outgoing: Tensor, n_counted: int, maps: list[Map], intercept: Tensor | None = None
) -> None:
    """Apply the maps to |u|, then make ‖v_k‖ = ‖ū_k‖; where the bias does not count, constants go to the intercept."""
    u = incoming.abs() * row_norm(outgoing)
    counted = maps[0](u[:, :n_counted])
    u[:, :n_counted] = counted
    dead = ~counted.any(dim=1, keepdim=True)
    direction = torch.sign(outgoing)
    if outgoing.shape[-1] > 1:
        z = maps[1](outgoing.abs() * row_norm(incoming[:, :n_counted]))
        largest = outgoing.abs() == outgoing.abs().amax(dim=1, keepdim=True)
        z = torch.where(dead, outgoing.abs(), torch.where(z.any(dim=1, keepdim=True), z, largest.to(z.dtype)))
        direction = direction * _divided(z, row_norm(z))
    if n_counted < incoming.shape[-1]:
        b = incoming[:, -1:]
        if intercept is not None:
            intercept += (outgoing * b.clamp(min=0) * dead).sum(dim=0)
        else:
            dead &= b <= 0
        u.masked_fill_(dead, 0.0)
    root = row_norm(u).sqrt_()
    torch.copysign(_divided(u, root), incoming, out=incoming)
    torch.mul(direction, root, out=outgoing)


def row_norm(a: Tensor) -> Tensor:
    """‖a_k‖_2 of every row, shape (K, 1)."""
    return a.abs() if a.shape[-1] == 1 else torch.linalg.vector_norm(a, dim=1, keepdim=True)


def relative_power(a: Tensor, p: float) -> Tensor:
    """‖a / ‖a‖_2‖_p^p of every row, shape (K, 1); at least 1, and 1 for a row of zeros."""
    return _divided(a, row_norm(a)).abs_().pow_(p).sum(dim=1, keepdim=True).clamp_(min=1)


def _divided(a: Tensor, norm: Tensor) -> Tensor:
    return a / norm.masked_fill(norm == 0, 1.0)


class ProximalStep:
    """The step on neurons (w, b, v) in place: `remember` before the optimiser's step, `apply` after it.

    One output on the CPU goes to compiled loops, everything else to tensor operations.
    """

    def __init__(self, n_counted: int) -> None:
        self.n_counted = n_counted
        self._tensors: tuple[Tensor | None, ...] = ()
        self._arrays: list[Any] | None = None
        self._thresholds = np.empty((0, 0))
        self._maps: list[Map] = []

    def fresh(self) -> ProximalStep:
        """The same, bound to nothing."""
        return ProximalStep(self.n_counted)

    def bind(self, w: Tensor, b: Tensor | None, v: Tensor, intercept: Tensor | None) -> None:
        """Work on these tensors of shapes (K, d), (K,), (K, m), (m,) from now on; thresholds of equal shape stay."""
        self._tensors = w, b, v, intercept
        self._arrays = None
        compiled = v.shape[1] == 1 and w.dtype in (torch.float32, torch.float64)
        if compiled and all(t is None or (t.device.type == "cpu" and t.dtype == w.dtype) for t in self._tensors):
            none = w.new_empty(0)
            tensors = w, none if b is None else b, v[:, 0], none if intercept is None else intercept
            self._arrays = [t.detach().numpy() for t in tensors]
            shape, dtype = (len(w), self.n_counted), self._arrays[0].dtype
            if self._thresholds.shape != shape or self._thresholds.dtype != dtype:
                self._thresholds = np.empty(shape, dtype)

    def remember(self, tau: float, p: float, kind: Step) -> None:
        """Compute the thresholds from the iterate before the optimiser moves it."""
        if kind == "prox":
            return
        if self._arrays is not None:
            w, b, v, _ = self._arrays
            kernels().reweighted_thresholds(w, b, v, tau * p, p - 1, self._thresholds)
            return
        with torch.no_grad():
            _, _, v, _ = self._tensors
            self._maps = reweighted_maps(self._incoming(), v, self.n_counted, tau, p)

    def apply(self, tau: float, p: float, kind: Step) -> None:
        """Shrink the effective weights that the optimiser left, and balance the neurons."""
        if self._arrays is not None and kind == "reweighted":
            kernels().shrink_and_balance(*self._arrays, self._thresholds)
            return
        with torch.no_grad():
            (w, b, v, intercept), incoming = self._tensors, self._incoming()
            assert w is not None
            assert v is not None
            maps = prox_maps(incoming, v, self.n_counted, tau, p) if kind == "prox" else self._maps
            shrink_and_balance_(incoming, v, self.n_counted, maps, intercept)
            w.copy_(incoming[:, : w.shape[1]])
            if b is not None:
                b.copy_(incoming[:, -1])

    def _incoming(self) -> Tensor:
        """(w_k, b_k) or w_k, a copy."""
        return torch.column_stack([t for t in self._tensors[:2] if t is not None])


class PairStep:
    """The proximal step of a layer pair, whose parameters may move in memory or be replaced."""

    holds = False
    """Whether the output weights stay at ±1."""

    def __init__(self, pair: LayerPair, counts_bias: bool, kind: Step, optimizer: Optimizer) -> None:
        self.pair, self.kind, self.optimizer = pair, kind, optimizer
        self._group = group_of(pair.hidden.weight, optimizer)
        self._binding = Binding(pair, ProximalStep(pair.hidden.in_features + int(counts_bias)))

    def refresh(self) -> None:
        """Look up the parameters, which have been replaced."""
        self._binding.refresh()

    def remember(self, alpha: float, p: float) -> None:
        """Compute the thresholds from the iterate before the optimiser moves it."""
        self._tau = alpha * float(self.optimizer.param_groups[self._group]["lr"])
        self._binding.step().remember(self._tau, p, self.kind)

    def apply(self, alpha: float, p: float) -> None:  # as `remember` was told
        """Shrink the effective weights that the optimiser left, and balance the neurons."""
        self._binding.step().apply(self._tau, p, self.kind)


class Bindable(Protocol):
    """A step on tensors."""

    def bind(self, w: Tensor, b: Tensor | None, v: Tensor, intercept: Tensor | None) -> None:
        """Work on these tensors from now on."""

    def fresh(self) -> Self:
        """The same, bound to nothing."""


S = TypeVar("S", bound=Bindable)


class Binding(Generic[S]):
    """A step on the tensors of a layer pair, wherever they lie."""

    def __init__(self, pair: LayerPair, step: S) -> None:
        self.pair, self._step = pair, step
        self.refresh()

    def refresh(self) -> None:
        """Look up the parameters, which have been replaced."""
        pair = self.pair
        weights = pair.hidden.weight, pair.hidden.bias, pair.output.weight, pair.output.bias
        self._weights = [weight for weight in weights if weight is not None]
        self._addresses: list[int] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_step": self._step.fresh(), "_addresses": []}

    def step(self) -> S:
        """The step, bound anew if an address has changed; what is bound is not freed, so no address comes twice."""
        addresses = [weight.data_ptr() for weight in self._weights]
        if addresses != self._addresses:
            pair, self._addresses = self.pair, addresses
            weights = pair.incoming, pair.bias, pair.outgoing, pair.output.bias
            self._step.bind(*(None if weight is None else weight.detach() for weight in weights))
        return self._step


def group_of(parameter: Tensor, optimizer: Optimizer) -> int:
    """Index of the parameter group that holds a parameter."""
    groups = enumerate(optimizer.param_groups)
    return next(i for i, group in groups if any(member is parameter for member in group["params"]))
