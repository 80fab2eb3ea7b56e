"""`njit` as all loops of this package use it: its cache is never stale, and a long compilation is mentioned.

Numba keeps what it has compiled beside the source file, and takes it up again while that file has its size and time.
The code also holds what the loop calls and the constants it names, which may come from other files: after an upgrade,
where files keep the time that is in the archive, it could be that of two versions at once. So the content of all those
files, and the constants, are part of what has to be unchanged here.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.dispatcher import Dispatcher

from reluctant.timing import leave_out

_NO_C_ENTRY = {"no_cfunc_wrapper": True}  # an entry for callers in C, of which there are none, costs 5 % of compiling

PATIENCE = 2.0
"""Seconds of compilation in a process after which it is mentioned."""

_sources: dict[Any, frozenset[str]] = {}  # of each loop, the files that are compiled with it


def njit(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """`numba.njit`, with a cache that looks at all that a loop is compiled with.

    Arrays are counted unless `_nrt=False` says that they are not: of its own, Numba would take that from whichever loop
    calls this one first, and then refuse to make an array here.
    """
    if function is None:
        return lambda function: njit(function, **options)
    options.setdefault("_nrt", True)
    loop = numba.njit(**_NO_C_ENTRY, **options)(function)
    names = [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]
    called = [value for value in names if isinstance(value, Dispatcher)]
    _sources[loop] = frozenset({function.__code__.co_filename}).union(*(_sources.get(one, ()) for one in called))
    stored = getattr(getattr(loop, "_cache", None), "_cache_file", None)
    if stored is not None:
        constants = [repr(value) for value in names if isinstance(value, (bool, int, float, str, tuple))]
        contents = [_digest(path) for path in sorted(_sources[loop])]
        stored._source_stamp = sha256("\n".join([*constants, *contents]).encode()).hexdigest()
    return loop


@cache
def _digest(path: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()


class _Announcer(event.Listener):
    """Counts the time that is spent compiling, nested compilations once, and speaks once after `PATIENCE`.

    No time limit counts it. The garbage collector waits meanwhile: it would find nothing and take 5 % of the time.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.spent = 0.0
        self.began = 0.0
        self.told = False
        self.collects = False
        self.timer: threading.Timer | None = None

    def on_start(self, event: Any) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        self.began = time.monotonic()
        self.collects = gc.isenabled()
        gc.disable()
        if self.told:
            return
        self.timer = threading.Timer(max(PATIENCE - self.spent, 0.0), self.tell)
        self.timer.daemon = True
        self.timer.start()

    def on_end(self, event: Any) -> None:
        self.depth -= 1
        if self.depth > 0:
            return
        if self.collects:
            gc.enable()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        seconds = time.monotonic() - self.began
        self.spent += seconds
        leave_out(seconds)

    def tell(self) -> None:
        self.told = True
        if sys.stderr is not None and sys.stderr.isatty():
            print("reluctant: compiling its loops, once for each installation (reluctant warm-up)", file=sys.stderr)


event.register("numba:compile", _Announcer())
