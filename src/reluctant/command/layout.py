"""Where a text table begins, what separates its columns, what they are called, and in which units they are."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

SEPARATORS = "\t;,| "
BLANKS = " "
"""Any number of blanks and tabs; tried where no other separator shows the columns."""
NUMBER = re.compile(r"\s*[-+]?(\d[\d.,]*|[.,]\d+)([eE][-+]?\d+)?\s*")
"""What looks like a number, whatever its commas and dots mean."""
_ONE_MARK = re.compile(r"\s*[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?\s*")
MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none"))
"""Entries that stand for none, in lower case."""

_LINES_BEFORE = 50
"""Lines searched for the header: titles and comments may stand before it."""
_COMPARED = 20
"""Records after the header that tell a separator by their length."""
_TOLD = re.compile(r"sep=(.)\r?\n")  # Excel's own first line
_UNIT = re.compile(r"[\[(]?[^\W\d_°%‰µΩ]{0,6}[°%‰µΩ\w²³/·*^.\- ]{0,12}[\])]?")
_COMMENT = "#"


@dataclass(frozen=True)
class Layout:
    """What the columns are called, what separates them, and where the first row of data begins.

    `start` counts characters and `line` lines before it; `units` are those of the row beneath the header.
    """

    header: tuple[str, ...]
    separator: str
    start: int
    line: int
    units: tuple[str, ...] = ()
    has_header: bool = True


def layout_of(text: str, names: Sequence[str], separator: str | None = None, has_header: bool | None = None) -> Layout:
    """Find the header: the first line that holds all `names`, whichever separator that takes.

    Lines before it may not have as many fields, for they would be rows of a table without those names. A header may be
    behind a ``#``. Where there is no such line and the names are whole numbers, they count columns, from 1. Else the
    first line that is no comment is the header, and what it has most of the separator.

    Raises
    ------
    ValueError
        If a line has a field too long for a name of a column, or the names may be numbers of columns or a header.
    """
    told = _TOLD.match(text)
    if told and separator is None:
        separator = told[1]
    starts = list(_starts(text, told.end() if told else 0))
    candidates = separator or SEPARATORS
    counts = all(name.strip().isdecimal() for name in names)
    if has_header is not False:
        found = _header_with(text, starts, names, candidates)
        if found and counts and has_header is None and _all_numbers(found.header):
            first = shown_line(found.header)
            raise ValueError(
                f"the line {first} may hold names of columns or their first entries; pass --header or --no-header"
            )
        if found:
            return _behind_units(text, found)
    if counts or has_header is False:
        numbered = _by_number(text, starts, names, candidates, has_header)
        if numbered is None and has_header is False:
            numbered = _by_number(text, starts, (), candidates, has_header)
        if numbered is not None:
            return numbered
    return _first_line(text, starts, candidates)


def records(text: str, start: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Lines read so far and fields, record by record from a character on; ends where a field is too long to be read."""
    if separator == BLANKS:
        for number, line in enumerate(_lines(text, start), 1):
            yield number, line.split()
        return
    reader = csv.reader(_lines(text, start), delimiter=separator)
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error:
        return


def is_closed(text: str, start: int, lines: int, separator: str) -> bool:
    """Whether every quote that opens is closed in the record that begins so many lines after a character."""
    if separator == BLANKS:
        return True
    for _, line in zip(range(lines), _lines(text, start)):
        start += len(line)
    try:
        next(csv.reader(_lines(text, start), delimiter=separator, strict=True), None)
    except csv.Error as error:
        return "end of data" not in str(error)
    return True


def is_row(fields: Sequence[str]) -> bool:
    """Whether a record holds anything, and no comment."""
    return bool(fields) and not fields[0].lstrip().startswith(_COMMENT) and any(fields)


def units_of(fields: Sequence[str], following: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The units in a record beneath a header; empty if it holds none.

    It does where every column of numbers beneath it has something short that is no number, or nothing, and every other
    column nothing.
    """
    rows = [row for row in following if len(row) == len(fields)]
    if not rows or not any(map(str.strip, fields)):
        return ()
    units = []
    for j, field in enumerate(fields):
        below = [row[j].strip() for row in rows if row[j].strip().lower() not in MISSING]
        text = field.strip()
        if below and all(map(NUMBER.fullmatch, below)):
            if NUMBER.fullmatch(text) or (text and text.lower() in MISSING) or not _UNIT.fullmatch(text):
                return ()
        elif text.strip("-"):
            return ()
        units.append(text.strip("[]()") if text.strip("-") else "")
    return tuple(units)


def header_row(rows: Sequence[Sequence[str]], names: Sequence[str]) -> int | None:
    """The first record that holds all names; None if none does."""
    return next((i for i, row in enumerate(rows) if _has(row, names)), None)


def shown_line(fields: Sequence[str]) -> str:
    """The first fields of a line, in quotes."""
    line = ",".join(fields)
    return repr(line if len(line) <= 40 else f"{line[:39]}…")


def _header_with(text: str, starts: Sequence[int], names: Sequence[str], candidates: str) -> Layout | None:
    for behind_comment in (False, True):
        for i, start in enumerate(starts):
            if behind_comment and not text.startswith(_COMMENT, start):
                continue
            is_comment = not behind_comment and text.startswith(_COMMENT, start)
            found = [_layout(text, start, s, behind_comment) for s in candidates if not (is_comment and s == BLANKS)]
            found = [
                x for x in found if _has(x.header, names) and (behind_comment or not _continues(text, starts[:i], x))
            ]
            if found:
                return max(found, key=lambda layout: (*_agreement(text, layout), layout.separator != BLANKS))
    return None


def _by_number(
    text: str, starts: Sequence[int], names: Sequence[str], candidates: str, has_header: bool | None
) -> Layout | None:
    """The layout whose columns of those numbers hold numbers; the line before the first is its header, if it fits."""
    numbers = [int(name) for name in names if name.strip().isdecimal()]
    least = max([2, *numbers])
    best: tuple[tuple[float, bool, int], Layout] | None = None
    for separator in candidates:
        for i, start in enumerate(starts):
            layout = _layout(text, start, separator)
            if len(layout.header) < least or not any(map(NUMBER.fullmatch, layout.header)):
                continue
            if not all(NUMBER.fullmatch(layout.header[k - 1]) for k in numbers if k):
                continue
            before = _layout(text, starts[i - 1], separator, text.startswith(_COMMENT, starts[i - 1])) if i else None
            if has_header is not False and before and len(before.header) == len(layout.header):
                found = replace(before, start=layout.start, line=layout.line)
                if _start_of(text, before) != layout.start:
                    found = _behind_units(text, before)
            else:
                titles = tuple(f"column {j}" for j in range(1, len(layout.header) + 1))
                line = text.count("\n", 0, start)
                found = Layout(titles, separator, start, line, has_header=False)
            score = (_share(text, found), separator != BLANKS, len(found.header))
            if best is None or score > best[0]:
                best = score, found
            break
    return None if best is None else best[1]


def _first_line(text: str, starts: Sequence[int], candidates: str) -> Layout:
    start = next((s for s in starts if not text.startswith(_COMMENT, s)), starts[0])
    first_line = re.sub(r'"[^"]*"', "", next(_lines(text, start)))
    counts = {s: (s != BLANKS and s in first_line, first_line.count(s)) for s in candidates}
    layout = _layout(text, start, max(candidates, key=counts.__getitem__))
    if not layout.header:
        raise ValueError(f"line {text.count(chr(10), 0, start) + 1} has a name too long to be read; shorten it")
    return layout


def _lines(text: str, start: int) -> Iterator[str]:
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _starts(text: str, start: int) -> Iterator[int]:
    """Where the first lines with content begin."""
    for line, _ in zip(_lines(text, start), range(_LINES_BEFORE)):
        if line.strip():
            yield start
        start += len(line)


def _layout(text: str, start: int, separator: str, behind_comment: bool = False) -> Layout:
    """The layout if the header begins there; it is empty where it cannot be read."""
    end = start
    while behind_comment and end < len(text) and text[end] in _COMMENT + " ":
        end += 1
    lines, header = next(records(text, end, separator), (0, []))
    for line, _ in zip(_lines(text, end), range(lines)):
        end += len(line)
    return Layout(tuple(header), separator, end, text.count("\n", 0, end))


def _start_of(text: str, layout: Layout) -> int:
    """Where the first record with content begins."""
    start = layout.start
    for line in _lines(text, start):
        if line.strip():
            return start
        start += len(line)
    return start


def _behind_units(text: str, layout: Layout) -> Layout:
    """The layout without the row of units beneath its header, if there is one."""
    following = _following(text, layout)
    if not following:
        return layout
    (lines, first), *others = following
    units = units_of(first, [fields for _, fields in others]) if len(first) == len(layout.header) else ()
    if not units:
        return layout
    start = layout.start
    for line, _ in zip(_lines(text, start), range(lines)):
        start += len(line)
    return replace(layout, units=units, start=start, line=layout.line + lines)


def _following(text: str, layout: Layout) -> list[tuple[int, list[str]]]:
    """The first records of data."""
    rows = ((n, fields) for n, fields in records(text, layout.start, layout.separator) if is_row(fields))
    return [row for _, row in zip(range(_COMPARED), rows)]


def _has(header: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a record has all names; where one is wanted it needs another column beside it."""
    return len(header) > 1 and has_names(header, names)


def has_names(header: Sequence[str], names: Sequence[str]) -> bool:
    """Whether titles have all names, blanks around them apart."""
    titles = set(header)
    absent = {name for name in names if name not in titles}
    return not absent or {name.strip() for name in absent} <= {title.strip() for title in titles}


def _all_numbers(header: Sequence[str]) -> bool:
    return all(map(NUMBER.fullmatch, header))


def _continues(text: str, starts: Sequence[int], layout: Layout) -> bool:
    """Whether a line before the header is a row: it has as many fields, a number among them."""
    before = (_layout(text, s, layout.separator).header for s in starts if not text.startswith(_COMMENT, s))
    return any(len(fields) == len(layout.header) and any(map(_ONE_MARK.fullmatch, fields)) for fields in before)


def _agreement(text: str, layout: Layout) -> tuple[float, int]:
    """The share of the records after the header that have as many fields, and how many those are."""
    return _share(text, layout), len(layout.header)


def _share(text: str, layout: Layout) -> float:
    following = _following(text, layout)
    if not following:
        return 1.0
    return sum(len(fields) == len(layout.header) for _, fields in following) / len(following)
