"""A page of results: text, tables and figures in Markdown, numbers as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
"""Colours of Okabe and Ito (2008), which colour-blind readers can tell apart."""


class Page:
    """Collects the parts of a page and writes them together."""

    def __init__(self, name: str, title: str, out: Path) -> None:
        self.name, self.out = name, out
        self.parts = [f"# {title}\n"]
        self.numbers: dict[str, Any] = {}

    def text(self, paragraph: str) -> None:
        """Add a paragraph."""
        self.parts.append(f"{paragraph}\n")

    def table(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add a table; its cells go to the JSON file as well."""
        lines = [list(map(str, header)), ["---"] * len(header), *(list(map(str, row)) for row in rows)]
        self.parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n")
        self.numbers[name] = [dict(zip(header, map(str, row))) for row in rows]

    def figure(self, name: str, figure: Figure, caption: str) -> None:
        """Save a figure and add it."""
        figure.savefig(self.out / f"{self.name}-{name}.png", dpi=130)
        self.parts.append(f"![{caption}]({self.name}-{name}.png)\n")

    def write(self) -> Path:
        """Write the page and its numbers."""
        path = self.out / f"{self.name}.md"
        path.write_text("\n".join(self.parts), encoding="utf-8")
        (self.out / f"{self.name}.json").write_text(json.dumps(self.numbers, indent=1) + "\n", encoding="utf-8")
        return path


def new_figure(columns: int = 1, height: float = 3.6) -> tuple[Figure, Any]:
    """Return a figure that needs no display, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6 * columns, height), layout="constrained")
    return figure, figure.subplots(1, columns)


def legend_below(figure: Figure, axes: Any) -> None:
    """Put the legend of `axes` below the figure, where it hides nothing."""
    columns = 3 if figure.get_figwidth() > 7 else 2
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=8)


def count_ticks(axis: Any, counts: Sequence[int]) -> None:
    """Label a logarithmic axis at these counts only."""
    axis.set_ticks(counts, [str(count) for count in counts])
    axis.set_ticks([], minor=True)


def spread(values: NDArray, form: str = ".0f") -> str:
    """Return "median [smallest, largest]", or the one value."""
    low, middle, high = np.min(values), np.median(values), np.max(values)
    if low == high:
        return f"{middle:{form}}"
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def band(axes: Any, x: NDArray, values: NDArray, label: str, colour: str, style: str = "-") -> None:
    """Draw the median over runs (axis 1) with a band from the smallest to the largest."""
    axes.plot(x, np.median(values, axis=1), style, color=colour, label=label)
    axes.fill_between(x, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15, linewidth=0)
