"""What `reluctant fit` does: table in; network, C and figures out, all of them or none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context
from pathlib import Path
from typing import Any

from reluctant.arrays import Array
from reluctant.command.tables import read_columns
from reluctant.export.c import CExport, DType, render_c
from reluctant.export.identifiers import identifier
from reluctant.files import made_directory, write_together
from reluctant.objective import Bias
from reluctant.solution import Solution
from reluctant.solve import approximate, interpolate

Say = Callable[[str], None]

_ENDINGS = {"network": "json", "source": "c", "header": "h", "png": "png", "svg": "svg"}

SLACK = 1e-9
"""Relative slack of a tolerance, as in `approximate`."""


@dataclass(frozen=True)
class Job:
    """What is asked for."""

    table: Path
    x: str
    y: str
    tolerance: float | None = None
    p: float | None = None
    max_neurons: int | None = None
    out: Path = Path("reluctant-out")
    name: str | None = None
    dtype: DType = "double"
    plot: bool = True
    decimal_comma: bool = False
    separator: str | None = None
    bias: Bias | None = None

    @property
    def identifier(self) -> str:
        """Name of the files and of the C function."""
        return identifier(f"{self.y}_from_{self.x}" if self.name is None else self.name)


@dataclass(frozen=True)
class Remedy:
    """A tighter tolerance with which the C function keeps the one asked for, and the neurons it takes."""

    tolerance: float
    n_neurons: int


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    job: Job
    n_rows: int
    solution: Solution
    c: CExport
    remedy: Remedy | None
    files: dict[str, Path]

    @property
    def table_entries(self) -> int:
        """Numbers in the full table: an x and a y a row."""
        return 2 * self.n_rows

    @property
    def table_bytes(self) -> int:
        """Bytes of the full table in the type of the C function."""
        return self.table_entries * (4 if self.c.dtype == "float" else 8)

    @property
    def excess(self) -> float:
        """How far the C function is beyond the tolerance at the data; 0 if it keeps it as well as the solution."""
        return _excess(self.job.tolerance, self.solution, self.c)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        solution, certificate = self.solution, self.solution.certificate
        return {
            "table": str(self.job.table),
            "x": self.job.x,
            "y": self.job.y,
            "rows": self.n_rows,
            "tolerance": self.job.tolerance,
            "max_neurons": self.job.max_neurons,
            "p": solution.p,
            "bias": self.job.bias,
            "neurons": solution.n_neurons,
            "parameters": solution.network.size,
            "table_entries": self.table_entries,
            "value": solution.value,
            "max_error": solution.max_error,
            "max_error_between": solution.max_error_between,
            "certificate": {
                "quantity": certificate.quantity,
                "lower_bound": certificate.lower_bound,
                "kind": certificate.kind,
                "among": certificate.among or None,
                "reason": certificate.reason,
                "gap": solution.gap if math.isfinite(solution.gap) else None,
                "is_optimal": solution.is_optimal,
            },
            "c": {
                "name": self.c.name,
                "type": self.c.dtype,
                "bytes": self.c.table_bytes,
                "full_table_bytes": self.table_bytes,
                "max_error": _finite(self.c.data_error),
                "rounding_bound": _finite(self.c.error_bound),
                "keeps_tolerance": None if self.job.tolerance is None else self.excess == 0,
                "remedy": None if self.remedy is None else vars(self.remedy),
            },
            "files": {kind: str(path) for kind, path in self.files.items()},
        }


def run(job: Job, say: Say = lambda message: None) -> Outcome:
    """Do the job; `say` hears what is being done.

    Raises
    ------
    OSError
        If the table cannot be read or the files cannot be written.
    ValueError
        If the table does not hold what the job needs, or has no solution.
    """
    say("reading the table")
    x, y = read_columns(job.table, (job.x, job.y), job.decimal_comma, job.separator)
    say("solving (the first run on a machine compiles the solver)")
    solution = _solve(job, x, y)
    solution, c, remedy = _exported(job, solution, x, y)
    contents = _contents(job, solution, c, x, y, say)
    files = {kind: job.out / f"{job.identifier}.{_ENDINGS[kind]}" for kind in contents}
    with made_directory(job.out):
        write_together({files[kind]: content for kind, content in contents.items()})
    return Outcome(job, len(y), solution, c, remedy, files)


def _solve(job: Job, x: Array, y: Array) -> Solution:
    if job.max_neurons is not None:
        return approximate(x, y, max_neurons=job.max_neurons)
    if job.tolerance is None:
        return interpolate(x, y, 0.0 if job.p is None else job.p, bias=job.bias)
    return approximate(x, y, tolerance=job.tolerance)


def _exported(job: Job, solution: Solution, x: Array, y: Array) -> tuple[Solution, CExport, Remedy | None]:
    """The solution and its C function, exchanged for a tighter one of the same size if only that keeps the tolerance.

    Rounding may carry C beyond a tolerance that the solution just keeps. A solution of a tighter tolerance that has
    the same number of neurons is as good; one that has more is only named.
    """
    c = render_c(solution, job.identifier, job.dtype, (x, y))
    excess = _excess(job.tolerance, solution, c)
    if job.tolerance is None or excess == 0:
        return solution, c, None
    for margin in (excess, 2 * excess, 4 * excess, 8 * excess):
        if margin >= job.tolerance:
            break
        tolerance = _rounded_down(job.tolerance - margin)
        tighter = approximate(x, y, tolerance=tolerance)
        rounded = render_c(tighter, job.identifier, job.dtype, (x, y))
        if _excess(job.tolerance, tighter, rounded) == 0:
            if tighter.n_neurons > solution.n_neurons:
                return solution, c, Remedy(tolerance, tighter.n_neurons)
            return tighter.replace(certificate=solution.certificate), rounded, None
    return solution, c, None


def _rounded_down(value: float, digits: int = 6) -> float:
    return float(Context(prec=digits, rounding=ROUND_DOWN).create_decimal_from_float(value))


def _excess(tolerance: float | None, solution: Solution, c: CExport) -> float:
    if tolerance is None or c.data_error is None:
        return 0.0
    return 0.0 if c.data_error <= max(tolerance * (1 + SLACK), solution.max_error) else c.data_error - tolerance


def _contents(job: Job, solution: Solution, c: CExport, x: Array, y: Array, say: Say) -> dict[str, bytes]:
    """What goes into each kind of file."""
    contents = {
        "network": solution.network.to_bytes(".json"),
        "source": c.source.encode("ascii"),
        "header": c.header.encode("ascii"),
    }
    if job.plot:
        say("drawing")
        from reluctant.report.figures import figure_bytes, plot_fit

        figure = plot_fit(solution, x, y, job.tolerance, x_label=job.x, y_label=job.y)
        contents |= {ending: figure_bytes(figure, ending) for ending in ("png", "svg")}
    return contents


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
