"""The ℓp path norm of a module's hidden layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from reluctant.nn.layers import LayerPair, Pairs, layer_pairs
from reluctant.objective import check_p, smoothed_power
from reluctant.validation import check_number


class PathNorm:
    """The ℓp path norm Σ_k ‖v_k‖_p^p ‖w_k‖_p^p of a module, to be added to a loss [NN, eq. 2].

    For every effective weight u = v w the summand is (u² + ε²)^{p/2} − ε^p, which lies within ε^p below |u|^p. It is
    smooth, and no rescaling (v, w, b) → (v/α, αw, αb) of a neuron changes it. The sum is over the layer pairs of the
    module. Training on it leaves small weights, never zeros: `ReweightedL1` leaves zeros.

    Parameters
    ----------
    p : float
        In (0, 1].
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    smoothing : float
        ε ≥ 0, in the units of u. With 0 the value is exact and the gradient at u = 0 is taken as 0.
    pairs : sequence of (hidden, output), optional
        As in `layer_pairs`: names of submodules, or the modules, instead of a search.

    Raises
    ------
    ValueError
        If p is outside (0, 1], `smoothing` is negative, or the module has no Linear → ReLU → Linear.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1))
    >>> for parameter in module.parameters():
    ...     _ = nn.init.constant_(parameter, 4.0)
    >>> PathNorm(0.5, smoothing=0.0)(module).item()
    12.0
    """

    def __init__(self, p: float, bias: bool | None = None, smoothing: float = 1e-3, pairs: Pairs | None = None) -> None:
        self.p = check_p(p, zero=False)
        self.bias = bias
        self.smoothing = check_number(smoothing, "smoothing")
        self.named = pairs
        self._pairs: tuple[nn.Module, list[LayerPair]] | None = None

    def __call__(self, module: nn.Module) -> Tensor:
        """Return the penalty of `module`, a scalar that can be differentiated."""
        if self._pairs is None or self._pairs[0] is not module:
            self._pairs = module, layer_pairs(module, self.named)
        terms = [_power(u, self.p, self.smoothing).sum() for u in self._effective(self._pairs[1])]
        return torch.stack(terms).sum()

    def _effective(self, pairs: Sequence[LayerPair]) -> Iterator[Tensor]:
        for pair in pairs:
            v = pair.outgoing[:, :, None]
            yield v * pair.incoming[:, None, :]
            if pair.counts_bias(self.bias):
                assert pair.bias is not None
                yield v[:, :, 0] * pair.bias[:, None]


def _power(u: Tensor, p: float, smoothing: float) -> Tensor:
    """(u² + ε²)^{p/2} − ε^p; for ε = 0 it is |u|^p with gradient 0 at 0, and no square that underflows."""
    if smoothing:
        return smoothed_power(u, p, smoothing) - smoothing**p
    nonzero = u != 0
    return torch.where(nonzero, u, 1.0).abs().pow(p) * nonzero


@torch.no_grad()
def path_norm(module: nn.Module, p: float, bias: bool | None = None, pairs: Pairs | None = None) -> float:
    """ℓp path norm of a module's layer pairs, exact; p = 0 counts the nonzero paths.

    Parameters
    ----------
    module : torch.nn.Module
    p : float
        In [0, 1].
    bias, pairs
        As in `PathNorm`.
    """
    if check_p(p) > 0:
        return PathNorm(p, bias, 0.0, pairs)(module).item()
    norm = PathNorm(1.0, bias)
    return float(sum(torch.count_nonzero(u) for u in norm._effective(layer_pairs(module, pairs))))
