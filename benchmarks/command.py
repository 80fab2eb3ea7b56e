"""Time to the first result of the command on the example table and of each solver, and import time of the package.

    python benchmarks/command.py [repetitions]

Every figure is the time of a whole process, interpreter start included: wall clock, and processor time, which other
work on the machine disturbs less. Warm is the median of the repetitions; cold is one run with empty caches for
compiled code and fonts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TABLE = Path(__file__).parents[1] / "examples" / "thermocouple_type_k.csv"
FIT = ["-m", "reluctant", "fit", str(TABLE), "--x", "emf_mv", "--y", "temperature_c", "--tolerance", "0.5", "--quiet"]

DRAWN = (
    "import numpy as np; import reluctant as r; rng = np.random.default_rng(0); x, y = rng.uniform(0, 1, (2, {n})); "
)
FIRST_CALLS = {  # of a process: what, rows, call, aims of processor seconds with empty caches
    "interpolate, 60 points": (60, "r.interpolate(x, y)", "2"),
    "interpolate, 100,000 points": (10**5, "r.interpolate(x, y)", ""),
    "approximate, 60 points": (60, "r.approximate(x, y, tolerance=0.1)", "2"),
    "p_path, 60 points": (60, "r.p_path(x, y)", "4"),
    "p_path, 1,000 points": (1000, "r.p_path(x, y)", "4"),
    "regress p = 1, 60 points": (60, "r.regress(x, y, alpha=0.01, p=1)", ""),
    "interpolate, 20 rows of 3": (60, "r.interpolate(x.reshape(20, 3), y[:20], random_state=0)", "5"),
}


def seconds(arguments: list[str], caches: str | None = None) -> tuple[float, float]:
    """Wall and processor time of one Python process."""
    environment = os.environ | ({} if caches is None else {"NUMBA_CACHE_DIR": caches, "MPLCONFIGDIR": caches})
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, env=environment)
    wall, after = time.perf_counter() - start, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def warm(arguments: list[str], repetitions: int) -> tuple[float, float]:
    """Medians after one run that fills the caches."""
    seconds(arguments)
    walls, processors = zip(*(seconds(arguments) for _ in range(repetitions)))
    return statistics.median(walls), statistics.median(processors)


def cold(arguments: list[str]) -> tuple[float, float]:
    """One run with empty caches."""
    with tempfile.TemporaryDirectory() as caches:
        return seconds(arguments, caches)


def main(repetitions: int = 5) -> None:
    with tempfile.TemporaryDirectory() as out:
        fit = [*FIT, "--out", out]
        rows = [
            ("python -c pass", warm(["-c", "pass"], repetitions), ""),
            ("import reluctant", warm(["-c", "import reluctant"], repetitions), "0.3"),
            ("reluctant fit --no-plot, warm", warm([*fit, "--no-plot"], repetitions), "1.5"),
            ("reluctant fit, warm", warm(fit, repetitions), "2.5"),
            ("reluctant fit --no-plot, cold", cold([*fit, "--no-plot"]), ""),
            ("reluctant fit, cold", cold(fit), ""),
        ]
    for what, (n, call, aim) in FIRST_CALLS.items():
        code = ["-c", DRAWN.format(n=n) + call]
        rows += [(f"{what}, warm", warm(code, repetitions), "0.4"), (f"{what}, cold", cold(code), aim)]
    print(f"{'':36} {'wall s':>8} {'CPU s':>8} {'aim s':>6}")
    for what, (wall, processor), aim in rows:
        print(f"{what:36} {wall:8.2f} {processor:8.2f} {aim:>6}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
