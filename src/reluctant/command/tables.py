"""Columns of a CSV or Parquet file as arrays; whatever is wrong with them is said in one sentence."""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from reluctant.arrays import Array
from reluctant.command.layout import Layout, layout_of, records
from reluctant.text import shortened
from reluctant.validation import as_floats, check_finite

_NUMBER = re.compile(r"\s*[-+]?[\d.,]+([eE][-+]?\d+)?\s*")
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+")
_SHOWN = 8  # column names listed in an error


def read_columns(
    path: Path,
    names: Sequence[str],
    decimal_comma: bool = False,
    separator: str | None = None,
    infinite: Sequence[str] = (),
) -> list[Array]:
    """Read columns of a table as float64.

    A file that starts like Parquet is read as Parquet, any other as UTF-8 text with a header line, which may come
    after titles and comments, separated by tab, semicolon, comma or bar.

    Parameters
    ----------
    path : Path
        The table.
    names : sequence of str
        Distinct column names; blanks around a name in the file do not count.
    decimal_comma : bool, default False
        Whether 1,5 means one and a half; a dot is refused then, for it may group thousands.
    separator : str, optional
        The one character between columns, by default whichever makes the names those of the header.
    infinite : sequence of str
        Columns in which inf and -inf may stand.

    Returns
    -------
    list of ndarray, each of shape (N,)
        Rows at the end in which every one of these columns is empty are left out.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not such a table, a column is missing or ambiguous, or an entry is not a finite number. Rows count
        from 0, the header not counted.
    """
    content = path.read_bytes()
    if not content:
        raise ValueError("the file is empty")
    frame = _from_parquet(content, names) if content.startswith(b"PAR1") else _from_text(content, names, separator)
    frame = _without_empty_end(frame)
    if not len(frame):
        raise ValueError("the table has a header but no rows")
    return [_numbers(frame[:, i], f"column {name!r}", decimal_comma, name in infinite) for i, name in enumerate(names)]


def _from_parquet(content: bytes, names: Sequence[str]) -> pl.DataFrame:
    try:
        header = list(pl.read_parquet_schema(io.BytesIO(content)))
        columns = [header[_position(name, header)] for name in names]
        return pl.read_parquet(io.BytesIO(content), columns=columns)[columns]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"the file is truncated or not valid Parquet ({_first_line(error)})") from None


def _from_text(content: bytes, names: Sequence[str], separator: str | None) -> pl.DataFrame:
    text = _decoded(content)
    if "\n" not in text and "\r" in text:  # as old Macs ended lines
        text = text.replace("\r", "\n")
        content = text.encode()
    layout = layout_of(text, names, separator)
    if layout.start > 0:
        content = text[layout.start :].encode()
    positions = [_position(name, layout.header) for name in names]
    columns = sorted(positions)
    try:
        frame = pl.read_csv(content, columns=columns, separator=layout.separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(_why_unreadable(text, layout, error)) from None
    return frame[:, [columns.index(i) for i in positions]]


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("the file is UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file is neither Parquet nor UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if not text.strip():
        raise ValueError("the file holds nothing but blanks")
    return text


def _position(name: str, header: Sequence[str]) -> int:
    """Index of a column, by its exact name or else by its name without surrounding blanks."""
    found = [i for i, title in enumerate(header) if title == name]
    found = found or [i for i, title in enumerate(header) if title.strip() == name.strip()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{len(found)} columns are named {name!r}; rename all but one")
    near = difflib.get_close_matches(name.strip(), header, n=1) or [t for t in header if t.lower() == name.lower()]
    guess = f"did you mean {shortened(near[0])!r}? " if near else ""
    if all(map(_NUMBER.fullmatch, header)):
        guess = "the first line holds numbers, where a header line is expected; "
    shown = ", ".join(repr(shortened(title)) for title in header[:_SHOWN]) + (", …" if len(header) > _SHOWN else "")
    raise ValueError(f"there is no column {shortened(name)!r}; {guess}the columns are {shown}")


def _why_unreadable(text: str, layout: Layout, error: Exception) -> str:
    for line, fields in records(text, layout.start, layout.separator):
        if len(fields) > len(layout.header):
            return f"line {layout.line + line} has {len(fields)} fields where the header has {len(layout.header)}"
    return f"the text is not a table separated by {layout.separator!r} ({_first_line(error)})"


def _without_empty_end(frame: pl.DataFrame) -> pl.DataFrame:
    filled = np.flatnonzero(~frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy())
    return frame.head(filled[-1] + 1 if len(filled) else 0)


def _numbers(column: pl.Series, title: str, decimal_comma: bool, infinite: bool) -> Array:
    empty = column.is_null()
    if empty.any():
        raise ValueError(f"{title} has no value at row {empty.arg_max()}; fill it in or remove the row")
    if column.dtype == pl.String:
        column = _parsed(column.str.strip_chars(), title, decimal_comma)
    elif column.dtype.is_decimal():
        column = column.cast(pl.Float64)
    elif column.dtype.is_nested():
        raise ValueError(f"{title} holds {column.dtype} values; give numbers")
    elif column.dtype.is_integer() and "128" in str(column.dtype):  # which numpy does not have
        return as_floats(np.array(column.to_list(), dtype=object), title)
    values = column.to_numpy()
    if infinite and values.dtype.kind == "f":
        check_finite(np.where(np.isinf(values), 0.0, values), title)
        return values.astype(np.float64)
    return as_floats(values, title)


def _parsed(texts: pl.Series, title: str, decimal_comma: bool) -> pl.Series:
    if decimal_comma:
        dotted = texts.str.contains(".", literal=True)
        if dotted.any():
            row = dotted.arg_max()
            raise ValueError(
                f"{title} has {shortened(texts[row])!r} at row {row}, with a dot where decimals have a comma; remove "
                "dots that group thousands, or leave out --decimal-comma"
            )
        texts = texts.str.replace(",", ".", literal=True)
    for dtype in (pl.Int64, pl.Float64):
        numbers = texts.cast(dtype, strict=False)
        if not numbers.has_nulls():
            return numbers
    row = numbers.is_null().arg_max()
    text = texts[row]
    remedy = "correct it or remove the row"
    if _GROUPED.fullmatch(text):
        remedy = "remove commas that group thousands, or pass --decimal-comma"
    elif re.fullmatch(r"[-+]?\d+,\d+", text):
        remedy = "pass --decimal-comma"
    raise ValueError(f"{title} has {shortened(text)!r} at row {row}, which is not a number; {remedy}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
