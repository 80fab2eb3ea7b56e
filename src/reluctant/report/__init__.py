"""Figures of solutions."""

from __future__ import annotations

from reluctant.report.figures import plot_fit, save_figure

__all__ = ["plot_fit", "save_figure"]
