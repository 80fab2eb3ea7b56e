"""ReLUctant: the sparsest one-hidden-layer ReLU network that fits your data, with proof where proof exists.

The verbs are `interpolate`, `approximate`, `approximate_function`, `regress`, `regress_path`, `size_path`, `p_path`,
`error_path` and `critical_p`; every one returns or contains a `ReLUNetwork`. Importing the package loads NumPy alone;
SciPy, Numba, HiGHS, scikit-learn and PyTorch are loaded by the first call, or the first use of a room such as
`reluctant.nn`, that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reluctant.errors import FileFormatError, InfeasibleError
from reluctant.faces import face
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Certificate, Solution
from reluctant.version import __version__ as __version__

if TYPE_CHECKING:
    from reluctant import estimators as estimators
    from reluctant import experiments as experiments
    from reluctant import export as export
    from reluctant import multivariate as multivariate
    from reluctant import nn as nn
    from reluctant import regression as regression
    from reluctant import report as report
    from reluctant import solve as solve
    from reluctant import verify as verify
    from reluctant.estimators import SparseReLUClassifier, SparseReLURegressor
    from reluctant.loading import load
    from reluctant.model.piecewise_linear import PiecewiseLinear
    from reluctant.regression.size_path import SizePath
    from reluctant.solve import (
        approximate,
        approximate_function,
        critical_p,
        error_path,
        interpolate,
        p_path,
        recovery_threshold,
        regress,
        regress_path,
        size_path,
    )
    from reluctant.univariate.error_path import ErrorPath
    from reluctant.univariate.knot_regression import KnotPath
    from reluctant.univariate.ppath import PPath
    from reluctant.univariate.stream import LinkStream

__all__ = [
    "Certificate",
    "ErrorPath",
    "FileFormatError",
    "InfeasibleError",
    "KnotPath",
    "LinkStream",
    "PPath",
    "PiecewiseLinear",
    "ReLUNetwork",
    "SizePath",
    "Solution",
    "SparseReLUClassifier",
    "SparseReLURegressor",
    "approximate",
    "approximate_function",
    "critical_p",
    "error_path",
    "interpolate",
    "load",
    "p_path",
    "recovery_threshold",
    "regress",
    "regress_path",
    "size_path",
]

_ROOMS = ("estimators", "experiments", "export", "multivariate", "nn", "regression", "report", "solve", "verify")
_HOME_OF = {
    "ErrorPath": "reluctant.univariate.error_path",
    "KnotPath": "reluctant.univariate.knot_regression",
    "LinkStream": "reluctant.univariate.stream",
    "PPath": "reluctant.univariate.ppath",
    "PiecewiseLinear": "reluctant.model.piecewise_linear",
    "SizePath": "reluctant.regression.size_path",
    "SparseReLUClassifier": "reluctant.estimators",
    "SparseReLURegressor": "reluctant.estimators",
    "approximate": "reluctant.solve",
    "approximate_function": "reluctant.solve",
    "critical_p": "reluctant.solve",
    "error_path": "reluctant.solve",
    "interpolate": "reluctant.solve",
    "load": "reluctant.loading",
    "p_path": "reluctant.solve",
    "recovery_threshold": "reluctant.solve",
    "regress": "reluctant.solve",
    "regress_path": "reluctant.solve",
    "size_path": "reluctant.solve",
}
_LOADED = ("Certificate", "FileFormatError", "InfeasibleError", "ReLUNetwork", "Solution")

__getattr__, __dir__ = face(__name__, _HOME_OF | dict.fromkeys(_ROOMS, __name__), _LOADED)
