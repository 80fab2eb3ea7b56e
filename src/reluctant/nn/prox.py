"""Scalar proximal maps on tensors, each formula once.

A map shrinks a magnitude and keeps its sign, so each is written for what it does to |u|. The ones of τ|u|^p are
written as u · t(κ) in the one dimensionless quantity that decides them, κ = τ |u|^{p−2}. On the CPU `prox_power_` runs
them in one pass, compiled, as roots of a cubic or a quartic without powers where p = 1/2 or 2/3.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor


def reweighted_threshold_(u: Tensor, tau: float | Tensor, p: float) -> Tensor:
    """Overwrite u by τ p |u|^{p−1}, the slope of τ|u|^p [NN, Algorithm 1]; infinite at zero for p < 1."""
    u.abs_()
    if p == 0.5:
        return u.rsqrt_().mul_(tau * p)
    if p == 1:
        return u.fill_(1.0).mul_(tau)
    return u.pow_(p - 1).mul_(tau * p)


def soft_threshold(u: Tensor, threshold: float | Tensor) -> Tensor:
    """argmin_x ½(x − u)² + threshold |x|.

    Examples
    --------
    >>> import torch
    >>> soft_threshold(torch.tensor([3.0, -0.5, -2.0]), 1.0)
    tensor([ 2., -0., -1.])
    """
    return torch.copysign((u.abs() - threshold).clamp_(min=0), u)


def prox_power(u: Tensor, tau: float | Tensor, p: float) -> Tensor:
    """Global minimiser of ½(x − u)² + τ|x|^p for every entry, 0 ≤ p ≤ 1; zero where the two minima tie.

    Closed form for p = 0 (the hard threshold √(2τ)), p = 1/2 (a cubic in √x), p = 2/3 (a quartic in x^{1/3}) and p = 1;
    else Newton's method, started at the right end of an interval on which the derivative is convex and increasing, so
    that it descends to the root.

    Parameters
    ----------
    u : Tensor
        Any shape, float32 or float64.
    tau : float or Tensor
        Weight τ ≥ 0, broadcast against u.
    p : float
        In [0, 1]; |x|^0 is 1 where x ≠ 0.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> import torch
    >>> prox_power(torch.tensor([-1.4, 4.0, 9.0]), 1.0, 0.5)
    tensor([-0.0000, 3.7415, 8.8318])
    """
    if p == 1:
        return soft_threshold(u, tau)
    if p == 0:
        return u * (u.square() > 2 * torch.as_tensor(tau, dtype=u.dtype, device=u.device))
    kappa = u.abs().pow_(p - 2).mul_(tau)
    kappa[u == 0] = math.inf  # 0 · ∞ where τ = 0
    limit = (2 * (1 - p) / (2 - p)) ** (2 - p) / (2 * (1 - p))
    kept = kappa < limit
    kappa[~kept] = 0
    return u * _root(kappa, p).mul_(kept)


def _root(kappa: Tensor, p: float) -> Tensor:
    """Largest root t in (0, 1] of t − 1 + κ p t^{p−1} = 0, for κ below the threshold."""
    if p == 0.5:
        angle = torch.acos(kappa * (math.sqrt(27) / 4))
        return (torch.cos((math.pi - angle) * (2 / 3)) + 1) * (2 / 3)
    if abs(p - 2 / 3) < 1e-15:
        return _root_two_thirds(kappa)
    t = torch.ones_like(kappa)
    for _ in range(60):
        power = t.pow(p - 2).mul_(kappa * p)
        step = (t - 1 + power * t) / (1 - (1 - p) * power)
        t = t - step
        if bool((step.abs() <= 2 * torch.finfo(t.dtype).eps).all()):
            break
    return t


def _root_two_thirds(kappa: Tensor) -> Tensor:
    """Return t = s³ with s the largest root of s⁴ − s + c, c = 2κ/3, by Ferrari's resolvent z³ − 4cz − 1 = 0."""
    third = kappa * (8 / 9)  # 4c/3, the product of Cardano's two cube roots
    root = (torch.sqrt(0.25 - third**3) + 0.5).pow_(1 / 3)
    z = root + third / root
    a = torch.sqrt(z)
    return ((a + torch.sqrt(2 / a - z)) / 2).pow_(3)


@torch.no_grad()
def prox_power_(u: Tensor, tau: Tensor, p: float) -> None:
    """Overwrite the matrix u by `prox_power`, τ of the same shape and type; on the CPU in one compiled pass."""
    if u.device.type == "cpu" and u.dtype in (torch.float32, torch.float64):
        kernels().shrink_by_powers(u.detach().numpy(), tau.detach().numpy(), p)
    else:
        u.copy_(prox_power(u, tau, p))


@cache
def kernels() -> Any:
    """The compiled loops, imported with numba on first use."""
    from reluctant.nn import _kernels

    return _kernels
