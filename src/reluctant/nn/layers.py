"""The module that the trainer trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OneHiddenLayer(nn.Module):
    """f(x) = Σ_k v_k (w_k · x + b_k)_+ with an optional affine part, as a module.

    Parameters
    ----------
    n_inputs, n_neurons, n_outputs : int
    affine : bool
        Whether there is a skip connection and an output bias.

    Examples
    --------
    >>> import torch
    >>> OneHiddenLayer(3, 10, 2, affine=True)(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(self, n_inputs: int, n_neurons: int, n_outputs: int = 1, affine: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, n_neurons)
        self.output = nn.Linear(n_neurons, n_outputs, bias=affine)
        self.skip = nn.Linear(n_inputs, n_outputs, bias=False) if affine else None
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)
            nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, m) of inputs (N, d)."""
        y = self.output(torch.relu(self.hidden(x)))
        return y if self.skip is None else y + self.skip(x)
