"""Weights as products: weight decay on the factors is an ℓ_{2/D} penalty on the weight, and smooth."""

from __future__ import annotations

from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reluctant.nn.factorized_weights import Gate, WeightProduct, cut, factorize_units, factorize_weights, products
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
        return reduce(torch.mul, factors)

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


def factorize(
    module: nn.Module, depth: int = 4, *, by: Literal["path", "weight", "unit"] = "path", random_state: int = 0
) -> list[nn.Parameter]:
    """Parametrise the weights of a module as products of `depth` factors, so that weight decay makes them sparse.

    Weight decay λ on the factors of w is the penalty λ (D/2) |w|^p, p = 2/D. The function of the module stays as it
    is. The factors never reach zero: cut with `harden` afterwards.

    By path, for modules whose layer pairs share no layer: each pair is first rescaled to ‖v_k‖_p = 1, so that the path
    norm Σ_k ‖v_k‖_p^p ‖w_k‖_p^p is the penalty of the incoming weights alone. With one output v_k stays at ±1, frozen;
    with several it gets sparser as well, as a product that is normalised. Factors begin balanced.

    By weight, for any module: every weight on its own, Σ |w|^p. All factors but the first are drawn away from zero,
    with the variance whose product is that of the weights; balanced ones would be stuck where weights are small.

    By unit, for any module of Linear layers and convolutions: the weights into a hidden unit or channel as one vector
    times D − 1 gates, Σ_k ‖w_k‖_2^p. The last layers have no gates but are to be decayed too, since otherwise units
    would shrink without end and the last weights grow. Between the two a unit of one hidden layer then costs
    ((D + 1)/2) (‖w_k‖ ‖v_k‖)^{2/(D+1)}, whatever its scale.

    Parameters
    ----------
    module : torch.nn.Module
        By path, biases are factorised for d ≥ 2, where they count; otherwise they are not, nor are norms.
    depth : int
        D ≥ 2; p = 2/D.
    by : {"path", "weight", "unit"}
        What is to become sparse.
    random_state : int
        Seed of the factors by weight.

    Returns
    -------
    list of torch.nn.Parameter
        What is to be decayed. Give it to the optimiser in a group with weight decay, the rest of
        ``module.parameters()``, among it the factors of the outgoing weights by path, in one without.

    Raises
    ------
    ValueError
        If depth < 2, the module has no layer pair, or a layer belongs to two; otherwise than by path, if there are no
        weights, or one is frozen, shared or parametrised; by unit, if the forward pass cannot be traced.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> factors = factorize(module, depth=3)
    >>> len(factors), module[0].weight.shape
    (6, torch.Size([8, 2]))
    >>> deep = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> optimizer = torch.optim.SGD([{"params": factorize(deep, 3, by="weight"), "weight_decay": 1e-3}], lr=0.1)
    >>> harden(deep, n_left=20)
    >>> sum(int(torch.count_nonzero(layer.weight)) for layer in deep[::2])
    20
    """
    depth = check_integer(depth, "depth", low=2)
    if by == "weight":
        return factorize_weights(module, depth, check_integer(random_state, "random_state", low=0))
    if by == "unit":
        return factorize_units(module, depth)
    if by != "path":
        raise ValueError(f"by must be 'path', 'weight' or 'unit', got {by!r}")
    factors: list[nn.Parameter] = []
    pairs = layer_pairs(module)
    between = {pair.hidden for pair in pairs} & {pair.output for pair in pairs}
    if between:
        raise ValueError(
            f"{between.pop()} lies between two ReLUs, so its paths are no pairs; factorize it by='weight' or by='unit'"
        )
    for pair in pairs:
        if not pair.incoming.requires_grad:
            raise ValueError(f"a weight of {pair.name} is frozen; set requires_grad before it is factorised")
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
def harden(module: nn.Module, threshold: float | None = None, *, n_left: int | None = None) -> None:
    """Undo `factorize` and set what is small to exactly zero.

    By path that is each weight whose effective weights v_ko w_ki are all at most the threshold in size; by weight each
    with |w| at most the threshold, by unit each with ‖w_k‖_2, or all but the `n_left` largest of the module. The
    weights are parameters again, trained or frozen as before. Give them to a new optimiser.

    Parameters
    ----------
    module : torch.nn.Module
    threshold : float, optional
        Largest size that becomes zero, ≥ 0.
    n_left : int, optional
        By weight or by unit, in the place of the threshold: how many weights or hidden units stay. Biases stay, so that
        a unit without weights is a constant.

    Raises
    ------
    ValueError
        If the module is not factorised or not finite, not exactly one of `threshold` and `n_left` is given, or `n_left`
        is given by path or is more than there are.
    """
    if (threshold is None) == (n_left is None):
        raise ValueError("give either threshold, the largest size that becomes zero, or n_left, how many stay")
    threshold = None if threshold is None else check_number(threshold, "threshold")
    paths = [(layer, name) for layer in module.modules() for name in _products(layer)]
    others = list(products(module))
    if not paths and not others:
        raise ValueError("module has no factorised layer; call factorize first")
    if not all(bool(torch.isfinite(parameter).all()) for parameter in module.parameters()):
        raise ValueError("module has parameters that are not finite; training has diverged, lower its learning rate")
    if n_left is not None:
        _check_left(n_left, others, bool(paths))
    for layer, name, _ in others:
        _multiply_out(layer, name)
    if others:
        cut([(getattr(layer, name), isinstance(kind, Gate)) for layer, name, kind in others], threshold, n_left)
    if threshold is None:
        return
    output_trained = {layer: layer.parametrizations[name][0].output_trained for layer, name in paths}
    for layer, name in paths:
        _multiply_out(layer, name)
    for pair in layer_pairs(module) if paths else []:
        if pair.hidden in output_trained:
            _round(pair, threshold)
            pair.output.weight.requires_grad_(output_trained[pair.hidden])


def _check_left(n_left: int, found: list[tuple[nn.Module, str, WeightProduct | Gate]], by_path: bool) -> None:
    check_integer(n_left, "n_left", low=0)
    if by_path:
        raise ValueError("n_left is for factorize by weight or by unit; give threshold where it was by path")
    sizes = [len(w) if isinstance(kind, Gate) else w.numel() for w, kind in ((getattr(a, b), k) for a, b, k in found)]
    if n_left > sum(sizes):
        raise ValueError(f"n_left must be at most the {sum(sizes):,} that there are, got {n_left:,}")


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
