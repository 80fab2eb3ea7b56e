"""Figures of solutions, paths and networks."""

from __future__ import annotations

from reluctant.report.figures import plot_fit, plot_function, save_figure
from reluctant.report.networks import (
    plot_error_path,
    plot_knot_path,
    plot_neurons,
    plot_p_path,
    plot_partial,
    plot_path,
)

__all__ = [
    "plot_error_path",
    "plot_fit",
    "plot_function",
    "plot_knot_path",
    "plot_neurons",
    "plot_p_path",
    "plot_partial",
    "plot_path",
    "save_figure",
]


def __dir__() -> list[str]:
    return sorted(__all__)
