"""R^d: searches for the sparsest interpolant and the sparsest network within a band, and what is proved about them."""

from __future__ import annotations

from reluctant.faces import face

_ROOM = "reluctant.multivariate"

__getattr__, __dir__ = face(
    __name__,
    {
        "Aim": f"{_ROOM}.aim",
        "PatternProgram": f"{_ROOM}.proofs.program",
        "critical_exponent": f"{_ROOM}.proofs.extreme_points",
        "elementary_bound": f"{_ROOM}.proofs.bounds",
        "enumerate_vertices": f"{_ROOM}.proofs.extreme_points",
        "fewest_neurons": f"{_ROOM}.proofs.enumeration",
        "fewest_parameters": f"{_ROOM}.proofs.enumeration",
        "generic_bound": f"{_ROOM}.proofs.generic",
        "minimise_l1": f"{_ROOM}.proofs.column_generation",
        "minimise_lp": f"{_ROOM}.proofs.extreme_points",
        "minimise_path_norm": f"{_ROOM}.basin_hopping.path_norm",
        "recover": f"{_ROOM}.basin_hopping.planted",
        "sparsest_interpolant": f"{_ROOM}.newton_prune.search",
        "sparsest_within": f"{_ROOM}.basin_hopping.band",
    },
)
