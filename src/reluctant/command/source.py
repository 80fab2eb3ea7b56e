"""The bytes of a table, and the text in them: files, standard input, what is packed, whatever encoding."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

STANDARD_INPUT = "-"
LARGEST = 1 << 32
"""Most bytes that a packed table unpacks to."""

_GZIP, _ZIP, PARQUET, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"
_MARKS = {"utf-8-sig": b"\xef\xbb\xbf", "utf-32": b"\xff\xfe\x00\x00", "utf-16": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
_FOREIGN = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3": "an SQLite database",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
}
_GUESSED_FROM = 1 << 16  # bytes


def content_of(path: Path) -> bytes:
    """Read a file, or standard input for ``-``; what gzip packed is unpacked.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is empty, or its packing is damaged.
    """
    content = sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else path.read_bytes()
    if content.startswith(_GZIP):
        content = _unpacked(content)
    if not content:
        raise ValueError("the file is empty")
    return content


def _unpacked(content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the file is packed by gzip, but truncated or damaged ({error})") from None
    if len(unpacked) > LARGEST:
        raise ValueError(f"the file unpacks to more than {LARGEST:,} bytes")
    return unpacked


def is_workbook(content: bytes) -> bool:
    """Whether it may be a spreadsheet; then it is no text."""
    return content.startswith((_ZIP, _OLE))


def texts_of(content: bytes) -> Iterator[tuple[str, str]]:
    """The text in some bytes under each encoding that it may have, likely ones first, with their names.

    One where a mark or the bytes themselves tell; else Windows-1252 and then what charset-normalizer guesses.

    Raises
    ------
    ValueError
        If it is no text.
    """
    for name, mark in _MARKS.items():
        if content.startswith(mark):
            yield name, _decoded(content, name).removeprefix("\ufeff")
            return
    zeros = content[:_GUESSED_FROM].count(0)
    if zeros:
        yield _wide(content, zeros)
        return
    try:
        yield "utf-8", content.decode("utf-8")
        return
    except UnicodeDecodeError as error:
        _check_is_text(content, error.start)
    yield "cp1252", content.decode("cp1252", "replace")
    from charset_normalizer import from_bytes

    for guess in from_bytes(content[:_GUESSED_FROM]):
        if guess.encoding not in ("cp1252", "utf_8"):
            yield guess.encoding, content.decode(guess.encoding, "replace")


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"the file begins as {encoding.upper()} does, but byte {error.start} is none of it") from None


def _wide(content: bytes, zeros: int) -> tuple[str, str]:
    """UTF-16 without a mark: every second byte of Latin text is zero."""
    head = content[:_GUESSED_FROM]
    for encoding, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if high.count(0) == zeros and 3 * zeros > len(head):
            try:
                return encoding, content.decode(encoding)
            except UnicodeDecodeError:
                continue
    raise ValueError(_no_table(content))


def _check_is_text(content: bytes, first: int) -> None:
    """Refuse control characters, which no encoding of text has."""
    head = content[:_GUESSED_FROM]
    controls = sum(head.count(c) for c in (*range(1, 9), *range(14, 27), 28, 29, 30, 31))
    if controls or any(content.startswith(magic) for magic in _FOREIGN):
        raise ValueError(_no_table(content))


def _no_table(content: bytes) -> str:
    kind = next((words for magic, words in _FOREIGN.items() if content.startswith(magic)), "binary")
    return f"the file is {kind}, not a table; give CSV text, .xlsx or Parquet"
