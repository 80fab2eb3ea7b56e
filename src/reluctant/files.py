"""Files on disk: read only where they are files, written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.ENOTSUP)
"""What file systems answer that cannot sync a directory; there is nothing more to be done there."""


def as_path(path: str | PathLike[str]) -> Path:
    """Return `path` as a Path.

    Raises
    ------
    ValueError
        If it is neither text nor path-like.
    """
    if not isinstance(path, (str, PathLike)):
        raise ValueError(f"path must be the name of a file, got {path!r}")
    return Path(path)


def read_regular(path: Path, largest: int) -> bytes:
    """Content of a regular file of at most `largest` bytes; pipes are refused without waiting for a writer.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no regular file, or larger; the message goes on from the name of the file.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"is {_kind(status.st_mode)}; give a file")
        if status.st_size > largest:
            raise ValueError(f"has {status.st_size:,} bytes, and at most {largest:,} are read")
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def write_atomically(path: Path, content: bytes) -> None:
    """Write one file as `write_together` does."""
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files so that all of them are the new ones, whole, or every one is as it was.

    Each is written beside its place and synced; only then are all of them renamed, and renamed back if one cannot be.
    A file that is there keeps its permissions and, where the system allows it, its owner; a link is followed.

    Raises
    ------
    OSError
        If a file cannot be written.
    ValueError
        If a name belongs to something that is no regular file.
    """
    targets = {_target(path): content for path, content in contents.items()}
    with ExitStack() as stack:
        staged = {target: stack.enter_context(_staged(target, content)) for target, content in targets.items()}
        kept = {target: stack.enter_context(_copy(target)) for target in targets if len(targets) > 1}
        try:
            for target, temporary in staged.items():
                os.replace(temporary, target)
        except BaseException:
            for target, copy in kept.items():
                _put_back(target, copy, replaced=not staged[target].exists())
            raise
    for directory in {target.parent for target in targets}:
        _sync_directory(directory)


@contextmanager
def made_directory(path: Path) -> Iterator[None]:
    """Make a directory, with its parents, for what is done inside; if that fails, remove those that were not there."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for directory in missing:
            with suppress(OSError):  # others may have put something there meanwhile
                directory.rmdir()
        raise


def _target(path: Path) -> Path:
    """The file that `path` names, links followed."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if target.exists() and not target.is_file():
        raise ValueError(f"{path} is {_kind(target.stat().st_mode)}; give the name of a file")
    return target


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "no regular file")


@contextmanager
def _staged(target: Path, content: bytes) -> Iterator[Path]:
    """A synced file beside `target` with its future content and permissions; removed unless it is renamed."""
    temporary = _beside(target)
    try:
        _write_synced(temporary, content, target.stat() if target.exists() else None)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(target)) from None
        raise
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write_synced(path: Path, content: bytes, old: os.stat_result | None) -> None:
    # The system applies the umask of the process to 0o666; what is to be private is never readable by others.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if old is None else 0o600)
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if old is not None:
        _take_over(path, old)


def _take_over(path: Path, old: os.stat_result) -> None:
    """Give `path` the owner and the permissions of the file it replaces."""
    new = path.stat()
    if hasattr(os, "chown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):  # only an administrator may give files away
            os.chown(path, old.st_uid, old.st_gid)
    os.chmod(path, stat.S_IMODE(old.st_mode))


@contextmanager
def _copy(target: Path) -> Iterator[Path | None]:
    """A copy of `target` beside it, None where there is no such file; removed unless it is renamed."""
    if not target.exists():
        yield None
        return
    copy = _beside(target)
    try:
        shutil.copy2(target, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _put_back(target: Path, copy: Path | None, replaced: bool) -> None:
    if not replaced:
        return
    if copy is None:
        target.unlink()
    else:
        os.replace(copy, target)


def _beside(target: Path) -> Path:
    return target.parent / f".reluctant-{secrets.token_hex(8)}"


def _sync_directory(directory: Path) -> None:
    """Make the new names survive a power failure."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(handle)
