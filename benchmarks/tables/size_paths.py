"""The size path of real tables beside MARS, EBM, APLR and a tree, at equal numbers stored.

    python benchmarks/tables/size_paths.py --draws 5 --out docs/experiments

A draw splits the rows at random, 70 % to fit; every method gives models of many sizes from these rows alone, and what
is scored for a size is its largest model that stores no more numbers. What was computed is kept under --cache. Needs
`interpret-core` and `aplr` from PyPI and R with the package `earth`; a method whose tools are missing is left out, and
the page says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor

import datasets
import mars
from protocol import cpu_seconds
from reluctant import size_path
from reluctant.experiments.page import Page, legend_below, new_figure, plain_ticks
from reluctant.report.style import COLOURS
from rivals import PACKAGES

TABLES = ("diabetes", "hitters", "auto mpg", "carseats", "college", "concrete")
SIZES = (5, 10, 20, 40, 80, 160)
Model = tuple[int, np.ndarray]
"""Numbers stored, and predictions of the rows held out."""
Method = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Iterator[Model]]

EARTH = """
library(earth)
args <- commandArgs(TRUE)
train <- as.matrix(read.csv(args[1], header=FALSE)); test <- as.matrix(read.csv(args[2], header=FALSE))
d <- ncol(test); x <- train[, 1:d, drop=FALSE]; colnames(x) <- colnames(test) <- paste0("x", 1:d)
full <- earth(x, train[, d + 1], degree=as.integer(args[3]), nk=120, thresh=1e-5)
for (k in seq_len(nrow(full$dirs))) {
  model <- update(full, nprune=k)
  kept <- full$dirs[model$selected.terms, , drop=FALSE]
  stored <- length(model$selected.terms) + sum(abs(kept) == 1)
  cat(stored, predict(model, test), sep=" "); cat("\\n")
}
"""


def reluctant_path(X: np.ndarray, y: np.ndarray, Z: np.ndarray, seed: int) -> Iterator[Model]:
    path = size_path(X, y, random_state=seed)
    for size, network in zip(path.sizes, path.networks):
        yield int(size), network(Z)


def earth(degree: int) -> Method:
    """MARS as the package earth fits it, pruned to each number of terms; a hinge stores its knot besides."""

    def models(X: np.ndarray, y: np.ndarray, Z: np.ndarray, seed: int) -> Iterator[Model]:
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder) / name) for name in ("train.csv", "test.csv", "fit.R")]
            np.savetxt(files[0], np.column_stack([X, y]), delimiter=",", fmt="%.17g")
            np.savetxt(files[1], Z, delimiter=",", fmt="%.17g")
            Path(files[2]).write_text(EARTH)
            call = ["Rscript", files[2], files[0], files[1], str(degree)]
            printed = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        for line in printed.splitlines():
            stored, *values = line.split()
            yield int(stored), np.array(values, dtype=float)

    return models


def ebm(X: np.ndarray, y: np.ndarray, Z: np.ndarray, seed: int) -> Iterator[Model]:
    """Explainable boosting of one input at a time; equal neighbouring bins are stored once, with their edge."""
    from interpret.glassbox import ExplainableBoostingRegressor

    for bins in (3, 9, 33):
        model = ExplainableBoostingRegressor(interactions=0, max_bins=bins + 1, n_jobs=1, random_state=seed).fit(X, y)
        stored = 1
        for scores in model.term_scores_:
            used = np.asarray(scores)[1:-1]  # without the bins for missing and unseen values
            steps = int(np.count_nonzero(np.diff(used)))
            stored += 2 * steps + 1 if steps else 0
        yield stored, model.predict(Z)


def aplr(X: np.ndarray, y: np.ndarray, Z: np.ndarray, seed: int) -> Iterator[Model]:
    """Automatic piecewise linear regression of both kinds; a term stores its coefficient and its split, if any."""
    from aplr import APLRRegressor

    for steps in (1, 2, 5, 15, 50, 150, 500):
        model = APLRRegressor(m=steps, max_interaction_level=1, random_state=seed)
        model.fit(np.ascontiguousarray(X), y)
        terms = [name for name in model.get_term_names() if name != "Intercept"]
        coefficients = np.asarray(model.get_term_coefficients())[-len(terms) :] if terms else np.zeros(0)
        splits = [name.count("max(") + name.count("min(") for name in terms]
        stored = 1 + sum(1 + split for split, value in zip(splits, coefficients) if value != 0)
        yield stored, model.predict(np.ascontiguousarray(Z))


def tree(X: np.ndarray, y: np.ndarray, Z: np.ndarray, seed: int) -> Iterator[Model]:
    """Leaves with a value each, inner nodes with a column and a threshold."""
    for leaves in range(2, 60):
        model = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=5, random_state=seed).fit(X, y)
        yield 3 * model.get_n_leaves() - 2, model.predict(Z)


METHODS: dict[str, Method] = {
    "ours": reluctant_path,
    "MARS": earth(1),
    "MARS, pairs": earth(2),
    "EBM": ebm,
    "APLR": aplr,
    "tree": tree,
}


def is_here(method: str) -> bool:
    if method.startswith("MARS"):
        return mars.why_not() is None
    return method not in PACKAGES or importlib.util.find_spec(PACKAGES[method]) is not None


def scores(method: str, table: str, seed: int, cache: Path) -> dict[str, Any]:
    """R² on the rows held out for each size, NaN where the smallest model is larger; and the seconds."""
    kept = cache / f"{method}-{table}-{seed}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    whole = datasets.LOADERS[table]()
    X, Z, y, target = train_test_split(whole.X, whole.y, train_size=0.7, random_state=seed)
    began = cpu_seconds()
    models = [(s, float(1 - np.mean((v - target) ** 2) / np.var(target))) for s, v in METHODS[method](X, y, Z, seed)]
    found = {str(size): max([one for one in models if one[0] <= size], default=(0, np.nan))[1] for size in SIZES}
    result = {"scores": found, "seconds": cpu_seconds() - began}
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result))
    return result


def write(results: dict[tuple[str, str], list[dict[str, Any]]], draws: int, out: Path, missing: list[str]) -> None:
    """The page: a figure of all tables, a table of means with standard errors, and who is best where."""
    page = Page("size-paths", "The size path beside MARS, EBM, APLR and a tree", out)
    page.text(
        f"Generated by `python benchmarks/tables/size_paths.py --draws {draws}`. Real tables, {draws} random splits "
        "each (70 % of the rows to fit); the R² of the other rows for the largest model of each method that stores no "
        "more than so many numbers. What counts: every number that prediction needs, without the names of columns, "
        "but for a tree, whose nodes name theirs: nonzero parameters of a network; coefficients and knots of MARS and "
        "APLR; scores and edges of an EBM, equal neighbours once; leaves, thresholds and columns of a tree. A method "
        "that has nothing so small has no entry. Nothing is tuned: `size_path` as it stands, earth with its own "
        "pruning criterion (to at most so many terms), EBM by 3, 9 and 33 bins, APLR by its steps. `size_path` was "
        "developed on halves of these tables."
    )
    if missing:
        page.text(f"Left out, because their tools were missing: {', '.join(missing)}.")
    names = [method for method in METHODS if method not in missing]
    tables = sorted({table for _, table in results}, key=TABLES.index)
    figure, axes = new_figure(2, 3, size=(7.2, 5.2))
    for ax, table in zip(np.ravel(axes), tables):
        for method, colour in zip(names, COLOURS):
            mean, error = summary(results[method, table])
            ax.errorbar(SIZES, mean, error, color=colour, label=method, linewidth=2.4 if method == "ours" else 1.2)
        ax.set_xscale("log")
        plain_ticks(ax.xaxis, SIZES)
        ax.set_title(table)
        ax.set_ylim(bottom=max(ax.get_ylim()[0], -0.1))
    legend_below(figure, np.ravel(axes)[0])
    page.figure("r2", figure, "R² on rows held out against numbers stored, with standard errors over the draws")
    rows = []
    few, many = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for table in tables:
        means = {method: summary(results[method, table]) for method in names}
        for k, size in enumerate(SIZES):
            top = max((means[m][0][k] for m in names if np.isfinite(means[m][0][k])), default=np.nan)
            for m in names:
                (few if size <= 20 else many)[m] += bool(means[m][0][k] == top)
            rows.append([table, size, *(_cell(means[m][0][k], means[m][1][k], top) for m in names)])
    page.table("R2", ["table", "numbers", *names], rows)
    for what, best in (("At most 20 numbers", few), ("40 and more", many)):
        page.text(f"{what}, best by the mean: " + ", ".join(f"{m} {n}" for m, n in best.items()) + ".")
    page.write()


def _cell(mean: float, error: float, top: float) -> str:
    if not np.isfinite(mean):
        return "–"
    text = f"{mean:.3f} ± {error:.3f}"
    return f"**{text}**" if mean == top else text


def summary(found: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Means over the draws and their standard errors; NaN where a draw has none."""
    values = np.array([[one["scores"][str(size)] for size in SIZES] for one in found])
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "reluctant-size-paths")
    parser.add_argument("--out", type=Path, default=Path("docs/experiments"))
    options = parser.parse_args()
    missing = [method for method in METHODS if not is_here(method)]
    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table in options.tables:
        for method in METHODS:
            if method not in missing:
                draws = [scores(method, table, seed, options.cache) for seed in range(options.draws)]
                results[method, table] = draws
                print(table, method, np.round(summary(draws)[0], 3), f"{draws[0]['seconds']:.1f} s", flush=True)
    write(results, options.draws, options.out, missing)


if __name__ == "__main__":
    main()
