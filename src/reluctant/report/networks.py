"""Figures of networks for noisy tables: error against size, the neurons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.description import input_labels
from reluctant.model.network import ReLUNetwork
from reluctant.report.style import BAND, DATA, FUNCTION, GREY, KNOT, panels
from reluctant.text import shortened
from reluctant.validation import as_floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from reluctant.univariate.error_path import ErrorPath
    from reluctant.univariate.ppath import PPath

_ELBOW_STYLE: dict[str, Any] = {"markersize": 9, "color": KNOT, "markerfacecolor": "none", "markeredgewidth": 1.8}

WRITTEN = 24
"""Inputs up to which weights are written into their cells."""
CELL, CHARACTER = 0.75, 0.09
"""Inches of a cell and of a character of its label."""
LONGEST_LABEL = 28
"""Characters of the name of an input."""


def plot_knot_path(path: Any, *, ax: Axes | None = None) -> Figure:
    """Draw mean loss against the number of knots.

    Parameters
    ----------
    path : KnotPath
        What `reluctant.regress_path` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with panels((8, 4.2), ax=ax) as (figure, grid):
        axes = grid[0, 0]
        axes.plot(path.n_knots, path.losses, "o-", color=FUNCTION, markersize=4.5, linewidth=1.0)
        if np.min(path.losses) > 0.0:
            axes.set_yscale("log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("knots, at data points")
        axes.set_ylabel("least mean loss")
    return figure


def plot_path(path: Any, *, ax: Axes | None = None) -> Figure:
    """Draw loss against size: on the training rows and, where it was cross-validated, on rows left out.

    The latter is what sizes were compared by. Up to 10,000 rows it is averaged with that of somewhat larger sizes, and
    can so lie below the loss on the training rows.

    Parameters
    ----------
    path : SizePath or the `path_` of a fitted estimator
        What is to be drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Bound to no window unless `ax` is; `save_figure` writes it.

    Raises
    ------
    ValueError
        If `path` is no path, or None, as `path_` is where the size was not chosen along a path.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import size_path
    >>> x = np.linspace(-1, 1, 100)[:, None]
    >>> figure = plot_path(size_path(x, np.abs(x[:, 0]), random_state=0))
    >>> figure.axes[0].get_xlabel()
    'parameters'
    """
    if path is None:
        raise ValueError(
            "path is None: nothing was cross-validated, because the estimator was given alpha or tolerance"
        )
    if not (hasattr(path, "sizes") and hasattr(path, "training_loss")):
        remedy = "; pass its path_" if hasattr(path, "fit") else ""
        raise ValueError(f"path must be a SizePath or the path_ of an estimator, got a {type(path).__name__}{remedy}")
    with panels((8, 4.2), ax=ax) as (figure, grid):
        axes = grid[0, 0]
        sizes, validation = np.asarray(path.sizes), getattr(path, "validation_loss", None)
        axes.plot(sizes, path.training_loss, "o-", color=DATA, markersize=3.5, linewidth=1.2, label="training rows")
        if validation is not None:
            error = path.validation_error
            axes.fill_between(sizes, validation - error, validation + error, color=BAND, alpha=0.15, linewidth=0)
            axes.plot(
                sizes,
                validation,
                "o-",
                color=BAND,
                markersize=3.5,
                linewidth=1.2,
                label="rows left out",
            )
            chosen = path.networks[path.chosen].size
            axes.axvline(chosen, color=KNOT, linewidth=1.2, label=f"chosen: {chosen} parameters")
        axes.set_xscale("log")
        axes.set_xlabel("parameters")
        axes.set_ylabel("mean loss")
        axes.legend(framealpha=0.9, edgecolor="none")
        _plain_ticks(axes)
    return figure


def plot_p_path(path: PPath, *, ax: Axes | None = None) -> Figure:
    """Draw the neurons of the minimal interpolant against p, with p*, and grey where p is unresolved.

    Parameters
    ----------
    path : PPath
        What `reluctant.p_path` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from reluctant import p_path
    >>> figure = plot_p_path(p_path([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0]))
    >>> figure.axes[0].get_title(loc="left")
    'fewest neurons: 3, for every p'
    """
    ends = np.concatenate([[0.0], path.breakpoints, [1.0]])
    counts = np.array([path.n_knots(p) for p in (ends[:-1] + ends[1:]) / 2])
    with panels((7.2, 3.6), ax=ax) as (figure, grid):
        axes = grid[0, 0]
        axes.stairs(counts, ends, baseline=None, color=FUNCTION, linewidth=1.6)
        for i, (low, high) in enumerate(path.unresolved):
            axes.axvspan(low, high, color=GREY, alpha=0.25, linewidth=0, label="unresolved" if i == 0 else None)
        title = f"fewest neurons: {counts[0]:,}, for every p"
        if path.critical_p < 1.0:
            axes.axvline(
                path.critical_p, color=KNOT, linewidth=1.2, linestyle="--", label=f"p* = {path.critical_p:.6g}"
            )
            below = math.floor(1e4 * path.critical_bracket[0]) / 1e4
            title = f"fewest neurons: {counts[0]:,}, for every p < {below:g}"
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlim(0, 1)
        axes.set_ylim(*_whole_limits(counts))
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("p")
        axes.set_ylabel("neurons")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    return figure


def plot_error_path(path: ErrorPath, *, ax: Axes | None = None) -> Figure:
    """Draw the smallest largest error against the most neurons, and mark an elbow, which claims nothing.

    The elbow is the point farthest below the dotted straight line from the first point to the last, in the logarithm
    of the error. An error of zero, at the end of a complete path, has no place on that axis and is left out.

    Parameters
    ----------
    path : ErrorPath
        What `reluctant.error_path` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from reluctant import error_path
    >>> figure = plot_error_path(error_path([0, 1, 2, 3, 4, 5], [0, 1, 4, 9, 16, 25]))
    >>> figure.axes[0].get_title(loc="left")
    'largest error 3 with 0 neurons, 0 with 2'
    """
    drawn = path.errors > 0.0
    counts, errors, elbow = path.n_neurons[drawn], path.errors[drawn], path.elbow
    with panels((7.2, 3.8), ax=ax) as (figure, grid):
        axes = grid[0, 0]
        size = 4.5 if len(counts) <= 100 else 2.0
        axes.plot(counts, errors, "o-", color=FUNCTION, markersize=size, linewidth=1.0)
        if elbow is not None:
            axes.plot(counts[[0, -1]], errors[[0, -1]], ":", color=GREY, linewidth=1.2)
            label = f"{elbow:,} neurons: farthest below the dotted line"
            axes.plot(elbow, errors[elbow], "o", label=label, **_ELBOW_STYLE)
            axes.legend(frameon=False)
        if len(counts):
            axes.set_yscale("log")
            axes.xaxis.get_major_locator().set_params(integer=True)
        else:
            axes.set(xticks=[], yticks=[])
            axes.text(0.5, 0.5, "a straight line meets every row", ha="center", va="center", transform=axes.transAxes)
        first, last = path.errors[0], path.errors[-1]
        title = f"largest error {first:.4g} with 0 neurons"
        title += f", {last:.4g} with {len(path) - 1:,}" if len(path) > 1 else ""
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlabel("most neurons")
        axes.set_ylabel("smallest largest error")
    return figure


def _whole_limits(counts: Array) -> tuple[float, float]:
    room = max(1.0, 0.1 * float(np.ptp(counts)))
    return float(counts.min()) - room, float(counts.max()) + room


def plot_neurons(
    network: ReLUNetwork,
    X: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw the effective weights v_k w_k as a table: a row a neuron, a column an input, blank where a weight is zero.

    Up to 24 inputs each weight is written into its cell; for more the colours stand alone, with their scale.

    Parameters
    ----------
    network : ReLUNetwork
        One output.
    X : array_like, shape (N, d), optional
        Data; weights are then multiplied by the deviations of their inputs, which makes them comparable.
    names : sequence of str, optional
        Names of the inputs.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the network has several outputs, or names or columns do not fit it.

    Examples
    --------
    >>> figure = plot_neurons(ReLUNetwork([[1.0, 0.0], [2.0, -1.0]], [0.0, 1.0], [1.0, -1.0]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '−2', '1']
    """
    check_one_output(network)
    labels = input_labels(names, network.n_inputs)
    scale = np.ones(network.n_inputs) if X is None else rows_of(X, network).std(axis=0)
    weights = np.vstack([network.slope[:, 0] * scale, network.output_weights * network.input_weights * scale])
    rows = ["affine", *(f"neuron {k + 1}" for k in range(len(network.biases)))]
    shown = np.flatnonzero(weights.any(axis=0))
    weights, labels = weights[:, shown], [labels[j] for j in shown]
    if not weights[0].any():
        weights, rows = weights[1:], rows[1:]
    written = len(labels) <= WRITTEN
    labels = [shortened(label, LONGEST_LABEL) for label in labels]
    cell = CELL if written else CELL / 3
    upright = max(map(len, labels), default=0) * CHARACTER <= cell
    size = (max(4.6, 1.8 + cell * len(labels)), 1.3 + 0.32 * len(rows) + (0.0 if upright else 0.9))
    with panels(size, ax=ax) as (figure, grid):
        axes = grid[0, 0]
        largest = float(np.abs(weights).max(initial=0.0)) or 1.0
        image = axes.imshow(np.ma.masked_equal(weights, 0.0), cmap="PuOr", vmin=-largest, vmax=largest, aspect="auto")
        if written:
            _write_weights(axes, weights, largest)
        else:
            figure.colorbar(image, ax=axes)
        turned: dict[str, Any] = {} if upright else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(len(labels)), labels, parse_math=False, **turned)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(
            "effective weight" if X is None else "effective weight × deviation of the input", loc="left", fontsize=11
        )
    return figure


def _write_weights(axes: Axes, weights: Array, largest: float) -> None:
    for (i, j), value in np.ndenumerate(weights):
        if value:
            colour = "white" if abs(value) > 0.6 * largest else "black"
            text = f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.2g}"
            text = text.replace("-", "\N{MINUS SIGN}")
            axes.text(j, i, text, ha="center", va="center", fontsize=9, color=colour)


def _plain_ticks(axes: Axes) -> None:
    """Sizes as 10, 20, 50, … instead of powers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def check_one_output(network: ReLUNetwork) -> None:
    """Raise a ValueError unless this is a network of one output."""
    if not isinstance(network, ReLUNetwork):
        remedy = "; pass its network_" if hasattr(network, "fit") else ""
        raise ValueError(f"network must be a ReLUNetwork, got a {type(network).__name__}{remedy}")
    if network.n_outputs != 1:
        raise ValueError(
            f"only networks of one output are drawn, this one has {network.n_outputs}; fit one output, or one class "
            "against the rest"
        )


def rows_of(X: ArrayLike, network: ReLUNetwork) -> Array:
    """X as a table (N, d) of the inputs of a network; a ValueError where it is none."""
    rows = as_floats(X, "X")
    if rows.ndim != 2 or rows.shape[1] != network.n_inputs or len(rows) == 0:
        raise ValueError(f"X must be a table of {network.n_inputs} columns, got an array of shape {rows.shape}")
    return rows
