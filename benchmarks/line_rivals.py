"""The fewest knots within a tolerance beside the rules that data bases and line simplifiers use, in one run.

    pip install pygm simplification swinging-door
    apt-get install r-base-core r-cran-segmented
    python benchmarks/line_rivals.py                          10^6 rows, about two minutes
    python benchmarks/line_rivals.py --quick                  10^5 rows
    python benchmarks/line_rivals.py --page docs/experiments  without R, and the page line-at-scale with its figure

Two uses of the same question. Sorted keys are to be mapped to their positions within ε rows, as learned indices do:
RadixSpline's greedy corridor (knots at keys, Kipf et al. 2020) and PGM's disjoint lines (Ferragina and Vinciguerra
2020, `pygm`). Samples of a signal are to be kept within ε: the swinging door in both readings, correct (a sample is
kept where the corridor from the last one kept closes) and as packaged, and Douglas and Peucker (`simplification`),
whose distance is perpendicular: "error/ε" is the largest vertical error of each rule, in units of ε.

Stored numbers: two for each end of a link where lines join, three for each line that stands alone. Seconds are CPU
seconds, the least of three runs after compilation; those of `pygm` include reading the keys through an iterator, and
the packaged swinging door is plain Python. A tool that is not installed is left out with a line that says so.

Least squares with a given number of knots is compared with R's `segmented` (Muggeo 2003), which starts from a guess of
the breakpoints and moves them; its seconds are those of the fit alone, reckoned by R. It allows knots anywhere, so it
may be lower than our optimum, which is that for knots at data points.
"""

from __future__ import annotations

import argparse
import importlib
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from reluctant import approximate, regress
from reluctant.experiments.page import MARKERS, Page, new_figure, plain_ticks
from reluctant.report.style import COLOURS

Points = tuple[np.ndarray, np.ndarray]


class Result(NamedTuple):
    """What a rule makes of a table."""

    table: str
    n: int
    tolerance: float
    rule: str
    pieces: int
    stored: int
    error: float
    seconds: float


OURS, CORRIDOR, PGM, DOOR, PACKAGED, DOUGLAS = (
    "fewest knots (ours)",
    "greedy corridor",
    "disjoint lines (pygm)",
    "swinging door, correct",
    "swinging door, packaged",
    "Douglas-Peucker",
)
LABELS = {
    CORRIDOR: CORRIDOR,
    PGM: f"{PGM}, with jumps",
    DOOR: DOOR,
    PACKAGED: f"{PACKAGED}, leaves ε",
    DOUGLAS: f"{DOUGLAS}, across the line",
}
CONTINUOUS = {OURS: "yes", CORRIDOR: "yes", PGM: "no", DOOR: "yes", PACKAGED: "yes", DOUGLAS: "yes"}


@njit
def _corridor(x: np.ndarray, y: np.ndarray, tolerance: float) -> np.ndarray:
    """Rows kept by the greedy corridor: every line goes through rows, from the last one kept."""
    kept = np.empty(len(x), np.int64)
    kept[0], n_kept, start = 0, 1, 0
    low, high = -math.inf, math.inf
    i = 1
    while i < len(x):
        slope = (y[i] - y[start]) / (x[i] - x[start])
        if slope < low or slope > high:  # the line to this row leaves the corridor: the row before ends the link
            kept[n_kept], n_kept, start = i - 1, n_kept + 1, i - 1
            low, high = -math.inf, math.inf
            continue
        low = max(low, (y[i] - tolerance - y[start]) / (x[i] - x[start]))
        high = min(high, (y[i] + tolerance - y[start]) / (x[i] - x[start]))
        i += 1
    kept[n_kept] = len(x) - 1
    return kept[: n_kept + 1]


def corridor(x: np.ndarray, y: np.ndarray, tolerance: float) -> Points:
    rows = _corridor(x, y, tolerance)
    return x[rows], y[rows]


def optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the least CPU seconds of three runs."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        found = action()
        spent.append(time.process_time() - start)
    return found, min(spent)


def show(found: Result) -> Result:
    name, n, tolerance, rule, pieces, stored, error, spent = found
    print(f"{name:12} {n:8d} {tolerance:9.3g} {rule:24} {pieces:8d} {stored:9d} {error / tolerance:8.3f} {spent:9.3f}")
    return found


def head(title: str) -> None:
    print(f"\n{title}")
    print(
        f"{'data':12} {'N':>8} {'tolerance':>9} {'rule':24} {'pieces':>8} {'numbers':>9} {'error/ε':>8} {'seconds':>9}"
    )


def joined_lines(
    name: str, x: np.ndarray, y: np.ndarray, tolerance: float, rules: dict[str, Callable]
) -> Iterator[Result]:
    """Rules that return the ends of joined links."""
    for rule, action in rules.items():
        points, spent = timed(lambda: action(x, y, tolerance))
        at, values = points
        error = float(np.max(np.abs(np.interp(x, at, values) - y)))
        yield show(Result(name, len(x), tolerance, rule, len(at) - 1, 2 * len(at), error, spent))


def ours(x: np.ndarray, y: np.ndarray, tolerance: float) -> Points:
    solution = approximate(x, y, tolerance=tolerance)
    assert solution.is_optimal
    at = np.concatenate([x[:1], solution.function.knots, x[-1:]])
    return at, solution.predict(at)


def keys(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Sorted distinct keys, drawn from three laws."""
    rng = np.random.default_rng(seed)
    clusters = rng.uniform(size=100)[rng.integers(0, 100, n)]
    drawn = {
        "uniform": rng.uniform(size=n),
        "lognormal": rng.lognormal(0.0, 2.0, size=n),
        "clustered": clusters + 1e-3 * rng.normal(size=n),
    }
    return {name: np.unique(values) for name, values in drawn.items()}


def indices(n: int) -> Iterator[Result]:
    pygm = optional("pygm")
    head("Keys to positions within ε rows; pieces are links")
    for name, x in keys(n).items():
        y = np.arange(float(len(x)))
        for tolerance in (16, 64, 256):
            yield from joined_lines(name, x, y, float(tolerance), {OURS: ours, CORRIDOR: corridor})
            if pygm is not None:
                lines, spent = timed(lambda: pygm.SortedList(x, "d", tolerance).stats()["leaf segments"])
                yield show(Result(name, len(x), tolerance, PGM, lines, 3 * lines, math.nan, spent))


def signals(n: int, seed: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Evenly spaced samples, and their tolerance."""
    rng = np.random.default_rng(seed)
    x = np.arange(float(n))
    wave = 20 * np.sin(x * (2 * math.pi / 2000)) + 0.1 * rng.normal(size=n)
    steps = np.repeat(rng.normal(size=-(-n // 500)), 500)[:n] + 0.01 * rng.normal(size=n)
    return {
        "walk": (x, np.cumsum(rng.normal(size=n)), 1.0),
        "slow walk": (x, np.cumsum(rng.normal(size=n)), 10.0),
        "noisy wave": (x, wave, 0.5),
        "steps": (x, steps, 0.05),
    }


def simplified(module: ModuleType) -> Callable[[np.ndarray, np.ndarray, float], Points]:
    def rule(x: np.ndarray, y: np.ndarray, tolerance: float) -> Points:
        rows = module.simplify_coords_idx(np.column_stack([x, y]), tolerance)
        return x[rows], y[rows]

    return rule


def packaged_door(module: ModuleType) -> Callable[[np.ndarray, np.ndarray, float], Points]:
    def rule(x: np.ndarray, y: np.ndarray, tolerance: float) -> Points:
        rows = zip(x.tolist(), y.tolist(), strict=True)
        at, values = np.array(list(module.swinging_door(rows, tolerance))).T
        return at, values

    return rule


def samples(n: int) -> Iterator[Result]:
    rules: dict[str, Callable] = {OURS: ours, DOOR: corridor}
    door = optional("swinging_door")
    if door is not None:
        rules[PACKAGED] = packaged_door(door)
    simplification = optional("simplification.cutil")
    if simplification is not None:
        rules[DOUGLAS] = simplified(simplification)
    head("Samples within ε; pieces are links")
    for name, (x, y, tolerance) in signals(n).items():
        yield from joined_lines(name, x, y, tolerance, rules)


def page(found: list[Result], out: Path) -> Path:
    """The page line-at-scale: what each rule stores, how far it errs, how long it takes."""
    n = max(one.n for one in found)
    page = Page("line-at-scale", "The line at scale", out)
    page.text(
        f"{n:,} rows a table, one tolerance ε for all rules. Sorted keys of three laws are mapped to their positions, "
        "as learned indices do; evenly spaced samples of four signals are thinned. *Numbers* are those stored: two "
        "for each end of a link where lines join, three for a line that stands alone. *Error* is the largest vertical "
        "one at the rows in units of ε. Seconds are CPU seconds of one thread, the least of three runs after "
        "compilation; those of pygm include reading the keys through an iterator, and the packaged swinging door is "
        "plain Python."
    )
    page.text(
        "The fewest knots are those of `approximate(x, y, tolerance=ε)`, each count proved minimal. The greedy "
        "corridor is RadixSpline's rule (Kipf and others, 2020) and, on samples, the swinging door as it is meant: "
        "every line goes through rows, and one pass is enough. PGM's lines (Ferragina and Vinciguerra, 2020) do not "
        "join, which is another problem: there is one for each block of keys, as few as can be, and the function "
        "jumps between them. Douglas and Peucker's rule bounds the distance across the line, not the vertical one; the "
        "package `swinging-door` does not keep its own tolerance."
    )
    for title, first in (("Keys", CORRIDOR), ("Samples", DOOR)):
        tables = {one.table for one in found if one.rule == first}
        rows = [one for one in found if one.table in tables]
        page.text(f"## {title}")
        page.table(title.lower(), ["table", "ε", "rule", "continuous", "pieces", "numbers", "error", "s"], _cells(rows))
    page.figure(
        "rules", _figure(found), "Numbers stored and CPU seconds of each rule, both relative to the fewest knots."
    )
    ratios = [one.stored / _least(found, one).stored for one in found if one.rule in (CORRIDOR, DOOR)]
    page.text(
        f"The rule whose lines go through rows stores {min(ratios):.2f} to {max(ratios):.2f} times as many numbers as "
        "are needed, in a fraction of the time, for it looks at a row once and proves nothing. Written by "
        "`python benchmarks/line_rivals.py --page docs/experiments`."
    )
    return page.write()


def _least(found: list[Result], other: Result) -> Result:
    """Ours on the same table within the same tolerance."""
    return next(
        one for one in found if one.rule == OURS and (one.table, one.tolerance) == (other.table, other.tolerance)
    )


def _cells(found: list[Result]) -> list[list[str]]:
    return [
        [
            one.table,
            f"{one.tolerance:g}",
            one.rule,
            CONTINUOUS[one.rule],
            f"{one.pieces:,}",
            f"{one.stored:,}",
            "" if math.isnan(one.error) else f"{one.error / one.tolerance:.3g}",
            f"{one.seconds:.3f}",
        ]
        for one in found
    ]


def _figure(found: list[Result]) -> Any:
    """Each rule on each table as a point: numbers to the right, seconds upwards, ours at (1, 1)."""
    figure, axes = new_figure(1, 2, size=(8.6, 4.4), share=True)
    for panel, title, first in zip(axes[0], ("keys to positions", "samples of a signal"), (CORRIDOR, DOOR)):
        tables = {one.table for one in found if one.rule == first}
        rows = [one for one in found if one.table in tables and one.rule != OURS]
        for rule, colour, marker in zip(LABELS, COLOURS[1:], MARKERS):
            points = [
                (one.stored / _least(found, one).stored, one.seconds / _least(found, one).seconds)
                for one in rows
                if one.rule == rule
            ]
            if points:
                panel.semilogy(*zip(*points), marker, color=colour, markersize=6, label=LABELS[rule])
        panel.semilogy([1.0], [1.0], "*", color="black", markersize=12, label=OURS)
        panel.set_title(title, loc="left")
        panel.set_xlabel("numbers stored / fewest knots")
        panel.set_ylabel("CPU seconds / fewest knots")
        panel.set_xlim(0.0, 2.7)
        panel.legend(frameon=False, fontsize="small", loc="upper left" if first == CORRIDOR else "lower left")
    plain_ticks(axes[0, 0].yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50))
    return figure


SEGMENTED = """
suppressPackageStartupMessages(library(segmented))
table <- read.csv("table.csv")
set.seed(0)
spent <- system.time(fit <- suppressWarnings(segmented(lm(y ~ x, table), seg.Z = ~x, npsi = KNOTS)))
found <- if (is.null(fit$psi)) 0 else nrow(fit$psi)
cat(found, mean(residuals(fit)^2) / 2, spent[["user.self"]] + spent[["sys.self"]])
"""


def segmented(x: np.ndarray, y: np.ndarray, knots: int) -> tuple[int, float, float] | str:
    """Knots, mean loss and seconds of R's `segmented`, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(Path(folder) / "table.csv", np.column_stack([x, y]), "%.17g", ",", header="x,y", comments="")
        (Path(folder) / "fit.R").write_text(SEGMENTED.replace("KNOTS", str(knots)))
        try:
            run = subprocess.run(["Rscript", "fit.R"], cwd=folder, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            return "not done in 300 s"
        if run.returncode:
            return run.stderr.strip().splitlines()[-1]
        found, loss, seconds = map(float, run.stdout.split())
        return int(found), loss, seconds


def noisy_polyline(n: int, knots: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(size=n))
    places = np.concatenate([[0.0], np.sort(rng.uniform(size=knots)), [1.0]])
    return x, np.interp(x, places, rng.normal(size=knots + 2)) + 0.1 * rng.normal(size=n)


def least_squares() -> None:
    if shutil.which("Rscript") is None:
        print("\nR is not installed: its package segmented is left out")
        return
    print("\nLeast squares with K knots: mean loss and CPU seconds")
    theirs = f"{'segmented':>10} {'its K':>5} {'seconds':>8}"
    print(f"{'N':>6} {'K':>3} {'seed':>4} {'ours':>10} {'seconds':>8} {'proved':>7} {theirs}")
    regress(*noisy_polyline(100, 2, 0), p=0, max_neurons=2)
    for n, knots in ((200, 2), (1000, 5), (1000, 10)):
        for seed in range(3):
            x, y = noisy_polyline(n, knots, seed)
            start = time.process_time()
            solution = regress(x, y, p=0, max_neurons=knots)
            spent = time.process_time() - start
            rival = segmented(x, y, knots)
            ours = f"{n:6d} {knots:3d} {seed:4d} {solution.mean_loss:10.6f} {spent:8.2f} {solution.is_optimal!s:>7}"
            theirs = rival if isinstance(rival, str) else f"{rival[1]:10.6f} {rival[0]:5d} {rival[2]:8.2f}"
            print(f"{ours} {theirs}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10^5 rows")
    parser.add_argument("--page", type=Path, metavar="FOLDER", help="write the page line-at-scale there")
    arguments = parser.parse_args()
    n = 10**5 if arguments.quick else 10**6
    x = np.arange(100.0)
    ours(x, x * x, 1.0)
    corridor(x, x * x, 1.0)
    if arguments.page is None:
        least_squares()
    found = [*indices(n), *samples(n)]
    if arguments.page is not None:
        print(page(found, arguments.page))


if __name__ == "__main__":
    main()
