"""ReLUctant: the sparsest one-hidden-layer ReLU network that fits your data.

The verbs are `interpolate`, `approximate`, `regress`, `size_path`, `p_path` and `critical_p`; every one returns or
contains a `ReLUNetwork`. Importing the package loads NumPy alone; SciPy, Numba, HiGHS and
scikit-learn are loaded by the first call that needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from reluctant.errors import FileFormatError, InfeasibleError
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Certificate, Solution
from reluctant.version import __version__ as __version__

if TYPE_CHECKING:
    from reluctant.estimators import SparseReLUClassifier, SparseReLURegressor
    from reluctant.model.piecewise_linear import PiecewiseLinear
    from reluctant.regression.size_path import SizePath, size_path
    from reluctant.solve import approximate, critical_p, interpolate, regress
    from reluctant.univariate.ppath import PPath, p_path

__all__ = [
    "Certificate",
    "FileFormatError",
    "InfeasibleError",
    "PPath",
    "PiecewiseLinear",
    "ReLUNetwork",
    "SizePath",
    "Solution",
    "SparseReLUClassifier",
    "SparseReLURegressor",
    "approximate",
    "critical_p",
    "interpolate",
    "p_path",
    "regress",
    "size_path",
]

_HOME_OF = {
    "PPath": "reluctant.univariate.ppath",
    "PiecewiseLinear": "reluctant.model.piecewise_linear",
    "SizePath": "reluctant.regression.size_path",
    "SparseReLUClassifier": "reluctant.estimators",
    "SparseReLURegressor": "reluctant.estimators",
    "approximate": "reluctant.solve",
    "critical_p": "reluctant.solve",
    "interpolate": "reluctant.solve",
    "p_path": "reluctant.univariate.ppath",
    "regress": "reluctant.solve",
    "size_path": "reluctant.regression.size_path",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'reluctant' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
