"""Figures drawn without a display: readable in a README, in grey and for colour-blind eyes."""

from __future__ import annotations

import io
import warnings
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index
from reluctant.files import as_path, write_atomically
from reluctant.report.style import BAND, DATA, FUNCTION, GREY, KNOT, STYLE
from reluctant.solution import Solution
from reluctant.text import shown
from reluctant.validation import check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_COLUMNS = 1200
"""Bins along x when many points are thinned; more than a figure has pixels to show them."""

_LARGEST = 1e307
"""Largest coordinate that matplotlib transforms without overflow."""

_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""What must not be written for the same figure to give the same bytes."""

_FEW_KNOTS = 60
"""Up to this many knots each is drawn with a marker and a line down to the residuals."""


def plot_fit(
    solution: Solution,
    x: ArrayLike,
    y: ArrayLike,
    tolerance: ArrayLike | None = None,
    *,
    x_label: str = "x",
    y_label: str = "y",
) -> Figure:
    """Draw data, function and knots, and the residuals below with the band that was asked for.

    Needs matplotlib, which comes with ``reluctant[cli]``.

    Parameters
    ----------
    solution : Solution
        A solution on the line.
    x, y : array_like, shape (N,)
        The data. More than a few thousand points are thinned to the lowest and highest in each of 1,200 bins.
    tolerance : float or array_like, shape (N,), optional
        Half-width of the band around the data.
    x_label, y_label : str
        Names of the axes, taken literally.

    Returns
    -------
    matplotlib.figure.Figure
        Bound to no window; `save_figure` writes it.

    Raises
    ------
    ValueError
        If the solution is not a function of one variable, or is too large to draw (1e307).
    """
    if solution.function is None:
        raise ValueError("plot_fit draws functions of one variable; this solution has several inputs or outputs")
    X, y = check_table(x, y)
    x = X[:, 0]
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    _check_drawable(x, "x")
    _check_drawable(np.concatenate([y, solution.function.values]), "y")
    residual = solution.function(x) - y
    band = None if tolerance is None else np.broadcast_to(np.asarray(tolerance, dtype=np.float64), y.shape)[order]

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(8, 5.4), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1), gridspec_kw={"hspace": 0.04})
        _draw_fit(top, solution, x, y)
        _draw_residuals(bottom, x, residual, band)
        _draw_knot_lines((top, bottom), solution.function.knots)
        top.set_title(_title(solution, tolerance), loc="left", fontsize=12)
        top.set_ylabel(shown(y_label, keep="\n"), parse_math=False)
        bottom.set_ylabel("f(x) − y")
        bottom.set_xlabel(shown(x_label, keep="\n"), parse_math=False)
        for axes in (top, bottom):
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(x=0.02)
        figure.align_ylabels()
    return figure


def _check_drawable(values: Array, name: str) -> None:
    largest = np.max(np.abs(values))
    if largest > _LARGEST:
        raise ValueError(f"{name} reaches {largest:.3g}, too large to draw; rescale {name} or leave the figure out")


def save_figure(figure: Figure, path: str | PathLike[str]) -> None:
    """Write a figure in the format its name ends in; the same figure gives the same bytes.

    The file appears whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : str or path-like
        File name, ending in ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the name has another ending.
    """
    path = as_path(path)
    write_atomically(path, figure_bytes(figure, path.suffix.removeprefix(".").lower()))


def figure_bytes(figure: Figure, ending: str) -> bytes:
    """What `save_figure` writes to a file of that ending, without its dot."""
    if ending not in _METADATA:
        raise ValueError(f"the file name of a figure must end in .png, .svg or .pdf, got {ending!r}")
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=ending, dpi=150, metadata=_METADATA[ending])
    return buffer.getvalue()


def _draw_fit(axes: Axes, solution: Solution, x: Array, y: Array) -> None:
    function = solution.function
    assert function is not None
    kept = thinned(x, y)
    axes.plot(
        x[kept],
        y[kept],
        "o",
        markersize=_marker_size(len(kept)),
        color=DATA,
        markeredgewidth=0,
        rasterized=True,
        label=_count(len(x), "data point"),
    )
    inside = function.knots[(function.knots > x[0]) & (function.knots < x[-1])]
    corners = np.concatenate([x[:1], inside, x[-1:]])
    values = function(corners)
    drawn = thinned(corners, values)
    axes.plot(corners[drawn], values[drawn], color=FUNCTION, linewidth=1.3, label="function")
    if 0 < len(function.knots) <= _FEW_KNOTS:
        axes.plot(
            function.knots,
            function.values,
            "o",
            markersize=6,
            color=KNOT,
            markerfacecolor="none",
            markeredgewidth=1.5,
            label=_count(function.n_knots, "knot"),
        )
    axes.legend(frameon=False)


def _draw_residuals(axes: Axes, x: Array, residual: Array, band: Array | None) -> None:
    if band is not None:
        kept = thinned(x, band)
        axes.fill_between(x[kept], -band[kept], band[kept], color=BAND, alpha=0.15, linewidth=0)
        constant = band.min() == band.max()
        label = f"tolerance ±{band[0]:g}" if constant else "tolerance"
        axes.plot(x[kept], band[kept], color=BAND, linewidth=1, label=label)
        axes.plot(x[kept], -band[kept], color=BAND, linewidth=1)
        axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 1.2), borderaxespad=0)
    axes.axhline(0, color=GREY, linewidth=0.8)
    kept = thinned(x, residual)
    size = 0.7 * _marker_size(len(kept))
    axes.plot(x[kept], residual[kept], "o", markersize=size, color=DATA, markeredgewidth=0, rasterized=True)


def _draw_knot_lines(panels: tuple[Axes, ...], knots: Array) -> None:
    if len(knots) <= _FEW_KNOTS:
        for axes in panels:
            for knot in knots:
                axes.axvline(knot, color=KNOT, linewidth=0.6, alpha=0.35, zorder=0)


def thinned(x: Array, y: Array, n_bins: int = _COLUMNS) -> Index:
    """Indices of sorted points that draw the same picture: first, lowest, highest and last of each bin along x."""
    if len(x) <= 4 * n_bins:
        return np.arange(len(x))
    edges = np.linspace(x[0], x[-1], n_bins + 1)[1:-1]
    starts = np.unique(np.concatenate([[0], np.searchsorted(x, edges)]))
    starts = starts[starts < len(x)]
    ends = np.append(starts[1:], len(x)) - 1
    order = np.lexsort((y, np.repeat(np.arange(len(starts)), ends - starts + 1)))
    return np.unique(np.concatenate([starts, ends, order[starts], order[ends]]))


def _marker_size(n_points: int) -> float:
    return 5.0 if n_points <= 100 else 3.5


def _title(solution: Solution, tolerance: ArrayLike | None) -> str:
    neurons = _count(solution.n_neurons, "neuron")
    claim = ", proved fewest" if _is_proved_fewest(solution) else ""
    within = f" within ±{tolerance:g}" if isinstance(tolerance, (int, float)) else ""
    return f"{neurons}{claim}{within}, largest error {solution.max_error:.3g}"


def _is_proved_fewest(solution: Solution) -> bool:
    certificate = solution.certificate
    return (
        certificate.kind == "proved"
        and certificate.quantity == "neurons"
        and certificate.lower_bound >= solution.n_neurons
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
