"""Every byte of every file format turned over: a clear refusal, or what was saved."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import reluctant as r
from reluctant import FileFormatError, ReLUNetwork
from reluctant.model import container

FOLDER = Path()
NAMES = ("input_weights", "biases", "output_weights", "slope", "intercept")


@cache
def network() -> ReLUNetwork:
    rng = np.random.default_rng(0)
    return ReLUNetwork(*(rng.normal(size=s) for s in ((3, 2), 3, (3, 2), (2, 2), 2)))


def same(f: ReLUNetwork, g: ReLUNetwork) -> bool:
    return all(np.array_equal(getattr(f, name), getattr(g, name)) for name in NAMES)


@cache
def table() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-1, 1, 30)
    return np.column_stack([x, x[::-1] ** 2]), np.abs(x) + 0.1 * np.sin(9 * x)


def write_json(path: Path) -> None:
    network().save(path)


def write_model(path: Path) -> None:
    x, y = np.arange(8.0), np.array([0.0, 1, 3, 2, 2, 5, 4, 4])
    r.approximate(x, y, tolerance=0.5).save(path, data=(x, y))


def write_estimator(path: Path) -> None:
    r.SparseReLURegressor(random_state=0, time_limit=2.0).fit(*table()).save(path)


def write_checkpoint(path: Path) -> None:
    from reluctant.nn import fit_network

    fit_network(table()[0].astype("f4"), table()[1], alpha=0.01, n_neurons=6, epochs=2, checkpoint=path)


def network_of(path: Path) -> Any:
    f = ReLUNetwork.load(path)
    return tuple(getattr(f, name).tobytes() for name in NAMES)


def record_of(path: Path) -> Any:
    r.load(path)
    return container.decoded(path.read_bytes())


def checkpoint_of(path: Path) -> Any:
    import torch

    from reluctant.nn import checkpoints

    return checkpoints.digest(checkpoints.read(path, torch.device("cpu")))


FORMATS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "network.json": (write_json, network_of),
    "network.npz": (write_json, network_of),
    "solution.json": (write_model, record_of),
    "estimator.json": (write_estimator, record_of),
    "run.pt": (write_checkpoint, checkpoint_of),
}


@cache
def whole(name: str) -> bytes:
    path = FOLDER / name
    FORMATS[name][0](path)
    return path.read_bytes()


@cache
def meaning(name: str) -> Any:
    whole(name)
    return FORMATS[name][1](FOLDER / name)


def turned(name: str) -> Callable[[int], None]:
    """Turn over one bit of a byte and then all of them: refused by a FileFormatError, or read as what was saved."""

    def check(place: int) -> None:
        raw = whole(name)
        place %= len(raw)
        for mask in (1 << place % 8, 0xFF):
            other = FOLDER / f"turned-{name}"
            other.write_bytes(raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :])
            with contextlib.suppress(FileFormatError):
                assert FORMATS[name][1](other) == meaning(name), f"byte {place}, mask {mask}: read as something else"

    return check


def cut(name: str) -> Callable[[int], None]:
    """The file ends after so many bytes: refused by a FileFormatError."""

    def check(place: int) -> None:
        raw = whole(name)
        other = FOLDER / f"cut-{name}"
        shutil.copyfile(FOLDER / name, other)
        other.write_bytes(raw[: place % len(raw)])
        with contextlib.suppress(FileFormatError):
            assert FORMATS[name][1](other) == meaning(name), f"after {place} bytes: read as something else"

    return check
