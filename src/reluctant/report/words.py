"""What was found and what is proved, in sentences for people who did not ask for the theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reluctant.report.subject import Subject
from reluctant.solution import Certificate, counted

_WIDENED = 1e-9
"""A tolerance is met by an error that exceeds it by no larger share, as in `reluctant.approximate`."""


class Fact(NamedTuple):
    """A figure of the page with its label and, below it, what it is compared with."""

    label: str
    value: str
    unit: str = ""
    note: str = ""


class Findings(NamedTuple):
    """What the head of the page says."""

    found: str
    claim: str
    reason: str
    is_known: bool
    is_proved: bool
    facts: list[Fact]


def number(value: float, digits: int = 4) -> str:
    """A number for reading: so many significant digits, a true minus."""
    return f"{value + 0.0:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def aligned(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Cells of numbers set so that their points stand below each other, with true minus signs.

    What is missing behind a point is made up by blanks as wide as a figure; no digits are invented.
    """
    return list(zip(*map(_aligned, zip(*rows))))


def _aligned(cells: Sequence[str]) -> list[str]:
    infinite = {"inf": "\N{INFINITY}", "-inf": "-\N{INFINITY}"}
    cells = [infinite.get(cell, cell) for cell in cells]
    places = [0 if "e" in cell else len(cell.partition(".")[2]) for cell in cells]
    most = max(places)
    filled = [
        cell + ("\N{PUNCTUATION SPACE}" if most and not has else "") + "\N{FIGURE SPACE}" * (most - has)
        for cell, has in zip(cells, places)
    ]
    return [cell.replace("-", "\N{MINUS SIGN}") for cell in filled]


def findings_of(subject: Subject, tolerance: float | None, are_own: bool) -> Findings:
    """The sentences and figures at the head of the page; what is proved holds for the rows the model was made from."""
    certificate = subject.certificate
    claim = _claim(subject, certificate, "these very rows" if are_own else "the rows that it was made from")
    reason = "" if certificate is None else certificate.reason
    facts = _size_facts(subject) + (_class_facts(subject) if subject.classes is not None else _error_facts(subject))
    is_known = certificate is not None and certificate.kind != "none"
    return Findings(_found(subject, tolerance), claim, reason, is_known, _is_minimal(subject, certificate), facts)


def _found(subject: Subject, tolerance: float | None) -> str:
    n_rows = counted(len(subject.X), "rows")
    size = counted(subject.network.n_neurons, "neurons")
    one = subject.network.n_neurons == 1
    if subject.network.n_neurons == 0:
        size, one = "A straight line" if subject.network.n_inputs == 1 else "A plane", True
        size = f"The exponential of {size.lower()} alone" if subject.predictor.is_log else f"{size} alone"
    if subject.classes is not None:
        share = float(np.mean(subject.predicted.argmax(axis=1) == subject.y[:, 0]))
        return f"{size} put{'s' * one} {number(100 * share)} % of {n_rows} into their class."
    error = subject.largest
    unit = _unit(subject)
    if tolerance is not None and not subject.is_exact and error <= tolerance * (1 + _WIDENED):
        return f"{size} stay{'s' * one} within {number(tolerance, 6)}{unit} of each of {n_rows}."
    if subject.is_exact:
        return f"{size} pass{'es' * one} through all of {n_rows}."
    return f"{size} follow{'s' * one} {n_rows} with a largest error of {number(error)}{unit}."


def _claim(subject: Subject, certificate: Certificate | None, rows: str) -> str:
    """What is known about the optimum, in plain words."""
    if certificate is None:
        return "Nothing is said about how small it could be: this model carries no certificate."
    among = f", among {certificate.among}" if certificate.among else ""
    if certificate.kind == "none":
        return "How small it could be is not known; nothing is proved about it."
    bound = certificate.lower_bound
    least = {
        "neurons": f"at least {counted(bound, 'neurons')} are needed",
        "parameters": f"at least {counted(bound, 'parameters')} are needed",
        "value": f"the path norm is at least {number(bound, 6)}",
        "objective": f"the objective is at least {number(bound, 6)}",
        "loss": f"the mean loss is at least {number(bound, 6)}",
        "error": f"the largest error is at least {number(bound, 6)}{_unit(subject)}",
    }[certificate.quantity]
    if certificate.kind == "generic":
        return f"For almost all targets {least}{among}; for these very ones that is not proved."
    if not _is_minimal(subject, certificate):
        return f"Proved for {rows}: {least}{among}. Whether so little is enough is open."
    none_less = {
        "neurons": "fewer neurons does so",
        "parameters": "fewer parameters does so",
        "value": "a smaller path norm does so",
        "objective": "a smaller objective exists",
        "loss": "a smaller mean loss exists with so many neurons",
        "error": "so many neurons has a smaller largest error",
    }[certificate.quantity]
    return f"No network with {none_less}{among}: this is proved, for {rows}."


def _is_minimal(subject: Subject, certificate: Certificate | None) -> bool:
    """Whether there is a proved bound that is met."""
    if certificate is None or certificate.kind != "proved":
        return False
    if subject.solution is not None:
        return subject.solution.is_optimal
    counts = {"neurons": subject.network.n_neurons, "parameters": subject.network.n_parameters}
    return certificate.quantity in counts and counts[certificate.quantity] <= certificate.lower_bound


def _size_facts(subject: Subject) -> list[Fact]:
    n_numbers = subject.network.size
    entries = len(subject.X) * (len(subject.inputs) + len(subject.outputs))
    ratio = entries / n_numbers if n_numbers else 0.0
    note = f"{number(ratio, 3)} times fewer than the table" if ratio > 1 else f"the table has {entries:,}"
    return [
        Fact("Neurons", f"{subject.network.n_neurons:,}"),
        Fact("Parameters", f"{n_numbers:,}", "", note),
    ]


def _error_facts(subject: Subject) -> list[Fact]:
    errors = np.abs(subject.residuals).max(axis=1)
    row = int(np.argmax(errors))
    unit = subject.outputs[0].unit
    place = f"row {row:,}, counted from 0"
    if len(subject.inputs) == 1:
        place = f"{subject.inputs[0].name} = {number(subject.X[row, 0], 6)} {subject.inputs[0].unit}".rstrip()
    facts = [Fact("Largest error", number(errors[row]), unit, "" if subject.is_exact else f"at {place}")]
    between = subject.solution.max_error_between if subject.solution is not None else None
    if between is not None:
        facts.append(Fact("Between the rows", number(between), unit, "from the straight lines through them"))
    if subject.is_exact:
        return facts
    rms = float(np.sqrt(np.mean(np.square(subject.residuals / _scale(subject.residuals)))) * _scale(subject.residuals))
    return [*facts, Fact("Typical error", number(rms), unit, "root mean square")]


def _scale(values: np.ndarray) -> float:
    """A power of two near the largest, so that squares stay within float64."""
    return float(2.0 ** np.floor(np.log2(max(float(np.abs(values).max()), 2.0**-1000))))


def _class_facts(subject: Subject) -> list[Fact]:
    hits = subject.predicted.argmax(axis=1) == subject.y[:, 0]
    chosen = subject.predicted[np.arange(len(hits)), subject.y[:, 0].astype(np.intp)]
    loss = float(-np.mean(np.log(np.maximum(chosen, np.finfo(np.float64).tiny))))
    common = float(np.bincount(subject.y[:, 0].astype(np.intp)).max()) / len(hits)
    return [
        Fact(
            "Correct",
            f"{number(100 * float(hits.mean()))} %",
            "",
            f"the commonest class alone: {number(100 * common)} %",
        ),
        Fact("Log loss", number(loss), "", "mean, natural logarithm"),
    ]


def _unit(subject: Subject) -> str:
    unit = subject.outputs[0].unit if len(subject.outputs) == 1 else ""
    return f"\N{NO-BREAK SPACE}{unit}" if unit else ""
