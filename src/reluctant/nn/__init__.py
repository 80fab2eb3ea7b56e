"""The ℓp path norm in PyTorch: penalties, the proximal optimiser wrapper, batched training, the way back to exact."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        'reluctant.nn needs PyTorch; install it with: pip install "reluctant[torch]"', name="torch"
    ) from None

from reluctant.nn.batched import Restarts, train_restarts
from reluctant.nn.factorized import factorize, harden
from reluctant.nn.penalty import LayerPair, PathNorm, layer_pairs, path_norm
from reluctant.nn.prox import prox_power
from reluctant.nn.proximal import ReweightedL1
from reluctant.nn.schedules import PContinuation, halve_p

__all__ = [
    "LayerPair",
    "PContinuation",
    "PathNorm",
    "Restarts",
    "ReweightedL1",
    "factorize",
    "halve_p",
    "harden",
    "layer_pairs",
    "path_norm",
    "prox_power",
    "train_restarts",
]
