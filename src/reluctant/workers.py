"""Other processes that work for this one: one way to start them, and they end with it.

An interrupt or an exception ends workers through joblib. A process that is killed (SIGKILL, or the kernel when memory
is short) can tell them nothing, so every worker watches the process that started it.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib import Parallel
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

LOOK = 0.5
"""Seconds between two looks at the process that started a worker."""


def parallel(n_jobs: int | None, **options: Any) -> Parallel:
    """`joblib.Parallel`, whose processes end within about a second of the one that started them, however that ends.

    A worker in the middle of compiled code that holds the interpreter's lock ends with that code. Backends that start
    no process on this machine, such as threads or Dask, are left as they are; so is Windows, where a process does
    not learn that its parent has ended.

    Parameters
    ----------
    n_jobs : int, optional
        Processes, as in joblib.
    **options
        Of `joblib.Parallel`.
    """
    return Parallel(n_jobs=n_jobs, initializer=end_with_parent, **options)


def end_with_parent() -> None:
    """Let this process end when the one that started it has; called once in every worker.

    A thread watches, where prctl(PR_SET_PDEATHSIG) would kill workers that outlive the *thread* that started them.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and (parent.sentinel is not None or os.name == "posix"):
        threading.Thread(target=_watch, args=(parent.sentinel, parent.pid), daemon=True, name="parent watch").start()


def _watch(sentinel: int | None, pid: int | None) -> None:
    """Wait for the end of a process, which closes its sentinel; loky gives none, but is the parent itself."""
    if sentinel is not None:
        multiprocessing.connection.wait([sentinel])
    else:
        while os.getppid() == pid:
            time.sleep(LOOK)
    os._exit(1)  # no handlers, no flushing: nobody waits for them, and the main thread may be in the middle of a call


class _OneThread:
    """Limits of BLAS that those who want them share: looking for the libraries takes milliseconds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limits: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self.lock:
            if self.users == 0:
                self.limits = threadpool_limits(limits=1, user_api="blas")
            self.users += 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if self.users == 0:
                    self.limits.restore_original_limits()


one_blas_thread = _OneThread()
"""A context in which BLAS has one thread in this process; one within another costs nothing."""
