"""`reluctant fit`: the table read, the way chosen, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reluctant.command.band import Side
from reluctant.command.job import Job, Say, run_on
from reluctant.command.ladder import ladder
from reluctant.command.rows import Rows, Wanted, read_rows
from reluctant.command.summary import Summary
from reluctant.command.tables import Reading
from reluctant.export.c import DType
from reluctant.objective import Bias
from reluctant.solve.requests import Between


class Result(Protocol):
    """What every way of fitting ends with."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`; ``files`` are those written."""

    def rows(self) -> list[tuple[str, str]]:
        """Lines for people."""


@dataclass(frozen=True)
class Request:
    """All that the command line says."""

    table: Path
    wanted: Wanted
    reading: Reading
    tolerance: float | None
    relative: float | None
    p: float | None
    bias: Bias | None
    max_neurons: int | None
    max_parameters: int | None
    side: Side
    between: Between
    shape: tuple[str, ...]
    out: Path
    name: str | None
    dtype: DType
    plot: bool
    seed: int
    time_limit: float | None

    @property
    def only_on_line(self) -> list[str]:
        """Options given that one input of numbers alone has."""
        given = {
            "--p": self.p is not None,
            "--tolerance-column": self.wanted.beside is not None,
            "--below or --above": self.side != "both",
            "--between": self.between != "rows",
            "--shape": bool(self.shape),
        }
        return [name for name, is_given in given.items() if is_given]


def run(request: Request, say: Say = lambda message: None) -> Result:
    """Read the table and fit it; the ladder of tolerances where the line leaves open which is meant.

    Raises
    ------
    OSError
        If the table cannot be read or files cannot be written.
    ValueError
        If the table does not hold what is asked for, or has no solution.
    """
    say("reading the table")
    rows = read_rows(request.table, request.wanted, request.reading)
    fit = _on_line if rows.is_line and request.max_parameters is None else _of_estimator
    with rows.places.named():
        return fit(request, rows, say)


def _on_line(request: Request, rows: Rows, say: Say) -> Result:
    job = Job(
        request.table,
        rows.columns.inputs[0].name,
        rows.columns.outputs[0].name,
        tolerance=request.tolerance,
        p=request.p,
        max_neurons=request.max_neurons,
        out=request.out,
        name=request.name,
        dtype=request.dtype,
        plot=request.plot,
        reading=request.reading,
        relative=request.relative,
        tolerance_column=request.wanted.beside,
        side=request.side,
        between=request.between,
        shape=request.shape,
        bias=request.bias,
    )
    if not job.has_tolerance and job.p is None and job.max_neurons is None:
        say("comparing tolerances (the first run on a machine compiles the solver)")
        choices = ladder(job, rows)
        if choices is not None:
            return choices
    return Summary(run_on(job, rows, say))


def _of_estimator(request: Request, rows: Rows, say: Say) -> Result:
    refused = request.only_on_line
    if refused:
        raise ValueError(
            f"{refused[0]} is for one input of numbers; this table has {rows.X.shape[1]} inputs for {rows.task}"
        )
    if rows.task == "classification" and (request.tolerance, request.relative) != (None, None):
        raise ValueError("a tolerance is for numbers; for classes give --max-neurons or --max-parameters, or neither")
    from reluctant.command.training import TrainingJob, train

    job = TrainingJob(
        request.table,
        request.wanted,
        tolerance=request.tolerance,
        relative=request.relative,
        max_neurons=request.max_neurons,
        max_parameters=request.max_parameters,
        out=request.out,
        name=request.name,
        dtype=request.dtype,
        seed=request.seed,
        time_limit=request.time_limit,
    )
    return train(job, rows, say)
