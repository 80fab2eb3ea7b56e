"""What `reluctant report` and `explore` are asked: columns of a table, a task, and what decides the size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reluctant.arrays import Array
from reluctant.command.band import Band
from reluctant.command.job import Job, solve, tolerances
from reluctant.command.tables import read_columns, read_labelled
from reluctant.export.identifiers import identifier
from reluctant.report.page import render_page
from reluctant.solution import Solution, counted
from reluctant.solve import approximate

Task = Literal["regression", "classification"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """A table, its columns, and one number at most that decides the size.

    On the line `job` says all of it; its table and columns are these.
    """

    table: Path
    x: tuple[str, ...]
    y: str
    task: Task = "regression"
    tolerance: float | None = None
    max_neurons: int | None = None
    max_parameters: int | None = None
    units: dict[str, str] = field(default_factory=dict)
    decimal_comma: bool = False
    separator: str | None = None
    time_limit: float | None = None
    job: Job | None = None

    @property
    def is_line(self) -> bool:
        """Whether one column of numbers stands for numbers, and the number of parameters is left open."""
        return len(self.x) == 1 and self.task == "regression" and self.max_parameters is None

    @property
    def name(self) -> str:
        """Name of the page."""
        return identifier(f"{self.y}_from_{self.x[0]}" if len(self.x) == 1 else self.y)


@dataclass(frozen=True)
class Answer:
    """A model, the rows it was made from, and what its page takes besides."""

    question: Question
    model: Any
    X: Array
    y: Any
    options: dict[str, Any]

    @property
    def n_neurons(self) -> int:
        """Neurons of the model."""
        return int(self.model.n_neurons if isinstance(self.model, Solution) else self.model.n_neurons_)

    @property
    def verdict(self) -> str:
        """What was found, in one clause."""
        if isinstance(self.model, Solution):
            return self.model.verdict
        return f"{counted(self.n_neurons, 'neurons')}; {self.model.certificate_.reason}"

    def page(self, form: Any = None) -> str:
        """The page about it."""
        question = self.question
        return render_page(
            self.model,
            self.X,
            self.y,
            names=list(question.x),
            outputs=[question.y],
            units=question.units,
            form=form,
            **self.options,
        )


def answer(question: Question, say: Say = lambda message: None) -> Answer:
    """Read the table and find the model.

    Raises
    ------
    OSError
        If the table cannot be read.
    ValueError
        If it does not hold what is asked for, or has no solution.
    """
    say("reading the table")
    if question.is_line:
        return _on_line(question, say)
    source = (question.table, question.x, question.y, question.decimal_comma, question.separator)
    if question.task == "classification":
        columns, labels = read_labelled(*source)
        say("choosing the size by cross-validation")
        return _estimated(question, np.column_stack(columns), labels)
    *columns, y = read_columns(question.table, (*question.x, question.y), question.decimal_comma, question.separator)
    X = np.column_stack(columns)
    if question.tolerance is None:
        say("choosing the size by cross-validation")
        return _estimated(question, X, y)
    say("searching within the tolerance")
    solution = approximate(
        X, y, tolerance=question.tolerance, affine=True, random_state=0, time_limit=question.time_limit
    )
    return Answer(question, solution, X, y, {"tolerance": question.tolerance})


def _on_line(question: Question, say: Say) -> Answer:
    job = question.job or Job(
        question.table,
        question.x[0],
        question.y,
        tolerance=question.tolerance,
        max_neurons=question.max_neurons,
        decimal_comma=question.decimal_comma,
        separator=question.separator,
    )
    names = (job.x, job.y) if job.tolerance_column is None else (job.x, job.y, job.tolerance_column)
    x, y, *others = read_columns(job.table, names, job.decimal_comma, job.separator)
    say("solving (the first run on a machine compiles the solver)")
    if not job.has_tolerance:
        return Answer(question, solve(job, x, y), x, y, {})
    band = Band(x, y, tolerances(job, y, *others), job.side, job.between, job.shape)
    solution = band.solution()
    assert solution is not None
    plain = job.tolerance is not None and job.side == "both"
    return Answer(question, solution, x, y, {"tolerance": job.tolerance} if plain else {"bounds": band.bounds})


def _estimated(question: Question, X: Array, y: Any) -> Answer:
    from reluctant.estimators import SparseReLUClassifier, SparseReLURegressor

    estimator = SparseReLUClassifier if question.task == "classification" else SparseReLURegressor
    model = estimator(
        max_neurons=question.max_neurons,
        max_parameters=question.max_parameters,
        random_state=0,
        time_limit=question.time_limit,
    )
    return Answer(question, model.fit(X, y), X, y, {})
