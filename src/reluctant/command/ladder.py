"""Tolerances and the neurons they take, where the table leaves open which one is meant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.command.job import Job
from reluctant.command.rows import Rows as TableRows
from reluctant.solution import counted
from reluctant.solve import approximate, interpolate

Lines = list[tuple[str, str]]

MANY = 20
"""Neurons of an exact fit from which on it follows the noise, or the rounding, of most tables."""
_STEPS = (1, 2, 5)
_RUNGS = 12
_DIGITS = 9  # decimals that a rounded table has at most


@dataclass(frozen=True)
class Ladder:
    """Numbers of neurons for tolerances, round and ever larger, each proved the fewest.

    `unit` is the last decimal that y is rounded to, if it is.
    """

    job: Job
    n_rows: int
    n_exact: int
    unit: float | None
    rungs: list[tuple[float, int]]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        return {
            "table": str(self.job.table),
            "rows": self.n_rows,
            "exact_neurons": self.n_exact,
            "rounded_to": self.unit,
            "choices": [{"tolerance": tolerance, "neurons": n} for tolerance, n in self.rungs],
            "files": {},
        }

    def rows(self) -> Lines:
        """Lines for people."""
        rounded = (
            "" if self.unit is None else f"; {self.job.y} is rounded to {self.unit:g}, half of it {self.unit / 2:g}"
        )
        return [
            ("table", f"{self.job.table}, {self.n_rows:,} rows; {self.job.y} from {self.job.x}"),
            ("exact", f"{counted(self.n_exact, 'neurons')}{rounded}"),
            *((f"--tolerance {tolerance:g}", counted(n, "neurons")) for tolerance, n in self.rungs),
            ("", "choose a tolerance, --max-neurons K, or --p 0 for the exact fit; nothing was written"),
        ]


def ladder(job: Job, rows: TableRows) -> Ladder | None:
    """The ladder of a table whose exact fit takes many neurons; None where it takes few.

    Raises
    ------
    ValueError
        If rows of one x differ in y.
    """
    x, y = rows.X[:, 0], rows.y
    exact = interpolate(x, y).n_neurons
    if exact <= MANY:
        return None
    unit = _unit_of(y)
    rungs: list[tuple[float, int]] = []
    tolerances = _round_tolerances(y, unit)
    for tolerance in tolerances:
        rungs.append((tolerance, approximate(x, y, tolerance=tolerance).n_neurons))
        if rungs[-1][1] <= 1:
            break
    return Ladder(job, len(y), exact, unit, _thinned(rungs))


def _unit_of(y: Array) -> float | None:
    """The last decimal of targets that are rounded to few."""
    for digits in range(_DIGITS + 1):
        unit = float(Decimal(1).scaleb(-digits))
        if np.array_equal(np.round(y, digits), y):
            return unit
    return None


def _round_tolerances(y: Array, unit: float | None) -> list[float]:
    """Half a unit, and then one, two and five times powers of ten up to the range of y."""
    reach = float(np.ptp(y)) / 2
    least = 1e-6 * reach if unit is None else unit / 2
    if not 0 < least < math.inf or not math.isfinite(reach):
        return []
    exponents = range(math.floor(math.log10(least)), math.ceil(math.log10(max(reach, least))) + 1)
    steps = [float(Decimal(step).scaleb(exponent)) for exponent in exponents for step in _STEPS]
    return [*([] if unit is None else [least]), *(t for t in steps if least < t <= reach)]


def _thinned(rungs: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Of tolerances with the same number of neurons the smallest, and of many the last."""
    different = [rung for i, rung in enumerate(rungs) if i == 0 or rung[1] < rungs[i - 1][1]]
    return different[-_RUNGS:] if len(different) <= _RUNGS else [different[0], *different[1 - _RUNGS :]]
