"""What the columns of a table are called, and how their entries become the inputs of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.model.container import Entries, Record
from reluctant.model.network import ReLUNetwork
from reluctant.text import counted, shortened
from reluctant.validation import as_floats

_SHOWN = 10  # entries listed in an error


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
        What stands for a missing entry: the mean of each input over the rows that had one.
    low, high : float, optional
        Least and largest number of the rows that the model was made from.

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

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs that the column becomes."""
        return [self.name] if self.categories is None else [f"{self.name} = {text}" for text in self.categories]

    @property
    def label(self) -> str:
        """Name and unit, for axes and headers."""
        return self.name if self.unit is None else f"{self.name} [{self.unit}]"

    def encoded(self, entries: Any) -> Array:
        """Inputs (N, 1) of numbers, or (N, C) of texts; None and NaN are missing.

        Raises
        ------
        ValueError
            If an entry is missing and nothing stands for it, is no number, or is a text of no category.
        """
        if self.categories is None:
            values = np.asarray(entries, dtype=object) if _has_none(entries) else np.asarray(entries)
            missing = _missing(values)
            kept = as_floats(values[~missing], f"column {self.name!r}")
            encoded = np.zeros((len(values), 1))
            encoded[~missing, 0] = kept
        else:
            texts = np.asarray([None if _is_none(entry) else str(entry) for entry in entries], dtype=object)
            missing = _missing(texts)
            encoded = np.equal(texts[:, None], np.array(self.categories, dtype=object)).astype(np.float64)
            self._check_known(texts, missing | encoded.any(axis=1))
        if missing.any():
            if self.fill is None:
                row = int(np.argmax(missing))
                raise ValueError(
                    f"column {self.name!r} has no value at row {row}, and the model knows nothing to put there; fill "
                    "it in or remove the row"
                )
            encoded[missing] = self.fill
        return encoded

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
        entries.end()
        column = cls(name, unit, categories, None if fill is None else tuple(fill.tolist()), low, high)
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
            for label in ([column.label] if column.categories is None else column.inputs)
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
        pairs = []
        for column in self.inputs:
            if column.categories is not None:
                pairs += [(0.0, 1.0)] * len(column.categories)
            elif column.low is None or column.high is None:
                return None
            else:
                pairs.append((column.low, column.high))
        return np.array(pairs).reshape(-1, 2)

    def matrix(self, table: Mapping[str, Sequence[Any]]) -> Array:
        """Inputs X (N, d) of the model from columns by name, in any order and with others beside them.

        Raises
        ------
        ValueError
            If a column is missing, or has an entry that the model cannot read.
        """
        absent = [column.name for column in self.inputs if column.name not in table]
        if absent:
            raise ValueError(f"the table has no column {', '.join(map(repr, absent))}, which the model reads")
        return np.hstack([column.encoded(table[column.name]) for column in self.inputs])

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


def _is_none(entry: Any) -> bool:
    return entry is None or (isinstance(entry, float) and np.isnan(entry))


def _has_none(entries: Any) -> bool:
    return not isinstance(entries, np.ndarray) and any(entry is None for entry in entries)


def _missing(values: Any) -> Mask:
    if values.dtype == object:
        return np.array([_is_none(entry) for entry in values], dtype=bool)
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
