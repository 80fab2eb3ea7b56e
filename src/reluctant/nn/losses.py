"""The losses of the trainer, named as those of `regress`: means over rows, and what their targets must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Loss = Literal["squared", "absolute", "hinge", "logistic", "softmax"]


def _hinge(f: Tensor, y: Tensor) -> Tensor:
    return (1 - (2 * y - 1) * f).clamp(min=0).sum(dim=1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": lambda f, y: 0.5 * (f - y).square().sum(dim=1).mean(),
    "absolute": lambda f, y: (f - y).abs().sum(dim=1).mean(),
    "hinge": _hinge,
    "logistic": lambda f, y: F.binary_cross_entropy_with_logits(f, y, reduction="none").sum(dim=1).mean(),
    "softmax": lambda f, y: F.cross_entropy(f, y[:, 0].long()),
}


def check_loss(loss: str) -> str:
    """Return `loss` if it is known."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(map(repr, LOSSES))}, got {loss!r}")
    return loss


def check_targets(y: NDArray, loss: str, first_row: int = 0) -> None:
    """Raise a ValueError naming the first row of `y` (N, m) that this loss cannot take."""
    if loss in ("hinge", "logistic"):
        good = np.isin(y, (0.0, 1.0)).all(axis=1)
        wanted = "0 or 1"
    elif loss == "softmax":
        good = ((y >= 0) & (y == np.floor(y))).all(axis=1)
        wanted = "a class number 0, 1, 2, ..."
    else:
        return
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f"y must be {wanted} for loss={loss!r}, got {y[row].tolist()} at row {first_row + row}")
