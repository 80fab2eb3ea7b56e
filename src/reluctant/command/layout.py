"""Where the header of a text table is, and what separates its columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEPARATORS = "\t;,|"
_LINES_BEFORE = 50
"""Lines searched for the header: titles and comments may stand before it."""
_TOLD = re.compile(r"sep=(.)\r?\n")  # Excel's own first line


@dataclass(frozen=True)
class Layout:
    """A header of so many columns, so many characters and lines into the text, and the separator."""

    header: list[str]
    separator: str
    start: int
    line: int


def layout_of(text: str, names: Sequence[str], separator: str | None = None) -> Layout:
    """Find the header: the first line that holds all `names`, whichever separator that takes.

    Lines before it may not have as many fields, for they would be rows of a table without those names. Where there is
    no such line, the first line that is no comment is the header, and what it has most of the separator.

    Raises
    ------
    ValueError
        If a line has a field too long for a name of a column.
    """
    told = _TOLD.match(text)
    if told and separator is None:
        separator = told[1]
    starts = list(_starts(text, told.end() if told else 0))
    candidates = separator or SEPARATORS
    for i, start in enumerate(starts):
        found = [_layout(text, start, s) for s in candidates]
        found = [x for x in found if _has(x.header, names) and not _continues(text, starts[:i], x)]
        if found:
            return max(found, key=lambda layout: _agreement(text, layout))
    start = next((s for s in starts if not text.startswith("#", s)), starts[0])
    first_line = re.sub(r'"[^"]*"', "", next(_lines(text, start)))
    layout = _layout(text, start, max(candidates, key=first_line.count))
    if not layout.header:
        raise ValueError(f"line {layout.line + 1} has a name too long to be read; shorten it")
    return layout


def records(text: str, start: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Lines read so far and fields, record by record from a character on; ends where a field is too long to be read."""
    reader = csv.reader(_lines(text, start), delimiter=separator)
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error:
        return


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


def _layout(text: str, start: int, separator: str) -> Layout:
    """The layout if the header begins there; it is empty where it cannot be read."""
    _, header = next(records(text, start, separator), (0, []))
    return Layout(header, separator, start, text.count("\n", 0, start))


def _has(header: Sequence[str], names: Sequence[str]) -> bool:
    return {name.strip() for name in names} <= {title.strip() for title in header}


def _continues(text: str, starts: Sequence[int], layout: Layout) -> bool:
    """Whether a line before the header has as many fields as it has, comments apart."""
    before = (_layout(text, start, layout.separator) for start in starts if not text.startswith("#", start))
    return any(len(other.header) == len(layout.header) for other in before)


def _agreement(text: str, layout: Layout) -> tuple[bool, int]:
    """Whether the record after the header has as many fields, and how many those are."""
    following = [fields for _, (_, fields) in zip(range(2), records(text, layout.start, layout.separator))]
    return len(following) < 2 or len(following[1]) == len(layout.header), len(layout.header)
