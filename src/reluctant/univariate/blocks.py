"""The most disjoint blocks of jumps that save a knot each, for any number of outputs.

Floats decide where they can (`_blocks`), rationals else: the first phase of the simplex method in integers says whether
a block saves a knot, and where it does not, some rows that no vanishing combination contains. A block that ends at such
a row saves nothing, whatever its start; one that ends elsewhere begins after the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reluctant.arrays import Array, Mask
from reluctant.effort import never
from reluctant.univariate import _blocks
from reluctant.univariate._blocks import NO, YES

STRIDE_WORK = 1e6
"""Rows times the cube of the outputs, a second or so at worst, between two looks at the clock."""


def most_blocks(
    rows: Array,
    errors: Array,
    nonzero: Mask,
    whole: Callable[[int], Sequence[int]],
    stop: Callable[[], bool] = never,
) -> tuple[list[tuple[int, int]], int]:
    """First and last points of the blocks, by earliest end, and how many points were looked at before `stop` said so.

    `rows` (N, m) are ±g, alternately, with their errors; `whole` gives the jump at a point in integers, in a unit of
    its own.
    """
    stride = 1 + int(STRIDE_WORK / rows.shape[1] ** 3)
    blocks: list[tuple[int, int]] = []
    start, end = 0, 0
    integers: dict[int, list[int]] = {}

    def row(j: int) -> list[int]:
        if j not in integers:
            integers[j] = [(-1) ** j * g for g in whole(j)]
        return integers[j]

    while True:
        until = end + stride
        start, end, answer = _blocks.next_doubtful(rows[:until], errors[:until], nonzero[:until], start, end)
        if stop() or (answer == NO and end == len(rows)):
            return blocks, end
        if answer == NO:
            continue
        first = start
        while answer != YES:
            excluded = excluded_rows([row(j) for j in range(first, end + 1)], stop)
            if excluded is None:
                return blocks, end
            if not excluded:
                break
            if excluded[-1] == end - first:
                first = end + 1
                break
            first += excluded[-1] + 1
        if first < end:
            blocks.append((_shortest(rows, errors, first, end), end))
            start = end + 1
            integers.clear()
        end += 1


def _shortest(rows: Array, errors: Array, first: int, end: int) -> int:
    """The start of a short block within one that saves a knot: its knots are the easiest to hold in floats."""
    for start in range(end - rows.shape[1], first, -1):
        if _blocks.decide(rows[start : end + 1], errors[start : end + 1])[0] == YES:
            return start
    return first


def excluded_rows(rows: Sequence[Sequence[int]], stop: Callable[[], bool] = never) -> list[int] | None:
    """Rows that are in no combination Σ c_l rows[l] = 0 with c ≥ 0; none exactly if there is one with c > 0.

    None where `stop` said so before that was known.

    If there are any, some are returned. With c = 1 + s that is s ≥ 0 with Σ s_l rows[l] = −Σ rows[l]: the first phase
    of the simplex method, with Bland's rule, in integers with one denominator for all [Edmonds 1967]. If it fails, its
    dual solution separates the rows, and those with a reduced cost are off the plane.

    Examples
    --------
    >>> excluded_rows([[1, 0], [0, 1], [-1, -2]]), excluded_rows([[1, 0], [0, 1], [-1, 0]])
    ([], [1])
    """
    n = len(rows)
    table = []
    for column in zip(*rows):
        target = -sum(column)
        table.append([*column, target] if target >= 0 else [-v for v in (*column, target)])
    basis, denominator = [n + k for k in range(len(table))], 1
    while not stop():
        open_rows = [row for row, b in zip(table, basis) if b >= n]
        gains = [sum(row[j] for row in open_rows) for j in range(n)]
        entering = next((j for j in range(n) if gains[j] > 0 and j not in basis), None)
        if entering is None:
            solved = all(row[-1] == 0 for row in open_rows)
            return [] if solved else [j for j in range(n) if gains[j] < 0 and j not in basis]
        leaving = -1
        for k, row in enumerate(table):
            if row[entering] > 0:
                if leaving < 0:
                    leaving = k
                    continue
                best = table[leaving]
                ahead = row[-1] * best[entering] - best[-1] * row[entering]
                if ahead < 0 or (ahead == 0 and basis[k] < basis[leaving]):
                    leaving = k
        pivot_row = table[leaving]
        pivot = pivot_row[entering]
        for k, row in enumerate(table):
            if k != leaving:
                factor = row[entering]
                table[k] = [(v * pivot - factor * u) // denominator for v, u in zip(row, pivot_row)]
        basis[leaving], denominator = entering, pivot
    return None
