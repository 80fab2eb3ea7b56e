"""The fewest knots within a tolerance beside the rules that data bases and line simplifiers use, in one run.

    pip install pygm simplification swinging-door
    apt-get install r-base-core r-cran-segmented
    python benchmarks/line_rivals.py            10^6 rows, about a minute
    python benchmarks/line_rivals.py --quick    10^5 rows

Two uses of the same question. Sorted keys are to be mapped to their positions within ε rows, as learned indices do:
RadixSpline's greedy corridor (knots at keys, Kipf et al. 2020) and PGM's disjoint lines (Ferragina and Vinciguerra
2020, `pygm`). Samples of a signal are to be kept within ε: the swinging door in both readings, correct (a sample is
kept where the corridor from the last one kept closes) and as packaged, and Douglas and Peucker (`simplification`),
whose distance is perpendicular: "error/ε" is the largest vertical error of each rule, in units of ε.

Stored numbers: two for each end of a link where lines join, three for each line that stands alone. Seconds are CPU
seconds of one run after compilation; those of `pygm` include reading the keys through an iterator, and the packaged
swinging door is plain Python. A tool that is not installed is left out with a line that says so.

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
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from numba import njit

from reluctant import approximate, regress

Points = tuple[np.ndarray, np.ndarray]


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


def timed(action: Callable[[], Points]) -> tuple[Points, float]:
    start = time.process_time()
    points = action()
    return points, time.process_time() - start


def show(name: str, n: int, tolerance: float, rule: str, pieces: int, stored: int, error: float, spent: float) -> None:
    print(f"{name:12} {n:8d} {tolerance:9.3g} {rule:24} {pieces:8d} {stored:9d} {error / tolerance:8.3f} {spent:9.3f}")


def head(title: str) -> None:
    print(f"\n{title}")
    print(
        f"{'data':12} {'N':>8} {'tolerance':>9} {'rule':24} {'pieces':>8} {'numbers':>9} {'error/ε':>8} {'seconds':>9}"
    )


def joined_lines(name: str, x: np.ndarray, y: np.ndarray, tolerance: float, rules: dict[str, Callable]) -> None:
    """Rules that return the ends of joined links."""
    for rule, action in rules.items():
        points, spent = timed(lambda: action(x, y, tolerance))
        at, values = points
        error = float(np.max(np.abs(np.interp(x, at, values) - y)))
        show(name, len(x), tolerance, rule, len(at) - 1, 2 * len(at), error, spent)


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


def indices(n: int) -> None:
    pygm = optional("pygm")
    head("Keys to positions within ε rows; pieces are links")
    for name, x in keys(n).items():
        y = np.arange(float(len(x)))
        for tolerance in (16, 64, 256):
            joined_lines(name, x, y, float(tolerance), {"fewest knots (ours)": ours, "greedy corridor": corridor})
            if pygm is not None:
                start = time.process_time()
                lines = pygm.SortedList(x, "d", tolerance).stats()["leaf segments"]
                spent = time.process_time() - start
                show(name, len(x), tolerance, "disjoint lines (pygm)", lines, 3 * lines, math.nan, spent)


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


def samples(n: int) -> None:
    rules: dict[str, Callable] = {"fewest knots (ours)": ours, "swinging door, correct": corridor}
    door = optional("swinging_door")
    if door is not None:
        rules["swinging door, packaged"] = packaged_door(door)
    simplification = optional("simplification.cutil")
    if simplification is not None:
        rules["Douglas-Peucker"] = simplified(simplification)
    head("Samples within ε; pieces are links")
    for name, (x, y, tolerance) in signals(n).items():
        joined_lines(name, x, y, tolerance, rules)


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
    n = 10**5 if parser.parse_args().quick else 10**6
    x = np.arange(100.0)
    ours(x, x * x, 1.0)
    corridor(x, x * x, 1.0)
    least_squares()
    indices(n)
    samples(n)


if __name__ == "__main__":
    main()
