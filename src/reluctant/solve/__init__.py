"""The verbs, one file each: check the input, choose the room, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reluctant.faces import face

if TYPE_CHECKING:
    from reluctant.solve.approximate import approximate
    from reluctant.solve.critical_p import critical_p, recovery_threshold
    from reluctant.solve.interpolate import interpolate
    from reluctant.solve.regress import regress

__all__ = ["approximate", "critical_p", "interpolate", "recovery_threshold", "regress"]

__getattr__, __dir__ = face(
    __name__,
    {
        "approximate": "reluctant.solve.approximate",
        "critical_p": "reluctant.solve.critical_p",
        "interpolate": "reluctant.solve.interpolate",
        "recovery_threshold": "reluctant.solve.critical_p",
        "regress": "reluctant.solve.regress",
    },
)
