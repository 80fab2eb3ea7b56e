"""What `reluctant fit` does: table in; network, C and figures out, all of them or none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context
from pathlib import Path
from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.columns import Columns
from reluctant.command.band import Band, Side
from reluctant.command.rows import Rows, Wanted, read_rows
from reluctant.command.tables import DEFAULT, Reading
from reluctant.export.c import CExport, DType, render_c
from reluctant.export.identifiers import identifier
from reluctant.export.link_table import link_table
from reluctant.files import made_directory, write_together
from reluctant.model.container import encoded
from reluctant.objective import Bias
from reluctant.solution import Solution
from reluctant.solve import approximate, interpolate
from reluctant.solve.requests import Between
from reluctant.validation import check_nonnegative

Say = Callable[[str], None]

_ENDINGS = {"model": "json", "source": "c", "header": "h", "png": "png", "svg": "svg"}


@dataclass(frozen=True)
class Job:
    """What is asked for.

    A tolerance is in the units of y, a share of each |y| (`relative`), or that of each row (`tolerance_column`).
    """

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
    reading: Reading = DEFAULT
    relative: float | None = None
    tolerance_column: str | None = None
    side: Side = "both"
    between: Between = "rows"
    shape: tuple[str, ...] = ()
    bias: Bias | None = None

    @property
    def has_tolerance(self) -> bool:
        """Whether there is a band to stay in."""
        return any(asked is not None for asked in (self.tolerance, self.relative, self.tolerance_column))

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
    excess: float
    """How far the C function is beyond the tolerance; 0 if it keeps it as well as the solution."""
    rows: Rows

    @property
    def table_entries(self) -> int:
        """Numbers in the full table: an x and a y a row."""
        return 2 * self.n_rows

    @property
    def table_bytes(self) -> int:
        """Bytes of the full table in the type of the C function."""
        return self.table_entries * (4 if self.c.dtype == "float" else 8)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        solution, certificate = self.solution, self.solution.certificate
        return {
            "table": str(self.job.table),
            "x": self.job.x,
            "y": self.job.y,
            "units": self.rows.columns.units,
            "rows": self.n_rows,
            "rows_left_out": self.rows.n_dropped,
            "tolerance": self.job.tolerance,
            "relative": self.job.relative,
            "tolerance_column": self.job.tolerance_column,
            "side": self.job.side,
            "between": self.job.between,
            "shape": list(self.job.shape),
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
                "keeps_tolerance": self.excess == 0 if self.job.has_tolerance else None,
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
    return run_on(
        job, read_rows(job.table, Wanted(job.y, (job.x,), "regression", (), job.tolerance_column), job.reading), say
    )


def run_on(job: Job, rows: Rows, say: Say = lambda message: None) -> Outcome:
    """Do the job with rows that were read before."""
    x, y = rows.X[:, 0], rows.y
    say("solving (the first run on a machine compiles the solver)")
    if job.has_tolerance:
        band = Band(x, y, tolerances(job, y, rows.beside), job.side, job.between, job.shape)
        solution, c, excess, remedy = _within(job, band, rows.columns)
    else:
        band, excess, remedy = None, 0.0, None
        solution = solve(job, x, y)
        c = render_c(solution.replace(columns=rows.columns), job.identifier, job.dtype, (x, y))
    one_tolerance = job.side == "both" and job.tolerance is not None
    asked = None if band is None or one_tolerance else band.bounds
    solution = solution.replace(columns=rows.columns, tolerance=job.tolerance if one_tolerance else None, bounds=asked)
    contents = _contents(job, solution, c, rows, band, say)
    files = {kind: job.out / f"{job.identifier}.{_ENDINGS[kind]}" for kind in contents}
    with made_directory(job.out):
        write_together({files[kind]: content for kind, content in contents.items()})
    return Outcome(job, len(y), solution, c, remedy, files, excess, rows)


def solve(job: Job, x: Array, y: Array) -> Solution:
    """The exact fit, or the one of so many neurons: what is asked for without a band."""
    if job.max_neurons is not None:
        return approximate(x, y, max_neurons=job.max_neurons)
    return interpolate(x, y, 0.0 if job.p is None else job.p, bias=job.bias)


def tolerances(job: Job, y: Array, column: Array | None = None) -> Array:
    """The tolerance of each row."""
    if column is not None:
        return check_nonnegative(column, f"column {job.tolerance_column!r}", len(y), infinite=True)
    if job.relative is not None:
        return job.relative * np.abs(y)
    return np.full(len(y), job.tolerance)


def _within(job: Job, band: Band, columns: Columns) -> tuple[Solution, CExport, float, Remedy | None]:
    """The solution, its C function and the excess of that; a tighter one of the same size if only that has none.

    Rounding may carry C beyond a tolerance that the solution just keeps. A solution of a tighter tolerance that has
    the same number of neurons is as good; one that has more is only named.
    """

    def exported(solution: Solution) -> tuple[CExport, float]:
        table = link_table(solution.function, np.dtype(np.float32 if job.dtype == "float" else np.float64))
        named = solution.replace(columns=columns)
        return render_c(named, job.identifier, job.dtype, band.counted), band.excess(table, solution)

    solution = band.solution()
    assert solution is not None
    c, excess = exported(solution)
    if excess == 0:
        return solution, c, 0.0, None
    for factor in (1, 2, 4, 8):
        tighter = band.solution(_margin(job, factor * excess))
        if tighter is None:
            break
        rounded, beyond = exported(tighter)
        if beyond == 0:
            if tighter.n_neurons <= solution.n_neurons:
                return tighter.replace(certificate=solution.certificate), rounded, 0.0, None
            if job.tolerance is None or job.side != "both":
                break
            return solution, c, excess, Remedy(job.tolerance - _margin(job, factor * excess), tighter.n_neurons)
    return solution, c, excess, None


def _margin(job: Job, least: float) -> float:
    """What to take off a tolerance, at least; one number for all rows is to have few digits then."""
    if job.tolerance is None or least >= job.tolerance:
        return least
    return job.tolerance - _rounded_down(job.tolerance - least)


def _rounded_down(value: float, digits: int = 6) -> float:
    return float(Context(prec=digits, rounding=ROUND_DOWN).create_decimal_from_float(value))


def _contents(job: Job, solution: Solution, c: CExport, rows: Rows, band: Band | None, say: Say) -> dict[str, bytes]:
    """What goes into each kind of file."""
    x, y = rows.X[:, 0], rows.y
    contents = {
        "model": encoded(solution.to_record(data=(x, y))),
        "source": c.source.encode("ascii"),
        "header": c.header.encode("ascii"),
    }
    if job.plot:
        say("drawing")
        from reluctant.report.figures import figure_bytes, plot_fit

        scalar = job.tolerance if job.side == "both" else None
        bounds = None if band is None or scalar is not None else band.bounds
        (x_column,), (y_column,) = rows.columns.inputs, rows.columns.outputs
        figure = plot_fit(solution, x, y, scalar, bounds=bounds, x_label=x_column.label, y_label=y_column.label)
        contents |= {ending: figure_bytes(figure, ending) for ending in ("png", "svg")}
    return contents


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
