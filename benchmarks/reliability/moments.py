"""Ended at random moments: by kill −9 while files are written, and by Ctrl-C in every verb."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import damage
import numpy as np

import reluctant as r
from reluctant import ReLUNetwork

TABLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"


def killed_after(seconds: float, work: Callable[[], None]) -> None:
    """Fork, let the child work, and kill it."""
    child = os.fork()
    if child == 0:
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            os.dup2(devnull, 2)
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def emptied(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    return folder


def killed_saving(seed: int) -> None:
    """Networks, solutions and code written again and again: every file that is there is whole, one of those written."""
    rng = np.random.default_rng(seed)
    folder = emptied(damage.FOLDER / "saving")
    x, y = np.arange(8.0), rng.integers(0, 9, 8).astype(float)
    solutions = [r.interpolate(x, y), r.interpolate(x, y + x)]

    def work() -> None:
        while True:
            for one in solutions:
                one.network.save(folder / "n.json")
                one.network.save(folder / "n.npz")
                one.save(folder / "s.json")

    killed_after(float(rng.uniform(0, 0.05)), work)
    for name in ("n.json", "n.npz"):
        if (folder / name).exists():
            found = ReLUNetwork.load(folder / name)
            assert any(damage.same(found, one.network) for one in solutions), f"{name} is neither of the two"
    if (folder / "s.json").exists():
        found = r.load(folder / "s.json")
        assert any(damage.same(found.network, one.network) for one in solutions), "s.json is neither of the two"
    left = {file.name for file in folder.iterdir()} - {"n.json", "n.npz", "s.json"}
    assert all(name.startswith(".") or "tmp" in name or "." in name for name in left), f"left behind: {left}"


@cache
def training_rows() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype("f4")
    return X, np.maximum(X[:, 0], 0)


def trained(path: Path | None, resume: bool = False) -> ReLUNetwork:
    from reluctant.nn import Checkpoint, fit_network

    X, y = training_rows()
    checkpoint = None if path is None else Checkpoint(path, every=1, resume=resume)
    return fit_network(X, y, alpha=0.01, n_neurons=8, epochs=12, batch_size=50, checkpoint=checkpoint).network


@cache
def uninterrupted() -> ReLUNetwork:
    return trained(None)


def killed_training(seed: int) -> None:
    """A training with checkpoints: what goes on from the last one ends bit for bit where the whole run ends."""
    rng = np.random.default_rng(seed)
    expected = uninterrupted()
    path = emptied(damage.FOLDER / "training") / "run.pt"
    killed_after(float(rng.uniform(0, 0.3)), lambda: trained(path) and None)
    if path.exists():
        assert damage.same(trained(path, resume=True), expected), "the resumed run ends elsewhere"


def command(folder: Path) -> None:
    from reluctant.command.cli import main

    table = [str(TABLE), "--x", "emf_mv", "--y", "temperature_c", "--tolerance", "0.5"]
    sys.argv = ["reluctant", "fit", *table, "--no-plot", "--out", str(folder)]
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(printed):
        main()


def killed_fitting(seed: int) -> None:
    """`reluctant fit` over the outputs of a run before: each is whole, and they belong together."""
    rng = np.random.default_rng(seed)
    folder = damage.FOLDER / "fitting"
    if not folder.exists():
        command(folder)
    names = {file.name for file in folder.iterdir()}
    killed_after(float(rng.uniform(0, 0.15)), lambda: command(folder))
    for file in folder.iterdir():
        if file.suffix == ".json":
            r.load(file) if "model" in file.name else ReLUNetwork.load(file)
    assert names <= {file.name for file in folder.iterdir()}, "an output is gone"
    assert r.approximate(np.arange(5.0), [0, 1, 0, 1, 0.0], tolerance=0.1).n_neurons == 3


def _line(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(float(n)), np.cumsum(np.random.default_rng(0).normal(size=n))


def _plane(n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(n, 2))
    return X, np.abs(X[:, 0]) + np.maximum(X[:, 1], 0) ** 2


VERBS: dict[str, Callable[[], Any]] = {
    "interpolate": lambda: r.interpolate(*_line(50_000), p=0.5),
    "approximate": lambda: r.approximate(*_line(50_000), tolerance=1.0),
    "approximate, at most": lambda: r.approximate(*_line(), max_neurons=40),
    "p_path": lambda: r.p_path(*_line(5_000)),
    "error_path": lambda: r.error_path(*_line(300)),
    "approximate_function": lambda: r.approximate_function(np.sin, 0, 30, tolerance=1e-4, curvature=1.0),
    "regress, line": lambda: r.regress(*_line(300), alpha=0.1, p=1.0),
    "regress_path": lambda: r.regress_path(*_line(200), max_neurons=6),
    "interpolate, plane": lambda: r.interpolate(*_plane(14), time_limit=0.1, random_state=0),
    "approximate, plane": lambda: r.approximate(*_plane(14), tolerance=0.1, time_limit=0.1, random_state=0),
    "regress, plane": lambda: r.regress(*_plane(), alpha=0.01, time_limit=0.1, random_state=0),
    "size_path": lambda: r.size_path(*_plane(), max_neurons=3, time_limit=0.1, random_state=0),
    "fit": lambda: r.SparseReLURegressor(random_state=0, time_limit=0.1).fit(*_plane(40)),
    "fit_network": lambda: trained(None),
}


@cache
def takes(name: str) -> float:
    VERBS[name]()  # compiled
    began = time.monotonic()
    VERBS[name]()
    return time.monotonic() - began


def interrupted(seed: int) -> None:
    """Ctrl-C in a verb: its best so far or KeyboardInterrupt, the handler as before, and the next call as ever."""
    name = list(VERBS)[seed % len(VERBS)]
    delay = float(np.random.default_rng(seed).uniform(0, takes(name)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    result = None
    try:
        try:
            timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            result = VERBS[name]()
            timer.join()
            time.sleep(0)  # the signal of a call that had ended
        except KeyboardInterrupt:
            timer.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, f"{name}: the handler was not put back"
    finally:
        signal.signal(signal.SIGINT, before)
    if isinstance(result, r.Solution):
        assert result.certificate.lower_bound <= result.found * (1 + 1e-9), f"{name}: a bound above what was found"
    assert r.interpolate([0, 1, 2, 3], [0, 0, 1, 2]).n_neurons == 1
