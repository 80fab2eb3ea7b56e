"""R networks as one tensor: gradients written out, steps of all runs at once, dead neurons compacted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.nn.consolidation import Crossings, joined
from reluctant.nn.layers import nonzero_neurons
from reluctant.nn.metric import step_length
from reluctant.nn.metric_step import MetricStep
from reluctant.nn.pair_step import ProximalStep
from reluctant.nn.settings import Shrinkage

_SMALL_TABLE = 1 << 16
"""Entries of X̄ up to which the compiled loop beats matrix products."""


@dataclass(frozen=True)
class Record:
    """The state of every run after `epoch` epochs; arrays (R,). The mean squared error is over rows and outputs."""

    epoch: int
    mse: Array
    n_neurons: NDArray[np.int64]
    n_parameters: NDArray[np.int64]


def initial_weights(
    d: int, n_neurons: int, generator: torch.Generator, dtype: torch.dtype = torch.float32, n_outputs: int = 1
) -> Tensor:
    """Rows (w_k, b_k, v_k), shape (K, d + 1 + m), with the distribution and random stream of `torch.nn.Linear`."""
    into, out = d**-0.5, n_neurons**-0.5
    w = torch.empty(n_neurons, d).uniform_(-into, into, generator=generator)
    b = torch.empty(n_neurons).uniform_(-into, into, generator=generator)
    v = torch.empty(n_outputs, n_neurons).uniform_(-out, out, generator=generator)
    return torch.column_stack([w, b, v.T]).to(dtype)


class Stack:
    """R networks as one tensor θ (R, K, d + 1 + m) whose rows are (w_k, b_k, v_k)."""

    def __init__(
        self,
        theta: Tensor,
        X: Tensor,
        y: Tensor,
        p: Array,
        alpha: Array,
        learning_rate: float,
        counts_bias: bool,
        weight_decay: float = 0.0,
        shrinkage: Shrinkage = Shrinkage(),  # noqa: B008  # frozen
    ) -> None:
        self.shrinkage, self.frozen = shrinkage, False
        self.holds = shrinkage.holds_output(theta.shape[2] - X.shape[1] - 1, default=True)
        if self.holds:
            theta = torch.cat(
                [theta[:, :, :-1] * theta[:, :, -1:].abs(), torch.where(theta[:, :, -1:] < 0, -1.0, 1.0)], 2
            )
        self.inputs = torch.column_stack([X, X.new_ones(len(X))])  # X̄, shape (N, d + 1)
        self._transposed = self.inputs.T.contiguous()
        self.targets = y.reshape(len(X), -1).T.contiguous()  # (m, N)
        self.p, self.alpha, self.steps = p, alpha, 0
        self._good = theta.clone()  # the last recorded state
        self._retired: dict[int, ReLUNetwork] = {}
        self.n_counted = X.shape[1] + int(counts_bias)
        self.theta = torch.nn.Parameter(theta.clone(), requires_grad=False)
        fused = theta.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW([self.theta], lr=learning_rate, weight_decay=weight_decay, fused=fused)
        self._compiled = self.n_counted, weight_decay
        plain = shrinkage.metric == "plain"
        settings = np.column_stack([alpha, p])
        self._groups = [
            _Group(
                slice(*runs),
                ProximalStep(self.n_counted) if plain else MetricStep(counts_bias, self.holds),
                *settings[runs[0]].tolist(),
            )
            for runs in _runs_of_equal(settings)
        ]
        self._bind()

    def _bind(self) -> None:
        """Give every group of runs with equal settings its part of θ, which is new."""
        for group in self._groups:
            w, b, v = self._parts(self.theta.data, group.runs)
            group.step.bind(w, b, v, None)

    def _parts(self, like: Tensor, runs: slice) -> tuple[Tensor, Tensor, Tensor]:
        """The part of some runs in a tensor of the shape of θ, as (K, d), (K,) and (K, m): views."""
        d = self.inputs.shape[1] - 1
        rows = like[runs].view(-1, like.shape[2])
        return rows[:, :d], rows[:, d], rows[:, d + 1 :]

    @property
    def incoming(self) -> Tensor:
        """(w_k, b_k), shape (R, K, d + 1): a view."""
        return self.theta[:, :, : self.inputs.shape[1]]

    @property
    def outgoing(self) -> Tensor:
        """v_k, shape (R, K, m): a view."""
        return self.theta[:, :, self.inputs.shape[1] :]

    @property
    def learning_rate(self) -> float:
        """Step length of Adam, to be set as a schedule asks."""
        return float(self.optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.optimizer.param_groups[0]["lr"] = value

    def freeze(self) -> None:
        """Fit what is left: from now on nothing is shrunk, and zeros stay zero."""
        self.frozen = True

    @torch.no_grad()
    def step(self, batch: Tensor | None = None, share: float = 1.0) -> None:
        """One step of Adam on the mean squared error of a batch, and one proximal step with this share of α."""
        self._gradient(batch)
        if self.frozen:
            zero = self.theta == 0
            share = 0.0
        if self.shrinkage.metric == "plain":
            self._plain_step(share)
        else:
            self._metric_step(share)
        if self.frozen:
            self.theta.masked_fill_(zero, 0.0)
        self.steps += 1

    @torch.no_grad()
    def advance(self, rates: Array, shares: Array) -> None:
        """Take one step on all rows for each learning rate and share of α; a negative share fixes the zeros for good.

        On the CPU, where v_k = ±1 and the table is small, in one compiled loop.
        """
        if self.holds and self.theta.device.type == "cpu" and self.inputs.numel() <= _SMALL_TABLE:
            theta, mean, square = (tensor.numpy() for tensor in (self.theta.data, *self._moments()))
            table = self._transposed.numpy(), self.targets[0].numpy()
            epochs().train(theta, mean, square, self.steps, *table, rates, shares, self.alpha, self.p, *self._compiled)
            self.optimizer.state[self.theta]["step"] += len(rates)
            self.steps += len(rates)
            self.frozen = self.frozen or bool((shares < 0).any())
            return
        for rate, share in zip(rates.tolist(), shares.tolist()):
            self.learning_rate = rate
            self.frozen = self.frozen or share < 0
            self.step(None, share)

    def _plain_step(self, share: float) -> None:
        groups = self._groups if share else []
        tau, kind = share * self.learning_rate, self.shrinkage.kind
        for _, step, alpha, p in groups:
            assert isinstance(step, ProximalStep)
            step.remember(alpha * tau, p, kind)
        self.optimizer.step()
        for _, step, alpha, p in groups:
            assert isinstance(step, ProximalStep)
            step.apply(alpha * tau, p, kind)

    def _metric_step(self, share: float) -> None:
        groups = self._groups if share or self.holds else []
        for _, step, _, p in groups:
            assert isinstance(step, MetricStep)
            step.remember(p)
        self.optimizer.step()
        length = step_length(self.optimizer, self.theta, self.optimizer.param_groups[0]) if share else self.theta
        assert isinstance(length, Tensor)
        for runs, step, alpha, p in groups:
            assert isinstance(step, MetricStep)
            w, b, v = self._parts(length, runs)
            step.apply(share * alpha, p, (w, b[:, None], v))

    def _hidden_of(self, inputs: Tensor) -> Tensor:
        """(w_k · x + b_k)_+ of every neuron, shape (R, K, N)."""
        R, K, _ = self.theta.shape
        hidden = torch.mm(self.incoming.reshape(R * K, -1), inputs.T)
        return hidden.clamp_(min=0).view(R, K, -1)

    def _gradient(self, batch: Tensor | None = None) -> None:
        inputs, targets = (self.inputs, self.targets) if batch is None else (self.inputs[batch], self.targets[:, batch])
        hidden = self._hidden_of(inputs)
        residual = torch.bmm(self.outgoing.mT, hidden).sub_(targets).mul_(2 / targets.numel())
        into_v = torch.zeros_like(self.outgoing) if self.holds else torch.bmm(hidden, residual.mT)
        active = hidden > 0
        into_hidden = torch.matmul(self.outgoing, residual, out=hidden).mul_(active)
        into_w = torch.mm(into_hidden.view(-1, len(inputs)), inputs).view_as(self.incoming)
        self.theta.grad = torch.cat([into_w, into_v], dim=2)

    def alive(self) -> Tensor:
        """Mask (R, K) of the neurons with v_k (w_k, b_k) ≠ 0."""
        return nonzero_neurons(self.incoming, self.outgoing)

    def counts(self, above: float = 0.0) -> tuple[Tensor, Tensor]:
        """Active neurons and their parameters, shapes (R,), as `ReLUNetwork` counts them if `above` is 0."""
        w, v = self.incoming.abs(), self.outgoing.abs()
        large_w = w * v.amax(dim=2, keepdim=True) > above
        large_v = v * w.amax(dim=2, keepdim=True) > above
        active = large_w.any(dim=2) if w.shape[2] > 2 else large_w[:, :, 0]
        parameters = large_w.sum(dim=2) + large_v.sum(dim=2) - 1
        return active.sum(dim=1), (parameters * active).sum(dim=1)

    def compact(self) -> None:
        """Drop as many dead neurons as every network has, where that saves a tenth of the work."""
        alive = self.alive()
        kept = max(1, int(alive.sum(dim=1).max()))
        if kept > 0.9 * alive.shape[1]:
            return
        order = torch.argsort(alive.logical_not().byte(), dim=1, stable=True)[:, :kept, None]
        order = order.expand(-1, -1, self.theta.shape[2])
        state, moments = self.optimizer.state[self.theta], self._moments()
        for name, moment in zip(("exp_avg", "exp_avg_sq"), moments):
            state[name] = moment.gather(1, order)
        self.theta.data = self.theta.data.gather(1, order)
        self.theta.grad = None
        self._bind()

    @torch.no_grad()
    def consolidate(self, rows: int) -> None:
        """Join the neurons of every run that the data do not tell apart, reading so many rows at a time.

        Adam goes on with the moments of the neuron that stays: where v_k = ±1 both have had nearly the same gradients.
        """
        inputs = self.inputs.split(rows)
        c, rtol = self.inputs.shape[1], 4 * torch.finfo(self.theta.dtype).eps
        for r in range(len(self.theta)):
            theta = self.theta.data[r]
            if not bool(torch.isfinite(theta).all()):
                continue  # `retire` is told by its error
            data = Crossings.of(theta[:, :c], None, inputs)
            u, v = (part.double().cpu().numpy() for part in (theta[:, :c], theta[:, c:]))
            result = joined(u, v, data, p=self.p[r], n_counted=self.n_counted, rtol=rtol)
            grown = torch.as_tensor(np.flatnonzero(result.grown), device=theta.device)
            theta[grown, :c] = torch.as_tensor(result.hinges[result.grown]).to(theta)
            gone = torch.as_tensor(np.flatnonzero(~result.keep), device=theta.device)
            theta[gone, :c] = 0.0
            if not self.holds:
                theta[gone] = 0.0
            for moment in self._moments():
                moment[r, gone] = 0.0

    @torch.no_grad()
    def record(self, epoch: int, count_above: float = 0.0, rows: int | None = None) -> Record:
        """Errors, computed on so many rows at a time, and counts of every network."""
        parts = zip(*(a.split(rows or len(self.inputs), dim) for a, dim in ((self.inputs, 0), (self.targets, 1))))
        squares = [(torch.bmm(self.outgoing.mT, self._hidden_of(x)) - y).square().sum(dim=(1, 2)) for x, y in parts]
        mse = torch.stack(squares).sum(dim=0) / self.targets.numel()
        neurons, parameters = self.counts(count_above)
        return Record(epoch, mse.double().cpu().numpy(), neurons.cpu().numpy(), parameters.cpu().numpy())

    @torch.no_grad()
    def retire(self, history: list[Record]) -> list[int]:
        """Stop the runs whose error is not finite with their state of the record before; returns their numbers.

        Their weights become zero, which no gradient moves, and the last record of `history` repeats the one before.
        """
        last = history[-1]
        lost = [r for r in np.flatnonzero(~np.isfinite(last.mse)).tolist() if r not in self._retired]
        for r in lost:
            self._retired[r] = self._network(self._good[r])
            for tensor in (self.theta.data, *self._moments()):
                tensor[r] = 0.0
        for r in self._retired:
            for field_name in ("mse", "n_neurons", "n_parameters") if len(history) > 1 else ():
                getattr(last, field_name)[r] = getattr(history[-2], field_name)[r]
        self._good = self.theta.data.clone()
        return lost

    def _moments(self) -> list[Tensor]:
        state = self.optimizer.state[self.theta]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(self.theta), torch.zeros_like(self.theta)
        return [state["exp_avg"], state["exp_avg_sq"]]

    def networks(self) -> list[ReLUNetwork]:
        """Every network, its dead neurons left out."""
        return [self._retired.get(r) or self._network(theta) for r, theta in enumerate(self.theta.data)]

    def _network(self, theta: Tensor) -> ReLUNetwork:
        d = self.inputs.shape[1] - 1
        rows = theta[nonzero_neurons(theta[:, : d + 1], theta[:, d + 1 :])].double().cpu().numpy()
        return ReLUNetwork(rows[:, :d], rows[:, d], rows[:, d + 1 :])


@cache
def epochs() -> Any:
    """The compiled loops, imported with numba on first use."""
    from reluctant.nn import _epochs

    return _epochs


class _Group(NamedTuple):
    """Runs with equal settings."""

    runs: slice
    step: ProximalStep | MetricStep
    alpha: float
    p: float


def _runs_of_equal(rows: Array) -> list[tuple[int, int]]:
    ends = [*(1 + np.flatnonzero((np.diff(rows, axis=0) != 0).any(axis=1))), len(rows)]
    return [(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends)]
