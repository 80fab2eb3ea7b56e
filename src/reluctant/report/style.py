"""Colours and type of all figures, and the axes they are drawn on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from reluctant.text import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
DATA, FUNCTION, KNOT, BAND = "#56B4E9", "#000000", "#D55E00", "#009E73"
GREY = "#666666"
COLOURS = ("#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
"""For curves side by side."""

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "svg.hashsalt": "reluctant",
    "agg.path.chunksize": 20000,
}

UP, ALONG, TITLE = 36, 76, 72
"""Characters of a line beside the panel of a function, below it, and above it in larger type."""
_LINES = 2


def in_lines(text: str, width: int) -> str:
    """A name or a sentence in lines of so many characters; of what takes more than two lines the beginning."""
    lines = shown(text, keep="\n").split("\n")
    return "\n".join(textwrap.fill(line, width, max_lines=_LINES, placeholder=" …") for line in lines)


@contextmanager
def panels(
    size: tuple[float, float], rows: int = 1, columns: int = 1, ax: Any = None, **layout: Any
) -> Iterator[tuple[Figure, Any]]:
    """A figure in the house style and its axes, (rows, columns) of them, without a frame on top and right.

    Where `ax` is given, as many axes or the one, the figure is theirs.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is missing; the message says how to install it.
    ValueError
        If `ax` holds another number of axes.
    """
    matplotlib = _matplotlib()
    with matplotlib.rc_context(STYLE):
        if ax is None:
            figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
            axes = figure.subplots(rows, columns, squeeze=False, **layout)
        else:
            axes = _given(ax, rows * columns)
            figure = axes[0].get_figure(root=True)
            axes = axes.reshape(rows, columns)
        for one in axes.flat:
            one.spines[["top", "right"]].set_visible(False)
        yield figure, axes


def _matplotlib() -> Any:
    try:
        import matplotlib.figure
    except ModuleNotFoundError:
        remedy = 'figures need matplotlib; install it with: pip install "reluctant[cli]"'
        raise ModuleNotFoundError(remedy, name="matplotlib") from None
    return matplotlib


def _given(ax: Any, count: int) -> Any:
    axes = np.ravel(np.array(ax, dtype=object))
    if len(axes) != count or not all(hasattr(one, "plot") and hasattr(one, "get_figure") for one in axes):
        what = "one matplotlib Axes" if count == 1 else f"{count} matplotlib Axes"
        raise ValueError(f"ax must be {what}, got {ax!r:.80}")
    return axes
