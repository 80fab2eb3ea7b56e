"""Eight threads at once, ten thousand calls in a row, and the examples with warnings as errors."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import reluctant as r

ROOT = Path(__file__).parents[2]
X, Y = np.arange(40.0), np.random.default_rng(0).integers(0, 5, 40).astype(float)
PLANE = np.random.default_rng(1).normal(size=(5, 2))
CALLS: dict[str, Callable[[], Any]] = {
    "interpolate": lambda: r.interpolate(X, Y, p=0.5).function.knots,
    "approximate": lambda: r.approximate(X, Y, tolerance=1.0).function.knots,
    "approximate, lines": lambda: r.approximate(X, Y, tolerance=1.0, between="lines").function.knots,
    "p_path": lambda: r.p_path(X, Y).solution(0.5).function.knots,
    "error_path": lambda: r.error_path(X[:12], Y[:12]).solution(2).function.knots,
    "regress, p = 1": lambda: r.regress(X[:12], Y[:12], alpha=0.1, p=1.0).network.biases,
    # What was found and proved: which network it is depends on the time that the search gets.
    "interpolate, plane": lambda: np.array([str(r.interpolate(PLANE, Y[:5], random_state=0).verdict)]),
    "describe": lambda: np.array([len(r.interpolate(X[:5], Y[:5]).network.describe())]),
    "refusal": lambda: np.array([_refused()]),
}


def _refused() -> int:
    try:
        r.interpolate(X, Y[:3])
    except ValueError:
        return 1
    return 0


def in_eight_threads(seed: int) -> None:
    """Each thread another verb, eight at once: every result the one that a single thread gives."""
    names = list(CALLS)
    asked = [names[(seed + k) % len(names)] for k in range(16)]
    alone = [CALLS[name]() for name in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda name: CALLS[name](), asked))
    for name, a, b in zip(asked, alone, together):
        assert np.array_equal(a, b), f"{name}: another result beside seven threads"


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def without_growth(seed: int) -> None:
    """10,000 calls of a verb: after the first 2,000 the process grows by less than 4 MB."""
    name = list(CALLS)[seed % len(CALLS)]
    for _ in range(2_000):
        CALLS[name]()
    gc.collect()
    before = _resident()
    for _ in range(8_000):
        CALLS[name]()
    gc.collect()
    grown = (_resident() - before) / 1e6
    assert grown < 4.0, f"{name}: {grown:.1f} MB more after 8,000 further calls"


EXAMPLES = [path for path in sorted((ROOT / "examples").rglob("*.py")) if path.stem != "dask_cluster"]


def example(seed: int) -> None:
    """A script of a copy of examples/ with `-W error`: it ends well, and leaves no file behind."""
    name = EXAMPLES[seed % len(EXAMPLES)].relative_to(ROOT / "examples")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "examples" / name
        shutil.copytree(ROOT / "examples", script.parents[len(name.parts) - 1])
        beside = set(Path(folder).rglob("*"))
        environment = os.environ | {"MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
        call = [sys.executable, "-W", "error", script.name]
        done = subprocess.run(call, cwd=script.parent, env=environment, capture_output=True, text=True)
        written = sorted(file.name for file in set(Path(folder).rglob("*")) - beside)
    assert done.returncode == 0, f"{name}: {done.stderr.strip().splitlines()[-1:]}"
    assert not written, f"{name} writes {written} beside itself"
