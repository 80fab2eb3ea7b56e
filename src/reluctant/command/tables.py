"""Tables as people have them: CSV, spreadsheets, Parquet, from files or standard input."""

from __future__ import annotations

import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from reluctant.arrays import Array, Mask
from reluctant.command.cells import (
    Fault,
    Kind,
    LineOf,
    Mark,
    check_no_faults,
    decimal_mark,
    kind_of,
    missing_cells,
    numbers_of,
    stripped,
    with_points,
)
from reluctant.command.layout import (
    NUMBER,
    Layout,
    has_names,
    header_row,
    is_closed,
    is_row,
    layout_of,
    records,
    units_of,
)
from reluctant.command.places import Places
from reluctant.command.source import PARQUET, content_of, is_workbook, texts_of
from reluctant.text import shortened

Missing = Literal["error", "drop", "mean", "hinge"]

_SHOWN = 8  # column names listed in an error
_WIDE = 2_000
"""Columns from which on one by one is faster than polars' reader, which looks at all of them."""
_MOST = 1_000
"""Columns that are inputs without being named."""
_HEAD = 60  # rows of a spreadsheet that are searched for a header
_SAMPLE = 1_000  # rows of other columns that tell the decimal mark


@dataclass(frozen=True)
class Reading:
    """How a table is to be read, where it does not show it by itself."""

    separator: str | None = None
    decimal_comma: bool | None = None
    has_header: bool | None = None
    missing: Missing = "error"


DEFAULT = Reading()


@dataclass(frozen=True)
class RawTable:
    """The cells of a table.

    `numbers` has the columns read, as text or as what a Parquet file holds; `texts` has them as they are shown, which
    for a spreadsheet is not the same.
    """

    header: tuple[str, ...]
    positions: tuple[int, ...]
    numbers: pl.DataFrame
    texts: pl.DataFrame
    units: dict[str, str]
    line_of: LineOf
    place: str
    reading: Reading = DEFAULT
    elsewhere: tuple[pl.Series, ...] = ()

    @property
    def names(self) -> list[str]:
        """Titles of the columns read."""
        return [self.header[i] for i in self.positions]

    def __len__(self) -> int:
        return len(self.numbers)

    def kind(self, j: int) -> Kind:
        """What the j-th column read holds."""
        return kind_of(self.texts[:, j] if self.texts[:, j].dtype == pl.String else self.numbers[:, j])

    def mark(self, columns: Sequence[int]) -> Mark:
        """The decimal mark of some of the columns read."""
        if self.reading.decimal_comma is not None:
            return "," if self.reading.decimal_comma else "."
        texts = [self.numbers[:, j] for j in columns if self.numbers[:, j].dtype == pl.String]
        return decimal_mark(texts, self.elsewhere)

    def read_numbers(self, columns: Sequence[int], infinite: Sequence[int] = ()) -> tuple[list[Array], list[Fault]]:
        """Some of the columns read as numbers, with NaN for bad and empty cells, and the bad ones.

        Infinite numbers are bad but in the columns `infinite`.
        """
        mark, faults, read = self.mark(columns), [], []
        for j in columns:
            values, bad = numbers_of(self.numbers[:, j], self.names[j], mark, j in infinite)
            read.append(values)
            faults += bad
        return read, faults

    def places(self, kept: Mask) -> Places:
        """Where the rows kept stand in the file."""
        return Places(np.flatnonzero(kept), self.line_of, self.place)

    def check(self, faults: Sequence[Fault]) -> None:
        """Raise a ValueError that names all faults."""
        check_no_faults(faults, self.line_of, self.place)


def read_columns(path: Path, names: Sequence[str], reading: Reading = DEFAULT) -> list[Array]:
    """Read columns of a table as float64; see `read_table`.

    Parameters
    ----------
    path : Path
        The table.
    names : sequence of str
        Distinct column names, or numbers of columns from 1 on where no column has these names.
    reading : Reading
        How to read it. Rows with a missing entry are left out for all but ``error``.

    Returns
    -------
    list of ndarray, each of shape (N,)

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not such a table, a column is missing or ambiguous, or cells are no finite numbers: all are named, with
        their lines.
    """
    return read_placed_columns(path, names, reading)[0]


def read_placed_columns(path: Path, names: Sequence[str], reading: Reading) -> tuple[list[Array], Places]:
    """What `read_columns` returns, and where its rows stand in the file."""
    table = read_table(path, names, reading)
    values, faults = table.read_numbers(range(len(names)))
    if table.reading.missing == "error":
        named = zip(values, table.names)
        faults += chain.from_iterable(missing_cells(v, name, faults_of(faults, name)) for v, name in named)
    table.check(faults)
    kept = ~np.logical_or.reduce([np.isnan(column) for column in values])
    check_rows_left(kept)
    return values if kept.all() else [v[kept] for v in values], table.places(kept)


def faults_of(faults: Sequence[Fault], name: str) -> list[Fault]:
    """Those of one column."""
    return [fault for fault in faults if fault.column == name]


def check_rows_left(kept: Mask) -> None:
    """Raise a ValueError where a cell is missing in every row."""
    if not kept.any():
        raise ValueError("every row has a missing cell; fill some in, or leave out the column that is empty")


def read_table(
    path: Path, names: Sequence[str], reading: Reading = DEFAULT, *, others: bool = False, beside: Sequence[str] = ()
) -> RawTable:
    """Find the columns of a table and read their cells.

    A file that starts like Parquet is read as Parquet, one that starts like a spreadsheet as a spreadsheet, whose first
    sheet with the columns is taken, and any other as text: of the encodings that it may have the one that shows the
    names. What gzip packed is unpacked; ``-`` is standard input.

    Parameters
    ----------
    path : Path
        The table.
    names : sequence of str
        Distinct column names; blanks around a name in the file do not count. Whole numbers count columns from 1 on
        where no column has these names.
    reading : Reading
        How to read it.
    others : bool
        Whether to read all other columns too, after those of the names.
    beside : sequence of str
        More names, of columns that are read last, where the table has them.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no table, a column is missing or ambiguous, or there are no rows.
    """
    content = content_of(path)
    if content.startswith(PARQUET):
        table = _from_parquet(content, names, reading, others, beside)
    elif is_workbook(content):
        table = _from_workbook(content, names, reading, others, beside)
    else:
        table = _from_text(content, names, reading, others, beside)
    if not len(table):
        raise ValueError("the table has a header but no rows")
    return table


def _positions(names: Sequence[str], header: Sequence[str], others: bool, beside: Sequence[str]) -> tuple[int, ...]:
    wanted = [_position(name, header) for name in names]
    if others:
        if len(header) > _MOST:
            raise ValueError(f"the table has {len(header):,} columns, too many to take all; name the inputs with --x")
        wanted += [i for i in range(len(header)) if i not in wanted]
    titles = [title.strip() for title in header]
    return (*wanted, *(titles.index(name.strip()) for name in beside if name.strip() in titles))


def _position(name: str, header: Sequence[str]) -> int:
    """Index of a column, by its exact name, its name without surrounding blanks, or its number from 1 on."""
    found = [i for i, title in enumerate(header) if title == name]
    found = found or [i for i, title in enumerate(header) if title.strip() == name.strip()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{len(found)} columns are named {name!r}; rename all but one, or give numbers of columns")
    if name.strip().isdecimal() and 1 <= int(name) <= len(header):
        return int(name) - 1
    near = difflib.get_close_matches(name.strip(), header[:_WIDE], n=1) or [
        t for t in header if t.lower() == name.lower()
    ]
    guess = f"did you mean {shortened(near[0])!r}? " if near else ""
    if all(map(NUMBER.fullmatch, header)):
        guess = "the first line holds numbers, where a header line is expected; give numbers of columns, or "
    shown = ", ".join(repr(shortened(title)) for title in header[:_SHOWN]) + (", …" if len(header) > _SHOWN else "")
    raise ValueError(f"there is no column {shortened(name)!r}; {guess}the columns are {shown}")


def _from_parquet(
    content: bytes, names: Sequence[str], reading: Reading, others: bool, beside: Sequence[str]
) -> RawTable:
    try:
        header = list(pl.read_parquet_schema(io.BytesIO(content)))
        positions = _positions(names, header, others, beside)
        columns = [header[i] for i in positions]
        frame = pl.read_parquet(io.BytesIO(content), columns=columns)[columns]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"the file is truncated or not valid Parquet ({_first_line(error)})") from None
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    frame = frame.with_columns(stripped(c) for c in frame if c.dtype == pl.String)
    return RawTable(tuple(header), positions, frame, frame, {}, lambda row: row + 1, "row", reading)


def _from_workbook(
    content: bytes, names: Sequence[str], reading: Reading, others: bool, beside: Sequence[str]
) -> RawTable:
    import fastexcel

    try:
        book = fastexcel.read_excel(content)
        sheets = [
            book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars()
            for name in book.sheet_names
        ]
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        raise ValueError(
            f"the file is packed like a spreadsheet, but none can be read in it ({_first_line(error)})"
        ) from None
    heads = [[[cell or "" for cell in row] for row in sheet.head(_HEAD).rows()] for sheet in sheets]
    found = [(k, row) for k, head in enumerate(heads) if (row := header_row(head, names)) is not None]
    if not found:
        found = [
            (k, next(i for i, row in enumerate(head) if any(row)))
            for k, head in enumerate(heads)
            if any(map(any, head))
        ]
        if not found:
            raise ValueError("the spreadsheet is empty")
    k, at = found[0]
    header = tuple(heads[k][at])
    positions = _positions(names, header, others, beside)
    units = units_of(heads[k][at + 1], heads[k][at + 2 :]) if at + 1 < len(heads[k]) else ()
    first = at + (2 if units else 1)
    exact = book.load_sheet(book.sheet_names[k], header_row=None, skip_rows=0, dtypes="float").to_polars()
    texts = sheets[k][first:, list(positions)]
    # The text of a number is what the sheet shows, rounded; its value is the float.
    shown = [stripped(c).rename(f"{j}") for j, c in enumerate(texts)]
    floats = [exact[first:, i].cast(pl.String) for i in positions]
    typed = [text.set(number.is_not_null(), None) for number, text in zip(floats, shown)]
    mark = decimal_mark(typed, ()) if reading.decimal_comma is None else "," if reading.decimal_comma else "."
    typed = typed if mark == "." else [with_points(text) for text in typed]
    numbers = [number.zip_with(number.is_not_null(), text) for number, text in zip(floats, typed)]
    frame = pl.DataFrame([number.rename(f"{j}") for j, number in enumerate(numbers)])
    lines = np.arange(first + 1, first + 1 + len(frame))
    kept = ~frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    lines = lines[kept]
    return RawTable(
        header,
        positions,
        frame.filter(kept),
        pl.DataFrame(shown).filter(kept),
        _units_by_name(header, units),
        lambda row: int(lines[row]),
        "row",
        replace(reading, decimal_comma=False),
    )


def _from_text(content: bytes, names: Sequence[str], reading: Reading, others: bool, beside: Sequence[str]) -> RawTable:
    text, layout = _laid_out(content, names, reading)
    positions = _positions(names, layout.header, others, beside)
    frame, lines = _rows(text, layout, positions)
    frame = frame.select(stripped(column) for column in frame)
    kept = ~frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    if not kept.all() and len(positions) > 0:  # rows without any of these columns, at the end of most spreadsheets
        end = int(np.flatnonzero(kept)[-1]) + 1 if kept.any() else 0
        frame = frame.head(end)
    elsewhere = () if layout.separator == "," else _others(text, layout, positions)
    units = _units_by_name(layout.header, layout.units)
    return RawTable(layout.header, positions, frame, frame, units, lines, "line", reading, elsewhere)


def _laid_out(content: bytes, names: Sequence[str], reading: Reading) -> tuple[str, Layout]:
    """The text in the first encoding in which the names are found, else in the likeliest one, and its layout."""
    first = None
    for _, text in texts_of(content):
        if not text.strip():
            raise ValueError("the file holds nothing but blanks")
        if "\n" not in text and "\r" in text:  # as old Macs ended lines
            text = text.replace("\r", "\n")
        layout = layout_of(text, names, reading.separator, reading.has_header)
        first = first or (text, layout)
        if has_names(layout.header, names):
            return text, layout
    assert first is not None
    return first


def _rows(text: str, layout: Layout, positions: Sequence[int]) -> tuple[pl.DataFrame, LineOf]:
    """The cells of some columns, and the line of each row."""
    columns = sorted(set(positions))
    body = text[layout.start :]
    plain = '"' not in body and "\n\n" not in body and "\n#" not in body and not body.startswith(("#", "\n"))
    first = next(records(text, layout.start, layout.separator), (0, []))[1]
    regular = len(first) == len(layout.header) <= _WIDE
    if plain and regular and layout.separator != " ":
        try:
            frame = pl.read_csv(
                body.encode(), has_header=False, columns=columns, separator=layout.separator, infer_schema=False
            )
            frame = frame[:, [columns.index(i) for i in positions]]
            return frame, lambda row: layout.line + 1 + row
        except pl.exceptions.PolarsError:
            pass  # rows of other lengths, which are named below
    return _rows_one_by_one(text, layout, positions)


def _rows_one_by_one(text: str, layout: Layout, positions: Sequence[int]) -> tuple[pl.DataFrame, LineOf]:
    """The same for rows with quotes, comments, blank lines, or surplus separators at the end."""
    width = len(layout.header)
    cells: list[list[str | None]] = [[] for _ in positions]
    lines: list[int] = []
    before, earlier = 0, 0
    for number, fields in records(text, layout.start, layout.separator):
        if is_row(fields):
            if any(map(str.strip, fields[width:])):
                raise ValueError(
                    f"line {layout.line + before + 1} has {len(fields)} fields where the header has {width}"
                )
            for column, i in zip(cells, positions):
                column.append(fields[i] if i < len(fields) else None)
            lines.append(layout.line + before + 1)
        earlier, before = before, number
    rest = text[layout.start :]
    expected = rest.count("\n") + (rest != "" and not rest.endswith("\n"))
    if before < expected or not is_closed(text, layout.start, earlier, layout.separator):
        line = layout.line + (before if before < expected else earlier) + 1
        raise ValueError(f"the text is not a table separated by {layout.separator!r}: line {line} cannot be read")
    frame = pl.DataFrame(
        {f"{j}": column for j, column in enumerate(cells)}, schema={f"{j}": pl.String for j in range(len(cells))}
    )
    return frame, lines.__getitem__


def _others(text: str, layout: Layout, positions: Sequence[int]) -> tuple[pl.Series, ...]:
    """The first entries of the other columns, if there are any."""
    rest = [i for i in range(min(len(layout.header), _WIDE)) if i not in set(positions)]
    if not rest:
        return ()
    rows = [fields for _, (_, fields) in zip(range(_SAMPLE), records(text, layout.start, layout.separator))]
    return tuple(stripped(pl.Series([row[i] for row in rows if i < len(row)], dtype=pl.String)) for i in rest)


def _units_by_name(header: Sequence[str], units: Sequence[str]) -> dict[str, str]:
    return {title: unit for title, unit in zip(header, units) if unit}


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
