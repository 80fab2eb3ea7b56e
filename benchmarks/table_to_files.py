"""Seconds from the example table (1,643 rows, within half a degree) to all files, as a person runs the command.

    python benchmarks/table_to_files.py [repetitions]

Medians of whole processes, warm; those of the processor stand beside those on the wall, since other work on a machine
disturbs them less.
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
TOLERANCE = 0.5
Figures = list[tuple[str, str]]


def table_to_files(repetitions: int) -> Figures:
    """One process that fits the table, and one that writes everything else; as a person runs them, warm."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "reluctant"]
        columns = ["--x", "emf_mv", "--y", "temperature_c", "--tolerance", str(TOLERANCE)]
        fit = [*command, "fit", str(TABLE), *columns, "--out", folder, "--name", "f", "--quiet"]
        targets = [word for kind in ("onnx", "python", "javascript", "rust") for word in ("--to", kind)]
        export = [*command, "export", f"{folder}/f.json", *targets, "--out", folder]

        first, second = (process_seconds(line, repetitions) for line in (fit, export))
        files = sorted(path.name for path in Path(folder).iterdir())
    both = first[0] + second[0], first[1] + second[1]
    return [
        (label, f"{wall:.2f} s, of them {processor:.2f} s of the processor")
        for label, (wall, processor) in (
            ("table to model, C, figures (fit)", first),
            ("model to ONNX, Python, JavaScript, Rust (export)", second),
            ("together, aim under 3 s", both),
        )
    ] + [("files", ", ".join(files))]


def process_seconds(line: list[str], repetitions: int) -> tuple[float, float]:
    """Medians of the time of a process on the wall and on the processor, after one that does not count."""
    walls, processors = [], []
    for _ in range(repetitions + 1):
        before, start = os.times(), time.perf_counter()
        subprocess.run(line, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        processors.append(used)
    return statistics.median(walls[1:]), statistics.median(processors[1:])


def main(repetitions: int = 5) -> None:
    for label, words in table_to_files(repetitions):
        print(f"{label:50} {words}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
