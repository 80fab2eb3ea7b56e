"""What an optimiser scales its step with: the metric in which a proximal map has the right fixed points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

KNOWN = (Adam, AdamW, RMSprop, Adagrad, SGD)


def check_metric(optimizer: Optimizer) -> None:
    """Raise a ValueError unless `step_length` knows this optimiser.

    Raises
    ------
    ValueError
        Naming the optimiser and metric="plain".
    """
    if not isinstance(optimizer, KNOWN):
        known = ", ".join(kind.__name__ for kind in KNOWN)
        raise ValueError(
            f"what {type(optimizer).__name__} scales its step with is not known, only that of {known}; give "
            'metric="plain" or one of those'
        )
    for group in optimizer.param_groups:
        if not group.get("momentum", 0) < 1:
            raise ValueError(
                f"momentum must be below 1, where steps add up to one of finite length; got {group['momentum']}"
            )


@dataclass(frozen=True)
class StepScale:
    """γ / (√(c v) + ε), entry by entry, with v the running second moment; γ alone where there is none.

    Parameters
    ----------
    rate : float or Tensor
        γ, what a momentum that is not averaged adds up to taken in.
    square : Tensor, optional
        v, that of the optimiser itself: not to be written.
    correction : float or Tensor
        c.
    eps : float
        ε.
    """

    rate: float | Tensor
    square: Tensor | None = None
    correction: float | Tensor = 1.0
    eps: float = 0.0

    def length(self) -> Tensor | float:
        """The step length γ / D, of the shape of the parameter, or one number for all."""
        if self.square is None:
            return float(self.rate)
        return self.rate / torch.sqrt(self.square * self.correction).add_(self.eps)


def step_scale(optimizer: Optimizer, parameter: Tensor, group: dict[str, Any]) -> StepScale | None:
    """What the last step has multiplied a constant gradient with, entry by entry: γ / D; None where there was no step.

    D is √v̂ + ε for Adam and AdamW with v̂ the corrected second moment (its maximum under ``amsgrad``), √v + ε for
    RMSprop (v − ḡ² where it is centred) and Adagrad, 1 for SGD. Momentum μ that is not averaged adds up to a step
    longer by 1 / (1 − μ), in SGD less the dampening.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One that `check_metric` takes.
    parameter : Tensor
    group : dict
        The parameter group of the optimiser that holds it.
    """
    rate = group["lr"]
    if isinstance(optimizer, SGD):
        return StepScale(rate * (1 - group["dampening"] * bool(group["momentum"])) / (1 - group["momentum"]))
    state = optimizer.state.get(parameter)
    if not state or (isinstance(optimizer, Adagrad) and not state["step"]):
        return None
    if isinstance(optimizer, Adam):  # AdamW is one
        square = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
        return StepScale(rate, square, 1 / (1 - group["betas"][1] ** _number(state["step"])), group["eps"])
    if isinstance(optimizer, RMSprop):
        square = state["square_avg"]
        if group["centered"]:
            square = square - state["grad_avg"].square()
        return StepScale(rate / (1 - group["momentum"]), square, eps=group["eps"])
    assert isinstance(optimizer, Adagrad)
    decayed = rate / (1 + (_number(state["step"]) - 1) * group["lr_decay"])
    return StepScale(decayed, state["sum"], eps=group["eps"])


def step_length(optimizer: Optimizer, parameter: Tensor, group: dict[str, Any]) -> Tensor | float | None:
    """The length that `step_scale` gives, a new tensor; None where there was no step."""
    scale = step_scale(optimizer, parameter, group)
    return None if scale is None else scale.length()


def _number(step: Tensor | float) -> Tensor | float:
    """The count of steps as a float, or as it is on another device, which need not wait then."""
    return step if isinstance(step, Tensor) and not step.is_cpu else float(step)
