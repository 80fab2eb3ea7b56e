"""What a search may spend: seconds, processes, randomness; and the clock that each of its phases asks.

A phase begins, and goes on, while `Clock.expired` says no. An interrupt (Ctrl-C, or the SIGTERM of a supervisor) is
nothing but the end of the time: it is noted on the clock and raised nowhere, so what a search knows stays in order and
its best result is returned.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from reluctant.timing import now
from reluctant.validation import as_number, check_bool, check_integer, check_number, check_random_state

DEFAULT_SECONDS = 30.0
"""Time of a search in many dimensions where no limit is given."""
SILENCE = 5.0
"""Seconds after which a search that has somebody at the terminal gives a sign of life."""

SAME_SIGNAL = 1.0
"""A SIGTERM within so many seconds of the first is the same: `timeout` sends it to a process and then to its group."""


def never() -> bool:
    """Do not stop early."""
    return False


class Clock:
    """The seconds that are left, those of compilation not counted, and whether the user has asked for an end.

    Parameters
    ----------
    seconds : float
        Until the clock expires; infinite by default.

    Examples
    --------
    >>> clock = Clock(60.0)
    >>> third = clock.share(1 / 3)
    >>> 19 < third.left() <= 20
    True
    >>> clock.interrupt()
    >>> third.expired(), third.left()
    (True, 0.0)
    """

    def __init__(self, seconds: float = np.inf) -> None:
        self.began = now()
        self.end = self.began + seconds
        self._told = _Told()

    @property
    def interrupted(self) -> bool:
        """Whether the user has asked for an end."""
        return self._told.once

    def doing(self, what: str) -> None:
        """Say what begins now, for the sign of life."""
        self._told.doing = what

    def interrupt(self) -> None:
        """Let this clock, its shares and what it is a share of expire."""
        self._told.tell()

    def elapsed(self) -> float:
        """Seconds since the clock was started."""
        return now() - self.began

    def left(self) -> float:
        """Seconds left; 0 after an interrupt."""
        return 0.0 if self.interrupted else max(self.end - now(), 0.0)

    def expired(self) -> bool:
        """Whether nothing may begin any more."""
        return self.interrupted or now() >= self.end

    def in_words(self) -> str:
        """How the time ended a search, to be appended to a sentence; nothing where it did not."""
        if self.interrupted:
            return "; an interrupt ended the search"
        return "; the time limit ended the search" if self.expired() else ""

    def share(self, part: float = 1.0, *, at_most: float = np.inf) -> Clock:
        """Start a clock over a part of the seconds left, and no more than `at_most`; an interrupt is told to both."""
        left = self.left()
        clock = Clock(min(part * left if np.isfinite(left) else left, at_most))
        clock._told = self._told
        return clock

    def __getstate__(self) -> dict[str, Any]:
        # Another machine's clock shows another time: what is sent are the seconds left.
        return {"left": self.end - now(), "elapsed": self.elapsed(), "told": self._told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        at = now()
        self.began, self.end, self._told = at - state["elapsed"], at + state["left"], state["told"]

    @contextmanager
    def listening(self) -> Iterator[Clock]:
        """While the block runs an interrupt is noted on this clock; a second one is raised, or ends all as SIGTERM.

        Only the main thread hears interrupts, and a handler that somebody else has set stays in its place. After some
        silent seconds a line on standard error, if that is a terminal, says what is being done.
        """

        def note(number: int, frame: FrameType | None) -> None:
            # Ctrl-C reaches a whole group of processes: what others have told is no first interrupt of this one.
            again, self._told.here = self._told.here, True
            if number == signal.SIGTERM:
                self._told.terminated = min(self._told.terminated, time.monotonic())
                if again and time.monotonic() - self._told.terminated > SAME_SIGNAL:
                    signal.signal(number, signal.SIG_DFL)
                    signal.raise_signal(number)
                if again:
                    return
            self.interrupt()
            if again or self._told.aloud:
                raise KeyboardInterrupt

        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
            before = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}
        for number in before:
            signal.signal(number, note)
        try:
            with self.speaking("returns the best so far") if before else nullcontext():
                yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def speaking(self, interrupt: str) -> Iterator[None]:
        """While the block runs, one line after some silent seconds, if there is a terminal, says what is being done.

        It also says what an `interrupt` does. Threads other than the main one are silent.
        """

        def say() -> None:
            left = self.left()
            limit = f"at most {left:.0f} s more" if np.isfinite(left) else "without a time limit"
            print(f"reluctant: {self._told.doing}, {limit}; Ctrl-C {interrupt}", file=sys.stderr)

        sign_of_life = threading.Timer(SILENCE, say)
        sign_of_life.daemon = True
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and sys.stderr is not None and sys.stderr.isatty():
            sign_of_life.start()
        try:
            yield
        finally:
            sign_of_life.cancel()

    @contextmanager
    def shared(self) -> Iterator[Clock]:
        """While the block runs, copies of this clock in other processes of the machine hear an interrupt too.

        An interrupt may reach one process alone, so it is told by a file. Who waits for their results gets what they
        have found by then, where `waiting` would give them up.
        """
        with tempfile.TemporaryDirectory(prefix="reluctant-", ignore_cleanup_errors=True) as folder:
            self._told.file = os.path.join(folder, "interrupted")
            try:
                yield self
            finally:
                self._told.file = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block that only waits for other processes: an interrupt ends it at once, and is over with its end."""
        self._told.aloud = True
        try:
            yield
        except KeyboardInterrupt:
            self.interrupt()
        finally:
            self._told.aloud = False


class _Told:
    """Whether an interrupt came, and to this process, when SIGTERM did; whether the next is raised; what is being done.

    A clock and its shares have one.
    """

    def __init__(self) -> None:
        self.aloud = False
        self.here = False
        self.terminated = np.inf
        self.doing = "searching"
        self.file: str | None = None
        self._once = False

    @property
    def once(self) -> bool:
        if not self._once and self.file is not None:
            self._once = os.path.exists(self.file)
        return self._once

    def tell(self) -> None:
        self._once = True
        if self.file is not None:
            with suppress(FileNotFoundError):  # the block is over, and nobody asks any more
                open(self.file, "w").close()


@dataclass(frozen=True)
class Effort:
    """What the caller grants a search.

    Parameters
    ----------
    time_limit : float, optional
        Seconds; infinite for none.
    random_state : int, Generator or None
        Source of all randomness.
    n_jobs : int
        Processes, as in joblib.
    verbose : bool
        Whether to report every improvement on standard error.
    """

    time_limit: float | None = None
    random_state: int | np.random.Generator | None = None
    n_jobs: int = 1
    verbose: bool = False

    @classmethod
    def checked(cls, time_limit: Any, random_state: Any, n_jobs: Any = 1, verbose: Any = False) -> Effort:
        """Check the arguments of a verb.

        Raises
        ------
        ValueError
            If one is out of range; the message names it.
        """
        if time_limit is not None:
            endless = as_number(time_limit) == np.inf  # of an int beyond float64 too
            time_limit = np.inf if endless else check_number(time_limit, "time_limit", strict=True)
        if check_integer(n_jobs, "n_jobs", low=-1) == 0:
            raise ValueError("n_jobs must be a positive number of processes, or -1 for one a core, got 0")
        return cls(time_limit, check_random_state(random_state), n_jobs, check_bool(verbose, "verbose"))

    def clock(self, default: float = np.inf) -> Clock:
        """Start the clock; `default` are the seconds where no limit was given."""
        return Clock(default if self.time_limit is None else self.time_limit)

    def rng(self) -> np.random.Generator:
        """The generator of `random_state`."""
        return np.random.default_rng(self.random_state)

    def seed(self) -> int:
        """A seed for work that several processes begin alike: `random_state`, or one drawn from it."""
        is_seed = isinstance(self.random_state, (int, np.integer))
        return int(self.random_state) if is_seed else int(self.rng().integers(1 << 31))  # type: ignore[arg-type]
