"""The proximal step in the optimiser's own metric, for one output and for several, on any device.

With h_k = ‖v_k‖_p^p ‖w_k‖_p^p the step takes the optimiser's step on the loss and then, with its step lengths γ / D,

    w_k ← argmin_x ½ (x − w_k)² D / γ + α ‖v_k‖_p^p ‖x‖_p^p        v_k as it was before the step,
    v_k ← argmin_x ½ (x − v_k)² D / γ + α ‖w_k‖_p^p ‖x‖_p^p        w_k as it is now:

proximal alternating minimisation (Bolte, Sabach, Teboulle 2014) with one gradient for both blocks. Adding up what the
two minima gain shows that loss + α Σ_k h_k does not rise where D / γ is at least the Lipschitz constant of the gradient
along the step, which there is none across a kink. Where nothing moves, both blocks are stationary for that sum,
whatever D is.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from reluctant.nn.layers import LayerPair
from reluctant.nn.metric import step_length
from reluctant.nn.pair_step import Binding, group_of, row_norm
from reluctant.nn.prox import kernels, prox_power_

Lengths = tuple[Tensor | float, Tensor | float, Tensor | float]
"""γ / D for w, b and v; what has no bias has any number there."""


class MetricStep:
    """The step on weights w (K, d), biases b (K,), output weights v (K, m) and output bias (m,), where there are any.

    Parameters
    ----------
    counts_bias : bool
        Whether b_k is a coordinate of w_k.
    holds : bool
        Whether v_k, one output, stays at its value, which is ±1.
    """

    def __init__(self, counts_bias: bool, holds: bool) -> None:
        self.counts_bias, self.holds = counts_bias, holds
        self._tensors: tuple[Tensor | None, ...] = ()
        self._before: tuple[Tensor, Tensor] | None = None
        self._arrays: list[NDArray] | None = None
        """w, b, v, the output bias, which neurons were dead and v before the step, for the compiled loops."""

    def fresh(self) -> MetricStep:
        """The same, bound to nothing."""
        return MetricStep(self.counts_bias, self.holds)

    def bind(self, w: Tensor, b: Tensor | None, v: Tensor, intercept: Tensor | None) -> None:
        """Work on these tensors from now on."""
        self._tensors = w, b, v, intercept
        self._arrays = None
        if self.holds and w.dtype in (torch.float32, torch.float64):
            none = w.new_empty(0)
            tensors = w, none if b is None else b, v[:, 0], none if intercept is None else intercept
            if all(t.device.type == "cpu" and t.dtype == w.dtype for t in tensors):
                K, arrays = len(w), [t.detach().numpy() for t in tensors]
                self._arrays = [*arrays, np.empty(K, bool), np.empty(K, arrays[0].dtype)]

    @torch.no_grad()
    def remember(self, p: float) -> None:
        """Keep what the step needs of the iterate before the optimiser moves it."""
        if self._arrays is not None:
            w_, b_, v_, _, dead_, kept_ = self._arrays
            kernels().remember_held(w_, b_, v_, dead_, kept_)
            return
        w, b, v, _ = self._tensors
        assert w is not None
        assert v is not None
        dead = ~w.any(dim=1)
        if b is not None:
            dead &= b == 0
        if not self.holds:
            dead |= ~v.any(dim=1)
        self._before = dead, v.clone() if self.holds else power_sum(v, p)

    @torch.no_grad()
    def apply(self, alpha: float, p: float, lengths: Lengths) -> None:
        """Shrink what the optimiser left; neurons that were zero stay zero, with alpha = 0 only v is held."""
        if self._arrays is not None:
            w_length, b_length = (_as_array(length, like) for length, like in zip(lengths[:2], self._arrays))
            kernels().shrink_held(*self._arrays, w_length, b_length.reshape(-1), float(alpha), p, self.counts_bias)
            return
        (w, b, v, intercept), before = self._tensors, self._before
        assert w is not None
        assert v is not None
        assert before is not None
        dead, kept = before
        if self.holds:
            v.copy_(kept)
        if alpha:
            outgoing = 1.0 if self.holds else kept
            _shrink(w, alpha * outgoing, p, lengths[0])
            if b is not None and self.counts_bias:
                _shrink(b[:, None], alpha * outgoing, p, lengths[1])
            dead |= self._drop_constants(w, b, v, intercept)
            if not self.holds:
                incoming = power_sum(w, p)
                if b is not None and self.counts_bias:
                    incoming += power_sum(b[:, None], p)
                _shrink(v, alpha * incoming, p, lengths[2])
        for part in (w, None if b is None else b[:, None], None if self.holds else v):
            if part is not None:
                part.masked_fill_(dead[:, None], 0.0)
        if alpha and not self.holds:
            balance_(w, b, v)

    def _drop_constants(self, w: Tensor, b: Tensor | None, v: Tensor, intercept: Tensor | None) -> Tensor:
        """Neurons without counted weights: constants where the bias does not count, which an output bias takes."""
        gone = ~w.any(dim=1)
        if b is not None and self.counts_bias:
            gone &= b == 0
        elif b is not None and intercept is not None:
            intercept += (v * (b.clamp(min=0) * gone)[:, None]).sum(dim=0)
        return gone


class MetricPairStep:
    """The same for a layer pair, with the step lengths of its optimiser.

    With `holds` a neuron whose |v_k| is not 1 is rescaled to it first, with its gradient, which keeps the function.
    """

    def __init__(self, pair: LayerPair, counts_bias: bool, holds: bool, optimizer: Optimizer) -> None:
        self.pair, self.holds, self.optimizer = pair, holds, optimizer
        self._binding = Binding(pair, MetricStep(counts_bias, holds))
        if holds:
            fold_outputs_(pair)

    def refresh(self) -> None:
        """Look up the parameters, which have been replaced."""
        self._binding.refresh()

    def remember(self, alpha: float, p: float) -> None:  # as `apply` is told
        """Keep what the step needs of the iterate before the optimiser moves it."""
        if self.holds:
            fold_outputs_(self.pair)
        self._binding.step().remember(p)

    def apply(self, alpha: float, p: float) -> None:
        """Shrink what the optimiser left; a pair that it has not moved yet stays."""
        pair = self.pair
        lengths = [self._length(pair.hidden.weight), self._length(pair.hidden.bias), self._length(pair.output.weight)]
        if lengths[0] is None or lengths[2] is None:
            alpha = 0.0
        w, b, v = (1.0 if length is None else length for length in lengths)
        self._binding.step().apply(alpha, p, (w, b, v.T if isinstance(v, Tensor) else v))

    def _length(self, parameter: Tensor | None) -> Tensor | float | None:
        if parameter is None:
            return None
        length = step_length(
            self.optimizer, parameter, self.optimizer.param_groups[group_of(parameter, self.optimizer)]
        )
        return length[:, None] if isinstance(length, Tensor) and length.ndim == 1 else length


@torch.no_grad()
def fold_outputs_(pair: LayerPair) -> None:
    """Rescale every neuron of one output to |v_k| = 1, its gradient too; one with v_k = 0 becomes (w_k, b_k) = 0."""
    v = pair.outgoing
    size = v.abs()
    if bool((size == 1).all()):
        return
    v.copy_(torch.where(v < 0, -1.0, 1.0))
    for parameter, factor in ((pair.hidden.weight, size), (pair.hidden.bias, size[:, 0])):
        if parameter is not None:
            parameter.mul_(factor)
            if parameter.grad is not None:
                parameter.grad.div_(torch.where(factor == 0, 1.0, factor))


def power_sum(a: Tensor, p: float) -> Tensor:
    """‖a_k‖_p^p of every row, shape (K, 1); the number of nonzeros for p = 0."""
    a = a.abs()
    if p == 0:
        return torch.count_nonzero(a, dim=1)[:, None].to(a.dtype)
    return (a.sqrt() if p == 0.5 else a.pow(p)).sum(dim=1, keepdim=True)


def balance_(w: Tensor, b: Tensor | None, v: Tensor) -> None:
    """Rescale every neuron to ‖v_k‖ = ‖(w_k, b_k)‖, which changes neither the function nor h_k; half of one is none."""
    incoming = row_norm(w) if b is None else torch.hypot(row_norm(w), b.abs()[:, None])
    outgoing = row_norm(v)
    zero = (incoming == 0) | (outgoing == 0)
    factor = torch.sqrt(outgoing / incoming).masked_fill_(zero, 0.0)
    w.mul_(factor)
    if b is not None:
        b.mul_(factor[:, 0])
    v.mul_(torch.reciprocal(factor).masked_fill_(zero, 0.0))


def _as_array(length: Tensor | float, like: NDArray) -> NDArray:
    return length.numpy() if isinstance(length, Tensor) and like.size else np.full(like.shape, length, like.dtype)


def _shrink(a: Tensor, weight: Tensor | float, p: float, length: Tensor | float) -> None:
    tau = weight * length
    if not isinstance(tau, Tensor) or tau.shape != a.shape:
        tau = torch.as_tensor(tau, dtype=a.dtype, device=a.device).expand_as(a)
    prox_power_(a, tau.to(a.dtype), p)
