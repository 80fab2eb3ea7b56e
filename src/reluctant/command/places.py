"""Where the rows that a solver sees stand in the file they came from, which is how the command names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reluctant.arrays import Index
from reluctant.errors import TableError

LineOf = Callable[[int], int]
"""The line of the file on which a row begins, from its index."""

_ROWS = re.compile(r"\brows? (\d+)(?: and (\d+))?(?: of X\b)?")
"""How the library names rows, counted from 0."""


@dataclass(frozen=True)
class Places:
    """For every row of a fit its number in the table that was read, and the line, or row, of the file it stands on."""

    kept: Index
    line_of: LineOf
    place: str

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let what a solver says about rows name lines of the file.

        Raises
        ------
        TableError
            In the place of a ValueError that names rows.
        """
        try:
            yield
        except ValueError as error:
            sentence = str(error)
            translated = _ROWS.sub(self._translated, sentence)
            if translated == sentence:
                raise
            raise TableError(translated) from error

    def _translated(self, match: re.Match[str]) -> str:
        lines = [self.line_of(int(self.kept[int(row)])) for row in match.groups() if row is not None]
        return f"{self.place}{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"
