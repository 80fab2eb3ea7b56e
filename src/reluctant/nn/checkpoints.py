"""Files that a run goes on from: torch's own format, with a digest over all that is in them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from reluctant.errors import FileFormatError
from reluctant.model.storage import write_atomically

FORMAT, VERSION = "reluctant-checkpoint", 1
FIELDS = ("run", "module", "optimizer", "history", "best")


def write(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them under the names in `FIELDS`, whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, "digest": digest(content), **content}, buffer)
    write_atomically(path, buffer.getvalue())


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `write` wrote.

    Raises
    ------
    FileFormatError
        If the file is anything else, or a bit of it has changed.
    """
    if not path.is_file():
        raise FileFormatError(f"{path} is not a file; give the path of a checkpoint")
    raw = path.read_bytes()
    try:
        # torch reads past wrong check sums.
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            damaged = archive.testzip()
        body = None if damaged else torch.load(io.BytesIO(raw), weights_only=True, map_location=device)
    except Exception as error:  # a damaged archive raises nearly everything, from both libraries
        raise FileFormatError(f"{path} is truncated or not a checkpoint ({type(error).__name__})") from error
    if damaged:
        raise FileFormatError(f"{path} is damaged: the check sum of {damaged} is wrong")
    return _checked(path, body)


def _checked(path: Path, body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or body.get("format") != FORMAT or type(body.get("version")) is not int:
        raise FileFormatError(f"{path} is not a checkpoint of this version of reluctant; train anew without resume")
    if body["version"] > VERSION:
        raise FileFormatError(
            f"{path} has format version {body['version']}, this release reads up to {VERSION}; update reluctant"
        )
    missing = [name for name in (*FIELDS, "digest") if name not in body]
    if missing:
        raise FileFormatError(f"{path} is incomplete: {missing[0]} is missing")
    content = {name: value for name, value in body.items() if name not in ("format", "version", "digest")}
    if digest(content) != body["digest"]:
        raise FileFormatError(f"{path} has been changed since it was written: its digest is wrong")
    return content


def digest(content: Any) -> str:
    """SHA-256 of numbers, strings, tensors and containers of them; for anything else, of its type."""
    sink = hashlib.sha256()
    _feed(sink, content)
    return sink.hexdigest()


def _feed(sink: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        sink.update(f"{value.dtype}{tuple(value.shape)}:".encode())
        sink.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, dict | list | tuple):
        sink.update(f"{type(value).__name__}{len(value)}:".encode())
        for item in value.items() if isinstance(value, dict) else value:
            _feed(sink, item)
    elif value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        sink.update(f"{type(value).__name__}{len(text)}:{text}".encode())
    else:
        sink.update(type(value).__name__.encode())
