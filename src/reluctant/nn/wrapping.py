"""An optimiser around another one: what belongs to the inner one is read and written there, gradients are checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class WrappedOptimizer(Optimizer):
    """A `torch.optim.Optimizer` whose step is that of `optimizer` and something more.

    A derived class states `KEY`, under which its own state is saved, takes the step in `_step` and names in
    `_penalised` the parameters whose gradients must be dense.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    module : torch.nn.Module
        Whose parameters are named in messages.
    """

    KEY: str

    def __init__(self, optimizer: Optimizer, module: nn.Module) -> None:
        self.optimizer, self.module = optimizer, module
        self.steps = 0
        self.frozen = False
        super().__setstate__({})  # the hooks of Optimizer, but not its own groups and state

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

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the optimiser and one of the proximal map; returns what the optimiser returns."""
        if closure is None:
            self._check_gradients()
        else:
            closure = self._checked(closure)
        result = self._step(closure)
        self.steps += 1
        for hook in self._optimizer_step_post_hooks.values():
            hook(self, (closure,), {})
        return result

    step.hooked = True  # type: ignore[attr-defined]  # torch would record and hook this step and then the inner one

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        raise NotImplementedError

    def _penalised(self) -> Iterator[Tensor]:
        raise NotImplementedError

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Any:
        """Register a hook on the wrapped optimiser's step, with which this one begins."""
        return self.optimizer.register_step_pre_hook(hook)

    def state_dict(self) -> dict[str, Any]:
        """State of the wrapped optimiser and of this one."""
        return {**self.optimizer.state_dict(), self.KEY: self._own_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; load the module's parameters as well."""
        if self.KEY not in state_dict:
            raise ValueError(f"state_dict has no entry {self.KEY!r}; it was not saved by {type(self).__name__}")
        rest = dict(state_dict)
        own = rest.pop(self.KEY)
        self._check_own_state(own)
        self.optimizer.load_state_dict(rest)
        self._load_own_state(own)

    def _own_state(self) -> dict[str, Any]:
        return {"steps": self.steps, "frozen": self.frozen}

    def _check_own_state(self, own: dict[str, Any]) -> None:
        """Raise a ValueError, before anything is loaded, if it belongs to another setting."""

    def _load_own_state(self, own: dict[str, Any]) -> None:
        self.steps = own["steps"]
        self.frozen = own.get("frozen", False)  # release 0.1 had no such state

    def _checked(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Check the loss and the gradients that the closure leaves, before the optimiser uses them."""

        def evaluate() -> Any:
            value = closure()
            self._check_gradients()
            if isinstance(value, Tensor) and value.numel() == 1 and not bool(torch.isfinite(value)):
                raise FloatingPointError(self._not_finite("the loss", value))
            return value

        return evaluate

    def _check_gradients(self) -> None:
        """Raise a FloatingPointError naming the first parameter with a gradient that is not finite."""
        for parameter in self._penalised():
            if parameter.grad is not None and parameter.grad.layout != torch.strided:
                raise ValueError(f"the gradient of {self._names()[parameter]} is sparse; give a dense one")
        if _sums_are_finite(self.param_groups):
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                    name = self._names().get(parameter, "a parameter outside the module")
                    raise FloatingPointError(self._not_finite(f"the gradient of {name}", parameter.grad))

    def _not_finite(self, what: str, values: Tensor) -> str:
        kind = "NaN" if bool(values.isnan().any()) else "infinite"
        return (
            f"{what} is {kind} in step {self.steps + 1}; no weight was changed, lower the learning rate or look at "
            "the loss"
        )

    def _names(self) -> dict[Tensor, str]:
        return {parameter: name for name, parameter in self.module.named_parameters()}


def check_optimizer(optimizer: Any, module: Any, wrapper: str) -> None:
    """Raise a ValueError unless these are an optimiser and a module, in this order, and each call is one step."""
    if isinstance(optimizer, nn.Module) and isinstance(module, Optimizer):
        raise ValueError(f"optimizer and module are swapped; call {wrapper}(optimizer, module, ...)")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(
            "LBFGS takes many steps and line searches in one call, so no one step size belongs to it; use Adam or SGD"
        )
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}")


def check_owned(optimizer: Optimizer, weights: Sequence[tuple[str, Tensor]]) -> None:
    """Raise a ValueError unless the optimiser trains every one of these named weights."""
    owned = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    for name, weight in weights:
        if not weight.requires_grad:
            raise ValueError(f"{name} is frozen; set requires_grad or leave its layer out")
        if id(weight) not in owned:
            raise ValueError(f"the optimiser does not own {name}; construct it with module.parameters()")


def _sums_are_finite(groups: Sequence[dict[str, Any]]) -> bool:
    """Whether the sum of every gradient is finite: then every entry is, at a sixth of the cost of asking each."""
    elsewhere: list[Tensor] = []
    for group in groups:
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            total = (gradient.detach() if gradient.requires_grad else gradient).sum()
            if not total.is_cpu:
                elsewhere.append(total)
            elif not math.isfinite(total):
                return False
    # One wait for the device, not one for each parameter.
    return not elsewhere or bool(torch.isfinite(torch.stack([total.to(elsewhere[0]) for total in elsewhere])).all())
