"""Errors of their own kind; every other bad input is a plain `ValueError`."""

from __future__ import annotations


class InfeasibleError(ValueError):
    """The data contradict what was asked of them; the message says what would make it feasible."""

    __module__ = "reluctant"


class TooSteepError(ValueError):
    """The data are too steep: no network that meets them in float64 was found; the message says where."""


class SolverError(RuntimeError):
    """The linear-programming solver gave up on these numbers; the message says with which status."""


class FileFormatError(ValueError):
    """A file is not a network this version can read; the message says why."""

    __module__ = "reluctant"


class TableError(ValueError):
    """Cells of a table cannot be used; the message names them by the lines of the file."""


class EntryTypeError(ValueError, TypeError):
    """An entry of a table stands for no number; also a TypeError, which scikit-learn's conventions ask for."""
