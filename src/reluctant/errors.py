"""Errors of their own kind; every other bad input is a plain `ValueError`."""


class InfeasibleError(ValueError):
    """The data contradict what was asked of them; the message says what would make it feasible."""


class TooSteepError(ValueError):
    """No float64 network is an interpolant of these data; the message names the rows that ask for most."""


class FileFormatError(ValueError):
    """A file is not a network this version can read; the message says why."""
