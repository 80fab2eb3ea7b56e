"""The training loop of the public notebooks, written again from their description as the thing to compare with.

It allocates at every step, keeps dead neurons, and leaves an unpenalised bias as it is when a neuron is rescaled.
The previous iterate is cloned; the high-dimensional notebook reads the current one by mistake (`aliased=True`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Published:
    """One model, one optimiser, one epoch at a time."""

    def __init__(
        self, d: int, n_neurons: int, *, p: float, alpha: float, lr: float, counts_bias: bool, aliased: bool = False
    ) -> None:
        self.hidden, self.output = nn.Linear(d, n_neurons), nn.Linear(n_neurons, 1, bias=False)
        self.adam = torch.optim.Adam([*self.hidden.parameters(), *self.output.parameters()], lr=lr)
        self.p, self.threshold, self.counts_bias, self.aliased = p, alpha * lr * p, counts_bias, aliased
        self.epoch = 0

    def step(self, X: Tensor, y: Tensor) -> Tensor:
        """One epoch; returns the loss before it."""
        v_old, w_old = self._weights()
        if not self.aliased:
            v_old = v_old.detach().clone()
        self.adam.zero_grad()
        loss = nn.functional.mse_loss(self.output(torch.relu(self.hidden(X))), y)
        loss.backward()
        self.adam.step()
        self.epoch += 1
        if self.epoch > 5:
            self._shrink((v_old * w_old).detach())
        return loss

    def _weights(self) -> tuple[Tensor, Tensor]:
        w = self.hidden.weight
        if self.counts_bias:
            w = torch.cat([w, self.hidden.bias[:, None]], dim=1)
        return self.output.weight.view(-1, 1), w if self.counts_bias else w.clone()

    @torch.no_grad()
    def _shrink(self, u_old: Tensor) -> None:
        C = self.threshold * u_old.abs().pow(self.p - 1)
        v, w = self._weights()
        u = v * w
        u = torch.where(u.abs() <= C, torch.zeros_like(u), u.abs() - C)
        norm = torch.linalg.vector_norm(u, dim=1)
        alive = norm >= 1e-6
        root = norm.sqrt().masked_fill(~alive, 1.0)
        balanced = (u / root[:, None]).masked_fill(~alive[:, None], 0.0)
        self.output.weight.data = (norm.sqrt() * v[:, 0].sign())[None, :]
        d = self.hidden.in_features
        self.hidden.weight.data = balanced[:, :d] * w[:, :d].sign()
        if self.counts_bias:
            self.hidden.bias.data = balanced[:, d] * w[:, d].sign()

    @torch.no_grad()
    def counts(self, threshold: float = 1e-6) -> tuple[int, int]:
        """Neurons and parameters with |v w| above the threshold."""
        v, w = self._weights()
        large = (v * w).abs() > threshold
        return int(large.any(dim=1).sum()), int(large.sum())
