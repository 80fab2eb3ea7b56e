"""The rows of a fit: inputs and targets as numbers, categories as columns of zeros and ones, nothing missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.columns import Column, Columns, ColumnTally
from reluctant.command.cells import Fault, missing_cells
from reluctant.command.places import Places
from reluctant.command.tables import RawTable, Reading, check_rows_left, faults_of, read_table
from reluctant.text import counted, shortened

Task = Literal["regression", "classification"]

_CATEGORIES = 50
"""A column of text with more different entries than that is no set of categories."""
_REPEATED = 10
"""Rows from which on categories appear twice on average."""


@dataclass(frozen=True)
class Wanted:
    """Which columns of a table are inputs, which one is the target, and what is to be done with it.

    No `x` stands for all other columns; `x` in `categorical` are categories whatever they hold. `beside` is read with
    the target, as numbers.
    """

    y: str
    x: tuple[str, ...] = ()
    task: Task | None = None
    categorical: tuple[str, ...] = ()
    beside: str | None = None


@dataclass(frozen=True)
class Rows:
    """Inputs X (N, d), targets (N,): numbers, or labels for classification, and what the columns are called."""

    X: Array
    y: NDArray[Any]
    columns: Columns
    task: Task
    places: Places
    n_dropped: int = 0
    beside: Array | None = None

    @property
    def numbers(self) -> Array:
        """The targets as numbers: labels by their place among those that there are."""
        return self.y if self.task == "regression" else np.unique(self.y, return_inverse=True)[1].astype(np.float64)

    @property
    def is_line(self) -> bool:
        """Whether one column of numbers stands for numbers."""
        return self.task == "regression" and self.X.shape[1] == 1 and self.columns.inputs[0].categories is None


def read_rows(path: Path, wanted: Wanted, reading: Reading) -> Rows:
    """Read what is wanted of a table.

    Raises
    ------
    OSError
        If the table cannot be read.
    ValueError
        If it does not hold what is wanted; bad cells are all named.
    """
    beside = () if wanted.beside is None else (wanted.beside,)
    table = read_table(path, (wanted.y, *beside, *wanted.x), reading, others=not wanted.x)
    first = 1 + len(beside)
    columns = range(first, len(table.names))
    if not columns:
        raise ValueError(f"the table has no column but {wanted.y!r}; inputs are missing")
    _check_distinct(table, first)
    categorical = {j for j in columns if table.names[j].strip() in {name.strip() for name in wanted.categorical}}
    texts = {j for j in columns if j in categorical or table.kind(j) == "texts"}
    for j in columns:
        if j not in texts and table.kind(j) == "dates":
            _refuse_dates(table, j, not wanted.x)
    for j in texts:
        _check_categories(table, j, not wanted.x)
    task = wanted.task or ("classification" if table.kind(0) == "texts" else "regression")
    return _assembled(table, first, texts, task)


def _assembled(table: RawTable, first: int, texts: set[int], task: Task) -> Rows:
    names = table.names
    numeric = [j for j in range(len(names)) if j not in texts and not (j == 0 and task == "classification")]
    values, faults = table.read_numbers(numeric, infinite=range(1, first))
    numbers = dict(zip(numeric, values))
    empty = {j: np.isnan(v) for j, v in numbers.items()}
    empty |= {j: table.texts[:, j].is_null().to_numpy() for j in range(len(names)) if j not in numbers}
    if table.reading.missing == "error":
        for j, missing in empty.items():
            stand_in = np.where(missing, np.nan, 0.0)
            faults += missing_cells(stand_in, names[j], faults_of(faults, names[j]))
    table.check(_without_repetition(faults))
    inputs = range(first, len(names))
    needed = range(first) if table.reading.missing in ("mean", "hinge") else range(len(names))
    kept = ~np.any([empty[j] for j in needed], axis=0)
    check_rows_left(kept)
    columns, parts = [], []
    for j in inputs:
        column, part = _encoded(table, j, numbers.get(j), kept)
        columns.append(column)
        parts.append(part)
    unit = table.units.get(names[0])
    target = Column(names[0], unit) if task == "classification" else _ranged(Column(names[0], unit), numbers[0][kept])
    return Rows(
        np.hstack(parts),
        _labels(table, kept) if task == "classification" else numbers[0][kept],
        Columns(tuple(columns), (target,)),
        task,
        table.places(kept),
        int((~kept).sum()),
        numbers[1][kept] if first > 1 else None,
    )


def _encoded(table: RawTable, j: int, numbers: Array | None, kept: Mask) -> tuple[Column, Array]:
    """A column and its inputs in the rows kept."""
    entries: Any = table.texts[:, j].cast(pl.String).filter(kept).to_list() if numbers is None else numbers[kept]
    tally = ColumnTally(table.names[j], texts=numbers is None, unit=table.units.get(table.names[j]))
    tally.add(entries)
    missing = table.reading.missing
    column = tally.column("error" if missing == "drop" else missing)
    return column, column.encoded(entries)


def _ranged(column: Column, values: Array) -> Column:
    return replace(column, low=float(values.min()), high=float(values.max()))


def _labels(table: RawTable, kept: Mask) -> NDArray[Any]:
    """The target as labels: whole numbers where all are, else text."""
    texts = table.texts[:, 0].cast(pl.String).filter(kept)
    whole = texts.cast(pl.Int64, strict=False)
    return np.array(texts.to_list()) if whole.has_nulls() else whole.to_numpy().copy()


def _without_repetition(faults: Sequence[Fault]) -> list[Fault]:
    return list({(fault.column, fault.row): fault for fault in faults}.values())


def _check_distinct(table: RawTable, first: int) -> None:
    names = table.names
    for j in range(first, len(names)):
        if table.positions[j] in table.positions[:j]:
            raise ValueError(f"column {names[j]!r} is asked for twice")


def _refuse_dates(table: RawTable, j: int, unnamed: bool) -> None:
    hint = "name the other inputs with --x, or " if unnamed else ""
    raise ValueError(
        f"column {table.names[j]!r} holds dates or times, such as {_example(table, j)}; {hint}turn it into a "
        "number, for example days since the first"
    )


def _check_categories(table: RawTable, j: int, unnamed: bool) -> None:
    """Refuse free text and numbers that differ from row to row."""
    there = table.texts[:, j].drop_nulls()
    different = there.n_unique()
    if different <= _CATEGORIES and (len(there) < _REPEATED or 2 * different <= len(there)):
        return
    hint = "name the other inputs with --x" if unnamed else "leave it out of --x"
    raise ValueError(
        f"column {table.names[j]!r} holds text with {counted(different, 'different entries')} in {len(there):,} rows, "
        f"such as {_example(table, j)}, which are no categories; {hint}, or turn it into numbers"
    )


def _example(table: RawTable, j: int) -> str:
    return repr(shortened(str(table.texts[:, j].drop_nulls()[0]), 30))
