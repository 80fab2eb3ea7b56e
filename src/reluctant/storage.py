"""Networks on disk: JSON for people, npz for size; no pickle, nothing half-written."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.errors import FileFormatError

Arrays = dict[str, NDArray[np.float64]]

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
    return _READERS[_ending(path)](path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it, so that `path` is whole or untouched."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or Path("."))
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


def _from_json(path: Path) -> Arrays:
    try:
        body = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is truncated or not JSON ({error}); save the network again") from None
    if not isinstance(body, dict):
        raise FileFormatError(f"{path} is JSON but not a network saved by reluctant")
    _check_header(path, body.get("format"), body.get("version"))
    _check_fields(path, body)
    try:
        arrays = {name: np.array(body[name], dtype=np.float64) for name in FIELDS}
        d, m = int(body["shape"]["inputs"]), int(body["shape"]["outputs"])
        return arrays | {
            "input_weights": arrays["input_weights"].reshape(-1, d),
            "output_weights": arrays["output_weights"].reshape(-1, m),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} does not hold a valid network: {error}") from None


def _to_npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        format=np.array(FORMAT),
        version=np.array(VERSION),
        **{n: arrays[n] for n in FIELDS},
    )
    return buffer.getvalue()


def _from_npz(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            body = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, KeyError, NotImplementedError) as error:
        raise FileFormatError(f"{path} is truncated or not an npz file ({error}); save the network again") from None
    _check_header(path, str(body.get("format")), body["version"].item() if "version" in body else None)
    _check_fields(path, body)
    return {name: body[name] for name in FIELDS}


def _check_header(path: Path, name: Any, version: Any) -> None:
    if name != FORMAT:
        raise FileFormatError(f"{path} is not a network saved by reluctant")
    if not isinstance(version, int) or version < 1:
        raise FileFormatError(f"{path} has no valid format version")
    if version > VERSION:
        raise FileFormatError(
            f"{path} has format version {version}, this release reads up to {VERSION}; update reluctant"
        )


def _check_fields(path: Path, body: dict[str, Any]) -> None:
    missing = [name for name in FIELDS if name not in body]
    if missing:
        raise FileFormatError(f"{path} is incomplete: {', '.join(missing)} missing")


_WRITERS: dict[str, Callable[[Arrays], bytes]] = {".json": _to_json, ".npz": _to_npz}
_READERS: dict[str, Callable[[Path], Arrays]] = {".json": _from_json, ".npz": _from_npz}
