"""A change of anything compiled with a loop has it compiled anew; small tables need no compiling."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

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


BOTH_WAYS = """
import math
import sys

import numpy as np

from reluctant import approximate, compiling, interpolate, p_path, regress
from univariate.strategies import GENERATORS

if sys.argv[1] == "compiled":
    compiling.interpret_nothing()
else:
    compiling.INTERPRETED = math.inf
rng = np.random.default_rng(0)
for name, generate in GENERATORS.items():
    for n in (2, 3, 9, 40):
        x, y, *_ = generate(rng, n)
        spread = float(np.ptp(y))
        solutions = [interpolate(x, y, p=p) for p in (0, 0.5, 1)]
        solutions += [interpolate(x, y, rtol=0), approximate(x, y, tolerance=0.1 * spread)]
        solutions.append(approximate(x, y, tolerance=0.1 * spread, between="lines"))
        solutions += [interpolate(x, y, p=1, bias=bias) for bias in ("l1", "l2")]
        solutions += [interpolate(x, y, p=0.5, affine=False), regress(x, y, alpha=0.01, p=1)]
        solutions.append(approximate(x, y, max_neurons=2))
        if n > 3:
            solutions.append(approximate(x, np.exp(x / x[-1]), tolerance=0.01, shape=("increasing", "convex")))
        path = p_path(x, y)
        numbers = [array.tobytes().hex() for solution in solutions for array in solution.network.hinges]
        said = [(s.value, s.max_error, s.certificate) for s in solutions]
        print(name, n, numbers, said, path.breakpoints.tolist(), path.critical_p)
print("in Python:", len(compiling._functions) > 0, file=sys.stderr)
"""


def test_loops_give_the_same_bits_in_python_as_compiled(tmp_path):
    (tmp_path / "both_ways.py").write_text(BOTH_WAYS)
    tests = str(Path(__file__).parent)
    runs = [
        subprocess.run(
            [sys.executable, "-W", "error", str(tmp_path / "both_ways.py"), way],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([tests, *sys.path])},
            capture_output=True,
            text=True,
        )
        for way in ("interpreted", "compiled")
    ]
    assert [run.stderr for run in runs] == ["in Python: True\n", "in Python: False\n"]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stdout.count("\n") > 30


def test_a_loop_is_interpreted_while_its_arrays_are_small_and_the_process_has_spent_little(monkeypatch):
    monkeypatch.setattr(compiling, "_spent", 0.0)
    few, many = np.arange(4.0), np.arange(10.0)
    loop = compiling.njit(lambda x: (x.sum(), x.max()), interpreted_below=10)
    assert (loop(few), loop.signatures) == ((6.0, 3.0), [])
    assert [type(part) for part in loop(few)] == [float, float]
    assert (loop(many), len(loop.signatures)) == ((45.0, 9.0), 1)
    other = compiling.njit(lambda x: x.sum(), interpreted_below=10)
    compiling.interpret_nothing()
    assert (other(few), len(other.signatures)) == (6.0, 1)
