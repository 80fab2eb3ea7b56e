"""Figures of solutions, paths and networks, and a page about a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reluctant.faces import face
from reluctant.report.figures import plot_fit, plot_function, save_figure
from reluctant.report.networks import (
    plot_error_path,
    plot_knot_path,
    plot_neurons,
    plot_p_path,
    plot_path,
)
from reluctant.report.partial import plot_partial

if TYPE_CHECKING:
    from reluctant.report.page import render_page, write_page

__all__ = [
    "plot_error_path",
    "plot_fit",
    "plot_function",
    "plot_knot_path",
    "plot_neurons",
    "plot_p_path",
    "plot_partial",
    "plot_path",
    "render_page",
    "save_figure",
    "write_page",
]

_FIGURES = tuple(name for name in __all__ if not name.endswith("_page"))
_PAGES = {"render_page": "reluctant.report.page", "write_page": "reluctant.report.page"}

__getattr__, __dir__ = face(__name__, _PAGES, _FIGURES)
