"""The verbs, one file each: check the input, choose the room, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reluctant.faces import face

if TYPE_CHECKING:
    from reluctant.solve.approximate import approximate
    from reluctant.solve.approximate_function import approximate_function
    from reluctant.solve.critical_p import critical_p, recovery_threshold
    from reluctant.solve.error_path import error_path
    from reluctant.solve.interpolate import interpolate
    from reluctant.solve.p_path import p_path
    from reluctant.solve.regress import regress
    from reluctant.solve.regress_path import regress_path
    from reluctant.solve.size_path import size_path

__all__ = [
    "approximate",
    "approximate_function",
    "critical_p",
    "error_path",
    "interpolate",
    "p_path",
    "recovery_threshold",
    "regress",
    "regress_path",
    "size_path",
]

__getattr__, __dir__ = face(
    __name__,
    {
        "approximate": "reluctant.solve.approximate",
        "approximate_function": "reluctant.solve.approximate_function",
        "critical_p": "reluctant.solve.critical_p",
        "error_path": "reluctant.solve.error_path",
        "interpolate": "reluctant.solve.interpolate",
        "p_path": "reluctant.solve.p_path",
        "recovery_threshold": "reluctant.solve.critical_p",
        "regress": "reluctant.solve.regress",
        "regress_path": "reluctant.solve.regress_path",
        "size_path": "reluctant.solve.size_path",
    },
)
