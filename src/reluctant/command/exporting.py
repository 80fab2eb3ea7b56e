"""`reluctant export`: a model as files that run elsewhere, all of them or none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reluctant.command.opening import columns_of, network_of, opened
from reluctant.export.c import render_c
from reluctant.export.identifiers import identifier
from reluctant.export.onnx import render_onnx
from reluctant.export.predictor import DType
from reluctant.export.programs import JAVASCRIPT, PYTHON, RUST, render_program
from reluctant.export.vnnlib import render_vnnlib
from reluctant.files import made_directory, write_together

_PROGRAMS = {"python": (PYTHON, "py"), "javascript": (JAVASCRIPT, "mjs"), "rust": (RUST, "rs")}


@dataclass(frozen=True)
class Order:
    """What to write, where, and how."""

    targets: tuple[str, ...]
    out: Path
    name: str | None
    dtype: DType
    sequential: bool = False
    low: float | None = None
    high: float | None = None


def written(path: Path, order: Order) -> dict[str, Path]:
    """Write a model as what is ordered; the files by kind.

    Raises
    ------
    OSError
        If the model cannot be read or a file not be written.
    ValueError
        If the model cannot be written so.
    """
    model = opened(path)
    name = identifier(path.stem if order.name is None else order.name)
    contents: dict[str, tuple[str, bytes]] = {}
    for target in order.targets:
        contents |= _rendered(target, model, name, order)
    files = {kind: order.out / file for kind, (file, _) in contents.items()}
    with made_directory(order.out):
        write_together({files[kind]: content for kind, (_, content) in contents.items()})
    return files


def _rendered(target: str, model: Any, name: str, order: Order) -> dict[str, tuple[str, bytes]]:
    """Names and contents of the files of one kind."""
    if target == "c":
        c = render_c(model, name, order.dtype)
        return {"source": (f"{c.name}.c", c.source.encode()), "header": (f"{c.name}.h", c.header.encode())}
    if target == "json":
        return {"network": (f"{name}.network.json", network_of(model).to_bytes(".json"))}
    if target == "onnx":
        _, content = render_onnx(model, name, order.dtype, sequential=order.sequential)
        return {"onnx": (f"{name}.onnx", content)}
    if target == "vnnlib":
        return {"vnnlib": (f"{name}.vnnlib", _question(model, order).encode())}
    language, ending = _PROGRAMS[target]
    return {target: (f"{name}.{ending}", render_program(language, model, name).source.encode())}


def _question(model: Any, order: Order) -> str:
    """Whether an output can leave the range within that of the data."""
    columns, network = columns_of(model), network_of(model)
    box = None if columns is None else columns.box
    if box is None:
        raise ValueError(
            "the model does not know the range of its inputs, as those of reluctant fit do; use export_vnnlib"
        )
    low = -math.inf if order.low is None else order.low
    high = math.inf if order.high is None else order.high
    return render_vnnlib(model, box, np.tile([low, high], (network.n_outputs, 1)))
