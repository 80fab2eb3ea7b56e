"""What a page holds for its script: rows, curves and figures as plain values, every number exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from reluctant.arrays import Array, Index
from reluctant.model.network import ReLUNetwork
from reluctant.report.curves import error_path_as_json, links_as_json, p_path_as_json, packed
from reluctant.report.figures import between_rows, thinned
from reluctant.report.subject import Column, Subject
from reluctant.report.words import number
from reluctant.version import __version__

MOST_NUMBERS = 16_000
"""Numbers of rows in a page; of larger tables rows are left out that draw the same picture, or every so many."""
MOST_ROWS = 4000
WORST = 50
"""Rows of the largest errors that stay where rows are left out."""
BINS = 30
GROUPS = 10
"""Groups of rows of like prediction, whose means are compared."""
MOST_NEURONS, MOST_INPUTS = 24, 16
"""What the drawing of a network shows; it says how many more there are."""
BESIDE = 0.04
"""Share of the range of a column that is drawn on each side of it."""


def contents(subject: Subject, tolerance: float | None, bounds: tuple[Array, Array] | None) -> dict[str, Any]:
    """Everything that the script of a page reads."""
    used = subject.network.inputs_used
    rows = _rows_shown(subject, used)
    line = subject.line if subject.is_line else None
    x, y = subject.X[:, 0], subject.y[:, 0]
    return {
        "version": __version__,
        "view": "line" if line is not None else "plane" if len(used) == 2 else "inputs",
        "inputs": [_column(column) for column in subject.inputs],
        "outputs": [_column(column) for column in subject.outputs],
        "classes": subject.classes,
        "titles": subject.titles,
        "used": used.tolist(),
        "columns": [packed(subject.X[rows, j]) for j in (range(1) if line is not None else used)],
        "ranges": _ranges(subject),
        "targets": [packed(column) for column in subject.y[rows].T],
        "rows": {"shown": len(rows), "of": len(subject.X)},
        "tolerance": tolerance,
        "band": None if bounds is None else {"lo": packed(bounds[0][rows]), "hi": packed(bounds[1][rows])},
        "neurons": subject.network.n_neurons,
        "largest": subject.largest,
        "exact": subject.is_exact,
        "histogram": [_histogram(column) for column in subject.residuals.T],
        "groups": [_groups(f, y) for f, y in zip(subject.predicted.T, subject.observed.T)],
        "links": None if line is None else links_as_json(line.links),
        "between": None if line is None else _between_knots(subject, x, y),
        "errorPath": None if line is None else error_path_as_json(x, y, line.n_knots),
        "pPath": None if line is None else p_path_as_json(x, y),
        "sizes": _sizes(subject),
        "creases": _creases(subject.network, used) if len(used) == 2 else None,
        "drawing": drawing(subject),
    }


def _column(column: Column) -> dict[str, str]:
    return {"name": column.name, "unit": column.unit, "title": column.title}


def _rows_shown(subject: Subject, used: Index) -> Index:
    """Rows that a page holds, in the order of x on the line."""
    n, most = len(subject.X), max(MOST_NUMBERS // (len(used) + subject.y.shape[1]), 2 * WORST)
    if subject.is_line:
        order = np.argsort(subject.X[:, 0], kind="stable")
        if n <= min(most, MOST_ROWS):
            return order
        bins = MOST_ROWS // 8
        x = subject.X[order, 0]
        kept = [thinned(x, column[order], bins) for column in (subject.y[:, 0], subject.residuals[:, 0])]
        return order[np.union1d(*kept)]
    most = min(most, MOST_ROWS)
    if n <= most:
        return np.arange(n)
    worst = np.argsort(-np.abs(subject.residuals).max(axis=1), kind="stable")[:WORST]
    return np.union1d(np.linspace(0, n - 1, most - WORST).astype(np.intp), worst)


def _ranges(subject: Subject) -> list[list[float]]:
    """Least, middle and largest value of each column."""
    return np.stack([subject.X.min(axis=0), np.median(subject.X, axis=0), subject.X.max(axis=0)], axis=1).tolist()


def _histogram(residuals: Array) -> dict[str, Any]:
    """Counts of the residuals of all rows, in bins symmetric about zero."""
    reach = float(np.abs(residuals).max()) or 1.0
    counts, edges = np.histogram(residuals / reach, BINS, (-1.0, 1.0))
    return {"edges": packed(edges * reach), "counts": counts.tolist()}


def _groups(predicted: Array, observed: Array) -> dict[str, Any]:
    """Means over groups of like predictions, of as many rows each."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, GROUPS) if len(part)]
    return {
        "predicted": packed([predicted[part].mean() for part in parts]),
        "observed": packed([observed[part].mean() for part in parts]),
        "rows": [len(part) for part in parts],
    }


def _between_knots(subject: Subject, x: Array, y: Array) -> dict[str, str]:
    """The knots between the rows, and how far the function is there from the straight lines through the rows."""
    assert subject.line is not None
    order = np.argsort(x, kind="stable")
    at, difference, _ = between_rows(subject.line, x[order], y[order])
    is_knot = np.isin(at, subject.line.knots)
    return {"x": packed(at[is_knot]), "difference": packed(difference[is_knot])}


def _sizes(subject: Subject) -> dict[str, Any] | None:
    """Loss against size, where several were tried."""
    path = subject.sizes
    if path is None:
        return None
    sizes, training = np.asarray(path.sizes), np.asarray(path.training_loss)
    validation = getattr(path, "validation_loss", None)
    return {
        "sizes": sizes.tolist(),
        "training": packed(training),
        "validation": None if validation is None else packed(validation),
        "chosen": subject.network.size,
    }


def _creases(network: ReLUNetwork, used: Index) -> list[list[float]]:
    """(a, b, c) of the crease a x + b y + c = 0 of each active neuron, on the plane of the two inputs used."""
    active = np.flatnonzero(network.active)
    return np.column_stack([network.input_weights[np.ix_(active, used)], network.biases[active]]).tolist()


def drawing(subject: Subject) -> dict[str, Any]:
    """The network as nodes and edges: the signed strength of each edge, in −1 … 1, over the range of its input."""
    f = subject.network
    active = np.flatnonzero(f.active)
    spread = np.ptp(subject.X, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    into, out = f.input_weights[active] * spread, f.output_weights[active]
    effect = np.abs(into).max(axis=1, initial=0.0) * np.abs(out).max(axis=1, initial=0.0)
    strongest = np.sort(np.argsort(-effect, kind="stable")[:MOST_NEURONS])
    slope = f.slope * spread[:, None]
    largest = max(_largest(effect), _largest(slope))
    reach = np.abs(into).max(axis=0, initial=0.0) + np.abs(slope).max(axis=1)
    inputs = np.sort(np.argsort(-reach, kind="stable")[: min(MOST_INPUTS, len(f.inputs_used))])
    return {
        "inputs": inputs.tolist(),
        "moreInputs": len(f.inputs_used) - len(inputs),
        "moreNeurons": len(active) - len(strongest),
        "neurons": [
            {
                "number": int(k) + 1,
                "label": _bend(subject, int(active[k])) if f.n_inputs == 1 else "",
                "into": _relative(into[k, inputs]),
                "out": _relative(out[k] * float(np.abs(into[k]).max(initial=0.0)), largest),
            }
            for k in strongest
        ],
        "affine": [_relative(row, largest) for row in slope[inputs]],
    }


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _relative(values: Array, largest: float | None = None) -> list[float]:
    """Shares of the largest, of four digits: they are widths of lines."""
    scale = _largest(values) if largest is None else largest
    return [round(float(v) / scale, 4) if scale > 0 else 0.0 for v in values]


def _bend(subject: Subject, neuron: int) -> str:
    f, column = subject.network, subject.inputs[0]
    place = -float(f.biases[neuron]) / float(f.input_weights[neuron, 0])
    return f"{number(place)}{' ' + column.unit if column.unit else ''}"
