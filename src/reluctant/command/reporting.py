"""`reluctant report`: a model with the rows of a table, as a page."""

from __future__ import annotations

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
from reluctant.command.places import Places
from reluctant.command.prediction import inputs_of
from reluctant.command.tables import RawTable, Reading, check_rows_left, read_table
from reluctant.errors import FileFormatError
from reluctant.export.identifiers import identifier
from reluctant.files import write_atomically
from reluctant.model import container
from reluctant.model.container import digest_of
from reluctant.report.form import Form
from reluctant.report.page import render_page
from reluctant.solution import Solution
from reluctant.text import counted


@dataclass(frozen=True)
class Page:
    """A model and rows that its page is about."""

    model: Any
    X: Array
    y: NDArray[Any]
    columns: Columns
    places: Places
    are_own: bool | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        output = self.columns.outputs[0].name
        inputs = self.columns.inputs
        return identifier(f"{output}_from_{inputs[0].name}" if len(inputs) == 1 else output)

    @property
    def found(self) -> str:
        """What was found, in one clause."""
        if isinstance(self.model, Solution):
            return self.model.verdict
        return counted(network_of(self.model).n_neurons, "neurons")

    def html(self, form: Form | None = None) -> str:
        """The page; `form` stands at its head."""
        with self.places.named():
            return render_page(self.model, self.X, self.y, columns=self.columns, are_own=self.are_own, form=form)

    def write(self, path: Path) -> int:
        """Write the page, whole or not at all, and return its bytes."""
        content = self.html().encode()
        write_atomically(path, content)
        return len(content)


def page_of(
    path: Path, table: Path, x: tuple[str, ...], y: str | None, reading: Reading, say: Say = lambda message: None
) -> Page:
    """Read a model, and the rows of a table that it is to be compared with.

    Parameters
    ----------
    path : Path
        The file of the model.
    table : Path
        The table, or ``-``.
    x : tuple of str
        Columns of the inputs in the order of the model; its own names if empty.
    y : str, optional
        Column of the output; that of the model by default.
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
    say("reading the model")
    model = opened(path)
    network, known = network_of(model), columns_of(model)
    if known is None and (not x or y is None):
        raise ValueError(
            f"{path} knows no names of columns; give the columns of its {counted(network.n_inputs, 'inputs')} with --x "
            "and that of its output with --y"
        )
    if network.n_outputs > 1 and not hasattr(model, "classes_"):
        raise ValueError(f"{path} has {network.n_outputs} outputs; the command reports one, report.write_page all")
    columns = known or Columns.named(x, [y or ""])
    if x and len(x) != len(columns.inputs):
        raise ValueError(f"{path} reads {counted(len(columns.inputs), 'columns')}, and --x names {len(x)}")
    names = x or tuple(column.name for column in columns.inputs)
    output = y or columns.outputs[0].name
    say("reading the table")
    raw = read_table(table, (*names, output), reading)
    inputs = tuple(replace(column, name=name) for column, name in zip(columns.inputs, names))
    X, kept = inputs_of(raw, inputs, network.n_inputs)
    targets, there = _targets(raw, len(names), model)
    check_rows_left(kept & there)
    columns = Columns(inputs, (Column(output, raw.units.get(output, columns.outputs[0].unit)),))
    X, targets = X[there[kept]], targets[kept & there]
    return Page(model, X, targets, columns, raw.places(kept & there), _are_own(path, X, targets))


def _are_own(path: Path, X: Array, y: NDArray[Any]) -> bool | None:
    """Whether a model was made from these rows, by the digest of the data in its file; None where it has none."""
    if y.dtype.kind != "f" or path.suffix.lower() == ".npz":
        return None
    try:
        data = container.read(path).get("data")
    except FileFormatError:  # of a network alone
        return None
    return None if data is None else bool(data["digest"] == digest_of((X, y)))


def _targets(raw: RawTable, j: int, model: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The column of the output, and the rows that have it: numbers, or labels as the classes of the model are."""
    name = raw.names[j]
    if hasattr(model, "classes_"):
        texts = raw.texts[:, j].cast(pl.String)
        there = ~texts.is_null().to_numpy()
        classes = {str(label): label for label in model.classes_.tolist()}
        labels = np.array([classes.get(str(text).strip(), text) for text in texts.to_list()], dtype=object)
        faults: list[Fault] = []
    else:
        (labels,), faults = raw.read_numbers([j])
        there = ~np.isnan(labels)
    if raw.reading.missing == "error":
        faults += missing_cells(np.where(there, 0.0, np.nan), name, faults)
    raw.check(faults)
    return labels, there
