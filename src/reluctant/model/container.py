"""Model files: one JSON object with everything about a model, readable by people, checked by a digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import FileFormatError
from reluctant.files import as_path, read_regular, write_atomically
from reluctant.validation import as_evaluation_points

Record = dict[str, Any]
"""Plain values by name: what JSON holds, except that floats may be infinite or NaN."""

FORMAT = "reluctant-model"
VERSION = 1
LARGEST = 1 << 28
"""Most bytes of a file: more is neither written nor read."""

_ODD = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
"""Numbers that JSON does not have, as text."""
_EXACT = 1 << 53


def write(path: str | PathLike[str], record: Record) -> None:
    """Write a record, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If its name does not end in ``.json``, or it would be too large to be read.
    """
    path = as_path(path)
    if path.suffix.lower() != ".json":
        raise ValueError(f"the name of a model file must end in .json, got {path.name!r}")
    write_atomically(path, encoded(record))


def read(path: str | PathLike[str]) -> Record:
    """Read what `write` wrote, without header and digest.

    Raises
    ------
    OSError
        If the file cannot be read.
    FileFormatError
        If it is truncated, damaged, edited, larger, of another kind, or written by a newer version of the format.
    """
    path = as_path(path)
    try:
        return decoded(read_regular(path, LARGEST))
    except ValueError as error:
        raise FileFormatError(f"{path} {error}") from None


def encoded(record: Record) -> bytes:
    """What `write` writes."""
    body = {"format": FORMAT, "version": VERSION} | finite(record)
    content = (_laid_out(body | {"digest": digest(body)}) + "\n").encode()
    if len(content) > LARGEST:
        raise ValueError(f"the model needs more than {LARGEST:,} bytes, the most of a model file; save its network")
    return content


def decoded(content: bytes) -> Record:
    """The record in the content of a file; messages of errors go on from the name of the file."""
    try:
        body = json.loads(content, object_pairs_hook=_without_repetition, parse_constant=_no_constant)
    except FileFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is truncated or not JSON ({error}); save the model again") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ValueError("is not a model saved by reluctant")
    return checked(body)


def checked(body: Record) -> Record:
    """The record in a parsed file, after version and digest were checked."""
    version = body.get("version")
    if type(version) is not int or version < 1:
        raise ValueError("has no valid format version")
    if version > VERSION:
        raise ValueError(f"has format version {version}, this release reads up to {VERSION}; update reluctant")
    record = {name: value for name, value in body.items() if name != "digest"}
    if "digest" not in body:
        raise ValueError("has no digest, so damage would not be seen; save the model again")
    if body["digest"] != digest(record):
        raise ValueError("is damaged or was edited: its digest does not belong to its content; save the model again")
    return {name: value for name, value in record.items() if name not in ("format", "version")}


def digest(body: Record) -> str:
    """SHA-256 of the content as JSON, keys sorted, no blanks, numbers as float64 prints them, the digest left out.

    Neither the order of entries nor white space counts, nor whether a one is written 1 or 1.0.
    """
    text = json.dumps(_canonical(body), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def digest_of(arrays: Sequence[Array]) -> str:
    """SHA-256 of the shapes and numbers of arrays, float64, little end first."""
    content = hashlib.sha256()
    for a in arrays:
        content.update(f"{a.shape}\n".encode())
        content.update(np.ascontiguousarray(a, dtype="<f8").tobytes())
    return f"sha256:{content.hexdigest()}"


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _canonical(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    if type(value) is int and abs(value) <= _EXACT:
        return float(value)
    return value


def finite(value: Any) -> Any:
    """Plain values for plain values and arrays, with text for numbers that JSON lacks."""
    if isinstance(value, dict):
        return {name: finite(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype.kind != "f" or np.isfinite(value).all() else finite(value.tolist())
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return next(text for text, number in _ODD.items() if number == value or text == "nan")
    return value


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON with a line for every entry of an object, and for every object in a list."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{deeper}{json.dumps(name)}: {_laid_out(entry, deeper)}" for name, entry in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        lines = [deeper + json.dumps(entry, ensure_ascii=False) for entry in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=not _is_encodable(value), allow_nan=False)


def _is_encodable(value: Any) -> bool:
    """Whether text has no half of a surrogate pair."""
    return not isinstance(value, str) or not any("\ud800" <= c <= "\udfff" for c in value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> Record:
    record: Record = {}
    for name, value in pairs:
        if name in record:
            raise FileFormatError(f"has the entry {name[:80]!r} twice; save the model again")
        record[name] = value
    return record


class Entries:
    """The entries of a record, taken one by one, each as what it is to be."""

    def __init__(self, record: Any, what: str) -> None:
        if not isinstance(record, dict):
            raise ValueError(f"does not hold a valid model: {what} must be an object, got {record!r:.40}")
        self._record, self._what = dict(record), what

    def take(self, name: str, kinds: type | tuple[type, ...], words: str) -> Any:
        """An entry that is of these very types."""
        if name not in self._record:
            raise ValueError(f"is incomplete: {name} of {self._what} is missing")
        value = self._record.pop(name)
        if type(value) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
            self.refuse(name, words, value)
        return value

    def refuse(self, name: str, words: str, value: Any) -> None:
        """Say what an entry must be."""
        raise ValueError(f"does not hold a valid model: {name} of {self._what} must be {words}, got {value!r:.40}")

    def text(self, name: str) -> str:
        """Text."""
        return self.take(name, str, "text")

    def optional_text(self, name: str) -> str | None:
        """Text or null."""
        return self.take(name, (str, type(None)), "text or null")

    def flag(self, name: str) -> bool:
        """True or false."""
        return self.take(name, bool, "true or false")

    def integer(self, name: str) -> int:
        """A whole number of at least zero."""
        value = self.take(name, (int, float), "a whole number")
        if not (value >= 0 and value == int(value)):
            self.refuse(name, "a whole number of at least zero", value)
        return int(value)

    def number(self, name: str) -> float:
        """A number; "inf", "-inf" and "nan" stand for what JSON does not have."""
        value = self.take(name, (int, float, str), "a number")
        if isinstance(value, str) and value not in _ODD:
            self.refuse(name, "a number", value)
        return float(_ODD.get(value, value))

    def optional_number(self, name: str) -> float | None:
        """A number or null."""
        return None if self._is_null(name) else self.number(name)

    def array(self, name: str) -> Array:
        """An array of numbers; its shape is for the caller to check."""
        value = self.take(name, list, "a list of numbers")
        try:
            return as_evaluation_points(_numbers(value), name)
        except (ValueError, OverflowError):
            self.refuse(name, "a list of numbers", value)
            raise

    def optional_array(self, name: str) -> Array | None:
        """An array or null."""
        return None if self._is_null(name) else self.array(name)

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        """Texts or null."""
        if self._is_null(name):
            return None
        value = self.take(name, list, "a list of texts")
        if not all(type(entry) is str for entry in value):
            self.refuse(name, "a list of texts", value)
        return tuple(value)

    def record(self, name: str) -> Record:
        """An object."""
        return self.take(name, dict, "an object")

    def optional_record(self, name: str) -> Record | None:
        """An object or null."""
        return None if self._is_null(name) else self.record(name)

    def records(self, name: str) -> list[Record]:
        """A list; its entries are for the caller to check."""
        return self.take(name, list, "a list of objects")

    def end(self) -> None:
        """Refuse what is left."""
        for name in self._record:
            raise ValueError(f"has an entry {name[:80]!r} in {self._what}, which no model has")

    def _is_null(self, name: str) -> bool:
        if name in self._record and self._record[name] is None:
            del self._record[name]
            return True
        return False


def _numbers(values: list[Any]) -> list[Any]:
    """The same with numbers for texts that stand for some."""
    if all(type(value) is float for value in values):
        return values
    return [_numbers(v) if type(v) is list else _number(v) for v in values]


def _number(value: Any) -> float:
    if type(value) in (int, float):
        return float(value)
    if type(value) is not str or value not in _ODD:
        raise ValueError
    return _ODD[value]
