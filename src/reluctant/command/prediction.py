"""`reluctant predict`: the rows of a table through a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.columns import Column, Columns
from reluctant.command.cells import Fault, missing_cells
from reluctant.command.job import Say
from reluctant.command.opening import columns_of, network_of, opened
from reluctant.command.tables import RawTable, Reading, check_rows_left, faults_of, read_table
from reluctant.command.training import errors_at
from reluctant.files import write_atomically
from reluctant.model.network import ReLUNetwork
from reluctant.text import counted, shortened

_LISTED = 8  # categories listed in an error


@dataclass(frozen=True)
class Predicted:
    """Inputs and predictions, row by row, and how far these are from the table's own column."""

    table: Path
    frame: pl.DataFrame
    n_dropped: int
    errors: dict[str, float]

    def csv(self) -> str:
        """The frame as text."""
        return self.frame.write_csv()

    def write(self, path: Path) -> None:
        """Write the frame to a .csv or .parquet file, whole or not at all."""
        import io

        buffer = io.BytesIO()
        if path.suffix.lower() == ".parquet":
            self.frame.write_parquet(buffer)
        else:
            self.frame.write_csv(buffer)
        write_atomically(path, buffer.getvalue())

    def as_json(self, out: Path | None) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        return {
            "table": str(self.table),
            "rows": len(self.frame),
            "rows_left_out": self.n_dropped,
            **self.errors,
            **({"predictions": self.frame.to_dict(as_series=False)} if out is None else {"file": str(out)}),
        }

    def rows(self, out: Path) -> list[tuple[str, str]]:
        """Lines for people."""
        left_out = f", {counted(self.n_dropped, 'rows')} left out" if self.n_dropped else ""
        return [
            ("table", f"{self.table}, {counted(len(self.frame), 'rows')}{left_out}"),
            *((label.replace("_", " "), f"{value:.6g}") for label, value in self.errors.items()),
            ("predictions", str(out)),
        ]


def predicted(
    path: Path, table: Path, x: tuple[str, ...], reading: Reading, say: Say = lambda message: None
) -> Predicted:
    """Predict the rows of a table.

    Parameters
    ----------
    path : Path
        The file of the model.
    table : Path
        The table, or ``-``.
    x : tuple of str
        Columns of the inputs in the order of the model; its own names if empty.
    reading : Reading
        How to read the table.
    say : callable
        Hears what is being done.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If the model does not know the names of its columns and none are given, or the table does not hold them.
    """
    model = opened(path)
    network = network_of(model)
    columns = columns_of(model) or Columns.named([f"x{i}" for i in range(network.n_inputs)], ["prediction"])
    if not x and columns_of(model) is None:
        raise ValueError(
            f"{path} knows no names of columns; give the columns of its {counted(network.n_inputs, 'inputs')} with --x"
        )
    if x and len(x) != len(columns.inputs):
        raise ValueError(f"{path} reads {counted(len(columns.inputs), 'columns')}, and --x names {len(x)}")
    names = x or tuple(column.name for column in columns.inputs)
    outputs = tuple(column.name for column in columns.outputs)
    say("reading the table")
    raw = read_table(table, names, reading, beside=tuple(name for name in outputs if name not in names))
    X, kept = inputs_of(raw, [replace(c, name=name) for c, name in zip(columns.inputs, names)], network.n_inputs)
    say("predicting")
    with raw.places(kept).named():
        values = model(X) if isinstance(model, ReLUNetwork) else model.predict(X)
    frame = raw.texts[:, : len(names)].filter(kept)
    for j, column in enumerate(columns.inputs):
        if column.categories is None:
            frame = frame.with_columns(pl.Series(frame.columns[j], _numbers(raw, j)[kept]))
    frame.columns = [f"{j}" for j in range(frame.width)]
    titles = _titles([*names, *_output_titles(model, outputs, values)])
    parts = _predictions(model, values, X)
    frame = frame.with_columns(pl.Series(f"y{j}", part) for j, part in enumerate(parts))
    frame.columns = titles
    return Predicted(table, frame, int((~kept).sum()), _errors(raw, len(names), outputs, values, kept))


def inputs_of(raw: RawTable, columns: Sequence[Column], n_inputs: int) -> tuple[Array, NDArray[np.bool_]]:
    """The inputs of the model, and the rows that have all of them."""
    numeric = [j for j, column in enumerate(columns) if column.categories is None]
    values, faults = raw.read_numbers(numeric)
    numbers = dict(zip(numeric, values))
    empty = np.zeros((len(columns), len(raw)), dtype=bool)
    for j, column in enumerate(columns):
        if j in numbers:
            empty[j] = np.isnan(numbers[j])
        else:
            texts = raw.texts[:, j].cast(pl.String)
            empty[j] = texts.is_null().to_numpy()
            faults += _unknown(texts, column)
        if column.fill is None and raw.reading.missing == "error":
            stand_in = np.where(empty[j], np.nan, 0.0)
            faults += missing_cells(stand_in, column.name, faults_of(faults, column.name))
    raw.check(faults)
    unfilled = [empty[j] for j, column in enumerate(columns) if column.fill is None]
    kept = ~np.logical_or.reduce([np.zeros(len(raw), dtype=bool), *unfilled])
    check_rows_left(kept)
    parts = []
    for j, column in enumerate(columns):
        if j in numbers:
            entries: Any = numbers[j][kept]
        else:
            entries = raw.texts[:, j].cast(pl.String).filter(kept).to_list()
        parts.append(column.encoded(entries))
    return np.hstack([np.zeros((int(kept.sum()), 0)), *parts]).reshape(-1, n_inputs), kept


def _unknown(texts: pl.Series, column: Column) -> list[Fault]:
    """Entries that are no category of the model."""
    known = column.categories or ()
    listed = ", ".join(repr(shortened(text)) for text in known[:_LISTED]) + (", …" if len(known) > _LISTED else "")
    rows = np.flatnonzero((~texts.is_in(list(known))).fill_null(False).to_numpy())
    remedy = f"the model knows {listed} in column {column.name!r}"
    return [Fault(column.name, int(row), texts[int(row)], "no category that the model knows", remedy) for row in rows]


def _numbers(raw: RawTable, j: int) -> Array:
    (values,), _ = raw.read_numbers([j])
    return values


def _output_titles(model: Any, outputs: Sequence[str], values: NDArray[Any]) -> list[str]:
    classes = getattr(model, "classes_", None)
    if classes is not None:
        return [outputs[0], *(f"probability of {label}" for label in classes.tolist())]
    n = 1 if values.ndim == 1 else values.shape[1]
    return list(outputs) if len(outputs) == n else [f"{outputs[0]} {j + 1}" for j in range(n)]


def _titles(names: Sequence[str]) -> list[str]:
    """The same names, each once."""
    titles: list[str] = []
    for name in names:
        while name in titles:
            name = f"{name}_predicted"
        titles.append(name)
    return titles


def _predictions(model: Any, values: NDArray[Any], X: Array) -> list[NDArray[Any]]:
    """Columns of what is predicted; behind labels their probabilities."""
    if hasattr(model, "classes_"):
        return [values, *model.predict_proba(X).T]
    return [values] if values.ndim == 1 else list(values.T)


def _errors(
    raw: RawTable, n_inputs: int, outputs: Sequence[str], values: NDArray[Any], kept: NDArray[np.bool_]
) -> dict[str, float]:
    """How far predictions are from the table's own column of the output, where it has one, filled in every row."""
    if values.ndim > 1 or len(raw.names) == n_inputs:
        return {}
    if values.dtype.kind == "f":
        (own,), faults = raw.read_numbers([n_inputs])
        known = kept & ~np.isnan(own)
        if faults or not known.any():
            return {}
        return errors_at(values[known[kept]], own[known])
    texts = raw.texts[:, n_inputs].cast(pl.String).filter(kept)
    return errors_at(np.asarray(values.tolist()).astype(str), np.array([str(text) for text in texts.to_list()]))
