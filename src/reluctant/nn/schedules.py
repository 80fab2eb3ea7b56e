"""Continuation in p: along a training run, and the rule of halving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reluctant.nn.proximal import ReweightedL1
from reluctant.objective import check_p
from reluctant.validation import check_integer, check_number

T = TypeVar("T")


class PContinuation:
    """Lower p geometrically from `start` to `end` over `n_steps` calls of `step`, as a learning-rate scheduler does.

    A large p at first keeps the landscape close to convex; the small one at the end makes it sparse.

    Parameters
    ----------
    optimizer : ReweightedL1
        Its `p` is set; `start` at once.
    start, end : float
        In (0, 1].
    n_steps : int
        Calls of `step` until `end` is reached, at least 1.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from reluctant.nn import ReweightedL1
    >>> module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    >>> optimizer = ReweightedL1(torch.optim.SGD(module.parameters(), lr=0.1), module, alpha=0.01)
    >>> continuation = PContinuation(optimizer, start=1.0, end=0.25, n_steps=2)
    >>> for _ in range(3):
    ...     print(optimizer.p)
    ...     continuation.step()
    1.0
    0.5
    0.25
    """

    def __init__(self, optimizer: ReweightedL1, *, start: float = 1.0, end: float, n_steps: int) -> None:
        self.optimizer = optimizer
        self.start, self.end = check_p(start, zero=False), check_p(end, zero=False)
        self.n_steps = check_integer(n_steps, "n_steps", low=1)
        self.done = 0
        optimizer.p = self.start

    def step(self) -> None:
        """Go one step further; nothing changes once `end` is reached."""
        self.done = min(self.done + 1, self.n_steps)
        share = self.done / self.n_steps
        self.optimizer.p = self.start ** (1 - share) * self.end**share

    def state_dict(self) -> dict[str, Any]:
        """How far it has come."""
        return {"done": self.done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.done = state_dict["done"] - 1
        self.step()


def halve_p(
    train: Callable[[float], T], size: Callable[[T], float], *, start: float = 1.0, smallest: float = 1 / 64
) -> list[tuple[float, T]]:
    """Train, halve p, and stop when nothing gets sparser: the authors' practical rule for the p of Theorem 4.1 [NN].

    Parameters
    ----------
    train : callable
        p → result.
    size : callable
        result → what should fall, such as the number of parameters.
    start, smallest : float
        First p, and the p below which the rule stops anyway.

    Returns
    -------
    list of (p, result)
        The best is the one before the last, or the last if `smallest` was reached.

    Examples
    --------
    >>> [p for p, _ in halve_p(lambda p: max(p, 0.2), lambda result: result)]
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    p, smallest = check_p(start, zero=False), check_number(smallest, "smallest", strict=True)
    tried = [(p, train(p))]
    while p / 2 >= smallest:
        p /= 2
        tried.append((p, train(p)))
        if size(tried[-1][1]) >= size(tried[-2][1]):
            break
    return tried
