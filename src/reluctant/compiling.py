"""`njit` as all loops of this package use it: small tables need no compilation, its cache is never stale, and a long
compilation is mentioned.

Numba keeps what it has compiled beside the source file, and takes it up again while that file has its size and time.
The code also holds what the loop calls and the constants it names, which may come from other files: after an upgrade,
where files keep the time that is in the archive, it could be that of two versions at once. So the content of all those
files, and the constants, are part of what has to be unchanged here.

Compiling a loop takes a second, and even taking it up from the cache some hundredths; Python runs it over fifty points
in a millisecond. So a loop whose time is proportional to its arrays may be *interpreted* while they are small and the
process has spent little so: the same operations in the same order, so the same bits.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core import event
from numba.core.dispatcher import Dispatcher

from reluctant.timing import leave_out

_NO_C_ENTRY = {"no_cfunc_wrapper": True}  # an entry for callers in C, of which there are none, costs 5 % of compiling

PATIENCE = 2.0
"""Seconds of compilation in a process after which it is mentioned."""

SMALL = 10_000
"""Numbers, in all arrays of a call, that loops of a dozen operations a number go through in a tenth of a
second without being compiled."""

INTERPRETED = 0.2
"""Seconds that a process may spend interpreting loops, after which all are compiled, or taken up from the cache."""

_spent = 0.0
_functions: dict[Any, Callable[..., Any]] = {}
_making = threading.RLock()
_sources: dict[Any, frozenset[str]] = {}  # of each loop, the files that are compiled with it


def njit(function: Callable[..., Any] | None = None, /, *, interpreted_below: int = 0, **options: Any) -> Any:
    """`numba.njit`, with a cache that looks at all that a loop is compiled with.

    While its arrays hold fewer than `interpreted_below` numbers in all, the loop may be interpreted, and so may what it
    calls; its time has to be about proportional to them, and its result the same in Python.

    Arrays are counted unless `_nrt=False` says that they are not: of its own, Numba would take that from whichever loop
    calls this one first, and then refuse to make an array here.
    """
    if function is None:
        return lambda function: njit(function, interpreted_below=interpreted_below, **options)
    options.setdefault("_nrt", True)
    loop: Any = numba.njit(**_NO_C_ENTRY, **options)(function)
    called = _loops_named_by(function).values()
    _sources[loop] = frozenset({function.__code__.co_filename}).union(*(_sources.get(one, ()) for one in called))
    stored = getattr(getattr(loop, "_cache", None), "_cache_file", None)
    if stored is not None:
        named = [function.__globals__.get(name) for name in function.__code__.co_names]
        constants = [repr(value) for value in named if isinstance(value, (bool, int, float, str, tuple))]
        contents = [_digest(path) for path in sorted(_sources[loop])]
        stored._source_stamp = sha256("\n".join([*constants, *contents]).encode()).hexdigest()
    compiled = getattr(loop, "_compile_for_args", None)  # not where Numba is told to compile nothing
    if interpreted_below and compiled is not None:
        loop._compile_for_args = partial(_code_for, loop, compiled, interpreted_below)
    return loop


def _loops_named_by(function: Callable[..., Any]) -> dict[str, Dispatcher]:
    named = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    return {name: value for name, value in named.items() if isinstance(value, Dispatcher)}


def interpret_nothing() -> None:
    """From now on every loop is compiled, or taken up from the cache, at its first call."""
    global _spent
    _spent = INTERPRETED


def _code_for(loop: Dispatcher, compiled: Callable[..., Any], below: int, *arguments: Any, **named: Any) -> Any:
    """What Numba is to call for types of arguments that it has no code for yet in this process."""
    if _spent < INTERPRETED and sum(a.size for a in arguments if isinstance(a, np.ndarray)) < below:
        return partial(_interpret, _in_python(loop))
    return compiled(*arguments, **named)


def _interpret(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    global _spent
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        result = _without_numpy_scalars(function(*arguments, **named))
    _spent += time.perf_counter() - began
    return result


def _in_python(loop: Any) -> Callable[..., Any]:
    """The function that a loop is compiled from, in which all loops that it calls are such functions too."""
    with _making:
        if loop not in _functions:
            function = loop.py_func
            names = dict(function.__globals__)
            _functions[loop] = FunctionType(
                function.__code__, names, argdefs=function.__defaults__, closure=function.__closure__
            )
            names.update((name, _in_python(called)) for name, called in _loops_named_by(function).items())
        return _functions[loop]


def _without_numpy_scalars(value: Any) -> Any:
    """What compiled code returns in the place of NumPy's scalars: Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        parts = map(_without_numpy_scalars, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


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
