"""`njit`, with a word to whoever waits at a terminal while loops are compiled for the first time."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from numba import njit
from numba.core import event

__all__ = ["njit"]

PATIENCE = 2.0
"""Seconds of compilation in a process after which it is mentioned."""


class _Announcer(event.Listener):
    """Counts the time that is spent compiling, nested compilations once, and speaks once after `PATIENCE`."""

    def __init__(self) -> None:
        self.depth = 0
        self.spent = 0.0
        self.began = 0.0
        self.told = False
        self.timer: threading.Timer | None = None

    def on_start(self, event: Any) -> None:
        self.depth += 1
        if self.depth > 1 or self.told:
            return
        self.began = time.monotonic()
        self.timer = threading.Timer(max(PATIENCE - self.spent, 0.0), self.tell)
        self.timer.daemon = True
        self.timer.start()

    def on_end(self, event: Any) -> None:
        self.depth -= 1
        if self.depth == 0 and self.timer is not None:
            self.timer.cancel()
            self.timer = None
            self.spent += time.monotonic() - self.began

    def tell(self) -> None:
        self.told = True
        if sys.stderr is not None and sys.stderr.isatty():
            print("reluctant: compiling its loops, once for each installation (reluctant warm-up)", file=sys.stderr)


event.register("numba:compile", _Announcer())
