"""Networks as files that run elsewhere."""

from __future__ import annotations

from reluctant.export.c import CExport, export_c
from reluctant.export.integers.request import Integers
from reluctant.export.onnx import OnnxExport, export_onnx
from reluctant.export.programs import ProgramExport, export_javascript, export_python, export_rust
from reluctant.export.vnnlib import export_vnnlib

__all__ = [
    "CExport",
    "Integers",
    "OnnxExport",
    "ProgramExport",
    "export_c",
    "export_javascript",
    "export_onnx",
    "export_python",
    "export_rust",
    "export_vnnlib",
]


def __dir__() -> list[str]:
    return sorted(__all__)
