"""The training loop of the public notebooks, written again from their description as the thing to compare with.

It allocates at every step, keeps dead neurons, and leaves an unpenalised bias as it is when a neuron is rescaled.
The previous iterate is cloned; the high-dimensional notebook reads the current one by mistake (`aliased=True`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SEED = 20
"""Seed of the published runs: from it the notebooks' loop, slips included, ends at the counts of all their ℓp runs.
Those of AdamW and of no penalty hang on rounding: AdamW on peak and plateau ends at 44 neurons, published are 46."""
THRESHOLD = 1e-6
"""Above this |v w| the notebooks call a parameter nonzero."""


class Published:
    """One model, one optimiser, one epoch at a time; without p the optimiser alone."""

    def __init__(
        self,
        d: int,
        n_neurons: int,
        *,
        p: float | None,
        alpha: float,
        lr: float,
        counts_bias: bool,
        aliased: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.hidden, self.output = nn.Linear(d, n_neurons), nn.Linear(n_neurons, 1, bias=False)
        self.adam = torch.optim.AdamW(
            [*self.hidden.parameters(), *self.output.parameters()], lr=lr, weight_decay=weight_decay
        )
        self.p, self.alpha, self.lr, self.counts_bias, self.aliased = p, alpha, lr, counts_bias, aliased
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
        if self.p is not None and self.epoch > 5:
            self._shrink((v_old * w_old).detach(), self.p)
        return loss

    def _weights(self) -> tuple[Tensor, Tensor]:
        w = self.hidden.weight
        if self.counts_bias:
            w = torch.cat([w, self.hidden.bias[:, None]], dim=1)
        return self.output.weight.view(-1, 1), w if self.counts_bias else w.clone()

    @torch.no_grad()
    def _shrink(self, u_old: Tensor, p: float) -> None:
        C = self.alpha * self.lr * p * u_old.abs().pow(p - 1)
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
    def counts(self, threshold: float = THRESHOLD) -> tuple[int, int]:
        """Neurons and parameters with |v w| above the threshold."""
        v, w = self._weights()
        large = (v * w).abs() > threshold
        return int(large.any(dim=1).sum()), int(large.sum())


@dataclass(frozen=True)
class Ended:
    """Counts of one published run at its end."""

    n_neurons: int
    n_parameters: int
    mse: float


def published_runs(
    X: NDArray,
    y: NDArray,
    generator: torch.Generator,
    *,
    n_neurons: int,
    alpha: float,
    bias: bool,
    aliased: bool,
    epochs: int,
) -> list[Ended]:
    """Adam, AdamW and p = 0.4 and 0.7 as the notebooks train them, from the weights that the generator gives next."""
    inputs, targets = torch.as_tensor(X, dtype=torch.float32).reshape(len(X), -1), torch.as_tensor(y).float()[:, None]
    methods: tuple[dict[str, Any], ...] = ({"p": None}, {"p": None, "weight_decay": alpha}, {"p": 0.4}, {"p": 0.7})
    ended = []
    for method in methods:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(generator.get_state())
            loop = Published(
                inputs.shape[1], n_neurons, alpha=alpha, lr=0.01, counts_bias=bias, aliased=aliased, **method
            )
        for _ in range(epochs):
            loss = loop.step(inputs, targets)
        neurons, parameters = loop.counts()
        ended.append(Ended(neurons, parameters, loss.item()))
    return ended
