"""Tables that are read in blocks of rows: arrays, memory-mapped ones too, and Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.columns import Columns, levels_of
from reluctant.model.clip import Clip
from reluctant.regression.model import BLOCK
from reluctant.validation import VANISHING, as_evaluation_points, check_unmasked


class RawBlock(NamedTuple):
    """Consecutive rows as they are stored: X (n, d), y (n,) or (n, m), weights (n,)."""

    X: Array
    y: NDArray
    weights: Array


@runtime_checkable
class Table(Protocol):
    """Rows that need not fit in memory; `blocks` may be read any number of times and gives the same each time."""

    @property
    def n_rows(self) -> int:
        """Number of rows N."""

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""


@dataclass(frozen=True)
class ArrayTable:
    """Rows of arrays, or of anything that can be sliced like one, such as `numpy.memmap`.

    Parameters
    ----------
    X : array, shape (N, d)
    y : array, shape (N,) or (N, m)
    weights : array, shape (N,), optional

    Raises
    ------
    ValueError
        If shapes do not fit, a value is masked, or, while blocks are read, at the first that is no finite number.

    Examples
    --------
    >>> table = ArrayTable(np.zeros((3, 2)), np.arange(3.0))
    >>> table.n_rows, table.n_inputs, next(table.blocks()).weights.tolist()
    (3, 2, [1.0, 1.0, 1.0])
    """

    X: NDArray
    y: NDArray
    weights: NDArray | None = None

    def __post_init__(self) -> None:
        for name, values in (("X", self.X), ("y", self.y), ("weights", self.weights)):
            if name == "weights" and values is None:
                continue
            check_unmasked(values, name)
            if not hasattr(values, "shape"):
                raise ValueError(f"{name} must be an array, got a {type(values).__name__}; give numpy.asarray({name})")
        shape = self.X.shape
        if len(shape) != 2 or shape[1] == 0:
            raise ValueError(f"X must have rows and columns, got shape {shape}")
        if len(self.y.shape) not in (1, 2) or 0 in self.y.shape[1:]:
            raise ValueError(f"y must have one or more columns, got shape {self.y.shape}")
        if self.weights is not None and len(self.weights.shape) != 1:
            raise ValueError(f"weights must have one number for each row, got shape {self.weights.shape}")
        for name, column in (("y", self.y), ("weights", self.weights)):
            if column is not None and len(column) != len(self.X):
                raise ValueError(f"X has {len(self.X)} rows but {name} has {len(column)}; give one for every row")

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return len(self.X)

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.X.shape[1]

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""
        for start in range(0, self.n_rows, BLOCK):
            part = slice(start, start + BLOCK)
            X = _floats(self.X[part], "X", start)
            y = np.asarray(self.y[part])
            weights = np.ones(len(X)) if self.weights is None else _floats(self.weights[part], "weights", start)
            yield RawBlock(X, _finite(y, "y", start) if y.dtype.kind == "f" else y, weights)


@dataclass(frozen=True)
class ParquetTable:
    """Rows of Parquet files, read through polars (extra ``cli``) a block at a time.

    Parameters
    ----------
    path : str, path, list of them, or pyarrow.dataset.Dataset
        A file; a directory, whose names of folders such as ``year=2024`` are columns (hive partitions), or a pattern
        such as ``flights-*.parquet``, in the order of the names; files in the order given; or a data set, which needs
        pyarrow.
    x : sequence of str
        Names of the input columns.
    y : str
        Name of the target column.
    weight : str, optional
        Name of the column of row weights.
    columns : Columns, optional
        How the input columns become inputs, where they are not numbers without gaps; estimators find it out.

    Raises
    ------
    ValueError
        If a column is missing or named twice, or not made of finite numbers; the message names the row.

    Examples
    --------
    >>> import polars, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "table.parquet"
    ...     polars.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0], "y": [3.0, 4.0]}).write_parquet(path)
    ...     table = ParquetTable(path, ["a", "b"], "y")
    ...     table.n_rows, next(table.blocks()).X.tolist()
    (2, [[1.0, 0.0], [2.0, 1.0]])
    """

    path: Any
    x: tuple[str, ...]
    y: str
    weight: str | None = None
    columns: Columns | None = None

    def __post_init__(self) -> None:
        if isinstance(self.x, str):
            raise ValueError(f"x must be a sequence of column names, got the text {self.x!r}; give [{self.x!r}]")
        object.__setattr__(self, "x", tuple(self.x))
        if not self.x:
            raise ValueError("x names no columns; give at least one input column")
        present = list(self._types_as_read())
        for i, name in enumerate(self._wanted):
            if name in self._wanted[:i]:
                raise ValueError(f"column {name!r} is named twice among x, y and weight; give each column one part")
            if name not in present:
                raise ValueError(f"{self._name} has no column {name!r}; its columns are {', '.join(present)}")

    @property
    def types(self) -> dict[str, str]:
        """Types of all columns in words."""
        if _is_data_set(self.path):
            return {field.name: str(field.type) for field in self.path.schema}
        return {name: str(kind) for name, kind in self._scan().collect_schema().items()}

    def _types_as_read(self) -> dict[str, str]:
        """The types; a ValueError where the path leads to no Parquet file."""
        from polars.exceptions import ComputeError

        try:
            return self.types
        except ComputeError as error:
            reason = str(error).partition(" (")[0]
            raise ValueError(f"{self._name} holds no Parquet file that can be read: {reason}") from error

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        import polars

        if _is_data_set(self.path):
            return int(self.path.count_rows())
        return int(self._scan().select(polars.len()).collect().item())

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return len(self.x if self.columns is None else self.columns.names)

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""
        for start, frame in self.frames():
            weights = self.weights_of(frame, start)
            y = frame[self.y]
            X = self._encoded(frame, start, weights)
            yield RawBlock(X, _numbers(y, start) if y.dtype.is_float() else _values(y, start), weights)

    def frames(self) -> Iterator[tuple[int, Any]]:
        """Yield the wanted columns of all rows in order as frames of polars, each with the number of its first row."""
        if _is_data_set(self.path):
            yield from _frames_of(self.path, self._wanted)
            return
        scan = self._scan().select(self._wanted)
        for start in range(0, self.n_rows, BLOCK):
            yield start, scan.slice(start, BLOCK).collect()

    def weights_of(self, frame: Any, start: int) -> Array:
        """Weights of the rows of a frame."""
        return np.ones(len(frame)) if self.weight is None else _numbers(frame[self.weight], start)

    def _encoded(self, frame: Any, start: int, weights: Array) -> Array:
        if self.columns is None:
            return np.column_stack([_numbers(frame[name], start) for name in self.x])
        used = weights > 0.0  # other rows may have texts that are no category
        X = np.zeros((len(frame), self.n_inputs))
        entries = {
            column.name: entries_of(frame[column.name], start, texts=column.categories is not None)[used]
            for column in self.columns.inputs
        }
        X[used] = self.columns.matrix(entries)
        return X

    @property
    def _wanted(self) -> list[str]:
        return [*self.x, self.y, *([] if self.weight is None else [self.weight])]

    @property
    def _name(self) -> str:
        return "the data set" if _is_data_set(self.path) else str(self.path)

    def _scan(self) -> Any:
        import polars

        return polars.scan_parquet(self.path)


@dataclass(frozen=True)
class _OfTable:
    """The rows of another table, to be changed as they are read."""

    table: Table

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return self.table.n_rows

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.table.n_inputs


@dataclass(frozen=True)
class ClippedTable(_OfTable):
    """A table whose inputs are moved within a clip."""

    clip: Clip

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""
        for X, y, weights in self.table.blocks():
            yield RawBlock(self.clip(X), y, weights)


@dataclass(frozen=True)
class WeighedTable(_OfTable):
    """A table whose weights are shares of the largest, and zero where they vanish beside it."""

    largest: float

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""
        for X, y, weights in self.table.blocks():
            shares = weights / self.largest
            yield RawBlock(X, y, np.where(shares < VANISHING, 0.0, shares))


def _is_data_set(path: Any) -> bool:
    return hasattr(path, "to_batches") and hasattr(path, "count_rows")


def _frames_of(data_set: Any, wanted: list[str]) -> Iterator[tuple[int, Any]]:
    """Frames of at least `BLOCK` rows of a data set of pyarrow; its own batches end with its files."""
    import polars
    import pyarrow

    start, held, n_held = 0, [], 0
    for batch in data_set.to_batches(columns=wanted, batch_size=BLOCK):
        held.append(batch)
        n_held += batch.num_rows
        if n_held >= BLOCK:
            yield start, polars.from_arrow(pyarrow.Table.from_batches(held))
            start, held, n_held = start + n_held, [], 0
    if n_held:
        yield start, polars.from_arrow(pyarrow.Table.from_batches(held))


def entries_of(column: Any, start: int, *, texts: bool) -> NDArray[Any]:
    """A column of a block with its gaps: texts or None, or floats with NaN; rows in messages are those of the file."""
    import polars

    name = f"column {column.name!r}"
    if texts:
        return levels_of(column, name)
    if column.dtype.is_numeric() or column.dtype in (polars.Boolean, polars.Null):
        column = column.cast(polars.Float64)
    values = as_evaluation_points(column.to_numpy(), name, first_row=start)
    _finite(np.where(np.isnan(values), 0.0, values), name, start)
    return values


def _numbers(column, start: int) -> Array:  # type: ignore[no-untyped-def]
    """A column of a block as floats; the row in messages is that of the file."""
    name = f"column {column.name!r}"
    values = _values(column, start)
    return _floats(values, name, start)


def _values(column, start: int) -> NDArray:  # type: ignore[no-untyped-def]
    """A column of a block, in which nothing may be missing, as it is stored."""
    if column.null_count():
        row = int(np.argmax(column.is_null().to_numpy()))
        raise ValueError(f"column {column.name!r} has a missing value at row {start + row}; remove or replace it")
    return column.to_numpy()


def _floats(values: ArrayLike, name: str, start: int) -> Array:
    """Numbers as finite floats; the row in messages is that of the table."""
    return _finite(as_evaluation_points(values, name, first_row=start), name, start)


def _finite(a: NDArray, name: str, start: int) -> NDArray:
    """Return `a` if it is finite; the row in messages is that of the table."""
    if np.isfinite(a).all():
        return a
    row, *column = (int(i) for i in np.argwhere(~np.isfinite(a))[0])
    where = f", column {column[0]}" if column else ""
    raise ValueError(f"{name} has {a[(row, *column)]} at row {start + row}{where}; remove or replace it")
