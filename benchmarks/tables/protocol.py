"""One table, one half, the same folds for every method; results kept in files so that a run can be resumed.

Five-fold cross-validation, twice or as often as asked, stratified for classes. Scores of a fold: R² = 1 − (mean squared
error) / (variance of y over the whole half), mean over outputs, which has a meaning on small folds too; accuracy;
log-loss, with probabilities clipped to [10^-6, 1 − 10^-6]. For the expected calibration error of the likeliest class
each fold keeps what ten equal bins of confidence need, since only a whole repetition has rows enough.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

from datasets import Table
from outcome import FOLDS, Outcome, calibration
from rivals import METHODS, NEEDS_SIZE, Settings


def folds(table: Table, repetitions: int) -> list[tuple[np.ndarray, np.ndarray]]:
    kind = RepeatedStratifiedKFold if table.classify else RepeatedKFold
    return list(kind(n_splits=FOLDS, n_repeats=repetitions, random_state=0).split(table.X, table.y))


def evaluate(method: str, train: Table, test: Table, settings: Settings, variance: np.ndarray) -> Outcome:
    """Fit and score; `variance` of the targets is the unit of R²."""
    start = cpu_seconds()
    fitted = METHODS[method](train, settings)
    fit_seconds = cpu_seconds() - start
    predicted = np.asarray(fitted.predict(test.X))
    if test.classify:
        score = float(np.mean(predicted.argmax(axis=1) == test.y))
        loss = clipped_log_loss(test.y, predicted)
        gaps, variances = calibration(test.y, predicted)
    else:
        score, loss, gaps, variances = r_squared(test.y, predicted, variance), None, None, None
    return Outcome(
        score=score,
        n_rows=len(test.y),
        log_loss=loss,
        calibration_gaps=gaps,
        n_parameters=int(fitted.n_parameters),
        n_neurons=None if fitted.n_neurons is None else int(fitted.n_neurons),
        fit_seconds=fit_seconds,
        predict_microseconds=1e6 * seconds_a_row(fitted.predict, test.X),
        weight_decay=fitted.weight_decay,
        calibration_variances=variances,
    )


def cpu_seconds() -> float:
    """CPU seconds of this process and of those it has waited for (R)."""
    return sum(os.times()[:4])


def r_squared(y: np.ndarray, predicted: np.ndarray, variance: np.ndarray) -> float:
    errors = (predicted.reshape(len(y), -1) - y.reshape(len(y), -1)) ** 2
    return float(np.mean(1 - errors.mean(axis=0) / variance))


def clipped_log_loss(y: np.ndarray, probabilities: np.ndarray) -> float:
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(log_loss(y, clipped, labels=np.arange(probabilities.shape[1])))


def seconds_a_row(predict: Callable[[np.ndarray], object], X: np.ndarray, rows: int = 1000, repeats: int = 3) -> float:
    """CPU seconds a row when a thousand rows are predicted at once, the best of three."""
    block = np.resize(X, (rows, X.shape[1]))
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        predict(block)
        seconds.append(time.process_time() - start)
    return min(seconds) / rows


def run_table(
    table: Table, methods: list[str], repetitions: int, cache: Path, default_size: int | None
) -> dict[str, list[Outcome]]:
    """Outcomes of each method over the folds; those that others take a size or a weight decay from come first."""
    done: dict[str, list[Outcome]] = {}
    for method in methods:
        done[method] = []
        for fold, (train, test) in enumerate(folds(table, repetitions)):
            size = decay = None
            if method in NEEDS_SIZE:
                size = done["reluctant"][fold].n_parameters if "reluctant" in done else default_size
                decay = done["MLP"][fold].weight_decay if "MLP" in done else None
            settings = Settings(fold, size, decay)
            run = partial(evaluate, method, table.taken(train), table.taken(test), settings, table.y.var(axis=0))
            name = f"{table.name}.{fold}.json" if size is None else f"{table.name}.{fold}.size-{size}.json"
            done[method].append(kept(cache / method / name, run))
    return done


def kept(path: Path, compute: Callable[[], Outcome]) -> Outcome:
    """The outcome in the file, computed and written first if there is none."""
    if path.exists():
        return Outcome(**json.loads(path.read_text()))
    outcome = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(outcome)))
    return outcome
