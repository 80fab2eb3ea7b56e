"""Weights as products: weight decay on the factors is an ℓ_{2/D} penalty on the weight, and smooth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reluctant.nn.penalty import layer_pairs
from reluctant.validation import check_number


class Product(nn.Module):
    """w = ω_1 ⊙ … ⊙ ω_D, all of one shape.

    The smallest ½ Σ_j ‖ω_j‖² with product w is (D/2) Σ |w|^{2/D} (arithmetic and geometric means), so D = 2 gives ℓ1
    (Ziyin and Wang 2023), D = 3 gives ℓ_{2/3} and D = 4 gives ℓ_{1/2} (Kolb et al. 2025).
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.depth = depth

    def forward(self, *factors: Tensor) -> Tensor:
        """Product of the factors."""
        product = factors[0]
        for factor in factors[1:]:
            product = product * factor
        return product

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """Balanced factors |w|^{1/D}, the sign in the first: the cheapest ones."""
        root = weight.abs().pow(1 / self.depth)
        return (torch.copysign(root, weight), *(root.clone() for _ in range(self.depth - 1)))


def factorize(module: nn.Module, depth: int = 4) -> list[nn.Parameter]:
    """Parametrise the hidden weights of a module as products of `depth` factors.

    With v_k fixed at ±1 the incoming weights are the effective weights u_k, and weight decay λ on the factors is the
    path-norm penalty λ (D/2) Σ|u|^p, p = 2/D. So each layer pair is first rescaled to |v_k| = 1, without changing the
    function, and its outgoing weights are frozen. The factors never reach zero: round with `harden` afterwards.

    Parameters
    ----------
    module : torch.nn.Module
        Its layer pairs must have one output; biases are factorised for d ≥ 2, where they count.
    depth : int
        D ≥ 2; p = 2/D.

    Returns
    -------
    list of torch.nn.Parameter
        The factors. Give them to the optimiser in a group with weight decay, the rest in one without.

    Raises
    ------
    ValueError
        If depth < 2, or a layer pair has several outputs.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> factors = factorize(module, depth=3)
    >>> len(factors), module[0].weight.shape
    (6, torch.Size([8, 2]))
    """
    depth = int(check_number(depth, "depth", low=2))
    pairs = layer_pairs(module)
    for pair in pairs:
        if pair.outgoing.shape[1] > 1:
            raise ValueError(f"{pair.name} has {pair.outgoing.shape[1]} outputs; the factorised penalty needs one")
    factors: list[nn.Parameter] = []
    for pair in pairs:
        with torch.no_grad():
            scale = pair.outgoing.abs()
            pair.hidden.weight *= scale
            if pair.hidden.bias is not None:
                pair.hidden.bias *= scale[:, 0]
            pair.output.weight.sign_()
        pair.output.weight.requires_grad_(False)
        for name in ("weight", "bias") if pair.counts_bias(None) else ("weight",):
            parametrize.register_parametrization(pair.hidden, name, Product(depth))
            factors += pair.hidden.parametrizations[name].parameters()
    return factors


@torch.no_grad()
def harden(module: nn.Module, threshold: float) -> None:
    """Undo `factorize` and set effective weights up to `threshold` to exactly zero.

    Parameters
    ----------
    module : torch.nn.Module
    threshold : float
        Largest |u| that becomes zero, ≥ 0.
    """
    threshold = check_number(threshold, "threshold")
    for layer in [m for m in module.modules() if isinstance(m, nn.Linear) and parametrize.is_parametrized(m)]:
        for name in list(layer.parametrizations):
            parametrize.remove_parametrizations(layer, name, leave_parametrized=True)
            weight = getattr(layer, name)
            weight[weight.abs() <= threshold] = 0.0
    for pair in layer_pairs(module):
        pair.output.weight.requires_grad_(True)
