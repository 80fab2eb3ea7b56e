"""Cells of a table as numbers: decimal commas, thousands, what is missing, and all that is wrong in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from reluctant.arrays import Array, Mask
from reluctant.command.layout import MISSING, NUMBER
from reluctant.command.places import LineOf
from reluctant.errors import TableError
from reluctant.text import shortened
from reluctant.validation import as_floats

Mark = Literal[".", ","]
"""The decimal mark."""
Kind = Literal["numbers", "texts", "dates"]

_LISTED = 10
"""Bad cells that an error names; the rest is counted."""
_COMMA = r"^[-+]?(\d+(,\d*)?|,\d+)([eE][-+]?\d+)?$"
_GROUPED_BY_COMMA = r"^[-+]?[1-9]\d{0,2}(,\d{3})+$"
_GROUPED_BY_DOT = r"^[-+]?[1-9]\d{0,2}(\.\d{3})+$"
_DATE = (
    r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2})([T ]+\d{1,2}:\d{2}.*)?$"
    r"|^\d{1,2}:\d{2}(:\d{2})?([.,]\d+)?( ?[AaPp][Mm])?$"
)
_LIKE_NUMBER = f"^{NUMBER.pattern}$"


@dataclass(frozen=True)
class Fault:
    """A cell that is not what it has to be."""

    column: str
    row: int
    text: str | None
    why: str
    remedy: str


def stripped(column: pl.Series) -> pl.Series:
    """Text without blanks around it; entries that stand for none are null."""
    texts = column.str.strip_chars()
    return texts.set(texts.str.to_lowercase().is_in(list(MISSING)), None)


def kind_of(column: pl.Series) -> Kind:
    """What a column of text, or of any type, holds: most of its entries decide."""
    if column.dtype.is_temporal():
        return "dates"
    if column.dtype != pl.String:
        return "texts" if column.dtype in (pl.Categorical, pl.Enum) else "numbers"
    there = column.drop_nulls()
    if not len(there):
        return "numbers"
    if 2 * there.str.contains(_DATE).sum() > len(there):
        return "dates"
    return "numbers" if 2 * there.str.contains(_LIKE_NUMBER).sum() >= len(there) else "texts"


def decimal_mark(columns: Sequence[pl.Series], elsewhere: Sequence[pl.Series]) -> Mark:
    """The decimal mark of columns of text: a comma where every number in them agrees, and one of them shows it.

    1,000 alone shows nothing, for its comma may group thousands. `elsewhere` are other columns of the same table:
    a dot that may group thousands beside commas there is no decimal dot.
    """
    numbers = [column.filter(column.str.contains(_LIKE_NUMBER).fill_null(False)) for column in columns]
    commas = [column.filter(column.str.contains(",", literal=True)) for column in numbers]
    if not any(map(len, commas)):
        dotted = [column.filter(column.str.contains(".", literal=True)) for column in numbers]
        grouped = any(map(len, dotted)) and all(c.str.contains(_GROUPED_BY_DOT).all() for c in dotted)
        return "," if grouped and any(map(_shows_comma, elsewhere)) else "."
    agrees = all(column.str.contains(_COMMA).all() for column in numbers)
    shows = any((~column.str.contains(_GROUPED_BY_COMMA)).any() for column in commas)
    return "," if agrees and shows else "."


def with_points(column: pl.Series) -> pl.Series:
    """The same with points for the commas in its numbers."""
    return column.zip_with(~column.str.contains(_COMMA).fill_null(False), column.str.replace(",", ".", literal=True))


def _shows_comma(column: pl.Series) -> bool:
    """Whether a column has a decimal comma and no dot in its numbers."""
    numbers = column.filter(column.str.contains(_LIKE_NUMBER).fill_null(False))
    commas = numbers.filter(numbers.str.contains(",", literal=True))
    agrees = len(commas) > 0 and bool(numbers.str.contains(_COMMA).all())
    return agrees and bool((~commas.str.contains(_GROUPED_BY_COMMA)).any())


def numbers_of(column: pl.Series, name: str, mark: Mark, infinite: bool = False) -> tuple[Array, list[Fault]]:
    """Numbers (N,), NaN where a cell is empty or bad, and the bad cells; `infinite` ones are good where they may be.

    Raises
    ------
    ValueError
        If it holds values that are no numbers whatever the cell, or two integers fall on one float.
    """
    if column.dtype == pl.String:
        return _parsed(column, name, mark, infinite)
    if column.dtype.is_nested() or not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise ValueError(f"column {name!r} holds {column.dtype} values; give numbers")
    there = column.is_not_null().to_numpy()
    values = column.drop_nulls()
    if column.dtype.is_decimal():
        values = values.cast(pl.Float64)
    wide = "128" in str(column.dtype) and column.dtype.is_integer()  # which numpy does not have
    raw = np.array(values.to_list(), dtype=object) if wide else values.to_numpy()
    if raw.dtype.kind == "f":
        numbers = np.full(len(column), np.nan)
        numbers[there] = raw
        return numbers, [] if infinite else _infinite(numbers, name)
    return _spread(as_floats(raw, f"column {name!r}"), there), []


def _spread(values: Array, there: Mask) -> Array:
    numbers = np.full(len(there), np.nan)
    numbers[there] = values
    return numbers


def _parsed(column: pl.Series, name: str, mark: Mark, infinite: bool) -> tuple[Array, list[Fault]]:
    texts = column
    if mark == ",":
        dotted = texts.str.contains(".", literal=True).fill_null(False)
        texts = texts.set(dotted, "?").str.replace(",", ".", literal=True)
    there = column.is_not_null().to_numpy()
    whole = texts.drop_nulls().cast(pl.Int64, strict=False)
    if not whole.has_nulls():
        return _spread(as_floats(whole.to_numpy(), f"column {name!r}"), there), []
    floats = texts.cast(pl.Float64, strict=False)
    bad = np.flatnonzero(floats.is_null().to_numpy() & there)
    faults = [_fault(name, int(row), column[int(row)], mark) for row in bad]
    numbers = floats.fill_null(np.nan).to_numpy().astype(np.float64)
    beyond = [] if infinite else _infinite(numbers, name)
    numbers[[fault.row for fault in beyond]] = np.nan
    return numbers, faults + beyond


def _infinite(numbers: Array, name: str) -> list[Fault]:
    return [Fault(name, int(row), f"{numbers[row]}", "beyond float64", "") for row in np.flatnonzero(np.isinf(numbers))]


def _fault(name: str, row: int, text: str, mark: Mark) -> Fault:
    remedy = ""
    if mark == "," and "." in text and NUMBER.fullmatch(text):
        remedy = "remove dots that group thousands, or pass --decimal-point where they are decimal"
    elif re.fullmatch(_GROUPED_BY_COMMA, text):
        remedy = "remove commas that group thousands, or pass --decimal-comma where they are decimal"
    elif NUMBER.fullmatch(text) and "," in text:
        remedy = "write all decimals with the same mark, and nothing between thousands"
    elif re.fullmatch(r"[-+]?\d{1,3}([ '’_\u00a0\u2009\u202f]\d{3})+([.,]\d*)?", text):
        remedy = "remove what groups thousands"
    return Fault(name, row, text, "not a number", remedy)


def missing_cells(numbers: Array, name: str, faults: Sequence[Fault]) -> list[Fault]:
    """The empty cells of a column whose bad ones are known."""
    known = {fault.row for fault in faults}
    rows = np.flatnonzero(np.isnan(numbers)).tolist()
    return [Fault(name, row, None, "empty", "") for row in rows if row not in known]


def check_no_faults(faults: Sequence[Fault], line_of: LineOf, place: str) -> None:
    """Raise a ValueError that names all bad cells: ten of them with their lines, and how many more there are."""
    if not faults:
        return
    ordered = sorted(faults, key=lambda fault: fault.row)
    listed = ordered[:_LISTED]
    remedies = list(dict.fromkeys(fault.remedy for fault in ordered if fault.remedy))
    empty = [fault for fault in ordered if fault.text is None]
    if any(fault.text is not None and not fault.remedy for fault in ordered):
        remedies.append("correct the cells or remove the rows" if len(faults) > 1 else "correct it or remove the row")
    if empty:
        remedies.append("fill in what is empty, or pass --missing drop")
    remedy = "; ".join(remedies)
    if len(faults) == 1:
        (fault,) = listed
        is_what = f"has {_quoted(fault)}" if fault.text is not None else "has no value"
        which = f", which is {fault.why}" if fault.text is not None else ""
        raise TableError(f"column {fault.column!r} {is_what} at {place} {line_of(fault.row)}{which}; {remedy}")
    cells = ", ".join(f"{_quoted(f)} in column {f.column!r} at {place} {line_of(f.row)}" for f in listed)
    more = f", and {len(faults) - _LISTED:,} more" if len(faults) > _LISTED else ""
    why = " or ".join(dict.fromkeys(fault.why for fault in ordered))
    raise TableError(f"{len(faults):,} cells are {why}: {cells}{more}; {remedy}")


def _quoted(fault: Fault) -> str:
    return "nothing" if fault.text is None else repr(shortened(fault.text))
