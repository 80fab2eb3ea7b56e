"""What the outcomes say: rows for a table, paired differences, and the summary.

A difference between two methods is paired fold by fold. Its standard error is s √(1/J + 1/(K − 1)) for J folds of
K-fold cross-validation, which accounts for the overlap of the training sets [Nadeau and Bengio 2003]; the plain s / √J,
smaller and so a harder test of "within one standard error", is given beside it in the summary's first line.

A calibration error is a sum of absolute values over the rows of a repetition, which noise alone makes positive: "by
chance" is what a model would show whose confidences are all right, the gaps of the bins being about normal. The
difference of two has the standard error s / √J of the jackknife's pseudo-values, one for each fold left out. Where two
models are equally good it covers the true difference, 0, in 60 to 80 of 100 simulated tables, where a normal error
would in 68; corrected for overlap it would in 95.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import numpy as np

from outcome import FOLDS, Outcome

OURS = "reluctant"
FEW_ROWS = 300
Results = dict[str, list[Outcome]]
HEAD = (
    "table", "method", "score", "difference", "log-loss", "ECE", "by chance", "parameters", "neurons", "fit s",
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
        "" if any(fold.calibration_variances is None for fold in folds) else f"{error_by_chance(folds):.3f}",
        f"{median(fold.n_parameters for fold in folds):.0f}",
        f"{median(fold.n_neurons for fold in folds):.0f}" if neurons else "",
        f"{median(fold.fit_seconds for fold in folds):.2f}",
        f"{median(fold.predict_microseconds for fold in folds):.2f}",
    ]


def repetitions(folds: Sequence[Outcome]) -> list[Sequence[Outcome]]:
    return [folds[i : i + FOLDS] for i in range(0, len(folds), FOLDS)]


def pooled_error(folds: Sequence[Outcome]) -> float:
    """Σ over bins |right answers − summed confidence| / N."""
    return float(np.abs(np.sum([fold.calibration_gaps for fold in folds], axis=0)).sum()) / n_rows(folds)


def n_rows(folds: Sequence[Outcome]) -> int:
    return sum(fold.n_rows for fold in folds)


def calibration_error(folds: Sequence[Outcome]) -> float:
    """The pooled error of each repetition, mean over the repetitions."""
    return fmean(map(pooled_error, repetitions(folds)))


def error_by_chance(folds: Sequence[Outcome]) -> float:
    """The calibration error to be expected were every confidence right: E|z| = √(2 / π) σ."""
    return fmean(
        float(np.sqrt(2 / np.pi * np.sum([fold.calibration_variances for fold in part], axis=0)).sum()) / n_rows(part)
        for part in repetitions(folds)
    )


def calibration_difference(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> Difference:
    """Calibration error of ours minus theirs, with its jackknife standard error in both places."""
    pseudo_values: list[float] = []
    for a, b in zip(repetitions(ours), repetitions(theirs)):
        whole, n_folds = pooled_error(a) - pooled_error(b), len(a)
        for k in range(n_folds):
            left = [pooled_error([*each[:k], *each[k + 1 :]]) for each in (a, b)]
            pseudo_values.append(n_folds * whole - (n_folds - 1) * (left[0] - left[1]))
    error = float(np.std(pseudo_values, ddof=1)) / len(pseudo_values) ** 0.5
    return Difference(calibration_error(ours) - calibration_error(theirs), error, error)


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
    questions = [beside_mlp, beside_equal_size, few_rows_beside_linear]
    if classified(having(results, "linear")):
        questions += [log_loss_beside_logistic, calibration_beside_logistic]
    others = dict.fromkeys(
        method for found in results.values() for method in found if method not in (OURS, "pruned MLP")
    )
    return [question(results) for question in questions] + [beside_rival(results, method) for method in others]


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
    worse, by_half, by_one = [], 0, 0
    for table, found in tables.items():
        gap, better = min(((advantage(found, m), m) for m in ("linear", "pruned MLP")), key=lambda pair: pair[0].mean)
        if gap.mean < 0:
            worse.append(f"{table} ({better}, {gap})")
            by_half += gap.mean < -0.5 * gap.error
            by_one += gap.mean < -gap.error
    claim = "Worse in the mean than the better of the linear model and the pruned MLP of equal size (R², or log-loss)"
    counts = (
        f"{len(worse)} of {len(tables)} tables, {by_half} by more than half a paired error, {by_one} by more than one"
    )
    return f"{claim}: {counts}: {listed(worse)}."


def beside_rival(results: dict[str, Results], method: str) -> str:
    """Where a rival is better than ours, and where worse, by R² or log-loss and more than one paired standard error."""
    gaps = {table: advantage(found, method) for table, found in having(results, method).items()}
    ahead = sum(gap.mean > 0 for gap in gaps.values())
    clearly = sum(gap.mean > gap.error for gap in gaps.values())
    behind = [f"{table} ({gap})" for table, gap in gaps.items() if gap.mean < -gap.error]
    counts = f"ahead of it in the mean on {ahead} of {len(gaps)} tables, {clearly} by more than one paired error"
    return f"{method} (R², or log-loss of classes): {counts}; behind by more on {len(behind)}: {listed(behind)}."


def advantage(found: Results, method: str) -> Difference:
    """By how much ours is better than a rival, in R² or log-loss."""
    if found[OURS][0].log_loss is None:
        return difference(found[OURS], found[method])
    gap = difference(found[OURS], found[method], "log_loss")
    return replace(gap, mean=-gap.mean)


def few_rows_beside_linear(results: dict[str, Results]) -> str:
    """Means over the tables of at most 300 rows, which the test rows of one repetition add up to."""
    few = {
        table: found for table, found in having(results, "linear").items() if n_rows(found[OURS][:FOLDS]) <= FEW_ROWS
    }
    classes = classified(few)
    numbers = {table: found for table, found in few.items() if table not in classes}
    r2, loss = in_the_mean(numbers, mean_of("score")), in_the_mean(classes, mean_of("log_loss"))
    claim = f"At most {FEW_ROWS} rows, ours against the linear model"
    return f"{claim}: R² of {len(numbers)} tables, {r2}; log-loss of {len(classes)}, {loss}."


def mean_of(measure: str) -> Callable[[list[Outcome]], float]:
    return lambda folds: fmean(getattr(fold, measure) for fold in folds)


def log_loss_beside_logistic(results: dict[str, Results]) -> str:
    tables = classified(having(results, "linear"))
    gaps = {table: difference(found[OURS], found["linear"], "log_loss") for table, found in tables.items()}
    worse = [f"{table} ({gap})" for table, gap in gaps.items() if gap.mean > gap.error]
    means = in_the_mean(tables, mean_of("log_loss"))
    return f"Log-loss above logistic regression's by more than one paired standard error: {listed(worse)}; {means}."


def calibration_beside_logistic(results: dict[str, Results]) -> str:
    tables = classified(having(results, "linear"))
    gaps = {table: calibration_difference(found[OURS], found["linear"]) for table, found in tables.items()}
    worse = {table: f"{table} ({gap})" for table, gap in gaps.items() if gap.mean > 0}
    clearly = [text for table, text in worse.items() if gaps[table].mean > gaps[table].error]
    claim = "Calibration error above logistic regression's by more than one standard error"
    above = f"above in the mean on {len(worse)} of {len(tables)} tables: {listed([*worse.values()])}"
    return f"{claim}: {listed(clearly)}; {above}; {in_the_mean(tables, calibration_error)}."


def in_the_mean(tables: dict[str, Results], measure: Callable[[list[Outcome]], float]) -> str:
    """A measure of ours and of the linear model, averaged over the tables."""
    if not tables:
        return "no table"
    ours, theirs = (fmean(measure(found[method]) for found in tables.values()) for method in (OURS, "linear"))
    return f"mean over the tables {ours:.3f} against {theirs:.3f}"


def classified(results: dict[str, Results]) -> dict[str, Results]:
    return {table: found for table, found in results.items() if found[OURS][0].log_loss is not None}


def listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "nowhere"
