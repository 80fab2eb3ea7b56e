"""Networks on disk: JSON for people, npz for size; no pickle, nothing half-written."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import FileFormatError
from reluctant.validation import as_floats

Arrays = dict[str, Array]

FORMAT = "reluctant-network"
VERSION = 1
FIELDS = ("input_weights", "biases", "output_weights", "slope", "intercept")


def write(path: str | PathLike[str], arrays: Arrays) -> None:
    """Write `arrays` in the format that the file's ending names."""
    path = Path(path)
    write_atomically(path, _WRITERS[_ending(path)](arrays))


def read(path: str | PathLike[str]) -> Arrays:
    """Read what `write` wrote, or raise a `FileFormatError` that says what is wrong."""
    path = Path(path)
    parse = _PARSERS[_ending(path)]
    content = path.read_bytes()
    try:
        body = parse(content)
        _check_header(body)
        return {name: _numbers(body, name) for name in FIELDS}
    except ValueError as error:
        raise FileFormatError(f"{path} {error}") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it, so that `path` is whole or untouched."""
    handle, temporary = tempfile.mkstemp(prefix=".reluctant-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in (".json", ".npz"):
        raise ValueError(f"the file name must end in .json or .npz, got {path.name!r}")
    return ending


def _to_json(arrays: Arrays) -> bytes:
    body: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    body["shape"] = {"inputs": arrays["input_weights"].shape[1], "outputs": arrays["output_weights"].shape[1]}
    body.update({name: arrays[name].tolist() for name in FIELDS})
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in body.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _from_json(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is truncated or not JSON ({error}); save the network again") from None
    if not isinstance(body, dict):
        raise ValueError("is JSON but not a network saved by reluctant")
    # A list without rows does not say how many columns it has.
    shape = body.get("shape")
    if isinstance(shape, dict):
        for name, axis in (("input_weights", "inputs"), ("output_weights", "outputs")):
            if body.get(name) == [] and isinstance(shape.get(axis), int):
                body[name] = np.zeros((0, max(shape[axis], 0)))
    return body


def _to_npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    body: dict[str, Any] = {"format": FORMAT, "version": VERSION} | {name: arrays[name] for name in FIELDS}
    np.savez_compressed(buffer, **body)
    return buffer.getvalue()


def _from_npz(content: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            members = {name: np.lib.format.read_array(io.BytesIO(archive.read(name))) for name in names}
    except _UNREADABLE as error:
        raise ValueError(f"is truncated or not an npz file ({error}); save the network again") from None
    body: dict[str, Any] = {name.removesuffix(".npy"): array for name, array in members.items()}
    for name in ("format", "version"):
        if name in body and body[name].ndim == 0:
            body[name] = body[name].item()
    return body


# What damage of a zip archive raises: a changed flag may ask for a password (RuntimeError) or an unknown method.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError)


def _check_header(body: dict[str, Any]) -> None:
    if not isinstance(body.get("format"), str) or body["format"] != FORMAT:
        raise ValueError("is not a network saved by reluctant")
    version = body.get("version")
    if type(version) is not int or version < 1:
        raise ValueError("has no valid format version")
    if version > VERSION:
        raise ValueError(f"has format version {version}, this release reads up to {VERSION}; update reluctant")


def _numbers(body: dict[str, Any], name: str) -> Array:
    if name not in body:
        raise ValueError(f"is incomplete: {name} is missing")
    try:
        return as_floats(body[name], name)
    except ValueError as error:
        raise ValueError(f"does not hold a valid network: {error}") from None


_WRITERS: dict[str, Callable[[Arrays], bytes]] = {".json": _to_json, ".npz": _to_npz}
_PARSERS: dict[str, Callable[[bytes], dict[str, Any]]] = {".json": _from_json, ".npz": _from_npz}
