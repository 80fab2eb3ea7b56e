"""The ℓp path norm of a module's hidden layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from reluctant.nn.layers import LayerPair, Pairs, layer_pairs, unwrapped
from reluctant.nn.paths import Example, path_sum
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
def path_norm(
    module: nn.Module,
    p: float,
    bias: bool | None = None,
    pairs: Pairs | None = None,
    example: Example | None = None,
) -> float:
    """ℓp path norm of a ReLU network of any depth: Σ over all paths from an input to an output of Π |w|^p.

    One forward pass on the all-ones input with |w|^p in the place of each weight w, the identity in that of each ReLU
    and a sum in that of each maximum gives it [NTS, GSG]. For one hidden layer it is Σ_k ‖v_k‖_p^p ‖w_k‖_p^p [NN].
    No rescaling of a neuron or channel, (w, b) → (λw, λb) before its ReLU and v → v/λ after it, λ > 0, changes it.

    A path has a weight 1/n through an average of n, 1 through a maximum, γ/√(σ² + ε) through BatchNorm, whose bias is
    β − μγ/√(σ² + ε), and |c|^p through a product with a constant c. Paths that pass neither a ReLU nor a maximum are
    the affine part and cost nothing: skip connections from the input to the output, the output's bias. The module
    counts as it is in evaluation; a layer that is called twice counts in every path through either call.

    Parameters
    ----------
    module : torch.nn.Module
        Linear, convolutions, ReLU, BatchNorm, max, average and adaptive pooling, Flatten, Dropout, additions and
        concatenations, as layers or functions, in a forward pass that `torch.fx` can trace.
    p : float
        In [0, 1]; p = 0 counts the nonzero paths.
    bias : bool, optional
        Whether every bias but the output's is the beginning of paths from a constant 1, charged like a weight. By
        default as in the paper: only for more than one input.
    pairs : sequence of (hidden, output), optional
        As in `layer_pairs`: the sum over these pairs alone, as in `PathNorm`, whatever stands around them.
    example : Tensor or sequence of Tensor, optional
        Inputs of the module, rows first, of which the shape alone counts. Not needed where the first layer is a Linear.

    Returns
    -------
    float
        In float64, in the units of the product of one weight to the power p from each layer.

    Raises
    ------
    ValueError
        If p is outside [0, 1], the module cannot be traced, has no ReLU or a layer that is none of these, which is
        named with its place; if the example does not fit, or is missing; if a weight is not finite, or the sum is
        beyond float64.

    References
    ----------
    [NTS] Neyshabur, Tomioka, Srebro, Norm-based capacity control in neural networks, COLT 2015.
    [GSG] Gonon, Brisebarre, Riccietti, Gribonval, A path-norm toolkit for modern networks, ICLR 2024.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Conv1d(1, 1, 2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(2, 1))
    >>> for parameter in module.parameters():
    ...     _ = nn.init.constant_(parameter, 4.0)
    >>> path_norm(module, 0.5, bias=False, example=torch.zeros(1, 1, 5))
    32.0
    >>> path_norm(module, 0.5, example=torch.zeros(1, 1, 5)) - 32.0  # the bias at four places
    16.0
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    p = check_p(p)
    if pairs is None:
        return path_sum(unwrapped(module), p, bias, example)
    if p > 0:
        return PathNorm(p, bias, 0.0, pairs)(module).item()
    norm = PathNorm(1.0, bias)
    return float(sum(torch.count_nonzero(u) for u in norm._effective(layer_pairs(module, pairs))))
