"""Algorithm 1: any optimiser, followed by a proximal step on the effective weights [NN, Algorithm 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reluctant.nn.penalty import LayerPair, layer_pairs
from reluctant.nn.prox import prox_power, reweighted_threshold_, soft_threshold
from reluctant.nn.surgery import keep_neurons
from reluctant.objective import check_p
from reluctant.validation import check_number

Step = Literal["reweighted", "prox"]


class ReweightedL1(Optimizer):
    """Wrap an optimiser so that every step is one of Algorithm 1, for the objective loss + α Σ_k ‖v_k w_k‖_p^p [NN].

    A step takes the optimiser's step on the loss, then shrinks each effective weight u = v_k w_ki by
    C = α γ p |u_before|^{p−1}, γ the learning rate of its parameter group, sets it to exactly zero where |u| ≤ C, and
    balances ‖v_k‖ = ‖(w_k, b_k)‖ without changing the function. Zeros stay zero for p < 1. Neurons that have become
    zero are dead; `remove_dead` takes them out of the module and of the optimiser.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Adam, AdamW, SGD with momentum, ...; it must own the parameters of the hidden layers.
    module : torch.nn.Module
        Its layer pairs are penalised, see `layer_pairs`; may be wrapped in ``DistributedDataParallel``.
    p : float
        In (0, 1].
    alpha : float
        Weight of the path norm, the paper's λ.
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    warmup_steps : int
        Plain steps before the first shrinkage; the paper takes 5.
    ramp_steps : int
        Steps after those over which α grows linearly to its value.
    step : {"reweighted", "prox"}
        ``prox`` replaces the soft threshold by the exact proximal map of αγ|u|^p.

    Attributes
    ----------
    p, alpha : float
        May be changed between steps, as a continuation in p does.

    Raises
    ------
    ValueError
        If p or alpha is out of range, the module has no layer pair, or one of its parameters is frozen, shared,
        parametrised or not owned by the optimiser; or for LBFGS.

    Notes
    -----
    Several outputs: the incoming weights are shrunk as above with ‖v_k‖_2 for |v_k| and C times ‖v̂_k‖_p^p, where
    v̂_k = v_k / ‖v_k‖_2; the outgoing ones likewise with the roles exchanged, then scaled back to their norm, so that
    only the direction v̂_k gets sparser, down to its largest entry. With one output this is Algorithm 1.
    In deeper networks each layer pair takes this step on its own; no theorem on sparsest networks is known there.

    Where the bias does not count, a neuron that reaches w_k = 0 leaves the constant v_k (b_k)_+. It goes to the bias of
    the output layer if there is one; else the neuron stays as a constant, which is no active neuron. The balance takes
    the bias in even then: with ‖v_k‖ = ‖w_k‖ alone, v_k would vanish and b_k grow without bound as w_k → 0.

    Several processes (``torchrun``, ``DistributedDataParallel``): give it the wrapped module. Every rank takes the same
    step from the same averaged gradients, so the parameters stay identical, on CPU (gloo) and GPU (NCCL) alike;
    unwrap the module to remove dead neurons afterwards. All tensors stay on the module's device.

    It is itself a `torch.optim.Optimizer`, so learning-rate schedulers and gradient scalers accept it.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> X = torch.linspace(-1, 1, 20)[:, None]
    >>> module = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 1))
    >>> optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.01)
    >>> for _ in range(500):
    ...     optimizer.zero_grad()
    ...     loss = (module(X) - X.abs()).square().mean()
    ...     loss.backward()
    ...     _ = optimizer.step()
    >>> optimizer.remove_dead() > 10
    True
    """

    def __init__(
        self,
        optimizer: Optimizer,
        module: nn.Module,
        *,
        p: float = 0.5,
        alpha: float,
        bias: bool | None = None,
        warmup_steps: int = 5,
        ramp_steps: int = 0,
        step: Step = "reweighted",
    ) -> None:
        self.p = check_p(p, zero=False)
        self.alpha = check_number(alpha, "alpha")
        self.warmup_steps = int(check_number(warmup_steps, "warmup_steps"))
        self.ramp_steps = int(check_number(ramp_steps, "ramp_steps"))
        if step not in ("reweighted", "prox"):
            raise ValueError(f"step must be 'reweighted' or 'prox', got {step!r}")
        self.kind: Step = step
        self.module = module
        self.steps = 0
        pairs = layer_pairs(module)
        check_ownership(optimizer, module, pairs)
        self.optimizer = optimizer
        self._blocks = [PairStep(pair, pair.counts_bias(bias)) for pair in pairs]
        super().__setstate__({})  # the hooks of Optimizer, but not its own groups and state

    # What belongs to the wrapped optimiser is read and written there.

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the wrapped optimiser."""
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:
        """State of the wrapped optimiser."""
        return self.optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:
        """Default options of the wrapped optimiser."""
        return self.optimizer.defaults

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a parameter group to the wrapped optimiser."""
        self.optimizer.add_param_group(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of the wrapped optimiser's parameters."""
        self.optimizer.zero_grad(set_to_none)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the optimiser and one of the proximal map; returns what the optimiser returns."""
        alpha = self._current_alpha()
        taus = [alpha * self._learning_rate(block.pair.hidden.weight) for block in self._blocks]
        if alpha:
            for block, tau in zip(self._blocks, taus):
                block.remember(tau, self.p, self.kind)
        result = self.optimizer.step(closure)
        if alpha:
            for block, tau in zip(self._blocks, taus):
                block.apply(tau, self.p, self.kind)
        self.steps += 1
        return result

    def _current_alpha(self) -> float:
        done = self.steps - self.warmup_steps
        if done < 0:
            return 0.0
        return self.alpha if done >= self.ramp_steps else self.alpha * (done + 1) / (self.ramp_steps + 1)

    def _learning_rate(self, parameter: Tensor) -> float:
        for group in self.optimizer.param_groups:
            if any(member is parameter for member in group["params"]):
                return float(group["lr"])
        raise ValueError("a penalised parameter has left the optimiser's groups")

    def state_dict(self) -> dict[str, Any]:
        """State of the wrapped optimiser and of this one."""
        own = {"steps": self.steps, "p": self.p, "alpha": self.alpha}
        return {**self.optimizer.state_dict(), "reweighted_l1": own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; load the module's parameters as well."""
        if "reweighted_l1" not in state_dict:
            raise ValueError("state_dict has no entry 'reweighted_l1'; it was not saved by ReweightedL1")
        rest = dict(state_dict)
        own = rest.pop("reweighted_l1")
        self.optimizer.load_state_dict(rest)
        self.steps, self.p, self.alpha = own["steps"], own["p"], own["alpha"]

    @torch.no_grad()
    def remove_dead(self) -> int:
        """Take dead neurons out of the module and of the optimiser's state; the function stays.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        ValueError
            Under ``DistributedDataParallel``, whose gradient buckets have fixed sizes.
        """
        if any(isinstance(part, nn.parallel.DistributedDataParallel) for part in self.module.modules()):
            raise ValueError("dead neurons cannot be removed under DistributedDataParallel; remove them after training")
        removed = 0
        for block in self._blocks:
            alive = block.alive()
            n_dead = int(alive.numel() - torch.count_nonzero(alive))
            if n_dead:
                keep_neurons(block.pair, alive, self.optimizer)
                removed += n_dead
        return removed

    @torch.no_grad()
    def counts(self) -> tuple[int, int]:
        """Active neurons and nonzero hinge parameters, as `ReLUNetwork` counts them."""
        neurons, parameters = zip(*(block.counts() for block in self._blocks))
        return sum(neurons), sum(parameters)


def check_ownership(optimizer: Optimizer, module: nn.Module, pairs: Sequence[LayerPair]) -> None:
    """Raise a ValueError unless the optimiser can train every weight that the proximal step will move."""
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(
            "LBFGS takes many steps and line searches in one call, so no one step size belongs to it; use Adam or SGD"
        )
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}")
    owned = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    for pair in pairs:
        for weight in (pair.hidden.weight, pair.hidden.bias, pair.output.weight):
            if weight is None:
                continue
            if not isinstance(weight, nn.Parameter):
                raise ValueError(f"a weight of {pair.name} is parametrised; remove the parametrisation first")
            name = next(name for name, parameter in module.named_parameters() if parameter is weight)
            if not weight.requires_grad:
                raise ValueError(f"{name} is frozen; set requires_grad or leave its layer out")
            if id(weight) not in owned:
                raise ValueError(f"the optimiser does not own {name}; construct it with module.parameters()")


class PairStep:
    """The proximal step on one layer pair; its buffers live as long as the shapes do."""

    def __init__(self, pair: LayerPair, counts_bias: bool) -> None:
        self.pair = pair
        self.n_counted = pair.hidden.in_features + int(counts_bias)
        self._threshold = self._u = torch.empty(0)
        self._out_threshold: Tensor | None = None

    def remember(self, tau: float, p: float, kind: Step) -> None:
        """Compute the thresholds from the iterate before the optimiser moves it."""
        if kind == "prox":
            return
        v = self.pair.outgoing
        u = self._effective()[:, : self.n_counted]
        if self._threshold.shape != u.shape or self._threshold.dtype != u.dtype or self._threshold.device != u.device:
            self._threshold = torch.empty_like(u)
        reweighted_threshold_(self._threshold.copy_(u), tau, p)
        if v.shape[1] > 1:
            w = self._counted()
            self._threshold *= _relative_power(v, p)
            norm = torch.linalg.vector_norm(w, dim=1, keepdim=True)
            self._out_threshold = reweighted_threshold_(v * norm, tau, p).mul_(_relative_power(w, p))

    def apply(self, tau: float, p: float, kind: Step) -> None:
        """Shrink the effective weights that the optimiser left, and balance the neurons."""
        pair, v = self.pair, self.pair.outgoing
        u = self._effective().abs_()
        counted = u[:, : self.n_counted]
        if kind == "prox":
            counted.copy_(prox_power(counted, tau if v.shape[1] == 1 else tau * _relative_power(v, p), p))
        else:
            counted.sub_(self._threshold).clamp_(min=0)
        direction = torch.sign(v) if v.shape[1] == 1 else self._sparser_direction(v, counted, tau, p, kind)
        if self.n_counted < u.shape[1]:
            self._clear_constants(u, v)
        scale = torch.linalg.vector_norm(u, dim=1, keepdim=True).sqrt_()
        u.mul_(scale.reciprocal().masked_fill_(scale == 0, 0.0))
        d = pair.hidden.in_features
        torch.copysign(u[:, :d], pair.incoming, out=pair.incoming)
        if pair.bias is not None:
            torch.copysign(u[:, d], pair.bias, out=pair.bias)
        torch.mul(direction, scale, out=v)

    def alive(self) -> Tensor:
        """Mask (K,) of the neurons that are not zero."""
        incoming = (self.pair.incoming != 0).any(dim=1)
        if self.pair.bias is not None:
            incoming |= self.pair.bias != 0
        return incoming & (self.pair.outgoing != 0).any(dim=1)

    def counts(self) -> tuple[int, int]:
        """Active neurons and their nonzero parameters, one scale a neuron left out, as `ReLUNetwork` counts them."""
        pair = self.pair
        active = self.alive() if pair.hidden.in_features > 1 else self.alive() & (pair.incoming[:, 0] != 0)
        biases = 0 if pair.bias is None else torch.count_nonzero(pair.bias[active])
        weights = torch.count_nonzero(pair.incoming[active]) + torch.count_nonzero(pair.outgoing[active])
        n_active = int(torch.count_nonzero(active))
        return n_active, int(weights + biases) - n_active

    def _counted(self) -> Tensor:
        """(w_k, b_k) where the bias counts, else w_k."""
        w, b = self.pair.incoming, self.pair.bias
        return torch.column_stack([w, b]) if self.n_counted > w.shape[1] and b is not None else w

    def _effective(self) -> Tensor:
        """‖v_k‖ (w_k, b_k), up to signs, in the buffer."""
        w, b, v = self.pair.incoming, self.pair.bias, self.pair.outgoing
        shape = (w.shape[0], w.shape[1] + int(b is not None))
        if self._u.shape != shape or self._u.dtype != w.dtype or self._u.device != w.device:
            self._u = torch.empty(shape, dtype=w.dtype, device=w.device)
        scale = v if v.shape[1] == 1 else torch.linalg.vector_norm(v, dim=1, keepdim=True)
        torch.mul(w, scale, out=self._u[:, : w.shape[1]])
        if b is not None:
            torch.mul(b, scale[:, 0], out=self._u[:, -1])
        return self._u

    def _sparser_direction(self, v: Tensor, counted: Tensor, tau: float, p: float, kind: Step) -> Tensor:
        """The outgoing block after its own shrinkage, scaled to norm 1; its largest entry stays."""
        w = self._counted()
        z = v * torch.linalg.vector_norm(w, dim=1, keepdim=True)
        if kind == "prox":
            z = prox_power(z, tau * _relative_power(w, p), p)
        else:
            assert self._out_threshold is not None
            z = soft_threshold(z, self._out_threshold)
        norm = torch.linalg.vector_norm(z, dim=1, keepdim=True)
        largest = torch.sign(v) * (v.abs() == v.abs().amax(dim=1, keepdim=True))
        constant = ~counted.any(dim=1, keepdim=True)
        return torch.where(constant, nn.functional.normalize(v, dim=1), torch.where(norm > 0, z / norm, largest))

    def _clear_constants(self, u: Tensor, v: Tensor) -> None:
        """Give the constants v_k (b_k)_+ of neurons with w_k = 0 to the output's bias, and drop those that are zero."""
        bias, output = self.pair.bias, self.pair.output
        assert bias is not None
        constant = (u[:, : self.n_counted] == 0).all(dim=1)
        if output.bias is not None:
            output.bias += (v * (bias.clamp(min=0) * constant)[:, None]).sum(dim=0)
        else:
            constant &= bias <= 0
        u.masked_fill_(constant[:, None], 0.0)


def _relative_power(a: Tensor, p: float) -> Tensor:
    """‖â‖_p^p for each row's direction â = a / ‖a‖_2, shape (K, 1); at least 1, and 1 for a row of zeros."""
    norm = torch.linalg.vector_norm(a, dim=1, keepdim=True)
    return (a / norm.masked_fill_(norm == 0, 1.0)).abs_().pow_(p).sum(dim=1, keepdim=True).clamp_(min=1)
