"""What the outcomes say: rows for a table, paired differences, and the summary.

A difference between two methods is paired fold by fold. Its standard error is s √(1/J + 1/(K − 1)) for J folds of
K-fold cross-validation, which accounts for the overlap of the training sets [Nadeau and Bengio 2003]; the plain s / √J,
smaller and so a harder test of "within one standard error", is given beside it in the summary's first line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from protocol import FOLDS, Outcome

OURS = "reluctant"
Results = dict[str, list[Outcome]]
HEAD = (
    "table", "method", "score", "difference", "log-loss", "ECE", "parameters", "neurons", "fit s",
    "predict µs/row",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Mean over the folds, with its corrected and its plain standard error."""

    mean: float
    error: float
    plain_error: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ± {self.error:.3f}"


def difference(ours: Sequence[Outcome], theirs: Sequence[Outcome], measure: str = "score") -> Difference:
    """Mean of ours minus theirs over the folds that both have."""
    gaps = np.array([getattr(a, measure) - getattr(b, measure) for a, b in zip(ours, theirs)])
    spread, n_folds = float(np.std(gaps, ddof=1)), len(gaps)
    return Difference(float(np.mean(gaps)), spread * (1 / n_folds + 1 / (FOLDS - 1)) ** 0.5, spread / n_folds**0.5)


def rows(table: str, results: Results) -> list[list[str]]:
    """One row a method: mean scores, paired difference to the first method, medians of counts and times."""
    reference = next(iter(results))
    return [row(table, method, results[method], results[reference], method == reference) for method in results]


def row(table: str, method: str, folds: list[Outcome], reference: list[Outcome], is_reference: bool) -> list[str]:
    neurons = folds[0].n_neurons is not None
    return [
        table,
        method,
        f"{fmean(fold.score for fold in folds):.3f}",
        "" if is_reference else str(difference(folds, reference)),
        "" if folds[0].log_loss is None else f"{fmean(fold.log_loss for fold in folds):.3f}",
        "" if folds[0].calibration_gaps is None else f"{calibration_error(folds):.3f}",
        f"{median(fold.n_parameters for fold in folds):.0f}",
        f"{median(fold.n_neurons for fold in folds):.0f}" if neurons else "",
        f"{median(fold.fit_seconds for fold in folds):.2f}",
        f"{median(fold.predict_microseconds for fold in folds):.2f}",
    ]


def calibration_error(folds: Sequence[Outcome]) -> float:
    """Σ over bins |right answers − summed confidence| / N of each repetition, mean over the repetitions."""
    repetitions = [folds[i : i + FOLDS] for i in range(0, len(folds), FOLDS)]
    return fmean(
        float(np.sum(np.abs(np.sum([fold.calibration_gaps for fold in part], axis=0))))
        / sum(fold.n_rows for fold in part)
        for part in repetitions
    )


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A padded markdown table: text to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *body)]
    left = 2

    def line(cells: Sequence[str]) -> str:
        padded = [f"{c:<{w}}" if i < left else f"{c:>{w}}" for i, (c, w) in enumerate(zip(cells, widths))]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, body)])


def summary(results: dict[str, Results]) -> list[str]:
    """How ours, where it has run, stands beside the others; `results[table][method]`."""
    if not having(results):
        return []
    questions = (
        beside_mlp, beside_equal_size, beside_boosting, log_loss_beside_logistic, calibration_beside_logistic
    )  # fmt: skip
    return [question(results) for question in questions]


def having(results: dict[str, Results], *methods: str) -> dict[str, Results]:
    return {table: found for table, found in results.items() if {OURS, *methods} <= found.keys()}


def beside_mlp(results: dict[str, Results]) -> str:
    tables = having(results, "MLP")
    reached, reached_plain, missed = 0, 0, []
    for table, found in tables.items():
        gap = difference(found[OURS], found["MLP"])
        share = median(b.n_parameters / a.n_parameters for a, b in zip(found[OURS], found["MLP"]))
        if share >= 20 and gap.mean >= -gap.error:
            reached += 1
            reached_plain += gap.mean >= -gap.plain_error
        else:
            missed.append(f"{table} ({gap}, 1/{share:.0f} of the parameters)")
    claim = "Within one paired standard error of the MLP, or better, with at most 1/20 of its parameters"
    return f"{claim}: {reached} of {len(tables)} tables ({reached_plain} by the plain error). Not: {listed(missed)}."


def beside_equal_size(results: dict[str, Results]) -> str:
    tables = having(results, "linear", "pruned MLP")
    worse, clearly = [], 0
    for table, found in tables.items():
        better = max(("linear", "pruned MLP"), key=lambda method: fmean(fold.score for fold in found[method]))
        gap = difference(found[OURS], found[better])
        if gap.mean < 0:
            worse.append(f"{table} ({better}, {gap})")
            clearly += gap.mean < -gap.error
    claim = "Worse in the mean than the better of the linear model and the pruned MLP of equal size"
    counts = f"{len(worse)} of {len(tables)} tables, {clearly} by more than one paired standard error"
    return f"{claim}: {counts}: {listed(worse)}."


def beside_boosting(results: dict[str, Results]) -> str:
    gaps = {table: difference(f["boosting"], f[OURS]) for table, f in having(results, "boosting").items()}
    wins = [f"{table} ({gap})" for table, gap in gaps.items() if gap.mean > gap.error]
    return f"Boosting is better by more than one paired standard error: {listed(wins)}."


def log_loss_beside_logistic(results: dict[str, Results]) -> str:
    tables = classified(having(results, "linear"))
    gaps = {table: difference(found[OURS], found["linear"], "log_loss") for table, found in tables.items()}
    worse = [f"{table} ({gap})" for table, gap in gaps.items() if gap.mean > gap.error]
    return f"Log-loss above logistic regression's by more than one paired standard error: {listed(worse)}."


def calibration_beside_logistic(results: dict[str, Results]) -> str:
    worse = []
    tables = classified(having(results, "linear"))
    for table, found in tables.items():
        ours, theirs = calibration_error(found[OURS]), calibration_error(found["linear"])
        if ours > theirs:
            worse.append(f"{table} ({ours:.3f} against {theirs:.3f})")
    return f"Calibration error above logistic regression's: {listed(worse)}, of {len(tables)} tables."


def classified(results: dict[str, Results]) -> dict[str, Results]:
    return {table: found for table, found in results.items() if found[OURS][0].log_loss is not None}


def listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nowhere"
