"""The ℓp path norm in PyTorch: penalties, the proximal optimiser wrapper, batched training, the way back to exact."""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        'reluctant.nn needs PyTorch; install it with: pip install "reluctant[torch]"', name="torch"
    ) from None

from reluctant.nn.batched import Restarts, train_restarts
from reluctant.nn.compression import Compression, compress
from reluctant.nn.consolidation import consolidate
from reluctant.nn.extraction import to_network
from reluctant.nn.factorized import factorize, harden
from reluctant.nn.footprint import Footprint
from reluctant.nn.head import prune_head
from reluctant.nn.layers import LayerPair, OneHiddenLayer, layer_pairs
from reluctant.nn.layerwise import Refit, prune_layerwise
from reluctant.nn.modules import to_module
from reluctant.nn.one_input import to_piecewise_linear
from reluctant.nn.penalty import PathNorm, path_norm
from reluctant.nn.polish import polish
from reluctant.nn.prox import prox_power
from reluctant.nn.proximal import ReweightedL1
from reluctant.nn.proximal_optimizer import ProximalOptimizer
from reluctant.nn.schedules import PContinuation, halve_p
from reluctant.nn.settings import Checkpoint, Recording, Schedule, Shrinkage, TensorOptions, Validation
from reluctant.nn.training import Epoch, Training, fit_network
from reluctant.nn.weight_groups import WeightGroup

__all__ = [
    "Checkpoint",
    "Compression",
    "Epoch",
    "Footprint",
    "LayerPair",
    "OneHiddenLayer",
    "PContinuation",
    "PathNorm",
    "ProximalOptimizer",
    "Recording",
    "Refit",
    "Restarts",
    "ReweightedL1",
    "Schedule",
    "Shrinkage",
    "TensorOptions",
    "Training",
    "Validation",
    "WeightGroup",
    "compress",
    "consolidate",
    "factorize",
    "fit_network",
    "halve_p",
    "harden",
    "layer_pairs",
    "path_norm",
    "polish",
    "prox_power",
    "prune_head",
    "prune_layerwise",
    "to_module",
    "to_network",
    "to_piecewise_linear",
    "train_restarts",
]


def __dir__() -> list[str]:
    return __all__
