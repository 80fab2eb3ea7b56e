"""Networks as files that run elsewhere."""

from __future__ import annotations

from reluctant.export.c import CExport, export_c

__all__ = ["CExport", "export_c"]


def __dir__() -> list[str]:
    return sorted(__all__)
