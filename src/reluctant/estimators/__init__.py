"""scikit-learn estimators whose model is one small ReLU network."""

from __future__ import annotations

from reluctant.estimators.classifier import SparseReLUClassifier
from reluctant.estimators.cross_validated import ValidatedPath
from reluctant.estimators.onnx_pipelines import register_skl2onnx
from reluctant.estimators.regressor import SparseReLURegressor

__all__ = ["SparseReLUClassifier", "SparseReLURegressor", "ValidatedPath", "register_skl2onnx"]


def __dir__() -> list[str]:
    return sorted(__all__)
