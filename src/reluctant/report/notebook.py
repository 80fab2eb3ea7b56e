"""What a notebook shows of a fitted estimator: its size and how it was chosen, and the network in words."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.text import counted, shortened, shown

WIDTH, HEIGHT, MARGIN = 440, 130, 26
LINES, LONGEST = 12, 160
"""How much of a description is shown; `describe` has all of it."""
MOST_POINTS = 200


def fitted_html(estimator: Any) -> str:
    """A fragment of HTML about a fitted estimator; it loads nothing and every name in it is escaped."""
    network, path = estimator.network_, estimator.path_
    what = f"{counted(network.size, 'parameters')}, {counted(network.n_neurons, 'neurons')}"
    if path is None:
        return f'<div class="reluctant"><p>{escape(what)}</p>{_words(estimator)}</div>'
    rule = "the caps" if estimator.max_parameters or estimator.max_neurons else f"selection={estimator.selection!r}"
    chosen = f"{what}: of {counted(len(path.sizes), 'sizes')} the one that {rule} chose on rows left out."
    return f'<div class="reluctant"><p>{escape(chosen)}</p>{_chart(path)}{_words(estimator)}</div>'


def _words(estimator: Any) -> str:
    """The first lines of the description, inputs by their names; of several outputs none."""
    if estimator.network_.n_outputs > 1:
        return ""
    lines = [shortened(shown(line), LONGEST) for line in estimator.describe().splitlines()]
    if len(lines) > LINES:
        lines = [*lines[:LINES], f"… and {len(lines) - LINES} more lines: describe()"]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _chart(path: Any) -> str:
    """Loss of rows left out against size as a picture: a line, and a dot at the size that was chosen."""
    shares = np.unique(np.linspace(0, len(path.sizes) - 1, MOST_POINTS).astype(np.intp))
    shares = np.union1d(shares, [path.chosen])
    sizes, loss = np.asarray(path.sizes, dtype=np.float64)[shares], np.asarray(path.validation_loss)[shares]
    x = _placed(np.log(sizes), MARGIN, WIDTH - MARGIN)
    y = _placed(-loss, MARGIN, HEIGHT - MARGIN)
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
    at = int(np.searchsorted(shares, path.chosen))
    size, least = int(sizes[at]), path.validation_loss[path.chosen]
    said = f"Loss on rows left out against size; {size} parameters were chosen, with a loss of {least:.4g}."
    text = 'font-size="11" fill="currentColor"'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(said)}">'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        f'<circle cx="{x[at]:.1f}" cy="{y[at]:.1f}" r="4" fill="#D55E00"/>'
        f'<text x="{MARGIN}" y="{HEIGHT - 6}" {text}>{int(sizes.min())}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 6}" text-anchor="end" {text}>{int(sizes.max())} parameters</text>'
        f'<text x="{MARGIN}" y="14" {text}>loss on rows left out: {loss.min():.4g} to {loss.max():.4g}; '
        f"at the dot {least:.4g}</text></svg>"
    )


def _placed(values: Array, low: float, high: float) -> NDArray[np.float64]:
    """Values moved linearly between two ends; equal ones to the middle."""
    span = np.ptp(values)
    share = np.full(len(values), 0.5) if span == 0.0 else (values - values.min()) / span
    return np.asarray(low + share * (high - low), dtype=np.float64)
