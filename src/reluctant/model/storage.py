"""Networks on disk: JSON for people, npz for size; no pickle, checked by a digest (docs/network_files.md)."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import FileFormatError
from reluctant.files import as_path, read_regular, write_atomically
from reluctant.model import container
from reluctant.validation import as_floats

Arrays = dict[str, Array]
Body = dict[str, Any]

FORMAT = "reluctant-network"
VERSION = 2
"""Files of version 2 carry a digest. Those of version 1, by hand or by release 0.1, may go without."""
FIELDS = ("input_weights", "biases", "output_weights", "slope", "intercept")
LARGEST = {".json": 1 << 28, ".npz": 1 << 30}
"""Most bytes of a file, and of what an npz unpacks to: more is neither written nor read."""

_HEAD = 1000
"""Bytes in which the format of a JSON file is looked for."""
_LONGEST_TEXT = 128
"""Characters of an npz's format and digest."""


def write(path: str | PathLike[str], arrays: Arrays) -> None:
    """Write `arrays` in the format that the file's ending names, whole or not at all."""
    path = as_path(path)
    write_atomically(path, encoded(arrays, _ending(path)))


def encoded(arrays: Arrays, ending: str) -> bytes:
    """What `write` writes to a file of that ending, ".json" or ".npz".

    Raises
    ------
    ValueError
        If it would be too large to be read.
    """
    if ending not in LARGEST:
        raise ValueError(f"ending must be '.json' or '.npz', got {ending!r}")
    content = _WRITERS[ending](arrays)
    if max(len(content), sum(a.nbytes for a in arrays.values())) > LARGEST[ending]:
        remedy = "; save it as .npz" if ending == ".json" else ""
        raise ValueError(f"the network needs more than {LARGEST[ending]:,} bytes, the most of a {ending} file{remedy}")
    return content


def read(path: str | PathLike[str]) -> Arrays:
    """Read what `write` wrote, or raise a `FileFormatError` that says what is wrong."""
    path = as_path(path)
    ending = _ending(path)
    try:
        content = read_regular(path, LARGEST[ending])
        if ending == ".json" and container.FORMAT.encode() in content[:_HEAD]:
            return arrays_of(container.decoded(content).get("network"))
        body = _PARSERS[ending](content)
        arrays = {name: _numbers(body[name], name) for name in FIELDS}
        _check_shape(body.get("shape"), arrays)
        _check_digest(body, arrays)
    except ValueError as error:
        raise FileFormatError(f"{path} {error}") from None
    return arrays


def arrays_of(record: Any) -> Arrays:
    """The arrays of the network in a model file.

    Raises
    ------
    ValueError
        If one is missing, unknown, or no list of numbers.
    """
    if not isinstance(record, dict):
        raise ValueError(f"does not hold a valid network: it must be an object, got {record!r:.40}")
    _check_entries(record, set(FIELDS))
    arrays = {name: _numbers(values, name) for name, values in _with_columns(record).items()}
    return {name: arrays[name] for name in FIELDS}


def digest(arrays: Arrays, version: int = VERSION) -> str:
    """SHA-256 of format, version and, for each field, its name, its shape and its float64 numbers, little end first."""
    content = hashlib.sha256(f"{FORMAT} {version}\n".encode())
    for name in FIELDS:
        content.update(f"{name} {arrays[name].shape}\n".encode())
        content.update(np.ascontiguousarray(arrays[name], dtype="<f8").tobytes())
    return f"sha256:{content.hexdigest()}"


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in LARGEST:
        raise ValueError(f"the file name must end in .json or .npz, got {path.name!r}")
    return ending


def _to_json(arrays: Arrays) -> bytes:
    body: Body = {"format": FORMAT, "version": VERSION}
    body["shape"] = {"inputs": arrays["input_weights"].shape[1], "outputs": arrays["output_weights"].shape[1]}
    body |= {name: arrays[name].tolist() for name in FIELDS}
    body["digest"] = digest(arrays)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in body.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _from_json(content: bytes) -> Body:
    try:
        body = json.loads(content, object_pairs_hook=_without_repetition)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is truncated or not JSON ({error}); save the network again") from None
    if not isinstance(body, dict):
        raise ValueError("is JSON but not a network saved by reluctant")
    _check_header(body)
    _check_entries(body, {"format", "version", "shape", "digest", *FIELDS})
    return _with_columns(body)


def _with_columns(body: Body) -> Body:
    """The same, where lists hold numbers; a list without rows does not say how many columns it has."""
    body = dict(body)
    for name in FIELDS:
        _check_json_numbers(body[name], name)
    slope = np.atleast_2d(_numbers(body["slope"], "slope"))
    for name, columns in (("input_weights", slope.shape[0]), ("output_weights", slope.shape[1])):
        if body[name] == []:
            body[name] = np.zeros((0, columns))
    return body


def _without_repetition(pairs: list[tuple[str, Any]]) -> Body:
    body: Body = {}
    for key, value in pairs:
        if key in body:
            raise FileFormatError(f"has the entry {key[:_LONGEST_TEXT]!r} twice; save the network again")
        body[key] = value
    return body


def _check_json_numbers(values: Any, name: str, depth: int = 2) -> None:
    """Refuse what numpy would turn into numbers: true and false, and a single number or a text for a list."""
    if not isinstance(values, list):
        raise ValueError(f"does not hold a valid network: {name} must be a list, got {values!r:.40}")
    for value in values:
        if isinstance(value, list) and depth > 1:
            _check_json_numbers(value, name, depth - 1)
        elif type(value) not in (int, float):
            raise ValueError(f"does not hold a valid network: {name} must hold numbers, got {value!r:.40}")


def _to_npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    body: Body = {"format": FORMAT, "version": VERSION} | {name: arrays[name] for name in FIELDS}
    np.savez_compressed(buffer, **body, digest=digest(arrays))
    return buffer.getvalue()


def _from_npz(content: bytes) -> Body:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _directory(archive)
            first = [name for name in members if name in ("format", "version")]
            body: Body = {name: _member(archive, members[name], name) for name in first}
            _check_header(body)
            _check_entries(members, {"format", "version", "digest", *FIELDS})
            return body | {name: _member(archive, members[name], name) for name in members if name not in body}
    except FileFormatError:
        raise
    except _UNREADABLE as error:
        raise ValueError(f"is truncated or not an npz file ({error}); save the network again") from None


# What damage of a zip archive raises: a changed flag may ask for a password (RuntimeError).
_UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError)


def _directory(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by the names of their arrays; repeated names and what unpacks to too much are refused."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise FileFormatError(f"has the array {name[:_LONGEST_TEXT]!r} twice; save the network again")
        members[name] = info
    if sum(info.file_size for info in members.values()) > LARGEST[".npz"]:
        raise FileFormatError(f"unpacks to more than {LARGEST['.npz']:,} bytes, the most that is read")
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Any:
    """One array, or the text or number of a header, after what it declares was compared with what there is."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed by method {info.compress_type}")
    with archive.open(info) as file:
        shape, dtype = _declared(file)
        allowed = "iuf" if name in FIELDS else "iu" if name == "version" else "U"
        if dtype.kind not in allowed or len(shape) > 2 * (name in FIELDS):
            raise ValueError(f"{name} is an array of type {dtype} and shape {shape}")
        if dtype.kind == "U" and dtype.itemsize > 4 * _LONGEST_TEXT:
            raise ValueError(f"{name} is longer than {_LONGEST_TEXT} characters")
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f"{name} declares the shape {shape}, which its {info.file_size} bytes do not hold")
    array = np.lib.format.read_array(io.BytesIO(archive.read(info)))
    return array if name in FIELDS else array.item()


def _declared(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type in the header of an array."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array has a header of another version than 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return shape, dtype


def _check_entries(found: Any, known: set[str]) -> None:
    for name in FIELDS:
        if name not in found:
            raise FileFormatError(f"is incomplete: {name} is missing")
    for name in found:
        if name not in known:
            raise FileFormatError(f"has an entry {name[:_LONGEST_TEXT]!r}, which no network has")


def _check_header(body: Body) -> None:
    if not isinstance(body.get("format"), str) or body["format"] != FORMAT:
        raise FileFormatError("is not a network saved by reluctant")
    version = body.get("version")
    if type(version) is not int or version < 1:
        raise FileFormatError("has no valid format version")
    if version > VERSION:
        raise FileFormatError(f"has format version {version}, this release reads up to {VERSION}; update reluctant")


def _numbers(values: Any, name: str) -> Array:
    try:
        return as_floats(values, name)
    except ValueError as error:
        raise ValueError(f"does not hold a valid network: {error}") from None


def _check_shape(shape: Any, arrays: Arrays) -> None:
    """Compare the entry `shape`, if there is one, with the arrays; a missing last axis is one output."""
    if shape is None:
        return
    outputs = arrays["output_weights"]
    found = {"inputs": arrays["input_weights"].shape[-1], "outputs": outputs.shape[1] if outputs.ndim == 2 else 1}
    if not isinstance(shape, dict) or any(type(size) is not int for size in shape.values()) or shape != found:
        raise ValueError(f"has the shape {shape!r:.80}, but its arrays have {found}")


def _check_digest(body: Body, arrays: Arrays) -> None:
    given = body.get("digest")
    if given is None and "digest" not in body:
        if body["version"] > 1:
            raise ValueError(
                "has no digest, so damage would not be seen; save the network again, or write version 1 into a file "
                "made by hand"
            )
    elif given != digest(arrays, body["version"]):
        raise ValueError(
            "is damaged or was edited: its digest does not belong to its numbers; save the network again, or write "
            "version 1 and no digest into a file made by hand"
        )


_WRITERS: dict[str, Callable[[Arrays], bytes]] = {".json": _to_json, ".npz": _to_npz}
_PARSERS: dict[str, Callable[[bytes], Body]] = {".json": _from_json, ".npz": _from_npz}
