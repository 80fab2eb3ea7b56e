"""`reluctant fit` with several inputs, categories or classes: an estimator, or a search within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.command.job import Say
from reluctant.command.opening import network_of
from reluctant.command.rows import Rows, Wanted
from reluctant.estimators import SparseReLUClassifier, SparseReLURegressor
from reluctant.export.c import CExport, DType, render_c
from reluctant.export.identifiers import identifier
from reluctant.files import made_directory, write_together
from reluctant.model.container import encoded
from reluctant.solution import Certificate, Solution, counted
from reluctant.solve import approximate

Lines = list[tuple[str, str]]
_NAMED = 8  # inputs named in the summary


@dataclass(frozen=True)
class TrainingJob:
    """What is asked for of a table with several inputs or with classes; one number at most decides the size."""

    table: Path
    wanted: Wanted
    tolerance: float | None = None
    relative: float | None = None
    max_neurons: int | None = None
    max_parameters: int | None = None
    out: Path = Path("reluctant-out")
    name: str | None = None
    dtype: DType = "double"
    seed: int = 0
    time_limit: float | None = None

    @property
    def identifier(self) -> str:
        """Name of the files and of the C function."""
        return identifier(self.wanted.y if self.name is None else self.name)


@dataclass(frozen=True)
class Trained:
    """A model for a table, how well it does there, and where its files are."""

    job: TrainingJob
    data: Rows
    model: Solution | SparseReLURegressor | SparseReLUClassifier
    c: CExport
    files: dict[str, Path]

    @property
    def certificate(self) -> Certificate:
        """What is known about the optimum."""
        return self.model.certificate if isinstance(self.model, Solution) else self.model.certificate_

    @property
    def figures(self) -> dict[str, float]:
        """How far predictions are from the rows that the model was made from."""
        return errors_at(self.model.predict(self.data.X), self.data.y)

    @property
    def inputs_used(self) -> list[str]:
        """Names of the inputs that the network reads."""
        network = network_of(self.model)
        return [self.data.columns.names[i] for i in network.inputs_used.tolist()]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        network, certificate = network_of(self.model), self.certificate
        return {
            "table": str(self.job.table),
            "x": [column.name for column in self.data.columns.inputs],
            "y": self.data.columns.outputs[0].name,
            "units": self.data.columns.units,
            "task": self.data.task,
            "rows": len(self.data.y),
            "rows_left_out": self.data.n_dropped,
            "tolerance": self.job.tolerance,
            "relative": self.job.relative,
            "max_neurons": self.job.max_neurons,
            "max_parameters": self.job.max_parameters,
            "neurons": network.n_neurons,
            "parameters": network.size,
            "inputs_used": self.inputs_used,
            "certificate": vars(certificate),
            **self.figures,
            "c": {"name": self.c.name, "type": self.c.dtype, "bytes": self.c.table_bytes},
            "files": {kind: str(path) for kind, path in self.files.items()},
        }

    def rows(self) -> Lines:
        """Lines for people."""
        network, used = network_of(self.model), self.inputs_used
        left_out = f", {counted(self.data.n_dropped, 'rows')} left out" if self.data.n_dropped else ""
        size = f"{counted(network.n_neurons, 'neurons')}, {counted(network.size, 'parameters')}"
        named = ", ".join(used[:_NAMED]) + (f" and {len(used) - _NAMED} more" if len(used) > _NAMED else "")
        found = self.model.verdict if isinstance(self.model, Solution) else size
        return [
            ("table", f"{self.job.table}, {counted(len(self.data.y), 'rows')}{left_out}; {self.data.task}"),
            ("found", found),
            *([("size", size)] if isinstance(self.model, Solution) else []),
            ("", self.certificate.reason),
            ("inputs used", f"{len(used)} of {network.n_inputs}: {named}" if used else f"none of {network.n_inputs}"),
            *((label.replace("_", " "), f"{value:.6g}") for label, value in self.figures.items()),
            *((kind, str(path)) for kind, path in self.files.items()),
        ]


def errors_at(predicted: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
    """The largest and the root mean square error of numbers, the share of right labels."""
    if predicted.dtype.kind != "f":
        return {"accuracy": float(np.mean(predicted == y))}
    residual = predicted - y
    return {"max_error": float(np.max(np.abs(residual))), "rms_error": float(np.sqrt(np.mean(residual**2)))}


def train(job: TrainingJob, rows: Rows, say: Say = lambda message: None) -> Trained:
    """Find the model and write its files: all of them or none.

    Raises
    ------
    OSError
        If files cannot be written.
    ValueError
        If the rows do not allow a model.
    """
    say("choosing the size by cross-validation" if job.tolerance is None else "searching within the tolerance")
    model = fitted(job, rows)
    measured = None if rows.task == "classification" else (rows.X, rows.y)
    if not isinstance(model, Solution):
        model.columns_ = rows.columns
    c = render_c(model, job.identifier, job.dtype, measured)
    contents = {
        "model": encoded(model.to_record(columns=rows.columns, data=(rows.X, rows.numbers))),
        "source": c.source.encode("ascii"),
        "header": c.header.encode("ascii"),
    }
    endings = {"model": "json", "source": "c", "header": "h"}
    files = {kind: job.out / f"{job.identifier}.{endings[kind]}" for kind in contents}
    with made_directory(job.out):
        write_together({files[kind]: content for kind, content in contents.items()})
    return Trained(job, rows, model, c, files)


def fitted(job: TrainingJob, rows: Rows) -> Solution | SparseReLURegressor | SparseReLUClassifier:
    """The model, without files."""
    options: dict[str, Any] = {
        "max_parameters": job.max_parameters,
        "max_neurons": job.max_neurons,
        "random_state": job.seed,
        "time_limit": job.time_limit,
    }
    if rows.task == "classification":
        return SparseReLUClassifier(**options).fit(rows.X, rows.y)
    if job.tolerance is None and job.relative is None:
        return SparseReLURegressor(**options).fit(rows.X, rows.y)
    solution = approximate(
        rows.X,
        rows.y,
        tolerance=job.tolerance,
        relative=job.relative,
        affine=True,
        random_state=job.seed,
        time_limit=job.time_limit,
    )
    return solution.replace(columns=rows.columns)
