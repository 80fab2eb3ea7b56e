"""The time that limits count: seconds of a process in which no loop was compiled."""

from __future__ import annotations

import time


class _Compiling:
    """Seconds that went into compilation, once for each installation."""

    seconds = 0.0


def now() -> float:
    """Seconds on a clock that stands still while loops are compiled."""
    return time.monotonic() - _Compiling.seconds


def leave_out(seconds: float) -> None:
    """Count so many of the last seconds as compilation."""
    _Compiling.seconds += seconds
