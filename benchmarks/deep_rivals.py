"""What nn.ProximalOptimizer is compared with in deep networks: gradual pruning, factors, gates, torchao's PAT."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from deep_nets import Split, train, weights_of
from reluctant.nn import factorize, harden

EVERY = 3
"""Steps between two prunings."""
TUNED = 0.35
"""Share of the epochs with fixed zeros."""
Saliency = Callable[[Sequence[nn.Parameter], Any], list[Tensor]]


def magnitude(weights: Sequence[nn.Parameter], state: Any) -> list[Tensor]:
    """|w| (Zhu and Gupta 2018)."""
    return [w.detach().abs() for w in weights]


def magnitude_and_moment(weights: Sequence[nn.Parameter], state: Any) -> list[Tensor]:
    """|w|^1.5 √v, v Adam's second moment."""
    return [w.detach().abs() ** 1.5 * state[w]["exp_avg_sq"].sqrt() for w in weights]


def lamp(weights: Sequence[nn.Parameter], state: Any) -> list[Tensor]:
    """w² over the sum of the squares in its layer that are no smaller (Lee et al. 2021)."""
    scores = []
    for w in weights:
        square, order = w.detach().square().flatten().sort()
        score = torch.empty_like(square)
        score[order] = square / square.flip(0).cumsum(0).flip(0).clamp(min=1e-30)
        scores.append(score.view_as(w))
    return scores


SALIENCIES: dict[str, Saliency] = {"magnitude": magnitude, "|w|^1.5 sqrt(v)": magnitude_and_moment, "LAMP": lamp}


class Mask:
    """Which weights are left."""

    def __init__(self, module: nn.Module) -> None:
        self.weights = weights_of(module)
        self.kept = [torch.ones_like(w) for w in self.weights]

    @torch.no_grad()
    def apply(self) -> None:
        """Undo what an optimiser made of zeros."""
        for w, kept in zip(self.weights, self.kept):
            w.mul_(kept)

    @torch.no_grad()
    def shrink(self, scores: Sequence[Tensor], n_left: int) -> None:
        """Keep the n of the largest scores among those that are left."""
        masked = [torch.where(kept > 0, score, -1.0) for score, kept in zip(scores, self.kept)]
        least = torch.topk(torch.cat([score.flatten() for score in masked]), n_left).values[-1]
        self.kept = [((score >= least) & (kept > 0)).to(score.dtype) for score, kept in zip(masked, self.kept)]
        self.apply()


def train_pruned(
    module: nn.Module, split: Split, n_left: int, *, saliency: str, rate: float, epochs: float, seed: int
) -> None:
    """Gradual pruning over the whole network: the count falls along a cubic curve (Zhu and Gupta 2018)."""
    adam, mask = torch.optim.Adam(module.parameters(), rate, fused=True), Mask(module)
    total = sum(w.numel() for w in mask.weights)
    per_epoch = math.ceil(len(split.X) / 128)
    first, last = round(0.07 * epochs * per_epoch), round((1 - TUNED) * epochs * per_epoch)

    def after(step: int, _: float) -> None:
        mask.apply()
        if step == last or (first <= step < last and step % EVERY == 0):
            share = (step - first) / (last - first)
            keep = n_left + round((total - n_left) * (1 - share) ** 3)
            mask.shrink(SALIENCIES[saliency](mask.weights, adam.state), keep)

    train(module, adam, split, epochs=epochs, seed=seed, after_step=after)


def fine_tune(module: nn.Module, split: Split, *, rate: float, epochs: float, seed: int) -> None:
    """Adam with the zeros fixed."""
    zeros = [w.detach() == 0 for w in weights_of(module)]

    @torch.no_grad()
    def after(*_: Any) -> None:
        for w, zero in zip(weights_of(module), zeros):
            w.masked_fill_(zero, 0.0)

    adam = torch.optim.Adam(module.parameters(), rate, fused=True)
    train(module, adam, split, epochs=epochs, seed=seed + 1_000, after_step=after)


def train_factorised(
    module: nn.Module, split: Split, n_left: int, *, rate: float, decay: float, epochs: float, seed: int
) -> None:
    """Deep weight factorisation with D = 3 (Kolb et al. 2025): momentum, then the largest weights, fine-tuned."""
    factors = factorize(module, 3, by="weight", random_state=seed)
    decayed = {id(q) for q in factors}
    rest = [q for q in module.parameters() if id(q) not in decayed]
    groups = [{"params": factors, "weight_decay": decay}, {"params": rest}]
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9)
    train(module, optimizer, split, epochs=(1 - TUNED) * epochs, seed=seed)
    if not all(bool(torch.isfinite(q).all()) for q in factors):
        return  # it has diverged, which counts as it is
    harden(module, n_left=n_left)
    fine_tune(module, split, rate=2e-3, epochs=TUNED * epochs, seed=seed)


def train_gated(
    module: nn.Module, split: Split, n_left: int, *, rate: float, decay: float, epochs: float, seed: int
) -> None:
    """Two gates for each hidden unit and weight decay: momentum, then the largest units, fine-tuned."""
    factors = factorize(module, 3, by="unit")
    decayed = {id(q) for q in factors}
    rest = [q for q in module.parameters() if id(q) not in decayed]
    groups = [{"params": factors, "weight_decay": decay}, {"params": rest}]
    train(module, torch.optim.SGD(groups, lr=rate, momentum=0.9), split, epochs=(1 - TUNED) * epochs, seed=seed)
    harden(module, n_left=n_left)
    fine_tune(module, split, rate=2e-3, epochs=TUNED * epochs, seed=seed)


def train_units_pruned(
    module: nn.Module, split: Split, n_left: int, *, rate: float, by_layer: bool, epochs: float, seed: int
) -> None:
    """Gradual pruning of hidden units of a perceptron on the cubic curve.

    By layer: by ‖w_k‖, the same share of every layer. Else by ‖w_k‖ ‖v_k‖, which no rescaling changes, in all of them.
    """
    adam, weights = torch.optim.Adam(module.parameters(), rate, fused=True), weights_of(module)
    alive = [torch.ones(len(w), 1) for w in weights[:-1]]
    total = sum(len(rows) for rows in alive)
    per_epoch = math.ceil(len(split.X) / 128)
    first, last = round(0.07 * epochs * per_epoch), round((1 - TUNED) * epochs * per_epoch)

    def scores() -> list[Tensor]:
        norms = [(w * rows).norm(dim=1) for w, rows in zip(weights, alive)]
        if by_layer:
            return [norm.argsort().argsort() / len(norm) for norm in norms]
        return [norm * following.norm(dim=0) for norm, following in zip(norms, weights[1:])]

    @torch.no_grad()
    def after(step: int, _: float) -> None:
        if step == last or (first <= step < last and step % EVERY == 0):
            keep = n_left + round((total - n_left) * (1 - (step - first) / (last - first)) ** 3)
            found = scores()
            least = torch.topk(torch.cat(found), keep).values[-1]
            for rows, score in zip(alive, found):
                rows.mul_((score >= least)[:, None])
        for w, rows in zip(weights, alive):
            w.mul_(rows)

    train(module, adam, split, epochs=epochs, seed=seed, after_step=after)


def train_torch_pruning(module: nn.Module, split: Split, n_left: int, *, rate: float, epochs: float, seed: int) -> None:
    """Hidden units cut for good by Torch-Pruning on the cubic curve: group norms in all layers (Fang et al. 2023)."""
    import torch_pruning

    weights, per_epoch = weights_of(module), math.ceil(len(split.X) / 128)
    first, last = round(0.07 * epochs * per_epoch), round((1 - TUNED) * epochs * per_epoch)
    cuts = range(first, last + 1, per_epoch // 4)
    pruner = torch_pruning.pruner.BasePruner(
        module,
        split.X[:2],
        importance=torch_pruning.importance.GroupMagnitudeImportance(),
        global_pruning=True,
        pruning_ratio=1 - n_left / sum(len(w) for w in weights[:-1]),
        iterative_steps=len(cuts),
        iterative_pruning_ratio_scheduler=lambda ratio, n: [ratio * (1 - (1 - i / n) ** 3) for i in range(n + 1)],
        ignored_layers=[list(module.modules())[-1]],
    )
    adam = torch.optim.Adam(module.parameters(), rate, fused=True)

    def after(step: int, _: float) -> None:
        if step in cuts:
            pruner.step()
            adam.state.clear()  # parameters are new ones
            adam.param_groups[0]["params"] = list(module.parameters())

    train(module, adam, split, epochs=epochs, seed=seed, after_step=after)


class HardConcrete(nn.Module):
    """w z, z the stretched and cut concrete variable of a gate for each weight (Louizos et al. 2018)."""

    LOW, HIGH, TEMPERATURE = -0.1, 1.1, 2 / 3

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.log_odds = nn.Parameter(torch.randn_like(weight) * 0.01 + 2.2)  # nine in ten open

    def forward(self, weight: Tensor) -> Tensor:
        """The weight times its gate: drawn while training, in its median otherwise."""
        if self.training:
            u = torch.rand_like(weight).clamp(1e-6, 1 - 1e-6)
            z = torch.sigmoid((u.log() - (-u).log1p() + self.log_odds) / self.TEMPERATURE)
        else:
            z = torch.sigmoid(self.log_odds)
        return weight * (z * (self.HIGH - self.LOW) + self.LOW).clamp(0, 1)


def train_hard_concrete(
    module: nn.Module,
    split: Split,
    n_left: int,
    *,
    rate: float,
    rate_of_gates: float,
    decay: float,
    epochs: float,
    seed: int,
) -> None:
    """L0 regularisation by hard concrete gates, then the largest weights, fine-tuned."""
    layers = [layer for layer in module.modules() if getattr(layer, "weight", None) is not None]
    gates = [HardConcrete(layer.weight) for layer in layers]
    for layer, gate in zip(layers, gates):
        nn.utils.parametrize.register_parametrization(layer, "weight", gate)
    of_gates = [gate.log_odds for gate in gates]
    rest = [q for q in module.parameters() if not any(q is gate for gate in of_gates)]
    adam = torch.optim.Adam([{"params": rest}, {"params": of_gates, "lr": rate_of_gates}], rate, fused=True)

    def add_penalty(*_: Any) -> None:
        for gate in gates:  # the penalty's gradient, so that the loop is that of all
            p = torch.sigmoid(gate.log_odds.detach() - gate.TEMPERATURE * math.log(-gate.LOW / gate.HIGH))
            gate.log_odds.grad.add_(decay * p * (1 - p))

    adam.register_step_pre_hook(add_penalty)
    train(module, adam, split, epochs=(1 - TUNED) * epochs, seed=seed)
    module.eval()
    for layer in layers:
        nn.utils.parametrize.remove_parametrizations(layer, "weight")
    mask = Mask(module)
    mask.shrink(magnitude(mask.weights, None), n_left)
    fine_tune(module, split, rate=2e-3, epochs=TUNED * epochs, seed=seed)


def train_pat(
    module: nn.Module, split: Split, n_left: int, *, rate: float, decay: float, epochs: float, seed: int
) -> None:
    """The pruning-aware training of torchao: soft thresholds on a latent copy, then the largest weights, fine-tuned."""
    from torchao.prototype.pat import PruneOptimizer

    weights = weights_of(module)
    rest = [q for q in module.parameters() if q.dim() < 2]
    config = {"prox_type": "ProxLasso", "group_type": "ElemGrouper", "reg_lambda": decay}
    adam = torch.optim.Adam([{"params": weights, **config}, {"params": rest}], rate)
    per_epoch = math.ceil(len(split.X) / 128)
    optimizer = PruneOptimizer(adam, warmup_steps=round(0.07 * epochs * per_epoch))
    train(module, optimizer, split, epochs=(1 - TUNED) * epochs, seed=seed)
    mask = Mask(module)
    mask.shrink(magnitude(mask.weights, None), n_left)
    fine_tune(module, split, rate=2e-3, epochs=TUNED * epochs, seed=seed)
