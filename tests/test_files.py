"""Files appear whole and together or not at all, and keep what they had."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from reluctant.files import made_directory, write_atomically, write_together


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield
    assert os.umask(old) == 0o027, "the umask of the process was changed"


def test_a_new_file_has_the_permissions_of_the_umask(tmp_path, umask):
    write_atomically(tmp_path / "f", b"new")
    assert mode(tmp_path / "f") == 0o640


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o755, 0o400])
def test_an_old_file_keeps_its_permissions(tmp_path, umask, permissions):
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "f").chmod(permissions)
    write_atomically(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert mode(tmp_path / "f") == permissions


def test_the_umask_is_never_touched_while_others_make_files(tmp_path):
    """A thread saves while another makes files: none of them may be writable by everyone."""
    old = os.umask(0o077)
    stop = threading.Event()

    def save():
        while not stop.is_set():
            write_atomically(tmp_path / "f", b"content")

    thread = threading.Thread(target=save)
    thread.start()
    try:
        for _ in range(3000):
            handle = os.open(tmp_path / "secret", os.O_CREAT | os.O_WRONLY, 0o666)
            assert stat.S_IMODE(os.fstat(handle).st_mode) == 0o600
            os.close(handle)
            (tmp_path / "secret").unlink()
    finally:
        stop.set()
        thread.join()
        os.umask(old)


def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("old", "new"):  # a link to a file, and one to a file that is still to be made
        (tmp_path / name).symlink_to(tmp_path / "there" / name)
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        write_atomically(tmp_path / name, b"content")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / name).read_bytes() == b"content"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(tmp_path / "loop", b"content")
    assert sorted(os.listdir(tmp_path)) == ["loop", "new", "old", "there"]
    assert sorted(os.listdir(tmp_path / "there")) == ["new", "old"]


def test_content_and_names_are_synced_in_that_order(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(stat.S_IFMT(os.fstat(handle).st_mode)))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    write_atomically(tmp_path / "f", b"content")
    assert done == [stat.S_IFREG, "replace", stat.S_IFDIR]


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("old", [True, False])
def test_files_that_belong_together_appear_together_or_not_at_all(tmp_path, monkeypatch, failing, old):
    names = ["a", "b", "c"]
    if old:
        for name in names:
            (tmp_path / name).write_text(f"old {name}")
            (tmp_path / name).chmod(0o600)
    replace, calls = os.replace, []

    def fail_once(source, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises(OSError, match="No space left"):
        write_together({tmp_path / name: b"new" for name in names})
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == ({name: f"old {name}" for name in names} if old else {})
    assert all(mode(path) == 0o600 for path in tmp_path.iterdir())


def test_a_full_disk_leaves_every_file_as_it_was(tmp_path):
    """The second of two files is too large for the limit: neither appears."""
    code = """
import resource, sys
from pathlib import Path
from reluctant.files import write_together
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_together({Path(sys.argv[1]) / "a": b"new", Path(sys.argv[1]) / "b": b"x" * 2000})
"""
    (tmp_path / "a").write_text("old")
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "File too large" in run.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_a_directory_that_was_made_is_removed_on_failure_and_one_that_was_there_is_not(tmp_path):
    (tmp_path / "there").mkdir()
    for path in (tmp_path / "there", tmp_path / "there" / "a" / "b", tmp_path / "c"):
        with pytest.raises(RuntimeError), made_directory(path):
            raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
    with made_directory(tmp_path / "there" / "a" / "b"):
        pass
    assert (tmp_path / "there" / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"), made_directory(tmp_path / "file" / "deeper"):
        pass
