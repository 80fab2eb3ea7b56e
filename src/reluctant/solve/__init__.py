"""The verbs, one file each: check the input, choose the room, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reluctant.faces import face

if TYPE_CHECKING:
    from reluctant.solve.approximate import approximate as approximate
    from reluctant.solve.approximate_function import approximate_function as approximate_function
    from reluctant.solve.critical_p import critical_p as critical_p
    from reluctant.solve.critical_p import recovery_threshold as recovery_threshold
    from reluctant.solve.error_path import error_path as error_path
    from reluctant.solve.interpolate import interpolate as interpolate
    from reluctant.solve.p_path import p_path as p_path
    from reluctant.solve.regress import regress as regress
    from reluctant.solve.regress_path import regress_path as regress_path
    from reluctant.solve.size_path import size_path as size_path

_HOME_OF = {
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
}

__all__ = sorted(_HOME_OF)
__getattr__, __dir__ = face(__name__, _HOME_OF)
