"""What the columns of a table are called, and how their entries become the inputs of a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Index, Mask
from reluctant.model.container import Entries, Record
from reluctant.model.network import ReLUNetwork
from reluctant.text import counted, shortened
from reluctant.validation import as_array, as_column, as_floats, column_names, is_missing

MOST_LEVELS = 255
"""A column of more different texts than that is no set of categories."""
_SHOWN = 10  # entries listed in an error

Unseen = Literal["error", "zeros"]
"""What becomes of a text of no category: an error, or zeros in all inputs of the column and a warning."""
Missing = Literal["error", "mean", "hinge"]
"""What stands for a missing entry: nothing, the mean, or that and an input of its own where some were missing."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its name, its unit, and how its entries become numbers.

    Parameters
    ----------
    name : str
        As the table has it.
    unit : str, optional
        As the table has it.
    categories : tuple of str, optional
        Texts that stand in it, sorted: each becomes an input that is 1 where the column has that text and else 0. Not
        of a column of numbers, which is an input as it is.
    fill : tuple of float, optional
        What stands for a missing entry, a number for each input: by `learned` the mean of each over the rows that had
        one.
    low, high : float, optional
        Least and largest number of the rows that the model was made from.
    indicator : bool, default False
        Whether one more input, the last, is 1 where an entry is missing and else 0.

    Examples
    --------
    >>> Column("colour", categories=("blue", "red")).encoded(["red", "blue"])
    array([[0., 1.],
           [1., 0.]])
    """

    name: str
    unit: str | None = None
    categories: tuple[str, ...] | None = None
    fill: tuple[float, ...] | None = None
    low: float | None = None
    high: float | None = None
    indicator: bool = False

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs that the column becomes."""
        texts = self.categories
        own = [self.name] if texts is None else [f"{self.name} = {text}" for text in texts]
        return [*own, f"{self.name} is missing"] if self.indicator else own

    @property
    def label(self) -> str:
        """Name and unit, for axes and headers."""
        return self.name if self.unit is None else f"{self.name} [{self.unit}]"

    @property
    def is_plain(self) -> bool:
        """Whether its entries are the input as they are, and none may be missing."""
        return self.categories is None and self.fill is None

    def encoded(self, entries: Any, *, unseen: Unseen = "error") -> Array:
        """Inputs (N, 1) of numbers, or (N, C) of texts, and one more with an `indicator`; None and NaN are missing.

        Raises
        ------
        ValueError
            If an entry is missing and nothing stands for it, is no number, or is a text of no category.
        """
        if self.categories is None:
            numbers = as_column(entries, f"column {self.name!r}")
            missing, encoded = np.isnan(numbers), numbers[:, None]
        else:
            texts = levels_of(entries, f"column {self.name!r}")
            missing = _absent(texts)
            encoded = self._shares(texts, missing, unseen)
        if self.indicator:
            encoded = np.column_stack([encoded, np.zeros(len(encoded))])
        if missing.any():
            if self.fill is None:
                row = int(np.argmax(missing))
                raise ValueError(
                    f"column {self.name!r} has no value at row {row}, and the model knows nothing to put there; fill "
                    "it in or remove the row"
                )
            encoded = np.where(missing[:, None], np.array(self.fill), encoded)
        return encoded

    def _shares(self, texts: NDArray[np.object_], missing: Mask, unseen: Unseen) -> Array:
        """A one (N, C) in the column of the category of each text."""
        place = {text: i for i, text in enumerate(self.categories or ())}
        known = np.array([place.get(text, -1) for text in texts], dtype=np.intp).reshape(len(texts))
        if unseen == "error":
            self._check_known(texts, missing | (known >= 0))
        elif not (missing | (known >= 0)).all():
            row = int(np.argmin(missing | (known >= 0)))
            warnings.warn(
                f"column {self.name!r} has {shortened(texts[row])!r} at row {row}, which no row of fit had; all "
                "inputs of that column are 0 there",
                stacklevel=7,
            )
        return np.equal(known[:, None], np.arange(len(place))).astype(np.float64)

    def _check_known(self, texts: Any, known: Any) -> None:
        unknown = dict.fromkeys(texts[~known].tolist())
        if unknown:
            listed = ", ".join(repr(shortened(text)) for text in list(unknown)[:_SHOWN])
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            least = ", ".join(repr(shortened(text)) for text in (self.categories or ())[:_SHOWN])
            row = int(np.argmin(known))
            raise ValueError(
                f"column {self.name!r} has {listed}{more}, first at row {row}, which the model was not made from; it "
                f"knows {least}{', …' if len(self.categories or ()) > _SHOWN else ''}"
            )

    def to_record(self) -> Record:
        """What a model file holds of it."""
        return dict(vars(self))

    @classmethod
    def of_record(cls, record: Any) -> Self:
        """What `to_record` made; a ValueError if it is none."""
        entries = Entries(record, "a column")
        name, unit = entries.text("name"), entries.optional_text("unit")
        categories, fill = entries.optional_texts("categories"), entries.optional_array("fill")
        low, high = entries.optional_number("low"), entries.optional_number("high")
        indicator = entries.flag("indicator")
        entries.end()
        column = cls(name, unit, categories, None if fill is None else tuple(fill.tolist()), low, high, indicator)
        if fill is not None and fill.shape != (len(column.inputs),):
            raise ValueError(f"does not hold a valid model: column {name!r} needs a number to fill in for each input")
        return column


@dataclass(frozen=True)
class Columns:
    """The columns that a model reads, and those that it predicts.

    Parameters
    ----------
    inputs, outputs : tuple of Column
        In the order of the model.

    Examples
    --------
    >>> columns = Columns((Column("age"), Column("sex", categories=("f", "m"))), (Column("dose", "mg"),))
    >>> columns.names
    ('age', 'sex = f', 'sex = m')
    >>> columns.matrix({"sex": ["m", "f"], "age": [30, 40]})
    array([[30.,  0.,  1.],
           [40.,  1.,  0.]])
    """

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]

    @classmethod
    def named(cls, inputs: Iterable[str], outputs: Iterable[str]) -> Self:
        """Columns of numbers of these names."""
        return cls(tuple(map(Column, inputs)), tuple(map(Column, outputs)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs of the model, one for each category."""
        return tuple(name for column in self.inputs for name in column.inputs)

    @property
    def labels(self) -> tuple[str, ...]:
        """The same with units, for what is read by people."""
        return tuple(
            label
            for column in self.inputs
            for label in ([column.label, *column.inputs[1:]] if column.categories is None else column.inputs)
        )

    @property
    def output_labels(self) -> tuple[str, ...]:
        """Names of the outputs, with their units."""
        return tuple(column.label for column in self.outputs)

    @property
    def units(self) -> dict[str, str]:
        """Units by the names of inputs and outputs, where there are any."""
        return {column.name: column.unit for column in (*self.inputs, *self.outputs) if column.unit is not None}

    @property
    def box(self) -> Array | None:
        """Least and largest value of every input in the data, (d, 2); None where it is not known."""
        pairs: list[tuple[float, float]] = []
        for column in self.inputs:
            shares = [(0.0, 1.0)] * len(column.inputs)
            if column.categories is None:
                if column.low is None or column.high is None:
                    return None
                shares[0] = column.low, column.high
            pairs += shares
        return np.array(pairs).reshape(-1, 2)

    @property
    def owners(self) -> Index:
        """For each input of the model the index of its column."""
        return np.repeat(np.arange(len(self.inputs)), [len(column.inputs) for column in self.inputs])

    @property
    def is_plain(self) -> bool:
        """Whether the inputs are the columns as they are."""
        return all(column.is_plain for column in self.inputs)

    def are_in(self, X: Any) -> bool:
        """Whether X is a frame that has all columns."""
        own = column_names(X)
        return own is not None and {column.name for column in self.inputs} <= set(own)

    def read(self, X: Any, *, unseen: Unseen = "error") -> Array:
        """Inputs of the model for rows X: a frame by its names, an array of as many columns by their order.

        An array that has a column for each input of the model is taken as it is.

        Raises
        ------
        ValueError
            If X has other columns, or an entry that the model cannot read.
        """
        if self.are_in(X):
            return self.matrix(X, unseen=unseen)
        own = column_names(X)
        rows = X if own is not None else as_array(X, "X")
        width = rows.shape[1] if len(rows.shape) == 2 else 1
        if width == len(self.inputs) and own is None:
            rows = rows.reshape(len(rows), width)
            parts = [column.encoded(rows[:, j], unseen=unseen) for j, column in enumerate(self.inputs)]
            return np.hstack(parts)
        if width == len(self.names):
            return as_floats(X, "X").reshape(-1, width)
        known = ", ".join(repr(column.name) for column in self.inputs[:_SHOWN])
        more = ", …" if len(self.inputs) > _SHOWN else ""
        raise ValueError(
            f"X has {counted(width, 'columns')}, and the model reads {known}{more}; give a frame with these columns, "
            f"or the numbers of its {counted(len(self.names), 'inputs')}"
        )

    def matrix(self, table: Mapping[str, Any], *, unseen: Unseen = "error") -> Array:
        """Inputs X (N, d) of the model from columns by name, in any order and with others beside them.

        Raises
        ------
        ValueError
            If a column is missing, or has an entry that the model cannot read.
        """
        named = column_names(table) or list(table)
        absent = [column.name for column in self.inputs if column.name not in named]
        if absent:
            raise ValueError(f"the table has no column {', '.join(map(repr, absent))}, which the model reads")
        return np.hstack([column.encoded(table[column.name], unseen=unseen) for column in self.inputs])

    def to_record(self) -> Record:
        """What a model file holds of them."""
        return {
            "inputs": [column.to_record() for column in self.inputs],
            "outputs": [column.to_record() for column in self.outputs],
        }

    @classmethod
    def of_record(cls, record: Any) -> Self:
        """What `to_record` made; a ValueError if it is none."""
        entries = Entries(record, "columns")
        inputs, outputs = (tuple(map(Column.of_record, entries.records(name))) for name in ("inputs", "outputs"))
        entries.end()
        return cls(inputs, outputs)


def checked_columns(columns: Any, network: ReLUNetwork) -> Columns | None:
    """Return columns, if there are any, that name every input and output of a network."""
    if columns is None:
        return None
    if not isinstance(columns, Columns):
        raise ValueError(f"columns must be Columns of reluctant.columns, got {columns!r:.60}")
    named, has = (len(columns.names), len(columns.outputs)), (network.n_inputs, network.n_outputs)
    if named[0] != has[0] or named[1] not in (1, has[1]):
        raise ValueError(
            f"columns must name the {counted(has[0], 'inputs')} and {counted(has[1], 'outputs')} of the network, got "
            f"{named[0]} and {named[1]}"
        )
    return columns


class ColumnTally:
    """What is learned of a column from its rows, block by block: categories, range, and what stands for missing ones.

    Parameters
    ----------
    name : str
        As the table has it.
    texts : bool
        Whether its entries are categories, whatever they are.
    unit : str, optional
        As the table has it.

    Examples
    --------
    >>> tally = ColumnTally("colour", texts=True)
    >>> tally.add(["red", None, "blue", "red"])
    >>> column = tally.column("hinge")
    >>> column.inputs, column.fill
    (['colour = blue', 'colour = red', 'colour is missing'], (0.0, 0.0, 1.0))
    """

    def __init__(self, name: str, *, texts: bool, unit: str | None = None) -> None:
        self._name, self._unit = name, unit
        self._levels: dict[str, float] | None = {} if texts else None
        self._weight, self._mean, self._low, self._high = 0.0, 0.0, np.inf, -np.inf
        self._first_missing: int | None = None
        self._n_rows = 0

    def add(self, entries: Any, weights: Array | None = None) -> None:
        """Some more rows; those of weight zero do not count, but must be numbers too where numbers are."""
        name = f"column {self._name!r}"
        values: NDArray[Any] = as_column(entries, name) if self._levels is None else levels_of(entries, name)
        missing = np.isnan(values) if self._levels is None else _absent(values)
        weights = np.ones(len(values)) if weights is None else weights
        there, absent = ~missing & (weights > 0.0), missing & (weights > 0.0)
        if self._first_missing is None and absent.any():
            self._first_missing = self._n_rows + int(np.argmax(absent))
        self._n_rows += len(values)
        if not there.any():
            return
        values, weights = values[there], weights[there]
        total = float(weights.sum())
        self._weight += total
        if self._levels is None:
            self._mean += (float(np.average(values, weights=weights)) - self._mean) * (total / self._weight)
            self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        else:
            levels, place = np.unique(values, return_inverse=True)
            for level, weight in zip(levels.tolist(), np.bincount(place, weights).tolist()):
                self._levels[level] = self._levels.get(level, 0.0) + weight

    def column(self, missing: Missing = "error") -> Column:
        """The column.

        Raises
        ------
        ValueError
            If no row has an entry, a row has none and `missing` is ``"error"``, or there are too many categories.
        """
        if self._weight == 0.0:
            raise ValueError(f"column {self._name!r} is missing in every row; leave it out")
        if missing == "error" and self._first_missing is not None:
            raise ValueError(
                f"column {self._name!r} has a missing value at row {self._first_missing}; remove or replace it, or set "
                "missing='mean' or 'hinge'"
            )
        indicator = missing == "hinge" and self._first_missing is not None
        if self._levels is None:
            mean = (self._mean, 1.0) if indicator else (self._mean,)
            fill: tuple[float, ...] | None = None if missing == "error" else mean
            return Column(self._name, self._unit, None, fill, self._low, self._high, indicator)
        if len(self._levels) > MOST_LEVELS:
            example = shortened(min(self._levels), 30)
            raise ValueError(
                f"column {self._name!r} has {counted(len(self._levels), 'levels')}, such as {example!r}, more than the "
                f"{MOST_LEVELS} that a set of categories may have; join rare ones, or leave the column out"
            )
        levels = tuple(sorted(self._levels))
        shares = tuple(self._levels[level] / self._weight for level in levels)
        fill = None if missing == "error" else (*(0.0 for _ in levels), 1.0) if indicator else shares
        return Column(self._name, self._unit, levels, fill, indicator=indicator)


def levels_of(entries: Any, name: str) -> NDArray[np.object_]:
    """Entries (N,) of a column of categories as text, None where one is missing; 2 and 2.0 are one category.

    Raises
    ------
    ValueError
        If the column is no column.
    """
    raw = as_array(entries, name)
    if raw.ndim != 1:
        raise ValueError(f"{name} has several entries a row; give each a column of its own")
    levels = np.empty(len(raw), dtype=object)
    levels[:] = [entry if type(entry) is str else _level(entry) for entry in raw.tolist()]
    return levels


def _absent(texts: NDArray[Any]) -> Mask:
    return np.fromiter((text is None for text in texts), dtype=bool, count=len(texts))


def _level(entry: Any) -> str | None:
    if is_missing(entry):
        return None
    return str(int(entry)) if isinstance(entry, float) and entry.is_integer() else str(entry)
