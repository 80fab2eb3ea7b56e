"""Processes that work for another one end with it, also when it is killed and can tell them nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the processes from /proc")

TABLE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, ({rows}, 6)); y = np.sin(5 * X).sum(axis=1)
"""
CALLS = {
    "workers that sleep, one without a task": """
import time
from joblib import delayed
from reluctant.workers import parallel
if __name__ == "__main__":
    parallel(3)(delayed(time.sleep)(600) for _ in range(2))
""",
    "SparseReLURegressor": TABLE.format(rows=4000)
    + """
from reluctant import SparseReLURegressor
SparseReLURegressor(n_jobs=2, kicks=10_000, random_state=0).fit(X, y)
""",
    "regress": TABLE.format(rows=4000)
    + """
from reluctant import regress
regress(X, y, alpha=1e-5, n_starts=40, n_jobs=2, random_state=0)
""",
    "interpolate": TABLE.format(rows=120)
    + """
from reluctant import interpolate
interpolate(X, y, target=1, time_limit=600, n_jobs=2, random_state=0)
""",
}
SLOW = [name for name in CALLS if not name.startswith("workers")]


def state(pid):
    """State and parent of a process; None where it is gone or has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else (fields[0], int(fields[1]))


def processes():
    return {int(path.name): state(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}


def descendants(pid):
    living = {p: where for p, where in processes().items() if where is not None}
    found, wave = set(), {pid}
    while wave := {p for p, (_, parent) in living.items() if parent in wave}:
        found |= wave
    return found


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in CALLS])
def test_workers_end_when_the_process_that_wants_their_results_is_killed(name, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CALLS[name])
    main = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    children = set()
    try:
        wanted = 2 if name in SLOW else 3
        started = wait_until(lambda: len(descendants(main.pid)) >= wanted + 1, 60)  # and joblib's resource tracker
        assert started, main.stdout.read1().decode()
        time.sleep(2.0 if name in SLOW else 0.5)  # into the work
        children = descendants(main.pid)
        main.send_signal(signal.SIGKILL)
        main.wait()
        ended = wait_until(lambda: all(state(pid) is None for pid in children), 8)
        assert ended, f"{sum(state(pid) is not None for pid in children)} of {len(children)} processes live on"
    finally:
        for pid in children | {main.pid}:
            if state(pid) is not None:
                os.kill(pid, signal.SIGKILL)
        main.stdout.close()
