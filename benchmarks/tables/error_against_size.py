"""Error against size where a few numbers are not enough: our path, larger starts, and rivals as points, in one figure.

    python benchmarks/tables/error_against_size.py --draws 2 --out docs/experiments

Four tables whole, 70 % of the rows to fit. Of ours every network of the path that `selection="min"` validates, and of
the same from larger starts: 120 neurons in regression, one for four rows at most, and 24 on all inputs with two classes
(constants of `reluctant.regression.path`, which no argument changes); of the digits the usual start alone, which takes
most of a minute already. Rivals are tuned as `rivals.py` says and counted alike. What was computed is kept under
--cache. Methods whose packages are missing are left out and named.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import datasets
from datasets import Table
from protocol import clipped_log_loss, cpu_seconds
from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.experiments.page import Page, legend_below, new_figure, plain_ticks
from reluctant.regression import path as path_module
from reluctant.report.style import COLOURS
from rivals import METHODS, Settings, why_left_out

TABLES = ("concrete", "saratoga", "digits", "spam")
RIVALS = ("linear", "tree", "earth 1", "earth 2", "MLP", "boosting", "EBM")
NAMES = {"earth 1": "MARS", "earth 2": "MARS, pairs", "MLP": "MLP of 100"}
SLOW = {("digits", "EBM"), ("digits", "larger")}
OURS = {"ours": "our path", "larger": "ours, larger start"}
LARGER = {"MOST_NEURONS": 120, "ROWS_PER_NEURON": 4, "DENSE_NEURONS": 24}
MARKERS = "osD^v*P"
TREE_SIZE = 100
TICKS, TICKS_CLOSE = (0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0), (0.3, 0.35, 0.4, 0.45, 0.5)
Points = list[tuple[int, float]]


@contextmanager
def larger_starts() -> Iterator[None]:
    """Paths that begin with more neurons."""
    with patch.multiple(path_module, **LARGER):
        yield


def error_of(test: Table, predicted: np.ndarray) -> float:
    """1 − R², or the log-loss of probabilities."""
    if test.classify:
        return clipped_log_loss(test.y, predicted)
    return float(np.mean((predicted - test.y) ** 2) / np.var(test.y))


def ours(train: Table, test: Table, seed: int) -> tuple[Points, int]:
    """Every network of the path, and the size of the chosen one."""
    kind = SparseReLUClassifier if train.classify else SparseReLURegressor
    model = kind(selection="min", random_state=seed).fit(train.X, train.y)

    def predicted(network: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        f = network(model.clip_(test.X))
        if not test.classify:
            return f
        return softmax(f, axis=1) if f.ndim > 1 else np.column_stack([expit(-f), expit(f)])

    found = {network.size: error_of(test, predicted(network)) for network in model.path_.networks}
    return sorted(found.items()), model.n_parameters_


def scored(table: str, method: str, seed: int, cache: Path) -> dict[str, Any]:
    """Sizes and errors of a method on the rows held out; what is chosen, and its seconds."""
    kept = cache / f"{method}-{table}-{seed}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    whole = datasets.LOADERS[table]()
    stratify = whole.y if whole.classify else None
    rows = train_test_split(np.arange(len(whole.y)), train_size=0.7, random_state=seed, stratify=stratify)
    train, test = (whole.taken(part) for part in rows)
    began = cpu_seconds()
    if method == "ours":
        points, chosen = ours(train, test, seed)
    elif method == "larger":
        with larger_starts():
            points, chosen = ours(train, test, seed)
    else:
        fitted = METHODS[method](train, Settings(seed, TREE_SIZE))
        points, chosen = [(fitted.n_parameters, error_of(test, fitted.predict(test.X)))], fitted.n_parameters
    points = [(int(size), float(error)) for size, error in points]
    result = {"points": points, "chosen": int(chosen), "seconds": cpu_seconds() - began}
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result))
    return result


def at_most(points: Points, size: float) -> float:
    """The error of the largest network up to a size, NaN where none is so small."""
    return max(((s, e) for s, e in points if s <= size), default=(0, np.nan))[1]


def chosen_point(draws: list[dict[str, Any]]) -> tuple[float, float]:
    """Median size and mean error of what the draws chose."""
    errors = [at_most(draw["points"], draw["chosen"]) for draw in draws]
    return float(np.median([draw["chosen"] for draw in draws])), float(np.mean(errors))


def draw_panel(ax: Any, found: dict[str, list[dict[str, Any]]], what: str, title: str) -> None:
    for colour, (method, label) in zip(("#000000", "#777777"), OURS.items(), strict=True):
        if method not in found:
            continue
        sizes = np.unique([size for draw in found[method] for size, _ in draw["points"]])
        mean = np.mean([[at_most(draw["points"], size) for size in sizes] for draw in found[method]], axis=0)
        ax.plot(sizes, mean, color=colour, linewidth=2, label=label)
        ax.plot(*chosen_point(found[method]), "o", color=colour, markersize=9, fillstyle="none", markeredgewidth=2)
    for k, method in enumerate(RIVALS):
        if method in found:
            colour = (*COLOURS[1:], "#8B4513")[k]
            point = chosen_point(found[method])
            ax.plot(*point, MARKERS[k], color=colour, markersize=7, label=NAMES.get(method, method), linestyle="")
    ax.set_xscale("log")
    ax.set_yscale("log")
    worst = max(chosen_point(draws)[1] for method, draws in found.items() if method not in OURS)
    ax.set_ylim(top=1.1 * worst)
    low, high = ax.get_ylim()
    plain_ticks(ax.yaxis, TICKS if high > 3 * low else TICKS_CLOSE)
    ax.set_title(title)
    ax.set_ylabel(what)


def write(results: dict[str, dict[str, list[dict[str, Any]]]], draws: int, out: Path, missing: list[str]) -> None:
    page = Page("error-against-size", "How near to boosting one hidden layer gets, and at what size", out)
    page.text(
        f"Generated by `python benchmarks/tables/error_against_size.py --draws {draws}`. Four tables that want "
        f"more than a few numbers, whole, {draws} random splits, 70 % of the rows to fit; 1 − R² or the log-loss of "
        'the other rows against numbers stored. Ours with `selection="min"`: the line is its path, the ring what it '
        "chose. Larger starts begin with up to 120 neurons in regression and 24 on all inputs with two classes, for 40 "
        "and 8; no argument does that. Rivals are tuned and counted as in [noisy tables](../noisy_tables.md); the tree "
        f"has about {TREE_SIZE} numbers."
    )
    if missing:
        page.text("Left out: " + "; ".join(missing) + ".")
    figure, axes = new_figure(2, 2, size=(8.0, 6.6))
    lines = []
    for ax, (table, found) in zip(np.ravel(axes), results.items(), strict=False):
        classify = datasets.LOADERS[table]().classify
        draw_panel(ax, found, "log-loss" if classify else "1 − R²", table)
        for method, draws_of in found.items():
            size, error = chosen_point(draws_of)
            best = min(error for _, error in _mean_path(draws_of))
            seconds = np.mean([draw["seconds"] for draw in draws_of])
            name = OURS.get(method, NAMES.get(method, method))
            lines.append([table, name, f"{error:.3f}", f"{size:.0f}", f"{best:.3f}", f"{seconds:.1f}"])
    for ax in np.ravel(axes)[-2:]:
        ax.set_xlabel("numbers stored")
    legend_below(figure, np.ravel(axes)[0])
    page.figure("figure", figure, "Error on rows held out against numbers stored, both axes logarithmic")
    page.table(
        "Errors of what was chosen, and the least along the path, which nobody knows beforehand",
        ["table", "method", "1 − R² or log-loss", "numbers", "least on the path", "fit s"],
        lines,
    )
    page.write()


def _mean_path(draws: list[dict[str, Any]]) -> Points:
    sizes = sorted({size for draw in draws for size, _ in draw["points"]})
    means = [(size, float(np.mean([at_most(draw["points"], size) for draw in draws]))) for size in sizes]
    return [(size, error) for size, error in means if np.isfinite(error)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "reluctant-error-against-size")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"))
    options = parser.parse_args()
    results: dict[str, dict[str, list[dict[str, Any]]]] = {}
    missing: list[str] = []
    warnings.filterwarnings("ignore", category=ConvergenceWarning)  # 300 steps are what the MLP gets, converged or not
    with threadpool_limits(1):
        for table in options.tables:
            whole = replace(datasets.LOADERS[table](), name=table)
            results[table] = {}
            for method in (*OURS, *RIVALS):
                reason = "it takes too long" if (table, method) in SLOW else None
                reason = reason or (why_left_out(method, whole) if method not in OURS else None)
                if reason:
                    missing.append(f"{OURS.get(method, NAMES.get(method, method))} on {table} ({reason})")
                    continue
                draws = [scored(table, method, seed, options.cache) for seed in range(options.draws)]
                results[table][method] = draws
                print(table, method, np.round(chosen_point(draws), 4), f"{draws[0]['seconds']:.1f} s", flush=True)
    write(results, options.draws, options.out, missing)


if __name__ == "__main__":
    main()
