"""Figures drawn without a display: readable in a README, in grey and for colour-blind eyes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index
from reluctant.files import as_path, write_atomically
from reluctant.model.network import ReLUNetwork
from reluctant.report.style import (
    ALONG,
    BAND,
    COLOURS,
    DATA,
    FUNCTION,
    GREY,
    KNOT,
    STYLE,
    TITLE,
    UP,
    in_lines,
    panels,
)
from reluctant.solution import Solution
from reluctant.validation import as_floats, check_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reluctant.model.piecewise_linear import PiecewiseLinear

_COLUMNS = 1200
"""Bins along x when many points are thinned; more than a figure has pixels to show them."""

_LARGEST = 1e307
"""Largest coordinate that matplotlib transforms without overflow."""

_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""What must not be written for the same figure to give the same bytes."""

_KNOT_STYLE: dict[str, Any] = {"markersize": 6, "color": KNOT, "markerfacecolor": "none", "markeredgewidth": 1.5}
_ABOVE: dict[str, Any] = {
    "frameon": False,
    "loc": "lower right",
    "bbox_to_anchor": (1, 0.98),
    "borderaxespad": 0,
    "ncols": 2,
}
"""A legend above the panel of residuals."""
_FEW_KNOTS = 60
"""Up to this many knots each is drawn with a marker and a line down to the residuals."""


def plot_fit(
    solution: Solution,
    x: ArrayLike,
    y: ArrayLike,
    tolerance: ArrayLike | None = None,
    *,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    x_label: str = "x",
    y_label: str = "y",
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Draw data, function and knots, and the residuals below with the band that was asked for.

    The line through the residuals is the distance of the function from the straight lines between the rows; where it is
    largest at a knot, farther than at any row, that knot is marked.

    Needs matplotlib, which comes with ``reluctant[cli]``.

    Parameters
    ----------
    solution : Solution
        A solution on the line.
    x, y : array_like, shape (N,)
        The data. More than a few thousand points are thinned to the lowest and highest in each of 1,200 bins.
    tolerance : float or array_like, shape (N,), optional
        Half-width of the band around the data.
    bounds : (lo, hi), each a number or array_like of shape (N,), optional
        The band in the place of a half-width; a side that is infinite everywhere is not drawn.
    x_label, y_label : str
        Names of the axes, taken literally.
    ax : matplotlib.axes.Axes or two of them, optional
        Where to draw: on one the function without residuals, on two both. By default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Bound to no window unless `ax` is; `save_figure` writes it.

    Raises
    ------
    ValueError
        If the solution is not a function of one variable, or is too large to draw (1e307).
    """
    if solution.function is None:
        raise ValueError("plot_fit draws functions of one variable; this solution has several inputs or outputs")
    X, y = check_table(x, y)
    x = X[:, 0]
    band = _band_about(y, tolerance, bounds)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    band = None if band is None else (band[0][order], band[1][order])
    _check_drawable(x, "x")
    _check_drawable(np.concatenate([y, solution.function.values]), "y")
    residual = solution.function(x) - y

    n_panels = 1 if hasattr(ax, "get_figure") else 2
    layout: dict[str, Any] = {"sharex": True, "height_ratios": (2.4, 1), "gridspec_kw": {"hspace": 0.04}}
    with panels((8, 5.4), n_panels, 1, ax, **layout) as (figure, grid):
        axes = grid[:, 0]
        _draw_fit(axes[0], solution.function, x, y)
        if n_panels == 2:
            _draw_residuals(axes[1], x, residual, band)
            _draw_between(axes[1], solution.function, x, y, band)
            if axes[1].get_legend_handles_labels()[1]:
                axes[1].legend(**_ABOVE)
            axes[1].margins(y=0.12)
            axes[1].set_ylabel("f(x) − y")
        _draw_knot_lines(tuple(axes), solution.function.knots)
        axes[0].set_title(in_lines(_title(solution, tolerance), TITLE), loc="left", fontsize=12)
        axes[0].set_ylabel(in_lines(y_label, UP), parse_math=False)
        axes[-1].set_xlabel(in_lines(x_label, ALONG), parse_math=False)
        for one in axes:
            one.margins(x=0.02)
        figure.align_ylabels(axes)
    return figure


def plot_function(
    network: ReLUNetwork,
    x: ArrayLike | None = None,
    *,
    x_label: str = "x",
    y_label: str = "f(x)",
    ax: Axes | None = None,
) -> Figure:
    """Draw a network of one input, a line for each output with its knots.

    Parameters
    ----------
    network : ReLUNetwork
        One input.
    x : array_like, optional
        Points whose range is drawn; by default that of the knots and a fifth more on each side.
    x_label, y_label : str
        Names of the axes, taken literally.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the network has several inputs, or is too large to draw (1e307).

    Examples
    --------
    >>> figure = plot_function(ReLUNetwork([[1.0], [1.0]], [0.0, -2.0], [1.0, -1.0]))
    >>> figure.axes[0].lines[0].get_xdata()
    array([-0.4,  0. ,  2. ,  2.4])
    """
    if network.n_inputs != 1:
        raise ValueError(f"plot_function draws functions of one variable; this network has {network.n_inputs} inputs")
    hinges = network.active & (network.input_weights[:, 0] != 0)
    knots = np.unique(-network.biases[hinges] / network.input_weights[hinges, 0] + 0.0)  # a zero has no sign
    low, high = _range(knots, x)
    corners = np.concatenate([[low], knots[(knots > low) & (knots < high)], [high]])
    values = network(corners).reshape(len(corners), -1)
    _check_drawable(corners, "x")
    _check_drawable(values, "f(x)")
    with panels((7.2, 4.0), ax=ax) as (figure, grid):
        axes = grid[0, 0]
        for c in range(network.n_outputs):
            drawn = thinned(corners, values[:, c])
            label = "function" if network.n_outputs == 1 else f"output {c}"
            axes.plot(corners[drawn], values[drawn, c], color=COLOURS[c % len(COLOURS)], linewidth=1.3, label=label)
        if 0 < len(corners) - 2 <= _FEW_KNOTS:
            for c in range(network.n_outputs):
                named = _count(len(corners) - 2, "knot") if c == 0 else None
                axes.plot(corners[1:-1], values[1:-1, c], "o", label=named, **_KNOT_STYLE)
        axes.legend(frameon=False)
        axes.set_xlabel(in_lines(x_label, ALONG), parse_math=False)
        axes.set_ylabel(in_lines(y_label, UP), parse_math=False)
        axes.margins(x=0.02)
    return figure


def _range(knots: Array, x: ArrayLike | None) -> tuple[float, float]:
    """The range to draw: that of x, or somewhat more than that of the knots."""
    if x is not None:
        points = as_floats(x, "x")
        low, high = float(points.min()), float(points.max())
    elif len(knots) == 0:
        return -1.0, 1.0
    else:
        low, high = float(knots[0]), float(knots[-1])
        low, high = low - 0.2 * (high - low), high + 0.2 * (high - low)
    return (low, high) if low < high else (low - max(1.0, 0.1 * abs(low)), high + max(1.0, 0.1 * abs(high)))


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


def _draw_fit(axes: Axes, function: PiecewiseLinear, x: Array, y: Array) -> None:
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
        axes.plot(function.knots, function.values, "o", label=_count(function.n_knots, "knot"), **_KNOT_STYLE)
    axes.legend(frameon=False)


def _band_about(
    y: Array, tolerance: ArrayLike | None, bounds: tuple[ArrayLike, ArrayLike] | None
) -> tuple[Array, Array] | None:
    """The band around the data as the least and the largest residual of each row; None where there is none."""
    if bounds is not None:
        lo, hi = (np.broadcast_to(np.asarray(bound, dtype=np.float64), y.shape) for bound in bounds)
        return lo - y, hi - y
    if tolerance is None:
        return None
    half = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), y.shape)
    return -half, half


def _draw_residuals(axes: Axes, x: Array, residual: Array, band: tuple[Array, Array] | None) -> None:
    if band is not None:
        _draw_band(axes, x, *band)
    axes.axhline(0, color=GREY, linewidth=0.8)
    kept = thinned(x, residual)
    size = 0.7 * _marker_size(len(kept))
    axes.plot(x[kept], residual[kept], "o", markersize=size, color=DATA, markeredgewidth=0, rasterized=True)


def _draw_band(axes: Axes, x: Array, below: Array, above: Array) -> None:
    """What a residual may be; where a row has no bound on a side, that side is left open."""
    symmetric = bool((below == -above).all())
    if symmetric:
        label = f"tolerance ±{above[0]:g}" if above.min() == above.max() else "tolerance"
    else:
        label = "bounds"
    sides = [side for side in (above, below) if np.isfinite(side).any()]
    if not sides:
        return
    kept = np.union1d(thinned(x, sides[0]), thinned(x, sides[-1]))
    closed = np.isfinite(below) & np.isfinite(above)
    axes.fill_between(x[kept], below[kept], above[kept], where=closed[kept], color=BAND, alpha=0.15, linewidth=0)
    for k, side in enumerate(sides):
        drawn = np.where(np.isfinite(side), side, np.nan)[kept]
        axes.plot(x[kept], drawn, color=BAND, linewidth=1, label=None if k else label)


def _draw_between(axes: Axes, function: PiecewiseLinear, x: Array, y: Array, band: tuple[Array, Array] | None) -> None:
    """The difference of function and polyline, and the knot where it is largest, if no row that counts is as far."""
    counted = np.ones(len(x), bool) if band is None else np.isfinite(band[0]) | np.isfinite(band[1])
    if not counted.any():
        return
    at, difference, worst = between_rows(function, x[counted], y[counted])
    kept = thinned(at, difference)
    axes.plot(at[kept], difference[kept], color=DATA, linewidth=0.8, zorder=1)
    if worst is not None:
        label = f"{abs(difference[worst]):.3g} between rows"
        axes.plot(at[worst], difference[worst], "D", label=label, **_KNOT_STYLE)


def between_rows(function: PiecewiseLinear, x: Array, y: Array) -> tuple[Array, Array, int | None]:
    """Rows and knots between them, f less the polyline there, and where that is largest; None where it is at a row.

    Where one x has several y the polyline is that through the least or that through the largest of them, whichever is
    farther.
    """
    starts = np.flatnonzero(np.diff(x, prepend=-np.inf) > 0)
    at = np.union1d(x, function.knots[(function.knots > x[0]) & (function.knots < x[-1])])
    sides = [function(at) - np.interp(at, x[starts], side.reduceat(y, starts)) for side in (np.minimum, np.maximum)]
    difference = max(sides, key=lambda values: float(np.abs(values).max(initial=0.0)))
    worst = int(np.argmax(np.abs(difference)))
    return at, difference, None if at[worst] in x else worst


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
    within = f" within ±{tolerance:g}" if isinstance(tolerance, (int, float)) else ""
    if solution.certificate.quantity == "neurons":
        return f"{solution.verdict}{within}; largest error {solution.max_error:.3g}"
    said = solution.certificate.quantity in ("error", "loss")
    verdict = solution.verdict if said else f"{_count(solution.n_neurons, 'neuron')}{within}; {solution.verdict}"
    if solution.certificate.quantity == "error" and solution.max_scaled_error is None:
        return verdict
    return f"{verdict}; largest error {solution.max_error:.3g}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
