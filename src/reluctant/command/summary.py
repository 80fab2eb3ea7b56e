"""What came of a job, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reluctant.command.job import Outcome
from reluctant.solution import Solution, counted

Rows = list[tuple[str, str]]
"""Label and text of each line; a line without label goes on with what the one above says."""


@dataclass(frozen=True)
class Summary:
    """An outcome, as what every way of fitting ends with."""

    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        return self.outcome.as_json()

    def rows(self) -> Rows:
        """Lines for people."""
        return summary(self.outcome)


def summary(outcome: Outcome) -> Rows:
    """Neurons and what is proved, errors, ratios to the full table, and where the files are."""
    job, solution, c = outcome.job, outcome.solution, outcome.c
    (x,), (y,) = outcome.rows.columns.inputs, outcome.rows.columns.outputs
    left_out = f", {counted(outcome.rows.n_dropped, 'rows')} left out" if outcome.rows.n_dropped else ""
    return [
        ("table", f"{job.table}, {counted(outcome.n_rows, 'rows')}{left_out}; {y.label} from {x.label}"),
        *_found(outcome),
        ("", solution.certificate.reason),
        ("largest error", _errors(solution)),
        ("parameters", _ratio(solution.network.size, outcome.table_entries, "numbers in the table", "fewer")),
        (f"C, {c.dtype}", _ratio(c.table_bytes, outcome.table_bytes, "bytes for the table", "smaller")),
        ("", f"largest error {c.data_error:.6g} at the data, {_rounding(outcome)}"),
        *_broken_promise(outcome),
        *((kind, str(path)) for kind, path in outcome.files.items()),
    ]


def _found(outcome: Outcome) -> Rows:
    solution, bias = outcome.solution, outcome.job.bias
    if solution.certificate.quantity in ("neurons", "error"):
        return [("found", solution.verdict)]
    request = f"for p = {solution.p:g}" + ("" if bias is None else f" with biases penalised, {bias}")
    return [("neurons", f"{solution.n_neurons:,}"), ("found", f"{solution.verdict}, {request}")]


def _errors(solution: Solution) -> str:
    if solution.max_error_between is None:
        return f"{solution.max_error:.6g}"
    return (
        f"{solution.max_error:.6g} at the rows, {solution.max_error_between:.6g} from the straight lines between them"
    )


def _ratio(ours: int, theirs: int, what: str, comparative: str) -> str:
    ratio = theirs / ours if ours else 0
    compared = f", {ratio:.3g} times {comparative}" if ratio > 1 else ""
    return f"{ours:,} against {theirs:,} {what}{compared}"


def _rounding(outcome: Outcome) -> str:
    return f"within {outcome.c.error_bound:.2g} of the network anywhere in their range"


def _broken_promise(outcome: Outcome) -> Rows:
    if outcome.excess == 0:
        return []
    rows = [("", f"warning: rounding to {outcome.c.dtype} carries it {outcome.excess:.2g} beyond the tolerance")]
    if outcome.remedy is not None:
        remedy = f"--tolerance {outcome.remedy.tolerance:.6g} keeps it, with {outcome.remedy.n_neurons:,} neurons"
        rows.append(("", remedy + ("; so does --double" if outcome.c.dtype == "float" else "")))
    return rows
