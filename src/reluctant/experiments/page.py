"""A page of results: text, tables and figures in Markdown, numbers as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reluctant.files import write_together
from reluctant.report.figures import figure_bytes
from reluctant.report.style import COLOURS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "v", "D", "P", "X")
WIDTH = 7.2
"""Inches of a figure that fills a page: its text is read at its own size."""


class Page:
    """Collects the parts of a page and writes them together."""

    def __init__(self, name: str, title: str, out: Path) -> None:
        self.name, self.out = name, out
        self.parts = [f"# {title}\n"]
        self.numbers: dict[str, Any] = {}
        self.figures: dict[str, bytes] = {}

    def text(self, paragraph: str) -> None:
        """Add a paragraph."""
        self.parts.append(f"{paragraph}\n")

    def table(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add a table; its cells go to the JSON file as well."""
        lines = [list(map(str, header)), ["---"] * len(header), *(list(map(str, row)) for row in rows)]
        self.parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n")
        self.numbers[name] = [dict(zip(header, map(str, row))) for row in rows]

    def figure(self, name: str, figure: Figure, caption: str) -> None:
        """Add a figure."""
        file = f"{self.name}-{name}.png"
        self.figures[file] = figure_bytes(figure, "png")
        self.parts.append(f"![{caption}]({file})\n")

    def write(self) -> Path:
        """Write the page, its figures and its numbers, all or none."""
        texts = {
            f"{self.name}.md": "\n".join(self.parts),
            f"{self.name}.json": json.dumps(self.numbers, indent=1) + "\n",
        }
        contents = self.figures | {file: text.encode() for file, text in texts.items()}
        write_together({self.out / file: content for file, content in contents.items()})
        return self.out / f"{self.name}.md"


def new_figure(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (WIDTH, 4.0), share: bool = False
) -> Any:
    """Return a figure in the house style that needs no display, and its axes (rows, columns), or the one."""
    with panels(size, rows, columns, sharex=share, sharey=share) as (figure, axes):
        return figure, axes if axes.size > 1 else axes[0, 0]


def legend_below(figure: Figure, axes: Any) -> None:
    """Put the legend of `axes` below the figure, where it hides nothing."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)


def plain_ticks(axis: Any, numbers: Sequence[float]) -> None:
    """Label a logarithmic axis at these numbers only, those outside of it left out."""
    low, high = axis.get_view_interval()
    shown = [number for number in numbers if low <= number <= high]
    axis.set_ticks(shown, [f"{number:g}" for number in shown])
    axis.set_ticks([], minor=True)


def spread(values: NDArray, form: str = ".0f") -> str:
    """Return "median [smallest, largest]", or the one value."""
    low, middle, high = np.min(values), np.median(values), np.max(values)
    if low == high:
        return f"{middle:{form}}"
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def bands(axes: Any, x: NDArray, curves: Sequence[tuple[str, NDArray]]) -> None:
    """Draw a band for each label and values; the first line is wide, so that it is seen below another."""
    for i, ((label, values), colour) in enumerate(zip(curves, COLOURS)):
        _band(axes, x, values, label, colour, 4.0 if i == 0 else 1.6)


def _band(axes: Any, x: NDArray, values: NDArray, label: str, colour: str, width: float) -> None:
    """Draw the median over runs (axis 1) with a band from the smallest to the largest."""
    axes.plot(x, np.median(values, axis=1), color=colour, label=label, linewidth=width)
    axes.fill_between(x, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, linewidth=0)
