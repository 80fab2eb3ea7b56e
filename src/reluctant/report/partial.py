"""The effect of one input, or of two together, on the prediction of a network or an estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.export.predictor import Model, Predictor
from reluctant.model.clip import Clip
from reluctant.model.description import input_labels
from reluctant.model.network import ReLUNetwork
from reluctant.report.networks import LONGEST_LABEL, check_one_output, rows_of
from reluctant.report.style import DATA, FUNCTION, GREY, panels
from reluctant.text import shortened
from reluctant.validation import check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = 40
"""Rows whose own curve is drawn behind the mean."""
GRID, GRID_OF_TWO = 200, 30
"""Points along an input alone, and along each of two."""
ROWS, ROWS_OF_TWO = 2000, 400
"""Rows averaged over."""
TICKS = 4
"""Steps between the numbers along an input."""
CONTOURS = 7
"""Most contours of a panel of two inputs, at round values."""

PAIRS = 9
"""Most panels of inputs that meet."""
LEVELS = 12
"""Most levels of a category that have a bar, the most frequent ones."""
LONGEST_ROW = 26
"""Letters of names of levels that have room beside each other."""


class Panel(NamedTuple):
    """The input of a panel, or its two, or those of the levels of a category."""

    inputs: tuple[int, ...]
    levels: tuple[str, ...] = ()
    title: str = ""

    @property
    def is_pair(self) -> bool:
        """Whether two inputs move together."""
        return len(self.inputs) == 2 and not self.levels


class _Averaged(NamedTuple):
    """A network of one output inside its clip, and the rows that are averaged over."""

    network: ReLUNetwork
    clip: Clip | None
    rows: Array

    def at(self, panel: Panel, values: Sequence[float] | Array, rows: Array) -> Array:
        """The function at the rows with the inputs of the panel at these values."""
        moved = rows.copy()
        moved[:, panel.inputs] = values
        return self.network(moved if self.clip is None else self.clip(moved))

    def few(self, most: int) -> Array:
        """The rows, evenly spaced ones of more than so many."""
        return self.rows[:: max(1, -(-len(self.rows) // most))]


def plot_partial(
    network: Model,
    X: ArrayLike,
    inputs: Sequence[int | tuple[int, int]] | Literal["interactions"] | None = None,
    names: Sequence[str] | None = None,
    *,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Draw the mean prediction as one input moves, or two, and all others stay as they are in the rows of X.

    Parameters
    ----------
    network : ReLUNetwork, Solution or fitted estimator
        One output. Of an estimator its own output is drawn: with a log link the logarithm of the mean, of two classes
        the log-odds of the second, as the axis says.
    X : array_like, shape (N, d)
        Rows to average over; at most 2,000, of two inputs 400, evenly spaced ones of more, are used.
    inputs : sequence of int or pair of int, or "interactions", optional
        Which inputs, each in a panel; a pair (i, j) has one of contours. By default all that the network uses, those of
        the levels of a category in one panel, with a bar each. ``"interactions"``: the pairs that meet in a neuron, at
        most the nine that do so most.
    names : sequence of str, optional
        Names of the inputs; of an estimator those of its table by default.
    ax : matplotlib.axes.Axes or a sequence of them, optional
        Where to draw, one for each panel; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        One panel an input: the mean in black, some rows in grey, the data along the bottom. An input that is 0 or 1
        has bars, with the share of its rows, as have the levels of a category, at most twelve of them. Two inputs have
        contours of the mean, with the data as dots.

    Raises
    ------
    ValueError
        If the network has several outputs or uses no input, or names, columns or inputs do not fit it.

    Notes
    -----
    This is Friedman's partial dependence (2001); grey curves are individual conditional expectations. Contours that
    are parallel shifts of one curve, along either axis, are those of two inputs that add up; where inputs interact they
    are not.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    >>> figure = plot_partial(ReLUNetwork([[1.0, 0.0]], [0.0], [1.0]), X, names=["a", "b"])
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['a']
    >>> figure = plot_partial(ReLUNetwork([[1.0, 1.0]], [0.0], [1.0]), X, [0, (0, 1)], names=["a", "b"])
    >>> [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    [('a', 'prediction'), ('a', 'b')]
    """
    predictor = Predictor.of(network)
    check_one_output(predictor.network)
    table = rows_of(predictor.rows(X), predictor.network)
    averaged = _Averaged(predictor.network, predictor.clip, table)
    given = predictor.names if names is None and predictor.names is not None else names
    labels = [shortened(label, LONGEST_LABEL) for label in input_labels(given, averaged.network.n_inputs)]
    if isinstance(inputs, str) and inputs == "interactions":
        chosen = _pairs(averaged)
    else:
        chosen = _used(predictor) if inputs is None else _panels(inputs)
    if not chosen:
        raise ValueError("the network uses no input; there is nothing to draw")
    largest = max(max(panel.inputs) for panel in chosen)
    if largest >= averaged.network.n_inputs:
        raise ValueError(f"inputs has {largest}, but the network has inputs 0 to {averaged.network.n_inputs - 1}")
    columns = min(3, len(chosen)) if ax is None else len(chosen)
    n_lines = -(-len(chosen) // columns)
    with panels((3.1 * columns + 0.6, 2.6 * n_lines), n_lines, columns, ax) as (figure, grid):
        for axes in grid.flat[len(chosen) :]:
            axes.remove()
        drawn = dict(zip(chosen, grid.flat))
        for panel, axes in drawn.items():
            _draw(axes, averaged, panel)
            axes.set_xlabel(shortened(panel.title, LONGEST_LABEL) or labels[panel.inputs[0]], parse_math=False)
        alone = [axes for panel, axes in drawn.items() if not panel.is_pair]
        limits = np.array([axes.get_ylim() for axes in alone])
        for axes in alone:
            axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        for i, (panel, axes) in enumerate(drawn.items()):
            if panel.is_pair:
                axes.set_ylabel(labels[panel.inputs[1]], parse_math=False)
                axes.set_title(scale_of(predictor), fontsize=9, color=GREY, loc="left", parse_math=False)
            elif i % columns == 0 or chosen[i - 1].is_pair:
                axes.set_ylabel(scale_of(predictor), parse_math=False)
    return figure


def scale_of(predictor: Predictor) -> str:
    """What the output of a model is, in words."""
    if predictor.labels is not None:
        return f"log-odds of {shortened(predictor.labels[1], LONGEST_LABEL)}"
    if predictor.is_log:
        return "log of the mean"
    return "prediction"


def _used(predictor: Predictor) -> list[Panel]:
    """A panel for each input that the network uses, and one for a category of which it uses a level."""
    used = predictor.network.inputs_used.tolist()
    if predictor.columns is None:
        return [Panel((int(j),)) for j in used]
    panels, start = [], 0
    for column in predictor.columns.inputs:
        own = tuple(range(start, start + len(column.inputs)))
        start += len(own)
        if column.categories is None:
            panels += [Panel((j,)) for j in own if j in used]
        elif not set(own).isdisjoint(used):
            panels.append(Panel(own, (*column.categories, *["missing"] * column.indicator), column.name))
    return panels


def _pairs(averaged: _Averaged) -> list[Panel]:
    """The pairs of inputs that meet in neurons, first those where the weaker of the two moves the output most."""
    U, V, _ = averaged.network.hinges
    reach = np.abs(U[:, :-1]) * averaged.rows.std(axis=0) * np.abs(V)
    used = averaged.network.inputs_used.tolist()
    met = {(i, j): float(np.minimum(reach[:, i], reach[:, j]).sum()) for i in used for j in used if i < j}
    strongest = sorted((pair for pair in met if met[pair] > 0.0), key=lambda pair: -met[pair])[:PAIRS]
    if not strongest:
        raise ValueError("no two inputs meet in a neuron; leave inputs out to see each by itself")
    return [Panel(pair) for pair in strongest]


def _panels(inputs: Sequence[int | tuple[int, int]]) -> list[Panel]:
    if not isinstance(inputs, (Sequence, np.ndarray)) or isinstance(inputs, str) or len(inputs) == 0:
        raise ValueError(f"inputs must be a list of one or more indices, or 'interactions', got {inputs!r}")
    chosen = []
    for entry in inputs:
        panel = tuple(entry) if isinstance(entry, (tuple, list, np.ndarray)) else (entry,)
        if len(panel) > 2 or len(set(panel)) < len(panel) or not panel:
            raise ValueError(f"inputs must hold indices and pairs (i, j) of two of them, got {entry!r}")
        chosen.append(Panel(tuple(check_integer(i, "inputs", low=0) for i in panel)))
    repeated = next((panel.inputs for i, panel in enumerate(chosen) if panel in chosen[:i]), None)
    if repeated is not None:
        raise ValueError(f"inputs has {repeated[0] if len(repeated) == 1 else repeated} twice; name each panel once")
    return chosen


def _draw(axes: Axes, averaged: _Averaged, panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(TICKS, steps=(1, 2, 5, 10)))  # years and pressures are long
    rows = averaged.few(ROWS_OF_TWO if panel.is_pair else ROWS)
    column = rows[:, panel.inputs[0]]
    if panel.is_pair:
        _draw_two(axes, averaged, panel, rows)
    elif panel.levels:
        _draw_levels(axes, averaged, panel, rows)
    elif np.isin(column, (0.0, 1.0)).all() and np.ptp(column) > 0.0:
        _draw_switch(axes, averaged, panel, rows)
    else:
        _draw_one(axes, averaged, panel, rows)


def _draw_one(axes: Axes, averaged: _Averaged, panel: Panel, rows: Array) -> None:
    column = rows[:, panel.inputs[0]]
    grid = np.linspace(column.min(), column.max(), GRID)
    curves = np.column_stack([averaged.at(panel, [value], rows) for value in grid])
    axes.plot(grid, curves[:: max(1, len(rows) // LINES)].T, color=GREY, linewidth=0.5, alpha=0.35)
    axes.plot(grid, curves.mean(axis=0), color=FUNCTION, linewidth=1.8)
    ticks = np.quantile(column, np.linspace(0, 1, min(len(rows), 101)))
    axes.plot(ticks, np.zeros_like(ticks), "|", color=DATA, transform=axes.get_xaxis_transform(), markersize=8)


def _draw_switch(axes: Axes, averaged: _Averaged, panel: Panel, rows: Array) -> None:
    """Bars at 0 and 1 for an input that has no other values, as that of a category, and the share of rows at each."""
    means = [float(np.mean(averaged.at(panel, [value], rows))) for value in (0.0, 1.0)]
    axes.bar((0, 1), means, width=0.6, color=FUNCTION, alpha=0.75)
    share = float(np.mean(rows[:, panel.inputs[0]]))
    axes.set_xticks((0, 1), (f"0 ({1 - share:.0%})", f"1 ({share:.0%})"))


def _draw_levels(axes: Axes, averaged: _Averaged, panel: Panel, rows: Array) -> None:
    """A bar for each of the most frequent levels of a category, in their order, and the share of rows at each."""
    shares = rows[:, panel.inputs].mean(axis=0)
    shown = np.sort(np.argsort(-shares, kind="stable")[:LEVELS])
    means = [float(np.mean(averaged.at(panel, np.eye(len(shares))[i], rows))) for i in shown]
    axes.bar(range(len(shown)), means, width=0.6, color=FUNCTION, alpha=0.75)
    names = _shortened_apart([panel.levels[i] for i in shown], LONGEST_LABEL // 2)
    crowded = sum(len(name) + 1 for name in names) > LONGEST_ROW
    ticks = [f"{name}{' ' if crowded else chr(10)}{share:.0%}" for name, share in zip(names, shares[shown])]
    axes.set_xticks(range(len(shown)), ticks)
    if crowded:
        axes.tick_params("x", labelsize=7, labelrotation=90)
    for label in axes.get_xticklabels():
        label.set_parse_math(False)


def _shortened_apart(names: list[str], longest: int) -> list[str]:
    """Names of so many letters: their beginnings or, where these are equal, their ends."""
    starts = [shortened(name, longest) for name in names]
    if len(set(starts)) == len(starts):
        return starts
    return [name if len(name) <= longest else f"…{name[1 - longest :]}" for name in names]


def _draw_two(axes: Axes, averaged: _Averaged, panel: Panel, rows: Array) -> None:
    """Contours of the mean over the rows, with their values; of a constant none."""
    from matplotlib.ticker import MaxNLocator

    first, second = (np.linspace(column.min(), column.max(), GRID_OF_TWO) for column in rows[:, panel.inputs].T)
    means = np.array([[averaged.at(panel, [a, b], rows).mean() for a in first] for b in second])
    axes.plot(*rows[:, panel.inputs].T, ".", color=DATA, markersize=3, alpha=0.6)
    if np.ptp(means) > 1e-12 * np.abs(means).max(initial=0.0) and np.ptp(first) > 0.0 and np.ptp(second) > 0.0:
        levels = MaxNLocator(CONTOURS).tick_values(means.min(), means.max())
        lines = axes.contour(first, second, means, levels=levels, colors=FUNCTION, linewidths=1.0)
        axes.clabel(lines, fontsize=8, fmt=lambda value: f"{value:g}".replace("-", "−"))
