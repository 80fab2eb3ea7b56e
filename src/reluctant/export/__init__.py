"""Networks as files that run elsewhere."""

from __future__ import annotations

from reluctant.export.c import CExport, export_c
from reluctant.export.onnx import OnnxExport, export_onnx
from reluctant.export.sklearn_pipelines import register_skl2onnx

__all__ = ["CExport", "OnnxExport", "export_c", "export_onnx", "register_skl2onnx"]


def __dir__() -> list[str]:
    return sorted(__all__)
