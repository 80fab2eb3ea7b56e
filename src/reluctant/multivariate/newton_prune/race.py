"""Several runs of the search at once, in turns of equal work: the same seed gives the same answer on any machine."""

from __future__ import annotations

from collections.abc import Callable

import joblib
import numpy as np

from reluctant.multivariate.newton_prune.run import Ended, Improvement, Search
from reluctant.workers import parallel

TURN, DEARER = 6000, 125
"""Factorisations in a turn, about a second; a factorisation costs twice as much at `DEARER` equations."""
ALONE_UNTIL = 200
"""Up to so many equations the first turn is that of one run, since many problems need no other."""
START_UP = 2.0
"""Seconds it may take to start processes; with less time left the first run goes on alone."""

Report = Callable[[Improvement], None]


def race(searches: list[Search], report: Report | None = None) -> tuple[Search, Ended]:
    """Advance all runs until one reaches its target or all have ended; the best of them, and why it ended.

    A run goes on in this process where it is the only one, and for its first turn where that is short: easy problems
    need no other processes. After an interrupt the best is among those that had ended their turn, and a run that had
    not begun gives what takes no search.
    """
    first, clock = searches[0], searches[0].clock
    n_equations = first.data.n_equations
    turn = max(1.0, TURN / (1.0 + (n_equations / DEARER) ** 3))
    alone = len(searches) == 1 or clock.left() < START_UP
    first.report = report
    if alone or n_equations <= ALONE_UNTIL:
        first.advance(np.inf if alone else turn)
    first.report = None
    if not alone and not first.reached() and not clock.expired():
        _in_parallel(searches, turn, report)
    if clock.interrupted:
        for search in searches:
            if search.starts or search is first:
                search.conclude()
    best = min(searches, key=Search.rank)
    return best, "interrupted" if clock.interrupted else best.ended or "exhausted"


def begin(searches: list[Search], report: Report | None = None) -> Search:
    """The first run at its first local minimum; where that would take long and others could run, at its beginning."""
    first = searches[0]
    if len(searches) == 1 or first.data.n_equations <= ALONE_UNTIL:
        first.report = report
        first.advance(to_first_minimum=True)
        first.report = None
    return first


def _in_parallel(searches: list[Search], turn: float, report: Report | None) -> None:
    """Rounds of one turn for each run that has not ended, until one reaches the target; `searches` is updated."""
    clock = searches[0].clock
    lowest = min(search.rank() for search in searches)
    with (
        clock.waiting(),
        parallel(len(searches), return_as="generator_unordered", batch_size=1, max_nbytes=None) as computed,
    ):
        while not any(search.reached() for search in searches):
            going = [k for k, search in enumerate(searches) if search.ended is None]
            if not going:
                return
            for k, search in computed(joblib.delayed(_turn)(k, searches[k], turn) for k in going):
                if search.clock.interrupted:
                    clock.interrupt()
                searches[k], search.clock = search, clock
                if search.rank() < lowest:
                    lowest = search.rank()
                    if report is not None:
                        report(search.history[-1])


def _turn(k: int, search: Search, work: float) -> tuple[int, Search]:
    with search.clock.listening():
        search.advance(work)
    return k, search
