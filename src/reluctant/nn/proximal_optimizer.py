"""Any module, weight by weight: an optimiser, followed by the proximal map of α|w|^p in the optimiser's own metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reluctant.nn.metric import StepScale, check_metric, step_scale
from reluctant.nn.settings import Metric, Shrinkage, checked_as
from reluctant.nn.steering import Ramp, Steering, Strength
from reluctant.nn.weight_groups import WeightGroup, resolved
from reluctant.nn.weight_step import hold_zeros_, shrink_
from reluctant.nn.wrapping import WrappedOptimizer, check_optimizer, check_owned

_BEGIN = 1e-3
"""Steering begins with this share of the α that makes the middle weight zero in one step, about."""


class ProximalOptimizer(WrappedOptimizer):
    """Wrap an optimiser so that every step is followed by a proximal step of loss + Σ_i α |w_i|^p over single weights.

    Each weight takes the exact proximal map of α|w|^p with the step length that the optimiser has for this very weight,
    γ / (√v̂ + ε) for Adam and γ for SGD; so weights become exactly zero, and return where the loss asks for it. It
    suits any module: Linear, convolutions, embeddings, whatever the activation. Biases and norms are skipped unless a
    group names them; `skipped` lists what is not shrunk.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Adam, AdamW, RMSprop, Adagrad or SGD; with the plain metric any but LBFGS. It must own the weights.
    module : torch.nn.Module
        May be wrapped in ``DistributedDataParallel`` or compiled.
    p : float
        In [0, 1]; 1/2, 2/3, 0 and 1 are the fast ones. 0 shrinks nothing that it keeps.
    alpha : float, optional
        Weight of the penalty, which grows as the square of the share done of the ramp.
    target : int, optional
        Number of weights to leave, for which α is steered; in the place of `alpha`. The number falls along the ramp,
        evenly in its logarithm, then stays: at the target nothing is shrunk. Where a module is sparse already, most of
        its zeros come back at first, since α begins small; `freeze` at once to keep them.
    groups : sequence of WeightGroup, optional
        Groups of weights, each with its own p and its own α or target, in the place of p, alpha and target; what is in
        none is not shrunk.
    warmup_steps : int
        Plain steps before the first shrinkage.
    ramp_steps : int
        Steps after those over which α grows, or the number of weights falls.
    metric : {"optimizer", "plain"}
        What thresholds are scaled by: the optimiser's step length, or the learning rate alone.

    Attributes
    ----------
    module : torch.nn.Module
    frozen : bool
        Whether `freeze` was called.
    skipped : tuple of str
        Parameters that are trained and not shrunk.

    Raises
    ------
    ValueError
        If an argument is out of range, the module has no weights to shrink, one is frozen, shared, parametrised, not
        finite or not owned by the optimiser, or its gradient is sparse; for LBFGS; if the metric of the optimiser is
        not known.
    FloatingPointError
        In `step`, if the loss of a closure or a gradient is NaN or infinite; nothing has changed then.

    Notes
    -----
    Where optimiser and proximal step come to rest, ∇L + α p |w|^{p−1} sign w = 0 in all weights that are not zero: a
    stationary point of loss + α Σ|w|^p whatever the optimiser (without decoupled weight decay), since the scales of
    both halves cancel. With the plain metric it is one for α D, another weight for each. A zero stays where the step
    that the optimiser takes from it does not pass the jump of the map, c_p (α γ / D)^{1/(2−p)}: small learning rates
    lock zeros in.

    No theorem says that what is found is sparsest.

    Zeros are those of single weights, which save memory and no time in PyTorch's dense products.

    Several processes: give it the wrapped module; every rank takes the same step from the same averaged gradients. On
    an accelerator a step with a target waits for the device once for each weight tensor, to count.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> X = torch.rand(64, 20)
    >>> y = X[:, :1] - X[:, 1:2]
    >>> module = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 1))
    >>> adam = torch.optim.Adam(module.parameters(), lr=0.01)
    >>> optimizer = ProximalOptimizer(adam, module, target=40, ramp_steps=300)
    >>> for step in range(600):
    ...     if step == 400:
    ...         optimizer.freeze()
    ...     optimizer.zero_grad()
    ...     (module(X) - y).square().mean().backward()
    ...     _ = optimizer.step()
    >>> optimizer.n_nonzeros() <= 40, optimizer.skipped
    (True, ('0.bias', '2.bias'))
    """

    KEY = "proximal_optimizer"

    def __init__(
        self,
        optimizer: Optimizer,
        module: nn.Module,
        *,
        p: float = 2 / 3,
        alpha: float | None = None,
        target: int | None = None,
        groups: Sequence[WeightGroup] | None = None,
        warmup_steps: int = 0,
        ramp_steps: int = 0,
        metric: Metric = "optimizer",
    ) -> None:
        check_optimizer(optimizer, module, "ProximalOptimizer")
        if not isinstance(module, nn.Module):
            raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
        self.shrinkage = Shrinkage(warmup_steps=warmup_steps, ramp_steps=ramp_steps, metric=metric)
        if groups is None:
            groups = [WeightGroup(p=p, alpha=alpha, target=target)]
        elif alpha is not None or target is not None:
            raise ValueError("groups have their own alpha or target; give none beside them")
        if not isinstance(groups, Sequence):
            raise ValueError(f"groups must be a sequence of WeightGroup, got {type(groups).__name__}")
        self.groups = tuple(checked_as(WeightGroup, group, "every one of groups") for group in groups)
        if not self.groups:
            raise ValueError("groups must hold at least one WeightGroup")
        members = resolved(module, self.groups)
        check_owned(optimizer, [named for found in members for named in found.items()])
        if metric == "optimizer":
            check_metric(optimizer)
        super().__init__(optimizer, module)
        self._blocks = [_Block(group, found, self) for group, found in zip(self.groups, members)]
        shrunk = {id(weight) for found in members for weight in found.values()}
        trained = [(name, q) for name, q in module.named_parameters() if q.requires_grad]
        self.skipped = tuple(name for name, parameter in trained if id(parameter) not in shrunk)

    def __repr__(self) -> str:
        groups = "; ".join(str(block) for block in self._blocks)
        skipped = f", skipped: {', '.join(self.skipped)}" if self.skipped else ""
        return (
            f"ProximalOptimizer({type(self.optimizer).__name__}, metric={self.shrinkage.metric!r}, {groups}{skipped})"
        )

    @property
    def strengths(self) -> tuple[float, ...]:
        """The α of every group in the next step; 0 during the warm-up, after `freeze`, and before steering began."""
        share = 0.0 if self.frozen else self.shrinkage.share(self.steps)
        return tuple((block.strength.alpha(share) or 0.0) if share else 0.0 for block in self._blocks)

    @torch.no_grad()
    def n_nonzeros(self) -> int:
        """How many of the weights that are shrunk are not zero."""
        return sum(block.n_nonzeros() for block in self._blocks)

    @torch.no_grad()
    def freeze(self) -> None:
        """Fit what is left: from now on nothing is shrunk, and weights that are zero stay zero.

        Of a group with more weights than its target the smallest |w| are cut first. Their number is then at most the
        target.
        """
        if not self.frozen:
            for block in self._blocks:
                block.cut()
        self.frozen = True

    def _penalised(self) -> Iterator[Tensor]:
        for block in self._blocks:
            yield from block.weights

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        share = 0.0 if self.frozen else self.shrinkage.share(self.steps)
        living = [
            block.living() if self.frozen or (share and block.needs_living(share)) else None for block in self._blocks
        ]
        result = self.optimizer.step(closure)
        with torch.no_grad():
            for block, masks in zip(self._blocks, living):
                if self.frozen and masks is not None:
                    block.hold_zeros(masks)
                elif share:
                    block.shrink(share, masks)
        return result

    def _own_state(self) -> dict[str, Any]:
        return {**super()._own_state(), "strengths": [block.strength.state() for block in self._blocks]}

    def _check_own_state(self, own: dict[str, Any]) -> None:
        ours = [block.strength.state().keys() for block in self._blocks]
        if [state.keys() for state in own["strengths"]] != ours:
            raise ValueError(
                "state_dict was saved with other groups; construct ProximalOptimizer with those it was saved with"
            )

    def _load_own_state(self, own: dict[str, Any]) -> None:
        super()._load_own_state(own)
        for block, state in zip(self._blocks, own["strengths"]):
            block.strength.load(state)


class _Block:
    """The weights of a group, and what shrinks them."""

    def __init__(self, group: WeightGroup, members: dict[str, nn.Parameter], owner: ProximalOptimizer) -> None:
        self.group, self.owner = group, owner
        self.names, self.weights = tuple(members), list(members.values())
        places = {id(q): i for i, held in enumerate(owner.param_groups) for q in held["params"]}
        self._places = [places[id(weight)] for weight in self.weights]
        self.strength: Strength
        if group.target is None:
            assert group.alpha is not None
            self.strength = Ramp(group.alpha)
        else:
            self.strength = Steering(group.target, self.n_nonzeros(), owner.shrinkage.ramp_steps)

    def __str__(self) -> str:
        group = self.group
        aim = f"alpha={group.alpha:g}" if group.target is None else f"target={group.target}"
        return f"p={group.p:.3g}, {aim}, weights: {', '.join(self.names)}"

    def n_nonzeros(self) -> int:
        """How many weights are not zero."""
        return sum(int(torch.count_nonzero(weight)) for weight in self.weights)

    def living(self) -> list[Tensor]:
        """Where weights are not zero."""
        return [weight.detach().bool() for weight in self.weights]

    def needs_living(self, share: float) -> bool:
        """Whether the step must know which weights were not zero before it."""
        return self.strength.spares_living or self.strength.alpha(share) is None

    def hold_zeros(self, living: list[Tensor]) -> None:
        """Undo what the optimiser made of zeros."""
        for weight, mask in zip(self.weights, living):
            hold_zeros_(weight, mask)

    def shrink(self, share: float, living: list[Tensor] | None) -> None:
        """Take the proximal map of what the optimiser left, except where `living` is set, if it is given."""
        scales = [self._scale(weight, place) for weight, place in zip(self.weights, self._places)]
        alpha = self.strength.alpha(share)
        if alpha is None:
            alpha = self._first_alpha(scales, living)
            if alpha is None:
                return
            self.strength.begin(alpha)
        left = 0
        for i, (weight, scale) in enumerate(zip(self.weights, scales)):
            if scale is None or alpha == 0:
                left += int(torch.count_nonzero(weight))
            else:
                left += shrink_(weight, scale, alpha, self.group.p, None if living is None else living[i])
        self.strength.update(left, share)

    def cut(self) -> None:
        """Set the smallest weights to zero where there are more than the target."""
        if self.group.target is None or self.n_nonzeros() <= self.group.target:
            return
        sizes = torch.cat([weight.detach().abs().flatten().to(self.weights[0].device) for weight in self.weights])
        kept = torch.zeros_like(sizes, dtype=torch.bool)
        kept[torch.topk(sizes, self.group.target).indices] = True
        for weight, part in zip(self.weights, kept.split([weight.numel() for weight in self.weights])):
            weight.masked_fill_(~part.view_as(weight).to(weight.device), 0.0)

    def _scale(self, weight: Tensor, place: int) -> StepScale | None:
        """The scale of the last step; None where the optimiser has taken none."""
        held = self.owner.param_groups[place]
        if weight.grad is None:
            return None
        if self.owner.shrinkage.metric == "plain":
            return StepScale(held["lr"])
        return step_scale(self.owner.optimizer, weight, held)

    def _first_alpha(self, scales: list[StepScale | None], living: list[Tensor] | None) -> float | None:
        """A small share of the median of |w|^{2−p} D / γ, which would make half of the weights zero, about."""
        ratios = []
        for i, (weight, scale) in enumerate(zip(self.weights, scales)):
            if scale is not None:
                ratio = weight.detach().abs().float().pow(2 - self.group.p) / scale.length()
                usable = torch.isfinite(ratio) & (ratio > 0)
                if living is not None:  # the others are what this very step has made of zeros
                    usable &= living[i]
                ratios.append(ratio[usable].to(self.weights[0].device))
        found = torch.cat(ratios) if ratios else self.weights[0].new_empty(0)
        return _BEGIN * float(found.median()) if len(found) else None
