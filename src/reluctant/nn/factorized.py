"""Weights as products: weight decay on the factors is an ℓ_{2/D} penalty on the weight, and smooth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reluctant.nn.layers import LayerPair, layer_pairs
from reluctant.validation import check_integer, check_number


class Product(nn.Module):
    """w = ω_1 ⊙ … ⊙ ω_D, all of one shape.

    The smallest ½ Σ_j ‖ω_j‖² with product w is (D/2) Σ |w|^{2/D} (arithmetic and geometric means), so D = 2 gives ℓ1
    (Ziyin and Wang 2023), D = 3 gives ℓ_{2/3} and D = 4 gives ℓ_{1/2} (Kolb et al. 2025). On an incoming weight,
    `output_trained` remembers whether the outgoing one had a gradient before it was frozen.
    """

    def __init__(self, depth: int, output_trained: bool = True) -> None:
        super().__init__()
        self.depth = depth
        self.output_trained = output_trained

    def forward(self, *factors: Tensor) -> Tensor:
        """Product of the factors."""
        return torch.stack(factors).prod(dim=0)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """Balanced factors |w|^{1/D}, the sign in the first: the cheapest ones."""
        root = weight.abs().pow(1 / self.depth)
        return (torch.copysign(root, weight), *(root.clone() for _ in range(self.depth - 1)))


class NormalizedProduct(Product):
    """V = ω_1 ⊙ … ⊙ ω_D of shape (m, K), each column v_k divided by (Σ_j ‖ω_jk‖² / D)^{D/2}.

    By the same inequality ‖v_k‖_p ≤ 1 for p = 2/D, with equality where the factors are balanced. So the smallest decay
    of the incoming weights that gives the effective weights u is (D/2) Σ|u|^p, for several outputs as for one.
    """

    def forward(self, *factors: Tensor) -> Tensor:
        """Product of the factors over its bound."""
        stacked = torch.stack(factors)
        bound = stacked.square().sum(dim=(0, 1)).div(self.depth).pow(self.depth / 2)
        return stacked.prod(dim=0) / bound


def factorize(module: nn.Module, depth: int = 4) -> list[nn.Parameter]:
    """Parametrise the hidden layers of a module as products of `depth` factors.

    With ‖v_k‖_p = 1, p = 2/D, the path norm Σ_k ‖v_k‖_p^p ‖w_k‖_p^p is that of the incoming weights, and weight decay λ
    on their factors is the penalty λ (D/2) times it. So each layer pair is first rescaled to ‖v_k‖_p = 1, without
    changing the function. With one output v_k stays at ±1, frozen; with several it gets sparser as well, as a product
    that is normalised. The factors never reach zero: round with `harden` afterwards.

    Parameters
    ----------
    module : torch.nn.Module
        Biases are factorised for d ≥ 2, where they count.
    depth : int
        D ≥ 2; p = 2/D.

    Returns
    -------
    list of torch.nn.Parameter
        The factors of the incoming weights. Give them to the optimiser in a group with weight decay, the rest of
        ``module.parameters()``, among it the factors of the outgoing weights, in one without.

    Raises
    ------
    ValueError
        If depth < 2, the module has no layer pair, or a layer belongs to two.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> factors = factorize(module, depth=3)
    >>> len(factors), module[0].weight.shape
    (6, torch.Size([8, 2]))
    """
    depth = check_integer(depth, "depth", low=2)
    factors: list[nn.Parameter] = []
    pairs = layer_pairs(module)
    between = {pair.hidden for pair in pairs} & {pair.output for pair in pairs}
    if between:
        raise ValueError(f"{between.pop()} lies between two ReLUs; factorize takes layers of one pair only")
    for pair in pairs:
        _normalize(pair, 2 / depth)
        output_trained = pair.output.weight.requires_grad
        if pair.outgoing.shape[1] == 1:
            pair.output.weight.requires_grad_(False)
        else:
            parametrize.register_parametrization(pair.output, "weight", NormalizedProduct(depth))
        for name in ("weight", "bias") if pair.counts_bias(None) else ("weight",):
            parametrize.register_parametrization(pair.hidden, name, Product(depth, output_trained))
            factors += pair.hidden.parametrizations[name].parameters()
    return factors


@torch.no_grad()
def _normalize(pair: LayerPair, p: float) -> None:
    """Rescale every neuron to ‖v_k‖_p = 1; one with v_k = 0 gets w_k = 0 and v_k = (1, …, 1) / ‖(1, …, 1)‖_p."""
    v = pair.outgoing
    scale = v.abs().pow(p).sum(dim=1, keepdim=True).pow(1 / p)
    pair.incoming.mul_(scale)
    if pair.bias is not None:
        pair.bias.mul_(scale[:, 0])
    v.copy_(torch.where(scale > 0, v / scale, v.shape[1] ** (-1 / p)))


@torch.no_grad()
def harden(module: nn.Module, threshold: float) -> None:
    """Undo `factorize` and set to exactly zero each weight whose effective weights v_ko w_ki are all small.

    The weights are parameters again, trained or frozen as before. Give them to a new optimiser.

    Parameters
    ----------
    module : torch.nn.Module
    threshold : float
        Largest |v_ko w_ki| that becomes zero, ≥ 0.

    Raises
    ------
    ValueError
        If the module is not factorised.
    """
    threshold = check_number(threshold, "threshold")
    found = [(layer, name) for layer in module.modules() for name in _products(layer)]
    if not found:
        raise ValueError("module has no factorised layer; call factorize first")
    output_trained = {layer: layer.parametrizations[name][0].output_trained for layer, name in found}
    for layer, name in found:
        _multiply_out(layer, name)
    for pair in layer_pairs(module):
        if pair.hidden in output_trained:
            _round(pair, threshold)
            pair.output.weight.requires_grad_(output_trained[pair.hidden])


def _products(layer: nn.Module) -> list[str]:
    """Names of the weights of a layer that `factorize` has parametrised."""
    if not parametrize.is_parametrized(layer):
        return []
    return [name for name, chain in layer.parametrizations.items() if isinstance(chain[0], Product)]


def _multiply_out(layer: nn.Module, name: str) -> None:
    """Put the product in the place of its factors, as a parameter that is trained if one of them was."""
    trained = any(factor.requires_grad for factor in layer.parametrizations[name].parameters())
    parametrize.remove_parametrizations(layer, name, leave_parametrized=True)
    weight = getattr(layer, name).detach()
    delattr(layer, name)  # a buffer where it had no gradient
    layer.register_parameter(name, nn.Parameter(weight, requires_grad=trained))


def _round(pair: LayerPair, threshold: float) -> None:
    counted = [pair.incoming] + ([] if pair.bias is None or not pair.counts_bias(None) else [pair.bias[:, None]])
    v_size, w_size = (a.abs().amax(dim=1, keepdim=True) for a in (pair.outgoing, pair.hinges))
    pair.outgoing[pair.outgoing.abs() * w_size <= threshold] = 0.0
    for weight in counted:
        weight[weight.abs() * v_size <= threshold] = 0.0
