"""What is compiled is never taken up again after a change in another file that it was compiled with."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time

import numpy as np

from reluctant import compiling
from reluctant.effort import Clock

MAIN = """
from reluctant.compiling import njit

from beside import {what}


@njit(cache=True)
def main(x):
    return {call} + x


print(main(1.0))
"""


def printed(folder, what, call):
    (folder / "main.py").write_text(MAIN.format(what=what, call=call))
    os.utime(folder / "main.py", (0, 0))
    path = os.pathsep.join([str(folder), *sys.path])
    done = subprocess.run(
        [sys.executable, str(folder / "main.py")],
        env=os.environ | {"PYTHONPATH": path, "NUMBA_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def write_beside(folder, text):
    """A file of the same size and time, as from an archive with fixed times."""
    (folder / "beside.py").write_text(text)
    os.utime(folder / "beside.py", (0, 0))


def test_no_time_limit_counts_compilation():
    square = compiling.njit(lambda x: np.array([x * x]).sum())
    clock, began = Clock(60.0), time.monotonic()
    assert square(3.0) == 9.0
    seconds = time.monotonic() - began
    assert clock.elapsed() < 0.2 * seconds
    assert clock.left() > 60.0 - 0.2 * seconds


def test_a_loop_that_is_called_may_change_in_its_own_file(tmp_path):
    loop = "from reluctant.compiling import njit\n\n\n@njit(cache=True)\ndef double(x):\n    return {} * x\n"
    write_beside(tmp_path, loop.format("2.0"))
    assert printed(tmp_path, "double", "double(x)") == 3.0
    write_beside(tmp_path, loop.format("5.0"))
    assert printed(tmp_path, "double", "double(x)") == 6.0


def test_a_constant_may_change_in_its_own_file(tmp_path):
    write_beside(tmp_path, "SIZE = 2.0\n")
    assert printed(tmp_path, "SIZE", "SIZE") == 3.0
    write_beside(tmp_path, "SIZE = 5.0\n")
    assert printed(tmp_path, "SIZE", "SIZE") == 6.0


def test_a_loop_makes_arrays_whichever_loop_compiles_it_first():
    """A loop that does not count arrays would have those that it is the first to call not count theirs."""
    made = compiling.njit(lambda n: np.zeros(n).sum())
    caller = compiling.njit(_nrt=False)(lambda n: made(n))
    assert caller(3) == 0.0


def test_a_long_compilation_is_mentioned_once_at_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    announcer = compiling._Announcer()
    announcer.tell()
    announcer.on_start(None)
    announcer.on_end(None)
    assert terminal.getvalue().count("compiling") == 1
    assert announcer.timer is None
