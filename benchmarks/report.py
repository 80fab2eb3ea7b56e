"""The page of the thermocouple table: bytes, seconds to write it, and how soon a browser has it ready.

Run ``python benchmarks/report.py``; the browser is Debian's chromium, left out where there is none.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from reluctant import approximate
from reluctant.report import write_page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
TIMES = 5


def main() -> None:
    """Print a line for each figure."""
    from browser import Browser, program

    y, x = np.loadtxt(ROOT / "examples" / "thermocouple_type_k.csv", delimiter=",", skiprows=1).T
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "page.html"
        seconds = []
        for _ in range(TIMES):
            solution = approximate(x, y, tolerance=0.5)
            start = time.process_time()
            write_page(solution, x, y, path, tolerance=0.5)
            seconds.append(time.process_time() - start)
        print(f"rows {len(x):,}; page {path.stat().st_size / 1000:.0f} kB")
        print(f"written in {statistics.median(seconds):.2f} CPU s, the first in {seconds[0]:.2f}")
        if program() is None:
            return
        with tempfile.TemporaryDirectory() as profile, Browser(Path(profile)) as browser:
            ready = []
            for _ in range(TIMES):
                browser.open(path.as_uri())
                entry = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
                ready.append(float(browser.run(entry)))
        print(f"ready after {statistics.median(ready):.0f} ms, at worst {max(ready):.0f}")
        print(f"complaints of the browser: {browser.complaints or 'none'}")


if __name__ == "__main__":
    main()
